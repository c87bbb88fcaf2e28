//! Bans for bad data: their scope and their duration.

use super::*;
use crate::BanReason;
use std::net::SocketAddr;

const PUBLIC: [u8; 4] = [198, 51, 100, 7];
const LOCAL: [u8; 4] = [10, 0, 0, 7];
const LIAR: u8 = 9;

/// Returns a download in which a peer at this address has sent a wrong piece.
fn lied_to(ip: [u8; 4]) -> Scripted {
    let meta = torrent(&noise(SCRIPTED_LEN), 32768);
    let mut scripted =
        Scripted::calling_from((ip, 7000).into(), meta, false, Reserved::NONE.with_fast(), |_| {});
    scripted.say(&Message::HaveAll);
    let asked = scripted.say(&Message::Unchoke);
    let first = asked.iter().find_map(|m| if let Message::Request(b) = m { Some(b.piece) } else { None });
    let piece = first.expect("it is asked for a piece");
    for message in asked {
        let Message::Request(block) = message else { continue };
        let data = Bytes::from(vec![1; block.len as usize]);
        scripted.say(&Message::Piece { piece: block.piece, begin: block.begin, data });
    }
    scripted.rig.out.events.clear();
    scripted.rig.disk(scripted.id, DiskEvent::PieceBad { piece, digests: Vec::new() });
    scripted.settle();
    scripted
}

/// Connects a peer. Returns true if it is accepted and stays connected.
fn is_welcome(scripted: &mut Scripted, from: SocketAddr, id: u8) -> bool {
    let Ok(key) = scripted.rig.engine.accept(scripted.rig.now, from, Transport::Tcp) else { return false };
    let info_hash = scripted.meta.info_hashes.swarm_id();
    let hello = Handshake { reserved: Reserved::NONE, info_hash, peer_id: PeerId::new([id; 20]) };
    scripted.rig.give(key, &mut FarEnd::default(), &hello.encode());
    scripted.rig.settle();
    scripted.rig.engine.has_peer(key)
}

#[test]
fn ban_of_a_public_host_refuses_all_its_peers_until_it_ends() {
    let mut scripted = lied_to(PUBLIC);
    assert!(
        matches!(&scripted.rig.out.events[..], [.., TorrentEvent::Banned { .. }]),
        "{:?}",
        scripted.rig.out.events
    );
    assert!(!is_welcome(&mut scripted, (PUBLIC, 7001).into(), 10));
    let [ban] = &scripted.rig.engine.bans(scripted.rig.now)[..] else { panic!("one ban is listed") };
    assert!(matches!(ban.reason, BanReason::BadData { .. }), "{}", ban.reason);
    scripted.rig.now += ban.ends_in;
    assert!(scripted.rig.engine.bans(scripted.rig.now).is_empty());
    assert!(is_welcome(&mut scripted, (PUBLIC, 7001).into(), LIAR));
}

#[test]
fn lifted_ban_lets_the_peer_connect_again() {
    let mut scripted = lied_to(PUBLIC);
    let author = scripted.rig.engine.bans(scripted.rig.now)[0].author;
    scripted.rig.handle(Event::Command(Command::LiftBan(author)));
    assert!(is_welcome(&mut scripted, (PUBLIC, 7001).into(), LIAR));
}

#[test]
fn ban_at_a_local_address_refuses_the_liar_alone() {
    let mut scripted = lied_to(LOCAL);
    assert!(is_welcome(&mut scripted, (LOCAL, 7001).into(), 10), "it may be all of a container network");
    assert!(!is_welcome(&mut scripted, (LOCAL, 7002).into(), LIAR));
}

#[test]
fn torrent_that_contradicts_itself_stops_and_bans_no_peer() {
    let mut scripted = Scripted::new(false, Reserved::NONE.with_fast());
    scripted.say(&Message::HaveAll);
    let fault = DiskFault { kind: DiskFaultKind::Inconsistent, message: "contradicts itself".into() };
    scripted.rig.disk(scripted.id, DiskEvent::Failed { fault: fault.clone() });
    scripted.settle();
    let status = scripted.rig.engine.status(scripted.rig.now);
    assert_eq!(status[0].state, TorrentState::Stopped(fault));
    assert!(scripted.rig.engine.bans(scripted.rig.now).is_empty());
    assert!(scripted.closed().is_some(), "its connections are closed");
}

const FILTERED: [u8; 4] = [203, 0, 113, 7];

/// Returns a filter of a network.
fn filter_of(range: &str) -> IpFilter {
    IpFilter { table: Arc::new([range.parse().unwrap()].into_iter().collect()), ..IpFilter::default() }
}

#[test]
fn filtered_address_is_neither_accepted_nor_dialed() {
    let mut scripted = Scripted::new(false, Reserved::NONE.with_fast());
    scripted.rig.handle(Event::Command(Command::SetFilter(filter_of("203.0.113.0/24"))));
    let torrent = scripted.id;
    let addrs = vec![(FILTERED, 7000).into(), (PUBLIC, 7000).into()];
    scripted.rig.handle(Event::Command(Command::AddPeers { torrent, addrs }));
    scripted.rig.settle();
    let dialed: Vec<_> = scripted.rig.out.connects.iter().map(|connect| connect.addr).collect();
    assert_eq!(dialed, [SocketAddr::from((PUBLIC, 7000))]);
    let refused = scripted.rig.engine.accept(scripted.rig.now, (FILTERED, 7001).into(), Transport::Tcp);
    assert_eq!(refused.unwrap_err().to_string(), "the address is in the IP filter");
    let hits = scripted.rig.engine.filter_hits();
    assert_eq!((hits.incoming, hits.outgoing, hits.closed), (1, 1, 0));
    scripted.rig.handle(Event::Command(Command::SetFilter(IpFilter::default())));
    assert!(is_welcome(&mut scripted, (FILTERED, 7001).into(), 10));
}

#[test]
fn live_connection_is_closed_when_its_address_is_filtered_or_banned_by_the_user() {
    let range = "203.0.113.0/24".parse().unwrap();
    let user = vec![UserBan { range, ends_in: None }];
    for command in [Command::SetFilter(filter_of("203.0.113.0/24")), Command::SetUserBans(user)] {
        let meta = torrent(&noise(SCRIPTED_LEN), 32768);
        let from = (FILTERED, 7000).into();
        let mut scripted = Scripted::calling_from(from, meta, false, Reserved::NONE.with_fast(), |_| {});
        assert!(scripted.rig.engine.has_peer(scripted.key));
        scripted.rig.handle(Event::Command(command));
        scripted.rig.settle();
        assert!(!scripted.rig.engine.has_peer(scripted.key));
        assert!(scripted.closed().is_some_and(|reason| reason.starts_with("the address is ")));
        assert_eq!(scripted.rig.engine.filter_hits().closed, 1);
    }
}

#[test]
fn peer_that_takes_far_more_than_it_announces_is_banned_unless_the_defence_is_off() {
    for (defence, is_banned) in
        [(LeechDefence::Off, false), (LeechDefence::Normal, true), (LeechDefence::Strict, true)]
    {
        let meta = torrent(&noise(SCRIPTED_LEN), 32768);
        let reserved = Reserved::NONE.with_fast();
        let mut scripted = Scripted::calling_from((PUBLIC, 7000).into(), meta, true, reserved, |config| {
            config.leech_defence = defence;
        });
        let peer = scripted.key;
        let sent = || Event::Sent { peer, block_bytes: 63 << 20, reply_bytes: 0 };
        scripted.rig.handle(sent());
        assert_eq!(
            scripted.rig.engine.bans(scripted.rig.now).len(),
            usize::from(defence == LeechDefence::Strict)
        );
        scripted.rig.handle(sent());
        let bans = scripted.rig.engine.bans(scripted.rig.now);
        assert_eq!(bans.len(), usize::from(is_banned), "{defence:?}");
        assert!(bans.iter().all(|ban| matches!(ban.reason, BanReason::Leech { .. })));
        assert_eq!(scripted.rig.engine.has_peer(peer), !is_banned);
    }
}

/// A tracker that is named by its address is not looked up, where names are filtered.
#[test]
fn udp_tracker_with_a_filtered_address_is_asked_only_if_trackers_are_spared() {
    for covers_trackers in [true, false] {
        let now = Instant::from_micros(1);
        let mut engine = Engine::new(now, Config::new(PeerId::from_random([1; 12]), 6881), 1);
        let add = AddMagnet {
            info_hashes: ztor_metainfo::InfoHashes::V1(ztor_metainfo::InfoHashV1::new([1; 20])),
            trackers: vec![vec!["udp://203.0.113.7:6969/announce".to_owned()]],
            peers: Vec::new(),
            known: None,
            paused: false,
        };
        engine.add_magnet(now, &add).unwrap();
        let mut out = Outbox::default();
        let filter = IpFilter { covers_trackers, ..filter_of("203.0.113.0/24") };
        engine.handle(now, Event::Command(Command::SetFilter(filter)), &mut out);
        engine.settle(now, &mut out);
        assert_eq!(out.tracker_datagrams.is_empty(), covers_trackers);
    }
}
