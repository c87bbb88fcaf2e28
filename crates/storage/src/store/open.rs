//! Opening files: what may be made, and what may be written to.

use std::fs::File;
use std::sync::PoisonError;

use rustix::io::Errno;

use super::{Allocation, TorrentStore, flag};
use crate::error::{At, Operation, StorageError};
use crate::handles::Access;
use crate::in_the_way::InTheWay;
use crate::positional::write_at;
use crate::root::{How, Opened};

impl TorrentStore {
    pub(super) fn open_file(&self, index: usize, access: Access) -> Result<File, StorageError> {
        match access {
            Access::Read => {
                let opened = self.open_at(index, How::Read)?;
                self.set_flag(index, flag::SEEN);
                Ok(opened.file)
            }
            Access::ReadWrite => {
                let _alone = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
                let opened = self.open_own(index)?;
                let path = self.path_of(index);
                if let Err(other) = self.handles.written().claim(opened.id, self.id, &path) {
                    return Err(StorageError::SameFile { path, other });
                }
                self.set_flag(index, flag::OWN | flag::SEEN);
                self.give_size(index, &opened.file)?;
                Ok(opened.file)
            }
        }
    }

    /// Opens a file for writing that is the torrent's own, or makes it. What else lies in its place was put there since
    /// [`prepare`](Self::prepare) has looked, or was never looked at, and is left alone.
    fn open_own(&self, index: usize) -> Result<Opened, StorageError> {
        let executable = self.layout().files().get(index).is_some_and(|file| file.executable);
        let is_seen = self.has_flag(index, flag::SEEN);
        let appeared = || StorageError::InTheWay { path: self.path_of(index), why: InTheWay::Appeared };
        if self.options.overwrite || self.has_flag(index, flag::OWN) {
            return self.open_at(index, if is_seen { How::Write } else { How::Create { executable } });
        }
        if self.has_flag(index, flag::EMPTY) {
            let opened = self.open_at(index, How::Write)?;
            return if opened.len == 0 { Ok(opened) } else { Err(appeared()) };
        }
        if is_seen {
            // One that was read from, and is gone, is not made again.
            self.open_at(index, How::Read)?;
            return Err(appeared());
        }
        match self.open_at(index, How::CreateNew { executable }) {
            Err(StorageError::Io { cause, .. }) if Errno::from_io_error(&cause) == Some(Errno::EXIST) => {
                // A link or a folder is told as such.
                let there = self.open_at(index, How::Read)?;
                let path = self.path_of(index);
                Err(match self.handles.written().other(there.id, &path) {
                    Some(other) => StorageError::SameFile { path, other },
                    None => appeared(),
                })
            }
            opened => opened,
        }
    }

    fn open_at(&self, index: usize, how: How) -> Result<Opened, StorageError> {
        let relative = self.meta().relative_path(index);
        match self.with_room(|| self.root.open(&relative, how)) {
            Err(error) if error.is_absent() && self.has_flag(index, flag::SEEN) => {
                Err(StorageError::FileGone { path: self.path_of(index) })
            }
            opened => opened,
        }
    }

    /// To be called with `opening` locked.
    fn give_size(&self, index: usize, file: &File) -> Result<(), StorageError> {
        let Some(length) = self.layout().files().get(index).map(|file| file.length) else { return Ok(()) };
        let path = || self.path_of(index);
        let len = file.metadata().at(Operation::Inspect, path)?.len();
        if len < length {
            if self.has_flag(index, flag::SIZED) {
                return Err(StorageError::FileGone { path: path() });
            }
            // Before as well, as for every write.
            self.set_flag(index, flag::DIRTY);
            self.grow(file, len, length).map_err(|(done, errno)| StorageError::io(done, path(), errno))?;
            self.set_flag(index, flag::DIRTY);
        }
        self.set_flag(index, flag::SIZED);
        Ok(())
    }

    fn grow(&self, file: &File, len: u64, length: u64) -> Result<(), (Operation, Errno)> {
        let resize = |to| rustix::fs::ftruncate(file, to).map_err(|errno| (Operation::Allocate, errno));
        if self.options.allocate == Allocation::Sparse {
            return resize(length);
        }
        let done = match allocate(file, length) {
            Err(Errno::OPNOTSUPP) => fill_with_zeros(file, len, length),
            done => done,
        };
        if done.is_err() {
            // What was allocated in part is given back, or a full disk would stay full for the others.
            resize(len)?;
        }
        done.map_err(|errno| (Operation::Allocate, errno))
    }
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

fn fill_with_zeros(file: &File, from: u64, to: u64) -> Result<(), Errno> {
    let zeros = vec![0; 1 << 20];
    let mut at = from;
    while at < to {
        let step = (to - at).min(zeros.len() as u64);
        write_at(file, &zeros[..usize::try_from(step).unwrap_or(zeros.len())], at)?;
        at += step;
    }
    Ok(())
}
