//! Torrents that compete for one kind of slot.

use std::collections::BTreeSet;

use crate::key::TorrentKey;

/// Place in a pool. The smallest gets the next slot, and the largest loses its slot first.
pub(crate) type Place = (i64, i64, TorrentKey);

/// Kind of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Check,
    Download,
    Seed,
}

/// Set of a pool that a torrent is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Waiting,
    /// Has a slot that counts.
    Counted,
    /// Runs, but is too slow to count.
    Slow,
}

/// Entry of a torrent in the pools.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) part: Part,
    pub(crate) place: Place,
}

/// Torrents that compete for one kind of slot.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    pub(crate) waiting: BTreeSet<Place>,
    pub(crate) counted: BTreeSet<Place>,
    pub(crate) slow: BTreeSet<Place>,
}

impl Pool {
    /// Number of torrents that run.
    pub(crate) fn running(&self) -> usize {
        self.counted.len() + self.slow.len()
    }

    fn part(&mut self, part: Part) -> &mut BTreeSet<Place> {
        match part {
            Part::Waiting => &mut self.waiting,
            Part::Counted => &mut self.counted,
            Part::Slow => &mut self.slow,
        }
    }
}

/// All pools.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    pub(crate) checks: Pool,
    pub(crate) downloads: Pool,
    pub(crate) seeds: Pool,
}

impl Pools {
    /// Number of downloads and seeds that run.
    pub(crate) fn running(&self) -> usize {
        self.downloads.running() + self.seeds.running()
    }

    /// Replaces the entry of a torrent.
    pub(crate) fn replace(&mut self, old: Option<Entry>, new: Option<Entry>) {
        if let Some(entry) = old {
            self.pool(entry.kind).part(entry.part).remove(&entry.place);
        }
        if let Some(entry) = new {
            self.pool(entry.kind).part(entry.part).insert(entry.place);
        }
    }

    fn pool(&mut self, kind: Kind) -> &mut Pool {
        match kind {
            Kind::Check => &mut self.checks,
            Kind::Download => &mut self.downloads,
            Kind::Seed => &mut self.seeds,
        }
    }
}
