//! The end of a move that a crash has interrupted.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ztor_metainfo::Metainfo;

use super::{Item, add_folders, copy_file, discard, remove_empty, remove_empty_of, temporary};
use crate::error::StorageError;
use crate::file_names::with_suffix;
use crate::in_the_way::InTheWay;
use crate::moving::{MovedFile, Moving, Place};
use crate::names::as_found_in;

use crate::root::{How, Root};
use crate::store::{Home, TorrentStore};

/// Completes or undoes a move that a crash has interrupted, before the store is opened. Returns the place of the files.
///
/// `moving` is the last stage that was recorded.
///
/// # Errors
/// [`StorageError::InTheWay`] if another program has created a file in the new place; any error of the disk. The call
/// can be repeated.
pub fn recover_move(meta: &Arc<Metainfo>, from: &Place, moving: &Moving) -> Result<Place, StorageError> {
    let to = &moving.to;
    let meta = as_found_in(meta, &[from, to].map(|place| (place.dir.as_path(), &place.names)));
    let root_of = |place: &Place| {
        let trusted = usize::from(place.names.folder(&meta).is_some());
        Arc::new(Root::new(&place.dir, trusted, false))
    };
    let this = Recovery {
        from_root: root_of(from),
        to_root: root_of(to),
        parts: TorrentStore::parts_name(&meta),
        meta,
        from,
        to,
    };
    match &moving.switching {
        None => this.undo(),
        Some(files) => this.complete(files),
    }
}

struct Recovery<'a> {
    meta: Arc<Metainfo>,
    from: &'a Place,
    to: &'a Place,
    from_root: Arc<Root>,
    to_root: Arc<Root>,
    parts: PathBuf,
}

impl Recovery<'_> {
    /// Removes the copies of a move that was copying.
    fn undo(self) -> Result<Place, StorageError> {
        let files = self.meta.layout.files().iter().enumerate().filter(|(_, file)| !file.pad);
        let of = |(file, _)| (Item::File(file), self.to.names.path(&self.meta, file));
        let items: Vec<_> = files.map(of).chain([(Item::PartFile, self.parts.clone())]).collect();
        for (item, path) in &items {
            discard(&self.to_root, &temporary(&self.parts, path, *item));
        }
        let home = Home { root: self.to_root, names: Arc::new(self.to.names.clone()) };
        remove_empty_of(&home, items.into_iter().map(|(_, path)| path));
        Ok(self.from.clone())
    }

    /// Gives the files their new names, as far as they do not have them.
    fn complete(self, files: &[MovedFile]) -> Result<Place, StorageError> {
        let mut folders = BTreeSet::new();
        for file in files {
            let Some((item, [old, new])) = self.paths(*file) else { continue };
            if self.from.dir.join(&old) == self.to.dir.join(&new) {
                // It is where it belongs, and the only one.
                continue;
            }
            add_folders(&old, &mut folders);
            match file.is_copied {
                true => self.use_copy(item, &old, &new)?,
                false => self.rename(item, &old, &new)?,
            }
        }
        self.to_root.sync_grown()?;
        self.from_root.sync_grown()?;
        remove_empty(&self.from_root, folders);
        Ok(self.to.clone())
    }

    /// Returns the old and new path of a file; `None` if the torrent has no such file.
    fn paths(&self, moved: MovedFile) -> Option<(Item, [PathBuf; 2])> {
        let Some(file) = moved.file else {
            return Some((Item::PartFile, [(); 2].map(|()| self.parts.clone())));
        };
        self.meta.layout.files().get(file).filter(|entry| !entry.pad)?;
        let path = |place: &Place| {
            let path = place.names.path(&self.meta, file);
            if moved.has_suffix { with_suffix(path, self.to.names.suffix()) } else { path }
        };
        Some((Item::File(file), [path(self.from), path(self.to)]))
    }

    /// Gives a complete copy its name, and removes the original.
    fn use_copy(&self, item: Item, old: &Path, new: &Path) -> Result<(), StorageError> {
        let temporary = temporary(&self.parts, new, item);
        if self.to_root.exists_at(&temporary)? {
            self.take_name(&temporary, new)?;
            self.to_root.sync_grown()?;
        } else if !self.to_root.exists_at(new)? {
            // Another program has removed the copy.
            return self.copy(item, old, new);
        }
        if self.from_root.exists_at(old)? {
            self.from_root.remove(old)?;
        }
        Ok(())
    }

    fn rename(&self, item: Item, old: &Path, new: &Path) -> Result<(), StorageError> {
        if !self.from_root.exists_at(old)? {
            // It has its new name, or another program has removed it.
            return Ok(());
        }
        if self.to_root.exists_at(new)? {
            // The copy of an earlier recovery, which ended before the original was removed.
            if self.is_same(old, new)? {
                return self.from_root.remove(old).map(drop);
            }
            return Err(self.in_the_way(new));
        }
        match self.from_root.rename(old, &self.to_root, new) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.in_the_way(new)),
            Err(error) if error.is_cross_device() => self.copy(item, old, new),
            Err(error) => Err(error),
        }
    }

    /// Copies a file that cannot be renamed, and removes the original.
    fn copy(&self, item: Item, old: &Path, new: &Path) -> Result<(), StorageError> {
        if !self.from_root.exists_at(old)? {
            return Ok(());
        }
        let temporary = temporary(&self.parts, new, item);
        let is_link = item.is_link(&self.meta.layout);
        let (from, to) = ((&*self.from_root, old), (&*self.to_root, temporary.as_path()));
        copy_file(from, to, is_link, &mut |_| {}, &AtomicBool::new(false))?;
        self.take_name(&temporary, new)?;
        self.to_root.sync_grown()?;
        self.from_root.remove(old).map(drop)
    }

    fn take_name(&self, temporary: &Path, new: &Path) -> Result<(), StorageError> {
        match self.to_root.rename(temporary, &self.to_root, new)? {
            true => Ok(()),
            false => Err(self.in_the_way(new)),
        }
    }

    fn in_the_way(&self, new: &Path) -> StorageError {
        StorageError::InTheWay { path: self.to.dir.join(new), why: InTheWay::Exists }
    }

    /// Returns true if two files have the same content, and are not one.
    fn is_same(&self, old: &Path, new: &Path) -> Result<bool, StorageError> {
        let (old, new) = (self.from_root.open(old, How::Read), self.to_root.open(new, How::Read));
        let (Ok(old), Ok(new)) = (old, new) else { return Ok(false) };
        let id = |file: &File| file.metadata().map(|found| (found.dev(), found.ino())).ok();
        if old.len != new.len || id(&old.file) == id(&new.file) {
            return Ok(false);
        }
        let (old, new) = (std::io::BufReader::new(old.file), std::io::BufReader::new(new.file));
        Ok(old
            .bytes()
            .zip(new.bytes())
            .all(|(old, new)| matches!((old, new), (Ok(old), Ok(new)) if old == new)))
    }
}
