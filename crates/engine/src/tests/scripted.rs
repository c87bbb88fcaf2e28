//! One engine and one peer that follows a script.

use super::*;
use std::net::SocketAddr;

/// Length in bytes of the torrent of a [`Scripted`].
pub(super) const SCRIPTED_LEN: usize = 8 * 32768 - 100;

/// An engine with a small torrent, and a peer that has sent its handshake.
pub(super) struct Scripted {
    pub(super) rig: Rig,
    pub(super) id: TorrentId,
    pub(super) meta: Arc<Metainfo>,
    pub(super) key: PeerKey,
    pub(super) far_end: FarEnd,
}

impl Scripted {
    pub(super) fn new(is_seed: bool, reserved: Reserved) -> Self {
        let meta = torrent(&noise(SCRIPTED_LEN), 32768);
        Self::of(meta, is_seed, reserved, |_| {})
    }

    pub(super) fn of(
        meta: Arc<Metainfo>,
        is_seed: bool,
        reserved: Reserved,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        Self::calling_from(addr(99), meta, is_seed, reserved, configure)
    }

    pub(super) fn calling_from(
        from: SocketAddr,
        meta: Arc<Metainfo>,
        is_seed: bool,
        reserved: Reserved,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config::new(PeerId::from_random([0; 12]), 6881);
        configure(&mut config);
        let mut rig = Rig::new(Instant::from_micros(1), config, 1);
        let pieces = meta.layout.piece_count();
        let info_hash = meta.info_hashes.swarm_id();
        let id = rig.add(&AddTorrent::new(Arc::clone(&meta)));
        let have = if is_seed { Bitfield::full(pieces) } else { Bitfield::new(pieces) };
        rig.disk(id, DiskEvent::Checked { have });
        let key = rig.engine.accept(rig.now, from, Transport::Tcp).unwrap();
        let hello = Handshake { reserved, info_hash, peer_id: PeerId::new([9; 20]) }.encode();
        let mut scripted = Self { rig, id, meta, key, far_end: FarEnd::default() };
        let (first, rest) = hello.split_at(HANDSHAKE_LEN / 2);
        assert!(scripted.say_raw(first).is_empty(), "half a handshake gets no answer");
        scripted.say_raw(rest);
        scripted
    }

    pub(super) fn say(&mut self, message: &Message) -> Vec<Message> {
        self.say_raw(&encode(std::slice::from_ref(message)))
    }

    pub(super) fn say_raw(&mut self, bytes: &[u8]) -> Vec<Message> {
        self.rig.give(self.key, &mut self.far_end, bytes);
        self.settle()
    }

    /// Ends the turn, and reads answers until the engine makes no more. Returns its messages.
    pub(super) fn settle(&mut self) -> Vec<Message> {
        let mut said = Vec::new();
        loop {
            let (messages, reply_bytes) = self.settle_unread();
            said.extend(messages);
            if reply_bytes == 0 {
                return said;
            }
            self.read(reply_bytes);
        }
    }

    /// Ends the turn. Returns the engine's messages, and the bytes of answers among them, which are not read.
    pub(super) fn settle_unread(&mut self) -> (Vec<Message>, u32) {
        self.rig.settle();
        self.rig.out.sends.clear();
        let reply_bytes = self.rig.out.replies.drain(..).map(|reply| reply.range.len() as u32).sum();
        let bytes = std::mem::take(&mut self.rig.out.bytes);
        (self.far_end.heard.take(&bytes).unwrap(), reply_bytes)
    }

    /// Reads answers, as the peer.
    pub(super) fn read(&mut self, reply_bytes: u32) {
        self.rig.handle(Event::Sent { peer: self.key, block_bytes: 0, reply_bytes });
    }

    /// Returns a world with this engine alone, in which the peer is silent, and the content of the torrent.
    pub(super) fn into_world(self) -> (World, Vec<u8>) {
        let Self { rig, id, meta, .. } = self;
        let now = rig.now;
        let disk = InstantDisk::new(Arc::clone(&meta), None);
        (World { now, meta, nodes: vec![Node::new(rig, id, disk)] }, noise(SCRIPTED_LEN))
    }

    pub(super) fn closed(&self) -> Option<&str> {
        self.rig.out.closes.first().map(|c| &*c.reason)
    }
}
