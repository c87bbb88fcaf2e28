//! `ztor demo`: runs a swarm on loopback, up to a verified copy.

mod web;

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use ztor_metainfo::Metainfo;
use ztor_server::tracker::Config;
use ztor_session::AddTorrent;

use super::tracker::{Urls, start};
use crate::args::{ContentArgs, DemoArgs, Format, NetArgs};
use crate::check;
use crate::console::Console;
use crate::content::{self, TorrentFields};
use crate::display::{Display, Work};
use crate::exit::{CliError, Exit};
use crate::runner::{Goal, Runner, Seed};
use crate::stop::Stop;
use ztor_view::format::{Count, Elapsed, Rate, Size};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const NAME: &str = "ztor-demo.bin";
/// Interval between lines of plain output: the download is too short for the usual interval.
const BEAT: Duration = Duration::from_millis(250);
/// Time without data after which the download on loopback has failed.
const PATIENCE: Duration = Duration::from_secs(30);
const SEEDS: usize = 2;

pub(super) fn run(args: &DemoArgs, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    // Removed with its contents on every return.
    let mut builder = tempfile::Builder::new();
    builder.prefix("ztor-demo-");
    let parent = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let place = builder
        .tempdir_in(&parent)
        .with_context(|| format!("cannot create a folder in {}", parent.display()))?;
    let bytes = args.size << 20;
    let exit = if args.web {
        web::run(bytes, place.path(), console, stop)
    } else {
        let (source, target) = (place.path().join("seed"), place.path().join("copy"));
        for dir in [&source, &target] {
            std::fs::create_dir(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        swarm(bytes, &source, &target, console, stop)
    };
    let removed = place.close().context("cannot remove the folder of the demo");
    let exit = exit?;
    removed.map(|()| exit)
}

/// Creates data, a tracker, two seeds and a leecher, and runs them until the copy is verified.
fn swarm(bytes: u64, source: &Path, target: &Path, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let say = |text: &str| {
        if !console.is_json() {
            console.line(text);
        }
    };
    if !write_noise(&source.join(NAME), bytes, console, stop)? {
        return Ok(Exit::Interrupted);
    }
    let tracker = start(Some(LOOPBACK), 0, None, Config { interval_s: 5, ..Config::default() })?;
    let urls = Urls::of(&tracker, LOOPBACK);
    say(&format!("Tracker:  {}", urls.http.as_deref().unwrap_or_default()));
    let content =
        ContentArgs { format: Format::Hybrid, piece_length: None, ignore: Vec::new(), include_hidden: false };
    let fields = TorrentFields { tiers: vec![urls.tier()], ..TorrentFields::default() };
    let Some(created) = content::make(&source.join(NAME), &content, fields, console, stop)? else {
        return Ok(Exit::Interrupted);
    };
    let meta = created.meta;
    let pieces = meta.layout.piece_count();
    say(&format!(
        "Torrent:  {NAME}, {} in {}, v1 and v2",
        Size(meta.layout.total_len()),
        Count(pieces, "piece")
    ));
    let mut seeds = Vec::new();
    for n in 1..=SEEDS {
        let mut seed = Runner::start(&net(), None, Display::silent(console))?;
        seed.add(AddTorrent::new(Arc::clone(&meta), source).read_only(true))?;
        if !seed.wait_until_served(stop)? {
            return Ok(Exit::Interrupted);
        }
        say(&format!("Seed {n}:   {}", seed.local_addr()));
        seeds.push(seed);
    }
    let mut leecher = Runner::start(&net(), None, Display::new(console).every(BEAT))?;
    let started = Instant::now();
    leecher.add(AddTorrent::new(Arc::clone(&meta), target))?;
    let goal = Goal::Fetch { seed: Seed::default(), give_up: Some(PATIENCE) };
    let result = leecher.run(goal, stop);
    let seconds = started.elapsed().as_secs_f64();
    leecher.end(stop.is_set());
    for seed in seeds {
        seed.end(stop.is_set());
    }
    tracker.stop();
    match result? {
        Exit::Ok => {}
        other => return Ok(other),
    }
    if !verify(&meta, target, console, stop)? {
        return Ok(Exit::Interrupted);
    }
    let rate = Rate((bytes as f64 / seconds.max(0.001)) as u64);
    say(&format!("Verified: the copy is right. {} in {}, {rate}", Size(bytes), Elapsed(seconds)));
    Ok(Exit::Ok)
}

fn net() -> NetArgs {
    NetArgs { bind: LOOPBACK.into(), port: Some(0), ..NetArgs::default() }
}

/// Reads the copy back and hashes it again. Returns false if the user stopped it.
fn verify(meta: &Arc<Metainfo>, dir: &Path, console: &Console, stop: &Stop) -> anyhow::Result<bool> {
    let Some(good) = check::pieces(meta, dir, console, stop)? else { return Ok(false) };
    match good.iter().filter(|good| !**good).count() {
        0 => Ok(true),
        bad => Err(CliError::new(
            Exit::Failed,
            format!("the copy is wrong: {bad} of {} pieces are bad", good.len()),
        )
        .into()),
    }
}

/// Writes pseudorandom bytes, the same in every run, without holding them in memory. Returns false if the user stopped
/// it.
fn write_noise(path: &PathBuf, bytes: u64, console: &Console, stop: &Stop) -> anyhow::Result<bool> {
    const CHUNK: usize = 1 << 20;
    let cannot = || format!("cannot write {}", path.display());
    let work = Work::start(console, "writing", NAME, bytes);
    let mut file = File::create_new(path).with_context(cannot)?;
    let mut noise = Noise(0x5a74_6f72);
    let mut chunk = vec![0; CHUNK];
    let mut done = 0;
    while done < bytes {
        if stop.is_set() {
            return Ok(false);
        }
        let len = usize::try_from(bytes - done).unwrap_or(CHUNK).min(CHUNK);
        noise.fill(&mut chunk[..len]);
        file.write_all(&chunk[..len]).with_context(cannot)?;
        done += len as u64;
        work.at(done);
    }
    Ok(true)
}

/// SplitMix64, a fast generator of uniform bytes.
struct Noise(u64);

impl Noise {
    fn fill(&mut self, buf: &mut [u8]) {
        for word in buf.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..word.len()]);
        }
    }
}
