//! Places that are held without use.

use super::*;
use crate::CloseCause;

/// Calls of one host of the public network that are taken.
const PER_HOST: usize = 8;
const THEY_HAVE: usize = 4;

/// An engine with one torrent, and many peers around it.
struct Crowd {
    rig: Rig,
    id: TorrentId,
    meta: Arc<Metainfo>,
    /// Every address that was called.
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

    /// Adds a torrent of which so many pieces are here.
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

    /// Calls and is greeted, if the call is taken.
    fn fill(&mut self, addrs: impl IntoIterator<Item = SocketAddr>, is_interested: bool) {
        for addr in addrs {
            if let Ok(key) = self.accept(addr) {
                self.greet(key, is_interested);
            }
        }
    }

    /// Time passes; connections keep alive, and calls come to nothing.
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
fn a_download_full_of_useless_callers_still_calls_the_seed() {
    for is_interested in [false, true] {
        let mut crowd = Crowd::new(THEY_HAVE, |_| {});
        crowd.fill(hosts(13), is_interested);
        assert!(crowd.rig.engine.peers.len() >= 80, "{}", crowd.rig.engine.peers.len());
        crowd.names(crowd.id, host(200, 0));
        crowd.sleep(60);
        assert!(crowd.called.contains(&host(200, 0)), "the seed is called within a minute");
    }
}

#[test]
fn a_seed_that_calls_a_full_torrent_gets_a_place() {
    for is_interested in [false, true] {
        let mut crowd = Crowd::new(THEY_HAVE, |_| {});
        crowd.fill(hosts(13), is_interested);
        assert_eq!(crowd.rig.engine.peers.len(), 100);
        crowd.sleep(60);
        let seed = crowd.accept(host(200, 0)).unwrap();
        crowd.greet(seed, false);
        assert!(crowd.rig.engine.peers.get(seed).is_some_and(|peer| peer.is_live()));
        assert_eq!(crowd.ended.len() - 4, 1, "one makes place; four were too many at the start");
        // Those who come after must not have their way at once.
        let next = crowd.accept(host(201, 0)).unwrap();
        crowd.greet(next, false);
        assert!(!crowd.rig.engine.has_peer(next));
    }
}

#[test]
fn one_network_is_one_host() {
    let mut crowd = Crowd::new(THEY_HAVE, |_| {});
    let taken = (1..500).filter(|n| {
        let key = crowd.accept(one_network(*n));
        key.map(|key| crowd.greet(key, false)).is_ok()
    });
    assert_eq!(taken.count(), PER_HOST);
}

#[test]
fn silent_callers_push_out_each_other_and_not_those_who_speak() {
    let mut crowd = Crowd::new(THEY_HAVE, |config| config.max_peers = 100);
    crowd.fill((1..=5).map(|n| host(n, 0)), false);
    for n in 0..200 {
        // One host has many, and the others few.
        crowd.accept(if n % 2 == 0 { host(50 + n / 20, n) } else { host(100 + n / 2, n) }).unwrap();
        crowd.rig.now += Duration::from_millis(40);
        crowd.rig.settle();
        crowd.take();
    }
    assert!(crowd.rig.engine.peers.len() <= 5 + 10, "{} places", crowd.rig.engine.peers.len());
    assert_eq!(crowd.ended.len(), 200 - 10, "each that made place is closed");
    assert_eq!(crowd.rig.engine.peers.iter().filter(|peer| peer.is_live()).count(), 5);
    let late = crowd.accept(host(220, 0)).unwrap();
    crowd.greet(late, false);
    assert!(crowd.rig.engine.peers.get(late).is_some_and(|peer| peer.is_live()));
}

#[test]
fn a_new_download_gets_places_of_a_session_full_of_leechers() {
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
fn calls_that_nobody_answers_make_place_for_callers() {
    let mut crowd =
        Crowd::new(THEY_HAVE, |config| (config.max_peers, config.max_peers_per_torrent) = (20, 20));
    let addrs = (1..=200).map(|n| host(n, 0)).collect();
    crowd.rig.handle(Event::Command(Command::AddPeers { torrent: crowd.id, addrs }));
    while crowd.rig.engine.peers.len() < 20 {
        crowd.rig.now += Duration::from_millis(100);
        crowd.rig.settle();
        crowd.rig.take_out();
    }
    assert!(crowd.accept(host(221, 0)).is_err(), "a call has a moment to be answered");
    crowd.rig.now += Duration::from_secs(2);
    let caller = crowd.accept(host(220, 0)).expect("a place");
    crowd.greet(caller, true);
    assert!(crowd.rig.engine.peers.get(caller).is_some_and(|peer| peer.is_live()));
    assert!(crowd.rig.engine.peers.len() <= 20);
    assert!(crowd.ended.len() <= 2, "no more than had to");
}

#[test]
fn callers_do_not_take_the_places_of_those_we_called() {
    let mut crowd = Crowd::new(THEY_HAVE, |config| config.max_peers_per_torrent = 10);
    // One that we called, silent for long and so the least useful.
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
        // More addresses are known than there are places: a fifth of them is for calls.
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
fn a_session_full_of_those_who_wait_lets_strangers_in() {
    let mut crowd = Crowd::new(8, |config| (config.max_peers, config.max_peers_per_torrent) = (40, 40));
    crowd.fill(hosts(5), true);
    assert_eq!(crowd.rig.engine.peers.len(), 40);
    assert!(crowd.accept(host(100, 0)).is_err(), "they have not had their time");
    crowd.sleep(40);
    let stranger = crowd.accept(host(100, 0)).expect("the least useful goes");
    crowd.greet(stranger, true);
    assert!(crowd.rig.engine.peers.get(stranger).is_some_and(|peer| peer.is_live()));
    assert!(crowd.accept(host(101, 0)).is_err(), "not one for each that knocks");
    assert_eq!(crowd.rig.engine.peers.len(), 40);
}

#[test]
fn one_network_is_not_called_without_end() {
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
fn a_link_whose_places_are_full_still_calls_who_may_know() {
    let mut crowd = Crowd::new(0, |config| config.max_peers_per_torrent = 10);
    crowd.rig.handle(Event::Command(Command::Remove(crowd.id)));
    let add = AddMagnet {
        info_hashes: crowd.meta.info_hashes,
        trackers: Vec::new(),
        peers: Vec::new(),
        known: None,
    };
    crowd.id = crowd.rig.engine.add_magnet(crowd.rig.now, &add).unwrap();
    crowd.fill((1..=10).map(|n| host(n, 0)), true);
    let id = crowd.id;
    crowd.names(id, host(200, 0));
    crowd.sleep(60);
    assert!(crowd.called.contains(&host(200, 0)), "{:?}", crowd.called);
}

/// Addresses are made up more easily than peers that give.
#[test]
fn who_gives_does_not_go_for_calls_that_nobody_answers() {
    let mut crowd = Crowd::new(0, |config| config.max_peers_per_torrent = 10);
    crowd.fill([host(1, 0)], true);
    let giver = *crowd.rig.engine.torrent(crowd.id).peers().first().expect("it is there");
    let addrs = (2..=250).map(|n| host(n, 0)).collect();
    crowd.rig.handle(Event::Command(Command::AddPeers { torrent: crowd.id, addrs }));
    for _ in 0..300 {
        crowd.rig.now += Duration::from_secs(1);
        crowd.rig.give(giver, &mut FarEnd::default(), &encode(&[Message::KeepAlive]));
        crowd.rig.settle();
        // Nobody answers: the engine gives up by itself.
        crowd.rig.take_out();
    }
    assert!(crowd.rig.engine.peers.get(giver).is_some_and(|peer| peer.is_live()));
}
