//! Engines talking to each other over an instant network and a disk in memory, and to scripted peers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod dialing;
mod finding;

use crate::*;
use bytes::{Bytes, BytesMut};
use sha1::{Digest, Sha1};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use ztor_base::{Duration, PeerId};
use ztor_bencode::Tree;
use ztor_metainfo::{BLOCK_LEN, Metainfo};
use ztor_wire::{Block, Decoder, HANDSHAKE_LEN, Handshake, Message, Reserved};

fn content(len: usize) -> Vec<u8> {
    let mut rng = Rng::with_seed(7);
    (0..len).map(|_| rng.u8(..)).collect()
}

fn torrent(data: &[u8], piece_length: usize) -> Arc<Metainfo> {
    torrent_with(data, piece_length, &[])
}

fn private_torrent(data: &[u8], piece_length: usize) -> Arc<Metainfo> {
    torrent_with(data, piece_length, &[("private", 1)])
}

fn torrent_with(data: &[u8], piece_length: usize, more: &[(&str, i64)]) -> Arc<Metainfo> {
    let pieces: Vec<u8> = data.chunks(piece_length).flat_map(|p| Sha1::digest(p).to_vec()).collect();
    let text = |s: &str| Tree::Bytes(s.as_bytes().to_vec());
    let mut info = BTreeMap::from([
        (b"length".to_vec(), Tree::Int(data.len() as i64)),
        (b"name".to_vec(), text("blob")),
        (b"piece length".to_vec(), Tree::Int(piece_length as i64)),
        (b"pieces".to_vec(), Tree::Bytes(pieces)),
    ]);
    info.extend(more.iter().map(|(key, value)| (key.as_bytes().to_vec(), Tree::Int(*value))));
    let root = Tree::Dict(BTreeMap::from([(b"info".to_vec(), Tree::Dict(info))]));
    Arc::new(Metainfo::from_bytes(&root.to_vec()).unwrap())
}

fn addr(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 6881))
}

/// One engine with its disk.
struct Node {
    engine: Engine,
    out: Outbox,
    id: TorrentId,
    disk: Vec<u8>,
    written: BTreeMap<u32, BTreeSet<u32>>,
    was_bad: BTreeSet<u32>,
    links: BTreeMap<PeerKey, Link>,
    /// Flips a bit in every block it sends.
    lies: bool,
    notices: Vec<Notice>,
    blocks_sent: u64,
    /// All that was told to have changed.
    picture: BTreeMap<TorrentId, TorrentStatus>,
}

impl Node {
    fn new(engine: Engine, out: Outbox, id: TorrentId, disk: Vec<u8>) -> Self {
        Self {
            engine,
            out,
            id,
            disk,
            written: BTreeMap::new(),
            was_bad: BTreeSet::new(),
            links: BTreeMap::new(),
            lies: false,
            notices: Vec::new(),
            blocks_sent: 0,
            picture: BTreeMap::new(),
        }
    }

    /// What was told to have changed is all that changed.
    fn look(&mut self, now: Instant) {
        for (id, status) in self.engine.status_changes(now) {
            match status {
                Some(status) => self.picture.insert(id, status),
                None => self.picture.remove(&id),
            };
        }
        assert!(self.picture.values().eq(&self.engine.status(now)), "{:?}", self.picture);
        for torrent in self.engine.torrents.values() {
            let peers = torrent.peers.iter().filter(|key| self.engine.peers[**key].is_interested);
            assert_eq!(torrent.interested as usize, peers.count());
            torrent.picker.check_open();
        }
    }
}

struct Link {
    to: usize,
    their_key: PeerKey,
    inbound: BytesMut,
}

struct World {
    now: Instant,
    meta: Arc<Metainfo>,
    nodes: Vec<Node>,
}

impl World {
    fn new(data_len: usize, piece_length: usize) -> (Self, Vec<u8>) {
        let data = content(data_len);
        (Self { now: Instant::from_micros(1), meta: torrent(&data, piece_length), nodes: Vec::new() }, data)
    }

    fn add(&mut self, disk: Option<&[u8]>, peers: &[usize], tune: impl FnOnce(&mut Config)) -> usize {
        let n = self.nodes.len();
        let mut config = Config::new(PeerId::from_random([n as u8; 12]), 6881);
        tune(&mut config);
        let mut engine = Engine::new(self.now, config, n as u64 + 1);
        let peers = peers.iter().map(|p| addr(*p as u8)).collect();
        let add = AddTorrent {
            meta: Arc::clone(&self.meta),
            priorities: None,
            sequential: false,
            peers,
            uploaded: 0,
            downloaded: 0,
        };
        let id = engine.add(self.now, &add).unwrap();
        let pieces = self.meta.layout.piece_count();
        let have = if disk.is_some() { Bitfield::full(pieces) } else { Bitfield::new(pieces) };
        let mut out = Outbox::default();
        engine.handle(self.now, Event::Disk { torrent: id, event: DiskEvent::Checked { have } }, &mut out);
        let disk = disk.map_or_else(|| vec![0; self.meta.layout.total_len() as usize], <[u8]>::to_vec);
        self.nodes.push(Node::new(engine, out, id, disk));
        n
    }

    fn turn(&mut self) -> bool {
        let mut busy = false;
        for n in 0..self.nodes.len() {
            let node = &mut self.nodes[n];
            node.engine.settle(self.now, &mut node.out);
            node.look(self.now);
            let out = std::mem::take(&mut node.out);
            busy |= self.carry_out(n, out);
        }
        busy
    }

    fn carry_out(&mut self, n: usize, mut out: Outbox) -> bool {
        let (now, meta) = (self.now, Arc::clone(&self.meta));
        let busy = !(out.sends.is_empty()
            && out.blocks.is_empty()
            && out.connects.is_empty()
            && out.writes.is_empty());
        for connect in out.connects.drain(..) {
            let to = usize::from(match connect.addr.ip() {
                IpAddr::V4(ip) => ip.octets()[3],
                IpAddr::V6(_) => unreachable!("the world is IPv4"),
            });
            match self.nodes[to].engine.accept(now, addr(n as u8), Transport::Tcp) {
                Ok(their_key) => {
                    let link = |to, their_key| Link { to, their_key, inbound: BytesMut::new() };
                    self.nodes[to].links.insert(their_key, link(n, connect.peer));
                    self.nodes[n].links.insert(connect.peer, link(to, their_key));
                    self.handle(n, Event::Connected { peer: connect.peer });
                }
                Err(why) => self
                    .handle(n, Event::Closed { peer: connect.peer, reason: why.to_string(), is_ours: false }),
            }
        }
        for send in out.sends.drain(..) {
            self.deliver(n, send.peer, &out.bytes[send.range]);
        }
        for SendBlock { peer, block, .. } in out.blocks.drain(..) {
            let node = &mut self.nodes[n];
            node.blocks_sent += 1;
            let start = block.piece as usize * meta.layout.piece_length() as usize + block.begin as usize;
            let mut data = node.disk[start..start + block.len as usize].to_vec();
            if node.lies {
                data[0] ^= 1;
            }
            let mut bytes = Vec::new();
            Message::Piece { piece: block.piece, begin: block.begin, data: data.into() }.encode(&mut bytes);
            self.deliver(n, peer, &bytes);
            self.handle(n, Event::Sent { peer, block_bytes: block.len });
        }
        for write in out.writes.drain(..) {
            for event in self.write(n, &write) {
                self.handle(n, Event::Disk { torrent: write.torrent, event });
            }
        }
        for close in out.closes.drain(..) {
            if let Some(link) = self.nodes[n].links.remove(&close.peer) {
                self.nodes[link.to].links.remove(&link.their_key);
                self.handle(
                    link.to,
                    Event::Closed { peer: link.their_key, reason: close.reason, is_ours: false },
                );
            }
        }
        for torrent in out.checks.drain(..) {
            let node = &mut self.nodes[n];
            node.written.clear();
            let pieces = node.disk.chunks(meta.layout.piece_length() as usize).zip(0..);
            let right = pieces
                .filter(|(bytes, p)| meta.hashes.v1(*p).unwrap().as_ref() == Sha1::digest(bytes).as_slice());
            let mut have = Bitfield::new(meta.layout.piece_count());
            have.extend(right.map(|(_, p)| p));
            self.handle(n, Event::Disk { torrent, event: DiskEvent::Checked { have } });
        }
        let node = &mut self.nodes[n];
        node.notices.append(&mut out.notices);
        busy
    }

    fn handle(&mut self, n: usize, event: Event<'_>) {
        let node = &mut self.nodes[n];
        node.engine.handle(self.now, event, &mut node.out);
    }

    fn deliver(&mut self, from: usize, key: PeerKey, bytes: &[u8]) {
        let Some(link) = self.nodes[from].links.get(&key) else { return };
        let (to, their_key) = (link.to, link.their_key);
        let node = &mut self.nodes[to];
        let Some(mut data) = node.links.get_mut(&their_key).map(|l| std::mem::take(&mut l.inbound)) else {
            return;
        };
        data.extend_from_slice(bytes);
        node.engine.handle(self.now, Event::Received { peer: their_key, data: &mut data }, &mut node.out);
        if let Some(link) = node.links.get_mut(&their_key) {
            link.inbound = data;
        }
    }

    fn write(&mut self, n: usize, write: &Write) -> Vec<DiskEvent> {
        let layout = &self.meta.layout;
        let node = &mut self.nodes[n];
        let start = write.piece as usize * layout.piece_length() as usize;
        let at = start + write.begin as usize;
        node.disk[at..at + write.data.len()].copy_from_slice(&write.data);
        let mut events = vec![DiskEvent::Written { bytes: write.data.len() as u32 }];
        let blocks = node.written.entry(write.piece).or_default();
        blocks.insert(write.begin);
        if blocks.len() as u32 == layout.block_count(write.piece) {
            node.written.remove(&write.piece);
            let piece = &node.disk[start..start + layout.piece_len(write.piece) as usize];
            let digests: Vec<BlockDigest> = piece
                .chunks(BLOCK_LEN as usize)
                .enumerate()
                .map(|(i, b)| {
                    let mut digest = [0; 32];
                    digest[..20].copy_from_slice(&Sha1::digest(b));
                    BlockDigest { begin: i as u32 * BLOCK_LEN, digest }
                })
                .collect();
            let right = self.meta.hashes.v1(write.piece).unwrap().as_ref() == Sha1::digest(piece).as_slice();
            events.push(if right {
                let digests = if node.was_bad.remove(&write.piece) { digests } else { Vec::new() };
                DiskEvent::PieceOk { piece: write.piece, digests }
            } else {
                node.was_bad.insert(write.piece);
                DiskEvent::PieceBad { piece: write.piece, digests }
            });
        }
        events
    }

    /// Runs until `done`, in steps of 10 ms of virtual time when nothing is left to do now.
    fn run(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            assert!(self.now < end, "not done after {limit:?}: {:?}", self.describe());
            if !self.turn() {
                self.now += Duration::from_millis(10);
            }
        }
    }

    fn describe(&self) -> Vec<String> {
        let node = |n: &Node| {
            let s = &n.engine.status(self.now)[0];
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

    fn finished(&self, n: usize) -> bool {
        self.nodes[n].engine.status(self.now)[0].state == TorrentState::Seeding
    }
}

const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn a_leecher_fetches_all_from_a_seed() {
    let (mut world, data) = World::new(3 * 65536 + 12_345, 65536);
    let seed = world.add(Some(&data), &[], |_| {});
    let leech = world.add(None, &[seed], |_| {});
    let finished = Notice::Finished(world.nodes[leech].id);
    world.run(LIMIT, |w| w.nodes[leech].notices.contains(&finished));
    assert!(world.finished(leech));
    assert_eq!(world.nodes[leech].disk, data);
    assert_eq!(world.nodes[seed].blocks_sent, 13, "every block once");
    assert_eq!(world.nodes[leech].notices.iter().filter(|n| **n == finished).count(), 1);
    world.run(LIMIT, |w| w.nodes[leech].links.is_empty());
}

#[test]
fn a_swarm_spreads_pieces_among_leechers() {
    let (mut world, data) = World::new(40 * 32768, 32768);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(400_000));
    let all: Vec<usize> = (1..=6).collect();
    for n in &all {
        let peers: Vec<usize> = (0..*n).collect();
        world.add(None, &peers, |_| {});
    }
    world.run(LIMIT, |w| all.iter().all(|n| w.finished(*n)));
    for n in &all {
        assert_eq!(world.nodes[*n].disk, data);
    }
    let total = 80 * all.len() as u64;
    assert!(
        world.nodes[seed].blocks_sent < total / 2,
        "{} of {total} from the seed",
        world.nodes[seed].blocks_sent
    );
}

#[test]
fn a_liar_is_banned_and_the_download_ends_right() {
    let (mut world, data) = World::new(30 * 65536, 65536);
    let liar = world.add(Some(&data), &[], |_| {});
    world.nodes[liar].lies = true;
    let honest = world.add(Some(&data), &[], |c| c.limit_up = Some(500_000));
    let leech = world.add(None, &[liar, honest], |_| {});
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk, data);
    let banned: Vec<_> = world.nodes[leech]
        .notices
        .iter()
        .filter_map(|n| match n {
            Notice::Banned { addr, .. } => Some(addr.ip()),
            _ => None,
        })
        .collect();
    assert_eq!(banned, [addr(liar as u8).ip()]);
}

#[test]
fn limits_hold_in_both_directions() {
    for up in [false, true] {
        let (mut world, data) = World::new(64 * 65536, 65536);
        let limit = Some(400_000);
        let seed = world.add(Some(&data), &[], |c| c.limit_up = limit.filter(|_| up));
        let leech = world.add(None, &[seed], |c| c.limit_down = limit.filter(|_| !up));
        let got = |w: &World| w.nodes[leech].engine.status(w.now)[0].session_downloaded;
        world.run(LIMIT, |w| got(w) > 0);
        let (start, before) = (world.now, got(&world));
        world.run(LIMIT, |w| w.finished(leech) || w.now.since(start) >= Duration::from_secs(9));
        let rate = (got(&world) - before) as f64 / world.now.since(start).as_secs_f64();
        assert!((380_000.0..=420_000.0).contains(&rate), "{rate} with up = {up}");
    }
}

#[test]
fn a_disk_fault_stops_and_resume_goes_on() {
    let (mut world, data) = World::new(20 * 65536, 65536);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(300_000));
    let leech = world.add(None, &[seed], |_| {});
    world.run(LIMIT, |w| w.nodes[leech].engine.status(w.now)[0].have_pieces >= 5);
    let fault = DiskFault { kind: DiskFaultKind::Full, message: "no space".into() };
    let id = world.nodes[leech].id;
    world.handle(leech, Event::Disk { torrent: id, event: DiskEvent::Failed { fault: fault.clone() } });
    world.run(LIMIT, |w| w.nodes[leech].links.is_empty());
    let status = world.nodes[leech].engine.status(world.now);
    assert_eq!(status[0].state, TorrentState::Stopped(fault));
    assert!(status[0].have_pieces >= 5);
    world.handle(leech, Event::Command(Command::Resume(id)));
    assert!(
        world.nodes[leech].engine.resume_data(id, true).is_none(),
        "nothing is believed before it was looked at"
    );
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk, data);
}

#[test]
fn a_vanished_peers_blocks_are_fetched_from_another() {
    let (mut world, data) = World::new(20 * 65536, 65536);
    let first = world.add(Some(&data), &[], |c| c.limit_up = Some(200_000));
    let second = world.add(Some(&data), &[], |c| c.limit_up = Some(200_000));
    let leech = world.add(None, &[first, second], |_| {});
    world.run(LIMIT, |w| w.nodes[leech].engine.status(w.now)[0].have_pieces >= 3);
    // No goodbye: its bytes just stop.
    for link in
        world.nodes[leech].links.values().filter(|l| l.to == first).map(|l| l.their_key).collect::<Vec<_>>()
    {
        world.nodes[first].links.remove(&link);
    }
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk, data);
}

/// An engine with the whole of a small torrent and one scripted peer that has greeted it.
struct Scripted {
    world: World,
    seed: usize,
    key: PeerKey,
    inbound: BytesMut,
}

impl Scripted {
    fn new(disk: bool, reserved: Reserved) -> Self {
        let (mut world, data) = World::new(8 * 32768 - 100, 32768);
        let seed = world.add(disk.then_some(&data[..]), &[], |_| {});
        let key = world.nodes[seed].engine.accept(world.now, addr(99), Transport::Tcp).unwrap();
        let info_hash = world.meta.info_hashes.swarm_id();
        let hello = Handshake { reserved, info_hash, peer_id: PeerId::new([9; 20]) }.encode();
        let mut scripted = Self { world, seed, key, inbound: BytesMut::new() };
        let (first, rest) = hello.split_at(HANDSHAKE_LEN / 2);
        assert!(scripted.say_raw(first).is_empty(), "half a handshake gets no answer");
        scripted.say_raw(rest);
        scripted
    }

    fn say(&mut self, message: &Message) -> Vec<Message> {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.say_raw(&bytes)
    }

    fn say_raw(&mut self, bytes: &[u8]) -> Vec<Message> {
        let node = &mut self.world.nodes[self.seed];
        self.inbound.extend_from_slice(bytes);
        node.engine.handle(
            self.world.now,
            Event::Received { peer: self.key, data: &mut self.inbound },
            &mut node.out,
        );
        node.engine.settle(self.world.now, &mut node.out);
        let mut sent = BytesMut::from(&node.out.bytes[..]);
        node.out.bytes.clear();
        node.out.sends.clear();
        if sent.len() >= HANDSHAKE_LEN && Handshake::decode(&sent).is_ok_and(|h| h.is_some()) {
            let _ = sent.split_to(HANDSHAKE_LEN);
        }
        let mut decoder = Decoder::default();
        std::iter::from_fn(|| decoder.decode(&mut sent).unwrap()).collect()
    }

    fn closed(&self) -> Option<&str> {
        self.world.nodes[self.seed].out.closes.first().map(|c| &*c.reason)
    }
}

#[test]
fn requests_are_served_only_as_allowed() {
    let mut peer = Scripted::new(true, Reserved::NONE.with_fast());
    let block = Block { piece: 7, begin: 16384, len: 16284 };
    assert_eq!(peer.say(&Message::Request(block)), [Message::Reject(block)], "while choked");
    assert!(peer.say(&Message::Interested).contains(&Message::Unchoke));
    peer.say(&Message::Request(block));
    assert_eq!(peer.world.nodes[0].out.blocks.len(), 1);
    for bad in [
        Block { len: 16285, ..block },
        Block { piece: 8, ..block },
        Block { begin: u32::MAX, len: 2, ..block },
        Block { len: 0, ..block },
        Block { piece: 0, begin: 0, len: 32768 },
    ] {
        assert_eq!(peer.say(&Message::Request(bad)), [Message::Reject(bad)]);
    }
    assert_eq!(peer.world.nodes[0].out.blocks.len(), 1);
    assert_eq!(peer.closed(), None);
}

#[test]
fn nonsense_ends_the_connection_with_a_reason() {
    let cases = [
        (Message::Have { piece: 8 }, "named piece 8 of 8"),
        (Message::Bitfield(Bytes::from_static(&[0xff, 0])), "does not fit 8 pieces"),
        (Message::HaveAll, "without the Fast Extension"),
        (Message::Request(Block { piece: 0, begin: 0, len: u32::MAX }), "which it may not"),
        (Message::Extended { id: 0, payload: Bytes::from_static(b"i1") }, "no BitTorrent"),
    ];
    for (message, reason) in cases {
        let mut peer = Scripted::new(true, Reserved::NONE.with_extended());
        peer.say(&Message::Unchoke);
        assert_eq!(peer.closed(), None);
        peer.say(&message);
        let why = peer.closed().unwrap_or_else(|| panic!("{message:?} was let pass"));
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn unasked_blocks_are_dropped_and_then_punished() {
    let mut peer = Scripted::new(false, Reserved::NONE);
    let block = Message::Piece { piece: 0, begin: 0, data: Bytes::from(vec![0; 16384]) };
    for _ in 0..=128 {
        assert_eq!(peer.closed(), None);
        peer.say(&block);
    }
    assert!(peer.world.nodes[0].out.writes.is_empty());
    assert!(peer.closed().unwrap().contains("nobody asked for"));
}

#[test]
fn wrong_and_own_handshakes_are_refused() {
    let (mut world, data) = World::new(65536, 65536);
    let node = world.add(Some(&data), &[], |_| {});
    let swarm = world.meta.info_hashes.swarm_id();
    let own = PeerId::from_random([node as u8; 12]);
    for (info_hash, peer_id, reason) in
        [([1; 20], PeerId::new([1; 20]), "not here"), (swarm.into(), own, "ourselves")]
    {
        let key = world.nodes[node].engine.accept(world.now, addr(50), Transport::Tcp).unwrap();
        let hello = Handshake { reserved: Reserved::NONE, info_hash: info_hash.into(), peer_id }.encode();
        let mut data = BytesMut::from(&hello[..]);
        world.handle(node, Event::Received { peer: key, data: &mut data });
        let close = world.nodes[node].out.closes.pop().unwrap();
        assert!(close.reason.contains(reason), "{}", close.reason);
    }
}

/// The addresses that are called in this turn.
fn called(node: &mut Node, now: Instant) -> Vec<(PeerKey, SocketAddr)> {
    node.engine.settle(now, &mut node.out);
    node.out.connects.drain(..).map(|c| (c.peer, c.addr)).collect()
}

#[test]
fn a_few_addresses_are_called_at_once() {
    let (mut world, _) = World::new(65536, 65536);
    let others: Vec<usize> = (1..=20).collect();
    let node = world.add(None, &others, |_| {});
    assert_eq!(called(&mut world.nodes[node], world.now).len(), others.len());
}

#[test]
fn where_we_met_ourselves_no_torrent_calls_again() {
    let (mut world, _) = World::new(65536, 65536);
    let (own, other, now) = (addr(7), addr(8), world.now);
    let peer_id = PeerId::new([3; 20]);
    let n = world.add(None, &[7], |c| c.peer_id = peer_id);
    let info_hash = world.meta.info_hashes.swarm_id();
    let node = &mut world.nodes[n];
    let (key, _) = called(node, now)[0];
    node.engine.handle(now, Event::Connected { peer: key }, &mut node.out);
    let hello = Handshake { reserved: Reserved::NONE, info_hash, peer_id }.encode();
    let mut data = BytesMut::from(&hello[..]);
    node.engine.handle(now, Event::Received { peer: key, data: &mut data }, &mut node.out);
    assert!(node.out.closes.pop().unwrap().reason.contains("ourselves"));

    let add = AddTorrent {
        meta: torrent(&content(1000), 65536),
        priorities: None,
        sequential: false,
        peers: vec![own, other],
        uploaded: 0,
        downloaded: 0,
    };
    let id = node.engine.add(now, &add).unwrap();
    let event = DiskEvent::Checked { have: Bitfield::new(1) };
    node.engine.handle(now, Event::Disk { torrent: id, event }, &mut node.out);
    let mut all: Vec<_> = called(node, now);
    all.extend(called(node, now));
    assert_eq!(all.iter().map(|(_, addr)| *addr).collect::<Vec<_>>(), [other]);
    assert!(node.engine.poll_timeout() > Some(now), "nothing more to do now");
}

#[test]
fn a_silent_peer_is_let_go() {
    let mut peer = Scripted::new(true, Reserved::NONE);
    let start = peer.world.now;
    while peer.closed().is_none() {
        let node = &mut peer.world.nodes[0];
        let next = node.engine.poll_timeout().expect("something is always due");
        assert!(next.since(start) < Duration::from_secs(600));
        node.engine.settle(next, &mut node.out);
        peer.world.now = next;
    }
    assert!(peer.world.now.since(start) >= Duration::from_secs(120));
}

#[test]
fn the_same_seed_and_events_give_the_same_effects() {
    let trace = || {
        let (mut world, data) = World::new(30 * 32768, 32768);
        let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(300_000));
        let a = world.add(None, &[seed], |_| {});
        let b = world.add(None, &[seed, a], |_| {});
        world.run(LIMIT, |w| w.finished(a) && w.finished(b));
        (world.now, world.nodes.iter().map(|n| n.blocks_sent).collect::<Vec<_>>())
    };
    assert_eq!(trace(), trace());
}

#[test]
fn a_tiny_request_queue_of_the_peer_is_respected() {
    let mut peer = Scripted::new(false, Reserved::NONE.with_extended().with_fast());
    peer.say(&Message::Extended { id: 0, payload: Bytes::from_static(b"d1:md4:reqqi1eee") });
    peer.say(&Message::Extended { id: 0, payload: Bytes::from_static(b"d1:mde4:reqqi0ee") });
    peer.say(&Message::HaveAll);
    let asked = peer.say(&Message::Unchoke);
    assert_eq!(asked.iter().filter(|m| matches!(m, Message::Request(_))).count(), 1);
}

#[test]
fn a_peer_that_asks_in_vain_without_end_is_let_go() {
    for vain in [
        Message::HashRequest(ztor_wire::HashRequest {
            pieces_root: [0; 32],
            base_layer: 0,
            index: 0,
            length: 2,
            proof_layers: 0,
        }),
        Message::Request(Block { piece: 0, begin: 1, len: 100 }),
        Message::HaveNone,
    ] {
        let mut peer = Scripted::new(true, Reserved::NONE.with_fast());
        let mut answers = 0;
        while peer.closed().is_none() {
            answers += peer.say(&vain).len();
            assert!(answers < 20_000, "{vain:?}");
        }
    }
}

#[test]
fn everyone_gets_a_turn_at_a_busy_seed() {
    let (mut world, data) = World::new(400 * 32768, 32768);
    let seed = world.add(Some(&data), &[], |c| (c.limit_up, c.upload_slots) = (Some(100_000), 2));
    // Each knows only the seed, so only its turns bring them anything.
    let leechers: Vec<usize> = (0..5).map(|_| world.add(None, &[seed], |_| {})).collect();
    world.run(Duration::from_secs(900), |w| {
        leechers.iter().all(|n| w.nodes[*n].engine.status(w.now)[0].session_downloaded > 300_000)
    });
}

#[test]
fn a_silent_peer_cannot_hold_a_piece_another_could_give() {
    let mut scripted = Scripted::new(false, Reserved::NONE.with_fast());
    scripted.say(&Message::HaveAll);
    let asked = scripted.say(&Message::Unchoke);
    assert!(asked.iter().any(|m| matches!(m, Message::Request(_))));
    // It keeps the connection alive and gives nothing; an honest seed comes.
    let mut world = scripted.world;
    let data = content(8 * 32768 - 100);
    let seed = world.add(Some(&data), &[], |_| {});
    let id = world.nodes[0].id;
    world.handle(0, Event::Command(Command::AddPeers { torrent: id, addrs: vec![addr(seed as u8)] }));
    world.run(LIMIT, |w| w.finished(0));
    assert_eq!(world.nodes[0].disk, data);
}

#[test]
fn a_limit_is_shared_among_torrents_and_peers() {
    let (mut world, data) = World::new(300 * 32768, 32768);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(200_000));
    let leechers: Vec<usize> = (0..4).map(|_| world.add(None, &[seed], |_| {})).collect();
    let got = |w: &World, n: usize| w.nodes[n].engine.status(w.now)[0].session_downloaded;
    world.run(LIMIT, |w| w.now > Instant::from_micros(20_000_000));
    let all: Vec<u64> = leechers.iter().map(|n| got(&world, *n)).collect();
    let (least, most) = (all.iter().min().unwrap(), all.iter().max().unwrap());
    assert!(*least > 0 && *most < 2 * *least, "{all:?}");
}

#[test]
fn a_fault_during_the_check_does_not_count_as_nothing_there() {
    let (mut world, data) = World::new(8 * 32768, 32768);
    let node = world.add(Some(&data), &[], |_| {});
    let (mut engine, mut out) =
        (Engine::new(world.now, Config::new(PeerId::new([1; 20]), 1), 5), Outbox::default());
    let add = AddTorrent {
        meta: Arc::clone(&world.meta),
        priorities: None,
        sequential: false,
        peers: vec![addr(node as u8)],
        uploaded: 0,
        downloaded: 0,
    };
    let id = engine.add(world.now, &add).unwrap();
    let fault = DiskFault { kind: DiskFaultKind::Io, message: "no drive".into() };
    engine.handle(world.now, Event::Disk { torrent: id, event: DiskEvent::Failed { fault } }, &mut out);
    engine.settle(world.now, &mut out);
    assert!(engine.resume_data(id, true).is_none());
    assert!(engine.poll_timeout().is_none_or(|at| at > world.now), "no busy waiting while stopped");
    engine.handle(world.now, Event::Command(Command::Resume(id)), &mut out);
    assert_eq!(out.checks, [id]);
    engine.handle(
        world.now,
        Event::Disk { torrent: id, event: DiskEvent::Checked { have: Bitfield::new(8) } },
        &mut out,
    );
    engine.settle(world.now, &mut out);
    engine.settle(world.now + Duration::from_secs(1), &mut out);
    assert_eq!(out.connects.len(), 1, "it is live");
}

#[test]
fn a_verdict_that_comes_after_a_fault_still_counts() {
    let (mut world, data) = World::new(20 * 65536, 65536);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(300_000));
    let leech = world.add(None, &[seed], |_| {});
    world.run(LIMIT, |w| w.nodes[leech].engine.status(w.now)[0].have_pieces >= 5);
    let id = world.nodes[leech].id;
    let have = world.nodes[leech].engine.resume_data(id, true).unwrap().have;
    let late = (0..20).find(|p| !have.contains(*p)).unwrap();
    let fault = DiskFault { kind: DiskFaultKind::Full, message: "no space".into() };
    world.handle(leech, Event::Disk { torrent: id, event: DiskEvent::Failed { fault } });
    world.handle(
        leech,
        Event::Disk { torrent: id, event: DiskEvent::PieceOk { piece: late, digests: Vec::new() } },
    );
    assert!(world.nodes[leech].engine.resume_data(id, true).unwrap().have.contains(late));
}

/// As aria2 does in a fast download, instead of many `have` messages; but not without end for nothing.
#[test]
fn a_peer_may_tell_all_its_pieces_again_when_it_has_more() {
    let (mut world, _) = World::new(40 * 32768, 32768);
    let node = world.add(None, &[], |_| {});
    let info_hash = world.meta.info_hashes.swarm_id();
    let key = world.nodes[node].engine.accept(world.now, addr(50), Transport::Tcp).unwrap();
    let hello = Handshake { reserved: Reserved::NONE, info_hash, peer_id: PeerId::new([7; 20]) }.encode();
    world.handle(node, Event::Received { peer: key, data: &mut BytesMut::from(&hello[..]) });
    let tell = |world: &mut World, bits: &Bitfield| {
        let mut bytes = Vec::new();
        Message::Bitfield(bits.to_wire().into()).encode(&mut bytes);
        world.handle(node, Event::Received { peer: key, data: &mut BytesMut::from(&bytes[..]) });
        world.nodes[node].out.closes.pop().map(|close| close.reason)
    };
    let mut bits = Bitfield::new(40);
    for piece in 0..39 {
        bits.insert(piece);
        assert_eq!(tell(&mut world, &bits), None, "piece {piece}");
    }
    let closed = (0..20).find_map(|_| tell(&mut world, &bits));
    assert!(closed.unwrap().contains("all its pieces at once"));
}
