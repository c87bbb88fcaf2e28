//! One transfer, measured.

use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::client::{Client, Pair};
use super::flow::Flow;
use super::payload::Payload;
use super::peers::{Running, Setup};
use super::record::Transfer;
use crate::net::{Host, Net};
use crate::process::{Patience, Process};
use crate::tools::Tools;
use crate::tracker::{self, Tracker};
use crate::usage::{Received, Usage};

/// Between questions.
const PAUSE: Duration = Duration::from_millis(50);
/// Between looks at a transfer.
const TICK: Duration = Duration::from_millis(10);
/// A client is at rest if it uses no more than [`REST_CPU`] in this time.
const REST: Duration = Duration::from_millis(500);
const REST_CPU: Duration = Duration::from_millis(20);
/// Some are never at rest; their unrest is then part of the figures.
const REST_TRIES: u32 = 20;
/// The others may hold data back when they say that they are done.
const AFTERMATH: Duration = Duration::from_secs(10);

/// What all runs share.
pub(super) struct Bench<'a> {
    pub(super) tools: &'a Tools,
    pub(super) tracker: Tracker,
    /// For one run.
    pub(super) limit: Duration,
    pub(super) stop: &'a AtomicBool,
}

/// Has the payload seeded and fetched in a network of its own. `number` tells the runs of this process apart; `dir`
/// is the run's own folder, where the logs stay.
///
/// # Errors
/// Everything that is wrong: a client that ends early or never comes to an end, data that differs.
pub(super) fn run(
    bench: &Bench<'_>,
    pair: Pair,
    payload: &Payload,
    number: usize,
    dir: &Path,
) -> Result<Transfer> {
    let patience = Patience::new(bench.limit, bench.stop);
    let (source, target) = (dir.join("source"), dir.join("target"));
    std::fs::create_dir_all(&target)?;
    payload.link_into(&source)?;

    let net = Net::up(super::NET_PREFIX, number).context("setting up the network")?;
    let tracker = start_tracker(bench, pair, payload, &net, dir, &patience)?;
    let setup = |host, data| Setup { host, net: &net, payload, data, dir, tools: bench.tools };
    let mut seeder = Running::start(pair.seeder, &setup(Host::Seeder, &source))?;
    patience.until("the seeder serves", PAUSE, || seeder.is_serving())?;
    if tracker.is_some() {
        for hash in &payload.hashes {
            let is_known = || Ok(tracker::scrape(&net, hash)?.seeders > 0);
            patience.until("the tracker knows the seeder", PAUSE, is_known)?;
        }
    }
    let before = at_rest(&mut seeder, &patience)?;

    warm_memory(dir, payload.bytes)?;
    let mut flow = Flow::watch(Received::on(&net, Host::Leecher)?)?;
    let begun = Instant::now();
    let mut leecher = Running::start(pair.leecher, &setup(Host::Leecher, &target))?;
    patience.until("the leecher has everything", TICK, || {
        flow.sample()?;
        leecher.usage();
        leecher.is_done()
    })?;
    let wall = begun.elapsed();
    flow.sample()?;
    let (fetched, seeded) = (leecher.usage(), seeder.usage());

    let patience = Patience::new(AFTERMATH, bench.stop);
    let mut compared = payload.compare(&target);
    if compared.is_err() && !matches!(pair.leecher, Client::Ztor | Client::ZtorBase | Client::Floor) {
        let settled = patience.until("the files are right", REST, || Ok(payload.compare(&target).is_ok()));
        compared = settled.and_then(|()| payload.compare(&target));
    }
    compared.context("the result")?;
    Ok(Transfer {
        bytes: payload.bytes,
        wall_s: wall.as_secs_f64(),
        mb_per_s: flow.mb_per_s(payload.bytes).context("too short to tell a rate")?,
        seed_cpu_s: seeded.cpu.saturating_sub(before.cpu).as_secs_f64(),
        leech_cpu_s: fetched.cpu.as_secs_f64(),
        seed_peak_rss_kib: seeded.peak_rss_kib,
        leech_peak_rss_kib: fetched.peak_rss_kib,
    })
}

/// Has the machine's memory for the data used once. A guest gives unused memory back to its host, and getting it anew
/// costs whoever comes first, most of all after a slow client, more than the whole transfer.
fn warm_memory(dir: &Path, bytes: u64) -> Result<()> {
    let path = dir.join("warm");
    let mut file = std::fs::File::create(&path)?;
    std::io::copy(&mut std::io::repeat(0).take(bytes), &mut file)?;
    std::fs::remove_file(&path).context("giving the memory back")
}

/// The floor needs none.
fn start_tracker(
    bench: &Bench<'_>,
    pair: Pair,
    payload: &Payload,
    net: &Net,
    dir: &Path,
    patience: &Patience<'_>,
) -> Result<Option<Process>> {
    if pair.seeder == Client::Floor {
        return Ok(None);
    }
    let mut process = bench.tracker.start(&payload.hashes, net, dir, bench.tools)?;
    patience.until("the tracker listens", PAUSE, || {
        process.expect_alive()?;
        tracker::is_up(net)
    })?;
    Ok(Some(process))
}

/// Waits until it no longer works on its start, which nobody pays for twice; returns what it has used by then.
pub(super) fn at_rest(running: &mut Running<'_>, patience: &Patience<'_>) -> Result<Usage> {
    let mut last = None;
    let mut tries = 0;
    patience.until("the client is at rest", REST, || {
        let now = running.usage();
        let rests = last.is_some_and(|last: Usage| now.cpu.saturating_sub(last.cpu) <= REST_CPU);
        last = Some(now);
        tries += 1;
        Ok(rests || tries > REST_TRIES)
    })?;
    Ok(running.usage())
}
