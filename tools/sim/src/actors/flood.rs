//! Peers that send one kind of message without end.

use super::Actor;
use super::character::Flood;
use super::talk::Talk;
use crate::core::Core;
use crate::net::{Net, StreamId};
use fastrand::Rng;
use std::net::SocketAddr;
use ztor_metainfo::BLOCK_LEN;
use ztor_wire::{
    Block, ExtendedHandshake, HashRequest, Message, MetadataMessage, PexFlags, PexMessage, UT_PEX,
};

/// Maximum number of messages per tick.
const A_TICK: usize = 100;
/// The engine's id for messages of peer exchange, from its extended handshake.
const TO_PEX: u8 = 1;
/// The engine's id for messages of metadata, from its extended handshake.
const TO_METADATA: u8 = 2;

impl Flood {
    fn message(self, rng: &mut Rng, roots: &[[u8; 32]], pieces: u32) -> Message {
        match self {
            Self::Hashes => Message::HashRequest(HashRequest {
                pieces_root: rng.choice(roots).copied().unwrap_or_default(),
                base_layer: rng.u32(0..4),
                index: 0,
                length: 2 << rng.u32(0..9),
                proof_layers: rng.u32(0..8),
            }),
            Self::Metadata => {
                let payload = MetadataMessage::Request { piece: rng.u32(0..2) }.encode().into();
                Message::Extended { id: TO_METADATA, payload }
            }
            Self::Ports => Message::Port(rng.u16(1..)),
            Self::Handshakes => {
                let port = Some(rng.u16(1..));
                let messages = vec![(UT_PEX.to_owned(), rng.u8(1..))];
                let hello = ExtendedHandshake { port, messages, ..ExtendedHandshake::default() };
                Message::Extended { id: 0, payload: hello.encode().into() }
            }
            Self::Haves => Message::Have { piece: rng.u32(0..pieces) },
            Self::Addresses => {
                let made_up = |_| SocketAddr::from(([11, rng.u8(..), rng.u8(..), rng.u8(1..)], rng.u16(1..)));
                let added = (0..100).map(made_up).map(|addr| (addr, PexFlags::default())).collect();
                let payload = PexMessage { added, dropped: Vec::new() }.encode().into();
                Message::Extended { id: TO_PEX, payload }
            }
            Self::Requests => {
                let block = Block { piece: rng.u32(0..pieces), begin: 0, len: rng.u32(1..=BLOCK_LEN) };
                if rng.bool() { Message::Request(block) } else { Message::Cancel(block) }
            }
            Self::KeepAlives => Message::KeepAlive,
        }
    }
}

impl Actor {
    /// Sends a random number of messages of the kind.
    pub(super) fn flood(&mut self, core: &mut Core, net: &mut Net, stream: StreamId, flood: Flood) {
        let roots: Vec<[u8; 32]> =
            self.content.meta.layout.files().iter().filter_map(|file| file.pieces_root()).collect();
        let pieces = self.content.pieces().max(1);
        let most = if flood == Flood::Addresses { 2 } else { A_TICK };
        for _ in 0..core.rng.usize(1..most) {
            let message = flood.message(&mut core.rng, &roots, pieces);
            if let (Message::Request(block), Some(talk)) = (&message, self.talks.get_mut(&stream)) {
                Talk::asks(talk, *block);
            }
            self.say(core, net, stream, &message);
        }
    }
}
