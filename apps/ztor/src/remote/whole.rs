//! Commands about the daemon as a whole.

use super::connection::Connection;
use crate::exit::Exit;
use crate::units::{Rate, Size, Span};

pub(super) fn stats(connection: &Connection) -> anyhow::Result<Exit> {
    let statistics = connection.ask(connection.client.statistics())?;
    if connection.console.is_json() {
        connection.console.json(&statistics);
        return Ok(Exit::Ok);
    }
    let about = connection.ask(connection.client.about())?;
    let line = |name: &str, value: String| connection.console.line(&format!("{name:<14}{value}"));
    line("Version", about.version);
    line("Running for", Span(statistics.uptime_s).to_string());
    line("Torrents", format!("{}, {} active", statistics.torrents, statistics.active));
    line("Peers", format!("{}, listening on {}", statistics.peers, about.peer_addr));
    let down = (Rate(statistics.down_per_s), Size(statistics.session_downloaded_bytes));
    line(
        "Down",
        format!("{}, {} since the start, {} in all", down.0, down.1, Size(statistics.downloaded_bytes)),
    );
    let up = (Rate(statistics.up_per_s), Size(statistics.session_uploaded_bytes));
    line("Up", format!("{}, {} since the start, {} in all", up.0, up.1, Size(statistics.uploaded_bytes)));
    if let Some(free) = statistics.free_bytes {
        line("Free", Size(free).to_string());
    }
    if let Some(error) = statistics.save_error {
        line("Problem", error);
    }
    Ok(Exit::Ok)
}
