//! Status for front ends, and data for a restart.

use crate::bitfield::Bitfield;
use crate::event::DiskFault;
use crate::ids::TorrentId;
use crate::peer::Direction;
use crate::statistics::{ReportedBytes, Statistics};
use crate::transport::{Protection, Transport};
use std::net::SocketAddr;
use ztor_base::Duration;
use ztor_tracker::TrackerIssue;
use ztor_tracker::announcer::TrackerState;

/// State of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TorrentState {
    /// Fetching the metadata of a magnet link: blocks of the info dictionary (BEP 9), or runs of piece layer hashes
    /// (BEP 52).
    Metadata {
        /// Number of parts that have arrived.
        done: u32,
        /// Number of all parts; 0 while unknown.
        total: u32,
    },
    /// The metadata has arrived. The torrent waits to be started.
    Waiting,
    /// The metadata is unusable, for this reason in plain words.
    Unusable(String),
    /// Checking the data on disk.
    Checking {
        /// Number of pieces checked so far.
        done: u32,
        /// Number of pieces to check; 0 while unknown.
        total: u32,
    },
    /// Paused by the user, in any state but those above and a disk fault.
    Paused,
    /// A wanted piece is missing.
    Downloading,
    /// No wanted piece is missing.
    Seeding,
    /// Stopped by a disk fault; [`Command::Retry`](crate::Command::Retry) starts it again.
    Stopped(DiskFault),
}

/// Status of a torrent. Byte counts are of piece data. Rates are averages over about five seconds. A piece is present
/// if its hash was verified, in this session or, by the resume data, in an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentStatus {
    /// Id of the torrent.
    pub id: TorrentId,
    /// State of the torrent.
    pub state: TorrentState,
    /// Size of the pieces that are present, in bytes.
    pub have_bytes: u64,
    /// Size of the wanted pieces that are missing, in bytes.
    pub left_bytes: u64,
    /// Number of pieces that are present.
    pub have_pieces: u32,
    /// Rate of incoming piece data, in bytes per second.
    pub down_per_s: u64,
    /// Rate of outgoing piece data, in bytes per second.
    pub up_per_s: u64,
    /// Bytes received in all sessions.
    pub downloaded_bytes: u64,
    /// Bytes sent in all sessions.
    pub uploaded_bytes: u64,
    /// Bytes received in this session.
    pub session_downloaded_bytes: u64,
    /// Bytes sent in this session.
    pub session_uploaded_bytes: u64,
    /// Bytes received in this session twice, without a request, or in pieces that did not match their hash.
    pub wasted_bytes: u64,
    /// Number of connections past the handshake.
    pub peers: u32,
    /// Number of those with every piece.
    pub seeds: u32,
    /// Number of known addresses.
    pub known_peers: u32,
    /// Number of pieces in progress.
    pub partial_pieces: u32,
    /// Time for which the torrent was active in all sessions, up to this status. Time alone does not make a new status:
    /// add what has passed since.
    pub active_for: Duration,
    /// The part of that without a missing wanted piece.
    pub seeding_for: Duration,
    /// Time since piece data was transferred, or since the torrent became active; `None` while it is not.
    pub idle_for: Option<Duration>,
    /// Progress of a move of the files to another place; `None` if none is under way.
    pub moving: Option<MoveProgress>,
    /// Trackers, tier by tier.
    pub trackers: Vec<TrackerStatus>,
}

/// Progress of a move of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MoveProgress {
    /// Number of bytes copied so far.
    pub done_bytes: u64,
    /// Number of all bytes; 0 while unknown, and if nothing has to be copied.
    pub total_bytes: u64,
}

/// Status of a tracker of a torrent. Counts are those of its last reply; `None` if no reply had them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerStatus {
    /// URL without passkeys.
    pub url: String,
    /// Tier (BEP 12), from 0.
    pub tier: usize,
    /// State of the announces.
    pub state: TrackerState,
    /// Last failure, or warning of the last reply, without passkeys; `None` if there is neither.
    pub issue: Option<TrackerIssue>,
    /// Time until the next announce; `None` if unknown, as while one is under way and after the last.
    pub announces_in: Option<Duration>,
    /// Time until the tracker allows an announce, by the minimum interval of its last reply; zero if it does now, `None` before
    /// the first reply.
    pub allowed_in: Option<Duration>,
    /// Number of failures in a row.
    pub fails: u32,
    /// Number of addresses in the last reply.
    pub peers: Option<usize>,
    /// Number of seeders.
    pub seeders: Option<u32>,
    /// Number of leechers.
    pub leechers: Option<u32>,
    /// Number of completed downloads.
    pub downloads: Option<u32>,
    /// Bytes that were reported to the tracker in all sessions ([`Statistics`](crate::Statistics)).
    pub reported: ReportedBytes,
}

/// Source that has named the address of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PeerSource {
    /// The user, or the magnet link.
    User,
    /// A tracker (BEP 3, 15), or an earlier run in which the peer was of use.
    Tracker,
    /// The local network (BEP 14).
    LocalDiscovery,
    /// The peer itself: it has connected to us.
    Incoming,
    /// The DHT (BEP 5).
    Dht,
    /// Another peer (BEP 11).
    PeerExchange,
    /// A relay of a hole punch (BEP 55).
    HolePunch,
}

/// Status of a peer past the handshake.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerStatus {
    /// Remote address.
    pub addr: SocketAddr,
    /// Sources that have named the address, each once, in the order of the enum.
    pub sources: Vec<PeerSource>,
    /// Time since the connection was opened.
    pub connected_for: Duration,
    /// Client name that the peer claims, unfiltered; `None` if it has sent none.
    pub client: Option<String>,
    /// Side that opened the connection.
    pub direction: Direction,
    /// Transport of the connection.
    pub transport: Transport,
    /// Protection of the stream.
    pub protection: Protection,
    /// Share of the pieces that the peer has, in thousandths, from 0 to 1000.
    pub have_permille: u16,
    /// Rate of piece data from the peer, in bytes per second.
    pub down_per_s: u64,
    /// Rate of piece data to the peer, in bytes per second.
    pub up_per_s: u64,
    /// Piece data from the peer over this connection, in bytes.
    pub downloaded_bytes: u64,
    /// Piece data to the peer over this connection, in bytes.
    pub uploaded_bytes: u64,
    /// True if its peer id is the one that a tracker has named for its address (BEP 3); `None` if none has, and for
    /// incoming connections. Some clients use a new id for each connection.
    pub id_as_named: Option<bool>,
    /// True if the peer chokes us.
    pub chokes_us: bool,
    /// True if we choke the peer.
    pub we_choke: bool,
    /// True if the peer is interested in our pieces.
    pub is_interested: bool,
    /// True if we are interested in its pieces.
    pub we_are_interested: bool,
    /// True if the peer holds the optimistic upload slot, which all get in turn.
    pub is_optimistic: bool,
    /// True if the peer has let requests wait for long.
    pub is_snubbed: bool,
    /// True if the peer wants nothing, whether it has the whole torrent or not (BEP 21).
    pub is_upload_only: bool,
    /// Number of blocks that the peer is asked for.
    pub requests: usize,
    /// Number of blocks that the peer asks for.
    pub peer_requests: usize,
}

/// Scope of [`Engine::unsaved`](crate::Engine::unsaved).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsaved {
    /// Torrents with newly verified pieces.
    Pieces,
    /// Torrents with newly verified pieces or newly counted bytes.
    PiecesAndCounts,
}

/// State of a torrent to keep over a restart.
#[derive(Debug, Clone)]
pub struct ResumeData {
    /// Pieces that are present, one bit per piece.
    pub have: Bitfield,
    /// Bytes received in all sessions.
    pub downloaded: u64,
    /// Bytes sent in all sessions.
    pub uploaded: u64,
    /// Times and reported bytes in all sessions.
    pub statistics: Statistics,
    /// True if no wanted piece is missing.
    pub finished: bool,
    /// Addresses of peers that sent piece data, at most 100.
    pub peers: Vec<SocketAddr>,
}
