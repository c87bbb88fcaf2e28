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

#[test]
fn announce_without_a_listen_port_has_port_1() {
    let mut config = Config::new(PeerId::from_random([0; 12]), 0);
    config.local_discovery = false;
    let mut rig = Rig::new(Instant::from_micros(1), config, 1);
    let info_hashes = InfoHashes::V1(ztor_metainfo::InfoHashV1::new([3; 20]));
    let trackers = vec![vec!["http://192.0.2.1/announce".to_owned()]];
    let add = AddMagnet { info_hashes, trackers, peers: Vec::new(), known: None };
    rig.engine.add_magnet(rig.now, &add).unwrap();
    rig.settle();
    assert!(rig.out.https[0].url.contains("port=1&"), "{}", rig.out.https[0].url);
}
