//! Values of torrents that only this API has. The daemon keeps them with the torrent, and gives them back as they were.

use serde_json::Value;
use ztor_daemon::{ForeignApi, Row};

/// Names of the values.
pub(crate) mod name {
    pub(crate) const BANDWIDTH_PRIORITY: &str = "bandwidth_priority";
    pub(crate) const DOWNLOAD_LIMIT: &str = "download_limit";
    pub(crate) const UPLOAD_LIMIT: &str = "upload_limit";
    pub(crate) const EDIT_DATE: &str = "edit_date";
    pub(crate) const FROM_PIECE: &str = "sequential_download_from_piece";
    pub(crate) const HONORS_LIMITS: &str = "honors_session_limits";
    pub(crate) const PEER_LIMIT: &str = "peer_limit";
    pub(crate) const IDLE_LIMIT: &str = "seed_idle_limit";
    pub(crate) const RATIO_LIMIT: &str = "seed_ratio_limit";
    /// Priorities of files that are not wanted, by their index in the torrent: -1 or 1.
    pub(crate) const UNWANTED: &str = "priorities_of_unwanted";
}

/// Returns a whole number.
pub(crate) fn int(row: &Row, name: &str) -> Option<i64> {
    row.foreign_value(ForeignApi::Transmission, name)?.as_i64()
}

pub(crate) fn real(row: &Row, name: &str) -> Option<f64> {
    row.foreign_value(ForeignApi::Transmission, name)?.as_f64()
}

pub(crate) fn flag(row: &Row, name: &str) -> Option<bool> {
    row.foreign_value(ForeignApi::Transmission, name)?.as_bool()
}

/// Returns the priority that a file gets once it is wanted.
pub(crate) fn priority_of_unwanted(row: &Row, file: usize) -> i64 {
    let of_file = row.foreign_value(ForeignApi::Transmission, name::UNWANTED);
    of_file.and_then(|files| files.get(file.to_string())).and_then(Value::as_i64).unwrap_or(0).clamp(-1, 1)
}
