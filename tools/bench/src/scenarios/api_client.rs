//! Clients of the API over the local socket.

use anyhow::{Context, ensure};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A connection to the local socket.
pub(super) struct Client(BufReader<UnixStream>);

impl Client {
    pub(super) fn open(socket: &Path) -> anyhow::Result<Self> {
        Ok(Self(BufReader::new(UnixStream::connect(socket)?)))
    }

    /// Makes a request, and reads the whole answer.
    pub(super) fn get(&mut self, path: &str) -> anyhow::Result<Vec<u8>> {
        write!(self.0.get_mut(), "GET /api/v1{path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut length = None;
        loop {
            let mut line = String::new();
            ensure!(self.0.read_line(&mut line)? > 0, "the daemon has closed the connection");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse::<usize>()?);
            }
        }
        let mut body = vec![0; length.context("an answer without a length")?];
        self.0.read_exact(&mut body)?;
        Ok(body)
    }
}

/// A WebSocket that follows the first hundred torrents, and has received them.
pub(super) struct Follower(BufReader<UnixStream>);

impl Follower {
    pub(super) fn open(socket: &Path) -> anyhow::Result<Self> {
        let mut stream = BufReader::new(UnixStream::connect(socket)?);
        write!(
            stream.get_mut(),
            "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )?;
        let mut line = String::new();
        stream.read_line(&mut line)?;
        ensure!(line.contains(" 101 "), "the daemon refuses a WebSocket: {line}");
        while line != "\r\n" {
            line.clear();
            ensure!(stream.read_line(&mut line)? > 0, "the daemon has closed the connection");
        }
        let request = br#"{"kind":"follow","query":{"sort":"name","limit":100,"counts":true}}"#;
        // One text frame, masked with zeros (RFC 6455 §5.2).
        let len = u8::try_from(request.len()).context("too long for a short frame")?;
        let mut frame = vec![0x81, 0x80 | len, 0, 0, 0, 0];
        frame.extend_from_slice(request);
        stream.get_mut().write_all(&frame)?;
        let mut follower = Self(stream);
        follower.skip_frame()?;
        Ok(follower)
    }

    fn skip_frame(&mut self) -> anyhow::Result<()> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head)?;
        let mut length = [0; 8];
        let wide = match head[1] & 0x7f {
            short @ 0..126 => {
                length[7] = short;
                0
            }
            126 => 2,
            _ => 8,
        };
        self.0.read_exact(&mut length[8 - wide..])?;
        let length = u64::from_be_bytes(length);
        std::io::copy(&mut self.0.by_ref().take(length), &mut std::io::sink())?;
        Ok(())
    }
}
