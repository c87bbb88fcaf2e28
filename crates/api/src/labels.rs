//! Categories and tags.

use crate::goals::Goals;
use crate::object::object;
use crate::torrent::Limits;
use serde::{Deserialize, Serialize};

/// A category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Category {
    /// Path, such as `linux/debian`.
    pub path: String,
    /// Folder of its torrents that was set for it; `null` if none was.
    pub save_path: Option<String>,
    /// Folder of its torrents in effect: its own, or by its name in that of its parent; `null` if the settings decide.
    pub effective_save_path: Option<String>,
    /// Limits of all its torrents together, and of those of the categories below it.
    pub limits: Limits,
    /// Goals of torrents without goals of their own.
    pub goals: Goals,
    /// Number of its torrents, without those of the categories below it.
    pub torrents: usize,
}

/// Settings of a category that is created or changed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CategoryEdit {
    /// Folder of its torrents, an absolute path; `null` for the one in that of the parent.
    #[cfg_attr(feature = "schema", schema(pattern = "^/"))]
    pub save_path: Option<String>,
    /// Limits of all its torrents together.
    #[serde(deserialize_with = "object")]
    pub limits: Limits,
    /// Goals of torrents without goals of their own.
    #[serde(deserialize_with = "object")]
    pub goals: Goals,
}

/// New path of a category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CategoryRename {
    /// Present path.
    pub from: String,
    /// New path.
    pub to: String,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Tag {
    /// Name.
    pub name: String,
    /// Number of its torrents.
    pub torrents: usize,
}

/// New name of a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TagRename {
    /// Present name.
    pub from: String,
    /// New name.
    pub to: String,
}
