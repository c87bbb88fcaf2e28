//! Actions on torrents.

use crate::detail::FileChoice;
use crate::goals::Goals;
use crate::object::{object, objects};
use crate::problem::Problem;
use crate::torrent::Limits;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// Request of an action on torrents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    /// Terms that select torrents; one that matches is enough. An exact name; a name with `*`, `?` or `[...]` as a glob;
    /// an info-hash or its first characters, at least six; or a term with a prefix: `id:`, `name:`, `hash:`, `category:`
    /// (with those below it), `tag:`, `state:`; or `all`. A term that matches nothing is an error, and so is a hash
    /// prefix that matches several.
    #[cfg_attr(feature = "schema", schema(min_items = 1))]
    pub torrents: Vec<String>,
    /// Action.
    #[serde(deserialize_with = "object")]
    pub action: Action,
}

/// An action on torrents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// Starts torrents, as the queue allows; those whose goal was reached continue.
    Start {
        /// True to start them whatever the queue and the schedule say.
        #[serde(default)]
        force: bool,
    },
    /// Stops torrents.
    #[serde(deserialize_with = "no_fields")]
    Stop,
    /// Hashes all data on disk.
    #[serde(deserialize_with = "no_fields")]
    Recheck,
    /// Announces to trackers, DHT and the local network now, as far as intervals allow.
    #[serde(deserialize_with = "no_fields")]
    Reannounce,
    /// Removes torrents.
    Remove {
        /// Treatment of their data.
        #[serde(default)]
        data: DataChoice,
    },
    /// Moves the files to another download folder.
    Move {
        /// The folder, an absolute path.
        #[cfg_attr(feature = "schema", schema(pattern = "^/"))]
        dir: String,
    },
    /// Gives a file or a folder another path below the download folder.
    RenamePath {
        /// Path below the download folder, as it is now.
        from: String,
        /// New path below the download folder.
        to: String,
    },
    /// Gives a torrent another name in lists. Files keep theirs.
    Rename {
        /// New name; the empty string is the name of the torrent file.
        name: String,
    },
    /// Sets the rate limits of each torrent.
    SetLimits(Limits),
    /// Sets the goals of each torrent.
    SetGoals(Goals),
    /// Sets the category.
    SetCategory {
        /// Path of an existing category; `null` for none.
        category: Option<String>,
    },
    /// Adds tags, which need not exist.
    AddTags {
        /// Tags.
        tags: Vec<String>,
    },
    /// Takes tags away.
    RemoveTags {
        /// Tags.
        tags: Vec<String>,
    },
    /// Moves downloads in the queue.
    Queue {
        /// Target.
        to: QueueMove,
    },
    /// Fetches the pieces in order, or the rare ones first.
    SetSequential {
        /// True for the order of the data.
        on: bool,
    },
    /// Fetches the first and last pieces of files before others, or like them.
    SetEndsFirst {
        /// True for the ends first.
        on: bool,
    },
    /// Hides pieces from peers while the daemon is the only seed, so that the first copy costs little upload (BEP 16), or
    /// shows all. If it begins, connections are closed, as their peers know the pieces.
    SetSuperSeeding {
        /// True to hide pieces.
        on: bool,
    },
    /// Looks for new versions now: in the feed that a torrent names (BEP 39), or in the DHT (BEP 46). A new version is added
    /// as a torrent of its own.
    #[serde(deserialize_with = "no_fields")]
    CheckUpdate,
    /// Sets the priorities of files. Others keep theirs.
    SetFilePriorities {
        /// Files with their priorities.
        #[serde(deserialize_with = "objects")]
        files: Vec<FileChoice>,
    },
    /// Changes the trackers.
    EditTrackers(TrackerChange),
    /// Changes the web seeds.
    EditWebSeeds(WebSeedChange),
    /// Adds addresses of peers.
    AddPeers {
        /// Addresses, `IP:PORT`.
        peers: Vec<String>,
    },
    /// Starts torrents that a fault has stopped, with a check of their files.
    #[serde(deserialize_with = "no_fields")]
    Retry,
}

/// Refuses the fields that serde would ignore in a variant without any.
fn no_fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    Nothing::deserialize(deserializer).map(|Nothing {}| ())
}

/// Treatment of the data of a removed torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DataChoice {
    /// The data stays.
    #[default]
    Keep,
    /// The data is deleted, except files that are not known to be the torrent's.
    Delete,
    /// The data is moved to the trash folder of the settings.
    Trash,
}

/// Target of a move in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum QueueMove {
    /// Before all others.
    Top,
    /// One place up.
    Up,
    /// One place down.
    Down,
    /// Behind all others.
    Bottom,
}

/// Change of the trackers of a torrent: first removals, then replacements and additions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct TrackerChange {
    /// Announce URLs in place of all present ones, tier by tier; `null` leaves them.
    pub set: Option<Vec<Vec<String>>>,
    /// Announce URLs to remove.
    pub remove: Vec<String>,
    /// Announce URLs to add, each as a tier of its own at the end.
    pub add: Vec<String>,
    /// Announce URLs to replace, by the new ones.
    pub replace: BTreeMap<String, String>,
}

/// Change of the web seeds of a torrent: first removals, then additions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct WebSeedChange {
    /// URLs to remove, as listed.
    pub remove: Vec<String>,
    /// URLs to add. A URL of a folder ends with a slash. Unlike those in a torrent, they may be on the daemon's machine.
    pub add: Vec<String>,
    /// True if the URLs to add are scripts that return pieces (BEP 17), and not places of files (BEP 19).
    pub scripts: bool,
}

/// Answer to an [`ActionRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ActionResult {
    /// Ids of the torrents for which it is done.
    pub done: Vec<u64>,
    /// Ids of the torrents for which it goes on in the background, such as a move to another disk.
    pub under_way: Vec<u64>,
    /// Torrents for which it failed.
    pub failed: Vec<Failed>,
}

/// A torrent for which an action failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Failed {
    /// Id of the torrent.
    pub id: u64,
    /// Reason.
    pub problem: Problem,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn actions_are_objects_with_their_kind() {
        let text = r#"{"torrents":["id:1"],"action":{"kind":"remove","data":"delete"}}"#;
        let request: ActionRequest = serde_json::from_str(text).unwrap();
        assert_eq!(request.action, Action::Remove { data: DataChoice::Delete });
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
        let text = r#"{"torrents":["all"],"action":{"kind":"set_file_priorities","files":[{"index":3,"priority":"skip"}]}}"#;
        assert_eq!(
            serde_json::to_string(&serde_json::from_str::<ActionRequest>(text).unwrap()).unwrap(),
            text
        );
        let text = r#"{"torrents":["all"],"action":{"kind":"set_limits","down_per_s":5,"up_per_s":null}}"#;
        let request: ActionRequest = serde_json::from_str(text).unwrap();
        assert_eq!(request.action, Action::SetLimits(Limits { down_per_s: Some(5), up_per_s: None }));
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
    }

    #[test]
    fn actions_with_unknown_names_or_fields_are_refused() {
        for text in [
            r#"{"torrents":["all"],"action":{"kind":"melt"}}"#,
            r#"{"torrents":["all"],"action":{"kind":"start","fast":true}}"#,
            r#"{"torrents":["all"],"action":{"kind":"stop","fast":true}}"#,
            r#"{"torrents":["all"],"action":{"fast":true,"kind":"retry"}}"#,
            r#"{"torrents":["all"],"action":{"kind":"check_update","x":1}}"#,
            r#"{"torrents":["all"],"action":{"kind":"set_limits","down":5}}"#,
            r#"{"torrents":["all"],"action":{"kind":"stop"},"force":true}"#,
            r#"{"action":{"kind":"stop"}}"#,
        ] {
            assert!(serde_json::from_str::<ActionRequest>(text).is_err(), "{text}");
        }
    }
}
