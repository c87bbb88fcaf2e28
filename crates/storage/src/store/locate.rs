use std::fs::File;
use std::sync::{Arc, TryLockError};

use rustix::io::Errno;

use super::TorrentStore;
use super::io::advise;
use crate::error::{At, Operation, StorageError};
use crate::positional::read_at;

/// Contiguous bytes of a piece in one file, for `sendfile`.
#[derive(Debug, Clone)]
pub struct FileSlice {
    /// The open file; `None` for zeros, which are a pad (BEP 47) or behind the end of a piece.
    pub file: Option<Arc<File>>,
    /// Offset of the first byte in the file.
    pub offset: u64,
    /// Number of bytes.
    pub len: u32,
}

/// Minimum length, in bytes, of the read-ahead for a range that is not in memory.
const READ_AHEAD: u64 = 512 * 1024;
/// Distance, in bytes, of the probes that test whether a range is in memory.
#[cfg(any(target_os = "linux", target_os = "android"))]
const PROBE_STEP: u64 = 32 * 1024;

impl TorrentStore {
    /// Returns the file slices of bytes of a piece, for `sendfile`. Blocks until they are in memory, so that sending
    /// does not.
    pub fn locate(&self, piece: u32, begin: u32, len: u32) -> Result<Vec<FileSlice>, StorageError> {
        let mut slices = Vec::new();
        self.locate_into(piece, begin, len, &mut slices)?;
        Ok(slices)
    }

    /// Does the same as [`locate`](Self::locate), and appends to a vector that the caller reuses.
    pub fn locate_into(
        &self,
        piece: u32,
        begin: u32,
        len: u32,
        out: &mut Vec<FileSlice>,
    ) -> Result<(), StorageError> {
        let (len, behind) = self.checked_block(piece, begin, u64::from(len))?;
        let places = self.places();
        for range in self.layout().ranges(piece, begin, len) {
            let slice = match self.source(&places, piece, begin, &range)? {
                None => FileSlice { file: None, offset: 0, len: range.len },
                Some((file, offset)) => {
                    let path = || self.source_path(&places, &range);
                    if !warm(&file, offset, range.len).at(Operation::Read, path)? {
                        return Err(StorageError::Short {
                            path: path(),
                            needed: range.offset + u64::from(range.len),
                        });
                    }
                    FileSlice { file: Some(file), offset, len: range.len }
                }
            };
            out.push(slice);
        }
        out.extend(FileSlice::zeros(behind));
        Ok(())
    }

    /// Does the same as [`locate_into`](Self::locate_into) without waiting for a disk.
    ///
    /// Returns false and appends nothing if a file is not open, bytes are not in memory, or there is an error.
    pub fn try_locate_cached(&self, piece: u32, begin: u32, len: u32, out: &mut Vec<FileSlice>) -> bool {
        let Ok((len, behind)) = self.checked_block(piece, begin, u64::from(len)) else { return false };
        let places = match self.places.try_read() {
            Ok(places) => places,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Another thread is moving files, which waits for the disk.
            Err(TryLockError::WouldBlock) => return false,
        };
        let before = out.len();
        for range in self.layout().ranges(piece, begin, len) {
            let slice = if range.pad {
                Some(FileSlice { file: None, offset: 0, len: range.len })
            } else if places.is_moved(range.file) {
                None
            } else {
                let open = self.open_handle(range.file);
                let ready = open.filter(|open| {
                    open.is_in_memory || is_cached(&open.file, range.offset, range.len) == Ok(Cached::Yes)
                });
                ready.map(|open| FileSlice { file: Some(open.file), offset: range.offset, len: range.len })
            };
            match slice {
                Some(slice) => out.push(slice),
                None => {
                    out.truncate(before);
                    return false;
                }
            }
        }
        out.extend(FileSlice::zeros(behind));
        true
    }
}

impl FileSlice {
    /// Returns true if the bytes can be read without waiting for a disk; false if unknown. The state may differ from
    /// that at the time of the look-up, because the system reuses cache memory.
    pub fn is_cached(&self) -> bool {
        let Some(file) = &self.file else { return true };
        is_cached(file, self.offset, self.len) == Ok(Cached::Yes)
    }

    fn zeros(len: u32) -> Option<Self> {
        (len > 0).then_some(Self { file: None, offset: 0, len })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cached {
    Yes,
    No,
    /// The file ends before the range does.
    Ends,
}

/// Reads the range into the page cache. Returns false if the file ends before the range.
fn warm(file: &File, offset: u64, len: u32) -> Result<bool, Errno> {
    match is_cached(file, offset, len)? {
        Cached::Yes => Ok(true),
        Cached::Ends => Ok(false),
        Cached::No => {
            advise(file, offset, u64::from(len).max(READ_AHEAD));
            read_through(file, offset, len)
        }
    }
}

/// Tests without waiting for a disk if the range is in the page cache. Returns [`Cached::No`] if unknown.
///
/// Costs one short system call per 32 KiB.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_cached(file: &File, offset: u64, len: u32) -> Result<Cached, Errno> {
    use rustix::io::{ReadWriteFlags, preadv2, retry_on_intr};
    use std::io::IoSliceMut;

    // From the end backwards: earlier bytes are read earlier, so one probe is sufficient for an ordinary block.
    let mut end = offset + u64::from(len);
    while end > offset {
        let mut byte = [0];
        match retry_on_intr(|| {
            preadv2(file, &mut [IoSliceMut::new(&mut byte)], end - 1, ReadWriteFlags::NOWAIT)
        }) {
            Ok(0) => return Ok(Cached::Ends),
            Ok(_) => end = end.saturating_sub(PROBE_STEP),
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => return Ok(Cached::No),
            Err(errno) => return Err(errno),
        }
    }
    Ok(Cached::Yes)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_cached(_: &File, _: u64, _: u32) -> Result<Cached, Errno> {
    Ok(Cached::No)
}

fn read_through(file: &File, mut offset: u64, len: u32) -> Result<bool, Errno> {
    let mut scratch = [0; 16 * 1024];
    let mut left = len as usize;
    while left > 0 {
        let step = left.min(scratch.len());
        if read_at(file, &mut scratch[..step], offset)? < step {
            return Ok(false);
        }
        offset += step as u64;
        left -= step;
    }
    Ok(true)
}
