//! The thread of the watched folders.

use super::{Daemon, forget};
use crate::record::Folder;
use crate::watch::{News, Pace, Watcher, scan};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use ztor_session::TorrentHandle;

/// Shortest time between complete scans.
const MIN_RESCAN: Duration = Duration::from_secs(1);

impl Daemon {
    /// Starts the thread.
    pub(in super::super) fn start_watching(&self) -> std::io::Result<()> {
        let (running, ended) = crossbeam_channel::bounded(0);
        let daemon = self.clone();
        std::thread::Builder::new().name("watch".into()).spawn(move || {
            daemon.watch();
            // First: whoever waits for the end may want to open the database again.
            drop(daemon);
            drop(running);
        })?;
        *self.0.watching.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        Ok(())
    }

    fn watch(&self) {
        let watching = &self.0.watching;
        let mut watcher = Watcher::new(Arc::clone(&watching.signals));
        while !self.is_ending() {
            let pace = self.watch_pace();
            let requested = {
                let _machine = watching.machine();
                watching.requested.load(Ordering::Relaxed)
            };
            self.scan_due(pace, &mut watcher);
            watching.scanned.send_replace(requested);
            self.load_ready(pace);
            let until = watching.machine().poll_timeout(Instant::now(), pace);
            self.on_news(watching.signals.wait(until), &mut watcher);
        }
    }

    fn watch_pace(&self) -> Pace {
        let options = self.options();
        Pace { rescan: options.watch_rescan.max(MIN_RESCAN), settle: options.watch_settle }
    }

    fn on_news(&self, news: News, watcher: &mut Watcher) {
        let mut machine = self.0.watching.machine();
        news.changed.iter().for_each(|path| machine.on_event(path));
        watcher.forget(&news.replaced);
        if news.overflow {
            machine.on_overflow();
            watcher.forget_all();
        }
        watcher.retain(|dir| machine.contains(dir));
    }

    /// Scans the folders whose scan is due.
    fn scan_due(&self, pace: Pace, watcher: &mut Watcher) {
        let began = Instant::now();
        let machine = || self.0.watching.machine();
        loop {
            let Some(order) = machine().next_scan(began, pace) else { return };
            let begin = Instant::now();
            let content = self.content_below(&order.dir);
            let Some(scan) = scan(&order, |path| content.contains(path), || self.is_ending()) else { return };
            let now = Instant::now();
            let Some(scanned) = machine().on_scanned(now, now - begin, &order, &scan) else { continue };
            if !scanned.forgotten.is_empty() {
                forget(&self.0.store, &scanned.forgotten);
                self.0.saver.wake();
            }
            match scan.error() {
                Some(error) if scanned.has_new_error => {
                    tracing::warn!(dir = %order.dir.display(), error, "cannot read a watched folder");
                }
                None if scanned.has_new_error => {
                    tracing::info!(dir = %order.dir.display(), "the watched folder is readable");
                }
                _ => {}
            }
            if watcher.set(&order.dir, &scan.dirs) {
                // Changes between the scan and the new watch were not reported.
                machine().on_event(&order.dir);
            }
        }
    }

    /// Returns the files and folders of the daemon's torrents in or below a folder, which are not for loading.
    fn content_below(&self, root: &Path) -> HashSet<PathBuf> {
        let core = self.core();
        let mut content = HashSet::new();
        // Torrents whose files have other names than the torrent says.
        let mut renamed: Vec<(PathBuf, TorrentHandle)> = Vec::new();
        for key in core.keys() {
            let Some(record) = core.entry(key).map(crate::core::Entry::record) else { continue };
            if record.size.is_none() || record.name.is_empty() {
                continue;
            }
            let dirs = [Some(&record.dir), record.files.incomplete_dir.as_ref()];
            for dir in dirs.into_iter().flatten().filter(|dir| dir.starts_with(root)) {
                let path = dir.join(&record.name);
                if record.files.layout == Folder::Subfolder {
                    content.insert(path.with_extension(""));
                }
                content.insert(path);
                if record.is_renamed || record.files.layout == Folder::NoSubfolder {
                    renamed.extend(core.handle(key).map(|torrent| (dir.clone(), torrent)));
                }
            }
        }
        drop(core);
        for (dir, torrent) in renamed {
            match torrent.files().wait() {
                Ok(files) => content.extend(files.into_iter().map(|file| dir.join(file.path))),
                Err(error) => tracing::debug!(%error, "cannot read the files of a torrent"),
            }
        }
        content
    }
}
