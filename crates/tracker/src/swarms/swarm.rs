//! One swarm: its peers, and the ones that an asker is told of.

use std::hash::{DefaultHasher, Hasher};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use fastrand::Rng;
use hashbrown::HashTable;
use ztor_base::{PeerId, SwarmId};

use super::hosts::Hosts;
use crate::ScrapeEntry;

/// Number of peers above which a swarm has an index of addresses; smaller ones are searched.
const INDEXED_ABOVE: usize = 32;

/// Seconds between two searches for room in a full swarm.
const SEARCH_EVERY_S: u32 = 10;

/// Arcs that a sample of a large swarm consists of.
const ARCS: usize = 4;

/// Peers that are looked at for each one wanted. A sample is short if few peers are of any use.
const LOOKS: usize = 8;

/// Keyed hashes, so that nobody can choose what falls together.
#[derive(Debug, Clone)]
pub(super) struct Keys(DefaultHasher);

impl Keys {
    pub(super) fn new(seed: u64) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(seed);
        Self(hasher)
    }

    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.0.clone();
        hasher.write(bytes);
        hasher.finish()
    }
}

/// An address in 18 bytes; IPv4 is mapped to IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Addr([u8; 18]);

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        let ip = match addr.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let mut bytes = [0; 18];
        let (head, tail) = bytes.split_at_mut(16);
        head.copy_from_slice(&ip.octets());
        tail.copy_from_slice(&addr.port().to_be_bytes());
        Self(bytes)
    }
}

impl Addr {
    pub(super) fn get(self) -> SocketAddr {
        let [ip @ .., high, low] = self.0;
        let port = u16::from_be_bytes([high, low]);
        match ip {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => SocketAddr::from(([a, b, c, d], port)),
            _ => SocketAddr::from((Ipv6Addr::from(ip), port)),
        }
    }

    /// The bytes that all addresses of a host begin with: those of an IPv4 address, or of an IPv6 /64.
    fn host(&self) -> &[u8] {
        let is_v4 = self.0.starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
        self.0.get(..if is_v4 { 16 } else { 8 }).unwrap_or_default()
    }

    pub(super) fn ip(self) -> IpAddr {
        self.get().ip()
    }
}

/// A member of a swarm, in 44 bytes.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) addr: Addr,
    pub(super) id: PeerId,
    /// Whether its `completed` has been counted.
    pub(super) counted: bool,
    /// Second of its last announce.
    pub(super) seen_s: u32,
}

#[derive(Debug)]
pub(super) struct Swarm {
    pub(super) hash: SwarmId,
    /// Second of its first announce.
    pub(super) founded_s: u32,
    /// Leechers, then seeders: a seeder is given the former only.
    peers: Vec<Peer>,
    /// Positions in `peers` by the hash of the address, in a large swarm.
    index: Option<Box<Index>>,
    seeders: u32,
    pub(super) downloads: u32,
}

#[derive(Debug)]
struct Index {
    table: HashTable<u32>,
    /// Second in which the swarm was last looked through for room.
    searched_s: u32,
}

fn hash_at(peers: &[Peer], keys: &Keys, at: u32) -> u64 {
    peers.get(at as usize).map_or(0, |peer| keys.hash(&peer.addr.0))
}

impl Swarm {
    pub(super) fn new(hash: SwarmId, founded_s: u32) -> Self {
        Self { hash, founded_s, peers: Vec::new(), index: None, seeders: 0, downloads: 0 }
    }

    pub(super) fn is_small(&self) -> bool {
        self.peers.len() <= 1
    }

    pub(super) fn peers(&self) -> &[Peer] {
        &self.peers
    }

    pub(super) fn peer_mut(&mut self, at: usize) -> Option<&mut Peer> {
        self.peers.get_mut(at)
    }

    /// Number of leechers, which is also the position of the first seeder.
    fn leechers(&self) -> usize {
        self.peers.len().saturating_sub(self.seeders as usize)
    }

    pub(super) fn entry(&self) -> ScrapeEntry {
        let leechers = u32::try_from(self.leechers()).unwrap_or(u32::MAX);
        ScrapeEntry { seeders: self.seeders, leechers, downloads: self.downloads }
    }

    /// Bytes on the heap, by capacity.
    pub(super) fn heap_bytes(&self) -> usize {
        let index = self.index.as_ref().map_or(0, |index| size_of::<Index>() + index.table.allocation_size());
        self.peers.capacity() * size_of::<Peer>() + index
    }

    /// Number of peers of the host of an address, counted up to `max`.
    pub(super) fn count_of(&self, addr: Addr, max: usize) -> usize {
        let host = addr.host();
        self.peers.iter().filter(|peer| peer.addr.0.starts_with(host)).take(max).count()
    }

    pub(super) fn find(&self, keys: &Keys, addr: Addr) -> Option<usize> {
        let is_it = |at: usize| self.peers.get(at).is_some_and(|peer| peer.addr == addr);
        match &self.index {
            Some(index) => {
                index.table.find(keys.hash(&addr.0), |&at| is_it(at as usize)).map(|&at| at as usize)
            }
            None => self.peers.iter().position(|peer| peer.addr == addr),
        }
    }

    pub(super) fn push(&mut self, keys: &Keys, peer: Peer, is_seeder: bool) {
        let at = self.peers.len();
        if at == self.peers.capacity() {
            self.peers.reserve_exact((at / 4).max(1));
        }
        self.seeders += 1;
        self.peers.push(peer);
        let peers = &self.peers;
        let insert = |index: &mut HashTable<u32>, at| {
            index.insert_unique(hash_at(peers, keys, at), at, |&at| hash_at(peers, keys, at));
        };
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        match &mut self.index {
            Some(index) => insert(&mut index.table, at),
            None if peers.len() > INDEXED_ABOVE => {
                let mut table = HashTable::with_capacity(peers.len());
                (0..=at).for_each(|at| insert(&mut table, at));
                self.index = Some(Box::new(Index { table, searched_s: 0 }));
            }
            None => {}
        }
        if !is_seeder {
            self.set_seeder(keys, at as usize, false);
        }
    }

    /// Makes the peer at a position a seeder or a leecher, which may move it.
    pub(super) fn set_seeder(&mut self, keys: &Keys, at: usize, is_seeder: bool) {
        let leechers = self.leechers();
        if at >= self.peers.len() || (at >= leechers) == is_seeder {
            return;
        }
        if is_seeder {
            self.swap(keys, at, leechers - 1);
            self.seeders += 1;
        } else {
            self.swap(keys, at, leechers);
            self.seeders -= 1;
        }
    }

    /// Exchanges two peers that there are.
    fn swap(&mut self, keys: &Keys, one: usize, other: usize) {
        /// Keeps the two apart while both have the same position in the index.
        const NOWHERE: u32 = u32::MAX;

        if one == other {
            return;
        }
        if let (Some(index), Ok(one), Ok(other)) = (&mut self.index, u32::try_from(one), u32::try_from(other))
        {
            let hashes = (hash_at(&self.peers, keys, one), hash_at(&self.peers, keys, other));
            for (hash, from, to) in
                [(hashes.0, one, NOWHERE), (hashes.1, other, one), (hashes.0, NOWHERE, other)]
            {
                if let Some(at) = index.table.find_mut(hash, |&at| at == from) {
                    *at = to;
                }
            }
        }
        self.peers.swap(one, other);
    }

    pub(super) fn remove(&mut self, keys: &Keys, at: usize) {
        if at >= self.peers.len() {
            return;
        }
        // A seeder may leave without a gap among the leechers.
        let leechers = self.leechers();
        let at = if at < leechers {
            self.set_seeder(keys, at, true);
            leechers - 1
        } else {
            at
        };
        let last = self.peers.len() - 1;
        let (at_32, last_32) =
            (u32::try_from(at).unwrap_or(u32::MAX), u32::try_from(last).unwrap_or(u32::MAX));
        if let Some(index) = &mut self.index {
            if let Ok(entry) = index.table.find_entry(hash_at(&self.peers, keys, at_32), |&to| to == at_32) {
                entry.remove();
            }
            if let Some(to) = index.table.find_mut(hash_at(&self.peers, keys, last_32), |&to| to == last_32) {
                *to = at_32;
            }
        }
        self.peers.swap_remove(at);
        self.seeders = self.seeders.saturating_sub(1);
        if self.peers.len() <= INDEXED_ABOVE / 2 {
            self.index = None;
        }
    }

    /// Returns whether it is time to look for peers that have gone silent: a large swarm that is full is looked through
    /// once in [`SEARCH_EVERY_S`], not for every newcomer.
    pub(super) fn may_search(&mut self, now_s: u32) -> bool {
        let Some(index) = &mut self.index else { return true };
        let is_time = now_s.saturating_sub(index.searched_s) >= SEARCH_EVERY_S;
        if is_time {
            index.searched_s = now_s;
        }
        is_time
    }

    /// Removes the peers whose last announce is more than `patience_s` ago; returns their number.
    pub(super) fn expire(&mut self, keys: &Keys, now_s: u32, patience_s: u32, hosts: &mut Hosts) -> usize {
        let before = self.peers.len();
        for at in (0..before).rev() {
            if let Some(peer) = self.peers.get(at)
                && now_s.saturating_sub(peer.seen_s) > patience_s
            {
                hosts.remove_peer(peer.addr.ip());
                self.remove(keys, at);
            }
        }
        let left = self.peers.len();
        if left < self.peers.capacity() / 2 {
            self.peers.shrink_to(left + left / 4);
            if let Some(index) = &mut self.index {
                index.table.shrink_to(left + left / 4, |&at| hash_at(&self.peers, keys, at));
            }
        }
        before - left
    }

    /// Offers peers by chance, each once, until `take` has taken as many as are wanted. A seeder is offered leechers. A
    /// large swarm is offered as arcs of its list that begin anywhere, a small one as a whole.
    pub(super) fn sample(
        &self,
        wanted: usize,
        for_seeder: bool,
        rng: &mut Rng,
        mut take: impl FnMut(&Peer) -> bool,
    ) {
        let offered = if for_seeder { self.leechers() } else { self.peers.len() };
        let arcs = if offered > wanted.saturating_mul(2) { ARCS } else { 1 };
        let mut rest = self.peers.get(..offered).unwrap_or_default();
        let mut missing = wanted;
        for left in (1..=arcs).rev() {
            let Some((arc, tail)) = rest.split_at_checked(rest.len() / left) else { return };
            rest = tail;
            if arc.is_empty() || missing == 0 {
                continue;
            }
            let (before, after) = arc.split_at(rng.usize(..arc.len()));
            let mut quota = missing.div_ceil(left);
            let looks = if arcs == 1 { arc.len() } else { quota.saturating_mul(LOOKS) };
            for peer in after.iter().chain(before).take(looks) {
                if quota == 0 {
                    break;
                }
                if take(peer) {
                    quota -= 1;
                    missing -= 1;
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn seeders(&self) -> &[Peer] {
        &self.peers[self.leechers()..]
    }

    /// Panics if the index and the list differ.
    #[cfg(test)]
    pub(super) fn check(&self, keys: &Keys) {
        assert!(self.seeders as usize <= self.peers.len());
        assert!(self.index.as_ref().is_none_or(|index| index.table.len() == self.peers.len()));
        for (at, peer) in self.peers.iter().enumerate() {
            assert_eq!(self.find(keys, peer.addr), Some(at));
        }
    }
}
