//! Discovery of peers and metadata by magnet links, peer exchange and the local network, none of it for private
//! torrents.

use super::*;
use ztor_metainfo::InfoHashes;
use ztor_tracker::TrackerIssue;
use ztor_wire::{ExtendedHandshake, LocalAnnounce, MetadataMessage, PexMessage, UT_METADATA, UT_PEX};

impl World {
    fn add_magnet(&mut self, info_hashes: InfoHashes, peers: &[usize]) -> usize {
        let n = self.nodes.len();
        let config = Config::new(PeerId::from_random([n as u8; 12]), 6881);
        let mut rig = Rig::new(self.now, config, n as u64 + 1);
        let peers = peers.iter().map(|p| addr(*p as u8)).collect();
        let add = AddMagnet { info_hashes, trackers: Vec::new(), peers, known: None, paused: false };
        let id = rig.engine.add_magnet(self.now, &add).unwrap();
        self.nodes.push(Node::new(rig, id, InstantDisk::new(Arc::clone(&self.meta), None)));
        n
    }

    /// Starts a torrent, as the driver does once it has the metadata.
    fn start(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        node.rig.engine.start_torrent(node.id, StartTorrent::default()).unwrap();
        let have = Bitfield::new(self.meta.layout.piece_count());
        node.rig.disk(node.id, DiskEvent::Checked { have });
    }

    /// Connects a foreign client, which has everything, sends a bitfield, and serves these bytes as the metadata.
    fn give_metadata(&mut self, n: usize, info: &[u8]) -> PeerKey {
        let (now, total_size) = (self.now, info.len() as u32);
        let handshake = Handshake {
            reserved: Reserved::NONE.with_extended(),
            info_hash: self.meta.info_hashes.swarm_id(),
            peer_id: PeerId::from_random([99; 12]),
        };
        let hello = ExtendedHandshake {
            messages: vec![(UT_METADATA.into(), 6)],
            metadata_size: Some(total_size),
            ..ExtendedHandshake::default()
        };
        let data = MetadataMessage::Data { piece: 0, total_size, data: Bytes::copy_from_slice(info) };
        let greeting = encode(&[
            Message::Bitfield(Bytes::from_static(&[0xf0])),
            Message::Extended { id: 0, payload: hello.encode().into() },
        ]);
        let greeting = [&handshake.encode()[..], &greeting].concat();
        let payload = data.encode().into();
        let answer = encode(&[Message::Extended { id: config::OUR_UT_METADATA, payload }]);
        let node = &mut self.nodes[n];
        let key = node.rig.engine.accept(now, addr(77), Transport::Tcp).unwrap();
        let mut far_end = FarEnd::default();
        for bytes in [greeting, answer] {
            node.rig.give(key, &mut far_end, &bytes);
            // After the greeting, the engine requests the metadata.
            node.rig.settle();
        }
        key
    }

    fn metadata(&self, n: usize) -> Option<Arc<Metainfo>> {
        self.nodes[n].events.iter().find_map(|event| match event {
            TorrentEvent::Metadata { meta, .. } => Some(Arc::clone(meta)),
            _ => None,
        })
    }

    fn peers(&self, n: usize) -> usize {
        self.nodes[n].status().peers as usize
    }
}

#[test]
fn metadata_that_is_too_long_is_reported_once() {
    let (mut world, _) = World::new(32768, 32768);
    let leech = world.add_magnet(world.meta.info_hashes, &[]);
    let node = &mut world.nodes[leech];
    let hello = |size| ExtendedHandshake {
        messages: vec![(UT_METADATA.into(), 6)],
        metadata_size: Some(size),
        ..ExtendedHandshake::default()
    };
    let info_hash = world.meta.info_hashes.swarm_id();
    for n in 1..3 {
        let handshake = Handshake {
            reserved: Reserved::NONE.with_extended(),
            info_hash,
            peer_id: PeerId::from_random([n; 12]),
        };
        let payload = hello(40 << 20).encode().into();
        let greeting = [&handshake.encode()[..], &encode(&[Message::Extended { id: 0, payload }])].concat();
        let key = node.rig.engine.accept(world.now, addr(76 + n), Transport::Tcp).unwrap();
        node.rig.give(key, &mut FarEnd::default(), &greeting);
        node.rig.settle();
    }
    let said = |event: &TorrentEvent| matches!(event, TorrentEvent::MetadataTooLong { len, max, .. } if *len == 40 << 20 && *max == 32 << 20);
    world.run(LIMIT, |w| w.nodes[leech].events.iter().any(said));
    assert_eq!(world.nodes[leech].events.iter().filter(|event| said(event)).count(), 1);
}

#[test]
fn magnet_link_with_a_seed_becomes_a_torrent_that_is_fetched_and_served() {
    let (mut world, data) = World::new(40 * 32768 + 5, 32768);
    let seed = world.add(Some(&data), &[], |_| {});
    let leech = world.add_magnet(world.meta.info_hashes, &[seed]);
    let status = &world.nodes[leech].status();
    assert_eq!(status.state, TorrentState::Metadata { done: 0, total: 0 });
    assert_eq!(
        world.nodes[leech].rig.engine.start_torrent(status.id, StartTorrent::default()),
        Err(StartTorrentError::NotWaiting)
    );
    world.run(LIMIT, |w| w.metadata(leech).is_some());
    let meta = world.metadata(leech).unwrap();
    assert_eq!(
        (meta.bulk().unwrap().info(), &meta.layout),
        (world.meta.bulk().unwrap().info(), &world.meta.layout)
    );
    assert_eq!(world.nodes[leech].status().state, TorrentState::Waiting);
    // Another leecher gets the metadata from one that has nothing else yet.
    let other = world.add_magnet(world.meta.info_hashes, &[leech]);
    world.run(LIMIT, |w| w.metadata(other).is_some());
    let node = &mut world.nodes[leech];
    let short =
        StartTorrent { priorities: Some(vec![Priority::Normal; 1].into()), ..StartTorrent::default() };
    let expected = node.rig.engine.metainfo(node.id).unwrap().layout.piece_count() as usize;
    let refused = node.rig.engine.start_torrent(node.id, short);
    assert_eq!(refused, Err(StartTorrentError::WrongPieceCount { expected, found: 1 }));
    world.start(leech);
    world.start(other);
    world.run(LIMIT, |w| w.finished(leech) && w.finished(other));
    assert_eq!(world.nodes[leech].disk.data(), data);
    assert_eq!(world.nodes[other].disk.data(), data);
}

#[test]
fn wrong_info_dictionary_is_dropped_and_its_sender_banned() {
    let (mut world, _) = World::new(4 * 32768, 32768);
    let leech = world.add_magnet(world.meta.info_hashes, &[]);
    let mut wrong = world.meta.bulk().unwrap().info().to_vec();
    wrong[20] ^= 1;
    let key = world.give_metadata(leech, &wrong);
    let node = &mut world.nodes[leech];
    let taken = |event: &TorrentEvent| matches!(event, TorrentEvent::Metadata { .. });
    assert!(!node.rig.out.events.iter().any(taken), "{:?}", node.rig.out.events);
    assert!(matches!(&node.rig.out.events[..], [TorrentEvent::Banned { .. }]), "{:?}", node.rig.out.events);
    assert!(!node.rig.engine.has_peer(key));
}

#[test]
fn peer_exchange_connects_all_peers_unless_it_is_off() {
    let (mut world, data) = World::new(20 * 65536, 65536);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(16 * 1024));
    let leechers: Vec<usize> =
        (0..6).map(|_| world.add(None, &[seed], |c| c.limit_down = Some(20_000))).collect();
    world.run(Duration::from_secs(30), |w| leechers.iter().all(|n| w.peers(*n) == 6));
    let (mut world, data) = World::new(20 * 65536, 65536);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(16 * 1024));
    let apart = |c: &mut Config| {
        c.limit_down = Some(20_000);
        c.peer_exchange = false;
    };
    let leechers: Vec<usize> = (0..3).map(|_| world.add(None, &[seed], apart)).collect();
    for _ in 0..3000 {
        world.turn();
        world.wait(Duration::from_millis(10));
    }
    assert!(leechers.iter().all(|n| world.peers(*n) == 1), "peer exchange is off");
}

#[test]
fn local_announce_is_sent_and_accepted_from_local_peers_only() {
    let (mut world, data) = World::new(4 * 32768, 32768);
    let seed = world.add(Some(&data), &[], |_| {});
    let leech = world.add(None, &[], |_| {});
    let mut told = None;
    while told.is_none() {
        assert!(world.now < Instant::from_micros(10_000_000), "nothing is announced");
        let node = &mut world.nodes[leech];
        node.rig.settle();
        told = node.rig.out.local_announces.pop();
        world.wait(Duration::from_millis(50));
    }
    let told: LocalAnnounce = told.unwrap();
    assert_eq!((told.port, &told.info_hashes[..]), (6881, &[world.meta.info_hashes.swarm_id()][..]));
    let datagram = told.encode("239.192.152.143:6771");
    // Our own announce is ignored, and so is one from outside the local network.
    world.handle(leech, Event::LocalAnnounce { from: addr(leech as u8), data: &datagram });
    world.handle(seed, Event::LocalAnnounce { from: ([8, 8, 8, 8], 6771).into(), data: &datagram });
    assert_eq!(world.nodes[leech].status().known_peers, 0);
    assert_eq!(world.nodes[seed].status().known_peers, 0);
    world.handle(seed, Event::LocalAnnounce { from: addr(leech as u8), data: &datagram });
    world.run(LIMIT, |w| w.finished(leech));
    assert_eq!(world.nodes[leech].disk.data(), data);
}

#[test]
fn private_torrent_is_announced_to_no_peer() {
    let (mut world, data) = World::new(20 * 65536, 65536);
    world.meta = private_torrent(&data, 65536);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(16 * 1024));
    let leechers: Vec<usize> =
        (0..3).map(|_| world.add(None, &[seed], |c| c.limit_down = Some(20_000))).collect();
    for _ in 0..7000 {
        world.turn();
        for node in &mut world.nodes {
            assert!(node.local_announces.is_empty());
        }
        world.wait(Duration::from_millis(10));
    }
    assert!(leechers.iter().all(|n| world.peers(*n) == 1), "no other peer was named");
    let leech = leechers[0];
    let datagram =
        LocalAnnounce { port: 1, info_hashes: vec![world.meta.info_hashes.swarm_id()], cookie: None };
    world.handle(leech, Event::LocalAnnounce { from: addr(9), data: &datagram.encode("x") });
    assert_eq!(world.nodes[leech].status().known_peers, 1, "local announces are ignored");
}

#[test]
fn magnet_link_that_turns_out_private_forgets_addresses_of_public_sources() {
    let (mut world, data) = World::new(20 * 65536, 65536);
    world.meta = private_torrent(&data, 65536);
    let swarm = world.meta.info_hashes.swarm_id();
    let seed = world.add(Some(&data), &[], |_| {});
    let leech = world.add_magnet(world.meta.info_hashes, &[seed]);
    let others = LocalAnnounce { port: 1, info_hashes: vec![swarm], cookie: None };
    world.handle(leech, Event::LocalAnnounce { from: addr(0), data: &others.encode("x") });
    assert_eq!(world.nodes[leech].status().known_peers, 2);
    let id = world.nodes[leech].id;
    world.nodes[leech].rig.engine.torrent_mut(id).known_mut().forget((addr(0).ip(), 1).into());
    world.handle(leech, Event::LocalAnnounce { from: ([10, 0, 9, 9], 1).into(), data: &others.encode("x") });
    // Nothing listens there. The address counts as being dialed.
    world.nodes[leech].rig.engine.torrent_mut(id).known_mut().take(([10, 0, 9, 9], 1).into());
    world.run(LIMIT, |w| w.metadata(leech).is_some());
    assert_eq!(world.nodes[leech].status().known_peers, 1, "only the one given by hand");
    assert!(world.nodes[leech].rig.engine.torrent(id).is_private());
}

/// A torrent file without piece layers is known to be private from the start.
#[test]
fn private_torrent_without_piece_layers_is_announced_to_no_peer() {
    let mut meta = Metainfo::from_info(v2_made_up("v2", 40).bulk().unwrap().info()).unwrap();
    meta.private = true;
    let (now, meta) = (Instant::from_micros(1), Arc::new(meta));
    let mut config = Config::new(PeerId::from_random([1; 12]), 6881);
    config.local_discovery = true;
    let mut engine = Engine::new(now, config, 1);
    let add = AddMagnet {
        info_hashes: meta.info_hashes,
        trackers: Vec::new(),
        peers: Vec::new(),
        known: Some(Arc::clone(&meta)),
        paused: false,
    };
    let id = engine.add_magnet(now, &add).unwrap();
    assert_eq!(engine.add_magnet(now, &add), Err(AddError::Duplicate));
    let (mut out, mut later) = (Outbox::default(), now);
    while later < now + Duration::from_secs(900) {
        engine.settle(later, &mut out);
        later += Duration::from_secs(1);
    }
    assert!(out.local_announces.is_empty() && engine.torrent_mut(id).schedule_mut().dht_due().is_none());
    let datagram =
        LocalAnnounce { port: 1, info_hashes: meta.info_hashes.swarm_ids().collect(), cookie: None };
    let data = datagram.encode("x");
    engine.handle(later, Event::LocalAnnounce { from: ([10, 0, 9, 9], 1).into(), data: &data }, &mut out);
    assert_eq!(engine.status(later)[0].known_peers, 0);
    assert_eq!(engine.status(later)[0].state, TorrentState::Metadata { done: 0, total: 1 });
}

#[test]
fn flood_of_addresses_by_peer_exchange_is_bounded() {
    let (mut world, _) = World::new(4 * 32768, 32768);
    let node = world.add(None, &[], |_| {});
    let engine = &mut world.nodes[node].rig.engine;
    let now = world.now;
    let key = engine.accept(now, ([8, 8, 8, 8], 1).into(), Transport::Tcp).unwrap();
    let mut out = Outbox::default();
    let mut data = BytesMut::new();
    let handshake = Handshake {
        reserved: Reserved::NONE.with_extended(),
        info_hash: world.meta.info_hashes.swarm_id(),
        peer_id: PeerId::from_random([99; 12]),
    };
    data.extend_from_slice(&handshake.encode());
    let hello = ExtendedHandshake {
        messages: vec![(UT_PEX.into(), 5), (UT_METADATA.into(), 6)],
        port: Some(7000),
        ..ExtendedHandshake::default()
    };
    let mut bytes = Vec::new();
    Message::Extended { id: 0, payload: hello.encode().into() }.encode(&mut bytes);
    for round in 0..50u8 {
        let address = |n: u32| {
            let [_, _, a, b] = n.to_be_bytes();
            (SocketAddr::from(([9, round, a, b], 80)), Default::default())
        };
        let message = PexMessage { added: (0..200).map(address).collect(), dropped: Vec::new() };
        Message::Extended { id: config::OUR_UT_PEX, payload: message.encode().into() }.encode(&mut bytes);
    }
    data.extend_from_slice(&bytes);
    engine.handle(now, Event::Received { peer: key, data: &mut data }, &mut out);
    let known = engine.status(now)[0].known_peers;
    assert!((1..=201).contains(&known), "{known}");
}

fn engine_with_trackers(now: Instant, urls: &[&str]) -> (Engine, Outbox) {
    let mut engine = Engine::new(now, Config::new(PeerId::from_random([1; 12]), 6881), 1);
    let add = AddMagnet {
        info_hashes: InfoHashes::V1(ztor_metainfo::InfoHashV1::new([1; 20])),
        trackers: urls.iter().map(|url| vec![(*url).to_owned()]).collect(),
        peers: Vec::new(),
        known: None,
        paused: false,
    };
    engine.add_magnet(now, &add).unwrap();
    let mut out = Outbox::default();
    engine.settle(now, &mut out);
    (engine, out)
}

#[test]
fn trackers_that_cannot_be_used_are_reported_once() {
    let now = Instant::from_micros(1);
    let said = |urls: &[&str]| {
        let (mut engine, mut out) = engine_with_trackers(now, urls);
        engine.settle(now + Duration::from_secs(1), &mut out);
        let messages = out.events.into_iter().map(|event| match event {
            TorrentEvent::Tracker { tracker, issue, .. } if issue.is_error() => format!("{tracker}: {issue}"),
            other => panic!("{other:?}"),
        });
        messages.collect::<Vec<_>>()
    };
    assert_eq!(
        said(&["wss://a.example/", "wss://b.example/"]),
        ["wss://a.example: wss trackers are not supported"]
    );
    assert_eq!(said(&["wss://a.example/", "http://b.example/announce"]), [""; 0]);
    let bad = said(&["http://a.example/announce", "http://b.example:99999/announce"]);
    let why = "its address cannot be used: the port is not a number from 1 to 65535";
    assert_eq!(bad.len(), 1);
    assert!(bad[0].ends_with(why) && bad[0].starts_with("http://b.example"), "{bad:?}");
}

#[test]
fn udp_tracker_without_a_port_is_asked_at_port_80() {
    let now = Instant::from_micros(1);
    let (mut engine, mut out) = engine_with_trackers(now, &["udp://tracker.example/announce"]);
    let asked = out.resolves.pop().expect("the name is looked up");
    let ips = vec!["192.0.2.1".parse().unwrap()];
    engine.handle(now, Event::Resolved { id: asked.id, result: Ok(ips) }, &mut out);
    engine.settle(now, &mut out);
    assert_eq!(out.tracker_datagrams[0].0, "192.0.2.1:80".parse().unwrap());
}

/// The name of a tracker is not looked up for every torrent.
#[test]
fn udp_tracker_with_both_families_is_announced_to_over_both() {
    let now = Instant::from_micros(1);
    let mut engine = Engine::new(now, Config::new(PeerId::from_random([1; 12]), 6881), 1);
    let magnet = |n: u8| AddMagnet {
        info_hashes: InfoHashes::V1(ztor_metainfo::InfoHashV1::new([n; 20])),
        trackers: vec![vec!["udp://tracker.example:80/announce".into()]],
        peers: Vec::new(),
        known: None,
        paused: false,
    };
    engine.add_magnet(now, &magnet(1)).unwrap();
    let mut out = Outbox::default();
    engine.settle(now, &mut out);
    let asked = out.resolves.pop().expect("the name is looked up");
    let ips: Vec<IpAddr> = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    engine.handle(now, Event::Resolved { id: asked.id, result: Ok(ips) }, &mut out);
    engine.settle(now, &mut out);
    let told: std::collections::BTreeSet<bool> =
        out.tracker_datagrams.iter().map(|(to, _)| to.is_ipv4()).collect();
    assert_eq!(told.len(), 2, "{:?}", out.tracker_datagrams);
    engine.add_magnet(now, &magnet(2)).unwrap();
    engine.settle(now, &mut out);
    assert!(out.resolves.is_empty(), "the name is known");
    // One family without an answer is no failure while the other may still answer.
    let mut later = now;
    while out.events.is_empty() && later < Instant::from_micros(600_000_000) {
        later += Duration::from_millis(500);
        engine.settle(later, &mut out);
        out.tracker_datagrams.clear();
    }
    assert!(
        matches!(&out.events[..], [TorrentEvent::Tracker { issue: TrackerIssue::Error(_), .. }, ..]),
        "{:?}",
        out.events
    );
    let failed: std::collections::BTreeSet<TorrentId> = out
        .events
        .iter()
        .filter_map(
            |event| if let TorrentEvent::Tracker { torrent, .. } = event { Some(*torrent) } else { None },
        )
        .collect();
    assert_eq!(failed.len(), out.events.len(), "one report per torrent");
}

#[test]
fn interest_in_a_torrent_without_pieces_does_not_keep_the_loop_busy() {
    let (mut world, data) = World::new(4 * 32768, 32768);
    let seed = world.add(Some(&data), &[], |_| {});
    let leech = world.add_magnet(world.meta.info_hashes, &[seed]);
    world.run(LIMIT, |w| w.metadata(leech).is_some());
    let node = &mut world.nodes[leech];
    let key = *node.links.keys().next().unwrap();
    node.rig.give(key, &mut FarEnd::default(), &encode(&[Message::Interested]));
    world.wait(Duration::from_secs(60));
    let rig = &mut world.nodes[leech].rig;
    rig.settle();
    assert!(rig.engine.poll_timeout().unwrap() > rig.now);
    world.start(leech);
    world.run(LIMIT, |w| w.finished(leech));
}

/// A seed without the Fast Extension sends a bitfield before the number of pieces is known.
#[test]
fn full_bitfield_before_the_metadata_counts_as_a_seed() {
    let (mut world, _) = World::new(4 * 32768, 32768);
    let leech = world.add_magnet(world.meta.info_hashes, &[]);
    let info = Arc::clone(world.meta.bulk().unwrap().info());
    let key = world.give_metadata(leech, &info);
    world.start(leech);
    let engine = &world.nodes[leech].rig.engine;
    assert_eq!(engine.status(world.now)[0].seeds, 1);
    assert_eq!(engine.peer(key).trade().interesting(), 4);
}

#[test]
fn magnet_that_begins_paused_asks_nobody_until_it_is_resumed() {
    let now = Instant::from_micros(1);
    let mut engine = Engine::new(now, Config::new(PeerId::from_random([7; 12]), 6881), 7);
    engine.start_dht(now, ztor_dht::Config::default(), None);
    let add = AddMagnet {
        info_hashes: InfoHashes::V1(ztor_metainfo::InfoHashV1::new([1; 20])),
        trackers: vec![vec!["http://192.0.2.1/announce".to_owned()]],
        peers: vec![addr(1)],
        known: None,
        paused: true,
    };
    let id = engine.add_magnet(now, &add).unwrap();
    let (mut out, mut later) = (Outbox::default(), now);
    let mut run = |engine: &mut Engine, out: &mut Outbox| {
        let end = later + Duration::from_secs(900);
        while later < end {
            engine.settle(later, out);
            later += Duration::from_secs(1);
        }
        later
    };
    let later = run(&mut engine, &mut out);
    assert!(out.connects.is_empty() && out.https.is_empty() && out.local_announces.is_empty(), "{out:?}");
    assert!(engine.torrent_mut(id).schedule_mut().dht_due().is_none());
    engine.handle(later, Event::Command(Command::Resume(id)), &mut out);
    assert!(engine.torrent_mut(id).schedule_mut().dht_due().is_some());
    run(&mut engine, &mut out);
    assert!(!out.connects.is_empty() && !out.https.is_empty() && !out.local_announces.is_empty(), "{out:?}");
}
