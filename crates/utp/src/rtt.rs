//! Round-trip time and the timeouts derived from it (BEP 29, "timeouts"; RFC 6298, RFC 8985).

use ztor_base::{Duration, Instant};

/// Retransmission timeout before the first sample (BEP 29).
const INITIAL_RTO: Duration = Duration::from_secs(1);
/// Minimum (BEP 29) and maximum of the retransmission timeout.
const MIN_RTO: Duration = Duration::from_millis(500);
const MAX_RTO: Duration = Duration::from_secs(60);
/// Minimum wait before a tail loss probe; drivers do not wake up more precisely.
const MIN_PROBE_WAIT: Duration = Duration::from_millis(5);
/// Allowance for the peer's delayed acknowledgement of a single packet. libutp delays up to 100 ms, but a needless
/// probe costs one packet and a late one the whole wait.
const PEER_ACK_DELAY: Duration = Duration::from_millis(30);
/// Minutes over which the shortest round trip is kept.
const HISTORY_MIN: usize = 3;

/// Round-trip time of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Rtt {
    smoothed_us: u64,
    variance_us: u64,
    has_sample: bool,
    /// Consecutive timeouts; each doubles the next one.
    backoff: u32,
    minima: MinuteMinima,
}

impl Rtt {
    pub(crate) fn new(now: Instant) -> Self {
        Self { smoothed_us: 0, variance_us: 0, has_sample: false, backoff: 0, minima: MinuteMinima::new(now) }
    }

    /// Adds the round trip of a packet that was sent only once.
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

    /// Doubles the next timeout after one that expired.
    pub(crate) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// Resets the backoff after an acknowledgement of new data, even without a sample.
    pub(crate) fn progress(&mut self) {
        self.backoff = 0;
    }

    pub(crate) fn has_sample(&self) -> bool {
        self.has_sample
    }

    /// Returns the smoothed round-trip time; zero before the first sample.
    pub(crate) fn smoothed(&self) -> Duration {
        Duration::from_micros(self.smoothed_us)
    }

    /// Returns the shortest round trip of the last minutes; zero before the first sample.
    pub(crate) fn min(&self) -> Duration {
        Duration::from_micros(self.minima.min().unwrap_or(0))
    }

    /// Returns the retransmission timeout, doubled for each consecutive timeout before it.
    pub(crate) fn rto(&self) -> Duration {
        let base = if self.has_sample {
            Duration::from_micros(self.smoothed_us + 4 * self.variance_us)
        } else {
            INITIAL_RTO
        };
        base.clamp(MIN_RTO, MAX_RTO).saturating_mul(1 << self.backoff.min(8)).min(MAX_RTO)
    }

    /// Returns the wait after the last sign of life before a tail loss probe (RFC 8985 §7.2).
    pub(crate) fn probe_wait(&self, packets_in_flight: usize) -> Duration {
        if !self.has_sample {
            return self.rto();
        }
        let delay = if packets_in_flight <= 1 { PEER_ACK_DELAY } else { Duration::ZERO };
        (2 * self.smoothed()).max(MIN_PROBE_WAIT) + delay
    }
}

/// Minimum of each of the last minutes.
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
    fn rto_after_samples_and_timeouts_follows_rfc_6298() {
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
    fn min_after_the_history_forgets_old_samples() {
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
