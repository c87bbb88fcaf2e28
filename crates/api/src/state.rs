//! States of torrents.

use serde::{Deserialize, Serialize};

/// State of a torrent, as a user sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// The daemon has just started, and opens the torrent.
    Loading,
    /// The metadata of a magnet link is fetched from peers.
    Metadata,
    /// The data on disk is checked, or waits for that.
    Checking,
    /// A wanted piece is missing, and the torrent runs.
    Downloading,
    /// No wanted piece is missing, and the torrent runs.
    Seeding,
    /// The torrent waits for a slot of the queue.
    Queued,
    /// The user has stopped the torrent.
    Paused,
    /// A goal, such as a ratio, was reached, and the torrent has stopped.
    Done,
    /// The schedule has stopped all torrents.
    Scheduled,
    /// A fault stops the torrent ([`Torrent::fault`](crate::Torrent::fault)).
    Error,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Group of torrents that is selected like a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateGroup {
    /// Torrents that transfer data.
    Active,
    /// Torrents that transfer none.
    Inactive,
    /// Torrents with all wanted data.
    Complete,
    /// Torrents that lack wanted data.
    Incomplete,
    /// Torrents of which no tracker works.
    TrackerError,
}

impl StateGroup {
    /// All groups.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Inactive, Self::Complete, Self::Incomplete, Self::TrackerError];

    /// Returns the name in queries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::TrackerError => "tracker_error",
        }
    }

    /// Returns the group with this name in queries.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }
}

impl State {
    /// All states but the unknown one, in the order in which front ends list them.
    pub const ALL: [Self; 10] = [
        Self::Downloading,
        Self::Seeding,
        Self::Metadata,
        Self::Checking,
        Self::Queued,
        Self::Paused,
        Self::Done,
        Self::Scheduled,
        Self::Loading,
        Self::Error,
    ];

    /// Returns the name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Metadata => "metadata",
            Self::Checking => "checking",
            Self::Downloading => "downloading",
            Self::Seeding => "seeding",
            Self::Queued => "queued",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Scheduled => "scheduled",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the state with this name in JSON.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Reason why a torrent is in the state [`State::Error`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Fault {
    /// Kind, for programs.
    pub kind: FaultKind,
    /// The reason in plain words, with the next step.
    pub message: String,
}

/// Kind of a [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The disk is full.
    Full,
    /// A file or its drive is missing.
    Missing,
    /// The daemon may not read or write a file.
    Permission,
    /// Another program has changed a file.
    Changed,
    /// A file that is not the torrent's is in the way.
    InTheWay,
    /// Another fault of the disk.
    Io,
    /// The metadata of the torrent is unusable.
    Metadata,
    /// The torrent cannot be loaded.
    Load,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn names_of_states_are_those_in_json() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
            assert_eq!(State::from_name(state.name()), Some(state));
        }
        assert_eq!(serde_json::from_str::<State>("\"melting\"").unwrap(), State::Unknown);
    }
}
