//! Limits, counted the other way round.

use ztor_base::{Duration, Instant};

/// What may pass at once, whatever the limit.
const MIN_BURST: u64 = 16 * 1024;
/// The longest that tokens may lie there while somebody waits for them.
const PATIENCE: Duration = Duration::from_secs(2);

/// A bucket that fills with what passes and runs dry at the limit's rate: it never rises above the burst if and
/// only if the limit was kept over every window.
pub(crate) struct Bucket {
    limit: u64,
    /// In millionths of a byte.
    level: u128,
    at: Instant,
    /// When something was given back last.
    returned_at: Instant,
}

impl Bucket {
    /// A full bucket, for a limit in bytes per second: a start gives no burst.
    pub(crate) fn new(now: Instant, limit: u64) -> Self {
        Self { limit, level: burst(limit), at: now, returned_at: Instant::ZERO }
    }

    /// Counts bytes that pass, whatever the limit.
    pub(crate) fn charge(&mut self, now: Instant, bytes: u64) {
        self.drain(now);
        self.level += u128::from(bytes) * 1_000_000;
    }

    /// Counts bytes that pass. The error is by how many the limit was passed.
    pub(crate) fn take(&mut self, now: Instant, bytes: u64) -> Result<(), u64> {
        self.charge(now, bytes);
        // What happens in one turn is counted at its end: a millisecond of the limit is allowed for that.
        let over = self.level.saturating_sub(burst(self.limit) + u128::from(self.limit) * 1_000 + 1_000_000);
        if over > 0 { Err((over / 1_000_000) as u64) } else { Ok(()) }
    }

    /// So many bytes did not pass after all.
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

    /// When two blocks, or all that may pass at once, could have passed.
    fn has_plenty_at(&self) -> Instant {
        let lack = self
            .level
            .saturating_sub(burst(self.limit) - burst(self.limit).min(2 * u128::from(MIN_BURST) * 1_000_000));
        if self.limit == 0 {
            return Instant::FAR_FUTURE;
        }
        // Who waits looks again when tokens were to be there, not when some are given back.
        let planned = self.returned_at + Duration::from_micros(2 * MIN_BURST * 1_000_000 / self.limit);
        planned.max(
            self.at + Duration::from_micros(u64::try_from(lack / u128::from(self.limit)).unwrap_or(u64::MAX)),
        )
    }
}

fn burst(limit: u64) -> u128 {
    u128::from((limit / 4).max(MIN_BURST)) * 1_000_000
}

/// How long somebody has waited although tokens were there.
#[derive(Default)]
pub(crate) struct Hunger {
    /// When it was looked at last, if somebody waited then, and from when on there were to be tokens.
    waiting: Option<(Instant, Instant)>,
    looked_at: Instant,
    /// Time that was lost, less a tenth of all time.
    lost: Duration,
}

impl Hunger {
    /// True if it has been too long.
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
