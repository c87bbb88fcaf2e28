//! The shares of hosts in the tracker.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ztor_base::Host;

/// The shares of hosts, so that none fills the tracker. This machine may found any number of swarms.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// Hosts that have peers, or that have founded a swarm recently.
    uses: BTreeMap<Host, Use>,
}

#[derive(Debug)]
struct Use {
    peers: u32,
    /// Number of swarms that it has founded since `since_s`.
    founded: u32,
    since_s: u32,
}

impl Hosts {
    /// Returns the number of peers of the host of an address, in all swarms.
    pub(super) fn peers(&self, ip: IpAddr) -> usize {
        self.uses.get(&Host::of(ip)).map_or(0, |host| host.peers as usize)
    }

    /// Counts a new swarm. Returns false if the host has founded `max` within `window_s`, or would be one of more than
    /// `max_hosts`.
    pub(super) fn found(
        &mut self,
        now_s: u32,
        ip: IpAddr,
        window_s: u32,
        max: usize,
        max_hosts: usize,
    ) -> bool {
        if ip.is_loopback() {
            return true;
        }
        if self.uses.len() >= max_hosts && !self.uses.contains_key(&Host::of(ip)) {
            return false;
        }
        let host = self.entry(now_s, ip);
        if now_s.saturating_sub(host.since_s) >= window_s {
            (host.founded, host.since_s) = (0, now_s);
        }
        let may = (host.founded as usize) < max;
        host.founded += u32::from(may);
        may
    }

    pub(super) fn add_peer(&mut self, now_s: u32, ip: IpAddr) {
        self.entry(now_s, ip).peers += 1;
    }

    pub(super) fn remove_peer(&mut self, ip: IpAddr) {
        if let Some(host) = self.uses.get_mut(&Host::of(ip)) {
            host.peers = host.peers.saturating_sub(1);
            if host.peers == 0 && host.founded == 0 {
                self.uses.remove(&Host::of(ip));
            }
        }
    }

    /// Forgets hosts without peers that have founded nothing within `window_s`.
    pub(super) fn expire(&mut self, now_s: u32, window_s: u32) {
        self.uses.retain(|_, host| host.peers > 0 || now_s.saturating_sub(host.since_s) < window_s);
    }

    /// Returns the bytes on the heap. The nodes of a `BTreeMap` are about three quarters full.
    pub(super) fn heap_bytes(&self) -> usize {
        self.uses.len() * size_of::<(Host, Use)>() * 4 / 3
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.uses.len()
    }

    #[cfg(test)]
    pub(super) fn peers_in_all(&self) -> usize {
        self.uses.values().map(|host| host.peers as usize).sum()
    }

    fn entry(&mut self, now_s: u32, ip: IpAddr) -> &mut Use {
        self.uses.entry(Host::of(ip)).or_insert(Use { peers: 0, founded: 0, since_s: now_s })
    }
}
