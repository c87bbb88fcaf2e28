//! Checkers of rate limits, which count the passed bytes instead of tokens.

use ztor_base::{Duration, Instant};

/// Minimum burst in bytes for any limit.
const MIN_BURST: u64 = 16 * 1024;
/// Maximum time for which a request or peer may wait although the limit would admit it.
const PATIENCE: Duration = Duration::from_secs(2);

/// A bucket that passed bytes fill and that drains at the limit's rate. Its level exceeds the burst if and only if the
/// limit was exceeded over some window.
pub(crate) struct Bucket {
    limit: u64,
    /// Level in millionths of a byte.
    level: u128,
    at: Instant,
    /// Time of the last [`give_back`](Self::give_back).
    returned_at: Instant,
}

impl Bucket {
    /// Returns a full bucket for a limit in bytes per second, because a start allows no burst.
    pub(crate) fn new(now: Instant, limit: u64) -> Self {
        Self { limit, level: burst(limit), at: now, returned_at: Instant::ZERO }
    }

    /// Counts bytes that may exceed the limit.
    pub(crate) fn charge(&mut self, now: Instant, bytes: u64) {
        self.drain(now);
        self.level += u128::from(bytes) * 1_000_000;
    }

    /// Counts bytes. The error is the number of bytes over the limit.
    pub(crate) fn take(&mut self, now: Instant, bytes: u64) -> Result<(), u64> {
        self.charge(now, bytes);
        // All bytes of a turn are counted at its end, so a millisecond of the limit is tolerated.
        let over = self.level.saturating_sub(burst(self.limit) + u128::from(self.limit) * 1_000 + 1_000_000);
        if over > 0 { Err((over / 1_000_000) as u64) } else { Ok(()) }
    }

    /// Subtracts bytes that did not pass after all.
    pub(crate) fn give_back(&mut self, now: Instant, bytes: u64) {
        self.drain(now);
        self.returned_at = now;
        self.level = self.level.saturating_sub(u128::from(bytes) * 1_000_000);
    }

    fn drain(&mut self, now: Instant) {
        let passed = u128::from(self.limit) * now.since(self.at).as_micros();
        self.level = self.level.saturating_sub(passed);
        self.at = now;
    }

    /// Returns the time at which two blocks, or a whole burst if it is smaller, could pass.
    fn has_plenty_at(&self) -> Instant {
        let lack = self
            .level
            .saturating_sub(burst(self.limit) - burst(self.limit).min(2 * u128::from(MIN_BURST) * 1_000_000));
        if self.limit == 0 {
            return Instant::FAR_FUTURE;
        }
        // A waiter tries again at the planned time, not when bytes are given back.
        let planned = self.returned_at + Duration::from_micros(2 * MIN_BURST * 1_000_000 / self.limit);
        planned.max(
            self.at + Duration::from_micros(u64::try_from(lack / u128::from(self.limit)).unwrap_or(u64::MAX)),
        )
    }
}

fn burst(limit: u64) -> u128 {
    u128::from((limit / 4).max(MIN_BURST)) * 1_000_000
}

/// Time for which peers or requests have waited although the limit would admit them.
#[derive(Default)]
pub(crate) struct Hunger {
    /// Time of the last check, and the time from which the limit admits bytes; `None` if nothing waited at the check.
    waiting: Option<(Instant, Instant)>,
    looked_at: Instant,
    /// Waiting time, less a tenth of all time.
    lost: Duration,
}

impl Hunger {
    /// Updates the waiting time. Returns true if it exceeds [`PATIENCE`].
    pub(crate) fn look(&mut self, now: Instant, bucket: Option<&mut Bucket>, waits: bool) -> bool {
        let Some(bucket) = bucket else { return false };
        self.lost = self.lost.saturating_sub(now.since(self.looked_at) / 10);
        if let Some((since, plenty_at)) = self.waiting {
            self.lost += now.since(since.max(plenty_at));
        }
        self.looked_at = now;
        self.waiting = waits.then(|| (now, bucket.has_plenty_at()));
        self.lost > PATIENCE
    }
}
