//! A client bound to an interface that disappears in the middle of a download, and returns as a new one of the same
//! name. There is a second route to the seeder, and no packet may take it.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::clients::PORT;
use super::env::CaseEnv;
use super::payload::{Content, EmptyFiles};
use crate::net::{Host, Net};
use crate::process::{Invocation, Process};

/// Pause between checks.
const PAUSE: Duration = Duration::from_millis(100);
/// Time limit of the whole case.
const LIMIT: Duration = Duration::from_secs(90);
/// Time in which no packet may take the second route.
const SILENCE: Duration = Duration::from_secs(4);
/// Download limit that is slow enough for all of this to happen before the end.
const RATE: &str = "600KiB/s";
const CONTENT: Content = Content::Tree;

/// A case, named by the leecher's `--transport` argument: `tcp` or `utp`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Device(pub(super) &'static str);

impl Device {
    /// Returns the name: unique among the cases, and searched by `--filter`.
    pub(super) fn name(&self) -> String {
        format!("ztor:ztor interface that goes and comes back over {}", self.0)
    }
}

pub(super) fn all() -> Vec<Device> {
    vec![Device("tcp"), Device("utp")]
}

/// Runs a case, as [`transfer::run`](super::transfer::run) does.
///
/// # Errors
/// If a client fails, a packet takes the second route, or the data differs.
pub(super) fn run(case: &Device, env: &CaseEnv<'_>) -> Result<()> {
    let &CaseEnv { dir, payloads, tools, .. } = env;
    let patience = env.patience(LIMIT);
    let (source, target) = env.folders(CONTENT)?;
    let torrent = env.make_torrent(&source.join(CONTENT.name()))?;
    let ztor = || tools.program("ztor").map(Invocation::new);

    let net = env.network()?;
    net.add_second_way(Host::Leecher).context("setting up the second route")?;
    let quiet = ["--no-dht", "--no-pex", "--no-lsd", "--log-level", "debug", "--port", PORT];
    let seed = ztor()?.arg("seed").arg(&torrent).arg(&source).args(quiet);
    let mut seeder = start(&seed, &net, Host::Seeder, dir)?;
    patience.until("the seeder serves", PAUSE, || {
        seeder.expect_alive()?;
        Ok(seeder.log_text()?.contains("Seeding"))
    })?;
    let peer = SocketAddr::from((Host::Seeder.ip(), PORT.parse()?));
    let get = ztor()?.arg("get").arg(&torrent).arg("--output").arg(&target).args(quiet);
    let get = get.args(["--bind", "eth0", "--transport", case.0, "--limit-down", RATE]);
    let get = get.args(["--peer", &peer.to_string()]);
    let mut leecher = start(&get, &net, Host::Leecher, dir)?;
    patience.until("data arrives", PAUSE, || {
        leecher.expect_alive()?;
        Ok(net.counters(Host::Leecher, "eth0")?.received_bytes > 1_000_000)
    })?;

    net.unplug(Host::Leecher)?;
    patience.until("the leecher sees that the interface is gone", PAUSE, || {
        leecher.expect_alive()?;
        Ok(leecher.log_text()?.contains("the interface eth0 is gone"))
    })?;
    let before = net.counters(Host::Leecher, "eth1")?.sent_packets;
    let begun = Instant::now();
    patience.until("a while has passed", PAUSE, || Ok(begun.elapsed() > SILENCE))?;
    let sent = net.counters(Host::Leecher, "eth1")?.sent_packets - before;
    ensure!(sent == 0, "{sent} packets took the second route");
    // The second route works for a socket that is not bound.
    net.within(Host::Leecher, || Ok(TcpStream::connect_timeout(&peer, Duration::from_secs(5))?))
        .context("connecting over the second route")?;

    net.plug_in(Host::Leecher)?;
    patience.until("the leecher has everything", PAUSE, || match leecher.exit()? {
        Some(status) => {
            ensure!(status.success(), "the leecher ended: {status}");
            Ok(true)
        }
        None => Ok(false),
    })?;
    ensure!(
        leecher.log_text()?.contains("the interface eth0 is back"),
        "the log does not say that eth0 is back"
    );
    payloads.compare(CONTENT, &target, EmptyFiles::Needed).context("comparing the files")
}

fn start(invocation: &Invocation, net: &Net, host: Host, dir: &Path) -> Result<Process> {
    let role = if host == Host::Seeder { "seeder" } else { "leecher" };
    let home = dir.join(format!("{role}-home"));
    std::fs::create_dir_all(&home)?;
    Process::start(invocation, Some(&net.namespace(host)), &home, &dir.join(format!("{role}-ztor.log")))
}
