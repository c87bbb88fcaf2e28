//! Downloads from web seeds: small HTTP servers of this test.

use crate::common::{LIMIT, content, session};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use ztor_metainfo::create::Options;
use ztor_session::{
    AddTorrent, Metainfo, TorrentHandle, WebFault, WebOrigin, WebSeedKind, WebSeedState, WebSeedStatus,
    WebSource,
};
use ztor_storage::create::{CreateOptions, create};

/// Answer to a request for a file: status line, headers and body.
type Answer = fn(&Request, &[u8]) -> Reply;

struct Request {
    target: String,
    /// First and last byte; `None` without a range.
    range: Option<(u64, u64)>,
    authorization: Option<String>,
    /// Number of requests before it.
    number: usize,
}

struct Reply {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

/// A server for the files of a folder.
struct Server {
    addr: SocketAddr,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    targets: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.addr);
    }
}

impl Server {
    fn start(dir: PathBuf, answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            addr: listener.local_addr().unwrap(),
            requests: Arc::default(),
            connections: Arc::default(),
            targets: Arc::default(),
            is_over: Arc::default(),
        };
        let (requests, connections) = (Arc::clone(&server.requests), Arc::clone(&server.connections));
        let (targets, is_over) = (Arc::clone(&server.targets), Arc::clone(&server.is_over));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                connections.fetch_add(1, Ordering::SeqCst);
                let (dir, requests, targets) = (dir.clone(), Arc::clone(&requests), Arc::clone(&targets));
                // Ends with its connection, which the client closes at the end of its session.
                std::thread::spawn(move || serve(&stream, &dir, answer, &requests, &targets));
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }
}

fn serve(
    mut stream: &TcpStream,
    dir: &Path,
    answer: Answer,
    requests: &AtomicUsize,
    targets: &Mutex<Vec<String>>,
) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    while let Some(first) = lines.next() {
        let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let header = |name: &str| {
            let of = |line: &String| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            };
            head.iter().find_map(of)
        };
        let target = first.split(' ').nth(1).unwrap().to_owned();
        let range = header("range").map(|range| {
            let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            (first.parse().unwrap(), last.parse().unwrap())
        });
        targets.lock().unwrap().push(target.clone());
        let request = Request {
            range,
            authorization: header("authorization"),
            number: requests.fetch_add(1, Ordering::SeqCst),
            target,
        };
        let path = request.target.split('?').next().unwrap().replace("%20", " ");
        let file = std::fs::read(dir.join(path.trim_start_matches('/'))).unwrap_or_default();
        let Reply { status, headers, body } = answer(&request, &file);
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
            return;
        }
    }
}

/// Answers like a usual server.
fn honest(request: &Request, file: &[u8]) -> Reply {
    if file.is_empty() {
        return Reply { status: "404 Not Found", headers: String::new(), body: b"no".to_vec() };
    }
    let Some((first, last)) = request.range else {
        return Reply { status: "200 OK", headers: String::new(), body: file.to_vec() };
    };
    Reply {
        status: "206 Partial Content",
        headers: format!("Content-Range: bytes {first}-{last}/{}\r\n", file.len()),
        body: file[first as usize..=last as usize].to_vec(),
    }
}

fn without_ranges(_: &Request, file: &[u8]) -> Reply {
    Reply { status: "200 OK", headers: String::new(), body: file.to_vec() }
}

fn lying(request: &Request, file: &[u8]) -> Reply {
    let mut reply = honest(request, file);
    reply.body.iter_mut().step_by(1000).for_each(|byte| *byte ^= 1);
    reply
}

fn busy_once(request: &Request, file: &[u8]) -> Reply {
    if request.number == 0 {
        let headers = "Retry-After: 0\r\n".to_owned();
        return Reply { status: "503 Service Unavailable", headers, body: Vec::new() };
    }
    honest(request, file)
}

fn with_password(request: &Request, file: &[u8]) -> Reply {
    // me:secret
    if request.authorization.as_deref() != Some("Basic bWU6c2VjcmV0") {
        return Reply { status: "401 Unauthorized", headers: String::new(), body: Vec::new() };
    }
    honest(request, file)
}

/// Writes a folder with files of many sizes, and makes a torrent of it.
fn album(dir: &Path, version: ztor_metainfo::create::Version) -> Arc<Metainfo> {
    let path = dir.join("my album");
    std::fs::create_dir_all(path.join("sub")).unwrap();
    let bytes = |len: u32| (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<u8>>();
    for (name, len) in [("a", 500_000), ("b b", 3), ("sub/c#1", 70_000), ("sub/d", 65536), ("empty", 0)] {
        std::fs::write(path.join(name), bytes(len)).unwrap();
    }
    let torrent = Options { piece_length: Some(65536), version, ..Options::default() };
    let options = CreateOptions { torrent, ..CreateOptions::default() };
    let made = create(&path, &options, 2, |_, _| {}, &AtomicBool::new(false)).unwrap();
    Arc::new(Metainfo::from_bytes(&made.torrent).unwrap())
}

fn status_of(torrent: &TorrentHandle) -> WebSeedStatus {
    torrent.web_seeds().wait().unwrap().remove(0)
}

/// Waits until the first web seed has this property.
fn until(torrent: &TorrentHandle, what: &str, done: impl Fn(&WebSeedStatus) -> bool) -> WebSeedStatus {
    let end = Instant::now() + LIMIT;
    loop {
        let status = status_of(torrent);
        if done(&status) {
            return status;
        }
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}; {status:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn same(one: &Path, two: &Path) -> bool {
    std::fs::read(one).unwrap() == std::fs::read(two).unwrap()
}

#[test]
fn torrent_with_only_a_web_seed_finishes() {
    use ztor_metainfo::create::Version;
    for version in [Version::V1, Version::Hybrid, Version::V2] {
        let tmp = tempfile::tempdir().unwrap();
        let src = tmp.path().join("src");
        let meta = album(&src, version);
        // The server decodes no name but that of the folder.
        std::fs::rename(src.join("my album/sub/c#1"), src.join("my album/sub/c%231")).unwrap();
        let server = Server::start(src.clone(), honest);
        let leech = session(None, |_| {});
        let add = AddTorrent::new(Arc::clone(&meta), tmp.path().join("dst"))
            .web_seeds(Some(vec![WebSource::given(server.url())]));
        let torrent = leech.add(add).wait().unwrap();
        torrent.finished().wait_for(LIMIT).unwrap();
        let dst = tmp.path().join("dst/my album");
        for (ours, theirs) in [("a", "a"), ("b b", "b b"), ("sub/c#1", "sub/c%231"), ("sub/d", "sub/d")] {
            assert!(same(&dst.join(ours), &src.join("my album").join(theirs)), "{version:?}: {ours}");
        }
        assert!(dst.join("empty").is_file());
        let status = status_of(&torrent);
        assert_eq!((status.fault, status.source.origin), (None, WebOrigin::User));
        assert!(status.downloaded_bytes >= 635_539, "{}", status.downloaded_bytes);
        let count = |of: &AtomicUsize| of.load(Ordering::SeqCst);
        let (connections, requests) = (count(&server.connections), count(&server.requests));
        // The HTTP library opens another one if a connection is not back at the moment of the next request.
        assert!(connections < requests, "{connections} connections for {requests} requests: they are kept");
        assert!(leech.shutdown(LIMIT));
    }
}

#[test]
fn web_seed_without_ranges_or_busy_or_with_a_password_serves_the_torrent() {
    let cases: [(Answer, &str); 3] = [(without_ranges, ""), (busy_once, ""), (with_password, "me:secret@")];
    for (answer, user) in cases {
        let tmp = tempfile::tempdir().unwrap();
        let meta = content(&tmp.path().join("src"), 6 << 20);
        let server = Server::start(tmp.path().join("src"), answer);
        let url = format!("http://{user}{}/data", server.addr);
        let leech = session(None, |_| {});
        let add = AddTorrent::new(meta, tmp.path().join("dst")).web_seeds(Some(vec![WebSource::given(url)]));
        let torrent = leech.add(add).wait().unwrap();
        torrent.finished().wait_for(LIMIT).unwrap();
        assert!(same(&tmp.path().join("src/data"), &tmp.path().join("dst/data")));
        assert!(!status_of(&torrent).shown_url.contains("secret"));
        assert!(leech.shutdown(LIMIT));
    }
}

#[test]
fn web_seed_that_lies_is_discarded_and_another_one_completes_the_torrent() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("src"), 2 << 20);
    let [liar, sound] = [lying, honest].map(|answer: Answer| Server::start(tmp.path().join("src"), answer));
    let leech = session(None, |_| {});
    let add = AddTorrent::new(meta, tmp.path().join("dst"))
        .web_seeds(Some(vec![WebSource::given(liar.url() + "data")]));
    let torrent = leech.add(add).wait().unwrap();
    let status = until(&torrent, "discarded", |seed| seed.state == WebSeedState::Discarded);
    assert!(matches!(status.fault, Some(WebFault::BadData { .. })), "{status:?}");
    let requests = liar.requests.load(Ordering::SeqCst);
    let both = vec![WebSource::given(liar.url() + "data"), WebSource::given(sound.url() + "data")];
    torrent.set_web_seeds(both).wait().unwrap();
    torrent.finished().wait_for(LIMIT).unwrap();
    assert!(same(&tmp.path().join("src/data"), &tmp.path().join("dst/data")));
    assert_eq!(liar.requests.load(Ordering::SeqCst), requests, "asked again");
    assert!(leech.shutdown(LIMIT));
}

#[test]
fn web_seed_on_this_machine_is_refused_if_only_the_torrent_names_it() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("src"), 100_000);
    let server = Server::start(tmp.path().join("src"), honest);
    let leech = session(None, |_| {});
    for url in [server.url() + "data", format!("http://localhost:{}/data", server.addr.port())] {
        let named = WebSource::named(url.clone());
        let add = AddTorrent::new(Arc::clone(&meta), tmp.path().join("dst")).web_seeds(Some(vec![named]));
        let torrent = leech.add(add).wait().unwrap();
        let status = until(&torrent, "refused", |seed| seed.fault.is_some());
        assert!(matches!(status.fault, Some(WebFault::Refused { .. })), "{url}: {status:?}");
        torrent.remove().wait().unwrap();
    }
    assert_eq!(server.requests.load(Ordering::SeqCst), 0);
    assert!(leech.shutdown(LIMIT));
}

#[test]
fn script_that_returns_pieces_serves_the_torrent() {
    /// Answers as BEP 17 says, from the file `data` with pieces of 16 KiB.
    fn script(request: &Request, _: &[u8]) -> Reply {
        let url = url::Url::parse(&format!("http://x{}", request.target)).unwrap();
        let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, v)| v.into_owned());
        if request.number == 0 {
            let body = b"0".to_vec();
            return Reply { status: "503 Service Unavailable", headers: String::new(), body };
        }
        let piece: usize = value("piece").unwrap().parse().unwrap();
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n / 7) as u8).collect();
        let piece = bytes.chunks(32768).nth(piece).unwrap();
        let body = match value("ranges") {
            Some(range) => {
                let (first, last) = range.split_once('-').unwrap();
                piece[first.parse().unwrap()..=last.parse().unwrap()].to_vec()
            }
            None => piece.to_vec(),
        };
        Reply { status: "200 OK", headers: String::new(), body }
    }
    let tmp = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(tmp.path().join("src")).unwrap();
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n / 7) as u8).collect();
    let path = tmp.path().join("src/data");
    std::fs::write(&path, &bytes).unwrap();
    let torrent = Options { piece_length: Some(32768), ..Options::default() };
    let options = CreateOptions { torrent, ..CreateOptions::default() };
    let made = create(&path, &options, 2, |_, _| {}, &AtomicBool::new(false)).unwrap();
    let meta = Arc::new(Metainfo::from_bytes(&made.torrent).unwrap());
    let server = Server::start(tmp.path().join("src"), script);
    let source = WebSource { kind: WebSeedKind::Pieces, ..WebSource::given(server.url() + "seed.php?a=b") };
    let leech = session(None, |_| {});
    let add = AddTorrent::new(meta, tmp.path().join("dst")).web_seeds(Some(vec![source]));
    let torrent = leech.add(add).wait().unwrap();
    torrent.finished().wait_for(LIMIT).unwrap();
    assert!(std::fs::read(tmp.path().join("dst/data")).unwrap() == bytes);
    let targets = server.targets.lock().unwrap();
    assert!(targets.iter().all(|target| target.starts_with("/seed.php?a=b&info_hash=")), "{targets:?}");
    assert!(leech.shutdown(LIMIT));
}
