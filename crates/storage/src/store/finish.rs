//! The suffix of incomplete files, and the end of it.

use std::path::PathBuf;

use super::{TorrentStore, flag};
use crate::error::StorageError;
use crate::file_names::with_suffix;
use crate::in_the_way::InTheWay;

impl TorrentStore {
    /// Decides which files have the suffix: those in progress, and those that do not exist yet.
    pub(super) fn find_suffixed(&self) {
        if self.options.read_only {
            return;
        }
        let home = self.home();
        let exists = |path: &PathBuf| std::fs::symlink_metadata(home.root.dir().join(path)).is_ok();
        let suffixed = home.names.suffixed(&self.meta);
        for (file, _) in suffixed.into_iter().enumerate().filter(|(_, suffixed)| *suffixed) {
            let plain = home.names.path(&self.meta, file);
            if exists(&with_suffix(plain.clone(), home.names.suffix())) || !exists(&plain) {
                self.set_flag(file, flag::SUFFIXED);
            }
        }
    }

    /// Returns complete files that still have the suffix of incomplete ones.
    pub fn complete_files(&self) -> Vec<usize> {
        let is_complete = |file: &usize| {
            self.has_flag(*file, flag::SUFFIXED | flag::OWN)
                && self.layout().pieces_of(*file).all(|piece| self.is_verified(piece))
        };
        (0..self.flags.len()).filter(is_complete).collect()
    }

    /// Removes the suffix from the names of `files`, as [`complete_files`](Self::complete_files) has returned them
    /// before the last [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`StorageError::InTheWay`] if another file has the name; any error of the disk. Files that could not be renamed
    /// keep the suffix.
    pub fn complete_names(&self, files: &[usize]) -> Result<(), StorageError> {
        if files.is_empty() {
            return Ok(());
        }
        // No file is opened by its old name meanwhile.
        let places = self.places_mut();
        let home = self.home();
        let mut outcome = Ok(());
        for &file in files.iter().filter(|file| !places.is_moved(**file)) {
            let plain = home.names.path(&self.meta, file);
            let from = with_suffix(plain.clone(), home.names.suffix());
            let done = match home.root.rename(&from, &home.root, &plain) {
                Ok(true) => {
                    self.clear_flag(file, flag::SUFFIXED);
                    Ok(())
                }
                Ok(false) => {
                    Err(StorageError::InTheWay { path: home.root.dir().join(&plain), why: InTheWay::Exists })
                }
                Err(error) => Err(error),
            };
            outcome = outcome.and(done);
        }
        drop(places);
        outcome.and(home.root.sync_grown())
    }
}
