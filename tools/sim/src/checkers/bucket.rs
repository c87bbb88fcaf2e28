//! Checkers of rate limits, which count the passed bytes instead of tokens.

use ztor_base::{Duration, Instant};

/// Minimum burst in bytes for any limit: a block and the headers of its packets.
const MIN_BURST: u64 = 17 * 1024;
/// Maximum length of a block that is requested, in bytes.
const BLOCK: u64 = 16 * 1024;
/// Maximum time for which a request or peer may wait although the limit would admit it.
const PATIENCE: Duration = Duration::from_secs(2);

/// A bucket that passed bytes fill and that drains at the limit's rate. Its level exceeds the burst if and only if the
/// limit was exceeded over some window.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    /// Limit in bytes per second; `None` for no limit.
    limit: Option<u64>,
    /// Level in millionths of a byte. Does not change without a limit.
    level: u128,
    /// Burst of the last limit, in millionths of a byte.
    burst: u128,
    at: Instant,
    /// Time of the last [`give_back`](Self::give_back).
    returned_at: Instant,
}

impl Bucket {
    /// Returns a full bucket for a limit in bytes per second, because a start allows no burst.
    pub(crate) fn new(now: Instant, limit: Option<u64>) -> Self {
        Self { limit, level: burst(limit), burst: burst(limit), at: now, returned_at: Instant::ZERO }
    }

    /// Changes the limit. A change allows no burst beyond the unused part of the last one.
    pub(crate) fn set_limit(&mut self, now: Instant, limit: Option<u64>) {
        self.drain(now);
        if limit.is_some() {
            self.level = (self.level + burst(limit)).saturating_sub(self.burst);
            self.burst = burst(limit);
        }
        self.limit = limit;
    }

    /// Returns true if there is a limit.
    pub(crate) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// Counts bytes that may exceed the limit.
    pub(crate) fn charge(&mut self, now: Instant, bytes: u64) {
        self.drain(now);
        if self.limit.is_some() {
            self.level += u128::from(bytes) * 1_000_000;
        }
    }

    /// Counts bytes. The error is the number of bytes over the limit.
    pub(crate) fn take(&mut self, now: Instant, bytes: u64) -> Result<(), u64> {
        self.charge(now, bytes);
        let Some(limit) = self.limit else { return Ok(()) };
        // All bytes of a turn are counted at its end, so a millisecond of the limit is tolerated.
        let over = self.level.saturating_sub(self.burst + u128::from(limit) * 1_000 + 1_000_000);
        if over > 0 { Err((over / 1_000_000) as u64) } else { Ok(()) }
    }

    /// Subtracts bytes that did not pass after all.
    pub(crate) fn give_back(&mut self, now: Instant, bytes: u64) {
        self.drain(now);
        self.returned_at = now;
        if self.limit.is_some() {
            self.level = self.level.saturating_sub(u128::from(bytes) * 1_000_000);
        }
    }

    fn drain(&mut self, now: Instant) {
        let passed = u128::from(self.limit.unwrap_or(0)) * now.since(self.at).as_micros();
        self.level = self.level.saturating_sub(passed);
        self.at = now;
    }

    /// Returns the time at which two blocks, or a whole burst if it is smaller, could pass.
    pub(crate) fn has_plenty_at(&self) -> Instant {
        let (Some(limit), burst) = (self.limit, self.burst) else { return Instant::ZERO };
        let lack = self.level.saturating_sub(burst - burst.min(2 * u128::from(BLOCK) * 1_000_000));
        if limit == 0 {
            return Instant::FAR_FUTURE;
        }
        // A waiter tries again at the planned time, not when bytes are given back.
        let planned = self.returned_at + Duration::from_micros(2 * BLOCK * 1_000_000 / limit);
        planned
            .max(self.at + Duration::from_micros(u64::try_from(lack / u128::from(limit)).unwrap_or(u64::MAX)))
    }
}

fn burst(limit: Option<u64>) -> u128 {
    u128::from((limit.unwrap_or(0) / 4).max(MIN_BURST)) * 1_000_000
}

/// Time for which peers or requests have waited although the limits would admit them.
#[derive(Default)]
pub(crate) struct Hunger {
    /// Time of the last check, and the time from which the limits admit bytes; `None` if nothing waited at the check.
    waiting: Option<(Instant, Instant)>,
    looked_at: Instant,
    /// Waiting time, less a tenth of all time.
    lost: Duration,
}

impl Hunger {
    /// Updates the waiting time. Returns true if it exceeds [`PATIENCE`]. `plenty_at` is the time from which all limits
    /// admit bytes.
    pub(crate) fn look(&mut self, now: Instant, plenty_at: Instant, waits: bool) -> bool {
        self.lost = self.lost.saturating_sub(now.since(self.looked_at) / 10);
        if let Some((since, plenty_at)) = self.waiting {
            self.lost += now.since(since.max(plenty_at));
        }
        self.looked_at = now;
        self.waiting = waits.then_some((now, plenty_at));
        self.lost > PATIENCE
    }

    /// Forgets the current wait, as the limits change.
    pub(crate) fn forget(&mut self) {
        self.waiting = None;
    }
}
