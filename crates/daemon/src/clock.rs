//! The clock of the policy.

use jiff::Zoned;
use std::time::Instant as OsInstant;
use ztor_base::Instant;
use ztor_policy::{Clock, LocalTime, Weekday};

/// Reads the monotonic clock and the local time.
#[derive(Debug)]
pub(crate) struct PolicyClock(OsInstant);

impl PolicyClock {
    pub(crate) fn start() -> Self {
        Self(OsInstant::now())
    }

    pub(crate) fn now(&self) -> Clock {
        let elapsed = u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX);
        Clock::new(Instant::from_micros(elapsed), local(&Zoned::now()))
    }
}

/// Returns the time in seconds since 1970.
pub(crate) fn now_unix_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

fn local(now: &Zoned) -> LocalTime {
    let day = usize::try_from(now.weekday().to_monday_zero_offset()).unwrap_or(0);
    let weekday = Weekday::ALL.get(day).copied().unwrap_or(Weekday::Monday);
    let number = |value: i8| u16::try_from(value).unwrap_or(0);
    let second = u8::try_from(now.second()).unwrap_or(0);
    LocalTime::new(weekday, number(now.hour()) * 60 + number(now.minute()), second)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn local_is_the_time_of_the_zone() {
        let at: Zoned = "2026-11-30T23:59:07+01:00[Europe/Berlin]".parse().unwrap();
        assert_eq!(local(&at), LocalTime::new(Weekday::Monday, 23 * 60 + 59, 7));
        let at: Zoned = "2026-12-06T00:00:00-05:00[America/New_York]".parse().unwrap();
        assert_eq!(local(&at), LocalTime::new(Weekday::Sunday, 0, 0));
    }
}
