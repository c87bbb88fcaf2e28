//! Free space of the disk with the download folder.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Time for which a figure is used.
const FRESH: Duration = Duration::from_secs(10);

/// The last figure. A disk that does not respond delays nothing but the next one.
#[derive(Debug, Default)]
pub(super) struct FreeSpace(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: Option<u64>,
    dir: PathBuf,
    /// `None` before the first look.
    looked: Option<Instant>,
    is_looking: bool,
}

impl FreeSpace {
    /// Returns the last known figure of a folder in bytes; `None` if unknown. Begins another look if it is old.
    pub(super) fn get(&self, runtime: &Handle, dir: &Path) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_other = state.dir != dir;
        let is_old = state.looked.is_none_or(|looked| looked.elapsed() > FRESH);
        if !state.is_looking && (is_other || is_old) {
            state.is_looking = true;
            dir.clone_into(&mut state.dir);
            let (shared, dir) = (Arc::clone(&self.0), dir.to_owned());
            runtime.spawn_blocking(move || {
                let bytes = free_bytes(&dir);
                let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                (state.bytes, state.looked, state.is_looking) = (bytes, Some(Instant::now()), false);
            });
        }
        state.bytes.filter(|_| !is_other)
    }
}

/// Returns the free space of the disk with a folder, or with the nearest folder above it; `None` if unknown.
fn free_bytes(dir: &Path) -> Option<u64> {
    let existing = dir.ancestors().find(|dir| dir.exists())?;
    space_of(existing).map(|(free, _)| free)
}

/// Returns the free space of the disk with a folder, and its size, in bytes; `None` if unknown.
pub(super) fn space_of(dir: &Path) -> Option<(u64, u64)> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    stat.f_bavail.checked_mul(stat.f_frsize).zip(stat.f_blocks.checked_mul(stat.f_frsize))
}
