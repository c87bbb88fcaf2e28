//! The watched folders together.

use super::folder::{Folder, Pace, Ready};
use super::place::owner_of;
use super::row::Remembered;
use super::scan::{Scan, ScanOrder};
use super::stamp::Stamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use ztor_api::{WatchFolder, WatchFolderEdit};

/// Maximum number of watched folders.
pub(crate) const MAX_FOLDERS: usize = 100;
/// Maximum number of files that are handed out at a time.
const BATCH: usize = 100;

/// Decides which folder is scanned and which file is loaded. Has no I/O and no clock.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    folders: BTreeMap<PathBuf, Folder>,
    /// Files that stay after they were loaded.
    remembered: BTreeMap<PathBuf, Remembered>,
    /// Number of changes of the folders. A scan for earlier settings does not count.
    generation: u64,
    /// Time before which nothing is loaded, because the daemon itself has failed.
    hold_until: Option<Instant>,
}

/// Consequences of a scan.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Remembered files that are gone.
    pub(crate) forgotten: Vec<PathBuf>,
    /// True if the error of the folder is another one than before.
    pub(crate) has_new_error: bool,
}

impl Machine {
    /// Creates a machine with the rows of the database. Returns the remembered files that no folder covers as well.
    pub(crate) fn new(
        folders: impl IntoIterator<Item = (PathBuf, WatchFolderEdit)>,
        remembered: impl IntoIterator<Item = (PathBuf, Remembered)>,
    ) -> (Self, Vec<PathBuf>) {
        let folders = folders.into_iter().map(|(dir, settings)| (dir, Folder::new(settings)));
        let mut machine = Self {
            folders: folders.collect(),
            remembered: remembered.into_iter().collect(),
            ..Self::default()
        };
        let forgotten = machine.on_new_folders();
        (machine, forgotten)
    }

    /// Returns all folders, sorted by path.
    pub(crate) fn list(&self) -> Vec<WatchFolder> {
        self.folders.iter().map(|(dir, folder)| folder.describe(dir)).collect()
    }

    pub(crate) fn contains(&self, dir: &Path) -> bool {
        self.folders.contains_key(dir)
    }

    pub(crate) fn len(&self) -> usize {
        self.folders.len()
    }

    /// Adds a folder or changes its settings, and tries all its files again. Returns the remembered files that no folder
    /// covers any more.
    pub(crate) fn put(&mut self, dir: &Path, settings: WatchFolderEdit) -> Vec<PathBuf> {
        let new = || Folder::new(settings.clone());
        let folder = self.folders.entry(dir.to_owned()).or_insert_with(new);
        folder.settings = settings;
        folder.try_again();
        self.on_new_folders()
    }

    /// Removes a folder. Returns the remembered files that no folder covers any more.
    pub(crate) fn remove(&mut self, dir: &Path) -> Vec<PathBuf> {
        self.folders.remove(dir);
        self.on_new_folders()
    }

    fn on_new_folders(&mut self) -> Vec<PathBuf> {
        self.generation += 1;
        let dirs: Vec<PathBuf> = self.folders.keys().cloned().collect();
        let owner =
            |path: &Path| owner_of(path, |dir| dirs.iter().any(|known| known == dir)).map(Path::to_owned);
        for (dir, folder) in &mut self.folders {
            let is_recursive = folder.settings.recursive;
            folder.retain(|path| {
                owner(path).as_deref() == Some(dir) && (is_recursive || path.parent() == Some(dir))
            });
            folder.request_scan();
        }
        let is_covered = |path: &Path| {
            owner(path)
                .is_some_and(|dir| self.folders.get(&dir).is_some_and(|folder| folder.covers(&dir, path)))
        };
        let gone: BTreeSet<PathBuf> =
            self.remembered.keys().filter(|path| !is_covered(path)).cloned().collect();
        self.remembered.retain(|path, _| !gone.contains(path));
        gone.into_iter().collect()
    }

    /// Requests a scan of all folders.
    pub(crate) fn request_scans(&mut self) {
        self.folders.values_mut().for_each(Folder::request_scan);
    }

    /// Records a change at a path.
    pub(crate) fn on_event(&mut self, path: &Path) {
        if let Some(owner) = owner_of(path, |dir| self.folders.contains_key(dir)).map(Path::to_owned)
            && let Some(folder) = self.folders.get_mut(&owner)
        {
            folder.set_dirty();
        }
    }

    /// Records that changes were missed.
    pub(crate) fn on_overflow(&mut self) {
        self.folders.values_mut().for_each(Folder::set_dirty);
    }

    /// Returns a folder whose scan is due.
    pub(crate) fn next_scan(&mut self, now: Instant, pace: Pace) -> Option<ScanOrder> {
        let (dir, folder) = self.folders.iter_mut().find(|(_, folder)| folder.scan_at(now, pace) <= now)?;
        folder.on_scan_started();
        let (dir, is_recursive) = (dir.clone(), folder.settings.recursive);
        let is_inner = |other: &&PathBuf| other.starts_with(&dir) && **other != dir;
        let inner = self.folders.keys().filter(is_inner).cloned().collect();
        Some(ScanOrder { dir, is_recursive, inner, generation: self.generation })
    }

    /// Records the result of a scan. Returns `None` if the folders have changed since the order.
    pub(crate) fn on_scanned(
        &mut self,
        now: Instant,
        took: Duration,
        order: &ScanOrder,
        scan: &Scan,
    ) -> Option<Scanned> {
        if order.generation != self.generation {
            return None;
        }
        let folder = self.folders.get_mut(&order.dir)?;
        let has_new_error = folder.error != scan.error;
        folder.on_scanned(now, took, scan, &self.remembered);
        let mut forgotten = BTreeSet::new();
        if scan.error.is_none() {
            let found: BTreeSet<&Path> = scan.files.iter().map(|found| found.path.as_path()).collect();
            let is_gone = |path: &Path, row: &Remembered| {
                owner_of(path, |dir| self.folders.contains_key(dir)) == Some(&order.dir)
                    && !found.contains(path)
                    && Some(row.root_inode) == scan.root_inode
            };
            let gone = self.remembered.iter().filter(|(path, row)| is_gone(path, row));
            forgotten = gone.map(|(path, _)| path.clone()).collect();
            self.remembered.retain(|path, _| !forgotten.contains(path));
        }
        Some(Scanned { forgotten: forgotten.into_iter().collect(), has_new_error })
    }

    /// Returns files that can be loaded now, at most a batch.
    pub(crate) fn ready(&self, now: Instant, pace: Pace) -> Vec<Ready> {
        if self.hold_until.is_some_and(|until| now < until) {
            return Vec::new();
        }
        let of = |(dir, folder): (&PathBuf, &Folder)| {
            let dir = dir.clone();
            let ready = move |(path, stamp): (&PathBuf, Stamp)| Ready {
                folder: dir.clone(),
                path: path.clone(),
                stamp,
            };
            folder.ready(now, pace).take(BATCH).map(ready).collect::<Vec<_>>()
        };
        self.folders.iter().flat_map(of).take(BATCH).collect()
    }

    /// Returns the settings for a file; `None` if it is not to be loaded any more.
    pub(crate) fn settings_of(&self, ready: &Ready) -> Option<WatchFolderEdit> {
        let folder = self.folders.get(&ready.folder).filter(|folder| folder.expects(ready))?;
        Some(folder.settings.clone())
    }

    /// Records another version of a file, which has to wait.
    pub(crate) fn on_changed(&mut self, now: Instant, ready: &Ready, stamp: Stamp) {
        if let Some(folder) = self.folders.get_mut(&ready.folder) {
            folder.on_changed(now, &ready.path, stamp);
        }
    }

    /// Records that a file is gone.
    pub(crate) fn on_gone(&mut self, ready: &Ready) {
        if let Some(folder) = self.folders.get_mut(&ready.folder) {
            folder.on_gone(&ready.path);
        }
    }

    /// Counts added torrents.
    pub(crate) fn on_added(&mut self, ready: &Ready, torrents: u64) {
        if let Some(folder) = self.folders.get_mut(&ready.folder) {
            folder.added += torrents;
        }
    }

    /// Records that a file was loaded and stays, with the reason if it should not. Returns the row for the database;
    /// `None` if the folder is gone.
    pub(crate) fn on_stays(&mut self, ready: &Ready, problem: Option<String>) -> Option<Remembered> {
        let folder = self.folders.get_mut(&ready.folder)?;
        folder.on_stays(&ready.path, problem);
        let row = Remembered { stamp: ready.stamp, root_inode: folder.root_inode.unwrap_or_default() };
        self.remembered.insert(ready.path.clone(), row);
        Some(row)
    }

    /// Records that a file cannot be used. It is tried again when it changes.
    pub(crate) fn on_bad(&mut self, ready: &Ready, message: &str) {
        if let Some(folder) = self.folders.get_mut(&ready.folder) {
            folder.on_bad(&ready.path, message);
        }
    }

    /// Records that the daemon could not load a file, which is tried again after a pause. With `is_whole`, all files wait
    /// as long. Returns true for the first failure of this version.
    pub(crate) fn on_failed(&mut self, now: Instant, ready: &Ready, message: &str, is_whole: bool) -> bool {
        let folder = self.folders.get_mut(&ready.folder);
        let Some((is_first, retry_at)) =
            folder.and_then(|folder| folder.on_failed(now, &ready.path, message))
        else {
            return false;
        };
        if is_whole {
            self.hold_until = Some(retry_at);
        }
        is_first
    }

    /// Returns the latest time at which to look again; `None` without folders.
    pub(crate) fn poll_timeout(&self, now: Instant, pace: Pace) -> Option<Instant> {
        let scan = self.folders.values().map(|folder| folder.scan_at(now, pace)).min();
        let ready = self.folders.values().filter_map(|folder| folder.next_ready(pace)).min();
        let ready = ready.map(|at| self.hold_until.map_or(at, |until| at.max(until)));
        scan.into_iter().chain(ready).min()
    }
}
