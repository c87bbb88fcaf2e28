//! Events of torrents for front ends.

use crate::bans::{Author, BanReason};
use crate::event::DiskFault;
use crate::ids::TorrentId;
use crate::web::WebFault;
use std::net::SocketAddr;
use std::sync::Arc;
use ztor_base::Duration;
use ztor_metainfo::Metainfo;
use ztor_tracker::TrackerIssue;

/// An event of a torrent.
///
/// With the feature `serde`, it is an object with its name as `kind`, without the torrent's id and its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "kind", rename_all = "snake_case"))]
pub enum TorrentEvent {
    /// The metadata of a magnet link has arrived and matches the info-hash. No piece is fetched before
    /// [`Engine::start_torrent`](crate::Engine::start_torrent).
    Metadata {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// Metadata of the torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        meta: Arc<Metainfo>,
    },
    /// The metadata of a magnet link has arrived and matches the info-hash, but is unusable. The torrent stays without
    /// connections until it is removed.
    Unusable {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// Defect in plain words.
        message: String,
    },
    /// A peer claims that the metadata of a magnet link is longer than the limit. Reported once per torrent; other
    /// peers may claim another length.
    MetadataTooLong {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// Length that the peer claims, in bytes.
        len: u32,
        /// Maximum length that is fetched, in bytes.
        max: u32,
    },
    /// The check of the data on disk is done, and the torrent is active. Reported at the start and after every resume.
    Started {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// True if no wanted piece is missing.
        finished: bool,
        /// Size of the pieces that are present, in bytes.
        have_bytes: u64,
    },
    /// The last wanted piece is verified. Sessions report it once the data is durable on disk. Not reported for a
    /// torrent that was finished when it [started](Self::Started).
    Finished {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
    },
    /// A disk fault has stopped the torrent until it is resumed.
    Stopped {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The fault.
        fault: DiskFault,
    },
    /// The torrent was removed, and its id is invalid. Goodbyes to its trackers may still be under way.
    Removed {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
    },
    /// A piece does not match its hash and will be fetched again.
    PieceFailed {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// Index of the piece.
        piece: u32,
    },
    /// A host or peer sent bad data and is banned from all torrents.
    Banned {
        /// The torrent that the data was for.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The banned host or peer.
        #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
        author: Author,
        /// The offence.
        reason: BanReason,
        /// Length of the ban, unless [`Command::LiftBan`](crate::Command::LiftBan) ends it earlier.
        #[cfg_attr(feature = "serde", serde(rename = "ends_in_s", serialize_with = "as_seconds"))]
        ends_in: Duration,
    },
    /// A peer that the user has given does not respond, or closes the connection. Reported once; the address is tried
    /// again.
    PeerUnreachable {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// Address of the peer.
        addr: SocketAddr,
    },
    /// The torrent has no source of peers: no connection, no known address, no usable tracker, and neither the DHT nor
    /// local discovery. Reported once.
    NoSource {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
    },
    /// A web seed does not deliver, for another reason than before.
    WebSeed {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// URL of the web seed, without passwords and keys.
        url: String,
        /// The fault.
        fault: WebFault,
    },
    /// A tracker is unusable, an announce to it failed, or its reply carried a warning.
    Tracker {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// URL of the tracker, without passkeys.
        tracker: String,
        /// The failure or warning, without passkeys.
        issue: TrackerIssue,
    },
}

impl TorrentEvent {
    /// Returns the torrent of the event.
    pub fn torrent(&self) -> TorrentId {
        match self {
            Self::Metadata { torrent, .. }
            | Self::Unusable { torrent, .. }
            | Self::MetadataTooLong { torrent, .. }
            | Self::Started { torrent, .. }
            | Self::Finished { torrent }
            | Self::Stopped { torrent, .. }
            | Self::Removed { torrent }
            | Self::PieceFailed { torrent, .. }
            | Self::Banned { torrent, .. }
            | Self::PeerUnreachable { torrent, .. }
            | Self::NoSource { torrent }
            | Self::WebSeed { torrent, .. }
            | Self::Tracker { torrent, .. } => *torrent,
        }
    }
}

#[cfg(feature = "serde")]
fn as_text<S: serde::Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(feature = "serde")]
fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}
