//! `ztor bans`, `ban`, `unban` and `ip-filter`.

use std::time::Duration;

use jiff::Timestamp;
use ztor_api::{BanKind, BanRequest, IpFilter};

use super::args::{BanArgs, IpFilterArgs, UnbanArgs};
use super::connection::Connection;
use super::table::{Table, terminal_width};
use crate::exit::Exit;
use ztor_view::column::Align;
use ztor_view::format::{Count, Size};
use ztor_view::text::Escaped;

/// Interval between two looks at a list that is being read.
const EVERY: Duration = Duration::from_millis(200);

pub(super) fn list(connection: &Connection) -> anyhow::Result<Exit> {
    let bans = connection.ask(connection.client.bans())?;
    if connection.console.is_json() {
        bans.iter().for_each(|ban| connection.console.json(ban));
        return Ok(Exit::Ok);
    }
    let columns = ["Address", "By", "Until", "Reason"].map(|heading| (heading, Align::Left));
    let mut table = Table::new(columns.to_vec(), 0);
    for ban in &bans {
        let reason = match &ban.client {
            Some(client) => format!("{} ({})", ban.reason, Escaped(client)),
            None => Escaped(&ban.reason).to_string(),
        };
        let by = match ban.kind {
            BanKind::User => "user",
            BanKind::Automatic => "ztor",
        };
        let until = ban.ends_unix_s.map_or_else(|| "no end".to_owned(), time);
        table.row(vec![ban.address.clone(), by.to_owned(), until, reason]);
    }
    table.lines(terminal_width()).iter().for_each(|line| connection.console.line(line));
    Ok(Exit::Ok)
}

pub(super) fn ban(args: &BanArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let request = BanRequest {
        addresses: args.addresses.clone(),
        time_s: args.time.map(|time| time.as_secs()),
        reason: args.reason.clone().unwrap_or_default(),
    };
    connection.ask(connection.client.ban(&request))?;
    Ok(Exit::Ok)
}

pub(super) fn unban(args: &UnbanArgs, connection: &Connection) -> anyhow::Result<Exit> {
    for address in &args.addresses {
        connection.ask(connection.client.unban(address))?;
    }
    Ok(Exit::Ok)
}

pub(super) fn ip_filter(args: &IpFilterArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let client = &connection.client;
    if args.refresh {
        connection.ask(client.refresh_ip_filter())?;
    }
    let mut filter = connection.ask(client.ip_filter())?;
    while args.refresh && filter.is_loading && connection.sleep(EVERY) {
        filter = connection.ask(client.ip_filter())?;
    }
    let is_bad = args.refresh && filter.error.is_some();
    if connection.console.is_json() {
        connection.console.json(&filter);
    } else {
        show(&filter, connection);
    }
    Ok(if is_bad { Exit::Failed } else { Exit::Ok })
}

fn show(filter: &IpFilter, connection: &Connection) {
    let line = |name: &str, value: String| connection.console.line(&format!("{name:<14}{value}"));
    let Some(source) = &filter.source else {
        line("List", "none; `ztor settings set ip_filter FILE` sets one".to_owned());
        return;
    };
    let count = |count: u64, what| Count(usize::try_from(count).unwrap_or(usize::MAX), what);
    line("List", Escaped(source).to_string());
    line("Ranges", format!("{} of {}", filter.ranges, count(filter.entries, "entry")));
    line("Memory", Size(filter.held_bytes).to_string());
    if filter.is_loading {
        line("State", "being read".to_owned());
    }
    for (name, unix_s) in
        [("Read", filter.loaded_unix_s), ("Checked", filter.checked_unix_s), ("Next", filter.next_unix_s)]
    {
        unix_s.into_iter().for_each(|unix_s| line(name, time(unix_s)));
    }
    let hits = filter.hits;
    line(
        "Hits",
        format!(
            "{} refused, {} not dialed, {} closed, {} dropped",
            count(hits.incoming, "connection"),
            count(hits.outgoing, "address"),
            count(hits.closed, "connection"),
            count(hits.datagrams, "datagram"),
        ),
    );
    if filter.bad_lines > 0 {
        line("Bad lines", filter.bad_lines.to_string());
        filter.first_bad_lines.iter().for_each(|bad| line("", Escaped(bad).to_string()));
    }
    if let Some(error) = &filter.error {
        line("Problem", Escaped(error).to_string());
    }
}

fn time(unix_s: u64) -> String {
    let time = i64::try_from(unix_s).ok().and_then(|unix_s| Timestamp::from_second(unix_s).ok());
    let shown =
        time.map(|time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string());
    shown.unwrap_or_default()
}
