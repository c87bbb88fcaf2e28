//! Choice between the normal limits of the whole and the alternative ones.

use serde::{Deserialize, Serialize};

/// Choice of the limits of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LimitsChange {
    /// `on` for the alternative limits, `off` for the normal ones, `schedule` for what the schedule says.
    pub limits: LimitsChoice,
}

/// The limits of the whole in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LimitsChoice {
    /// The alternative limits.
    On,
    /// The normal limits.
    Off,
    /// Those of the schedule.
    Schedule,
}
