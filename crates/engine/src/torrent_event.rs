//! News of torrents for front ends.

use crate::bans::{Author, BanReason};
use crate::event::DiskFault;
use crate::ids::TorrentId;
use std::net::SocketAddr;
use std::sync::Arc;
use ztor_base::Duration;
use ztor_metainfo::Metainfo;
use ztor_tracker::TrackerIssue;

/// Something that happened to a torrent.
///
/// With the feature `serde` it is an object with its name as `kind`, without the torrent's id and the metainfo.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "kind", rename_all = "snake_case"))]
pub enum TorrentEvent {
    /// The metadata of a magnet link has arrived and matches its hash. Nothing is fetched before
    /// [`Engine::start_torrent`](crate::Engine::start_torrent) says what to fetch and where to put it.
    Metadata {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// Its metadata.
        #[cfg_attr(feature = "serde", serde(skip))]
        meta: Arc<Metainfo>,
    },
    /// The metadata of a magnet link has arrived, matches its hash, and is no usable torrent.
    Unusable {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The defect, in plain words.
        message: String,
    },
    /// A peer says that the metadata of a magnet link is longer than is fetched. Reported once; others may say
    /// otherwise.
    MetadataTooLong {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The length in bytes, as the peer says.
        len: u32,
        /// The longest that is fetched, in bytes.
        max: u32,
    },
    /// The check of the data on disk is done, and the torrent is active.
    Started {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// Nothing wanted is missing.
        finished: bool,
        /// Bytes of the pieces that were there.
        have_bytes: u64,
    },
    /// The last wanted piece hashed right. Front ends learn of it only once it is safe on disk.
    Finished {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
    },
    /// A disk fault stopped the torrent.
    Stopped {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The fault.
        fault: DiskFault,
    },
    /// The torrent is gone, with everything that belonged to it.
    Removed {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
    },
    /// A piece hashed wrong and will be fetched again.
    PieceFailed {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// Index of the piece.
        piece: u32,
    },
    /// Somebody sent bad data and is banned, for all torrents.
    Banned {
        /// The torrent that it was about.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The banned one.
        #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
        author: Author,
        /// The offence.
        reason: BanReason,
        /// How long the ban lasts, unless [`Command::LiftBan`](crate::Command::LiftBan) ends it.
        #[cfg_attr(feature = "serde", serde(rename = "ends_in_s", serialize_with = "as_seconds"))]
        ends_in: Duration,
    },
    /// A peer that was given by hand does not answer, or hangs up. Reported once; it is tried again.
    PeerUnreachable {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The address of the peer.
        addr: SocketAddr,
    },
    /// The torrent has no source of peers: no tracker that can be asked, no given address, and neither the DHT nor the local
    /// network is asked. Reported once.
    NoSource {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
    },
    /// A tracker failed or warned.
    Tracker {
        /// The torrent.
        #[cfg_attr(feature = "serde", serde(skip))]
        torrent: TorrentId,
        /// The tracker's URL without passkeys.
        tracker: String,
        /// The failure or warning, without passkeys.
        issue: TrackerIssue,
    },
}

impl TorrentEvent {
    /// Returns the torrent that it happened to.
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
