//! Creation of torrents from files of the daemon's machine.

use crate::problem::Problem;
use serde::{Deserialize, Serialize};

/// Request to create a torrent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CreationRequest {
    /// Absolute path of a file or folder.
    #[cfg_attr(feature = "schema", schema(pattern = "^/"))]
    pub path: String,
    /// Format.
    pub format: CreationFormat,
    /// Length of a piece in bytes, a power of two from 16 KiB; `null` chooses one by the size.
    pub piece_bytes: Option<u32>,
    /// Announce URLs, tier by tier.
    pub trackers: Vec<Vec<String>>,
    /// URLs of web seeds.
    pub web_seeds: Vec<String>,
    /// Comment; the empty string is none.
    pub comment: String,
    /// Name of the site it is for, which makes a torrent of its own of the same files; the empty string is none.
    pub source: String,
    /// True for a private torrent (BEP 27).
    pub is_private: bool,
    /// Globs of files to leave out.
    pub ignore: Vec<String>,
    /// True to take hidden files too.
    pub include_hidden: bool,
    /// True to add the torrent and seed its files where they are.
    pub add: bool,
    /// Category of the torrent that is added; `null` for none.
    pub category: Option<String>,
}

/// Format of a new torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CreationFormat {
    /// v1 and v2 in one.
    #[default]
    Hybrid,
    /// v1 (BEP 3).
    V1,
    /// v2 (BEP 52).
    V2,
}

/// Answer to a [`CreationRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewCreation {
    /// Number of the creation.
    pub id: u64,
}

/// A torrent that is being created, or was created since the daemon started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Creation {
    /// Its number.
    pub id: u64,
    /// Path of the file or folder.
    pub path: String,
    /// State.
    pub state: CreationState,
    /// Bytes that were hashed.
    pub done_bytes: u64,
    /// Bytes to hash; 0 while unknown.
    pub total_bytes: u64,
    /// Reason of a failure, or reason why the torrent was not added; `null` otherwise.
    pub problem: Option<Problem>,
    /// Files that were left out, and why.
    pub warnings: Vec<String>,
    /// Name of the torrent; `null` before the end.
    pub name: Option<String>,
    /// Info-hash; `null` before the end.
    pub hash: Option<String>,
    /// Magnet link; `null` before the end.
    pub magnet: Option<String>,
    /// Id of the torrent that was added; `null` if none was.
    pub torrent: Option<u64>,
}

/// State of a [`Creation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CreationState {
    /// Waits for another creation.
    Waiting,
    /// The files are hashed.
    Hashing,
    /// The torrent file can be read.
    Done,
    /// The torrent was not created.
    Failed,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}
