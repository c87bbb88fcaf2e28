//! Control of the clients that get their torrents after their start: transmission by its remote, rqbit by HTTP.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::net::{Host, Net};
use crate::process::Invocation;
use crate::tools::Tools;

/// Port of transmission for its remote, on the loopback of its host.
pub(super) const TRANSMISSION_PORT: u16 = 9091;
const RQBIT_PORT: u16 = 3030;

/// Interval between requests. Each runs a program; more of them would be measured too.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// A running client that can be controlled.
pub(super) enum Control<'a> {
    Transmission(Transmission),
    Rqbit(Rqbit<'a>),
}

impl Control<'_> {
    /// Adds a torrent. Returns false if the client does not listen yet.
    pub(super) fn add(&self, torrent: &Path) -> Result<bool> {
        match self {
            Self::Transmission(remote) => Ok(remote.add(torrent)),
            Self::Rqbit(api) => api.add(torrent),
        }
    }

    /// Returns true if the client reports that it has everything and checks nothing.
    pub(super) fn is_complete(&mut self) -> Result<bool> {
        match self {
            Self::Transmission(remote) => Ok(remote.is_complete()),
            Self::Rqbit(api) => api.is_complete(),
        }
    }
}

/// Transmission's daemon, through `transmission-remote`.
pub(super) struct Transmission {
    remote: Invocation,
    namespace: String,
    home: std::path::PathBuf,
    asked: Instant,
}

impl Transmission {
    pub(super) fn on(net: &Net, host: Host, home: &Path, tools: &Tools) -> Result<Self> {
        let remote = Invocation::new(tools.program("transmission-remote")?);
        Ok(Self {
            remote: remote.arg(format!("127.0.0.1:{TRANSMISSION_PORT}")),
            namespace: net.namespace(host),
            home: home.to_path_buf(),
            asked: Instant::now(),
        })
    }

    fn add(&self, torrent: &Path) -> bool {
        // Refused until the daemon listens.
        let answer = self.tell(&["--add", &torrent.to_string_lossy()]);
        answer.is_ok_and(|answer| answer.contains("success"))
    }

    /// Starts a check of all data.
    pub(super) fn verify(&self) -> Result<()> {
        self.tell(&["--torrent", "1", "--verify"]).map(drop)
    }

    fn is_complete(&mut self) -> bool {
        if self.asked.elapsed() < ASK_EVERY {
            return false;
        }
        self.asked = Instant::now();
        // A busy daemon may let a request time out.
        self.tell(&["--list"]).is_ok_and(|list| lists_as_complete(&list))
    }

    fn tell(&self, arguments: &[&str]) -> Result<String> {
        self.remote.clone().args(arguments).output(Some(&self.namespace), &self.home)
    }
}

/// Returns true if the output of `transmission-remote --list` shows the first torrent as complete and idle.
fn lists_as_complete(list: &str) -> bool {
    let row = list.lines().find(|line| line.trim_start().starts_with('1')).unwrap_or_default();
    let is_at_rest = ["Idle", "Seeding", "Finished"].iter().any(|state| row.contains(state));
    is_at_rest && row.split_whitespace().nth(1) == Some("100%")
}

/// Rqbit's server, through its HTTP API.
pub(super) struct Rqbit<'a> {
    net: &'a Net,
    host: Host,
}

impl<'a> Rqbit<'a> {
    pub(super) fn on(net: &'a Net, host: Host) -> Self {
        Self { net, host }
    }

    /// Returns the address of rqbit's API.
    pub(super) fn listen_address() -> String {
        format!("127.0.0.1:{RQBIT_PORT}")
    }

    fn add(&self, torrent: &Path) -> Result<bool> {
        let body = std::fs::read(torrent)?;
        let head = format!("POST /torrents?overwrite=true HTTP/1.0\r\nContent-Length: {}\r\n", body.len());
        Ok(self.ask(&head, &body)?.is_some())
    }

    fn is_complete(&self) -> Result<bool> {
        let Some(answer) = self.ask("GET /torrents/0/stats/v1 HTTP/1.0\r\n", b"")? else { return Ok(false) };
        let stats: Value = serde_json::from_str(&answer).with_context(|| answer.clone())?;
        if let Some(error) = stats["error"].as_str() {
            bail!("rqbit: {error}");
        }
        Ok(stats["finished"] == true && stats["state"] == "live")
    }

    /// Sends a request and returns the body of the response; `None` if the server does not listen yet.
    fn ask(&self, head: &str, body: &[u8]) -> Result<Option<String>> {
        let answer = self.net.within(self.host, || {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, RQBIT_PORT));
            let patience = Duration::from_secs(10);
            let Ok(mut stream) = TcpStream::connect_timeout(&address, patience) else { return Ok(None) };
            stream.set_read_timeout(Some(patience))?;
            stream.write_all(format!("{head}Host: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
            stream.write_all(body)?;
            let mut answer = Vec::new();
            stream.take(1 << 20).read_to_end(&mut answer)?;
            Ok(Some(String::from_utf8_lossy(&answer).into_owned()))
        })?;
        answer.as_deref().map(http_body).transpose()
    }
}

fn http_body(answer: &str) -> Result<String> {
    let (head, body) = answer.split_once("\r\n\r\n").context("cut off")?;
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.split(' ').nth(1).is_some_and(|code| code.starts_with('2')), "{status}: {body}");
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "that is how a test fails")]

    use super::*;

    #[test]
    fn lists_as_complete_is_true_only_for_a_complete_and_idle_torrent() {
        let head = "    ID   Done       Have  ETA           Up    Down  Ratio  Status       Name\n";
        let row = |done: &str, status: &str| {
            format!(
                "{head}     1   {done}   2.14 GB  Done         0.0     0.0   None  {status}  file\nSum: ...\n"
            )
        };
        assert!(lists_as_complete(&row("100%", "Idle")));
        assert!(lists_as_complete(&row("100%", "Seeding")));
        assert!(!lists_as_complete(&row("100%", "Verifying")));
        assert!(!lists_as_complete(&row("99%", "Idle")));
        assert!(!lists_as_complete(head));
    }

    #[test]
    fn http_body_of_an_error_or_a_cut_response_is_an_error() {
        assert_eq!(http_body("HTTP/1.0 200 OK\r\na: b\r\n\r\n{}").unwrap(), "{}");
        assert!(http_body("HTTP/1.0 500 Oh\r\n\r\nno").is_err());
        assert!(http_body("HTTP/1.0 200 OK\r\n").is_err());
    }
}
