//! Measurement of one transfer.

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

/// Pause between checks.
const PAUSE: Duration = Duration::from_millis(50);
/// Pause between samples of a transfer.
const TICK: Duration = Duration::from_millis(10);
/// Time in which an idle client uses no more than [`REST_CPU`].
const REST: Duration = Duration::from_millis(500);
const REST_CPU: Duration = Duration::from_millis(20);
/// Number of looks after which a busy client is accepted. Its work is then part of the figures.
const REST_TRIES: u32 = 20;
/// Time for a client to write data that it still holds back when it reports completion.
const AFTERMATH: Duration = Duration::from_secs(10);

/// Parts that all runs share.
pub(super) struct Bench<'a> {
    pub(super) tools: &'a Tools,
    pub(super) tracker: Tracker,
    /// Time limit of one run.
    pub(super) limit: Duration,
    pub(super) stop: &'a AtomicBool,
}

/// Has the payload seeded and fetched in a network of its own. `number` is unique among the runs of this process;
/// `dir` is the folder of the run, which keeps its logs.
///
/// # Errors
/// If a client ends early or does not finish, or the data differs.
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
        let settled = patience.until("the files match", REST, || Ok(payload.compare(&target).is_ok()));
        compared = settled.and_then(|()| payload.compare(&target));
    }
    compared.context("comparing the files")?;
    Ok(Transfer {
        bytes: payload.bytes,
        wall_s: wall.as_secs_f64(),
        mb_per_s: flow.mb_per_s(payload.bytes).context("the transfer was too short for a rate")?,
        seed_cpu_s: seeded.cpu.saturating_sub(before.cpu).as_secs_f64(),
        leech_cpu_s: fetched.cpu.as_secs_f64(),
        seed_peak_rss_kib: seeded.peak_rss_kib,
        leech_peak_rss_kib: fetched.peak_rss_kib,
    })
}

/// Uses the memory for the data once. A virtual machine returns unused memory to its host. To get it back costs the
/// next client more than the whole transfer, most of all after a slow client.
fn warm_memory(dir: &Path, bytes: u64) -> Result<()> {
    let path = dir.join("warm");
    let mut file = std::fs::File::create(&path)?;
    std::io::copy(&mut std::io::repeat(0).take(bytes), &mut file)?;
    std::fs::remove_file(&path).context("giving the memory back")
}

/// Starts the tracker; `None` for the floor, which needs none.
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

/// Waits until the client is idle after its start, and returns its resource use by then.
pub(super) fn at_rest(running: &mut Running<'_>, patience: &Patience<'_>) -> Result<Usage> {
    let mut last = None;
    let mut tries = 0;
    patience.until("the client is idle", REST, || {
        let now = running.usage();
        let rests = last.is_some_and(|last: Usage| now.cpu.saturating_sub(last.cpu) <= REST_CPU);
        last = Some(now);
        tries += 1;
        Ok(rests || tries > REST_TRIES)
    })?;
    Ok(running.usage())
}
