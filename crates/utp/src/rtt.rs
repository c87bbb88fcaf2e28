//! The round trip and what follows from it (BEP 29, "timeouts"; RFC 6298, RFC 8985).

use ztor_base::{Duration, Instant};

/// Before there was a round trip (BEP 29).
const INITIAL_RTO: Duration = Duration::from_secs(1);
/// The least and the longest retransmission timeout. The least is BEP 29's.
const MIN_RTO: Duration = Duration::from_millis(500);
const MAX_RTO: Duration = Duration::from_secs(60);
/// A probe for a lost tail waits at least so long: a driver does not wake more exactly.
const MIN_PROBE_WAIT: Duration = Duration::from_millis(5);
/// What the other end may wait before it acknowledges a single packet. libutp waits up to 100 ms, but a probe too
/// many costs one packet and a probe too late costs the whole wait.
const PEER_ACK_DELAY: Duration = Duration::from_millis(30);
/// Minutes over which the shortest round trip is known.
const HISTORY_MIN: usize = 3;

/// The round trip of one connection, in microseconds inside.
#[derive(Clone, Debug)]
pub(crate) struct Rtt {
    smoothed_us: u64,
    variance_us: u64,
    has_sample: bool,
    /// Timeouts in a row; each doubles the next.
    backoff: u32,
    minima: MinuteMinima,
}

impl Rtt {
    pub(crate) fn new(now: Instant) -> Self {
        Self { smoothed_us: 0, variance_us: 0, has_sample: false, backoff: 0, minima: MinuteMinima::new(now) }
    }

    /// A packet that was sent only once was acknowledged after `rtt`.
    pub(crate) fn sample(&mut self, now: Instant, rtt: Duration) {
        let rtt_us = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX).clamp(1, 120_000_000);
        self.minima.add(now, rtt_us);
        self.backoff = 0;
        if self.has_sample {
            let delta = self.smoothed_us.abs_diff(rtt_us);
            self.variance_us = (3 * self.variance_us + delta) / 4;
            self.smoothed_us = (7 * self.smoothed_us + rtt_us) / 8;
        } else {
            self.smoothed_us = rtt_us;
            self.variance_us = rtt_us / 2;
            self.has_sample = true;
        }
    }

    /// Nothing came for a whole timeout.
    pub(crate) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// Something new was acknowledged, if perhaps of no use as a sample.
    pub(crate) fn progress(&mut self) {
        self.backoff = 0;
    }

    pub(crate) fn has_sample(&self) -> bool {
        self.has_sample
    }

    /// Zero before there was a sample.
    pub(crate) fn smoothed(&self) -> Duration {
        Duration::from_micros(self.smoothed_us)
    }

    /// The shortest one of the last minutes; zero before there was a sample.
    pub(crate) fn min(&self) -> Duration {
        Duration::from_micros(self.minima.min().unwrap_or(0))
    }

    /// The retransmission timeout, doubled for each one before it.
    pub(crate) fn rto(&self) -> Duration {
        let base = if self.has_sample {
            Duration::from_micros(self.smoothed_us + 4 * self.variance_us)
        } else {
            INITIAL_RTO
        };
        base.clamp(MIN_RTO, MAX_RTO).saturating_mul(1 << self.backoff.min(8)).min(MAX_RTO)
    }

    /// How long after the last sign of life a lost tail is probed for (RFC 8985 §7.2).
    pub(crate) fn probe_wait(&self, packets_in_flight: usize) -> Duration {
        if !self.has_sample {
            return self.rto();
        }
        let delay = if packets_in_flight <= 1 { PEER_ACK_DELAY } else { Duration::ZERO };
        (2 * self.smoothed()).max(MIN_PROBE_WAIT) + delay
    }
}

/// The least value of each of the last minutes.
#[derive(Clone, Debug)]
struct MinuteMinima {
    /// The current minute first.
    minima_us: [u64; HISTORY_MIN],
    begun: Instant,
}

impl MinuteMinima {
    fn new(now: Instant) -> Self {
        Self { minima_us: [u64::MAX; HISTORY_MIN], begun: now }
    }

    fn add(&mut self, now: Instant, value_us: u64) {
        if now.since(self.begun) >= Duration::from_secs(60) {
            self.begun = now;
            self.minima_us.rotate_right(1);
            self.minima_us[0] = value_us;
        }
        self.minima_us[0] = self.minima_us[0].min(value_us);
    }

    fn min(&self) -> Option<u64> {
        self.minima_us.iter().copied().min().filter(|min| *min != u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn timeouts_follow_the_standard() {
        let mut now = Instant::ZERO;
        let mut rtt = Rtt::new(now);
        assert_eq!(rtt.rto(), INITIAL_RTO);
        rtt.sample(now, 300 * MS);
        assert_eq!((rtt.smoothed(), rtt.rto()), (300 * MS, 900 * MS));
        for _ in 0..100 {
            now += MS;
            rtt.sample(now, 20 * MS);
        }
        assert_eq!(rtt.rto(), MIN_RTO);
        rtt.back_off();
        rtt.back_off();
        assert_eq!(rtt.rto(), 4 * MIN_RTO);
        for _ in 0..100 {
            rtt.back_off();
        }
        assert_eq!(rtt.rto(), MAX_RTO);
        rtt.progress();
        assert_eq!(rtt.rto(), MIN_RTO);
    }

    #[test]
    fn the_shortest_is_forgotten_after_minutes() {
        let mut rtt = Rtt::new(Instant::ZERO);
        rtt.sample(Instant::ZERO, 10 * MS);
        for s in 1..150 {
            rtt.sample(Instant::ZERO + Duration::from_secs(s), 50 * MS);
        }
        assert_eq!(rtt.min(), 10 * MS);
        for s in 150..300 {
            rtt.sample(Instant::ZERO + Duration::from_secs(s), 50 * MS);
        }
        assert_eq!(rtt.min(), 50 * MS);
    }
}
