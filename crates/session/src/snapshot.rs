//! The view of front ends: snapshots at a steady rate, and events as they happen.
//!
//! The net thread publishes changes only. A front end that looks makes its snapshot out of the last one and the changes
//! since. A torrent that rests costs neither of them anything.

use crate::events::{self, EventSender, EventSource, Events};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ztor_engine::{DiskFault, TorrentEvent, TorrentId, TorrentStatus};

/// All torrents at a moment. Immutable; take the next one for news.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// In order of their ids.
    pub torrents: Torrents,
}

/// The torrents of a [`Snapshot`], which shares those that did not change with the one before.
#[derive(Debug, Clone, Default)]
pub struct Torrents(Vec<Arc<TorrentStatus>>);

impl Snapshot {
    /// One torrent.
    pub fn torrent(&self, id: TorrentId) -> Option<&TorrentStatus> {
        let at = self.torrents.0.binary_search_by_key(&id, |t| t.id).ok()?;
        Some(&self.torrents.0[at])
    }
}

impl Torrents {
    /// In order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &TorrentStatus> + DoubleEndedIterator + Clone {
        self.0.iter().map(|status| &**status)
    }

    /// Number of torrents.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn update(&mut self, news: News) {
        let (mut left, mut joined) = (BTreeSet::new(), Vec::new());
        for (id, status) in news {
            match (self.0.binary_search_by_key(&id, |t| t.id), status) {
                (Ok(at), Some(status)) => self.0[at] = status,
                (Err(_), Some(status)) => joined.push(status),
                (Ok(_), None) => drop(left.insert(id)),
                (Err(_), None) => {}
            }
        }
        if !left.is_empty() {
            self.0.retain(|t| !left.contains(&t.id));
        }
        if !joined.is_empty() {
            self.0.append(&mut joined);
            // Two runs in order, which this sort joins in one go.
            self.0.sort_by_key(|t| t.id);
        }
    }
}

/// Changes since the last snapshot; `None` for a torrent that is gone. Bounded by the torrents there were.
type News = BTreeMap<TorrentId, Option<Arc<TorrentStatus>>>;

/// Something that happened. A snapshot taken after an event shows it already.
///
/// With the feature `serde` it is an object with its name as `kind`, without the torrent's id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "kind", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SessionEvent {
    /// The check of the data on disk is done. [`TorrentEvent::Started`] follows, and says what is there.
    Checked {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// Bytes of the pieces that were compared with their hashes, right or not.
        hashed_bytes: u64,
        /// Bytes of the pieces that are believed to be as an earlier run has left them, because length and time of
        /// their files have not changed since.
        believed_bytes: u64,
    },
    /// A disk fault has stopped a torrent, which is tried again by itself. [`TorrentEvent::Stopped`] follows with the
    /// fault; [`TorrentHandle::retry`](crate::TorrentHandle::retry) tries at once.
    WillRetry {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The pause, from 30 seconds to 10 minutes.
        #[cfg_attr(feature = "serde", serde(rename = "after_s", serialize_with = "as_seconds"))]
        after: Duration,
    },
    /// A file of a running torrent was changed by another program or has gone bad on its disk. It is checked again. The torrent stops with
    /// [`DiskFaultKind::Changed`](crate::DiskFaultKind::Changed) if it writes to its files and what it had is not there
    /// any more.
    ChangedByOthers {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The file, in words.
        fault: DiskFault,
    },
    /// The resume data of a torrent could not be saved: the next start will check its data again. The data itself is
    /// safe.
    NotSaved {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The cause.
        fault: DiskFault,
    },
    /// The name of a peer that a magnet link gives was not found.
    PeerNotFound {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The peer, as `host:port`.
        peer: String,
        /// The cause, in plain words.
        message: String,
    },
    /// The interface that everything is bound to is gone, with all its connections; or it is back.
    Interface {
        /// Name of the interface.
        name: String,
        /// It is back.
        is_there: bool,
    },
    /// An event of a torrent's transfer. [`TorrentEvent::Finished`] comes once everything wanted is safe on disk.
    #[cfg_attr(feature = "serde", serde(untagged))]
    Torrent(TorrentEvent),
}

impl SessionEvent {
    /// Returns the torrent that it happened to; `None` if it concerns all.
    pub fn torrent(&self) -> Option<TorrentId> {
        match self {
            Self::Checked { torrent, .. }
            | Self::WillRetry { torrent, .. }
            | Self::ChangedByOthers { torrent, .. }
            | Self::NotSaved { torrent, .. }
            | Self::PeerNotFound { torrent, .. } => Some(*torrent),
            Self::Interface { .. } => None,
            Self::Torrent(event) => Some(event.torrent()),
        }
    }
}

#[cfg(feature = "serde")]
fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

/// The net thread's end.
pub(crate) struct Publisher {
    news: Arc<Mutex<News>>,
    events: EventSender,
}

/// The front ends' end.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    /// Held by the net thread too, so never for long.
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
    /// Publishes the changes since the last call; `None` for a torrent that is gone.
    pub(crate) fn publish(&self, changes: Vec<(TorrentId, Option<TorrentStatus>)>) {
        let changes = changes.into_iter().map(|(id, status)| (id, status.map(Arc::new)));
        self.news.lock().unwrap_or_else(PoisonError::into_inner).extend(changes);
    }

    pub(crate) fn emit(&self, event: SessionEvent) {
        match &event {
            // Too much for a log, and with passkeys in it.
            SessionEvent::Torrent(TorrentEvent::Metadata { torrent, .. }) => {
                tracing::debug!(?torrent, "metadata");
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
mod tests {
    use super::*;
    use ztor_engine::TorrentState;

    fn status(n: u64, have_bytes: u64) -> TorrentStatus {
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
            trackers: Vec::new(),
        }
    }

    fn id(n: u64) -> TorrentId {
        TorrentId::from_u64((1 << 32) | n)
    }

    #[test]
    fn a_snapshot_is_the_last_one_and_the_news() {
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
    }
}
