//! Commands that show one torrent in detail.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use ztor_api::{
    Action, Detail, FileChoice, FilePriority, ListQuery, Signature, SignatureState, TrackerChange,
    WebSeedChange,
};

use super::args::{FilesArgs, OneArgs, TorrentArgs, TrackersArgs, WebSeedsArgs};
use super::connection::Connection;
use super::table::{Table, terminal_width};
use crate::exit::{CliError, Exit};
use ztor_view::column::Align;
use ztor_view::format::{Percent, Rate, Size, Span};

/// Returns the details of all torrents that terms select.
pub(super) fn each(torrents: &[String], connection: &Connection) -> anyhow::Result<Vec<Detail>> {
    let mut details = Vec::new();
    for torrent in torrents {
        // Term by term, so that one without a match is an error.
        let query = ListQuery { select: vec![torrent.clone()], ..ListQuery::default() };
        let list = connection.ask(connection.client.list(&query))?;
        if list.torrents.is_empty() {
            let message = format!("no torrent matches {torrent:?}");
            return Err(CliError::new(Exit::Failed, message).hint("`ztor list` shows all").into());
        }
        for torrent in list.torrents {
            details.push(connection.ask(connection.client.detail(&torrent.id.to_string()))?);
        }
    }
    Ok(details)
}

pub(super) fn info(args: &TorrentArgs, connection: &Connection) -> anyhow::Result<Exit> {
    for (at, detail) in each(&args.torrents, connection)?.iter().enumerate() {
        if connection.console.is_json() {
            connection.console.json(detail);
            continue;
        }
        if at > 0 {
            connection.console.line("");
        }
        for (name, value) in fields(detail) {
            connection.console.line(&format!("{name:<14}{}", ztor_view::text::Escaped(&value)));
        }
    }
    Ok(Exit::Ok)
}

fn fields(detail: &Detail) -> Vec<(&'static str, String)> {
    let torrent = &detail.torrent;
    let limit = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |rate| Rate(rate).to_string());
    let mut fields = vec![
        ("Name", torrent.name.clone()),
        ("Id", torrent.id.to_string()),
        ("Info-hash", torrent.hash.clone()),
    ];
    fields.extend(torrent.hash_v2.clone().map(|hash| ("v2 info-hash", hash)));
    fields.push(("State", torrent.state.name().to_owned()));
    fields.extend(torrent.fault.as_ref().map(|fault| ("Fault", fault.message.clone())));
    fields.extend(torrent.queue_position.map(|position| ("Queue", position.to_string())));
    fields.push(("Done", format!("{} of {}", Percent(torrent.progress), Size(torrent.size_bytes))));
    fields.extend(torrent.eta_s.map(|eta| ("ETA", Span(eta).to_string())));
    if let (Some(pieces), Some(bytes)) = (detail.pieces, detail.piece_bytes) {
        fields.push(("Pieces", format!("{} of {pieces}, {} each", detail.have_pieces, Size(bytes.into()))));
    }
    fields.extend(detail.files.map(|files| ("Files", files.to_string())));
    fields.push(("Folder", torrent.dir.clone()));
    fields.push(("Down", format!("{}, {} in all", Rate(torrent.down_per_s), Size(torrent.downloaded_bytes))));
    fields.push(("Up", format!("{}, {} in all", Rate(torrent.up_per_s), Size(torrent.uploaded_bytes))));
    fields.extend(torrent.ratio.map(|ratio| ("Ratio", format!("{ratio:.3}"))));
    fields.push((
        "Limits",
        format!("down {}, up {}", limit(torrent.limits.down_per_s), limit(torrent.limits.up_per_s)),
    ));
    fields.push(("Peers", format!("{} connected, {} of them seeds", torrent.peers, torrent.seeds)));
    fields.extend(torrent.category.clone().map(|category| ("Category", category)));
    if !torrent.tags.is_empty() {
        fields.push(("Tags", torrent.tags.join(", ")));
    }
    fields.push(("Added", date(torrent.added_unix_s)));
    fields.extend(torrent.finished_unix_s.map(|time| ("Finished", date(time))));
    fields.push(("Active", format!("{}, seeding {}", Span(torrent.active_s), Span(torrent.seeding_s))));
    fields.extend(torrent.tracker_error.clone().map(|error| ("Tracker", error)));
    fields.extend(detail.comment.clone().map(|comment| ("Comment", comment)));
    for signature in &detail.signatures {
        fields.push(("Signed by", signed_by(signature)));
    }
    fields.extend(detail.update_url.clone().map(|url| ("Updates", url)));
    if let Some(publisher) = &detail.publisher {
        fields.push(("Publisher", format!("{}, version {}", publisher.link, publisher.version)));
    }
    if detail.is_updated {
        fields.push(("Replaced", "a new version was added".to_owned()));
    }
    fields.push(("Magnet", detail.magnet.clone()));
    fields
}

fn signed_by(signature: &Signature) -> String {
    let state = match signature.state {
        SignatureState::Valid => "valid",
        SignatureState::Invalid => "NOT VALID",
        SignatureState::NoCertificate => "not checked: no certificate",
        SignatureState::BadCertificate => "not checked: bad certificate",
        SignatureState::Unsupported => "not checked: unsupported key",
    };
    let name = signature.common_name.as_ref().map(|name| format!(", certificate of {name}"));
    let print = signature.fingerprint.as_ref().map(|print| format!(" (SHA-256 {print})"));
    format!("{}: {state}{}{}", signature.name, name.unwrap_or_default(), print.unwrap_or_default())
}

fn date(unix_s: u64) -> String {
    let time = i64::try_from(unix_s).ok().and_then(|time| Timestamp::from_second(time).ok());
    time.map(|time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}

pub(super) fn files(args: &FilesArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let torrent = &args.one.torrent;
    let files = connection.ask(connection.client.files(torrent))?;
    if !args.set.is_empty() {
        let known: Vec<usize> = files.iter().map(|file| file.index).collect();
        let mut priorities: BTreeMap<usize, FilePriority> = BTreeMap::new();
        for text in &args.set {
            priorities.extend(priorities_of(text, &known)?);
        }
        let files = priorities.into_iter().map(|(index, priority)| FileChoice { index, priority }).collect();
        return connection.act(std::slice::from_ref(torrent), Action::SetFilePriorities { files });
    }
    if let Some(numbers) = &args.link {
        return links(numbers, args, &files, connection);
    }
    if connection.console.is_json() {
        files.iter().for_each(|file| connection.console.json(file));
        return Ok(Exit::Ok);
    }
    let right = |heading| (heading, Align::Right);
    let mut table = Table::new(
        vec![right("No"), ("Path", Align::Left), right("Size"), right("Done"), ("Priority", Align::Left)],
        1,
    );
    for file in &files {
        let share = if file.size_bytes == 0 { 1.0 } else { file.have_bytes as f64 / file.size_bytes as f64 };
        let priority = match file.priority {
            FilePriority::Skip => "skip",
            FilePriority::Low => "low",
            FilePriority::Normal => "normal",
            FilePriority::High => "high",
        };
        table.row(vec![
            file.index.to_string(),
            file.path.clone(),
            Size(file.size_bytes).to_string(),
            Percent(share).to_string(),
            priority.to_owned(),
        ]);
    }
    table.lines(terminal_width()).iter().for_each(|line| connection.console.line(line));
    Ok(Exit::Ok)
}

/// A link to a file, as printed.
#[derive(Debug, Serialize)]
struct Link<'a> {
    index: usize,
    path: &'a str,
    url: String,
    expires_unix_s: u64,
}

/// Prints links to complete files.
fn links(
    numbers: &str,
    args: &FilesArgs,
    files: &[ztor_api::File],
    connection: &Connection,
) -> anyhow::Result<Exit> {
    let bad = |why: &str| {
        CliError::usage(format!("cannot use --link {numbers}: {why}"))
            .hint("write, for example, --link 0,3-5")
    };
    // The others cannot have links yet: `*` leaves them out.
    let is_complete = |file: &&ztor_api::File| numbers != "*" || file.have_bytes == file.size_bytes;
    let files: Vec<&ztor_api::File> = files.iter().filter(is_complete).collect();
    let known: Vec<usize> = files.iter().map(|file| file.index).collect();
    let chosen = numbers_of(numbers, &known).map_err(bad)?;
    let address = connection.web_address()?;
    for file in files.into_iter().filter(|file| chosen.contains(&file.index)) {
        let link = connection.client.link_file(&args.one.torrent, file.index, args.valid.as_secs());
        let link = connection.ask(link)?;
        let url = format!("{address}{}", link.path);
        match connection.console.is_json() {
            true => connection.console.json(&Link {
                index: file.index,
                path: &file.path,
                url,
                expires_unix_s: link.expires_unix_s,
            }),
            false => connection.console.line(&url),
        }
    }
    Ok(Exit::Ok)
}

/// Parses `PRIORITY:NUMBERS`.
fn priorities_of(text: &str, known: &[usize]) -> Result<BTreeMap<usize, FilePriority>, CliError> {
    let bad = |why: &str| {
        CliError::usage(format!("cannot use --set {text}: {why}"))
            .hint("write, for example, --set skip:0,3-5")
    };
    let (priority, numbers) = text.split_once(':').ok_or_else(|| bad("expected PRIORITY:NUMBERS"))?;
    let priority = match priority {
        "skip" => FilePriority::Skip,
        "low" => FilePriority::Low,
        "normal" => FilePriority::Normal,
        "high" => FilePriority::High,
        _ => return Err(bad("expected skip, low, normal or high")),
    };
    let files = numbers_of(numbers, known).map_err(bad)?;
    Ok(files.into_iter().map(|file| (file, priority)).collect())
}

/// Parses numbers of files, such as `0,3-5` or `*`.
fn numbers_of(text: &str, known: &[usize]) -> Result<BTreeSet<usize>, &'static str> {
    let mut files = BTreeSet::new();
    for part in text.split(',') {
        if part == "*" {
            files.extend(known.iter().copied());
            continue;
        }
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = first.parse::<usize>().ok().zip(last.parse::<usize>().ok());
        let Some((first, last)) = range.filter(|(first, last)| first <= last) else {
            return Err("expected numbers such as 0,3-5, or *");
        };
        let named: Vec<usize> = known.iter().copied().filter(|file| (first..=last).contains(file)).collect();
        if named.is_empty() {
            return Err("the torrent has no such file");
        }
        files.extend(named);
    }
    Ok(files)
}

pub(super) fn peers(args: &OneArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let peers = connection.ask(connection.client.peers(&args.torrent))?;
    if connection.console.is_json() {
        peers.iter().for_each(|peer| connection.console.json(peer));
        return Ok(Exit::Ok);
    }
    let right = |heading| (heading, Align::Right);
    let left = |heading| (heading, Align::Left);
    let mut table = Table::new(
        vec![
            left("Address"),
            left("Client"),
            right("Has"),
            right("Down"),
            right("Up"),
            left("Over"),
            left("From"),
        ],
        1,
    );
    for peer in &peers {
        let secret = if peer.is_encrypted { ", encrypted" } else { "" };
        table.row(vec![
            peer.addr.clone(),
            peer.client.clone().unwrap_or_default(),
            Percent(peer.progress).to_string(),
            Rate(peer.down_per_s).to_string(),
            Rate(peer.up_per_s).to_string(),
            format!("{}{secret}", peer.transport),
            peer.sources.join(", "),
        ]);
    }
    table.lines(terminal_width()).iter().for_each(|line| connection.console.line(line));
    Ok(Exit::Ok)
}

pub(super) fn trackers(args: &TrackersArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let torrent = &args.one.torrent;
    let replace: BTreeMap<String, String> =
        args.replace.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    if !args.add.is_empty() || !args.remove.is_empty() || !replace.is_empty() {
        let change = TrackerChange { set: None, remove: args.remove.clone(), add: args.add.clone(), replace };
        return connection.act(std::slice::from_ref(torrent), Action::EditTrackers(change));
    }
    let trackers = connection.ask(connection.client.trackers(torrent, args.secrets))?;
    if connection.console.is_json() {
        trackers.iter().for_each(|tracker| connection.console.json(tracker));
        return Ok(Exit::Ok);
    }
    let right = |heading| (heading, Align::Right);
    let left = |heading| (heading, Align::Left);
    let columns = vec![
        right("Tier"),
        left("URL"),
        left("State"),
        right("Next"),
        right("Seeds"),
        right("Peers"),
        left("Message"),
    ];
    let mut table = Table::new(columns, 6);
    let count = |count: Option<u32>| count.map(|count| count.to_string()).unwrap_or_default();
    for tracker in &trackers {
        table.row(vec![
            tracker.tier.to_string(),
            tracker.url.clone(),
            tracker.state.clone(),
            tracker.announces_in_s.map(|time| Span(time).to_string()).unwrap_or_default(),
            count(tracker.seeders),
            count(tracker.leechers),
            tracker.message.clone().unwrap_or_default(),
        ]);
    }
    table.lines(terminal_width()).iter().for_each(|line| connection.console.line(line));
    Ok(Exit::Ok)
}

pub(super) fn web_seeds(args: &WebSeedsArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let torrent = &args.one.torrent;
    if !args.add.is_empty() || !args.remove.is_empty() {
        let (remove, add) = (args.remove.clone(), args.add.clone());
        let change = WebSeedChange { remove, add, scripts: args.scripts };
        return connection.act(std::slice::from_ref(torrent), Action::EditWebSeeds(change));
    }
    let seeds = connection.ask(connection.client.web_seeds(torrent))?;
    if connection.console.is_json() {
        seeds.iter().for_each(|seed| connection.console.json(seed));
        return Ok(Exit::Ok);
    }
    let columns = vec![
        ("URL", Align::Left),
        ("State", Align::Left),
        ("Down", Align::Right),
        ("Rate", Align::Right),
        ("Next", Align::Right),
        ("Message", Align::Left),
    ];
    let mut table = Table::new(columns, 5);
    for seed in &seeds {
        table.row(vec![
            seed.url.clone(),
            seed.state.clone(),
            Size(seed.downloaded_bytes).to_string(),
            Rate(seed.down_per_s).to_string(),
            seed.retries_in_s.map(|time| Span(time).to_string()).unwrap_or_default(),
            seed.message.clone().unwrap_or_default(),
        ]);
    }
    table.lines(terminal_width()).iter().for_each(|line| connection.console.line(line));
    Ok(Exit::Ok)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn priorities_of_numbers_ranges_and_all_files() {
        let known = [0, 1, 2, 5];
        let files = |text| priorities_of(text, &known).unwrap().into_keys().collect::<Vec<_>>();
        assert_eq!(files("skip:0,2-9"), [0, 2, 5]);
        assert_eq!(files("high:*"), known);
        for text in ["skip", "melt:1", "low:x", "low:3-4", "low:2-1", "low:"] {
            assert!(priorities_of(text, &known).is_err(), "{text}");
        }
    }
}
