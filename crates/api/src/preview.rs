//! Previews of torrents, and folders of the daemon, for front ends that add or create a torrent.

use crate::add::AddSource;
use serde::{Deserialize, Serialize};

/// Request to look into a torrent without adding it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// The torrent. Peers are asked for the metadata of a magnet link.
    pub source: AddSource,
}

/// Content of a torrent that was not added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Preview {
    /// Info-hash in hexadecimal: that of v1, or that of v2 if the torrent has no other.
    pub hash: String,
    /// Info-hash of v2 in hexadecimal; `null` if it has none.
    pub hash_v2: Option<String>,
    /// Name, unfiltered.
    pub name: String,
    /// Size of all files in bytes.
    pub total_bytes: u64,
    /// Length of a piece in bytes.
    pub piece_bytes: u32,
    /// Number of pieces.
    pub pieces: u32,
    /// True if it is private (BEP 27).
    pub is_private: bool,
    /// Comment.
    pub comment: Option<String>,
    /// Program that has created the torrent file.
    pub created_by: Option<String>,
    /// Time at which the torrent file was created.
    pub created_unix_s: Option<i64>,
    /// Announce URLs without passkeys.
    pub trackers: Vec<String>,
    /// Files without pads.
    pub files: Vec<PreviewFile>,
    /// The torrent, if the daemon has it already.
    pub duplicate: Option<Known>,
}

/// A file of a [`Preview`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PreviewFile {
    /// Index in the torrent, pads included.
    pub index: usize,
    /// Path below the download folder.
    pub path: String,
    /// Length in bytes.
    pub size_bytes: u64,
}

/// A torrent that the daemon has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Known {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
}

/// A folder on the machine of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Folder {
    /// Its path.
    pub dir: String,
    /// Path of the folder that contains it; `null` for the root.
    pub parent: Option<String>,
    /// Names of the folders in it, sorted; at most 10,000. Hidden ones are left out.
    pub folders: Vec<String>,
    /// Free space of its disk; `null` if unknown.
    pub free_bytes: Option<u64>,
    /// Size of its disk; `null` if unknown.
    pub total_bytes: Option<u64>,
    /// True if the daemon may write to it.
    pub is_writable: bool,
}
