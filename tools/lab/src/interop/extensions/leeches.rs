//! Honest clients beside some that take without an end, at a seed that has too little for all.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::hosts::{Daemon, Hosts, PAUSE, ended_well};
use crate::interop::clients::PORT;
use crate::interop::payload::{Content, EmptyFiles};
use crate::net::Host;
use crate::process::{Invocation, Process};
use crate::torrent::{self, Format};
use crate::tracker::{self, Server, Tracker, Transport};

/// Time limit of a case.
const LIMIT: Duration = Duration::from_secs(120);
const CONTENT: Content = Content::Blob;
const TRACKER: Tracker = Tracker { server: Server::Opentracker, transport: Transport::Http };
/// Upload limit of the seed.
const RATE: &str = "1MiB/s";
/// Addresses of the honest clients, in two networks. They look public, as hosts of the local network are not counted.
const HONEST: [&str; 2] = ["11.91.3.1", "11.91.4.1"];
/// Number of leeches, in one network. With the two honest clients, their share would be two thirds.
const LEECHES: u8 = 4;
/// Bytes after which a leech comes back as a new peer without pieces.
const TAKE: u64 = 1 << 20;
/// Largest share of the upload that goes to the leeches while honest clients download. Without the defence it is 0.65.
const SHARE: f64 = 0.25;

/// Leeches with new peer ids take all of a seed's upload, until honest clients come.
pub(super) fn run(hosts: &Hosts<'_>) -> Result<()> {
    let env = hosts.env;
    let patience = env.patience(LIMIT);
    let (source, first_dir) = env.folders(CONTENT)?;
    let second_dir = env.dir.join("second");
    std::fs::create_dir_all(&second_dir)?;
    let torrent = env.make_tracked(&source.join(CONTENT.name()), &[&TRACKER.announce_url()])?;
    let hashes = torrent::info_hashes(&torrent, Format::V1)?;
    let mut tracker = TRACKER.start(&hashes, hosts.net, env.dir, env.tools)?;
    patience.until("the tracker listens", PAUSE, || {
        tracker.expect_alive()?;
        tracker::is_up(hosts.net)
    })?;
    let daemon = ["--dht", "false", "--port", PORT, "--limit-up", RATE];
    let daemon = Daemon::start(hosts, (Host::Seeder, "seeder"), &source, &daemon)?;
    daemon.ask(&["add", &torrent.to_string_lossy()])?;
    let row = |key: &str| -> Result<f64> {
        let rows = daemon.json(&["list"])?;
        Ok(rows.first().and_then(|row| row[key].as_f64()).unwrap_or_default())
    };
    patience.until("the daemon has everything", PAUSE, || Ok(row("progress")? >= 1.0))?;

    let mut leeches = Vec::new();
    for number in 1..=LEECHES {
        let ip = format!("11.91.7.{number}");
        hosts.net.add_address(Host::Tracker, "br0", &format!("{ip}/24"))?;
        let seed = format!("{}:{PORT}", Host::Seeder.ip());
        let leech =
            env.tools.libtorrent_case()?.args(["cheat", "--bind", &ip, "--port", PORT, "--connect", &seed]);
        let leech = leech.args(["--take", &TAKE.to_string()]).arg(&torrent);
        leeches.push(hosts.start(&leech, Host::Tracker, &format!("leech-{number}"))?);
    }
    patience.until("every leech has come back", PAUSE, || {
        Ok(leeches.iter().map(took).collect::<Result<Vec<_>>>()?.into_iter().all(|bytes| bytes > TAKE))
    })?;

    let all_took = || -> Result<u64> { leeches.iter().map(took).sum() };
    #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
    let (before, sent_before) = (all_took()? as f64, row("uploaded_bytes")?);
    for ip in HONEST {
        hosts.net.add_address(Host::Tracker, "br0", &format!("{ip}/24"))?;
    }
    let libtorrent =
        env.tools.libtorrent()?.args(["peer", "--bind", HONEST[0], "--port", PORT, "--only-from-bind"]);
    let first = hosts.start(&libtorrent.arg(&first_dir).arg(&torrent), Host::Tracker, "first")?;
    let aria2 = Invocation::new(env.tools.program("aria2c")?).args(["--no-conf", "--enable-dht=false"]);
    let aria2 = aria2.args(["--bt-enable-lpd=false", "--disable-ipv6=true", "--file-allocation=none"]);
    let aria2 = aria2.args(["--show-console-readout=false", "--console-log-level=info", "--seed-time=0"]);
    let aria2 = aria2.args(["--interface", HONEST[1], "--dir"]).arg(&second_dir).arg(&torrent);
    let mut second = hosts.start(&aria2, Host::Tracker, "second")?;
    patience.until("the honest clients have everything", PAUSE, || {
        Ok(ended_well(&mut second)? && first.log_text()?.contains("DONE"))
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
    let (taken, sent) = (all_took()? as f64 - before, row("uploaded_bytes")? - sent_before);
    let share = taken / sent;
    ensure!(share < SHARE, "{:.0} % of {sent:.0} bytes went to the leeches", 100.0 * share);
    for (name, dir) in [("libtorrent", &first_dir), ("aria2", &second_dir)] {
        env.payloads
            .compare(CONTENT, dir, EmptyFiles::Needed)
            .with_context(|| format!("comparing the files of {name}"))?;
    }
    Ok(())
}

/// Returns the number of bytes that a leech has taken so far.
fn took(leech: &Process) -> Result<u64> {
    let log = leech.log_text()?;
    let last = log.lines().rev().find_map(|line| line.strip_prefix("TOOK "));
    Ok(last.unwrap_or("0").parse()?)
}
