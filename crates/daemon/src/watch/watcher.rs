//! Reports of the system about changes in folders.

use super::signals::Signals;
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Maximum number of folders on which the system reports, of all watched folders together.
const MAX_DIRS: usize = 8192;

/// Folders on which the system reports. Without it, changes are found by the regular scans.
#[derive(Debug)]
pub(crate) struct Watcher {
    signals: Arc<Signals>,
    /// `None` before the first folder, and if the system refuses it.
    inner: Option<RecommendedWatcher>,
    /// True once the system was asked.
    is_started: bool,
    /// Folders with their inodes, by watched folder.
    dirs: BTreeMap<PathBuf, BTreeMap<PathBuf, u64>>,
    /// True after the limit of the system or of this program was reported.
    is_full: bool,
}

impl Watcher {
    pub(crate) fn new(signals: Arc<Signals>) -> Self {
        Self { signals, inner: None, is_started: false, dirs: BTreeMap::new(), is_full: false }
    }

    fn start(&mut self) {
        if std::mem::replace(&mut self.is_started, true) {
            return;
        }
        let (config, signals) = (notify::Config::default(), Arc::clone(&self.signals));
        let inner = RecommendedWatcher::new(move |event| signals.on_event(event), config);
        if let Err(error) = &inner {
            tracing::warn!(%error, "cannot watch folders for changes; relying on regular scans");
        }
        self.inner = inner.ok();
    }

    /// Sets the folders to watch for a watched folder, with their inodes. Returns true if there are new ones: what has
    /// changed in them before is not reported.
    pub(crate) fn set(&mut self, root: &Path, wanted: &[(PathBuf, u64)]) -> bool {
        self.start();
        let Some(inner) = &mut self.inner else { return false };
        let others: usize =
            self.dirs.iter().filter(|(dir, _)| *dir != root).map(|(_, dirs)| dirs.len()).sum();
        let dirs = self.dirs.entry(root.to_owned()).or_default();
        let wanted: BTreeMap<&Path, u64> =
            wanted.iter().map(|(dir, inode)| (dir.as_path(), *inode)).collect();
        // First, as a renamed folder keeps its watch under the old name.
        dirs.retain(|dir, inode| {
            let stays = wanted.get(dir.as_path()) == Some(inode);
            if !stays {
                // It fails for a folder that is gone.
                let _ = inner.unwatch(dir);
            }
            stays
        });
        let mut has_new = false;
        for (dir, inode) in wanted {
            if dirs.contains_key(dir) {
                continue;
            }
            if others + dirs.len() >= MAX_DIRS {
                warn_once(&mut self.is_full, "there are too many folders");
                break;
            }
            match inner.watch(dir, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    dirs.insert(dir.to_owned(), inode);
                    has_new = true;
                }
                Err(error) if matches!(error.kind, ErrorKind::MaxFilesWatch) => {
                    warn_once(
                        &mut self.is_full,
                        "the limit of the system (fs.inotify.max_user_watches) is reached",
                    );
                    break;
                }
                Err(error) => {
                    tracing::debug!(dir = %dir.display(), %error, "cannot watch a folder for changes")
                }
            }
        }
        has_new
    }

    /// Forgets folders that may have been replaced, so that the next [`set`](Self::set) watches them again.
    pub(crate) fn forget(&mut self, replaced: &BTreeSet<PathBuf>) {
        if !replaced.is_empty() {
            self.dirs.values_mut().for_each(|dirs| dirs.retain(|dir, _| !replaced.contains(dir)));
        }
    }

    /// Watches all folders again with the next calls of [`set`](Self::set).
    pub(crate) fn forget_all(&mut self) {
        self.dirs.values_mut().for_each(BTreeMap::clear);
    }

    /// Ends the watch of watched folders for which `keep` returns false.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Path) -> bool) {
        let gone: Vec<PathBuf> = self.dirs.keys().filter(|root| !keep(root)).cloned().collect();
        for root in gone {
            self.set(&root, &[]);
            self.dirs.remove(&root);
            self.is_full = false;
        }
    }
}

fn warn_once(is_full: &mut bool, reason: &str) {
    if !std::mem::replace(is_full, true) {
        tracing::warn!(
            reason,
            "cannot watch all folders for changes; relying on regular scans for the others"
        );
    }
}
