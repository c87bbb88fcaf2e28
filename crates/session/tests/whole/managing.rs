//! Pause, recheck, trackers and priorities of running torrents.

use crate::common::{Client, LIMIT, content, session};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use ztor_metainfo::create::Options;
use ztor_session::{
    AddTorrent, AskError, Metainfo, Priority, PriorityError, RateLimits, RemoveError, SessionEvent, Settings,
    TorrentEvent, TorrentHandle, TorrentState,
};
use ztor_storage::create::{CreateOptions, create};

fn seed_of(meta: &Arc<Metainfo>, dir: &Path) -> Client {
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(meta), dir).read_only(true)).wait().unwrap();
    seed.started();
    seed
}

/// Writes two files of 200,000 and 300,000 bytes into a new folder, and makes a torrent of pieces of 64 KiB of them.
fn album(dir: &Path) -> Arc<Metainfo> {
    let path = dir.join("album");
    std::fs::create_dir_all(&path).unwrap();
    let bytes = |len: u32| (0..len).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes());
    std::fs::write(path.join("a"), bytes(50_000).collect::<Vec<_>>()).unwrap();
    std::fs::write(path.join("b"), bytes(75_000).collect::<Vec<_>>()).unwrap();
    let torrent = Options { piece_length: Some(65536), ..Options::default() };
    let options = CreateOptions { torrent, ..CreateOptions::default() };
    let made = create(&path, &options, 2, |_, _| {}, &AtomicBool::new(false)).unwrap();
    Arc::new(Metainfo::from_bytes(&made.torrent).unwrap())
}

fn until(torrent: &TorrentHandle, what: &str, done: impl Fn(&TorrentHandle) -> bool) {
    let end = Instant::now() + LIMIT;
    while !done(torrent) {
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}; {:?}", torrent.status());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn pause_in_the_middle_of_a_download_stops_it_and_resume_completes_it() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("src"), 4 << 20);
    let seed = seed_of(&meta, &tmp.path().join("src"));
    let leech = session(None, |c| c.settings.limits.down = Some(1 << 20));
    let peers = vec![seed.local_addr()];
    let torrent =
        leech.add(AddTorrent::new(Arc::clone(&meta), tmp.path().join("dst")).peers(peers)).wait().unwrap();
    until(&torrent, "some data", |t| t.status().unwrap().have_bytes > 0);
    torrent.pause().wait().unwrap();
    until(&torrent, "paused", |t| t.peers().wait().unwrap().is_empty());
    until(&torrent, "shown", |t| t.status().unwrap().state == TorrentState::Paused);
    leech.set_settings(&Settings::default().limits(RateLimits::default())).wait().unwrap();
    let before = torrent.status().unwrap().session_downloaded_bytes;
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(torrent.status().unwrap().session_downloaded_bytes, before);
    torrent.resume().wait().unwrap();
    torrent.finished().wait_for(LIMIT).unwrap();
    let read = |dir: &str| std::fs::read(tmp.path().join(dir).join("data")).unwrap();
    assert!(read("src") == read("dst"));
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn recheck_of_damaged_data_downloads_it_again() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("src"), 1 << 20);
    let seed = seed_of(&meta, &tmp.path().join("src"));
    let leech = session(None, |_| {});
    let peers = vec![seed.local_addr()];
    let add = AddTorrent::new(Arc::clone(&meta), tmp.path().join("dst")).peers(peers);
    let torrent = leech.add(add).wait().unwrap();
    leech.finished();
    let path = tmp.path().join("dst/data");
    let right = std::fs::read(&path).unwrap();
    let mut wrong = right.clone();
    wrong[500_000] ^= 1;
    std::fs::write(&path, wrong).unwrap();
    torrent.recheck().wait().unwrap();
    leech.wait("checked again", |e| {
        matches!(e, SessionEvent::Torrent(TorrentEvent::Started { finished: false, .. }))
    });
    leech.finished();
    assert!(std::fs::read(&path).unwrap() == right);
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn set_file_priorities_downloads_a_file_that_was_skipped() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = album(&tmp.path().join("src"));
    let seed = seed_of(&meta, &tmp.path().join("src"));
    let leech = session(Some(&tmp.path().join("state")), |_| {});
    let add = AddTorrent::new(Arc::clone(&meta), tmp.path().join("dst"))
        .peers(vec![seed.local_addr()])
        .wanted(Some(vec![true, false]));
    let torrent = leech.add(add).wait().unwrap();
    leech.finished();
    let path = |dir: &str, file: &str| tmp.path().join(dir).join("album").join(file);
    assert!(path("dst", "a").exists() && !path("dst", "b").exists());
    let files = torrent.files().wait().unwrap();
    assert_eq!(
        (files[0].have_bytes, files[0].bytes, files[0].priority),
        (200_000, 200_000, Priority::Normal)
    );
    assert_eq!((files[1].bytes, files[1].priority), (300_000, Priority::Skip));
    assert_eq!(files[0].have_bytes + files[1].have_bytes, torrent.status().unwrap().have_bytes);
    let wrong = torrent.set_file_priorities([Priority::High]).wait();
    assert_eq!(wrong, Err(PriorityError::WrongFileCount { expected: 2, found: 1 }));
    torrent.set_file_priorities([Priority::Low, Priority::High]).wait().unwrap();
    leech.finished();
    for file in ["a", "b"] {
        assert!(
            std::fs::read(path("src", file)).unwrap() == std::fs::read(path("dst", file)).unwrap(),
            "{file}"
        );
    }
    let files = |torrent: &TorrentHandle| -> Vec<_> {
        let files = torrent.files().wait().unwrap();
        files.iter().map(|file| (file.bytes - file.have_bytes, file.priority)).collect()
    };
    assert_eq!(files(&torrent), [(0, Priority::Low), (0, Priority::High)]);
    let map = torrent.pieces().wait().unwrap();
    assert!(map.have.is_full() && map.partial.is_empty());
    // Dropping a file that is there leaves it alone.
    torrent.set_file_priorities([Priority::Normal, Priority::Skip]).wait().unwrap();
    assert!(path("dst", "b").exists());
    assert_eq!(files(&torrent), [(0, Priority::Normal), (0, Priority::Skip)]);
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn set_trackers_of_a_torrent_shows_the_new_ones() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("src"), 10_000);
    let client = session(None, |_| {});
    let torrent = client.add(AddTorrent::new(meta, tmp.path().join("dst")).paused(true)).wait().unwrap();
    let tiers = vec![vec!["http://127.0.0.1:1/announce".to_owned()], vec!["udp://127.0.0.1:2".to_owned()]];
    torrent.set_trackers(tiers.clone()).wait().unwrap();
    let urls = |torrent: &TorrentHandle| {
        let trackers = torrent.status().unwrap().trackers;
        trackers.into_iter().map(|tracker| (tracker.tier, tracker.url)).collect::<Vec<_>>()
    };
    let expected = [(0, tiers[0][0].clone()), (1, tiers[1][0].clone())];
    until(&torrent, "trackers", |torrent| urls(torrent) == expected);
    assert!(client.shutdown(LIMIT));
}

#[test]
fn remove_with_data_deletes_files_and_resume_data_and_spares_others() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = album(&tmp.path().join("src"));
    let seed = seed_of(&meta, &tmp.path().join("src"));
    let state = tmp.path().join("state");
    let leech = session(Some(&state), |_| {});
    let add = AddTorrent::new(Arc::clone(&meta), tmp.path().join("dst")).peers(vec![seed.local_addr()]);
    let torrent = leech.add(add).wait().unwrap();
    leech.finished();
    let folder = tmp.path().join("dst/album");
    std::fs::write(folder.join("notes"), b"mine").unwrap();
    let records = || std::fs::read_dir(state.join("resume")).unwrap().count();
    assert_eq!(records(), 1);
    let deleted = torrent.remove_with_data().wait_for(LIMIT).unwrap();
    assert_eq!((deleted.removed, deleted.left.len()), (2, 0));
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notes"]);
    assert_eq!(records(), 0);
    assert_eq!(torrent.remove_with_data().wait(), Err(AskError::NoTorrent.into()));
    // The files are free for another download at once.
    let again = AddTorrent::new(Arc::clone(&meta), tmp.path().join("dst")).peers(vec![seed.local_addr()]);
    leech.add(again).wait().unwrap().finished().wait_for(LIMIT).unwrap();
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn remove_with_data_of_a_seed_leaves_what_it_may_not_write() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = album(&tmp.path().join("src"));
    let seed = session(None, |_| {});
    let torrent = seed.add(AddTorrent::new(meta, tmp.path().join("src")).read_only(true)).wait().unwrap();
    seed.started();
    let removed = torrent.remove_with_data().wait_for(LIMIT);
    assert!(matches!(removed, Err(RemoveError::Disk(_))), "{removed:?}");
    assert!(tmp.path().join("src/album/a").exists());
    assert_eq!(torrent.peers().wait().map(drop), Err(AskError::NoTorrent));
    assert!(seed.shutdown(LIMIT));
}

#[test]
fn statistics_are_kept_over_restarts() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("src"), 1 << 20);
    let seed = seed_of(&meta, &tmp.path().join("src"));
    let state = tmp.path().join("state");
    let add = || AddTorrent::new(Arc::clone(&meta), tmp.path().join("dst")).peers(vec![seed.local_addr()]);
    let leech = session(Some(&state), |_| {});
    let torrent = leech.add(add()).wait().unwrap();
    torrent.finished().wait_for(LIMIT).unwrap();
    let seconds = |torrent: &TorrentHandle| torrent.statistics().wait().unwrap().unwrap().seeding.as_secs();
    until(&torrent, "two seconds of seeding", |torrent| seconds(torrent) >= 2);
    let first = torrent.statistics().wait().unwrap().unwrap();
    assert_eq!((first.downloaded_bytes, first.uploaded_bytes), (1 << 20, 0));
    assert!(first.active >= first.seeding && first.finished.unwrap() >= first.added);
    assert!(leech.shutdown(LIMIT));
    let again = session(Some(&state), |_| {});
    let torrent = again.add(add()).wait().unwrap();
    again.started();
    torrent.pause().wait().unwrap();
    let second = torrent.statistics().wait().unwrap().unwrap();
    assert_eq!((second.added, second.finished), (first.added, first.finished));
    assert_eq!(second.downloaded_bytes, 1 << 20);
    assert!(second.seeding.as_secs() >= 2, "{second:?}");
    let times = |torrent: &TorrentHandle| torrent.statistics().wait().unwrap().unwrap().active;
    let before = times(&torrent);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(times(&torrent), before, "a pause does not count");
    assert!(again.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn export_returns_a_torrent_file_with_the_same_torrent() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = album(tmp.path());
    let client = session(None, |_| {});
    let torrent = client.add(AddTorrent::new(Arc::clone(&meta), tmp.path())).wait().unwrap();
    let exported = Metainfo::from_bytes(&torrent.export().wait().unwrap()).unwrap();
    assert_eq!((exported.info_hashes, &exported.name), (meta.info_hashes, &meta.name));
    assert!(client.shutdown(LIMIT));
}
