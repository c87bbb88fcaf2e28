//! Messages of other threads to the net thread.

use crate::add::AddError;
use crate::bind::DeviceState;
use crate::handle::{MetadataError, RateLimits};
use crate::interfaces::Moved;
use crate::reply::Answer;
use crate::resume_store::Record;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use ztor_engine::{
    AddMagnet, AddTorrent, Author, BanStatus, Command, DiskEvent, DiskFault, DiskId, Event, PeerKey,
    PeerStatus, RequestId, SendBlock, Settings, TorrentId,
};
use ztor_metainfo::Metainfo;
use ztor_storage::resume::Resume;
use ztor_storage::{FileSlice, TorrentStore};
use ztor_wire::mse::KeyResult;

/// One message to the net thread.
pub(crate) enum NetEvent {
    /// An event for the engine, as it is.
    Engine(Event<'static>),
    /// The interface that everything is bound to is not as it was.
    Device(DeviceState),
    /// Addresses of this machine are gone, or others see us at another one.
    Moved(Moved),
    /// Arithmetic for an encrypted handshake is done.
    KeyResult {
        peer: PeerKey,
        result: KeyResult,
    },
    /// The bytes of a block can be sent without waiting for the disk.
    Located(BlockLocation),
    /// The bytes of a located block had left the memory, and are there again.
    Warmed {
        peer: PeerKey,
    },
    LocateFailed {
        peer: PeerKey,
        torrent: TorrentId,
        fault: DiskFault,
        is_ours: bool,
    },
    /// A piece that was right before is not, or cannot be read.
    Rehashed {
        torrent: TorrentId,
        piece: u32,
    },
    /// No thread of a disk has anything of a torrent any more that has left it.
    LeftDisk {
        disk: DiskId,
    },
    Saved(Box<Saved>),
    /// An answer to the engine from which addresses that cannot be sent to are left out.
    Resolved {
        id: RequestId,
        result: Result<Vec<IpAddr>, String>,
    },
    /// The name of a peer was not found.
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
        /// Peers whose names are to be looked up, with their ports.
        names: Vec<String>,
        answer: Answer<TorrentId, AddError>,
    },
    StartTorrent {
        torrent: TorrentId,
        request: Box<NewTorrent>,
        answer: Answer<(), AddError>,
    },
    Command(Command),
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
    SetSettings {
        settings: Settings,
        answer: Answer<()>,
    },
    DhtStats {
        answer: Answer<Option<ztor_dht::Stats>>,
    },
    Shutdown {
        /// Limit for goodbyes to trackers; `None` waits until they are answered or have failed.
        goodbyes: Option<Duration>,
    },
}

/// A request to one torrent.
pub(crate) enum TorrentRequest {
    /// Answered once the metadata is known.
    Metadata(Answer<Arc<Metainfo>, MetadataError>),
    /// Answered once everything wanted is safe on disk.
    Finished(Answer<()>),
    Peers(Answer<Vec<PeerStatus>>),
    AddPeers {
        addrs: Vec<SocketAddr>,
        answer: Answer<()>,
    },
    SetLimits {
        limits: RateLimits,
        answer: Answer<()>,
    },
    Pause(Answer<()>),
    Resume(Answer<()>),
    Retry(Answer<()>),
    Recheck(Answer<()>),
    Reannounce(Answer<()>),
    SetTrackers {
        tiers: Vec<Vec<String>>,
        answer: Answer<()>,
    },
    Remove(Answer<()>),
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
    /// The data is safe, and the resume data could not be written.
    ResumeData(DiskFault),
    /// The process had no free file descriptor or memory left. Nothing is lost, and the save is still due.
    Exhausted,
}

/// A torrent with its files opened and its past known.
pub(crate) struct NewTorrent {
    pub(crate) add: AddTorrent,
    pub(crate) store: Arc<TorrentStore>,
    /// Number of the device that the torrent lies on.
    pub(crate) device: u64,
    pub(crate) resume: Option<Arc<Resume>>,
    /// Where its resume data is kept; `None` keeps none.
    pub(crate) record: Option<Record>,
    /// Per file; empty means all.
    pub(crate) wanted: Vec<bool>,
    /// Make folders and empty files.
    pub(crate) prepare: bool,
    /// Hash everything that is there, whatever the resume data says.
    pub(crate) recheck: bool,
}

impl NetEvent {
    /// An event of a torrent's disk.
    pub(crate) fn disk(torrent: TorrentId, event: DiskEvent) -> Self {
        Self::Engine(Event::Disk { torrent, event })
    }
}
