//! Waiting for torrents.

use std::time::{Duration, Instant};

use ztor_api::{ListQuery, State, Torrent};

use super::connection::Connection;
use crate::exit::{CliError, Exit};
use ztor_view::format::{Percent, Rate, Size};

/// Interval between two looks.
const EVERY: Duration = Duration::from_millis(300);
/// Interval between two lines of progress.
const REPORT: Duration = Duration::from_secs(5);

/// Waits until `is_done` holds for all these torrents. Torrents that are removed meanwhile count as done.
///
/// # Errors
/// A torrent has a fault, or the user stops the wait.
pub(super) fn wait(
    connection: &Connection,
    ids: &[u64],
    is_done: impl Fn(&Torrent) -> bool,
) -> anyhow::Result<Exit> {
    let mut reported = Instant::now();
    loop {
        let mut open: Vec<Torrent> = Vec::new();
        for ids in ids.chunks(500) {
            let select = ids.iter().map(|id| format!("id:{id}")).collect();
            let query = ListQuery { select, ..ListQuery::default() };
            open.extend(connection.ask(connection.client.list(&query))?.torrents);
        }
        if let Some(failed) = open.iter().find(|torrent| torrent.state == State::Error) {
            let reason = failed.fault.as_ref().map_or("it has failed", |fault| fault.message.as_str());
            return Err(CliError::new(Exit::Failed, format!("{}: {reason}", failed.name)).into());
        }
        open.retain(|torrent| !is_done(torrent));
        if open.is_empty() {
            return Ok(Exit::Ok);
        }
        if reported.elapsed() >= REPORT {
            reported = Instant::now();
            report(connection, &open);
        }
        if !connection.sleep(EVERY) {
            return Ok(Exit::Interrupted);
        }
    }
}

fn report(connection: &Connection, open: &[Torrent]) {
    if connection.console.is_json() {
        open.iter().for_each(|torrent| connection.console.json(torrent));
        return;
    }
    for torrent in open.iter().take(10) {
        connection.console.line(&format!(
            "{}: {} of {}, {}, {}",
            torrent.name,
            Percent(torrent.progress),
            Size(torrent.size_bytes),
            Rate(torrent.down_per_s),
            torrent.state.name()
        ));
    }
}
