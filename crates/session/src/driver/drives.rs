//! Download folders that are gone, as with a drive that was unplugged: they are looked for until they are back.

use super::Driver;
use crate::control::Control;
use crate::inbox::Inbox;
use crate::message::NetEvent;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use ztor_base::{Duration, Instant};
use ztor_storage::is_mount_point;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Folders that are gone. Bounded by the number of torrents.
#[derive(Debug, Default)]
pub(super) struct Drives {
    /// Folders by the mount point that they were below; `None` for the root file system.
    gone: BTreeMap<Option<PathBuf>, Drive>,
    look_at: Option<Instant>,
}

/// Folders below one mount point.
#[derive(Debug, Default)]
struct Drive {
    dirs: HashSet<PathBuf>,
    /// True while a thread looks. It may wait for a disk that does not respond.
    is_looking: bool,
}

impl Drives {
    /// Returns the time of the next look; `None` if there is nothing to look for.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.look_at.filter(|_| self.gone.values().any(|drive| !drive.is_looking))
    }

    /// Records that a folder is gone.
    pub(super) fn is_gone(&mut self, now: Instant, dir: PathBuf, mount: Option<PathBuf>) {
        self.gone.entry(mount).or_default().dirs.insert(dir);
        self.look_at.get_or_insert(now + LOOK_EVERY);
    }

    /// Looks for the folders on other threads, one per mount point, if that is due. [`NetEvent::FoldersFound`] follows.
    pub(super) fn look_if_due(&mut self, now: Instant, control: &Control, inbox: &Arc<Inbox<NetEvent>>) {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return;
        }
        self.look_at = Some(now + LOOK_EVERY);
        for (mount, drive) in self.gone.iter_mut().filter(|(_, drive)| !drive.is_looking) {
            drive.is_looking = true;
            let (mount, dirs, inbox) = (mount.clone(), drive.dirs.clone(), Arc::clone(inbox));
            control.run_blocking(move || {
                let dirs = dirs.into_iter().filter(|dir| is_back(dir, mount.as_deref())).collect();
                inbox.push(NetEvent::FoldersFound { mount, dirs });
            });
        }
    }

    /// Ends a look below a mount point, which has found these folders.
    fn found(&mut self, mount: Option<PathBuf>, dirs: &HashSet<PathBuf>) {
        if let Entry::Occupied(mut drive) = self.gone.entry(mount) {
            drive.get_mut().is_looking = false;
            drive.get_mut().dirs.retain(|dir| !dirs.contains(dir));
            if drive.get().dirs.is_empty() {
                drive.remove();
            }
        }
        if self.gone.is_empty() {
            self.look_at = None;
        }
    }
}

impl Driver {
    /// Retries the torrents whose folders are back.
    pub(super) fn on_folders_found(&mut self, mount: Option<PathBuf>, dirs: &HashSet<PathBuf>) {
        self.drives.found(mount, dirs);
        if !dirs.is_empty() && self.ending.is_running() {
            self.torrents.retry_in(&mut self.cx, dirs);
        }
    }
}

/// Returns true if a folder exists, on a drive that is mounted where it was.
fn is_back(dir: &Path, mount: Option<&Path>) -> bool {
    dir.is_dir() && mount.is_none_or(is_mount_point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_back_of_a_folder_needs_the_mount_that_it_was_below() {
        let proc = Path::new("/proc");
        assert!(is_back(proc, Some(proc)) && is_back(proc, None));
        assert!(!is_back(proc, Some(Path::new("/proc/self"))));
        assert!(!is_back(Path::new("/missing"), None));
    }

    #[test]
    fn poll_timeout_ends_when_all_folders_are_found() {
        let now = Instant::ZERO;
        let mut drives = Drives::default();
        let found = |dir: &str| HashSet::from([PathBuf::from(dir)]);
        assert_eq!(drives.poll_timeout(), None);
        drives.is_gone(now, "/a".into(), None);
        drives.is_gone(now + LOOK_EVERY, "/b".into(), Some("/".into()));
        assert_eq!(drives.poll_timeout(), Some(now + LOOK_EVERY));
        drives.found(None, &found("/a"));
        assert_eq!(drives.poll_timeout(), Some(now + LOOK_EVERY));
        drives.found(Some("/".into()), &found("/b"));
        assert_eq!(drives.poll_timeout(), None);
    }

    #[test]
    fn poll_timeout_while_one_drive_does_not_respond_is_that_of_the_others() {
        let now = Instant::ZERO;
        let mut drives = Drives::default();
        drives.is_gone(now, "/hung/a".into(), Some("/hung".into()));
        drives.gone.values_mut().for_each(|drive| drive.is_looking = true);
        assert_eq!(drives.poll_timeout(), None);
        drives.is_gone(now, "/b".into(), None);
        assert_eq!(drives.poll_timeout(), Some(now + LOOK_EVERY));
    }
}
