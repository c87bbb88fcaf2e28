//! The far end of a connection.

use crate::event::Event;
use crate::ids::PeerKey;
use bytes::BytesMut;
use ztor_wire::{Decoder, HANDSHAKE_LEN, Handshake, Message, WireError};

/// One direction of a connection: bytes in chunks of any size, read as a handshake and messages.
#[derive(Debug, Default)]
pub struct Transcript {
    stream: BytesMut,
    /// True once the handshake was read.
    is_greeted: bool,
    handshake: Option<Handshake>,
}

impl Transcript {
    /// Creates the transcript of a direction whose handshake was read elsewhere.
    pub fn after_handshake() -> Self {
        Self { is_greeted: true, ..Self::default() }
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.stream.extend_from_slice(bytes);
    }

    /// Returns the next whole message; `None` if there is none. The handshake is no message: see
    /// [`handshake`](Self::handshake).
    ///
    /// # Errors
    /// If the bytes are not the peer protocol.
    pub fn next_message(&mut self) -> Result<Option<Message>, WireError> {
        if !self.is_greeted {
            self.handshake = Handshake::decode(&self.stream)?;
            if self.handshake.is_none() {
                return Ok(None);
            }
            let _ = self.stream.split_to(HANDSHAKE_LEN);
            self.is_greeted = true;
        }
        Decoder::default().decode(&mut self.stream)
    }

    /// Appends bytes. Returns all messages that are now complete.
    ///
    /// # Errors
    /// If the bytes are not the peer protocol.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Message>, WireError> {
        self.push(bytes);
        std::iter::from_fn(|| self.next_message().transpose()).collect()
    }

    /// Returns the handshake; `None` before it was read, and [after it](Self::after_handshake).
    pub fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_ref()
    }

    /// Returns the length of the incomplete message, in bytes.
    pub fn pending_len(&self) -> usize {
        self.stream.len()
    }
}

/// The far end of one connection of an engine.
#[derive(Debug, Default)]
pub struct FarEnd {
    /// Bytes that the engine left in its last read.
    tail: BytesMut,
    /// Transcript of what the engine has sent.
    pub heard: Transcript,
}

impl FarEnd {
    /// Passes bytes to the engine in one read. `handle` is [`Engine::handle`](crate::Engine::handle).
    pub fn give(&mut self, peer: PeerKey, bytes: &[u8], handle: impl FnOnce(Event<'_>)) {
        self.tail.extend_from_slice(bytes);
        handle(Event::Received { peer, data: &mut self.tail });
    }

    /// Returns the number of bytes that the engine left in its last read.
    pub fn tail_len(&self) -> usize {
        self.tail.len()
    }
}

/// Encodes several messages.
pub fn encode(messages: &[Message]) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| message.encode(&mut bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use ztor_base::{PeerId, SwarmId};
    use ztor_wire::Reserved;

    #[test]
    fn transcript_of_any_chunks_returns_all_messages_before_an_error() {
        let (info_hash, peer_id) = (SwarmId::new([1; 20]), PeerId::new([2; 20]));
        let hello = Handshake { reserved: Reserved::NONE, info_hash, peer_id };
        let said = [Message::Interested, Message::Have { piece: 7 }];
        let bytes = [&hello.encode()[..], &encode(&said)].concat();
        let mut transcript = Transcript::default();
        let heard: Vec<Message> = bytes.iter().flat_map(|byte| transcript.take(&[*byte]).unwrap()).collect();
        assert_eq!(
            (&heard[..], transcript.handshake(), transcript.pending_len()),
            (&said[..], Some(&hello), 0)
        );

        let mut transcript = Transcript::after_handshake();
        transcript.push(&[&encode(&said[..1])[..], &[0xff; 5]].concat());
        assert_eq!(transcript.next_message(), Ok(Some(Message::Interested)));
        assert!(transcript.next_message().is_err());
    }
}
