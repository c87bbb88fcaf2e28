//! Hosts of a case, and the programs on them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::interop::clients::PORT;
use crate::interop::env::CaseEnv;
use crate::net::{Host, Net};
use crate::process::{Invocation, Process};

/// Pause between checks, some of which run a program.
pub(super) const PAUSE: Duration = Duration::from_millis(200);
/// Time limit of the start of a daemon.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Arguments of a ztor that finds no peers by itself.
pub(super) const QUIET: [&str; 7] =
    ["--no-dht", "--no-pex", "--no-lsd", "--log-level", "debug", "--port", PORT];

pub(super) fn address(host: Host) -> String {
    format!("{}:{PORT}", host.ip())
}

/// Returns true once it has ended, with success.
pub(super) fn ended_well(process: &mut Process) -> Result<bool> {
    match process.exit()? {
        Some(status) => {
            ensure!(status.success(), "{} ended: {status}", process.name());
            Ok(true)
        }
        None => Ok(false),
    }
}

/// The hosts of a case, on which programs start.
pub(super) struct Hosts<'a> {
    pub(super) net: &'a Net,
    pub(super) env: &'a CaseEnv<'a>,
}

impl Hosts<'_> {
    pub(super) fn ztor(&self) -> Result<Invocation> {
        self.env.tools.program("ztor").map(Invocation::new)
    }

    pub(super) fn libtorrent(
        &self,
        host: Host,
        name: &str,
        options: &[&str],
        data: &Path,
        torrent: &Path,
    ) -> Result<Process> {
        let peer = self.env.tools.libtorrent()?.arg("peer");
        let peer = peer.args(["--bind", &host.ip().to_string(), "--port", PORT]);
        self.start(&peer.args(options.iter().copied()).arg(data).arg(torrent), host, name)
    }

    pub(super) fn start(&self, invocation: &Invocation, host: Host, name: &str) -> Result<Process> {
        let dir = self.env.dir;
        let home = dir.join(format!("{name}-home"));
        let log = dir.join(format!("{name}.log"));
        Process::start(invocation, Some(&self.net.namespace(host)), &home, &log)
    }
}

/// A daemon without local discovery and port mapping.
pub(super) struct Daemon {
    process: Process,
    ztor: Invocation,
    namespace: String,
    home: PathBuf,
}

impl Daemon {
    /// Starts a daemon with these further arguments, and waits until it answers. `name` is that of its log.
    pub(super) fn start(
        hosts: &Hosts<'_>,
        (host, name): (Host, &str),
        data: &Path,
        arguments: &[&str],
    ) -> Result<Self> {
        let ztor = hosts.ztor()?;
        let quiet = ["--local-discovery", "false", "--port-mapping", "false", "--listen", ""];
        let daemon = ztor.clone().arg("daemon").args(quiet).args(["--log-level", "debug"]);
        let daemon = daemon.args(arguments.iter().copied()).arg("--download-dir").arg(data);
        let process = hosts.start(&daemon, host, name)?;
        let home = hosts.env.dir.join(format!("{name}-home"));
        let mut daemon = Self { process, ztor, namespace: hosts.net.namespace(host), home };
        hosts.env.patience(START_LIMIT).until("the daemon answers", PAUSE, || {
            daemon.process.expect_alive()?;
            Ok(daemon.ask(&["stats"]).is_ok())
        })?;
        Ok(daemon)
    }

    /// Runs a command and returns its output.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<String> {
        self.ztor.clone().args(arguments).output(Some(&self.namespace), &self.home)
    }

    /// Runs a command with `--json`, and returns an object for each line.
    pub(super) fn json(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let printed = self.ask(&[arguments, &["--json"]].concat())?;
        let lines = printed.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().with_context(|| format!("{arguments:?} prints {printed}"))
    }
}
