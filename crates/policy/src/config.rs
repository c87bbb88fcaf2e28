//! Settings of the policy.

use ztor_base::Duration;

use crate::goals::Goals;
use crate::limits::Limits;
use crate::schedule::Schedule;

/// All settings.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Config {
    /// Settings of the queue.
    pub queue: QueueConfig,
    /// Goals of torrents without goals of their own or of their category.
    pub goals: Goals,
    /// Limits of the whole, outside of the schedule.
    pub limits: Limits,
    /// Limits of the whole while the user has switched to them.
    pub alternative: Limits,
    /// Times with other limits, or without transfers.
    pub schedule: Schedule,
}

/// Settings of the queue. A limit of `None` is no limit. Torrents with forced start count nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct QueueConfig {
    /// Maximum number of running downloads. Slow ones do not count.
    pub downloads: Option<usize>,
    /// Maximum number of running seeds. Slow ones do not count.
    pub seeds: Option<usize>,
    /// Maximum number of checks under way.
    pub checks: Option<usize>,
    /// Maximum number of running downloads and seeds together. Slow ones count as well.
    pub total: Option<usize>,
    /// Rule by which torrents are slow. With `None` none is, and a download without peers keeps its slot.
    pub slow: Option<SlowRule>,
    /// Set if new torrents go to the top of the queue instead of its end.
    pub add_to_top: bool,
    /// Time for which a started torrent keeps its slot. Lower limits and acts of the user end it early.
    pub min_run: Duration,
    /// Minimum time between two rounds in which waiting downloads replace running ones behind them.
    pub interval: Duration,
    /// Time for which a seed keeps its slot while others wait, at least `min_run` and a second.
    pub seed_turn: Duration,
    /// Time for which a slow download keeps its part of `total` while others wait, at least `min_run` and a second.
    pub stalled_turn: Duration,
}

impl Default for QueueConfig {
    /// Five downloads, any number of seeds, one check.
    fn default() -> Self {
        Self {
            downloads: Some(5),
            seeds: None,
            checks: Some(1),
            total: None,
            slow: Some(SlowRule::default()),
            add_to_top: false,
            min_run: Duration::from_secs(5 * 60),
            interval: Duration::from_secs(30),
            seed_turn: Duration::from_secs(60 * 60),
            stalled_turn: Duration::from_secs(30 * 60),
        }
    }
}

/// Rule by which a running torrent is slow: its rate is below a threshold for some time. It is no longer slow after
/// the same time at or above the threshold. If it was slow for less than an hour, it takes twice as long to be slow
/// again, up to an hour.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SlowRule {
    /// Threshold for the download rate of downloads, in bytes per second.
    pub down_per_s: u64,
    /// Threshold for the upload rate of seeds, in bytes per second.
    pub up_per_s: u64,
    /// Time after which a change counts.
    pub after: Duration,
    /// Time after the start in which no torrent is slow.
    pub grace: Duration,
}

impl Default for SlowRule {
    /// 2 KiB/s for a minute, and a grace of a minute.
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self { down_per_s: 2048, up_per_s: 2048, after: minute, grace: minute }
    }
}
