//! Bytes that are hardly HTTP, and requests whose frame is wrong.

use crate::target::{Target, connect};
use fastrand::Rng;
use std::io::Write as _;
use std::net::TcpStream;

/// Requests of a round for each API.
const REQUESTS: usize = 150;

/// Opens connections that send the start of a request, and nothing more.
pub(crate) fn slow_senders(target: &Target) -> Vec<TcpStream> {
    let starts = [
        String::new(),
        "G".into(),
        "POST /api/v2/torrents/add HTTP/1.1\r\nhost: 127.0.0.1\r\n".into(),
        format!("{}\r\nurls=", target.head("POST", "/api/v2/torrents/add", 1000)),
        format!(
            "{}content-type: multipart/form-data; boundary=B\r\n\r\n--B\r\nContent-Disp",
            target.head("POST", "/api/v2/torrents/add", 90 << 20)
        ),
        format!(
            "POST /transmission/rpc HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {}\r\n\
             x-transmission-session-id: {}\r\ntransfer-encoding: chunked\r\n\r\nffffff\r\n{{\"method\":",
            target.basic(),
            target.session_id()
        ),
    ];
    let mut streams = Vec::new();
    for addr in target.both() {
        for start in starts.iter().cycle().take(30) {
            let mut stream = connect(addr);
            stream.write_all(start.as_bytes()).unwrap();
            streams.push(stream);
        }
    }
    streams
}

pub(crate) fn run(target: &Target, rng: &mut Rng) {
    let id = target.session_id();
    for addr in target.both() {
        for _ in 0..REQUESTS {
            let request = request(target, rng, &id);
            target.exchange_raw(addr, &request);
        }
    }
    pipelined(target, rng);
    oversize(target);
}

/// Returns a request.
fn request(target: &Target, rng: &mut Rng, id: &str) -> Vec<u8> {
    if rng.u8(..8) == 0 {
        return (0..rng.usize(..3000)).map(|_| rng.u8(..)).collect();
    }
    let mut lines: Vec<Vec<u8>> = vec![line(rng).into_bytes()];
    let mut header = |text: String| lines.push(text.into_bytes());
    if rng.u8(..8) > 0 {
        header("host: 127.0.0.1".into());
    }
    if rng.u8(..4) > 0 {
        let basic = rng.bool();
        header(format!(
            "authorization: {}",
            if basic { target.basic() } else { format!("Bearer {}", target.token) }
        ));
    }
    if rng.bool() {
        header(format!("x-transmission-session-id: {id}"));
    }
    for _ in 0..rng.usize(..5) {
        header(odd_header(rng));
    }
    let body = crate::junk::bad_json(rng);
    match rng.u8(..8) {
        0 => header(format!("content-length: {}", body.len() + rng.usize(1..1000))),
        1 => header(format!("content-length: {}", body.len() / 2)),
        2 => {
            header(format!("content-length: {}", body.len()));
            header(format!("content-length: {}", body.len() + 1));
        }
        3 => header("content-length: -1".into()),
        4 => header("content-length: 99999999999999999999999".into()),
        5 | 6 => header("transfer-encoding: chunked".into()),
        _ => header(format!("content-length: {}", body.len())),
    }
    let mut bytes = lines.join(b"\r\n".as_slice());
    bytes.extend_from_slice(b"\r\n\r\n");
    if rng.bool() {
        bytes.extend_from_slice(&chunked(rng, &body));
    } else {
        bytes.extend_from_slice(&body);
    }
    // Sometimes bytes are missing or wrong.
    match rng.u8(..6) {
        0 => bytes.truncate(rng.usize(..=bytes.len())),
        1 => {
            for _ in 0..rng.usize(1..5) {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
        }
        _ => {}
    }
    bytes
}

fn line(rng: &mut Rng) -> String {
    let methods =
        ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "P\u{d8}ST", "", "X"];
    let paths = [
        "/",
        "/transmission/rpc",
        "/transmission/web/../../../etc/passwd",
        "/transmission/web/%2e%2e%2f%00",
        "/api/v2/torrents/info",
        "/api/v2/app/preferences?%ff=%00&&=&",
        "/api/v2/auth/login",
        "/api/v2//",
        "http://127.0.0.1/api/v2/app/version",
        "//evil.example/",
        "*",
        "127.0.0.1:80",
        "",
        "/%",
        "/\u{0}",
    ];
    let versions = ["HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/9.9", "http/1.1", "", "HTTP/1.1 x"];
    let path = match rng.u8(..10) {
        0 => format!("/api/v2/torrents/info?{}", "a=b&".repeat(rng.usize(1..20_000))),
        _ => (*rng.choice(paths.iter()).unwrap()).to_owned(),
    };
    let version = if rng.bool() { "HTTP/1.1" } else { rng.choice(versions).unwrap() };
    format!("{} {path} {version}", rng.choice(methods).unwrap())
}

fn odd_header(rng: &mut Rng) -> String {
    match rng.u8(..18) {
        0 => format!("x-{}: y", "a".repeat(rng.usize(1..70_000))),
        1 => "no colon".into(),
        2 => ": no name".into(),
        3 => "a b: c".into(),
        4 => " folded: x\r\n\tmore".into(),
        5 => "host: evil.example".into(),
        6 => "expect: 100-continue".into(),
        7 => "content-encoding: gzip".into(),
        8 => "content-type: multipart/form-data".into(),
        9 => "content-type: multipart/form-data; boundary=\"\"".into(),
        10 => "transfer-encoding: gzip, chunked, identity".into(),
        11 => "connection: upgrade, close\r\nupgrade: websocket".into(),
        12 => "cookie: SID=; SID=x; =; \u{0}".into(),
        13 => "authorization: Basic \u{ff}\u{ff}".into(),
        14 => "range: bytes=99999999999999999999-\r\nif-none-match: *".into(),
        15 => "origin: null\r\nreferer: http://[::".into(),
        16 => "x-forwarded-for: 1.1.1.1, , x".into(),
        _ => "accept-encoding: gzip;q=nan, *;q=2".into(),
    }
}

/// Returns a body in chunks, most of them right.
fn chunked(rng: &mut Rng, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in body.chunks(rng.usize(1..5000)) {
        match rng.u8(..40) {
            0 => bytes.extend_from_slice(b"fffffffffffffffff\r\n"),
            1 => bytes.extend_from_slice(b"-1\r\n"),
            2 => bytes.extend_from_slice(b"zz\r\n"),
            3 => bytes.extend_from_slice(format!("{:x};{}\r\n", part.len(), "e".repeat(100_000)).as_bytes()),
            _ => bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes()),
        }
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    match rng.u8(..4) {
        0 => {}
        1 => bytes.extend_from_slice(b"0\r\nx: y\r\n\r\n"),
        _ => bytes.extend_from_slice(b"0\r\n\r\n"),
    }
    bytes
}

/// Sends several requests at once. All are answered, in their order.
fn pipelined(target: &Target, rng: &mut Rng) {
    let open = |text: String| text.replace("connection: close\r\n", "");
    let count = rng.usize(2..20);
    let mut requests = String::new();
    for number in 0..count {
        let path = ["/api/v2/app/version", "/api/v2/none/none", "/api/v2/torrents/info"][number % 3];
        requests += &open(target.head("GET", path, 0));
        requests += "\r\n";
    }
    requests += &format!("{}\r\n", target.head("GET", "/api/v2/app/version", 0));
    let statuses = target.exchange(target.qbittorrent(), requests.as_bytes()).statuses();
    let expected: Vec<u16> = (0..count).map(|number| [200, 404, 200][number % 3]).chain([200]).collect();
    assert_eq!(statuses, expected);
}

/// Sends bodies that are longer than allowed: announced as such, or not.
fn oversize(target: &Target) {
    let long = vec![b'x'; 3 << 20];
    for addr in target.both() {
        let is_qbittorrent = addr == target.qbittorrent();
        let (path, login) = match is_qbittorrent {
            true => ("/api/v2/torrents/add", format!("Bearer {}", target.token)),
            false => ("/transmission/rpc", target.basic()),
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: {login}\r\n\
             x-transmission-session-id: {}\r\n",
            target.session_id()
        );
        let announced = format!("{head}content-length: 1000000000000\r\n\r\n");
        let answer = target.exchange(addr, &[announced.as_bytes(), &long].concat());
        assert_eq!(answer.status(), Some(413), "{addr}");
        // One body goes on until the server has enough.
        let mut chunks = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
        for _ in 0..50 {
            chunks.extend_from_slice(format!("{:x}\r\n", long.len()).as_bytes());
            chunks.extend_from_slice(&long);
            chunks.extend_from_slice(b"\r\n");
        }
        let status = target.exchange(addr, &chunks).status();
        assert!(matches!(status, Some(413) | None), "{addr}: {status:?}");
    }
    // Before a login, little is read.
    let body = format!("username=a&password={}", "x".repeat(1 << 20));
    let login = format!(
        "POST /api/v2/auth/login HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(target.exchange(target.qbittorrent(), login.as_bytes()).status(), Some(413));
}
