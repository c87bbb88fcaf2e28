//! The process is killed at each change of the disk that a move, a rename, a removal or a check makes. The next session
//! finds all files in one place.

use crate::common::{LIMIT, session};
use crate::moving::{album, file_systems, seed_of, start_of, tree, until};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use ztor_session::{AddError, AddTorrent, Metainfo, RateLimits, TorrentHandle};
use ztor_storage::StorageError;
use ztor_storage::resume::Resume;

/// Variables of the process that is killed: the action, the folders, and the number of changes before the end.
const ACTION: &str = "ZTOR_TEST_CRASH_ACTION";
const FOLDER: &str = "ZTOR_TEST_CRASH_FOLDER";
const TARGET: &str = "ZTOR_TEST_CRASH_TARGET";
const CHANGES: &str = "ZTOR_TEST_CRASH_CHANGES";

/// Folders of one run.
struct Run {
    tmp: tempfile::TempDir,
    target: PathBuf,
    meta: Arc<Metainfo>,
    /// The files before the action.
    content: BTreeMap<PathBuf, (usize, u64)>,
}

impl Run {
    /// Creates a seeding torrent that a session has recorded.
    fn new(target: &Path) -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let meta = album(&tmp.path().join("old"));
        let content = tree(&tmp.path().join("old"));
        let run = Self { tmp, target: target.to_owned(), meta, content };
        let client = session(Some(&run.state()), |_| {});
        client.add(run.add()).wait().unwrap();
        assert!(start_of(&client).1);
        assert!(client.shutdown(LIMIT));
        run
    }

    fn state(&self) -> PathBuf {
        self.tmp.path().join("state")
    }

    fn old(&self) -> PathBuf {
        self.tmp.path().join("old")
    }

    fn add(&self) -> AddTorrent {
        AddTorrent::new(Arc::clone(&self.meta), self.old())
    }

    /// Starts the action in another process, which is killed after so many changes. Returns true if it came to its end
    /// before.
    fn act(&self, action: &str, changes: u32) -> bool {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "crashes::killed_process", "--nocapture", "--test-threads=1"]);
        child.env(ACTION, action).env(FOLDER, self.tmp.path()).env(TARGET, &self.target);
        child.env(CHANGES, changes.to_string()).stdout(Stdio::null());
        let status = child.status().unwrap();
        match status.signal() {
            Some(9) => false,
            _ if status.success() => true,
            _ => panic!("{action} after {changes}: {status}"),
        }
    }
}

/// Runs a download, and moves its files when some data is there: to another download folder, or until they are complete.
fn move_download(meta: &Arc<Metainfo>, dir: &Path, target: &Path, changes: u32, is_away: bool) {
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(meta), dir.join("src")).read_only(true)).wait().unwrap();
    seed.started();
    let limits = RateLimits { down: Some(1 << 20), up: None };
    let leech = session(Some(&dir.join("state")), |c| c.settings.limits = limits);
    let add = AddTorrent::new(Arc::clone(meta), dir.join("old")).peers(vec![seed.local_addr()]);
    let torrent = leech.add(add).wait().unwrap();
    until(&torrent, "some data", |t| t.status().unwrap().have_bytes > 100_000);
    ztor_storage::crash_after(changes);
    let moved = if is_away { torrent.move_incomplete_to(target) } else { torrent.move_to(target) };
    moved.wait_for(LIMIT).unwrap();
    torrent.finished().wait_for(LIMIT).unwrap();
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

/// Body of the process that is killed. Does nothing in an ordinary run of the tests.
#[test]
fn killed_process() {
    let Ok(action) = std::env::var(ACTION) else { return };
    let folder = |name: &str| PathBuf::from(std::env::var(name).unwrap());
    let (dir, target) = (folder(FOLDER), folder(TARGET));
    let meta = album(tempfile::tempdir().unwrap().path());
    let changes: u32 = std::env::var(CHANGES).unwrap().parse().unwrap();
    if let "move download" | "move away" = action.as_str() {
        return move_download(&meta, &dir, &target, changes, action == "move away");
    }
    let client = session(Some(&dir.join("state")), |_| {});
    let torrent = client.add(AddTorrent::new(meta, dir.join("old"))).wait().unwrap();
    assert!(start_of(&client).1);
    ztor_storage::crash_after(changes);
    act(&action, &torrent, &target);
    if action == "recheck" {
        assert!(start_of(&client).1);
    }
    assert!(client.shutdown(LIMIT));
}

fn act(action: &str, torrent: &TorrentHandle, target: &Path) {
    match action {
        "move" => torrent.move_to(target).wait_for(LIMIT).unwrap(),
        "rename" => torrent.rename_folder("album", "new/name").wait_for(LIMIT).unwrap(),
        "remove" => drop(torrent.remove_with_data().wait_for(LIMIT).unwrap()),
        "trash" => torrent.remove_to_trash(target).wait_for(LIMIT).unwrap(),
        "recheck" => torrent.recheck().wait().unwrap(),
        action => panic!("{action}"),
    }
}

/// Runs an action with a crash after each number of changes, and `check` after each crash. Returns the number of crashes.
fn crash_everywhere(action: &str, target: &Path, check: impl Fn(&Run, &str)) -> u32 {
    for changes in 0.. {
        let target = target.join(changes.to_string());
        let run = Run::new(&target);
        let is_over = run.act(action, changes);
        check(&run, &format!("{action} after {changes} changes"));
        if is_over {
            return changes;
        }
    }
    unreachable!("an action ends")
}

/// Checks that all files are in one place, whole, and are used without being hashed.
fn expect_whole(run: &Run, label: &str) {
    let client = session(Some(&run.state()), |_| {});
    let torrent = client.add(run.add()).wait().unwrap_or_else(|error| panic!("{label}: {error}"));
    assert_eq!(start_of(&client), (0, true), "{label}");
    torrent.finished().wait_for(LIMIT).unwrap();
    let dir = torrent.dir().wait().unwrap().unwrap();
    assert!(dir == run.old() || dir.starts_with(&run.target), "{label}: {}", dir.display());
    torrent.recheck().wait().unwrap();
    assert!(start_of(&client).1, "{label}");
    assert!(client.shutdown(LIMIT));
    let found = tree(&dir);
    assert_eq!(found.len(), 4, "{label}: {:?}", found.keys());
}

#[test]
fn crash_at_any_step_of_a_move_leaves_all_files_in_one_place() {
    for target in file_systems() {
        let crashes = crash_everywhere("move", target.path(), |run, label| {
            expect_whole(run, label);
            // Neither copies nor originals are left.
            assert_eq!(tree(&run.old()).len() + tree(&run.target).len(), 4, "{label}");
        });
        assert!(crashes > 8, "{crashes} crashes");
    }
}

/// Ends a move of a download after each number of changes, and checks what is left.
fn crash_download_everywhere(act: &str, check: impl Fn(&Run, &str)) {
    for target in file_systems() {
        for changes in 0.. {
            let tmp = tempfile::tempdir().unwrap();
            let meta = album(&tmp.path().join("src"));
            let target = target.path().join(changes.to_string());
            let run = Run { tmp, target, meta, content: BTreeMap::new() };
            let is_over = run.act(act, changes);
            check(&run, &format!("{changes} changes"));
            if is_over {
                assert!(changes > 5, "too few changes");
                break;
            }
        }
    }
}

#[test]
fn crash_at_any_step_of_a_move_during_a_download_loses_no_piece() {
    crash_download_everywhere("move download", |run, label| {
        let client = session(Some(&run.state()), |_| {});
        let torrent = client.add(run.add()).wait().unwrap_or_else(|error| panic!("{label}: {error}"));
        start_of(&client);
        let believed = torrent.status().unwrap().have_bytes;
        assert!(believed > 0, "{label}: the record is lost");
        torrent.recheck().wait().unwrap();
        start_of(&client);
        let found = torrent.status().unwrap().have_bytes;
        assert!(found >= believed, "{label}: {found} of {believed} bytes are there");
        assert!(client.shutdown(LIMIT));
        let (old, new) = (tree(&run.old()), tree(&run.target));
        assert!(old.is_empty() || new.is_empty(), "{label}: {:?} and {:?}", old.keys(), new.keys());
    });
}

#[test]
fn crash_at_any_step_of_a_move_of_incomplete_files_keeps_their_download_folder() {
    crash_download_everywhere("move away", |run, label| {
        let client = session(Some(&run.state()), |_| {});
        let source = run.tmp.path().join("src");
        let seed = seed_of(&run.meta, &source);
        let add = run.add().incomplete_dir(Some(run.target.clone())).peers(vec![seed.local_addr()]);
        let torrent = client.add(add.paused(true)).wait().unwrap_or_else(|error| panic!("{label}: {error}"));
        start_of(&client);
        assert!(torrent.status().unwrap().have_bytes > 0, "{label}: the record is lost");
        assert_eq!(torrent.dir().wait().unwrap(), Some(run.old()), "{label}");
        torrent.resume().wait().unwrap();
        torrent.finished().wait_for(LIMIT).unwrap();
        assert!(client.shutdown(LIMIT) && seed.shutdown(LIMIT));
        assert_eq!(tree(&run.old()).len(), 4, "{label}");
        assert!(tree(&run.target).is_empty(), "{label}: {:?}", tree(&run.target).keys());
    });
}

#[test]
fn crash_at_any_step_of_a_rename_leaves_all_files_with_one_name() {
    let target = tempfile::tempdir().unwrap();
    let crashes = crash_everywhere("rename", target.path(), |run, label| {
        expect_whole(run, label);
        let first: Vec<_> = tree(&run.old()).into_keys().map(|path| path.starts_with("new/name")).collect();
        assert!(first.iter().all(|is_new| *is_new == first[0]), "{label}: {:?}", tree(&run.old()).keys());
    });
    assert!(crashes > 8, "{crashes} crashes");
}

#[test]
fn crash_at_any_step_of_a_removal_deletes_all_files_or_none() {
    let target = tempfile::tempdir().unwrap();
    let crashes = crash_everywhere("remove", target.path(), |run, label| {
        if tree(&run.old()).len() == 4 {
            let client = session(Some(&run.state()), |_| {});
            match client.add(run.add()).wait() {
                Ok(_) => assert!(start_of(&client).1, "{label}"),
                Err(error) => assert!(matches!(error, AddError::Removed), "{label}: {error}"),
            }
            assert!(client.shutdown(LIMIT));
        } else if std::fs::read_dir(run.state().join("resume")).unwrap().count() > 0 {
            let client = session(Some(&run.state()), |_| {});
            let added = client.add(run.add()).wait();
            assert!(matches!(added, Err(AddError::Removed)), "{label}: {added:?}");
            assert!(client.shutdown(LIMIT));
        }
        let left = tree(&run.old()).len();
        assert!(left == 0 || left == 4, "{label}: {left} files are left");
    });
    assert!(crashes > 5, "{crashes} crashes");
}

#[test]
fn crash_at_any_step_of_a_move_to_the_trash_leaves_all_files_in_one_place() {
    let target = tempfile::tempdir().unwrap();
    let crashes = crash_everywhere("trash", target.path(), |run, label| {
        let (old, trash) = (tree(&run.old()).len(), tree(&run.target).len());
        let has_record = std::fs::read_dir(run.state().join("resume")).unwrap().count() > 0;
        if has_record {
            expect_whole(run, label);
        } else {
            assert_eq!((old, trash), (0, 4), "{label}");
        }
    });
    assert!(crashes > 8, "{crashes} crashes");
}

#[test]
fn crash_at_any_step_of_a_check_changes_no_file() {
    let target = tempfile::tempdir().unwrap();
    crash_everywhere("recheck", target.path(), |run, label| {
        assert_eq!(tree(&run.old()), run.content, "{label}");
        expect_whole(run, label);
        assert_eq!(tree(&run.old()), run.content, "{label}");
    });
}

#[test]
fn files_put_back_after_a_removal_that_crashed_are_not_deleted() {
    let target = tempfile::tempdir().unwrap();
    for changes in 0.. {
        let run = Run::new(target.path());
        assert!(!run.act("remove", changes), "no crash between the record and the first file");
        let restored = run.old().join("album/four");
        if !restored.exists() {
            continue;
        }
        std::fs::write(&restored, b"mine").unwrap();
        let client = session(Some(&run.state()), |_| {});
        let is_removed = matches!(client.add(run.add()).wait(), Err(AddError::Removed));
        assert!(client.shutdown(LIMIT));
        assert_eq!(std::fs::read(&restored).unwrap(), b"mine");
        if is_removed {
            assert_eq!(tree(&run.old()).len(), 1, "the files that are as they were are deleted");
            return;
        }
    }
}

#[test]
fn move_that_crashed_is_not_completed_without_its_drive() {
    let target = tempfile::tempdir().unwrap();
    for changes in 0.. {
        let run = Run::new(&target.path().join(changes.to_string()));
        assert!(!run.act("move", changes), "no crash while the files got their new names");
        let records = std::fs::read_dir(run.state().join("resume")).unwrap();
        let records =
            records.map(|entry| entry.unwrap().path()).map(|path| (Resume::load(&path).unwrap(), path));
        let is_switching = |resume: &Resume| resume.moving.as_ref().is_some_and(|m| m.switching.is_some());
        let Some((resume, path)) = records.into_iter().find(|(resume, _)| is_switching(resume)) else {
            continue;
        };
        let record_of = |mount: Option<&str>| {
            let mut resume = resume.clone();
            resume.moving.iter_mut().for_each(|moving| moving.mount = mount.map(PathBuf::from));
            resume.save(&path).unwrap();
        };
        let files = || (tree(&run.old()), tree(&run.target));
        let before = files();
        record_of(Some("/missing"));
        let client = session(Some(&run.state()), |_| {});
        let added = client.add(run.add()).wait();
        assert!(matches!(added, Err(AddError::Storage(StorageError::FolderGone { .. }))), "{added:?}");
        assert!(client.shutdown(LIMIT));
        assert_eq!(files(), before);
        record_of(None);
        expect_whole(&run, "with its drive");
        return;
    }
}
