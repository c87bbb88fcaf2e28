//! The row of a torrent in a list.

use crate::state::{Fault, State};
use serde::{Deserialize, Serialize};

/// A torrent, as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Torrent {
    /// Number of the torrent in its daemon. It remains over restarts and is not used again.
    pub id: u64,
    /// Info-hash in hexadecimal: that of v1, or that of v2 if the torrent has no other.
    #[cfg_attr(feature = "schema", schema(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    pub hash: String,
    /// Info-hash of v2 (BEP 52) in hexadecimal; `null` if it has none.
    pub hash_v2: Option<String>,
    /// Name, unfiltered: it may contain control characters.
    pub name: String,
    /// State.
    pub state: State,
    /// Fault in the state [`State::Error`]; `null` otherwise.
    pub fault: Option<Fault>,
    /// Part of the wanted data that is present, from 0 to 1; 1 only if no wanted piece is missing. During a check, the
    /// part that was checked.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 1))]
    pub progress: f64,
    /// Size of the wanted pieces in bytes; 0 while the metadata is unknown.
    pub size_bytes: u64,
    /// Size of all files in bytes; 0 while the metadata is unknown.
    pub total_bytes: u64,
    /// Size of the wanted pieces that are missing, in bytes.
    pub left_bytes: u64,
    /// Rate of incoming piece data.
    pub down_per_s: u64,
    /// Rate of outgoing piece data.
    pub up_per_s: u64,
    /// Bytes received in all sessions.
    pub downloaded_bytes: u64,
    /// Bytes sent in all sessions.
    pub uploaded_bytes: u64,
    /// Sent bytes divided by received bytes, or by the wanted size if hardly anything was received; `null` without
    /// either.
    pub ratio: Option<f64>,
    /// Time until the download is complete at the present rate; `null` if it does not download.
    pub eta_s: Option<u64>,
    /// Number of connected peers.
    pub peers: u32,
    /// Number of those with all data.
    pub seeds: u32,
    /// Number of seeds in the swarm, as the trackers count; `null` if unknown.
    pub swarm_seeds: Option<u32>,
    /// Number of other peers in the swarm, as the trackers count; `null` if unknown.
    pub swarm_leechers: Option<u32>,
    /// Position in the download queue, from 1; `null` if it is not in the queue.
    #[cfg_attr(feature = "schema", schema(minimum = 1))]
    pub queue_position: Option<usize>,
    /// True if the user forced its start, so that it runs whatever the queue and the schedule say.
    pub is_forced: bool,
    /// True if it is private (BEP 27); `null` while the metadata is unknown.
    pub is_private: Option<bool>,
    /// Category; `null` if it has none.
    pub category: Option<String>,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Download folder, which contains the file or the folder of the torrent.
    pub dir: String,
    /// Time at which it was added.
    pub added_unix_s: u64,
    /// Time at which the last wanted piece was durable; `null` before that.
    pub finished_unix_s: Option<u64>,
    /// Time for which it was active in all sessions.
    pub active_s: u64,
    /// The part of that without a missing wanted piece.
    pub seeding_s: u64,
    /// Rate limits of the torrent alone.
    pub limits: Limits,
    /// True if the pieces are fetched in order.
    pub is_sequential: bool,
    /// True if the ends of files are fetched first.
    pub is_ends_first: bool,
    /// True if pieces are hidden from peers while the daemon is the only seed (super-seeding, BEP 16).
    pub is_super_seeding: bool,
    /// Host of the tracker that answered last, or of the first one; `null` without trackers.
    pub tracker: Option<String>,
    /// Failure of the trackers in plain words, if none of them works; `null` otherwise.
    pub tracker_error: Option<String>,
    /// Progress of a move of the files; `null` if none is under way.
    pub moving: Option<Moving>,
    /// Revision of the daemon's state at the last change of this row.
    pub revision: u64,
}

/// Rate limits in bytes per second; `null` is no limit, and 0 stops the transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Limit of incoming piece data.
    #[serde(default)]
    pub down_per_s: Option<u64>,
    /// Limit of outgoing piece data.
    #[serde(default)]
    pub up_per_s: Option<u64>,
}

/// Progress of a move of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Moving {
    /// Number of bytes copied so far.
    pub done_bytes: u64,
    /// Number of all bytes; 0 while unknown, and if nothing has to be copied.
    pub total_bytes: u64,
}
