//! The far end of a connection.

use crate::event::Event;
use crate::ids::PeerKey;
use bytes::BytesMut;
use ztor_wire::{Decoder, HANDSHAKE_LEN, Handshake, Message, WireError};

/// One direction of a connection: bytes in any cuts, read as a handshake and messages.
#[derive(Debug, Default)]
pub struct Transcript {
    stream: BytesMut,
    /// The handshake is no more part of what comes.
    is_greeted: bool,
    handshake: Option<Handshake>,
}

impl Transcript {
    /// A direction whose handshake was read elsewhere.
    pub fn after_handshake() -> Self {
        Self { is_greeted: true, ..Self::default() }
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.stream.extend_from_slice(bytes);
    }

    /// The next whole message, if there is one. The handshake is no message: see [`handshake`](Self::handshake).
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

    /// Adds bytes, and returns all messages that are whole then.
    ///
    /// # Errors
    /// If the bytes are not the peer protocol.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Message>, WireError> {
        self.push(bytes);
        std::iter::from_fn(|| self.next_message().transpose()).collect()
    }

    /// The handshake, once it was read. `None` [after it](Self::after_handshake).
    pub fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_ref()
    }

    /// Length in bytes of what is no whole message yet.
    pub fn pending_len(&self) -> usize {
        self.stream.len()
    }
}

/// The far end of one connection of an engine.
#[derive(Debug, Default)]
pub struct FarEnd {
    /// Bytes that the engine has left of its last read.
    tail: BytesMut,
    /// What the engine has sent.
    pub heard: Transcript,
}

impl FarEnd {
    /// Gives bytes to the engine, in one read. `handle` is [`Engine::handle`](crate::Engine::handle).
    pub fn give(&mut self, peer: PeerKey, bytes: &[u8], handle: impl FnOnce(Event<'_>)) {
        self.tail.extend_from_slice(bytes);
        handle(Event::Received { peer, data: &mut self.tail });
    }

    /// Length in bytes of what the engine has left of its last read.
    pub fn tail_len(&self) -> usize {
        self.tail.len()
    }
}

/// The bytes of several messages.
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
    fn transcript_reads_any_cuts_and_keeps_messages_before_an_error() {
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
