//! Torrents whose category decides about their folder. The daemon keeps that with the torrent.

use super::answer::Failure;
use serde_json::{Map, Value};
use ztor_daemon::{Daemon, ForeignApi, Row};

/// Key of the value of a torrent whose category decides about its folder.
const AUTO_TMM: &str = "auto_tmm";

/// Returns true if the category of a torrent decides about its folder.
pub(super) fn is_managed(row: &Row) -> bool {
    row.foreign_value(ForeignApi::Qbittorrent, AUTO_TMM) == Some(&Value::Bool(true))
}

/// Lets the category of torrents decide about their folder, or no longer. Returns when that is durable.
pub(super) async fn set_managed(daemon: &Daemon, ids: &[u64], on: bool) -> Result<(), Failure> {
    let value = if on { Value::Bool(true) } else { Value::Null };
    let change = Map::from_iter([(AUTO_TMM.to_owned(), value)]);
    Ok(daemon.change_torrent_values(ForeignApi::Qbittorrent, ids, &change).await?)
}
