//! A small network of nodes on a virtual clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use fastrand::Rng;
use ztor_base::{Duration, Instant};
use ztor_dht::{Config, Dht, Event, Family, PerFamily, Saved};

/// Answers in the place of a node: takes source, destination and datagram, and returns the response.
pub(crate) type Liar = Box<dyn FnMut(SocketAddr, SocketAddr, &[u8]) -> Option<Vec<u8>>>;

pub(crate) struct Net {
    pub(crate) now: Instant,
    pub(crate) rng: Rng,
    pub(crate) dhts: Vec<Dht>,
    pub(crate) events: Vec<VecDeque<Event>>,
    pub(crate) addrs: Vec<PerFamily<Option<SocketAddr>>>,
    /// Nodes whose datagrams are lost, in both directions.
    pub(crate) dead: BTreeSet<usize>,
    /// A family whose datagrams are lost.
    pub(crate) cut: Option<Family>,
    pub(crate) loss: f64,
    pub(crate) liar: Option<(BTreeSet<SocketAddr>, Liar)>,
    /// Number of datagrams sent into the network.
    pub(crate) sent: usize,
    by_addr: BTreeMap<SocketAddr, usize>,
    wire: BTreeMap<(Instant, usize), (SocketAddr, SocketAddr, Vec<u8>)>,
}

/// Returns the address of node `n`, each in its own subnet.
pub(crate) fn addr(family: Family, n: usize) -> SocketAddr {
    let (high, low) = ((n / 200) as u8, (n % 200) as u8);
    match family {
        Family::V4 => SocketAddr::new(IpAddr::from([80 + high, low, (n * 7 % 251) as u8, 1]), 6881),
        Family::V6 => SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2a01, n as u16, 7, 0, 0, 0, 0, 1)), 6881),
    }
}

pub(crate) fn config(v4: bool, v6: bool) -> Config {
    Config { families: PerFamily { v4, v6 }, ..Config::default() }
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now: Instant::from_micros(1_000_000),
            rng: Rng::with_seed(seed),
            dhts: Vec::new(),
            events: Vec::new(),
            addrs: Vec::new(),
            dead: BTreeSet::new(),
            cut: None,
            loss: 0.0,
            liar: None,
            sent: 0,
            by_addr: BTreeMap::new(),
            wire: BTreeMap::new(),
        }
    }

    /// Creates a network of `count` nodes that started with the first one as their router and had time to settle.
    pub(crate) fn settled(seed: u64, count: usize, config: Config) -> Self {
        let mut net = Self::new(seed);
        for _ in 0..count {
            let index = net.add(config, None);
            net.bootstrap(index, 0);
            net.run(Duration::from_secs(1));
        }
        net.run(Duration::from_secs(120));
        net
    }

    pub(crate) fn add(&mut self, config: Config, saved: Option<&Saved>) -> usize {
        let index = self.dhts.len();
        let of = |family: Family| config.families[family].then(|| addr(family, index));
        let addrs = PerFamily { v4: of(Family::V4), v6: of(Family::V6) };
        for family in Family::ALL {
            self.by_addr.extend(addrs[family].map(|addr| (addr, index)));
        }
        self.addrs.push(addrs);
        self.dhts.push(Dht::new(self.now, config, self.rng.u64(..), saved));
        self.events.push(VecDeque::new());
        index
    }

    pub(crate) fn bootstrap(&mut self, index: usize, router: usize) {
        let addrs: Vec<_> = Family::ALL
            .iter()
            .filter_map(|family| self.addrs[router][*family])
            .filter(|_| router != index)
            .collect();
        self.dhts[index].bootstrap(self.now, &addrs);
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            (0..self.dhts.len()).for_each(|index| self.flush(index));
            let wake = self.dhts.iter().filter_map(Dht::poll_timeout).min();
            let next = self.wire.keys().next().map(|key| key.0).into_iter().chain(wake).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (from, to, data) = entry.remove();
                self.deliver(from, to, &data);
            }
            for dht in &mut self.dhts {
                if dht.poll_timeout().is_some_and(|wake| wake <= self.now) {
                    dht.handle_timeout(self.now);
                }
            }
        }
        self.now = end;
    }

    /// Runs until an event for which `pick` returns something.
    pub(crate) fn wait<T>(&mut self, index: usize, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        for _ in 0..3000 {
            if let Some(found) = self.events[index].iter().find_map(&mut pick) {
                return found;
            }
            self.run(Duration::from_millis(100));
        }
        panic!("no such event in five minutes; there are {:?}", self.events[index]);
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, data: &[u8]) {
        if let Some((liars, liar)) = &mut self.liar
            && liars.contains(&to)
        {
            let back = liar(from, to, data);
            self.wire.extend(
                back.map(|data| ((self.now + Duration::from_millis(5), self.sent), (to, from, data))),
            );
            self.sent += 1;
        } else if let Some(index) = self.by_addr.get(&to)
            && !self.dead.contains(index)
        {
            assert!(self.dhts[*index].handle(self.now, from, data));
        }
    }

    fn flush(&mut self, index: usize) {
        while let Some((to, data)) = self.dhts[index].poll_transmit() {
            assert!(data.len() <= ztor_dht::MAX_DATAGRAM_BYTES, "{} bytes", data.len());
            let lost =
                self.rng.f64() < self.loss || self.cut == Some(Family::of(to)) || self.dead.contains(&index);
            let Some(from) = self.addrs[index][Family::of(to)].filter(|_| !lost) else { continue };
            self.sent += 1;
            let latency = Duration::from_millis(self.rng.u64(10..120));
            self.wire.insert((self.now + latency, self.sent), (from, to, data));
        }
        while let Some(event) = self.dhts[index].poll_event() {
            self.events[index].push_back(event);
        }
    }
}
