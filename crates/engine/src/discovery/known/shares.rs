//! Shares of the list of addresses, and the order in which addresses are dropped.

use super::origin::{Rank, Teller};
use crate::config::MAX_KNOWN_PEERS;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use ztor_base::Instant;

/// Minimum size of a quota, however low the bound.
const LEAST_QUOTA: usize = 8;

/// Account that an address is charged to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Charge {
    /// No account: the address was given up, and is dropped first.
    GivenUp,
    /// Its teller, until the address is reached.
    Teller(Teller),
    /// Its rank alone: the address was reached, or has no teller.
    Reached,
}

/// The properties of an address that determine its place in the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) rank: Rank,
    pub(super) charge: Charge,
    /// Time of the next attempt, or [`Instant::FAR_FUTURE`]. The addresses with the latest time are dropped first.
    pub(super) due: Instant,
    pub(super) may_leave: bool,
}

/// An index over all addresses. Every operation takes logarithmic time.
#[derive(Debug)]
pub(super) struct Shares {
    /// Maximum number of addresses. Quotas are proportional to it.
    limit: usize,
    lens: BTreeMap<Rank, usize>,
    of_teller: BTreeMap<(Rank, Teller), usize>,
    /// The same, ordered by count, to find the teller with the most addresses.
    by_count: BTreeSet<(Rank, usize, Teller)>,
    leaving: BTreeSet<(Rank, Charge, Reverse<Instant>, SocketAddr)>,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            limit: MAX_KNOWN_PEERS,
            lens: BTreeMap::new(),
            of_teller: BTreeMap::new(),
            by_count: BTreeSet::new(),
            leaving: BTreeSet::new(),
        }
    }
}

impl Shares {
    /// Returns the maximum number of addresses.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Changes the bound, and all quotas with it.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Scales a quota by the ratio of the bound to [`MAX_KNOWN_PEERS`].
    fn part(&self, quota: usize) -> usize {
        (quota * self.limit / MAX_KNOWN_PEERS).max(quota.min(LEAST_QUOTA))
    }

    pub(super) fn insert(&mut self, addr: SocketAddr, entry: Entry) {
        *self.lens.entry(entry.rank).or_default() += 1;
        if let Charge::Teller(teller) = entry.charge {
            self.count(entry.rank, teller, |count| count + 1);
        }
        if entry.may_leave {
            self.leaving.insert((entry.rank, entry.charge, Reverse(entry.due), addr));
        }
    }

    /// Removes an address that was added by [`insert`](Self::insert).
    pub(super) fn remove(&mut self, addr: SocketAddr, entry: Entry) {
        let left = self.lens.remove(&entry.rank).map_or(0, |len| len.saturating_sub(1));
        if left > 0 {
            self.lens.insert(entry.rank, left);
        }
        if let Charge::Teller(teller) = entry.charge {
            self.count(entry.rank, teller, |count| count.saturating_sub(1));
        }
        self.leaving.remove(&(entry.rank, entry.charge, Reverse(entry.due), addr));
    }

    fn count(&mut self, rank: Rank, teller: Teller, change: impl FnOnce(usize) -> usize) {
        let old = self.of_teller.remove(&(rank, teller)).unwrap_or(0);
        self.by_count.remove(&(rank, old, teller));
        let new = change(old);
        if new > 0 {
            self.of_teller.insert((rank, teller), new);
            self.by_count.insert((rank, new, teller));
        }
    }

    /// Returns true if a teller may name another address of this rank.
    pub(super) fn admits(&self, rank: Rank, teller: Teller) -> bool {
        self.of_teller.get(&(rank, teller)).is_none_or(|count| *count < self.part(rank.quota_of_teller()))
    }

    pub(super) fn is_full(&self, rank: Rank) -> bool {
        self.len(rank) >= self.part(rank.quota())
    }

    /// Returns true if a rank has twice its quota.
    pub(super) fn is_twice_full(&self, rank: Rank) -> bool {
        self.len(rank) >= 2 * self.part(rank.quota())
    }

    pub(super) fn len(&self, rank: Rank) -> usize {
        self.lens.get(&rank).copied().unwrap_or(0)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lens.values().all(|len| *len == 0) && self.of_teller.is_empty() && self.leaving.is_empty()
    }

    /// Returns the address of a rank to drop for another: one that was given up, else one of the teller with the most,
    /// else any. Of several it is the one that would be tried last.
    pub(super) fn first_to_leave(&self, rank: Rank) -> Option<SocketAddr> {
        let most = self.by_count.range(..(rank, usize::MAX, Teller::LAST)).next_back();
        let most = most.filter(|(of, ..)| *of == rank).map(|(.., teller)| Charge::Teller(*teller));
        let first = |charge: Charge| {
            let from = (rank, charge, Reverse(Instant::FAR_FUTURE), LOWEST);
            self.leaving.range(from..).next().filter(|(of, ..)| *of == rank)
        };
        let of = |charge: Charge| first(charge).filter(|(_, of, ..)| *of == charge);
        let leaves = of(Charge::GivenUp).or_else(|| of(most?)).or_else(|| first(Charge::GivenUp));
        leaves.map(|(.., addr)| *addr)
    }
}

/// Lowest address in the order of the index.
const LOWEST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

impl Teller {
    /// Highest teller in the order of the index.
    const LAST: Self = Self::Host(ztor_base::Host::V6([0xff; 8]));
}
