//! A torrent's side of its trackers: when each is asked, and whether all are asked because no peer has anything.

use crate::cx::Cx;
use crate::ids::RequestId;
use fastrand::Rng;
use ztor_base::{Duration, Instant};
use ztor_tracker::announcer::{Announcer, Due};

/// When no peer has had anything we lack for this long, every tracker is asked and not one of a tier: the one that works
/// may know the wrong peers.
const STARVING: Duration = Duration::from_secs(30);

/// A torrent's side of its trackers.
pub(crate) struct TorrentTrackers {
    announcer: Announcer,
    /// Announces under way.
    announcing: Vec<RequestId>,
    /// Since when no peer has had anything that is missing.
    no_source_since: Option<Instant>,
}

impl TorrentTrackers {
    pub(crate) fn new(tiers: Vec<Vec<String>>, rng: &mut Rng) -> Self {
        Self { announcer: Announcer::new(tiers, rng), announcing: Vec::new(), no_source_since: None }
    }

    pub(crate) fn announcer(&self) -> &Announcer {
        &self.announcer
    }

    pub(crate) fn announcer_mut(&mut self) -> &mut Announcer {
        &mut self.announcer
    }

    /// Notes whether the torrent has a source of what is missing. Returns when it is starving, if it has none.
    pub(crate) fn update_starvation(&mut self, now: Instant, has_source: bool) -> Option<Instant> {
        if has_source {
            self.no_source_since = None;
            return None;
        }
        let since = *self.no_source_since.get_or_insert(now);
        Some(since + STARVING).filter(|at| *at > now)
    }

    /// The next announce that is due.
    pub(super) fn poll(&mut self, cx: &Cx<'_>, wants_peers: bool) -> Option<Due> {
        let is_starving = self.no_source_since.is_some_and(|since| cx.now.since(since) >= STARVING);
        self.announcer.set_all(cx.config.announce_to_all || is_starving);
        self.announcer.poll_announce(cx.now, wants_peers)
    }

    /// An announce is under way.
    pub(super) fn announcing(&mut self, id: RequestId) {
        self.announcing.push(id);
    }

    /// An announce was answered or given up.
    pub(super) fn announced(&mut self, id: RequestId) {
        self.announcing.retain(|number| *number != id);
    }

    /// Takes the announces that are under way.
    pub(super) fn take_announcing(&mut self) -> Vec<RequestId> {
        std::mem::take(&mut self.announcing)
    }
}
