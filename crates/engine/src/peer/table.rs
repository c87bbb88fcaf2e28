//! The table of peers.

use super::Peer;
use crate::dial::Attempt;
use crate::ids::{PeerKey, TorrentId};
use crate::transport::Transport;
use slotmap::SlotMap;
use std::net::{IpAddr, SocketAddr};
use ztor_base::addr::is_local;
use ztor_base::{Host, Instant};

/// Maximum number of connections to one host on the public network.
const MAX_PEERS_PER_HOST: usize = 8;

/// All peers, including attempts to reach some.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    map: SlotMap<PeerKey, Peer>,
}

impl Peers {
    /// Adds an incoming connection.
    pub(crate) fn insert_incoming(
        &mut self,
        now: Instant,
        addr: SocketAddr,
        transport: Transport,
    ) -> PeerKey {
        self.map.insert_with_key(|key| Peer::incoming(now, key, addr, transport))
    }

    /// Adds an outgoing attempt.
    pub(crate) fn insert_outgoing(
        &mut self,
        now: Instant,
        addr: SocketAddr,
        way: (Transport, TorrentId),
        attempt: Attempt,
    ) -> PeerKey {
        self.map.insert_with_key(|key| Peer::outgoing(now, key, addr, way, attempt))
    }

    pub(crate) fn remove(&mut self, key: PeerKey) -> Option<Peer> {
        self.map.remove(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn get(&self, key: PeerKey) -> Option<&Peer> {
        self.map.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: PeerKey) -> Option<&mut Peer> {
        self.map.get_mut(key)
    }

    pub(crate) fn keys(&self) -> Vec<PeerKey> {
        self.map.keys().collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.map.values()
    }

    /// Returns the peers with these keys, in this order.
    pub(crate) fn of<'a>(&'a self, keys: &'a [PeerKey]) -> impl Iterator<Item = &'a Peer> {
        keys.iter().filter_map(|key| self.map.get(*key))
    }

    /// Calls `change` for each of the peers with these keys, in this order.
    pub(crate) fn for_each(&mut self, keys: &[PeerKey], mut change: impl FnMut(&mut Peer)) {
        for key in keys {
            if let Some(peer) = self.map.get_mut(*key) {
                change(peer);
            }
        }
    }

    /// Returns true if an outgoing attempt at this peer is under way.
    pub(crate) fn is_calling(&self, key: PeerKey) -> bool {
        self.get(key).is_some_and(|peer| peer.conn().is_connecting())
    }

    /// Returns true if a host has the maximum number of connections. Local addresses are exempt, as many hosts may
    /// share one.
    pub(crate) fn is_greedy(&self, ip: IpAddr) -> bool {
        self.has_its_share(ip, Peer::is_more_than_attempt)
    }

    /// Returns true if a host has the maximum number of connections, attempts included. Local addresses are exempt.
    pub(crate) fn is_called_enough(&self, ip: IpAddr) -> bool {
        self.has_its_share(ip, |_| true)
    }

    fn has_its_share(&self, ip: IpAddr, counts: impl Fn(&Peer) -> bool) -> bool {
        let host = Host::of(ip);
        let of_host = |peer: &&Peer| Host::of(peer.conn().addr().ip()) == host && counts(peer);
        !is_local(ip) && self.iter().filter(of_host).count() >= MAX_PEERS_PER_HOST
    }
}
