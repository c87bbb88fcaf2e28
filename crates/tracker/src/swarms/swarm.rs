//! One swarm: its peers, and the choice of those that an answer names.

use fastrand::Rng;
use ztor_base::{PeerId, SwarmId};

use super::hosts::Hosts;
use super::index::{Digest, Index};
use super::peer::{Addr, Keys, Peer};
use crate::ScrapeEntry;

/// Number of peers above which a swarm has an index.
const INDEXED_ABOVE: usize = 16;

/// Least number of seconds between two searches for silent peers in a full swarm.
const SEARCH_EVERY_S: u32 = 10;

/// Number of arcs in a sample of a large swarm.
const ARCS: usize = 4;

/// Number of peers that are checked for each wanted one. A sample is short if few peers are of use.
const LOOKS: usize = 8;

/// The contents of an announce about a peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Announce {
    pub(super) id: PeerId,
    pub(super) is_seeder: bool,
    /// True if it wants nothing more, but has not the whole torrent (BEP 21).
    pub(super) is_partial_seed: bool,
    /// True if it has just become a seeder.
    pub(super) completes: bool,
    /// Time of the announce, in seconds.
    pub(super) now_s: u32,
}

#[derive(Debug)]
pub(super) struct Swarm {
    pub(super) hash: SwarmId,
    /// Time of its first announce, in seconds.
    pub(super) founded_s: u32,
    /// Leechers, then seeders: a seeder is given the former only.
    peers: Vec<Peer>,
    /// Index of a large swarm; `None` for a small one.
    index: Option<Box<Index>>,
    seeders: u32,
    pub(super) downloads: u32,
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

    /// Returns the digest of the peer at a position; `None` in a small swarm.
    pub(super) fn digest(&self, at: usize) -> Option<Digest> {
        self.index.as_ref()?.digest(at)
    }

    /// Notes an announce of the peer at a position, which may move it.
    pub(super) fn renew(&mut self, keys: &Keys, at: usize, announce: &Announce) {
        let Some(peer) = self.peers.get_mut(at) else { return };
        let completes = announce.completes && !peer.counted;
        peer.counted |= completes;
        peer.seen_s = announce.now_s;
        let was_partial_seed = std::mem::replace(&mut peer.is_partial_seed, announce.is_partial_seed);
        if let Some(index) = &mut self.index {
            index.partial_seeds += u32::from(announce.is_partial_seed);
            index.partial_seeds -= u32::from(was_partial_seed);
        }
        self.downloads = self.downloads.saturating_add(u32::from(completes));
        if peer.id != announce.id {
            peer.id = announce.id;
            if let Some(index) = &mut self.index {
                index.renew(&self.peers, at);
            }
        }
        self.set_seeder(keys, at, announce.is_seeder);
    }

    /// Returns the number of leechers, which is also the position of the first seeder.
    fn leechers(&self) -> usize {
        self.peers.len().saturating_sub(self.seeders as usize)
    }

    pub(super) fn entry(&self) -> ScrapeEntry {
        let leechers = u32::try_from(self.leechers()).unwrap_or(u32::MAX);
        let downloaders = Some(leechers.saturating_sub(self.partial_seeds()));
        ScrapeEntry { seeders: self.seeders, leechers, downloads: self.downloads, downloaders }
    }

    /// Returns the number of partial seeds, which a small swarm counts.
    fn partial_seeds(&self) -> u32 {
        let count = || self.peers.iter().map(|peer| u32::from(peer.is_partial_seed)).sum();
        self.index.as_ref().map_or_else(count, |index| index.partial_seeds)
    }

    /// Returns the bytes on the heap, by capacity.
    pub(super) fn heap_bytes(&self) -> usize {
        let index = self.index.as_ref().map_or(0, |index| size_of::<Index>() + index.heap_bytes());
        self.peers.capacity() * size_of::<Peer>() + index
    }

    /// Returns the number of peers of the host of an address, counted up to `max`.
    pub(super) fn count_of(&self, addr: Addr, max: usize) -> usize {
        let host = addr.host();
        self.peers.iter().filter(|peer| peer.addr.as_bytes().starts_with(host)).take(max).count()
    }

    pub(super) fn find(&self, keys: &Keys, addr: Addr) -> Option<usize> {
        match &self.index {
            Some(index) => index.find(&self.peers, keys, addr),
            None => self.peers.iter().position(|peer| peer.addr == addr),
        }
    }

    pub(super) fn push(&mut self, keys: &Keys, addr: Addr, announce: &Announce) {
        let Announce { id, is_seeder, is_partial_seed, now_s, .. } = *announce;
        let at = self.peers.len();
        if at == self.peers.capacity() {
            self.peers.reserve_exact((at / 4).max(1));
        }
        self.seeders += 1;
        // A peer that starts as a seeder has not downloaded here, even if it announces `completed`.
        self.peers.push(Peer { addr, id, counted: is_seeder, is_partial_seed, seen_s: now_s });
        match &mut self.index {
            Some(index) => {
                index.push(&self.peers, keys);
                index.partial_seeds += u32::from(is_partial_seed);
            }
            None if self.peers.len() > INDEXED_ABOVE => self.index = Some(Box::new(Index::new(&self.peers))),
            None => {}
        }
        self.set_seeder(keys, at, is_seeder);
    }

    /// Makes the peer at a position a seeder or a leecher, which may move it.
    fn set_seeder(&mut self, keys: &Keys, at: usize, is_seeder: bool) {
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

    fn swap(&mut self, keys: &Keys, one: usize, other: usize) {
        if one != other {
            if let Some(index) = &mut self.index {
                index.swap(&self.peers, keys, one, other);
            }
            self.peers.swap(one, other);
        }
    }

    pub(super) fn remove(&mut self, keys: &Keys, at: usize) {
        let Some(last) = self.peers.len().checked_sub(1).filter(|last| at <= *last) else { return };
        if let (Some(index), Some(peer)) = (&mut self.index, self.peers.get(at)) {
            index.partial_seeds -= u32::from(peer.is_partial_seed);
        }
        // A seeder leaves no gap among the leechers.
        let leechers = self.leechers();
        self.set_seeder(keys, at, true);
        let at = if at < leechers { leechers - 1 } else { at };
        self.swap(keys, at, last);
        if let Some(index) = &mut self.index {
            index.pop(&self.peers, keys);
        }
        self.peers.pop();
        self.seeders = self.seeders.saturating_sub(1);
        if last <= INDEXED_ABOVE / 2 {
            self.index = None;
        }
    }

    /// Returns true if it is time to search for silent peers. A large swarm that is full is searched once in
    /// [`SEARCH_EVERY_S`], not for every new peer.
    pub(super) fn may_search(&mut self, now_s: u32) -> bool {
        let Some(index) = &mut self.index else { return true };
        let is_time = now_s.saturating_sub(index.searched_s) >= SEARCH_EVERY_S;
        if is_time {
            index.searched_s = now_s;
        }
        is_time
    }

    /// Removes the peers whose last announce is more than `patience_s` ago. Returns their number.
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
                index.shrink_to(&self.peers, keys, left + left / 4);
            }
        }
        before - left
    }

    /// Offers random positions of peers, each once, until `take` has taken as many as are wanted. A seeder is offered
    /// leechers only. A large swarm is offered in arcs of its list with random starts, a small one as a whole.
    pub(super) fn sample(
        &self,
        wanted: usize,
        for_seeder: bool,
        rng: &mut Rng,
        mut take: impl FnMut(usize) -> bool,
    ) {
        let offered = if for_seeder { self.leechers() } else { self.peers.len() };
        let arcs = if offered > wanted.saturating_mul(2) { ARCS } else { 1 };
        let (mut start, mut missing) = (0, wanted);
        for left in (1..=arcs).rev() {
            let len = (offered - start) / left;
            let arc = start..start + len;
            start = arc.end;
            if len == 0 || missing == 0 {
                continue;
            }
            let middle = arc.start + rng.usize(..len);
            let mut quota = missing.div_ceil(left);
            let looks = if arcs == 1 { len } else { quota.saturating_mul(LOOKS) };
            for at in (middle..arc.end).chain(arc.start..middle).take(looks) {
                if quota == 0 {
                    break;
                }
                if take(at) {
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
        self.index.iter().for_each(|index| index.check(&self.peers));
        for (at, peer) in self.peers.iter().enumerate() {
            assert_eq!(self.find(keys, peer.addr), Some(at));
        }
    }
}
