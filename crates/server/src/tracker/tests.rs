#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream, UdpSocket};
use ztor_base::{PeerId, SwarmId};

use ztor_tracker::http::{announce_url, parse_announce, parse_scrape, scrape_url};
use ztor_tracker::udp::{Request, Response};
use ztor_tracker::{AnnounceEvent, AnnounceReply, AnnounceRequest, Retry, ScrapeEntry, TrackerError};

use super::*;
use crate::files::TORRENT_TYPE;

const LOOPBACK: &str = "127.0.0.1:0";

fn numbers(server: &TrackerServer) -> (usize, usize) {
    let counts = server.counts();
    (counts.torrents, counts.peers)
}

fn tracker(http: Option<&str>, udp: Option<&str>) -> TrackerServer {
    let addr = |addr: &str| addr.parse().unwrap();
    TrackerServer::start(Config { http: http.map(addr), udp: udp.map(addr), ..Config::default() }).unwrap()
}

/// An info-hash that is not text, and contains the special characters of queries.
const HASH: SwarmId = SwarmId::new(*b"\x00\xff\xfe&=%+ #?/\r\n\x80\x81\x82\x83abc");

/// Returns the entry of a seeder and a leecher, as UDP gives it.
fn one_of_each() -> ScrapeEntry {
    ScrapeEntry { seeders: 1, leechers: 1, downloads: 0, downloaders: None }
}

fn request(port: u16, left: u64, event: AnnounceEvent) -> AnnounceRequest {
    let mut peer_id = *b"-ZR0100-abcdefghijkl";
    peer_id[18..].copy_from_slice(&port.to_be_bytes());
    AnnounceRequest { left, event, key: 1, ..AnnounceRequest::new(HASH, PeerId::new(peer_id), port) }
}

/// Sends raw bytes. Returns everything that the server sends until it closes the connection.
fn exchange(addr: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// Returns the status and the body of a GET.
fn get(addr: SocketAddr, path_and_query: &str) -> (u16, Vec<u8>) {
    let head = format!("GET {path_and_query} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    let answer = exchange(addr, head.as_bytes());
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

fn path_of(url: &str) -> &str {
    &url[url.match_indices('/').nth(2).unwrap().0..]
}

fn announce(addr: SocketAddr, request: &AnnounceRequest) -> Result<AnnounceReply, TrackerError> {
    let url = announce_url(&format!("http://{addr}/announce"), request).unwrap();
    parse_announce(&get(addr, path_of(&url)).1)
}

#[test]
fn announce_and_scrape_over_http_are_answered() {
    let server = tracker(Some(LOOPBACK), None);
    let addr = server.http_addr().unwrap();
    let first = announce(addr, &request(1001, 0, AnnounceEvent::Started)).unwrap();
    assert!((1800..=1890).contains(&first.interval_s) && first.peers.is_empty());
    assert_eq!(first.external_ip, Some(IpAddr::from([127, 0, 0, 1])));
    let second = announce(addr, &request(1002, 9, AnnounceEvent::Started)).unwrap();
    assert_eq!(second.peers.iter().map(|peer| peer.addr.to_string()).collect::<Vec<_>>(), ["127.0.0.1:1001"]);
    assert_eq!((second.seeders, second.leechers), (Some(1), Some(1)));
    let url = scrape_url(&format!("http://{addr}/announce"), &[HASH, SwarmId::new([7; 20])]).unwrap();
    let entries = parse_scrape(&get(addr, path_of(&url)).1, &[HASH, SwarmId::new([7; 20])]).unwrap();
    assert_eq!(entries, [ScrapeEntry { downloaders: Some(1), ..one_of_each() }, ScrapeEntry::default()]);
    announce(addr, &request(1001, 0, AnnounceEvent::Stopped)).unwrap();
    assert_eq!(numbers(&server), (1, 1));
    server.stop();
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn announce_without_compact_is_answered_with_peer_ids() {
    let server = tracker(Some(LOOPBACK), None);
    let addr = server.http_addr().unwrap();
    let seed = request(1001, 0, AnnounceEvent::Started);
    announce(addr, &seed).unwrap();
    let url = announce_url("http://t.example/announce", &request(1002, 9, AnnounceEvent::Started)).unwrap();
    let reply = parse_announce(&get(addr, &path_of(&url).replace("compact=1", "compact=0")).1).unwrap();
    assert_eq!(reply.peers[0].peer_id, Some(seed.peer_id));
}

#[test]
fn invalid_request_over_http_is_refused_with_a_reason() {
    let server = TrackerServer::start(Config {
        http: Some(LOOPBACK.parse().unwrap()),
        access: Access { allow: AccessList::new([[9; 20].into()], []), ..Access::default() },
        ..Config::default()
    })
    .unwrap();
    let addr = server.http_addr().unwrap();
    let reason = |path: &str| parse_announce(&get(addr, path).1).unwrap_err().to_string();
    assert_eq!(reason("/announce"), "the tracker says: info_hash is missing");
    assert_eq!(
        reason("/announce?info_hash=%zz"),
        "the tracker says: info_hash must be 20 bytes, percent-encoded"
    );
    assert_eq!(reason("/scrape"), "the tracker says: info_hash is missing");
    let error = announce(addr, &request(1, 1, AnnounceEvent::Started)).unwrap_err().to_string();
    assert_eq!(error, "the tracker says: this torrent is not tracked here");
    server.set_access(Access::default());
    assert!(announce(addr, &request(1, 1, AnnounceEvent::Started)).is_ok());
    assert_eq!(get(addr, "/nothing").0, 404);
    assert_eq!(get(addr, "/../etc/passwd").0, 404);
    let post = exchange(
        addr,
        b"POST /announce HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    assert!(post.starts_with(b"HTTP/1.1 405"), "{}", post.escape_ascii());
}

#[test]
fn refusal_that_passes_says_when_to_retry() {
    let max_torrents = 1;
    let http = Some(LOOPBACK.parse().unwrap());
    let server = TrackerServer::start(Config { http, max_torrents, ..Config::default() }).unwrap();
    let addr = server.http_addr().unwrap();
    // Two peers in each shard's only swarm, so that none is evicted; more torrents than there are shards.
    let mut refused = 0;
    for torrent in 0..200 {
        for port in [1, 2] {
            let ask = request(port, 1, AnnounceEvent::Started);
            match announce(addr, &AnnounceRequest { info_hash: [torrent; 20].into(), ..ask }) {
                Ok(_) => {}
                Err(TrackerError::Failure { reason, retry }) => {
                    assert_eq!(reason, "this tracker has reached its limit of torrents");
                    assert_eq!(retry, Retry::After(30 * 60));
                    refused += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert!(refused > 200, "{refused}");
    let error = announce(addr, &request(0, 1, AnnounceEvent::Started)).unwrap_err();
    assert!(matches!(error, TrackerError::Failure { retry: Retry::Unsaid, .. }), "{error}");
}

#[test]
fn access_lists_of_a_running_tracker_hold_for_both_protocols() {
    let addr = Some(LOOPBACK.parse().unwrap());
    let deny = AccessList::new([], ["127.0.0.0/8".parse().unwrap()]);
    let access = Access { deny, ..Access::default() };
    let server = TrackerServer::start(Config { http: addr, udp: addr, access, ..Config::default() }).unwrap();
    let http = server.http_addr().unwrap();
    let udp = Udp::connect(server.udp_addr().unwrap());
    let ask = request(1, 1, AnnounceEvent::Started);
    let refusal = |reason: &str| {
        let error = announce(http, &ask).unwrap_err().to_string();
        assert_eq!(error, format!("the tracker says: {reason}"));
        let Response::Error { message, .. } = udp.announce(ask.clone()) else { panic!() };
        assert_eq!(message, reason);
    };
    refusal("this tracker does not serve your address");
    server.set_access(Access { deny: AccessList::new([HASH], []), ..Access::default() });
    refusal("this torrent is not tracked here");
    assert_eq!(numbers(&server), (0, 0));
    server.set_access(Access { allow: AccessList::new([HASH], []), ..Access::default() });
    assert!(announce(http, &ask).is_ok());
    assert!(matches!(udp.announce(ask), Response::Announce { .. }));
}

#[test]
fn files_are_served_and_listed() {
    let server = tracker(Some(LOOPBACK), None);
    let addr = server.http_addr().unwrap();
    assert!(String::from_utf8(get(addr, "/").1).unwrap().contains("tracker"));
    server.files().put("my build.torrent", TORRENT_TYPE, b"d4:infodee".to_vec()).unwrap();
    assert_eq!(get(addr, &Files::path("my build.torrent")), (200, b"d4:infodee".to_vec()));
    assert!(String::from_utf8(get(addr, "/").1).unwrap().contains("my%20build.torrent"));
    server.files().remove("my build.torrent");
    assert_eq!(get(addr, "/my%20build.torrent").0, 404);
}

#[test]
fn invalid_or_endless_request_is_cut_off() {
    let server = tracker(Some(LOOPBACK), None);
    let addr = server.http_addr().unwrap();
    assert!(exchange(addr, b"\x13BitTorrent protocol\r\n\r\n").starts_with(b"HTTP/1.1 400"));
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(b"GET /announce HTTP/1.1\r\n").unwrap();
    let mut sent = 0;
    while stream.write_all(&[b'x'; 4096]).is_ok() {
        sent += 4096;
        assert!(sent < 64 * 1024 * 1024, "the server keeps reading");
    }
    assert!(get(addr, "/").0 == 200);
}

/// A minimal UDP client.
struct Udp {
    socket: UdpSocket,
    connection: u64,
}

impl Udp {
    fn connect(addr: SocketAddr) -> Self {
        let local: SocketAddr =
            if addr.is_ipv4() { LOOPBACK.parse().unwrap() } else { "[::1]:0".parse().unwrap() };
        let socket = UdpSocket::bind(local).unwrap();
        socket.connect(addr).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut udp = Self { socket, connection: 0 };
        match udp.ask(&Request::Connect { transaction: 5 }) {
            Response::Connect { transaction: 5, connection } => udp.connection = connection,
            other => panic!("{other:?}"),
        }
        udp
    }

    fn ask(&self, request: &Request) -> Response {
        self.socket.send(&request.encode()).unwrap();
        let mut buf = [0; 2048];
        let len = self.socket.recv(&mut buf).unwrap();
        Response::decode(&buf[..len], self.socket.local_addr().unwrap().is_ipv6()).unwrap()
    }

    fn announce(&self, request: AnnounceRequest) -> Response {
        let (connection, request) = (self.connection, Box::new(request));
        self.ask(&Request::Announce { connection, transaction: 6, request, url_data: b"/announce".to_vec() })
    }
}

#[test]
fn announce_and_scrape_over_udp_are_answered() {
    let server = tracker(None, Some(LOOPBACK));
    let udp = Udp::connect(server.udp_addr().unwrap());
    let Response::Announce { transaction: 6, reply } = udp.announce(request(1001, 0, AnnounceEvent::Started))
    else {
        panic!()
    };
    assert_eq!((reply.seeders, reply.peers.len()), (Some(1), 0));
    assert!((1800..=1890).contains(&reply.interval_s));
    let Response::Announce { reply, .. } = udp.announce(request(1002, 1, AnnounceEvent::Started)) else {
        panic!()
    };
    assert_eq!(reply.peers[0].addr.to_string(), "127.0.0.1:1001");
    let scrape = Request::Scrape {
        connection: udp.connection,
        transaction: 7,
        info_hashes: vec![SwarmId::new([7; 20]), HASH],
    };
    let entries = vec![ScrapeEntry::default(), one_of_each()];
    assert_eq!(udp.ask(&scrape), Response::Scrape { transaction: 7, entries });
    let Response::Error { message, .. } = udp.announce(request(0, 1, AnnounceEvent::None)) else { panic!() };
    assert_eq!(message, "no peer can listen on this address and port");
}

#[test]
fn workers_share_a_port_the_swarms_and_the_connection_ids() {
    let config = Config { udp: Some(LOOPBACK.parse().unwrap()), udp_workers: 4, ..Config::default() };
    let server = TrackerServer::start(config.clone()).unwrap();
    let addr = server.udp_addr().unwrap();
    let first = Udp::connect(addr);
    for port in 1..=40 {
        // Another socket, and so most likely another worker.
        let udp = Udp { socket: UdpSocket::bind(LOOPBACK).unwrap(), connection: first.connection };
        udp.socket.connect(addr).unwrap();
        udp.socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let Response::Announce { reply, .. } = udp.announce(request(port, 1, AnnounceEvent::None)) else {
            panic!()
        };
        assert_eq!(reply.peers.len(), usize::from(port) - 1);
    }
    assert_eq!(numbers(&server), (1, 40));
    assert!(server.counts().memory_bytes > 40 * 44);
    // The port is taken for others, workers or not.
    let again = TrackerServer::start(Config { udp: Some(addr), ..config });
    assert!(matches!(again, Err(StartError::Listen { protocol: "UDP", .. })));
}

#[test]
fn burst_of_datagrams_gets_all_its_answers() {
    let server = tracker(None, Some(LOOPBACK));
    let udp = Udp::connect(server.udp_addr().unwrap());
    for transaction in 0..100 {
        udp.socket.send(&Request::Connect { transaction }.encode()).unwrap();
    }
    let mut buf = [0; 64];
    for expected in 0..100 {
        let len = udp.socket.recv(&mut buf).unwrap();
        let Response::Connect { transaction, connection } = Response::decode(&buf[..len], false).unwrap()
        else {
            panic!()
        };
        assert_eq!((transaction, connection), (expected, udp.connection));
    }
}

#[test]
fn announce_without_a_connection_id_is_refused_and_rubbish_is_not_answered() {
    let server = tracker(None, Some(LOOPBACK));
    let mut udp = Udp::connect(server.udp_addr().unwrap());
    udp.connection ^= 1;
    for rubbish in [&b""[..], b"x", &[0xff; 16], &[0; 2000]] {
        udp.socket.send(rubbish).unwrap();
    }
    // Datagrams on loopback stay in order, so the first answer would be to the rubbish, if there were one.
    let Response::Error { transaction: 6, message } = udp.announce(request(1, 1, AnnounceEvent::Started))
    else {
        panic!()
    };
    assert_eq!(message, "connection id unknown");
    assert_eq!(numbers(&server), (0, 0));
}

#[test]
fn scrape_without_a_connection_id_gets_no_longer_answer() {
    let server = tracker(None, Some(LOOPBACK));
    let mut udp = Udp::connect(server.udp_addr().unwrap());
    udp.connection ^= 1;
    let scrape =
        |transaction, info_hashes| Request::Scrape { connection: udp.connection, transaction, info_hashes };
    udp.socket.send(&scrape(7, Vec::new()).encode()).unwrap();
    // Datagrams on loopback stay in order, so this is the first answer.
    let Response::Error { transaction: 8, .. } = udp.ask(&scrape(8, vec![HASH])) else { panic!() };
}

#[test]
fn announce_over_udp_with_a_zero_peer_id_is_accepted() {
    let server = tracker(None, Some(LOOPBACK));
    let udp = Udp::connect(server.udp_addr().unwrap());
    for (port, known) in [(1001, 0), (1002, 1)] {
        let ask = AnnounceRequest { peer_id: PeerId::new([0; 20]), ..request(port, 1, AnnounceEvent::None) };
        let Response::Announce { reply, .. } = udp.announce(ask) else { panic!() };
        assert_eq!(reply.peers.len(), known);
    }
}

#[test]
fn swarm_over_both_protocols_and_both_families_is_one() {
    let Ok(server) = TrackerServer::start(Config {
        http: Some("[::]:0".parse().unwrap()),
        udp: Some("[::]:0".parse().unwrap()),
        ..Config::default()
    }) else {
        // A machine without IPv6.
        return;
    };
    let on = |ip: &str, addr: Option<SocketAddr>| SocketAddr::new(ip.parse().unwrap(), addr.unwrap().port());
    let Response::Announce { .. } =
        Udp::connect(on("127.0.0.1", server.udp_addr())).announce(request(1001, 0, AnnounceEvent::Started))
    else {
        panic!()
    };
    if UdpSocket::bind("[::1]:0").is_ok() {
        Udp::connect(on("::1", server.udp_addr())).announce(request(1002, 0, AnnounceEvent::Started));
    } else {
        return;
    }
    let reply =
        announce(on("127.0.0.1", server.http_addr()), &request(1003, 1, AnnounceEvent::Started)).unwrap();
    let mut peers: Vec<_> = reply.peers.iter().map(|peer| peer.addr.to_string()).collect();
    peers.sort();
    assert_eq!(peers, ["127.0.0.1:1001", "[::1]:1002"]);
}

#[test]
fn start_on_a_taken_port_or_without_an_address_is_an_error() {
    let server = tracker(Some(LOOPBACK), None);
    let taken = server.http_addr();
    let error = TrackerServer::start(Config { http: taken, ..Config::default() }).unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("cannot listen on {} (HTTP): ", taken.unwrap())),
        "{error}"
    );
    assert!(matches!(TrackerServer::start(Config::default()), Err(StartError::NoAddress)));
}

#[test]
fn stop_with_an_open_connection_does_not_wait_for_it() {
    let server = tracker(Some(LOOPBACK), None);
    let mut idle = TcpStream::connect(server.http_addr().unwrap()).unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap();
    assert_eq!(get(server.http_addr().unwrap(), "/").0, 200);
    server.stop();
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest);
}

#[test]
fn client_behind_a_proxy_is_the_last_address_that_is_no_proxy() {
    let proxies = vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/24".parse().unwrap()];
    let config = Config { http: Some(LOOPBACK.parse().unwrap()), proxies, ..Config::default() };
    let server = TrackerServer::start(config).unwrap();
    let addr = server.http_addr().unwrap();
    let announce_as = |header: &str, port: u16| {
        let url = announce_url(&format!("http://{addr}/announce"), &request(port, 1, AnnounceEvent::Started));
        let path = path_of(&url.unwrap()).to_owned();
        let head = format!("GET {path} HTTP/1.1\r\nHost: t\r\n{header}Connection: close\r\n\r\n");
        let answer = exchange(addr, head.as_bytes());
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        parse_announce(&answer[end + 4..])
    };
    let seen_as = |header: &str, port| announce_as(header, port).unwrap().external_ip.unwrap().to_string();
    assert_eq!(seen_as("X-Forwarded-For: 198.51.100.1\r\n", 1), "198.51.100.1");
    assert_eq!(seen_as("X-Forwarded-For: 203.0.113.9, 198.51.100.2, 10.0.0.7\r\n", 2), "198.51.100.2");
    assert_eq!(seen_as("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 2001:db8::1\r\n", 3), "2001:db8::1");
    for header in ["", "X-Forwarded-For: unknown\r\n", "X-Forwarded-For: 10.0.0.7\r\n"] {
        assert!(matches!(announce_as(header, 4), Err(TrackerError::Failure { .. })), "{header}");
    }
    server.stop();
    // Without a proxy the header may be made up.
    let server = tracker(Some(LOOPBACK), None);
    let addr = server.http_addr().unwrap();
    let path = path_of(
        &announce_url(&format!("http://{addr}/announce"), &request(5, 1, AnnounceEvent::Started)).unwrap(),
    )
    .to_owned();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 198.51.100.1\r\nConnection: close\r\n\r\n"
    );
    let answer = exchange(addr, head.as_bytes());
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    assert_eq!(parse_announce(&answer[end + 4..]).unwrap().external_ip.unwrap().to_string(), "127.0.0.1");
}
