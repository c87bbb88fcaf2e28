//! `ztor demo --web`: a daemon that downloads from a swarm on loopback, shown in the web UI.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ztor_api::{AddOptions, Added};
use ztor_daemon::settings::Sources;
use ztor_daemon::units::Limit;
use ztor_daemon::{NewContent, Store};
use ztor_metainfo::Metainfo;
use ztor_server::api::LogBuffer;
use ztor_server::tracker::Config;
use ztor_session::AddTorrent;

use super::super::tracker::{Urls, start};
use super::{LOOPBACK, SEEDS, net, write_noise};
use crate::args::{ContentArgs, Format, NetArgs};
use crate::console::Console;
use crate::content::{self, TorrentFields};
use crate::display::Display;
use crate::exit::{CliError, Exit};
use crate::runner::Runner;
use crate::stop::Stop;
use ztor_server::Served;

/// Time that the downloads take.
const SECONDS: u64 = 90;
/// Interval between looks at the stop flag.
const TICK: Duration = Duration::from_millis(100);

/// A torrent of the demo: its name, its category and tag, and its files, each with its share of all data in
/// thousandths. A name without files is that of a single file.
struct Sample {
    name: &'static str,
    category: &'static str,
    tag: &'static str,
    files: &'static [(&'static str, u64)],
}

const SAMPLES: [Sample; 5] = [
    Sample { name: "ztor-demo-workstation-1.0.iso", category: "images", tag: "linux", files: &[("", 380)] },
    Sample {
        name: "Nature films",
        category: "video",
        tag: "4K",
        files: &[
            ("Aurora over Tromsø.mkv", 90),
            ("Coral reefs.mkv", 80),
            ("High desert.mkv", 70),
            ("Rain forest.mkv", 60),
            ("Subtitles/Aurora over Tromsø.en.srt", 1),
            ("Subtitles/Coral reefs.en.srt", 1),
            ("Subtitles/High desert.en.srt", 1),
        ],
    },
    Sample {
        name: "Map tiles of Europe",
        category: "data/maps",
        tag: "open data",
        files: &[("north.mbtiles", 50), ("south.mbtiles", 45), ("east.mbtiles", 35), ("west.mbtiles", 40)],
    },
    Sample {
        name: "Field recordings",
        category: "audio",
        tag: "flac",
        files: &[
            ("01 Dawn chorus.flac", 20),
            ("02 Harbour.flac", 18),
            ("03 Storm.flac", 22),
            ("04 Night train.flac", 16),
            ("cover.jpg", 2),
        ],
    },
    Sample {
        name: "Open textbooks",
        category: "books",
        tag: "open data",
        files: &[("Algebra.pdf", 16), ("Biology.pdf", 20), ("Chemistry.pdf", 18), ("Physics.pdf", 15)],
    },
];

/// Runs the swarm and the daemon in a folder until the user stops them.
pub(super) fn run(bytes: u64, place: &Path, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let source = place.join("seed");
    let tracker = start(Some(LOOPBACK), 0, None, Config { interval_s: 5, ..Config::default() })?;
    let tier = Urls::of(&tracker, LOOPBACK).tier();
    let mut torrents = Vec::new();
    for sample in &SAMPLES {
        let Some(torrent) = make(sample, bytes, &source, tier.clone(), console, stop)? else {
            return Ok(Exit::Interrupted);
        };
        torrents.push(torrent);
    }
    let limit = Limit(Some((bytes / SECONDS / SEEDS as u64).max(16 << 10)));
    let net = NetArgs { limit_up: Some(limit), ..net() };
    let mut seeds = Vec::new();
    for _ in 0..SEEDS {
        let mut seed = Runner::start(&net, None, Display::silent(console))?;
        for (torrent, _) in &torrents {
            seed.add(AddTorrent::new(Arc::clone(&torrent.meta), &source).read_only(true))?;
        }
        if !seed.wait_until_served(stop)? {
            return Ok(Exit::Interrupted);
        }
        seeds.push(seed);
    }
    let served = daemon(place)?;
    for (torrent, sample) in &torrents {
        add(&served, &torrent.bytes, sample)?;
    }
    let exit = show(&served, console, stop);
    served.end();
    for seed in seeds {
        seed.end(true);
    }
    tracker.stop();
    exit
}

/// Writes the files of a sample, and makes its torrent; `None` if the user stopped it.
fn make<'s>(
    sample: &'s Sample,
    bytes: u64,
    source: &Path,
    tier: Vec<String>,
    console: &Console,
    stop: &Stop,
) -> anyhow::Result<Option<(content::Created, &'s Sample)>> {
    let path = source.join(sample.name);
    for (name, share) in sample.files {
        let file = if name.is_empty() { path.clone() } else { path.join(name) };
        let parent = file.parent().unwrap_or(source);
        std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        if !write_noise(&file, (bytes / 1000 * share).max(1024), console, stop)? {
            return Ok(None);
        }
    }
    let content =
        ContentArgs { format: Format::Hybrid, piece_length: None, ignore: Vec::new(), include_hidden: false };
    let fields = TorrentFields {
        tiers: vec![tier],
        comment: Some("Noise, made by ztor demo".into()),
        ..TorrentFields::default()
    };
    let created = content::make(&path, &content, fields, console, stop)?;
    Ok(created.map(|created| (created, sample)))
}

/// Starts the daemon, with its state in the folder.
fn daemon(place: &Path) -> anyhow::Result<Served> {
    let state_dir = place.join("state");
    let downloads = place.join("downloads");
    std::fs::create_dir(&downloads).with_context(|| format!("cannot create {}", downloads.display()))?;
    let downloads = downloads.display().to_string();
    let fixed = [
        ("bind", "127.0.0.1"),
        ("port", "0"),
        ("listen", "127.0.0.1:0"),
        ("dht", "false"),
        ("local_discovery", "false"),
        ("download_dir", &downloads),
    ];
    let flags = fixed.map(|(key, value)| (key.to_owned(), format!("--{key}"), value.to_owned()));
    let settings = Sources::new(None).flags(flags).resolve();
    let settings =
        settings.map_err(|errors| anyhow::anyhow!("cannot use the settings of the demo: {errors:?}"))?;
    let (served, _) = Served::start(Store::open(&state_dir)?, state_dir, settings, LogBuffer::default())?;
    Ok(served)
}

fn add(served: &Served, torrent: &[u8], sample: &Sample) -> anyhow::Result<()> {
    let content = NewContent::Metainfo(Arc::new(Metainfo::from_bytes(torrent)?));
    let options = AddOptions {
        category: Some(sample.category.to_owned()),
        tags: vec![sample.tag.to_owned()],
        ..AddOptions::default()
    };
    match served.runtime.block_on(served.daemon.add_content(content, &options))? {
        Added::Failed { problem } => Err(CliError::new(Exit::Failed, problem.detail).into()),
        _ => Ok(()),
    }
}

/// Shows the web UI until the user stops the demo.
fn show(served: &Served, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let url = served.listening.web_url().unwrap_or_default();
    let link = crate::browser::with_code(url, &served.listening.login_code()?);
    console.line(&format!("Web UI:   {link}"));
    console.line("          The link logs in once. Ctrl-C ends the demo and removes its files.");
    crate::browser::open(&link);
    while !stop.is_set() {
        std::thread::sleep(TICK);
    }
    Ok(Exit::Ok)
}
