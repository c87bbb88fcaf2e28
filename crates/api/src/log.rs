//! Lines of the log.

use serde::{Deserialize, Serialize};

/// A line of the daemon's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Number of the line since the start of the daemon, from 1.
    #[cfg_attr(feature = "schema", schema(minimum = 1))]
    pub number: u64,
    /// Time in milliseconds since 1970.
    pub unix_ms: u64,
    /// Level: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// Part of the program.
    pub target: String,
    /// Message with its fields, unfiltered: names in it may contain control characters.
    pub message: String,
    /// Id of the torrent that it is about; `null` for other lines.
    pub torrent: Option<u64>,
}
