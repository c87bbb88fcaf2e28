//! Handles of torrents.

use crate::add::{AddError, AddTorrent};
use crate::driver::Target;
use crate::file_status::FileStatus;
use crate::inbox::Inbox;
use crate::message::{NetEvent, TorrentRequest};
use crate::move_error::MoveError;
use crate::opener::Opener;
use crate::reply::{Answer, AskError, Reply, reply};
use crate::snapshot::Viewer;
use crate::statistics::TorrentStatistics;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;
use ztor_engine::{
    DiskFault, LimitGroup, PeerStatus, PieceMap, Priority, TorrentId, TorrentStatus, WebSeedStatus, WebSource,
};
use ztor_metainfo::{BulkError, Metainfo};
use ztor_storage::DeletedFiles;

/// State shared by the session and the handles of its torrents.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) inbox: Arc<Inbox<NetEvent>>,
    pub(crate) viewer: Viewer,
    pub(crate) opener: Opener,
}

/// Handle of a torrent in a running session. Clones are handles of the same torrent; dropping them has no effect.
///
/// Requests fail with [`AskError::NoTorrent`] after the torrent was removed, and with [`AskError::Ended`] after the end
/// of the session.
#[derive(Clone)]
pub struct TorrentHandle {
    link: Arc<Link>,
    id: TorrentId,
}

/// Rate limits in bytes per second; `None` means no limit, and 0 stops the transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimits {
    /// Limit for piece data from peers.
    pub down: Option<u64>,
    /// Limit for piece data to peers.
    pub up: Option<u64>,
}

/// Reason why the data of a torrent could not be deleted. The torrent is removed all the same, unless the error is of the
/// request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// The disk failed, or the torrent is [read-only](AddTorrent::read_only). Some files may be deleted.
    #[error("cannot delete the data of the torrent: {}", .0.message)]
    Disk(DiskFault),
    /// The request has no result.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// Reason why the priorities of files cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PriorityError {
    /// The number of priorities is not that of the torrent's files, pads included.
    #[error("cannot set priorities: found {found}, and the torrent has {expected} files")]
    WrongFileCount {
        /// Number of files of the torrent.
        expected: usize,
        /// Number of priorities.
        found: usize,
    },
    /// The torrent is a magnet link that is not started.
    #[error("cannot set priorities: the torrent is not started")]
    NotStarted,
    /// Bytes cannot be moved between the part file and the files. The priorities are as before.
    #[error("cannot set priorities: {}", .0.message)]
    Disk(DiskFault),
    /// The request has no result.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// Reason that metadata is not available.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The metadata has arrived and matches the info-hash, but is unusable, for this reason in plain words.
    #[error("the metadata is unusable: {0}")]
    Unusable(String),
    /// The metadata was [kept elsewhere](Metainfo::with_source), and cannot be loaded.
    #[error(transparent)]
    Bulk(#[from] BulkError),
    /// The request failed.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// A complete file that was opened for reading.
#[derive(Debug)]
pub struct OpenFile {
    /// The file.
    pub file: std::fs::File,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its path below the download folder.
    pub path: PathBuf,
}

/// Reason why a file cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The disk has an error, or another program has changed the file.
    #[error("{}", .0.message)]
    Disk(DiskFault),
    /// The request failed.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl TorrentHandle {
    pub(crate) fn new(link: &Arc<Link>, id: TorrentId) -> Self {
        Self { link: Arc::clone(link), id }
    }

    /// Returns the id of the torrent within its session. Ids are not reused.
    pub fn id(&self) -> TorrentId {
        self.id
    }

    /// Returns the status as of the latest [snapshot](crate::Session::snapshot); `None` after the torrent was removed.
    pub fn status(&self) -> Option<TorrentStatus> {
        self.link.viewer.snapshot().torrent(self.id).cloned()
    }

    /// Returns the metadata once it is known: at once for a torrent file, and after peers have sent it for a magnet
    /// link. [`Reply::wait`] has no time limit here.
    pub fn metadata(&self) -> Reply<Arc<Metainfo>, MetadataError> {
        self.ask(TorrentRequest::Metadata).without_limit()
    }

    /// Starts a magnet link whose metadata has arrived. It is then like a torrent that was
    /// [added](crate::Session::add). `add.meta` must be the metadata that [`metadata`](Self::metadata) has returned.
    pub fn start(&self, add: AddTorrent) -> Reply<(), AddError> {
        let (answer, reply) = reply();
        let torrent = self.id;
        let message = move |request, answer| NetEvent::StartTorrent { torrent, request, answer };
        self.link.opener.open(add, answer, message);
        reply
    }

    /// Waits until no wanted piece is missing, and downloaded ones are durable on disk. A disk fault does not end the
    /// wait; events report it. [`Reply::wait`] has no time limit here.
    pub fn finished(&self) -> Reply<()> {
        self.ask(TorrentRequest::Finished).without_limit()
    }

    /// Returns the status of the peers past the handshake.
    pub fn peers(&self) -> Reply<Vec<PeerStatus>> {
        self.ask(TorrentRequest::Peers)
    }

    /// Returns the status of the files, in the order of the layout, pads included. Empty while the metadata is unknown.
    pub fn files(&self) -> Reply<Vec<FileStatus>> {
        self.ask(TorrentRequest::Files)
    }

    /// Returns the pieces in detail: those that are present, those in progress, and how many peers have each.
    ///
    /// ```no_run
    /// # async fn show(torrent: ztor_session::TorrentHandle) -> Result<(), ztor_session::AskError> {
    /// let map = torrent.pieces().await?;
    /// let rare = map.availability().iter().filter(|peers| **peers == 0).count();
    /// println!("{} of {} pieces are here; {rare} are at no peer", map.have.count(), map.have.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn pieces(&self) -> Reply<PieceMap> {
        self.ask(TorrentRequest::Pieces)
    }

    /// Returns the statistics of the torrent over all sessions; `None` before a magnet link is started.
    pub fn statistics(&self) -> Reply<Option<TorrentStatistics>> {
        self.ask(TorrentRequest::Statistics)
    }

    /// Adds addresses of peers to connect to.
    pub fn add_peers(&self, addrs: impl Into<Vec<SocketAddr>>) -> Reply<()> {
        let addrs = addrs.into();
        self.ask(|answer| TorrentRequest::AddPeers { addrs, answer })
    }

    /// Sets the rate limits of the torrent. Those over all torrents also apply.
    pub fn set_limits(&self, limits: RateLimits) -> Reply<()> {
        self.ask(|answer| TorrentRequest::SetLimits { limits, answer })
    }

    /// Puts the torrent into a group, whose limits also apply ([`Session::set_group_limits`](crate::Session::set_group_limits));
    /// `None` takes it out.
    pub fn set_group(&self, group: Option<LimitGroup>) -> Reply<()> {
        self.ask(|answer| TorrentRequest::SetGroup { group, answer })
    }

    /// Sets the rate limits of the connection with one address, which end with it. All others also apply.
    pub fn set_peer_limits(&self, addr: SocketAddr, limits: RateLimits) -> Reply<()> {
        self.ask(|answer| TorrentRequest::SetPeerLimits { addr, limits, answer })
    }

    /// Pauses the torrent: its connections are closed, its trackers get `stopped`, and no peers are looked for. Pieces in
    /// progress are kept. A check of its data goes on. Does nothing if it is paused.
    ///
    /// A pause ends with the session: [`AddTorrent::paused`] begins the next one.
    pub fn pause(&self) -> Reply<()> {
        self.ask(TorrentRequest::Pause)
    }

    /// Ends a pause. Does nothing if the torrent is not paused. A torrent that a fault of its disk has stopped is checked
    /// first.
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

    /// Replaces the priorities of the files, one for each file of the layout, pads included. A piece has the highest priority
    /// of its files. Files that are skipped and were not created yet are not created; what neighbouring pieces bring of them
    /// goes to a part file. Existing files stay.
    ///
    /// The change ends with the session: [`AddTorrent::priorities`] begins the next one.
    pub fn set_file_priorities(&self, priorities: impl Into<Vec<Priority>>) -> Reply<(), PriorityError> {
        let priorities = priorities.into();
        self.ask(|answer| TorrentRequest::SetFilePriorities { priorities, answer })
    }

    /// Fetches the pieces in order, or the rare ones first.
    pub fn set_sequential(&self, sequential: bool) -> Reply<()> {
        self.ask(|answer| TorrentRequest::SetSequential { sequential, answer })
    }

    /// Fetches the [ends of files](field@AddTorrent::ends_first) before other pieces, or like them.
    pub fn set_ends_first(&self, ends_first: bool) -> Reply<()> {
        self.ask(|answer| TorrentRequest::SetEndsFirst { ends_first, answer })
    }

    /// Hides pieces from peers while this is the only seed ([super-seeding](field@AddTorrent::super_seeding)), or shows all.
    /// If it begins, connections are closed, as their peers know the pieces.
    pub fn set_super_seeding(&self, super_seeding: bool) -> Reply<()> {
        self.ask(|answer| TorrentRequest::SetSuperSeeding { super_seeding, answer })
    }

    /// Replaces the trackers, tier by tier (BEP 12). Blank and repeated URLs are left out. Trackers that stay go on with their
    /// intervals; those that are gone get `stopped`.
    ///
    /// The change ends with the session: [`AddTorrent::trackers`] begins the next one.
    pub fn set_trackers(&self, tiers: Vec<Vec<String>>) -> Reply<()> {
        self.ask(|answer| TorrentRequest::SetTrackers { tiers, answer })
    }

    /// Returns the web seeds, in the order in which they are asked.
    pub fn web_seeds(&self) -> Reply<Vec<WebSeedStatus>> {
        self.ask(TorrentRequest::WebSeeds)
    }

    /// Replaces the web seeds, at most 64. Those that stay keep their state.
    ///
    /// The change ends with the session: [`AddTorrent::web_seeds`] begins the next one.
    pub fn set_web_seeds(&self, seeds: Vec<WebSource>) -> Reply<()> {
        self.ask(|answer| TorrentRequest::SetWebSeeds { seeds, answer })
    }

    /// Moves the files to another download folder, also to another file system. The torrent goes on meanwhile: files are
    /// copied as they are, and what is written during the copy is copied after it. [`TorrentStatus::moving`] shows the
    /// progress. The reply comes when all files are in the new folder and that is recorded; it has no time limit.
    ///
    /// Until then the old files stay, and an error leaves them in use, except [`MoveError::Torn`]. After a crash at any time
    /// the next session finds all files in one of the two folders, from either. A file that another program changes during
    /// the copy is an error. Files of others in the folder stay, and no file in the
    /// new one is overwritten. Waits for a check of the data. Files that have a folder for incomplete ones
    /// ([`AddTorrent::incomplete_dir`]) stay there until they are complete.
    ///
    /// [`TorrentStatus::moving`]: field@TorrentStatus::moving
    /// [`AddTorrent::incomplete_dir`]: field@AddTorrent::incomplete_dir
    pub fn move_to(&self, dir: impl Into<PathBuf>) -> Reply<(), MoveError> {
        let dir = dir.into();
        let target = Target::Folder(std::path::absolute(&dir).unwrap_or(dir));
        self.ask(|answer| TorrentRequest::Move { target, answer }).without_limit()
    }

    /// Moves incomplete files to another folder for them, or to the download folder, which stays the same. Makes the same
    /// promises as [`move_to`](Self::move_to). The next session must be told of the folder
    /// ([`AddTorrent::incomplete_dir`]), best before the move.
    ///
    /// [`AddTorrent::incomplete_dir`]: field@AddTorrent::incomplete_dir
    pub fn move_incomplete_to(&self, dir: impl Into<PathBuf>) -> Reply<(), MoveError> {
        let dir = dir.into();
        let target = Target::Away(std::path::absolute(&dir).unwrap_or(dir));
        self.ask(|answer| TorrentRequest::Move { target, answer }).without_limit()
    }

    /// Gives a file another path below the download folder. `file` is its index in the layout. Makes the same promises as
    /// [`move_to`](Self::move_to). The torrent itself does not change: other clients do not see the name.
    pub fn rename_file(&self, file: usize, path: impl Into<PathBuf>) -> Reply<(), MoveError> {
        let target = Target::RenameFile { file, path: path.into() };
        self.ask(|answer| TorrentRequest::Move { target, answer }).without_limit()
    }

    /// Gives a folder another path below the download folder, with all files in it. Makes the same promises as
    /// [`move_to`](Self::move_to).
    pub fn rename_folder(&self, from: impl Into<PathBuf>, to: impl Into<PathBuf>) -> Reply<(), MoveError> {
        let target = Target::RenameFolder { from: from.into(), to: to.into() };
        self.ask(|answer| TorrentRequest::Move { target, answer }).without_limit()
    }

    /// Returns the download folder, in which the files are or to which they go once they are complete; `None` for a magnet link
    /// that is not started.
    pub fn dir(&self) -> Reply<Option<PathBuf>> {
        self.ask(TorrentRequest::Place).map(|place| place.map(|place| place.dir))
    }

    /// Opens a complete file for reading. `None` if the file is not complete, or is not on disk as a file of its own.
    pub fn open_file(&self, file: usize) -> Reply<Option<OpenFile>, OpenError> {
        self.ask(|answer| TorrentRequest::OpenFile { file, answer })
    }

    /// Returns the content of the torrent file, with the trackers of the torrent file and the piece layers that are known.
    /// Waits for the metadata of a magnet link, without a time limit, and for a disk if the metadata was
    /// [kept elsewhere](Metainfo::with_source).
    pub fn export(&self) -> Reply<Vec<u8>, MetadataError> {
        self.metadata().and_then(|meta| Ok(meta.to_bytes()?))
    }

    /// Starts at once a torrent that a disk fault has stopped, beginning with a check of its files. No effect on other
    /// torrents. After some faults, the session [retries by itself](crate::SessionEvent::WillRetry).
    pub fn retry(&self) -> Reply<()> {
        self.ask(TorrentRequest::Retry)
    }

    /// Removes the torrent; its files stay. [`TorrentEvent::Removed`](crate::TorrentEvent::Removed) is reported at once. The
    /// reply comes when nothing writes to its files any more, and its last save is done. Goodbyes to its trackers continue
    /// in the background.
    pub fn remove(&self) -> Reply<()> {
        self.ask(TorrentRequest::Remove)
    }

    /// Removes the torrent, and deletes its files, its part file, its resume data and the folders that are empty afterwards.
    /// The reply comes when that is done.
    ///
    /// Files that are not known to be the torrent's stay: those that were there before it and have not passed its check
    /// ([`DeletedFiles::left`](crate::DeletedFiles::left)). After a crash, adding the torrent again completes the removal
    /// ([`AddError::Removed`](crate::AddError::Removed)); files that were changed or put back since stay. Files of a
    /// read-only torrent stay, which is an error.
    pub fn remove_with_data(&self) -> Reply<DeletedFiles, RemoveError> {
        self.ask(TorrentRequest::RemoveWithData).without_limit()
    }

    /// Moves the files to a folder, and then removes the torrent and its resume data. If something is in the way there, the
    /// files go to a new numbered folder in it. Makes the same promises as [`move_to`](Self::move_to): after an error the
    /// torrent goes on in its old folder.
    pub fn remove_to_trash(&self, trash: impl Into<PathBuf>) -> Reply<(), MoveError> {
        let dir = trash.into();
        let dir = std::path::absolute(&dir).unwrap_or(dir);
        self.ask(|answer| TorrentRequest::MoveToTrash { dir, answer }).without_limit()
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
