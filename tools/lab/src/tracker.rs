//! Trackers: starting one, and scraping it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::net::{Host, Net};
use super::process::{Invocation, Process};
use super::tools::Tools;
use super::torrent::InfoHash;

/// Port of every tracker, on TCP and on UDP.
pub(crate) const PORT: u16 = 6969;

/// A tracker program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Opentracker,
    Ztor,
}

/// Transport between the clients and the tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Http,
    Udp,
}

/// A tracker as a torrent lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tracker {
    pub(crate) server: Server,
    pub(crate) transport: Transport,
}

impl Server {
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Opentracker => "opentracker",
            Self::Ztor => "ztor",
        }
    }
}

impl Tracker {
    pub(crate) fn name(self) -> String {
        let transport = match self.transport {
            Transport::Http => "http",
            Transport::Udp => "udp",
        };
        format!("{}-{transport}", self.server.program())
    }

    pub(crate) fn announce_url(self) -> String {
        let ip = Host::Tracker.ip();
        match self.transport {
            Transport::Http => format!("http://{ip}:{PORT}/announce"),
            Transport::Udp => format!("udp://{ip}:{PORT}/announce"),
        }
    }

    /// Starts the tracker for the torrents with these info-hashes.
    pub(crate) fn start(self, hashes: &[InfoHash], net: &Net, dir: &Path, tools: &Tools) -> Result<Process> {
        let (ip, port) = (Host::Tracker.ip().to_string(), PORT.to_string());
        let home = dir.join("tracker");
        std::fs::create_dir_all(&home)?;
        let invocation = match self.server {
            Server::Opentracker => {
                // Debian's build tracks only listed torrents. It changes its root to this folder, so the list is in it.
                let list: String = hashes.iter().map(|hash| format!("{}\n", hash.hex())).collect();
                std::fs::write(home.join("whitelist"), list)?;
                let invocation = Invocation::new(tools.program("opentracker")?);
                let invocation =
                    invocation.args(["-i", &ip, "-p", &port, "-P", &port, "-w", "whitelist", "-d"]);
                invocation.arg(&home)
            }
            Server::Ztor => Invocation::new(tools.program("ztor")?)
                .args(["tracker", "--bind", &ip, "--http-port", &port, "--udp-port", &port])
                .args(["--log-level", "info"]),
        };
        let namespace = net.namespace(Host::Tracker);
        Process::start(&invocation, Some(&namespace), &home, &dir.join("tracker.log"))
    }
}

/// Numbers of a swarm's peers, as its tracker reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swarm {
    pub(crate) seeders: u64,
    pub(crate) leechers: u64,
    /// Number of reports of a finished download.
    pub(crate) finished: u64,
}

/// Returns true if the tracker accepts connections.
pub(crate) fn is_up(net: &Net) -> Result<bool> {
    net.within(Host::Tracker, || Ok(connect().is_ok()))
}

/// Scrapes the tracker over HTTP, whatever the clients use. A torrent it does not know has an empty swarm.
pub(crate) fn scrape(net: &Net, hash: &InfoHash) -> Result<Swarm> {
    let query: String = hash.0.iter().map(|byte| format!("%{byte:02x}")).collect();
    let answer = net.within(Host::Tracker, move || {
        let mut stream = connect()?;
        write!(stream, "GET /scrape?info_hash={query} HTTP/1.0\r\nHost: {}\r\n\r\n", Host::Tracker.ip())?;
        let mut answer = Vec::new();
        stream.take(1 << 16).read_to_end(&mut answer)?;
        Ok(answer)
    })?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    ensure!(text.lines().next().is_some_and(|status| status.contains(" 200")), "scrape: {text}");
    let count = |key: &str| {
        let digits = text.split_once(key).map(|(_, rest)| rest.split('e').next().unwrap_or_default());
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    Ok(Swarm {
        seeders: count("8:completei"),
        leechers: count("10:incompletei"),
        finished: count("10:downloadedi"),
    })
}

fn connect() -> Result<TcpStream> {
    let patience = Duration::from_secs(2);
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Host::Tracker.ip(), PORT)), patience)?;
    stream.set_read_timeout(Some(patience))?;
    Ok(stream)
}
