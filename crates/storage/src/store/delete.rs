//! Removal of a torrent's files from the disk.

use super::TorrentStore;
use crate::error::StorageError;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Result of [`TorrentStore::delete_files`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeletedFiles {
    /// Number of removed files, the part file included.
    pub removed: usize,
    /// Paths of existing files that are left, as they are not known to be the torrent's.
    pub left: Vec<PathBuf>,
}

impl TorrentStore {
    /// Removes the torrent's files, its part file, and the folders that are empty afterwards.
    ///
    /// A file is the torrent's if this store or an earlier one has created or written it
    /// ([`own_files`](Self::own_files)), or if all its pieces are verified. Other files stay. No later read or write of
    /// this store succeeds.
    ///
    /// # Errors
    /// The store is read-only, or the disk fails. The call can be repeated then, and removes the rest.
    pub fn delete_files(&self) -> Result<DeletedFiles, StorageError> {
        self.require_writable()?;
        self.forget_handles();
        let (own, root) = (self.own_files(), self.root());
        let (mut deleted, mut folders) = (DeletedFiles::default(), BTreeSet::new());
        for (index, file) in self.layout().files().iter().enumerate().filter(|(_, file)| !file.pad) {
            let relative = self.relative(index);
            folders
                .extend(relative.ancestors().skip(1).filter(|folder| has_name(folder)).map(Path::to_owned));
            let is_whole = || self.layout().pieces_of(index).all(|piece| self.is_verified(piece));
            let is_ours = file.symlink.is_some() || own.get(index) == Some(&true) || is_whole();
            let exists = match is_ours {
                true => root.remove(&relative),
                false => root.exists(&relative),
            };
            match exists {
                Ok(true) if is_ours => deleted.removed += 1,
                Ok(true) => deleted.left.push(self.path_of(index)),
                Ok(false) => {}
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error),
            }
        }
        deleted.removed += usize::from(root.remove(&self.parts_path)?);
        // The deepest first.
        let mut folders: Vec<PathBuf> = folders.into_iter().collect();
        folders.sort_by_key(|folder| std::cmp::Reverse(folder.components().count()));
        folders.iter().for_each(|folder| root.remove_empty_folder(folder));
        Ok(deleted)
    }
}

fn has_name(folder: &Path) -> bool {
    folder.file_name().is_some()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

    use crate::testing::{Fixture, Kind};
    use crate::{Pieces, StoreOptions, check_all};
    use std::sync::atomic::AtomicBool;

    #[test]
    fn delete_files_of_a_whole_torrent_leaves_nothing_and_spares_the_users_files() {
        let torrent = Fixture::of_lengths(Kind::V1, 16384, &[20_000, 30_000, 5]);
        torrent.place_files();
        let other = torrent.path(0).with_file_name("notes.txt");
        std::fs::write(&other, b"mine").unwrap();
        let store = torrent.store();
        check_all(&store, Pieces::All, 1, |_| {}, &AtomicBool::new(false)).unwrap();
        let deleted = store.delete_files().unwrap();
        assert_eq!((deleted.removed, deleted.left.len()), (3, 0));
        assert!(other.exists() && !torrent.path(0).exists());
        assert_eq!(store.delete_files().unwrap().removed, 0, "a second call has nothing to do");
        std::fs::remove_file(&other).unwrap();
        store.delete_files().unwrap();
        assert!(!torrent.path(0).parent().unwrap().exists(), "the folder is empty now");
        assert!(torrent.dir.path().exists());
    }

    #[test]
    fn delete_files_leaves_a_file_that_is_not_the_torrents() {
        let torrent = Fixture::of_lengths(Kind::V1, 16384, &[16384, 16384]);
        torrent.place_files();
        std::fs::write(torrent.path(1), b"something else").unwrap();
        let store = torrent.store();
        check_all(&store, Pieces::All, 1, |_| {}, &AtomicBool::new(false)).unwrap();
        let deleted = store.delete_files().unwrap();
        assert_eq!((deleted.removed, deleted.left), (1, vec![torrent.path(1)]));
        assert!(!torrent.path(0).exists() && torrent.path(1).exists());
    }

    #[test]
    fn delete_files_of_a_read_only_store_is_an_error() {
        let torrent = Fixture::of_lengths(Kind::V1, 16384, &[10, 10]);
        torrent.place_files();
        let store = torrent.store_with(None, StoreOptions { read_only: true, ..StoreOptions::default() });
        assert!(store.delete_files().is_err());
        assert!(torrent.path(0).exists());
    }
}
