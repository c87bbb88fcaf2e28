//! `ztor show`: prints the contents of a torrent file or magnet link.

use std::ffi::OsStr;
use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use ztor_metainfo::{Magnet, Metainfo};
use ztor_session::{
    AddMagnet, AskError, Bulk, Certificate, Feed, MetadataError, SignatureState, TorrentSignature, Use,
};

use crate::args::ShowArgs;
use crate::console::Console;
use crate::exit::{CliError, Exit, Report, of_many};
use crate::open::{self, Opened};
use crate::runner;
use crate::select::numbered;
use crate::stop::Stop;
use ztor_view::format::Size;
use ztor_view::text::Escaped;

/// Maximum number of trackers to scrape for one torrent.
const MAX_SCRAPED: usize = 50;
/// Interval between checks for Ctrl-C.
const TICK: Duration = Duration::from_millis(50);
/// Width of the column of labels.
const LABEL: usize = 14;

pub(super) fn run(args: &ShowArgs, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let many = args.torrents.len() > 1;
    let mut lost = Vec::new();
    for (index, argument) in args.torrents.iter().enumerate() {
        if index > 0 && !console.is_json() {
            console.line("");
        }
        match show(args, argument, console, stop) {
            Ok(Exit::Ok) => {}
            Ok(exit) => return Ok(exit),
            Err(error) => {
                let report = Report::of(&error);
                if many {
                    console.warn(&report.message);
                }
                lost.push(report);
            }
        }
    }
    of_many(&lost, args.torrents.len()).map_or(Ok(Exit::Ok), |error| Err(error.into()))
}

fn show(args: &ShowArgs, argument: &OsStr, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    match open::open(argument, &args.net, stop)? {
        None => return Ok(Exit::Interrupted),
        Some(Opened::Torrent(meta)) => show_torrent(args, &meta, console),
        Some(Opened::Magnet(magnet)) if !args.offline => return show_found(args, &magnet, console, stop),
        Some(Opened::Magnet(magnet)) if console.is_json() => console.json(&magnet_json(&magnet)),
        Some(Opened::Magnet(magnet)) => console.line(&magnet_text(&magnet)),
    }
    Ok(Exit::Ok)
}

/// Shows the torrent of a magnet link, with metadata from peers.
fn show_found(args: &ShowArgs, magnet: &Magnet, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let peers = runner::peers_for(&args.net, &args.peer)?;
    let (session, _) = runner::start_session(&args.net, runner::config(&args.net, None)?)?;
    let add = AddMagnet::new(magnet.clone()).peers(peers);
    let torrent = session.add_magnet(add).wait().context("cannot fetch the metadata")?;
    if !console.is_json() {
        console.warn(&format!("{}: looking for peers with its metadata", magnet.info_hashes));
    }
    let until = Instant::now() + args.give_up;
    let found = loop {
        if stop.is_set() {
            return Ok(Exit::Interrupted);
        }
        match torrent.metadata().wait_for(TICK) {
            Ok(meta) => break meta,
            Err(MetadataError::Ask(AskError::TimedOut)) if Instant::now() < until => {}
            Err(MetadataError::Ask(AskError::TimedOut)) => {
                let error =
                    CliError::new(Exit::Network, "cannot fetch the metadata: no peer with it was found");
                return Err(error
                    .hint("try again later, or show only the link itself with --offline")
                    .into());
            }
            Err(MetadataError::Unusable(message)) => {
                return Err(CliError::new(
                    Exit::BadTorrent,
                    format!("cannot use the torrent of the link: {message}"),
                )
                .into());
            }
            Err(error) => return Err(error).context("cannot fetch the metadata"),
        }
    };
    session.end(runner::GOODBYES, runner::GOODBYES);
    let mut meta = Metainfo::clone(&found);
    meta.web_seeds.clone_from(&magnet.web_seeds);
    show_torrent(args, &meta, console);
    Ok(Exit::Ok)
}

fn show_torrent(args: &ShowArgs, meta: &Metainfo, console: &Console) {
    let swarms = args.scrape.then(|| scrape_all(args, meta));
    if console.is_json() {
        let mut torrent = torrent_json(meta);
        torrent.swarms = swarms;
        return console.json(&torrent);
    }
    let mut text = torrent_text(meta);
    for swarm in swarms.into_iter().flatten() {
        let says = match (&swarm.error, swarm.seeders, swarm.leechers) {
            (Some(error), ..) => error.clone(),
            (None, seeders, leechers) => {
                format!("{} seeders, {} leechers", seeders.unwrap_or(0), leechers.unwrap_or(0))
            }
        };
        let _ = write!(text, "\n{}: {}", Escaped(&swarm.tracker), Escaped(&says));
    }
    console.line(&text);
}

/// Scrapes the trackers in parallel.
fn scrape_all(args: &ShowArgs, meta: &Metainfo) -> Vec<SwarmJson> {
    let hash = meta.info_hashes.swarm_id();
    // A wrong flag was reported before.
    let Ok(route) = args.net.route(Use::Trackers) else { return Vec::new() };
    let urls: Vec<String> = meta.trackers.iter().flatten().take(MAX_SCRAPED).cloned().collect();
    let ask = |url: String| {
        let route = route.clone();
        std::thread::spawn(move || (ztor_session::scrape(&url, hash, &route), url))
    };
    let asked: Vec<_> = urls.into_iter().map(ask).collect();
    let answers = asked.into_iter().filter_map(|thread| thread.join().ok());
    answers
        .map(|(answer, url)| {
            let entry = answer.as_ref().ok();
            SwarmJson {
                tracker: ztor_tracker::redact(&url),
                seeders: entry.map(|e| e.seeders),
                leechers: entry.map(|e| e.leechers),
                downloads: entry.map(|e| e.downloads),
                error: answer.as_ref().err().map(ToString::to_string),
            }
        })
        .collect()
}

#[derive(Serialize)]
struct SwarmJson {
    tracker: String,
    seeders: Option<u32>,
    leechers: Option<u32>,
    downloads: Option<u32>,
    error: Option<String>,
}

#[derive(Serialize)]
struct TorrentJson<'a> {
    kind: &'static str,
    name: &'a str,
    info_hash_v1: Option<String>,
    info_hash_v2: Option<String>,
    total_bytes: u64,
    piece_length: u32,
    pieces: u32,
    private: bool,
    single_file: bool,
    trackers: &'a [Vec<String>],
    #[serde(skip_serializing_if = "Option::is_none")]
    swarms: Option<Vec<SwarmJson>>,
    web_seeds: &'a [String],
    nodes: Vec<String>,
    comment: Option<&'a str>,
    created_by: Option<&'a str>,
    creation_date: Option<i64>,
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signatures: Vec<SignatureJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_url: Option<String>,
    magnet: String,
    files: Vec<FileJson>,
}

#[derive(Serialize)]
struct SignatureJson {
    name: String,
    state: &'static str,
    fingerprint: Option<String>,
    embedded: bool,
}

#[derive(Serialize)]
struct FileJson {
    index: usize,
    path: String,
    length: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    executable: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    symlink: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pieces_root: Option<String>,
}

#[derive(Serialize)]
struct MagnetJson<'a> {
    kind: &'static str,
    name: Option<&'a str>,
    info_hash_v1: Option<String>,
    info_hash_v2: Option<String>,
    trackers: &'a [String],
    peers: &'a [String],
    web_seeds: &'a [String],
    select: Vec<String>,
}

fn torrent_json(meta: &Metainfo) -> TorrentJson<'_> {
    let file = |(number, _, file): (usize, usize, &ztor_metainfo::File)| FileJson {
        index: number,
        path: file.path.to_string(),
        length: file.length,
        executable: file.executable,
        hidden: file.hidden,
        symlink: file.symlink.as_ref().map(|target| target.join("/")),
        pieces_root: file.pieces_root().map(|root| root.iter().map(|byte| format!("{byte:02x}")).collect()),
    };
    TorrentJson {
        kind: "torrent",
        name: &meta.name,
        info_hash_v1: meta.info_hashes.v1().map(|hash| hash.to_string()),
        info_hash_v2: meta.info_hashes.v2().map(|hash| hash.to_string()),
        total_bytes: meta.layout.total_len(),
        piece_length: meta.layout.piece_length(),
        pieces: meta.layout.piece_count(),
        private: meta.private,
        single_file: meta.is_single_file(),
        trackers: &meta.trackers,
        swarms: None,
        web_seeds: &meta.web_seeds,
        nodes: nodes(meta),
        comment: meta.comment.as_deref(),
        created_by: meta.created_by.as_deref(),
        creation_date: meta.creation_date,
        source: meta.source.as_deref(),
        signatures: signatures_json(meta),
        update_url: meta
            .bulk()
            .ok()
            .and_then(|bulk| meta.update_url(&bulk))
            .map(|url| ztor_session::redact_url(&url)),
        magnet: Magnet::from(meta).to_string(),
        files: numbered(meta).map(file).collect(),
    }
}

fn signatures_json(meta: &Metainfo) -> Vec<SignatureJson> {
    let Ok(bulk) = meta.bulk() else { return Vec::new() };
    let feed = meta.feed(&bulk);
    let signature = |signature: TorrentSignature| SignatureJson {
        state: match signature.check(&bulk, &feed) {
            SignatureState::Valid => "valid",
            SignatureState::Invalid => "invalid",
            SignatureState::NoCertificate => "no_certificate",
            SignatureState::BadCertificate => "bad_certificate",
            SignatureState::Unsupported => "unsupported",
        },
        fingerprint: signature.signer(&feed).as_deref().map(Certificate::fingerprint),
        embedded: signature.certificate.is_some(),
        name: signature.name,
    };
    meta.signatures().into_iter().map(signature).collect()
}

fn magnet_json(magnet: &Magnet) -> MagnetJson<'_> {
    MagnetJson {
        kind: "magnet",
        name: magnet.name.as_deref(),
        info_hash_v1: magnet.info_hashes.v1().map(|hash| hash.to_string()),
        info_hash_v2: magnet.info_hashes.v2().map(|hash| hash.to_string()),
        trackers: &magnet.trackers,
        peers: &magnet.peers,
        web_seeds: &magnet.web_seeds,
        select: selected(magnet),
    }
}

fn torrent_text(meta: &Metainfo) -> String {
    let mut text = Sheet::default();
    let layout = &meta.layout;
    text.row("Name", &meta.name);
    text.hashes(&meta.info_hashes);
    text.row(
        "Format",
        if meta.is_hybrid() {
            "hybrid (v1 and v2)"
        } else if meta.is_v2() {
            "v2"
        } else {
            "v1"
        },
    );
    text.row("Size", &format!("{} ({} bytes)", Size(layout.total_len()), layout.total_len()));
    text.row("Pieces", &format!("{} of {}", layout.piece_count(), Size(u64::from(layout.piece_length()))));
    let private = match (meta.private, meta.is_private_outside()) {
        (true, _) => "yes: peers come from its trackers only",
        (false, true) => "no: `private` is outside the info dictionary, where it has no effect (BEP 27)",
        (false, false) => "no",
    };
    text.row("Private", private);
    text.optional("Encoding", meta.encoding());
    if let Some(seconds) = meta.creation_date {
        text.row("Created", &date(seconds));
    }
    text.optional("Created by", meta.created_by.as_deref());
    text.optional("Source", meta.source.as_deref());
    text.optional("Comment", meta.comment.as_deref());
    if let Ok(bulk) = meta.bulk() {
        let feed = meta.feed(&bulk);
        text.list("Signed by", meta.signatures().iter().map(|signature| signer(signature, &bulk, &feed)));
        text.optional("Updates", meta.update_url(&bulk).as_deref().map(ztor_session::redact_url).as_deref());
        text.optional("Originator", feed.originator.as_deref().map(certificate).as_deref());
    }
    let tiers =
        meta.trackers.iter().enumerate().map(|(n, tier)| format!("tier {}: {}", n + 1, tier.join(", ")));
    text.list("Trackers", tiers);
    text.list("Web seeds", &meta.web_seeds);
    text.list("DHT nodes", nodes(meta));
    text.row("Magnet link", &Magnet::from(meta).to_string());
    text.row("Files", &numbered(meta).count().to_string());
    for (number, _, file) in numbered(meta) {
        text.file(number, file);
    }
    text.0.truncate(text.0.trim_end().len());
    text.0
}

/// Returns who has signed a torrent, and whether the signature is right.
fn signer(signature: &TorrentSignature, bulk: &Bulk, feed: &Feed) -> String {
    let state = match signature.check(bulk, feed) {
        SignatureState::Valid => "valid",
        SignatureState::Invalid => "NOT VALID: it does not match the torrent",
        SignatureState::NoCertificate => "not checked: there is no certificate",
        SignatureState::BadCertificate => "not checked: the certificate cannot be read",
        SignatureState::Unsupported => "not checked: the kind of key is not supported",
    };
    let signer = signature.signer(feed);
    let by = signer.as_deref().map(certificate).map(|of| format!(", certificate of {of}"));
    let embedded = match (&signature.certificate, &signer) {
        (Some(_), _) => ", embedded",
        (None, Some(_)) => ", of the originator",
        (None, None) => "",
    };
    format!("{}: {state}{}{embedded}", signature.name, by.unwrap_or_default())
}

/// Returns the common name and the fingerprint of a certificate.
fn certificate(der: &[u8]) -> String {
    let name = Certificate::from_der(der).and_then(|certificate| certificate.common_name);
    format!("{} (SHA-256 {})", name.as_deref().unwrap_or("nobody"), Certificate::fingerprint(der))
}

fn magnet_text(magnet: &Magnet) -> String {
    let mut text = Sheet::default();
    text.row("Name", magnet.name.as_deref().unwrap_or("(not given)"));
    text.hashes(&magnet.info_hashes);
    text.list("Trackers", &magnet.trackers);
    text.list("Peers", &magnet.peers);
    text.list("Web seeds", &magnet.web_seeds);
    text.list("Select", selected(magnet));
    text.0.truncate(text.0.trim_end().len());
    text.0
}

/// Text with labels on the left and values on the right. Foreign text is escaped.
#[derive(Default)]
struct Sheet(String);

impl Sheet {
    fn row(&mut self, label: &str, value: &str) {
        let label = if label.is_empty() { String::new() } else { format!("{label}:") };
        let value = Escaped(value).to_string();
        self.0.push_str(format!("{label:LABEL$}{value}").trim_end());
        self.0.push('\n');
    }

    fn optional(&mut self, label: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.row(label, value);
        }
    }

    fn list(&mut self, label: &str, values: impl IntoIterator<Item = impl AsRef<str>>) {
        let mut label = label;
        for value in values {
            self.row(label, value.as_ref());
            label = "";
        }
    }

    fn hashes(&mut self, hashes: &ztor_metainfo::InfoHashes) {
        self.optional("Info-hash v1", hashes.v1().map(|hash| hash.to_string()).as_deref());
        self.optional("Info-hash v2", hashes.v2().map(|hash| hash.to_string()).as_deref());
    }

    fn file(&mut self, number: usize, file: &ztor_metainfo::File) {
        let path = file.path.to_string();
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{number:>6}  {:>9}  {}", Size(file.length), Escaped(&path));
        if let Some(target) = &file.symlink {
            let _ = write!(self.0, " -> {}", Escaped(&target.join("/")));
        }
        for (set, mark) in [(file.executable, " [executable]"), (file.hidden, " [hidden]")] {
            if set {
                self.0.push_str(mark);
            }
        }
        self.0.push('\n');
    }
}

fn nodes(meta: &Metainfo) -> Vec<String> {
    let node = |(host, port): &(String, u16)| match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    meta.nodes.iter().map(node).collect()
}

/// Returns the files that a link selects, in the link's notation: indices from 0, and ranges.
fn selected(magnet: &Magnet) -> Vec<String> {
    let part = |range: &std::ops::RangeInclusive<u32>| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    magnet.select.iter().map(part).collect()
}

/// Returns a date in UTC, or the number of seconds if it is out of the calendar's range.
fn date(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => format!("{seconds} seconds since 1970"),
    }
}
