//! Costs of whole sessions and large swarms, each bounded in time.

mod api_client;
mod daemon;
mod files;
mod idle_seeds;
mod leechers;
mod managing;
mod picking;
mod tiny_torrents;
mod torrents;

use crate::figure::Report;
use anyhow::{Context, bail};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use ztor_session::{Config, Session};

struct Scenario {
    name: &'static str,
    run: fn(&Path, &mut Report) -> anyhow::Result<()>,
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "picking-100k-500", run: picking::run },
    Scenario { name: "torrents-20", run: torrents::run },
    Scenario { name: "tiny-torrents-300", run: tiny_torrents::run },
    Scenario { name: "leechers-200", run: leechers::run },
    Scenario { name: "managing-10000", run: managing::run },
    Scenario { name: "daemon-10000", run: |dir, report| daemon::run(10_000, dir, report) },
    Scenario { name: "daemon-100000", run: |dir, report| daemon::run(100_000, dir, report) },
    Scenario { name: "bare-session-10000", run: |dir, report| daemon::run_bare(10_000, dir, report) },
    Scenario { name: "idle-seeds-5000", run: |dir, report| idle_seeds::run(5_000, dir, report) },
    Scenario { name: "idle-seeds-50000", run: |dir, report| idle_seeds::run(50_000, dir, report) },
];

/// Runs the named scenarios, or all.
pub(crate) fn run(only: &[String], is_json: bool, dir: Option<&Path>) -> anyhow::Result<()> {
    if let Some(unknown) = only.iter().find(|name| SCENARIOS.iter().all(|s| s.name != **name)) {
        let names: Vec<&str> = SCENARIOS.iter().map(|s| s.name).collect();
        bail!("unknown scenario {unknown:?}: use one of {}", names.join(", "));
    }
    let chosen: Vec<&Scenario> =
        SCENARIOS.iter().filter(|s| only.is_empty() || only.iter().any(|name| name == s.name)).collect();
    if let [scenario] = chosen.as_slice() {
        let parent = dir.map_or_else(default_dir, Path::to_owned);
        let dir = tempfile::Builder::new().prefix("ztor-bench-").tempdir_in(&parent);
        let dir = dir.with_context(|| format!("making a folder in {}", parent.display()))?;
        return (scenario.run)(dir.path(), &mut Report::new(scenario.name, is_json)).context(scenario.name);
    }
    // Each in a process of its own: the memory of one does not affect the next.
    for scenario in chosen {
        let mut child = std::process::Command::new(std::env::current_exe()?);
        child.args(["scenarios", "--only", scenario.name]).args(is_json.then_some("--json"));
        child.args(dir.map(|dir| ["--dir".as_ref(), dir.as_os_str()]).into_iter().flatten());
        if !child.status()?.success() {
            bail!("{} failed", scenario.name);
        }
    }
    Ok(())
}

/// Returns a folder in memory, if there is one: the disk is not measured.
fn default_dir() -> PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() }
}

/// Starts a session on loopback.
fn session(tune: impl FnOnce(&mut Config)) -> anyhow::Result<Session> {
    let bind = IpAddr::V4(Ipv4Addr::LOCALHOST).into();
    let mut config = Config::default().bind(bind).port(0).state_dir(None);
    tune(&mut config);
    Ok(Session::start(config)?)
}
