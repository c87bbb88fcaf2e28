//! Retries of torrents that a disk fault has stopped.

use ztor_base::{Duration, Instant};
use ztor_engine::DiskFaultKind;

/// First pause. Each further fault doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Time of running after which the next fault counts as the first.
const SOUND: Duration = Duration::from_secs(600);

/// Retries of one torrent.
#[derive(Debug, Default)]
pub(super) struct Retry {
    /// Number of faults in a row.
    faults: u32,
    at: Option<Instant>,
    runs_since: Option<Instant>,
}

impl Retry {
    /// Returns the time of the next retry; `None` if none is planned.
    pub(super) fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Records that a fault has stopped the torrent. Returns the pause before its retry; `None` if only the user can
    /// help.
    pub(super) fn stopped(&mut self, now: Instant, kind: DiskFaultKind) -> Option<Duration> {
        if self.runs_since.take().is_some_and(|since| now.since(since) >= SOUND) {
            self.faults = 0;
        }
        self.at = None;
        if !goes_by_itself(kind) {
            return None;
        }
        let pause = LONGEST_PAUSE.min(FIRST_PAUSE * (1 << self.faults.min(10)));
        self.faults += 1;
        self.at = Some(now + pause);
        Some(pause)
    }

    /// Records that the torrent runs.
    pub(super) fn started(&mut self, now: Instant) {
        self.runs_since = Some(now);
        self.at = None;
    }

    /// Records that the torrent is resumed, by the user or by a retry.
    pub(super) fn resumed(&mut self) {
        self.at = None;
    }
}

/// Returns true if the cause may vanish without notice: space is freed, a drive is back. Changes by others are left to
/// the user.
fn goes_by_itself(kind: DiskFaultKind) -> bool {
    match kind {
        DiskFaultKind::Full | DiskFaultKind::Denied | DiskFaultKind::Gone | DiskFaultKind::Io => true,
        DiskFaultKind::Changed | DiskFaultKind::InTheWay | DiskFaultKind::Inconsistent => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn pauses_grow_up_to_ten_minutes_and_start_over_after_a_sound_run() {
        let mut now = Instant::ZERO;
        let mut retry = Retry::default();
        let mut fault = |now| retry.stopped(now, DiskFaultKind::Full).map(|pause| pause.as_secs());
        let pauses: Vec<_> = (0..7).filter_map(|_| fault(now)).collect();
        assert_eq!(pauses, [30, 60, 120, 240, 480, 600, 600]);
        assert_eq!(retry.at(), Some(now + 10 * MINUTE));

        retry.started(now);
        assert_eq!(retry.at(), None);
        now += 9 * MINUTE;
        assert_eq!(retry.stopped(now, DiskFaultKind::Io), Some(10 * MINUTE), "it ran for a short time only");
        retry.started(now);
        now += 10 * MINUTE;
        assert_eq!(retry.stopped(now, DiskFaultKind::Gone), Some(FIRST_PAUSE));
    }

    #[test]
    fn stopped_by_changes_of_others_plans_no_retry() {
        let mut retry = Retry::default();
        for kind in [DiskFaultKind::Changed, DiskFaultKind::InTheWay] {
            assert_eq!(retry.stopped(Instant::ZERO, kind), None);
            assert_eq!(retry.at(), None);
        }
    }
}
