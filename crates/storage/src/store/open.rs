//! Opens files, and decides which may be created or written to.

use std::fs::File;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

use super::{Allocation, TorrentStore, flag};
use crate::error::{At, Operation, StorageError};
use crate::handles::Access;
use crate::in_the_way::InTheWay;
use crate::positional::write_at;
use crate::root::{How, Opened};

impl TorrentStore {
    /// Opens a file that is complete, for reading. Returns `None` if a piece of it is not
    /// [verified](Self::is_verified), its bytes are in the part file, or it is a pad or link.
    ///
    /// # Errors
    /// [`StorageError::FileChanged`] if it has another length than in the torrent; any error of the operating system.
    pub fn open_complete(&self, file: usize) -> Result<Option<File>, StorageError> {
        {
            let places = self.places();
            let is_whole = self.is_real(file)
                && !places.is_moved(file)
                && self.layout().pieces_of(file).all(|piece| self.is_verified(piece));
            if !is_whole {
                return Ok(None);
            }
        }
        // Not out of the cache: the caller moves the position of the file.
        let opened = self.open_as(file, How::Read)?;
        if opened.len != self.length_of(file) {
            return Err(StorageError::FileChanged { path: self.path_of(file) });
        }
        Ok(Some(opened.file))
    }

    pub(super) fn open_file(&self, index: usize, access: Access) -> Result<File, StorageError> {
        match access {
            Access::Read => {
                let opened = self.open_as(index, How::Read)?;
                self.set_flag(index, flag::SEEN);
                Ok(opened.file)
            }
            Access::ReadWrite => self.open_for_writing(index, &AtomicBool::new(false)),
        }
    }

    /// Opens a file for writing and extends it to its length. This takes long if the file system cannot reserve space
    /// at once.
    ///
    /// Errors: [`StorageError::Stopped`] if `stop` was set before the end; any error of the operating system.
    pub(super) fn open_for_writing(&self, index: usize, stop: &AtomicBool) -> Result<File, StorageError> {
        let _alone = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = self.open_own(index)?;
        let path = self.path_of(index);
        if let Err(other) = self.handles.written().claim(opened.id, self.id, &path) {
            return Err(StorageError::SameFile { path, other });
        }
        self.set_flag(index, flag::OWN | flag::SEEN);
        self.give_size(index, &opened.file, stop)?;
        Ok(opened.file)
    }

    /// Opens a file of the torrent for writing, or creates it. Leaves any other file in its place alone: it appeared
    /// after [`prepare`](Self::prepare), or was never checked.
    fn open_own(&self, index: usize) -> Result<Opened, StorageError> {
        let executable = self.layout().files().get(index).is_some_and(|file| file.executable);
        let is_seen = self.has_flag(index, flag::SEEN);
        let appeared = || StorageError::InTheWay { path: self.path_of(index), why: InTheWay::Appeared };
        if self.options.overwrite || self.has_flag(index, flag::OWN) {
            return self.open_as(index, if is_seen { How::Write } else { How::Create { executable } });
        }
        if self.has_flag(index, flag::EMPTY) {
            let opened = self.open_as(index, How::Write)?;
            return if opened.len == 0 { Ok(opened) } else { Err(appeared()) };
        }
        if is_seen {
            // A file that was read from, and is gone, is not created again.
            self.open_as(index, How::Read)?;
            return Err(appeared());
        }
        match self.open_as(index, How::CreateNew { executable }) {
            Err(StorageError::Io { cause, .. }) if Errno::from_io_error(&cause) == Some(Errno::EXIST) => {
                // Returns a more precise error for a link or folder.
                let there = self.open_as(index, How::Read)?;
                let path = self.path_of(index);
                Err(match self.handles.written().other(there.id, &path) {
                    Some(other) => StorageError::SameFile { path, other },
                    None => appeared(),
                })
            }
            opened => opened,
        }
    }

    fn open_as(&self, index: usize, how: How) -> Result<Opened, StorageError> {
        let (root, relative) = (self.root(), self.relative(index));
        match self.with_room(|| root.open(&relative, how)) {
            Err(error) if error.is_absent() && self.has_flag(index, flag::SEEN) => {
                Err(StorageError::FileGone { path: self.path_of(index) })
            }
            opened => opened,
        }
    }

    /// Extends a file to its length. The caller holds the lock `opening`.
    fn give_size(&self, index: usize, file: &File, stop: &AtomicBool) -> Result<(), StorageError> {
        let Some(length) = self.layout().files().get(index).map(|file| file.length) else { return Ok(()) };
        let path = || self.path_of(index);
        let len = file.metadata().at(Operation::Inspect, path)?.len();
        if len < length {
            if self.has_flag(index, flag::SIZED) {
                return Err(StorageError::FileGone { path: path() });
            }
            // Set before as well, as for every write.
            self.set_flag(index, flag::DIRTY);
            let grown = match self.options.allocate {
                Allocation::Sparse => resize(file, length),
                Allocation::Full => grow(file, len, length, stop, allocate),
            };
            grown.map_err(|error| match error {
                GrowError::Stopped => StorageError::Stopped,
                GrowError::Refused(errno) => StorageError::io(Operation::Allocate, path(), errno),
            })?;
            self.set_flag(index, flag::DIRTY);
        }
        self.set_flag(index, flag::SIZED);
        Ok(())
    }
}

/// Failure to give a file its length.
#[derive(Debug, PartialEq, Eq)]
enum GrowError {
    /// The caller set the stop flag.
    Stopped,
    /// The file system returned an error.
    Refused(Errno),
}

fn resize(file: &File, to: u64) -> Result<(), GrowError> {
    rustix::fs::ftruncate(file, to).map_err(GrowError::Refused)
}

/// Extends a file of `len` bytes to `length`, with disk space for all of it.
fn grow(
    file: &File,
    len: u64,
    length: u64,
    stop: &AtomicBool,
    allocate: impl Fn(&File, u64) -> Result<(), Errno>,
) -> Result<(), GrowError> {
    let done = match allocate(file, length) {
        Err(Errno::OPNOTSUPP) => fill_with_zeros(file, len, length, stop),
        done => done.map_err(GrowError::Refused),
    };
    if done.is_err() {
        // Space allocated in part is released, or a full disk would stay full for other torrents.
        resize(file, len)?;
    }
    done
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn allocate(file: &File, length: u64) -> Result<(), Errno> {
    use rustix::fs::{FallocateFlags, fallocate};
    rustix::io::retry_on_intr(|| fallocate(file, FallocateFlags::empty(), 0, length))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn allocate(_: &File, _: u64) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

fn fill_with_zeros(file: &File, from: u64, to: u64, stop: &AtomicBool) -> Result<(), GrowError> {
    let zeros = vec![0; 1 << 20];
    let mut at = from;
    while at < to {
        if stop.load(Ordering::Relaxed) {
            return Err(GrowError::Stopped);
        }
        let step = (to - at).min(zeros.len() as u64);
        let part = &zeros[..usize::try_from(step).unwrap_or(zeros.len())];
        write_at(file, part, at).map_err(GrowError::Refused)?;
        at += step;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

    use super::*;

    #[test]
    fn grow_without_reservable_space_writes_zeros_and_truncates_them_when_stopped() {
        let file = tempfile::tempfile().unwrap();
        write_at(&file, b"abc", 0).unwrap();
        let (stop, unsupported) = (AtomicBool::new(true), |_: &File, _| Err(Errno::OPNOTSUPP));
        assert_eq!(grow(&file, 3, 3 << 20, &stop, unsupported), Err(GrowError::Stopped));
        assert_eq!(file.metadata().unwrap().len(), 3);
        stop.store(false, Ordering::Relaxed);
        grow(&file, 3, 3 << 20, &stop, unsupported).unwrap();
        let mut found = vec![1; 3 << 20];
        assert_eq!(crate::positional::read_at(&file, &mut found, 0), Ok(3 << 20));
        assert!(found.starts_with(b"abc\0") && found[3..].iter().all(|byte| *byte == 0));
        let full = |_: &File, _| Err(Errno::NOSPC);
        assert_eq!(grow(&file, 3 << 20, 4 << 20, &stop, full), Err(GrowError::Refused(Errno::NOSPC)));
    }
}
