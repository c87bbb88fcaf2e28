//! What keeps others from using the node up, or from using it against third parties.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ztor_base::{Duration, Instant};

use crate::addr::Remote;

/// Questions that are answered an address and window.
const MAX_QUERIES: u32 = 50;
const WINDOW: Duration = Duration::from_secs(10);
/// How long an address that asked more is not heard.
const BLOCK: Duration = Duration::from_secs(5 * 60);
/// Addresses kept.
const MAX_ENTRIES: usize = 4096;

/// What is answered to all together, in bytes. Addresses can be forged: this bounds what a flood of questions in
/// the names of others can make of us.
const BYTES_PER_S: u64 = 128 * 1024;
const BURST_BYTES: u64 = 512 * 1024;

#[derive(Debug)]
pub(crate) struct Guard {
    entries: BTreeMap<Remote, Entry>,
    /// Bytes that may be answered now.
    allowance: u64,
    refilled: Instant,
}

#[derive(Debug)]
struct Entry {
    since: Instant,
    count: u32,
    blocked_until: Option<Instant>,
}

impl Entry {
    fn is_over(&self, now: Instant) -> bool {
        match self.blocked_until {
            Some(until) => until <= now,
            None => now.since(self.since) >= WINDOW,
        }
    }
}

impl Guard {
    pub(crate) fn new(now: Instant) -> Self {
        Self { entries: BTreeMap::new(), allowance: BURST_BYTES, refilled: now }
    }

    /// Counts a question, and says whether it may be answered.
    pub(crate) fn admits(&mut self, now: Instant, from: SocketAddr) -> bool {
        let asker = Remote::of(from);
        if !self.entries.contains_key(&asker) {
            self.make_room(now);
        }
        let entry = self.entries.entry(asker).or_insert(Entry { since: now, count: 0, blocked_until: None });
        if entry.is_over(now) {
            *entry = Entry { since: now, count: 0, blocked_until: None };
        }
        entry.count = entry.count.saturating_add(1);
        if entry.count > MAX_QUERIES && entry.blocked_until.is_none() {
            entry.blocked_until = Some(now + BLOCK);
        }
        entry.blocked_until.is_none()
    }

    /// Takes an answer's bytes out of what may be answered to all; false if there are too few left.
    pub(crate) fn take(&mut self, now: Instant, bytes: usize) -> bool {
        let fresh = now.since(self.refilled).as_micros() as u64;
        let fresh =
            u64::try_from(u128::from(fresh) * u128::from(BYTES_PER_S) / 1_000_000).unwrap_or(u64::MAX);
        if fresh > 0 {
            self.allowance = self.allowance.saturating_add(fresh).min(BURST_BYTES);
            self.refilled = now;
        }
        match self.allowance.checked_sub(bytes as u64) {
            Some(left) => {
                self.allowance = left;
                true
            }
            None => false,
        }
    }

    /// Keeps the table bounded: who asks little is forgotten first, then everyone.
    fn make_room(&mut self, now: Instant) {
        if self.entries.len() < MAX_ENTRIES {
            return;
        }
        self.entries.retain(|_, entry| !entry.is_over(now));
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

    #[test]
    fn a_flood_is_blocked_for_five_minutes() {
        let mut guard = Guard::new(Instant::ZERO);
        let mut now = Instant::ZERO;
        assert!((0..50).all(|_| guard.admits(now, addr(1))));
        assert!(!guard.admits(now, addr(1)));
        assert!(guard.admits(now, addr(2)));
        now += Duration::from_secs(299);
        assert!(!guard.admits(now, addr(1)));
        now += Duration::from_secs(1);
        assert!(guard.admits(now, addr(1)));
    }

    #[test]
    fn steady_askers_are_answered() {
        let mut guard = Guard::new(Instant::ZERO);
        for n in 0..10_000u64 {
            assert!(guard.admits(Instant::from_micros(n * 210_000), addr(1)));
        }
    }

    #[test]
    fn the_table_is_bounded() {
        let mut guard = Guard::new(Instant::ZERO);
        for n in 0..20_000 {
            assert!(guard.admits(Instant::ZERO, addr(n)));
            assert!(guard.entries.len() <= MAX_ENTRIES);
        }
        for n in 0..20_000 {
            assert_eq!((0..60).filter(|_| guard.admits(Instant::ZERO, addr(n))).count(), 50);
            assert!(guard.entries.len() <= MAX_ENTRIES);
        }
    }

    #[test]
    fn answers_are_bounded() {
        let mut guard = Guard::new(Instant::ZERO);
        let sent = (0..10_000).filter(|_| guard.take(Instant::ZERO, 1000)).count() as u64;
        assert_eq!(sent, BURST_BYTES / 1000);
        assert!(guard.take(Instant::from_micros(1_000_000), 100_000));
        assert!(!guard.take(Instant::from_micros(1_000_000), 100_000));
    }
}
