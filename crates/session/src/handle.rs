//! Handles of torrents.

use crate::add::{AddError, AddTorrent};
use crate::inbox::Inbox;
use crate::message::{NetEvent, TorrentRequest};
use crate::opener::Opener;
use crate::reply::{Answer, AskError, Reply, reply};
use crate::snapshot::Viewer;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use ztor_engine::{PeerStatus, TorrentId, TorrentStatus};
use ztor_metainfo::Metainfo;

/// What the session and the handles of its torrents share.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) inbox: Arc<Inbox<NetEvent>>,
    pub(crate) viewer: Viewer,
    pub(crate) opener: Opener,
}

/// A torrent of a running session. Clones are handles of the same torrent; dropping them changes nothing.
///
/// After the torrent was removed, requests fail with [`AskError::NoTorrent`]; after the end of the session, with
/// [`AskError::Ended`].
#[derive(Clone)]
pub struct TorrentHandle {
    link: Arc<Link>,
    id: TorrentId,
}

/// Rate limits in bytes per second; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimits {
    /// Piece data from peers.
    pub down: Option<u64>,
    /// Piece data to peers.
    pub up: Option<u64>,
}

/// Reason why the metadata of a magnet link cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// It has arrived, matches its hash, and is no usable torrent.
    #[error("the metadata is no usable torrent: {0}")]
    Unusable(String),
    /// The request has no result.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl TorrentHandle {
    pub(crate) fn new(link: &Arc<Link>, id: TorrentId) -> Self {
        Self { link: Arc::clone(link), id }
    }

    /// Id of the torrent within its session. An id is not used twice.
    pub fn id(&self) -> TorrentId {
        self.id
    }

    /// Returns the status as of the latest [snapshot](crate::Session::snapshot); `None` after the torrent was removed.
    pub fn status(&self) -> Option<TorrentStatus> {
        self.link.viewer.snapshot().torrent(self.id).cloned()
    }

    /// Returns the metainfo, once it is known: at once for a torrent file, and for a magnet link as soon as peers have sent
    /// it. Blocking for it has no time limit but that of [`Reply::wait_for`].
    pub fn metadata(&self) -> Reply<Arc<Metainfo>, MetadataError> {
        self.ask(TorrentRequest::Metadata).without_limit()
    }

    /// Starts a magnet link whose metadata has arrived. From then on it is like a torrent that was
    /// [added](crate::Session::add). `add.meta` must be what [`metadata`](Self::metadata) has returned.
    pub fn start(&self, add: AddTorrent) -> Reply<(), AddError> {
        let (answer, reply) = reply();
        let torrent = self.id;
        let message = move |request, answer| NetEvent::StartTorrent { torrent, request, answer };
        self.link.opener.open(add, answer, message);
        reply
    }

    /// Waits until everything wanted is safe on disk. A fault of the disk does not end the wait, as the session tries again
    /// by itself; events tell of it. Blocking for it has no time limit but that of [`Reply::wait_for`].
    pub fn finished(&self) -> Reply<()> {
        self.ask(TorrentRequest::Finished).without_limit()
    }

    /// Returns the live peers.
    pub fn peers(&self) -> Reply<Vec<PeerStatus>> {
        self.ask(TorrentRequest::Peers)
    }

    /// Adds addresses of peers to call.
    pub fn add_peers(&self, addrs: impl Into<Vec<SocketAddr>>) -> Reply<()> {
        let addrs = addrs.into();
        self.ask(|answer| TorrentRequest::AddPeers { addrs, answer })
    }

    /// Limits the torrent's rates, beside the limits over all torrents.
    pub fn set_limits(&self, limits: RateLimits) -> Reply<()> {
        self.ask(|answer| TorrentRequest::SetLimits { limits, answer })
    }

    /// Pauses the torrent: its connections are closed, its trackers get `stopped`, and no peers are looked for. Pieces in
    /// progress are kept. A check of its data goes on. Does nothing if it is paused.
    ///
    /// A pause ends with the session: [`AddTorrent::paused`] begins the next one.
    pub fn pause(&self) -> Reply<()> {
        self.ask(TorrentRequest::Pause)
    }

    /// Ends a pause. Does nothing if the torrent is not paused.
    pub fn resume(&self) -> Reply<()> {
        self.ask(TorrentRequest::Resume)
    }

    /// Hashes all data that is on disk, whatever is known of it. The torrent's connections are closed; it goes on when the
    /// check is done ([`TorrentEvent::Started`](crate::TorrentEvent::Started)). Does nothing before its first check is done.
    pub fn recheck(&self) -> Reply<()> {
        self.ask(TorrentRequest::Recheck)
    }

    /// Announces the torrent now to its trackers, as far as their minimum intervals allow, to the DHT and to the local
    /// network. Does nothing while it is paused or checked.
    pub fn reannounce(&self) -> Reply<()> {
        self.ask(TorrentRequest::Reannounce)
    }

    /// Replaces the trackers, tier by tier (BEP 12). Blank and repeated URLs are left out. Trackers that stay go on with their
    /// intervals; those that are gone get `stopped`.
    ///
    /// The change ends with the session: [`AddTorrent::trackers`] begins the next one.
    pub fn set_trackers(&self, tiers: Vec<Vec<String>>) -> Reply<()> {
        self.ask(|answer| TorrentRequest::SetTrackers { tiers, answer })
    }

    /// Tries a torrent at once that a disk fault has stopped, beginning with a check of what is on disk. The session does so
    /// by itself after a pause.
    pub fn retry(&self) -> Reply<()> {
        self.ask(TorrentRequest::Retry)
    }

    /// Removes the torrent; its files stay. The reply comes when the removal has begun.
    /// [`TorrentEvent::Removed`](crate::TorrentEvent::Removed) follows when trackers know and everything is saved.
    pub fn remove(&self) -> Reply<()> {
        self.ask(TorrentRequest::Remove)
    }

    fn ask<T: Send + 'static, E: From<AskError> + Send + 'static>(
        &self,
        request: impl FnOnce(Answer<T, E>) -> TorrentRequest,
    ) -> Reply<T, E> {
        let (answer, reply) = reply();
        self.link.inbox.push(NetEvent::Torrent { torrent: self.id, request: request(answer) });
        reply
    }
}

impl fmt::Debug for TorrentHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TorrentHandle").field(&self.id).finish()
    }
}

impl PartialEq for TorrentHandle {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && Arc::ptr_eq(&self.link, &other.link)
    }
}

impl Eq for TorrentHandle {}
