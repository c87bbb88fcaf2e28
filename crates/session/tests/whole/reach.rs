//! Changes of the port while a session runs, and port mapping where there is nothing to map.

use crate::common::{Client, LIMIT, content, session};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use ztor_session::portmap::{Absent, Family, SideState};
use ztor_session::{
    AddTorrent, Metainfo, PeerStatus, PortError, PortMappingOptions, RateLimits, SessionEvent, Settings,
    TorrentEvent, TorrentHandle, Transports,
};

fn seed(dir: &Path, transports: Transports, limit: Option<u64>) -> (Client, Arc<Metainfo>) {
    let meta = content(dir, 4_000_000);
    let seed = session(None, |config| {
        config.transports = transports;
        config.settings.limits = RateLimits { down: None, up: limit };
    });
    seed.add(AddTorrent::new(Arc::clone(&meta), dir).read_only(true)).wait().unwrap();
    seed.wait("started", |e| matches!(e, SessionEvent::Torrent(TorrentEvent::Started { .. })));
    (seed, meta)
}

/// Waits until a torrent has a peer with piece data.
fn connected(torrent: &TorrentHandle) -> PeerStatus {
    let end = Instant::now() + LIMIT;
    loop {
        let peers = torrent.peers().wait().unwrap();
        if let Some(peer) = peers.into_iter().find(|peer| peer.downloaded_bytes > 0) {
            return peer;
        }
        assert!(Instant::now() < end, "no peer sends anything");
    }
}

#[test]
fn change_of_the_port_keeps_connections_and_accepts_new_ones() {
    for transports in [Transports::Tcp, Transports::Utp] {
        let tmp = tempfile::tempdir().unwrap();
        let (seed, meta) = seed(&tmp.path().join("a"), transports, Some(1_000_000));
        let old = seed.local_addr();
        let leech = session(None, |config| config.transports = transports);
        let add = AddTorrent::new(Arc::clone(&meta), tmp.path().join("b")).peers(vec![old]);
        let torrent = leech.add(add).wait().unwrap();
        let before = connected(&torrent);
        let new = seed.set_port(0).wait().unwrap();
        assert_eq!(seed.local_addr(), new);
        assert_ne!(new.port(), old.port());
        assert!(TcpStream::connect(old).is_err(), "nothing listens on the old port");
        // The limit leaves most of the data for the time after the change, over the same connection.
        let after = torrent.peers().wait().unwrap();
        assert_eq!(after.iter().map(|peer| peer.addr).collect::<Vec<_>>(), [before.addr], "{transports:?}");
        seed.set_settings(&Settings::default()).wait().unwrap();
        leech.finished();
        let other = session(None, |config| config.transports = transports);
        other.add(AddTorrent::new(meta, tmp.path().join("c")).peers(vec![new])).wait().unwrap();
        other.finished();
        assert!([seed, leech, other].iter().all(|client| client.shutdown(LIMIT)));
    }
}

#[test]
fn change_to_a_port_in_use_is_an_error_and_changes_nothing() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().port();
    let client = session(None, |_| {});
    let before = client.local_addr();
    let error = client.set_port(taken).wait().unwrap_err();
    assert!(matches!(error, PortError::Taken(port) if port == taken), "{error}");
    assert_eq!(client.local_addr(), before);
    assert!(TcpStream::connect(before).is_ok());
    assert_eq!(client.set_port(before.port()).wait().unwrap(), before, "no change");
    assert!(client.shutdown(LIMIT));
}

#[test]
fn port_mapping_on_loopback_asks_nobody_and_says_why() {
    let client = session(None, |config| {
        let gateway: SocketAddr = "127.0.0.1:1".parse().unwrap();
        config.settings.port_mapping =
            PortMappingOptions::default().enabled(true).gateway(Some(gateway.ip()));
    });
    client.wait("port mapping", |event| matches!(event, SessionEvent::PortMapping { port: None, .. }));
    let status = client.port_mapping();
    assert!(Family::ALL.iter().all(|family| status.side(*family).state == SideState::Off(Absent::Loopback)));
    client.set_settings(&Settings::default()).wait().unwrap();
    let off = SideState::Off(Absent::TurnedOff);
    client.wait("off", |event| matches!(event, SessionEvent::PortMapping { .. }));
    assert!(Family::ALL.iter().all(|family| client.port_mapping().side(*family).state == off));
    assert!(client.shutdown(LIMIT));
}
