//! Measurement of a check: a client reads and hashes all its data.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::client::Client;
use super::control::{Control, Rqbit, Transmission};
use super::payload::Payload;
use super::peers::{self, Setup};
use super::record::Recheck;
use super::transfer::Bench;
use crate::net::{Host, Net};
use crate::process::{Invocation, Patience, Process};
use crate::usage::Usage;

/// Pause while a check runs, which takes a second or two.
const TICK: Duration = Duration::from_millis(2);
const PAUSE: Duration = Duration::from_millis(50);

/// Text that transmission logs at the end of a check.
const TRANSMISSION_IS_DONE: &str = "Verification is done";

/// Has `client` check the first file of the payload, which is in memory. `number` and `dir` are as for a transfer.
///
/// # Errors
/// If the client fails, or does not report that everything is right.
pub(super) fn run(
    bench: &Bench<'_>,
    client: Client,
    payload: &Payload,
    number: usize,
    dir: &Path,
) -> Result<Recheck> {
    let data = dir.join("source");
    payload.link_into(&data)?;
    let net = Net::up(super::NET_PREFIX, number).context("setting up the network")?;
    let setup = Setup { host: Host::Seeder, net: &net, payload, data: &data, dir, tools: bench.tools };
    let check = Check { client, setup, patience: Patience::new(bench.limit, bench.stop) };
    let (took, cpu) = match client {
        Client::Transmission => check.by_transmission()?,
        Client::Rqbit => check.by_rqbit()?,
        _ => check.by_command()?,
    };
    Ok(Recheck { bytes: payload.bytes, seconds: took.as_secs_f64(), cpu_s: cpu.as_secs_f64() })
}

struct Check<'a> {
    client: Client,
    setup: Setup<'a>,
    patience: Patience<'a>,
}

/// Time and CPU time of a check.
type Cost = (Duration, Duration);

impl Check<'_> {
    /// Measures a program that checks and exits, its start included.
    fn by_command(&self) -> Result<Cost> {
        let begun = Instant::now();
        let mut process = self.start(&self.command()?)?;
        self.patience.until("the check ends", TICK, || Ok(process.exit()?.is_some()))?;
        let wall = begun.elapsed();
        let cpu = process.cpu_in_the_end().unwrap_or_default();
        let log = process.log_text()?;
        if let Some(status) = process.exit()?.filter(|status| !status.success()) {
            bail!("{status}");
        }
        match self.client {
            // Without the start of Python, which is not libtorrent's.
            Client::Libtorrent => Ok((told_by_libtorrent(&log)?, cpu)),
            Client::Aria2 => {
                ensure!(
                    log.contains("Verification finished successfully"),
                    "the log does not report success"
                );
                Ok((wall, cpu))
            }
            _ => Ok((wall, cpu)),
        }
    }

    fn command(&self) -> Result<Invocation> {
        let Setup { data, tools, payload, host, .. } = self.setup;
        let torrent = payload.torrents.first().context("no torrent")?;
        Ok(match self.client {
            Client::Floor => {
                let check = Invocation::new(std::env::current_exe()?).args(["floor", "check"]);
                check.arg(data.join(payload.first_name()))
            }
            Client::Libtorrent => {
                let check =
                    tools.libtorrent()?.args(["check", "--bind", &host.ip().to_string(), "--port", "6881"]);
                check.arg(data).arg(torrent)
            }
            Client::Aria2 => {
                let check = peers::quiet_aria2(&self.setup)?;
                check.args(["--check-integrity=true", "--hash-check-only=true"]).arg(torrent)
            }
            ztor => {
                let program = ztor.programs().first().copied().unwrap_or_default();
                Invocation::new(tools.program(program)?).arg("verify").arg(torrent).arg(data)
            }
        })
    }

    /// Measures the daemon, which has the torrent already; its log shows the end of the check.
    fn by_transmission(&self) -> Result<Cost> {
        let Setup { net, host, tools, .. } = self.setup;
        let mut process = self.start(&peers::transmission(&self.setup)?)?;
        let remote = Transmission::on(net, host, &self.setup.home()?, tools)?;
        let mut control = Control::Transmission(remote);
        self.add_torrent(&control, &mut process)?;
        self.patience.until("the torrent is complete", PAUSE, || control.is_complete())?;
        let Control::Transmission(remote) = control else { bail!("the control of another client") };
        let done_before = process.log_text()?.matches(TRANSMISSION_IS_DONE).count();
        let before = Usage::of(process.id());
        let begun = Instant::now();
        remote.verify()?;
        self.patience.until("the check ends", TICK, || {
            process.expect_alive()?;
            Ok(process.log_text()?.matches(TRANSMISSION_IS_DONE).count() > done_before)
        })?;
        Ok((begun.elapsed(), Usage::of(process.id()).cpu.saturating_sub(before.cpu)))
    }

    /// Measures the server, which checks every torrent that it gets.
    fn by_rqbit(&self) -> Result<Cost> {
        let mut process = self.start(&peers::rqbit_server(&self.setup)?)?;
        let mut control = Control::Rqbit(Rqbit::on(self.setup.net, self.setup.host));
        let before = Usage::of(process.id());
        let begun = Instant::now();
        self.add_torrent(&control, &mut process)?;
        self.patience.until("the check ends", TICK, || {
            process.expect_alive()?;
            control.is_complete()
        })?;
        Ok((begun.elapsed(), Usage::of(process.id()).cpu.saturating_sub(before.cpu)))
    }

    fn add_torrent(&self, control: &Control<'_>, process: &mut Process) -> Result<()> {
        let torrent = self.setup.payload.torrents.first().context("no torrent")?;
        self.patience.until("the client accepts a torrent", PAUSE, || {
            process.expect_alive()?;
            control.add(torrent)
        })
    }

    fn start(&self, invocation: &Invocation) -> Result<Process> {
        let Setup { net, host, dir, .. } = self.setup;
        let log = dir.join(format!("checker-{}.log", self.client));
        Process::start(invocation, Some(&net.namespace(host)), &self.setup.home()?, &log)
    }
}

/// Reads the line `CHECKED <seconds> <part that is right>`.
fn told_by_libtorrent(log: &str) -> Result<Duration> {
    let line = log.lines().find_map(|line| line.strip_prefix("CHECKED ")).context("no CHECKED in the log")?;
    let (seconds, right) = line.split_once(' ').with_context(|| line.to_owned())?;
    ensure!(right.trim().parse::<f64>()? >= 1.0, "only {right} of the data is right");
    Ok(Duration::try_from_secs_f64(seconds.parse()?)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "that is how a test fails")]

    use super::*;

    #[test]
    fn told_by_libtorrent_of_an_incomplete_check_is_an_error() {
        assert_eq!(told_by_libtorrent("$ python\nCHECKED 1.5 1.0\n").unwrap(), Duration::from_millis(1500));
        for wrong in ["", "CHECKED 1.5", "CHECKED x 1.0", "CHECKED -1 1.0", "CHECKED 1.5 0.99"] {
            assert!(told_by_libtorrent(wrong).is_err(), "{wrong}");
        }
    }
}
