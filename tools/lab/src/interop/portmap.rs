//! A daemon behind a router with NAT, and miniupnpd on the router: the port is mapped by each protocol, hosts outside
//! download through it, mappings are renewed, come back after a restart of the router, follow a change of the port, and
//! are gone after the end.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::env::CaseEnv;
use super::payload::{Content, EmptyFiles};
use crate::net::{Host, Net, nat};
use crate::process::{Invocation, Process};

/// Pause between checks, which run a program each.
const PAUSE: Duration = Duration::from_millis(300);
/// Time limit of the whole case.
const LIMIT: Duration = Duration::from_secs(150);
const CONTENT: Content = Content::Blob;
/// Ports of the daemon: at first, and later.
const PORTS: [u16; 2] = [6881, 7000];

/// A case, named by the protocol that the router speaks over IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PortMap {
    Pcp,
    NatPmp,
    Upnp,
}

pub(super) fn all() -> Vec<PortMap> {
    vec![PortMap::Pcp, PortMap::NatPmp, PortMap::Upnp]
}

impl PortMap {
    /// Returns the name: unique among the cases, and searched by `--filter`.
    pub(super) fn name(self) -> String {
        format!("ztor:ztor port mapping by {} of miniupnpd", self.protocol())
    }

    fn protocol(self) -> &'static str {
        match self {
            Self::Pcp => "PCP",
            Self::NatPmp => "NAT-PMP",
            Self::Upnp => "UPnP",
        }
    }

    /// Returns rules of the router that leave only this protocol. That of IPv6 is PCP, or else UPnP.
    fn rules(self) -> &'static str {
        match self {
            Self::Pcp => "",
            Self::NatPmp => {
                "table inet block {\n chain input {\n type filter hook input priority 0\n \
                 udp dport 5351 @th,64,8 2 drop\n }\n}\n"
            }
            Self::Upnp => {
                "table inet block {\n chain input {\n type filter hook input priority 0\n \
                 udp dport 5351 reject\n }\n}\n"
            }
        }
    }
}

/// Runs a case, as [`transfer::run`](super::transfer::run) does.
///
/// # Errors
/// If the router has a mapping too few or too many, a host outside cannot download, or the data differs.
pub(super) fn run(case: &PortMap, env: &CaseEnv<'_>) -> Result<()> {
    let &CaseEnv { dir, payloads, tools, .. } = env;
    let patience = env.patience(LIMIT);
    let (source, _) = env.folders(CONTENT)?;
    let torrent = env.make_torrent(&source.join(CONTENT.name()))?;
    let net = env.network_with_nat()?;
    let world = World { net: &net, dir, nft: tools.program("nft")?, ztor: tools.program("ztor")? };
    net.nft(world.nft, case.rules())?;
    let miniupnpd = tools.program("miniupnpd")?;
    let router = world.start_router(miniupnpd, 1)?;
    let mut daemon = world.start_daemon(&source)?;
    patience.until("the daemon answers", PAUSE, || {
        daemon.expect_alive()?;
        Ok(world.ask(&["stats", "--json"]).is_ok())
    })?;
    let torrent_text = torrent.display().to_string();
    world.ask(&["add", "--dir", &source.display().to_string(), &torrent_text])?;
    patience.until("the daemon seeds", PAUSE, || Ok(world.progress()? >= 1.0))?;
    patience.until("both ports are mapped", PAUSE, || {
        let ports = world.ports()?;
        Ok(ports["ipv4"]["protocol"] == case.protocol()
            && ports["ipv4"]["external_address"] == nat::ROUTER.to_string()
            && is_mapped(&ports, PORTS[0])
            && world.forwards(PORTS[0])? == 2)
    })?;
    let v4 = SocketAddr::from((nat::ROUTER, PORTS[0]));
    let v6 = SocketAddr::from((nat::CLIENT_V6, PORTS[0]));
    for (index, (peer, transport)) in [(v4, "tcp"), (v4, "utp"), (v6, "tcp")].into_iter().enumerate() {
        let target = dir.join(format!("target-{index}"));
        let from = format!("from {peer} over {transport}");
        world.download(&torrent, peer, transport, &target).with_context(|| from.clone())?;
        payloads.compare(CONTENT, &target, EmptyFiles::Needed).with_context(|| from.clone())?;
    }
    patience.until("the mappings outlive their first lifetime", PAUSE, || {
        daemon.expect_alive()?;
        let renewed = |transport: &str| {
            let log = daemon.log_text()?;
            Ok::<_, anyhow::Error>(log.lines().filter(|line| is_map(line, transport)).count() >= 4)
        };
        Ok(renewed("TCP")? && renewed("UDP")?)
    })?;
    ensure!(is_mapped(&world.ports()?, PORTS[0]) && world.forwards(PORTS[0])? == 2, "a mapping has expired");

    if *case == PortMap::Upnp {
        drop(router);
        world.forget_mappings()?;
    } else {
        // It is not a renewal that brings them back.
        world.ask(&["settings", "set", "port_mapping_lease", "1h"])?;
        patience.until("the lifetime is long", PAUSE, || {
            let ports = world.ports()?;
            let mappings = ports["ipv4"]["mappings"].as_array().cloned().unwrap_or_default();
            Ok(mappings.iter().all(|mapped| mapped["expires_s"].as_u64() > Some(3000)))
        })?;
        drop(router);
        world.forget_mappings()?;
    }
    ensure!(world.forwards(PORTS[0])? == 0, "the router has not lost its mappings");
    let _router = world.start_router(miniupnpd, 2)?;
    patience.until("the restarted router has the mappings again", PAUSE, || {
        daemon.expect_alive()?;
        Ok(world.forwards(PORTS[0])? == 2)
    })?;

    world.ask(&["settings", "set", "port", &PORTS[1].to_string()])?;
    patience.until("the new port is mapped instead", PAUSE, || {
        Ok(is_mapped(&world.ports()?, PORTS[1])
            && world.forwards(PORTS[1])? == 2
            && world.forwards(PORTS[0])? == 0)
    })?;
    let connects = |ip: IpAddr, port| net.can_connect((ip, port));
    ensure!(connects(nat::ROUTER.into(), PORTS[1])?, "the new port is not reachable");
    patience
        .until("the new port is reachable over IPv6", PAUSE, || connects(nat::CLIENT_V6.into(), PORTS[1]))?;

    daemon.interrupt();
    patience.until("the daemon ends", PAUSE, || Ok(daemon.exit()?.is_some()))?;
    ensure!(world.forwards(PORTS[1])? == 0, "mappings are left over: {}", world.rules()?);
    ensure!(!connects(nat::ROUTER.into(), PORTS[1])?, "the port is still open");
    Ok(())
}

/// Returns true for a line of the log about a mapping of a transport over IPv4.
fn is_map(line: &str, transport: &str) -> bool {
    line.contains("asked a gateway")
        && line.contains("family=IPv4")
        && line.contains("what=\"map\"")
        && line.contains(&format!("transport=\"{transport}\""))
        && line.contains("Ok(")
}

/// Returns true if both transports are mapped over both families.
fn is_mapped(ports: &Value, port: u16) -> bool {
    ports["listen_port"] == port
        && ports["announced_port"] == port
        && ["ipv4", "ipv6"].iter().all(|family| {
            let mapping = &ports[family];
            let mapped = mapping["mappings"].as_array().map(Vec::as_slice).unwrap_or_default();
            mapping["state"] == "mapped" && mapped.iter().all(|mapped| mapped["external_port"] == port)
        })
}

struct World<'a> {
    net: &'a Net,
    dir: &'a Path,
    nft: &'a Path,
    ztor: &'a Path,
}

impl World<'_> {
    /// Starts miniupnpd without mappings.
    fn start_router(&self, miniupnpd: &Path, run: usize) -> Result<Process> {
        let conf = self.dir.join(format!("miniupnpd-{run}.conf"));
        let lines = "ext_ifname=wan\nlistening_ip=lan\nhttp_port=0\nenable_natpmp=yes\nenable_upnp=yes\n\
             secure_mode=yes\nsystem_uptime=no\nmin_lifetime=15\nmax_lifetime=86400\n\
             upnp_table_name=filter\nupnp_nat_table_name=filter\nupnp_forward_chain=miniupnpd\n\
             upnp_nat_chain=prerouting_miniupnpd\nupnp_nat_postrouting_chain=postrouting_miniupnpd\n\
             uuid=00000000-0000-4000-8000-000000000001\n\
             allow 1024-65535 192.168.77.0/24 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n";
        std::fs::write(&conf, lines)?;
        // In the foreground.
        let command = Invocation::new(miniupnpd).arg("-d").arg("-f").arg(&conf);
        let pid = self.dir.join(format!("miniupnpd-{run}.pid"));
        let command = command.arg("-P").arg(pid);
        self.start(&command, Host::ROUTER, &format!("router-{run}"))
    }

    fn start_daemon(&self, source: &Path) -> Result<Process> {
        let port = PORTS[0].to_string();
        let command = Invocation::new(self.ztor)
            .args(["daemon", "--listen", "", "--dht=false", "--local-discovery=false", "--port", &port])
            .args(["--port-mapping-lease", "20s", "--log-level", "info,ztor_session::mapping=debug"])
            .arg("--download-dir")
            .arg(source);
        self.start(&command, Host::CLIENT, "daemon")
    }

    fn start(&self, command: &Invocation, host: Host, name: &str) -> Result<Process> {
        let namespace = self.net.namespace(host);
        Process::start(command, Some(&namespace), &self.home(host), &self.dir.join(format!("{name}.log")))
    }

    fn home(&self, host: Host) -> PathBuf {
        self.dir.join(format!("home-{host:?}"))
    }

    /// Runs a command that asks the daemon.
    fn ask(&self, arguments: &[&str]) -> Result<String> {
        let command = Invocation::new(self.ztor).args(arguments);
        command.output(Some(&self.net.namespace(Host::CLIENT)), &self.home(Host::CLIENT))
    }

    fn ports(&self) -> Result<Value> {
        let printed = self.ask(&["ports", "--json"])?;
        serde_json::from_str(&printed).with_context(|| format!("`ports` prints {printed}"))
    }

    fn progress(&self) -> Result<f64> {
        let printed = self.ask(&["list", "--json"])?;
        let line = printed.lines().next().unwrap_or("null");
        Ok(serde_json::from_str::<Value>(line)?["progress"].as_f64().unwrap_or(0.0))
    }

    /// Downloads from the client as a host outside.
    fn download(&self, torrent: &Path, peer: SocketAddr, transport: &str, target: &Path) -> Result<()> {
        let command = Invocation::new(self.ztor)
            .arg("get")
            .arg(torrent)
            .arg("--output")
            .arg(target)
            .args(["--no-dht", "--no-pex", "--no-lsd", "--no-port-mapping", "--give-up", "30s"])
            .args(["--transport", transport, "--peer", &peer.to_string()]);
        command.output(Some(&self.net.namespace(Host::OUTSIDE)), &self.home(Host::OUTSIDE)).map(drop)
    }

    /// Returns the number of rules of the router that lead to a port of the client over IPv4: one for each transport.
    fn forwards(&self, port: u16) -> Result<usize> {
        let target = format!("{}:{port}", nat::CLIENT);
        Ok(self.rules()?.lines().filter(|line| line.contains("dnat") && line.contains(&target)).count())
    }

    fn rules(&self) -> Result<String> {
        self.net.chain(self.nft, "prerouting_miniupnpd")
    }

    /// Removes all rules for mappings, as a restart of the router does.
    fn forget_mappings(&self) -> Result<()> {
        let chains = ["prerouting_miniupnpd", "miniupnpd", "postrouting_miniupnpd"];
        let flush: String = chains.iter().map(|chain| format!("flush chain inet filter {chain}\n")).collect();
        self.net.nft(self.nft, &flush)
    }
}
