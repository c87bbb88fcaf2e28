//! The clients: starting each in a role, and finding out that it serves or has finished.

use std::ffi::OsString;
use std::net::SocketAddrV4;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::payload::EmptyFiles;
use super::ways::Ways;
use crate::net::{Host, Net};
use crate::process::{Invocation, Process};
use crate::tools::Tools;

/// A BitTorrent client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Ztor,
    Transmission,
    Aria2,
    Libtorrent,
}

/// Port on which every client listens for peers.
pub(super) const PORT: &str = "6881";

impl Client {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ztor => "ztor",
            Self::Transmission => "transmission",
            Self::Aria2 => "aria2",
            Self::Libtorrent => "libtorrent",
        }
    }

    pub(super) fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Ztor => &["ztor"],
            Self::Transmission => &["transmission-daemon", "transmission-remote"],
            Self::Aria2 => &["aria2c"],
            Self::Libtorrent => &["libtorrent"],
        }
    }

    /// Returns [`EmptyFiles::Needed`] if it creates the empty files of a torrent.
    pub(super) fn empty_files(self) -> EmptyFiles {
        match self {
            Self::Ztor | Self::Libtorrent | Self::Aria2 => EmptyFiles::Needed,
            Self::Transmission => EmptyFiles::Optional,
        }
    }

    /// Starts the client on the setup's host with its torrent, whose data is in `data` or goes there.
    pub(super) fn start(self, setup: &Setup<'_>) -> Result<Running> {
        let &Setup { host, net, what, data, dir, tools, .. } = setup;
        let role = if host == Host::Seeder { "seeder" } else { "leecher" };
        let home = dir.join(format!("{role}-home"));
        std::fs::create_dir_all(&home)?;
        let invocation = match self {
            Self::Ztor => ztor(setup)?,
            Self::Transmission => {
                let settings = transmission_settings(host, data, setup);
                std::fs::write(home.join("settings.json"), settings)?;
                if let Finds::Dht(nodes) = setup.finds {
                    std::fs::write(home.join("dht.dat"), transmission_nodes(nodes))?;
                }
                Invocation::new(tools.program("transmission-daemon")?).args(["-f", "-g"]).arg(&home)
            }
            Self::Aria2 => aria2(setup)?,
            Self::Libtorrent => {
                let options = ["--bind", &host.ip().to_string(), "--port", PORT];
                let peer = tools.libtorrent()?.arg("peer").args(options);
                let peer = match setup.finds {
                    Finds::Dht(nodes) => peer.args(["--dht", &entry(nodes)?]),
                    Finds::Local => peer.arg("--local"),
                    Finds::Tracker | Finds::Exchange => peer,
                };
                peer.args(setup.ways.libtorrent().iter().copied()).arg(data).arg(what.argument())
            }
        };
        let namespace = net.namespace(host);
        let log = dir.join(format!("{role}-{}.log", self.name()));
        let process = Process::start(&invocation, Some(&namespace), &home, &log)?;
        let remote = match self {
            Self::Transmission => {
                Some(Invocation::new(tools.program("transmission-remote")?).arg("127.0.0.1:9091"))
            }
            _ => None,
        };
        let torrent = what.argument();
        Ok(Running { client: self, process, namespace, home, torrent, remote, was_told: false })
    }
}

/// Parameters for the start of a client.
pub(super) struct Setup<'a> {
    pub(super) host: Host,
    pub(super) net: &'a Net,
    pub(super) what: What<'a>,
    /// Source of its peers.
    pub(super) finds: Finds<'a>,
    pub(super) ways: Ways,
    /// Save folder.
    pub(super) data: &'a Path,
    /// Content of the torrent in the save folder: its only file, or its folder.
    pub(super) content: &'a Path,
    /// True if ztor as seeder gets the path of the content, not of the folder that holds it.
    pub(super) names_content: bool,
    /// Folder of the case.
    pub(super) dir: &'a Path,
    pub(super) tools: &'a Tools,
}

/// Torrent that a client seeds or fetches.
#[derive(Clone, Copy, Debug)]
pub(super) enum What<'a> {
    Torrent(&'a Path),
    /// Link of a torrent to fetch.
    Magnet(&'a str),
}

impl What<'_> {
    /// Returns the command line argument of a program.
    pub(super) fn argument(self) -> OsString {
        match self {
            Self::Torrent(path) => path.into(),
            Self::Magnet(link) => link.into(),
        }
    }
}

/// Only source of peers that is turned on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Finds<'a> {
    Tracker,
    /// The DHT with these nodes; one is enough to bootstrap.
    Dht(&'a [SocketAddrV4]),
    Exchange,
    Local,
}

/// Returns the bootstrap node of the DHT.
fn entry(nodes: &[SocketAddrV4]) -> Result<String> {
    Ok(nodes.first().context("a DHT without nodes")?.to_string())
}

fn ztor(setup: &Setup<'_>) -> Result<Invocation> {
    let invocation = Invocation::new(setup.tools.program("ztor")?);
    let invocation = if setup.host == Host::Seeder {
        let path = if setup.names_content { setup.content } else { setup.data };
        invocation.arg("seed").arg(setup.what.argument()).arg(path)
    } else {
        invocation.arg("get").arg(setup.what.argument()).arg("--output").arg(setup.data)
    };
    let invocation = match setup.finds {
        Finds::Tracker => invocation.args(["--no-dht", "--no-pex", "--no-lsd"]),
        Finds::Dht(nodes) => invocation.args(["--dht-bootstrap", &entry(nodes)?, "--no-pex", "--no-lsd"]),
        Finds::Exchange => invocation.args(["--no-dht", "--no-lsd"]),
        Finds::Local => invocation.args(["--no-dht", "--no-pex"]),
    };
    let invocation = invocation.args(setup.ways.ztor().iter().copied());
    let ip = setup.host.ip().to_string();
    Ok(invocation.args(["--bind", &ip, "--port", PORT, "--log-level", "debug"]))
}

fn aria2(setup: &Setup<'_>) -> Result<Invocation> {
    let mut invocation = Invocation::new(setup.tools.program("aria2c")?).arg("--no-conf");
    // Without its DHT, aria2 has no socket for UDP trackers. It finds no node unless it is given one.
    invocation = invocation.args(["--enable-dht=true", "--enable-dht6=false", "--bt-enable-lpd=false"]);
    if let Finds::Dht(nodes) = setup.finds {
        invocation = invocation.arg(format!("--dht-entry-point={}", entry(nodes)?));
    }
    let exchanges = matches!(setup.finds, Finds::Exchange);
    invocation = invocation.arg(format!("--enable-peer-exchange={exchanges}"));
    invocation = invocation.arg(format!("--dht-listen-port={PORT}"));
    invocation = invocation.args(["--disable-ipv6=true", "--file-allocation=none", "--summary-interval=0"]);
    invocation =
        invocation.args(["--show-console-readout=false", "--enable-color=false", "--console-log-level=info"]);
    invocation = invocation.arg(format!("--listen-port={PORT}")).arg("--dir").arg(setup.data);
    invocation = if setup.host == Host::Seeder {
        invocation.args(["--check-integrity=true", "--bt-hash-check-seed=true", "--seed-ratio=0"])
    } else {
        invocation.arg("--seed-time=0")
    };
    Ok(invocation.arg(setup.what.argument()))
}

fn transmission_settings(host: Host, data: &Path, setup: &Setup<'_>) -> String {
    let finds = setup.finds;
    let (utp, encryption) = setup.ways.transmission();
    let (ip, data) = (host.ip(), data.display());
    let dht = matches!(finds, Finds::Dht(_));
    let (pex, lpd) = (matches!(finds, Finds::Exchange), matches!(finds, Finds::Local));
    format!(
        r#"{{
            "bind-address-ipv4": "{ip}", "peer-port": {PORT}, "download-dir": "{data}",
            "dht-enabled": {dht}, "lpd-enabled": {lpd}, "pex-enabled": {pex}, "utp-enabled": {utp},
            "encryption": {encryption},
            "port-forwarding-enabled": false, "rename-partial-files": false, "preallocation": 0,
            "rpc-enabled": true, "rpc-bind-address": "127.0.0.1", "rpc-port": 9091, "rpc-whitelist-enabled": false,
            "ratio-limit-enabled": false, "start-added-torrents": true, "message-level": 3
        }}"#
    )
}

/// Returns the file in which Transmission keeps the nodes of the DHT. It announces nothing before four nodes have
/// answered. It asks a node of the file about every two seconds, but after a bootstrap by a single node only one every
/// quarter of a minute.
fn transmission_nodes(nodes: &[SocketAddrV4]) -> Vec<u8> {
    let compact =
        nodes.iter().flat_map(|node| [&node.ip().octets()[..], &node.port().to_be_bytes()].concat());
    let compact: Vec<u8> = compact.collect();
    [format!("d5:nodes{}:", compact.len()).as_bytes(), &compact, b"e"].concat()
}

/// A running client.
pub(super) struct Running {
    client: Client,
    process: Process,
    namespace: String,
    home: std::path::PathBuf,
    torrent: OsString,
    /// Program that controls it; `None` if there is none.
    remote: Option<Invocation>,
    /// Set once it has accepted its torrent.
    was_told: bool,
}

impl Running {
    /// Returns true if the seeder reports that it has everything. Aria2 reports nothing: the tracker has to be asked.
    pub(super) fn is_serving(&mut self) -> Result<bool> {
        self.process.expect_alive()?;
        match self.client {
            Client::Ztor => Ok(self.process.log_text()?.contains("Seeding")),
            Client::Libtorrent => Ok(self.process.log_text()?.contains("DONE")),
            Client::Transmission => self.transmission_is_complete(),
            Client::Aria2 => Ok(true),
        }
    }

    /// Returns true if the leecher has everything. Ztor and aria2 report this by exiting with success.
    pub(super) fn is_done(&mut self) -> Result<bool> {
        match (self.client, self.process.exit()?) {
            (Client::Ztor | Client::Aria2, Some(status)) if status.success() => Ok(true),
            (_, Some(status)) => bail!("{} ended: {status}", self.process.name()),
            (Client::Ztor | Client::Aria2, None) => Ok(false),
            (Client::Libtorrent, None) => Ok(self.process.log_text()?.contains("DONE")),
            (Client::Transmission, None) => self.transmission_is_complete(),
        }
    }

    /// Returns its output so far.
    pub(super) fn log_text(&self) -> Result<String> {
        self.process.log_text()
    }

    /// Interrupts it, as Ctrl-C does.
    pub(super) fn interrupt(&self) {
        self.process.interrupt();
    }

    /// Returns true if it has ended, successfully or not.
    pub(super) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.process.exit()?.is_some())
    }

    fn transmission_is_complete(&mut self) -> Result<bool> {
        if !self.was_told {
            // Refused until the daemon listens.
            let answer = self.tell_transmission(&["--add", &self.torrent.to_string_lossy()]);
            self.was_told = answer.is_ok_and(|answer| answer.contains("success"));
            return Ok(false);
        }
        // A busy daemon may let a request time out.
        let list = self.tell_transmission(&["--list"]).unwrap_or_default();
        let row = list.lines().find(|line| line.trim_start().starts_with('1')).unwrap_or_default();
        let is_at_rest = ["Idle", "Seeding", "Finished"].iter().any(|state| row.contains(state));
        Ok(is_at_rest && row.split_whitespace().nth(1) == Some("100%"))
    }

    fn tell_transmission(&self, arguments: &[&str]) -> Result<String> {
        let Some(remote) = self.remote.clone() else {
            bail!("{} has no remote control", self.process.name())
        };
        remote.args(arguments).output(Some(&self.namespace), &self.home)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transmission_nodes_of_two_nodes_is_a_bencoded_compact_list() -> Result<()> {
        let nodes = ["10.91.0.1:6881".parse()?, "10.91.0.1:6882".parse()?];
        let file = transmission_nodes(&nodes);
        assert_eq!(file, b"d5:nodes12:\x0a\x5b\x00\x01\x1a\xe1\x0a\x5b\x00\x01\x1a\xe2e");
        Ok(())
    }
}
