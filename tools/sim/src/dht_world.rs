//! A whole DHT of real nodes with churn, hostile nodes, latency and loss. Peers are announced and looked up, and nearly
//! every lookup must find one that is up.
//!
//! It has its own event loop, because there are thousands of nodes and no torrents.

mod figures;
mod hostile;
mod place;
mod plan;

pub(crate) use plan::{against_sybils, of_200, of_2000};

use crate::outcome::Failure;
use crate::outcome::Outcome;
use crate::trace::{Subject, Trace, number_of};
use fastrand::Rng;
use figures::Figures;
use hostile::{Hostile, Malice};
use place::Land;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use ztor_base::{Duration, Instant};
use ztor_dht::{Announce, Config, Contact, Dht, Event, LookupId, NodeId, PerFamily, Saved, Summary};

/// Trace lines shown with a failure.
const SHOWN_LINES: usize = 40;
const ROUTERS: usize = 3;
/// Lost datagrams in thousandths.
const LOSS_PER_MILLE: u32 = 15;
/// Interval between the announces of a peer.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(15 * 60);
/// Interval between the queries with which a hostile node makes itself known.
const ADVERTISE_EVERY: Duration = Duration::from_secs(15);

/// Nodes and events of a network. Times count from the start.
#[derive(Debug, Clone)]
struct Setup {
    /// Number of honest nodes at any time, without routers.
    honest: usize,
    /// Number of hostile nodes of all kinds.
    hostile: usize,
    /// Number of identities near the first torrent's hash.
    sybils: usize,
    /// Number of /24s with these identities.
    sybil_subnets: usize,
    torrents: usize,
    lookups: usize,
    /// Time in which half of the honest nodes leave and are replaced.
    half_life: Duration,
    /// Time by which all nodes have joined.
    joined: Duration,
    /// Time of the first announces.
    settled: Duration,
    /// Maximum number of peers per torrent.
    peers: usize,
    /// Start and end of the span of the lookups.
    looking: (Duration, Duration),
}

struct DhtWorld {
    setup: Setup,
    now: Instant,
    rng: Rng,
    trace: Trace,
    land: Land,
    hosts: Vec<Host>,
    by_addr: BTreeMap<SocketAddr, usize>,
    /// Honest hosts that are up, without routers.
    honest: Vec<usize>,
    /// Contacts that hostile nodes return.
    cliques: Cliques,
    queue: BinaryHeap<Reverse<Due>>,
    sequence: u64,
    /// Seed of the latencies between hosts.
    map: u64,
    torrents: Vec<Torrent>,
    running: BTreeMap<(usize, LookupId), Wish>,
    figures: Figures,
}

#[derive(Default)]
struct Cliques {
    hostile: Vec<Contact>,
    sybils: Vec<Contact>,
}

struct Host {
    addr: SocketAddr,
    who: Who,
    is_up: bool,
    wake: Instant,
}

enum Who {
    Honest(Box<Dht>),
    Hostile(Hostile),
    Sybil(Hostile),
}

struct Torrent {
    info_hash: [u8; 20],
    /// Hosts that have announced it, and the addresses of their peers.
    peers: Vec<(usize, SocketAddr)>,
}

/// Purpose of a lookup.
enum Wish {
    Announce { torrent: usize, port: u16 },
    Lookup { torrent: usize, found: bool },
}

enum Task {
    Deliver {
        from: SocketAddr,
        to: SocketAddr,
        data: Vec<u8>,
    },
    Wake(usize),
    Join,
    /// Starts a hostile host.
    Enter(usize),
    /// Stops a host without notice, and starts another one.
    Leave(usize),
    Announce {
        torrent: usize,
        host: Option<usize>,
    },
    LookUp(usize),
}

/// A planned task, ordered by time and then by the time of planning.
struct Due {
    at: Instant,
    sequence: u64,
    task: Task,
}

impl DhtWorld {
    /// Runs a network from its first node to its last lookup.
    fn play(setup: Setup, mut rng: Rng, is_loud: bool) -> Outcome {
        let mut trace = Trace::new();
        trace.is_loud = is_loud;
        let mut world = Self {
            now: Instant::from_micros(1),
            map: rng.u64(..),
            rng,
            trace,
            land: Land::default(),
            hosts: Vec::new(),
            by_addr: BTreeMap::new(),
            honest: Vec::new(),
            cliques: Cliques::default(),
            queue: BinaryHeap::new(),
            sequence: 0,
            torrents: Vec::new(),
            running: BTreeMap::new(),
            figures: Figures::default(),
            setup,
        };
        world.populate();
        while let Some(Reverse(due)) = world.queue.pop() {
            if world.figures.ended >= world.setup.lookups {
                break;
            }
            world.now = due.at;
            world.carry_out(due.task);
        }
        world.outcome()
    }

    fn outcome(self) -> Outcome {
        let failure = self.figures.fault().map(|message| {
            let about = vec!["missed".to_owned()];
            Failure { at: self.now, message, about }
        });
        let story =
            failure.as_ref().map_or_else(Vec::new, |failure| self.trace.last(SHOWN_LINES, &failure.about));
        let took = self.now.since(Instant::ZERO);
        Outcome { hash: self.trace.hash(), took, notes: self.figures.notes(), failure, story }
    }

    fn plan(&mut self, at: Instant, task: Task) {
        self.sequence += 1;
        self.queue.push(Reverse(Due { at, sequence: self.sequence, task }));
    }

    fn carry_out(&mut self, task: Task) {
        match task {
            Task::Deliver { from, to, data } => self.deliver(from, to, &data),
            Task::Wake(index) => self.wake(index),
            Task::Join => self.join(),
            Task::Enter(index) => {
                self.hosts[index].is_up = true;
                self.wake_at(index, self.now);
            }
            Task::Leave(index) => {
                self.leave(index);
                self.join();
            }
            Task::Announce { torrent, host } => self.announce(torrent, host),
            Task::LookUp(torrent) => self.look_up(torrent),
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, data: &[u8]) {
        let Some(&index) = self.by_addr.get(&to) else { return };
        let host = &mut self.hosts[index];
        if !host.is_up {
            return;
        }
        self.figures.datagrams += 1;
        self.trace.record(self.now, Subject::Delivered, &[index as u64]);
        let (hostile, friends) = match &mut host.who {
            Who::Honest(dht) => {
                dht.handle(self.now, from, data);
                return self.flush(index);
            }
            Who::Hostile(hostile) => (hostile, &self.cliques.hostile),
            Who::Sybil(hostile) => (hostile, &self.cliques.sybils),
        };
        if let Some(answer) = hostile.answer(from, data, friends, &mut self.rng) {
            self.send(to, from, answer);
        }
    }

    fn wake(&mut self, index: usize) {
        let now = self.now;
        let host = &mut self.hosts[index];
        if !host.is_up || host.wake != now {
            return;
        }
        host.wake = Instant::FAR_FUTURE;
        let first = self.torrents.first().map(|torrent| NodeId::new(torrent.info_hash));
        let (hostile, target) = match &mut host.who {
            Who::Honest(dht) => {
                dht.handle_timeout(now);
                return self.flush(index);
            }
            Who::Hostile(hostile) => (hostile, None),
            Who::Sybil(hostile) => (hostile, first),
        };
        let question = hostile.question(target, &mut self.rng);
        let from = host.addr;
        if let Some(to) = self.someone() {
            self.send(from, self.hosts[to].addr, question);
        }
        self.wake_at(index, now + ADVERTISE_EVERY);
    }

    fn wake_at(&mut self, index: usize, at: Instant) {
        let host = &mut self.hosts[index];
        if at < host.wake {
            host.wake = at;
            self.plan(at, Task::Wake(index));
        }
    }

    /// Carries out the effects of an honest node.
    fn flush(&mut self, index: usize) {
        let from = self.hosts[index].addr;
        while let Some((to, datagram)) = self.dht(index).and_then(Dht::poll_transmit) {
            assert!(datagram.len() <= ztor_dht::MAX_DATAGRAM_BYTES, "a datagram of {} bytes", datagram.len());
            self.send(from, to, datagram);
        }
        while let Some(event) = self.dht(index).and_then(Dht::poll_event) {
            self.on_event(index, event);
        }
        if let Some(at) = self.dht(index).and_then(|dht| dht.poll_timeout()) {
            self.wake_at(index, at.max(self.now));
        }
    }

    fn dht(&mut self, index: usize) -> Option<&mut Dht> {
        match &mut self.hosts[index].who {
            Who::Honest(dht) => Some(dht),
            Who::Hostile(_) | Who::Sybil(_) => None,
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, data: Vec<u8>) {
        if self.rng.u32(0..1000) < LOSS_PER_MILLE {
            return;
        }
        let at = self.now + self.latency(from, to);
        self.plan(at, Task::Deliver { from, to, data });
    }

    /// Returns the constant latency between two hosts, equal both ways: 20 to 200 ms.
    fn latency(&self, a: SocketAddr, b: SocketAddr) -> Duration {
        let number = |addr: SocketAddr| match addr.ip() {
            std::net::IpAddr::V4(ip) => u64::from(u32::from(ip)),
            std::net::IpAddr::V6(ip) => u128::from(ip) as u64,
        };
        let (low, high) = (number(a.min(b)), number(a.max(b)));
        Duration::from_micros(Rng::with_seed(self.map ^ low << 32 ^ high).u64(20_000..200_000))
    }

    fn add(&mut self, addr: SocketAddr, who: Who) -> usize {
        let index = self.hosts.len();
        self.hosts.push(Host { addr, who, is_up: true, wake: Instant::FAR_FUTURE });
        self.by_addr.insert(addr, index);
        index
    }

    /// Adds an honest node, which starts with its saved state, if any, and the routers.
    fn add_honest(&mut self, saved: Option<&Saved>) -> usize {
        let addr = self.land.settle(&mut self.rng);
        let config = Config { families: PerFamily { v4: true, v6: false }, ..Config::default() };
        let mut dht = Dht::new(self.now, config, self.rng.u64(..), saved);
        let routers: Vec<_> = self.hosts.iter().take(ROUTERS).map(|host| host.addr).collect();
        dht.bootstrap(self.now, &routers);
        let index = self.add(addr, Who::Honest(Box::new(dht)));
        self.flush(index);
        index
    }

    fn join(&mut self) {
        // Some nodes start with saved contacts of another one.
        let old = self.someone().filter(|_| self.rng.u8(0..4) == 0);
        let saved = old
            .and_then(|index| self.dht(index))
            .map(|dht| Saved { ids: PerFamily::default(), ..dht.save() });
        let index = self.add_honest(saved.as_ref());
        self.trace.note(self.now, format_args!("{} joins", self.hosts[index].addr));
        self.trace.record(self.now, Subject::Joined, &[number_of(self.hosts[index].addr)]);
        self.honest.push(index);
        self.figures.joined += 1;
        let at = self.now + self.lifetime();
        self.plan(at, Task::Leave(index));
    }

    /// Returns an exponentially distributed time, so that the remaining lifetime does not depend on the age.
    fn lifetime(&mut self) -> Duration {
        let halves = -(1.0 - self.rng.f64()).log2();
        Duration::from_micros((self.setup.half_life.as_micros() as f64 * halves) as u64)
    }

    fn leave(&mut self, index: usize) {
        self.trace.note(self.now, format_args!("{} leaves", self.hosts[index].addr));
        self.trace.record(self.now, Subject::Left, &[number_of(self.hosts[index].addr)]);
        self.hosts[index].is_up = false;
        self.honest.retain(|other| *other != index);
        let figures = &mut self.figures;
        self.running.retain(|(host, _), wish| {
            let goes = *host == index;
            figures.ended += usize::from(goes && matches!(wish, Wish::Lookup { .. }));
            !goes
        });
        self.figures.left += 1;
        if let Who::Honest(dht) = &mut self.hosts[index].who {
            // Frees its memory.
            **dht = Dht::new(self.now, Config::default(), 0, None);
        }
    }

    fn someone(&mut self) -> Option<usize> {
        self.rng.choice(&self.honest).copied()
    }

    /// Announces a peer of a host, and plans its next announce. `None` takes any host.
    fn announce(&mut self, torrent: usize, host: Option<usize>) {
        // Another host replaces one that has left, so that lookups can find a peer in the end.
        let host = host.filter(|index| self.hosts[*index].is_up);
        let Some(index) = host.or_else(|| self.someone()) else { return };
        let (now, implied_port) = (self.now, index % 2 == 0);
        let port = if implied_port { place::PORT } else { 51_413 };
        let announce = Announce { port: PerFamily::both(port), implied_port, is_seed: index % 3 == 0 };
        let info_hash = self.torrents[torrent].info_hash;
        let Some(dht) = self.dht(index) else { return };
        let lookup = dht.get_peers(now, info_hash.into(), Some(announce));
        self.running.insert((index, lookup), Wish::Announce { torrent, port });
        self.plan(now + ANNOUNCE_EVERY, Task::Announce { torrent, host: Some(index) });
        self.flush(index);
    }

    fn look_up(&mut self, torrent: usize) {
        let now = self.now;
        let is_peer =
            |world: &Self, index: usize| world.torrents[torrent].peers.iter().any(|(host, _)| *host == index);
        let host = self.someone().filter(|index| !is_peer(self, *index));
        if host.is_none() || !self.is_there(torrent) {
            // No node to ask, or no peer to find: tries another torrent a little later.
            let torrent = self.rng.usize(..self.torrents.len());
            return self.plan(now + Duration::from_secs(2), Task::LookUp(torrent));
        }
        let info_hash = self.torrents[torrent].info_hash;
        let Some((index, dht)) = host.and_then(|index| Some((index, self.dht(index)?))) else { return };
        let lookup = dht.get_peers(now, info_hash.into(), None);
        self.running.insert((index, lookup), Wish::Lookup { torrent, found: false });
        self.flush(index);
    }

    /// Returns true if a torrent has a peer that was announced and has not left.
    fn is_there(&self, torrent: usize) -> bool {
        self.torrents[torrent].peers.iter().any(|(host, _)| self.hosts[*host].is_up)
    }

    fn on_event(&mut self, index: usize, event: Event) {
        match event {
            Event::Peers { lookup, peers, .. } => {
                let Some(Wish::Lookup { torrent, found }) = self.running.get_mut(&(index, lookup)) else {
                    return;
                };
                let is_real =
                    |(host, addr): &(usize, SocketAddr)| self.hosts[*host].is_up && peers.contains(addr);
                *found |= self.torrents[*torrent].peers.iter().any(is_real);
            }
            Event::Done { lookup, summary } => {
                let name = self.hosts[index].addr;
                match self.running.remove(&(index, lookup)) {
                    Some(Wish::Announce { torrent, port }) => {
                        self.trace.note(self.now, format_args!("{name} announced {torrent}: {summary:?}"));
                        self.trace.record(self.now, Subject::Announced, &numbers_of(&summary));
                        self.figures.announces.push(summary);
                        let peer = (index, SocketAddr::new(name.ip(), port));
                        let known = &mut self.torrents[torrent].peers;
                        if summary.announced > 0 && !known.contains(&peer) {
                            known.push(peer);
                        }
                    }
                    Some(Wish::Lookup { torrent, found }) => {
                        self.figures.ended += 1;
                        // A lookup need not find peers that left during it.
                        if found || self.is_there(torrent) {
                            self.figures.lookups.push((found, summary));
                            let how = if found { "found" } else { "missed" };
                            self.trace.note(self.now, format_args!("{name} {how} {torrent}: {summary:?}"));
                            self.trace.record(self.now, Subject::LookupEnded, &numbers_of(&summary));
                        }
                    }
                    None => {}
                }
            }
            _ => {}
        }
    }
}

fn numbers_of(summary: &Summary) -> [u64; 5] {
    let Summary { nodes_asked, nodes_answered, messages, announced, took } = *summary;
    [nodes_asked as u64, nodes_answered as u64, messages as u64, announced as u64, took.as_micros() as u64]
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}
