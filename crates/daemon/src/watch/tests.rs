//! Tests of the machine, with a made-up clock and disk.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::folder::{Pace, Ready};
use super::machine::{Machine, Scanned};
use super::row::Remembered;
use super::scan::{Found, Scan};
use super::stamp::Stamp;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use ztor_api::WatchFolderEdit;

const PACE: Pace = Pace { rescan: Duration::from_secs(60), settle: Duration::from_secs(2) };
const ROOT: u64 = 7;

/// A machine and the files that its scans find.
struct World {
    machine: Machine,
    now: Instant,
    files: Vec<Found>,
    root_inode: u64,
    error: Option<String>,
}

fn stamp(size_bytes: u64) -> Stamp {
    Stamp { size_bytes, modified_ns: 1, inode: 2 }
}

fn settings(recursive: bool) -> WatchFolderEdit {
    WatchFolderEdit { recursive, ..WatchFolderEdit::default() }
}

impl World {
    fn new(dirs: &[(&str, bool)]) -> Self {
        let folders = dirs.iter().map(|(dir, recursive)| (PathBuf::from(dir), settings(*recursive)));
        let (machine, _) = Machine::new(folders, []);
        Self { machine, now: Instant::now(), files: Vec::new(), root_inode: ROOT, error: None }
    }

    fn put(&mut self, path: &str, size: u64) {
        self.files.retain(|found| found.path != Path::new(path));
        self.files.push(Found { path: path.into(), stamp: stamp(size) });
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Makes the scans that are due, as `scan` would.
    fn scan(&mut self) -> Vec<(PathBuf, Scanned)> {
        let mut done = Vec::new();
        while let Some(order) = self.machine.next_scan(self.now, PACE) {
            let is_found = |path: &Path| {
                (path.parent() == Some(&order.dir) || order.is_recursive && path.starts_with(&order.dir))
                    && !order.inner.iter().any(|inner| path.starts_with(inner))
            };
            let scan = Scan {
                files: self.files.iter().filter(|found| is_found(&found.path)).cloned().collect(),
                dirs: Vec::new(),
                root_inode: Some(self.root_inode),
                error: self.error.clone(),
            };
            let scanned = self.machine.on_scanned(self.now, Duration::from_millis(1), &order, &scan).unwrap();
            done.push((order.dir, scanned));
        }
        done
    }

    fn event(&mut self, path: &str) {
        self.machine.on_event(Path::new(path));
        self.pass(1);
        self.scan();
    }

    fn ready(&self) -> Vec<Ready> {
        self.machine.ready(self.now, PACE)
    }

    fn ready_names(&self) -> Vec<String> {
        self.ready().iter().map(|ready| ready.path.display().to_string()).collect()
    }

    fn problems(&self) -> Vec<String> {
        let folders = self.machine.list().into_iter();
        folders.flat_map(|folder| folder.problems).map(|problem| problem.message).collect()
    }
}

#[test]
fn file_that_grows_is_ready_when_it_was_unchanged_for_long_enough() {
    let mut world = World::new(&[("/in", false)]);
    for size in 1..5 {
        world.put("/in/a.torrent", size);
        world.event("/in/a.torrent");
        assert!(world.ready().is_empty(), "after {size} seconds");
    }
    assert_eq!(world.machine.poll_timeout(world.now, PACE), Some(world.now + PACE.settle));
    world.pass(1);
    assert!(world.ready().is_empty());
    world.pass(1);
    let ready = world.ready();
    assert_eq!(ready, [Ready { folder: "/in".into(), path: "/in/a.torrent".into(), stamp: stamp(4) }]);
    // It is another version when it is read.
    world.machine.on_changed(world.now, &ready[0], stamp(5));
    assert!(world.ready().is_empty() && world.machine.settings_of(&ready[0]).is_none());
    world.pass(2);
    assert_eq!(world.ready()[0].stamp, stamp(5));
}

#[test]
fn bad_file_is_reported_once_and_tried_again_when_it_changes() {
    let mut world = World::new(&[("/in", false)]);
    world.put("/in/a.torrent", 1);
    world.scan();
    world.pass(2);
    world.machine.on_bad(&world.ready()[0].clone(), "truncated");
    for _ in 0..3 {
        world.pass(60);
        world.scan();
        assert!(world.ready().is_empty());
        assert_eq!(world.problems(), ["truncated"]);
    }
    world.put("/in/a.torrent", 2);
    world.event("/in/a.torrent");
    assert!(world.problems().is_empty());
    world.pass(2);
    world.machine.on_bad(&world.ready()[0].clone(), "still truncated");
    assert_eq!(world.problems(), ["still truncated"]);
    // New settings are a reason to try again, and a file that is gone has no problem.
    world.machine.put(Path::new("/in"), settings(false));
    world.scan();
    assert_eq!(world.ready_names(), ["/in/a.torrent"]);
    world.machine.on_bad(&world.ready()[0].clone(), "bad");
    world.files.clear();
    world.event("/in/a.torrent");
    assert!(world.problems().is_empty());
}

#[test]
fn problems_of_a_folder_are_bounded() {
    let mut world = World::new(&[("/in", false)]);
    (0..150).for_each(|n| world.put(&format!("/in/{n}.torrent"), 1));
    world.scan();
    world.pass(2);
    let mut count = 0;
    loop {
        let ready = world.ready();
        count += ready.len();
        if ready.is_empty() {
            break;
        }
        ready.iter().for_each(|file| world.machine.on_bad(file, &"x".repeat(1000)));
    }
    assert_eq!((count, world.problems().len(), world.problems()[0].len()), (150, 100, 500));
}

#[test]
fn failure_of_the_daemon_is_tried_again_after_growing_pauses() {
    let mut world = World::new(&[("/in", false)]);
    world.put("/in/a.torrent", 1);
    world.put("/in/b.torrent", 1);
    world.scan();
    world.pass(2);
    let [a, b] = <[Ready; 2]>::try_from(world.ready()).unwrap();
    assert!(world.machine.on_failed(world.now, &a, "busy", false), "it is reported");
    assert_eq!(world.ready_names(), ["/in/b.torrent"]);
    assert!(world.machine.on_failed(world.now, &b, "the disk is full", true));
    assert!(world.ready().is_empty());
    world.pass(15);
    assert_eq!(world.ready().len(), 2);
    assert!(!world.machine.on_failed(world.now, &a, "the disk is full", true), "it was reported");
    assert_eq!(world.ready(), [], "no file can be loaded");
    world.pass(30);
    assert_eq!(world.ready().len(), 2);
    world.machine.on_gone(&a);
    world.machine.on_gone(&b);
    assert!(world.problems().is_empty());
}

#[test]
fn kept_file_is_loaded_again_only_when_it_changes() {
    let mut world = World::new(&[("/in", false)]);
    world.put("/in/a.torrent", 1);
    world.scan();
    world.pass(2);
    let row = world.machine.on_stays(&world.ready()[0].clone(), None).unwrap();
    assert_eq!(row, Remembered { stamp: stamp(1), root_inode: ROOT });
    world.pass(60);
    world.scan();
    assert!(world.ready().is_empty());
    // After a restart.
    let folders = [(PathBuf::from("/in"), settings(false))];
    let (machine, forgotten) = Machine::new(folders, [(PathBuf::from("/in/a.torrent"), row)]);
    assert!(forgotten.is_empty());
    world.machine = machine;
    world.scan();
    world.pass(2);
    assert!(world.ready().is_empty());
    world.put("/in/a.torrent", 2);
    world.event("/in/a.torrent");
    world.pass(2);
    assert_eq!(world.ready_names(), ["/in/a.torrent"]);
}

#[test]
fn kept_file_is_forgotten_when_it_is_gone_but_not_when_its_drive_is() {
    let mut world = World::new(&[("/in", false)]);
    world.put("/in/a.torrent", 1);
    world.scan();
    world.pass(2);
    world.machine.on_stays(&world.ready()[0].clone(), None);
    let files = std::mem::take(&mut world.files);
    let rescan = |world: &mut World| {
        world.pass(60);
        world.scan().pop().unwrap().1.forgotten
    };
    world.root_inode = 1;
    assert!(rescan(&mut world).is_empty(), "an empty mount point");
    (world.root_inode, world.error) = (ROOT, Some("no access".into()));
    assert!(rescan(&mut world).is_empty(), "an incomplete scan");
    (world.error, world.files) = (None, files);
    assert!(rescan(&mut world).is_empty() && world.ready().is_empty(), "the drive is back");
    world.files.clear();
    assert_eq!(rescan(&mut world), [PathBuf::from("/in/a.torrent")]);
    world.put("/in/a.torrent", 1);
    rescan(&mut world);
    world.pass(2);
    assert_eq!(world.ready().len(), 1);
}

#[test]
fn innermost_folder_owns_a_file() {
    let mut world = World::new(&[("/in", true), ("/in/films", false), ("/other", false)]);
    for path in ["/in/a.torrent", "/in/b/c.torrent", "/in/films/d.torrent", "/in/films/old/e.torrent"] {
        world.put(path, 1);
    }
    world.scan();
    world.pass(2);
    let owners = |world: &World| -> Vec<String> {
        let ready = world.ready();
        ready.iter().map(|file| format!("{} {}", file.folder.display(), file.path.display())).collect()
    };
    let before = ["/in /in/a.torrent", "/in /in/b/c.torrent", "/in/films /in/films/d.torrent"];
    assert_eq!(owners(&world), before);
    let film = world.ready()[2].clone();
    world.machine.on_stays(&film, None);
    // The outer folder covers what was loaded from the inner one.
    assert!(world.machine.remove(Path::new("/in/films")).is_empty());
    assert!(world.machine.settings_of(&film).is_none());
    world.scan();
    world.pass(2);
    assert_eq!(owners(&world), ["/in /in/a.torrent", "/in /in/b/c.torrent", "/in /in/films/old/e.torrent"]);
    world.machine.put(Path::new("/in/b"), settings(false));
    assert_eq!(world.ready_names(), ["/in/a.torrent", "/in/films/old/e.torrent"]);
    assert_eq!(world.machine.remove(Path::new("/in")), [PathBuf::from("/in/films/d.torrent")]);
}

#[test]
fn scan_for_earlier_settings_does_not_count() {
    let mut world = World::new(&[("/in", true)]);
    let order = world.machine.next_scan(world.now, PACE).unwrap();
    world.machine.put(Path::new("/in"), settings(false));
    let scan = Scan { root_inode: Some(ROOT), ..Scan::default() };
    assert_eq!(world.machine.on_scanned(world.now, Duration::ZERO, &order, &scan), None);
    assert_eq!(world.scan().len(), 1);
}

#[test]
fn changes_during_a_scan_cause_another_one_after_a_pause() {
    let mut world = World::new(&[("/in", false)]);
    let order = world.machine.next_scan(world.now, PACE).unwrap();
    world.machine.on_event(Path::new("/in/a.torrent"));
    world.machine.on_event(Path::new("/elsewhere/a.torrent"));
    let scan = Scan { root_inode: Some(ROOT), ..Scan::default() };
    let took = Duration::from_secs(1);
    world.machine.on_scanned(world.now, took, &order, &scan).unwrap();
    assert_eq!(world.machine.poll_timeout(world.now, PACE), Some(world.now + took * 10));
    world.pass(10);
    assert_eq!(world.scan().len(), 1);
    assert_eq!(world.machine.poll_timeout(world.now, PACE), Some(world.now + PACE.rescan));
    world.machine.request_scans();
    assert_eq!(world.machine.poll_timeout(world.now, PACE), Some(world.now));
}
