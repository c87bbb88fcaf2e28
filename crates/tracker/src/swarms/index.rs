//! The index of a large swarm, to find and to offer peers without reading their list.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use hashbrown::HashTable;
use ztor_base::PeerId;

use super::peer::{Addr, Keys, Peer};

/// Number of peers above which addresses are found by a hash table. Up to it, reading the digests is faster.
const TABLE_ABOVE: usize = 128;

/// Address, port and part of the id of a peer on IPv4; zero for one on IPv6.
///
/// Eight of them fit into a cache line, where a peer takes most of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest(u64);

impl Digest {
    pub(super) fn new(addr: SocketAddr, id: &PeerId) -> Self {
        let SocketAddr::V4(addr) = addr else { return Self(0) };
        let [.., high, low] = *id.as_bytes();
        let tag = u64::from(u16::from_be_bytes([high, low]));
        Self(u64::from(addr.ip().to_bits()) << 32 | u64::from(addr.port()) << 16 | tag)
    }

    fn of(peer: &Peer) -> Self {
        Self::new(peer.addr.get(), &peer.id)
    }

    /// Returns the address and port; `None` for IPv6.
    pub(super) fn addr(self) -> Option<SocketAddrV4> {
        let [a, b, c, d, high, low, ..] = self.0.to_be_bytes();
        (self.place() != 0)
            .then(|| SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
    }

    /// Returns true if the two may be of one id.
    pub(super) fn shares_tag(self, other: Self) -> bool {
        (self.0 ^ other.0) & 0xffff == 0
    }

    /// Returns the address and port as a number; 0 for IPv6.
    fn place(self) -> u64 {
        self.0 >> 16
    }
}

/// The index of a large swarm. Positions are those in the list of peers.
#[derive(Debug)]
pub(super) struct Index {
    digests: Vec<Digest>,
    /// Positions by the hash of the address; `None` unless the swarm is very large.
    table: Option<HashTable<u32>>,
    /// Time of the last search for silent peers, in seconds.
    pub(super) searched_s: u32,
    /// Number of partial seeds (BEP 21).
    pub(super) partial_seeds: u32,
}

fn hash_at(peers: &[Peer], keys: &Keys, at: u32) -> u64 {
    peers.get(at as usize).map_or(0, |peer| keys.hash(peer.addr.as_bytes()))
}

fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Index {
    pub(super) fn new(peers: &[Peer]) -> Self {
        let partial_seeds = peers.iter().map(|peer| u32::from(peer.is_partial_seed)).sum();
        Self { digests: peers.iter().map(Digest::of).collect(), table: None, searched_s: 0, partial_seeds }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let table = self.table.as_ref().map_or(0, HashTable::allocation_size);
        self.digests.capacity() * size_of::<Digest>() + table
    }

    pub(super) fn digest(&self, at: usize) -> Option<Digest> {
        self.digests.get(at).copied()
    }

    pub(super) fn find(&self, peers: &[Peer], keys: &Keys, addr: Addr) -> Option<usize> {
        let place = Digest::new(addr.get(), &PeerId::new([0; 20])).place();
        let is_it = |at: usize| {
            self.digests.get(at).is_some_and(|digest| digest.place() == place)
                && (place != 0 || peers.get(at).is_some_and(|peer| peer.addr == addr))
        };
        match &self.table {
            Some(table) => {
                let found = table.find(keys.hash(addr.as_bytes()), |&at| is_it(at as usize));
                found.map(|&at| at as usize)
            }
            None if place != 0 => self.digests.iter().position(|digest| digest.place() == place),
            None => (0..self.digests.len()).find(|&at| is_it(at)),
        }
    }

    /// Adds the last peer of the list.
    pub(super) fn push(&mut self, peers: &[Peer], keys: &Keys) {
        let Some(peer) = peers.last() else { return };
        if self.digests.len() == self.digests.capacity() {
            self.digests.reserve_exact((self.digests.len() / 4).max(1));
        }
        self.digests.push(Digest::of(peer));
        let hash = |&at: &u32| hash_at(peers, keys, at);
        let last = position(peers.len() - 1);
        match &mut self.table {
            Some(table) => {
                table.insert_unique(hash(&last), last, hash);
            }
            None if peers.len() > TABLE_ABOVE => {
                let mut table = HashTable::with_capacity(peers.len());
                for at in 0..=last {
                    table.insert_unique(hash(&at), at, hash);
                }
                self.table = Some(table);
            }
            None => {}
        }
    }

    /// Notes that the peer at a position has another id.
    pub(super) fn renew(&mut self, peers: &[Peer], at: usize) {
        if let (Some(digest), Some(peer)) = (self.digests.get_mut(at), peers.get(at)) {
            *digest = Digest::of(peer);
        }
    }

    /// Swaps two peers. `peers` is the list before the swap.
    pub(super) fn swap(&mut self, peers: &[Peer], keys: &Keys, one: usize, other: usize) {
        /// Keeps the two apart while both have the same position.
        const NOWHERE: u32 = u32::MAX;

        if let Some(table) = &mut self.table {
            let (one, other) = (position(one), position(other));
            let (hash, other_hash) = (hash_at(peers, keys, one), hash_at(peers, keys, other));
            for (hash, from, to) in [(hash, one, NOWHERE), (other_hash, other, one), (hash, NOWHERE, other)] {
                if let Some(at) = table.find_mut(hash, |&at| at == from) {
                    *at = to;
                }
            }
        }
        self.digests.swap(one, other);
    }

    /// Removes the last peer of the list, which is still in the list.
    pub(super) fn pop(&mut self, peers: &[Peer], keys: &Keys) {
        let Some(last) = peers.len().checked_sub(1).map(position) else { return };
        self.digests.pop();
        if let Some(table) = &mut self.table
            && let Ok(entry) = table.find_entry(hash_at(peers, keys, last), |&at| at == last)
        {
            entry.remove();
        }
        if self.digests.len() <= TABLE_ABOVE / 2 {
            self.table = None;
        }
    }

    pub(super) fn shrink_to(&mut self, peers: &[Peer], keys: &Keys, capacity: usize) {
        self.digests.shrink_to(capacity);
        if let Some(table) = &mut self.table {
            table.shrink_to(capacity, |&at| hash_at(peers, keys, at));
        }
    }

    /// Panics if it does not match this list.
    #[cfg(test)]
    pub(super) fn check(&self, peers: &[Peer]) {
        assert!(self.digests.iter().copied().eq(peers.iter().map(Digest::of)));
        assert!(self.table.as_ref().is_none_or(|table| table.len() == peers.len()));
    }
}
