//! One case, from start to end.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::cases::Case;
use super::clients::{Client, Finds, Running, Setup, What};
use super::env::CaseEnv;
use super::payload::Payloads;
use crate::net::Host;
use crate::process::Patience;
use crate::tools::Tools;
use crate::torrent::{self, InfoHash, Request};
use crate::tracker::{self, Swarm};

/// Pause between checks.
const PAUSE: Duration = Duration::from_millis(100);
/// Pause between checks that run a program each.
const LONG_PAUSE: Duration = Duration::from_millis(500);
/// Time limit for flushing and for the last announces after the data has arrived.
const AFTERMATH: Duration = Duration::from_secs(10);

/// Makes a torrent, has it seeded and fetched, and compares the files.
///
/// # Errors
/// If the data differs, a client ends early or does not finish, or an announce is missing.
pub(super) fn run(case: &Case, env: &CaseEnv<'_>) -> Result<()> {
    let &CaseEnv { number, dir, payloads, tools, stop } = env;
    let patience = env.patience(limit(case));
    let (source, target) = env.folders(case.content)?;
    let torrent = env.torrent();
    let hashes = make_torrent(case, &source, &torrent, dir, tools).context("making the torrent")?;

    let net = env.network()?;
    let mut tracker = case.tracker.start(&hashes, &net, dir, tools)?;
    patience.until("the tracker listens", PAUSE, || {
        tracker.expect_alive()?;
        tracker::is_up(&net)
    })?;
    let content = source.join(case.content.name());
    let setup = |host, data| Setup {
        host,
        net: &net,
        what: What::Torrent(&torrent),
        finds: Finds::Tracker,
        ways: case.ways,
        data,
        content: &content,
        names_content: number % 2 == 1,
        dir,
        tools,
    };
    let swarm = || tracker::scrape(&net, &hashes[0]);

    let mut seeder = case.seeder.start(&setup(Host::Seeder, &source))?;
    patience.until("the seeder serves", LONG_PAUSE, || seeder.is_serving())?;
    patience.until("the tracker knows the seeder", PAUSE, || Ok(swarm()?.seeders > 0))?;
    let mut leecher = case.leecher.start(&setup(Host::Leecher, &target))?;
    patience.until("the leecher has everything", LONG_PAUSE, || leecher.is_done())?;
    compare(case, payloads, &target, stop)?;
    met_in_the_way(case, &seeder, &leecher)?;
    if case.leecher == Client::Ztor {
        says_goodbye_as_leecher(swarm, stop)?;
    }
    if case.seeder == Client::Ztor {
        says_goodbye_as_seeder(case, &mut seeder, swarm, stop)?;
    }
    Ok(())
}

/// Returns the time limit: Transmission takes tens of seconds until it talks to a peer.
fn limit(case: &Case) -> Duration {
    let slow = [case.seeder, case.leecher].contains(&Client::Transmission);
    Duration::from_secs(if slow { 120 } else { 60 })
}

fn make_torrent(
    case: &Case,
    source: &Path,
    torrent: &Path,
    dir: &Path,
    tools: &Tools,
) -> Result<Vec<InfoHash>> {
    let (data, announce_url) = (source.join(case.content.name()), case.tracker.announce_url());
    let request =
        Request { data: &data, format: case.format, piece_kib: case.piece_kib, announce_url: &announce_url };
    case.maker.make(&request, torrent, dir, tools)?;
    torrent::info_hashes(torrent, case.format)
}

fn compare(case: &Case, payloads: &Payloads, target: &Path, stop: &AtomicBool) -> Result<()> {
    let compare = || payloads.compare(case.content, target, case.leecher.empty_files());
    if case.leecher != Client::Ztor {
        // Other clients may still hold data back when they report completion; only the final files count.
        let patience = Patience::new(AFTERMATH, stop);
        let _ = patience.until("the files match", PAUSE, || Ok(compare().is_ok()));
    }
    compare().context("comparing the files")
}

/// Checks in ztor's log that the clients connected in the way that the case tests.
fn met_in_the_way(case: &Case, seeder: &Running, leecher: &Running) -> Result<()> {
    let ztor = if case.seeder == Client::Ztor { seeder } else { leecher };
    let log = ztor.log_text()?;
    for evidence in case.ways.evidence() {
        ensure!(log.contains(evidence), "the data arrived, but ztor's log lacks '{evidence}'");
    }
    Ok(())
}

/// Checks that ztor, which has exited, has announced to the tracker that it finished and left.
fn says_goodbye_as_leecher(swarm: impl Fn() -> Result<Swarm>, stop: &AtomicBool) -> Result<()> {
    let patience = Patience::new(AFTERMATH, stop);
    let mut seen = Swarm::default();
    let told = patience.until("the tracker knows that the leecher finished and left", PAUSE, || {
        seen = swarm()?;
        Ok(seen.finished > 0 && seen.seeders + seen.leechers <= 1)
    });
    told.with_context(|| format!("{seen:?}"))
}

/// Checks that Ctrl-C ends ztor, and that it announces to the tracker that it leaves.
fn says_goodbye_as_seeder(
    case: &Case,
    seeder: &mut Running,
    swarm: impl Fn() -> Result<Swarm>,
    stop: &AtomicBool,
) -> Result<()> {
    seeder.interrupt();
    let patience = Patience::new(AFTERMATH, stop);
    patience.until("the seeder ends on Ctrl-C", PAUSE, || seeder.has_ended())?;
    let others = u64::from(case.leecher != Client::Ztor);
    let mut seen = Swarm::default();
    let told = patience.until("the tracker knows that the seeder left", PAUSE, || {
        seen = swarm()?;
        Ok(seen.seeders + seen.leechers <= others)
    });
    told.with_context(|| format!("{seen:?}"))
}
