//! Messages of other threads to the network thread.

use crate::add::AddError;
use crate::bind::DeviceState;
use crate::claims::{Claim, Claims};
use crate::config::Settings;
use crate::disk::Relocated;
use crate::driver::Target;
use crate::file_status::FileStatus;
use crate::handle::{MetadataError, OpenError, OpenFile, PriorityError, RateLimits, RemoveError};
use crate::interfaces::Moved;
use crate::ledger::Ledger;
use crate::move_error::MoveError;
use crate::port_error::PortError;
use crate::presence::Seat;
use crate::proxy::ProxyStatus;
use crate::reply::Answer;
use crate::shares::FileLink;
use crate::statistics::TorrentStatistics;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use ztor_engine::{
    AddMagnet, AddTorrent, Author, BanStatus, Command, DiskEvent, DiskFault, DiskId, Event, FilterHits,
    IpFilter, LimitGroup, PeerKey, PeerStatus, PieceMap, Priority, RequestId, SendBlock, TorrentId, WebEvent,
    WebRequestId, WebSeedStatus, WebSource,
};
use ztor_metainfo::Metainfo;
use ztor_portmap::Status;
use ztor_storage::resume::Resume;
use ztor_storage::{DeletedFiles, FileSlice, Place, TorrentStore};
use ztor_wire::mse::KeyResult;

/// A message to the network thread.
pub(crate) enum NetEvent {
    /// An event for the engine.
    Engine(Event<'static>),
    /// An event of a request to a web seed.
    Web {
        id: WebRequestId,
        event: WebEvent,
    },
    /// The interface that all sockets are bound to has changed.
    Device(DeviceState),
    /// Addresses of this machine are gone, or other hosts see us at another one.
    Moved(Moved),
    /// The key arithmetic of an encrypted handshake is done.
    KeyResult {
        peer: PeerKey,
        result: KeyResult,
    },
    /// The bytes of a block are located, and can be sent without waiting for the disk.
    Located(BlockLocation),
    /// The bytes of a located block, which were evicted from memory, are back.
    Warmed {
        peer: PeerKey,
    },
    LocateFailed {
        peer: PeerKey,
        torrent: TorrentId,
        fault: DiskFault,
        is_ours: bool,
    },
    /// A verified piece does not match its hash any more, or cannot be read.
    Rehashed {
        torrent: TorrentId,
        piece: u32,
    },
    /// No thread of the disk has anything left of a torrent that has left it.
    LeftDisk {
        disk: DiskId,
    },
    Saved(Box<Saved>),
    /// The disk has changed which files are wanted.
    WantedSet {
        torrent: TorrentId,
        result: Result<(), DiskFault>,
    },
    /// Part of a torrent's files is copied to its new place.
    RelocationProgress {
        torrent: TorrentId,
        done: u64,
        total: u64,
    },
    /// Of the download folders below a mount point that were gone, these are back.
    FoldersFound {
        /// The mount point; `None` for the root file system.
        mount: Option<PathBuf>,
        dirs: HashSet<PathBuf>,
    },
    /// A move of a torrent's files has ended.
    Relocated {
        torrent: TorrentId,
        result: Result<Box<Relocated>, MoveError>,
    },
    /// Result of a lookup of the engine. Addresses that cannot be sent to are left out of its event.
    Resolved {
        id: RequestId,
        result: Result<Vec<IpAddr>, String>,
    },
    /// Result of a lookup of the proxy's host.
    ProxyResolved {
        /// Number of the attempt to reach the proxy.
        attempt: u64,
        result: Result<Vec<IpAddr>, String>,
    },
    /// The name of a peer could not be resolved.
    PeerNotFound {
        torrent: TorrentId,
        peer: String,
        message: String,
    },
    Add {
        request: Box<NewTorrent>,
        answer: Answer<TorrentId, AddError>,
    },
    AddMagnet {
        request: AddMagnet,
        /// Web seeds of the link.
        web_seeds: Vec<WebSource>,
        /// Peers to resolve, as `host:port`.
        names: Vec<String>,
        answer: Answer<TorrentId, AddError>,
    },
    StartTorrent {
        torrent: TorrentId,
        request: Box<NewTorrent>,
        answer: Answer<(), AddError>,
    },
    Command(Command),
    /// A command of a caller that waits until it is carried out.
    Do {
        command: Command,
        answer: Answer<()>,
    },
    Torrent {
        torrent: TorrentId,
        request: TorrentRequest,
    },
    Bans {
        answer: Answer<Vec<BanStatus>>,
    },
    LiftBan {
        author: Author,
        answer: Answer<()>,
    },
    SetFilter {
        filter: IpFilter,
        answer: Answer<()>,
    },
    FilterHits {
        answer: Answer<FilterHits>,
    },
    SetSettings {
        settings: Box<Settings>,
        answer: Answer<()>,
    },
    Proxy {
        answer: Answer<ProxyStatus>,
    },
    /// Listens on another port.
    SetPort {
        port: u16,
        answer: Answer<SocketAddr, PortError>,
    },
    /// The port mapping has changed.
    Mapped(Box<Status>),
    /// All mappings are removed, at the end of the session.
    MappingEnded,
    DhtStats {
        answer: Answer<Vec<ztor_dht::Stats>>,
    },
    Callers {
        answer: Answer<u64>,
    },
    Shutdown {
        /// Time limit for goodbyes to trackers; `None` waits until they are answered or have failed.
        goodbyes: Option<Duration>,
    },
}

/// A request to one torrent.
pub(crate) enum TorrentRequest {
    /// Answered once the metadata is known.
    Metadata(Answer<Arc<Metainfo>, MetadataError>),
    /// Answered once everything wanted is durable on disk.
    Finished(Answer<()>),
    Peers(Answer<Vec<PeerStatus>>),
    WebSeeds(Answer<Vec<WebSeedStatus>>),
    Files(Answer<Vec<FileStatus>>),
    Pieces(Answer<PieceMap>),
    Statistics(Answer<Option<TorrentStatistics>>),
    AddPeers {
        addrs: Vec<SocketAddr>,
        answer: Answer<()>,
    },
    SetLimits {
        limits: RateLimits,
        answer: Answer<()>,
    },
    SetGroup {
        group: Option<LimitGroup>,
        answer: Answer<()>,
    },
    SetPeerLimits {
        addr: SocketAddr,
        limits: RateLimits,
        answer: Answer<()>,
    },
    Pause(Answer<()>),
    Resume(Answer<()>),
    Retry(Answer<()>),
    Recheck(Answer<()>),
    Reannounce(Answer<()>),
    SetFilePriorities {
        priorities: Vec<Priority>,
        answer: Answer<(), PriorityError>,
    },
    SetSequential {
        sequential: bool,
        answer: Answer<()>,
    },
    SetEndsFirst {
        ends_first: bool,
        answer: Answer<()>,
    },
    SetSuperSeeding {
        super_seeding: bool,
        answer: Answer<()>,
    },
    SetTrackers {
        tiers: Vec<Vec<String>>,
        answer: Answer<()>,
    },
    SetWebSeeds {
        seeds: Vec<WebSource>,
        answer: Answer<()>,
    },
    Move {
        target: Target,
        answer: Answer<(), MoveError>,
    },
    MoveToTrash {
        dir: PathBuf,
        answer: Answer<(), MoveError>,
    },
    /// Answered with `None` for a magnet link that is not started.
    Place(Answer<Option<Place>>),
    OpenFile {
        file: usize,
        answer: Answer<Option<OpenFile>, OpenError>,
    },
    Remove(Answer<()>),
    RemoveWithData(Answer<DeletedFiles, RemoveError>),
}

/// A block to send, and the source of its bytes.
#[derive(Debug)]
pub(crate) struct BlockLocation {
    pub(crate) send: SendBlock,
    pub(crate) source: BlockSource,
}

/// Source of the bytes of a block.
#[derive(Debug)]
pub(crate) enum BlockSource {
    /// Ranges of open files.
    Files(Vec<FileSlice>),
    /// The bytes themselves.
    Bytes(Vec<u8>),
}

/// Result of a save.
pub(crate) struct Saved {
    pub(crate) torrent: TorrentId,
    /// Content of the resume file, if there is no error.
    pub(crate) resume: Arc<Resume>,
    pub(crate) error: Option<SaveError>,
}

/// Failure of a save.
#[derive(Debug, Clone)]
pub(crate) enum SaveError {
    /// Written data may be lost.
    Data(DiskFault),
    /// Another program has changed a file, so its content is unknown.
    Changed(DiskFault),
    /// The data is safe, but the resume data could not be written.
    ResumeData(DiskFault),
    /// The process is out of file descriptors or memory. Nothing is lost, and the save is still due.
    Exhausted,
}

/// A torrent with open files and loaded resume data.
pub(crate) struct NewTorrent {
    pub(crate) add: AddTorrent,
    /// Web seeds in place of those of the torrent.
    pub(crate) web_seeds: Option<Vec<WebSource>>,
    pub(crate) store: Arc<TorrentStore>,
    /// Number of the device that its folder is on.
    pub(crate) device: u64,
    pub(crate) resume: Option<Arc<Resume>>,
    /// Record of its resume data; `None` keeps none.
    pub(crate) ledger: Option<Arc<Ledger>>,
    /// Folder of the files once they are complete.
    pub(crate) home: PathBuf,
    /// Files in common with other torrents.
    pub(crate) links: Vec<FileLink>,
    pub(crate) seat: Arc<Seat>,
    pub(crate) claims: Arc<Claims>,
    pub(crate) claim: Arc<Claim>,
    /// Priority of each file; empty for normal ones.
    pub(crate) priorities: Vec<Priority>,
    /// True to create folders and empty files.
    pub(crate) prepare: bool,
    /// True to hash all existing data, whatever the resume data says.
    pub(crate) recheck: bool,
}

impl NetEvent {
    /// Creates an event of a torrent's disk.
    pub(crate) fn disk(torrent: TorrentId, event: DiskEvent) -> Self {
        Self::Engine(Event::Disk { torrent, event })
    }
}
