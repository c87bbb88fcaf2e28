//! When a torrent is announced by the sources that have a schedule of their own.

use crate::ids::TorrentId;
use std::collections::BTreeSet;
use ztor_base::Instant;

/// Torrents by the time at which they are due.
pub(super) type DueQueue = BTreeSet<(Instant, TorrentId)>;

/// The order of look-ups in the DHT.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum DhtClass {
    /// A download, which may lack peers.
    Download,
    /// A seed, which others look for.
    Seed,
}

/// A torrent's times in the schedules of its sources.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// When it is looked up in the DHT, unless that is under way.
    pub(super) dht_due: Option<(DhtClass, Instant)>,
    /// Look-ups in a row that brought no peer.
    pub(super) dht_empty_lookups: u32,
    /// Announces to the local network are planned.
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
