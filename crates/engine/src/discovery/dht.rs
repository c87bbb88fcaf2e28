//! Peers from the DHT (BEP 5): the schedule of lookups and announces of our nodes (BEP 45). Private torrents are excluded
//! (BEP 27).

use super::known::{Found, Origin};
use super::schedule::{DhtClass, DueQueue};
use crate::config::ExternalPorts;
use crate::cx::Cx;
use crate::event::DhtRole;
use crate::ids::TorrentId;
use crate::outbox::{DhtDatagram, Outbox};
use crate::torrent::{Torrent, Torrents};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use ztor_base::{Duration, Host, Instant, SwarmId};
use ztor_dht::{Announce, Dht, LookupId, PerFamily, Saved, Stats};

/// Time between two announces of a torrent.
const EVERY: Duration = Duration::from_secs(15 * 60);
/// First interval between lookups of a download without peers. It doubles each time.
const URGENT_AFTER: Duration = Duration::from_secs(4);
/// Longest interval between lookups of a download without peers.
const URGENT_EVERY: Duration = Duration::from_secs(64);
/// Number of concurrent lookups with few torrents. A few hundred torrents then cause little traffic.
const MIN_AT_ONCE: usize = 8;
/// Number of concurrent lookups with thousands of torrents, all of which have to be announced within [`EVERY`].
const MAX_AT_ONCE: usize = 128;
/// Number of torrents per concurrent lookup, within these bounds.
const TORRENTS_PER_LOOKUP: usize = 64;
/// Number of concurrent lookups reserved for downloads.
const KEPT_FOR_DOWNLOADS: usize = 2;

/// Maximum number of nodes of ours.
pub(crate) const MAX_NODES: usize = 32;

/// A torrent to look up, with its priority and time.
type Planned = (DhtClass, Instant, TorrentId);

/// A lookup under way.
#[derive(Debug, Clone, Copy)]
struct Running {
    class: DhtClass,
    torrent: TorrentId,
    swarm: SwarmId,
}

/// A node of ours, and its lookups.
struct Node {
    dht: Dht,
    running: BTreeMap<LookupId, Running>,
}

/// Our DHT nodes, and the torrents that they look up.
///
/// Each node has addresses of its own, and others take it for a node of another host (BEP 45). A torrent is looked up by
/// one node after the other: each has to announce it, as nodes announce the address from which they are asked, and several
/// must not ask the same nodes for it at once.
pub(crate) struct DhtDriver {
    /// At least one, and at most [`MAX_NODES`].
    nodes: Vec<Node>,
    /// True if only the first one takes part, as all would have one address.
    is_one: bool,
    /// Number of the node that checks the next address that a peer or a torrent names.
    checker: usize,
    /// Downloads to look up.
    downloads: DueQueue,
    /// Seeds to look up when no download is due.
    seeds: DueQueue,
    /// Number of running lookups for seeds.
    running_seeds: usize,
}

impl Node {
    fn new(now: Instant, config: ztor_dht::Config, seed: u64, saved: Option<&Saved>) -> Self {
        Self { dht: Dht::new(now, config, seed, saved), running: BTreeMap::new() }
    }
}

impl DhtDriver {
    pub(crate) fn new(now: Instant, config: ztor_dht::Config, seed: u64, saved: Option<&Saved>) -> Self {
        let nodes = vec![Node::new(now, config, seed, saved)];
        Self {
            nodes,
            is_one: false,
            checker: 0,
            downloads: DueQueue::new(),
            seeds: DueQueue::new(),
            running_seeds: 0,
        }
    }

    /// Adds a node. Without effect if there are [`MAX_NODES`].
    pub(crate) fn add(&mut self, now: Instant, config: ztor_dht::Config, seed: u64, saved: Option<&Saved>) {
        if self.nodes.len() < MAX_NODES {
            self.nodes.push(Node::new(now, config, seed, saved));
        }
    }

    /// Lets only the first node take part, or all. Lookups of the others end, and their torrents are planned again.
    pub(crate) fn set_one(&mut self, now: Instant, torrents: &mut Torrents, is_one: bool) {
        if std::mem::replace(&mut self.is_one, is_one) == is_one {
            return;
        }
        let mut ended = Vec::new();
        for node in self.nodes.iter_mut().skip(1) {
            if !is_one {
                node.dht.start_over(now);
            }
            for (lookup, running) in std::mem::take(&mut node.running) {
                self.running_seeds -= usize::from(running.class == DhtClass::Seed);
                node.dht.cancel(lookup);
                ended.push(running.torrent);
            }
        }
        for id in ended {
            torrents.get_mut(id).into_iter().for_each(|torrent| self.plan(torrent));
        }
    }

    /// Returns the nodes that take part.
    fn active(&self) -> &[Node] {
        let count = if self.is_one { 1 } else { self.nodes.len() };
        self.nodes.get(..count).unwrap_or(&self.nodes)
    }

    fn active_mut(&mut self) -> &mut [Node] {
        let count = self.active().len();
        &mut self.nodes[..count]
    }

    /// Returns the number of nodes that can look something up; 1 if none can yet.
    fn usable(&self) -> usize {
        self.active().iter().filter(|node| node.dht.has_nodes()).count().max(1)
    }

    fn running(&self) -> usize {
        self.nodes.iter().map(|node| node.running.len()).sum()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let (download, seed) = self.firsts();
        let due = download.into_iter().chain(seed).map(|(_, at, _)| at);
        self.active().iter().filter_map(|node| node.dht.poll_timeout()).chain(due).min()
    }

    /// Returns the first download and the first seed to look up, each only if another lookup may run.
    fn firsts(&self) -> (Option<Planned>, Option<Planned>) {
        let running = self.running();
        // Each node has to announce all of them.
        let nodes = self.usable();
        let planned = (self.downloads.len() + self.seeds.len() + running) * nodes;
        let at_once = (planned / TORRENTS_PER_LOOKUP).clamp(MIN_AT_ONCE, MAX_AT_ONCE * nodes);
        let first = |queue: &DueQueue, class| queue.first().map(|(at, id)| (class, *at, *id));
        let has_place = running < at_once;
        let seed_has_place = has_place && self.running_seeds + KEPT_FOR_DOWNLOADS < at_once;
        let download = first(&self.downloads, DhtClass::Download).filter(|_| has_place);
        (download, first(&self.seeds, DhtClass::Seed).filter(|_| seed_has_place))
    }

    /// Returns the lookup to start now, downloads first.
    fn next_due(&self, now: Instant) -> Option<Planned> {
        let (downloads, seeds) = self.firsts();
        let is_due = |(_, at, _): &Planned| *at <= now;
        downloads.filter(is_due).or_else(|| seeds.filter(is_due))
    }

    fn queue(&mut self, class: DhtClass) -> &mut DueQueue {
        match class {
            DhtClass::Download => &mut self.downloads,
            DhtClass::Seed => &mut self.seeds,
        }
    }

    fn end_lookup(&mut self, node: usize, lookup: LookupId) -> Option<TorrentId> {
        let Running { class, torrent, .. } = self.nodes.get_mut(node)?.running.remove(&lookup)?;
        self.running_seeds -= usize::from(class == DhtClass::Seed);
        Some(torrent)
    }

    /// Notes that a peer on the Internet has connected to the UDP socket of a node.
    pub(crate) fn reached(&mut self, now: Instant, node: u8) {
        if let Some(node) = self.nodes.get_mut(usize::from(node)) {
            node.dht.reached(now);
        }
    }

    /// Sends the version of the client to other nodes, or none.
    pub(crate) fn set_anonymous(&mut self, is_anonymous: bool) {
        let version = ztor_dht::Config::default().version.filter(|_| !is_anonymous);
        self.nodes.iter_mut().for_each(|node| node.dht.set_version(version));
    }

    /// Takes part under other ids from now on.
    pub(crate) fn renew_ids(&mut self, now: Instant) {
        self.nodes.iter_mut().for_each(|node| node.dht.renew_ids(now));
    }

    /// Returns the state of each node that the next run starts with.
    pub(crate) fn save(&self) -> Vec<Saved> {
        self.nodes.iter().map(|node| node.dht.save()).collect()
    }

    /// Returns state and counters of each node that takes part.
    pub(crate) fn stats(&self, now: Instant) -> Vec<Stats> {
        self.active().iter().map(|node| node.dht.stats(now)).collect()
    }

    /// Plans a lookup of a torrent that has opened.
    pub(crate) fn plan(&mut self, torrent: &mut Torrent) {
        let may_plan = !torrent.is_private() && torrent.is_open();
        if may_plan && torrent.schedule_mut().dht_due.is_none() {
            self.plan_at(torrent, Instant::ZERO);
        }
    }

    fn plan_at(&mut self, torrent: &mut Torrent, at: Instant) {
        let class = if torrent.is_finished() { DhtClass::Seed } else { DhtClass::Download };
        torrent.schedule_mut().dht_due = Some((class, at));
        self.queue(class).insert((at, torrent.id()));
    }

    /// Cancels the lookups of a torrent that turned out to be private, or is removed.
    pub(crate) fn leave(&mut self, torrent: &mut Torrent) {
        let id = torrent.id();
        if let Some((class, at)) = torrent.schedule_mut().dht_due.take() {
            self.queue(class).remove(&(at, id));
        }
        for node in &mut self.nodes {
            for (lookup, running) in node.running.extract_if(.., |_, running| running.torrent == id) {
                self.running_seeds -= usize::from(running.class == DhtClass::Seed);
                node.dht.cancel(lookup);
            }
        }
    }

    /// Handles a datagram at the socket of a node. Returns false if it does not belong to the DHT.
    pub(crate) fn handle(&mut self, now: Instant, node: u8, from: SocketAddr, data: &[u8]) -> bool {
        self.active_mut().get_mut(usize::from(node)).is_some_and(|node| node.dht.handle(now, from, data))
    }

    /// Looks up downloads without peers at once, as the network is back.
    pub(crate) fn start_over(&mut self, now: Instant, torrents: &mut Torrents) {
        self.nodes.iter_mut().for_each(|node| node.dht.start_over(now));
        self.plan_again(now, torrents, |torrent| torrent.peers().is_empty() && !torrent.is_finished());
    }

    /// Announces all torrents again, as our address has changed.
    pub(crate) fn announce_again(&mut self, now: Instant, torrents: &mut Torrents) {
        self.plan_again(now, torrents, |_| true);
    }

    /// Brings the lookups of these torrents forward.
    fn plan_again(&mut self, now: Instant, torrents: &mut Torrents, which: impl Fn(&Torrent) -> bool) {
        let planned: Vec<TorrentId> = self.downloads.iter().chain(&self.seeds).map(|(_, id)| *id).collect();
        for id in planned {
            if let Some(torrent) = torrents.get_mut(id).filter(|torrent| which(torrent))
                && let Some((class, at)) = torrent.schedule_mut().dht_due.take()
            {
                torrent.schedule_mut().dht_empty_lookups = 0;
                self.queue(class).remove(&(at, id));
                self.plan_at(torrent, at.min(now));
            }
        }
    }

    /// Adds nodes that the user or a peer has named.
    pub(crate) fn add_nodes(&mut self, now: Instant, addrs: &[SocketAddr], role: DhtRole) {
        match role {
            DhtRole::Router => self.nodes.iter_mut().for_each(|node| node.dht.bootstrap(now, addrs)),
            DhtRole::Entry => self.nodes.iter_mut().for_each(|node| node.dht.enter_by(now, addrs)),
            DhtRole::Node => addrs.iter().for_each(|addr| self.check(now, *addr)),
        }
    }

    /// Lets one node check an address, each in turn among those that can.
    fn check(&mut self, now: Instant, addr: SocketAddr) {
        let len = self.active().len();
        let order = (0..len).map(|n| (self.checker + n) % len);
        let can = |n: &usize| self.active().get(*n).is_some_and(|node| node.dht.has_family_of(addr));
        if let Some(at) = order.into_iter().find(can)
            && let Some(node) = self.nodes.get_mut(at)
        {
            node.dht.add_node(now, addr);
            self.checker = at + 1;
        }
    }

    /// Returns the number of the node that looks a torrent up next. Each has its turn, but one that knows no others is
    /// passed over while another one does.
    fn next_node(&self, cx: &mut Cx<'_>, torrent: &mut Torrent) -> usize {
        let len = self.active().len();
        let schedule = torrent.schedule_mut();
        // The first turn is any node's, so that torrents added together do not all begin with the same.
        let first = usize::from(schedule.dht_turn.unwrap_or_else(|| cx.rng.u8(..))) % len;
        let knows = |n: &usize| self.active().get(*n).is_some_and(|node| node.dht.has_nodes());
        let chosen = (0..len).map(|n| (first + n) % len).find(knows).unwrap_or(first);
        schedule.dht_turn = u8::try_from((chosen + 1) % len).ok();
        chosen
    }

    /// Starts the lookups that are due, and handles the results of others.
    pub(crate) fn settle(&mut self, cx: &mut Cx<'_>, torrents: &mut Torrents) {
        self.active_mut().iter_mut().for_each(|node| node.dht.handle_timeout(cx.now));
        while !cx.is_ending
            && let Some((class, at, id)) = self.next_due(cx.now)
        {
            self.queue(class).remove(&(at, id));
            if let Some(torrent) = torrents.get_mut(id) {
                torrent.schedule_mut().dht_due = None;
                // A stopped torrent is planned again when it reopens.
                if torrent.is_open() && !torrent.is_private() {
                    self.look_up(cx, class, torrent);
                }
            }
        }
        self.drain(cx, torrents);
    }

    fn look_up(&mut self, cx: &mut Cx<'_>, class: DhtClass, torrent: &mut Torrent) {
        let at = self.next_node(cx, torrent);
        let Some(node) = self.nodes.get_mut(at) else { return };
        // Routers forward ports to the first address.
        let external = if at == 0 { cx.config.external_ports } else { ExternalPorts::default() };
        let announce = Announce {
            port: PerFamily {
                v4: external.v4.unwrap_or(cx.config.listen_port),
                v6: external.v6.unwrap_or(cx.config.listen_port),
            },
            // Others see the source port of our datagrams. A NAT may have chosen it. Over µTP it leads to us even where
            // our listen port leads nowhere.
            implied_port: cx.config.transports.utp() && external == ExternalPorts::default(),
            is_seed: torrent.is_whole(),
        };
        for swarm in torrent.hashes().swarm_ids() {
            let announce = Some(announce).filter(|_| cx.config.listen_port != 0);
            let lookup = node.dht.get_peers(cx.now, swarm, announce);
            node.running.insert(lookup, Running { class, torrent: torrent.id(), swarm });
            self.running_seeds += usize::from(class == DhtClass::Seed);
        }
    }

    fn drain(&mut self, cx: &mut Cx<'_>, torrents: &mut Torrents) {
        for at in 0..self.nodes.len() {
            while let Some(event) = self.nodes.get_mut(at).and_then(|node| node.dht.poll_event()) {
                self.on_event(cx, torrents, at, event);
            }
        }
    }

    fn on_event(&mut self, cx: &mut Cx<'_>, torrents: &mut Torrents, at: usize, event: ztor_dht::Event) {
        match event {
            ztor_dht::Event::Peers { lookup, peers, from } => {
                let running = self.nodes.get(at).and_then(|node| node.running.get(&lookup)).copied();
                if let Some(Running { torrent, swarm, .. }) = running
                    && let Some(torrent) = torrents.get_mut(torrent).filter(|t| !t.is_private())
                {
                    let is_second_swarm = torrent.is_second_swarm(swarm);
                    for addr in peers {
                        let teller = Host::of(from.map_or(addr.ip(), |from| from.ip()));
                        let found = Found::new(Origin::Dht(teller), is_second_swarm);
                        torrent.known_mut().add_found(cx.now, addr, found, cx.rng);
                    }
                    cx.dirty.mark_torrent(torrent.id());
                }
            }
            ztor_dht::Event::Done { lookup, .. } => {
                let id = self.end_lookup(at, lookup);
                if let Some(torrent) = id.and_then(|id| torrents.get_mut(id)) {
                    self.on_lookup_done(cx, torrent);
                }
            }
            ztor_dht::Event::ExternalAddress(ip) => torrents.seen_as(ip, cx.config.port_toward(ip)),
            _ => {}
        }
    }

    /// Plans the next lookup of a torrent, if no other is under way.
    fn on_lookup_done(&mut self, cx: &mut Cx<'_>, torrent: &mut Torrent) {
        let id = torrent.id();
        let is_running =
            self.nodes.iter().flat_map(|node| node.running.values()).any(|running| running.torrent == id);
        let is_urgent = !torrent.is_finished() && torrent.peers().is_empty();
        let may_plan = torrent.is_open() && !torrent.is_private();
        let schedule = torrent.schedule_mut();
        if is_running || schedule.dht_due.is_some() || !may_plan {
            return;
        }
        schedule.dht_empty_lookups = if is_urgent { (schedule.dht_empty_lookups + 1).min(10) } else { 0 };
        let every = match schedule.dht_empty_lookups {
            // Each node announces it once in that time.
            0 => EVERY / u32::try_from(self.usable()).unwrap_or(1),
            empty => (URGENT_AFTER * (1 << (empty - 1))).min(URGENT_EVERY),
        };
        // Spread out, as torrents added together would otherwise always be announced together.
        let spread_ms = cx.rng.u64(0..every.as_secs() * 100);
        let at = cx.now + every + Duration::from_millis(spread_ms);
        self.plan_at(torrent, at);
    }

    /// Moves the datagrams that wait to be sent to the outbox.
    pub(crate) fn poll_transmit(&mut self, out: &mut Outbox) {
        for (number, node) in (0..).zip(&mut self.nodes) {
            while let Some((to, data)) = node.dht.poll_transmit() {
                out.datagrams.push(DhtDatagram { node: number, to, data });
            }
        }
    }
}
