//! `ztor tracker`: runs a tracker.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use ztor_server::files::Files;
use ztor_server::tracker::{Access, AccessList, Config, Counts, StartError, TrackerServer};

use crate::args::TrackerArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::stop::Stop;
use ztor_view::format::Count;

/// Interval between reports of the size with `--json`.
const REPORT: Duration = Duration::from_secs(60);

/// Interval between checks of the list files for changes.
const LOOK: Duration = Duration::from_secs(2);

/// Interval between checks of the stop flag.
const TICK: Duration = Duration::from_millis(50);

pub(super) fn run(args: &TrackerArgs, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let interval_s = u32::try_from(args.interval.as_secs()).unwrap_or(u32::MAX);
    let (proxies, believes_asked_ip) = (args.behind_proxy.clone(), args.believe_ip);
    let (max_torrents, max_peers) = (args.max_torrents, args.max_peers);
    let mut lists = Lists::new(args);
    let access = lists.read()?;
    let udp_workers = args.workers.map_or(0, usize::from);
    let config = Config {
        interval_s,
        proxies,
        believes_asked_ip,
        max_torrents,
        max_peers,
        max_peers_per_host: args.max_peers_per_host,
        udp_workers,
        access,
        ..Config::default()
    };
    let tracker = start(args.bind, args.http_port, args.udp_port, config)?;
    let shown = args.bind.filter(|ip| !ip.is_unspecified()).or_else(ztor_server::reachable_ip);
    let urls = Urls::of(&tracker, shown.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    if console.is_json() {
        console.json(&urls);
    } else {
        console.line("Tracker running. Announce URLs:");
        for url in [&urls.http, &urls.udp].into_iter().flatten() {
            console.line(&format!("  {url}"));
        }
    }
    let (mut reported, mut looked) = (Instant::now(), Instant::now());
    while !stop.is_set() {
        std::thread::sleep(TICK);
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            if lists.have_changed() {
                match lists.read() {
                    Ok(access) => tracker.set_access(access),
                    // The previous lists stay in effect.
                    Err(error) => console.warn(&error.to_string()),
                }
            }
        }
        if console.is_json() && reported.elapsed() >= REPORT {
            reported = Instant::now();
            console.json(&Status::of(tracker.counts()));
        }
    }
    let status = Status::of(tracker.counts());
    tracker.stop();
    if console.is_json() {
        console.json(&status);
    } else {
        console.line(&status.line());
    }
    Ok(Exit::Ok)
}

/// Files of `--allow` and `--deny`.
struct Lists {
    allow: Option<PathBuf>,
    deny: Option<PathBuf>,
    /// Length and modification time of both before the last read; `None` without a file.
    stamps: [Option<Stamp>; 2],
}

type Stamp = (u64, Option<SystemTime>);

impl Lists {
    fn new(args: &TrackerArgs) -> Self {
        Self { allow: args.allow.clone(), deny: args.deny.clone(), stamps: [None; 2] }
    }

    fn read(&mut self) -> anyhow::Result<Access> {
        // Before reading, so that the next check finds a change during it.
        self.stamps = self.stamps_now();
        let read = |path: &Option<PathBuf>| path.as_deref().map(AccessList::read).transpose();
        let (allow, deny) = (read(&self.allow)?, read(&self.deny)?);
        if let Some(path) = self.allow.as_deref().filter(|_| allow == Some(AccessList::default())) {
            // A program may be writing it. An empty list would open the tracker to everyone.
            anyhow::bail!(
                "cannot use {}: it lists nothing; leave out --allow to serve everyone",
                path.display()
            );
        }
        Ok(Access { allow: allow.unwrap_or_default(), deny: deny.unwrap_or_default() })
    }

    fn have_changed(&self) -> bool {
        self.stamps_now() != self.stamps
    }

    fn stamps_now(&self) -> [Option<Stamp>; 2] {
        [&self.allow, &self.deny].map(|path| {
            let metadata = std::fs::metadata(path.as_deref()?).ok()?;
            Some((metadata.len(), metadata.modified().ok()))
        })
    }
}

/// Size of a tracker.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "tracker_status")]
struct Status {
    torrents: usize,
    peers: usize,
    memory_bytes: usize,
    bytes_per_peer: Option<usize>,
}

impl Status {
    fn of(counts: Counts) -> Self {
        let Counts { torrents, peers, memory_bytes } = counts;
        Self { torrents, peers, memory_bytes, bytes_per_peer: memory_bytes.checked_div(peers) }
    }

    fn line(&self) -> String {
        let (torrents, peers) = (Count(self.torrents, "torrent"), Count(self.peers, "peer"));
        let memory = self.bytes_per_peer.map(|bytes| format!(", {bytes} bytes of memory per peer"));
        format!("Stopped, with {peers} in {torrents}{}", memory.unwrap_or_default())
    }
}

/// Announce URLs of a tracker.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "tracker")]
pub(super) struct Urls {
    pub(super) http: Option<String>,
    pub(super) udp: Option<String>,
}

impl Urls {
    /// Returns the URLs for other machines, which reach this one at `ip`.
    pub(super) fn of(tracker: &TrackerServer, ip: IpAddr) -> Urls {
        let at = |port: u16| SocketAddr::new(ip, port);
        Urls {
            http: tracker.http_addr().map(|addr| format!("http://{}/announce", at(addr.port()))),
            udp: tracker.udp_addr().map(|addr| format!("udp://{}/announce", at(addr.port()))),
        }
    }

    pub(super) fn tier(&self) -> Vec<String> {
        [&self.http, &self.udp].into_iter().flatten().cloned().collect()
    }
}

/// Starts a tracker on one address, or on all. Without `udp_port`, UDP has the port of HTTP.
pub(super) fn start(
    bind: Option<IpAddr>,
    http_port: u16,
    udp_port: Option<u16>,
    config: Config,
) -> Result<TrackerServer, StartError> {
    let at = |ip: IpAddr| {
        let http = Some(SocketAddr::new(ip, http_port));
        let udp = Some(SocketAddr::new(ip, udp_port.unwrap_or(http_port)));
        TrackerServer::start(Config { http, udp, ..config.clone() })
    };
    match bind {
        Some(ip) => at(ip),
        // A machine without IPv6 has no `[::]`.
        None => match at(Ipv6Addr::UNSPECIFIED.into()) {
            Err(StartError::Listen { source, .. }) if source.kind() != io::ErrorKind::AddrInUse => {
                at(Ipv4Addr::UNSPECIFIED.into())
            }
            result => result,
        },
    }
}

/// Starts a tracker that also serves files, on `port`. Without it, on the usual port, or on a free one if that fails.
pub(super) fn start_for_share(
    bind: Option<IpAddr>,
    port: Option<u16>,
    files: Files,
) -> Result<TrackerServer, StartError> {
    const USUAL_PORT: u16 = 6969;
    let config = Config { interval_s: 60, files, udp_workers: 1, ..Config::default() };
    match port {
        Some(port) => start(bind, port, None, config),
        None => start(bind, USUAL_PORT, None, config.clone()).or_else(|_| start(bind, 0, None, config)),
    }
}
