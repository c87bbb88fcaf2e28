#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const HASH: SwarmId = SwarmId::new([1; 20]);

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn request(id: u8, port: u16, left: u64, event: AnnounceEvent) -> AnnounceRequest {
    AnnounceRequest { left, event, ..AnnounceRequest::new(HASH, PeerId::new([id; 20]), port) }
}

fn asker(ip: &str) -> Asker {
    Asker { ip: ip.parse().unwrap(), reached: None, families: Families::Both }
}

fn numbers(swarms: &Swarms) -> (usize, usize) {
    let counts = swarms.counts();
    (counts.torrents, counts.peers)
}

fn announce(swarms: &mut Swarms, ip: &str, id: u8, left: u64) -> Vec<String> {
    let reply = swarms.announce(at(0), &request(id, 6881, left, AnnounceEvent::Started), asker(ip)).unwrap();
    let mut peers: Vec<_> = reply.peers.iter().map(|peer| peer.addr.to_string()).collect();
    peers.sort();
    peers
}

#[test]
fn announce_of_several_peers_names_the_others() {
    let mut swarms = Swarms::new(Config::default(), 1);
    assert!(announce(&mut swarms, "192.0.2.1", 1, 0).is_empty());
    assert_eq!(announce(&mut swarms, "192.0.2.2", 2, 5), ["192.0.2.1:6881"]);
    assert_eq!(announce(&mut swarms, "::ffff:192.0.2.3", 3, 5), ["192.0.2.1:6881", "192.0.2.2:6881"]);
    assert_eq!(announce(&mut swarms, "192.0.2.4", 4, 0), ["192.0.2.2:6881", "192.0.2.3:6881"]);
    // The same client over its other address family.
    let seen = announce(&mut swarms, "2001:db8::2", 2, 5);
    assert_eq!(seen, ["192.0.2.1:6881", "192.0.2.3:6881", "192.0.2.4:6881"]);
    assert_eq!(
        swarms.scrape(&HASH),
        Some(ScrapeEntry { seeders: 2, leechers: 3, downloads: 0, downloaders: Some(3) })
    );
    assert_eq!(swarms.scrape(&SwarmId::new([9; 20])), None);
}

#[test]
fn partial_seed_counts_as_a_leecher_and_not_as_a_downloader() {
    let mut swarms = Swarms::new(Config::default(), 1);
    let counts = |swarms: &Swarms| {
        let entry = swarms.scrape(&HASH).unwrap();
        (entry.seeders, entry.leechers, entry.downloaders)
    };
    let say = |swarms: &mut Swarms, id, left, event| {
        let ip = format!("192.0.2.{id}");
        swarms.announce(at(1), &request(id, 6881, left, event), asker(&ip)).unwrap();
    };
    say(&mut swarms, 1, 5, AnnounceEvent::Started);
    say(&mut swarms, 2, 5, AnnounceEvent::Paused);
    assert_eq!(counts(&swarms), (0, 2, Some(1)));
    say(&mut swarms, 1, 5, AnnounceEvent::Paused);
    assert_eq!(counts(&swarms), (0, 2, Some(0)));
    // Each announce says it anew.
    say(&mut swarms, 1, 5, AnnounceEvent::None);
    say(&mut swarms, 2, 0, AnnounceEvent::Paused);
    assert_eq!(counts(&swarms), (1, 1, Some(1)));
    say(&mut swarms, 1, 5, AnnounceEvent::Paused);
    say(&mut swarms, 1, 5, AnnounceEvent::Stopped);
    assert_eq!(counts(&swarms), (1, 0, Some(0)));
    // A large swarm counts them in its index.
    for id in 10..60 {
        say(&mut swarms, id, 5, if id < 30 { AnnounceEvent::Paused } else { AnnounceEvent::Started });
    }
    assert_eq!(counts(&swarms), (1, 50, Some(30)));
    for id in 10..20 {
        say(&mut swarms, id, 5, AnnounceEvent::Stopped);
        say(&mut swarms, id + 10, 5, AnnounceEvent::None);
    }
    assert_eq!(counts(&swarms), (1, 40, Some(40)));
}

#[test]
fn completed_counts_once_and_stopped_removes_the_peer() {
    let mut swarms = Swarms::new(Config::default(), 1);
    announce(&mut swarms, "192.0.2.1", 1, 5);
    for _ in 0..2 {
        swarms.announce(at(1), &request(1, 6881, 0, AnnounceEvent::Completed), asker("192.0.2.1")).unwrap();
    }
    assert_eq!(
        swarms.scrape(&HASH),
        Some(ScrapeEntry { seeders: 1, leechers: 0, downloads: 1, downloaders: Some(0) })
    );
    // A stranger behind the same address cannot remove it without its id.
    let stop = |swarms: &mut Swarms, id| {
        swarms.announce(at(2), &request(id, 6881, 0, AnnounceEvent::Stopped), asker("192.0.2.1")).unwrap()
    };
    assert_eq!(stop(&mut swarms, 9).seeders, Some(1));
    let reply = stop(&mut swarms, 1);
    assert_eq!((reply.seeders, reply.peers.len(), numbers(&swarms)), (Some(0), 0, (1, 0)));
    swarms.expire(at(2));
    assert_eq!(numbers(&swarms), (0, 0));
}

#[test]
fn expire_of_a_silent_peer_removes_it() {
    let config = Config { interval_s: 100, ..Config::default() };
    let mut swarms = Swarms::new(config, 1);
    announce(&mut swarms, "192.0.2.1", 1, 5);
    swarms.expire(at(260));
    assert_eq!(numbers(&swarms), (1, 1));
    swarms.expire(at(261));
    assert_eq!(numbers(&swarms), (0, 0));
}

#[test]
fn ip_in_an_announce_is_used_only_if_configured() {
    let mut swarms = Swarms::new(Config::default(), 1);
    let with_ip = AnnounceRequest {
        ip: Some("198.51.100.7".parse().unwrap()),
        ..request(1, 6881, 0, AnnounceEvent::Started)
    };
    swarms.announce(at(0), &with_ip, asker("192.0.2.1")).unwrap();
    assert_eq!(announce(&mut swarms, "192.0.2.2", 2, 1), ["192.0.2.1:6881"]);
    // A reverse proxy on this machine forwards the requests of all clients.
    swarms.announce(at(0), &with_ip, asker("127.0.0.1")).unwrap();
    assert!(!announce(&mut swarms, "127.0.0.2", 2, 1).contains(&"198.51.100.7:6881".to_owned()));
    let mut swarms = Swarms::new(Config { believes_asked_ip: true, ..Config::default() }, 1);
    swarms.announce(at(0), &with_ip, asker("192.0.2.1")).unwrap();
    assert_eq!(announce(&mut swarms, "192.0.2.2", 2, 1), ["198.51.100.7:6881"]);
}

#[test]
fn peer_on_the_trackers_machine_is_named_with_the_trackers_address() {
    let mut swarms = Swarms::new(Config::default(), 1);
    announce(&mut swarms, "127.0.0.1", 1, 0);
    assert!(announce(&mut swarms, "192.0.2.2", 2, 1).is_empty());
    assert_eq!(announce(&mut swarms, "127.0.0.2", 3, 1), ["127.0.0.1:6881", "192.0.2.2:6881"]);
    let reached = Some("192.0.2.99".parse().unwrap());
    let asker = Asker { reached, ..asker("192.0.2.2") };
    let reply = swarms.announce(at(0), &request(2, 6881, 1, AnnounceEvent::None), asker).unwrap();
    assert!(reply.peers.iter().all(|peer| peer.addr.to_string() == "192.0.2.99:6881"));
    assert_eq!(reply.peers.len(), 2);
    let asker = Asker { families: Families::V6, ..asker };
    assert_eq!(swarms.announce(at(0), &request(2, 6881, 1, AnnounceEvent::None), asker).unwrap().peers, []);
}

#[test]
fn announce_to_a_full_tracker_or_of_a_bad_address_is_refused() {
    let config = Config { max_torrents: 1, ..Config::default() };
    let mut swarms = Swarms::new(config, 1);
    let other = AnnounceRequest { info_hash: [2; 20].into(), ..request(1, 1, 1, AnnounceEvent::Started) };
    announce(&mut swarms, "192.0.2.1", 1, 1);
    // The one swarm is small and is evicted for the next. With two peers, it is kept.
    assert!(swarms.announce(at(0), &other, asker("192.0.2.1")).is_ok());
    assert_eq!(swarms.scrape(&HASH), None);
    let second = AnnounceRequest { peer_id: [2; 20].into(), ..other };
    assert!(swarms.announce(at(0), &second, asker("192.0.2.2")).is_ok());
    let again = request(1, 1, 1, AnnounceEvent::Started);
    assert_eq!(swarms.announce(at(0), &again, asker("192.0.2.1")), Err(Refusal::NoRoom));
    let no_port = request(1, 0, 1, AnnounceEvent::Started);
    assert_eq!(swarms.announce(at(0), &no_port, asker("192.0.2.1")), Err(Refusal::BadAddress));
}

#[test]
fn announce_with_zero_peer_ids_names_the_others() {
    let mut swarms = Swarms::new(Config::default(), 1);
    assert!(announce(&mut swarms, "192.0.2.1", 0, 0).is_empty());
    assert_eq!(announce(&mut swarms, "192.0.2.2", 0, 5), ["192.0.2.1:6881"]);
    assert_eq!(announce(&mut swarms, "192.0.2.1", 0, 0), ["192.0.2.2:6881"]);
    let stop = request(0, 6881, 0, AnnounceEvent::Stopped);
    swarms.announce(at(0), &stop, asker("192.0.2.1")).unwrap();
    assert_eq!(numbers(&swarms), (1, 1));
}

#[test]
fn num_want_of_an_announce_is_respected_and_bounded() {
    let config = Config { default_num_want: 3, max_num_want: 5, ..Config::default() };
    let mut swarms = Swarms::new(config, 1);
    for i in 1..=200 {
        announce(&mut swarms, &format!("192.0.2.{i}"), i, 1);
    }
    for (num_want, given) in [(None, 3), (Some(0), 0), (Some(4), 4), (Some(u32::MAX), 5)] {
        let ask = AnnounceRequest { num_want, ..request(1, 6881, 1, AnnounceEvent::None) };
        let peers = swarms.announce(at(0), &ask, asker("192.0.2.1")).unwrap().peers;
        let distinct: BTreeSet<_> = peers.iter().map(|peer| peer.addr).collect();
        assert_eq!((peers.len(), distinct.len()), (given, given));
    }
}

fn of(torrent: u32) -> SwarmId {
    let mut hash = [7; 20];
    hash[..4].copy_from_slice(&torrent.to_be_bytes());
    hash.into()
}

fn announce_of(swarms: &mut Swarms, now: Instant, ip: &str, torrent: u32) -> Result<AnnounceReply, Refusal> {
    let ask = AnnounceRequest { info_hash: of(torrent), ..request(1, 6881, 1, AnnounceEvent::Started) };
    swarms.announce(now, &ask, asker(ip))
}

#[test]
fn swarms_and_peers_of_one_host_are_bounded() {
    let mut swarms = Swarms::new(Config::default(), 1);
    for torrent in 0..100_000 {
        let ip = format!("2001:db8::{:x}", torrent % 60_000);
        let refused = announce_of(&mut swarms, at(0), &ip, torrent).is_err();
        assert_eq!(refused, torrent >= 5000);
    }
    assert_eq!((numbers(&swarms), swarms.hosts.len()), ((5000, 5000), 1));
    assert!(announce_of(&mut swarms, at(0), "2001:db8:0:1::1", 200_000).is_ok());
    // In the next interval it may found more, but not beyond its share of peers.
    for torrent in 0..30_000 {
        let _ = announce_of(&mut swarms, at(1800 * (u64::from(torrent) / 5000)), "2001:db8::1", torrent);
    }
    assert_eq!(swarms.hosts.peers("2001:db8::9".parse().unwrap()), 10_000);
}

#[test]
fn swarms_made_up_by_a_few_hosts_are_evicted() {
    let config = Config { max_torrents: 1000, max_peers_in_all: 3000, ..Config::default() };
    let mut swarms = Swarms::new(config, 1);
    // Old ones with one peer, and a young one with two.
    for torrent in 0..10 {
        announce_of(&mut swarms, at(0), &format!("198.51.100.{torrent}"), torrent).unwrap();
    }
    for ip in ["203.0.113.1", "203.0.113.2"] {
        announce_of(&mut swarms, at(100), ip, 10).unwrap();
    }
    for torrent in 0..4000 {
        announce_of(&mut swarms, at(100), &format!("192.0.2.{}", torrent % 4), 1000 + torrent).unwrap();
        if torrent == 2000 {
            announce_of(&mut swarms, at(100), "203.0.113.3", 11).unwrap();
        }
    }
    assert_eq!(swarms.counts().torrents, 1000);
    assert!((0..12).all(|torrent| swarms.scrape(&of(torrent)).is_some()));
    swarms.expire(at(101));
    assert_eq!((swarms.counts().torrents, swarms.small.len()), (1000, 999));
}

#[test]
fn swarms_without_peers_are_bounded_and_expire() {
    let config = Config { max_torrents: 100, max_new_torrents_per_host: 50, ..Config::default() };
    let mut swarms = Swarms::new(config, 1);
    for torrent in 0..1000 {
        let ip = format!("192.0.2.{}", torrent / 50);
        announce_of(&mut swarms, at(0), &ip, torrent).unwrap();
        let stop = AnnounceRequest { info_hash: of(torrent), ..request(1, 6881, 1, AnnounceEvent::Stopped) };
        swarms.announce(at(0), &stop, asker(&ip)).unwrap();
    }
    assert_eq!((numbers(&swarms), swarms.small.len(), swarms.hosts.len()), ((100, 0), 100, 20));
    swarms.expire(at(1800));
    assert_eq!((numbers(&swarms), swarms.small.len(), swarms.hosts.len()), ((0, 0), 0, 0));
}

#[test]
fn peers_of_one_ipv6_64_are_bounded_as_one_host() {
    let mut swarms = Swarms::new(Config { max_peers_per_host: 3, ..Config::default() }, 1);
    for n in 1..=9 {
        announce(&mut swarms, &format!("2001:db8::{n}:1"), n, 1);
        announce(&mut swarms, &format!("2001:db8:0:{n}::1"), n, 1);
    }
    assert_eq!(numbers(&swarms), (1, 12));
}

fn an_event() -> impl Strategy<Value = AnnounceEvent> {
    prop_oneof![
        Just(AnnounceEvent::None),
        Just(AnnounceEvent::Started),
        Just(AnnounceEvent::Stopped),
        Just(AnnounceEvent::Completed)
    ]
}

proptest! {
    /// Checks that the bounds hold, that the counts are those of the lists, and that no answer names the client itself
    /// or peers without use.
    #[test]
    fn swarms_after_any_announces_keep_their_bounds_and_counts(
        seed: u64,
        steps in proptest::collection::vec((0..3_u8, 1..30_u8, 0..20_u16, any::<bool>(), an_event(), 0..20_u64), 1..300)
    ) {
        let config = Config {
            interval_s: 100, max_torrents: 2, max_peers: 24, max_peers_per_host: 4, max_peers_in_all: 30,
            ..Config::default()
        };
        let (mut swarms, mut again) = (Swarms::new(config.clone(), seed), Swarms::new(config, seed));
        let mut now = at(0);
        for (torrent, host, port, is_seeder, event, wait) in steps {
            now += Duration::from_secs(wait);
            let ask = AnnounceRequest { info_hash: [torrent; 20].into(), ..request(host, port, u64::from(!is_seeder), event) };
            let asker = asker(&format!("192.0.2.{}", host / 4));
            let reply = swarms.announce(now, &ask, asker);
            prop_assert_eq!(&reply, &again.announce(now, &ask, asker));
            if let Ok(reply) = reply {
                for peer in &reply.peers {
                    prop_assert!(peer.peer_id != Some(ask.peer_id));
                    prop_assert!(peer.addr != SocketAddr::new(asker.ip, port));
                    let stored = swarms.swarms.iter().find(|swarm| swarm.hash == ask.info_hash).unwrap();
                    let is_seeding = stored.seeders().iter().any(|seeder| seeder.addr == peer.addr.into());
                    prop_assert!(!(is_seeder && is_seeding));
                }
            }
            if wait == 7 {
                swarms.expire(now);
                again.expire(now);
            }
            let total: usize = swarms.swarms.iter().map(|swarm| swarm.peers().len()).sum();
            prop_assert_eq!(numbers(&swarms), (swarms.swarms.len(), total));
            prop_assert!(total <= 30 && swarms.swarms.len() <= 2);
            prop_assert_eq!(swarms.hosts.peers_in_all(), total);
            let small = swarms.swarms.iter().filter(|swarm| swarm.is_small()).count();
            prop_assert_eq!(swarms.small.len(), small);
            for swarm in &swarms.swarms {
                prop_assert!(swarm.peers().len() <= 24);
                swarm.check(&swarms.keys);
                for peer in swarm.peers() {
                    prop_assert!(swarm.count_of(peer.addr, 10) <= 4);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The swarm crosses the sizes at which it gets an index and a hash table, in both directions. Its peers become
    /// seeders and leechers.
    #[test]
    fn swarm_of_any_size_finds_its_peers_and_knows_its_seeders(
        steps in proptest::collection::vec((1..=250_u16, 0..9_u8, 0..3_u8), 1..800)
    ) {
        let mut swarms = Swarms::new(Config::default(), 1);
        let (mut left_of, mut id_of) = (BTreeMap::new(), BTreeMap::new());
        for (port, action, id) in steps {
            let (left, event) = match action {
                0..4 => (0, AnnounceEvent::None),
                4..8 => (1, AnnounceEvent::None),
                _ => (1, AnnounceEvent::Stopped),
            };
            let id = if event == AnnounceEvent::Stopped { id_of.get(&port).copied().unwrap_or(id) } else { id };
            id_of.insert(port, id);
            let ip = if port % 3 == 0 { format!("2001:db8:0:{port}::1") } else { format!("192.0.2.{port}") };
            swarms.announce(at(0), &request(id, port, left, event), asker(&ip)).unwrap();
            if event == AnnounceEvent::Stopped { left_of.remove(&port); } else { left_of.insert(port, left); }
            let Some(swarm) = swarms.swarms.iter().next() else { continue };
            swarm.check(&swarms.keys);
            let ports = |peers: &[Peer]| peers.iter().map(|peer| peer.addr.get().port()).collect::<BTreeSet<_>>();
            let members: BTreeSet<_> = left_of.keys().copied().collect();
            prop_assert_eq!(ports(swarm.peers()), members);
            let seeders = left_of.iter().filter(|(_, left)| **left == 0).map(|(port, _)| *port);
            prop_assert_eq!(ports(swarm.seeders()), seeders.collect::<BTreeSet<_>>());
            prop_assert_eq!(swarm.peers().len(), left_of.len());
        }
    }

    #[test]
    fn sample_of_any_swarm_has_distinct_peers_and_as_many_as_wanted(size in 0..300_u16, wanted in 0..100_usize, seed: u64) {
        let keys = Keys::new(seed);
        let mut swarm = Swarm::new(HASH, 0);
        for port in 1..=size {
            let addr = SocketAddr::new(IpAddr::from([192, 0, 2, 1]), port).into();
            let announce =
                Announce { id: PeerId::new([0; 20]), is_seeder: port % 3 == 0, is_partial_seed: port % 3 == 1, completes: false, now_s: 0 };
            swarm.push(&keys, addr, &announce);
        }
        for for_seeder in [false, true] {
            let offered = usize::from(if for_seeder { size - size / 3 } else { size });
            let mut ports = Vec::new();
            let rng = &mut fastrand::Rng::with_seed(seed);
            swarm.sample(wanted, for_seeder, rng, |at| { ports.push(swarm.peers()[at].addr.get().port()); true });
            prop_assert_eq!(ports.len(), wanted.min(offered));
            ports.sort_unstable();
            ports.dedup();
            prop_assert_eq!(ports.len(), wanted.min(offered));
            prop_assert!(!for_seeder || ports.iter().all(|port| port % 3 != 0));
        }
    }
}

#[test]
fn peer_of_44_bytes_is_counted_in_the_memory() {
    assert_eq!(size_of::<Peer>(), 44);
    assert_eq!(size_of::<Swarm>(), 64);
    let mut swarms = Swarms::new(Config::default(), 1);
    for host in 0..10_000_u32 {
        let [_, _, c, d] = host.to_be_bytes();
        swarms
            .announce(at(0), &request(1, 6881, 1, AnnounceEvent::None), asker(&format!("198.18.{c}.{d}")))
            .unwrap();
    }
    let counts = swarms.counts();
    assert_eq!((counts.torrents, counts.peers), (1, 10_000));
    let per_peer = counts.memory_bytes / counts.peers;
    assert!((44..=110).contains(&per_peer), "{per_peer}");
}

#[test]
fn interval_of_replies_is_spread_upwards() {
    let config = Config { interval_s: 1000, interval_spread_percent: 5, ..Config::default() };
    let mut swarms = Swarms::new(config, 1);
    let mut interval = || {
        let reply = swarms.announce(at(0), &request(1, 6881, 1, AnnounceEvent::None), asker("192.0.2.1"));
        reply.unwrap().interval_s
    };
    let intervals: BTreeSet<_> = (0..1000).map(|_| interval()).collect();
    assert!(intervals.iter().all(|interval| (1000..=1050).contains(interval)));
    assert!(intervals.len() > 40);
}

#[test]
fn refusals_that_pass_are_those_of_quotas() {
    let all = [
        (Refusal::NotAllowed, false),
        (Refusal::AddressNotAllowed, false),
        (Refusal::BadAddress, false),
        (Refusal::NoRoom, true),
        (Refusal::TooManyNew, true),
    ];
    all.iter().for_each(|(refusal, passes)| assert_eq!(refusal.passes(), *passes));
}

#[test]
fn full_swarm_is_searched_for_silent_peers_at_intervals() {
    let config = Config { max_peers: 50, interval_s: 100, ..Config::default() };
    let mut swarms = Swarms::new(config, 1);
    for host in 0..60 {
        announce(&mut swarms, &format!("192.0.2.{host}"), host, 1);
    }
    let newcomer = |swarms: &mut Swarms, seconds| {
        let ask = request(99, 6881, 1, AnnounceEvent::None);
        swarms.announce(at(seconds), &ask, asker("198.51.100.1")).unwrap();
        numbers(swarms).1
    };
    assert_eq!(newcomer(&mut swarms, 255), 50);
    // The silent peers are overdue, but the last search was a moment ago.
    assert_eq!(newcomer(&mut swarms, 262), 50);
    assert_eq!(newcomer(&mut swarms, 265), 1);
}
