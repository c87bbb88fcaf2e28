//! A real daemon under load that is killed at random instants: `cargo lab kill`.
//!
//! Each round starts the daemon on the state and files that the last one left, checks them against what the daemon had
//! answered before, and makes random changes until SIGKILL ends it, also in the middle of its start. A change that was
//! under way may have happened or not; one that was answered must have happened.

mod client;
mod model;
mod world;

use crate::process::{Invocation, Process, stop_on_signals};
use anyhow::{Context, Result, bail};
use clap::Args;
use model::Model;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use world::World;

/// Flags of `cargo lab kill`.
#[derive(Args, Debug)]
pub struct Options {
    /// ztor binary to test.
    #[arg(long, value_name = "PATH")]
    ztor: PathBuf,
    /// Number of times that the daemon is killed.
    #[arg(long, value_name = "N", default_value_t = 50)]
    rounds: u32,
    /// Seed of the random choices; a new one if left out.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Folder for temporary files.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep the folder.
    #[arg(long)]
    keep: bool,
}

/// Longest time from the start of the daemon until it is killed.
const LONGEST: Duration = Duration::from_millis(1500);
/// Longest time for a start, and for the checks after it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Counts of a run.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Rounds in which everything was checked before the end.
    checked: u32,
    /// Changes that were answered.
    changes: u32,
    /// Changes that were under way at the end.
    cut: u32,
    /// Torrents that were seen to be finished, added up over all rounds.
    finished: u32,
}

/// Runs the rounds. Returns false if a promise was broken.
///
/// # Errors
/// The harness itself has failed.
pub fn run(options: &Options) -> Result<bool> {
    let stop = stop_on_signals()?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}, {} rounds", options.rounds);
    let parent = options.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = tempfile::Builder::new().prefix("ztor-kill-").tempdir_in(parent)?;
    let mut rng = fastrand::Rng::with_seed(seed);
    let ztor = std::fs::canonicalize(&options.ztor).context("the ztor binary")?;
    let world = World::create(dir.path(), &ztor, &mut rng)?;
    let mut model = Model::new(&world);
    let mut counts = Counts::default();
    let begun = Instant::now();
    let result = rounds(options, &world, &mut model, &mut rng, &mut counts, &stop);
    println!(
        "{} rounds checked, {} changes answered, {} cut off, {} finished torrents seen, {:.0} s",
        counts.checked,
        counts.changes,
        counts.cut,
        counts.finished,
        begun.elapsed().as_secs_f64()
    );
    match result {
        Ok(()) => {
            if options.keep {
                println!("{}", dir.keep().display());
            }
            Ok(true)
        }
        Err(error) => {
            println!("FAILED: {error:#}\nseed {seed}; everything is in {}", dir.keep().display());
            Ok(false)
        }
    }
}

fn rounds(
    options: &Options,
    world: &World,
    model: &mut Model,
    rng: &mut fastrand::Rng,
    counts: &mut Counts,
    stop: &AtomicBool,
) -> Result<()> {
    for round in 1..=options.rounds {
        if stop.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        let after = LONGEST.mul_f64(rng.f64());
        let seed = rng.u64(..);
        let before = counts.checked;
        one_round(world, model, after, fastrand::Rng::with_seed(seed), counts)
            .with_context(|| format!("round {round}, killed after {after:?}"))?;
        if round % 50 == 0 || counts.checked == before && round % 10 == 0 {
            println!("round {round}: {} checked, {} changes", counts.checked, counts.changes);
        }
    }
    last_round(world, model, counts).context("the last start")
}

/// Starts the daemon, checks and changes it, and kills it after a time.
fn one_round(
    world: &World,
    model: &mut Model,
    after: Duration,
    mut rng: fastrand::Rng,
    counts: &mut Counts,
) -> Result<()> {
    let mut daemon = world.start_daemon()?;
    let end = Instant::now() + after;
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| work(world, model, &mut rng, counts));
        std::thread::sleep(end.saturating_duration_since(Instant::now()));
        let early = daemon.exit()?;
        daemon.kill();
        let worked = worker.join().map_err(|_| anyhow::anyhow!("the worker panicked"))?;
        if let Some(status) = early {
            bail!("the daemon ended by itself: {status}\n{}", daemon.log_text()?);
        }
        worked
    })?;
    check_log(&daemon)?;
    world.check_foreign_files()
}

/// Checks the daemon, and changes it until the connection breaks.
fn work(world: &World, model: &mut Model, rng: &mut fastrand::Rng, counts: &mut Counts) -> Result<()> {
    let Some(mut client) = client::Client::wait_for(&world.socket(), LONGEST) else { return Ok(()) };
    match model.check(world, &mut client, PATIENCE) {
        Ok(finished) => counts.finished += finished,
        Err(client::Failure::Gone) => return Ok(()),
        Err(client::Failure::Other(error)) => return Err(error),
    }
    counts.checked += 1;
    loop {
        match model.change(world, &mut client, rng) {
            Ok(()) => counts.changes += 1,
            Err(client::Failure::Gone) => {
                counts.cut += 1;
                return Ok(());
            }
            Err(client::Failure::Other(error)) => return Err(error),
        }
    }
}

/// Starts the daemon once more, checks everything, and ends it in order.
fn last_round(world: &World, model: &mut Model, counts: &mut Counts) -> Result<()> {
    let mut daemon = world.start_daemon()?;
    let mut client =
        client::Client::wait_for(&world.socket(), PATIENCE).context("the daemon does not listen")?;
    match model.check(world, &mut client, PATIENCE) {
        Ok(finished) => counts.finished += finished,
        Err(client::Failure::Gone) => bail!("the daemon has ended\n{}", daemon.log_text()?),
        Err(client::Failure::Other(error)) => return Err(error),
    }
    daemon.terminate();
    let end = Instant::now() + PATIENCE;
    let status = loop {
        match daemon.exit()? {
            Some(status) => break status,
            None if Instant::now() > end => bail!("the daemon does not end within {PATIENCE:?}"),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    if !status.success() {
        bail!("the daemon ended with {status}\n{}", daemon.log_text()?);
    }
    check_log(&daemon)?;
    model.check_files(world)?;
    world.check_foreign_files()
}

/// Fails if the log shows a panic or a damaged database.
fn check_log(daemon: &Process) -> Result<()> {
    let log = daemon.log_text()?;
    if log.contains("panicked") || log.contains("damaged") {
        bail!("the log has a panic or a damaged state:\n{log}");
    }
    Ok(())
}

/// Starts a program without a network namespace.
fn start(ztor: &Path, args: &[&str], home: &Path, log: &Path) -> Result<Process> {
    Process::start(&Invocation::new(ztor).args(args.iter().copied()), None, home, log)
}
