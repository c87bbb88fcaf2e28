//! Times of a torrent, and the bytes that were reported to its trackers, in all sessions.

use std::collections::BTreeMap;
use ztor_base::{Duration, Instant};

/// Maximum number of trackers with counts.
const MAX_TRACKERS: usize = 256;
/// Maximum length of a tracker's URL with counts, in bytes.
const MAX_URL_LEN: usize = 512;

/// Times and reported bytes of a torrent in all sessions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Time for which the torrent was active: neither paused nor stopped, and not checking.
    pub active: Duration,
    /// The part of that without a missing wanted piece.
    pub seeding: Duration,
    /// Bytes that announces have reported to each tracker, by its URL without passkeys. Only announces count that were
    /// answered. At most 256 trackers are counted.
    pub trackers: BTreeMap<String, ReportedBytes>,
}

/// Bytes that were reported to a tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportedBytes {
    /// Bytes received from peers.
    pub downloaded: u64,
    /// Bytes sent to peers.
    pub uploaded: u64,
}

/// Activity of a torrent at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activity {
    Downloading,
    Seeding,
}

/// Activity that is not counted yet.
#[derive(Debug, Clone, Copy)]
struct Current {
    activity: Activity,
    /// Time up to which it is counted.
    counted_to: Instant,
    /// Time at which the torrent became active.
    active_since: Instant,
}

/// The statistics of a torrent, as they are counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    total: Statistics,
    /// Activity that is not counted yet; `None` while the torrent is not active.
    current: Option<Current>,
    /// Counts of this session that were reported last, with the trackers' URLs. At most [`MAX_TRACKERS`].
    reported: Vec<(Box<str>, ReportedBytes)>,
}

impl Counters {
    pub(crate) fn new(earlier: Statistics) -> Self {
        Self { total: earlier, ..Self::default() }
    }

    /// Counts the time until now, and records the activity from now on.
    pub(crate) fn update(&mut self, now: Instant, is_active: bool, is_finished: bool) {
        if let Some(Current { activity, counted_to, .. }) = self.current {
            let passed = now.since(counted_to);
            self.total.active = self.total.active.saturating_add(passed);
            if activity == Activity::Seeding {
                self.total.seeding = self.total.seeding.saturating_add(passed);
            }
        }
        let activity = if is_finished { Activity::Seeding } else { Activity::Downloading };
        let active_since = self.current.map_or(now, |current| current.active_since);
        self.current = is_active.then_some(Current { activity, counted_to: now, active_since });
    }

    /// Records counts of this session that a tracker has accepted.
    pub(crate) fn report(&mut self, url: &str, counts: ReportedBytes) {
        let known = self.total.trackers.contains_key(url);
        if url.len() > MAX_URL_LEN || (!known && self.total.trackers.len() >= MAX_TRACKERS) {
            return;
        }
        let last = match self.reported.iter_mut().find(|(known, _)| **known == *url) {
            Some((_, last)) => std::mem::replace(last, counts),
            None => {
                self.reported.reserve_exact(1);
                self.reported.push((url.into(), counts));
                ReportedBytes::default()
            }
        };
        let total = self.total.trackers.entry(url.to_owned()).or_default();
        let add = |total: u64, now: u64, last: u64| total.saturating_add(now.saturating_sub(last));
        total.downloaded = add(total.downloaded, counts.downloaded, last.downloaded);
        total.uploaded = add(total.uploaded, counts.uploaded, last.uploaded);
    }

    /// Returns the statistics up to the last [`update`](Self::update).
    pub(crate) fn get(&self) -> &Statistics {
        &self.total
    }

    /// Returns the time since which the torrent is active, as far as that was counted; `None` if it is not.
    pub(crate) fn active_since(&self) -> Option<Instant> {
        self.current.map(|current| current.active_since)
    }

    /// Returns the bytes reported to a tracker.
    pub(crate) fn reported_to(&self, url: &str) -> ReportedBytes {
        self.total.trackers.get(url).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn update_counts_the_time_of_each_activity() {
        let earlier = Statistics { active: Duration::from_secs(100), ..Statistics::default() };
        let mut counters = Counters::new(earlier);
        counters.update(at(10), false, false);
        counters.update(at(20), true, false);
        counters.update(at(25), true, false);
        counters.update(at(30), true, true);
        counters.update(at(37), false, true);
        counters.update(at(90), false, true);
        let found = counters.get();
        assert_eq!((found.active.as_secs(), found.seeding.as_secs()), (117, 7));
    }

    #[test]
    fn report_counts_what_is_new_to_each_tracker() {
        let mut counters = Counters::default();
        let counts = |downloaded, uploaded| ReportedBytes { downloaded, uploaded };
        counters.report("a", counts(5, 7));
        counters.report("a", counts(5, 9));
        counters.report("b", counts(5, 9));
        assert_eq!((counters.reported_to("a"), counters.reported_to("b")), (counts(5, 9), counts(5, 9)));
        // The next session counts from zero.
        let mut counters = Counters::new(counters.get().clone());
        counters.report("a", counts(1, 1));
        assert_eq!(counters.reported_to("a"), counts(6, 10));
    }

    #[test]
    fn report_to_too_many_trackers_ignores_the_last() {
        let mut counters = Counters::default();
        let one = ReportedBytes { downloaded: 1, uploaded: 1 };
        for n in 0..2 * MAX_TRACKERS {
            counters.report(&n.to_string(), one);
        }
        counters.report(&"x".repeat(MAX_URL_LEN + 1), one);
        assert_eq!(counters.get().trackers.len(), MAX_TRACKERS);
        counters.report("0", ReportedBytes { downloaded: 3, uploaded: 3 });
        assert_eq!(counters.reported_to("0").downloaded, 3);
    }
}
