//! Torrents to add.

use crate::detail::FileChoice;
use crate::goals::Goals;
use crate::object::{object, objects};
use crate::problem::Problem;
use crate::torrent::Limits;
use serde::{Deserialize, Serialize};

/// Request to add torrents.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AddRequest {
    /// Torrents.
    #[cfg_attr(feature = "schema", schema(max_items = 1000))]
    pub sources: Vec<AddSource>,
    /// Options of all of them.
    #[serde(default, deserialize_with = "object")]
    pub options: AddOptions,
}

/// A torrent to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AddSource {
    /// Content of a torrent file, in base64.
    Torrent(String),
    /// Magnet link, or info-hash in hexadecimal or base32.
    Magnet(String),
    /// HTTP or HTTPS URL of a torrent file, which the daemon fetches.
    Url(String),
}

/// Options of torrents that are added. `null` takes what the category or the settings say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AddOptions {
    /// Download folder, an absolute path.
    #[cfg_attr(feature = "schema", schema(pattern = "^/"))]
    pub dir: Option<String>,
    /// Folder of the files until they are complete, an absolute path; the empty string is none.
    #[cfg_attr(feature = "schema", schema(pattern = "^(/|$)"))]
    pub incomplete_dir: Option<String>,
    /// Folder layout.
    pub layout: Option<Layout>,
    /// Path of a category, which need not exist.
    pub category: Option<String>,
    /// Tags, which need not exist.
    pub tags: Vec<String>,
    /// True to leave the torrents stopped.
    pub paused: Option<bool>,
    /// Stage after which the torrents stop; `null` for none.
    pub stop_after: Option<StopAfter>,
    /// Name in lists; for one torrent only.
    pub name: Option<String>,
    /// Rate limits of each torrent.
    #[serde(deserialize_with = "object")]
    pub limits: Limits,
    /// Goals of each torrent.
    #[serde(deserialize_with = "object")]
    pub goals: Goals,
    /// True to fetch the pieces in order.
    pub sequential: Option<bool>,
    /// True to fetch the ends of files first.
    pub ends_first: Option<bool>,
    /// True to hide pieces from peers while the daemon is the only seed (super-seeding, BEP 16).
    pub super_seeding: Option<bool>,
    /// Files whose priority is not normal.
    #[serde(deserialize_with = "objects")]
    pub files: Vec<FileChoice>,
    /// True to put the torrents at the top of the queue.
    pub to_top: Option<bool>,
    /// Addresses of peers, `IP:PORT`.
    pub peers: Vec<String>,
    /// True to replace existing files that are not the torrent's.
    pub overwrite: bool,
    /// Announce URLs in addition to those of the torrent.
    pub trackers: Vec<String>,
    /// URLs of web seeds in addition to those of the torrent (BEP 19). They may be on the daemon's machine.
    pub web_seeds: Vec<String>,
}

/// Folder layout of a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// As in the torrent.
    Original,
    /// Always a folder of its own.
    Subfolder,
    /// Never a folder of its own.
    NoSubfolder,
}

/// Stage after which a torrent stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StopAfter {
    /// The metadata of a magnet link has arrived. A torrent file goes on.
    Metadata,
    /// The data on disk was checked.
    Check,
}

/// Answer to an [`AddRequest`]: one entry for each source, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AddResult {
    /// Results.
    pub results: Vec<Added>,
}

/// Result of adding one torrent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Added {
    /// New torrent.
    Added {
        /// Its id.
        id: u64,
        /// Its info-hash.
        hash: String,
        /// Its name.
        name: String,
    },
    /// Torrent that the daemon has already. New trackers and tags were added to it.
    Duplicate {
        /// Its id.
        id: u64,
        /// Its info-hash.
        hash: String,
        /// Its name.
        name: String,
    },
    /// Torrent that was not added.
    Failed {
        /// Reason.
        problem: Problem,
    },
}
