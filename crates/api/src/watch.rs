//! Watched folders.

use serde::{Deserialize, Serialize};

/// A watched folder. Its settings are those of [`WatchFolderEdit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WatchFolder {
    /// Folder.
    pub dir: String,
    /// True to watch the folders in it too.
    pub recursive: bool,
    /// Category of its torrents; `null` for none.
    pub category: Option<String>,
    /// True to take the path of the sub-folder as category, below `category` if that is set.
    pub subfolder_as_category: bool,
    /// Tags of its torrents.
    pub tags: Vec<String>,
    /// Download folder of its torrents; `null` for that of the category or the settings.
    pub save_path: Option<String>,
    /// True to leave its torrents stopped; `null` for what the settings say.
    pub paused: Option<bool>,
    /// Treatment of loaded files.
    pub loaded: WatchLoaded,
    /// Number of torrents added from it since the start of the daemon.
    pub added: u64,
    /// Failure to read the folder, in plain words; `null` if it is readable.
    pub error: Option<String>,
    /// Files in it that cannot be used, at most 100.
    #[cfg_attr(feature = "schema", schema(max_items = 100))]
    pub problems: Vec<WatchProblem>,
}

/// Settings of a watched folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
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
    #[cfg_attr(feature = "schema", schema(pattern = "^/"))]
    pub save_path: Option<String>,
    /// True to leave its torrents stopped; `null` for what the settings say.
    pub paused: Option<bool>,
    /// Treatment of loaded files.
    pub loaded: WatchLoaded,
}

impl WatchFolder {
    /// Creates the description of a folder from which nothing was loaded yet.
    pub fn new(dir: impl Into<String>, settings: WatchFolderEdit) -> Self {
        let WatchFolderEdit { recursive, category, subfolder_as_category, tags, save_path, paused, loaded } =
            settings;
        Self {
            dir: dir.into(),
            recursive,
            category,
            subfolder_as_category,
            tags,
            save_path,
            paused,
            loaded,
            added: 0,
            error: None,
            problems: Vec::new(),
        }
    }

    /// Returns its settings, as the start of a change.
    pub fn settings(&self) -> WatchFolderEdit {
        WatchFolderEdit {
            recursive: self.recursive,
            category: self.category.clone(),
            subfolder_as_category: self.subfolder_as_category,
            tags: self.tags.clone(),
            save_path: self.save_path.clone(),
            paused: self.paused,
            loaded: self.loaded,
        }
    }
}

/// Treatment of a file of a watched folder after its torrent is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WatchLoaded {
    /// The file gets the suffix `.added`.
    #[default]
    Rename,
    /// The file is deleted.
    Delete,
    /// The file stays, and the daemon remembers that it was loaded.
    Keep,
}

/// A file of a watched folder that cannot be used, or stays after it was loaded because it cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WatchProblem {
    /// Path of the file.
    pub path: String,
    /// Reason in plain words.
    pub message: String,
}
