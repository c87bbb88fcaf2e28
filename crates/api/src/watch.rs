//! Watched folders.

use serde::{Deserialize, Serialize};

/// A watched folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchFolder {
    /// Folder.
    pub dir: String,
    /// Its settings.
    #[serde(flatten)]
    pub settings: WatchFolderEdit,
    /// Number of torrents loaded from it since the start.
    pub loaded: u64,
    /// Failure to read the folder, in plain words; `null` if it is readable.
    pub error: Option<String>,
    /// Files in it that cannot be used.
    pub problems: Vec<WatchProblem>,
}

/// Settings of a watched folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchFolderEdit {
    /// True to watch the folders in it too.
    pub recursive: bool,
    /// Category of its torrents; `null` for none.
    pub category: Option<String>,
    /// True to take the path of the sub-folder as category, below `category` if that is set.
    pub subfolder_as_category: bool,
    /// Tags of its torrents.
    pub tags: Vec<String>,
    /// Download folder of its torrents, an absolute path; `null` for that of the category or the settings.
    pub save_path: Option<String>,
    /// True to leave its torrents stopped; `null` for what the settings say.
    pub paused: Option<bool>,
    /// What happens to loaded files.
    pub loaded: WatchLoaded,
}

/// What happens to a file of a watched folder after its torrent is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchLoaded {
    /// It gets the suffix `.added`.
    #[default]
    Rename,
    /// It is deleted.
    Delete,
    /// It stays. The daemon remembers that it was loaded.
    Keep,
}

/// A file of a watched folder that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchProblem {
    /// Path of the file.
    pub path: String,
    /// Reason in plain words.
    pub message: String,
}
