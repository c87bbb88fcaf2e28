//! Views of front ends: snapshots of the status, and events as they happen.
//!
//! The network thread publishes changes only. A front end makes its snapshot from the last one and the changes since.
//! Idle torrents cost neither of them anything.

use crate::events::{self, EventSender, EventSource, Events};
use crate::torrents::News;
pub use crate::torrents::{Change, Torrents};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ztor_engine::{DiskFault, TorrentEvent, TorrentId, TorrentStatus};

/// Status of all torrents at one moment. It never changes; take another one for news.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Torrents in order of their ids.
    pub torrents: Torrents,
}

impl Snapshot {
    /// Returns one torrent; `None` if it does not exist.
    pub fn torrent(&self, id: TorrentId) -> Option<&TorrentStatus> {
        self.torrents.get(id)
    }
}

impl Snapshot {
    /// Returns what has changed since an earlier snapshot of the same session, in order of the ids. Unchanged torrents
    /// cost next to nothing.
    pub fn changes_since<'a>(&'a self, earlier: &'a Snapshot) -> impl Iterator<Item = Change<'a>> {
        self.torrents.changes_since(&earlier.torrents)
    }
}

/// An event of a session. A snapshot taken after an event already shows it.
///
/// With the feature `serde`, it is an object with its name as `kind`, without the torrent's id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "kind", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SessionEvent {
    /// The check of the data on disk is done. [`TorrentEvent::Started`] follows with its result.
    Checked {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// Size of the pieces that were hashed, whether they matched or not, in bytes.
        hashed_bytes: u64,
        /// Size of the pieces that were trusted without hashing, in bytes: length and time of their files have not
        /// changed since an earlier run.
        believed_bytes: u64,
    },
    /// A disk fault has stopped a torrent, and the session will retry it. [`TorrentEvent::Stopped`] follows with the
    /// fault. [`TorrentHandle::retry`](crate::TorrentHandle::retry) retries at once.
    WillRetry {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// Pause before the retry, from 30 seconds to 10 minutes.
        #[cfg_attr(feature = "serde", serde(rename = "after_s", serialize_with = "as_seconds"))]
        after: Duration,
    },
    /// Another program has changed a file of a running torrent, or the file has gone bad on disk. It is checked again.
    /// If a piece is lost, a torrent that is not read-only stops with
    /// [`DiskFaultKind::Changed`](crate::DiskFaultKind::Changed).
    ChangedByOthers {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The fault, with the path of the file.
        fault: DiskFault,
    },
    /// The files of a torrent are in another folder, or have other names.
    FilesMoved {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The download folder.
        dir: PathBuf,
    },
    /// The files of a torrent could not be moved or renamed, and are where they were.
    NotMoved {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The fault.
        fault: DiskFault,
    },
    /// The resume data of a torrent could not be saved, and the save is retried. Until it succeeds, a restart checks
    /// the data again. The data itself is safe.
    NotSaved {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The fault.
        fault: DiskFault,
    },
    /// A peer of a magnet link is given by a name that could not be resolved.
    PeerNotFound {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The peer, as `host:port`.
        peer: String,
        /// Cause in plain words.
        message: String,
    },
    /// The interface that all sockets are bound to is gone, along with its connections, or is back.
    Interface {
        /// Name of the interface.
        name: String,
        /// True if it is back.
        is_there: bool,
    },
    /// The port mapping has changed: see [`Session::port_mapping`](crate::Session::port_mapping).
    PortMapping {
        /// Port at which others reach this machine; `None` if none is mapped.
        port: Option<u16>,
        /// State in plain words.
        message: String,
    },
    /// The proxy cannot be reached, and nothing goes through it, or it answers again.
    Proxy {
        /// Reason of the failure; `None` if the proxy answers again.
        problem: Option<String>,
    },
    /// An event of a torrent. [`TorrentEvent::Finished`] is reported once everything wanted is durable on disk.
    #[cfg_attr(feature = "serde", serde(untagged))]
    Torrent(TorrentEvent),
}

impl SessionEvent {
    /// Returns the torrent of the event; `None` if it concerns all.
    pub fn torrent(&self) -> Option<TorrentId> {
        match self {
            Self::Checked { torrent, .. }
            | Self::WillRetry { torrent, .. }
            | Self::ChangedByOthers { torrent, .. }
            | Self::FilesMoved { torrent, .. }
            | Self::NotMoved { torrent, .. }
            | Self::NotSaved { torrent, .. }
            | Self::PeerNotFound { torrent, .. } => Some(*torrent),
            Self::Interface { .. } | Self::PortMapping { .. } | Self::Proxy { .. } => None,
            Self::Torrent(event) => Some(event.torrent()),
        }
    }
}

#[cfg(feature = "serde")]
fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

/// Sender of the network thread.
pub(crate) struct Publisher {
    news: Arc<Mutex<News>>,
    events: EventSender,
}

/// Receiver of the front ends.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    /// Shared with the network thread, and so locked only briefly.
    news: Arc<Mutex<News>>,
    snapshot: Arc<Mutex<Arc<Snapshot>>>,
    events: EventSource,
}

pub(crate) fn channel() -> (Publisher, Viewer) {
    let news = Arc::new(Mutex::new(News::new()));
    let (sender, events) = events::channel();
    (Publisher { news: Arc::clone(&news), events: sender }, Viewer { news, snapshot: Arc::default(), events })
}

impl Publisher {
    /// Publishes changes since the last call; `None` for a removed torrent.
    pub(crate) fn publish(&self, changes: Vec<(TorrentId, Option<TorrentStatus>)>) {
        let changes = changes.into_iter().map(|(id, status)| (id, status.map(Arc::new)));
        self.news.lock().unwrap_or_else(PoisonError::into_inner).extend(changes);
    }

    pub(crate) fn emit(&self, event: SessionEvent) {
        match &event {
            // Too long for a log, and with passkeys in it.
            SessionEvent::Torrent(TorrentEvent::Metadata { torrent, .. }) => {
                tracing::debug!(?torrent, "received metadata");
            }
            event => tracing::debug!(?event),
        }
        self.events.send(event);
    }
}

impl Viewer {
    pub(crate) fn subscribe(&self) -> Events {
        self.events.subscribe()
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let mut snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        let news = std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner));
        if !news.is_empty() {
            Arc::make_mut(&mut snapshot).torrents.update(news);
        }
        Arc::clone(&snapshot)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ztor_engine::TorrentState;

    pub(crate) fn status(n: u64, have_bytes: u64) -> TorrentStatus {
        TorrentStatus {
            id: id(n),
            state: TorrentState::Seeding,
            have_bytes,
            left_bytes: 0,
            have_pieces: 0,
            down_per_s: 0,
            up_per_s: 0,
            downloaded_bytes: 0,
            uploaded_bytes: 0,
            session_downloaded_bytes: 0,
            session_uploaded_bytes: 0,
            wasted_bytes: 0,
            peers: 0,
            seeds: 0,
            known_peers: 0,
            partial_pieces: 0,
            active_for: Duration::ZERO,
            seeding_for: Duration::ZERO,
            idle_for: None,
            moving: None,
            trackers: Vec::new(),
        }
    }

    pub(crate) fn id(n: u64) -> TorrentId {
        TorrentId::from_u64((1 << 32) | n)
    }

    #[test]
    fn snapshot_after_changes_is_the_last_one_with_them_applied() {
        let (publisher, viewer) = channel();
        let tell =
            |n: u64, have: Option<u64>| publisher.publish(vec![(id(n), have.map(|have| status(n, have)))]);
        let seen = || {
            let all = viewer.snapshot();
            all.torrents.iter().for_each(|t| assert_eq!(all.torrent(t.id), Some(t)));
            all.torrents.iter().map(|t| (t.id.as_u64() as u32, t.have_bytes)).collect::<Vec<_>>()
        };
        assert!(viewer.snapshot().torrents.is_empty());
        for n in [5, 3, 7] {
            tell(n, Some(0));
        }
        let before = viewer.snapshot();
        assert_eq!(seen(), [(3, 0), (5, 0), (7, 0)]);
        tell(5, Some(1));
        tell(5, Some(2));
        tell(4, Some(1));
        tell(3, None);
        tell(9, Some(1));
        tell(9, None);
        assert_eq!(seen(), [(4, 1), (5, 2), (7, 0)]);
        assert_eq!(before.torrents.len(), 3, "a snapshot does not change");
        assert_eq!(viewer.snapshot().torrent(id(3)), None);
        assert!(Arc::ptr_eq(&viewer.snapshot(), &viewer.snapshot()), "nothing happened");
        let after = viewer.snapshot();
        let changes = after.changes_since(&before).map(|change| match change {
            Change::Status(status) => (status.id, true),
            Change::Gone(gone) => (gone, false),
        });
        assert_eq!(changes.collect::<Vec<_>>(), [(id(3), false), (id(4), true), (id(5), true)]);
        assert_eq!(after.changes_since(&after).next(), None);
        assert_eq!(Snapshot::default().changes_since(&after).count(), 3);
    }
}
