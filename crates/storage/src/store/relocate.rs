//! Moves a torrent's files to another folder, or to other names.
//!
//! Within a file system files are renamed. To another one they are copied first, under temporary names beside their new
//! ones, while they are read and written as before. Then reads and writes wait until what was written meanwhile is
//! copied as well, and the copies get their names. The originals are removed last.
//!
//! The caller records the move before its first step (*copying*), and again before the first file changes its name
//! (*switching*). After a crash [`recover_move`] undoes a move that was copying, and completes one that was switching.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};

use ztor_metainfo::Layout;

use super::places::Places;

use super::{Arrangement, Home, TorrentStore, flag};
use crate::error::{At, Operation, StorageError};
use crate::file_names::{NameError, with_suffix};
use crate::in_the_way::InTheWay;
use crate::moving::{MovedFile, Place};
use crate::root::{How, Root};

mod copy;
mod recover;

pub(in crate::store) use copy::Changes;
use copy::{copy_file, copy_range, keep_attributes};
pub use recover::recover_move;

/// Maximum number of passes over files that are written to at the same time.
const MAX_PASSES: u32 = 5;
/// Number of bytes below which the rest is copied while reads and writes wait.
const SHORT_LEN: u64 = 16 << 20;

/// Failure to move files.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// A file cannot have its new name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The disk failed, or a file is in the way. The files are in their old place.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A move of one torrent's files.
#[derive(Debug)]
pub struct Relocation {
    store: Arc<TorrentStore>,
    from: Home,
    to: Home,
    /// Copied files, with their lengths in bytes.
    copied: BTreeMap<Item, u64>,
    /// The same, and those of which a part is copied.
    begun: BTreeSet<Item>,
    /// Paths of the originals of copied files, below the old folder.
    originals: Vec<PathBuf>,
    is_switched: bool,
    /// True if files are copied even if they seem to be on one file system.
    copies_all: bool,
    /// True if all files seem to be on one file system.
    #[cfg(test)]
    is_blind: bool,
}

/// Something to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    /// A file of the layout.
    File(usize),
    PartFile,
}

impl Item {
    /// Returns true for a symbolic link in the torrent (BEP 47).
    fn is_link(self, layout: &Layout) -> bool {
        let Self::File(file) = self else { return false };
        layout.files().get(file).is_some_and(|file| file.symlink.is_some())
    }
}

impl Relocation {
    /// Plans a move, and checks that no file is in the way. Changes nothing on disk.
    ///
    /// Only files move that are known to be the torrent's: created by it, or with a verified piece. The suffix of
    /// incomplete files stays as it is.
    ///
    /// # Errors
    /// [`MoveError::Name`]; [`StorageError::ReadOnly`]; [`StorageError::InTheWay`]; any error of the disk.
    pub fn plan(store: &Arc<TorrentStore>, place: &Place) -> Result<Self, MoveError> {
        store.require_writable()?;
        let from = store.home();
        let mut names = place.names.clone();
        names.set_suffix(from.names.suffix())?;
        names.check(&store.meta)?;
        let trusted = usize::from(names.folder(&store.meta).is_some());
        let is_same_root = place.dir == from.root.dir() && trusted == from.root.trusted();
        let root = match is_same_root {
            true => Arc::clone(&from.root),
            false => Arc::new(Root::new(&place.dir, trusted, false)),
        };
        let to = Home { root, names: Arc::new(names) };
        let (store, copied) = (Arc::clone(store), BTreeMap::new());
        let this = Self {
            store,
            from,
            to,
            copied,
            begun: BTreeSet::new(),
            originals: Vec::new(),
            is_switched: false,
            copies_all: false,
            #[cfg(test)]
            is_blind: false,
        };
        this.check_suffixes()?;
        for item in this.items()? {
            if this.to.root.exists_at(&this.new_path(item))? {
                let path = this.to.root.dir().join(this.new_path(item));
                return Err(StorageError::InTheWay { path, why: InTheWay::Exists }.into());
            }
        }
        this.store.changes.record(true);
        Ok(this)
    }

    /// Fails if the name of an incomplete file, with its suffix, would be that of another file.
    fn check_suffixes(&self) -> Result<(), NameError> {
        let suffixed = self.to.names.suffixed(&self.store.meta);
        let is_taken = |file: &usize| self.store.has_flag(*file, flag::SUFFIXED) && !suffixed[*file];
        match (0..suffixed.len()).find(is_taken) {
            Some(file) => Err(NameError::Taken { path: self.new_path(Item::File(file)) }),
            None => Ok(()),
        }
    }

    /// Returns true if a file has to be copied, as its new place is on another file system.
    ///
    /// # Errors
    /// Any error of the disk.
    pub fn must_copy(&self) -> Result<bool, StorageError> {
        for item in self.items()? {
            if self.is_on_another_device(item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes [`copy`](Self::copy) copy all files: [`switch`](Self::switch) has failed because they cannot be renamed, as
    /// between two mounts of one file system ([`StorageError::is_cross_device`]).
    pub fn copy_all_files(&mut self) {
        self.copies_all = true;
    }

    /// Copies files to another file system, while they are read and written. `progress` gets the number of bytes copied
    /// so far, and of all.
    ///
    /// # Errors
    /// [`StorageError::Stopped`] if `stop` was set; any error of the disk. Call [`abandon`](Self::abandon) then.
    pub fn copy(
        &mut self,
        mut progress: impl FnMut(u64, u64),
        stop: &AtomicBool,
    ) -> Result<(), StorageError> {
        let mut total = 0;
        for item in self.items()? {
            total += self.len_of(item)?;
        }
        let mut done = 0;
        for _ in 0..MAX_PASSES {
            let changed = self.store.changes.take();
            let before = done;
            self.copy_pass(
                &changed,
                &mut |bytes| {
                    progress(
                        {
                            done += bytes;
                            done.min(total)
                        },
                        total,
                    )
                },
                stop,
            )?;
            if done - before <= SHORT_LEN {
                break;
            }
        }
        Ok(())
    }

    /// Gives the files their new place. Reads and writes wait meanwhile. `commit` records that the move is switching with
    /// these files, before the first of them changes its name. The caller keeps the arrangement until the new place is recorded.
    ///
    /// # Errors
    /// Those of `commit`, and any error of the disk; the files are in their old place then, unless
    /// [`is_torn`](Self::is_torn). Call [`abandon`](Self::abandon).
    pub fn switch<E: From<StorageError>>(
        &mut self,
        _arrangement: &Arrangement<'_>,
        commit: impl FnOnce(Vec<MovedFile>) -> Result<(), E>,
    ) -> Result<(), E> {
        let store = Arc::clone(&self.store);
        let places = store.places_mut();
        let never = AtomicBool::new(false);
        let changed = store.changes.take();
        self.copy_pass(&changed, &mut |_| {}, &never)?;
        commit(self.moved_files()?)?;
        let mut renamed: Vec<(Item, PathBuf)> = Vec::new();
        let outcome = self.rename_all(&mut renamed).and_then(|()| self.sync_folders());
        if let Err(error) = outcome {
            let undone = self.undo(&renamed);
            self.is_switched = !undone;
            return Err(error.into());
        }
        self.is_switched = true;
        self.originals = self.copied.keys().map(|item| self.old_path(*item)).collect();
        self.settle(&places);
        Ok(())
    }

    /// Returns true if a failed [`switch`](Self::switch) could not be undone: some files are in the new place, and
    /// [`recover_move`] has to complete the move.
    pub fn is_torn(&self) -> bool {
        self.is_switched
    }

    /// Removes the originals of copied files, and the folders that are empty now. Call it once the new place is
    /// recorded.
    ///
    /// # Errors
    /// Any error of the disk; the originals that are left are of no use.
    pub fn clean_up(self) -> Result<(), StorageError> {
        let mut outcome = Ok(());
        let mut folders = BTreeSet::new();
        for path in &self.originals {
            outcome = outcome.and(self.from.root.remove(path).map(drop));
        }
        self.all_items().for_each(|item| add_folders(&self.old_path(item), &mut folders));
        remove_empty(&self.from.root, folders);
        outcome
    }

    /// Removes the copies made so far. The files stay in their old place.
    pub fn abandon(self) {
        if self.is_torn() {
            return;
        }
        for item in &self.begun {
            discard(&self.to.root, &self.temporary_path(*item));
        }
        remove_empty_of(&self.to, self.all_items().map(|item| self.new_path(item)));
    }

    /// Returns everything that may exist.
    fn all_items(&self) -> impl Iterator<Item = Item> + use<'_> {
        let files = self.store.layout().files().iter().enumerate().filter(|(_, file)| !file.pad);
        files.map(|(index, _)| Item::File(index)).chain([Item::PartFile])
    }

    /// Returns what exists, is the torrent's, and changes its path.
    fn items(&self) -> Result<Vec<Item>, StorageError> {
        let mut items = Vec::new();
        for item in self.all_items() {
            let path = self.old_path(item);
            let stays = self.from.root.dir() == self.to.root.dir() && path == self.new_path(item);
            if !stays && self.is_ours(item) && self.from.root.exists_at(&path)? {
                items.push(item);
            }
        }
        Ok(items)
    }

    fn moved_files(&self) -> Result<Vec<MovedFile>, StorageError> {
        let of = |item: Item| {
            let (file, has_suffix) = match item {
                Item::File(file) => (Some(file), self.store.has_flag(file, flag::SUFFIXED)),
                Item::PartFile => (None, false),
            };
            MovedFile { file, has_suffix, is_copied: self.copied.contains_key(&item) }
        };
        Ok(self.items()?.into_iter().map(of).collect())
    }

    fn is_ours(&self, item: Item) -> bool {
        let Item::File(file) = item else { return true };
        item.is_link(self.store.layout())
            || self.store.has_flag(file, flag::OWN)
            || self.store.layout().pieces_of(file).any(|piece| self.store.is_verified(piece))
    }

    fn old_path(&self, item: Item) -> PathBuf {
        self.path_in(&self.from, item)
    }

    fn new_path(&self, item: Item) -> PathBuf {
        self.path_in(&self.to, item)
    }

    fn path_in(&self, home: &Home, item: Item) -> PathBuf {
        match item {
            Item::PartFile => self.store.parts_path.clone(),
            Item::File(file) => {
                let path = home.names.path(&self.store.meta, file);
                let has_suffix = self.store.has_flag(file, flag::SUFFIXED);
                if has_suffix { with_suffix(path, home.names.suffix()) } else { path }
            }
        }
    }

    fn temporary_path(&self, item: Item) -> PathBuf {
        temporary(&self.store.parts_path, &self.new_path(item), item)
    }

    fn is_on_another_device(&self, item: Item) -> Result<bool, StorageError> {
        if self.copies_all {
            return Ok(true);
        }
        #[cfg(test)]
        if self.is_blind {
            return Ok(false);
        }
        Ok(self.from.root.device_of(&self.old_path(item))?
            != self.to.root.device_of(&parent_of(&self.new_path(item)))?)
    }

    fn len_of(&self, item: Item) -> Result<u64, StorageError> {
        let path = self.from.root.dir().join(self.old_path(item));
        let found = std::fs::symlink_metadata(&path).at(Operation::Inspect, || path.clone())?;
        Ok(found.len())
    }

    /// Copies what is to be copied and was not yet, and the changed pieces of the rest.
    fn copy_pass(
        &mut self,
        changed: &BTreeSet<u32>,
        progress: &mut dyn FnMut(u64),
        stop: &AtomicBool,
    ) -> Result<(), StorageError> {
        for item in self.items()? {
            match self.copied.get(&item).copied() {
                None if self.is_on_another_device(item)? => self.copy_item(item, progress, stop)?,
                None => {}
                // Few bytes: the part file, or a file that has just been truncated.
                Some(len) if self.is_stale(item, len, changed)? => self.copy_item(item, progress, stop)?,
                Some(_) => self.copy_changes(item, changed, progress, stop)?,
            }
        }
        Ok(())
    }

    /// Returns true if a copy of `len` bytes cannot be brought up to date piece by piece.
    fn is_stale(&self, item: Item, len: u64, changed: &BTreeSet<u32>) -> Result<bool, StorageError> {
        Ok((item == Item::PartFile && !changed.is_empty()) || self.len_of(item)? != len)
    }

    fn copy_item(
        &mut self,
        item: Item,
        progress: &mut dyn FnMut(u64),
        stop: &AtomicBool,
    ) -> Result<(), StorageError> {
        self.begun.insert(item);
        let from = self.old_path(item);
        let (from, to) = ((&*self.from.root, from.as_path()), self.temporary_path(item));
        let is_link = item.is_link(self.store.layout());
        let len = copy_file(from, (&self.to.root, &to), is_link, progress, stop)?;
        self.copied.insert(item, len);
        Ok(())
    }

    fn copy_changes(
        &self,
        item: Item,
        changed: &BTreeSet<u32>,
        progress: &mut dyn FnMut(u64),
        stop: &AtomicBool,
    ) -> Result<(), StorageError> {
        let Item::File(file) = item else { return Ok(()) };
        let layout = self.store.layout();
        let pieces: Vec<u32> = changed.range(layout.pieces_of(file)).copied().collect();
        if pieces.is_empty() {
            return Ok(());
        }
        let temporary = self.temporary_path(item);
        let path = || self.to.root.dir().join(&temporary);
        let from = self.from.root.open(&self.old_path(item), How::Read)?;
        let to = self.to.root.open(&temporary, How::Write)?;
        for piece in pieces {
            let ranges = layout.ranges(piece, 0, layout.piece_len(piece));
            for range in ranges.filter(|range| !range.pad && range.file == file) {
                copy_range(&from.file, &to.file, range.offset, u64::from(range.len), progress, stop)
                    .map_err(|error| error.of(|| self.from.root.dir().join(self.old_path(item)), path))?;
            }
        }
        keep_attributes(&from.file, &to.file);
        rustix::fs::fsync(&to.file).at(Operation::Sync, path)
    }

    /// Gives all files their new names. Records in `renamed` what each was before.
    fn rename_all(&self, renamed: &mut Vec<(Item, PathBuf)>) -> Result<(), StorageError> {
        for item in self.items()? {
            let (old, new) = (self.old_path(item), self.new_path(item));
            let (root, old) = match self.copied.contains_key(&item) {
                true => (&self.to.root, self.temporary_path(item)),
                false => (&self.from.root, old),
            };
            let is_renamed = root.rename(&old, &self.to.root, &new)?;
            self.expect_free(is_renamed, &new)?;
            renamed.push((item, old));
        }
        Ok(())
    }

    fn expect_free(&self, is_renamed: bool, new: &Path) -> Result<(), StorageError> {
        if is_renamed {
            return Ok(());
        }
        Err(StorageError::InTheWay { path: self.to.root.dir().join(new), why: InTheWay::Exists })
    }

    fn sync_folders(&self) -> Result<(), StorageError> {
        self.to.root.sync_grown()?;
        self.from.root.sync_grown()
    }

    /// Gives files their old names back. Returns false if that fails.
    fn undo(&self, renamed: &[(Item, PathBuf)]) -> bool {
        renamed.iter().rev().all(|(item, old)| {
            let root = if self.copied.contains_key(item) { &self.to.root } else { &self.from.root };
            self.to.root.rename(&self.new_path(*item), root, old).is_ok_and(|renamed| renamed)
        })
    }

    /// Makes the new place that of the store. The caller keeps all reads and writes away.
    fn settle(&self, _places: &Places) {
        *self.store.home.write().unwrap_or_else(PoisonError::into_inner) = self.to.clone();
        if !self.copied.is_empty() {
            self.store.forget_handles();
        }
        for item in self.copied.keys() {
            if let Item::File(file) = item {
                // Another torrent that had it in common has the original.
                self.store.clear_flag(*file, flag::SHARED);
            }
        }
    }
}

impl Drop for Relocation {
    fn drop(&mut self) {
        self.store.changes.record(false);
    }
}

/// Returns the path of a copy that does not have its name yet: beside that, and never the name of a file in a torrent,
/// which cannot contain its own hash.
fn temporary(parts: &Path, new: &Path, item: Item) -> PathBuf {
    let number = match item {
        Item::File(file) => file.to_string(),
        Item::PartFile => "parts".to_owned(),
    };
    let hash = parts.file_stem().unwrap_or_default().to_string_lossy();
    parent_of(new).join(format!("{hash}.{number}.moving"))
}

fn parent_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn discard(root: &Root, path: &Path) {
    match root.remove(path) {
        Err(error) if !error.is_absent() => {
            tracing::debug!(path = %root.dir().join(path).display(), %error, "cannot remove a copy");
        }
        _ => {}
    }
}

fn add_folders(path: &Path, folders: &mut BTreeSet<PathBuf>) {
    let above = path.ancestors().skip(1).filter(|folder| folder.file_name().is_some());
    folders.extend(above.map(Path::to_owned));
}

fn remove_empty_of(home: &Home, paths: impl Iterator<Item = PathBuf>) {
    let mut folders = BTreeSet::new();
    paths.for_each(|path| add_folders(&path, &mut folders));
    remove_empty(&home.root, folders);
}

/// Removes empty folders, the deepest first.
fn remove_empty(root: &Root, folders: BTreeSet<PathBuf>) {
    let mut folders: Vec<PathBuf> = folders.into_iter().collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.components().count()));
    folders.iter().for_each(|folder| root.remove_empty_folder(folder));
}

#[cfg(test)]
#[path = "relocate_tests.rs"]
mod tests;
