//! Watched folders: the verbs of front ends. `run` is the thread, `load` adds the torrents of a file.

mod load;
mod run;

use super::act::absolute;
use super::{Daemon, Options};
use crate::error::DaemonError;
use crate::store::{Key, Store, StoreError, Table};
use crate::watch::{MAX_FOLDERS, Machine, Remembered, Signals, key_of, path_of};
use crossbeam_channel::Receiver;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use ztor_api::{WatchFolder, WatchFolderEdit};
use ztor_policy::{check_category_path, check_tags};

/// Time for which a request waits for a scan. It goes on afterwards.
const PATIENCE: Duration = Duration::from_secs(5);

/// Watched folders, and the signals for their thread.
#[derive(Debug)]
pub(super) struct Watching {
    machine: Mutex<Machine>,
    signals: Arc<Signals>,
    /// Number of requests for a scan. Changed with the lock of the machine.
    requested: AtomicU64,
    /// Number of requests that were followed by a scan.
    scanned: watch::Sender<u64>,
    /// Closed when the thread has ended; `None` before it has started.
    ended: Mutex<Option<Receiver<()>>>,
}

impl Watching {
    /// Reads the folders from the database.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(super) fn open(store: &Store) -> Result<Self, StoreError> {
        let path = |key: Key| key.into_text().and_then(path_of);
        let folders = store.all_json::<WatchFolderEdit>(Table::WatchFolder)?;
        let folders = folders.into_iter().filter_map(|(key, settings)| Some((path(key)?, settings)));
        let loaded = store.all_json::<Remembered>(Table::WatchLoaded)?;
        let loaded = loaded.into_iter().filter_map(|(key, row)| Some((path(key)?, row)));
        let (machine, forgotten) = Machine::new(folders, loaded);
        forget(store, &forgotten);
        Ok(Self {
            machine: Mutex::new(machine),
            signals: Arc::default(),
            requested: AtomicU64::new(0),
            scanned: watch::Sender::new(0),
            ended: Mutex::new(None),
        })
    }

    /// Returns the number of folders.
    #[cfg(feature = "testing")]
    pub(super) fn len(&self) -> usize {
        self.machine().len()
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the thread: settings have changed, or the daemon ends.
    pub(super) fn wake(&self) {
        self.signals.wake();
    }

    /// Waits until the thread has ended. Returns false if it has not: a disk may not respond.
    pub(super) fn wait_for_end(&self, limit: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        ended.is_none_or(|ended| {
            ended.recv_timeout(limit) != Err(crossbeam_channel::RecvTimeoutError::Timeout)
        })
    }
}

impl Daemon {
    /// Returns the watched folders, sorted by path.
    pub fn watch_folders(&self) -> Vec<WatchFolder> {
        self.0.watching.machine().list()
    }

    /// Watches a folder, or changes the settings of a watched one, and tries its files again. The folder need not exist.
    /// Returns true if it was not watched before.
    ///
    /// # Errors
    /// The path is that of a file, a setting cannot be used, or the state cannot be saved.
    pub async fn put_watch_folder(&self, dir: &str, settings: &WatchFolderEdit) -> Result<bool, DaemonError> {
        let dir = absolute(dir)?;
        let settings = checked(settings)?;
        let (asked, shown) = (dir.clone(), dir.display().to_string());
        let metadata = tokio::task::spawn_blocking(move || asked.metadata());
        // A drive that does not respond is as good as one that is missing.
        if let Ok(Ok(Ok(metadata))) = tokio::time::timeout(PATIENCE, metadata).await
            && !metadata.is_dir()
        {
            return Err(DaemonError::BadValue(format!(
                "cannot watch {shown}: it is not a folder; give a folder"
            )));
        }
        let is_new = {
            let mut machine = self.0.watching.machine();
            let is_new = !machine.contains(&dir);
            if is_new && machine.len() >= MAX_FOLDERS {
                return Err(DaemonError::Conflict(format!(
                    "cannot watch {shown}: {MAX_FOLDERS} folders are watched already; remove one"
                )));
            }
            self.0.store.put_json(Table::WatchFolder, &*key_of(&dir), &settings);
            forget(&self.0.store, &machine.put(&dir, settings));
            is_new
        };
        self.core().touch_whole();
        self.commit().await?;
        self.scan_watch_folders().await;
        Ok(is_new)
    }

    /// Ends the watch of a folder. Its torrents stay.
    ///
    /// # Errors
    /// The folder is not watched, or the state cannot be saved.
    pub async fn remove_watch_folder(&self, dir: &str) -> Result<(), DaemonError> {
        let dir = absolute(dir)?;
        {
            let mut machine = self.0.watching.machine();
            if !machine.contains(&dir) {
                let message =
                    format!("the folder {} is not watched; list the watched folders", dir.display());
                return Err(DaemonError::NotFound(message));
            }
            self.0.store.remove(Table::WatchFolder, &*key_of(&dir));
            forget(&self.0.store, &machine.remove(&dir));
        }
        self.0.watching.wake();
        self.core().touch_whole();
        self.commit().await
    }

    /// Scans all watched folders now. Returns when that is done, or takes long. Files that the scan finds are loaded
    /// later, when they have been unchanged for long enough.
    pub async fn scan_watch_folders(&self) {
        let watching = &self.0.watching;
        let mut scanned = watching.scanned.subscribe();
        let number = {
            let mut machine = watching.machine();
            machine.request_scans();
            watching.requested.fetch_add(1, Ordering::Relaxed) + 1
        };
        watching.wake();
        if self.is_ending() {
            return;
        }
        // The only other result is that of a daemon that ends.
        let _ = tokio::time::timeout(PATIENCE, scanned.wait_for(|done| *done >= number)).await;
    }

    /// Changes the options for new torrents and the times of the watched folders.
    pub fn set_options(&self, options: Options) {
        *self.0.options.lock().unwrap_or_else(PoisonError::into_inner) = options;
        self.0.watching.wake();
    }
}

/// Queues the removal of the rows of files.
fn forget(store: &Store, files: &[PathBuf]) {
    for path in files {
        store.remove(Table::WatchLoaded, &*key_of(path));
    }
}

/// Checks the settings of a folder.
fn checked(settings: &WatchFolderEdit) -> Result<WatchFolderEdit, DaemonError> {
    let mut settings = settings.clone();
    settings.category = settings.category.filter(|path| !path.is_empty());
    if let Some(path) = &settings.category {
        check_category_path(path)?;
    }
    check_tags(settings.tags.iter().map(String::as_str))?;
    let save_path = settings.save_path.as_deref().map(absolute).transpose()?;
    settings.save_path = save_path.as_deref().map(Path::to_string_lossy).map(Into::into);
    Ok(settings)
}
