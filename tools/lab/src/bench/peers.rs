//! The clients: starting each so that it is fast, and finding out that it serves or has finished.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::client::Client;
use super::control::{self, Control, Rqbit, Transmission};
use super::floor;
use super::payload::Payload;
use crate::net::{Host, Net};
use crate::process::{Invocation, Process};
use crate::tools::Tools;
use crate::usage::Usage;

/// Port on which every client listens for peers.
const PORT: u16 = 6881;

/// Parameters for the start of a client.
pub(super) struct Setup<'a> {
    pub(super) host: Host,
    pub(super) net: &'a Net,
    pub(super) payload: &'a Payload,
    /// Save folder: it holds the seeder's data, or receives the leecher's.
    pub(super) data: &'a Path,
    /// Folder of the run.
    pub(super) dir: &'a Path,
    pub(super) tools: &'a Tools,
}

impl Setup<'_> {
    pub(super) fn role(&self) -> &'static str {
        if self.host == Host::Seeder { "seeder" } else { "leecher" }
    }

    /// Makes a folder for the client's own files.
    pub(super) fn home(&self) -> Result<PathBuf> {
        let home = self.dir.join(format!("{}-home", self.role()));
        std::fs::create_dir_all(&home)?;
        Ok(home)
    }
}

/// A running client.
pub(super) struct Running<'a> {
    client: Client,
    process: Process,
    used: Usage,
    control: Option<Control<'a>>,
    /// Torrent to add through the control; `None` if there is none or it was added.
    untold: Option<PathBuf>,
    torrent_count: usize,
}

impl<'a> Running<'a> {
    /// Starts `client` in the role of its host.
    pub(super) fn start(client: Client, setup: &Setup<'a>) -> Result<Self> {
        let invocation = match client.base() {
            Client::Floor => floor_side(setup)?,
            Client::Ztor | Client::ZtorUtp | Client::ZtorRc4 => {
                ztor(setup, "ztor")?.args(client.way().iter().copied())
            }
            Client::ZtorBase => ztor(setup, "ztor-base")?,
            Client::Libtorrent | Client::LibtorrentUtp | Client::LibtorrentRc4 => libtorrent(setup, client)?,
            Client::Aria2 => aria2(setup)?,
            Client::Transmission => transmission(setup)?,
            Client::Rqbit => rqbit(setup)?,
        };
        let control = match client {
            Client::Transmission => {
                let remote = Transmission::on(setup.net, setup.host, &setup.home()?, setup.tools)?;
                Some(Control::Transmission(remote))
            }
            // As leecher it gets the torrent on its command line.
            Client::Rqbit if setup.host == Host::Seeder => {
                Some(Control::Rqbit(Rqbit::on(setup.net, setup.host)))
            }
            _ => None,
        };
        let untold = control.is_some().then(|| setup.payload.torrents.first().cloned()).flatten();
        let log = setup.dir.join(format!("{}-{client}.log", setup.role()));
        let process =
            Process::start(&invocation, Some(&setup.net.namespace(setup.host)), &setup.home()?, &log)?;
        let torrent_count = setup.payload.torrents.len();
        Ok(Self { client, process, used: Usage::default(), control, untold, torrent_count })
    }

    /// Returns true if the seeder reports that it has everything. Aria2 reports nothing: the tracker has to be asked.
    pub(super) fn is_serving(&mut self) -> Result<bool> {
        self.process.expect_alive()?;
        match self.client.base() {
            Client::Floor => Ok(self.process.log_text()?.contains(floor::READY)),
            Client::Ztor | Client::ZtorUtp | Client::ZtorRc4 | Client::ZtorBase => {
                Ok(self.process.log_text()?.matches("Seeding").count() >= self.torrent_count)
            }
            Client::Libtorrent | Client::LibtorrentUtp | Client::LibtorrentRc4 => {
                Ok(self.process.log_text()?.contains("DONE"))
            }
            Client::Aria2 => Ok(true),
            Client::Transmission | Client::Rqbit => self.says_complete(),
        }
    }

    /// Returns true if the leecher has everything. Most report this by exiting with success.
    pub(super) fn is_done(&mut self) -> Result<bool> {
        match (self.client.base(), self.process.exit()?) {
            (Client::Libtorrent | Client::Transmission, Some(status)) => {
                bail!("{} ended: {status}", self.process.name())
            }
            (Client::Libtorrent, None) => Ok(self.process.log_text()?.contains("DONE")),
            (Client::Transmission, None) => self.says_complete(),
            (_, Some(status)) if status.success() => Ok(true),
            (_, Some(status)) => bail!("{} ended: {status}", self.process.name()),
            (_, None) => Ok(false),
        }
    }

    /// Returns its resource use so far. After its end, the CPU time is the kernel's final count.
    pub(super) fn usage(&mut self) -> Usage {
        if let Some(cpu) = self.process.cpu_in_the_end() {
            self.used.cpu = cpu;
        } else {
            self.used.keep_peak(Usage::of(self.process.id()));
        }
        self.used
    }

    fn says_complete(&mut self) -> Result<bool> {
        let control = self.control.as_mut().context("the client has no control")?;
        if let Some(torrent) = &self.untold {
            if control.add(torrent)? {
                self.untold = None;
            }
            return Ok(false);
        }
        control.is_complete()
    }
}

fn floor_side(setup: &Setup<'_>) -> Result<Invocation> {
    let invocation = Invocation::new(std::env::current_exe()?).arg("floor");
    let address = format!("{}:{PORT}", Host::Seeder.ip());
    let file = setup.data.join(setup.payload.first_name());
    Ok(if setup.host == Host::Seeder {
        invocation.args(["send", &address]).arg(file)
    } else {
        invocation.args(["receive", &address]).arg(file).arg(setup.payload.bytes.to_string())
    })
}

fn ztor(setup: &Setup<'_>, program: &'static str) -> Result<Invocation> {
    let mut invocation = Invocation::new(setup.tools.program(program)?);
    if setup.host == Host::Seeder {
        invocation = invocation.arg("seed");
        for torrent in &setup.payload.torrents {
            invocation = invocation.arg(torrent).arg(setup.data);
        }
    } else {
        invocation = invocation.arg("get").args(&setup.payload.torrents).arg("--output").arg(setup.data);
    }
    let invocation = invocation.args(["--bind", &setup.host.ip().to_string(), "--port", &PORT.to_string()]);
    Ok(invocation.args(["--no-dht", "--no-pex", "--no-lsd"]))
}

fn libtorrent(setup: &Setup<'_>, client: Client) -> Result<Invocation> {
    let (ip, port) = (setup.host.ip().to_string(), PORT.to_string());
    let mut invocation = setup.tools.libtorrent()?.args(["peer", "--fast", "--bind", &ip, "--port", &port]);
    if setup.host == Host::Seeder {
        invocation = invocation.arg("--trust");
    }
    let invocation = invocation.args(client.way().iter().copied());
    Ok(invocation.arg(setup.data).args(&setup.payload.torrents))
}

fn aria2(setup: &Setup<'_>) -> Result<Invocation> {
    let mut invocation =
        quiet_aria2(setup)?.args(["--bt-max-peers=500", "--bt-request-peer-speed-limit=1000M"]);
    invocation = if setup.host == Host::Seeder {
        invocation.args(["--seed-ratio=0", "--check-integrity=true", "--bt-seed-unverified=true"])
    } else {
        invocation.arg("--seed-time=0")
    };
    Ok(invocation.args(&setup.payload.torrents))
}

/// Returns the command of aria2 with all features off that are not needed, without its torrent.
pub(super) fn quiet_aria2(setup: &Setup<'_>) -> Result<Invocation> {
    let invocation = Invocation::new(setup.tools.program("aria2c")?);
    let invocation = invocation.args(["--no-conf", "--enable-dht=false", "--enable-dht6=false"]);
    let invocation = invocation.args(["--bt-enable-lpd=false", "--enable-peer-exchange=false"]);
    let invocation =
        invocation.args(["--disable-ipv6=true", "--file-allocation=none", "--summary-interval=0"]);
    let invocation = invocation.args([
        "--show-console-readout=false",
        "--enable-color=false",
        "--console-log-level=notice",
    ]);
    Ok(invocation.arg(format!("--listen-port={PORT}")).arg("--dir").arg(setup.data))
}

/// Returns the command of transmission's daemon, which gets its torrents through [`Control`].
pub(super) fn transmission(setup: &Setup<'_>) -> Result<Invocation> {
    let home = setup.home()?;
    let (ip, data, rpc_port) = (setup.host.ip(), setup.data.display(), control::TRANSMISSION_PORT);
    let settings = format!(
        r#"{{
            "bind-address-ipv4": "{ip}", "peer-port": {PORT}, "download-dir": "{data}",
            "dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false,
            "port-forwarding-enabled": false, "rename-partial-files": false, "preallocation": 1, "encryption": 0,
            "rpc-enabled": true, "rpc-bind-address": "127.0.0.1", "rpc-port": {rpc_port},
            "rpc-whitelist-enabled": false, "ratio-limit-enabled": false, "start-added-torrents": true,
            "upload-slots-per-torrent": 50, "peer-limit-global": 2000, "peer-limit-per-torrent": 500,
            "message-level": 3
        }}"#
    );
    std::fs::write(home.join("settings.json"), settings)?;
    Ok(Invocation::new(setup.tools.program("transmission-daemon")?).args(["-f", "-g"]).arg(home))
}

fn rqbit(setup: &Setup<'_>) -> Result<Invocation> {
    if setup.host == Host::Seeder {
        return rqbit_server(setup);
    }
    let invocation = quiet_rqbit(setup)?.args(["download", "-o"]).arg(setup.data).arg("-e");
    Ok(invocation.args(&setup.payload.torrents))
}

/// Returns the command of rqbit as a server over `data`, which gets its torrents through [`Control`].
pub(super) fn rqbit_server(setup: &Setup<'_>) -> Result<Invocation> {
    Ok(quiet_rqbit(setup)?.args(["server", "start"]).arg(setup.data))
}

fn quiet_rqbit(setup: &Setup<'_>) -> Result<Invocation> {
    let invocation = Invocation::new(setup.tools.program("rqbit")?).arg("--disable-dht");
    Ok(invocation.args(["--http-api-listen-addr", &Rqbit::listen_address()]))
}
