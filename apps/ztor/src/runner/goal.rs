//! The end of a run.

use std::time::{Duration, Instant};

use ztor_session::{Snapshot, TorrentState};

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
    /// Seeding ends when this many times the wanted bytes are uploaded; `None` if this does not end it.
    pub(crate) ratio: Option<f64>,
    /// Seeding ends this long after the last torrent is done; `None` if this does not end it.
    pub(crate) time: Option<Duration>,
}

impl Seed {
    pub(super) fn is_asked(&self) -> bool {
        self.always || self.ratio.is_some() || self.time.is_some()
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
