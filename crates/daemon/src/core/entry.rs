//! A torrent of the daemon.

use crate::record::Record;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ztor_api::Fault;
use ztor_policy::{Goals, State};
use ztor_session::{InfoHashes, Metainfo, TorrentState, TorrentStatus, TrackerState, TrackerStatus};

/// A torrent of the daemon.
#[derive(Debug)]
pub(crate) struct Entry {
    hashes: InfoHashes,
    record: Record,
    load: Load,
    revision: u64,
    /// Status in the session as of the last turn; `None` if it is not loaded.
    status: Option<Arc<TorrentStatus>>,
    /// Time at which that status was taken over.
    status_at: Instant,
    /// Times of the last answers or failures of the trackers in that, in seconds since 1970; 0 before the first.
    answered_unix_s: Vec<u64>,
    /// Metadata, shared with the session; `None` while it is unknown or the torrent is not loaded.
    meta: Option<Arc<Metainfo>>,
    /// Decisions of the policy as of the last look.
    seen: Seen,
}

/// Decisions of the policy about a torrent, as front ends see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    pub(super) state: Option<State>,
    /// Position in the queue, from 0.
    pub(super) position: Option<usize>,
    /// Goals from all levels.
    pub(super) goals: Goals,
}

/// Progress of loading a torrent into the session.
#[derive(Debug)]
pub(crate) enum Load {
    /// Is being added: the session opens its files, and nothing is promised yet.
    Adding,
    /// Waits to be loaded, or is being loaded.
    Pending,
    /// Is being loaded again after a failure.
    Again {
        /// Pause before this attempt.
        pause: Duration,
    },
    /// Is in the session.
    Loaded,
    /// Could not be loaded.
    Failed {
        /// Reason for front ends.
        fault: Fault,
        /// Time of the next attempt; `None` if only the user can help.
        retry_at: Option<Instant>,
        /// Pause before that attempt.
        pause: Duration,
    },
    /// Is being removed.
    Leaving,
}

impl Load {
    pub(crate) fn is_leaving(&self) -> bool {
        matches!(self, Self::Leaving)
    }

    /// Returns the pause before the present or last attempt; 0 for the first.
    pub(crate) fn pause(&self) -> Duration {
        match self {
            Self::Failed { pause, .. } | Self::Again { pause } => *pause,
            Self::Adding | Self::Pending | Self::Loaded | Self::Leaving => Duration::ZERO,
        }
    }
}

impl Entry {
    pub(super) fn new(hashes: InfoHashes, record: Record, revision: u64) -> Self {
        Self {
            hashes,
            record,
            load: Load::Pending,
            revision,
            status: None,
            status_at: Instant::now(),
            answered_unix_s: Vec::new(),
            meta: None,
            seen: Seen::default(),
        }
    }

    pub(crate) fn hashes(&self) -> &InfoHashes {
        &self.hashes
    }

    pub(super) fn set_hashes(&mut self, hashes: InfoHashes) {
        self.hashes = hashes;
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    pub(crate) fn record_mut(&mut self) -> &mut Record {
        &mut self.record
    }

    pub(crate) fn load(&self) -> &Load {
        &self.load
    }

    pub(crate) fn set_load(&mut self, load: Load) {
        self.load = load;
    }

    /// Returns true if front ends do not see the torrent: it is being added or removed.
    pub(crate) fn is_hidden(&self) -> bool {
        self.is_leaving() || matches!(self.load, Load::Adding)
    }

    /// Returns true if the torrent is being removed, also if an earlier process has begun that. Front ends do not see it.
    pub(crate) fn is_leaving(&self) -> bool {
        self.load.is_leaving() || self.record.is_deleting
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    pub(super) fn status(&self) -> Option<&TorrentStatus> {
        self.status.as_deref()
    }

    pub(super) fn shared_status(&self) -> Option<&Arc<TorrentStatus>> {
        self.status.as_ref()
    }

    pub(super) fn status_at(&self) -> Instant {
        self.status_at
    }

    pub(super) fn meta(&self) -> Option<&Arc<Metainfo>> {
        self.meta.as_ref()
    }

    pub(crate) fn set_meta(&mut self, meta: Arc<Metainfo>) {
        self.meta = Some(meta);
    }

    pub(super) fn set_status(&mut self, status: Option<Arc<TorrentStatus>>) {
        self.status = status;
        self.status_at = Instant::now();
    }

    /// Takes a status over. Returns true if it shows that something has happened, whose time is recorded.
    pub(super) fn learn_status(&mut self, status: Arc<TorrentStatus>, now_unix_s: u64) -> bool {
        let moved = |status: &TorrentStatus| {
            status.session_downloaded_bytes.saturating_add(status.session_uploaded_bytes)
        };
        let before = self.status.as_deref().map_or(0, moved);
        let times = &mut self.record.times;
        let is_active = moved(&status) > before;
        if is_active {
            times.active_unix_s = now_unix_s;
        }
        let is_seed = status.state == TorrentState::Seeding && status.left_bytes == 0;
        let is_complete = is_seed || status.seeds > 0;
        if is_complete {
            times.complete_unix_s = now_unix_s;
        }
        self.answered_unix_s = answered(self.status.as_deref(), &self.answered_unix_s, &status, now_unix_s);
        self.status = Some(status);
        self.status_at = Instant::now();
        is_active || is_complete
    }

    /// Returns the times of the last answers of the trackers in the status, in seconds since 1970.
    pub(super) fn answered_unix_s(&self) -> &[u64] {
        &self.answered_unix_s
    }

    /// State by the policy as of the last look.
    pub(super) fn decision(&self) -> Option<State> {
        self.seen.state
    }

    /// Position in the queue as of the last look, from 0.
    pub(super) fn position(&self) -> Option<usize> {
        self.seen.position
    }

    /// Goals by the policy as of the last look, from all levels.
    pub(super) fn goals(&self) -> Goals {
        self.seen.goals
    }

    /// Records a look. Returns true if it differs from the one before.
    pub(super) fn see(&mut self, now: Seen) -> bool {
        std::mem::replace(&mut self.seen, now) != now
    }
}

/// Returns the times of the last answers or failures of trackers, from those in the status before.
fn answered(old: Option<&TorrentStatus>, times: &[u64], new: &TorrentStatus, now_unix_s: u64) -> Vec<u64> {
    let before = |url: &str| {
        let trackers = old.map(|old| old.trackers.as_slice()).unwrap_or_default();
        trackers.iter().zip(times).find(|(tracker, _)| tracker.url == url)
    };
    let of = |tracker: &TrackerStatus| {
        let has_answer =
            matches!(tracker.state, TrackerState::Working | TrackerState::Failing | TrackerState::GaveUp);
        match before(&tracker.url) {
            Some((old, time)) => {
                // The next announce moves away only with an answer.
                let is_news = old.state != tracker.state
                    || old.fails != tracker.fails
                    || tracker.announces_in > old.announces_in;
                if has_answer && is_news { now_unix_s } else { *time }
            }
            None if has_answer => now_unix_s,
            None => 0,
        }
    };
    new.trackers.iter().map(of).collect()
}
