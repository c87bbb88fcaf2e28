//! What a session does with files and records: at the start, while it runs and at the end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use ztor_metainfo::Metainfo;
use ztor_metainfo::create::Options;
use ztor_session::{AddTorrent, Config, End, Session, SessionEvent, TorrentEvent};
use ztor_storage::create::{CreateOptions, create};

const LIMIT: Duration = Duration::from_secs(60);

fn session(state: Option<&Path>, tune: impl FnOnce(&mut Config)) -> Session {
    let mut config = Config {
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST).into(),
        port: 0,
        state_dir: state.map(Path::to_owned),
        ..Config::default()
    };
    tune(&mut config);
    Session::start(config).unwrap()
}

/// Writes a file of bytes that do not repeat, and makes a torrent of it.
fn torrent(path: &Path, len: usize, trackers: &[String]) -> Arc<Metainfo> {
    let mut state = 1u64;
    let bytes: Vec<u8> = (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
    let torrent = Options {
        trackers: trackers.iter().map(|url| vec![url.clone()]).collect(),
        piece_length: Some(16384),
        ..Options::default()
    };
    let options = CreateOptions { torrent, ..CreateOptions::default() };
    let made = create(path, &options, 2, |_, _| {}, &AtomicBool::new(false)).unwrap();
    Arc::new(Metainfo::from_bytes(&made.torrent).unwrap())
}

fn wait(session: &Session, what: &str, mut done: impl FnMut(&SessionEvent) -> bool) {
    let end = Instant::now() + LIMIT;
    let events = session.events();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match events.recv_timeout(left) {
            Ok(event) if done(&event) => return,
            Ok(_) => {}
            Err(_) => panic!("{what}: not within {LIMIT:?}; {:?}", session.snapshot()),
        }
    }
}

fn started(session: &Session) {
    wait(session, "started", |e| matches!(e, SessionEvent::Torrent(TorrentEvent::Started { .. })));
}

fn finished(session: &Session) {
    wait(session, "finished", |e| matches!(e, SessionEvent::Torrent(TorrentEvent::Finished(_))));
}

#[test]
fn end_with_a_silent_tracker_saves_and_does_not_wait_for_it() {
    let tmp = tempfile::tempdir().unwrap();
    let state = tmp.path().join("state");
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/announce", silent.local_addr().unwrap());
    let meta = torrent(&tmp.path().join("blob"), 100_000, &[url]);
    let session = session(Some(&state), |_| {});
    session.add(AddTorrent::new(meta, tmp.path())).unwrap();
    started(&session);
    assert_eq!(session.end(Duration::from_millis(50), LIMIT), End::WithoutGoodbyes);
    let records = std::fs::read_dir(state.join("resume")).unwrap().count();
    assert_eq!(records, 1);
    assert_eq!(session.end(Duration::ZERO, Duration::ZERO), End::Unfinished, "it has ended before");
}
