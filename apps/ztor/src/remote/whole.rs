//! Commands about the daemon as a whole.

use std::time::Duration;

use jiff::Timestamp;
use ztor_api::{Connectivity, LogLine};

use super::args::LogArgs;
use super::connection::Connection;
use crate::exit::Exit;
use ztor_view::format::{Count, Rate, Size, Span};
use ztor_view::text::Escaped;

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
    let way = match statistics.connectivity {
        Connectivity::Incoming => ", and peers can connect to it",
        _ => "",
    };
    let listening = match statistics.peer_port {
        0 => "not listening".to_owned(),
        _ => format!("listening on {}", about.peer_addr),
    };
    line("Peers", format!("{}, {listening}{way}", statistics.peers));
    if statistics.is_unreachable {
        line(
            "",
            format!(
                "none of them has connected to this machine: forward port {} in the router; see `ztor ports`",
                statistics.peer_port
            ),
        );
    }
    if let Some(nodes) = statistics.dht_nodes {
        let read_only = if statistics.dht_read_only { ", read-only" } else { "" };
        line("DHT", format!("{}{read_only}", Count(usize::try_from(nodes).unwrap_or(usize::MAX), "node")));
    }
    if let Some(proxy) = &statistics.proxy {
        line("Proxy", format!("{}, {}", Escaped(&proxy.url), ztor_view::text::proxy_text(proxy)));
    }
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

/// Interval between two looks with `--follow`.
const EVERY: Duration = Duration::from_millis(500);
/// Number of lines of one answer with `--follow`.
const MOST: usize = 2000;

pub(super) fn log(args: &LogArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let (mut since, mut limit) = (0, args.lines);
    let torrent = match &args.torrent {
        Some(torrent) => Some(connection.ask(connection.client.detail(torrent))?.torrent.id),
        None => None,
    };
    loop {
        let lines = match connection.ask(connection.client.log(since, &args.level, limit, torrent)) {
            Err(_) if args.follow && connection.stop.is_set() => return Ok(Exit::Ok),
            result => result?,
        };
        lines.iter().for_each(|line| show(line, connection));
        since = lines.last().map_or(since, |line| line.number);
        limit = MOST;
        if !args.follow || !connection.sleep(EVERY) {
            return Ok(Exit::Ok);
        }
    }
}

fn show(line: &LogLine, connection: &Connection) {
    if connection.console.is_json() {
        connection.console.json(line);
        return;
    }
    let time = i64::try_from(line.unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let time = time
        .map(|time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string());
    let (time, message) = (time.unwrap_or_default(), Escaped(&line.message));
    connection.console.line(&format!("{time} {:<5} {}: {message}", line.level, line.target));
}
