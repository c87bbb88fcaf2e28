//! Watched folders of a real daemon over loopback.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use ztor_api::{Action, ActionRequest, DataChoice, ListQuery, ProblemKind};
use ztor_api::{Torrent, WatchFolder, WatchFolderEdit, WatchLoaded};
use ztor_daemon::settings::Sources;
use ztor_daemon::{Daemon, DaemonConfig, Options, Store, StoreError};
use ztor_storage::create::{CreateOptions, create};

const LIMIT: Duration = Duration::from_secs(60);

/// A daemon with its folders.
struct Bench {
    tmp: tempfile::TempDir,
    runtime: Runtime,
    /// `None` while it restarts.
    running: Option<Daemon>,
}

fn start(root: &Path, runtime: &Runtime) -> Daemon {
    let end = Instant::now() + LIMIT;
    let (store, salvage) = loop {
        match Store::open(&root.join("state")) {
            // The threads of the daemon before may still hold it.
            Err(StoreError::InUse { .. }) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(5));
            }
            opened => break opened.unwrap(),
        }
    };
    let downloads = root.join("downloads").display().to_string();
    let flags =
        [("bind", "127.0.0.1"), ("port", "0"), ("start_paused", "true"), ("download_dir", &downloads)];
    let flags = flags.map(|(key, value)| (key.to_owned(), format!("--{key}"), value.to_owned()));
    let settings = Sources::new(None).flags(flags).resolve().unwrap();
    let config = DaemonConfig { state_dir: root.join("state"), settings, port_is_fixed: true };
    let daemon = Daemon::start(store, salvage, config, runtime.handle().clone()).unwrap().daemon;
    // Shorter than the setting allows.
    daemon.set_options(Options { watch_settle: Duration::from_millis(20), ..daemon.options() });
    daemon
}

impl Bench {
    fn new() -> Self {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::create_dir(tmp.path().join("in")).unwrap();
        let runtime = Runtime::new().unwrap();
        let running = Some(start(tmp.path(), &runtime));
        Self { tmp, runtime, running }
    }

    fn daemon(&self) -> &Daemon {
        self.running.as_ref().unwrap()
    }

    fn restart(&mut self) {
        assert!(self.running.take().unwrap().end(Duration::ZERO, LIMIT));
        self.running = Some(start(self.tmp.path(), &self.runtime));
        self.until("all are loaded", |bench| {
            bench.torrents().iter().all(|torrent| torrent.state != ztor_api::State::Loading)
        });
    }

    fn inbox(&self) -> PathBuf {
        self.tmp.path().join("in")
    }

    fn watch(&self, settings: WatchFolderEdit) -> bool {
        let dir = self.inbox().to_str().unwrap().to_owned();
        self.runtime.block_on(self.daemon().put_watch_folder(&dir, &settings)).unwrap()
    }

    fn folder(&self) -> WatchFolder {
        self.daemon().watch_folders().into_iter().next().unwrap()
    }

    fn torrents(&self) -> Vec<Torrent> {
        self.daemon().list(&ListQuery::default()).unwrap().torrents
    }

    /// Writes a file in the folder as a copier does: not in one step.
    fn drop_file(&self, path: &str, bytes: &[u8]) {
        let path = self.inbox().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn has(&self, path: &str) -> bool {
        self.inbox().join(path).exists()
    }

    fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + LIMIT;
        while !done(self) {
            let (folders, torrents) = (self.daemon().watch_folders(), self.torrents());
            assert!(Instant::now() < end, "{what}: not within {LIMIT:?}; {folders:?}, {torrents:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until all files that are there now have been looked at, by means of one that is loaded after them.
    fn settle(&self, name: &str) {
        let before = self.folder().added;
        self.drop_file(&format!("zz{name}.torrent"), &torrent(name));
        self.until("the last one is loaded", |bench| bench.folder().added > before);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.daemon().end(Duration::ZERO, LIMIT));
        }
    }
}

/// Returns a torrent file for a file with a name.
fn torrent(name: &str) -> Vec<u8> {
    let tmp = tempfile::tempdir().unwrap();
    let path = tmp.path().join(name);
    std::fs::write(&path, name.repeat(1000)).unwrap();
    create(&path, &CreateOptions::default(), 1, |_, _| {}, &AtomicBool::new(false)).unwrap().torrent
}

fn settings(loaded: WatchLoaded) -> WatchFolderEdit {
    WatchFolderEdit { loaded, ..WatchFolderEdit::default() }
}

#[test]
fn torrent_file_in_a_subfolder_is_loaded_with_its_category_and_renamed() {
    let bench = Bench::new();
    bench.drop_file("before.torrent", &torrent("before"));
    let is_new = bench.watch(WatchFolderEdit {
        recursive: true,
        category: Some("new".into()),
        subfolder_as_category: true,
        tags: vec!["drop".into()],
        ..WatchFolderEdit::default()
    });
    assert!(is_new);
    // A folder that comes later, and a file that is written in two parts.
    let bytes = torrent("film");
    bench.drop_file("films/old/a.TORRENT", &bytes[..bytes.len() / 2]);
    bench.drop_file("films/old/a.TORRENT", &bytes);
    bench.until("both are loaded", |bench| bench.folder().added == 2);
    bench.until("both are renamed", |bench| {
        bench.has("before.torrent.added") && bench.has("films/old/a.TORRENT.added")
    });
    assert!(!bench.has("before.torrent") && !bench.has("films/old/a.TORRENT"));
    let torrents = bench.torrents();
    let of = |name: &str| torrents.iter().find(|torrent| torrent.name == name).unwrap();
    assert_eq!(of("before").category.as_deref(), Some("new"));
    assert_eq!(of("film").category.as_deref(), Some("new/films/old"));
    assert!(torrents.iter().all(|torrent| torrent.tags == ["drop"]));
    // The same torrent again is a duplicate, and its file gets a name of its own.
    bench.drop_file("before.torrent", &torrent("before"));
    bench.until("the duplicate is renamed", |bench| bench.has("before.torrent.added-2"));
    assert_eq!((bench.torrents().len(), bench.folder().added), (2, 2));
    assert_eq!(bench.folder().problems, []);
}

#[test]
fn bad_file_is_reported_and_left_until_it_changes() {
    let bench = Bench::new();
    bench.watch(settings(WatchLoaded::Delete));
    let bytes = torrent("data");
    bench.drop_file("a.torrent", &bytes[..bytes.len() - 10]);
    bench.until("it is reported", |bench| bench.folder().problems.len() == 1);
    bench.settle("x");
    let problem = bench.folder().problems.remove(0);
    assert!(
        problem.path.ends_with("/in/a.torrent") && problem.message.contains("torrent file"),
        "{problem:?}"
    );
    assert!(bench.has("a.torrent") && bench.torrents().len() == 1);
    bench.drop_file("a.torrent", &bytes);
    bench.until("it is deleted", |bench| !bench.has("a.torrent"));
    bench.until("no problem is left", |bench| bench.folder().problems.is_empty());
    assert_eq!(bench.torrents().len(), 2);
}

#[test]
fn magnet_file_is_loaded_if_all_its_lines_are_good() {
    let bench = Bench::new();
    bench.watch(settings(WatchLoaded::Rename));
    let hash = |digit: &str| digit.repeat(40);
    let bad = format!("{}\nmagnet:?xt=urn:btih:12", hash("a"));
    bench.drop_file("bad.magnet", bad.as_bytes());
    bench.until("it is reported", |bench| bench.folder().problems.len() == 1);
    assert!(bench.folder().problems[0].message.starts_with("line 2: "), "{:?}", bench.folder());
    assert_eq!(bench.torrents(), []);
    let good = format!("{}\r\n\r\nmagnet:?xt=urn:btih:{}&dn=link\r\n", hash("b"), hash("c"));
    bench.drop_file("good.magnet", good.as_bytes());
    bench.until("it is renamed", |bench| bench.has("good.magnet.added"));
    let mut hashes: Vec<String> = bench.torrents().into_iter().map(|torrent| torrent.hash).collect();
    hashes.sort();
    assert_eq!(hashes, [hash("b"), hash("c")]);
    assert_eq!(bench.folder().added, 2);
}

#[test]
fn kept_file_is_not_loaded_again_after_a_restart_or_the_removal_of_its_torrent() {
    let mut bench = Bench::new();
    bench.watch(settings(WatchLoaded::Keep));
    bench.drop_file("a.torrent", &torrent("a"));
    bench.drop_file("b.torrent", &torrent("b"));
    bench.until("both are loaded", |bench| bench.folder().added == 2);
    bench.settle("x");
    let remove =
        ActionRequest { torrents: vec!["name:a".into()], action: Action::Remove { data: DataChoice::Keep } };
    bench.runtime.block_on(bench.daemon().act(&remove)).unwrap();
    bench.settle("y");
    assert_eq!(bench.torrents().len(), 3);
    bench.restart();
    bench.settle("z");
    assert_eq!((bench.torrents().len(), bench.folder().added), (4, 1));
    assert!(bench.has("a.torrent") && bench.has("b.torrent"));
    // It was forgotten with the folder.
    let dir = bench.inbox().to_str().unwrap().to_owned();
    bench.runtime.block_on(bench.daemon().remove_watch_folder(&dir)).unwrap();
    let again = bench.runtime.block_on(bench.daemon().remove_watch_folder(&dir)).unwrap_err();
    assert_eq!(again.kind(), ProblemKind::NotFound);
    bench.watch(settings(WatchLoaded::Keep));
    bench.until("it is back", |bench| bench.torrents().len() == 5);
}

#[test]
fn file_that_cannot_be_renamed_is_loaded_once_and_reported() {
    let mut bench = Bench::new();
    // The system refuses the longer name to every user, and a read-only folder all names to users other than root.
    let name = format!("{}.torrent", "n".repeat(255 - ".torrent".len()));
    bench.drop_file(&name, &torrent("a"));
    bench.drop_file("read-only/b.torrent", &torrent("b"));
    let read_only = bench.inbox().join("read-only");
    std::fs::set_permissions(&read_only, std::fs::Permissions::from_mode(0o555)).unwrap();
    let is_root = std::fs::write(read_only.join("probe"), "").is_ok();
    bench.watch(WatchFolderEdit { recursive: true, ..settings(WatchLoaded::Rename) });
    let stay = if is_root { 1 } else { 2 };
    bench.until("it is reported", |bench| bench.folder().problems.len() == stay && bench.folder().added == 2);
    let problems = bench.folder().problems;
    assert!(problems.iter().all(|problem| problem.message.contains("cannot rename")), "{problems:?}");
    bench.settle("x");
    assert_eq!(bench.folder().problems, problems);
    let remove =
        ActionRequest { torrents: vec!["name:a".into()], action: Action::Remove { data: DataChoice::Keep } };
    bench.runtime.block_on(bench.daemon().act(&remove)).unwrap();
    bench.restart();
    bench.settle("y");
    assert!(bench.has(&name) && !bench.torrents().iter().any(|torrent| torrent.name == "a"));
    std::fs::set_permissions(&read_only, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn folder_that_comes_later_is_watched_and_files_and_bad_settings_are_refused() {
    let bench = Bench::new();
    std::fs::remove_dir(bench.inbox()).unwrap();
    bench.watch(settings(WatchLoaded::Rename));
    let error = bench.folder().error.unwrap();
    assert!(error.contains("No such file"), "{error}");
    bench.drop_file("a.torrent", &torrent("a"));
    bench.runtime.block_on(bench.daemon().scan_watch_folders());
    assert_eq!(bench.folder().error, None);
    bench.until("it is loaded", |bench| bench.has("a.torrent.added"));
    let put = |dir: &str, settings: &WatchFolderEdit| {
        bench.runtime.block_on(bench.daemon().put_watch_folder(dir, settings)).unwrap_err().kind()
    };
    let file = bench.inbox().join("a.torrent.added");
    let dir = bench.inbox();
    let (file, dir) = (file.to_str().unwrap(), dir.to_str().unwrap());
    let good = WatchFolderEdit::default();
    for (dir, settings) in [
        (file, good.clone()),
        ("relative", good.clone()),
        ("/a/../b", good.clone()),
        (dir, WatchFolderEdit { category: Some("a//b".into()), ..good.clone() }),
        (dir, WatchFolderEdit { tags: vec!["a,b".into()], ..good.clone() }),
        (dir, WatchFolderEdit { save_path: Some("relative".into()), ..good.clone() }),
    ] {
        assert_eq!(put(dir, &settings), ProblemKind::BadRequest, "{dir} {settings:?}");
    }
    assert_eq!(bench.daemon().watch_folders().len(), 1);
}

#[test]
fn files_of_torrents_in_a_watched_download_folder_are_left_alone() {
    let bench = Bench::new();
    bench.drop_file("content/inside.torrent", &torrent("inside"));
    let made = create(
        &bench.inbox().join("content"),
        &CreateOptions::default(),
        1,
        |_, _| {},
        &AtomicBool::new(false),
    );
    bench.drop_file("a.torrent", &made.unwrap().torrent);
    let save_path = Some(bench.inbox().to_str().unwrap().to_owned());
    bench.watch(WatchFolderEdit { save_path: save_path.clone(), ..settings(WatchLoaded::Delete) });
    bench.until("it is loaded", |bench| !bench.has("a.torrent"));
    bench.watch(WatchFolderEdit { recursive: true, save_path, ..settings(WatchLoaded::Delete) });
    bench.settle("x");
    assert!(bench.has("content/inside.torrent"));
    assert_eq!(bench.torrents().len(), 2);
    let action = Action::RenamePath { from: "content".into(), to: "other".into() };
    let request = ActionRequest { torrents: vec!["content".into()], action };
    let done = bench.runtime.block_on(bench.daemon().act(&request)).unwrap();
    assert_eq!((done.done.len(), done.failed.len()), (1, 0), "{done:?}");
    bench.settle("y");
    assert!(bench.has("other/inside.torrent"));
    assert_eq!(bench.torrents().len(), 3);
}
