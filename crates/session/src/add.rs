//! Torrents to add, and reasons that one is refused.

use crate::claims::Shared;
use crate::handle::RemoveError;
use crate::presence::Occupied;
use crate::reply::AskError;
use crate::setters::setters;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;
use ztor_engine::{Priority, StartTorrentError, WebSource};
use ztor_metainfo::{InfoHashes, Magnet, Metainfo};
use ztor_storage::{Allocation, FileNames, NameError, ShareFiles, StorageError};

/// Reason that a torrent was not added or not started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AddError {
    /// The engine refused it.
    #[error(transparent)]
    Engine(#[from] ztor_engine::AddError),
    /// The torrent is not waiting to be started, or is another one.
    #[error(transparent)]
    Start(#[from] StartTorrentError),
    /// The files cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Another torrent of the session uses one of the files, and at least one of the two may write to it.
    #[error(
        "cannot use {}: it belongs to the torrent {name} ({info_hashes}) as well; choose another folder for one of \
         them",
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
    /// Some pieces have no known hash: a v2 torrent without all its piece layers, which
    /// [`AddMagnet::known`](field@AddMagnet::known) fetches.
    #[error("the hashes of some pieces are missing (`piece layers`); fetch them from peers first")]
    NoLayers,
    /// The torrent was removed, and its disk has not completed what was under way.
    #[error("the torrent is still being removed; try again in a moment")]
    StillLeaving,
    /// The torrent was removed with its files when ztor ended. They are deleted now, and the torrent can be added again.
    #[error(
        "the torrent was being removed when ztor ended; its files are deleted now, and it can be added again"
    )]
    Removed,
    /// The torrent was removed with its files when ztor ended, and they cannot be deleted now.
    #[error(transparent)]
    Removal(RemoveError),
    /// The files cannot have the names in [`AddTorrent::names`](field@AddTorrent::names).
    #[error(transparent)]
    Name(#[from] NameError),
    /// The request failed. After [`AskError::TimedOut`], the torrent may still be added once its disk responds.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl From<Occupied> for AddError {
    fn from(occupied: Occupied) -> Self {
        match occupied {
            Occupied::ByMember => ztor_engine::AddError::Duplicate.into(),
            Occupied::ByLeaver => Self::StillLeaving,
        }
    }
}

impl From<Shared> for AddError {
    fn from(shared: Shared) -> Self {
        let Shared { path, other } = shared;
        Self::FileShared { path, name: other.name.clone(), info_hashes: other.info_hashes }
    }
}

/// A torrent to add.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AddTorrent {
    /// Metadata of the torrent.
    pub meta: Arc<Metainfo>,
    /// Download folder, which contains the file or the folder of the torrent. If the files were moved from there in an
    /// earlier session, they are used where they are ([`TorrentHandle::dir`](crate::TorrentHandle::dir)).
    pub dir: PathBuf,
    /// Folder of the files until all wanted pieces are durable; `None` for the download folder. Files that lie in the
    /// download folder already stay there.
    pub incomplete_dir: Option<PathBuf>,
    /// Paths of the files below the folder, and the suffix of incomplete ones. Files with resume data keep theirs.
    pub names: FileNames,
    /// Use of files that another torrent of the session has with the same content (BEP 52 `pieces root`, or the same v1
    /// pieces), if this torrent has none of its own yet. With hard links, incomplete files are shared as well between
    /// torrents with pieces of the same length: each piece is fetched once.
    pub share_files: ShareFiles,
    /// Priority of each file of the layout, pads included; `None` for normal ones.
    pub priorities: Option<Vec<Priority>>,
    /// True to fetch the pieces in order.
    pub sequential: bool,
    /// True to fetch the first and last pieces of each file before the others: the first and last hundredth of the file, at
    /// most 8 MiB each. For previews, and with [`sequential`](field@Self::sequential) to play a file while it downloads.
    pub ends_first: bool,
    /// Addresses of peers to connect to, in addition to those from trackers.
    pub peers: Vec<SocketAddr>,
    /// Allocation of disk space.
    pub allocate: Allocation,
    /// True to serve existing data and never write.
    pub read_only: bool,
    /// True to overwrite existing files that do not belong to the torrent. Otherwise such a file stops it with
    /// [`DiskFaultKind::InTheWay`](crate::DiskFaultKind::InTheWay) before anything is written.
    pub overwrite: bool,
    /// Announce URLs in place of those of the torrent file, tier by tier; `None` takes those of the file.
    pub trackers: Option<Vec<Vec<String>>>,
    /// True for super-seeding (BEP 16): while this is the only seed, peers are shown a few pieces at a time, so that the
    /// first copy costs little upload. Without effect unless all data is there at the start.
    pub super_seeding: bool,
    /// Web seeds in place of those of the torrent; `None` takes those of the torrent file, or of the magnet link.
    pub web_seeds: Option<Vec<WebSource>>,
    /// True if it begins paused: its data is checked, and then it waits for
    /// [`TorrentHandle::resume`](crate::TorrentHandle::resume).
    pub paused: bool,
    /// True to hash all existing data, whatever the resume data says.
    pub recheck: bool,
}

impl AddMagnet {
    /// Creates a request for a magnet link, without further peers.
    pub fn new(magnet: Magnet) -> Self {
        Self { magnet, peers: Vec::new(), known: None, paused: false }
    }
}

impl AddTorrent {
    /// Creates a request for all files of `meta` in `dir`, with default options.
    pub fn new(meta: Arc<Metainfo>, dir: impl Into<PathBuf>) -> Self {
        Self {
            meta,
            dir: dir.into(),
            incomplete_dir: None,
            names: FileNames::default(),
            share_files: ShareFiles::No,
            priorities: None,
            sequential: false,
            ends_first: false,
            peers: Vec::new(),
            allocate: Allocation::Sparse,
            read_only: false,
            overwrite: false,
            trackers: None,
            super_seeding: false,
            web_seeds: None,
            paused: false,
            recheck: false,
        }
    }
}

impl AddTorrent {
    /// Skips the files that are not wanted, one entry per file of the layout; `None` wants all. Sets
    /// [`priorities`](field@Self::priorities).
    #[must_use]
    pub fn wanted(self, wanted: Option<Vec<bool>>) -> Self {
        let of_file = |wanted: bool| if wanted { Priority::Normal } else { Priority::Skip };
        self.priorities(wanted.map(|wanted| wanted.into_iter().map(of_file).collect()))
    }
}

/// A magnet link to add.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AddMagnet {
    /// The link. Peers in it that are host names are resolved in the background.
    pub magnet: Magnet,
    /// Addresses of peers to connect to, in addition to those of the link.
    pub peers: Vec<SocketAddr>,
    /// Metadata, if only the piece layers of some files are missing (BEP 52), which peers are then asked for. Its
    /// trackers come before those of the link.
    pub known: Option<Arc<Metainfo>>,
    /// True if it begins paused: nobody is asked for anything before
    /// [`TorrentHandle::resume`](crate::TorrentHandle::resume).
    pub paused: bool,
}

setters!(AddTorrent {
    incomplete_dir: Option<PathBuf>,
    names: FileNames,
    share_files: ShareFiles,
    priorities: Option<Vec<Priority>>,
    sequential: bool,
    ends_first: bool,
    peers: Vec<SocketAddr>,
    allocate: Allocation,
    read_only: bool,
    overwrite: bool,
    trackers: Option<Vec<Vec<String>>>,
    super_seeding: bool,
    web_seeds: Option<Vec<WebSource>>,
    paused: bool,
    recheck: bool,
});

setters!(AddMagnet {
    peers: Vec<SocketAddr>,
    known: Option<Arc<Metainfo>>,
    paused: bool,
});
