//! Measured rates and rate limits; time is an argument.

use ztor_base::{Duration, Instant};

const SLOT_US: u64 = 500_000;
const SLOTS: usize = 10;

/// Bytes per second over the last five seconds, in half-second slots. Costs nothing while idle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    slots: [u64; SLOTS],
    /// Number of the newest slot: time divided by the slot's length.
    newest: u64,
    since: Option<Instant>,
}

impl Meter {
    /// Counts `bytes` that moved at `now`.
    pub(crate) fn add(&mut self, now: Instant, bytes: u64) {
        self.since.get_or_insert(now);
        self.advance(now);
        self.slots[(self.newest % SLOTS as u64) as usize] += bytes;
    }

    /// Returns the rate in bytes per second. During the first seconds it is the mean since the first byte, over at
    /// least half a second: one early block must not look like a fast peer.
    pub(crate) fn per_s(&self, now: Instant) -> u64 {
        let Some(since) = self.since else { return 0 };
        let slot = now.as_micros() / SLOT_US;
        let stale = slot.saturating_sub(self.newest);
        if stale >= SLOTS as u64 {
            return 0;
        }
        let sum: u64 = (0..SLOTS as u64 - stale)
            .filter_map(|back| self.newest.checked_sub(back))
            .map(|n| self.slots[(n % SLOTS as u64) as usize])
            .sum();
        let window_us = (SLOTS as u64 - 1) * SLOT_US + now.as_micros() % SLOT_US;
        let span_us = (now.since(since).as_micros() as u64).clamp(SLOT_US, window_us);
        (u128::from(sum) * 1_000_000 / u128::from(span_us)) as u64
    }

    fn advance(&mut self, now: Instant) {
        let slot = now.as_micros() / SLOT_US;
        let steps = slot.saturating_sub(self.newest).min(SLOTS as u64);
        for step in 1..=steps {
            self.slots[((self.newest + step) % SLOTS as u64) as usize] = 0;
        }
        if slot > self.newest {
            if steps == SLOTS as u64 {
                self.slots = [0; SLOTS];
            }
            self.newest = slot;
        }
    }
}

/// Minimum burst: one block with the headers of its packets. With less, a low limit would stop all traffic.
const MIN_BURST_BYTES: u64 = 17 * 1024;

/// A token bucket: `limit` bytes per second in the long run, with a burst of a quarter of a second (or one block if
/// that is more). `None` means no limit.
#[derive(Clone, Debug)]
pub struct Bucket {
    limit: Option<u64>,
    /// Tokens in millionths of a byte, so that no refill is lost to rounding. A negative level is a debt: data that had
    /// arrived and could not be refused is paid for before anything else passes.
    level: i128,
    at: Instant,
    /// Bytes that were requested when the limit was lowered, as far as they are counted; `None` if it was not.
    lowered: Option<u64>,
}

const SCALE: i128 = 1_000_000;

impl Bucket {
    /// Creates an empty bucket: the first byte waits for its tokens, so a restart gives no free burst.
    pub fn new(limit: Option<u64>, now: Instant) -> Self {
        Self { limit, level: 0, at: now, lowered: None }
    }

    /// Returns the limit in bytes per second; `None` if unlimited.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Changes the limit. Saved tokens stay, up to the new burst.
    pub fn set_limit(&mut self, now: Instant, limit: Option<u64>) {
        self.refill(now);
        if limit.unwrap_or(u64::MAX) < self.limit.unwrap_or(u64::MAX) {
            self.is_lowered();
        }
        self.limit = limit;
        self.refill(now);
    }

    /// Begins the count of what was requested before the limit was lowered, or before it applied.
    pub(crate) fn is_lowered(&mut self) {
        self.lowered = Some(0);
    }

    /// Counts bytes that were requested before the limit was lowered.
    pub(crate) fn count_requested(&mut self, bytes: u64) {
        if let Some(requested) = &mut self.lowered {
            *requested = requested.saturating_add(bytes);
        }
    }

    /// Returns the part of these requested bytes that fits into one second of a lowered limit, if that is divided in
    /// proportion; all of them if the limit was not lowered.
    pub(crate) fn share_of_requested(&self, bytes: u64) -> u64 {
        let Some((limit, requested)) = self.limit.zip(self.lowered) else { return bytes };
        let share = u128::from(bytes) * u128::from(limit) / u128::from(requested.max(1));
        u64::try_from(share).unwrap_or(u64::MAX).min(bytes)
    }

    /// Ends the count.
    pub(crate) fn forget_requested(&mut self) {
        self.lowered = None;
    }

    /// Returns true if `bytes` may pass now. Takes no tokens.
    pub fn has(&mut self, now: Instant, bytes: u32) -> bool {
        self.refill(now);
        self.limit.is_none() || self.level >= i128::from(bytes) * SCALE
    }

    /// Takes tokens for `bytes` that have already arrived and cannot be refused, which may create a debt.
    pub fn owe(&mut self, now: Instant, bytes: u32) {
        self.refill(now);
        self.take(bytes);
    }

    /// Takes tokens for `bytes`. Call it after [`has`](Self::has) returned true for every bucket involved.
    pub fn take(&mut self, bytes: u32) {
        if self.limit.is_some() {
            self.level = self.level.saturating_sub(i128::from(bytes) * SCALE);
        }
    }

    /// Gives back tokens for `bytes` that will not be used.
    pub fn refund(&mut self, bytes: u32) {
        if self.limit.is_some() {
            self.level = (self.level + i128::from(bytes) * SCALE).min(self.burst());
        }
    }

    /// Returns the time at which `bytes` can pass if no other tokens are taken; [`Instant::FAR_FUTURE`] with a limit of
    /// zero.
    pub fn ready_at(&self, bytes: u32) -> Instant {
        let Some(limit) = self.limit else { return self.at };
        let lack = i128::from(bytes) * SCALE - self.level;
        if lack <= 0 {
            return self.at;
        }
        if limit == 0 {
            return Instant::FAR_FUTURE;
        }
        self.at
            + Duration::from_micros(
                u64::try_from(lack.unsigned_abs().div_ceil(u128::from(limit))).unwrap_or(u64::MAX),
            )
    }

    fn refill(&mut self, now: Instant) {
        let passed_us = now.since(self.at).as_micros();
        self.at = self.at.max(now);
        if let Some(limit) = self.limit {
            let gained = i128::try_from(u128::from(limit).saturating_mul(passed_us)).unwrap_or(i128::MAX);
            self.level = self.level.saturating_add(gained).min(self.burst());
        }
    }

    fn burst(&self) -> i128 {
        i128::from((self.limit.unwrap_or(0) / 4).max(MIN_BURST_BYTES)) * SCALE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    #[test]
    fn per_s_follows_a_steady_flow_and_is_zero_after_a_rest() {
        let mut meter = Meter::default();
        for ms in (0..20_000).step_by(10) {
            meter.add(at(ms), 1000);
        }
        let rate = meter.per_s(at(20_000));
        assert!((95_000..=105_000).contains(&rate), "{rate}");
        assert_eq!(meter.per_s(at(40_000)), 0);
        meter.add(at(60_000), 1000);
        assert!(meter.per_s(at(60_000)) <= 2000);
    }

    proptest! {
        /// The bytes that pass are at most limit × time + one burst, and the bucket is ready exactly at `ready_at`.
        #[test]
        fn bucket_under_full_load_keeps_its_limit(
            limit in 1_000u64..50_000_000,
            steps in prop::collection::vec(1u64..400_000, 1..200),
        ) {
            let mut bucket = Bucket::new(Some(limit), Instant::ZERO);
            let (mut now, mut passed) = (Instant::ZERO, 0u64);
            for step in &steps {
                now += Duration::from_micros(*step);
                while bucket.has(now, 16_384) {
                    bucket.take(16_384);
                    passed += 16_384;
                }
            }
            let burst = (limit / 4).max(MIN_BURST_BYTES);
            let whole = (u128::from(limit) * u128::from(now.as_micros()) / 1_000_000) as u64;
            prop_assert!(passed <= whole + burst);
            let wait = bucket.ready_at(16_384);
            prop_assert!(!bucket.has(wait - Duration::from_micros(1), 16_384) || wait <= now);
            prop_assert!(bucket.has(wait, 16_384));
        }

        #[test]
        fn owe_beyond_the_level_delays_the_next_bytes(limit in 1_000u64..50_000_000, late in 1u32..10_000_000) {
            let mut bucket = Bucket::new(Some(limit), Instant::ZERO);
            bucket.owe(Instant::ZERO, late);
            let paid = bucket.ready_at(16_384);
            let us = (u128::from(late) + 16_384) * 1_000_000 / u128::from(limit);
            prop_assert!(u128::from(paid.as_micros()).abs_diff(us) <= 1);
            prop_assert!(!bucket.has(paid - Duration::from_micros(2), 16_384) && bucket.has(paid, 16_384));
        }

        #[test]
        fn bucket_under_full_load_gives_the_whole_limit(limit in 200_000u64..50_000_000) {
            let mut bucket = Bucket::new(Some(limit), Instant::ZERO);
            let (mut now, mut passed) = (Instant::ZERO, 0u64);
            while now < at(20_000) {
                now = bucket.ready_at(16_384).max(now);
                prop_assert!(bucket.has(now, 16_384));
                bucket.take(16_384);
                passed += 16_384;
            }
            let want = limit * 20;
            prop_assert!(passed.abs_diff(want) <= want / 50 + 16_384, "{} of {}", passed, want);
        }
    }
}
