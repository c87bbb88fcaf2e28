//! The one place that reads the clock for the engine.

use std::time::Instant as OsInstant;
use ztor_base::{Duration, Instant};

/// Longest sleep of a loop that has nothing to do.
pub(crate) const RARELY: Duration = Duration::from_secs(3600);
/// A sleep of the machine that is shorter than this is none: the two clocks are not read in the same moment.
const LEAST_SLEEP: Duration = Duration::from_secs(2);

/// Turns the system's monotonic clock into the engine's time, which starts at zero with the session. While the machine sleeps,
/// it stands still.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(OsInstant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(OsInstant::now())
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// How long until `at`; zero if it has passed.
    pub(crate) fn until(&self, at: Instant) -> Duration {
        at.since(self.now())
    }
}

/// Notices that the machine has slept, by a clock that goes on then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SleepWatch {
    /// Time asleep since the start of the system, as far as it was noticed.
    slept: Duration,
}

impl SleepWatch {
    pub(crate) fn start() -> Self {
        Self { slept: time_asleep() }
    }

    /// Returns how long the machine has slept since the last call, if it has.
    pub(crate) fn take_sleep(&mut self) -> Option<Duration> {
        self.take_sleep_at(time_asleep())
    }

    fn take_sleep_at(&mut self, slept: Duration) -> Option<Duration> {
        let more = slept.saturating_sub(self.slept);
        (more >= LEAST_SLEEP).then(|| {
            self.slept = slept;
            more
        })
    }
}

/// Time asleep since the start of the system.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn time_asleep() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    // In this order: whatever lies between the two readings makes the result shorter.
    let boot = read(ClockId::Boottime);
    boot.saturating_sub(read(ClockId::Monotonic))
}

/// Elsewhere the monotonic clock goes on in sleep, or there is no other; connections that are lost show by their silence.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn time_asleep() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_is_told_once_and_differences_of_reading_are_none() {
        let second = Duration::from_secs(1);
        let mut watch = SleepWatch { slept: 100 * second };
        assert_eq!(watch.take_sleep_at(100 * second), None);
        assert_eq!(watch.take_sleep_at(101 * second), None);
        assert_eq!(watch.take_sleep_at(3700 * second), Some(3600 * second));
        assert_eq!(watch.take_sleep_at(3700 * second), None);
        assert_eq!(SleepWatch::start().take_sleep(), None, "nobody slept");
    }
}
