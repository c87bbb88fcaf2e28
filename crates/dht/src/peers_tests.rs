use std::net::IpAddr;

use super::*;

const OWN: NodeId = NodeId::new([0; 20]);

fn hash(n: u32) -> NodeId {
    let mut bytes = [0; 20];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    NodeId::new(bytes)
}

fn addr(n: u32) -> SocketAddr {
    SocketAddr::new(IpAddr::from((0x0800_0000 + n).to_be_bytes()), 6881)
}

fn choose(store: &PeerStore, now: Instant, no_seed: bool) -> Vec<SocketAddr> {
    store.choose(now, hash(1), no_seed, 100, &mut Rng::with_seed(1))
}

#[test]
fn announce_of_a_known_peer_replaces_it_until_it_expires() {
    let mut store = PeerStore::new(Family::V4);
    let mut now = Instant::ZERO;
    store.announce(now, OWN, hash(1), addr(1), false);
    now += Duration::from_secs(60);
    store.announce(now, OWN, hash(1), addr(1), true);
    store.announce(now, OWN, hash(1), SocketAddr::from(([0x20; 16], 1)), false);
    assert_eq!(choose(&store, now, false), [addr(1)]);
    assert_eq!(choose(&store, now, true), []);
    assert_eq!((store.peer_count(), store.torrent_count()), (1, 1));
    now += PEER_LIFE;
    assert_eq!(choose(&store, now, false), []);
    store.expire(now);
    assert_eq!((store.peer_count(), store.torrent_count()), (0, 0));
}

#[test]
fn announce_of_many_ports_of_a_host_keeps_the_newest() {
    let mut store = PeerStore::new(Family::V4);
    let host = |port| SocketAddr::new(addr(1).ip(), port);
    for port in 1..100 {
        store.announce(Instant::from_micros(u64::from(port)), OWN, hash(1), host(port), false);
    }
    let mut last = choose(&store, Instant::ZERO, false);
    last.sort();
    assert_eq!(last, (92..100).map(host).collect::<Vec<_>>());
    assert_eq!(store.peer_count(), MAX_PEERS_PER_HOST);
}

#[test]
fn scrape_of_a_torrent_separates_seeds_from_peers() {
    let mut store = PeerStore::new(Family::V4);
    assert_eq!(store.scrape(Instant::ZERO, hash(1)), None);
    (0..30).for_each(|n| store.announce(Instant::ZERO, OWN, hash(1), addr(n), n % 3 == 0));
    let filters = store.scrape(Instant::ZERO, hash(1));
    let counts = filters.map(|(seeds, peers)| (seeds.estimate().round(), peers.estimate().round()));
    assert_eq!(counts, Some((10.0, 20.0)));
}

#[test]
fn announce_beyond_the_bounds_keeps_the_nearest_torrents() {
    let mut store = PeerStore::new(Family::V4);
    (0..1000).for_each(|n| store.announce(Instant::ZERO, OWN, hash(1), addr(n), false));
    assert_eq!(store.peer_count(), MAX_PEERS_PER_TORRENT);
    for n in (0..MAX_TORRENTS as u32 * 2).rev() {
        store.announce(Instant::ZERO, OWN, hash(n), addr(n), false);
        assert!(store.torrent_count() <= MAX_TORRENTS);
    }
    assert!((0..MAX_TORRENTS as u32).all(|n| store.torrents.contains_key(&hash(n))));
    // A torrent farther away finds no room.
    store.announce(Instant::ZERO, OWN, hash(u32::MAX), addr(1), false);
    assert!(!store.torrents.contains_key(&hash(u32::MAX)));
    let counted: usize = store.torrents.values().map(Vec::len).sum();
    assert_eq!(store.peer_count(), counted);
}

#[test]
fn sample_within_its_interval_stays_the_same() {
    let mut store = PeerStore::new(Family::V4);
    let mut rng = Rng::with_seed(1);
    (0..100).for_each(|n| store.announce(Instant::ZERO, OWN, hash(n), addr(n), false));
    let first = store.sample(Instant::ZERO, &mut rng);
    assert_eq!((first.interval_s, first.total, first.info_hashes.len()), (600, 100, SAMPLE_LEN));
    let second = store.sample(Instant::from_micros(599_000_000), &mut rng);
    assert_eq!((second.interval_s, &second.info_hashes), (1, &first.info_hashes));
    let third = store.sample(Instant::from_micros(600_000_000), &mut rng);
    assert_ne!(third.info_hashes, first.info_hashes);
}

#[test]
fn announce_of_many_torrents_by_a_host_is_bounded() {
    let mut store = PeerStore::new(Family::V4);
    (0..2000).for_each(|n| store.announce(Instant::ZERO, OWN, hash(n), addr(1), false));
    assert_eq!(store.peer_count(), MAX_OF_HOST as usize);
    let now = Instant::ZERO + PEER_LIFE;
    store.expire(now);
    store.announce(now, OWN, hash(5000), addr(1), false);
    assert_eq!(store.peer_count(), 1);
}
