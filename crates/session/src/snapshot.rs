//! What faces see: pictures at a steady beat, and events as they happen.

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use ztor_engine::{DiskFault, TorrentId, TorrentStatus};

/// Events that wait to be read; a face that does not read loses the newest, never the engine its time.
const MAX_WAITING: usize = 16 * 1024;

/// All torrents at a moment. Immutable; take the next one for news.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// In order of their ids.
    pub torrents: Vec<TorrentStatus>,
}

impl Snapshot {
    /// One torrent.
    pub fn torrent(&self, id: TorrentId) -> Option<&TorrentStatus> {
        self.torrents.iter().find(|t| t.id == id)
    }
}

/// What happened. A snapshot taken after an event shows it already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// The data on disk has been checked; the torrent is live.
    Started {
        /// Which.
        torrent: TorrentId,
        /// Nothing wanted is missing.
        finished: bool,
    },
    /// Everything wanted is here, verified, and safe on disk.
    Finished(TorrentId),
    /// A disk fault stopped the torrent.
    Stopped {
        /// Which.
        torrent: TorrentId,
        /// Why.
        fault: DiskFault,
    },
    /// What is known of the torrent could not be kept for the next start, which will check its data again. The
    /// data itself is safe.
    NotSaved {
        /// Which.
        torrent: TorrentId,
        /// Why.
        fault: DiskFault,
    },
    /// The torrent is gone from the session.
    Removed(TorrentId),
    /// A piece hashed wrong and will be fetched again.
    PieceFailed {
        /// Which torrent.
        torrent: TorrentId,
        /// Which piece.
        piece: u32,
    },
    /// A peer sent bad data and was banned.
    Banned {
        /// Which torrent.
        torrent: TorrentId,
        /// Who.
        addr: SocketAddr,
        /// Why.
        reason: String,
    },
    /// A tracker failed or warned.
    Tracker {
        /// Which torrent.
        torrent: TorrentId,
        /// The tracker, without passkeys.
        tracker: String,
        /// What it said or what went wrong.
        message: String,
        /// It failed, against a mere warning.
        is_error: bool,
    },
}

/// The net thread's end.
pub(crate) struct Publisher {
    picture: Arc<Mutex<Arc<Snapshot>>>,
    events: Sender<SessionEvent>,
}

/// The faces' end.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    picture: Arc<Mutex<Arc<Snapshot>>>,
    pub(crate) events: Receiver<SessionEvent>,
}

pub(crate) fn channel() -> (Publisher, Viewer) {
    let picture = Arc::new(Mutex::new(Arc::new(Snapshot::default())));
    let (sender, events) = bounded(MAX_WAITING);
    (Publisher { picture: Arc::clone(&picture), events: sender }, Viewer { picture, events })
}

impl Publisher {
    pub(crate) fn publish(&self, torrents: Vec<TorrentStatus>) {
        *self.picture.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Snapshot { torrents });
    }

    pub(crate) fn tell(&self, event: SessionEvent) {
        tracing::debug!(?event);
        if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
            tracing::warn!(?event, "nobody reads the events: this one is dropped");
        }
    }
}

impl Viewer {
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.picture.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
