//! A client with several torrents, each with its own seed on its own line, and with several disks.
//!
//! The clock advances in steps. Content does not matter here, so no bytes are kept: every block is zeros, and every
//! piece passes.

use bytes::Bytes;
use fastrand::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use ztor_base::{Duration, Instant, PeerId};
use ztor_engine::testkit::{Blueprint, Effects, FarEnd, InstantDisk, Rig, carry_out};
use ztor_engine::{
    AddTorrent, Bitfield, Close, CloseCause, Config, Connect, DiskEvent, DiskId, Event, HttpGet, KeepBlocks,
    PeerKey, Resolve, SendBlock, TorrentEvent, TorrentId, TorrentState, Transport, WebEffect, WriteBlock,
};
use ztor_metainfo::Metainfo;
use ztor_wire::{LocalAnnounce, piece_header};

/// Step of the clock.
const STEP: Duration = Duration::from_millis(10);
const STEPS_PER_S: u64 = 100;
/// Bytes that a socket holds for a client that does not read.
const SOCKET: usize = 256 * 1024;
const PIECE: u32 = 256 * 1024;
/// Time of a write to a disk that does not hang.
const WRITE: Duration = Duration::from_millis(5);
/// Index of the client's node. The seed of each torrent follows.
pub(crate) const CLIENT: usize = 0;

/// Lines, torrents and disks.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Bytes per second of the line of each seed.
    pub(crate) rate: u64,
    /// Length of each torrent in bytes.
    pub(crate) length: u64,
    /// Number of each torrent's disk.
    pub(crate) disks: Vec<usize>,
}

/// A client and the seeds of its torrents.
pub(crate) struct World {
    setup: Setup,
    pub(crate) now: Instant,
    pub(crate) nodes: Vec<Node>,
    /// Writes of the client that wait for each disk, with their times of completion.
    disks: Vec<VecDeque<(Instant, WriteBlock)>>,
    /// Number of the disk that hangs; `None` while none does.
    pub(crate) hung: Option<usize>,
    /// Maximum bytes that waited for a disk.
    pub(crate) waited: u64,
}

/// An engine and its torrents.
pub(crate) struct Node {
    pub(crate) rig: Rig,
    pub(crate) torrents: Vec<(TorrentId, InstantDisk)>,
    pub(crate) links: BTreeMap<PeerKey, Link>,
    /// True if the engine had input since the last turn.
    was_told: bool,
}

/// One end of a connection.
pub(crate) struct Link {
    to: usize,
    their_key: PeerKey,
    far_end: FarEnd,
    to_send: VecDeque<Item>,
    /// Bytes that have arrived and are not read yet.
    unread: Vec<u8>,
}

/// Bytes that wait for the line.
struct Item {
    bytes: Bytes,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Reply,
    Block,
}

impl World {
    pub(crate) fn new(setup: Setup, seed: u64) -> Self {
        let now = Instant::from_micros(1);
        let mut rng = Rng::with_seed(seed);
        let mut node = |number: usize| {
            let config = Config::new(PeerId::from_random([number as u8; 12]), crate::net::PORT);
            let rig = Rig::new(now, config, rng.u64(..));
            Node { rig, torrents: Vec::new(), links: BTreeMap::new(), was_told: true }
        };
        let mut nodes: Vec<Node> = (0..=setup.disks.len()).map(&mut node).collect();
        for (number, disk) in setup.disks.iter().enumerate() {
            let meta = Blueprint::new(&format!("torrent {number}"), PIECE).made_up(setup.length);
            let seed = number + 1;
            nodes[seed].add(&meta, true, Vec::new());
            let id = nodes[CLIENT].add(&meta, false, vec![addr_of(seed)]);
            nodes[CLIENT].rig.engine.set_disk(id, disk_id(*disk));
        }
        let count = setup.disks.iter().max().map_or(0, |last| last + 1);
        let disks = (0..count).map(|_| VecDeque::new()).collect();
        Self { setup, now, nodes, disks, hung: None, waited: 0 }
    }

    /// Returns the bytes of each torrent that the client has downloaded.
    pub(crate) fn came(&self) -> Vec<u64> {
        let client = &self.nodes[CLIENT];
        let statuses = client.rig.engine.status(self.now);
        let of = |id: TorrentId| statuses.iter().find(|status| status.id == id);
        let came =
            |(id, _): &(TorrentId, InstantDisk)| of(*id).map_or(0, |status| status.session_downloaded_bytes);
        client.torrents.iter().map(came).collect()
    }

    pub(crate) fn is_done(&self) -> bool {
        let statuses = self.nodes[CLIENT].rig.engine.status(self.now);
        statuses.iter().all(|status| status.state == TorrentState::Seeding)
    }

    pub(crate) fn run_until(&mut self, end: Instant) {
        while self.now < end {
            self.step();
        }
    }

    pub(crate) fn step(&mut self) {
        self.now += STEP;
        self.nodes.iter_mut().for_each(|node| node.rig.now = self.now);
        self.write_due();
        for number in 0..self.nodes.len() {
            self.send(number);
        }
        for node in &mut self.nodes {
            node.read();
        }
        for number in 0..self.nodes.len() {
            self.turn(number);
        }
        for disk in &self.disks {
            self.waited = self.waited.max(disk.iter().map(|(_, write)| write.data.len() as u64).sum());
        }
    }

    /// Completes the writes that are due, unless their disk hangs.
    fn write_due(&mut self) {
        let client = &mut self.nodes[CLIENT];
        for (number, jobs) in self.disks.iter_mut().enumerate() {
            if self.hung == Some(number) {
                continue;
            }
            while let Some((_, write)) = jobs.pop_front_if(|(at, _)| *at <= self.now) {
                client.written(&write);
            }
        }
    }

    /// Moves the bytes of one step to the other end of each connection of a node.
    fn send(&mut self, number: usize) {
        let keys: Vec<PeerKey> = self.nodes[number].links.keys().copied().collect();
        for key in keys {
            let mut budget = (self.setup.rate / STEPS_PER_S) as usize;
            while let Some((item, to, their_key)) = self.next_item(number, key, budget) {
                budget = budget.saturating_sub(item.bytes.len());
                let len = item.bytes.len() as u32;
                if let Some(link) = self.nodes[to].links.get_mut(&their_key) {
                    link.unread.extend_from_slice(&item.bytes);
                }
                let (block_bytes, reply_bytes) = match item.kind {
                    Kind::Plain => continue,
                    Kind::Reply => (0, len),
                    Kind::Block => (len, 0),
                };
                self.nodes[number].tell(Event::Sent { peer: key, block_bytes, reply_bytes });
            }
        }
    }

    /// Takes the next bytes of a connection, at most `budget` and the free space at the other end.
    fn next_item(&mut self, number: usize, key: PeerKey, budget: usize) -> Option<(Item, usize, PeerKey)> {
        let link = self.nodes[number].links.get(&key)?;
        let (to, their_key) = (link.to, link.their_key);
        let room = SOCKET.saturating_sub(self.nodes[to].links.get(&their_key)?.unread.len()).min(budget);
        let link = self.nodes[number].links.get_mut(&key)?;
        let front = link.to_send.front_mut()?;
        let bytes = front.bytes.split_to(room.min(front.bytes.len()));
        let kind = front.kind;
        if front.bytes.is_empty() {
            link.to_send.pop_front();
        }
        (!bytes.is_empty()).then_some((Item { bytes, kind }, to, their_key))
    }

    fn turn(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        let is_due = node.rig.engine.poll_timeout().is_some_and(|at| at <= self.now);
        if !std::mem::take(&mut node.was_told) && !is_due {
            return;
        }
        node.rig.settle();
        let mut out = node.rig.take_out();
        carry_out(&mut out, &mut Turn { world: self, number });
    }
}

impl Node {
    fn add(&mut self, meta: &Arc<Metainfo>, is_seed: bool, peers: Vec<SocketAddr>) -> TorrentId {
        let id = self.rig.add(&AddTorrent { peers, ..AddTorrent::new(Arc::clone(meta)) });
        let pieces = meta.layout.piece_count();
        let have = if is_seed { Bitfield::full(pieces) } else { Bitfield::new(pieces) };
        self.rig.disk(id, DiskEvent::Checked { have });
        self.torrents.push((id, InstantDisk::without_data(Arc::clone(meta))));
        id
    }

    /// Passes an event to the engine.
    pub(crate) fn tell(&mut self, event: Event<'_>) {
        self.rig.handle(event);
        self.was_told = true;
    }

    /// Reads the connections that the engine wants to be read.
    fn read(&mut self) {
        for (key, link) in &mut self.links {
            if !link.unread.is_empty() && self.rig.engine.may_read(*key) {
                self.rig.give(*key, &mut link.far_end, &link.unread);
                link.unread.clear();
                self.was_told = true;
            }
        }
    }

    fn written(&mut self, write: &WriteBlock) {
        let disk = write.disk;
        let bytes = write.data.len() as u32;
        self.tell(Event::Disk { torrent: write.torrent, event: DiskEvent::Written { disk, bytes } });
        let place = self.torrents.iter_mut().find(|(id, _)| *id == write.torrent);
        if let Some((id, content)) = place
            && let Some(piece) = content.write(write)
        {
            let event = content.judge_as(piece, true);
            self.rig.disk(*id, event);
        }
    }

    fn push(&mut self, peer: PeerKey, bytes: Bytes, kind: Kind) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.to_send.push_back(Item { bytes, kind });
        }
    }
}

impl Link {
    fn new(to: usize, their_key: PeerKey) -> Self {
        Self { to, their_key, far_end: FarEnd::default(), to_send: VecDeque::new(), unread: Vec::new() }
    }
}

fn addr_of(number: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number as u8], crate::net::PORT))
}

fn disk_id(number: usize) -> DiskId {
    DiskId::new(number).unwrap_or_default()
}

/// The effects of one turn of a node.
struct Turn<'a> {
    world: &'a mut World,
    number: usize,
}

impl Turn<'_> {
    fn node(&mut self) -> &mut Node {
        &mut self.world.nodes[self.number]
    }
}

impl Effects for Turn<'_> {
    fn send(&mut self, peer: PeerKey, bytes: &[u8]) {
        self.node().push(peer, Bytes::copy_from_slice(bytes), Kind::Plain);
    }

    fn send_reply(&mut self, peer: PeerKey, bytes: &[u8]) {
        self.node().push(peer, Bytes::copy_from_slice(bytes), Kind::Reply);
    }

    fn send_block(&mut self, SendBlock { peer, block, .. }: SendBlock) {
        let header = piece_header(block.piece, block.begin, block.len);
        self.node().push(peer, Bytes::copy_from_slice(&header), Kind::Plain);
        self.node().push(peer, Bytes::from(vec![0; block.len as usize]), Kind::Block);
    }

    fn write(&mut self, write: WriteBlock) {
        let World { now, disks, .. } = &mut *self.world;
        disks[write.disk.index()].push_back((*now + WRITE, write));
    }

    fn forget(&mut self, _: TorrentId) {}

    fn check(&mut self, _: TorrentId) {}

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

    fn connect(&mut self, Connect { peer, addr, .. }: Connect) {
        let (from, now) = (self.number, self.world.now);
        let to = match addr.ip() {
            IpAddr::V4(ip) => usize::from(ip.octets()[3]),
            IpAddr::V6(_) => return,
        };
        let Some(called) = self.world.nodes.get_mut(to) else { return };
        match called.rig.engine.accept(now, addr_of(from), Transport::Tcp) {
            Ok(their_key) => {
                called.links.insert(their_key, Link::new(from, peer));
                self.node().links.insert(peer, Link::new(to, their_key));
                self.node().tell(Event::Connected { peer });
            }
            Err(_) => self.node().tell(Event::Closed { peer, cause: CloseCause::Remote }),
        }
    }

    fn close(&mut self, Close { peer, .. }: Close) {
        let Some(link) = self.node().links.remove(&peer) else { return };
        let other = &mut self.world.nodes[link.to];
        other.links.remove(&link.their_key);
        other.tell(Event::Closed { peer: link.their_key, cause: CloseCause::Remote });
    }

    fn torrent_event(&mut self, _: TorrentEvent) {}
}
