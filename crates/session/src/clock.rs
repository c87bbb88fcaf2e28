//! The one place that reads the clock for the engine.

use std::time::Instant as OsInstant;
use ztor_base::{Duration, Instant};

/// Longest sleep of an idle loop.
pub(crate) const RARELY: Duration = Duration::from_secs(3600);
/// Shortest sleep of the machine that counts. The two clocks are not read at the same moment.
const LEAST_SLEEP: Duration = Duration::from_secs(2);

/// Converts the system's monotonic clock to the engine's time, which starts at zero with the session. It does not
/// advance while the machine sleeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(OsInstant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(OsInstant::now())
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Returns the time until `at`; zero if it has passed.
    pub(crate) fn until(&self, at: Instant) -> Duration {
        at.since(self.now())
    }
}

/// Detector of the machine's sleep, by a clock that advances then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SleepWatch {
    /// Time asleep since boot, as far as it was detected.
    slept: Duration,
}

impl SleepWatch {
    pub(crate) fn start() -> Self {
        Self { slept: time_asleep() }
    }

    /// Returns the time that the machine has slept since the last call; `None` if it has not.
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

/// Returns the time asleep since boot.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn time_asleep() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    // In this order, a delay between the readings makes the result shorter.
    let boot = read(ClockId::Boottime);
    boot.saturating_sub(read(ClockId::Monotonic))
}

/// Returns zero: elsewhere the monotonic clock advances in sleep, or there is no other. Lost connections show by their
/// silence.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn time_asleep() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn take_sleep_reports_a_sleep_once_and_ignores_differences_of_reading() {
        let second = Duration::from_secs(1);
        let mut watch = SleepWatch { slept: 100 * second };
        assert_eq!(watch.take_sleep_at(100 * second), None);
        assert_eq!(watch.take_sleep_at(101 * second), None);
        assert_eq!(watch.take_sleep_at(3700 * second), Some(3600 * second));
        assert_eq!(watch.take_sleep_at(3700 * second), None);
        assert_eq!(SleepWatch::start().take_sleep(), None, "the machine has not slept");
    }
}
