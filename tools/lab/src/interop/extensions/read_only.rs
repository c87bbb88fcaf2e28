//! Read-only nodes of the DHT (BEP 43) behind a NAT, through which their table would be reached. The other node keeps them out
//! of its table, and takes in one that is not read-only.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::hosts::{Daemon, Hosts, PAUSE};
use crate::interop::clients::PORT;
use crate::interop::payload::Content;
use crate::net::{Host, nat};
use crate::process::Process;

/// Time limit of a case.
const LIMIT: Duration = Duration::from_secs(90);
const CONTENT: Content = Content::Small;
/// Number of answered queries after which a node would be in the table of the other.
const QUERIES: usize = 3;
/// Port of a further node.
const OTHER_PORT: &str = "7000";

/// ztor is read-only: all of its queries say so, and libtorrent answers them.
pub(super) fn ztor(hosts: &Hosts<'_>) -> Result<()> {
    let env = hosts.env;
    let patience = env.patience(LIMIT);
    let (source, target) = env.folders(CONTENT)?;
    let torrent = env.make_torrent(&source.join(CONTENT.name()))?;
    let mut node = start_node(hosts, Host::OUTSIDE, "node", &["--port", PORT])?;
    patience.until("libtorrent's node runs", PAUSE, || {
        node.expect_alive()?;
        Ok(table(&node)?.is_some())
    })?;
    let packets = |direction: &str| -> Result<Vec<String>> {
        let start = format!("PACKET {direction} [{}:", nat::ROUTER);
        let log = node.log_text()?;
        Ok(log.lines().filter(|line| line.starts_with(&start)).map(str::to_owned).collect())
    };
    let entry = format!("{}:{PORT}", nat::OUTSIDE);
    let start = |at, data, port, read_only| {
        let arguments = ["--dht-bootstrap", &entry, "--port", port, "--dht-read-only", read_only];
        Daemon::start(hosts, at, data, &arguments)
    };
    let ours = start((Host::CLIENT, "read-only"), &source, PORT, "always")?;
    patience.until("libtorrent has answered a query", PAUSE, || Ok(!packets("==>")?.is_empty()))?;
    // The same, but for that.
    let _usual = start((Host::OUTSIDE, "usual"), &target, OTHER_PORT, "never")?;
    patience.until("the usual node is in libtorrent's table", PAUSE, || Ok(table(&node)? > Some(0)))?;
    ensure!(table(&node)? == Some(1), "libtorrent's table has {:?} nodes", table(&node)?);
    ensure!(ours.json(&["stats"])?[0]["dht_read_only"] == true, "ztor does not show that it is read-only");

    // libtorrent keeps every node that announces itself, also read-only ones: no look at its table from here on.
    ours.ask(&["add", &torrent.to_string_lossy()])?;
    patience.until("ztor announces itself", PAUSE, || {
        Ok(packets("<==")?.iter().any(|packet| packet.contains("'q': 'announce_peer'")))
    })?;
    for packet in packets("<==")? {
        ensure!(packet.contains("'q': "), "an answer of a read-only node: {packet}");
        ensure!(packet.contains("'ro': 1"), "a query that does not say that it is read-only: {packet}");
    }
    Ok(())
}

/// libtorrent is read-only: ztor answers it.
pub(super) fn other(hosts: &Hosts<'_>) -> Result<()> {
    let env = hosts.env;
    let patience = env.patience(LIMIT);
    let (_, target) = env.folders(CONTENT)?;
    // Nobody is there: it is the first node.
    let nobody = format!("{}:9", nat::OUTSIDE);
    let daemon = ["--port", PORT, "--dht-bootstrap", &nobody, "--dht-read-only", "never"];
    let daemon = Daemon::start(hosts, (Host::OUTSIDE, "daemon"), &target, &daemon)?;
    let nodes = || -> Result<Option<u64>> {
        Ok(daemon.json(&["stats"])?.first().context("no statistics")?["dht_nodes"].as_u64())
    };
    let entry = format!("{}:{PORT}", nat::OUTSIDE);
    let read_only =
        start_node(hosts, Host::CLIENT, "read-only", &["--port", PORT, "--read-only", "--enter", &entry])?;
    let from_ztor = format!("<== [{entry}] ");
    let answers = |node: &Process| -> Result<usize> {
        let log = node.log_text()?;
        Ok(log.lines().filter(|line| line.contains(&from_ztor) && line.contains("'r': ")).count())
    };
    patience.until("ztor has answered some queries", PAUSE, || Ok(answers(&read_only)? >= QUERIES))?;
    ensure!(read_only.log_text()?.contains("'ro': 1"), "libtorrent does not say that it is read-only");
    patience.until("ztor counts its nodes", PAUSE, || Ok(nodes()?.is_some()))?;
    ensure!(nodes()? == Some(0), "ztor's table has {:?} nodes", nodes()?);
    let usual = start_node(hosts, Host::ROUTER, "usual", &["--port", OTHER_PORT, "--enter", &entry])?;
    patience.until("ztor has the usual node in its table", PAUSE, || Ok(nodes()? > Some(0)))?;
    let before = answers(&read_only)?;
    patience.until("ztor answers the read-only node again", PAUSE, || Ok(answers(&read_only)? > before))?;
    ensure!(nodes()? == Some(1), "ztor's table has {:?} nodes", nodes()?);
    ensure!(answers(&usual)? > 0, "ztor does not answer the usual node");
    Ok(())
}

fn start_node(hosts: &Hosts<'_>, host: Host, name: &str, arguments: &[&str]) -> Result<Process> {
    let ip = match host {
        Host::CLIENT => nat::CLIENT,
        Host::ROUTER => nat::ROUTER,
        _ => nat::OUTSIDE,
    };
    let node = hosts.env.tools.libtorrent_case()?.args(["node", "--bind", &ip.to_string()]);
    hosts.start(&node.args(arguments.iter().copied()), host, name)
}

/// Returns the number of nodes that libtorrent reports last; `None` if it has not reported yet.
fn table(node: &Process) -> Result<Option<u64>> {
    let log = node.log_text()?;
    let last = log.lines().rev().find_map(|line| line.strip_prefix("TABLE "));
    Ok(last.map(str::parse).transpose()?)
}
