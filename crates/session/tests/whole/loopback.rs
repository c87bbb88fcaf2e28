//! Whole sessions talking to each other over loopback.

use crate::common::{Client, LIMIT, noise, session};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use ztor_metainfo::Metainfo;
use ztor_session::{AddTorrent, Config, Session, SessionEvent, TorrentEvent, TorrentState};
use ztor_storage::create::{CreateOptions, create};

fn content(path: &Path, len: usize) {
    std::fs::write(path, noise(1, len)).unwrap();
}

fn torrent(path: &Path) -> Arc<Metainfo> {
    let bytes = create(path, &CreateOptions::default(), 2, |_, _| {}, &AtomicBool::new(false)).unwrap();
    Arc::new(Metainfo::from_bytes(&bytes.torrent).unwrap())
}

fn with_peer(meta: &Arc<Metainfo>, dir: &Path, peer: &Client) -> AddTorrent {
    let addr: SocketAddr = peer.local_addr();
    AddTorrent::new(Arc::clone(meta), dir).peers(vec![addr])
}

#[test]
fn transfer_of_a_folder_is_complete_and_remembered_after_a_restart() {
    let tmp = tempfile::tempdir().unwrap();
    let (source, target, state) = (tmp.path().join("src"), tmp.path().join("dst"), tmp.path().join("state"));
    std::fs::create_dir_all(source.join("data/sub")).unwrap();
    content(&source.join("data/a.bin"), 5_000_000);
    content(&source.join("data/sub/b.bin"), 1);
    content(&source.join("data/empty"), 0);
    content(&source.join("data/sub/c.bin"), 777_777);
    let meta = torrent(&source.join("data"));

    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(&meta), &source).read_only(true)).wait().unwrap();
    seed.wait("seed started", |e| {
        matches!(e, SessionEvent::Torrent(TorrentEvent::Started { finished: true, .. }))
    });

    let leech = session(Some(&state), |_| {});
    leech.add(with_peer(&meta, &target, &seed)).wait().unwrap();
    leech.finished();
    for file in ["a.bin", "sub/b.bin", "empty", "sub/c.bin"] {
        let (want, got) = (source.join("data").join(file), target.join("data").join(file));
        assert!(std::fs::read(want).unwrap() == std::fs::read(got).unwrap(), "{file} differs");
    }
    assert!(leech.shutdown(LIMIT));

    let again = session(Some(&state), |_| {});
    let id = again.add(AddTorrent::new(Arc::clone(&meta), &target)).wait().unwrap();
    again.wait("started again", |e| {
        matches!(e, SessionEvent::Torrent(TorrentEvent::Started { finished: true, .. }))
    });
    let snapshot = again.snapshot();
    let status = snapshot.torrent(id.id()).unwrap();
    assert_eq!(status.state, TorrentState::Seeding);
    assert_eq!((status.session_downloaded_bytes, status.downloaded_bytes), (0, meta.layout.total_len()));
    assert!(again.shutdown(LIMIT));
    assert!(seed.shutdown(LIMIT));
}

#[test]
fn interrupted_download_is_resumed_after_a_restart() {
    let tmp = tempfile::tempdir().unwrap();
    let (source, target, state) = (tmp.path().join("src"), tmp.path().join("dst"), tmp.path().join("state"));
    std::fs::create_dir_all(&source).unwrap();
    content(&source.join("blob"), 8 << 20);
    let meta = torrent(&source.join("blob"));
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(&meta), &source)).wait().unwrap();
    seed.started();

    let first = session(Some(&state), |c| c.settings.limits.down = Some(4 << 20));
    let id = first.add(with_peer(&meta, &target, &seed)).wait().unwrap();
    let end = Instant::now() + LIMIT;
    while id.status().unwrap().have_bytes < 2 << 20 {
        assert!(Instant::now() < end, "{:?}", first.snapshot());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(first.shutdown(LIMIT));
    // A byte changes between the runs, which the time of its file reveals.
    let path = target.join("blob");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();

    let second = session(Some(&state), |_| {});
    let id = second.add(with_peer(&meta, &target, &seed)).wait().unwrap();
    second.finished();
    let fetched = id.status().unwrap().session_downloaded_bytes;
    assert!(fetched < 7 << 20, "{fetched} bytes fetched again");
    assert_eq!(std::fs::read(source.join("blob")).unwrap(), std::fs::read(path).unwrap());
    assert!(second.shutdown(LIMIT));
    assert!(seed.shutdown(LIMIT));
}

#[test]
fn download_of_fifty_torrents_from_two_seeds_is_complete() {
    let tmp = tempfile::tempdir().unwrap();
    let (source, target) = (tmp.path().join("src"), tmp.path().join("dst"));
    std::fs::create_dir_all(&source).unwrap();
    let metas: Vec<_> = (0..50)
        .map(|n| {
            let path = source.join(format!("file-{n}"));
            content(&path, 100_000 + n * 7_001);
            torrent(&path)
        })
        .collect();
    let seeds = [session(None, |_| {}), session(None, |_| {})];
    for seed in &seeds {
        for meta in &metas {
            seed.add(AddTorrent::new(Arc::clone(meta), &source)).wait().unwrap();
        }
        metas.iter().for_each(|_| seed.started());
    }
    let leech = session(None, |_| {});
    for meta in &metas {
        let peers = seeds.iter().map(|seed| seed.local_addr()).collect();
        leech.add(AddTorrent::new(Arc::clone(meta), &target).peers(peers)).wait().unwrap();
    }
    metas.iter().for_each(|_| leech.finished());
    for n in 0..50 {
        let name = format!("file-{n}");
        assert!(
            std::fs::read(source.join(&name)).unwrap() == std::fs::read(target.join(&name)).unwrap(),
            "{name}"
        );
    }
    assert!(leech.shutdown(LIMIT));
    seeds.iter().for_each(|seed| assert!(seed.shutdown(LIMIT)));
}

#[test]
fn folder_that_cannot_be_created_stops_the_torrent_with_its_path() {
    let tmp = tempfile::tempdir().unwrap();
    content(&tmp.path().join("blob"), 100_000);
    let meta = torrent(&tmp.path().join("blob"));
    let session = session(None, |_| {});
    // Below a file there is no folder, not even for root.
    let target = tmp.path().join("blob/inside");
    session.add(AddTorrent::new(meta, &target)).wait().unwrap();
    session.wait("stopped", |e| match e {
        SessionEvent::Torrent(TorrentEvent::Stopped { fault, .. }) => {
            assert!(fault.message.contains("blob"), "{}", fault.message);
            true
        }
        _ => false,
    });
    assert!(session.shutdown(LIMIT));
}

#[test]
fn port_in_use_is_an_error_if_it_is_fixed_and_avoided_otherwise() {
    let first = session(None, |_| {});
    let port = first.local_addr().port();
    let bind = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let config = Config::default().bind(bind.into()).port(port).state_dir(None);
    let error = Session::start(config.clone().port_is_fixed(true)).unwrap_err().to_string();
    assert!(error.contains(&format!("port {port}")) && error.contains("in use"), "{error}");
    let second = Session::start(config).unwrap();
    assert_ne!(second.local_addr().port(), port);
    assert!(second.shutdown(LIMIT) && first.shutdown(LIMIT));
}

#[test]
fn file_that_others_change_between_runs_is_checked_at_the_next_start() {
    let tmp = tempfile::tempdir().unwrap();
    let state = tmp.path().join("state");
    content(&tmp.path().join("blob"), 3_000_000);
    let meta = torrent(&tmp.path().join("blob"));
    let run = |damage: &dyn Fn(&Path), expect_finished: bool| {
        let session = session(Some(&state), |_| {});
        session.add(AddTorrent::new(Arc::clone(&meta), tmp.path()).read_only(true)).wait().unwrap();
        session.wait("started", |e| match e {
            SessionEvent::Torrent(TorrentEvent::Started { finished, .. }) => {
                assert_eq!(*finished, expect_finished);
                true
            }
            _ => false,
        });
        damage(&tmp.path().join("blob"));
        assert!(session.shutdown(LIMIT));
    };
    run(&|_| {}, true);
    run(&|path| std::fs::rename(path, path.with_extension("away")).unwrap(), true);
    run(&|path| std::fs::rename(path.with_extension("away"), path).unwrap(), false);
    let flip = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[1_000_000] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    run(&flip, true);
    run(&flip, false);
    run(&|_| {}, true);
}

#[test]
fn stopped_torrent_is_resumed_by_a_retry_once_the_cause_is_gone() {
    let tmp = tempfile::tempdir().unwrap();
    let source = tmp.path().join("src");
    std::fs::create_dir_all(&source).unwrap();
    content(&source.join("blob"), 3_000_000);
    let meta = torrent(&source.join("blob"));
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(&meta), &source)).wait().unwrap();
    seed.started();
    // A file is in the place of the folder.
    let target = tmp.path().join("dst");
    std::fs::write(&target, b"in the way").unwrap();
    let leech = session(None, |_| {});
    let id = leech.add(with_peer(&meta, &target, &seed)).wait().unwrap();
    leech.wait("stopped", |e| matches!(e, SessionEvent::Torrent(TorrentEvent::Stopped { .. })));
    std::fs::remove_file(&target).unwrap();
    id.retry().wait().unwrap();
    leech.finished();
    assert!(std::fs::read(source.join("blob")).unwrap() == std::fs::read(target.join("blob")).unwrap());
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn file_lost_in_mid_download_stops_the_torrent_and_is_fetched_again() {
    let tmp = tempfile::tempdir().unwrap();
    let (source, target, state) = (tmp.path().join("src"), tmp.path().join("dst"), tmp.path().join("state"));
    std::fs::create_dir_all(&source).unwrap();
    content(&source.join("blob"), 64 << 20);
    let meta = torrent(&source.join("blob"));
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(&meta), &source)).wait().unwrap();
    seed.started();

    let first = session(Some(&state), |c| c.settings.limits.down = Some(2 << 20));
    let id = first.add(with_peer(&meta, &target, &seed)).wait().unwrap();
    let end = Instant::now() + LIMIT;
    while id.status().unwrap().have_bytes < 1 << 20 {
        assert!(Instant::now() < end, "{:?}", first.snapshot());
        std::thread::sleep(Duration::from_millis(20));
    }
    std::fs::remove_file(target.join("blob")).unwrap();
    first.wait("stopped", |e| matches!(e, SessionEvent::Torrent(TorrentEvent::Stopped { .. })));
    assert!(first.shutdown(LIMIT));

    let second = session(Some(&state), |_| {});
    second.add(with_peer(&meta, &target, &seed)).wait().unwrap();
    second.finished();
    assert!(std::fs::read(source.join("blob")).unwrap() == std::fs::read(target.join("blob")).unwrap());
    assert!(second.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

/// On a disk, the thread that locates a block detects it; in memory, where none has to, the sending does.
#[test]
fn served_file_that_becomes_shorter_stops_the_torrent_with_its_path() {
    let memory = Path::new("/dev/shm");
    let places = [Some(std::env::temp_dir()), memory.is_dir().then(|| memory.to_owned())];
    for place in places.into_iter().flatten() {
        let tmp = tempfile::tempdir_in(place).unwrap();
        let (source, target) = (tmp.path().join("src"), tmp.path().join("dst"));
        std::fs::create_dir_all(&source).unwrap();
        content(&source.join("blob"), 16 << 20);
        let meta = torrent(&source.join("blob"));
        let seed = session(None, |_| {});
        seed.add(AddTorrent::new(Arc::clone(&meta), &source)).wait().unwrap();
        seed.started();

        let leech = session(None, |c| c.settings.limits.down = Some(1 << 20));
        let id = leech.add(with_peer(&meta, &target, &seed)).wait().unwrap();
        let end = Instant::now() + LIMIT;
        while id.status().unwrap().have_bytes == 0 {
            assert!(Instant::now() < end, "{:?}", leech.snapshot());
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::File::options().write(true).open(source.join("blob")).unwrap().set_len(0).unwrap();
        seed.wait("stopped",
            |e| matches!(e, SessionEvent::Torrent(TorrentEvent::Stopped { fault, .. }) if fault.message.contains("blob")),
        );
        assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
    }
}
