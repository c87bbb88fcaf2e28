//! A client behind a real proxy. It has a second interface with the default route, over which it could reach everything
//! and everybody directly, and no packet may leave there: no connection, datagram, name lookup or multicast.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::capture::Capture;
use super::clients::PORT;
use super::env::CaseEnv;
use super::payload::{Content, EmptyFiles};
use super::proxy::{Proxy, ProxyHost};
use crate::net::{Host, Net};
use crate::process::{Invocation, Process};
use crate::torrent::{self, Format};
use crate::tracker::{self, Server, Tracker, Transport};

/// Pause between checks.
const PAUSE: Duration = Duration::from_millis(100);
/// Time limit of the whole case.
const LIMIT: Duration = Duration::from_secs(90);
const CONTENT: Content = Content::Tree;
/// Name that only the proxy resolves.
const TRACKER_NAME: &str = "tracker.lab";

/// A case: a proxy, the leecher's `--transport` argument, and the transport of its tracker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    proxy: Proxy,
    transport: &'static str,
    tracker: Transport,
    /// True if the leecher is bound to the interface that leads to the proxy.
    is_bound: bool,
}

impl Behind {
    /// Returns the name: unique among the cases, and searched by `--filter`.
    pub(super) fn name(&self) -> String {
        let Self { proxy, transport, tracker, is_bound } = self;
        let tracker = if *tracker == Transport::Udp { "udp" } else { "http" };
        let bound = if *is_bound { ", bound" } else { "" };
        format!("ztor:ztor behind {} over {transport}, {tracker} tracker{bound}", proxy.name())
    }

    /// Returns the kind, of which `--quick` runs only the first case.
    pub(super) fn kind(&self) -> String {
        format!("behind {}", self.proxy.name())
    }

    pub(super) fn needs(&self) -> Vec<&'static str> {
        vec!["ztor", "tcpdump", self.proxy.program()]
    }
}

pub(super) fn all() -> Vec<Behind> {
    let case = |proxy, transport, tracker, is_bound| Behind { proxy, transport, tracker, is_bound };
    vec![
        case(Proxy::Dante, "utp", Transport::Udp, false),
        case(Proxy::Dante, "both", Transport::Http, true),
        case(Proxy::Microsocks, "both", Transport::Http, false),
        case(Proxy::Tinyproxy, "both", Transport::Http, false),
    ]
}

/// Runs a case, as [`transfer::run`](super::transfer::run) does.
///
/// # Errors
/// If a client fails, a packet goes around the proxy, or the data differs.
pub(super) fn run(case: &Behind, env: &CaseEnv<'_>) -> Result<()> {
    let &CaseEnv { dir, payloads, tools, .. } = env;
    let patience = env.patience(LIMIT);
    let (source, target) = env.folders(CONTENT)?;
    let server = Tracker { server: Server::Ztor, transport: case.tracker };
    let announce = server.announce_url().replace(&Host::Tracker.ip().to_string(), TRACKER_NAME);
    let torrent_file = env.make_tracked(&source.join(CONTENT.name()), &[&announce])?;
    let hashes = torrent::info_hashes(&torrent_file, Format::V1)?;
    let ztor = || tools.program("ztor").map(Invocation::new);

    let net = env.network()?;
    let host = ProxyHost::set_up(&net, TRACKER_NAME)?;
    let tracker_process = server.start(&hashes, &net, dir, tools)?;
    patience.until("the tracker listens", PAUSE, || tracker::is_up(&net))?;
    let quiet = ["--no-dht", "--no-pex", "--no-lsd", "--log-level", "debug", "--port", PORT];
    let seed = ztor()?.arg("seed").arg(&torrent_file).arg(&source).args(quiet);
    let mut seeder = start(&seed, &net, Host::Seeder, dir)?;
    patience.until("the seeder serves", PAUSE, || {
        seeder.expect_alive()?;
        Ok(seeder.log_text()?.contains("Seeding"))
    })?;
    let mut proxy = host.start(case.proxy, dir, tools)?;
    patience.until("the proxy listens", PAUSE, || {
        proxy.expect_alive()?;
        host.is_up(case.proxy)
    })?;

    let capture = Capture::start(&net, &host, dir, tools)?;
    patience.until("the capture runs", PAUSE, || capture.is_running())?;
    let before = net.counters(Host::Leecher, "eth0")?.sent_packets;
    let peer = SocketAddr::from((Host::Seeder.ip(), PORT.parse()?));
    // With DHT, local discovery and a port, as it would be without a proxy.
    let get = ztor()?.arg("get").arg(&torrent_file).arg("--output").arg(&target);
    let get =
        get.args(["--log-level", "debug", "--port", PORT, "--anonymous", "--transport", case.transport]);
    let get = get.args(["--proxy", &case.proxy.url(), "--peer", &peer.to_string()]);
    let get = if case.is_bound { get.args(["--bind", ProxyHost::INTERFACE]) } else { get };
    let mut leecher = start(&get, &net, Host::Leecher, dir)?;
    patience.until("the leecher has everything", PAUSE, || match leecher.exit()? {
        Some(status) => {
            ensure!(status.success(), "the leecher ended: {status}");
            Ok(true)
        }
        None => Ok(false),
    })?;
    let swarm = tracker::scrape(&net, &hashes[0])?;
    ensure!(swarm.finished > 0, "the tracker has not heard of the leecher: {swarm:?}");
    let log = leecher.log_text()?;
    ensure!(
        log.contains("the proxy relays datagrams") == case.proxy.relays(),
        "the log does not show whether the proxy relays datagrams"
    );
    let sent = net.counters(Host::Leecher, "eth0")?.sent_packets - before;
    ensure!(sent == 0, "{sent} packets left over the other interface");
    capture.expect_none()?;
    // The other interface works, and the capture sees what leaves there.
    net.within(Host::Leecher, || Ok(TcpStream::connect_timeout(&peer, Duration::from_secs(5))?))
        .context("connecting over the other interface")?;
    patience.until("the capture sees a packet", PAUSE, || Ok(capture.count()? > 0))?;
    drop((tracker_process, proxy));
    payloads.compare(CONTENT, &target, EmptyFiles::Needed).context("comparing the files")
}

pub(super) fn start(invocation: &Invocation, net: &Net, host: Host, dir: &Path) -> Result<Process> {
    let role = if host == Host::Seeder { "seeder" } else { "leecher" };
    let home = dir.join(format!("{role}-home"));
    std::fs::create_dir_all(&home)?;
    Process::start(invocation, Some(&net.namespace(host)), &home, &dir.join(format!("{role}-ztor.log")))
}
