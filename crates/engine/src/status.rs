//! Values that front ends and a restart get.

use crate::bitfield::Bitfield;
use crate::event::DiskFault;
use crate::ids::TorrentId;
use crate::peer::Direction;
use crate::transport::{Protection, Transport};
use std::net::SocketAddr;
use ztor_base::Duration;
use ztor_tracker::TrackerIssue;
use ztor_tracker::announcer::TrackerState;

/// The state of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TorrentState {
    /// The metadata of a magnet link is being fetched: parts done and to do, as far as that is known.
    Metadata {
        /// Parts that are there.
        done: u32,
        /// All parts; 0 while their number is unknown.
        total: u32,
    },
    /// The metadata has arrived; the torrent waits to be started.
    Waiting,
    /// The metadata is no usable torrent.
    Unusable(String),
    /// Looking at what is on disk; pieces done and to do.
    Checking {
        /// Pieces looked at.
        done: u32,
        /// Pieces to look at.
        total: u32,
    },
    /// Paused by the user, in any state but those above and a disk fault.
    Paused,
    /// Something wanted is missing.
    Downloading,
    /// Everything wanted is here.
    Seeding,
    /// Stopped by a disk fault; [`Command::Retry`](crate::Command::Retry) starts it again.
    Stopped(DiskFault),
}

/// A torrent at a moment. Byte counts are of piece data; rates are bytes per second over about five seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentStatus {
    /// Which.
    pub id: TorrentId,
    /// What it is at.
    pub state: TorrentState,
    /// Bytes of pieces that hashed right.
    pub have_bytes: u64,
    /// Bytes of wanted pieces that are missing.
    pub left_bytes: u64,
    /// Pieces that hashed right.
    pub have_pieces: u32,
    /// Incoming piece data.
    pub down_per_s: u64,
    /// Outgoing piece data.
    pub up_per_s: u64,
    /// Over all sessions.
    pub downloaded_bytes: u64,
    /// Over all sessions.
    pub uploaded_bytes: u64,
    /// In this session.
    pub session_downloaded_bytes: u64,
    /// In this session.
    pub session_uploaded_bytes: u64,
    /// Came twice or hashed wrong, in this session.
    pub wasted_bytes: u64,
    /// Connections past the handshake.
    pub peers: u32,
    /// Those among them that have everything.
    pub seeds: u32,
    /// Addresses known.
    pub known_peers: u32,
    /// Pieces in progress.
    pub partial_pieces: u32,
    /// Its trackers, tier by tier.
    pub trackers: Vec<TrackerStatus>,
}

/// A tracker of a torrent. Counts are those of its last reply, `None` if it has not given any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerStatus {
    /// URL without passkeys.
    pub url: String,
    /// BEP 12 tier, from 0.
    pub tier: usize,
    /// State of the announces.
    pub state: TrackerState,
    /// Last error, or the warning of the last reply, without passkeys.
    pub issue: Option<TrackerIssue>,
    /// Time until the next announce. `None` while one is under way and after the last.
    pub announces_in: Option<Duration>,
    /// Failures in a row.
    pub fails: u32,
    /// Addresses in the last reply.
    pub peers: Option<usize>,
    /// Seeders.
    pub seeders: Option<u32>,
    /// Leechers.
    pub leechers: Option<u32>,
    /// Completed downloads.
    pub downloads: Option<u32>,
}

/// A peer at a moment.
#[derive(Debug, Clone)]
pub struct PeerStatus {
    /// Its address.
    pub addr: SocketAddr,
    /// Client name as it says, unfiltered.
    pub client: Option<String>,
    /// Who called.
    pub direction: Direction,
    /// What carries its stream.
    pub transport: Transport,
    /// True if its stream is hidden.
    pub protection: Protection,
    /// Share of the pieces it has, in thousandths.
    pub have_permille: u16,
    /// Bytes per second from it.
    pub down_per_s: u64,
    /// Bytes per second to it.
    pub up_per_s: u64,
    /// Bytes from it.
    pub downloaded_bytes: u64,
    /// Bytes to it.
    pub uploaded_bytes: u64,
    /// True if its peer id is the one that a tracker has named for its address (BEP 3); `None` if none has. Some clients
    /// take a new one for each connection.
    pub id_as_named: Option<bool>,
    /// It does not serve us.
    pub chokes_us: bool,
    /// We do not serve it.
    pub we_choke: bool,
}

/// Kinds of news that a restart needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsaved {
    /// Pieces were verified.
    Pieces,
    /// Pieces were verified, or bytes were counted.
    PiecesAndCounts,
}

/// What to keep over a restart.
#[derive(Debug, Clone)]
pub struct ResumeData {
    /// Pieces that hashed right.
    pub have: Bitfield,
    /// Over all sessions.
    pub downloaded: u64,
    /// Over all sessions.
    pub uploaded: u64,
    /// Nothing wanted is missing.
    pub finished: bool,
    /// Peers that piece data came from, at most a hundred.
    pub peers: Vec<SocketAddr>,
}
