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
use std::collections::BTreeMap;

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
    /// Torrents that wait for a place among the requests, by their tickets, those that have waited longest first. A torrent
    /// leaves when it gets a place or needs none.
    waiting: BTreeMap<u64, TorrentId>,
    tickets: BTreeMap<TorrentId, u64>,
    last_ticket: u64,
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

    /// Returns true if a torrent may take a place among `most` requests now. Otherwise it waits for its turn.
    pub(crate) fn may_begin(&mut self, torrent: TorrentId, most: usize) -> bool {
        let free = most.saturating_sub(self.fetching);
        let ticket = self.tickets.get(&torrent).copied();
        // A free place is for those who have waited longer.
        let ahead = self.waiting.range(..ticket.unwrap_or(u64::MAX)).take(free).count();
        if free > ahead {
            return true;
        }
        if ticket.is_none() {
            self.last_ticket += 1;
            self.waiting.insert(self.last_ticket, torrent);
            self.tickets.insert(torrent, self.last_ticket);
        }
        false
    }

    /// Notes that a torrent has got a place, or needs none.
    pub(crate) fn leave_queue(&mut self, torrent: TorrentId) {
        if let Some(ticket) = self.tickets.remove(&torrent) {
            self.waiting.remove(&ticket);
        }
    }

    /// Returns the torrents whose turn it is.
    pub(crate) fn whose_turn(&self, most: usize) -> impl Iterator<Item = TorrentId> {
        self.waiting.values().copied().take(most.saturating_sub(self.fetching))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets torrents ask for places, the busiest first: one that has just lost its place asks again at once.
    fn served(torrents: u64, places: usize, rounds: usize) -> BTreeMap<TorrentId, usize> {
        let mut web = WebSeeds::default();
        let ids: Vec<TorrentId> = (0..torrents).map(TorrentId::from_u64).collect();
        let seeds: Vec<WebKey> =
            ids.iter().map(|id| web.insert(*id, WebSource::named("http://192.0.2.1/"))).collect();
        let (mut counts, mut running) = (BTreeMap::new(), Vec::new());
        for _ in 0..rounds {
            for (id, seed) in ids.iter().zip(&seeds) {
                if !running.contains(id) && web.may_begin(*id, places) {
                    web.begin(*seed);
                    web.leave_queue(*id);
                    running.push(*id);
                    *counts.entry(*id).or_default() += 1;
                }
            }
            assert!(web.fetching() <= places && web.waiting.len() == web.tickets.len());
            assert!(running.len() == places.min(ids.len()), "no place is left free");
            running.remove(0);
            web.ended();
        }
        counts
    }

    #[test]
    fn places_are_taken_in_turns() {
        let counts = served(50, 20, 500);
        assert_eq!(counts.len(), 50, "each torrent gets a place");
        let (least, most) = (counts.values().min(), counts.values().max());
        assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{counts:?}");
        assert_eq!(served(3, 20, 10).len(), 3);
    }

    #[test]
    fn torrent_that_leaves_the_queue_holds_up_nobody() {
        let mut web = WebSeeds::default();
        let [a, b, c] = [1, 2, 3].map(TorrentId::from_u64);
        let seed = web.insert(a, WebSource::named("http://192.0.2.1/"));
        assert!(web.may_begin(a, 1));
        web.begin(seed);
        assert!(!web.may_begin(b, 1) && !web.may_begin(c, 1));
        web.ended();
        assert_eq!(web.whose_turn(1).collect::<Vec<_>>(), [b]);
        assert!(!web.may_begin(c, 1), "another one waits longer");
        web.leave_queue(b);
        assert!(web.may_begin(c, 1));
        assert!(!web.may_begin(c, 0), "web seeds are turned off");
    }
}
