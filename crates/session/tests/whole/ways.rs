//! Connections between sessions over every transport and with every kind of handshake.

use crate::common::{Client, LIMIT, content};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Instant;
use ztor_session::{
    AddTorrent, Bind, Config, Encryption, PeerStatus, Protection, Session, SessionEvent, TorrentEvent,
    Transport, Transports,
};

fn session(ip: IpAddr, transports: Transports, encryption: Encryption) -> Client {
    let bind = ip.into();
    let mut config = Config::default().bind(bind).port(0).state_dir(None).transports(transports);
    config.settings.encryption = encryption;
    Client::start(config)
}

/// Transfers a file from one session to another. Returns the status of the other as the seed saw it.
fn transfer(seed: &Client, leech: &Client, len: usize) -> PeerStatus {
    let tmp = tempfile::tempdir().unwrap();
    let (source, target) = (tmp.path().join("a"), tmp.path().join("b"));
    std::fs::create_dir_all(&source).unwrap();
    let meta = content(&source, len);
    let id = seed.add(AddTorrent::new(Arc::clone(&meta), &source).read_only(true)).wait().unwrap();
    seed.wait("started", |e| {
        matches!(e, SessionEvent::Torrent(TorrentEvent::Started { finished: true, .. }))
    });
    let add = AddTorrent::new(meta, &target).peers(vec![seed.local_addr()]);
    // Both sides close the connection as soon as both have everything, so it is watched during the transfer.
    let watching = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let end = Instant::now() + LIMIT;
            while Instant::now() < end {
                if let Some(peer) = id.peers().wait().unwrap().into_iter().find(|peer| peer.client.is_some())
                {
                    return Some(peer);
                }
            }
            None
        });
        leech.add(add).wait().unwrap();
        leech.finished();
        watch.join().unwrap()
    });
    assert_eq!(std::fs::read(source.join("data")).unwrap(), std::fs::read(target.join("data")).unwrap());
    watching.expect("the connection was seen")
}

/// Checks the transport and the protection of a connection between two sessions, which the second opens.
fn meets(
    seed: (Transports, Encryption),
    leech: (Transports, Encryption),
    wanted: (Transport, fn(Protection) -> bool),
) {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (seeder, leecher) = (session(ip, seed.0, seed.1), session(ip, leech.0, leech.1));
    let peer = transfer(&seeder, &leecher, 6_000_000);
    let protection = peer.protection;
    assert!(peer.transport == wanted.0 && wanted.1(protection), "{seed:?} {leech:?}: {peer:?}");
    assert!(seeder.shutdown(LIMIT) && leecher.shutdown(LIMIT));
}

fn plain(protection: Protection) -> bool {
    protection == Protection::None
}

fn rc4(protection: Protection) -> bool {
    format!("{protection:?}").contains("Rc4")
}

fn header_only(protection: Protection) -> bool {
    format!("{protection:?}").contains("Plain")
}

const TCP: Transports = Transports::Tcp;
const UTP: Transports = Transports::Utp;
const BOTH: Transports = Transports::Both;

#[test]
fn connection_over_tcp_is_protected_as_both_settings_allow() {
    use Encryption::{Allow, Off, Prefer, Require};
    meets((TCP, Allow), (TCP, Allow), (Transport::Tcp, plain));
    meets((TCP, Allow), (TCP, Prefer), (Transport::Tcp, header_only));
    meets((TCP, Prefer), (TCP, Prefer), (Transport::Tcp, rc4));
    meets((TCP, Allow), (TCP, Require), (Transport::Tcp, rc4));
    meets((TCP, Require), (TCP, Allow), (Transport::Tcp, rc4));
    meets((TCP, Off), (TCP, Prefer), (Transport::Tcp, plain));
}

#[test]
fn connection_over_utp_is_protected_as_both_settings_allow() {
    use Encryption::{Allow, Off, Prefer, Require};
    meets((UTP, Off), (UTP, Off), (Transport::Utp, plain));
    meets((UTP, Allow), (UTP, Prefer), (Transport::Utp, header_only));
    meets((UTP, Require), (UTP, Allow), (Transport::Utp, rc4));
}

#[test]
fn connection_to_a_session_with_one_transport_uses_that_one() {
    use Encryption::Allow;
    meets((UTP, Allow), (BOTH, Allow), (Transport::Utp, plain));
    meets((BOTH, Allow), (UTP, Allow), (Transport::Utp, plain));
    meets((TCP, Allow), (BOTH, Allow), (Transport::Tcp, plain));
}

#[test]
fn transfer_over_utp_and_ipv6_is_complete() {
    let ip = IpAddr::V6(Ipv6Addr::LOCALHOST);
    // Skipped on a machine without IPv6.
    if UdpSocket::bind((ip, 0)).is_err() {
        return;
    }
    let (seed, leech) = (session(ip, UTP, Encryption::Prefer), session(ip, UTP, Encryption::Prefer));
    let peer = transfer(&seed, &leech, 3_000_000);
    assert!(peer.transport == Transport::Utp && rc4(peer.protection), "{peer:?}");
    assert!(seed.shutdown(LIMIT) && leech.shutdown(LIMIT));
}

/// Sends `hello` to a session. Returns its answer; empty if it closes the connection.
fn answer(addr: SocketAddr, hello: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(hello).unwrap();
    let mut answer = vec![0; 20];
    let got = stream.read(&mut answer).unwrap_or(0);
    answer.truncate(got);
    answer
}

#[test]
fn handshake_that_the_encryption_setting_forbids_gets_no_answer() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(tmp.path(), 100_000);
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut hello = b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0".to_vec();
    hello.extend(meta.info_hashes.swarm_id().as_bytes());
    hello.extend(b"-XX0000-abcdefghijkl");
    for (encryption, hello, is_answered) in [
        (Encryption::Require, &hello[..], false),
        (Encryption::Prefer, &hello[..], true),
        (Encryption::Off, &[0x55; 700][..], false),
        // Any 96 bytes are a key, and the answer to it precedes the check of the rest.
        (Encryption::Allow, &[0x55; 96][..], true),
    ] {
        let seed = session(ip, TCP, encryption);
        seed.add(AddTorrent::new(Arc::clone(&meta), tmp.path()).read_only(true)).wait().unwrap();
        seed.wait("started", |e| matches!(e, SessionEvent::Torrent(TorrentEvent::Started { .. })));
        assert_eq!(!answer(seed.local_addr(), hello).is_empty(), is_answered, "{encryption:?}");
        assert!(seed.shutdown(LIMIT));
    }
}

#[test]
fn start_on_a_missing_interface_is_an_error_with_its_name() {
    let bind = Bind::Device("no-such-if0".to_owned());
    let error = Session::start(Config::default().bind(bind).state_dir(None)).unwrap_err().to_string();
    assert!(error.contains("no-such-if0") && error.contains("there are:"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn transfer_between_sessions_bound_to_an_interface_is_complete() {
    let on = |transports| {
        let bind = Bind::Device("lo".to_owned());
        Client::start(Config::default().bind(bind).port(0).state_dir(None).transports(transports))
    };
    let (seed, leech) = (on(BOTH), on(UTP));
    let tmp = tempfile::tempdir().unwrap();
    let (source, target) = (tmp.path().join("a"), tmp.path().join("b"));
    std::fs::create_dir_all(&source).unwrap();
    let meta = content(&source, 1_000_000);
    seed.add(AddTorrent::new(Arc::clone(&meta), &source).read_only(true)).wait().unwrap();
    seed.wait("started", |e| matches!(e, SessionEvent::Torrent(TorrentEvent::Started { .. })));
    let peers = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, seed.local_addr().port()))];
    leech.add(AddTorrent::new(meta, &target).peers(peers)).wait().unwrap();
    leech.finished();
    assert!(seed.shutdown(LIMIT) && leech.shutdown(LIMIT));
}

/// libtorrent connects over µTP first, and waits for seconds without an answer.
#[test]
fn utp_connection_to_a_session_without_utp_is_reset_at_once() {
    let session = session(IpAddr::V4(Ipv4Addr::LOCALHOST), TCP, Encryption::Allow);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let (syn, reset) = (0x41, 0x31);
    let conn_id = [0x12, 0x34];
    let mut packet = [0; 20];
    (packet[0], packet[2], packet[3], packet[17]) = (syn, conn_id[0], conn_id[1], 1);
    socket.send_to(&packet, session.local_addr()).unwrap();
    let mut answer = [0; 100];
    let len = socket.recv(&mut answer).unwrap();
    assert_eq!((len, answer[0], &answer[2..4]), (20, reset, &conn_id[..]));
    assert!(session.shutdown(LIMIT));
}
