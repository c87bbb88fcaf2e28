//! ztor and other clients side by side, each in a network namespace of its own, with their data in memory: the cost
//! of a transfer and of a check, compared with the least possible.
//!
//! Every run has three hosts (tracker, seeder, leecher) on a bridge of its own. Runs are interleaved: one of
//! everything, then the next of everything, so that a slowdown of the machine affects all alike. All processes of a run
//! end with it, also when it fails, panics or is interrupted.

mod client;
mod control;
mod figures;
mod floor;
mod flow;
mod machine;
mod options;
mod payload;
mod peers;
mod plot;
mod recheck;
mod record;
mod report;
mod scenarios;
mod stats;
mod transfer;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::tools::{self, Tools, Wanted};
use crate::tracker::{Server, Tracker, Transport};
use crate::{net, process};
use client::{Client, Pair};
pub use floor::Floor;
pub use options::Options;
use options::Part;
use payload::{Load, PIECE_KIB, Payload};
use record::{Outcome, RecheckRun, Record, TransferRun};
use transfer::Bench;

/// Prefix of the name of every namespace of the benchmark.
const NET_PREFIX: &str = "ztb-";

/// Prefix of the name of a run's folder; the id of its process follows.
const RUN_PREFIX: &str = "ztor-bench-";

const RESULTS: &str = "RESULTS.md";
const PLOT: &str = "results.svg";

/// Measures, prints progress, and writes the results. Returns true if nothing failed.
///
/// # Errors
/// If it cannot measure: not root, a required program missing, too little memory, or interrupted.
pub fn run(options: &Options) -> Result<bool> {
    ensure!(rustix::process::geteuid().is_root(), "network namespaces need root");
    let stop = process::stop_on_signals()?;
    net::remove_stale(NET_PREFIX);
    let remove_stale = process::remove_stale_runs(&options.work, RUN_PREFIX);
    remove_stale.with_context(|| format!("--work {}", options.work.display()))?;
    let root = crate::workspace_root();
    let target = tools::target_dir(&root)?;
    let (tools, missing) = Tools::find(&root, &target.join("interop"), wanted(options))?;
    let plan = Plan::of(options, &missing);

    let commit = machine::commit(&root);
    let mut record = Record {
        format: record::FORMAT,
        begun: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        machine: machine::machine(),
        versions: machine::versions(&plan.clients(), &tools, &commit).into_iter().collect(),
        commit,
        size_bytes: options.size_bytes(),
        piece_bytes: u64::from(PIECE_KIB) << 10,
        runs: options.runs(),
        left_out: plan.left_out.clone(),
        ..Record::default()
    };
    let prefix = format!("{RUN_PREFIX}{}-", std::process::id());
    let work = tempfile::Builder::new().prefix(&prefix).tempdir_in(&options.work)?;
    ensure_room(options, &plan)?;
    measure(options, &plan, &tools, &stop, work.path(), &mut record)?;
    if options.measures(Part::Scenarios) {
        println!("scenarios of many peers and torrents");
        many_scenarios(&root, work.path(), &stop, &mut record);
    }
    if stop.load(Ordering::Relaxed) {
        bail!("interrupted");
    }
    write(options, &options.out(&root, &target), &record)?;
    print!("\n{}", report::summary(&record));
    Ok(record.failures().is_empty())
}

/// Measurements of every round.
#[derive(Debug, Default)]
struct Plan {
    jobs: Vec<Job>,
    left_out: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Job {
    Transfer(Load, Pair),
    Recheck(Client),
}

impl Job {
    fn all(options: &Options) -> Vec<Self> {
        let transfers = options.transfers().into_iter().map(|pair| {
            let slow = pair.clients().map(Load::one_for).into_iter().find(|&load| load != Load::OneFile);
            Self::Transfer(slow.unwrap_or(Load::OneFile), pair)
        });
        let many = options.many_transfers().into_iter().map(|pair| Self::Transfer(Load::ManyTorrents, pair));
        transfers.chain(many).chain(options.rechecks().into_iter().map(Self::Recheck)).collect()
    }

    fn load(self) -> Load {
        match self {
            Self::Transfer(load, _) => load,
            Self::Recheck(_) => Load::OneFile,
        }
    }

    fn clients(self) -> [Client; 2] {
        match self {
            Self::Transfer(_, pair) => pair.clients(),
            Self::Recheck(client) => [client, client],
        }
    }
}

impl Plan {
    fn of(options: &Options, missing: &[&str]) -> Self {
        let is_missing = |client: &Client| client.programs().iter().any(|program| missing.contains(program));
        let (absent, jobs): (Vec<Job>, Vec<Job>) =
            Job::all(options).into_iter().partition(|job| job.clients().iter().any(is_missing));
        let gone: BTreeSet<Client> = absent.into_iter().flat_map(Job::clients).filter(is_missing).collect();
        Self { jobs, left_out: gone.iter().map(|client| format!("{client} is not installed")).collect() }
    }

    fn clients(&self) -> BTreeSet<Client> {
        self.jobs.iter().copied().flat_map(Job::clients).collect()
    }
}

/// Returns the programs to find: ztor always, since it makes the torrents.
fn wanted(options: &Options) -> Wanted {
    let clients = Job::all(options).into_iter().flat_map(Job::clients);
    let programs = clients.flat_map(Client::programs).copied().chain(["ztor", Server::Opentracker.program()]);
    let given = [("ztor", &options.ztor), ("ztor-base", &options.baseline)];
    Wanted {
        programs: programs.collect(),
        given: given.into_iter().filter_map(|(name, path)| Some((name, path.clone()?))).collect(),
        allow_missing: options.allow_missing,
    }
}

/// Checks for free space for the seeder's file, the leecher's, and the twenty of the other load.
fn ensure_room(options: &Options, plan: &Plan) -> Result<()> {
    if plan.jobs.is_empty() {
        return Ok(());
    }
    let space = rustix::fs::statvfs(&options.work)?;
    let (free_mib, needed_mib) = ((space.f_bavail * space.f_frsize) >> 20, (3 * options.size_bytes()) >> 20);
    let work = options.work.display();
    ensure!(
        free_mib > needed_mib,
        "{work}: {free_mib} MiB free, {needed_mib} MiB needed; change --size or --work"
    );
    Ok(())
}

fn measure(
    options: &Options,
    plan: &Plan,
    tools: &Tools,
    stop: &AtomicBool,
    work: &Path,
    record: &mut Record,
) -> Result<()> {
    let opentracker = Server::Opentracker;
    let server = if tools.program(opentracker.program()).is_ok() { opentracker } else { Server::Ztor };
    let tracker = Tracker { server, transport: Transport::Http };
    let bench = Bench { tools, tracker, limit: options.limit(), stop };
    let mut payloads: Vec<Payload> = Vec::new();
    let total = plan.jobs.len() * options.runs() as usize;
    for number in 0..total {
        let (round, place) = (number / plan.jobs.len(), number % plan.jobs.len());
        // Every second round runs backwards: measurements have been slower after another one, whatever it was.
        let place = if round % 2 == 0 { place } else { plan.jobs.len() - 1 - place };
        let (job, run) = (plan.jobs[place], round as u32 + 1);
        if !payloads.iter().any(|payload| payload.load == job.load()) {
            let dir = work.join(format!("payload-{}", payloads.len()));
            payloads.push(Payload::make(job.load(), options.size_bytes(), &dir, tracker, tools)?);
        }
        let payload = payloads.iter().find(|payload| payload.load == job.load()).context("made above")?;
        let dir = work.join(format!("run-{number}"));
        std::fs::create_dir_all(&dir)?;
        let begun = Instant::now();
        let (what, told) = match job {
            Job::Transfer(load, pair) => {
                let result = transfer::run(&bench, pair, payload, number, &dir);
                let told = result.as_ref().map(report::line).map_err(|error| format!("{error:#}"));
                record.transfers.push(TransferRun { load, pair, run, outcome: outcome(result) });
                (format!("{pair:25} {}", load.name()), told)
            }
            Job::Recheck(client) => {
                let result = recheck::run(&bench, client, payload, number, &dir);
                let told = result.as_ref().map(|recheck| {
                    format!("{:5.0} MB/s, CPU {:.2} s/GiB", recheck.mb_per_s(), recheck.cpu_s_per_gib())
                });
                let told = told.map_err(|error| format!("{error:#}"));
                record.rechecks.push(RecheckRun { client, run, outcome: outcome(result) });
                (format!("{client:25} recheck"), told)
            }
        };
        if stop.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        let seconds = begun.elapsed().as_secs_f64();
        let text = told.as_ref().map_or("FAILED", String::as_str);
        println!("[{:3}/{total}] run {run} {what:38} {seconds:5.1} s  {text}", number + 1);
        if let Err(why) = told {
            println!("    {why}");
            process::print_logs(&dir);
        }
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

fn outcome<T>(result: Result<T>) -> Outcome<T> {
    match result {
        Ok(measured) => Outcome::Measured(measured),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

/// Runs the scenarios. A failure does not affect the other figures.
fn many_scenarios(root: &Path, work: &Path, stop: &AtomicBool, record: &mut Record) {
    match scenarios::run(root, work, stop) {
        Ok(Some(scenarios)) => record.scenarios = scenarios,
        Ok(None) => record.left_out.push("the scenarios of many peers and torrents: not built".to_owned()),
        Err(error) => {
            println!("scenarios FAILED: {error:#}");
            process::print_logs(work);
            record.scenarios_error = Some(format!("{error:#}"));
        }
    }
}

fn write(options: &Options, out: &Path, record: &Record) -> Result<()> {
    std::fs::create_dir_all(out)?;
    let save = |path: PathBuf, text: String| {
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        println!("wrote {}", path.display());
        anyhow::Ok(())
    };
    save(out.join(RESULTS), report::markdown(record, PLOT))?;
    plot::draw(record, &out.join(PLOT))?;
    if !options.quick {
        let history = out.join("history");
        std::fs::create_dir_all(&history)?;
        let name = format!("{}-{}.json", record.begun.replace(':', ""), record.commit);
        save(history.join(name), serde_json::to_string_pretty(record)? + "\n")?;
    }
    Ok(())
}
