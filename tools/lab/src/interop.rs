//! Real transfers between ztor and other clients, in network namespaces, compared byte for byte.
//!
//! Every case has three hosts (tracker, seeder, leecher) on a bridge of its own. Any number of cases run side by side,
//! and nothing leaks into or out of them. Every client sees addresses outside of 127/8, where some ignore peers. All
//! processes of a case end with it, also when it fails, panics or is interrupted.

mod behind;
mod capture;
mod cases;
mod clients;
mod device;
mod env;
mod extensions;
mod filtering;
mod finding;
mod flaps;
mod payload;
mod portmap;
mod proxy;
mod transfer;
mod ways;
mod web_seeds;

use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::tools::{self, Tools, Wanted};
use crate::{net, process};
use behind::Behind;
use cases::Case;
use device::Device;
use env::CaseEnv;
use extensions::Extension;
use filtering::Filtering;
use finding::Find;
use flaps::Flaps;
use payload::{Content, Payloads};
use portmap::PortMap;
use web_seeds::WebSeed;

/// Time limit of the whole suite; cases that have not started by then fail.
const SUITE_LIMIT: Duration = Duration::from_secs(9 * 60);

/// Prefix of the name of a run's folder; the id of its process follows.
const RUN_PREFIX: &str = "run-";

/// Prefix of the name of every namespace of the suite.
const NET_PREFIX: &str = "zti-";

/// Options of the suite.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Text in the names of the cases to run; `None` selects all cases.
    pub filter: Option<String>,
    /// Path of the ztor to test; `None` builds it in release mode.
    pub ztor: Option<PathBuf>,
    /// Number of cases at the same time; 0 counts as 1.
    pub jobs: usize,
    /// True if cases whose programs are not installed are left out, instead of failing the suite.
    pub allow_missing: bool,
    /// True if only transfers among the other clients run, to show that a failure is not the harness's.
    pub controls: bool,
    /// True if only the first case of each kind runs: of a pair of clients, format and ways, or of a way to find peers.
    pub quick: bool,
    /// Number of times that proxy and interface of a client change, in the cases for that; `None` is 30 with `quick`, and 200
    /// otherwise.
    pub flaps: Option<usize>,
}

/// Defaults of [`Options::flaps`].
const FEW_FLAPS: usize = 30;
const FLAPS: usize = 200;

/// Returns the names of the selected cases, in the order in which they start.
pub fn case_names(options: &Options) -> Vec<String> {
    selected(options).iter().map(Job::name).collect()
}

/// Runs the suite. Prints progress, and a table at the end. Returns true if every case passed.
///
/// # Errors
/// If the suite cannot run: not root, a program missing, or interrupted.
pub fn run(options: &Options) -> Result<bool> {
    ensure!(rustix::process::geteuid().is_root(), "network namespaces need root");
    let stop = process::stop_on_signals()?;
    net::remove_stale(NET_PREFIX);
    let root = crate::workspace_root();
    let cases = selected(options);
    ensure!(!cases.is_empty(), "no case matches; `cargo lab interop --list` shows them");
    let home = tools::target_dir(&root)?.join("interop");
    let wanted = Wanted {
        programs: cases.iter().flat_map(Job::needs).collect(),
        given: options.ztor.iter().map(|path| ("ztor", path.clone())).collect(),
        allow_missing: options.allow_missing,
    };
    let (tools, missing) = Tools::find(&root, &home, wanted)?;
    let (cases, skipped): (Vec<Job>, Vec<Job>) =
        cases.into_iter().partition(|case| !missing.iter().any(|program| case.needs().contains(program)));
    process::remove_stale_runs(&home, RUN_PREFIX)?;
    let prefix = format!("{RUN_PREFIX}{}-", std::process::id());
    let work = tempfile::Builder::new().prefix(&prefix).tempdir_in(&home)?;
    let suite = Suite {
        payloads: Payloads::make(&work.path().join("payloads"), &Content::ALL)?,
        work: work.path().to_path_buf(),
        tools,
        stop,
        begun: Instant::now(),
        case_count: cases.len(),
        started: AtomicUsize::new(0),
        queue: Mutex::new(cases.into()),
        outcomes: Mutex::new(Vec::new()),
    };
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| suite.work_off());
        }
    });
    if suite.stop.load(Ordering::Relaxed) {
        bail!("interrupted");
    }
    let outcomes = suite.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(report(outcomes, &skipped, suite.begun.elapsed()))
}

fn selected(options: &Options) -> Vec<Job> {
    let transfers = if options.controls { cases::controls() } else { cases::all() };
    let finds = if options.controls { Vec::new() } else { finding::all() };
    // Cases that look for peers wait most of the time: they start first, and the others fill the gaps.
    let devices = if options.controls { Vec::new() } else { device::all() };
    let web = if options.controls { Vec::new() } else { web_seeds::all() };
    let filters = if options.controls { Vec::new() } else { filtering::all() };
    let flaps = options.flaps.unwrap_or(if options.quick { FEW_FLAPS } else { FLAPS });
    let (flaps, behinds) =
        if options.controls { Default::default() } else { (flaps::all(flaps), behind::all()) };
    let first = flaps.into_iter().map(Job::Flaps).chain(behinds.into_iter().map(Job::Behind));
    let first = first.chain(devices.into_iter().map(Job::Device)).chain(filters.into_iter().map(Job::Filter));
    let first = first.chain(web.into_iter().map(Job::WebSeed));
    let extensions = if options.controls { Vec::new() } else { extensions::all() };
    let first = first.chain(extensions.into_iter().map(Job::Extension));
    let portmaps = if options.controls { Vec::new() } else { portmap::all() };
    let first = first.chain(portmaps.into_iter().map(Job::PortMap));
    let finds = first.chain(finds.into_iter().map(Job::Find));
    let all = finds.chain(transfers.into_iter().map(Job::Transfer));
    let filter = options.filter.as_deref().unwrap_or_default();
    let mut kinds = BTreeSet::new();
    all.filter(|case| case.name().contains(filter) && (!options.quick || kinds.insert(case.kind()))).collect()
}

/// A case of any kind.
#[derive(Clone, Copy, Debug)]
enum Job {
    /// Transfer with a torrent file and a tracker.
    Transfer(Case),
    /// Transfer with a magnet link and no tracker.
    Find(Find),
    /// Transfer over an interface that disappears and returns.
    Device(Device),
    /// Transfer with a client whose address is filtered at times.
    Filter(Filtering),
    /// Download from a web server.
    WebSeed(WebSeed),
    /// Transfer through a proxy.
    Behind(Behind),
    /// Transfer through a proxy that comes and goes.
    Flaps(Flaps),
    /// Use of a protocol extension.
    Extension(Extension),
    /// Port mapping by a router.
    PortMap(PortMap),
}

impl Job {
    fn name(&self) -> String {
        match self {
            Self::Transfer(case) => case.name(),
            Self::Find(case) => case.name(),
            Self::Device(case) => case.name(),
            Self::Filter(case) => case.name(),
            Self::WebSeed(case) => case.name(),
            Self::Behind(case) => case.name(),
            Self::Flaps(case) => case.name(),
            Self::Extension(case) => case.name(),
            Self::PortMap(case) => case.name(),
        }
    }

    /// Returns the kind, of which `--quick` runs only the first case.
    fn kind(&self) -> String {
        match self {
            Self::Transfer(case) => case.kind(),
            Self::Find(case) => case.kind(),
            Self::Device(_) => "device".to_owned(),
            Self::Filter(_) => "filter".to_owned(),
            Self::WebSeed(case) => case.name(),
            Self::Behind(case) => case.kind(),
            Self::Flaps(_) => "flaps".to_owned(),
            Self::Extension(case) => case.name(),
            // Each is of another protocol.
            Self::PortMap(case) => case.name(),
        }
    }

    fn needs(&self) -> Vec<&'static str> {
        match self {
            Self::Transfer(case) => case.needs(),
            Self::Find(case) => case.needs(),
            Self::Device(_) => vec!["ztor"],
            Self::Filter(case) => case.needs(),
            Self::WebSeed(_) => WebSeed::needs(),
            Self::Behind(case) => case.needs(),
            Self::Flaps(case) => case.needs(),
            Self::Extension(case) => case.needs(),
            Self::PortMap(_) => vec!["ztor", "miniupnpd", "nft"],
        }
    }
}

struct Outcome {
    name: String,
    seconds: f64,
    passed: bool,
}

struct Suite {
    payloads: Payloads,
    work: PathBuf,
    tools: Tools,
    stop: Arc<AtomicBool>,
    begun: Instant,
    case_count: usize,
    started: AtomicUsize,
    queue: Mutex<VecDeque<Job>>,
    outcomes: Mutex<Vec<Outcome>>,
}

impl Suite {
    /// Runs cases until none is left. Several threads do this at once.
    fn work_off(&self) {
        while let Some(case) = self.next() {
            let number = self.started.fetch_add(1, Ordering::Relaxed);
            let begun = Instant::now();
            let dir = self.work.join(format!("case-{number}"));
            let result = self.run_case(&case, number, &dir);
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            self.finish(&case, result, begun.elapsed(), &dir);
        }
    }

    fn next(&self) -> Option<Job> {
        let stopped = self.stop.load(Ordering::Relaxed);
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if stopped { None } else { queue.pop_front() }
    }

    fn run_case(&self, case: &Job, number: usize, dir: &Path) -> Result<()> {
        ensure!(
            self.begun.elapsed() < SUITE_LIMIT,
            "not started: the suite is over its limit of {SUITE_LIMIT:?}"
        );
        std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        let Self { payloads, tools, stop, .. } = self;
        let env = CaseEnv { number, dir, payloads, tools, stop };
        let run = || match case {
            Job::Transfer(case) => transfer::run(case, &env),
            Job::Find(case) => finding::run(case, &env),
            Job::Device(case) => device::run(case, &env),
            Job::Filter(case) => filtering::run(case, &env),
            Job::WebSeed(case) => web_seeds::run(*case, &env),
            Job::Behind(case) => behind::run(case, &env),
            Job::Flaps(case) => flaps::run(case, &env),
            Job::Extension(case) => extensions::run(*case, &env),
            Job::PortMap(case) => portmap::run(case, &env),
        };
        catch_unwind(AssertUnwindSafe(run))
            .unwrap_or_else(|_| Err(anyhow!("the harness panicked, see above")))
    }

    fn finish(&self, case: &Job, result: Result<()>, took: Duration, dir: &Path) {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, seconds, passed) = (case.name(), took.as_secs_f64(), result.is_ok());
        outcomes.push(Outcome { name, seconds, passed });
        // Printed under the lock: the lines of two failures must not mix.
        let verdict = if passed { "ok  " } else { "FAIL" };
        println!("[{:3}/{}] {verdict} {seconds:5.1} s  {}", outcomes.len(), self.case_count, case.name());
        if let Err(error) = result {
            println!("    {error:#}");
            process::print_logs(dir);
        }
        drop(outcomes);
        // The folder of the whole run is removed at the end anyway.
        let _ = std::fs::remove_dir_all(dir);
    }
}

/// Prints a row for each case, then how many passed and failed. Returns true if none failed.
fn report(mut outcomes: Vec<Outcome>, skipped: &[Job], took: Duration) -> bool {
    outcomes.sort_by(|a, b| a.name.cmp(&b.name));
    let width = outcomes.iter().map(|outcome| outcome.name.len()).max().unwrap_or_default();
    println!("\n{:width$} {:>8} {:>6}", "case", "seconds", "result");
    for outcome in &outcomes {
        let result = if outcome.passed { "ok" } else { "FAIL" };
        println!("{:width$} {:8.1} {result:>6}", outcome.name, outcome.seconds);
    }
    for case in skipped {
        println!("{:width$} {:>8} {:>6}", case.name(), "-", "absent");
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    let skipped = if skipped.is_empty() { String::new() } else { format!(", {} left out", skipped.len()) };
    println!("\n{} passed, {failed} failed{skipped} in {:.0} s", outcomes.len() - failed, took.as_secs_f64());
    failed == 0
}
