//! Moves, new names, folders for incomplete files, and the trash.

use crate::common::{Client, LIMIT, content, noise, session};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use ztor_metainfo::create::Options;
use ztor_session::{
    AddError, AddTorrent, ContentLayout, FileNames, Metainfo, MoveError, Priority, RateLimits, SessionEvent,
    Settings, TorrentEvent, TorrentHandle,
};
use ztor_storage::create::{CreateOptions, create};

const FILES: [(&str, usize); 4] =
    [("a/one", 200_000), ("a/two", 70_001), ("b/three", 300_000), ("four", 16_384)];

/// Writes four files into a folder "album", and makes a torrent of them.
pub(crate) fn album(dir: &Path) -> Arc<Metainfo> {
    let folder = dir.join("album");
    for (number, (path, len)) in FILES.iter().enumerate() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, noise(number as u64, *len)).unwrap();
    }
    let torrent = Options { piece_length: Some(65536), ..Options::default() };
    let options = CreateOptions { torrent, ..CreateOptions::default() };
    let made = create(&folder, &options, 2, |_, _| {}, &AtomicBool::new(false)).unwrap();
    Arc::new(Metainfo::from_bytes(&made.torrent).unwrap())
}

/// Returns the lengths and sums of all files below a folder.
pub(crate) fn tree(dir: &Path) -> BTreeMap<PathBuf, (usize, u64)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                let sum =
                    bytes.iter().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
                found.insert(path.strip_prefix(dir).unwrap().to_owned(), (bytes.len(), sum));
            }
        }
    }
    found
}

fn paths(dir: &Path) -> Vec<String> {
    tree(dir).into_keys().map(|path| path.to_str().unwrap().to_owned()).collect()
}

/// Returns folders on the file system of temporary files, and on another one if there is one.
pub(crate) fn file_systems() -> Vec<tempfile::TempDir> {
    use std::os::unix::fs::MetadataExt as _;
    let mut dirs = vec![tempfile::tempdir().unwrap()];
    let device = |path: &Path| std::fs::metadata(path).unwrap().dev();
    if let Ok(other) = tempfile::tempdir_in("/dev/shm")
        && device(other.path()) != device(dirs[0].path())
    {
        dirs.push(other);
    }
    dirs
}

pub(crate) fn until(torrent: &TorrentHandle, what: &str, done: impl Fn(&TorrentHandle) -> bool) {
    let end = Instant::now() + LIMIT;
    while !done(torrent) {
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}; {:?}", torrent.status());
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn seed_of(meta: &Arc<Metainfo>, dir: &Path) -> Client {
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(meta), dir).read_only(true)).wait().unwrap();
    seed.started();
    seed
}

/// Waits for the start. Returns the hashed bytes, and whether the torrent was finished.
pub(crate) fn start_of(client: &Client) -> (u64, bool) {
    let mut hashed = 0;
    let mut is_finished = false;
    client.wait("started", |event| match event {
        SessionEvent::Checked { hashed_bytes, .. } => {
            hashed = *hashed_bytes;
            false
        }
        SessionEvent::Torrent(TorrentEvent::Started { finished, .. }) => {
            is_finished = *finished;
            true
        }
        _ => false,
    });
    (hashed, is_finished)
}

#[test]
fn move_to_during_a_download_goes_on_and_the_next_session_finds_the_files_from_either_folder() {
    for target in file_systems() {
        let tmp = tempfile::tempdir().unwrap();
        let meta = content(&tmp.path().join("src"), 6 << 20);
        let seed = seed_of(&meta, &tmp.path().join("src"));
        let state = tmp.path().join("state");
        let leech = session(Some(&state), |c| c.settings.limits.down = Some(2 << 20));
        let (old, new) = (tmp.path().join("old"), target.path().join("new"));
        let add = |dir: &Path| AddTorrent::new(Arc::clone(&meta), dir).peers(vec![seed.local_addr()]);
        let torrent = leech.add(add(&old)).wait().unwrap();
        until(&torrent, "some data", |t| t.status().unwrap().have_bytes > 1 << 20);
        torrent.move_to(&new).wait_for(LIMIT).unwrap();
        leech.wait("moved", |e| matches!(e, SessionEvent::FilesMoved { dir, .. } if *dir == new));
        assert_eq!(torrent.peers().wait().unwrap().len(), 1, "the connection stays");
        assert_eq!((paths(&old), paths(&new)), (vec![], vec!["data".to_owned()]));
        assert_eq!(torrent.dir().wait().unwrap(), Some(new.clone()));
        assert!(torrent.status().unwrap().moving.is_none());
        leech.set_settings(&Settings::default().limits(RateLimits::default())).wait().unwrap();
        torrent.finished().wait_for(LIMIT).unwrap();
        assert_eq!(torrent.status().unwrap().wasted_bytes, 0, "no block was fetched twice");
        assert!(
            std::fs::read(new.join("data")).unwrap() == std::fs::read(tmp.path().join("src/data")).unwrap()
        );
        assert!(leech.shutdown(LIMIT));
        // By the old folder first: its record still leads to the new one. Nothing is hashed.
        for dir in [&old, &new, &new] {
            let again = session(Some(&state), |_| {});
            let torrent = again.add(add(dir)).wait().unwrap();
            assert_eq!(start_of(&again), (0, true), "from {}", dir.display());
            assert_eq!(torrent.dir().wait().unwrap(), Some(new.clone()));
            assert!(again.shutdown(LIMIT));
        }
        let records = std::fs::read_dir(state.join("resume")).unwrap().count();
        assert_eq!(
            records, 1,
            "the record that led to the new folder is removed once the folder is used by its name"
        );
        assert!(seed.shutdown(LIMIT));
    }
}

#[test]
fn rename_of_files_and_folders_is_kept_over_a_restart() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = album(tmp.path());
    let state = tmp.path().join("state");
    let client = session(Some(&state), |_| {});
    let torrent = client.add(AddTorrent::new(Arc::clone(&meta), tmp.path())).wait().unwrap();
    assert!(start_of(&client).1);
    torrent.rename_folder("album/a", "album/A").wait_for(LIMIT).unwrap();
    torrent.rename_file(3, "album/4.bin").wait_for(LIMIT).unwrap();
    torrent.rename_folder("album", "Best of").wait_for(LIMIT).unwrap();
    let taken = torrent.rename_file(0, "Best of/4.bin").wait_for(LIMIT);
    assert!(matches!(taken, Err(MoveError::Name(_))), "{taken:?}");
    std::fs::write(tmp.path().join("Best of/other"), b"mine").unwrap();
    let taken = torrent.rename_file(0, "Best of/other").wait_for(LIMIT);
    assert!(matches!(taken, Err(MoveError::Disk(_))), "{taken:?}");
    let outside = torrent.rename_file(0, "../x").wait_for(LIMIT);
    assert!(matches!(outside, Err(MoveError::Name(_))), "{outside:?}");
    let expected = ["Best of/4.bin", "Best of/A/one", "Best of/A/two", "Best of/b/three", "Best of/other"];
    let found =
        || paths(tmp.path()).into_iter().filter(|path| !path.starts_with("state")).collect::<Vec<_>>();
    assert_eq!(found(), expected);
    let shown: Vec<_> = torrent.files().wait().unwrap().into_iter().map(|file| file.path).collect();
    assert_eq!(shown[0], Path::new("Best of/A/one"));
    assert!(client.shutdown(LIMIT));
    let again = session(Some(&state), |_| {});
    let torrent = again.add(AddTorrent::new(Arc::clone(&meta), tmp.path())).wait().unwrap();
    assert_eq!(start_of(&again), (0, true));
    assert_eq!(found(), expected);
    // A hash of all data reads the files by their new names.
    torrent.recheck().wait().unwrap();
    assert!(start_of(&again).1);
    assert!(again.shutdown(LIMIT));
}

#[test]
fn move_to_files_of_another_torrent_is_refused_and_both_go_on() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, two) = (content(&tmp.path().join("x"), 50_000), content(&tmp.path().join("y"), 60_000));
    let client = session(None, |_| {});
    let first = client.add(AddTorrent::new(one, tmp.path().join("x"))).wait().unwrap();
    client.started();
    client.add(AddTorrent::new(two, tmp.path().join("y"))).wait().unwrap();
    client.started();
    let moved = first.move_to(tmp.path().join("y")).wait_for(LIMIT);
    assert!(matches!(moved, Err(MoveError::FileShared { .. })), "{moved:?}");
    first.move_to(tmp.path().join("z")).wait_for(LIMIT).unwrap();
    first.move_to(tmp.path().join("x")).wait_for(LIMIT).unwrap();
    assert_eq!(paths(tmp.path()), ["x/data", "y/data"]);
    assert!(client.shutdown(LIMIT));
}

#[test]
fn incomplete_files_have_their_own_folder_and_a_suffix_until_they_are_complete() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = album(&tmp.path().join("src"));
    let seed = seed_of(&meta, &tmp.path().join("src"));
    let state = tmp.path().join("state");
    let leech = session(Some(&state), |c| c.settings.limits.down = Some(300_000));
    let mut names = FileNames::new(ContentLayout::NoSubfolder);
    names.set_suffix(".part").unwrap();
    let (done, incomplete) = (tmp.path().join("done"), tmp.path().join("incomplete"));
    let add = || {
        let add = AddTorrent::new(Arc::clone(&meta), &done).incomplete_dir(Some(incomplete.clone()));
        add.names(names.clone()).peers(vec![seed.local_addr()])
    };
    let torrent = leech.add(add()).wait().unwrap();
    let finished = torrent.finished();
    until(&torrent, "some data", |t| t.status().unwrap().have_bytes > 100_000);
    assert!(paths(&incomplete).iter().any(|path| path.ends_with(".part")), "{:?}", paths(&incomplete));
    assert!(paths(&done).is_empty());
    assert!(leech.shutdown(LIMIT));
    drop(finished);
    // The next session goes on where it was.
    let leech = session(Some(&state), |_| {});
    let torrent = leech.add(add()).wait().unwrap();
    torrent.finished().wait_for(LIMIT).unwrap();
    assert_eq!(paths(&done), ["a/one", "a/two", "b/three", "four"]);
    assert_eq!(paths(&incomplete), Vec::<String>::new());
    assert_eq!(tree(&done), tree(&tmp.path().join("src/album")));
    assert!(leech.shutdown(LIMIT));
    let again = session(Some(&state), |_| {});
    again.add(add()).wait().unwrap();
    assert_eq!(start_of(&again), (0, true));
    assert!(again.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn move_to_of_incomplete_files_changes_the_folder_they_go_to_also_over_a_restart() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = album(&tmp.path().join("src"));
    let seed = seed_of(&meta, &tmp.path().join("src"));
    let state = tmp.path().join("state");
    let [first, second, incomplete] = ["first", "second", "incomplete"].map(|dir| tmp.path().join(dir));
    let add = |dir: &Path| {
        let add = AddTorrent::new(Arc::clone(&meta), dir).incomplete_dir(Some(incomplete.clone()));
        add.peers(vec![seed.local_addr()])
    };
    let leech = session(Some(&state), |c| c.settings.limits.down = Some(300_000));
    let torrent = leech.add(add(&first)).wait().unwrap();
    until(&torrent, "some data", |t| t.status().unwrap().have_bytes > 100_000);
    torrent.move_to(&second).wait_for(LIMIT).unwrap();
    assert!(paths(&second).is_empty(), "incomplete files stay");
    let had = torrent.status().unwrap().have_bytes;
    assert!(leech.shutdown(LIMIT));
    let leech = session(Some(&state), |_| {});
    let torrent = leech.add(add(&second)).wait().unwrap();
    // With its record, what it had is not hashed.
    let (hashed, total) = (start_of(&leech).0, meta.layout.total_len());
    assert!(hashed + had <= total, "{hashed} of {total} bytes were hashed");
    torrent.finished().wait_for(LIMIT).unwrap();
    assert_eq!(tree(&second), tree(&tmp.path().join("src")));
    assert!(paths(&first).is_empty() && paths(&incomplete).is_empty());
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn incomplete_files_move_to_other_folders_and_end_in_the_same_one() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = album(&tmp.path().join("src"));
    let seed = seed_of(&meta, &tmp.path().join("src"));
    let state = tmp.path().join("state");
    let [done, one, two] = ["done", "one", "two"].map(|dir| tmp.path().join(dir));
    let add = |incomplete: Option<&Path>| {
        let add = AddTorrent::new(Arc::clone(&meta), &done).incomplete_dir(incomplete.map(Path::to_owned));
        add.peers(vec![seed.local_addr()])
    };
    let slow = || session(Some(&state), |c| c.settings.limits.down = Some(300_000));
    let leech = slow();
    let torrent = leech.add(add(None)).wait().unwrap();
    until(&torrent, "some data", |t| t.status().unwrap().have_bytes > 100_000);
    assert!(!paths(&done).is_empty());
    torrent.move_incomplete_to(&one).wait_for(LIMIT).unwrap();
    assert!(paths(&done).is_empty() && !paths(&one).is_empty());
    assert_eq!(torrent.dir().wait().unwrap(), Some(done.clone()));
    let had = torrent.status().unwrap().have_bytes;
    assert!(leech.shutdown(LIMIT));
    // The next session goes on there, and moves it once more.
    let leech = slow();
    let torrent = leech.add(add(Some(&one))).wait().unwrap();
    let (hashed, total) = (start_of(&leech).0, meta.layout.total_len());
    assert!(hashed + had <= total, "{hashed} of {total} bytes were hashed");
    torrent.move_incomplete_to(&two).wait_for(LIMIT).unwrap();
    assert!(paths(&one).is_empty() && paths(&done).is_empty());
    assert_eq!(torrent.dir().wait().unwrap(), Some(done.clone()));
    // What is in the way of a file leaves all where they are.
    let first = paths(&two).swap_remove(0);
    std::fs::create_dir_all(one.join(&first)).unwrap();
    assert!(torrent.move_incomplete_to(&one).wait_for(LIMIT).is_err());
    assert!(!paths(&two).is_empty());
    assert!(leech.shutdown(LIMIT));
    let leech = session(Some(&state), |_| {});
    let torrent = leech.add(add(Some(&two))).wait().unwrap();
    torrent.finished().wait_for(LIMIT).unwrap();
    assert_eq!(tree(&done), tree(&tmp.path().join("src")));
    assert!(paths(&two).is_empty());
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn add_again_of_a_torrent_that_moves_or_was_just_removed_disturbs_nothing() {
    for target in file_systems() {
        let tmp = tempfile::tempdir().unwrap();
        let meta = content(&tmp.path().join("old"), 40 << 20);
        let client = session(Some(&tmp.path().join("state")), |_| {});
        let add = || AddTorrent::new(Arc::clone(&meta), tmp.path().join("old"));
        let torrent = client.add(add()).wait().unwrap();
        assert!(start_of(&client).1);
        let moved = torrent.move_to(target.path());
        for _ in 0..3 {
            let again = client.add(add()).wait();
            assert!(matches!(again, Err(AddError::Engine(ztor_engine::AddError::Duplicate))), "{again:?}");
        }
        moved.wait_for(LIMIT).unwrap();
        assert_eq!((paths(&tmp.path().join("old")), paths(target.path())), (vec![], vec!["data".to_owned()]));
        // The removal stops the move back, and the new torrent waits for that.
        drop(torrent.move_to(tmp.path().join("old")));
        torrent.remove().wait().unwrap();
        let torrent = client.add(add()).wait_for(LIMIT).unwrap();
        assert!(start_of(&client).1, "{:?}", torrent.dir().wait());
        torrent.remove_with_data().wait_for(LIMIT).unwrap();
        assert!(paths(&tmp.path().join("old")).is_empty() && paths(target.path()).is_empty());
        assert!(client.shutdown(LIMIT));
    }
}

#[test]
fn remove_to_trash_moves_the_files_and_forgets_the_torrent() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = album(&tmp.path().join("src"));
    let state = tmp.path().join("state");
    let trash = tmp.path().join("trash");
    let before = tree(&tmp.path().join("src"));
    for folder in [trash.clone(), trash.join("2")] {
        let client = session(Some(&state), |_| {});
        let torrent = client.add(AddTorrent::new(Arc::clone(&meta), tmp.path().join("src"))).wait().unwrap();
        assert!(start_of(&client).1);
        torrent.remove_to_trash(&trash).wait_for(LIMIT).unwrap();
        assert!(client.shutdown(LIMIT));
        assert_eq!(std::fs::read_dir(state.join("resume")).unwrap().count(), 0);
        let found: BTreeMap<_, _> =
            tree(&folder).into_iter().filter(|(path, _)| path.starts_with("album")).collect();
        assert_eq!(found, before);
        assert!(tree(&tmp.path().join("src")).is_empty());
        // The same torrent again.
        album(&tmp.path().join("src"));
    }
}

#[test]
fn move_to_with_priorities_keeps_the_part_file_with_the_files() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = album(&tmp.path().join("src"));
    let seed = seed_of(&meta, &tmp.path().join("src"));
    let leech = session(None, |_| {});
    let skipped = [Priority::Normal, Priority::Skip, Priority::Skip, Priority::Normal].to_vec();
    let add = AddTorrent::new(Arc::clone(&meta), tmp.path().join("old")).priorities(Some(skipped));
    let torrent = leech.add(add.peers(vec![seed.local_addr()])).wait().unwrap();
    leech.finished();
    torrent.move_to(tmp.path().join("new")).wait_for(LIMIT).unwrap();
    let parts = format!(".{}.parts", meta.info_hashes);
    assert_eq!(paths(&tmp.path().join("new")), [parts, "album/a/one".to_owned(), "album/four".to_owned()]);
    torrent.set_file_priorities([Priority::Normal; 4]).wait().unwrap();
    leech.finished();
    assert_eq!(tree(&tmp.path().join("new")), tree(&tmp.path().join("src")));
    assert!(paths(&tmp.path().join("old")).is_empty());
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}
