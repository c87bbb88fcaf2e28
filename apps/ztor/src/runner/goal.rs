//! The end of a run.

use std::time::{Duration, Instant};

use ztor_session::{Snapshot, TorrentState};

/// The condition that ends a run; see [`Runner::next`](super::Runner::next).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Never: torrents are served until the user stops it.
    Serve,
    /// As [`Self::Serve`], of data that the torrent was just made of.
    Share,
    /// Once all torrents are done and seeded as long as asked.
    Fetch {
        seed: Seed,
        /// Fail when nothing came for this long.
        give_up: Option<Duration>,
    },
}

/// Duration of seeding after a download.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seed {
    /// Until stopped, unless one of the others comes first.
    pub(crate) always: bool,
    /// Until this many times the wanted bytes are uploaded.
    pub(crate) ratio: Option<f64>,
    /// Until this long after the last torrent is done.
    pub(crate) time: Option<Duration>,
}

impl Seed {
    pub(super) fn is_asked(&self) -> bool {
        self.always || self.ratio.is_some() || self.time.is_some()
    }
}

/// Figures of the last snapshot, to compare the next one with.
pub(super) struct Watch {
    pub(super) last_bytes: u64,
    pub(super) last_news: Instant,
    pub(super) all_done: Option<Instant>,
}

impl Watch {
    pub(super) fn start() -> Watch {
        Watch { last_bytes: 0, last_news: Instant::now(), all_done: None }
    }

    /// Time since the last received bytes. Checking data on disk is no silence.
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
