//! The end of the session: the conditions that it waits for, and its report.

use crossbeam_channel::Sender;
use ztor_base::{Duration, Instant};

/// Progress of the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// Peers are gone, goodbyes are under way, the disk still has something to write.
    Draining,
    /// The last saves are under way.
    Saving,
}

/// The end of the session.
#[derive(Debug)]
pub(super) struct Ending {
    phase: Phase,
    /// Deadline for goodbyes to trackers; `None` waits until they are answered or have failed.
    goodbyes_until: Option<Instant>,
    /// The deadline has passed.
    without_goodbyes: bool,
    /// Receives whether all goodbyes were said; dropped without a message if the loop broke.
    done: Sender<bool>,
}

impl Ending {
    pub(super) fn new(done: Sender<bool>) -> Self {
        Self { phase: Phase::Running, goodbyes_until: None, without_goodbyes: false, done }
    }

    /// Returns true until the end was asked for.
    pub(super) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Returns true if no later save follows.
    pub(super) fn is_saving(&self) -> bool {
        self.phase == Phase::Saving
    }

    /// Starts the end. Returns false if it had started already.
    pub(super) fn start(&mut self, now: Instant, goodbyes: Option<Duration>) -> bool {
        if self.phase != Phase::Running {
            return false;
        }
        self.phase = Phase::Draining;
        self.goodbyes_until = goodbyes.map(|goodbyes| now + goodbyes);
        true
    }

    /// Returns true once, when the disk has written everything: the last saves can start.
    pub(super) fn starts_saving(&mut self, disk_backlog: u64) -> bool {
        let starts = self.phase == Phase::Draining && disk_backlog == 0;
        if starts {
            self.phase = Phase::Saving;
        }
        starts
    }

    /// Returns true when nothing is left to wait for.
    pub(super) fn is_over(&mut self, now: Instant, is_saved: bool, has_goodbyes: bool) -> bool {
        if self.goodbyes_until.is_some_and(|at| at <= now) {
            self.goodbyes_until = None;
            self.without_goodbyes = true;
        }
        self.phase == Phase::Saving && is_saved && (self.without_goodbyes || !has_goodbyes)
    }

    /// Deadline for goodbyes, if it is still to come.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.goodbyes_until
    }

    /// Reports the end.
    pub(super) fn report(&self, has_goodbyes: bool) {
        // Nobody may be waiting.
        let _ = self.done.try_send(!has_goodbyes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ending() -> Ending {
        Ending::new(crossbeam_channel::bounded(1).0)
    }

    #[test]
    fn end_waits_for_the_disk_then_for_saves_then_for_goodbyes() {
        let (now, mut ending) = (Instant::ZERO, ending());
        assert!(!ending.starts_saving(0) && !ending.is_over(now, true, false), "nobody has asked for it");
        assert!(ending.start(now, None));
        assert!(!ending.start(now, Some(SECOND)), "it has started");
        assert!(!ending.is_running());
        assert!(!ending.starts_saving(1));
        assert!(ending.starts_saving(0));
        assert!(!ending.starts_saving(0), "once");
        assert!(!ending.is_over(now, false, false));
        assert!(!ending.is_over(now + 3600 * SECOND, true, true), "without a deadline");
        assert!(ending.is_over(now, true, false));
    }

    #[test]
    fn end_after_the_deadline_waits_for_saves_only() {
        let (now, mut ending) = (Instant::ZERO, ending());
        assert!(ending.start(now, Some(SECOND)) && ending.starts_saving(0));
        assert!(!ending.is_over(now, true, true));
        assert_eq!(ending.poll_timeout(), Some(now + SECOND));
        assert!(!ending.is_over(now + SECOND, false, true));
        assert!(ending.is_over(now + SECOND, true, true));
    }
}
