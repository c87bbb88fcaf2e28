//! Entry points for fuzz targets.

use crate::api::{dir_of, list_query, log_query};
use crate::transmission::{parse_tracker_list, request_of};
use ztor_api::{ListQuery, Problem};

/// Parses the query of a list of torrents.
///
/// # Errors
/// A parameter is unknown, or has a bad value.
pub fn parse_list_query(text: &str) -> Result<ListQuery, Problem> {
    list_query(text).map_err(|refused| refused.0)
}

/// Parses the query of a watched folder. Returns its path.
///
/// # Errors
/// There is another parameter, or not exactly one.
pub fn parse_dir_query(text: &str) -> Result<String, Problem> {
    dir_of(text).map_err(|refused| refused.0)
}

/// Parses the query of the log. Returns the line before the first, the index of the level, and the number of lines.
///
/// # Errors
/// A parameter is unknown, or has a bad value.
pub fn parse_log_query(text: &str) -> Result<(), Problem> {
    log_query(text).map(drop).map_err(|refused| refused.0)
}

/// Parses the body of a request of the qBittorrent API, and reads its values in every way. Returns the fields, and the number
/// of files.
///
/// # Errors
/// The body cannot be parsed; the status of the answer.
pub fn parse_form(media_type: &str, body: &[u8]) -> Result<(Vec<(String, String)>, usize), u16> {
    crate::qbittorrent::testing::read_form(media_type, body)
}

/// Follows a server of the qBittorrent API through changes and lost answers, derived from the bytes.
///
/// # Panics
/// The client of the model has another state than the server.
pub fn follow_updates(operations: &[u8]) {
    crate::qbittorrent::testing::follow(operations);
}

/// Decodes the body of a request of the Transmission RPC, in both dialects. Returns the answer if all of its methods did nothing;
/// `None` if nobody waits for one.
pub fn answer_transmission(body: &[u8]) -> Option<Vec<u8>> {
    request_of(body)
}

/// Parses a tracker list of the Transmission RPC. Returns the tiers; `None` if it is refused.
pub fn parse_transmission_trackers(text: &str) -> Option<Vec<Vec<String>>> {
    parse_tracker_list(text)
}

/// Returns the paths of all endpoints of the qBittorrent API; true for those that change something.
pub fn qbittorrent_endpoints() -> Vec<(String, bool)> {
    crate::qbittorrent::testing::all_endpoints()
}

/// Returns the methods of the Transmission RPC, and the names of values of the session and of torrents.
pub fn transmission_names() -> (Vec<&'static str>, Vec<&'static str>) {
    crate::transmission::all_names()
}
