//! Checkers of all limits that apply to a torrent: over all torrents, of its groups, and its own.

use super::bucket::{Bucket, Hunger};
use crate::verb::Rates;
use std::collections::{BTreeMap, BTreeSet};
use ztor_base::Instant;

/// Maximum number of groups above each other that have an effect.
const MAX_DEPTH: usize = 16;

/// Buckets of one limit.
#[derive(Debug, Clone)]
struct Pair {
    down: Bucket,
    up: Bucket,
}

impl Pair {
    fn new(now: Instant, rates: Rates) -> Self {
        Self { down: Bucket::new(now, rates.down), up: Bucket::new(now, rates.up) }
    }

    fn set(&mut self, now: Instant, rates: Rates) {
        self.down.set_limit(now, rates.down);
        self.up.set_limit(now, rates.up);
    }

    fn bucket(&mut self, way: Way) -> &mut Bucket {
        match way {
            Way::Down => &mut self.down,
            Way::Up => &mut self.up,
        }
    }
}

/// Direction of piece data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Down,
    Up,
}

/// Limits of a client with one torrent.
pub(crate) struct Limits {
    whole: Pair,
    torrent: Pair,
    /// Groups, each with its parent.
    groups: BTreeMap<u32, (Option<u32>, Pair)>,
    /// Group of the torrent.
    group: Option<u32>,
    hunger: [Hunger; 2],
}

impl Limits {
    pub(crate) fn new(now: Instant, whole: Rates) -> Self {
        let torrent = Pair::new(now, Rates::default());
        let groups = BTreeMap::new();
        Self { whole: Pair::new(now, whole), torrent, groups, group: None, hunger: Default::default() }
    }

    /// Returns the limits for the torrent that is added after this one was removed.
    pub(crate) fn of_next_torrent(self, now: Instant) -> Self {
        let torrent = Pair::new(now, Rates::default());
        Self { torrent, group: None, hunger: Default::default(), ..self }
    }

    pub(crate) fn set_whole(&mut self, now: Instant, rates: Rates) {
        self.whole.set(now, rates);
        self.hunger.iter_mut().for_each(Hunger::forget);
    }

    pub(crate) fn set_torrent(&mut self, now: Instant, rates: Rates) {
        self.torrent.set(now, rates);
        self.hunger.iter_mut().for_each(Hunger::forget);
    }

    pub(crate) fn set_group(&mut self, now: Instant, group: u32, parent: Option<u32>, rates: Rates) {
        let entry = self.groups.entry(group).or_insert_with(|| (parent, Pair::new(now, rates)));
        entry.0 = parent;
        entry.1.set(now, rates);
        self.hunger.iter_mut().for_each(Hunger::forget);
    }

    pub(crate) fn remove_group(&mut self, group: u32) {
        self.groups.remove(&group);
        self.hunger.iter_mut().for_each(Hunger::forget);
    }

    pub(crate) fn join(&mut self, group: Option<u32>) {
        self.group = group;
        self.hunger.iter_mut().for_each(Hunger::forget);
    }

    /// Returns true if any limit applies.
    pub(crate) fn is_limited(&mut self) -> bool {
        let mut is_limited = false;
        for way in [Way::Down, Way::Up] {
            self.each(way, |bucket| is_limited |= bucket.is_limited());
        }
        is_limited
    }

    /// Counts bytes. The error is the greatest number of bytes over a limit.
    pub(crate) fn take(&mut self, now: Instant, way: Way, bytes: u64) -> Result<(), u64> {
        let mut over = 0;
        self.each(way, |bucket| over = over.max(bucket.take(now, bytes).err().unwrap_or(0)));
        if over > 0 { Err(over) } else { Ok(()) }
    }

    /// Counts bytes that may exceed the limits.
    pub(crate) fn charge(&mut self, now: Instant, way: Way, bytes: u64) {
        self.each(way, |bucket| bucket.charge(now, bytes));
    }

    /// Subtracts bytes that did not pass after all.
    pub(crate) fn give_back(&mut self, now: Instant, way: Way, bytes: u64) {
        self.each(way, |bucket| bucket.give_back(now, bytes));
    }

    /// Returns true if peers or requests have waited for too long although all limits would admit them.
    pub(crate) fn starves(&mut self, now: Instant, way: Way, waits: bool) -> bool {
        let mut plenty_at = Instant::ZERO;
        self.each(way, |bucket| plenty_at = plenty_at.max(bucket.has_plenty_at()));
        self.hunger[way as usize].look(now, plenty_at, waits)
    }

    fn each(&mut self, way: Way, mut visit: impl FnMut(&mut Bucket)) {
        visit(self.whole.bucket(way));
        visit(self.torrent.bucket(way));
        let (mut visited, mut next) = (BTreeSet::new(), self.group);
        while let Some(group) = next
            && visited.len() < MAX_DEPTH
            && visited.insert(group)
            && let Some((parent, pair)) = self.groups.get_mut(&group)
        {
            visit(pair.bucket(way));
            next = *parent;
        }
    }
}
