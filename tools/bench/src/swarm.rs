//! An engine with one torrent and as many peers as one likes, each of them a few lines of protocol.

use bytes::BytesMut;
use fastrand::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant as OsInstant;
use ztor_base::{Duration, Instant, PeerId};
use ztor_engine::{
    AddTorrent, Bitfield, Config, DiskEvent, Engine, Event, Outbox, PeerKey, TorrentId, Transport,
};
use ztor_metainfo::{BLOCK_LEN, Metainfo};
use ztor_wire::{Block, Decoder, HANDSHAKE_LEN, Handshake, Message, Reserved};

/// An engine, its one torrent, and its peers.
pub struct Swarm {
    /// What is measured.
    pub engine: Engine,
    /// Its time.
    pub now: Instant,
    /// In the order they came.
    pub peers: Vec<PeerKey>,
    /// What the engine has asked of each and not been given.
    pub asked: BTreeMap<PeerKey, VecDeque<Block>>,
    meta: Arc<Metainfo>,
    torrent: TorrentId,
    out: Outbox,
    /// An empty one that keeps its memory.
    spare: Outbox,
    rng: Rng,
    /// Blocks that came, per piece in progress.
    received: BTreeMap<u32, u32>,
    buffer: BytesMut,
    spent: Duration,
}

impl Swarm {
    /// An engine that has checked the torrent and found `have`.
    ///
    /// # Errors
    /// If the engine does not take the torrent.
    pub fn new(meta: &Arc<Metainfo>, have: Bitfield, max_peers: usize) -> anyhow::Result<Self> {
        let now = Instant::from_micros(1_000_000);
        let mut config = Config::new(PeerId::from_random([1; 12]), 6881);
        (config.max_peers, config.max_peers_per_torrent) = (max_peers, max_peers);
        let mut engine = Engine::new(now, config, 1);
        let add = AddTorrent {
            meta: Arc::clone(meta),
            priorities: None,
            sequential: false,
            peers: Vec::new(),
            uploaded: 0,
            downloaded: 0,
        };
        let torrent = engine.add(now, &add)?;
        let mut swarm = Self {
            engine,
            now,
            peers: Vec::new(),
            asked: BTreeMap::new(),
            meta: Arc::clone(meta),
            torrent,
            out: Outbox::default(),
            spare: Outbox::default(),
            rng: Rng::with_seed(2),
            received: BTreeMap::new(),
            buffer: BytesMut::new(),
            spent: Duration::ZERO,
        };
        swarm.disk(DiskEvent::Checked { have });
        swarm.settle();
        Ok(swarm)
    }

    /// Time spent in the engine since the last call.
    pub fn take_spent(&mut self) -> Duration {
        std::mem::take(&mut self.spent)
    }

    /// A peer calls, greets and tells `first`, all in one read.
    ///
    /// # Errors
    /// If the engine refuses the call.
    pub fn join(&mut self, first: &[Message]) -> anyhow::Result<PeerKey> {
        let number = self.peers.len() as u32;
        let [_, a, b, c] = number.to_be_bytes();
        let key = self.engine.accept(self.now, SocketAddr::from(([10, a, b, c], 6881)), Transport::Tcp)?;
        let mut random = [0; 12];
        random[..4].copy_from_slice(&number.to_be_bytes());
        let hello = Handshake {
            reserved: Reserved::NONE.with_fast(),
            info_hash: self.meta.info_hashes.swarm_id(),
            peer_id: PeerId::from_random(random),
        };
        let mut bytes = hello.encode().to_vec();
        first.iter().for_each(|message| message.encode(&mut bytes));
        self.peers.push(key);
        self.asked.insert(key, VecDeque::new());
        self.read(key, &bytes);
        Ok(key)
    }

    /// A random half of the pieces.
    pub fn random_half(&mut self) -> Bitfield {
        let pieces = self.meta.layout.piece_count();
        let mut set = Bitfield::new(pieces);
        set.extend((0..pieces).filter(|_| self.rng.bool()));
        set
    }

    /// One read from a peer.
    pub fn read(&mut self, key: PeerKey, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        let mut data = self.buffer.split();
        self.timed(|s| s.engine.handle(s.now, Event::Received { peer: key, data: &mut data }, &mut s.out));
    }

    /// One read of these messages from a peer.
    pub fn say(&mut self, key: PeerKey, messages: &[Message]) {
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut bytes));
        self.read(key, &bytes);
    }

    /// The peer sends up to `count` of the blocks it was asked for, in one read. Returns how many.
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

    /// A connection ends.
    pub fn leave(&mut self, key: PeerKey) {
        self.peers.retain(|peer| *peer != key);
        self.asked.remove(&key);
        let event = Event::Closed { peer: key, reason: String::new(), is_ours: false };
        self.timed(|s| s.engine.handle(s.now, event, &mut s.out));
    }

    /// Something is told by the disk.
    pub fn disk(&mut self, event: DiskEvent) {
        self.timed(|s| s.engine.handle(s.now, Event::Disk { torrent: s.torrent, event }, &mut s.out));
    }

    /// Time goes on.
    pub fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// Ends the turn: what is to be written is written and hashes right, what is to be sent is sent, and the
    /// peers learn what they are asked for.
    pub fn settle(&mut self) {
        self.timed(|s| s.engine.settle(s.now, &mut s.out));
        // What the answers below bring about waits for the next turn.
        let mut out = std::mem::replace(&mut self.out, std::mem::take(&mut self.spare));
        for send in &out.sends {
            self.hear(send.peer, &out.bytes[send.range.clone()]);
        }
        for write in out.writes.drain(..) {
            self.disk(DiskEvent::Written { bytes: write.data.len() as u32 });
            let received = self.received.entry(write.piece).or_default();
            *received += 1;
            if *received == self.meta.layout.block_count(write.piece) {
                self.received.remove(&write.piece);
                self.disk(DiskEvent::PieceOk { piece: write.piece, digests: Vec::new() });
            }
        }
        for send in out.blocks.drain(..) {
            let event = Event::Sent { peer: send.peer, block_bytes: send.block.len };
            self.timed(|s| s.engine.handle(s.now, event, &mut s.out));
        }
        out.clear();
        self.spare = out;
    }

    fn hear(&mut self, key: PeerKey, bytes: &[u8]) {
        let Some(asked) = self.asked.get_mut(&key) else { return };
        let bytes = if bytes.starts_with(b"\x13BitTorrent") { &bytes[HANDSHAKE_LEN..] } else { bytes };
        let mut stream = BytesMut::from(bytes);
        let mut decoder = Decoder::new(ztor_wire::MAX_MESSAGE_LEN);
        while let Ok(Some(message)) = decoder.decode(&mut stream) {
            match message {
                Message::Request(block) => asked.push_back(block),
                Message::Cancel(block) => asked.retain(|b| *b != block),
                _ => {}
            }
        }
    }

    fn timed(&mut self, act: impl FnOnce(&mut Self)) {
        let begun = OsInstant::now();
        act(self);
        self.spent += begun.elapsed();
    }
}
