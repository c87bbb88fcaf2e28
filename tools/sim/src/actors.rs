//! Scripted peers, which are not ztor and mostly misbehave.

mod character;
mod flood;
mod talk;

use crate::content::Content;
use crate::core::{Core, Event};
use crate::net::{Net, Owner, Side, StreamId, addr_of};
pub(crate) use character::{Character, Claim, Flood, MetadataManner};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use talk::Talk;
use ztor_base::{Duration, Instant, PeerId};
use ztor_engine::Transport;
use ztor_wire::{HANDSHAKE_LEN, Handshake, Message, Reserved};

/// Interval between the spontaneous actions of an actor.
const TICK: Duration = Duration::from_millis(250);
/// Number of open connections up to which an actor makes further ones.
const MAX_CALLS: usize = 8;
/// Bytes in a socket up to which an actor sends more.
const MAX_SOCKET: usize = 256 * 1024;

/// A scripted peer.
pub(crate) struct Actor {
    number: usize,
    pub(crate) host: usize,
    content: Arc<Content>,
    pub(crate) character: Character,
    talks: BTreeMap<StreamId, Talk>,
    /// True once it has stopped answering for good.
    is_mute: bool,
    pub(crate) served_blocks: u64,
    pub(crate) received_bytes: u64,
    pub(crate) accepted: u64,
    next_call: Instant,
}

impl Actor {
    pub(crate) fn new(number: usize, host: usize, content: Arc<Content>, character: Character) -> Self {
        Self {
            number,
            host,
            content,
            character,
            talks: BTreeMap::new(),
            is_mute: false,
            served_blocks: 0,
            received_bytes: 0,
            accepted: 0,
            next_call: Instant::ZERO,
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        addr_of(self.host)
    }

    pub(crate) fn accept(&mut self, core: &mut Core, stream: StreamId, from: SocketAddr) -> bool {
        if self.is_mute || self.character.refuses {
            return false;
        }
        core.note(format_args!("a{}, a {}, takes {from}", self.number, self.character.name));
        self.accepted += 1;
        self.talks.insert(stream, Talk::new(1, self.content.pieces()));
        true
    }

    /// Sends the handshake on a connection that the other side has accepted.
    pub(crate) fn on_connected(&mut self, core: &mut Core, net: &mut Net, stream: StreamId) {
        if self.talks.contains_key(&stream) {
            let hello = self.handshake(stream);
            self.put(core, net, stream, &hello);
        }
    }

    pub(crate) fn on_lost(&mut self, stream: StreamId) {
        self.talks.remove(&stream);
    }

    pub(crate) fn on_arrived(&mut self, core: &mut Core, net: &mut Net, stream: StreamId, side: Side) {
        let bytes = net.read(core, stream, side);
        let Some(talk) = self.talks.get_mut(&stream) else { return };
        if self.is_mute || self.character.is_deaf {
            return;
        }
        let was_greeted = talk.heard.handshake().is_some();
        let messages = match talk.heard.take(&bytes) {
            Ok(messages) => messages,
            Err(error) => {
                let what = format!("an engine sends an invalid message: {error}");
                return core.fail(&[format!("a{}", self.number)], what);
            }
        };
        let Some(theirs) = talk.heard.handshake() else { return };
        if !was_greeted {
            talk.is_fast = theirs.reserved.fast() && self.character.is_fast;
            if side == 1 {
                let hello = self.handshake(stream);
                self.put(core, net, stream, &hello);
            }
            self.greet(core, net, stream);
        }
        for message in messages {
            self.on_message(core, net, stream, &message);
        }
    }

    /// Performs the spontaneous actions.
    pub(crate) fn tick(&mut self, core: &mut Core, net: &mut Net) {
        core.plan_in(TICK, Event::Tick { actor: self.number });
        if self.is_mute {
            return;
        }
        self.call_someone(core, net);
        let streams: Vec<StreamId> = self.talks.keys().copied().collect();
        for stream in streams {
            let side = self.talks.get(&stream).map_or(0, |talk| talk.side);
            let waiting = net.stream(stream).map_or(0, |s| s.pipes[side].socket.len());
            if waiting < MAX_SOCKET {
                self.drip(core, net, stream);
                self.act_up(core, net, stream);
            }
        }
    }

    fn call_someone(&mut self, core: &mut Core, net: &mut Net) {
        if self.character.calls.is_empty() || core.now < self.next_call || self.talks.len() >= MAX_CALLS {
            return;
        }
        self.next_call = core.now + Duration::from_millis(core.rng.u64(200..5000));
        let to = self.character.calls[core.rng.usize(0..self.character.calls.len())];
        if let Some(stream) = net.connect(core, self.host, Owner::Actor(self.number), 0, (to, Transport::Tcp))
        {
            if let Some(ends) = net.stream_mut(stream).map(|s| &mut s.ends[0]) {
                ends.key = stream.0;
            }
            self.talks.insert(stream, Talk::new(0, self.content.pieces()));
        }
    }

    fn handshake(&mut self, stream: StreamId) -> [u8; HANDSHAKE_LEN] {
        let mut reserved = Reserved::NONE;
        if self.character.is_fast {
            reserved = reserved.with_fast();
        }
        if self.character.metadata.is_some() || self.character.only.is_some_and(Flood::is_extended) {
            reserved = reserved.with_extended();
        }
        let mut id = [b'a'; 20];
        id[16..].copy_from_slice(&(self.number as u32).to_be_bytes());
        if self.character.has_many_names {
            id[8..16].copy_from_slice(&stream.0.to_be_bytes());
        }
        Handshake { reserved, info_hash: self.content.meta.info_hashes.swarm_id(), peer_id: PeerId::new(id) }
            .encode()
    }

    /// Sends bytes at once, or queues them for [`drip`](Self::drip) if the character does so.
    fn put(&mut self, core: &mut Core, net: &mut Net, stream: StreamId, bytes: &[u8]) {
        let Some(talk) = self.talks.get_mut(&stream) else { return };
        if self.character.drip.is_some() {
            talk.drops.extend(bytes);
        } else {
            net.send(core, stream, talk.side, bytes);
        }
    }

    fn say(&mut self, core: &mut Core, net: &mut Net, stream: StreamId, message: &Message) {
        if !matches!(message, Message::Piece { .. } | Message::Bitfield(_)) {
            core.note(format_args!("a{} to {}: {message:?}", self.number, stream.0));
        }
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.put(core, net, stream, &bytes);
    }

    fn drip(&mut self, core: &mut Core, net: &mut Net, stream: StreamId) {
        let (Some(bytes), Some(talk)) = (self.character.drip, self.talks.get_mut(&stream)) else { return };
        let drop: Vec<u8> = talk.drops.drain(..bytes.min(talk.drops.len())).collect();
        net.send(core, stream, talk.side, &drop);
    }

    /// Falls silent on all its connections, which stay open.
    fn fall_silent(&mut self, core: &mut Core) {
        core.note(format_args!("a{} falls silent", self.number));
        self.is_mute = true;
    }

    fn hang_up(&mut self, core: &mut Core, net: &mut Net, stream: StreamId) {
        if let Some(talk) = self.talks.remove(&stream) {
            let reset = core.rng.bool();
            net.close(core, stream, talk.side, reset);
        }
    }
}

/// Bytes that wait to be sent in drops.
pub(crate) type Drops = VecDeque<u8>;
