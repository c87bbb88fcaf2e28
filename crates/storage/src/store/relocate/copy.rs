//! Copies of files to another file system, while they may be written to.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::discard;
use crate::crash;
use crate::error::{At, Operation, StorageError};
use crate::positional::{read_at, write_at};
use crate::root::{How, Root};

/// Bytes per step of a copy, between two looks at the stop flag.
const STEP_LEN: u64 = 8 << 20;
/// Bytes per read where the system cannot copy by itself.
const BUFFER_LEN: usize = 1 << 20;

/// Pieces written since the last look, while a copy is under way. Bounded by the number of pieces.
#[derive(Debug, Default)]
pub(in crate::store) struct Changes {
    is_recording: AtomicBool,
    pieces: Mutex<BTreeSet<u32>>,
}

impl Changes {
    /// Starts or stops recording. Forgets all that was recorded.
    pub(in crate::store) fn record(&self, is_recording: bool) {
        self.is_recording.store(is_recording, Ordering::SeqCst);
        self.take();
    }

    /// Records at the end of the guard that a piece was written to. Hold it over the write, while no file can change its
    /// place. A record before the write could be taken before the bytes are there.
    pub(in crate::store) fn note_at_end(&self, piece: u32) -> Note<'_> {
        Note { changes: self, piece }
    }

    /// Takes the recorded pieces.
    pub(in crate::store) fn take(&self) -> BTreeSet<u32> {
        std::mem::take(&mut *self.pieces.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Guard of a write to a piece.
pub(in crate::store) struct Note<'a> {
    changes: &'a Changes,
    piece: u32,
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if self.changes.is_recording.load(Ordering::SeqCst) {
            self.changes.pieces.lock().unwrap_or_else(PoisonError::into_inner).insert(self.piece);
        }
    }
}

/// Failure of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyError {
    /// The caller set the stop flag.
    Stopped,
    /// The source could not be read.
    Read(Errno),
    /// The copy could not be written.
    Write(Errno),
}

impl CopyError {
    /// Returns the error of the store, with the path of the original or of the copy.
    pub(super) fn of(self, from: impl FnOnce() -> PathBuf, to: impl FnOnce() -> PathBuf) -> StorageError {
        match self {
            Self::Stopped => StorageError::Stopped,
            Self::Read(errno) => StorageError::io(Operation::Read, from(), errno),
            Self::Write(errno) => StorageError::io(Operation::Write, to(), errno),
        }
    }
}

/// Copies a file, or a link with `is_link`, makes the copy durable, and returns its length in bytes. Something that is in
/// the place of the copy is replaced.
pub(super) fn copy_file(
    (from_root, from): (&Root, &Path),
    (to_root, to): (&Root, &Path),
    is_link: bool,
    progress: &mut dyn FnMut(u64),
    stop: &AtomicBool,
) -> Result<u64, StorageError> {
    // It may be left of an interrupted move, with another length.
    discard(to_root, to);
    let path = from_root.dir().join(from);
    if is_link && let Ok(target) = std::fs::read_link(&path) {
        to_root.make_link(to, &target)?;
        return Ok(target.as_os_str().len() as u64);
    }
    let original = from_root.open(from, How::Read)?;
    let copy = to_root.open(to, How::CreateNew { executable: false })?;
    let len = original.len;
    let failed = |error: CopyError| error.of(|| path.clone(), || to_root.dir().join(to));
    copy_all(&original.file, &copy.file, len, progress, stop).map_err(failed)?;
    keep_attributes(&original.file, &copy.file);
    rustix::fs::fsync(&copy.file).at(Operation::Sync, || to_root.dir().join(to))?;
    Ok(len)
}

/// Gives a copy the time and the permissions of its original, as far as its file system can.
pub(super) fn keep_attributes(from: &File, to: &File) {
    let Ok(found) = from.metadata() else { return };
    let times = found.modified().and_then(|modified| to.set_modified(modified));
    if let Err(error) = times.and_then(|()| to.set_permissions(found.permissions())) {
        tracing::debug!(%error, "cannot keep the time and the permissions of a file");
    }
}

/// Copies the data of a file, and leaves holes as they are. `progress` gets the number of bytes that were passed.
pub(super) fn copy_all(
    from: &File,
    to: &File,
    len: u64,
    progress: &mut dyn FnMut(u64),
    stop: &AtomicBool,
) -> Result<(), CopyError> {
    rustix::fs::ftruncate(to, len).map_err(CopyError::Write)?;
    let mut at = 0;
    while at < len {
        let data = match rustix::fs::seek(from, SeekFrom::Data(at)) {
            Ok(data) => data.min(len),
            // A hole up to the end.
            Err(Errno::NXIO) => len,
            Err(_) => at,
        };
        progress(data - at);
        if data == len {
            return Ok(());
        }
        let end = rustix::fs::seek(from, SeekFrom::Hole(data)).map_or(len, |hole| hole.clamp(data + 1, len));
        copy_range(from, to, data, end - data, progress, stop)?;
        at = end;
    }
    Ok(())
}

/// Copies bytes to the same offset of another file.
pub(super) fn copy_range(
    from: &File,
    to: &File,
    offset: u64,
    len: u64,
    progress: &mut dyn FnMut(u64),
    stop: &AtomicBool,
) -> Result<(), CopyError> {
    let (mut at, end) = (offset, offset + len);
    let mut buffer = Vec::new();
    while at < end {
        if stop.load(Ordering::Relaxed) {
            return Err(CopyError::Stopped);
        }
        let step = (end - at).min(STEP_LEN);
        crash::point();
        let done = match in_kernel(from, to, at, step) {
            Some(done) => done,
            None => by_hand(from, to, at, step, &mut buffer)?,
        };
        if done == 0 {
            // The file became shorter. Its check finds that.
            return Ok(());
        }
        progress(done);
        at += done;
    }
    Ok(())
}

/// Lets the system copy, which may share the blocks. `None` if it cannot.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn in_kernel(from: &File, to: &File, at: u64, len: u64) -> Option<u64> {
    let (mut from_at, mut to_at) = (at, at);
    let len = usize::try_from(len).ok()?;
    let copied = rustix::fs::copy_file_range(from, Some(&mut from_at), to, Some(&mut to_at), len);
    copied.ok().filter(|copied| *copied > 0).map(|copied| copied as u64)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn in_kernel(_: &File, _: &File, _: u64, _: u64) -> Option<u64> {
    None
}

fn by_hand(from: &File, to: &File, at: u64, len: u64, buffer: &mut Vec<u8>) -> Result<u64, CopyError> {
    buffer.resize(BUFFER_LEN, 0);
    let step = usize::try_from(len).unwrap_or(usize::MAX).min(BUFFER_LEN);
    let read = read_at(from, &mut buffer[..step], at).map_err(CopyError::Read)?;
    write_at(to, &buffer[..read], at).map_err(CopyError::Write)?;
    Ok(read as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn copy_all_of_a_file_with_holes_copies_the_data_and_keeps_the_holes() {
        let (from, to) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let len = 5_000_000;
        from.set_len(len).unwrap();
        write_at(&from, &[7; 10_000], 1_000_000).unwrap();
        write_at(&from, b"end", len - 3).unwrap();
        let mut passed = 0;
        copy_all(&from, &to, len, &mut |bytes| passed += bytes, &AtomicBool::new(false)).unwrap();
        let (mut expected, mut found) = (vec![0; len as usize], vec![0; len as usize]);
        assert_eq!(read_at(&from, &mut expected, 0).unwrap(), read_at(&to, &mut found, 0).unwrap());
        assert!(expected == found);
        assert_eq!(passed, len);
        assert!(to.metadata().unwrap().blocks() * 512 < len / 2, "holes stay holes");
    }

    #[test]
    fn copy_range_with_the_stop_flag_set_copies_nothing() {
        let (from, to) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        write_at(&from, b"data", 0).unwrap();
        let stopped = copy_range(&from, &to, 0, 4, &mut |_| {}, &AtomicBool::new(true));
        assert_eq!(stopped, Err(CopyError::Stopped));
        assert_eq!(to.metadata().unwrap().len(), 0);
    }

    #[test]
    fn changes_are_recorded_only_while_a_copy_is_under_way() {
        let changes = Changes::default();
        drop(changes.note_at_end(1));
        assert!(changes.take().is_empty());
        let begun_before = changes.note_at_end(2);
        changes.record(true);
        drop(changes.note_at_end(4));
        drop((changes.note_at_end(3), begun_before));
        assert_eq!(changes.take(), BTreeSet::from([2, 3, 4]));
        let during = changes.note_at_end(6);
        assert!(changes.take().is_empty(), "its bytes may not be there yet");
        drop(during);
        assert_eq!(changes.take(), BTreeSet::from([6]));
        drop(changes.note_at_end(5));
        changes.record(false);
        assert!(changes.take().is_empty());
    }
}
