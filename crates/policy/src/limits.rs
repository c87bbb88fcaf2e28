//! Rate limits.

/// Limits of payload rates, in bytes per second. `None` is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Limits {
    /// Limit of the download rate, in bytes per second.
    pub down_per_s: Option<u64>,
    /// Limit of the upload rate, in bytes per second.
    pub up_per_s: Option<u64>,
}

impl Limits {
    /// No limit in either direction.
    pub const NONE: Self = Self { down_per_s: None, up_per_s: None };
}
