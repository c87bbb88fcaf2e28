//! Limits of the trust in trackers, and the reports about them.

use super::*;
use std::net::{IpAddr, SocketAddr};
use ztor_metainfo::InfoHashes;
use ztor_tracker::TrackerIssue;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Returns an engine with a magnet link of one tracker, before its first announce.
fn announcing(url: &str) -> (Rig, TorrentId) {
    let config = Config::new(PeerId::from_random([1; 12]), 6881);
    let mut rig = Rig::new(Instant::from_micros(1), config, 1);
    let info_hashes = InfoHashes::V1(ztor_metainfo::InfoHashV1::new([1; 20]));
    let add = AddMagnet {
        info_hashes,
        trackers: vec![vec![url.to_owned()]],
        peers: Vec::new(),
        known: None,
        paused: false,
    };
    let id = rig.engine.add_magnet(rig.now, &add).unwrap();
    rig.settle();
    (rig, id)
}

fn bencoded(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn local_peers_are_accepted_only_from_trackers_of_that_network() {
    let named = ["127.0.0.1:1", "192.168.1.2:2", "[fd00::2]:3", "8.8.8.8:4", "[2001:db8::1]:5"];
    for (from, taken) in [
        (None, &[4, 5][..]),
        (Some("9.9.9.9"), &[4, 5]),
        (Some("2001:db8::9"), &[4, 5]),
        (Some("10.1.1.1"), &[2, 3, 4, 5]),
        (Some("127.0.0.1"), &[1, 2, 3, 4, 5]),
    ] {
        let (mut rig, id) = announcing("http://tracker.example/announce");
        rig.answer_lookups([192, 0, 2, 1].into());
        let asked = rig.out.https.pop().expect("it is asked");
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for addr in named.map(|addr| addr.parse::<SocketAddr>().unwrap()) {
            match addr.ip() {
                IpAddr::V4(ip) => v4.extend(ip.octets().into_iter().chain(addr.port().to_be_bytes())),
                IpAddr::V6(ip) => v6.extend(ip.octets().into_iter().chain(addr.port().to_be_bytes())),
            }
        }
        let (v4_len, v6_len) = (v4.len().to_string(), v6.len().to_string());
        let body = bencoded(&[
            b"d8:intervali900e5:peers",
            v4_len.as_bytes(),
            b":",
            &v4,
            b"6:peers6",
            v6_len.as_bytes(),
            b":",
            &v6,
            b"e",
        ]);
        let from = from.map(|ip| ip.parse().unwrap());
        rig.handle(Event::Http { id: asked.id, from, result: Ok((200, body)) });
        let known = &rig.engine.torrent(id).known();
        let got: Vec<u16> = named
            .iter()
            .map(|a| a.parse().unwrap())
            .filter(|a| known.contains(*a))
            .map(|a| a.port())
            .collect();
        assert_eq!(got, taken, "{from:?}");
    }
}

#[test]
fn udp_tracker_name_that_resolves_to_loopback_is_not_asked() {
    for (host, ips, is_asked) in [
        ("tracker.example", &["127.0.0.1"][..], false),
        ("tracker.example", &["0.0.0.0", "::1", "::ffff:127.0.0.2"], false),
        ("tracker.example", &["127.0.0.1", "192.0.2.1"], true),
        ("localhost", &["127.0.0.1"], true),
    ] {
        let (mut rig, _) = announcing(&format!("udp://{host}:80/announce"));
        let asked = rig.out.resolves.pop().expect("the name is looked up");
        let ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
        rig.handle(Event::Resolved { id: asked.id, result: Ok(ips) });
        rig.settle();
        assert_eq!(!rig.out.tracker_datagrams.is_empty(), is_asked, "{host}");
        let at_home = rig.out.tracker_datagrams.iter().filter(|(to, _)| to.ip().is_loopback()).count();
        assert_eq!(at_home > 0, host == "localhost");
        let failed = |event: &TorrentEvent| {
            matches!(event, TorrentEvent::Tracker { issue: TrackerIssue::Error(_), .. })
        };
        assert_eq!(rig.out.events.iter().any(failed), !is_asked, "the reason is reported");
    }
}

#[test]
fn passkey_in_a_tracker_message_is_not_shown() {
    let reason = format!("unknown passkey {SECRET}");
    let length = reason.len().to_string();
    for (key, status) in [("14:failure reason", 200), ("15:warning message", 200), ("14:failure reason", 403)]
    {
        let (mut rig, _) = announcing(&format!("http://tracker.example/{SECRET}/announce"));
        rig.answer_lookups([192, 0, 2, 1].into());
        let asked = rig.out.https.pop().expect("it is asked");
        let body = format!("d8:intervali900e5:peers0:{key}{length}:{reason}e").replace(
            // Keys are sorted.
            &format!("d8:intervali900e5:peers0:14:failure reason{length}:{reason}e"),
            &format!("d14:failure reason{length}:{reason}e"),
        );
        rig.handle(Event::Http { id: asked.id, from: None, result: Ok((status, body.into_bytes())) });
        let shown: Vec<String> = rig.out.events.iter().map(|event| format!("{event:?}")).collect();
        assert!(shown.iter().any(|text| text.contains("passkey")), "{shown:?}");
        assert!(!shown.iter().any(|text| text.contains(SECRET)), "{shown:?}");
    }
}

#[test]
fn missing_source_and_unreachable_peer_are_reported_once() {
    let config = Config { local_discovery: false, ..Config::new(PeerId::from_random([1; 12]), 6881) };
    let mut rig = Rig::new(Instant::from_micros(1), config, 1);
    let info_hashes = InfoHashes::V1(ztor_metainfo::InfoHashV1::new([1; 20]));
    let given: SocketAddr = "192.0.2.7:1".parse().unwrap();
    let add = AddMagnet { info_hashes, trackers: Vec::new(), peers: Vec::new(), known: None, paused: false };
    let id = rig.engine.add_magnet(rig.now, &add).unwrap();
    rig.settle();
    assert!(rig.out.events.contains(&TorrentEvent::NoSource { torrent: id }));
    rig.handle(Event::Command(Command::AddPeers { torrent: id, addrs: vec![given] }));
    for _ in 0..200 {
        rig.settle();
        for connect in std::mem::take(&mut rig.out.connects) {
            rig.handle(Event::Closed { peer: connect.peer, cause: CloseCause::Remote });
        }
        rig.now += Duration::from_secs(5);
    }
    let told = |wanted: &TorrentEvent| rig.out.events.iter().filter(|event| *event == wanted).count();
    assert_eq!(told(&TorrentEvent::NoSource { torrent: id }), 1);
    assert_eq!(told(&TorrentEvent::PeerUnreachable { torrent: id, addr: given }), 1);
}

#[test]
fn name_that_is_not_found_is_reported_once_for_all_torrents() {
    let (mut rig, _) = announcing("http://tracker.example/announce");
    for number in 2..100_u8 {
        let info_hashes = InfoHashes::V1(ztor_metainfo::InfoHashV1::new([number; 20]));
        let trackers = vec![vec!["http://tracker.example/announce".to_owned()]];
        let add = AddMagnet { info_hashes, trackers, peers: Vec::new(), known: None, paused: false };
        rig.engine.add_magnet(rig.now, &add).unwrap();
    }
    for _ in 0..100 {
        rig.settle();
        for lookup in std::mem::take(&mut rig.out.resolves) {
            let result = Err("its name cannot be looked up".to_owned());
            rig.handle(Event::Resolved { id: lookup.id, result });
        }
        rig.now += Duration::from_secs(10);
    }
    let failed =
        |event: &&TorrentEvent| matches!(event, TorrentEvent::Tracker { issue: TrackerIssue::Error(_), .. });
    assert_eq!(rig.out.events.iter().filter(failed).count(), 1);
    let status = rig.engine.status(rig.now);
    assert!(status.iter().all(|torrent| torrent.trackers[0].issue.is_some()), "the status of each says it");
}

/// A name that a filter resolves to an unusable address causes no delay.
#[test]
fn next_tracker_is_asked_when_one_cannot_be_sent_to() {
    let config = Config { local_discovery: false, ..Config::new(PeerId::from_random([1; 12]), 6881) };
    let mut rig = Rig::new(Instant::from_micros(1), config, 1);
    let info_hashes = InfoHashes::V1(ztor_metainfo::InfoHashV1::new([1; 20]));
    let trackers = ["udp://sinkholed.example:80/", "http://alive.example/announce"];
    let trackers = trackers.map(|url| vec![url.to_owned()]).to_vec();
    let add = AddMagnet { info_hashes, trackers, peers: Vec::new(), known: None, paused: false };
    rig.engine.add_magnet(rig.now, &add).unwrap();
    rig.settle();
    rig.answer_lookups([0, 0, 0, 0].into());
    let until = rig.now + Duration::from_secs(5);
    while let Some(next) = rig.engine.poll_timeout().filter(|next| *next <= until) {
        rig.now = rig.now.max(next);
        rig.settle();
        rig.answer_lookups([192, 0, 2, 1].into());
    }
    assert_eq!(rig.out.https.len(), 1, "without any other event");
}

/// Thousands of torrents have one tracker, and it is dead.
#[test]
fn dead_udp_tracker_is_asked_less_and_less() {
    let config = Config { local_discovery: false, ..Config::new(PeerId::from_random([1; 12]), 6881) };
    let mut rig = Rig::new(Instant::from_micros(1), config, 1);
    for number in 0..200_u8 {
        let info_hashes = InfoHashes::V1(ztor_metainfo::InfoHashV1::new([number; 20]));
        let trackers = vec![vec!["udp://dead.example:80/announce".to_owned()]];
        let add = AddMagnet { info_hashes, trackers, peers: Vec::new(), known: None, paused: false };
        rig.engine.add_magnet(rig.now, &add).unwrap();
    }
    rig.settle();
    let mut sent = Vec::new();
    for hour in 1..=3 {
        let until = Instant::from_micros(hour * 3_600_000_000);
        let mut datagrams = 0;
        while let Some(next) = rig.engine.poll_timeout().filter(|next| *next <= until) {
            rig.now = rig.now.max(next);
            rig.settle();
            rig.answer_lookups([192, 0, 2, 1].into());
            datagrams += rig.out.tracker_datagrams.drain(..).count();
        }
        sent.push(datagrams);
    }
    assert!(sent[0] <= 60 && sent[2] <= 10, "datagrams by hour: {sent:?}");
}
