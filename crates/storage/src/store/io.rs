use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use rustix::io::Errno;
use ztor_metainfo::{BLOCK_LEN, FileRange, merkle};

use super::places::Places;
use super::{TorrentStore, flag};
use crate::error::{At, Operation, StorageError};
use crate::handles::Access;
use crate::positional::{Run, read_at};

impl TorrentStore {
    /// Writes a run of adjacent buffers, which starts `begin` bytes into the piece.
    ///
    /// Writes adjacent buffers of one file in one system call, and skips pads. After an error any part of the run may
    /// have been written.
    pub fn write(&self, piece: u32, begin: u32, data: &[Bytes]) -> Result<(), StorageError> {
        self.require_writable()?;
        let len = self.checked_len(piece, begin, data.iter().map(|buffer| buffer.len() as u64).sum())?;
        let places = self.places();
        // After the write, and before the files may change their place: a copy that has not seen it is brought up to date.
        let _noted = self.changes.note_at_end(piece);
        let mut run = Run::new(data);
        for range in self.layout().ranges(piece, begin, len) {
            if range.pad {
                run.skip(range.len as usize);
            } else if places.is_moved(range.file) {
                self.write_to_parts(&places, piece, begin, &range, &mut run)?;
            } else {
                let file = self.handle(range.file, Access::ReadWrite)?;
                // Set before, so that a change of the file's time is known as this store's at any moment; and after,
                // because a concurrent sync may not cover the write.
                self.set_flag(range.file, flag::DIRTY);
                let written = run.write_to(&file, range.offset, range.len as usize);
                self.set_flag(range.file, flag::DIRTY);
                written.at(Operation::Write, || self.path_of(range.file))?;
            }
        }
        Ok(())
    }

    /// Returns the leaves of a piece in the hash tree of its file (BEP 52): a hash for each block of data, without pads. Reads
    /// the whole piece.
    pub fn leaves(&self, piece: u32) -> Result<Vec<merkle::Hash>, StorageError> {
        let len = self.layout().v2_piece_len(piece);
        let mut block = vec![0; BLOCK_LEN as usize];
        let mut leaves = Vec::with_capacity(len.div_ceil(BLOCK_LEN) as usize);
        for begin in (0..len).step_by(BLOCK_LEN as usize) {
            let part = &mut block[..(len - begin).min(BLOCK_LEN) as usize];
            self.read(piece, begin, part)?;
            leaves.push(merkle::leaf(part));
        }
        Ok(leaves)
    }

    /// Fills `buf` with the bytes that start `begin` bytes into the piece. Pads read as zeros, and in v2 torrents so
    /// does the part of a block behind the end of the piece.
    pub fn read(&self, piece: u32, begin: u32, buf: &mut [u8]) -> Result<(), StorageError> {
        let (len, _) = self.checked_block(piece, begin, buf.len() as u64)?;
        let (buf, behind) = buf.split_at_mut(len as usize);
        behind.fill(0);
        let places = self.places();
        for range in self.layout().ranges(piece, begin, len) {
            let part = &mut buf[range.at as usize..][..range.len as usize];
            let (file, offset) = match self.source(&places, piece, begin, &range)? {
                Some(source) => source,
                None => {
                    part.fill(0);
                    continue;
                }
            };
            let path = || self.source_path(&places, &range);
            let filled = read_at(&file, part, offset).at(Operation::Read, path)?;
            if filled < part.len() {
                if places.is_moved(range.file) {
                    // The unwritten tail of the last slot is a hole like any other.
                    part[filled..].fill(0);
                } else {
                    return Err(StorageError::Short {
                        path: path(),
                        needed: range.offset + u64::from(range.len),
                    });
                }
            }
        }
        Ok(())
    }

    /// Advises the system that a piece will be read soon. Ignores errors, as it is only a hint.
    pub(crate) fn read_ahead(&self, piece: u32) {
        let places = self.places();
        for range in self.layout().ranges(piece, 0, self.layout().piece_len(piece)) {
            if let Ok(Some((file, offset))) = self.source(&places, piece, 0, &range) {
                advise(&file, offset, u64::from(range.len));
            }
        }
    }

    /// Returns true if the piece was never written: all its bytes are in holes.
    pub(crate) fn is_hole(&self, piece: u32) -> Result<bool, StorageError> {
        let places = self.places();
        for range in self.layout().ranges(piece, 0, self.layout().piece_len(piece)) {
            if let Some((file, offset)) = self.source(&places, piece, 0, &range)?
                && !is_hole(&file, offset, u64::from(range.len))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn checked_len(&self, piece: u32, begin: u32, len: u64) -> Result<u32, StorageError> {
        let layout = self.layout();
        let inside =
            piece < layout.piece_count() && u64::from(begin) + len <= u64::from(layout.piece_len(piece));
        match u32::try_from(len) {
            Ok(len) if inside => Ok(len),
            _ => Err(StorageError::OutOfRange { piece, begin, len }),
        }
    }

    /// Returns the number of bytes of a block inside the piece, and of those behind its end.
    ///
    /// The last block of a file may be shorter than 16 KiB, and in v2 torrents the piece ends with it (BEP 52). Some
    /// clients request a whole block, as leaves of the hash tree cover whole blocks.
    pub(super) fn checked_block(&self, piece: u32, begin: u32, len: u64) -> Result<(u32, u32), StorageError> {
        let layout = self.layout();
        let piece_len = if piece < layout.piece_count() { layout.piece_len(piece) } else { 0 };
        let left = u64::from(piece_len.saturating_sub(begin));
        let end_of_block = left.next_multiple_of(u64::from(BLOCK_LEN));
        if left > 0 && left < len && len <= end_of_block && begin.is_multiple_of(BLOCK_LEN) {
            let inside = self.checked_len(piece, begin, left)?;
            return Ok((inside, u32::try_from(len - left).unwrap_or(0)));
        }
        Ok((self.checked_len(piece, begin, len)?, 0))
    }

    /// Returns the file that holds a range, and the offset in it; `None` for a pad.
    pub(super) fn source(
        &self,
        places: &Places,
        piece: u32,
        begin: u32,
        range: &FileRange,
    ) -> Result<Option<(Arc<File>, u64)>, StorageError> {
        if range.pad {
            return Ok(None);
        }
        if !places.is_moved(range.file) {
            return Ok(Some((self.handle(range.file, Access::Read)?, range.offset)));
        }
        match self.parts.find(piece) {
            Some(base) => {
                Ok(Some((self.parts_handle(Access::Read)?, base + u64::from(begin) + u64::from(range.at))))
            }
            None => Err(StorageError::NotStored { piece, path: self.path_of(range.file) }),
        }
    }

    pub(super) fn source_path(&self, places: &Places, range: &FileRange) -> std::path::PathBuf {
        if places.is_moved(range.file) { self.full_parts_path() } else { self.path_of(range.file) }
    }

    fn write_to_parts(
        &self,
        places: &Places,
        piece: u32,
        begin: u32,
        range: &FileRange,
        run: &mut Run<'_>,
    ) -> Result<(), StorageError> {
        let path = || self.full_parts_path();
        let file = self.parts_handle(Access::ReadWrite)?;
        let base = self.parts.find_or_take(&file, piece, places.moved()).at(Operation::Write, path)?;
        let offset = base + u64::from(begin) + u64::from(range.at);
        let written = run.write_to(&file, offset, range.len as usize);
        self.parts_dirty.store(true, Ordering::Release);
        written.at(Operation::Write, path)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn advise(file: &File, offset: u64, len: u64) {
    // Without the hint reading is only slower.
    let _ = rustix::fs::fadvise(file, offset, std::num::NonZeroU64::new(len), rustix::fs::Advice::WillNeed);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn advise(_: &File, _: u64, _: u64) {}

/// Returns true if the range exists but holds no data; false if the file system does not report holes.
fn is_hole(file: &File, offset: u64, len: u64) -> bool {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(offset)) {
        Ok(data) => data >= offset + len,
        // No data up to the end: a hole if the file reaches that far.
        Err(Errno::NXIO) => file.metadata().is_ok_and(|metadata| metadata.len() >= offset + len),
        Err(_) => false,
    }
}
