//! Announces of ten thousand torrents to trackers of which half are dead.

use super::*;
use crate::outbox::{HttpGet, Resolve};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use ztor_metainfo::{InfoHashV1, InfoHashes};
use ztor_tracker::TrackerIssue;
use ztor_tracker::http::parse_announce_query;
use ztor_tracker::udp::{Request, Response};
use ztor_tracker::{AnnounceEvent, AnnounceReply};

/// Interval between two announces that the trackers ask for, in seconds.
const INTERVAL_S: u64 = 1800;
/// Time that a tracker takes to answer.
const LATENCY: Duration = Duration::from_millis(50);
/// Time after which a driver gives up a connection attempt without an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time by which an announce may be late.
const LATE: Duration = Duration::from_secs(60);

/// A pending answer for the engine.
enum Answer {
    Http(RequestId, String, Result<(u16, Vec<u8>), String>),
    Resolved(RequestId, IpAddr),
    Datagram(SocketAddr, Vec<u8>),
}

/// Stub trackers. The names of dead ones begin with `dead`.
struct Stubs {
    rig: Rig,
    /// True while no tracker answers.
    is_out: bool,
    /// Pending answers, by their time and a number.
    answers: BTreeMap<(Instant, u64), Answer>,
    sent: u64,
    addresses: BTreeMap<IpAddr, String>,
    /// Number of pending HTTP requests by host, and the maximum at one host and at all.
    open: BTreeMap<String, usize>,
    most_at_host: usize,
    most: usize,
    lookups: BTreeMap<String, usize>,
    /// Number of reported failures of trackers.
    failures: usize,
    /// Times of the announces of a torrent to living trackers, and the last event.
    heard: BTreeMap<SwarmId, (Vec<Instant>, AnnounceEvent)>,
}

impl Stubs {
    fn new() -> Self {
        let config = Config { local_discovery: false, ..Config::new(PeerId::from_random([1; 12]), 6881) };
        Self {
            rig: Rig::new(Instant::from_micros(1_000_000), config, 1),
            is_out: false,
            answers: BTreeMap::new(),
            sent: 0,
            addresses: BTreeMap::new(),
            open: BTreeMap::new(),
            most_at_host: 0,
            most: 0,
            lookups: BTreeMap::new(),
            failures: 0,
            heard: BTreeMap::new(),
        }
    }

    /// Adds a torrent with these trackers, each in a tier of its own.
    fn add(&mut self, number: u32, trackers: &[String]) -> SwarmId {
        let mut hash = [0; 20];
        hash[..4].copy_from_slice(&number.to_be_bytes());
        let info_hashes = InfoHashes::V1(InfoHashV1::new(hash));
        let trackers = trackers.iter().map(|url| vec![url.clone()]).collect();
        let add = AddMagnet { info_hashes, trackers, peers: Vec::new(), known: None, paused: false };
        self.rig.engine.add_magnet(self.rig.now, &add).unwrap();
        info_hashes.swarm_id()
    }

    fn plan(&mut self, wait: Duration, answer: Answer) {
        self.sent += 1;
        self.answers.insert((self.rig.now + wait, self.sent), answer);
    }

    fn host(url: &str) -> String {
        url::Url::parse(url).unwrap().host_str().unwrap().to_owned()
    }

    fn hear(&mut self, swarm: SwarmId, event: AnnounceEvent) {
        let heard = self.heard.entry(swarm).or_insert_with(|| (Vec::new(), event));
        heard.0.push(self.rig.now);
        heard.1 = event;
    }

    fn reply(&self) -> AnnounceReply {
        AnnounceReply { interval_s: INTERVAL_S as u32, ..AnnounceReply::default() }
    }

    fn on_http(&mut self, HttpGet { id, url, .. }: HttpGet) {
        let host = Self::host(&url);
        *self.open.entry(host.clone()).or_default() += 1;
        self.most_at_host = self.most_at_host.max(self.open[&host]);
        self.most = self.most.max(self.open.values().sum());
        if self.is_out || host.starts_with("dead") {
            let result = Err("cannot connect".to_owned());
            return self.plan(CONNECT_TIMEOUT, Answer::Http(id, host, result));
        }
        let request = parse_announce_query(url.split_once('?').unwrap().1).unwrap().request;
        self.hear(request.info_hash, request.event);
        let body = format!("d8:intervali{INTERVAL_S}e5:peers0:e").into_bytes();
        self.plan(LATENCY, Answer::Http(id, host, Ok((200, body))));
    }

    fn on_datagram(&mut self, to: SocketAddr, datagram: &[u8]) {
        if self.is_out || self.addresses[&to.ip()].starts_with("dead") {
            return;
        }
        let response = match Request::decode(datagram).unwrap() {
            Request::Connect { transaction } => Response::Connect { transaction, connection: 7 },
            Request::Announce { transaction, request, .. } => {
                self.hear(request.info_hash, request.event);
                Response::Announce { transaction, reply: self.reply() }
            }
            Request::Scrape { .. } => panic!("the engine sends no scrapes"),
        };
        self.plan(LATENCY, Answer::Datagram(to, response.encode(false)));
    }

    fn on_resolve(&mut self, Resolve { id, host, .. }: Resolve) {
        *self.lookups.entry(host.clone()).or_default() += 1;
        let number = self.addresses.len() as u32;
        let known = self.addresses.iter().find(|(_, name)| **name == host).map(|(ip, _)| *ip);
        let ip = known.unwrap_or_else(|| Ipv4Addr::from(0x0808_0000 + number).into());
        self.addresses.insert(ip, host);
        self.plan(Duration::from_millis(20), Answer::Resolved(id, ip));
    }

    fn turn(&mut self) {
        self.rig.settle();
        let mut out = self.rig.take_out();
        let failed = |event: &&TorrentEvent| {
            matches!(event, TorrentEvent::Tracker { issue: TrackerIssue::Error(_), .. })
        };
        self.failures += out.events.iter().filter(failed).count();
        out.https.drain(..).for_each(|get| self.on_http(get));
        out.resolves.drain(..).for_each(|resolve| self.on_resolve(resolve));
        for (to, datagram) in out.tracker_datagrams.drain(..) {
            self.on_datagram(to, &datagram);
        }
        out.clear();
        self.rig.out = out;
    }

    /// Runs until this time, or until nothing is left to do.
    fn run(&mut self, until: Instant) {
        loop {
            self.turn();
            let answer_at = self.answers.first_key_value().map(|((at, _), _)| *at);
            let next = answer_at.into_iter().chain(self.rig.engine.poll_timeout()).min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.rig.now = self.rig.now.max(next);
            while let Some(entry) = self.answers.first_entry()
                && entry.key().0 <= self.rig.now
            {
                match entry.remove() {
                    Answer::Http(id, host, result) => {
                        *self.open.get_mut(&host).unwrap() -= 1;
                        let from = Some([8, 8, 8, 8].into());
                        self.rig.handle(Event::Http { id, from, result });
                    }
                    Answer::Resolved(id, ip) => self.rig.handle(Event::Resolved { id, result: Ok(vec![ip]) }),
                    Answer::Datagram(from, data) => {
                        self.rig.handle(Event::Datagram { node: 0, from, data: &data })
                    }
                }
            }
        }
        self.rig.now = self.rig.now.max(until);
    }

    fn run_for(&mut self, seconds: u64) {
        self.run(self.rig.now + Duration::from_secs(seconds));
    }
}

/// Returns a dead and a living tracker of fifty each, every third one over UDP.
fn dead_and_alive(number: u32) -> [String; 2] {
    ["dead", "alive"].map(|kind| match number % 3 {
        0 => format!("udp://{kind}{}.example:80/announce", number % 50),
        _ => format!("http://{kind}{}.example/announce", number % 50),
    })
}

#[test]
fn ten_thousand_torrents_with_half_their_trackers_dead_are_announced_in_time() {
    const COUNT: u32 = 10_000;
    let mut stubs = Stubs::new();
    let swarms: Vec<SwarmId> = (0..COUNT).map(|number| stubs.add(number, &dead_and_alive(number))).collect();
    let begun = stubs.rig.now;
    stubs.run_for(60);
    for swarm in &swarms {
        let first = stubs.heard.get(swarm).and_then(|(times, _)| times.first());
        assert!(first.is_some_and(|at| at.since(begun) <= LATE), "{swarm:?}: {first:?}");
    }
    // New torrents are announced at once, also among many others.
    for (number, wait) in [(0, 0), (1, 400), (2, 900)] {
        stubs.run_for(wait);
        let added = stubs.rig.now;
        let swarm = stubs.add(COUNT + number, &dead_and_alive(number));
        stubs.run_for(1);
        assert!(stubs.heard.contains_key(&swarm), "added at {added:?}: no announce within a second");
    }
    stubs.run_for(2 * INTERVAL_S);
    for swarm in &swarms {
        let times = &stubs.heard[swarm].0;
        assert!(times.len() >= 3, "{times:?}");
        for pair in times.windows(2) {
            // A download without peers is announced as often as the tracker allows.
            let interval = pair[1].since(pair[0]);
            let own = Duration::from_secs(INTERVAL_S);
            assert!(interval >= own && interval <= own + own / 20 + LATE, "{interval:?}");
        }
    }
    assert!(stubs.most_at_host <= 40, "{} requests at a host", stubs.most_at_host);
    assert!(stubs.most <= 256, "{} requests", stubs.most);
    let minutes = stubs.rig.now.since(begun).as_secs() / 600 + 1;
    let most = stubs.lookups.values().max().copied().unwrap_or(0);
    assert!(most <= 10 * minutes as usize, "{most} lookups of a name in {minutes} times ten minutes");
    // All torrents announce `stopped`.
    let begun = stubs.rig.now;
    stubs.most_at_host = 0;
    stubs.rig.handle(Event::Command(Command::Shutdown));
    while stubs.rig.engine.has_goodbyes() && stubs.rig.now.since(begun) <= Duration::from_secs(10) {
        let next = stubs.rig.now + Duration::from_millis(100);
        stubs.run(next);
    }
    assert!(!stubs.rig.engine.has_goodbyes(), "within ten seconds");
    assert!(stubs.most_at_host <= 64, "{} requests at a host", stubs.most_at_host);
    let silent = swarms.iter().filter(|swarm| stubs.heard[*swarm].1 != AnnounceEvent::Stopped).count();
    assert_eq!(silent, 0, "living trackers that heard no goodbye");
}

#[test]
fn ten_thousand_goodbyes_to_one_slow_tracker_take_at_most_ten_seconds() {
    let mut stubs = Stubs::new();
    let trackers = ["http://alive.example/announce".to_owned()];
    let swarms: BTreeSet<SwarmId> = (0..10_000).map(|number| stubs.add(number, &trackers)).collect();
    stubs.run_for(60);
    assert_eq!(stubs.heard.len(), swarms.len());
    let begun = stubs.rig.now;
    stubs.rig.handle(Event::Command(Command::Shutdown));
    while stubs.rig.engine.has_goodbyes() {
        let next = stubs.rig.now + Duration::from_millis(100);
        stubs.run(next);
    }
    let took = stubs.rig.now.since(begun);
    assert!(took <= Duration::from_secs(10), "{took:?}: 64 at a time, 50 ms each");
    assert!(stubs.most_at_host <= 64, "{} requests at a host", stubs.most_at_host);
    assert!(stubs.heard.values().all(|(_, event)| *event == AnnounceEvent::Stopped));
}

/// No host answers for an hour. Trackers are the only source of peers of these torrents.
#[test]
fn trackers_after_an_hour_without_network_are_announced_to_in_time() {
    const COUNT: u32 = 1000;
    let mut stubs = Stubs::new();
    let swarms: Vec<SwarmId> = (0..COUNT).map(|number| stubs.add(number, &dead_and_alive(number))).collect();
    stubs.run_for(60);
    for minutes in [10, 60] {
        stubs.is_out = true;
        stubs.run_for(minutes * 60);
        stubs.is_out = false;
        let back = stubs.rig.now;
        stubs.run_for(30);
        for swarm in &swarms {
            let (times, _) = &stubs.heard[swarm];
            let late = back.since(*times.last().unwrap()).as_secs();
            assert!(late <= INTERVAL_S * 21 / 20, "{minutes} minutes: {swarm:?}, {times:?}");
        }
        stubs.run_for(600);
    }
    assert!(stubs.most_at_host <= 40, "{} requests at a host", stubs.most_at_host);
}

#[test]
fn new_address_is_announced_to_all_trackers_at_once() {
    for change in [NetworkChange::Moved, NetworkChange::Slept(Duration::from_secs(3600))] {
        let mut stubs = Stubs::new();
        let trackers = ["http://alive.example/announce".to_owned()];
        let swarms: Vec<SwarmId> = (0..100).map(|number| stubs.add(number, &trackers)).collect();
        stubs.run_for(60);
        stubs.rig.handle(Event::Network(change));
        stubs.run_for(30);
        assert!(swarms.iter().all(|swarm| stubs.heard[swarm].0.len() == 2), "{change:?}");
    }
}

/// Peers of a hybrid torrent are dialed in the swarm that they were found in.
#[test]
fn hybrid_torrent_is_announced_in_both_swarms_over_both_families() {
    let (v1, v2) = (InfoHashV1::new([1; 20]), ztor_metainfo::InfoHashV2::new([2; 32]));
    let config = Config { local_discovery: false, ..Config::new(PeerId::from_random([1; 12]), 6881) };
    let mut rig = Rig::new(Instant::from_micros(1), config, 1);
    let trackers = vec![vec!["http://tracker.example/announce".to_owned()]];
    let add = AddMagnet {
        info_hashes: InfoHashes::Hybrid(v1, v2),
        trackers,
        peers: Vec::new(),
        known: None,
        paused: false,
    };
    rig.engine.add_magnet(rig.now, &add).unwrap();
    rig.settle();
    let id = rig.out.resolves.pop().unwrap().id;
    let ips = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    rig.handle(Event::Resolved { id, result: Ok(ips) });
    rig.settle();
    let asked: Vec<HttpGet> = rig.out.https.drain(..).collect();
    let of = |get: &HttpGet| {
        let request = parse_announce_query(get.url.split_once('?').unwrap().1).unwrap().request;
        (request.info_hash, get.family)
    };
    let both = [SwarmId::from(v1), v2.truncated()];
    let expected = both.map(|swarm| [(swarm, Some(IpFamily::V4)), (swarm, Some(IpFamily::V6))]);
    assert_eq!(asked.iter().map(of).collect::<Vec<_>>(), expected.concat());
    // Each swarm names its own peer. A failure in addition to a good answer is not reported.
    for (number, get) in asked.iter().enumerate() {
        let result = match number {
            0 | 2 => {
                let peer = [8, 8, 8, number as u8 + 1, 0x1a, 0xe1];
                Ok((200, [&b"d8:intervali900e5:peers6:"[..], &peer, b"e"].concat()))
            }
            _ => Err("cannot connect".to_owned()),
        };
        rig.handle(Event::Http { id: get.id, from: None, result });
    }
    rig.settle();
    assert!(!rig.out.events.iter().any(|event| matches!(event, TorrentEvent::Tracker { .. })));
    let connects = std::mem::take(&mut rig.out.connects);
    assert_eq!(connects.len(), 2);
    for connect in connects {
        rig.out.clear();
        rig.handle(Event::Connected { peer: connect.peer });
        rig.settle();
        let handshake = Handshake::decode(&rig.out.bytes).unwrap().unwrap();
        let is_v2 = connect.addr.ip() == IpAddr::from([8, 8, 8, 3]);
        assert_eq!(handshake.info_hash, both[usize::from(is_v2)], "{}", connect.addr);
    }
}

/// A router maps the port of IPv4 to another one, and none of IPv6.
#[test]
fn external_port_is_announced_to_hosts_beyond_the_router_only() {
    let config = Config { local_discovery: false, ..Config::new(PeerId::from_random([1; 12]), 6881) };
    let mut rig = Rig::new(Instant::from_micros(1), config, 1);
    let hosts = [("a", "192.0.2.1"), ("b", "2001:db8::1"), ("c", "192.168.1.9")];
    let trackers = hosts.map(|(name, _)| vec![format!("http://{name}.example/announce")]).to_vec();
    let info_hashes = InfoHashes::V1(InfoHashV1::new([1; 20]));
    let add = AddMagnet { info_hashes, trackers, peers: Vec::new(), known: None, paused: false };
    rig.engine.add_magnet(rig.now, &add).unwrap();
    let announced = |rig: &mut Rig| {
        let mut ports = BTreeMap::new();
        for _ in 0..30 {
            rig.now += Duration::from_secs(10);
            rig.settle();
            for resolve in std::mem::take(&mut rig.out.resolves) {
                let (_, ip) =
                    hosts.iter().find(|(name, _)| resolve.host == format!("{name}.example")).unwrap();
                rig.handle(Event::Resolved { id: resolve.id, result: Ok(vec![ip.parse().unwrap()]) });
                rig.settle();
            }
            for get in std::mem::take(&mut rig.out.https) {
                let (host, query) = get.url.split_once('?').unwrap();
                ports.insert(host[7..8].to_owned(), parse_announce_query(query).unwrap().request.port);
                let body = b"d8:intervali900e5:peers0:e".to_vec();
                rig.handle(Event::Http { id: get.id, from: None, result: Ok((200, body)) });
            }
        }
        ports.into_values().collect::<Vec<u16>>()
    };
    assert_eq!(announced(&mut rig), [6881, 6881, 6881]);
    let external = ExternalPorts { v4: Some(7000), v6: None };
    rig.handle(Event::Network(NetworkChange::Ports { listen: 6881, external }));
    assert_eq!(announced(&mut rig), [7000, 6881, 6881], "before the interval is over");
}

#[test]
fn failure_of_a_tracker_is_reported_once_for_all_torrents() {
    let mut stubs = Stubs::new();
    for number in 0..100 {
        stubs.add(number, &["http://dead.example/announce".to_owned()]);
    }
    stubs.run_for(3600);
    assert_eq!(stubs.failures, 1, "reports of one dead host in an hour");
}
