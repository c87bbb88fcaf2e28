//! What others learn about the client.

use super::*;
use ztor_base::{Instant, SwarmId};
use ztor_metainfo::InfoHashes;

/// Returns all bytes that an engine sends to a caller with extensions, after the caller's handshake.
fn greeting(rig: &mut Rig, info_hash: SwarmId, from: u8) -> String {
    let key = rig.engine.accept(rig.now, addr(from), Transport::Tcp).unwrap();
    let reserved = Reserved::NONE.with_extended();
    let hello = Handshake { reserved, info_hash, peer_id: PeerId::new([from; 20]) }.encode();
    rig.handle(Event::Received { peer: key, data: &mut BytesMut::from(&hello[..]) });
    rig.settle();
    let out = rig.take_out();
    let bytes: Vec<u8> = out.sends.iter().flat_map(|send| out.bytes[send.range.clone()].to_vec()).collect();
    bytes.iter().map(|b| char::from(*b)).collect()
}

#[test]
fn set_identity_closes_connections_and_greets_without_a_description() {
    let meta = torrent(&noise(4 * 32768), 32768);
    let info_hash = meta.info_hashes.swarm_id();
    let mut rig = Rig::new(Instant::from_micros(1), Config::new(PeerId::from_random([0; 12]), 6881), 1);
    let id = rig.add(&AddTorrent::new(Arc::clone(&meta)));
    rig.disk(id, DiskEvent::Checked { have: Bitfield::new(4) });
    let open = greeting(&mut rig, info_hash, 50);
    for part in ["-ZR0100-", "1:v", "1:pi6881e", "6:yourip"] {
        assert!(open.contains(part), "{part}: {open:?}");
    }
    let (now, mut out) = (rig.now, Outbox::default());
    rig.engine.set_identity(now, PeerId::new([7; 20]), true, &mut out);
    assert_eq!(out.closes.len(), 1, "the peer knows the old id");
    let anonymous = greeting(&mut rig, info_hash, 51);
    for part in ["-ZR0100-", "1:v", "ztor", "1:pi", "6:yourip"] {
        assert!(!anonymous.contains(part), "{part}: {anonymous:?}");
    }
    assert!(anonymous.contains(&"\u{7}".repeat(20)), "the new id");
}

/// Returns the datagrams that were sent to a UDP tracker since the last call.
fn to_tracker(rig: &mut Rig) -> Vec<Vec<u8>> {
    rig.settle();
    rig.take_out().tracker_datagrams.into_iter().map(|(_, datagram)| datagram).collect()
}

#[test]
fn set_identity_leaves_no_trace_of_the_old_one_for_a_udp_tracker() {
    const CONNECTION: [u8; 8] = [0xc1; 8];
    let mut rig = Rig::new(Instant::from_micros(1), Config::new(PeerId::new([6; 20]), 6881), 1);
    let trackers = vec![vec!["udp://192.0.2.1:6969/announce".to_owned()]];
    let info_hashes = InfoHashes::V1(ztor_metainfo::InfoHashV1::new([3; 20]));
    let add = AddMagnet { info_hashes, trackers, peers: Vec::new(), known: None, paused: false };
    rig.engine.add_magnet(rig.now, &add).unwrap();
    let connect = to_tracker(&mut rig).remove(0);
    assert_eq!(connect.len(), 16, "a request for a connection id");
    let answer = [&[0; 4][..], &connect[12..], &CONNECTION].concat();
    let from = "192.0.2.1:6969".parse().unwrap();
    rig.handle(Event::Datagram { node: 0, from, data: &answer });
    let announce = to_tracker(&mut rig).remove(0);
    assert!(announce.starts_with(&CONNECTION) && announce[36..56] == [6; 20], "{announce:?}");
    let (now, mut out) = (rig.now, Outbox::default());
    rig.engine.set_identity(now, PeerId::new([7; 20]), true, &mut out);
    rig.handle(Event::Network(NetworkChange::Moved));
    let mut later = Vec::new();
    for _ in 0..20 {
        rig.now += Duration::from_secs(1);
        later.extend(to_tracker(&mut rig));
    }
    assert!(!later.is_empty(), "the tracker is asked again");
    assert!(later.iter().all(|datagram| datagram.len() == 16), "for a new connection id: {later:?}");
    let renewed = later.last().unwrap();
    let answer = [&[0; 4][..], &renewed[12..], &[0xc2; 8]].concat();
    rig.handle(Event::Datagram { node: 0, from, data: &answer });
    let announce = to_tracker(&mut rig).remove(0);
    assert!(announce[36..56] == [7; 20], "{announce:?}");
    assert_eq!(announce[80..84], 2u32.to_be_bytes(), "started");
}

#[test]
fn dht_ids_are_renewed_with_the_identity_and_not_saved_while_it_is_anonymous() {
    let mut rig = Rig::new(Instant::from_micros(1), Config::new(PeerId::new([6; 20]), 6881), 1);
    rig.engine.start_dht(rig.now, ztor_dht::Config::default(), None);
    let ids = |rig: &Rig| rig.engine.dht_stats(rig.now)[0].families.v4.unwrap().id;
    let first = ids(&rig);
    assert_eq!(rig.engine.dht_to_save()[0].ids.v4, Some(first));
    let (now, mut out) = (rig.now, Outbox::default());
    rig.engine.set_identity(now, PeerId::new([7; 20]), true, &mut out);
    let second = ids(&rig);
    assert_ne!(first, second);
    assert_eq!(rig.engine.dht_to_save()[0].ids, ztor_dht::PerFamily::default());
    rig.engine.set_identity(now, PeerId::new([8; 20]), false, &mut out);
    let third = ids(&rig);
    assert!(third != first && third != second, "the anonymous one is not connected with it either");
    assert_eq!(rig.engine.dht_to_save()[0].ids.v4, Some(third));
}

#[test]
fn announce_without_a_listen_port_has_port_1() {
    let mut config = Config::new(PeerId::from_random([0; 12]), 0);
    config.local_discovery = false;
    let mut rig = Rig::new(Instant::from_micros(1), config, 1);
    let info_hashes = InfoHashes::V1(ztor_metainfo::InfoHashV1::new([3; 20]));
    let trackers = vec![vec!["http://192.0.2.1/announce".to_owned()]];
    let add = AddMagnet { info_hashes, trackers, peers: Vec::new(), known: None, paused: false };
    rig.engine.add_magnet(rig.now, &add).unwrap();
    rig.settle();
    assert!(rig.out.https[0].url.contains("port=1&"), "{}", rig.out.https[0].url);
}
