//! Moves bytes of unwanted files to the part file, and back to their files once these are wanted.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{PART_FILE, TorrentStore, flag};
use crate::error::{At, Operation, StorageError};
use crate::handles::Access;
use crate::in_the_way::InTheWay;
use crate::parts::PartFile;
use crate::positional::{is_zero, read_at, write_at};
use crate::root::{How, Opened};

/// Bytes per copy out of the part file.
const COPY_LEN: usize = 256 * 1024;

#[derive(Debug, Default)]
pub(super) struct Places {
    wanted: Vec<bool>,
    /// Files whose bytes are in the part file. Reads and writes use this, not `wanted`.
    moved: Vec<bool>,
    moved_count: usize,
}

impl Places {
    fn new(wanted: Vec<bool>, moved: Vec<bool>) -> Self {
        let moved_count = moved.iter().filter(|moved| **moved).count();
        Self { wanted, moved, moved_count }
    }

    pub(super) fn is_wanted(&self, file: usize) -> bool {
        self.wanted.get(file).copied().unwrap_or(false)
    }

    pub(super) fn is_moved(&self, file: usize) -> bool {
        self.moved_count > 0 && self.moved.get(file).copied().unwrap_or(false)
    }

    pub(super) fn any_moved(&self) -> bool {
        self.moved_count > 0
    }

    pub(super) fn moved(&self) -> &[bool] {
        &self.moved
    }
}

impl TorrentStore {
    /// Changes which files are wanted: one entry per file of the layout.
    ///
    /// Bytes of newly wanted files move from the part file into them. An existing file that is not wanted any more
    /// keeps its bytes. Reads and writes of this torrent wait until the call returns.
    pub fn set_wanted(&self, wanted: &[bool]) -> Result<(), StorageError> {
        self.require_writable()?;
        let mut places = self.places_mut();
        if wanted.len() != places.wanted.len() {
            return Err(StorageError::WrongFileCount { expected: places.wanted.len(), found: wanted.len() });
        }
        let mut moved = places.moved.clone();
        for (file, moved) in moved.iter_mut().enumerate() {
            *moved |= !wanted[file] && self.belongs_to_parts(file);
        }
        *places = Places::new(wanted.to_vec(), moved);
        self.parts.mark_stale();
        self.write_parts_header(&places)?;
        self.take_in_wanted(&mut places)
    }

    /// Returns the wanted files, one entry per file of the layout.
    pub fn wanted(&self) -> Vec<bool> {
        self.places().wanted.clone()
    }

    /// Reads the header and index of an existing part file.
    pub(super) fn load_parts(&self) -> Result<Option<Vec<bool>>, StorageError> {
        let opened = match self.root().open(&self.parts_path, How::Read) {
            Ok(opened) => opened,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error),
        };
        self.parts.load(&opened.file, opened.len).at(Operation::Read, || self.full_parts_path())
    }

    pub(super) fn initial_places(&self, wanted: Vec<bool>, moved: Option<Vec<bool>>) -> Places {
        // Bytes recorded in the part file are read from it until `prepare` has copied them, even if the file exists: it
        // may be half copied after a crash.
        let recorded = moved.unwrap_or_else(|| vec![false; wanted.len()]);
        let belongs = |file: usize| recorded[file] || (!wanted[file] && self.belongs_to_parts(file));
        let moved: Vec<bool> = (0..wanted.len()).map(belongs).collect();
        if moved != recorded {
            self.parts.mark_stale();
        }
        Places::new(wanted, moved)
    }

    /// Copies the bytes of wanted files from the part file into them, and frees slots that are not needed any more.
    ///
    /// The order survives a crash: first the bytes are synced, then the header is written, then slots are freed.
    pub(super) fn take_in_wanted(&self, places: &mut Places) -> Result<(), StorageError> {
        let mut moved = places.moved.clone();
        for (file, moved) in moved.iter_mut().enumerate() {
            *moved &= !places.wanted[file];
        }
        if moved == places.moved {
            return Ok(());
        }
        let pieces = self.parts.pieces();
        let mut filled = BTreeSet::new();
        let mut buf = vec![0; COPY_LEN];
        for &piece in &pieces {
            let (Some(base), len) = (self.parts.find(piece), self.layout().piece_len(piece)) else {
                continue;
            };
            for range in self.layout().ranges(piece, 0, len) {
                if range.pad || !places.is_moved(range.file) || moved[range.file] {
                    continue;
                }
                let _noted = self.changes.note_at_end(piece);
                self.copy_out(
                    base + u64::from(range.at),
                    range.file,
                    range.offset,
                    u64::from(range.len),
                    &mut buf,
                )?;
                filled.insert(range.file);
            }
        }
        for file in filled {
            self.sync_file(file)?;
        }
        *places = Places::new(std::mem::take(&mut places.wanted), moved);
        self.write_parts_header(places)?;
        self.free_slots(places, &pieces)
    }

    pub(super) fn parts_handle(&self, access: Access) -> Result<Arc<File>, StorageError> {
        self.handles.get((self.id, PART_FILE), access, || {
            let how = match access {
                Access::Read => How::Read,
                Access::ReadWrite if self.parts.begun() => How::Write,
                Access::ReadWrite => How::Create { executable: false },
            };
            let opened = match self.with_room(|| self.root().open(&self.parts_path, how)) {
                Err(error) if error.is_absent() && self.parts.begun() => {
                    return Err(StorageError::FileGone { path: self.full_parts_path() });
                }
                opened => opened?,
            };
            if access == Access::ReadWrite && !self.parts.begun() && !self.options.overwrite {
                self.spare_no_part_file(&opened)?;
            }
            Ok(opened.file)
        })
    }

    /// Fails if the file at the part file's path holds other data. A part file, and a file that is empty or has only
    /// zeros, may be overwritten.
    fn spare_no_part_file(&self, opened: &Opened) -> Result<(), StorageError> {
        let path = || self.full_parts_path();
        if opened.len == 0
            || PartFile::is_one(&opened.file).at(Operation::Read, path)?
            || is_zero(&opened.file).at(Operation::Read, path)?
        {
            return Ok(());
        }
        Err(StorageError::InTheWay { path: path(), why: InTheWay::NoPartFile })
    }

    /// Returns the path that the part file has in a download folder.
    pub fn parts_path_in(&self, dir: &std::path::Path) -> std::path::PathBuf {
        dir.join(&self.parts_path)
    }

    /// Returns the path of the part file, even if it does not exist.
    pub fn full_parts_path(&self) -> std::path::PathBuf {
        self.root().dir().join(&self.parts_path)
    }

    pub(super) fn sync_parts(&self) -> Result<(), StorageError> {
        if !self.parts.begun() {
            return Ok(());
        }
        let path = || self.full_parts_path();
        let file = self.parts_handle(Access::Read)?;
        rustix::fs::fdatasync(&file).at(Operation::Sync, path)?;
        match rustix::fs::fstat(&file).at(Operation::Inspect, path)?.st_nlink {
            0 => {
                self.handles.forget((self.id, PART_FILE));
                Err(StorageError::FileGone { path: path() })
            }
            _ => Ok(()),
        }
    }

    /// Creates a new part file at the next write, after a check has found the old one gone.
    pub(crate) fn accept_missing_parts(&self) {
        self.handles.forget((self.id, PART_FILE));
        self.parts.clear();
        self.parts_dirty.store(false, Ordering::Release);
        self.parts_found.store(false, Ordering::Release);
    }

    /// Returns true if a file's bytes go to the part file when it is not wanted: it does not exist, and must not be
    /// created.
    fn belongs_to_parts(&self, file: usize) -> bool {
        let Some(entry) = self.layout().files().get(file) else { return false };
        let real = !entry.pad && entry.symlink.is_none() && entry.length > 0;
        real && !self.has_flag(file, flag::SEEN) && std::fs::symlink_metadata(self.path_of(file)).is_err()
    }

    fn copy_out(
        &self,
        from: u64,
        file: usize,
        to: u64,
        len: u64,
        buf: &mut [u8],
    ) -> Result<(), StorageError> {
        let parts = self.parts_handle(Access::Read)?;
        let target = self.handle(file, Access::ReadWrite)?;
        self.set_flag(file, flag::DIRTY);
        let mut done = 0;
        while done < len {
            let step = usize::try_from(len - done).unwrap_or(usize::MAX).min(buf.len());
            let read = read_at(&parts, &mut buf[..step], from + done)
                .at(Operation::Read, || self.full_parts_path())?;
            if read == 0 {
                break;
            }
            write_at(&target, &buf[..read], to + done).at(Operation::Write, || self.path_of(file))?;
            done += read as u64;
        }
        Ok(())
    }

    fn write_parts_header(&self, places: &Places) -> Result<(), StorageError> {
        if !self.parts.begun() {
            return Ok(());
        }
        let file = self.parts_handle(Access::ReadWrite)?;
        self.parts.write_header(&file, &places.moved).at(Operation::Write, || self.full_parts_path())?;
        rustix::fs::fdatasync(&file).at(Operation::Sync, || self.full_parts_path())
    }

    fn free_slots(&self, places: &Places, pieces: &[u32]) -> Result<(), StorageError> {
        if !self.parts.begun() {
            return Ok(());
        }
        let file = self.parts_handle(Access::ReadWrite)?;
        let mut needed = false;
        for &piece in pieces {
            let mut ranges = self.layout().ranges(piece, 0, self.layout().piece_len(piece));
            if ranges.any(|range| !range.pad && places.is_moved(range.file)) {
                needed = true;
            } else {
                self.parts.release(&file, piece).at(Operation::Write, || self.full_parts_path())?;
            }
        }
        if !needed {
            self.root().remove(&self.parts_path)?;
            self.accept_missing_parts();
        }
        Ok(())
    }
}
