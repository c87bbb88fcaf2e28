//! The API over real connections.

mod figures;
mod preferences;
mod requests;
mod torrents;

use crate::api::tests::fixture::{PASSWORD, about, daemon};
use crate::api::{ForeignConfig, Listening, LogBuffer, ServeConfig};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use ztor_daemon::Daemon;

/// A daemon that serves the API.
struct Server {
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
    daemon: Daemon,
    listening: Listening,
}

/// A client with its cookie.
struct Client {
    addr: SocketAddr,
    cookie: Option<String>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Server {
    fn start(settings: &[(&str, &str)], web_dir: Option<PathBuf>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let fixed = [("listen", "127.0.0.1:0"), ("password_file", password.to_str().unwrap())];
        let all: Vec<(&str, &str)> = fixed.iter().chain(settings).copied().collect();
        let (runtime, daemon) = daemon(&folder, &all);
        let qbittorrent = ForeignConfig { listen: vec!["127.0.0.1:0".parse().unwrap()], web_dir };
        let socket = folder.path().join("socket");
        let config = ServeConfig {
            qbittorrent,
            ..ServeConfig::new(&daemon.settings_changes().borrow(), socket, LogBuffer::default())
        };
        let listening = Listening::start(&daemon, &config, about(), runtime.handle()).unwrap();
        Self { folder, runtime, daemon, listening }
    }

    /// Returns a client that has not logged in.
    fn stranger(&self) -> Client {
        Client { addr: self.listening.qbittorrent_addrs()[0], cookie: None }
    }

    /// Returns a client that has logged in.
    fn client(&self) -> Client {
        let mut client = self.stranger();
        assert_eq!(client.log_in(PASSWORD).text(), "Ok.");
        client
    }

    fn end(self) {
        self.listening.end();
        self.daemon.end(Duration::ZERO, Duration::from_secs(60));
        self.runtime.shutdown_background();
    }
}

impl Client {
    fn log_in(&mut self, password: &str) -> Answer {
        let answer =
            self.post("auth/login", &format!("username=ztor&password={}", password.replace(' ', "+")));
        let cookie = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        self.cookie = cookie.map(str::to_owned);
        answer
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    fn post(&self, path: &str, form: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/x-www-form-urlencoded")], form.as_bytes())
    }

    /// Posts files and fields as a form.
    fn post_files(&self, path: &str, fields: &[(&str, &str)], files: &[&[u8]]) -> Answer {
        let mut body = Vec::new();
        for (name, value) in fields {
            let part = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        for file in files {
            body.extend_from_slice(
                b"--B\r\nContent-Disposition: form-data; name=\"x\"; filename=\"a.torrent\"\r\n\r\n",
            );
            body.extend_from_slice(file);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--B--\r\n");
        self.send("POST", path, &[("content-type", "multipart/form-data; boundary=B")], &body)
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/api/v2/{path}") };
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head += &format!("host: {}\r\n", self.addr);
        }
        if let Some(cookie) = &self.cookie {
            head += &format!("cookie: {cookie}\r\n");
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !headers.iter().any(|(name, _)| *name == "transfer-encoding") {
            head += &format!("content-length: {}\r\n", body.len());
        }
        self.exchange(&[head.as_bytes(), b"\r\n", body].concat())
    }

    /// Sends bytes, and reads the answer to its end.
    fn exchange(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(request).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("no answer") + 4;
        let head = String::from_utf8_lossy(&bytes[..end])
            .to_ascii_lowercase()
            .replace("set-cookie: sid", "set-cookie: SID");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: bytes.split_off(end) }
    }

    /// Waits until a condition holds for the list of torrents.
    #[track_caller]
    fn until(&self, is_met: impl Fn(&[Value]) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let list = self.get("torrents/info").json();
            if is_met(list.as_array().unwrap()) {
                return;
            }
            assert!(Instant::now() < end, "{list}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Returns a torrent file with two files, and its info-hash.
fn torrent(name: &str) -> Vec<u8> {
    let pieces = "x".repeat(20);
    format!(
        "d4:infod5:filesld6:lengthi10e4:pathl5:a.txteed6:lengthi20e4:pathl3:sub5:b.txteee4:name{}:{name}\
         12:piece lengthi16384e6:pieces20:{pieces}ee",
        name.len()
    )
    .into_bytes()
}
