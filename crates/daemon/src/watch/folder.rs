//! State of one watched folder.

use super::row::Remembered;
use super::scan::{MAX_ENTRIES, Scan};
use super::stamp::Stamp;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use ztor_api::{WatchFolder, WatchFolderEdit, WatchProblem};

/// Maximum number of problems that are kept for front ends.
const MAX_PROBLEMS: usize = 100;
/// Maximum length of a problem, in characters.
const MAX_MESSAGE: usize = 500;
/// Shortest pause between two scans because of changes. The pause grows with the time that a scan takes.
const REST: Duration = Duration::from_millis(200);
const REST_FACTOR: u32 = 10;
/// Shortest and longest pause between two attempts to load a file, if not the file is the cause.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
const LAST_PAUSE: Duration = Duration::from_secs(600);
/// Longest time of the settings that is used.
const MAX_WAIT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Times of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Time between complete scans.
    pub(crate) rescan: Duration,
    /// Time for which a file must be unchanged.
    pub(crate) settle: Duration,
}

/// A version of a file that can be loaded now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ready {
    /// Watched folder that owns it.
    pub(crate) folder: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
}

#[derive(Debug)]
pub(super) struct Folder {
    pub(super) settings: WatchFolderEdit,
    pub(super) error: Option<String>,
    /// Number of torrents added since the start.
    pub(super) added: u64,
    /// Inode of the folder at its last scan.
    pub(super) root_inode: Option<u64>,
    files: BTreeMap<PathBuf, File>,
    problems: BTreeMap<PathBuf, String>,
    /// True if a scan was requested, which does not wait.
    wants_scan: bool,
    /// True if something in it may have changed since the last scan began.
    is_dirty: bool,
    /// End of the last scan.
    scanned_at: Option<Instant>,
    /// End of the pause after the last scan.
    rest_until: Option<Instant>,
}

/// A version of a file.
#[derive(Debug)]
struct File {
    stamp: Stamp,
    /// Time at which this version was first seen.
    since: Instant,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The file waits until it is unchanged for long enough.
    Waiting,
    /// The file cannot be used. It waits for a change.
    Bad,
    /// The daemon could not load it.
    Failed { retry_at: Instant, pause: Duration },
    /// The file was loaded, and stays.
    Loaded,
}

impl Folder {
    pub(super) fn new(settings: WatchFolderEdit) -> Self {
        Self {
            settings,
            error: None,
            added: 0,
            root_inode: None,
            files: BTreeMap::new(),
            problems: BTreeMap::new(),
            wants_scan: true,
            is_dirty: false,
            scanned_at: None,
            rest_until: None,
        }
    }

    pub(super) fn describe(&self, dir: &Path) -> WatchFolder {
        let mut folder = WatchFolder::new(dir.to_string_lossy(), self.settings.clone());
        folder.added = self.added;
        folder.error.clone_from(&self.error);
        let problem = |(path, message): (&PathBuf, &String)| WatchProblem {
            path: path.to_string_lossy().into_owned(),
            message: message.clone(),
        };
        folder.problems = self.problems.iter().map(problem).collect();
        folder
    }

    /// Returns true if the settings cover a path in this folder.
    pub(super) fn covers(&self, dir: &Path, path: &Path) -> bool {
        path.parent() == Some(dir) || (self.settings.recursive && path.starts_with(dir))
    }

    /// Requests a scan that does not wait.
    pub(super) fn request_scan(&mut self) {
        self.wants_scan = true;
    }

    /// Records that something in the folder may have changed.
    pub(super) fn set_dirty(&mut self) {
        self.is_dirty = true;
    }

    /// Returns the time of the next scan.
    pub(super) fn scan_at(&self, now: Instant, pace: Pace) -> Instant {
        match self.scanned_at {
            Some(_) if self.is_dirty && !self.wants_scan => self.rest_until.unwrap_or(now),
            Some(at) if !self.wants_scan => at + pace.rescan.min(MAX_WAIT),
            _ => now,
        }
    }

    /// Records the start of a scan. Changes from now on cause another one.
    pub(super) fn on_scan_started(&mut self) {
        self.wants_scan = false;
        self.is_dirty = false;
    }

    /// Records the result of a scan.
    pub(super) fn on_scanned(
        &mut self,
        now: Instant,
        took: Duration,
        scan: &Scan,
        remembered: &BTreeMap<PathBuf, Remembered>,
    ) {
        self.scanned_at = Some(now);
        self.rest_until = Some(now + took.saturating_mul(REST_FACTOR).clamp(REST, MAX_WAIT));
        self.root_inode = scan.root_inode;
        self.error.clone_from(&scan.error);
        let mut old = std::mem::take(&mut self.files);
        for found in &scan.files {
            let known = old.remove(&found.path).filter(|file| file.stamp == found.stamp);
            if known.is_none() {
                self.problems.remove(&found.path);
            }
            let is_loaded = || remembered.get(&found.path).is_some_and(|row| row.stamp == found.stamp);
            let new = || File {
                stamp: found.stamp,
                since: now,
                state: if is_loaded() { State::Loaded } else { State::Waiting },
            };
            self.files.insert(found.path.clone(), known.unwrap_or_else(new));
        }
        // What an incomplete scan has not found may still be there.
        let may_stay = scan.error.is_some();
        for (path, file) in old {
            if may_stay && self.files.len() < MAX_ENTRIES {
                self.files.insert(path, file);
            } else {
                self.problems.remove(&path);
            }
        }
    }

    /// Removes the files for which `keep` returns false.
    pub(super) fn retain(&mut self, keep: impl Fn(&Path) -> bool) {
        self.files.retain(|path, _| keep(path));
        self.problems.retain(|path, _| keep(path));
    }

    /// Makes new attempts with all files that were not loaded.
    pub(super) fn try_again(&mut self) {
        for (path, file) in &mut self.files {
            if file.state != State::Loaded {
                file.state = State::Waiting;
                self.problems.remove(path);
            }
        }
    }

    /// Returns the versions of files that can be loaded, in order of their paths.
    pub(super) fn ready(&self, now: Instant, pace: Pace) -> impl Iterator<Item = (&PathBuf, Stamp)> {
        let is_ready = move |file: &File| file.ready_at(pace).is_some_and(|at| at <= now);
        self.files.iter().filter(move |(_, file)| is_ready(file)).map(|(path, file)| (path, file.stamp))
    }

    /// Returns the time at which the next file can be loaded.
    pub(super) fn next_ready(&self, pace: Pace) -> Option<Instant> {
        self.files.values().filter_map(|file| file.ready_at(pace)).min()
    }

    /// Returns true if the version waits to be loaded.
    pub(super) fn expects(&self, ready: &Ready) -> bool {
        self.files.get(&ready.path).is_some_and(|file| {
            file.stamp == ready.stamp && matches!(file.state, State::Waiting | State::Failed { .. })
        })
    }

    /// Records another version of a file.
    pub(super) fn on_changed(&mut self, now: Instant, path: &Path, stamp: Stamp) {
        self.problems.remove(path);
        self.files.insert(path.to_owned(), File { stamp, since: now, state: State::Waiting });
    }

    pub(super) fn on_gone(&mut self, path: &Path) {
        self.problems.remove(path);
        self.files.remove(path);
    }

    /// Records that a file was loaded and stays, with the reason if it should not.
    pub(super) fn on_stays(&mut self, path: &Path, problem: Option<String>) {
        self.problems.remove(path);
        if let Some(file) = self.files.get_mut(path) {
            file.state = State::Loaded;
        }
        if let Some(problem) = problem {
            self.add_problem(path, &problem);
        }
    }

    /// Records that a file cannot be used.
    pub(super) fn on_bad(&mut self, path: &Path, message: &str) {
        if let Some(file) = self.files.get_mut(path) {
            file.state = State::Bad;
        }
        self.problems.remove(path);
        self.add_problem(path, message);
    }

    /// Records that the daemon could not load a file. Returns true for the first failure, and the time of the next attempt.
    pub(super) fn on_failed(&mut self, now: Instant, path: &Path, message: &str) -> Option<(bool, Instant)> {
        let file = self.files.get_mut(path)?;
        let (is_first, pause) = match file.state {
            State::Failed { pause, .. } => (false, pause.saturating_mul(2).min(LAST_PAUSE)),
            _ => (true, FIRST_PAUSE),
        };
        let retry_at = now + pause;
        file.state = State::Failed { retry_at, pause };
        self.problems.remove(path);
        self.add_problem(path, message);
        Some((is_first, retry_at))
    }

    fn add_problem(&mut self, path: &Path, message: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.insert(path.to_owned(), message.chars().take(MAX_MESSAGE).collect());
        }
    }
}

impl File {
    /// Returns the time of the next attempt; `None` if the version is not to be loaded.
    fn ready_at(&self, pace: Pace) -> Option<Instant> {
        let settled_at = self.since + pace.settle.min(MAX_WAIT);
        match self.state {
            State::Waiting => Some(settled_at),
            State::Failed { retry_at, .. } => Some(retry_at.max(settled_at)),
            State::Bad | State::Loaded => None,
        }
    }
}
