//! A daemon with both APIs, and its clients.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use ztor_daemon::Store;
use ztor_daemon::settings::Sources;
use ztor_server::Served;
use ztor_server::api::LogBuffer;

/// Longest wait for an answer. Only a daemon that hangs takes longer.
const PATIENCE: Duration = Duration::from_secs(90);

/// Time without an answer after which the own half of a connection is closed.
const SILENCE: Duration = Duration::from_millis(30);

/// A daemon with both APIs.
pub(crate) struct Target {
    pub(crate) folder: TempDir,
    served: Served,
    pub(crate) token: String,
    /// Hash of a torrent that is there at the start.
    pub(crate) hash: String,
    /// Number of answers by status; 0 for connections that were closed without one.
    answers: RefCell<BTreeMap<u16, u64>>,
}

/// Answer of the server on a connection.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// Returns the status of each response.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        let mut statuses = Vec::new();
        let mut rest = self.bytes.as_slice();
        while let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&rest[..end]).to_ascii_lowercase();
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            statuses.push(status.unwrap_or_else(|| panic!("no status: {head}")));
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length = length.map_or(0, |length| length.trim().parse().unwrap());
            let next = rest.get(end + 4..).unwrap_or_default();
            // A HEAD has the length of a body without the body.
            rest = if next.starts_with(b"HTTP/") { next } else { next.get(length..).unwrap_or_default() };
        }
        statuses
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.statuses().first().copied()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = String::from_utf8_lossy(&self.bytes);
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    }

    pub(crate) fn body(&self) -> &[u8] {
        let end = self.bytes.windows(4).position(|window| window == b"\r\n\r\n");
        end.map_or(&[], |end| &self.bytes[end + 4..])
    }
}

impl Target {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state_dir = folder.path().join("state");
        let password = folder.path().join("password");
        std::fs::write(&password, "correct horse").unwrap();
        let downloads = folder.path().join("downloads");
        std::fs::create_dir(&downloads).unwrap();
        let flags = [
            ("bind", "127.0.0.1"),
            ("port", "0"),
            ("dht", "false"),
            ("local_discovery", "false"),
            ("listen", ""),
            ("transmission_listen", "127.0.0.1:0"),
            ("qbittorrent_listen", "127.0.0.1:0"),
            ("login_attempts", "1000"),
            ("download_dir", downloads.to_str().unwrap()),
            ("password_file", password.to_str().unwrap()),
        ];
        let flags = flags.map(|(key, value)| (key.to_owned(), format!("--{key}"), value.to_owned()));
        let settings = Sources::new(None).flags(flags).resolve().unwrap();
        let store = Store::open(&state_dir).unwrap();
        let (served, _) = Served::start(store, state_dir, settings, LogBuffer::default()).unwrap();
        let token = token(&served.socket);
        let answers = RefCell::default();
        let mut target = Self { folder, served, token, hash: String::new(), answers };
        target.plant();
        let head = target.head("GET", "/api/v2/torrents/info", 0);
        let list = target.exchange(target.qbittorrent(), format!("{head}\r\n").as_bytes());
        let list: serde_json::Value = serde_json::from_slice(list.body()).unwrap();
        list[0]["hash"].as_str().unwrap().clone_into(&mut target.hash);
        target
    }

    /// Adds the torrent, which requests may have removed: two files, stopped.
    pub(crate) fn plant(&self) {
        let pieces = "x".repeat(20);
        let info = format!(
            "d5:filesld6:lengthi10e4:pathl5:a.txteed6:lengthi20e4:pathl3:sub5:b.txteee4:name7:planted12:piece \
             lengthi16384e6:pieces20:{pieces}e"
        );
        let torrent = format!("d8:announce24:http://127.0.0.1:9/x?k=y4:info{info}e");
        let body = format!(
            "--B\r\nContent-Disposition: form-data; name=\"stopped\"\r\n\r\ntrue\r\n\
             --B\r\nContent-Disposition: form-data; name=\"t\"; filename=\"t\"\r\n\r\n{torrent}\r\n--B--\r\n"
        );
        let head = self.head("POST", "/api/v2/torrents/add", body.len());
        let request = format!("{head}content-type: multipart/form-data; boundary=B\r\n\r\n{body}");
        let answer = self.exchange(self.qbittorrent(), request.as_bytes());
        // It may be there, or just be leaving.
        assert!(matches!(answer.status(), Some(200 | 409)), "{answer:?}");
    }

    pub(crate) fn qbittorrent(&self) -> SocketAddr {
        self.served.listening.qbittorrent_addrs()[0]
    }

    pub(crate) fn transmission(&self) -> SocketAddr {
        self.served.listening.transmission_addrs()[0]
    }

    pub(crate) fn both(&self) -> [SocketAddr; 2] {
        [self.qbittorrent(), self.transmission()]
    }

    fn count(&self, answer: Answer) -> Answer {
        let mut statuses = answer.statuses();
        if statuses.is_empty() {
            statuses.push(0);
        }
        for status in statuses {
            *self.answers.borrow_mut().entry(status).or_default() += 1;
        }
        answer
    }

    /// Returns the number of answers by status; 0 for connections that were closed without one.
    pub(crate) fn answers(&self) -> BTreeMap<u16, u64> {
        self.answers.borrow().clone()
    }

    /// Returns the head of a request of the qBittorrent API, without the empty line after it.
    pub(crate) fn head(&self, method: &str, path: &str, length: usize) -> String {
        format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             content-length: {length}\r\n",
            self.token
        )
    }

    /// Returns the value of the header with which the Transmission RPC accepts requests.
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", data_encoding::BASE64.encode(format!("x:{}", self.token).as_bytes()))
    }

    /// Returns the present session id of the Transmission RPC.
    pub(crate) fn session_id(&self) -> String {
        let request = format!(
            "GET /transmission/rpc HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: {}\r\n\r\n",
            self.basic()
        );
        let answer = self.exchange(self.transmission(), request.as_bytes());
        answer.header("x-transmission-session-id").unwrap_or_else(|| panic!("{answer:?}"))
    }

    /// Sends bytes, and reads until the server closes the connection.
    pub(crate) fn exchange(&self, addr: SocketAddr, request: &[u8]) -> Answer {
        self.count(exchange(addr, request))
    }

    /// Sends bytes that may be less or more than a request.
    pub(crate) fn exchange_raw(&self, addr: SocketAddr, request: &[u8]) -> Answer {
        self.count(talk(addr, request, Some(SILENCE)))
    }

    /// Checks that good requests get good answers.
    #[track_caller]
    pub(crate) fn check(&self, when: &str) {
        let head = self.head("GET", "/api/v2/torrents/info", 0);
        let list = self.exchange(self.qbittorrent(), format!("{head}\r\n").as_bytes());
        assert_eq!(list.status(), Some(200), "{when}");
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"torrent_get","params":{"fields":["id","name"]}}"#;
        let request = format!(
            "POST /transmission/rpc HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: {}\r\n\
             x-transmission-session-id: {}\r\ncontent-length: {}\r\n\r\n{body}",
            self.basic(),
            self.session_id(),
            body.len()
        );
        let list = self.exchange(self.transmission(), request.as_bytes());
        assert_eq!(list.status(), Some(200), "{when}");
        assert!(
            String::from_utf8_lossy(list.body()).contains("\"result\":{\"torrents\":["),
            "{when}: {list:?}"
        );
    }

    pub(crate) fn end(self) {
        assert!(self.served.end(), "the state was not saved in time");
    }
}

/// Sends bytes, and reads until the server closes the connection. The server may answer before it has read everything.
pub(crate) fn exchange(addr: SocketAddr, request: &[u8]) -> Answer {
    talk(addr, request, None)
}

/// Does the same, and closes the own half of the connection if there is no answer for this long: the server may wait for more.
fn talk(addr: SocketAddr, request: &[u8], cut_after: Option<Duration>) -> Answer {
    let mut stream = connect(addr);
    let mut writing = stream.try_clone().unwrap();
    let bytes = std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            // Fails if the server has closed the connection, which is an answer.
            let written = writing.write_all(request);
            let is_slow = written.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
            assert!(!is_slow, "the daemon does not read");
        });
        if let Some(wait) = cut_after {
            writer.join().unwrap();
            stream.set_read_timeout(Some(wait)).unwrap();
            let waited = stream.peek(&mut [0]);
            if waited.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                drop(stream.shutdown(Shutdown::Write));
            }
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        read_all(&mut stream, request, cut_after.is_some())
    });
    let answer = Answer { bytes };
    for status in answer.statuses() {
        // 501 and 505 are what the protocol asks for: an unknown transfer coding, an unknown version.
        assert!(status < 500 || matches!(status, 501 | 505), "{status} to {}", shown(request));
    }
    answer
}

pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn read_all(stream: &mut TcpStream, request: &[u8], is_cut: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut part = vec![0; 64 << 10];
    loop {
        match stream.read(&mut part) {
            Ok(0) => return bytes,
            Ok(len) => {
                bytes.extend_from_slice(&part[..len]);
                // The connection may stay open after an answer.
                if is_cut {
                    drop(stream.shutdown(Shutdown::Write));
                }
            }
            // It has closed the connection while bytes of ours were on their way.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return bytes,
            Err(error) => panic!("no end of the answer: {error}, to {}", shown(request)),
        }
    }
}

/// Returns the start of a request for messages.
pub(crate) fn shown(request: &[u8]) -> String {
    String::from_utf8_lossy(&request[..request.len().min(1500)]).escape_debug().to_string()
}

/// Creates a token over the local socket.
fn token(socket: &Path) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    let body = r#"{"name":"hostile"}"#;
    write!(
        stream,
        "POST /api/v1/tokens HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let answer = Answer { bytes };
    let token: serde_json::Value =
        serde_json::from_slice(answer.body()).unwrap_or_else(|_| panic!("{answer:?}"));
    token["token"].as_str().unwrap().to_owned()
}

/// Returns the most memory that the process has had, in bytes; 0 where the system does not tell.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
