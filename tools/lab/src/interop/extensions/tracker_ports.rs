//! Ports of a tracker from the DNS (BEP 34), with dnsmasq as name server.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::hosts::{Hosts, PAUSE, QUIET, ended_well};
use crate::interop::payload::{Content, EmptyFiles};
use crate::net::Host;
use crate::process::Invocation;
use crate::torrent::{self, Format};
use crate::tracker::{self, Server, Tracker, Transport};

/// Time limit of a case.
const LIMIT: Duration = Duration::from_secs(60);
const CONTENT: Content = Content::Small;
/// Name that only dnsmasq knows.
const NAME: &str = "tracker.lab";
/// Port of the tracker in the torrent, on which nothing listens.
const WRONG_PORT: u16 = 7999;

/// Two ztors find each other through opentracker on the port of the text record, and not on that of the torrent.
pub(super) fn run(hosts: &Hosts<'_>, transport: Transport) -> Result<()> {
    let env = hosts.env;
    let patience = env.patience(LIMIT);
    let (source, target) = env.folders(CONTENT)?;
    let scheme = if transport == Transport::Udp { "udp" } else { "http" };
    let url = format!("{scheme}://{NAME}:{WRONG_PORT}/announce");
    let torrent = env.make_tracked(&source.join(CONTENT.name()), &[&url])?;
    let hashes = torrent::info_hashes(&torrent, Format::V1)?;
    let server = Tracker { server: Server::Opentracker, transport };
    let mut tracker = server.start(&hashes, hosts.net, env.dir, env.tools)?;

    let ip = Host::Tracker.ip().to_string();
    // The protocol of the torrent comes second, as the other one may not be chosen for its place.
    let record = match transport {
        Transport::Udp => format!("BITTORRENT TCP:{} UDP:{}", tracker::PORT, tracker::PORT),
        Transport::Http => format!("BITTORRENT UDP:{} TCP:{}", tracker::PORT, tracker::PORT),
    };
    let dnsmasq = Invocation::new(env.tools.program("dnsmasq")?);
    let dnsmasq =
        dnsmasq.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"]);
    let dnsmasq = dnsmasq.args([
        "--user=root",
        "--pid-file=",
        "--log-facility=-",
        "--log-queries",
        "--bind-interfaces",
    ]);
    let dnsmasq = dnsmasq.args([format!("--listen-address={ip}"), format!("--host-record={NAME},{ip}")]);
    let dnsmasq = dnsmasq.arg(format!("--txt-record={NAME},{record}"));
    let mut dns = hosts.start(&dnsmasq, Host::Tracker, "dnsmasq")?;
    patience.until("tracker and name server listen", PAUSE, || {
        tracker.expect_alive()?;
        dns.expect_alive()?;
        Ok(tracker::is_up(hosts.net)? && dns.log_text()?.contains("started"))
    })?;

    let ask = ["--tracker-dns", "--dns-server", &ip];
    let seed = hosts.ztor()?.arg("seed").arg(&torrent).arg(&source).args(QUIET).args(ask);
    let mut seeder = hosts.start(&seed, Host::Seeder, "seeder")?;
    patience.until("the tracker knows the seeder", PAUSE, || {
        seeder.expect_alive()?;
        Ok(tracker::scrape(hosts.net, &hashes[0])?.seeders > 0)
    })?;
    let get = hosts.ztor()?.arg("get").arg(&torrent).arg("--output").arg(&target).args(QUIET).args(ask);
    let mut leecher = hosts.start(&get, Host::Leecher, "leecher")?;
    patience.until("the leecher has everything", PAUSE, || ended_well(&mut leecher))?;
    for host in [Host::Seeder, Host::Leecher] {
        let query = format!("query[TXT] {NAME} from {}", host.ip());
        ensure!(dns.log_text()?.contains(&query), "the name server has had no {query}");
    }
    env.payloads.compare(CONTENT, &target, EmptyFiles::Needed).context("comparing the files")
}
