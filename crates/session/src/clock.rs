//! The one place that reads the clock for the engine.

use std::time::Instant as OsInstant;
use ztor_base::{Duration, Instant};

/// Longest sleep of a loop that has nothing to do.
pub(crate) const RARELY: Duration = Duration::from_secs(3600);

/// Turns the system's monotonic clock into the engine's time, which starts at zero with the session.
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
