//! Time of the calendar.

/// Returns the time in seconds since 1970.
pub(crate) fn now_unix_s() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}
