//! Written data made durable, and changes by somebody else found.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::io::Errno;

use super::{TorrentStore, flag};
use crate::error::{At, Operation, StorageError};
use crate::handles::Access;

/// Length and time of a file, to see whether it changed since (see [`TorrentStore::fingerprint`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FileStamp {
    /// Length in bytes.
    pub len: u64,
    /// Time of the last change of its content, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl FileStamp {
    /// The stamp of a file that does not exist.
    pub const ABSENT: Self = Self { len: 0, mtime_ns: i64::MIN };

    /// True if it may differ without a change: some file systems and servers round a time a little later than they
    /// take it, to two seconds (FAT).
    fn is_close_to(self, other: Self) -> bool {
        self.len == other.len && self.mtime_ns.abs_diff(other.mtime_ns) <= 2_000_000_000
    }
}

impl TorrentStore {
    /// Forces everything written since the last call to the disk, new folder entries included, and the files of
    /// [pieces found](Self::sync_found_pieces).
    ///
    /// What is written while it runs may or may not be covered and is covered by the next call. After an error
    /// the rest is still done, and what failed stays due. The operating system may have dropped its unwritten bytes by then: pieces that
    /// were finished since the last good call must be checked again before they are believed. Those of the
    /// file are no longer [verified](Self::is_verified). What an error leaves undone does not change which files
    /// [`take_stamps`](Self::take_stamps) returns as written.
    pub fn sync(&self) -> Result<(), StorageError> {
        let mut outcome = self.trim();
        let mut also = |done: Result<(), StorageError>| {
            if outcome.is_ok() {
                outcome = done;
            }
        };
        for (file, flags) in self.flags.iter().enumerate() {
            let due = flags.load(Ordering::Relaxed) & (flag::DIRTY | flag::FOUND);
            if due == flag::FOUND {
                self.clear_flag(file, flag::FOUND);
                also(self.sync_found(file).inspect_err(|error| {
                    self.set_flag(file, flag::FOUND);
                    self.distrust_file(file, error);
                }));
            } else if due != 0 {
                // Noted before, so that a file is written or unstamped at any moment. Taken back before the sync, so that
                // a write from now on makes the file due again.
                self.set_flag(file, flag::UNSTAMPED);
                self.clear_flag(file, flag::DIRTY | flag::FOUND);
                also(self.sync_file(file).inspect_err(|error| {
                    self.set_flag(file, flag::DIRTY);
                    self.distrust_file(file, error);
                }));
            }
        }
        let (is_written, is_found) =
            (self.parts_dirty.swap(false, Ordering::AcqRel), self.parts_found.swap(false, Ordering::AcqRel));
        if is_written || is_found {
            let places = self.places();
            let moved = (0..self.flags.len()).filter(|file| is_written && places.is_moved(*file));
            moved.for_each(|file| self.set_flag(file, flag::UNSTAMPED));
            drop(places);
            also(self.sync_parts().inspect_err(|error| {
                self.parts_dirty.fetch_or(is_written, Ordering::AcqRel);
                self.parts_found.fetch_or(is_found, Ordering::AcqRel);
                if !error.is_exhausted() {
                    self.parts.pieces().into_iter().for_each(|piece| self.distrust(piece));
                }
            }));
        }
        also(self.with_room(|| self.root.sync_grown()));
        match outcome {
            Ok(()) => Ok(()),
            // Whatever failed, that is why.
            Err(error) if !error.is_exhausted() && !self.has_its_folder() => {
                Err(StorageError::FolderGone { path: self.root.dir().to_owned() })
            }
            Err(error) => Err(error),
        }
    }

    /// The stamps of all files after a [`sync`](Self::sync), as [`fingerprint`](Self::fingerprint) gives them, and which
    /// files were synced since the last call: only they may have another stamp by our doing, and those that are written
    /// to right now. With the stamps of before, `known`, the other files are not looked at and keep theirs.
    pub fn take_stamps(
        &self,
        known: Option<&[FileStamp]>,
    ) -> Result<(Vec<FileStamp>, Vec<usize>), StorageError> {
        let take = |flags: &AtomicU8| {
            flags.load(Ordering::Relaxed) & flag::UNSTAMPED != 0
                && flags.fetch_and(!flag::UNSTAMPED, Ordering::AcqRel) & flag::UNSTAMPED != 0
        };
        // Before the look: what is written and synced after it is for the next call.
        let files = self.flags.iter().enumerate();
        let written: Vec<usize> = files.filter(|(_, flags)| take(flags)).map(|(file, _)| file).collect();
        let is_written =
            |file: usize| written.binary_search(&file).is_ok() || self.has_flag(file, flag::DIRTY);
        let known = |file: usize| known?.get(file).copied().filter(|_| !is_written(file));
        match self.fingerprint_but(known) {
            Ok(stamps) => Ok((stamps, written)),
            Err(error) => {
                written.into_iter().for_each(|file| self.set_flag(file, flag::UNSTAMPED));
                Err(error)
            }
        }
    }

    /// Length and time of every file as they are now, to be kept with the resume data.
    ///
    /// A file whose bytes are in the part file has the stamp of the part file; pads and links have the
    /// default one; what does not exist has [`FileStamp::ABSENT`].
    pub fn fingerprint(&self) -> Result<Vec<FileStamp>, StorageError> {
        self.fingerprint_but(|_| None)
    }

    /// The same, with the stamps of the files that are `known`.
    fn fingerprint_but(
        &self,
        known: impl Fn(usize) -> Option<FileStamp>,
    ) -> Result<Vec<FileStamp>, StorageError> {
        let places = self.places();
        let parts = if places.any_moved() {
            stamp_of(&self.root.dir().join(&self.parts_path), false)?
        } else {
            FileStamp::ABSENT
        };
        let files = self.layout().files().iter().enumerate();
        files
            .map(|(index, file)| {
                if file.pad || file.symlink.is_some() {
                    Ok(FileStamp::default())
                } else if places.is_moved(index) {
                    Ok(parts)
                } else if let Some(known) = known(index) {
                    Ok(known)
                } else {
                    stamp_of(&self.path_of(index), self.options.read_only)
                }
            })
            .collect()
    }

    /// The first file that was changed by someone else: its stamp is not what `known` says although this store has
    /// not written to it, or it is shorter than the store has made it.
    ///
    /// `now` and `written` are what [`take_stamps`](Self::take_stamps) has returned; `known` has the stamps of before,
    /// updated for every file that it has returned as written since.
    pub fn changed_by_others(
        &self,
        known: &[FileStamp],
        now: &[FileStamp],
        written: &[usize],
    ) -> Option<PathBuf> {
        let places = self.places();
        let stamps = known.iter().zip(now).enumerate();
        let mut real = stamps.filter(|(file, _)| self.is_real(*file) && !places.is_moved(*file));
        let is_changed = |file: usize, known: &FileStamp, now: &FileStamp| {
            if written.contains(&file) || self.has_flag(file, flag::DIRTY) {
                self.has_flag(file, flag::SIZED) && now.len < self.length_of(file)
            } else {
                // One that appears is found by the first write to it.
                *known != FileStamp::ABSENT && !known.is_close_to(*now)
            }
        };
        real.find(|(file, (known, now))| is_changed(*file, known, now)).map(|(file, _)| self.path_of(file))
    }

    /// Files that somebody else has changed between two [`fingerprint`](Self::fingerprint)s, `before` and `now`, as far as
    /// that can be seen: their stamps differ, and nothing is written of this store's own that was not synced. Those
    /// whose bytes are in the part file or that have no bytes are not among them.
    pub fn changed_between(&self, before: &[FileStamp], now: &[FileStamp]) -> Vec<usize> {
        let places = self.places();
        let stamps = before.iter().zip(now).enumerate();
        let changed = stamps.filter(|(file, (before, now))| {
            before != now
                && self.is_real(*file)
                && self.length_of(*file) > 0
                && !places.is_moved(*file)
                && !self.has_flag(*file, flag::DIRTY)
        });
        changed.map(|(file, _)| file).collect()
    }

    /// Files whose stamp, of those that [`fingerprint`](Self::fingerprint) has returned, has another length than the
    /// torrent gives. Those that do not exist or lie in the part file are not among them.
    pub fn files_of_wrong_length(&self, stamps: &[FileStamp]) -> Vec<usize> {
        let places = self.places();
        let files = self.layout().files().iter().zip(stamps).enumerate();
        let wrong = files.filter(|(index, (file, stamp))| {
            let is_there = !file.pad && file.symlink.is_none() && **stamp != FileStamp::ABSENT;
            is_there && !places.is_moved(*index) && stamp.len != file.length
        });
        wrong.map(|(index, _)| index).collect()
    }

    /// Makes the next [`sync`](Self::sync) force the files of pieces to the disk that were found right, but were written by
    /// somebody else or an earlier run: a record of them that outlives a crash must not be about bytes that do not.
    pub fn sync_found_pieces(&self, pieces: impl IntoIterator<Item = u32>) {
        let (places, layout) = (self.places(), self.layout());
        for piece in pieces.into_iter().filter(|piece| *piece < layout.piece_count()) {
            for range in layout.ranges(piece, 0, layout.piece_len(piece)).filter(|range| !range.pad) {
                match places.is_moved(range.file) {
                    true => self.parts_found.store(true, Ordering::Release),
                    false => self.set_flag(range.file, flag::FOUND),
                }
            }
        }
    }

    fn distrust_file(&self, file: usize, error: &StorageError) {
        if !error.is_exhausted() {
            self.layout().pieces_of(file).for_each(|piece| self.distrust(piece));
        }
    }

    /// Forces to the disk what others have written to a file.
    fn sync_found(&self, index: usize) -> Result<(), StorageError> {
        let file = self.handle(index, Access::Read)?;
        match rustix::fs::fdatasync(&file) {
            // Read-only file systems have nothing to force, and some refuse to try.
            Err(Errno::INVAL | Errno::NOTSUP | Errno::ROFS) => Ok(()),
            done => done.at(Operation::Sync, || self.path_of(index)),
        }
    }

    pub(super) fn sync_file(&self, index: usize) -> Result<(), StorageError> {
        let path = || self.path_of(index);
        let file = self.handle(index, Access::Read)?;
        rustix::fs::fdatasync(&file).at(Operation::Sync, path)?;
        let links = rustix::fs::fstat(&file).at(Operation::Inspect, path)?.st_nlink;
        if links == 0 {
            self.forget_handle(index);
            return Err(StorageError::FileGone { path: path() });
        }
        Ok(())
    }
}

/// The stamp of what lies at `path`; if `follow`, of what a link there leads to.
pub(super) fn stamp_of(path: &Path, follow: bool) -> Result<FileStamp, StorageError> {
    use std::os::unix::fs::MetadataExt as _;
    let found = if follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
    match found {
        Ok(metadata) => Ok(FileStamp {
            len: metadata.len(),
            mtime_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        }),
        Err(cause) if matches!(Errno::from_io_error(&cause), Some(Errno::NOENT | Errno::NOTDIR)) => {
            Ok(FileStamp::ABSENT)
        }
        Err(cause) => Err(StorageError::io(Operation::Inspect, path, cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_time_is_no_change() {
        let stamp = FileStamp { len: 7, mtime_ns: 1_700_000_001_234_567_890 };
        assert!(stamp.is_close_to(FileStamp { mtime_ns: 1_700_000_000_000_000_000, ..stamp }));
        assert!(!stamp.is_close_to(FileStamp { mtime_ns: stamp.mtime_ns + 2_000_000_001, ..stamp }));
        assert!(!stamp.is_close_to(FileStamp { len: 8, ..stamp }));
        assert!(!stamp.is_close_to(FileStamp::ABSENT));
    }
}
