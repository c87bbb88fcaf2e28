//! The IP filter and the bans of a real daemon over loopback.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use ztor_api::{BanKind, BanRequest, IpFilter, ProblemKind, SettingValue};
use ztor_daemon::settings::Sources;
use ztor_daemon::{Daemon, DaemonConfig, Store, StoreError};

const LIMIT: Duration = Duration::from_secs(60);

fn start(root: &Path, runtime: &Runtime, flags: &[(&str, &str)]) -> Daemon {
    let end = Instant::now() + LIMIT;
    let (store, salvage) = loop {
        match Store::open(&root.join("state")) {
            // The threads of the daemon before may still hold it.
            Err(StoreError::InUse { .. }) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(5));
            }
            opened => break opened.unwrap(),
        }
    };
    let downloads = root.join("downloads").display().to_string();
    let always = [("bind", "127.0.0.1"), ("port", "0"), ("download_dir", &downloads)];
    let flags = always.iter().chain(flags);
    let flags = flags.map(|(key, value)| ((*key).to_owned(), format!("--{key}"), (*value).to_owned()));
    let settings = Sources::new(None).flags(flags).resolve().unwrap();
    let config = DaemonConfig { state_dir: root.join("state"), settings, port_is_fixed: true };
    Daemon::start(store, salvage, config, runtime.handle().clone()).unwrap().daemon
}

/// Waits until the filter is as expected.
fn wait(runtime: &Runtime, daemon: &Daemon, what: &str, is_so: impl Fn(&IpFilter) -> bool) -> IpFilter {
    let end = Instant::now() + LIMIT;
    loop {
        let filter = runtime.block_on(daemon.ip_filter()).unwrap();
        if is_so(&filter) && !filter.is_loading {
            return filter;
        }
        assert!(Instant::now() < end, "{what}: {filter:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn set(runtime: &Runtime, daemon: &Daemon, key: &str, value: &str) {
    runtime.block_on(daemon.change_setting(key, &SettingValue::Text(value.to_owned()))).unwrap();
}

/// A server of a list: its answers, in order, the last one again and again; and the heads of the requests.
struct Server {
    addr: SocketAddr,
    answers: Arc<Mutex<Vec<String>>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (answers, heads) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let shared = (Arc::clone(&answers), Arc::clone(&heads));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                answer(stream, &shared.0, &shared.1);
            }
        });
        Self { addr, answers, heads }
    }

    fn answers(&self, answer: &str) {
        *self.answers.lock().unwrap() = vec![answer.to_owned()];
    }

    fn url(&self) -> String {
        format!("http://{}/list?pin=secret", self.addr)
    }
}

fn answer(mut stream: TcpStream, answers: &Mutex<Vec<String>>, heads: &Mutex<Vec<String>>) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    heads.lock().unwrap().push(head.join("\n").to_ascii_lowercase());
    let answer = answers.lock().unwrap().first().cloned().unwrap_or_default();
    let _ = stream.write_all(answer.as_bytes());
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn list_from_a_url_is_kept_and_used_when_the_server_fails() {
    let tmp = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let server = Server::start();
    server.answers(&ok("name:1.2.3.0-1.2.3.255\nbad\n"));
    let url = server.url();
    let daemon = start(tmp.path(), &runtime, &[("ip_filter", &url)]);
    let filter = wait(&runtime, &daemon, "the list is fetched", |filter| filter.ranges == 1);
    assert_eq!((filter.entries, filter.bad_lines, filter.error), (1, 1, None));
    let source = filter.source.unwrap();
    assert!(source.starts_with("http://127.0.0.1") && !source.contains("secret"), "{source}");
    assert!(filter.next_unix_s.unwrap() >= filter.checked_unix_s.unwrap() + 24 * 3600);

    server.answers("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
    daemon.refresh_ip_filter().unwrap();
    wait(&runtime, &daemon, "it is checked", |_| server.heads.lock().unwrap().len() == 2);
    assert!(server.heads.lock().unwrap()[1].contains("if-none-match: \"v1\""));

    server.answers("HTTP/1.1 500 Oops\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    daemon.refresh_ip_filter().unwrap();
    let filter = wait(&runtime, &daemon, "the server fails", |filter| filter.error.is_some());
    assert!(filter.ranges == 1 && filter.error.unwrap().contains("HTTP status 500"));

    server.answers(&ok("<html>Sign in</html>"));
    daemon.refresh_ip_filter().unwrap();
    let is_page = |filter: &IpFilter| filter.error.as_ref().is_some_and(|error| error.contains("web page"));
    assert_eq!(wait(&runtime, &daemon, "it is a page", is_page).ranges, 1);
    assert!(daemon.end(Duration::ZERO, LIMIT));
    drop(daemon);

    // The next run has the copy before its first request.
    server.answers("HTTP/1.1 500 Oops\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let requests = server.heads.lock().unwrap().len();
    let daemon = start(tmp.path(), &runtime, &[("ip_filter", &url)]);
    let filter = runtime.block_on(daemon.ip_filter()).unwrap();
    assert_eq!((filter.ranges, filter.is_loading, server.heads.lock().unwrap().len()), (1, false, requests));
    set(&runtime, &daemon, "ip_filter", "none");
    let filter = wait(&runtime, &daemon, "there is none", |filter| filter.source.is_none());
    assert_eq!((filter.ranges, filter.held_bytes), (0, 0));
    assert!(daemon.refresh_ip_filter().is_err());
    assert!(daemon.end(Duration::ZERO, LIMIT));
}

#[test]
fn list_of_a_file_is_in_force_at_the_start_and_read_again_if_it_has_changed() {
    let tmp = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let file = tmp.path().join("list.dat");
    std::fs::write(&file, "1.2.3.4 - 1.2.3.9 , 000 , x\n").unwrap();
    let daemon = start(tmp.path(), &runtime, &[("ip_filter", &file.display().to_string())]);
    let filter = runtime.block_on(daemon.ip_filter()).unwrap();
    assert_eq!((filter.ranges, filter.is_loading), (1, false));
    std::fs::write(&file, "1.2.3.4\n5.6.7.8\n").unwrap();
    daemon.refresh_ip_filter().unwrap();
    wait(&runtime, &daemon, "it has changed", |filter| filter.ranges == 2);
    std::fs::remove_file(&file).unwrap();
    daemon.refresh_ip_filter().unwrap();
    let filter = wait(&runtime, &daemon, "it is gone", |filter| filter.error.is_some());
    assert_eq!(filter.ranges, 2, "the list stays");
    set(&runtime, &daemon, "ip_filter", &tmp.path().display().to_string());
    let is_folder =
        |filter: &IpFilter| filter.error.as_ref().is_some_and(|error| error.ends_with("it is no file"));
    wait(&runtime, &daemon, "it is a folder", is_folder);
    assert!(daemon.end(Duration::ZERO, LIMIT));
}

/// Info-hash of the torrent that is served, in hexadecimal.
const HASH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Returns true if the daemon answers the handshake of a peer at this address.
fn is_accepted(daemon: &Daemon, from: &str) -> bool {
    use std::io::Read;
    let to = daemon.session().local_addr();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&format!("{from}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let handshake = [&b"\x13BitTorrent protocol"[..], &[0; 8], &[0xaa; 20], b"-XX0000-abcdefghijkl"].concat();
    // A refused connection has ended already.
    let _ = stream.write_all(&handshake);
    stream.read(&mut [0]).is_ok_and(|len| len == 1)
}

#[test]
fn bans_by_the_user_are_in_force_and_outlive_the_process() {
    let tmp = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let daemon = start(tmp.path(), &runtime, &[("transport", "tcp")]);
    let magnet = format!("magnet:?xt=urn:btih:{HASH}");
    let request = ztor_api::AddRequest {
        sources: vec![ztor_api::AddSource::Magnet(magnet)],
        options: ztor_api::AddOptions::default(),
    };
    runtime.block_on(daemon.add(&request)).unwrap();
    let ban = |daemon: &Daemon, addresses: &[&str], time_s| {
        let addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
        runtime.block_on(daemon.ban(&BanRequest { addresses, time_s, reason: "too greedy".to_owned() }))
    };
    let bans = |daemon: &Daemon| {
        let bans = runtime.block_on(daemon.bans()).unwrap();
        assert!(bans.iter().all(|ban| ban.kind == BanKind::User && ban.reason == "too greedy"));
        bans.into_iter().map(|ban| (ban.address, ban.ends_unix_s.is_some())).collect::<Vec<_>>()
    };
    let end = Instant::now() + LIMIT;
    while !is_accepted(&daemon, "127.0.0.9") {
        assert!(Instant::now() < end, "no connection is accepted");
    }
    ban(&daemon, &["127.0.0.9/32", "10.1.2.3/8"], None).unwrap();
    ban(&daemon, &["2001:db8::1-2001:db8::9"], Some(3600)).unwrap();
    let expected = [("10.0.0.0/8", false), ("127.0.0.9", false), ("2001:db8::1-2001:db8::9", true)]
        .map(|(a, e)| (a.to_owned(), e));
    assert_eq!(bans(&daemon), expected);
    assert!(!is_accepted(&daemon, "127.0.0.9") && is_accepted(&daemon, "127.0.0.8"));
    assert!(runtime.block_on(daemon.ip_filter()).unwrap().hits.incoming >= 1);
    for bad in ["", "x", "1.2.3.4/33"] {
        assert_eq!(ban(&daemon, &[bad], None).unwrap_err().kind(), ProblemKind::BadRequest);
    }
    assert_eq!(ban(&daemon, &["1.1.1.1"], Some(0)).unwrap_err().kind(), ProblemKind::BadRequest);
    assert!(daemon.end(Duration::ZERO, LIMIT));
    drop(daemon);

    let daemon = start(tmp.path(), &runtime, &[("transport", "tcp")]);
    assert_eq!(bans(&daemon), expected);
    let end = Instant::now() + LIMIT;
    while !is_accepted(&daemon, "127.0.0.8") {
        assert!(Instant::now() < end, "no connection is accepted");
    }
    assert!(!is_accepted(&daemon, "127.0.0.9"));
    let error = runtime.block_on(daemon.unban("10.9.9.9")).unwrap_err();
    assert_eq!(error.kind(), ProblemKind::NotFound);
    assert!(error.to_string().contains("it is in 10.0.0.0/8"), "{error}");
    runtime.block_on(daemon.unban("127.0.0.9")).unwrap();
    assert!(is_accepted(&daemon, "127.0.0.9"));
    assert!(daemon.end(Duration::ZERO, LIMIT));
}
