//! Files and resume data of a session: at the start, while it runs and at the end.

use crate::common::{Client, LIMIT, noise, session};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use ztor_metainfo::create::Options;
use ztor_metainfo::{Magnet, Metainfo};
use ztor_session::{
    AddError, AddMagnet, AddTorrent, DiskFaultKind, End, SessionEvent, StartTorrentError, TorrentEvent,
};
use ztor_storage::create::{CreateOptions, create};

/// Writes a file of bytes that do not repeat, and creates a torrent of it.
fn torrent(path: &Path, len: usize, trackers: &[String]) -> Arc<Metainfo> {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, noise(1, len)).unwrap();
    torrent_of(path, trackers)
}

fn torrent_of(path: &Path, trackers: &[String]) -> Arc<Metainfo> {
    torrent_in_pieces(path, trackers, 16384)
}

fn torrent_in_pieces(path: &Path, trackers: &[String], piece_length: u32) -> Arc<Metainfo> {
    let torrent = Options {
        trackers: trackers.iter().map(|url| vec![url.clone()]).collect(),
        piece_length: Some(piece_length),
        ..Options::default()
    };
    let options = CreateOptions { torrent, ..CreateOptions::default() };
    let made = create(path, &options, 2, |_, _| {}, &AtomicBool::new(false)).unwrap();
    Arc::new(Metainfo::from_bytes(&made.torrent).unwrap())
}

#[test]
fn end_with_a_silent_tracker_saves_and_does_not_wait_for_it() {
    let tmp = tempfile::tempdir().unwrap();
    let state = tmp.path().join("state");
    // It accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/announce", silent.local_addr().unwrap());
    let meta = torrent(&tmp.path().join("blob"), 100_000, &[url]);
    let session = session(Some(&state), |_| {});
    session.add(AddTorrent::new(meta, tmp.path())).wait().unwrap();
    session.started();
    assert_eq!(session.end(Duration::from_millis(50), LIMIT), End::WithoutGoodbyes);
    let records = std::fs::read_dir(state.join("resume")).unwrap().count();
    assert_eq!(records, 1);
    assert_eq!(session.end(Duration::ZERO, Duration::ZERO), End::Unfinished, "it has ended before");
}

#[test]
fn restart_with_an_unchanged_torrent_does_not_write_its_record() {
    use std::os::unix::fs::MetadataExt as _;
    let tmp = tempfile::tempdir().unwrap();
    let state = tmp.path().join("state");
    let meta = torrent(&tmp.path().join("blob"), 100_000, &[]);
    let run = || {
        let session = session(Some(&state), |_| {});
        session.add(AddTorrent::new(Arc::clone(&meta), tmp.path())).wait().unwrap();
        session.started();
        assert!(session.shutdown(LIMIT));
        let record = std::fs::read_dir(state.join("resume")).unwrap().next().unwrap().unwrap();
        record.metadata().unwrap().ino()
    };
    let first = run();
    assert_eq!([run(), run()], [first, first]);
}

/// Downloads the second file of two slowly, and changes the first, which is complete. Returns true if the change is
/// kept.
fn change_while_running(change: impl Fn(&Path), done: impl FnMut(&SessionEvent) -> bool) -> bool {
    let tmp = tempfile::tempdir().unwrap();
    let (source, target) = (tmp.path().join("src"), tmp.path().join("dst"));
    std::fs::create_dir_all(target.join("album")).unwrap();
    std::fs::create_dir_all(source.join("album")).unwrap();
    torrent(&source.join("album/a.bin"), 64 * 16384, &[]);
    torrent(&source.join("album/b.bin"), 1024 * 16384, &[]);
    let meta = torrent_of(&source.join("album"), &[]);
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(&meta), &source).read_only(true)).wait().unwrap();
    seed.started();
    let first = target.join("album/a.bin");
    std::fs::copy(source.join("album/a.bin"), &first).unwrap();
    let leech = session(None, |c| c.settings.limits.down = Some(100_000));
    let peers = vec![seed.local_addr()];
    leech.add(AddTorrent::new(meta, &target).peers(peers)).wait().unwrap();
    leech.started();
    change(&first);
    let changed = std::fs::read(&first).unwrap();
    leech.wait(
        "found",
        |e| matches!(e, SessionEvent::ChangedByOthers { fault, .. } if fault.message.contains("a.bin")),
    );
    leech.wait("looked at", done);
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
    std::fs::read(&first).unwrap() == changed
}

#[test]
fn file_that_gets_only_another_time_is_checked_and_the_torrent_continues() {
    let touch = |path: &Path| {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    };
    change_while_running(touch, |e| match e {
        SessionEvent::Torrent(TorrentEvent::Started { .. }) => true,
        SessionEvent::Torrent(TorrentEvent::Stopped { fault, .. }) => panic!("{fault:?}"),
        _ => false,
    });
}

#[test]
fn file_that_the_user_edits_stops_the_torrent_and_stays_as_it_is() {
    let edit = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[100_000] ^= 1;
        std::fs::write(path, bytes).unwrap();
        // As if the file had been there for a while.
        let later = std::time::SystemTime::now() + Duration::from_secs(60);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(later).unwrap();
    };
    let is_kept = change_while_running(edit, |e| match e {
        SessionEvent::Torrent(TorrentEvent::Stopped { fault, .. }) => {
            assert_eq!(fault.kind, DiskFaultKind::Changed);
            true
        }
        _ => false,
    });
    assert!(is_kept, "it was written over");
}

#[test]
fn folder_that_disappears_stops_the_torrent_until_it_is_back_and_is_not_created_again() {
    let tmp = tempfile::tempdir().unwrap();
    let (source, target) = (tmp.path().join("src"), tmp.path().join("dst"));
    let meta = torrent(&source.join("blob"), 2048 * 16384, &[]);
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(&meta), &source).read_only(true)).wait().unwrap();
    seed.started();
    let leech = session(None, |c| c.settings.limits.down = Some(200_000));
    let peers = vec![seed.local_addr()];
    let id = leech.add(AddTorrent::new(meta, &target).peers(peers)).wait().unwrap();
    let end = Instant::now() + LIMIT;
    while id.status().unwrap().have_bytes == 0 {
        assert!(Instant::now() < end, "{:?}", leech.snapshot());
        std::thread::sleep(Duration::from_millis(20));
    }
    std::fs::rename(&target, tmp.path().join("away")).unwrap();
    let mut retry = None;
    leech.wait("stopped", |e| match e {
        SessionEvent::WillRetry { torrent, after } => {
            retry = Some((*torrent, *after));
            false
        }
        SessionEvent::Torrent(TorrentEvent::Stopped { fault, .. }) => {
            assert_eq!(fault.kind, DiskFaultKind::Gone, "{}", fault.message);
            true
        }
        _ => false,
    });
    assert_eq!(retry, Some((id.id(), Duration::from_secs(30))));
    assert!(!target.exists());
    // It is found without the user.
    std::fs::rename(tmp.path().join("away"), &target).unwrap();
    leech.wait("back", |e| match e {
        SessionEvent::Torrent(TorrentEvent::Started { have_bytes, .. }) => {
            assert!(*have_bytes > 0);
            true
        }
        _ => false,
    });
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn start_with_metadata_of_another_torrent_is_refused() {
    let tmp = tempfile::tempdir().unwrap();
    let (source, target) = (tmp.path().join("src"), tmp.path().join("dst"));
    let meta = torrent(&source.join("blob"), 100_000, &[]);
    let other = torrent(&tmp.path().join("other/blob"), 500_000, &[]);
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(&meta), &source).read_only(true)).wait().unwrap();
    seed.started();
    let leech = session(None, |_| {});
    let magnet = Magnet::from(meta.as_ref());
    let id = leech.add_magnet(AddMagnet::new(magnet).peers(vec![seed.local_addr()])).wait().unwrap();
    leech.wait("known", |e| matches!(e, SessionEvent::Torrent(TorrentEvent::Metadata { .. })));
    let refused = id.start(AddTorrent::new(other, &target)).wait();
    assert!(matches!(refused, Err(AddError::Start(StartTorrentError::OtherTorrent))), "{refused:?}");
    id.start(AddTorrent::new(meta, &target)).wait().unwrap();
    leech.finished();
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn piece_in_progress_is_resumed_after_a_restart() {
    let tmp = tempfile::tempdir().unwrap();
    let (source, target, state) = (tmp.path().join("src"), tmp.path().join("dst"), tmp.path().join("state"));
    torrent(&source.join("blob"), 8 << 20, &[]);
    // All of it is one piece.
    let meta = torrent_in_pieces(&source.join("blob"), &[], 8 << 20);
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(&meta), &source).read_only(true)).wait().unwrap();
    seed.started();
    let add = || AddTorrent::new(Arc::clone(&meta), &target).peers(vec![seed.local_addr()]);
    let first = session(Some(&state), |c| c.settings.limits.down = Some(4 << 20));
    let id = first.add(add()).wait().unwrap();
    let end = Instant::now() + LIMIT;
    while id.status().unwrap().session_downloaded_bytes < 4 << 20 {
        assert!(Instant::now() < end, "{:?}", first.snapshot());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(first.shutdown(LIMIT));

    let second = session(Some(&state), |_| {});
    let id = second.add(add()).wait().unwrap();
    second.finished();
    let fetched = id.status().unwrap().session_downloaded_bytes;
    assert!(fetched <= 5 << 20, "{fetched} bytes fetched again");
    assert!(std::fs::read(source.join("blob")).unwrap() == std::fs::read(target.join("blob")).unwrap());
    assert!(second.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn piece_that_goes_bad_under_a_seed_is_found_when_peers_hang_up() {
    let tmp = tempfile::tempdir().unwrap();
    let blob = tmp.path().join("src/blob");
    torrent(&blob, 100_000, &[]);
    let meta = torrent_in_pieces(&blob, &[], 1 << 17);
    let seed = session(None, |_| {});
    let add = AddTorrent::new(Arc::clone(&meta), tmp.path().join("src")).read_only(true);
    seed.add(add).wait().unwrap();
    seed.started();
    let time = std::fs::metadata(&blob).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[50_000] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    std::fs::File::options().write(true).open(&blob).unwrap().set_modified(time).unwrap();
    let leeches: Vec<Client> = (0..3)
        .map(|n| {
            let leech = session(None, |_| {});
            let peers = vec![seed.local_addr()];
            let target = tmp.path().join(format!("dst{n}"));
            leech.add(AddTorrent::new(Arc::clone(&meta), target).peers(peers)).wait().unwrap();
            leech
        })
        .collect();
    seed.wait(
        "found",
        |e| matches!(e, SessionEvent::ChangedByOthers { fault, .. } if fault.message.contains("blob")),
    );
    seed.wait("hashed", |e| {
        matches!(e, SessionEvent::Torrent(TorrentEvent::Started { finished: false, have_bytes: 0, .. }))
    });
    assert!(seed.shutdown(LIMIT) && leeches.iter().all(|leech| leech.shutdown(LIMIT)));
}
