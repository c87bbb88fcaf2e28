//! Sessions behind a proxy, and behind proxies that misbehave.

use crate::common::{Client, LIMIT, content, session};
use crate::scripted_proxy::{Kind, Mode, ScriptedProxy};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use ztor_session::{
    AddMagnet, AddTorrent, Config, NoRelay, ProxyPolicy, ProxyState, RelayState, SessionEvent, Settings,
    TorrentHandle, Transports, Use, Uses,
};
use ztor_tracker::udp::{Request, Response};

const SOCKS5: Kind = Kind::Socks5 { has_udp: true, has_login: false };

fn policy(proxy: &ScriptedProxy) -> ProxyPolicy {
    ProxyPolicy::new(proxy.url().parse().unwrap())
}

fn behind(proxy: &ScriptedProxy, tune: impl FnOnce(&mut Config)) -> Client {
    session(None, |config| {
        config.settings.proxy = policy(proxy);
        tune(config);
    })
}

/// The only way to a seed over TCP, which counts the connections on it.
struct Gate {
    addr: SocketAddr,
    passed: Arc<AtomicUsize>,
}

impl Gate {
    fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (addr, passed) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&passed);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(from), Ok(to)) = (stream, TcpStream::connect(to)) else { return };
                counter.fetch_add(1, Ordering::SeqCst);
                let (mut from2, mut to2) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                let (mut from, mut to) = (from, to);
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    to.shutdown(Shutdown::Both)
                });
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut to2, &mut from2);
                    from2.shutdown(Shutdown::Both)
                });
            }
        });
        Self { addr, passed }
    }
}

/// A seed, and a session behind a proxy that downloads from it.
struct Transfer {
    tmp: TempDir,
    seed: Client,
    gate: Gate,
    leech: Client,
    torrent: TorrentHandle,
}

impl Transfer {
    fn start(len: usize, leech: Client, tune_seed: impl FnOnce(&mut Config)) -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let meta = content(&tmp.path().join("a"), len);
        let mut seed_transports = Transports::Tcp;
        let seed = session(None, |config| {
            tune_seed(config);
            seed_transports = config.transports;
        });
        seed.add(AddTorrent::new(meta.clone(), tmp.path().join("a")).read_only(true)).wait().unwrap();
        seed.started();
        let gate = Gate::start(seed.local_addr());
        // Over µTP, there is no gate.
        let at = if seed_transports == Transports::Utp { seed.local_addr() } else { gate.addr };
        let add = AddTorrent::new(meta, tmp.path().join("b")).peers(vec![at]);
        let torrent = leech.add(add).wait().unwrap();
        Self { tmp, seed, gate, leech, torrent }
    }

    /// Ends a transfer over TCP. No connection may have gone around the proxy, at any time.
    fn end_by(self, proxy: &ScriptedProxy) {
        self.complete();
        let gate = self.gate.addr.to_string();
        let by_proxy = proxy.targets().iter().filter(|target| **target == gate).count();
        let passed = self.gate.passed.load(Ordering::SeqCst);
        assert!((1..=by_proxy).contains(&passed), "{passed} connections, {by_proxy} by the proxy");
        self.stop();
    }

    fn end(self) {
        self.complete();
        self.stop();
    }

    fn complete(&self) {
        self.leech.finished();
        let read = |dir: &str| std::fs::read(self.tmp.path().join(dir).join("data")).unwrap();
        assert!(read("a") == read("b"));
    }

    fn stop(self) {
        assert!(self.seed.shutdown(LIMIT) && self.leech.shutdown(LIMIT));
    }
}

fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_true() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn state(client: &Client) -> ProxyState {
    client.proxy().wait().unwrap().state
}

#[test]
fn transfer_through_a_proxy_of_each_kind_is_complete_and_nobody_can_call() {
    for kind in
        [Kind::Socks5 { has_udp: false, has_login: true }, Kind::Socks4a, Kind::Socks4aOfUser, Kind::Http]
    {
        let proxy = ScriptedProxy::start(kind, Mode::Normal);
        let leech = behind(&proxy, |config| config.port = 6999);
        assert!(TcpStream::connect(leech.local_addr()).is_err(), "nothing listens");
        // Its address is that of a socket which does not exist.
        let free = UdpSocket::bind(leech.local_addr());
        assert!(free.is_ok(), "{free:?}");
        let transfer = Transfer::start(2_000_000, leech, |_| {});
        let seed = transfer.gate.addr.to_string();
        let status = transfer.leech.proxy();
        transfer.end();
        assert!(proxy.targets().contains(&seed), "{kind:?}: {:?}", proxy.targets());
        let status = status.wait().unwrap();
        assert!(!matches!(status.relay, RelayState::Up | RelayState::Unused), "{kind:?}: {status:?}");
    }
}

#[test]
fn transfer_over_utp_goes_through_the_relay() {
    let proxy = ScriptedProxy::start(SOCKS5, Mode::Normal);
    let leech = behind(&proxy, |config| config.transports = Transports::Utp);
    let transfer = Transfer::start(1_000_000, leech, |config| config.transports = Transports::Utp);
    assert_eq!(transfer.leech.proxy().wait().map(|status| status.relay).unwrap(), RelayState::Up);
    let seed = transfer.seed.local_addr().to_string();
    transfer.end();
    assert!(proxy.datagrams().contains(&seed));
    assert!(proxy.targets().is_empty(), "no TCP");
}

#[test]
fn proxy_that_misbehaves_carries_nothing_until_it_recovers() {
    let login = Kind::Socks5 { has_udp: true, has_login: true };
    let cases = [
        (SOCKS5, Mode::Dead, true),
        (SOCKS5, Mode::Garbage, true),
        (SOCKS5, Mode::ClosesHalfway, true),
        (SOCKS5, Mode::Endless, true),
        (login, Mode::WrongLogin, true),
        (Kind::Http, Mode::Dead, true),
        (Kind::Http, Mode::Garbage, true),
        (Kind::Http, Mode::WrongLogin, true),
        (Kind::Http, Mode::Endless, true),
        (Kind::Http, Mode::ClosesHalfway, false),
        (Kind::Socks4a, Mode::Garbage, true),
        (Kind::Socks4a, Mode::ClosesHalfway, false),
    ];
    std::thread::scope(|scope| {
        for (kind, mode, is_down) in cases {
            scope.spawn(move || misbehave(kind, mode, is_down));
        }
    });
}

fn misbehave(kind: Kind, mode: Mode, is_down: bool) {
    let proxy = ScriptedProxy::start(kind, mode);
    // Over TCP alone each connection has a request to the proxy.
    let leech = behind(&proxy, |config| config.transports = Transports::Tcp);
    let transfer = Transfer::start(300_000, leech, |_| {});
    if is_down {
        let is_problem = |e: &SessionEvent| matches!(e, SessionEvent::Proxy { problem: Some(_) });
        transfer.leech.wait(&format!("{kind:?} {mode:?}"), is_problem);
        let problem = match state(&transfer.leech) {
            ProxyState::Down(problem) => problem,
            // A connection is all that the link of these asks for.
            state => format!("{state:?}"),
        };
        assert!(!problem.contains("secret"), "{problem}");
    }
    if mode != Mode::Dead {
        // The first connection is that of the link. The next one is for the peer, or another attempt of the link.
        until(&format!("{kind:?} {mode:?} is asked again"), || proxy.accepted() >= 2);
    }
    assert!(proxy.targets().is_empty(), "{kind:?} {mode:?}: {:?}", proxy.targets());
    assert_eq!(transfer.torrent.status().unwrap().have_bytes, 0);
    proxy.set_mode(Mode::Normal);
    transfer.end_by(&proxy);
}

#[test]
fn association_that_ends_at_once_leaves_a_proxy_without_a_relay() {
    let proxy = ScriptedProxy::start(SOCKS5, Mode::EndsAssociation);
    let leech = behind(&proxy, |_| {});
    let ended = NoRelay::Refused("it has ended the association".into());
    until("it is asked again", || proxy.accepted() >= 3);
    until("it has ended", || leech.proxy().wait().unwrap().relay == RelayState::Off(ended.clone()));
    assert_eq!(state(&leech), ProxyState::Up, "it may carry connections");
    assert!(leech.shutdown(LIMIT));
}

#[test]
fn proxy_that_hangs_is_down_after_a_time() {
    let proxy = ScriptedProxy::start(SOCKS5, Mode::Hangs);
    let leech = behind(&proxy, |_| {});
    leech.wait(
        "down",
        |e| matches!(e, SessionEvent::Proxy { problem: Some(why) } if why == "no answer in time"),
    );
    assert_eq!(leech.proxy().wait().unwrap().relay, RelayState::Off(NoRelay::Down));
    assert!(leech.shutdown(LIMIT));
}

#[test]
fn proxy_that_dies_in_the_middle_stops_everything_and_the_download_goes_on_after_its_return() {
    let proxy = ScriptedProxy::start(SOCKS5, Mode::Normal);
    let leech = behind(&proxy, |config| {
        config.transports = Transports::Tcp;
        config.settings.limits.down = Some(1 << 20);
    });
    let transfer = Transfer::start(4_000_000, leech, |_| {});
    until("a part", || transfer.torrent.status().unwrap().have_bytes > 500_000);
    proxy.set_mode(Mode::Dead);
    transfer.leech.wait("down", |e| matches!(e, SessionEvent::Proxy { problem: Some(_) }));
    until("no peer is left", || {
        transfer.torrent.peers().wait().unwrap().iter().all(|peer| peer.client.is_none())
    });
    proxy.set_mode(Mode::Normal);
    transfer.leech.wait("up", |e| matches!(e, SessionEvent::Proxy { problem: None }));
    transfer.end_by(&proxy);
}

#[test]
fn change_of_the_proxy_closes_direct_connections_and_is_in_force_at_once() {
    let proxy = ScriptedProxy::start(SOCKS5, Mode::Normal);
    let leech = session(None, |config| config.settings.limits.down = Some(1 << 20));
    let transfer = Transfer::start(4_000_000, leech, |_| {});
    until("a part", || transfer.torrent.status().unwrap().have_bytes > 500_000);
    assert_eq!(state(&transfer.leech), ProxyState::Off);
    let limits = ztor_session::RateLimits { down: Some(1 << 20), up: None };
    let settings = Settings::default().limits(limits).proxy(policy(&proxy));
    let own = transfer.leech.local_addr();
    transfer.leech.set_settings(&settings).wait().unwrap();
    assert!(TcpStream::connect(own).is_err(), "nothing listens any more");
    let seed = transfer.gate.addr.to_string();
    until("the proxy is asked", || proxy.targets().contains(&seed) || proxy.datagrams().contains(&seed));
    // Without the proxy again, the session listens again.
    transfer.leech.set_settings(&Settings::default()).wait().unwrap();
    until("it listens", || TcpStream::connect(own).is_ok());
    transfer.end();
}

#[test]
fn proxy_for_trackers_only_leaves_peers_alone() {
    let proxy = ScriptedProxy::start(SOCKS5, Mode::Normal);
    let leech = behind(&proxy, |config| {
        config.settings.proxy = policy(&proxy).uses(Uses::NONE.with(Use::Trackers));
    });
    assert!(TcpStream::connect(leech.local_addr()).is_ok());
    let transfer = Transfer::start(300_000, leech, |_| {});
    transfer.end();
    assert!(proxy.targets().is_empty() && proxy.datagrams().is_empty());
}

/// Answers HTTP announces, and returns their heads.
fn http_tracker() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, heads) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let body = "d8:intervali1800e5:peers0:e";
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
            if sender.send(head.join("\n")).is_err() {
                return;
            }
        }
    });
    (port, heads)
}

fn magnet(trackers: &[String]) -> AddMagnet {
    let trackers: String = trackers.iter().map(|url| format!("&tr={}", url.replace('&', "%26"))).collect();
    AddMagnet::new(format!("magnet:?xt=urn:btih:{}{trackers}", "a".repeat(40)).parse().unwrap())
}

#[test]
fn http_trackers_are_named_to_the_proxy_and_see_no_version_in_anonymous_mode() {
    // Nothing but a proxy resolves this name.
    let (port, heads) = http_tracker();
    for kind in [SOCKS5, Kind::Socks4a, Kind::Socks4aOfUser] {
        for is_anonymous in [false, true] {
            let proxy = ScriptedProxy::start(kind, Mode::Normal);
            let client = behind(&proxy, |config| config.settings.is_anonymous = is_anonymous);
            client.add_magnet(magnet(&[format!("http://tracker.test:{port}/announce")])).wait().unwrap();
            let head = heads.recv_timeout(LIMIT).unwrap();
            assert_eq!(head.contains("peer_id=-ZR"), !is_anonymous, "{head}");
            assert_eq!(head.contains("ztor"), !is_anonymous, "{head}");
            assert!(head.contains("port=1&") && !head.contains("&ip="), "{head}");
            assert!(proxy.targets().contains(&format!("tracker.test:{port}")), "{:?}", proxy.targets());
            assert!(client.shutdown(LIMIT));
            // That of the shutdown.
            assert!(heads.recv_timeout(LIMIT).unwrap().contains("stopped"));
        }
    }
}

#[test]
fn udp_trackers_are_named_to_the_proxy() {
    let tracker = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = tracker.local_addr().unwrap().port();
    let (sender, announces) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buf = [0; 2048];
        while let Ok((len, from)) = tracker.recv_from(&mut buf) {
            let response = match Request::decode(&buf[..len]).unwrap() {
                Request::Connect { transaction } => Response::Connect { transaction, connection: 7 },
                Request::Announce { transaction, .. } => {
                    if sender.send(from).is_err() {
                        return;
                    }
                    let reply = ztor_tracker::AnnounceReply { interval_s: 1800, ..Default::default() };
                    Response::Announce { transaction, reply }
                }
                Request::Scrape { .. } => continue,
            };
            tracker.send_to(&response.encode(false), from).unwrap();
        }
    });
    let proxy = ScriptedProxy::start(SOCKS5, Mode::Normal);
    let client = behind(&proxy, |_| {});
    let torrent = client.add_magnet(magnet(&[format!("udp://tracker.test:{port}/announce")])).wait().unwrap();
    let from: SocketAddr = announces.recv_timeout(LIMIT).unwrap();
    assert_ne!(from.port(), client.local_addr().port());
    until("the answer is accepted", || {
        let trackers = torrent.status().unwrap().trackers;
        trackers[0].issue.is_none() && trackers[0].announces_in.is_some_and(|wait| wait.as_secs() > 600)
    });
    assert!(client.shutdown(LIMIT));
}

#[test]
fn names_that_the_proxy_alone_may_resolve_are_no_peers() {
    let proxy = ScriptedProxy::start(SOCKS5, Mode::Normal);
    let client = behind(&proxy, |_| {});
    let link = format!("magnet:?xt=urn:btih:{}&x.pe=tracker.test:1", "b".repeat(40));
    client.add_magnet(AddMagnet::new(link.parse().unwrap())).wait().unwrap();
    client.wait(
        "refused",
        |e| matches!(e, SessionEvent::PeerNotFound { message, .. } if message.contains("proxy")),
    );
    assert!(client.shutdown(LIMIT));
}

#[test]
fn change_of_anonymous_mode_closes_connections_and_keeps_the_transfer_going() {
    let leech = session(None, |config| config.settings.limits.down = Some(1 << 20));
    let transfer = Transfer::start(3_000_000, leech, |_| {});
    let client = |transfer: &Transfer| {
        let seed = transfer.seed.torrent(transfer.seed.snapshot().torrents.iter().next().unwrap().id);
        seed.peers().wait().unwrap().into_iter().find_map(|peer| peer.client)
    };
    until("connected", || client(&transfer).is_some_and(|client| client.contains("ztor")));
    let limits = ztor_session::RateLimits { down: Some(1 << 20), up: None };
    transfer.leech.set_settings(&Settings::default().limits(limits).is_anonymous(true)).wait().unwrap();
    until("connected again", || client(&transfer).is_some_and(|client| !client.contains("ztor")));
    transfer.end();
}
