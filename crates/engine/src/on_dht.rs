//! Peers from the DHT (BEP 5): which torrent is looked up and announced when. Never a private one (BEP 27).

use crate::event::DhtRole;
use crate::known::Origin;
use crate::outbox::Outbox;
use crate::{Engine, PeerKey, TorrentId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use ztor_base::{Duration, Host, Instant};
use ztor_dht::{Announce, Dht, LookupId, Saved, Stats};
use ztor_wire::Message;

/// Between two announces of a torrent.
const EVERY: Duration = Duration::from_secs(15 * 60);
/// The same for one that has no peers at all: this at first, twice as long each time, up to the second.
const URGENT_AFTER: Duration = Duration::from_secs(4);
const URGENT_EVERY: Duration = Duration::from_secs(64);
/// Torrents that are looked up at a time, so that thousands of them are a trickle.
const MAX_AT_ONCE: usize = 8;

/// Our part in the DHT.
pub(crate) struct DhtPart {
    node: Dht,
    /// Torrents to be looked up, those that lack peers first.
    due: BTreeSet<(Instant, TorrentId)>,
    running: BTreeMap<LookupId, TorrentId>,
}

impl DhtPart {
    pub(crate) fn next(&self) -> Option<Instant> {
        let due = self.due.first().map(|(at, _)| *at).filter(|_| self.running.len() < MAX_AT_ONCE);
        self.node.poll_timeout().into_iter().chain(due).min()
    }
}

impl Engine {
    /// Takes part in the DHT from now on, with the nodes of the last run.
    pub fn start_dht(&mut self, now: Instant, config: ztor_dht::Config, saved: Option<&Saved>) {
        let node = Dht::new(now, config, self.rng.u64(..), saved);
        self.dht = Some(DhtPart { node, due: BTreeSet::new(), running: BTreeMap::new() });
        for id in self.torrent_ids() {
            self.plan_dht(id);
        }
    }

    /// What the next run's DHT should begin with.
    pub fn dht_to_save(&self) -> Option<Saved> {
        self.dht.as_ref().map(|dht| dht.node.save())
    }

    /// A look at the DHT; `None` if it is off.
    pub fn dht_stats(&self, now: Instant) -> Option<Stats> {
        self.dht.as_ref().map(|dht| dht.node.stats(now))
    }

    /// A torrent has opened.
    pub(crate) fn plan_dht(&mut self, id: TorrentId) {
        let (Some(dht), Some(torrent)) = (&mut self.dht, self.torrents.get_mut(id)) else { return };
        if torrent.private || !torrent.is_open() || torrent.dht_due.is_some() {
            return;
        }
        // Nobody should wait behind thousands of seeds.
        let at = if torrent.finished { Instant::from_micros(1) } else { Instant::ZERO };
        torrent.dht_due = Some(at);
        dht.due.insert((at, id));
    }

    /// It is known now that a torrent is private.
    pub(crate) fn leave_dht(&mut self, id: TorrentId) {
        let (Some(dht), Some(torrent)) = (&mut self.dht, self.torrents.get_mut(id)) else { return };
        if let Some(at) = torrent.dht_due.take() {
            dht.due.remove(&(at, id));
        }
        let running: Vec<LookupId> =
            dht.running.iter().filter(|(_, running)| **running == id).map(|(lookup, _)| *lookup).collect();
        for lookup in running {
            dht.running.remove(&lookup);
            dht.node.cancel(lookup);
        }
    }

    /// True if the datagram was of the DHT.
    pub(crate) fn on_dht_datagram(&mut self, now: Instant, from: SocketAddr, data: &[u8]) -> bool {
        data.first() == Some(&b'd') && self.dht.as_mut().is_some_and(|dht| dht.node.handle(now, from, data))
    }

    /// Nodes that somebody named.
    pub(crate) fn add_dht_nodes(&mut self, now: Instant, addrs: &[SocketAddr], role: DhtRole) {
        let Some(dht) = &mut self.dht else { return };
        match role {
            DhtRole::Router => dht.node.bootstrap(now, addrs),
            DhtRole::Entry => dht.node.enter_by(now, addrs),
            DhtRole::Node => addrs.iter().for_each(|addr| dht.node.add_node(now, *addr)),
        }
    }

    /// A peer says where its node is. Once is enough, and from swarms without DHT nobody is to say it (BEP 27).
    pub(crate) fn on_port(&mut self, now: Instant, key: PeerKey, port: u16) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let is_private =
            peer.torrent.and_then(|id| self.torrents.get(id)).is_none_or(|torrent| torrent.private);
        let is_first = !std::mem::replace(&mut peer.has_told_port, true);
        let ip = peer.addr.ip();
        if is_first && !is_private {
            self.add_dht_nodes(now, &[SocketAddr::new(ip, port)], DhtRole::Node);
        }
    }

    /// Tells a peer where our node is.
    pub(crate) fn tell_port(&self, key: PeerKey, id: TorrentId, out: &mut Outbox) {
        let is_private = self.torrents.get(id).is_none_or(|torrent| torrent.private);
        if self.dht.is_some() && !is_private && self.config.listen_port != 0 {
            out.send(key, &Message::Port(self.config.listen_port));
        }
    }

    pub(crate) fn settle_dht(&mut self, now: Instant) {
        let Some(dht) = &mut self.dht else { return };
        dht.node.handle_timeout(now);
        while dht.running.len() < MAX_AT_ONCE && !self.shutting_down {
            let Some((at, id)) = dht.due.first().copied().filter(|(at, _)| *at <= now) else { break };
            dht.due.remove(&(at, id));
            let Some(torrent) = self.torrents.get_mut(id) else { continue };
            torrent.dht_due = None;
            // One that is stopped is planned again when it opens again.
            if !torrent.is_open() || torrent.private {
                continue;
            }
            let announce = Announce {
                port: self.config.listen_port,
                // Others see the source port of our datagrams, which a NAT may have chosen; peers come by TCP.
                implied_port: false,
                is_seed: torrent.finished,
            };
            for swarm in torrent.hashes.swarm_ids() {
                let announce = Some(announce).filter(|_| self.config.listen_port != 0);
                dht.running.insert(dht.node.get_peers(now, swarm, announce), id);
            }
        }
        self.drain_dht(now);
    }

    fn drain_dht(&mut self, now: Instant) {
        while let Some(event) = self.dht.as_mut().and_then(|dht| dht.node.poll_event()) {
            match event {
                ztor_dht::Event::Peers { lookup, peers, from } => {
                    let id = self.dht.as_ref().and_then(|dht| dht.running.get(&lookup).copied());
                    let Some(id) = id else { continue };
                    let Some(torrent) = self.torrents.get_mut(id).filter(|t| !t.private) else { continue };
                    for addr in peers {
                        let teller = Host::of(from.map_or(addr.ip(), |from| from.ip()));
                        torrent.known.add(now, addr, Origin::Dht(teller), None, &mut self.rng);
                    }
                    self.mark_torrent(id);
                }
                ztor_dht::Event::Done { lookup, .. } => self.on_lookup_done(now, lookup),
                ztor_dht::Event::ExternalAddress(ip) => self.seen_as(ip),
                _ => {}
            }
        }
    }

    fn on_lookup_done(&mut self, now: Instant, lookup: LookupId) {
        let Some(dht) = &mut self.dht else { return };
        let Some(id) = dht.running.remove(&lookup) else { return };
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        let is_last = !dht.running.values().any(|running| *running == id);
        if is_last && torrent.dht_due.is_none() && torrent.is_open() && !torrent.private {
            let is_urgent = !torrent.finished && torrent.peers.is_empty();
            torrent.dht_vain = if is_urgent { (torrent.dht_vain + 1).min(10) } else { 0 };
            let every = match torrent.dht_vain {
                0 => EVERY,
                vain => (URGENT_AFTER * (1 << (vain - 1))).min(URGENT_EVERY),
            };
            // Spread, or torrents added together would be announced together for ever.
            let spread_ms = self.rng.u64(0..every.as_secs() * 100);
            let at = now + every + Duration::from_millis(spread_ms);
            torrent.dht_due = Some(at);
            dht.due.insert((at, id));
        }
    }

    /// The world sees us at this address. Addresses are ordered by it from now on (BEP 40).
    pub(crate) fn seen_as(&mut self, ip: IpAddr) {
        let ip = ip.to_canonical();
        let addr = Some(SocketAddr::new(ip, self.config.listen_port));
        let before = self.own_addrs;
        match ip {
            IpAddr::V4(_) => self.own_addrs.v4 = addr,
            IpAddr::V6(_) => self.own_addrs.v6 = addr,
        }
        if before != self.own_addrs {
            for torrent in self.torrents.values_mut() {
                torrent.known.own_addrs = self.own_addrs;
            }
        }
    }

    pub(crate) fn send_dht_datagrams(&mut self, out: &mut Outbox) {
        let Some(dht) = &mut self.dht else { return };
        while let Some(datagram) = dht.node.poll_transmit() {
            out.datagrams.push(datagram);
        }
    }
}
