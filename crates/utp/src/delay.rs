//! Queueing delay, derived from one-way delays (RFC 6817 §2.4.2, §3.4).
//!
//! A one-way delay is the difference of two clocks, which start anywhere, run at different speeds and are set at times.
//! The counts wrap around after 71 minutes. Only differences within minutes are meaningful.

use ztor_base::{Duration, Instant};

/// Minutes over which the minimum delay is kept. The ten of RFC 6817 would be off by 60 ms with clocks that differ by
/// 100 ppm. Within three minutes, occasional slowdowns show the minimum again.
const HISTORY_MIN: usize = 3;
/// Number of samples whose minimum is the current delay, against noise (RFC 6817, CURRENT_FILTER).
const FILTER: usize = 3;
/// Maximum excess of the queueing delay over the growth of the round trip, in microseconds. A queue on the forward path
/// lengthens the round trip too, so a greater excess means that a clock was set or drifts. The slack covers delayed
/// acknowledgements.
const SLACK_US: u32 = 30_000;

#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    delay_us: u32,
    /// Excess of the round trip over the shortest one.
    rtt_excess_us: u32,
}

/// One-way delays in one direction of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Delays {
    /// Minimum of each minute, the current one first; `minutes` entries are valid.
    minima_us: [u32; HISTORY_MIN],
    minutes: usize,
    minute_begun: Instant,
    recent: [Sample; FILTER],
    count: usize,
    queue_us: u32,
}

impl Delays {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            minima_us: [0; HISTORY_MIN],
            minutes: 0,
            minute_begun: now,
            recent: [Sample::default(); FILTER],
            count: 0,
            queue_us: 0,
        }
    }

    /// Adds the delay that the peer measured (`timestamp_difference_microseconds`), and the round trip of the same
    /// acknowledgement.
    pub(crate) fn sample(&mut self, now: Instant, delay_us: u32, rtt: Duration, min_rtt: Duration) {
        let rtt_excess_us = u32::try_from(rtt.saturating_sub(min_rtt).as_micros()).unwrap_or(u32::MAX);
        self.recent[self.count % FILTER] = Sample { delay_us, rtt_excess_us };
        self.count += 1;
        self.add_to_minute(now, delay_us);
        let Some(base) = self.base_us() else { return };
        let recent = &self.recent[..self.count.min(FILTER)];
        let queue_us = recent.iter().map(|sample| ahead(sample.delay_us, base)).min().unwrap_or(0);
        let bound =
            recent.iter().map(|sample| sample.rtt_excess_us).max().unwrap_or(0).saturating_add(SLACK_US);
        if self.count >= FILTER && queue_us > bound {
            for minimum in &mut self.minima_us[..self.minutes] {
                *minimum = minimum.wrapping_add(queue_us - bound + SLACK_US);
            }
        }
        self.queue_us = queue_us.min(bound);
    }

    /// Returns the current queueing delay of our packets, in microseconds.
    pub(crate) fn queue_us(&self) -> f64 {
        f64::from(self.queue_us)
    }

    fn add_to_minute(&mut self, now: Instant, delay_us: u32) {
        if self.minutes == 0 || now.since(self.minute_begun) >= Duration::from_secs(60) {
            self.minute_begun = now;
            self.minima_us.rotate_right(1);
            self.minima_us[0] = delay_us;
            self.minutes = (self.minutes + 1).min(HISTORY_MIN);
        } else {
            self.minima_us[0] = earlier(self.minima_us[0], delay_us);
        }
    }

    fn base_us(&self) -> Option<u32> {
        self.minima_us[..self.minutes].iter().copied().reduce(earlier)
    }
}

/// Returns the lower of two wrapping values.
fn earlier(a: u32, b: u32) -> u32 {
    if a.wrapping_sub(b).cast_signed() < 0 { a } else { b }
}

fn ahead(delay_us: u32, base_us: u32) -> u32 {
    u32::try_from(delay_us.wrapping_sub(base_us).cast_signed()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn feed(delays: &mut Delays, from_s: u64, to_s: u64, delay_us: impl Fn(u64) -> u32, queue: Duration) {
        for s in from_s..to_s {
            let now = Instant::ZERO + Duration::from_secs(s);
            delays.sample(now, delay_us(s), 50 * MS + queue, 50 * MS);
        }
    }

    #[test]
    fn queue_us_across_the_wrap_of_the_clock_is_the_queue() {
        let mut delays = Delays::new(Instant::ZERO);
        let base = u32::MAX - 20_000;
        feed(&mut delays, 0, 5, |_| base, Duration::ZERO);
        assert_eq!(delays.queue_us(), 0.0);
        feed(&mut delays, 5, 10, |_| base.wrapping_add(80_000), 80 * MS);
        assert_eq!(delays.queue_us(), 80_000.0);
    }

    #[test]
    fn queue_us_after_one_late_packet_is_zero() {
        let mut delays = Delays::new(Instant::ZERO);
        feed(&mut delays, 0, 5, |_| 1000, Duration::ZERO);
        feed(&mut delays, 5, 6, |_| 90_000, 89 * MS);
        assert_eq!(delays.queue_us(), 0.0);
    }

    #[test]
    fn queue_us_after_a_clock_step_stays_within_the_slack() {
        for step in [5_000_000_u32, 2_000_000_000, 5_000_000_u32.wrapping_neg()] {
            let mut delays = Delays::new(Instant::ZERO);
            feed(&mut delays, 0, 5, |_| 1000, Duration::ZERO);
            feed(&mut delays, 5, 12, |_| 1000_u32.wrapping_add(step), Duration::ZERO);
            assert!(delays.queue_us() <= f64::from(SLACK_US), "{step}: {delays:?}");
            feed(&mut delays, 12, 15, |_| 61_000_u32.wrapping_add(step), 60 * MS);
            assert!((50_000.0..95_000.0).contains(&delays.queue_us()), "{step}: {delays:?}");
        }
    }

    #[test]
    fn queue_us_with_drifting_clocks_stays_within_the_slack() {
        for ppm in [100_u32, 1000, 100_u32.wrapping_neg()] {
            let mut delays = Delays::new(Instant::ZERO);
            feed(&mut delays, 0, 1000, |s| ppm.wrapping_mul(s as u32), Duration::ZERO);
            assert!(delays.queue_us() <= f64::from(SLACK_US), "{ppm}: {delays:?}");
        }
    }
}
