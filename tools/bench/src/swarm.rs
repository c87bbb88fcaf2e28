//! An engine with one torrent and any number of peers, each of them a few lines of protocol.

use fastrand::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant as OsInstant;
use ztor_base::{Duration, Instant, PeerId};
use ztor_engine::testkit::{Effects, FarEnd, InstantDisk, Rig, carry_out, encode};
use ztor_engine::{
    AddTorrent, Bitfield, Close, CloseCause, Config, Connect, DiskEvent, DiskId, Event, HttpGet, KeepBlocks,
    Outbox, PeerKey, Resolve, SendBlock, TorrentEvent, TorrentId, Transport, WebEffect, WriteBlock,
};
use ztor_metainfo::{BLOCK_LEN, Metainfo};
use ztor_wire::{Block, Handshake, LocalAnnounce, Message, Reserved};

/// An engine, its one torrent, and its peers.
pub struct Swarm {
    /// The engine that is measured.
    pub rig: Rig,
    /// Peers in the order in which they joined.
    pub peers: Vec<PeerKey>,
    /// Blocks that the engine has requested from each peer and not received.
    pub asked: BTreeMap<PeerKey, VecDeque<Block>>,
    far_ends: BTreeMap<PeerKey, FarEnd>,
    meta: Arc<Metainfo>,
    torrent: TorrentId,
    disk: InstantDisk,
    /// Empty outbox, kept for its memory.
    spare: Outbox,
    rng: Rng,
    spent: Duration,
}

impl Swarm {
    /// Returns an engine that has checked the torrent and found `have`.
    pub fn new(meta: &Arc<Metainfo>, have: Bitfield, max_peers: usize) -> Self {
        let mut config = Config::new(PeerId::from_random([1; 12]), 6881);
        (config.max_peers, config.max_peers_per_torrent) = (max_peers, max_peers);
        let mut rig = Rig::new(Instant::from_micros(1_000_000), config, 1);
        let torrent = rig.add(&AddTorrent::new(Arc::clone(meta)));
        let mut swarm = Self {
            rig,
            peers: Vec::new(),
            asked: BTreeMap::new(),
            far_ends: BTreeMap::new(),
            meta: Arc::clone(meta),
            torrent,
            disk: InstantDisk::without_data(Arc::clone(meta)),
            spare: Outbox::default(),
            rng: Rng::with_seed(2),
            spent: Duration::ZERO,
        };
        swarm.disk(DiskEvent::Checked { have });
        swarm.settle();
        swarm
    }

    /// Returns the time spent in the engine since the last call.
    pub fn take_spent(&mut self) -> Duration {
        std::mem::take(&mut self.spent)
    }

    /// Has a peer connect, and send its handshake and `first` in one read.
    ///
    /// # Errors
    /// If the engine refuses the connection.
    pub fn join(&mut self, first: &[Message]) -> anyhow::Result<PeerKey> {
        let number = self.peers.len() as u32;
        let [_, a, b, c] = number.to_be_bytes();
        let addr = SocketAddr::from(([10, a, b, c], 6881));
        let key = self.rig.engine.accept(self.rig.now, addr, Transport::Tcp)?;
        let mut random = [0; 12];
        random[..4].copy_from_slice(&number.to_be_bytes());
        let hello = Handshake {
            reserved: Reserved::NONE.with_fast(),
            info_hash: self.meta.info_hashes.swarm_id(),
            peer_id: PeerId::from_random(random),
        };
        self.peers.push(key);
        self.asked.insert(key, VecDeque::new());
        self.far_ends.insert(key, FarEnd::default());
        self.read(key, &[&hello.encode()[..], &encode(first)].concat());
        Ok(key)
    }

    /// Returns a random half of the pieces.
    pub fn random_half(&mut self) -> Bitfield {
        let pieces = self.meta.layout.piece_count();
        let mut set = Bitfield::new(pieces);
        set.extend((0..pieces).filter(|_| self.rng.bool()));
        set
    }

    /// Gives the engine one read from a peer.
    pub fn read(&mut self, key: PeerKey, bytes: &[u8]) {
        let Some(far_end) = self.far_ends.get_mut(&key) else { return };
        let begun = OsInstant::now();
        self.rig.give(key, far_end, bytes);
        self.spent += begun.elapsed();
    }

    /// Gives the engine these messages of a peer, in one read.
    pub fn say(&mut self, key: PeerKey, messages: &[Message]) {
        self.read(key, &encode(messages));
    }

    /// Has a peer send up to `count` of the requested blocks, in one read. Returns their number.
    pub fn give(&mut self, key: PeerKey, count: usize) -> usize {
        let Some(asked) = self.asked.get_mut(&key) else { return 0 };
        let blocks: Vec<Block> = asked.drain(..count.min(asked.len())).collect();
        let mut bytes = Vec::with_capacity(blocks.len() * (BLOCK_LEN as usize + 13));
        for block in &blocks {
            bytes.extend_from_slice(&ztor_wire::piece_header(block.piece, block.begin, block.len));
            bytes.resize(bytes.len() + block.len as usize, 0);
        }
        if !blocks.is_empty() {
            self.read(key, &bytes);
        }
        blocks.len()
    }

    /// Ends a connection.
    pub fn leave(&mut self, key: PeerKey) {
        self.peers.retain(|peer| *peer != key);
        self.asked.remove(&key);
        self.far_ends.remove(&key);
        self.handle(Event::Closed { peer: key, cause: CloseCause::Remote });
    }

    /// Gives the engine an event of the disk.
    pub fn disk(&mut self, event: DiskEvent) {
        self.handle(Event::Disk { torrent: self.torrent, event });
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        self.rig.now += time;
    }

    /// Ends the turn: writes blocks, which all hash right, sends data, and gives the peers the engine's requests.
    pub fn settle(&mut self) {
        let begun = OsInstant::now();
        self.rig.settle();
        self.spent += begun.elapsed();
        // Effects of the answers wait for the next turn.
        let mut out = std::mem::replace(&mut self.rig.out, std::mem::take(&mut self.spare));
        carry_out(&mut out, self);
        self.spare = out;
    }

    fn handle(&mut self, event: Event<'_>) {
        let begun = OsInstant::now();
        self.rig.handle(event);
        self.spent += begun.elapsed();
    }
}

/// Carries out only the effects that a transfer needs: no outgoing connections, and no tracker requests.
impl Effects for Swarm {
    fn send(&mut self, peer: PeerKey, bytes: &[u8]) {
        let Some((far_end, asked)) = self.far_ends.get_mut(&peer).zip(self.asked.get_mut(&peer)) else {
            return;
        };
        far_end.heard.push(bytes);
        while let Ok(Some(message)) = far_end.heard.next_message() {
            match message {
                Message::Request(block) => asked.push_back(block),
                Message::Cancel(block) => asked.retain(|b| *b != block),
                _ => {}
            }
        }
    }

    fn send_reply(&mut self, peer: PeerKey, bytes: &[u8]) {
        let reply_bytes = bytes.len() as u32;
        self.handle(Event::Sent { peer, block_bytes: 0, reply_bytes });
    }

    fn send_block(&mut self, send: SendBlock) {
        self.handle(Event::Sent { peer: send.peer, block_bytes: send.block.len, reply_bytes: 0 });
    }

    fn write(&mut self, write: WriteBlock) {
        self.disk(DiskEvent::Written { disk: DiskId::default(), bytes: write.data.len() as u32 });
        if let Some(piece) = self.disk.write(&write) {
            let verdict = self.disk.judge_as(piece, true);
            self.disk(verdict);
        }
    }

    fn forget(&mut self, _: TorrentId) {
        self.disk.forget();
    }

    fn check(&mut self, _: TorrentId) {}

    /// No torrents have files in common here.
    fn look(&mut self, _: TorrentId, _: u32) {}

    /// All torrents are v1 here.
    fn keep(&mut self, _: KeepBlocks) {}

    fn hash_leaves(&mut self, _: TorrentId, _: u32) {}

    /// All metadata stays in memory here.
    fn load_bulk(&mut self, _: TorrentId) {}

    fn http(&mut self, _: HttpGet) {}

    fn web(&mut self, _: WebEffect) {}

    fn resolve(&mut self, _: Resolve) {}

    fn local_announce(&mut self, _: LocalAnnounce) {}

    fn datagram(&mut self, _: SocketAddr, _: Vec<u8>) {}

    fn connect(&mut self, _: Connect) {}

    fn close(&mut self, close: Close) {
        self.far_ends.remove(&close.peer);
    }

    fn torrent_event(&mut self, _: TorrentEvent) {}
}
