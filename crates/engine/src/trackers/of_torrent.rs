//! Tracker state of a torrent: the announcer, and the detection of starvation.

use crate::cx::Cx;
use fastrand::Rng;
use ztor_base::{Duration, Instant};
use ztor_tracker::announcer::{Announcer, TrackerId};

/// Time without a peer that has what we lack, after which every tracker is asked instead of one per tier. The one that
/// works may know the wrong peers.
const STARVING: Duration = Duration::from_secs(30);

/// Tracker state of a torrent.
pub(crate) struct TorrentTrackers {
    announcer: Announcer,
    /// Time since which no peer has had anything that is missing; `None` while one has.
    no_source_since: Option<Instant>,
    /// Set once the lack of any source of peers was reported.
    is_told_lonely: bool,
}

impl TorrentTrackers {
    pub(crate) fn new(tiers: Vec<Vec<String>>, rng: &mut Rng) -> Self {
        Self { announcer: Announcer::new(tiers, rng), no_source_since: None, is_told_lonely: false }
    }

    pub(crate) fn announcer(&self) -> &Announcer {
        &self.announcer
    }

    pub(crate) fn announcer_mut(&mut self) -> &mut Announcer {
        &mut self.announcer
    }

    /// Returns true once if there is no source of peers; `has_others` is true if there are sources other than trackers.
    pub(crate) fn take_loneliness(&mut self, has_others: bool) -> bool {
        let is_lonely = !has_others && !self.announcer.has_usable();
        is_lonely && !std::mem::replace(&mut self.is_told_lonely, true)
    }

    /// Records whether a peer has what is missing. If not, returns the time at which the torrent is starving, unless
    /// that has passed.
    pub(crate) fn update_starvation(&mut self, now: Instant, has_source: bool) -> Option<Instant> {
        if has_source {
            self.no_source_since = None;
            return None;
        }
        let since = *self.no_source_since.get_or_insert(now);
        Some(since + STARVING).filter(|at| *at > now)
    }

    /// Returns true while no peer has anything that is missing.
    pub(super) fn lacks_source(&self) -> bool {
        self.no_source_since.is_some()
    }

    /// Returns the tracker of the next announce that is due.
    pub(super) fn poll(&mut self, cx: &Cx<'_>, wants_peers: bool) -> Option<TrackerId> {
        let is_starving = self.no_source_since.is_some_and(|since| cx.now.since(since) >= STARVING);
        self.announcer.set_all(cx.config.announce_to_all || is_starving);
        self.announcer.poll_announce(cx.now, wants_peers)
    }
}
