//! Makes written data durable, and detects changes by other programs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

use rustix::io::Errno;

use super::{TorrentStore, flag};
use crate::error::{At, Operation, StorageError};
use crate::handles::Access;

/// Length and time of a file, to detect a change (see [`TorrentStore::fingerprint`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FileStamp {
    /// Length in bytes.
    pub len: u64,
    /// Time of the last change of the content, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl FileStamp {
    /// Stamp of a file that does not exist.
    pub const ABSENT: Self = Self { len: 0, mtime_ns: i64::MIN };

    /// Returns true if the stamps may differ without a change: some file systems and servers round a time some moments
    /// after they report it, to two seconds (FAT).
    fn is_close_to(self, other: Self) -> bool {
        self.len == other.len && self.mtime_ns.abs_diff(other.mtime_ns) <= 2_000_000_000
    }
}

impl TorrentStore {
    /// Syncs all writes since the last call to the disk, including new folder entries and the files of
    /// [found pieces](Self::sync_found_pieces).
    ///
    /// The next call covers writes during this one. After an error the other files are still synced, and the failed one
    /// stays due. The operating system may have dropped its unwritten bytes. So the pieces of the file are not
    /// [verified](Self::is_verified) any more, and those finished since the last successful call must be checked again
    /// before they are believed. An error does not change which files [`take_stamps`](Self::take_stamps) returns as
    /// written.
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
                // UNSTAMPED is set first, so that the file is dirty or unstamped at any moment. DIRTY is cleared before
                // the sync, so that a write during the sync makes the file due again.
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
        also(self.with_room(|| self.root().sync_grown()));
        match outcome {
            Ok(()) => Ok(()),
            // The missing folder is the cause of any other error.
            Err(error) if !error.is_exhausted() && !self.has_its_folder() => {
                Err(StorageError::FolderGone { path: self.dir() })
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the stamps of all files after a [`sync`](Self::sync), as [`fingerprint`](Self::fingerprint) does, and
    /// the files that were written and synced since the last call.
    ///
    /// Only these files, and those with unsynced writes, may have a different stamp through this store. With the
    /// earlier stamps, `known`, the other files are not read and keep theirs.
    pub fn take_stamps(
        &self,
        known: Option<&[FileStamp]>,
    ) -> Result<(Vec<FileStamp>, Vec<usize>), StorageError> {
        let take = |flags: &AtomicU16| {
            flags.load(Ordering::Relaxed) & flag::UNSTAMPED != 0
                && flags.fetch_and(!flag::UNSTAMPED, Ordering::AcqRel) & flag::UNSTAMPED != 0
        };
        // Taken before the stamps: files written and synced later are returned by the next call.
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

    /// Returns the current length and time of every file, for the resume data.
    ///
    /// A file whose bytes are in the part file has the stamp of the part file. Pads and links have the default stamp.
    /// A file that does not exist has [`FileStamp::ABSENT`].
    pub fn fingerprint(&self) -> Result<Vec<FileStamp>, StorageError> {
        self.fingerprint_but(|_| None)
    }

    /// Does the same as [`fingerprint`](Self::fingerprint), but takes the stamps of files that are `known` from there.
    fn fingerprint_but(
        &self,
        known: impl Fn(usize) -> Option<FileStamp>,
    ) -> Result<Vec<FileStamp>, StorageError> {
        let places = self.places();
        let parts = if places.any_moved() {
            stamp_of(&self.root().dir().join(&self.parts_path), false)?
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

    /// Returns the files that the next [`take_stamps`](Self::take_stamps) returns as written.
    pub fn unstamped_files(&self) -> Vec<usize> {
        (0..self.flags.len()).filter(|file| self.has_flag(*file, flag::UNSTAMPED)).collect()
    }

    /// Returns the first file that another program has changed: its stamp differs from `known` although this store has
    /// not written to it, or it is shorter than this store has made it.
    ///
    /// `now` and `written` are the results of [`take_stamps`](Self::take_stamps). `known` has the earlier stamps,
    /// updated for every file that it has returned as written since.
    pub fn changed_by_others(
        &self,
        known: &[FileStamp],
        now: &[FileStamp],
        written: &[usize],
    ) -> Option<PathBuf> {
        let places = self.places();
        let stamps = known.iter().zip(now).enumerate();
        let is_alone = |file: usize| !places.is_moved(file) && !self.has_flag(file, flag::SHARED);
        let mut real = stamps.filter(|(file, _)| self.is_real(*file) && is_alone(*file));
        let is_changed = |file: usize, known: &FileStamp, now: &FileStamp| {
            if written.contains(&file) || self.has_flag(file, flag::DIRTY) {
                // The file may have got its length since: it is looked at again after the flag.
                let is_short = |len| len < self.length_of(file);
                let len_now = || stamp_of(&self.path_of(file), false).map_or(0, |stamp| stamp.len);
                is_short(now.len) && self.has_flag(file, flag::SIZED) && is_short(len_now())
            } else {
                // The first write detects a file that appears.
                *known != FileStamp::ABSENT && !known.is_close_to(*now)
            }
        };
        real.find(|(file, (known, now))| is_changed(*file, known, now)).map(|(file, _)| self.path_of(file))
    }

    /// Returns files that another program has changed between two [`fingerprint`](Self::fingerprint)s, `before` and
    /// `now`: their stamps differ, and this store has no unsynced writes to them. Excludes empty files and those whose
    /// bytes are in the part file.
    pub fn changed_between(&self, before: &[FileStamp], now: &[FileStamp]) -> Vec<usize> {
        let places = self.places();
        let stamps = before.iter().zip(now).enumerate();
        let changed = stamps.filter(|(file, (before, now))| {
            before != now
                && self.is_real(*file)
                && self.length_of(*file) > 0
                && !places.is_moved(*file)
                && !self.has_flag(*file, flag::DIRTY)
                && !self.has_flag(*file, flag::SHARED)
        });
        changed.map(|(file, _)| file).collect()
    }

    /// Returns files whose length in `stamps`, a [`fingerprint`](Self::fingerprint), differs from that in the torrent.
    /// Excludes missing files and those whose bytes are in the part file.
    pub fn files_of_wrong_length(&self, stamps: &[FileStamp]) -> Vec<usize> {
        let places = self.places();
        let files = self.layout().files().iter().zip(stamps).enumerate();
        let wrong = files.filter(|(index, (file, stamp))| {
            let is_there = !file.pad && file.symlink.is_none() && **stamp != FileStamp::ABSENT;
            is_there && !places.is_moved(*index) && stamp.len != file.length
        });
        wrong.map(|(index, _)| index).collect()
    }

    /// Makes the next [`sync`](Self::sync) sync the files of pieces that were found right, but were written by another
    /// program or an earlier run. Otherwise a record of the pieces could survive a crash that their bytes do not.
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

    /// Hashes a piece that another torrent may have written to a common file. If it matches, it counts as verified, and
    /// the next [`sync`](Self::sync) covers it.
    ///
    /// # Errors
    /// Any error of the disk.
    pub fn find_shared_piece(&self, piece: u32) -> Result<bool, StorageError> {
        // Before the look: if the files change their place after it, what was found goes with them.
        drop(self.changes.note_at_end(piece));
        let is_there = self.check_piece(piece, &mut Vec::new())?;
        if is_there {
            self.believe(piece);
            self.sync_found_pieces([piece]);
        }
        Ok(is_there)
    }

    fn distrust_file(&self, file: usize, error: &StorageError) {
        if !error.is_exhausted() {
            self.layout().pieces_of(file).for_each(|piece| self.distrust(piece));
        }
    }

    /// Syncs a file that other programs have written.
    fn sync_found(&self, index: usize) -> Result<(), StorageError> {
        let file = self.handle(index, Access::Read)?;
        match rustix::fs::fdatasync(&file) {
            // Read-only file systems have nothing to sync, and some return an error.
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

/// Returns the stamp of the file at `path`; if `follow`, that of a link's target.
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
    fn is_close_to_with_a_rounded_time_is_true() {
        let stamp = FileStamp { len: 7, mtime_ns: 1_700_000_001_234_567_890 };
        assert!(stamp.is_close_to(FileStamp { mtime_ns: 1_700_000_000_000_000_000, ..stamp }));
        assert!(!stamp.is_close_to(FileStamp { mtime_ns: stamp.mtime_ns + 2_000_000_001, ..stamp }));
        assert!(!stamp.is_close_to(FileStamp { len: 8, ..stamp }));
        assert!(!stamp.is_close_to(FileStamp::ABSENT));
    }
}
