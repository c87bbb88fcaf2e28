//! The files that stores write to, by device and inode.
//!
//! Two names may lead to one file: on a file system that ignores case or normalises names, or by a hard link. Two
//! writers would each destroy the pieces that the other has checked.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Device and inode.
pub(crate) type FileId = (u64, u64);

#[derive(Debug, Default)]
pub(crate) struct Inodes {
    writers: Mutex<HashMap<FileId, Writer>>,
    /// Files that these stores write to under several names on purpose.
    shared: Mutex<HashMap<FileId, BTreeSet<u64>>>,
}

#[derive(Debug)]
struct Writer {
    store: u64,
    path: PathBuf,
}

impl Inodes {
    /// Allows several names for the file at `path`, until only one of the stores is left.
    pub(crate) fn share(&self, path: &Path, stores: [u64; 2]) {
        if let Ok(file) = std::fs::metadata(path) {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.entry((file.dev(), file.ino())).or_default().extend(stores);
        }
    }

    fn is_shared(&self, id: FileId) -> bool {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    /// Records that a store writes to a file at `path`.
    ///
    /// Fails with the other path if the same file is written to by another path. An inode of a removed file does not
    /// count, because file systems reuse it.
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
        if !self.is_shared(id) && is_at(id, &other) {
            return Err(other);
        }
        self.lock().insert(id, writer());
        Ok(())
    }

    /// Returns the other path by which this file is written to.
    pub(crate) fn other(&self, id: FileId, path: &Path) -> Option<PathBuf> {
        let other = self.lock().get(&id).map(|writer| writer.path.clone())?;
        (other != path && !self.is_shared(id) && is_at(id, &other)).then_some(other)
    }

    /// Removes the files of a store that has ended.
    pub(crate) fn release(&self, store: u64) {
        self.lock().retain(|_, writer| writer.store != store);
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|_, stores| {
            stores.remove(&store);
            stores.len() > 1
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FileId, Writer>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_at(id: FileId, path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| (file.dev(), file.ino()) == id)
}
