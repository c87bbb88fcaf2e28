//! Requests over the daemon's local socket, which may break at any time.

use anyhow::{Context, anyhow};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest time for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to the daemon.
pub(super) struct Client(BufReader<UnixStream>);

/// Reason why a request has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The daemon was killed.
    Gone,
    /// The daemon has answered wrongly.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl Client {
    /// Connects as soon as the daemon listens; `None` if it does not within the limit.
    pub(super) fn wait_for(socket: &Path, limit: Duration) -> Option<Self> {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if let Ok(stream) = UnixStream::connect(socket) {
                stream.set_read_timeout(Some(PATIENCE)).ok()?;
                return Some(Self(BufReader::new(stream)));
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        None
    }

    /// Makes a request. Returns the answer, or its problem as an error.
    pub(super) fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let (status, answer) = self.exchange(method, path, body)?;
        if status == 200 {
            return Ok(answer);
        }
        Err(Failure::Other(anyhow!("{method} {path} {}: {status} {answer}", body.unwrap_or(&Value::Null))))
    }

    fn exchange(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value), Failure> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes()).map_err(gone)?;
        let (mut status, mut length) = (0, None);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).map_err(gone)? == 0 {
                return Err(Failure::Gone);
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest.get(..3).and_then(|code| code.parse().ok()).context("a bad status")?;
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse::<usize>().ok();
            }
        }
        let mut bytes = vec![0; length.context("an answer without a length")?];
        self.0.read_exact(&mut bytes).map_err(gone)?;
        let answer = serde_json::from_slice(&bytes).context("an answer that is not JSON")?;
        Ok((status, answer))
    }
}

fn gone(error: std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
            Failure::Other(anyhow!("no answer within {PATIENCE:?}"))
        }
        _ => Failure::Gone,
    }
}
