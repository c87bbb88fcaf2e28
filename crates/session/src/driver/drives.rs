//! Download folders that are gone, as with a drive that was unplugged: they are looked for until they are back.

use super::Driver;
use crate::control::Control;
use crate::inbox::Inbox;
use crate::message::NetEvent;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use ztor_base::{Duration, Instant};
use ztor_storage::is_mount_point;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Folders that are gone. Bounded by the number of torrents.
#[derive(Debug, Default)]
pub(super) struct Drives {
    /// Folders by their paths, each with the mount point that it was below; `None` for the root file system.
    gone: BTreeMap<PathBuf, Option<PathBuf>>,
    look_at: Option<Instant>,
    /// True while a thread looks. It may wait for a disk that does not respond.
    is_looking: bool,
}

impl Drives {
    /// Returns the time of the next look; `None` if nothing is gone.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.look_at.filter(|_| !self.is_looking)
    }

    /// Records that a folder is gone.
    pub(super) fn is_gone(&mut self, now: Instant, dir: PathBuf, mount: Option<PathBuf>) {
        self.gone.insert(dir, mount);
        self.look_at.get_or_insert(now + LOOK_EVERY);
    }

    /// Looks for the folders on another thread, if that is due. [`NetEvent::FoldersFound`] follows.
    pub(super) fn look_if_due(&mut self, now: Instant, control: &Control, inbox: &Arc<Inbox<NetEvent>>) {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return;
        }
        self.is_looking = true;
        let (gone, inbox) = (self.gone.clone(), Arc::clone(inbox));
        control.run_blocking(move || {
            let found = gone.into_iter().filter(|(dir, mount)| is_back(dir, mount.as_deref()));
            inbox.push(NetEvent::FoldersFound { dirs: found.map(|(dir, _)| dir).collect() });
        });
    }

    /// Ends a look that has found these folders.
    fn found(&mut self, now: Instant, dirs: &[PathBuf]) {
        self.is_looking = false;
        dirs.iter().for_each(|dir| drop(self.gone.remove(dir)));
        self.look_at = (!self.gone.is_empty()).then_some(now + LOOK_EVERY);
    }
}

impl Driver {
    /// Retries the torrents whose folders are back.
    pub(super) fn on_folders_found(&mut self, dirs: &[PathBuf]) {
        self.drives.found(self.cx.now(), dirs);
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
        assert_eq!(drives.poll_timeout(), None);
        drives.is_gone(now, "/a".into(), None);
        drives.is_gone(now + LOOK_EVERY, "/b".into(), None);
        assert_eq!(drives.poll_timeout(), Some(now + LOOK_EVERY));
        drives.found(now, &["/a".into()]);
        assert_eq!(drives.poll_timeout(), Some(now + LOOK_EVERY));
        drives.found(now, &["/b".into()]);
        assert_eq!(drives.poll_timeout(), None);
    }
}
