//! Pacing of connection attempts, so that home routers keep up.

use crate::config::{CONNECT_BURST, CONNECTS_PER_S};
use ztor_base::{Duration, Instant};

const BETWEEN_ATTEMPTS: Duration = Duration::from_micros(1_000_000 / CONNECTS_PER_S);
/// Time by which attempts may run ahead of the pace.
const AHEAD: Duration = Duration::from_micros((CONNECT_BURST - 1) * 1_000_000 / CONNECTS_PER_S);

/// Pace of attempts: [`CONNECTS_PER_S`] in the long run, [`CONNECT_BURST`] at once after an idle time.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Time at which all attempts so far would have been made at an even pace.
    caught_up_at: Instant,
}

impl Pace {
    /// Returns the earliest time of the next attempt.
    pub(super) fn ready_at(&self) -> Instant {
        self.caught_up_at - AHEAD
    }

    pub(super) fn take(&mut self, now: Instant) {
        self.caught_up_at = self.caught_up_at.max(now) + BETWEEN_ATTEMPTS;
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn take_whenever_ready_keeps_the_pace(steps in prop::collection::vec(0u64..400_000, 1..200)) {
            let (mut pace, mut now, mut made) = (Pace::default(), Instant::ZERO, Vec::new());
            for step in steps {
                now += Duration::from_micros(step);
                while pace.ready_at() <= now {
                    pace.take(now);
                    made.push(now);
                }
            }
            prop_assert!(made.len() as u64 >= CONNECT_BURST, "a burst at the start");
            for (index, first) in made.iter().enumerate() {
                for (count, last) in (1..).zip(&made[index..]) {
                    let longest = BETWEEN_ATTEMPTS * (count as u32).saturating_sub(CONNECT_BURST as u32);
                    prop_assert!(last.since(*first) + BETWEEN_ATTEMPTS >= longest, "{count} attempts");
                }
            }
        }
    }
}
