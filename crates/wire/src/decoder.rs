//! Splits a peer's stream into messages.

use bytes::{Buf, Bytes, BytesMut};

use crate::message::id;
use crate::{Block, ExpectedLen, HashRequest, Message, WireError};

/// Default maximum length of a message in bytes, its id included: a bitfield of eight million pieces.
pub const MAX_MESSAGE_LEN: usize = 1024 * 1024;

/// Maximum data in one `piece` message, in bytes. Clients request 16 KiB; a few old ones request more.
pub const MAX_PIECE_DATA_LEN: usize = 128 * 1024;

/// Decodes messages from the front of a buffer.
///
/// The decoder keeps nothing between calls: an incomplete message stays in the buffer. The buffer therefore never has
/// to hold more than the maximum length of a message plus the bytes of the last read.
#[derive(Debug, Clone)]
pub struct Decoder {
    max_message_len: usize,
}

impl Decoder {
    /// Creates a decoder that refuses messages longer than `max_message_len` bytes (id included, prefix not).
    pub fn new(max_message_len: usize) -> Self {
        Self { max_message_len }
    }

    /// Changes the maximum length, for instance once the number of pieces is known.
    pub fn set_max_message_len(&mut self, max_message_len: usize) {
        self.max_message_len = max_message_len;
    }

    /// Decodes the next message and removes it from the front of `buf`; `Ok(None)` asks for more bytes.
    ///
    /// Payloads are not copied but split off `buf`, so they share its allocation. An invalid length is an error as soon
    /// as length and id, five bytes, have arrived. After an error the stream is of no use.
    pub fn decode(&mut self, buf: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let Some(&prefix) = buf.first_chunk::<4>() else { return Ok(None) };
        let Ok(length) = usize::try_from(u32::from_be_bytes(prefix)) else { return Ok(None) };
        if length == 0 {
            buf.advance(4);
            return Ok(Some(Message::KeepAlive));
        }
        let Some(&id) = buf.get(4) else { return Ok(None) };
        self.check_len(id, length)?;
        if buf.len() - 4 < length {
            return Ok(None);
        }
        buf.advance(5);
        Ok(Some(parse(id, buf.split_to(length - 1).freeze())))
    }

    fn check_len(&self, id: u8, length: usize) -> Result<(), WireError> {
        let (message, expected) = shape(id);
        let fits = match expected {
            ExpectedLen::Exactly(n) => length == n,
            ExpectedLen::AtLeast(n) => length >= n,
            ExpectedLen::AtMost(n) => length <= n,
            ExpectedLen::Steps { base, step } => length >= base && (length - base).is_multiple_of(step),
        };
        if !fits {
            return Err(WireError::Length { message, length, expected });
        }
        let max = match id {
            // A small maximum for other messages must not reject requested blocks.
            id::PIECE => MAX_PIECE_DATA_LEN + 9,
            _ => self.max_message_len,
        };
        if length > max && !matches!(expected, ExpectedLen::Exactly(_)) {
            return Err(WireError::Length { message, length, expected: ExpectedLen::AtMost(max) });
        }
        Ok(())
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(MAX_MESSAGE_LEN)
    }
}

/// Returns the name of a message and the lengths it may have.
fn shape(id: u8) -> (&'static str, ExpectedLen) {
    use ExpectedLen::{AtLeast, Exactly, Steps};
    match id {
        id::CHOKE => ("choke", Exactly(1)),
        id::UNCHOKE => ("unchoke", Exactly(1)),
        id::INTERESTED => ("interested", Exactly(1)),
        id::NOT_INTERESTED => ("not interested", Exactly(1)),
        id::HAVE => ("have", Exactly(5)),
        id::BITFIELD => ("bitfield", AtLeast(1)),
        id::REQUEST => ("request", Exactly(13)),
        id::PIECE => ("piece", AtLeast(9)),
        id::CANCEL => ("cancel", Exactly(13)),
        id::PORT => ("port", Exactly(3)),
        id::SUGGEST => ("suggest", Exactly(5)),
        id::HAVE_ALL => ("have all", Exactly(1)),
        id::HAVE_NONE => ("have none", Exactly(1)),
        id::REJECT => ("reject", Exactly(13)),
        id::ALLOWED_FAST => ("allowed fast", Exactly(5)),
        id::EXTENDED => ("extended", AtLeast(2)),
        id::HASH_REQUEST => ("hash request", Exactly(1 + HashRequest::LEN)),
        id::HASHES => ("hashes", Steps { base: 1 + HashRequest::LEN, step: 32 }),
        id::HASH_REJECT => ("hash reject", Exactly(1 + HashRequest::LEN)),
        _ => ("unknown", AtLeast(1)),
    }
}

/// Parses a payload whose length fits its [`shape`].
fn parse(id: u8, mut p: Bytes) -> Message {
    match id {
        id::CHOKE => Message::Choke,
        id::UNCHOKE => Message::Unchoke,
        id::INTERESTED => Message::Interested,
        id::NOT_INTERESTED => Message::NotInterested,
        id::HAVE => Message::Have { piece: p.get_u32() },
        id::BITFIELD => Message::Bitfield(p),
        id::REQUEST => Message::Request(block(&mut p)),
        id::PIECE => Message::Piece { piece: p.get_u32(), begin: p.get_u32(), data: p },
        id::CANCEL => Message::Cancel(block(&mut p)),
        id::PORT => Message::Port(p.get_u16()),
        id::SUGGEST => Message::Suggest { piece: p.get_u32() },
        id::HAVE_ALL => Message::HaveAll,
        id::HAVE_NONE => Message::HaveNone,
        id::REJECT => Message::Reject(block(&mut p)),
        id::ALLOWED_FAST => Message::AllowedFast { piece: p.get_u32() },
        id::EXTENDED => Message::Extended { id: p.get_u8(), payload: p },
        id::HASH_REQUEST => Message::HashRequest(hash_request(&mut p)),
        id::HASHES => Message::Hashes { request: hash_request(&mut p), hashes: p },
        id::HASH_REJECT => Message::HashReject(hash_request(&mut p)),
        _ => Message::Unknown { id },
    }
}

fn block(p: &mut Bytes) -> Block {
    Block { piece: p.get_u32(), begin: p.get_u32(), len: p.get_u32() }
}

fn hash_request(p: &mut Bytes) -> HashRequest {
    let mut pieces_root = [0; 32];
    p.copy_to_slice(&mut pieces_root);
    HashRequest {
        pieces_root,
        base_layer: p.get_u32(),
        index: p.get_u32(),
        length: p.get_u32(),
        proof_layers: p.get_u32(),
    }
}

#[cfg(test)]
mod tests;
