//! Goals of seeding.

use serde::{Deserialize, Serialize};

/// A goal of a torrent or category.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The category, its parents and the settings decide.
    #[default]
    Inherit,
    /// No goal.
    Unlimited,
    /// The goal is reached at this value.
    At(f64),
}

/// Action at the first goal that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GoalAction {
    /// The torrent stops.
    Stop,
    /// The torrent is removed, and its data stays.
    Remove,
    /// The torrent is removed with its data.
    RemoveWithData,
}

/// Goals of a torrent or category.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Goals {
    /// Ratio of sent to received bytes, from 0 to 4,000,000.
    pub ratio: Goal,
    /// Time of seeding in seconds.
    pub seeding_s: Goal,
    /// Time without upload in seconds.
    pub idle_s: Goal,
    /// Action; `null` leaves it to the category, its parents and the settings.
    pub action: Option<GoalAction>,
}
