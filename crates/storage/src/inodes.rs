//! The files that stores write to, by the number that the file system knows them by.
//!
//! Two names may lead to one file: where capitals do not count, where names are normalised, or by a hard link. Two
//! writers would each destroy what the other has checked.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Device and inode.
pub(crate) type FileId = (u64, u64);

#[derive(Debug, Default)]
pub(crate) struct Inodes(Mutex<HashMap<FileId, Writer>>);

#[derive(Debug)]
struct Writer {
    store: u64,
    path: PathBuf,
}

impl Inodes {
    /// Notes that a store writes to a file at `path`.
    ///
    /// Fails with the path of another that is written to and is the same file. A number that was used for a file which is
    /// gone says nothing, as file systems give it out again.
    pub(crate) fn claim(&self, id: FileId, store: u64, path: &Path) -> Result<(), PathBuf> {
        let writer = || Writer { store, path: path.to_owned() };
        let other = match self.lock().entry(id) {
            Entry::Vacant(entry) => {
                entry.insert(writer());
                return Ok(());
            }
            Entry::Occupied(entry) if entry.get().path == path => return Ok(()),
            Entry::Occupied(entry) => entry.get().path.clone(),
        };
        if is_at(id, &other) {
            return Err(other);
        }
        self.lock().insert(id, writer());
        Ok(())
    }

    /// The path of another file that is written to and is this one.
    pub(crate) fn other(&self, id: FileId, path: &Path) -> Option<PathBuf> {
        let other = self.lock().get(&id).map(|writer| writer.path.clone())?;
        (other != path && is_at(id, &other)).then_some(other)
    }

    /// A store has ended.
    pub(crate) fn release(&self, store: u64) {
        self.lock().retain(|_, writer| writer.store != store);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FileId, Writer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_at(id: FileId, path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| (file.dev(), file.ino()) == id)
}
