//! The shutdown of the session: the conditions that it waits for, and its report.

use crossbeam_channel::Sender;
use ztor_base::{Duration, Instant};
use ztor_engine::DiskId;

/// Progress of the shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// Connections are closed, goodbyes are under way, and a disk still has something to write.
    Draining,
    /// All disks have written everything. The last saves are under way.
    Saving,
}

/// State of the shutdown.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    phase: Phase,
    /// Disks that have not written everything.
    writing: Vec<DiskId>,
    /// Deadline for goodbyes to trackers; `None` waits until they are answered or have failed.
    goodbyes_until: Option<Instant>,
    /// True once the deadline has passed.
    without_goodbyes: bool,
    /// Receives true if no goodbye is outstanding at the end. Dropped without a message if the thread panics.
    done: Sender<bool>,
}

impl Ending {
    pub(super) fn new(done: Sender<bool>) -> Self {
        Self {
            phase: Phase::Running,
            writing: DiskId::all().collect(),
            goodbyes_until: None,
            without_goodbyes: false,
            done,
        }
    }

    /// Returns true until the shutdown is requested.
    pub(super) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Starts the shutdown. Returns false if it had started already.
    pub(super) fn start(&mut self, now: Instant, goodbyes: Option<Duration>) -> bool {
        if self.phase != Phase::Running {
            return false;
        }
        self.phase = Phase::Draining;
        self.goodbyes_until = goodbyes.map(|goodbyes| now + goodbyes);
        true
    }

    /// Returns the disks that have written everything, each once: the last saves of their torrents can start. A disk
    /// that does not respond does not delay the saves of others.
    pub(super) fn take_written(&mut self, has_written: impl Fn(DiskId) -> bool) -> Vec<DiskId> {
        if self.phase != Phase::Draining {
            return Vec::new();
        }
        let written = self.writing.extract_if(.., |disk| has_written(*disk)).collect();
        if self.writing.is_empty() {
            self.phase = Phase::Saving;
        }
        written
    }

    /// Returns true when nothing is left to wait for.
    pub(super) fn is_over(&mut self, now: Instant, is_saved: bool, has_goodbyes: bool) -> bool {
        if self.goodbyes_until.is_some_and(|at| at <= now) {
            self.goodbyes_until = None;
            self.without_goodbyes = true;
        }
        self.phase == Phase::Saving && is_saved && (self.without_goodbyes || !has_goodbyes)
    }

    /// Returns the deadline for goodbyes, if it has not passed.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.goodbyes_until
    }

    /// Reports the end.
    pub(super) fn report(&self, has_goodbyes: bool) {
        // The receiver may be gone.
        let _ = self.done.try_send(!has_goodbyes);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ending() -> Ending {
        Ending::new(crossbeam_channel::bounded(1).0)
    }

    #[test]
    fn ending_waits_for_the_disk_then_for_saves_then_for_goodbyes() {
        let (now, mut ending) = (Instant::ZERO, ending());
        assert!(ending.take_written(|_| true).is_empty(), "it was not requested");
        assert!(!ending.is_over(now, true, false), "it was not requested");
        assert!(ending.start(now, None));
        assert!(!ending.start(now, Some(SECOND)), "it has started");
        assert!(!ending.is_running());
        let slow = DiskId::new(3).unwrap();
        let others = ending.take_written(|disk| disk != slow);
        assert_eq!((others.len(), others.contains(&slow)), (DiskId::COUNT - 1, false));
        assert!(ending.take_written(|disk| disk != slow).is_empty(), "once");
        assert!(!ending.is_over(now, true, false), "one disk still writes");
        assert_eq!(ending.take_written(|_| true), [slow]);
        assert!(ending.take_written(|_| true).is_empty(), "once");
        assert!(!ending.is_over(now, false, false));
        assert!(!ending.is_over(now + 3600 * SECOND, true, true), "without a deadline");
        assert!(ending.is_over(now, true, false));
    }

    #[test]
    fn ending_after_the_deadline_waits_for_saves_only() {
        let (now, mut ending) = (Instant::ZERO, ending());
        assert!(ending.start(now, Some(SECOND)));
        assert_eq!(ending.take_written(|_| true).len(), DiskId::COUNT);
        assert!(!ending.is_over(now, true, true));
        assert_eq!(ending.poll_timeout(), Some(now + SECOND));
        assert!(!ending.is_over(now + SECOND, false, true));
        assert!(ending.is_over(now + SECOND, true, true));
    }
}
