//! Web seeds: HTTP servers that have the files of a torrent (BEP 17, 19).
//!
//! A [`WebSeed`] is a source of blocks like a peer. It fetches one run of blocks at a time, whose bytes arrive in order.
//! The engine grants bytes as tokens and the disk allow, and the driver reads no more of the response than that.
//! [`WebSeeds`] is the table of all, `seed` has the state of one, `fetch` that of its request.

mod fetch;
mod seed;
mod types;

pub(crate) use fetch::{Fetch, STALL_AFTER, parts, window};
pub(crate) use seed::{Failed, WebSeed};
pub use types::{
    WebEffect, WebEvent, WebFault, WebFetch, WebOrigin, WebPart, WebRequestId, WebSeedKind, WebSeedState,
    WebSeedStatus, WebSource,
};

use crate::ids::{TorrentId, WebKey};
use slotmap::SlotMap;

/// Maximum number of web seeds of a torrent. Further ones are ignored.
pub(crate) const MAX_WEB_SEEDS: usize = 64;
/// Maximum number of web seeds of a torrent that are asked at a time.
pub(crate) const MAX_FETCHES_PER_TORRENT: usize = 4;

/// The web seeds of all torrents.
#[derive(Default)]
pub(crate) struct WebSeeds {
    seeds: SlotMap<WebKey, WebSeed>,
    /// Number of requests under way.
    fetching: usize,
    /// Number of requests so far.
    requests: u64,
    /// Number of times that a disk had caught up when held requests were looked at last.
    resumptions: u64,
}

impl WebSeeds {
    pub(crate) fn get(&self, key: WebKey) -> Option<&WebSeed> {
        self.seeds.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: WebKey) -> Option<&mut WebSeed> {
        self.seeds.get_mut(key)
    }

    /// Adds a web seed of a torrent.
    pub(crate) fn insert(&mut self, torrent: TorrentId, source: WebSource) -> WebKey {
        self.seeds.insert(WebSeed::new(torrent, source))
    }

    /// Removes a web seed without a request.
    pub(crate) fn remove(&mut self, key: WebKey) {
        self.seeds.remove(key);
    }

    /// Returns the number of web seeds.
    pub(crate) fn len(&self) -> usize {
        self.seeds.len()
    }

    /// Returns the number of requests under way.
    pub(crate) fn fetching(&self) -> usize {
        self.fetching
    }

    /// Counts a new request and returns its id.
    pub(crate) fn begin(&mut self, seed: WebKey) -> WebRequestId {
        self.fetching += 1;
        self.requests += 1;
        WebRequestId { seed, number: self.requests }
    }

    /// Counts the end of a request.
    pub(crate) fn ended(&mut self) {
        self.fetching -= 1;
    }

    /// Returns the web seeds whose requests wait for a disk, if one has caught up since the last call.
    pub(crate) fn take_held(&mut self, resumptions: u64) -> Vec<WebKey> {
        if std::mem::replace(&mut self.resumptions, resumptions) == resumptions {
            return Vec::new();
        }
        let held =
            self.seeds.iter().filter(|(_, seed)| seed.fetch().is_some_and(|fetch| fetch.waits_for_disk()));
        held.map(|(key, _)| key).collect()
    }
}
