//! The end of a run.

use std::time::{Duration, Instant};

use ztor_daemon::policy::{Config, Goal as PolicyGoal, Limits, Ratio};
use ztor_session::{RateLimits, Snapshot, TorrentState};

/// The condition that ends a run; see [`Runner::next`](super::Runner::next).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// No condition: torrents are seeded until the user stops it.
    Serve,
    /// No condition, as with [`Self::Serve`], for a torrent that was just created from its data.
    Share,
    /// All torrents are done and have been seeded as requested.
    Fetch {
        seed: Seed,
        /// Time without received data after which the run fails; `None` for no limit.
        give_up: Option<Duration>,
    },
}

/// Duration of seeding after a download.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seed {
    /// Set to seed until stopped, or until one of the other conditions holds.
    pub(crate) always: bool,
    /// Set if seeding ends when every torrent has reached the ratio of the [`Rules`].
    pub(crate) ratio: bool,
    /// Seeding ends this long after the last torrent is done; `None` if this does not end it.
    pub(crate) time: Option<Duration>,
}

impl Seed {
    pub(super) fn is_asked(&self) -> bool {
        self.always || self.ratio || self.time.is_some()
    }
}

/// Rules of the torrents of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// Number of torrents that download at a time; `None` for all.
    pub(crate) max_downloads: Option<u32>,
    /// Ratio at which a torrent stops seeding; `None` if this does not end it.
    pub(crate) ratio: Option<f64>,
}

impl Rules {
    /// Returns the rules for the policy, with the limits of the session.
    pub(super) fn of_policy(self, limits: RateLimits) -> Config {
        let limits = Limits { down_per_s: limits.down, up_per_s: limits.up };
        let mut config = Config { limits, ..Config::default() };
        config.queue.downloads = self.max_downloads.and_then(|most| usize::try_from(most).ok());
        if let Some(ratio) = self.ratio {
            // Rounded up, so that at least the ratio is uploaded. The conversion saturates.
            config.goals.ratio = PolicyGoal::At(Ratio::from_thousandths((ratio * 1000.0).ceil() as u32));
        }
        config
    }
}

/// Figures of the last snapshot, for comparison with the next one.
pub(super) struct Watch {
    pub(super) last_bytes: u64,
    pub(super) last_news: Instant,
    pub(super) all_done: Option<Instant>,
}

impl Watch {
    pub(super) fn start() -> Watch {
        Watch { last_bytes: 0, last_news: Instant::now(), all_done: None }
    }

    /// Returns the time since bytes were received. The time of a check of data on disk does not count.
    pub(super) fn silence(&mut self, snapshot: &Snapshot) -> Duration {
        let bytes = snapshot.torrents.iter().map(|status| status.session_downloaded_bytes).sum();
        let is_checking =
            snapshot.torrents.iter().any(|status| matches!(status.state, TorrentState::Checking { .. }));
        if bytes != self.last_bytes || is_checking {
            (self.last_bytes, self.last_news) = (bytes, Instant::now());
        }
        self.last_news.elapsed()
    }
}
