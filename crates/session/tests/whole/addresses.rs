//! A session that is bound to several addresses (BEP 45).

use crate::common::{Client, LIMIT, content};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use ztor_session::{
    AddTorrent, Config, DhtOptions, RateLimits, SessionEvent, TorrentEvent, Transport, Transports,
};

/// Addresses of a session under test; the first two are of one family.
const OURS: [&str; 3] = ["127.0.0.2", "127.0.0.3", "::1"];

fn bound_to(addrs: &[&str], transports: Transports) -> Client {
    let mut config = Config::default().bind(addrs.join(",").parse().unwrap()).port(0);
    config = config.state_dir(None).transports(transports).local_discovery(false);
    config.settings.encryption = ztor_session::Encryption::Off;
    Client::start(config)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn peers_reach_every_address_over_both_transports() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("source"), 700_000);
    let seed = bound_to(&OURS, Transports::Both);
    seed.add(AddTorrent::new(Arc::clone(&meta), tmp.path().join("source")).read_only(true)).wait().unwrap();
    seed.wait("started", |e| {
        matches!(e, SessionEvent::Torrent(TorrentEvent::Started { finished: true, .. }))
    });
    assert_eq!(seed.local_addr().ip(), ip(OURS[0]));
    let port = seed.local_addr().port();
    for (n, at) in OURS.iter().enumerate() {
        for transports in [Transports::Tcp, Transports::Utp] {
            let from = if ip(at).is_ipv4() { "127.0.0.9" } else { "::1" };
            let leech = bound_to(&[from], transports);
            let dir = tmp.path().join(format!("{n}-{transports:?}"));
            let add = AddTorrent::new(Arc::clone(&meta), dir).peers(vec![SocketAddr::new(ip(at), port)]);
            leech.add(add).wait().unwrap();
            leech.finished();
            assert!(leech.shutdown(LIMIT));
        }
    }
    assert!(seed.shutdown(LIMIT));
}

#[test]
fn calls_leave_from_each_address_of_the_family_in_turn() {
    for transports in [Transports::Tcp, Transports::Utp] {
        let tmp = tempfile::tempdir().unwrap();
        let meta = content(&tmp.path().join("source"), 100_000);
        let caller = bound_to(&OURS, transports);
        let seeds: Vec<Client> = ["127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.7"]
            .map(|at| bound_to(&[at], transports))
            .into_iter()
            .collect();
        // They have nothing either, so that the connections stay.
        let handles: Vec<_> = seeds
            .iter()
            .enumerate()
            .map(|(n, seed)| {
                seed.add(AddTorrent::new(Arc::clone(&meta), tmp.path().join(n.to_string()))).wait()
            })
            .map(Result::unwrap)
            .collect();
        seeds.iter().for_each(Client::started);
        let peers = seeds.iter().map(|seed| seed.local_addr()).collect();
        caller.add(AddTorrent::new(meta, tmp.path().join("caller")).peers(peers)).wait().unwrap();
        let end = Instant::now() + LIMIT;
        let mut seen = BTreeSet::new();
        for handle in &handles {
            loop {
                assert!(Instant::now() < end, "{seen:?}");
                if let Some(peer) = handle.peers().wait().unwrap().first() {
                    let wanted = if transports == Transports::Tcp { Transport::Tcp } else { Transport::Utp };
                    assert_eq!(peer.transport, wanted);
                    seen.insert(peer.addr.ip());
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        assert_eq!(seen, BTreeSet::from([ip(OURS[0]), ip(OURS[1])]), "{transports:?}");
        assert!(caller.shutdown(LIMIT));
        seeds.iter().for_each(|seed| assert!(seed.shutdown(LIMIT)));
    }
}

/// Sends a ping. Returns the id of the node that answers from the same address.
fn ping(to: SocketAddr) -> Vec<u8> {
    let from = if to.is_ipv4() { "127.0.0.9:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(from).unwrap();
    // Datagrams from other addresses do not arrive at a connected socket.
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let end = Instant::now() + LIMIT;
    let mut buf = [0; 2048];
    loop {
        assert!(Instant::now() < end, "no answer from {to}");
        socket.send(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe").unwrap();
        if let Ok(len) = socket.recv(&mut buf)
            && let answer = &buf[..len]
            && answer.windows(4).any(|part| part == b"1:rd")
        {
            let at = answer.windows(7).position(|part| part == b"2:id20:").unwrap() + 7;
            return answer[at..at + 20].to_vec();
        }
    }
}

#[test]
fn each_address_of_a_family_has_a_dht_node_of_its_own_which_outlives_the_session() {
    let tmp = tempfile::tempdir().unwrap();
    let start = || {
        let config = Config::default().bind(OURS.join(",").parse().unwrap()).port(0);
        let config = config.state_dir(Some(tmp.path().to_owned())).local_discovery(false);
        Client::start(config.dht(Some(DhtOptions::default().bootstrap(Vec::new()))))
    };
    let ids = |session: &Client| -> Vec<Vec<u8>> {
        let port = session.local_addr().port();
        OURS.iter().map(|at| ping(SocketAddr::new(ip(at), port))).collect()
    };
    let session = start();
    let before = ids(&session);
    assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), OURS.len(), "{before:?}");
    let stats = session.dht_stats().wait().unwrap();
    assert_eq!(stats.len(), 2, "two addresses of IPv4, one of IPv6");
    assert!(stats[0].families.v6.is_some() && stats[1].families.v6.is_none());
    assert!(session.shutdown(LIMIT));
    drop(session);
    let session = start();
    assert_eq!(ids(&session), before);
    assert!(session.shutdown(LIMIT));
}

#[test]
fn addresses_are_listened_on_with_one_port_or_not_at_all() {
    let taken = std::net::TcpListener::bind("127.0.0.3:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = |fixed| {
        let config = Config::default().bind("127.0.0.2,127.0.0.3".parse().unwrap()).port(port);
        config.state_dir(None).local_discovery(false).port_is_fixed(fixed)
    };
    let error = ztor_session::Session::start(config(true)).err().unwrap();
    assert!(matches!(error, ztor_session::StartError::PortTaken { .. }), "{error}");
    let session = Client::start(config(false));
    assert_ne!(session.local_addr().port(), port);
    // Another port for all of them.
    let moved = session.set_port(0).wait().unwrap();
    for at in ["127.0.0.2", "127.0.0.3"] {
        std::net::TcpStream::connect((ip(at), moved.port())).unwrap();
    }
    assert!(session.shutdown(LIMIT));
    let gone = Config::default().bind("127.0.0.2,192.0.2.1".parse().unwrap()).port(0).state_dir(None);
    let error = ztor_session::Session::start(gone).err().unwrap();
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
}

/// The system would answer from 127.0.0.1, or from the first address.
#[test]
fn answers_of_a_session_at_all_addresses_leave_from_where_the_question_came() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("source"), 700_000);
    for all in ["*", "0.0.0.0", "::"] {
        let mut config = Config::default().port(0).state_dir(None).local_discovery(false);
        if all != "*" {
            config = config.bind(all.parse().unwrap());
        }
        config.settings.encryption = ztor_session::Encryption::Off;
        let seed = Client::start(config.dht(Some(DhtOptions::default().bootstrap(Vec::new()))));
        let port = seed.local_addr().port();
        let ids: BTreeSet<Vec<u8>> =
            ["127.0.0.1", "127.0.0.5", "127.0.0.6"].iter().map(|at| ping((ip(at), port).into())).collect();
        assert_eq!(ids.len(), 1, "it is one node");
        seed.add(AddTorrent::new(Arc::clone(&meta), tmp.path().join("source")).read_only(true))
            .wait()
            .unwrap();
        seed.wait("started", |e| {
            matches!(e, SessionEvent::Torrent(TorrentEvent::Started { finished: true, .. }))
        });
        let leech = bound_to(&["127.0.0.9"], Transports::Utp);
        let dir = tmp.path().join(if all == "*" { "any" } else { all });
        let add = AddTorrent::new(Arc::clone(&meta), dir).peers(vec![(ip("127.0.0.5"), port).into()]);
        leech.add(add).wait().unwrap();
        leech.finished();
        assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
    }
}

#[test]
fn utp_connections_over_each_address_outlive_a_change_of_the_port() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("source"), 900_000);
    let seed = bound_to(&OURS, Transports::Utp);
    let source = AddTorrent::new(Arc::clone(&meta), tmp.path().join("source")).read_only(true);
    let torrent = seed.add(source).wait().unwrap();
    seed.wait("started", |e| {
        matches!(e, SessionEvent::Torrent(TorrentEvent::Started { finished: true, .. }))
    });
    torrent.set_limits(RateLimits { down: None, up: Some(400_000) }).wait().unwrap();
    let before = seed.local_addr().port();
    let leeches: Vec<Client> = [("127.0.0.9", OURS[1]), ("::1", OURS[2])]
        .map(|(from, at)| {
            let leech = bound_to(&[from], Transports::Utp);
            let dir = tmp.path().join(format!("at {}", at.replace(':', "")));
            let peers = vec![SocketAddr::new(ip(at), before)];
            leech.add(AddTorrent::new(Arc::clone(&meta), dir).peers(peers)).wait().unwrap();
            leech
        })
        .into();
    let end = Instant::now() + LIMIT;
    while torrent.peers().wait().unwrap().iter().filter(|peer| peer.uploaded_bytes > 0).count()
        < leeches.len()
    {
        assert!(Instant::now() < end, "{:?}", torrent.peers().wait().unwrap());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_ne!(seed.set_port(0).wait().unwrap().port(), before);
    // They know the old port only, so that a lost connection would not come back.
    leeches.iter().for_each(Client::finished);
    leeches.iter().for_each(|leech| assert!(leech.shutdown(LIMIT)));
    assert!(seed.shutdown(LIMIT));
}
