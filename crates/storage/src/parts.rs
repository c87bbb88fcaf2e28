//! The part file: bytes of unwanted files in wanted pieces.
//!
//! A piece can only be checked as a whole, so the bytes of unwanted files in it must be stored. They go to
//! `.<info-hash>.parts` in the download folder, one slot per piece, each byte at its offset in the piece. The other
//! bytes of the slot stay a hole.
//!
//! ```text
//! header   magic, version, piece length, piece count, file count, torrent id,
//!          one bit per file: its bytes are here; checksum           padded to 4096 bytes
//! slot 0   magic, piece index, checksum                             padded to 4096 bytes
//!          the bytes of the piece                                   padded to 4096 bytes
//! slot 1   ...
//! ```
//!
//! With a torn header the whole part file counts as empty; a torn slot loses only itself. Numbers are big-endian.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use ztor_sha::Sha256;

use crate::positional::{read_at, write_at};

const MAGIC: &[u8; 8] = b"ztorpart";
const SLOT_MAGIC: &[u8; 8] = b"ztorslot";
const VERSION: u32 = 1;
const PAGE: u64 = 4096;
const FIXED_LEN: usize = 56;
const CHECKSUM_LEN: usize = 8;
const SLOT_HEADER_LEN: usize = 20;

#[derive(Debug)]
pub(crate) struct PartFile {
    geometry: Geometry,
    slots: Mutex<Slots>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    pub id: [u8; 32],
    pub piece_length: u32,
    pub piece_count: u32,
    pub file_count: u32,
}

#[derive(Debug, Default)]
struct Slots {
    /// True if the file has a valid header.
    begun: bool,
    /// True if the header must be rewritten before bytes of more files are written.
    stale: bool,
    /// Slot of each piece.
    of_piece: BTreeMap<u32, u32>,
    /// Number of slots up to the end of the file. Those not in `of_piece` are free, but reused only after a restart,
    /// because a reader may still hold a handle to them.
    count: u32,
    free: Vec<u32>,
}

impl PartFile {
    pub(crate) fn new(geometry: Geometry) -> Self {
        Self { geometry, slots: Mutex::default() }
    }

    /// Reads the index of an existing part file. Returns for each file whether the part file holds its bytes.
    ///
    /// `None` if the header is torn or is that of another torrent. Such a file is rewritten when needed.
    pub(crate) fn load(&self, file: &File, file_len: u64) -> Result<Option<Vec<bool>>, Errno> {
        let mut header = vec![0; self.geometry.used_header_len()];
        if read_at(file, &mut header, 0)? < header.len() {
            return Ok(None);
        }
        let (body, checksum) = header.split_at(header.len() - CHECKSUM_LEN);
        if checksum != checksum_of(body) || body[..FIXED_LEN] != self.geometry.encode() {
            return Ok(None);
        }
        let bits = &body[FIXED_LEN..];
        let moved = (0..self.geometry.file_count as usize)
            .map(|file| bits[file / 8] & (0x80 >> (file % 8)) != 0)
            .collect();

        let stride = self.geometry.stride();
        // There are never many more slots than pieces, freed ones included. The file may claim any length.
        let bound = 4 * u64::from(self.geometry.piece_count);
        let count = file_len.saturating_sub(self.geometry.header_len()).div_ceil(stride).min(bound);
        let mut slots = Slots { begun: true, ..Slots::default() };
        for slot in 0..u32::try_from(count).unwrap_or(u32::MAX) {
            let mut entry = [0; SLOT_HEADER_LEN];
            let filled = read_at(file, &mut entry, self.geometry.slot_offset(slot))?;
            let piece = (filled == entry.len()).then(|| decode_slot(&entry)).flatten();
            match piece
                .filter(|piece| *piece < self.geometry.piece_count && !slots.of_piece.contains_key(piece))
            {
                Some(piece) => {
                    slots.of_piece.insert(piece, slot);
                }
                None => slots.free.push(slot),
            }
            slots.count = slot + 1;
        }
        *self.lock() = slots;
        Ok(Some(moved))
    }

    /// Returns true if a file starts like a part file of any torrent and version.
    pub(crate) fn is_one(file: &File) -> Result<bool, Errno> {
        let mut magic = [0; MAGIC.len()];
        Ok(read_at(file, &mut magic, 0)? == magic.len() && magic == *MAGIC)
    }

    /// Returns true if there is a part file with a valid header.
    pub(crate) fn begun(&self) -> bool {
        self.lock().begun
    }

    /// Returns the pieces that have a slot, in order.
    pub(crate) fn pieces(&self) -> Vec<u32> {
        self.lock().of_piece.keys().copied().collect()
    }

    /// Returns the offset of the first byte of `piece` in the part file, if the piece has a slot.
    pub(crate) fn find(&self, piece: u32) -> Option<u64> {
        let slot = *self.lock().of_piece.get(&piece)?;
        Some(self.geometry.data_offset(slot))
    }

    /// Does the same as [`find`](Self::find), but takes a slot for a piece without one. Truncates a file without a
    /// valid header first.
    pub(crate) fn find_or_take(&self, file: &File, piece: u32, moved: &[bool]) -> Result<u64, Errno> {
        let mut slots = self.lock();
        if !slots.begun {
            rustix::fs::ftruncate(file, 0)?;
        }
        if !slots.begun || slots.stale {
            self.write_header_locked(file, moved)?;
            (slots.begun, slots.stale) = (true, false);
        }
        if let Some(slot) = slots.of_piece.get(&piece) {
            return Ok(self.geometry.data_offset(*slot));
        }
        let slot = slots.free.pop().unwrap_or(slots.count);
        write_at(file, &encode_slot(piece), self.geometry.slot_offset(slot))?;
        slots.count = slots.count.max(slot + 1);
        slots.of_piece.insert(piece, slot);
        Ok(self.geometry.data_offset(slot))
    }

    /// Marks the header as out of date, after the set of files with bytes here has changed.
    pub(crate) fn mark_stale(&self) {
        self.lock().stale = true;
    }

    /// Writes the header with the set of files that have their bytes here.
    pub(crate) fn write_header(&self, file: &File, moved: &[bool]) -> Result<(), Errno> {
        let mut slots = self.lock();
        if slots.begun {
            self.write_header_locked(file, moved)?;
            slots.stale = false;
        }
        Ok(())
    }

    /// Releases the slot of a piece.
    pub(crate) fn release(&self, file: &File, piece: u32) -> Result<(), Errno> {
        let mut slots = self.lock();
        if let Some(slot) = slots.of_piece.remove(&piece) {
            write_at(file, &[0; SLOT_HEADER_LEN], self.geometry.slot_offset(slot))?;
        }
        Ok(())
    }

    /// Forgets the index, after the file was removed.
    pub(crate) fn clear(&self) {
        *self.lock() = Slots::default();
    }

    fn write_header_locked(&self, file: &File, moved: &[bool]) -> Result<(), Errno> {
        let mut header = vec![0; self.geometry.used_header_len() - CHECKSUM_LEN];
        header[..FIXED_LEN].copy_from_slice(&self.geometry.encode());
        for (file, _) in moved.iter().enumerate().filter(|(_, moved)| **moved) {
            header[FIXED_LEN + file / 8] |= 0x80 >> (file % 8);
        }
        let checksum = checksum_of(&header);
        header.extend_from_slice(&checksum);
        write_at(file, &header, 0)
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Geometry {
    fn encode(&self) -> [u8; FIXED_LEN] {
        let mut out = [0; FIXED_LEN];
        out[..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_be_bytes());
        out[12..16].copy_from_slice(&self.piece_length.to_be_bytes());
        out[16..20].copy_from_slice(&self.piece_count.to_be_bytes());
        out[20..24].copy_from_slice(&self.file_count.to_be_bytes());
        out[24..].copy_from_slice(&self.id);
        out
    }

    fn used_header_len(&self) -> usize {
        FIXED_LEN + (self.file_count as usize).div_ceil(8) + CHECKSUM_LEN
    }

    fn header_len(&self) -> u64 {
        (self.used_header_len() as u64).next_multiple_of(PAGE)
    }

    fn stride(&self) -> u64 {
        PAGE + u64::from(self.piece_length).next_multiple_of(PAGE)
    }

    fn slot_offset(&self, slot: u32) -> u64 {
        self.header_len() + u64::from(slot) * self.stride()
    }

    fn data_offset(&self, slot: u32) -> u64 {
        self.slot_offset(slot) + PAGE
    }
}

fn encode_slot(piece: u32) -> [u8; SLOT_HEADER_LEN] {
    let mut out = [0; SLOT_HEADER_LEN];
    out[..8].copy_from_slice(SLOT_MAGIC);
    out[8..12].copy_from_slice(&piece.to_be_bytes());
    let checksum = checksum_of(&out[..12]);
    out[12..].copy_from_slice(&checksum);
    out
}

fn decode_slot(entry: &[u8; SLOT_HEADER_LEN]) -> Option<u32> {
    let piece = u32::from_be_bytes([entry[8], entry[9], entry[10], entry[11]]);
    (*entry == encode_slot(piece)).then_some(piece)
}

fn checksum_of(bytes: &[u8]) -> [u8; CHECKSUM_LEN] {
    let digest = Sha256::digest(bytes);
    let mut out = [0; CHECKSUM_LEN];
    out.copy_from_slice(&digest[..CHECKSUM_LEN]);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

    use super::*;

    const GEOMETRY: Geometry = Geometry { id: [7; 32], piece_length: 20_000, piece_count: 9, file_count: 11 };

    fn moved() -> Vec<bool> {
        (0..11).map(|file| file % 3 == 0).collect()
    }

    fn len(file: &File) -> u64 {
        file.metadata().unwrap().len()
    }

    #[test]
    fn load_of_a_written_part_file_restores_slots_and_files() {
        let file = tempfile::tempfile().unwrap();
        let parts = PartFile::new(GEOMETRY);
        let five = parts.find_or_take(&file, 5, &moved()).unwrap();
        let two = parts.find_or_take(&file, 2, &moved()).unwrap();
        assert_eq!(parts.find_or_take(&file, 5, &moved()).unwrap(), five);
        write_at(&file, b"bytes", two).unwrap();
        parts.release(&file, 5).unwrap();

        let again = PartFile::new(GEOMETRY);
        assert_eq!(again.load(&file, len(&file)).unwrap(), Some(moved()));
        assert_eq!(again.pieces(), [2]);
        assert_eq!(again.find(2), Some(two));
        assert_eq!(again.find_or_take(&file, 8, &moved()).unwrap(), five, "a freed slot is reused");
    }

    #[test]
    fn load_of_a_torn_slot_loses_that_slot_and_of_a_torn_header_all() {
        let file = tempfile::tempfile().unwrap();
        let parts = PartFile::new(GEOMETRY);
        for piece in 0..3 {
            parts.find_or_take(&file, piece, &moved()).unwrap();
        }
        write_at(&file, &[0xff], GEOMETRY.slot_offset(1) + 9).unwrap();
        let again = PartFile::new(GEOMETRY);
        assert!(again.load(&file, len(&file)).unwrap().is_some());
        assert_eq!(again.pieces(), [0, 2]);

        write_at(&file, &[0xff], FIXED_LEN as u64).unwrap();
        let again = PartFile::new(GEOMETRY);
        assert_eq!(again.load(&file, len(&file)).unwrap(), None);
        assert!(again.pieces().is_empty());
    }

    #[test]
    fn load_of_another_torrents_or_a_truncated_part_file_finds_no_pieces() {
        let file = tempfile::tempfile().unwrap();
        PartFile::new(GEOMETRY).find_or_take(&file, 1, &moved()).unwrap();
        let other = PartFile::new(Geometry { id: [8; 32], ..GEOMETRY });
        assert_eq!(other.load(&file, len(&file)).unwrap(), None);
        for cut in [0, 1, 60, 4095, 4096, 4100] {
            file.set_len(cut).unwrap();
            let torn = PartFile::new(GEOMETRY);
            torn.load(&file, cut).unwrap();
            assert!(torn.pieces().is_empty());
        }
    }
}
