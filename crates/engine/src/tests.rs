//! Engines talking to each other over an instant network and a disk in memory, and to scripted peers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod announces;
mod bans;
mod dht;
mod dht_addresses;
mod dialing;
mod finding;
mod identity;
mod internals;
mod leaves;
mod leeches;
mod managing;
mod odd_peers;
mod partial;
mod places;
mod questions;
mod scripted;
mod super_seeding;
mod trackers;
mod uploads;
mod world;

use scripted::{SCRIPTED_LEN, Scripted};
use world::{Node, World, addr, private_torrent, torrent};

use crate::testkit::{
    Blueprint, Effects, FarEnd, InstantDisk, Rig, SHORT_BY, Transcript, carry_out, encode, noise, v2_made_up,
};
use crate::*;
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use ztor_base::{Duration, PeerId};
use ztor_metainfo::Metainfo;
use ztor_wire::{Block, HANDSHAKE_LEN, Handshake, HashRequest, LocalAnnounce, Message, Reserved};

const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn leecher_with_a_seed_fetches_every_block_once() {
    let (mut world, data) = World::new(3 * 65536 + 12_345, 65536);
    let seed = world.add(Some(&data), &[], |_| {});
    let leech = world.add(None, &[seed], |_| {});
    let finished = TorrentEvent::Finished { torrent: world.nodes[leech].id };
    world.run(LIMIT, |w| w.nodes[leech].events.contains(&finished));
    assert!(world.finished(leech));
    assert_eq!(world.nodes[leech].disk.data(), data);
    assert_eq!(world.nodes[seed].blocks_sent, 13, "every block once");
    assert_eq!(world.nodes[leech].events.iter().filter(|n| **n == finished).count(), 1);
    world.run(LIMIT, |w| w.nodes[leech].links.is_empty());
}

#[test]
fn swarm_of_leechers_spreads_pieces_among_them() {
    let (mut world, data) = World::new(40 * 32768, 32768);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(400_000));
    let all: Vec<usize> = (1..=6).collect();
    for n in &all {
        let peers: Vec<usize> = (0..*n).collect();
        world.add(None, &peers, |_| {});
    }
    world.run(LIMIT, |w| all.iter().all(|n| w.finished(*n)));
    for n in &all {
        assert_eq!(world.nodes[*n].disk.data(), data);
    }
    let total = 80 * all.len() as u64;
    assert!(
        world.nodes[seed].blocks_sent < total / 2,
        "{} of {total} from the seed",
        world.nodes[seed].blocks_sent
    );
}

#[test]
fn download_with_a_liar_bans_it_and_completes() {
    let (mut world, data) = World::new(30 * 65536, 65536);
    let liar = world.add(Some(&data), &[], |_| {});
    world.nodes[liar].lies = true;
    let honest = world.add(Some(&data), &[], |c| c.limit_up = Some(500_000));
    let leech = world.add(None, &[liar, honest], |_| {});
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk.data(), data);
    let banned: Vec<_> = world.nodes[leech]
        .events
        .iter()
        .filter_map(|n| match n {
            TorrentEvent::Banned { author: Author::Peer(ip, _), .. } => Some(*ip),
            _ => None,
        })
        .collect();
    assert_eq!(banned, [addr(liar as u8).ip()]);
}

#[test]
fn transfer_with_a_rate_limit_keeps_it_in_both_directions() {
    for up in [false, true] {
        let (mut world, data) = World::new(64 * 65536, 65536);
        let limit = Some(400_000);
        let seed = world.add(Some(&data), &[], |c| c.limit_up = limit.filter(|_| up));
        let leech = world.add(None, &[seed], |c| c.limit_down = limit.filter(|_| !up));
        let got = |w: &World| w.nodes[leech].status().session_downloaded_bytes;
        world.run(LIMIT, |w| got(w) > 0);
        let (start, before) = (world.now, got(&world));
        world.run(LIMIT, |w| w.finished(leech) || w.now.since(start) >= Duration::from_secs(9));
        let rate = (got(&world) - before) as f64 / world.now.since(start).as_secs_f64();
        assert!((380_000.0..=420_000.0).contains(&rate), "{rate} with up = {up}");
    }
}

#[test]
fn download_after_a_disk_fault_stops_and_completes_once_resumed() {
    let (mut world, data) = World::new(20 * 65536, 65536);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(300_000));
    let leech = world.add(None, &[seed], |_| {});
    world.run(LIMIT, |w| w.nodes[leech].status().have_pieces >= 5);
    let fault = DiskFault { kind: DiskFaultKind::Full, message: "no space".into() };
    let id = world.nodes[leech].id;
    world.handle(leech, Event::Disk { torrent: id, event: DiskEvent::Failed { fault: fault.clone() } });
    world.run(LIMIT, |w| w.nodes[leech].links.is_empty());
    let status = [world.nodes[leech].status()];
    assert_eq!(status[0].state, TorrentState::Stopped(fault));
    assert!(status[0].have_pieces >= 5);
    world.handle(leech, Event::Command(Command::Retry(id)));
    assert!(world.nodes[leech].resume_data(id).is_none(), "no pieces are recorded before the check");
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk.data(), data);
}

#[test]
fn blocks_of_a_vanished_peer_are_fetched_from_another() {
    let (mut world, data) = World::new(20 * 65536, 65536);
    let first = world.add(Some(&data), &[], |c| c.limit_up = Some(200_000));
    let second = world.add(Some(&data), &[], |c| c.limit_up = Some(200_000));
    let leech = world.add(None, &[first, second], |_| {});
    world.run(LIMIT, |w| w.nodes[leech].status().have_pieces >= 3);
    // The peer vanishes without closing the connection.
    for link in
        world.nodes[leech].links.values().filter(|l| l.to == first).map(|l| l.their_key).collect::<Vec<_>>()
    {
        world.nodes[first].links.remove(&link);
    }
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk.data(), data);
}

#[test]
fn request_while_choked_or_outside_the_torrent_is_rejected() {
    let mut peer = Scripted::new(true, Reserved::NONE.with_fast());
    let block = Block { piece: 7, begin: 16384, len: 16284 };
    assert_eq!(peer.say(&Message::Request(block)), [Message::Reject(block)], "while choked");
    assert!(peer.say(&Message::Interested).contains(&Message::Unchoke));
    peer.say(&Message::Request(block));
    assert_eq!(peer.rig.out.blocks.len(), 1);
    for bad in [
        Block { len: 16285, ..block },
        Block { piece: 8, ..block },
        Block { begin: u32::MAX, len: 2, ..block },
        Block { len: 0, ..block },
        Block { piece: 0, begin: 0, len: 32769 },
    ] {
        assert_eq!(peer.say(&Message::Request(bad)), [Message::Reject(bad)]);
    }
    assert_eq!(peer.rig.out.blocks.len(), 1);
    assert_eq!(peer.closed(), None);
}

#[test]
fn invalid_message_closes_the_connection_with_a_reason() {
    let cases = [
        (Message::Have { piece: 8 }, "out of range: 8 of 8"),
        (Message::Bitfield(Bytes::from_static(&[0xff, 0])), "does not fit 8 pieces"),
        (Message::HaveAll, "without the Fast Extension"),
        (Message::Request(Block { piece: 0, begin: 0, len: u32::MAX }), "an invalid request"),
        (Message::Extended { id: 0, payload: Bytes::from_static(b"i1") }, "malformed protocol data"),
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
fn unrequested_blocks_are_dropped_and_many_close_the_connection() {
    let mut peer = Scripted::new(false, Reserved::NONE);
    let block = Message::Piece { piece: 0, begin: 0, data: Bytes::from(vec![0; 16384]) };
    for _ in 0..=128 {
        assert_eq!(peer.closed(), None);
        peer.say(&block);
    }
    assert!(peer.rig.out.writes.is_empty());
    assert!(peer.closed().unwrap().contains("unrequested blocks"));
}

#[test]
fn handshake_of_another_torrent_or_of_ourselves_is_refused() {
    let (mut world, data) = World::new(65536, 65536);
    let node = world.add(Some(&data), &[], |_| {});
    let swarm = world.meta.info_hashes.swarm_id();
    let own = PeerId::from_random([node as u8; 12]);
    for (info_hash, peer_id, reason) in
        [([1; 20], PeerId::new([1; 20]), "unknown or inactive torrent"), (swarm.into(), own, "ourselves")]
    {
        let key = world.nodes[node].rig.engine.accept(world.now, addr(50), Transport::Tcp).unwrap();
        let hello = Handshake { reserved: Reserved::NONE, info_hash: info_hash.into(), peer_id }.encode();
        world.nodes[node].rig.give(key, &mut FarEnd::default(), &hello);
        let close = world.nodes[node].rig.out.closes.pop().unwrap();
        assert!(close.reason.contains(reason), "{}", close.reason);
    }
}

/// Returns the addresses that are dialed in this turn.
fn called(node: &mut Node) -> Vec<(PeerKey, SocketAddr)> {
    node.rig.settle();
    node.rig.out.connects.drain(..).map(|c| (c.peer, c.addr)).collect()
}

#[test]
fn few_addresses_are_dialed_in_one_turn() {
    let (mut world, _) = World::new(65536, 65536);
    let others: Vec<usize> = (1..=20).collect();
    let node = world.add(None, &others, |_| {});
    assert_eq!(called(&mut world.nodes[node]).len(), others.len());
}

#[test]
fn own_address_is_dialed_by_no_torrent_again() {
    let (mut world, _) = World::new(65536, 65536);
    let (own, other) = (addr(7), addr(8));
    let peer_id = PeerId::new([3; 20]);
    let n = world.add(None, &[7], |c| c.peer_id = peer_id);
    let info_hash = world.meta.info_hashes.swarm_id();
    let node = &mut world.nodes[n];
    let (key, _) = called(node)[0];
    node.rig.handle(Event::Connected { peer: key });
    let hello = Handshake { reserved: Reserved::NONE, info_hash, peer_id }.encode();
    node.rig.give(key, &mut FarEnd::default(), &hello);
    assert!(node.rig.out.closes.pop().unwrap().reason.contains("ourselves"));

    let add = AddTorrent { peers: vec![own, other], ..AddTorrent::new(torrent(&noise(1000), 65536)) };
    let id = node.rig.add(&add);
    node.rig.disk(id, DiskEvent::Checked { have: Bitfield::new(1) });
    let mut all: Vec<_> = called(node);
    all.extend(called(node));
    assert_eq!(all.iter().map(|(_, addr)| *addr).collect::<Vec<_>>(), [other]);
    assert!(node.rig.engine.poll_timeout() > Some(node.rig.now), "nothing more to do now");
}

#[test]
fn silent_peer_is_closed_after_a_timeout() {
    let mut peer = Scripted::new(true, Reserved::NONE);
    let start = peer.rig.now;
    while peer.closed().is_none() {
        peer.rig.now = peer.rig.engine.poll_timeout().expect("something is always due");
        assert!(peer.rig.now.since(start) < Duration::from_secs(600));
        peer.settle();
    }
    assert!(peer.rig.now.since(start) >= Duration::from_secs(120));
}

#[test]
fn engine_with_the_same_seed_and_events_has_the_same_effects() {
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
fn peer_with_a_tiny_request_queue_gets_one_request() {
    let mut peer = Scripted::new(false, Reserved::NONE.with_extended().with_fast());
    peer.say(&Message::Extended { id: 0, payload: Bytes::from_static(b"d1:md4:reqqi1eee") });
    peer.say(&Message::Extended { id: 0, payload: Bytes::from_static(b"d1:mde4:reqqi0ee") });
    peer.say(&Message::HaveAll);
    let asked = peer.say(&Message::Unchoke);
    assert_eq!(asked.iter().filter(|m| matches!(m, Message::Request(_))).count(), 1);
}

#[test]
fn peer_with_endless_refused_requests_is_closed() {
    for vain in [
        Message::HashRequest(HashRequest {
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
fn busy_seed_serves_all_leechers_in_turn() {
    let (mut world, data) = World::new(400 * 32768, 32768);
    let seed = world.add(Some(&data), &[], |c| (c.limit_up, c.upload_slots) = (Some(100_000), 2));
    // The leechers know only the seed, so each depends on its turns there.
    let leechers: Vec<usize> = (0..5).map(|_| world.add(None, &[seed], |_| {})).collect();
    world.run(Duration::from_secs(900), |w| {
        leechers.iter().all(|n| w.nodes[*n].status().session_downloaded_bytes > 300_000)
    });
}

#[test]
fn blocks_of_a_silent_peer_are_fetched_from_another() {
    let mut scripted = Scripted::new(false, Reserved::NONE.with_fast());
    scripted.say(&Message::HaveAll);
    let asked = scripted.say(&Message::Unchoke);
    assert!(asked.iter().any(|m| matches!(m, Message::Request(_))));
    // It keeps the connection alive and serves nothing. Then an honest seed is added.
    let (mut world, data) = scripted.into_world();
    let seed = world.add(Some(&data), &[], |_| {});
    let id = world.nodes[0].id;
    world.handle(0, Event::Command(Command::AddPeers { torrent: id, addrs: vec![addr(seed as u8)] }));
    world.run(LIMIT, |w| w.finished(0));
    assert_eq!(world.nodes[0].disk.data(), data);
}

#[test]
fn upload_limit_is_shared_evenly_among_peers() {
    let (mut world, data) = World::new(300 * 32768, 32768);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(200_000));
    let leechers: Vec<usize> = (0..4).map(|_| world.add(None, &[seed], |_| {})).collect();
    let got = |w: &World, n: usize| w.nodes[n].status().session_downloaded_bytes;
    world.run(LIMIT, |w| w.now > Instant::from_micros(20_000_000));
    let all: Vec<u64> = leechers.iter().map(|n| got(&world, *n)).collect();
    let (least, most) = (all.iter().min().unwrap(), all.iter().max().unwrap());
    assert!(*least > 0 && *most < 2 * *least, "{all:?}");
}

#[test]
fn add_with_priorities_of_another_torrent_is_refused() {
    let (world, _) = World::new(8 * 32768, 32768);
    let mut rig = Rig::new(world.now, Config::new(PeerId::new([1; 20]), 1), 5);
    let priorities = Some(vec![Priority::Normal; 9].into());
    let add = AddTorrent { priorities, ..AddTorrent::new(Arc::clone(&world.meta)) };
    assert_eq!(rig.engine.add(rig.now, &add), Err(AddError::WrongPieceCount { expected: 8, found: 9 }));
}

#[test]
fn disk_fault_during_the_check_records_no_pieces_until_resumed() {
    let (mut world, data) = World::new(8 * 32768, 32768);
    let node = world.add(Some(&data), &[], |_| {});
    let mut rig = Rig::new(world.now, Config::new(PeerId::new([1; 20]), 1), 5);
    let peers = vec![addr(node as u8)];
    let id = rig.add(&AddTorrent { peers, ..AddTorrent::new(Arc::clone(&world.meta)) });
    let fault = DiskFault { kind: DiskFaultKind::Io, message: "no drive".into() };
    rig.disk(id, DiskEvent::Failed { fault });
    rig.settle();
    assert!(rig.engine.resume_data(rig.now, id).is_none());
    assert!(rig.engine.poll_timeout().is_none_or(|at| at > rig.now), "no busy waiting while stopped");
    rig.handle(Event::Command(Command::Retry(id)));
    assert_eq!(rig.out.checks, [id]);
    rig.disk(id, DiskEvent::Checked { have: Bitfield::new(8) });
    rig.settle();
    rig.now += Duration::from_secs(1);
    rig.settle();
    assert_eq!(rig.out.connects.len(), 1, "it is live");
}

#[test]
fn piece_verified_after_a_disk_fault_still_counts() {
    let (mut world, data) = World::new(20 * 65536, 65536);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(300_000));
    let leech = world.add(None, &[seed], |_| {});
    world.run(LIMIT, |w| w.nodes[leech].status().have_pieces >= 5);
    let id = world.nodes[leech].id;
    let have = world.nodes[leech].resume_data(id).unwrap().have;
    let late = (0..20).find(|p| !have.contains(*p)).unwrap();
    let fault = DiskFault { kind: DiskFaultKind::Full, message: "no space".into() };
    world.handle(leech, Event::Disk { torrent: id, event: DiskEvent::Failed { fault } });
    world.handle(
        leech,
        Event::Disk { torrent: id, event: DiskEvent::PieceOk { piece: late, digests: Vec::new() } },
    );
    assert!(world.nodes[leech].resume_data(id).unwrap().have.contains(late));
}

/// In a fast download, aria2 sends bitfields instead of many `have` messages.
#[test]
fn repeated_bitfield_without_new_pieces_closes_the_connection() {
    let (mut world, _) = World::new(40 * 32768, 32768);
    let node = world.add(None, &[], |_| {});
    let info_hash = world.meta.info_hashes.swarm_id();
    let key = world.nodes[node].rig.engine.accept(world.now, addr(50), Transport::Tcp).unwrap();
    let hello = Handshake { reserved: Reserved::NONE, info_hash, peer_id: PeerId::new([7; 20]) }.encode();
    world.nodes[node].rig.give(key, &mut FarEnd::default(), &hello);
    let tell = |world: &mut World, bits: &Bitfield| {
        let bytes = encode(&[Message::Bitfield(bits.to_wire().into())]);
        world.nodes[node].rig.give(key, &mut FarEnd::default(), &bytes);
        world.nodes[node].rig.out.closes.pop().map(|close| close.reason)
    };
    let mut bits = Bitfield::new(40);
    for piece in 0..39 {
        bits.insert(piece);
        assert_eq!(tell(&mut world, &bits), None, "piece {piece}");
    }
    let closed = (0..20).find_map(|_| tell(&mut world, &bits));
    assert!(closed.unwrap().contains("few new pieces"));
}
