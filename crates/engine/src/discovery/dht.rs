//! Peers from the DHT (BEP 5): which torrent is looked up and announced when. Never a private one (BEP 27).

use super::known::Origin;
use super::schedule::DueQueue;
use crate::cx::Cx;
use crate::event::DhtRole;
use crate::ids::TorrentId;
use crate::outbox::Outbox;
use crate::torrent::{Torrent, Torrents};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use ztor_base::{Duration, Host, Instant};
use ztor_dht::{Announce, Dht, LookupId, Saved, Stats};

/// Time between two announces of a torrent.
const EVERY: Duration = Duration::from_secs(15 * 60);
/// The same for a torrent without any peer: this at first, twice as long each time.
const URGENT_AFTER: Duration = Duration::from_secs(4);
/// Longest time between two look-ups of a torrent without any peer.
const URGENT_EVERY: Duration = Duration::from_secs(64);
/// Torrents that are looked up at a time, so that thousands of them are a trickle.
const MAX_AT_ONCE: usize = 8;

/// Our node of the DHT, and the torrents that it looks up.
pub(crate) struct DhtDriver {
    node: Dht,
    /// Torrents to be looked up, those that lack peers first.
    due: DueQueue,
    running: BTreeMap<LookupId, TorrentId>,
}

impl DhtDriver {
    pub(crate) fn new(now: Instant, config: ztor_dht::Config, seed: u64, saved: Option<&Saved>) -> Self {
        let node = Dht::new(now, config, seed, saved);
        Self { node, due: DueQueue::new(), running: BTreeMap::new() }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let due = self.due.first().map(|(at, _)| *at).filter(|_| self.running.len() < MAX_AT_ONCE);
        self.node.poll_timeout().into_iter().chain(due).min()
    }

    /// State that the next run starts with.
    pub(crate) fn save(&self) -> Saved {
        self.node.save()
    }

    pub(crate) fn stats(&self, now: Instant) -> Stats {
        self.node.stats(now)
    }

    /// A torrent has opened: it is looked up.
    pub(crate) fn plan(&mut self, torrent: &mut Torrent) {
        let may_plan = !torrent.is_private() && torrent.is_open();
        // Nobody should wait behind thousands of seeds.
        let at = if torrent.is_finished() { Instant::from_micros(1) } else { Instant::ZERO };
        let id = torrent.id();
        let schedule = torrent.schedule_mut();
        if may_plan && schedule.dht_due.is_none() {
            schedule.dht_due = Some(at);
            self.due.insert((at, id));
        }
    }

    /// A torrent turned out to be private, or is removed.
    pub(crate) fn leave(&mut self, torrent: &mut Torrent) {
        let id = torrent.id();
        if let Some(at) = torrent.schedule_mut().dht_due.take() {
            self.due.remove(&(at, id));
        }
        let running: Vec<LookupId> =
            self.running.iter().filter(|(_, running)| **running == id).map(|(lookup, _)| *lookup).collect();
        for lookup in running {
            self.running.remove(&lookup);
            self.node.cancel(lookup);
        }
    }

    /// Takes a datagram. False if it is not of the DHT.
    pub(crate) fn handle(&mut self, now: Instant, from: SocketAddr, data: &[u8]) -> bool {
        self.node.handle(now, from, data)
    }

    /// Adds nodes that somebody named.
    pub(crate) fn add_nodes(&mut self, now: Instant, addrs: &[SocketAddr], role: DhtRole) {
        match role {
            DhtRole::Router => self.node.bootstrap(now, addrs),
            DhtRole::Entry => self.node.enter_by(now, addrs),
            DhtRole::Node => addrs.iter().for_each(|addr| self.node.add_node(now, *addr)),
        }
    }

    /// Starts look-ups that are due, and takes what came of others.
    pub(crate) fn settle(&mut self, cx: &mut Cx<'_>, torrents: &mut Torrents) {
        self.node.handle_timeout(cx.now);
        while self.running.len() < MAX_AT_ONCE
            && !cx.is_ending
            && let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= cx.now)
        {
            self.due.remove(&(at, id));
            if let Some(torrent) = torrents.get_mut(id) {
                torrent.schedule_mut().dht_due = None;
                // One that is stopped is planned again when it opens again.
                if torrent.is_open() && !torrent.is_private() {
                    self.look_up(cx, torrent);
                }
            }
        }
        self.drain(cx, torrents);
    }

    fn look_up(&mut self, cx: &Cx<'_>, torrent: &Torrent) {
        let announce = Announce {
            port: cx.config.listen_port,
            // Others see the source port of our datagrams, which a NAT may have chosen; peers come by TCP.
            implied_port: false,
            is_seed: torrent.is_whole(),
        };
        for swarm in torrent.hashes().swarm_ids() {
            let announce = Some(announce).filter(|_| cx.config.listen_port != 0);
            self.running.insert(self.node.get_peers(cx.now, swarm, announce), torrent.id());
        }
    }

    fn drain(&mut self, cx: &mut Cx<'_>, torrents: &mut Torrents) {
        while let Some(event) = self.node.poll_event() {
            match event {
                ztor_dht::Event::Peers { lookup, peers, from } => {
                    let id = self.running.get(&lookup);
                    let torrent = id.and_then(|id| torrents.get_mut(*id)).filter(|t| !t.is_private());
                    if let Some(torrent) = torrent {
                        for addr in peers {
                            let teller = Host::of(from.map_or(addr.ip(), |from| from.ip()));
                            torrent.known_mut().add(cx.now, addr, Origin::Dht(teller), None, cx.rng);
                        }
                        cx.dirty.mark_torrent(torrent.id());
                    }
                }
                ztor_dht::Event::Done { lookup, .. } => {
                    let id = self.running.remove(&lookup);
                    if let Some(torrent) = id.and_then(|id| torrents.get_mut(id)) {
                        self.on_lookup_done(cx, torrent);
                    }
                }
                ztor_dht::Event::ExternalAddress(ip) => torrents.seen_as(ip, cx.config.listen_port),
                _ => {}
            }
        }
    }

    /// Plans the next look-up of a torrent, if no other is under way.
    fn on_lookup_done(&mut self, cx: &mut Cx<'_>, torrent: &mut Torrent) {
        let id = torrent.id();
        let is_running = self.running.values().any(|running| *running == id);
        let is_urgent = !torrent.is_finished() && torrent.peers().is_empty();
        let may_plan = torrent.is_open() && !torrent.is_private();
        let schedule = torrent.schedule_mut();
        if is_running || schedule.dht_due.is_some() || !may_plan {
            return;
        }
        schedule.dht_empty_lookups = if is_urgent { (schedule.dht_empty_lookups + 1).min(10) } else { 0 };
        let every = match schedule.dht_empty_lookups {
            0 => EVERY,
            empty => (URGENT_AFTER * (1 << (empty - 1))).min(URGENT_EVERY),
        };
        // Spread, or torrents added together would be announced together for good.
        let spread_ms = cx.rng.u64(0..every.as_secs() * 100);
        let at = cx.now + every + Duration::from_millis(spread_ms);
        schedule.dht_due = Some(at);
        self.due.insert((at, id));
    }

    /// Hands over datagrams that wait to be sent.
    pub(crate) fn poll_transmit(&mut self, out: &mut Outbox) {
        while let Some(datagram) = self.node.poll_transmit() {
            out.datagrams.push(datagram);
        }
    }
}
