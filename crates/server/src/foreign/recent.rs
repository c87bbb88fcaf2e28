//! What has happened within the last minute, by the revisions of the daemon.

use std::collections::VecDeque;
use std::time::{Duration, Instant};
use ztor_daemon::Rows;

/// Time for which a change is recent.
pub(crate) const SPAN: Duration = Duration::from_secs(60);
/// Shortest time between two marks.
const STEP: Duration = Duration::from_secs(1);
/// Maximum number of removed torrents that are kept; the oldest leave first.
const MAX_REMOVED: usize = 100_000;

/// Recent changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Torrents with a higher revision have changed, or may have; 0 if all may have.
    pub(crate) since: u64,
    /// Ids of the torrents that were removed.
    pub(crate) removed: Vec<u64>,
}

/// Revisions by time, and removed torrents.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Revisions, each with a time at which it was the present one. The first one is not recent, if there is such.
    marks: VecDeque<(Instant, u64)>,
    /// Removed torrents, with the time at which that became known.
    removed: VecDeque<(Instant, u64)>,
}

impl Recent {
    /// Takes over what has happened until now.
    pub(crate) fn add(&mut self, now: Instant, news: &Rows) {
        let removed = news.removed.iter().flatten().map(|removed| (now, removed.id));
        self.removed.extend(removed);
        while self.removed.len() > MAX_REMOVED
            || self.removed.front().is_some_and(|(at, _)| now.duration_since(*at) > SPAN)
        {
            self.removed.pop_front();
        }
        if self.marks.back().is_none_or(|(at, _)| now.duration_since(*at) >= STEP) {
            self.marks.push_back((now, news.revision));
        }
        while self.marks.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= SPAN) {
            self.marks.pop_front();
        }
    }

    pub(crate) fn changes(&self, now: Instant) -> Changes {
        let old = self.marks.front().filter(|(at, _)| now.duration_since(*at) >= SPAN);
        let removed = self.removed.iter().map(|(_, id)| *id).collect();
        Changes { since: old.map_or(0, |(_, revision)| *revision), removed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ztor_api::Removed;

    fn news(revision: u64, removed: &[u64]) -> Rows {
        let removed = removed.iter().map(|id| Removed { id: *id, hash: String::new(), revision });
        Rows { revision, rows: Vec::new(), removed: Some(removed.collect()) }
    }

    #[test]
    fn changes_of_the_last_minute_are_recent() {
        let (mut recent, start) = (Recent::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        recent.add(at(0), &news(10, &[1]));
        assert_eq!(recent.changes(at(0)), Changes { since: 0, removed: vec![1] });
        recent.add(at(30), &news(20, &[2]));
        recent.add(at(59), &news(30, &[]));
        assert_eq!(recent.changes(at(59)), Changes { since: 0, removed: vec![1, 2] });
        recent.add(at(61), &news(40, &[]));
        assert_eq!(recent.changes(at(61)), Changes { since: 10, removed: vec![2] });
        recent.add(at(95), &news(50, &[]));
        assert_eq!(recent.changes(at(95)), Changes { since: 20, removed: vec![] });
    }

    #[test]
    fn marks_and_removed_torrents_are_bounded() {
        let (mut recent, start) = (Recent::default(), Instant::now());
        for step in 0..200_000 {
            recent.add(start + Duration::from_millis(step), &news(step, &[step]));
        }
        assert!(recent.marks.len() <= 62 && recent.removed.len() <= MAX_REMOVED);
    }
}
