//! Places of peers without use.

use super::*;
use crate::CloseCause;

/// Maximum number of accepted connections of one public host.
const PER_HOST: usize = 8;
const THEY_HAVE: usize = 4;

/// An engine with one torrent, and many peers around it.
struct Crowd {
    rig: Rig,
    id: TorrentId,
    meta: Arc<Metainfo>,
    /// All dialed addresses.
    called: Vec<SocketAddr>,
    ended: Vec<PeerKey>,
    met: u8,
}

impl Crowd {
    fn new(have: usize, configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(PeerId::from_random([0; 12]), 6881);
        configure(&mut config);
        let rig = Rig::new(Instant::from_micros(1), config, 1);
        let meta = torrent(&noise(8 * 32768), 32768);
        let id = TorrentId::default();
        let mut crowd = Self { rig, id, meta, called: Vec::new(), ended: Vec::new(), met: 0 };
        crowd.id = crowd.add(have);
        crowd
    }

    /// Adds a torrent of which we have the first `have` pieces.
    fn add(&mut self, have: usize) -> TorrentId {
        let content: Vec<u8> = noise(8 * 32768 + self.called.len() + self.met as usize);
        let meta =
            if self.id == TorrentId::default() { Arc::clone(&self.meta) } else { torrent(&content, 32768) };
        let id = self.rig.add(&AddTorrent::new(Arc::clone(&meta)));
        let mut bits = Bitfield::new(meta.layout.piece_count());
        bits.extend(0..have as u32);
        self.rig.disk(id, DiskEvent::Checked { have: bits });
        self.meta = meta;
        id
    }

    fn accept(&mut self, from: SocketAddr) -> Result<PeerKey, Refused> {
        self.rig.engine.accept(self.rig.now, from, Transport::Tcp)
    }

    fn greet(&mut self, key: PeerKey, is_interested: bool) {
        self.met += 1;
        let info_hash = self.meta.info_hashes.swarm_id();
        let peer_id = PeerId::from_random([self.met; 12]);
        let hello = Handshake { reserved: Reserved::NONE, info_hash, peer_id }.encode();
        let bits = Message::Bitfield(Bytes::from(vec![0xff << (8 - THEY_HAVE)]));
        let more = if is_interested { encode(&[bits, Message::Interested]) } else { encode(&[bits]) };
        self.rig.give(key, &mut FarEnd::default(), &[&hello[..], &more].concat());
        self.rig.settle();
        self.take();
    }

    /// Connects peers from these addresses, and sends the handshake of those that are accepted.
    fn fill(&mut self, addrs: impl IntoIterator<Item = SocketAddr>, is_interested: bool) {
        for addr in addrs {
            if let Ok(key) = self.accept(addr) {
                self.greet(key, is_interested);
            }
        }
    }

    /// Runs for this time, with keep-alives on all connections. Connection attempts fail.
    fn sleep(&mut self, secs: u64) {
        for _ in 0..secs {
            self.rig.now += Duration::from_secs(1);
            let all: Vec<PeerKey> = self.rig.engine.peers.keys();
            for peer in all {
                let peer_is_live = self.rig.engine.peer(peer).is_live();
                if peer_is_live {
                    self.rig.give(peer, &mut FarEnd::default(), &encode(&[Message::KeepAlive]));
                }
            }
            self.rig.settle();
            self.take();
        }
    }

    fn take(&mut self) {
        let out = self.rig.take_out();
        self.ended.extend(out.closes.iter().map(|close| close.peer));
        for connect in out.connects {
            self.called.push(connect.addr);
            self.rig.handle(Event::Closed { peer: connect.peer, cause: CloseCause::Remote });
        }
    }

    fn names(&mut self, id: TorrentId, addr: SocketAddr) {
        self.rig.handle(Event::Command(Command::AddPeers { torrent: id, addrs: vec![addr] }));
        self.rig.settle();
        self.take();
    }
}

fn host(n: usize, port: usize) -> SocketAddr {
    ([203, 0, 113, n as u8], 1000 + port as u16).into()
}

fn hosts(count: usize) -> impl Iterator<Item = SocketAddr> {
    (1..=count).flat_map(|n| (0..PER_HOST).map(move |port| host(n, port)))
}

fn one_network(n: usize) -> SocketAddr {
    let ip: std::net::Ipv6Addr = [0x2001, 0xdb8, 1, 2, 0, 0, 0, n as u16].into();
    (ip, 7000).into()
}

#[test]
fn download_full_of_useless_peers_still_dials_the_seed() {
    for is_interested in [false, true] {
        let mut crowd = Crowd::new(THEY_HAVE, |_| {});
        crowd.fill(hosts(13), is_interested);
        assert!(crowd.rig.engine.peers.len() >= 80, "{}", crowd.rig.engine.peers.len());
        crowd.names(crowd.id, host(200, 0));
        crowd.sleep(60);
        assert!(crowd.called.contains(&host(200, 0)), "the seed is dialed within a minute");
    }
}

#[test]
fn seed_that_connects_to_a_full_torrent_gets_a_place() {
    for is_interested in [false, true] {
        let mut crowd = Crowd::new(THEY_HAVE, |_| {});
        crowd.fill(hosts(13), is_interested);
        assert_eq!(crowd.rig.engine.peers.len(), 100);
        crowd.sleep(60);
        let seed = crowd.accept(host(200, 0)).unwrap();
        crowd.greet(seed, false);
        assert!(crowd.rig.engine.peers.get(seed).is_some_and(|peer| peer.is_live()));
        assert_eq!(crowd.ended.len() - 4, 1, "one is replaced; four were too many at the start");
        // The next peer must not replace another one at once.
        let next = crowd.accept(host(201, 0)).unwrap();
        crowd.greet(next, false);
        assert!(!crowd.rig.engine.has_peer(next));
    }
}

#[test]
fn incoming_peers_of_one_network_are_bounded_as_one_host() {
    let mut crowd = Crowd::new(THEY_HAVE, |_| {});
    let taken = (1..500).filter(|n| {
        let key = crowd.accept(one_network(*n));
        key.map(|key| crowd.greet(key, false)).is_ok()
    });
    assert_eq!(taken.count(), PER_HOST);
}

#[test]
fn silent_incoming_peers_replace_each_other_and_no_live_ones() {
    let mut crowd = Crowd::new(THEY_HAVE, |config| config.max_peers = 100);
    crowd.fill((1..=5).map(|n| host(n, 0)), false);
    for n in 0..200 {
        // One host has many connections, and the others few.
        crowd.accept(if n % 2 == 0 { host(50 + n / 20, n) } else { host(100 + n / 2, n) }).unwrap();
        crowd.rig.now += Duration::from_millis(40);
        crowd.rig.settle();
        crowd.take();
    }
    assert!(crowd.rig.engine.peers.len() <= 5 + 10, "{} places", crowd.rig.engine.peers.len());
    assert_eq!(crowd.ended.len(), 200 - 10, "each replaced peer is closed");
    assert_eq!(crowd.rig.engine.peers.iter().filter(|peer| peer.is_live()).count(), 5);
    let late = crowd.accept(host(220, 0)).unwrap();
    crowd.greet(late, false);
    assert!(crowd.rig.engine.peers.get(late).is_some_and(|peer| peer.is_live()));
}

#[test]
fn new_download_in_a_session_full_of_leechers_gets_places() {
    let mut crowd = Crowd::new(8, |config| (config.max_peers, config.max_peers_per_torrent) = (50, 50));
    crowd.fill((1..=60).map(|n| host(n, 0)), true);
    assert_eq!(crowd.rig.engine.peers.len(), 50);
    crowd.sleep(60);
    let download = crowd.add(0);
    crowd.names(download, host(200, 0));
    crowd.sleep(20);
    assert!(crowd.called.contains(&host(200, 0)));
    crowd.sleep(60);
    assert!(crowd.rig.engine.torrent(crowd.id).peers().len() > 40, "no more than were needed");
}

#[test]
fn unanswered_attempts_are_replaced_by_incoming_peers() {
    let mut crowd =
        Crowd::new(THEY_HAVE, |config| (config.max_peers, config.max_peers_per_torrent) = (20, 20));
    let addrs = (1..=200).map(|n| host(n, 0)).collect();
    crowd.rig.handle(Event::Command(Command::AddPeers { torrent: crowd.id, addrs }));
    while crowd.rig.engine.peers.len() < 20 {
        crowd.rig.now += Duration::from_millis(100);
        crowd.rig.settle();
        crowd.rig.take_out();
    }
    assert!(crowd.accept(host(221, 0)).is_err(), "an attempt has a moment to be answered");
    crowd.rig.now += Duration::from_secs(2);
    let caller = crowd.accept(host(220, 0)).expect("a place");
    crowd.greet(caller, true);
    assert!(crowd.rig.engine.peers.get(caller).is_some_and(|peer| peer.is_live()));
    assert!(crowd.rig.engine.peers.len() <= 20);
    assert!(crowd.ended.len() <= 2, "no more than had to");
}

#[test]
fn incoming_peers_do_not_replace_outgoing_ones() {
    let mut crowd = Crowd::new(THEY_HAVE, |config| config.max_peers_per_torrent = 10);
    // A peer that we dialed, silent for long and so the least useful.
    crowd.rig.handle(Event::Command(Command::AddPeers { torrent: crowd.id, addrs: vec![host(150, 0)] }));
    crowd.rig.settle();
    let called = crowd.rig.out.connects.pop().expect("a call").peer;
    crowd.rig.handle(Event::Connected { peer: called });
    crowd.greet(called, false);
    crowd.rig.now += Duration::from_secs(1);
    crowd.fill((1..=8).map(|n| host(n, 0)), true);
    crowd.sleep(60);
    for n in 0..5 {
        crowd.sleep(60);
        // More addresses are known than there are places: a fifth of them is for outgoing connections.
        let (id, now) = (crowd.id, crowd.rig.now);
        crowd.rig.engine.name_by_tracker(now, id, host(160 + n, 0), None);
        let caller = crowd.accept(host(200 + n, 0)).unwrap();
        crowd.greet(caller, true);
        let peers = crowd.rig.engine.peers.iter();
        let callers = peers.filter(|peer| peer.conn().is_incoming() && peer.is_live()).count();
        assert!(callers <= 8, "{callers} callers");
        assert!(crowd.rig.engine.has_peer(called));
    }
}

#[test]
fn session_full_of_waiting_leechers_lets_strangers_in() {
    let mut crowd = Crowd::new(8, |config| (config.max_peers, config.max_peers_per_torrent) = (40, 40));
    crowd.fill(hosts(5), true);
    assert_eq!(crowd.rig.engine.peers.len(), 40);
    assert!(crowd.accept(host(100, 0)).is_err(), "the leechers have not had their time");
    crowd.sleep(40);
    let stranger = crowd.accept(host(100, 0)).expect("the least useful is replaced");
    crowd.greet(stranger, true);
    assert!(crowd.rig.engine.peers.get(stranger).is_some_and(|peer| peer.is_live()));
    assert!(crowd.accept(host(101, 0)).is_err(), "only one at a time is replaced");
    assert_eq!(crowd.rig.engine.peers.len(), 40);
}

#[test]
fn outgoing_connections_to_one_network_are_bounded() {
    let mut crowd = Crowd::new(THEY_HAVE, |_| {});
    let addrs = (1..=60).map(one_network).collect();
    crowd.rig.handle(Event::Command(Command::AddPeers { torrent: crowd.id, addrs }));
    for _ in 0..100 {
        crowd.rig.settle();
        for connect in crowd.rig.take_out().connects {
            crowd.rig.handle(Event::Connected { peer: connect.peer });
            crowd.greet(connect.peer, true);
        }
        crowd.rig.now += Duration::from_millis(500);
    }
    let live = crowd.rig.engine.peers.iter().filter(|peer| peer.is_live()).count();
    assert!((1..=PER_HOST + 1).contains(&live), "{live} connections to one /64");
}

#[test]
fn magnet_link_full_of_useless_peers_still_dials_a_new_address() {
    let mut crowd = Crowd::new(0, |config| config.max_peers_per_torrent = 10);
    crowd.rig.handle(Event::Command(Command::Remove(crowd.id)));
    let add = AddMagnet {
        info_hashes: crowd.meta.info_hashes,
        trackers: Vec::new(),
        peers: Vec::new(),
        known: None,
        paused: false,
    };
    crowd.id = crowd.rig.engine.add_magnet(crowd.rig.now, &add).unwrap();
    crowd.fill((1..=10).map(|n| host(n, 0)), true);
    let id = crowd.id;
    crowd.names(id, host(200, 0));
    crowd.sleep(60);
    assert!(crowd.called.contains(&host(200, 0)), "{:?}", crowd.called);
}

/// Addresses are easily made up.
#[test]
fn peer_that_gives_is_not_replaced_for_unanswered_attempts() {
    let mut crowd = Crowd::new(0, |config| config.max_peers_per_torrent = 10);
    crowd.fill([host(1, 0)], true);
    let giver = *crowd.rig.engine.torrent(crowd.id).peers().first().expect("it is there");
    let addrs = (2..=250).map(|n| host(n, 0)).collect();
    crowd.rig.handle(Event::Command(Command::AddPeers { torrent: crowd.id, addrs }));
    for _ in 0..300 {
        crowd.rig.now += Duration::from_secs(1);
        crowd.rig.give(giver, &mut FarEnd::default(), &encode(&[Message::KeepAlive]));
        crowd.rig.settle();
        // No peer answers: the engine gives up by itself.
        crowd.rig.take_out();
    }
    assert!(crowd.rig.engine.peers.get(giver).is_some_and(|peer| peer.is_live()));
}
