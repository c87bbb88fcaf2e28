//! Torrents to take up, and why one is refused.

use crate::claims::Shared;
use crate::reply::AskError;
use crate::setters::setters;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;
use ztor_engine::StartTorrentError;
use ztor_metainfo::{InfoHashes, Magnet, Metainfo};
use ztor_storage::{Allocation, StorageError};

/// Why a torrent was not taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AddError {
    /// The engine says no.
    #[error(transparent)]
    Engine(#[from] ztor_engine::AddError),
    /// It does not wait for a beginning.
    #[error(transparent)]
    Start(#[from] StartTorrentError),
    /// Its files cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Another torrent of the session has one of its files, and at least one of the two may write to it.
    #[error(
        "{} belongs to the torrent {name} ({info_hashes}) as well, and two torrents cannot write one file; give one of \
         them another folder",
        path.display()
    )]
    FileShared {
        /// The file.
        path: PathBuf,
        /// Name of the other torrent.
        name: String,
        /// Info-hashes of the other torrent.
        info_hashes: InfoHashes,
    },
    /// Some pieces have no hash to check them by: a v2 torrent without all its piece layers.
    #[error("the torrent file lacks the hashes of some pieces (`piece layers`)")]
    NoLayers,
    /// The request has no result. After [`AskError::TimedOut`] the torrent may still be added: its disk does not answer.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl From<Shared> for AddError {
    fn from(shared: Shared) -> Self {
        let Shared { path, other } = shared;
        Self::FileShared { path, name: other.name.clone(), info_hashes: other.info_hashes }
    }
}

/// A torrent to take up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AddTorrent {
    /// What it is.
    pub meta: Arc<Metainfo>,
    /// The folder that holds the torrent's file or folder.
    pub dir: PathBuf,
    /// Per file of the layout; `None` wants all.
    pub wanted: Option<Vec<bool>>,
    /// Fetch in order.
    pub sequential: bool,
    /// Addresses to try besides what trackers tell.
    pub peers: Vec<SocketAddr>,
    /// How files get their space.
    pub allocate: Allocation,
    /// Serve what is there and never write.
    pub read_only: bool,
    /// Write also over files that are there already and are not this torrent's. Without it such a file stops the torrent
    /// with [`DiskFaultKind::InTheWay`](crate::DiskFaultKind::InTheWay) before anything is written.
    pub overwrite: bool,
    /// Announce URLs in place of those of the torrent file, tier by tier; `None` takes those of the file.
    pub trackers: Option<Vec<Vec<String>>>,
    /// True if it begins paused: its data is checked, and then it waits for
    /// [`TorrentHandle::resume`](crate::TorrentHandle::resume).
    pub paused: bool,
    /// Hash all data that is there, and do not believe what an earlier run has remembered of it.
    pub recheck: bool,
}

impl AddMagnet {
    /// A magnet link and no more.
    pub fn new(magnet: Magnet) -> Self {
        Self { magnet, peers: Vec::new(), known: None }
    }
}

impl AddTorrent {
    /// All of `meta`, in `dir`, as most people want it.
    pub fn new(meta: Arc<Metainfo>, dir: impl Into<PathBuf>) -> Self {
        Self {
            meta,
            dir: dir.into(),
            wanted: None,
            sequential: false,
            peers: Vec::new(),
            allocate: Allocation::Sparse,
            read_only: false,
            overwrite: false,
            trackers: None,
            paused: false,
            recheck: false,
        }
    }
}

/// A magnet link to take up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AddMagnet {
    /// What is known of the torrent, and who may know more. Peers that are names are looked up meanwhile.
    pub magnet: Magnet,
    /// Addresses to try besides those.
    pub peers: Vec<SocketAddr>,
    /// The torrent itself, if only the piece layers of some files are missing (BEP 52): these are then asked for.
    pub known: Option<Arc<Metainfo>>,
}

setters!(AddTorrent {
    wanted: Option<Vec<bool>>,
    sequential: bool,
    peers: Vec<SocketAddr>,
    allocate: Allocation,
    read_only: bool,
    overwrite: bool,
    trackers: Option<Vec<Vec<String>>>,
    paused: bool,
    recheck: bool,
});

setters!(AddMagnet {
    peers: Vec<SocketAddr>,
    known: Option<Arc<Metainfo>>,
});
