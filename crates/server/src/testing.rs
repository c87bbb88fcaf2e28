//! Entry points for fuzz targets.

use crate::api::{dir_of, list_query, log_query};
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
