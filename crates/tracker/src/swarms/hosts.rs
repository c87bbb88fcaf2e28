//! How much of the tracker each host takes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ztor_base::{Duration, Host, Instant};

/// The shares of hosts, so that none fills the tracker. This machine is not counted.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// Only hosts that have peers, or that founded a swarm of late.
    uses: BTreeMap<Host, Use>,
}

#[derive(Debug)]
struct Use {
    peers: usize,
    /// Swarms that it was the first in since then.
    founded: usize,
    since: Instant,
}

impl Hosts {
    /// Peers of the host of an address, in all swarms.
    pub(super) fn peers(&self, ip: IpAddr) -> usize {
        self.uses.get(&Host::of(ip)).map_or(0, |host| host.peers)
    }

    /// Counts a new swarm, if the host has founded fewer than `max` within `window`. Hosts are kept up to `max_hosts`.
    pub(super) fn found(
        &mut self,
        now: Instant,
        ip: IpAddr,
        window: Duration,
        max: usize,
        max_hosts: usize,
    ) -> bool {
        if ip.is_loopback() {
            return true;
        }
        if self.uses.len() >= max_hosts && !self.uses.contains_key(&Host::of(ip)) {
            return false;
        }
        let host = self.entry(now, ip);
        if now.since(host.since) >= window {
            (host.founded, host.since) = (0, now);
        }
        let may = host.founded < max;
        host.founded += usize::from(may);
        may
    }

    pub(super) fn add_peer(&mut self, now: Instant, ip: IpAddr) {
        if !ip.is_loopback() {
            self.entry(now, ip).peers += 1;
        }
    }

    pub(super) fn remove_peer(&mut self, ip: IpAddr) {
        if let Some(host) = self.uses.get_mut(&Host::of(ip)) {
            host.peers = host.peers.saturating_sub(1);
            if host.peers == 0 && host.founded == 0 {
                self.uses.remove(&Host::of(ip));
            }
        }
    }

    /// Forgets hosts without peers that founded nothing within `window`.
    pub(super) fn expire(&mut self, now: Instant, window: Duration) {
        self.uses.retain(|_, host| host.peers > 0 || now.since(host.since) < window);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.uses.len()
    }

    #[cfg(test)]
    pub(super) fn peers_in_all(&self) -> usize {
        self.uses.values().map(|host| host.peers).sum()
    }

    fn entry(&mut self, now: Instant, ip: IpAddr) -> &mut Use {
        self.uses.entry(Host::of(ip)).or_insert(Use { peers: 0, founded: 0, since: now })
    }
}
