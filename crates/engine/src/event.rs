//! What happens to an engine.

use crate::bans::Author;
use crate::exchange::picker::Priority;
use crate::ids::{DiskId, PeerKey, RequestId, TorrentId};
use bytes::BytesMut;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use ztor_base::SwarmId;
use ztor_metainfo::{InfoHashes, Metainfo};
use ztor_wire::mse::Method;

/// Events that an engine takes.
#[derive(Debug)]
pub enum Event<'a> {
    /// An outgoing connection was made. An encrypted handshake starts now, if one was offered.
    Connected {
        /// Which.
        peer: PeerKey,
    },
    /// The encrypted handshake of a connection is done, which the peer or we began; what comes next is the stream.
    Secured {
        /// Which.
        peer: PeerKey,
        /// The info-hash that it named, or knew of.
        info_hash: SwarmId,
        /// What was agreed on.
        method: Method,
    },
    /// A caller began with a plain handshake, which the settings do not allow. Its connection is closed next; its peer may
    /// be called back with an encrypted one.
    CalledPlainly {
        /// Which.
        peer: PeerKey,
        /// The swarm that it named.
        info_hash: SwarmId,
    },
    /// Bytes from a peer. The engine takes what is whole off the front; what it leaves must be presented again
    /// at the front of that peer's next `Received`. The rest is never longer than one message.
    Received {
        /// The sender.
        peer: PeerKey,
        /// What came.
        data: &'a mut BytesMut,
    },
    /// What was handed over by [`Outbox::blocks`](crate::Outbox) and [`Outbox::replies`](crate::Outbox) has gone to
    /// the kernel.
    Sent {
        /// The receiver.
        peer: PeerKey,
        /// Bytes of piece data, headers not counted.
        block_bytes: u32,
        /// Bytes of replies.
        reply_bytes: u32,
    },
    /// A connection ended, or an attempt failed. Not for connections that the engine closed itself.
    Closed {
        /// The connection.
        peer: PeerKey,
        /// The side that the cause lies with.
        cause: CloseCause,
    },
    /// From the disk.
    Disk {
        /// For which torrent; one that is gone is ignored.
        torrent: TorrentId,
        /// What.
        event: DiskEvent,
    },
    /// The answer to an [`HttpGet`](crate::HttpGet), or why there is none.
    Http {
        /// Which request.
        id: RequestId,
        /// The server that answered, after redirects; `None` if that is not known. It may name peers of its own network.
        from: Option<IpAddr>,
        /// Status and body, or the reason in plain words, without the URL.
        result: Result<(u16, Vec<u8>), String>,
    },
    /// The answer to [`Resolve`](crate::Resolve).
    Resolved {
        /// Which request.
        id: RequestId,
        /// The addresses, or the reason in plain words.
        result: Result<Vec<IpAddr>, String>,
    },
    /// A UDP datagram.
    Datagram {
        /// The sender as the socket says.
        from: SocketAddr,
        /// The payload.
        data: &'a [u8],
    },
    /// A datagram of local discovery (BEP 14).
    LocalAnnounce {
        /// The sender as the socket says.
        from: SocketAddr,
        /// The payload.
        data: &'a [u8],
    },
    /// The network of this machine is another, as far as the driver can tell.
    Network(NetworkChange),
    /// A command of the user.
    Command(Command),
}

/// A change of the network that the driver has noticed. That nobody answers is for the engine to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkChange {
    /// The machine has slept for this long, and nothing was said to anybody.
    Slept(ztor_base::Duration),
    /// This machine is reached at another address, or over another interface.
    Moved,
}

/// The side that ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCause {
    /// The peer or the network between: it counts against the address.
    Remote,
    /// This machine (no network, no file descriptor, a disk fault): it says nothing about the peer.
    Local,
}

/// Commands of the user, or of a front end on behalf of the user.
#[derive(Debug)]
pub enum Command {
    /// Addresses from elsewhere.
    AddPeers {
        /// Which torrent.
        torrent: TorrentId,
        /// Addresses to try.
        addrs: Vec<SocketAddr>,
    },
    /// Nodes to enter the DHT by.
    AddDhtNodes {
        /// Where they are.
        addrs: Vec<SocketAddr>,
        /// What they are.
        role: DhtRole,
    },
    /// Ends a torrent: its peers are closed and its trackers get `stopped`. The id is gone when
    /// [`TorrentEvent::Removed`](crate::TorrentEvent) comes.
    Remove(TorrentId),
    /// Pauses a torrent: its connections are closed, its trackers get `stopped`, and nobody is looked for. A check goes on.
    Pause(TorrentId),
    /// Ends a pause.
    Resume(TorrentId),
    /// Starts a torrent again that a disk fault has stopped, beginning with a check of what is on disk.
    Retry(TorrentId),
    /// Replaces the trackers of a torrent, tier by tier (BEP 12). Those that are gone get `stopped`.
    SetTrackers {
        /// The torrent.
        torrent: TorrentId,
        /// Announce URLs.
        tiers: Vec<Vec<String>>,
    },
    /// Replaces the priorities of a torrent's pieces. Ignored if they are not one per piece, or before the metadata is known.
    SetPriorities {
        /// The torrent.
        torrent: TorrentId,
        /// Priority of each piece.
        priorities: Box<[Priority]>,
    },
    /// Fetches the pieces of a torrent in order, or the rare ones first.
    SetSequential {
        /// The torrent.
        torrent: TorrentId,
        /// True for in order.
        sequential: bool,
    },
    /// Checks all data of a torrent on disk again. Its connections are closed.
    Recheck(TorrentId),
    /// Announces a torrent to its trackers, the DHT and the local network now, as far as the trackers' minimum intervals
    /// allow.
    Reannounce(TorrentId),
    /// Ends a ban before its time.
    LiftBan(Author),
    /// Whole limits, bytes per second.
    SetLimits {
        /// Incoming piece data.
        down: Option<u64>,
        /// Outgoing piece data.
        up: Option<u64>,
    },
    /// Limits of one torrent, bytes per second, beside those over all torrents.
    SetTorrentLimits {
        /// Which torrent.
        torrent: TorrentId,
        /// Incoming piece data.
        down: Option<u64>,
        /// Outgoing piece data.
        up: Option<u64>,
    },
    /// Says `stopped` to all trackers and closes all peers. No new work is taken; the torrents stay, so that
    /// what the disk still finishes is counted.
    Shutdown,
}

/// What a node of the DHT is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DhtRole {
    /// Many clients' beginning: asked for the way whenever we know nobody, and for nothing else.
    Router,
    /// Named by the user: asked for the way, too, and a node like any other.
    Entry,
    /// Named by a torrent or a peer: a node, if it answers.
    Node,
}

/// A torrent to take up.
#[derive(Debug, Clone)]
pub struct AddTorrent {
    /// What it is.
    pub meta: Arc<Metainfo>,
    /// Per piece; `None` means all of them normal.
    pub priorities: Option<Box<[Priority]>>,
    /// Fetch in order.
    pub sequential: bool,
    /// Addresses known from elsewhere.
    pub peers: Vec<SocketAddr>,
    /// Addresses that were of use in an earlier run.
    pub earlier_peers: Vec<SocketAddr>,
    /// Counts of earlier sessions, for trackers and ratios.
    pub uploaded: u64,
    /// Counts of earlier sessions, for trackers and ratios.
    pub downloaded: u64,
    /// Announce URLs in place of those of `meta`, tier by tier; `None` takes those of `meta`.
    pub trackers: Option<Vec<Vec<String>>>,
    /// True if it begins paused: it is checked, and then waits for [`Command::Resume`].
    pub paused: bool,
}

impl AddTorrent {
    /// A torrent of which every piece is wanted and nothing else is known.
    pub fn new(meta: Arc<Metainfo>) -> Self {
        Self {
            meta,
            priorities: None,
            sequential: false,
            peers: Vec::new(),
            earlier_peers: Vec::new(),
            uploaded: 0,
            downloaded: 0,
            trackers: None,
            paused: false,
        }
    }
}

/// A torrent of which not all is known: only the info-hash, as magnet links have it (BEP 9), or all but some piece layers
/// (BEP 52).
#[derive(Debug, Clone)]
pub struct AddMagnet {
    /// What the link says; at least one.
    pub info_hashes: InfoHashes,
    /// Announce URLs in tiers (BEP 12).
    pub trackers: Vec<Vec<String>>,
    /// Addresses known from elsewhere.
    pub peers: Vec<SocketAddr>,
    /// The torrent, if only piece layers are missing.
    pub known: Option<Arc<Metainfo>>,
}

/// What to do with a torrent whose metadata has come.
#[derive(Debug, Clone, Default)]
pub struct StartTorrent {
    /// Per piece; `None` means all of them normal.
    pub priorities: Option<Box<[Priority]>>,
    /// Fetch in order.
    pub sequential: bool,
    /// Counts of earlier sessions, for trackers and ratios.
    pub uploaded: u64,
    /// Counts of earlier sessions, for trackers and ratios.
    pub downloaded: u64,
}

/// What the disk tells.
#[derive(Debug)]
pub enum DiskEvent {
    /// The check at the start is done: these pieces are there. `have` has one bit per piece.
    Checked {
        /// Pieces whose bytes hashed right.
        have: crate::Bitfield,
    },
    /// Pieces that are not there as a whole, and which of their blocks are on disk, one bit each. Comes right after
    /// [`Checked`](Self::Checked), before the turn ends. The blocks are not asked for again; the hash of the piece decides.
    Unfinished {
        /// Index of the piece, and its blocks.
        pieces: Vec<(u32, crate::Bitfield)>,
    },
    /// Part of the check is done, for display.
    CheckProgress {
        /// Pieces looked at.
        done: u32,
        /// Pieces to look at.
        total: u32,
    },
    /// A block is written, or was not needed.
    Written {
        /// The disk that it has waited for.
        disk: DiskId,
        /// Its length.
        bytes: u32,
    },
    /// All of a piece is written and its hash is right.
    PieceOk {
        /// Which.
        piece: u32,
        /// Digest per block, if the piece had failed before.
        digests: Vec<BlockDigest>,
    },
    /// All of a piece is written and its hash is wrong.
    PieceBad {
        /// Which.
        piece: u32,
        /// Digest per block.
        digests: Vec<BlockDigest>,
    },
    /// The disk cannot go on.
    Failed {
        /// Why, in plain words, naming the path.
        fault: DiskFault,
    },
    /// A block that was to go out could not be read; its peer has been closed by the driver.
    ReadFailed {
        /// Why, in plain words, naming the path.
        message: String,
    },
}

/// A disk fault, as far as the engine and its user care.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DiskFault {
    /// What kind.
    pub kind: DiskFaultKind,
    /// In plain words, naming the path and what to do.
    pub message: String,
}

/// Kinds of disk fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum DiskFaultKind {
    /// No space is left, or a quota or file size limit is reached.
    Full,
    /// Not allowed, or read-only.
    Denied,
    /// The download folder was there and is gone, as with a drive that was disconnected.
    Gone,
    /// Somebody else has removed, cut or changed a file of the torrent.
    Changed,
    /// A file is there that is not the torrent's and would be written over.
    InTheWay,
    /// The torrent contradicts itself: what is right by its v1 hash is wrong by its v2 hash, or the other way round.
    Inconsistent,
    /// Anything else.
    Io,
}

/// Digest of one block of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockDigest {
    /// Offset within the piece.
    pub begin: u32,
    /// SHA-256 of the block.
    pub digest: [u8; 32],
}
