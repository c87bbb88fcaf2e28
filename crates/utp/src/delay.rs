//! How long packets wait in queues, told from how long they take (RFC 6817 §2.4.2, §3.4).
//!
//! A packet's way takes what two clocks say, which start anywhere, run at different speeds and are set now and
//! then; the counts go round after 71 minutes. Only differences within minutes mean anything.

use ztor_base::{Duration, Instant};

/// Minutes over which the least delay is known. Ten, as RFC 6817 suggests, would be off by 60 ms with clocks that
/// differ by 100 ppm; and in these three an occasional slowdown shows the least delay anew.
const HISTORY_MIN: usize = 3;
/// The current delay is the least of so many samples, against noise (RFC 6817, CURRENT_FILTER).
const FILTER: usize = 3;
/// A queue on the way there is part of the round trip too. If the delay says more than the round trip, by more
/// than acknowledgements may be held back, a clock was set or is running away.
const SLACK_US: u32 = 30_000;

#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    delay_us: u32,
    /// By how much the round trip was longer than the shortest.
    rtt_excess_us: u32,
}

/// The delays of one direction of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Delays {
    /// The least of each minute, the current one first; as many as there are yet.
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

    /// The delay that the other end saw (`timestamp_difference_microseconds`), and the round trip of the same
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

    /// How long our packets wait in queues now, in microseconds.
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

/// Of two that go round, the one from which the other is reached sooner by counting up.
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
    fn sees_a_queue_across_the_wrap() {
        let mut delays = Delays::new(Instant::ZERO);
        let base = u32::MAX - 20_000;
        feed(&mut delays, 0, 5, |_| base, Duration::ZERO);
        assert_eq!(delays.queue_us(), 0.0);
        feed(&mut delays, 5, 10, |_| base.wrapping_add(80_000), 80 * MS);
        assert_eq!(delays.queue_us(), 80_000.0);
    }

    #[test]
    fn one_late_packet_is_no_queue() {
        let mut delays = Delays::new(Instant::ZERO);
        feed(&mut delays, 0, 5, |_| 1000, Duration::ZERO);
        feed(&mut delays, 5, 6, |_| 90_000, 89 * MS);
        assert_eq!(delays.queue_us(), 0.0);
    }

    #[test]
    fn clocks_that_are_set_do_not_matter() {
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
    fn clocks_that_run_away_do_not_matter() {
        for ppm in [100_u32, 1000, 100_u32.wrapping_neg()] {
            let mut delays = Delays::new(Instant::ZERO);
            feed(&mut delays, 0, 1000, |s| ppm.wrapping_mul(s as u32), Duration::ZERO);
            assert!(delays.queue_us() <= f64::from(SLACK_US), "{ppm}: {delays:?}");
        }
    }
}
