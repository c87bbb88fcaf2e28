//! ztor at two addresses of one family (BEP 45): for libtorrent these are two nodes of the DHT, and two peers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::hosts::{Daemon, Hosts, PAUSE, address};
use crate::interop::clients::PORT;
use crate::interop::payload::{Content, EmptyFiles};
use crate::net::Host;

/// Time limit of a case.
const LIMIT: Duration = Duration::from_secs(90);
const CONTENT: Content = Content::Small;
/// Second address of ztor.
const SECOND: &str = "10.91.0.77";
/// Answers after which a node is in libtorrent's table.
const ANSWERS: usize = 2;

pub(super) fn run(hosts: &Hosts<'_>) -> Result<()> {
    let env = hosts.env;
    let patience = env.patience(LIMIT);
    let (source, target) = env.folders(CONTENT)?;
    let torrent = env.make_torrent(&source.join(CONTENT.name()))?;
    hosts.net.add_address(Host::Seeder, "eth0", &format!("{SECOND}/24"))?;
    let ours = [Host::Seeder.ip().to_string(), SECOND.to_owned()];
    let entry = address(Host::Tracker);
    let node = env.tools.libtorrent_case()?.args(["node", "--bind", &Host::Tracker.ip().to_string()]);
    let mut node = hosts.start(&node.args(["--port", PORT]), Host::Tracker, "node")?;
    patience.until("libtorrent's node runs", PAUSE, || {
        node.expect_alive()?;
        Ok(node.log_text()?.contains("TABLE "))
    })?;
    let bind = ours.join(",");
    let arguments = ["--bind", &bind, "--port", PORT, "--dht-bootstrap", &entry, "--dht-read-only", "never"];
    let daemon = Daemon::start(hosts, (Host::Seeder, "daemon"), &source, &arguments)?;

    // Packets between libtorrent and one of our addresses, with the text of their content.
    let packets = |direction: &str, at: &str| -> Result<Vec<String>> {
        let start = format!("PACKET {direction} [{at}:{PORT}] ");
        let log = node.log_text()?;
        Ok(log.lines().filter_map(|line| line.strip_prefix(&start)).map(str::to_owned).collect())
    };
    for at in &ours {
        patience.until("libtorrent gets answers from both addresses", PAUSE, || {
            Ok(packets("<==", at)?.iter().filter(|packet| packet.contains("'r': ")).count() >= ANSWERS)
        })?;
    }
    patience.until("both are in libtorrent's table", PAUSE, || {
        Ok(node.log_text()?.lines().rev().find(|line| line.starts_with("TABLE ")) == Some("TABLE 2"))
    })?;
    let mut ids: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for at in &ours {
        for packet in packets("<==", at)? {
            let id = packet.split_once("'id': '").and_then(|(_, rest)| rest.get(..40));
            ids.entry(at).or_default().extend(id.map(str::to_owned));
        }
    }
    let all: BTreeSet<&String> = ids.values().flatten().collect();
    ensure!(ids.values().all(|ids| ids.len() == 1) && all.len() == 2, "ids of the addresses: {ids:?}");

    // A download that finds nobody is looked up again and again, by each node in its turn.
    daemon.ask(&["add", &format!("magnet:?xt=urn:btih:{}", "ab".repeat(20))])?;
    for at in &ours {
        patience.until("both addresses announce the torrent", PAUSE, || {
            Ok(packets("<==", at)?.iter().any(|packet| packet.contains("'q': 'announce_peer'")))
        })?;
    }

    // Each address serves over both transports.
    daemon.ask(&["add", &torrent.to_string_lossy(), "--wait"])?;
    for at in &ours {
        for transport in ["tcp", "utp"] {
            let data = target.join(format!("{at}-{transport}"));
            std::fs::create_dir_all(&data)?;
            let peer = format!("{at}:{PORT}");
            let name = format!("leecher-{at}-{transport}");
            // Without the second option, it speaks only TCP.
            let options = ["--connect", &peer, "--utp"];
            let options = if transport == "utp" { &options[..] } else { &options[..2] };
            let mut leecher = hosts.libtorrent(Host::Leecher, &name, options, &data, &torrent)?;
            patience.until("libtorrent has everything", PAUSE, || {
                leecher.expect_alive()?;
                Ok(leecher.log_text()?.contains("DONE"))
            })?;
            env.payloads
                .compare(CONTENT, &data, EmptyFiles::Needed)
                .with_context(|| format!("comparing the files from {peer} over {transport}"))?;
        }
    }
    Ok(())
}
