//! Schedules of the DHT and of local discovery.

use crate::ids::TorrentId;
use std::collections::BTreeSet;
use ztor_base::Instant;

/// Torrents, ordered by the time at which they are due.
pub(super) type DueQueue = BTreeSet<(Instant, TorrentId)>;

/// Priority of a lookup in the DHT, the highest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum DhtClass {
    /// A download, which may lack peers.
    Download,
    /// A seed, which others look for.
    Seed,
}

/// A torrent's entries in the schedules of its sources.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// Priority and time of the next DHT lookup; `None` while one is under way, or if none is planned.
    pub(super) dht_due: Option<(DhtClass, Instant)>,
    /// Number of our DHT node that looks it up next; `None` before the first lookup.
    pub(super) dht_turn: Option<u8>,
    /// Number of successive DHT lookups that left a download without peers.
    pub(super) dht_empty_lookups: u32,
    /// Set while announces to the local network are planned.
    pub(super) lsd_scheduled: bool,
}

#[cfg(test)]
impl Schedule {
    pub(crate) fn dht_due(&self) -> Option<Instant> {
        self.dht_due.map(|(_, at)| at)
    }

    pub(crate) fn dht_empty_lookups(&self) -> u32 {
        self.dht_empty_lookups
    }
}
