//! Input of the engine: events, commands, and reports of the disk.

use crate::bans::{Author, IpFilter, UserBan};
use crate::config::ExternalPorts;
use crate::exchange::picker::Priority;
use crate::groups::GroupLimits;
use crate::ids::{DiskId, LimitGroup, PeerKey, RequestId, TorrentId};
use crate::statistics::Statistics;
use crate::web::{WebEvent, WebRequestId, WebSource};
use bytes::BytesMut;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use ztor_base::SwarmId;
use ztor_filter::IpRange;
use ztor_metainfo::{InfoHashes, Metainfo};
use ztor_wire::mse::Method;

/// Event that a driver passes to the engine.
#[derive(Debug)]
pub enum Event<'a> {
    /// An outgoing connection was made. The driver also starts the encrypted handshake, if one was offered.
    Connected {
        /// Key of the connection.
        peer: PeerKey,
    },
    /// The encrypted handshake of a connection, in either direction, is done. `Received` then carries the decrypted
    /// stream.
    Secured {
        /// Key of the connection.
        peer: PeerKey,
        /// Swarm that the handshake named.
        info_hash: SwarmId,
        /// Agreed method.
        method: Method,
    },
    /// An incoming connection began with a plain handshake, which the settings forbid. The driver closes it next. The
    /// engine may connect back to the peer with an encrypted handshake.
    CalledPlainly {
        /// Key of the connection.
        peer: PeerKey,
        /// Swarm that the handshake named.
        info_hash: SwarmId,
    },
    /// Bytes from a peer. The engine removes complete messages from the front. The driver keeps the rest, which is
    /// never longer than one message, and puts it at the front of that peer's next `Received`.
    Received {
        /// Key of the connection.
        peer: PeerKey,
        /// Received bytes, after the rest of last time.
        data: &'a mut BytesMut,
    },
    /// Bytes of [`Outbox::blocks`](crate::Outbox) and [`Outbox::replies`](crate::Outbox) were passed to the transport.
    Sent {
        /// Key of the connection.
        peer: PeerKey,
        /// Length of the piece data, in bytes, without headers.
        block_bytes: u32,
        /// Length of the replies, in bytes.
        reply_bytes: u32,
    },
    /// A connection ended, or an attempt failed. Not sent for connections that the engine closed itself.
    Closed {
        /// Key of the connection.
        peer: PeerKey,
        /// Side responsible.
        cause: CloseCause,
    },
    /// A report of the disk.
    Disk {
        /// The torrent. If it is gone, only [`DiskEvent::Written`] counts.
        torrent: TorrentId,
        /// The report.
        event: DiskEvent,
    },
    /// The result of an [`HttpGet`](crate::HttpGet).
    Http {
        /// Id of the request.
        id: RequestId,
        /// Address of the server that answered, after redirects; `None` if unknown. The server may name peers of its
        /// own network.
        from: Option<IpAddr>,
        /// HTTP status and body, or the cause of the failure in plain words, without the URL.
        result: Result<(u16, Vec<u8>), String>,
    },
    /// An event of a request to a web seed ([`Outbox::web`](crate::Outbox::web)).
    Web {
        /// Id of the request.
        id: WebRequestId,
        /// The event.
        event: WebEvent,
    },
    /// The result of a [`Resolve`](crate::Resolve).
    Resolved {
        /// Id of the request.
        id: RequestId,
        /// Addresses, or the cause of the failure in plain words.
        result: Result<Vec<IpAddr>, String>,
    },
    /// Another port than that of the URL, on which a tracker is by the DNS (BEP 34). It precedes the
    /// [`Resolved`](Self::Resolved) of the same id.
    TrackerPort {
        /// Id of the request.
        id: RequestId,
        /// The port.
        port: u16,
    },
    /// A UDP datagram, except those of µTP.
    Datagram {
        /// Address of the sender, as reported by the socket.
        from: SocketAddr,
        /// Number of our DHT node that has this socket, in the order in which they were
        /// [added](crate::Engine::add_dht_node); 0 without a choice.
        node: u8,
        /// Payload.
        data: &'a [u8],
    },
    /// A datagram of local discovery (BEP 14).
    LocalAnnounce {
        /// Address of the sender, as reported by the socket.
        from: SocketAddr,
        /// Payload.
        data: &'a [u8],
    },
    /// A change of this machine's network.
    Network(NetworkChange),
    /// A command of the user.
    Command(Command),
}

/// Change of the network that the driver has detected. The engine itself detects an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkChange {
    /// The machine was asleep for this long, and sent nothing.
    Slept(ztor_base::Duration),
    /// Other hosts see this machine at another address.
    Moved,
    /// Peers reach this client at other ports.
    Ports {
        /// [`Config::listen_port`](crate::Config::listen_port).
        listen: u16,
        /// [`Config::external_ports`](crate::Config::external_ports).
        external: ExternalPorts,
    },
}

/// Side responsible for the end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCause {
    /// The peer, or the network in between. Counts against the address.
    Remote,
    /// This machine: no network, no file descriptor, or a disk fault. Does not count against the address.
    Local,
}

/// Command of the user, or of a front end on behalf of the user. It has no effect on a torrent that does not exist.
#[derive(Debug)]
pub enum Command {
    /// Adds addresses of peers that the user has given.
    AddPeers {
        /// The torrent.
        torrent: TorrentId,
        /// Addresses to dial.
        addrs: Vec<SocketAddr>,
    },
    /// Adds nodes to the DHT. No effect if the DHT is off.
    AddDhtNodes {
        /// Addresses of the nodes.
        addrs: Vec<SocketAddr>,
        /// Role of all of them.
        role: DhtRole,
    },
    /// Removes a torrent: closes its connections and announces `stopped` to its trackers.
    /// [`TorrentEvent::Removed`](crate::TorrentEvent) follows in the same turn, after which the id is invalid.
    Remove(TorrentId),
    /// Pauses a torrent: closes its connections, announces `stopped` to its trackers, and looks for no peers. A check
    /// continues.
    Pause(TorrentId),
    /// Ends a pause.
    Resume(TorrentId),
    /// Starts a torrent that a disk fault has stopped, beginning with a check of its files. No effect on other
    /// torrents.
    Retry(TorrentId),
    /// Replaces the trackers of a torrent, tier by tier (BEP 12). Those that are gone get `stopped`.
    SetTrackers {
        /// The torrent.
        torrent: TorrentId,
        /// Announce URLs.
        tiers: Vec<Vec<String>>,
    },
    /// Replaces the web seeds of a torrent, at most 64. Those that stay keep their state.
    SetWebSeeds {
        /// The torrent.
        torrent: TorrentId,
        /// The web seeds, in the order in which they are asked.
        seeds: Vec<WebSource>,
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
    /// Fetches the first and last pieces of each file before the others, or like them.
    SetEndsFirst {
        /// The torrent.
        torrent: TorrentId,
        /// True for before the others.
        ends_first: bool,
    },
    /// Hides pieces from peers while we are the only seed (BEP 16), or shows all. If it begins, the connections are closed,
    /// as their peers know our pieces.
    SetSuperSeeding {
        /// The torrent.
        torrent: TorrentId,
        /// True to hide pieces.
        super_seeding: bool,
    },
    /// Checks all data of a torrent on disk again. Connections with peers that cannot hear of lost pieces (BEP 54) are
    /// closed; the others rest.
    Recheck(TorrentId),
    /// Announces a torrent to its trackers, the DHT and the local network now, as far as the trackers' minimum intervals
    /// allow.
    Reannounce(TorrentId),
    /// Lifts a ban early. No effect if there is none.
    LiftBan(Author),
    /// Lifts the bans of all hosts and peers in a range of addresses, except those by the user.
    LiftBansIn(IpRange),
    /// Replaces the bans by the user, [`MAX_USER_BANS`](crate::MAX_USER_BANS) at most. Connections with these addresses are
    /// closed.
    SetUserBans(Vec<UserBan>),
    /// Replaces the IP filter. Connections with its addresses are closed.
    SetFilter(IpFilter),
    /// Sets the limits over all torrents, in bytes per second; `None` removes a limit.
    SetLimits {
        /// Limit for incoming piece data.
        down: Option<u64>,
        /// Limit for outgoing piece data.
        up: Option<u64>,
    },
    /// Sets the limits of one torrent, in bytes per second; `None` removes a limit. Those over all torrents also apply.
    SetTorrentLimits {
        /// The torrent.
        torrent: TorrentId,
        /// Limit for incoming piece data.
        down: Option<u64>,
        /// Limit for outgoing piece data.
        up: Option<u64>,
    },
    /// Sets the limits of a group of torrents. Those over all torrents also apply. The group is created if it does not
    /// exist; there are at most 10,000.
    SetGroupLimits {
        /// The group.
        group: LimitGroup,
        /// Its limits and its parent. More than 16 groups above each other have no effect.
        limits: GroupLimits,
    },
    /// Removes a group of torrents. Its torrents and groups have no limit from it any more.
    RemoveGroup(LimitGroup),
    /// Puts a torrent into a group, whose limits also apply; `None` takes it out.
    SetTorrentGroup {
        /// The torrent.
        torrent: TorrentId,
        /// The group.
        group: Option<LimitGroup>,
    },
    /// Sets the limits of the connections with one address, in bytes per second; `None` removes a limit. All others also
    /// apply. The limits end with the connection.
    SetPeerLimits {
        /// The torrent.
        torrent: TorrentId,
        /// Remote address of the peer.
        addr: SocketAddr,
        /// Limit for piece data from it.
        down: Option<u64>,
        /// Limit for piece data to it.
        up: Option<u64>,
    },
    /// Announces `stopped` to all trackers, closes all connections and refuses new torrents. The existing torrents
    /// stay, so that pieces that the disk still completes are counted.
    Shutdown,
}

/// Role of a DHT node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DhtRole {
    /// A public router for many clients. It is queried whenever we know no node, and for nothing else.
    Router,
    /// A node that the user named. It is queried like a router, and kept like any other node.
    Entry,
    /// A node that a torrent or a peer named. It is kept if it responds.
    Node,
}

/// A torrent to add.
#[derive(Debug, Clone)]
pub struct AddTorrent {
    /// Metadata of the torrent.
    pub meta: Arc<Metainfo>,
    /// Priority of each piece; `None` for normal priority of all.
    pub priorities: Option<Box<[Priority]>>,
    /// True to fetch the pieces in order.
    pub sequential: bool,
    /// True to fetch the pieces with the first and last hundredth of each file (at most 8 MiB) before the others.
    pub ends_first: bool,
    /// Addresses of peers that the user has given.
    pub peers: Vec<SocketAddr>,
    /// Addresses of peers that were useful in an earlier run.
    pub earlier_peers: Vec<SocketAddr>,
    /// Bytes uploaded in earlier sessions, for trackers and ratios.
    pub uploaded: u64,
    /// Bytes downloaded in earlier sessions, for trackers and ratios.
    pub downloaded: u64,
    /// Times and reported bytes of earlier sessions.
    pub statistics: Statistics,
    /// Announce URLs in place of those of `meta`, tier by tier; `None` takes those of `meta`.
    pub trackers: Option<Vec<Vec<String>>>,
    /// True to hide pieces while we are the only seed, so that the first copy costs little upload (BEP 16).
    pub super_seeding: bool,
    /// True if it begins paused: it is checked, and then waits for [`Command::Resume`].
    pub paused: bool,
}

impl AddTorrent {
    /// Creates a request for all pieces of a torrent, without addresses and earlier counts.
    pub fn new(meta: Arc<Metainfo>) -> Self {
        Self {
            meta,
            priorities: None,
            sequential: false,
            ends_first: false,
            peers: Vec::new(),
            earlier_peers: Vec::new(),
            uploaded: 0,
            downloaded: 0,
            statistics: Statistics::default(),
            trackers: None,
            super_seeding: false,
            paused: false,
        }
    }
}

/// A torrent with incomplete metadata: only the info-hash, as in a magnet link (BEP 9), or all but some piece layers
/// (BEP 52).
#[derive(Debug, Clone)]
pub struct AddMagnet {
    /// Info-hashes of the link.
    pub info_hashes: InfoHashes,
    /// Announce URLs in tiers (BEP 12).
    pub trackers: Vec<Vec<String>>,
    /// Addresses of peers that the user has given.
    pub peers: Vec<SocketAddr>,
    /// Metadata, if only piece layers are missing; `None` for a magnet link.
    pub known: Option<Arc<Metainfo>>,
    /// True if it begins paused: nobody is asked for anything before [`Command::Resume`].
    pub paused: bool,
}

/// Options for the start of a torrent whose metadata has arrived.
#[derive(Debug, Clone, Default)]
pub struct StartTorrent {
    /// The same metadata, such as one that is not kept in memory, in place of that from the peers; `None` keeps theirs.
    pub meta: Option<Arc<Metainfo>>,
    /// Priority of each piece; `None` for normal priority of all.
    pub priorities: Option<Box<[Priority]>>,
    /// True to fetch the pieces in order.
    pub sequential: bool,
    /// True to fetch the pieces with the first and last hundredth of each file (at most 8 MiB) before the others.
    pub ends_first: bool,
    /// Bytes uploaded in earlier sessions, for trackers and ratios.
    pub uploaded: u64,
    /// Bytes downloaded in earlier sessions, for trackers and ratios.
    pub downloaded: u64,
    /// Times and reported bytes of earlier sessions.
    pub statistics: Statistics,
    /// True to hide pieces while we are the only seed, so that the first copy costs little upload (BEP 16).
    pub super_seeding: bool,
}

/// Report of the disk about a torrent.
#[derive(Debug)]
pub enum DiskEvent {
    /// The check before a start or a resume is done.
    Checked {
        /// Pieces that are present, one bit per piece. A set of another length is ignored.
        have: crate::Bitfield,
    },
    /// Blocks on disk of incomplete pieces. Follows [`Checked`](Self::Checked) in the same turn. The blocks are not
    /// requested again; the hash of the whole piece decides about them.
    Unfinished {
        /// Index of each piece, and its blocks on disk, one bit each.
        pieces: Vec<(u32, crate::Bitfield)>,
    },
    /// Progress of a check, for display.
    CheckProgress {
        /// Number of pieces checked so far.
        done: u32,
        /// Number of pieces to check.
        total: u32,
    },
    /// A block does not wait for the disk any more: it was written, was not needed, or failed. Sent once for every
    /// block of [`Outbox::writes`](crate::Outbox).
    Written {
        /// Disk that the block waited for.
        disk: DiskId,
        /// Length of the block, in bytes.
        bytes: u32,
    },
    /// Result of a look for a piece that another torrent has verified ([`Outbox::looks`](crate::Outbox::looks)).
    Looked {
        /// Index of the piece.
        piece: u32,
        /// True if the piece is on disk and matches its hash.
        is_there: bool,
    },
    /// The end of a [`KeepBlocks`](crate::KeepBlocks).
    Kept {
        /// Index of the piece.
        piece: u32,
        /// False if the blocks cannot be kept, so that the whole piece is fetched again.
        is_kept: bool,
    },
    /// Hashes of the blocks of a verified piece ([`Outbox::leaves`](crate::Outbox::leaves)).
    Leaves {
        /// Index of the piece.
        piece: u32,
        /// SHA-256 of each block, without pads; empty if they cannot be read.
        leaves: Vec<[u8; 32]>,
    },
    /// The end of a load of the info dictionary and the hashes ([`Outbox::bulks`](crate::Outbox::bulks)).
    BulkLoaded {
        /// False if they cannot be loaded.
        is_there: bool,
    },
    /// All blocks of a piece are written, and its hash matches.
    PieceOk {
        /// Index of the piece.
        piece: u32,
        /// Digest of each block, if the piece has failed before; empty otherwise.
        digests: Vec<BlockDigest>,
    },
    /// All blocks of a piece are written, and its hash does not match.
    PieceBad {
        /// Index of the piece.
        piece: u32,
        /// Digest of each block.
        digests: Vec<BlockDigest>,
    },
    /// A disk fault, which stops the torrent.
    Failed {
        /// The fault.
        fault: DiskFault,
    },
    /// A block to send could not be read, which stops the torrent. The driver has closed the connection.
    ReadFailed {
        /// Cause in plain words, with the path.
        message: String,
    },
}

/// A disk fault: its kind for programs, and a text for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DiskFault {
    /// Kind of the fault.
    pub kind: DiskFaultKind,
    /// Description in plain words, with the path and the next step.
    pub message: String,
}

/// Kinds of disk fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum DiskFaultKind {
    /// No space is left, or a quota or file size limit is reached.
    Full,
    /// Permission is missing, or the file system is read-only.
    Denied,
    /// The download folder has disappeared, as when its drive is disconnected.
    Gone,
    /// Another program has removed, truncated or changed a file of the torrent, or two of its files are one on this
    /// disk.
    Changed,
    /// A file that does not belong to the torrent would be overwritten.
    InTheWay,
    /// The torrent contradicts itself: data that matches its v1 hash does not match its v2 hash, or the reverse.
    Inconsistent,
    /// Any other failure.
    Io,
}

/// Digest of one block of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockDigest {
    /// Offset within the piece, in bytes.
    pub begin: u32,
    /// SHA-256 of the block.
    pub digest: [u8; 32],
}
