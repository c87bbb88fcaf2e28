//! Engines that talk to each other over an instant network, each with a disk in memory.

use super::*;
use crate::{CloseCause, DiskId, WebEffect};

pub(super) fn torrent(data: &[u8], piece_length: u32) -> Arc<Metainfo> {
    Blueprint::new("blob", piece_length).of(data)
}

pub(super) fn private_torrent(data: &[u8], piece_length: u32) -> Arc<Metainfo> {
    Blueprint { private: true, ..Blueprint::new("blob", piece_length) }.of(data)
}

pub(super) fn addr(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 6881))
}

/// One engine with its disk.
pub(super) struct Node {
    pub(super) rig: Rig,
    pub(super) id: TorrentId,
    pub(super) disk: InstantDisk,
    pub(super) links: BTreeMap<PeerKey, Link>,
    /// True if it flips a bit in every block that it sends.
    pub(super) lies: bool,
    pub(super) events: Vec<TorrentEvent>,
    pub(super) local_announces: Vec<LocalAnnounce>,
    pub(super) blocks_sent: u64,
    /// Status of each torrent, as the reported changes give it.
    pub(super) picture: BTreeMap<TorrentId, TorrentStatus>,
}

impl Node {
    pub(super) fn new(rig: Rig, id: TorrentId, disk: InstantDisk) -> Self {
        Self {
            rig,
            id,
            disk,
            links: BTreeMap::new(),
            lies: false,
            events: Vec::new(),
            local_announces: Vec::new(),
            blocks_sent: 0,
            picture: BTreeMap::new(),
        }
    }

    pub(super) fn status(&self) -> TorrentStatus {
        self.rig.engine.status(self.rig.now).remove(0)
    }

    pub(super) fn resume_data(&mut self, id: TorrentId) -> Option<ResumeData> {
        self.rig.engine.resume_data(self.rig.now, id)
    }

    /// Panics unless the reported changes are all changes.
    pub(super) fn look(&mut self) {
        let Rig { engine, now, .. } = &mut self.rig;
        for (id, status) in engine.status_changes(*now) {
            match status {
                Some(status) => self.picture.insert(id, status),
                None => self.picture.remove(&id),
            };
        }
        let timeless = |status: &TorrentStatus| TorrentStatus {
            active_for: Duration::ZERO,
            seeding_for: Duration::ZERO,
            idle_for: status.idle_for.map(|_| Duration::ZERO),
            ..status.clone()
        };
        let found = engine.status(*now);
        assert!(self.picture.values().map(timeless).eq(found.iter().map(timeless)), "{:?}", self.picture);
        for torrent in engine.torrents.iter() {
            torrent.exchange().check(torrent.peers(), &engine.peers);
        }
    }
}

pub(super) struct Link {
    pub(super) to: usize,
    pub(super) their_key: PeerKey,
    pub(super) far_end: FarEnd,
}

/// Nodes, numbered by their addresses.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) meta: Arc<Metainfo>,
    pub(super) nodes: Vec<Node>,
}

impl World {
    pub(super) fn new(data_len: usize, piece_length: u32) -> (Self, Vec<u8>) {
        let data = noise(data_len);
        (Self { now: Instant::from_micros(1), meta: torrent(&data, piece_length), nodes: Vec::new() }, data)
    }

    pub(super) fn add(
        &mut self,
        disk: Option<&[u8]>,
        peers: &[usize],
        tune: impl FnOnce(&mut Config),
    ) -> usize {
        let n = self.nodes.len();
        let mut config = Config::new(PeerId::from_random([n as u8; 12]), 6881);
        tune(&mut config);
        let mut rig = Rig::new(self.now, config, n as u64 + 1);
        let peers = peers.iter().map(|p| addr(*p as u8)).collect();
        let id = rig.add(&AddTorrent { peers, ..AddTorrent::new(Arc::clone(&self.meta)) });
        let pieces = self.meta.layout.piece_count();
        let have = if disk.is_some() { Bitfield::full(pieces) } else { Bitfield::new(pieces) };
        rig.disk(id, DiskEvent::Checked { have });
        self.nodes.push(Node::new(rig, id, InstantDisk::new(Arc::clone(&self.meta), disk)));
        n
    }

    pub(super) fn turn(&mut self) -> bool {
        let mut busy = false;
        for n in 0..self.nodes.len() {
            let node = &mut self.nodes[n];
            node.rig.settle();
            node.look();
            let mut out = node.rig.take_out();
            busy |= carry_out(&mut out, &mut self.around(n));
        }
        busy
    }

    pub(super) fn around(&mut self, n: usize) -> Surroundings<'_> {
        Surroundings { world: self, n }
    }

    pub(super) fn handle(&mut self, n: usize, event: Event<'_>) {
        self.nodes[n].rig.handle(event);
    }

    pub(super) fn deliver(&mut self, from: usize, key: PeerKey, bytes: &[u8]) {
        let Some(link) = self.nodes[from].links.get(&key) else { return };
        let (to, their_key) = (link.to, link.their_key);
        let Node { rig, links, .. } = &mut self.nodes[to];
        let Some(link) = links.get_mut(&their_key) else { return };
        rig.give(their_key, &mut link.far_end, bytes);
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.nodes.iter_mut().for_each(|node| node.rig.now = self.now);
    }

    /// Runs until `done`, in steps of 10 ms of virtual time when nothing is left to do now.
    pub(super) fn run(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            assert!(self.now < end, "not done after {limit:?}: {:?}", self.describe());
            if !self.turn() {
                self.wait(Duration::from_millis(10));
            }
        }
    }

    pub(super) fn describe(&self) -> Vec<String> {
        let node = |n: &Node| {
            let s = n.status();
            format!(
                "{:?} {}/{} peers {} partial {}",
                s.state,
                s.have_pieces,
                self.meta.layout.piece_count(),
                s.peers,
                s.partial_pieces
            )
        };
        self.nodes.iter().map(node).collect()
    }

    pub(super) fn finished(&self, n: usize) -> bool {
        self.nodes[n].status().state == TorrentState::Seeding
    }
}

/// The world around one node.
pub(super) struct Surroundings<'a> {
    pub(super) world: &'a mut World,
    pub(super) n: usize,
}

impl Effects for Surroundings<'_> {
    fn send(&mut self, peer: PeerKey, bytes: &[u8]) {
        self.world.deliver(self.n, peer, bytes);
    }

    fn send_reply(&mut self, peer: PeerKey, bytes: &[u8]) {
        self.world.deliver(self.n, peer, bytes);
        let reply_bytes = bytes.len() as u32;
        self.world.handle(self.n, Event::Sent { peer, block_bytes: 0, reply_bytes });
    }

    fn send_block(&mut self, SendBlock { peer, block, .. }: SendBlock) {
        let node = &mut self.world.nodes[self.n];
        node.blocks_sent += 1;
        let mut data = node.disk.read(block);
        if node.lies {
            data[0] ^= 1;
        }
        let piece = Message::Piece { piece: block.piece, begin: block.begin, data: data.into() };
        self.world.deliver(self.n, peer, &encode(&[piece]));
        self.world.handle(self.n, Event::Sent { peer, block_bytes: block.len, reply_bytes: 0 });
    }

    fn write(&mut self, write: WriteBlock) {
        let Node { rig, disk, .. } = &mut self.world.nodes[self.n];
        let complete = disk.write(&write);
        rig.disk(
            write.torrent,
            DiskEvent::Written { disk: DiskId::default(), bytes: write.data.len() as u32 },
        );
        if let Some(piece) = complete {
            rig.disk(write.torrent, disk.judge(piece));
        }
    }

    fn forget(&mut self, _: TorrentId) {}

    fn check(&mut self, torrent: TorrentId) {
        let Node { rig, disk, .. } = &mut self.world.nodes[self.n];
        rig.disk(torrent, DiskEvent::Checked { have: disk.check() });
    }

    /// No torrents have files in common here.
    fn look(&mut self, _: TorrentId, _: u32) {}

    /// All torrents are v1 here.
    fn keep(&mut self, _: KeepBlocks) {}

    fn hash_leaves(&mut self, _: TorrentId, _: u32) {}

    /// All metadata stays in memory here.
    fn load_bulk(&mut self, _: TorrentId) {}

    fn http(&mut self, _: HttpGet) {}

    /// Torrents have no web seeds here.
    fn web(&mut self, _: WebEffect) {}

    fn resolve(&mut self, _: Resolve) {}

    fn local_announce(&mut self, announce: LocalAnnounce) {
        self.world.nodes[self.n].local_announces.push(announce);
    }

    fn datagram(&mut self, _: SocketAddr, _: Vec<u8>) {}

    fn connect(&mut self, connect: Connect) {
        let Self { world, n } = self;
        let IpAddr::V4(ip) = connect.addr.ip() else { unreachable!("the world is IPv4") };
        let (to, from) = (usize::from(ip.octets()[3]), addr(*n as u8));
        let called = &mut world.nodes[to];
        match called.rig.engine.accept(called.rig.now, from, Transport::Tcp) {
            Ok(their_key) => {
                let link = |to, their_key| Link { to, their_key, far_end: FarEnd::default() };
                called.links.insert(their_key, link(*n, connect.peer));
                world.nodes[*n].links.insert(connect.peer, link(to, their_key));
                world.handle(*n, Event::Connected { peer: connect.peer });
            }
            Err(_) => {
                world.handle(*n, Event::Closed { peer: connect.peer, cause: CloseCause::Remote });
            }
        }
    }

    fn close(&mut self, close: Close) {
        let Some(link) = self.world.nodes[self.n].links.remove(&close.peer) else { return };
        self.world.nodes[link.to].links.remove(&link.their_key);
        let event = Event::Closed { peer: link.their_key, cause: CloseCause::Remote };
        self.world.handle(link.to, event);
    }

    fn torrent_event(&mut self, event: TorrentEvent) {
        self.world.nodes[self.n].events.push(event);
    }
}
