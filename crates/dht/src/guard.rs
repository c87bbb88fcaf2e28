//! Limits that keep hosts from exhausting the node, and from using it against third parties.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ztor_base::{Duration, Instant};

use crate::MAX_DATAGRAM_BYTES;
use crate::addr::Remote;

/// Maximum number of queries that are answered per address and window.
const MAX_QUERIES: u32 = 50;
const WINDOW: Duration = Duration::from_secs(10);
/// Time for which an address that sends more is ignored.
const BLOCK: Duration = Duration::from_secs(5 * 60);
/// Queries per address and window up to which it counts as quiet. An ordinary node sends a handful.
const MAX_QUIET: u32 = 8;
/// Maximum number of addresses kept.
const MAX_ENTRIES: usize = 4096;

/// Bytes per second of responses to all addresses together. Addresses can be forged, so this bounds the traffic that a
/// flood of forged queries can cause. It is divided into shares, so that a flood leaves something to others.
const BYTES_PER_S: u64 = 128 * 1024;
/// Maximum unused allowance of a share, in seconds of its rate.
const SAVED_S: u64 = 4;

/// Shares of [`BYTES_PER_S`]. Each is open to fewer addresses than the one before, and is used only when those before
/// are spent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Share {
    /// For all addresses.
    Common,
    /// For addresses with few recent queries, and nodes of our table.
    Quiet,
    /// For nodes of our table.
    Nodes,
}

impl Share {
    const ALL: [Self; 3] = [Self::Common, Self::Quiet, Self::Nodes];

    fn bytes_per_s(self) -> u64 {
        match self {
            Self::Common => BYTES_PER_S / 2,
            Self::Quiet | Self::Nodes => BYTES_PER_S / 4,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Guard {
    entries: BTreeMap<Remote, Entry>,
    /// Bytes of responses that may be sent now, by share.
    allowances: [u64; 3],
    refilled: Instant,
}

#[derive(Debug)]
struct Entry {
    since: Instant,
    /// Queries since then, and in the window before.
    count: u32,
    before: u32,
    blocked_until: Option<Instant>,
}

impl Entry {
    fn new(now: Instant) -> Self {
        Self { since: now, count: 0, before: 0, blocked_until: None }
    }

    /// Returns true if the entry can be dropped without loss.
    fn is_over(&self, now: Instant) -> bool {
        match self.blocked_until {
            Some(until) => until <= now,
            None => now.since(self.since) >= WINDOW * 2,
        }
    }

    fn is_quiet(&self) -> bool {
        self.count.max(self.before) <= MAX_QUIET
    }

    fn turn(&mut self, now: Instant) {
        if self.is_over(now) {
            *self = Self::new(now);
        } else if self.blocked_until.is_none() && now.since(self.since) >= WINDOW {
            *self = Self { since: self.since + WINDOW, count: 0, before: self.count, blocked_until: None };
        }
    }
}

impl Guard {
    pub(crate) fn new(now: Instant) -> Self {
        let allowances = Share::ALL.map(|share| share.bytes_per_s() * SAVED_S);
        Self { entries: BTreeMap::new(), allowances, refilled: now }
    }

    /// Counts a query. Returns the share that its response is [charged](Guard::charge) to; `None` if it gets none.
    /// `is_node` is true for a node of our table.
    pub(crate) fn admit(&mut self, now: Instant, from: SocketAddr, is_node: bool) -> Option<Share> {
        let last = match (self.count(now, from, is_node)?, is_node) {
            (_, true) => Share::Nodes,
            (true, false) => Share::Quiet,
            (false, false) => Share::Common,
        };
        self.refill(now);
        // The length of a response is not known before it is made, so there must be enough for any.
        let has_enough = |share: &Share| self.allowances[*share as usize] >= MAX_DATAGRAM_BYTES as u64;
        Share::ALL.into_iter().filter(|share| *share <= last).find(has_enough)
    }

    /// Takes the bytes of a response out of a share.
    pub(crate) fn charge(&mut self, share: Share, bytes: usize) {
        let allowance = &mut self.allowances[share as usize];
        *allowance = allowance.saturating_sub(bytes as u64);
    }

    /// Counts a query. Returns true if the address is quiet; `None` if it sends too much. A node of our table is not
    /// blocked for long. Otherwise a host that forges its address would cut it off from us.
    fn count(&mut self, now: Instant, from: SocketAddr, is_node: bool) -> Option<bool> {
        let remote = Remote::of(from);
        if !self.entries.contains_key(&remote) {
            self.make_room(now);
        }
        let entry = self.entries.entry(remote).or_insert_with(|| Entry::new(now));
        entry.turn(now);
        entry.count = entry.count.saturating_add(1);
        let is_too_much = entry.count > MAX_QUERIES;
        if is_too_much && entry.blocked_until.is_none() && !is_node {
            entry.blocked_until = Some(now + BLOCK);
        }
        (!is_too_much && entry.blocked_until.is_none()).then(|| entry.is_quiet())
    }

    fn refill(&mut self, now: Instant) {
        let us = now.since(self.refilled).as_micros() as u64;
        if us == 0 {
            return;
        }
        self.refilled = now;
        for share in Share::ALL {
            let fresh = u128::from(us) * u128::from(share.bytes_per_s()) / 1_000_000;
            let fresh = u64::try_from(fresh).unwrap_or(u64::MAX);
            let allowance = &mut self.allowances[share as usize];
            *allowance = allowance.saturating_add(fresh).min(share.bytes_per_s() * SAVED_S);
        }
    }

    /// Bounds the table: quiet addresses are dropped first, then those that are not blocked, then all.
    fn make_room(&mut self, now: Instant) {
        if self.entries.len() < MAX_ENTRIES {
            return;
        }
        self.entries.retain(|_, entry| !entry.is_over(now));
        if self.entries.len() >= MAX_ENTRIES * 3 / 4 {
            self.entries.retain(|_, entry| !entry.is_quiet() || entry.blocked_until.is_some());
        }
        if self.entries.len() >= MAX_ENTRIES * 3 / 4 {
            self.entries.retain(|_, entry| entry.blocked_until.is_some());
        }
        if self.entries.len() >= MAX_ENTRIES * 3 / 4 {
            self.entries.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn addr(n: u32) -> SocketAddr {
        SocketAddr::new(IpAddr::from((0x0800_0000 + n).to_be_bytes()), 6881)
    }

    /// Counts a query from an unknown address, whose response charges nothing.
    fn admits(guard: &mut Guard, now: Instant, from: SocketAddr) -> bool {
        guard.admit(now, from, false).is_some()
    }

    #[test]
    fn admit_in_a_flood_blocks_the_address_for_five_minutes() {
        let mut guard = Guard::new(Instant::ZERO);
        let mut now = Instant::ZERO;
        assert!((0..50).all(|_| admits(&mut guard, now, addr(1))));
        assert!(!admits(&mut guard, now, addr(1)));
        assert!(admits(&mut guard, now, addr(2)));
        now += Duration::from_secs(299);
        assert!(!admits(&mut guard, now, addr(1)));
        now += Duration::from_secs(1);
        assert!(admits(&mut guard, now, addr(1)));
    }

    #[test]
    fn admit_of_steady_queries_is_never_refused() {
        let mut guard = Guard::new(Instant::ZERO);
        for n in 0..10_000u64 {
            assert!(admits(&mut guard, Instant::from_micros(n * 210_000), addr(1)));
        }
    }

    #[test]
    fn admit_of_many_addresses_keeps_the_table_bounded() {
        let mut guard = Guard::new(Instant::ZERO);
        for n in 0..20_000 {
            assert!(admits(&mut guard, Instant::ZERO, addr(n)));
            assert!(guard.entries.len() <= MAX_ENTRIES);
        }
        for n in 0..20_000 {
            assert_eq!((0..60).filter(|_| admits(&mut guard, Instant::ZERO, addr(n))).count(), 50);
            assert!(guard.entries.len() <= MAX_ENTRIES);
        }
    }

    #[test]
    fn admit_of_a_node_in_a_flood_resumes_in_the_next_window() {
        let mut guard = Guard::new(Instant::ZERO);
        let asked = (0..500).filter(|_| guard.admit(Instant::ZERO, addr(1), true).is_some()).count();
        assert_eq!(asked, 50);
        assert!(guard.admit(Instant::ZERO + WINDOW, addr(1), true).is_some());
    }

    /// Charges responses of 1,000 bytes until no more are admitted. Returns their sum.
    fn spend(guard: &mut Guard, now: Instant, addrs: impl Iterator<Item = SocketAddr>, is_node: bool) -> u64 {
        let mut sent = 0;
        for addr in addrs {
            if let Some(share) = guard.admit(now, addr, is_node) {
                guard.charge(share, 1000);
                sent += 1000;
            }
        }
        sent
    }

    #[test]
    fn admit_with_a_spent_share_uses_the_others() {
        let mut guard = Guard::new(Instant::ZERO);
        let near = |bytes: u64, rate: u64| bytes <= rate && bytes + 2000 > rate;
        let loud = (0..30).flat_map(|n| std::iter::repeat_n(addr(n), 50));
        let asked = (0..30).flat_map(|n| std::iter::repeat_n(addr(n), 1 + MAX_QUIET as usize));
        assert!(asked.into_iter().all(|addr| guard.admit(Instant::ZERO, addr, false).is_some()));
        assert!(near(spend(&mut guard, Instant::ZERO, loud, false), Share::Common.bytes_per_s() * SAVED_S));
        let quiet = (100..5000).map(addr);
        assert!(near(spend(&mut guard, Instant::ZERO, quiet, false), Share::Quiet.bytes_per_s() * SAVED_S));
        let nodes = (5000..10_000).map(addr);
        assert!(near(spend(&mut guard, Instant::ZERO, nodes, true), Share::Nodes.bytes_per_s() * SAVED_S));
        let later = Instant::from_micros(1_000_000);
        let nodes = (10_000..15_000).map(addr);
        let sent = spend(&mut guard, later, nodes, true);
        // Each share may have had a little less than the length of a response left.
        assert!(sent.abs_diff(BYTES_PER_S) < 3 * 1400);
    }
}
