//! The part file: bytes that a piece shares with files nobody asked for.
//!
//! A piece can only be checked whole, so the bytes of unwanted files in it must be kept somewhere. They
//! go to `.<info-hash>.parts` in the download folder, one slot per piece, each byte at the place it has
//! within the piece; what the slot does not hold stays a hole.
//!
//! ```text
//! header   magic, version, piece length, piece count, file count, torrent id,
//!          one bit per file: its bytes are here; checksum           padded to 4096 bytes
//! slot 0   magic, piece index, checksum                             padded to 4096 bytes
//!          the bytes of the piece                                   padded to 4096 bytes
//! slot 1   ...
//! ```
//!
//! A torn header makes the whole part file count as empty, a torn slot only itself. Numbers are big-endian.

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
    /// Whether the file has a header of ours.
    begun: bool,
    /// Whether that header has to be written anew before bytes of more files come in.
    stale: bool,
    of_piece: BTreeMap<u32, u32>,
    /// Slots up to the end of the file; those not in `of_piece` are free, but only taken again after a
    /// restart, because a handed-out handle may still read them.
    count: u32,
    free: Vec<u32>,
}

impl PartFile {
    pub(crate) fn new(geometry: Geometry) -> Self {
        Self { geometry, slots: Mutex::default() }
    }

    /// Reads an existing part file: which pieces it holds, and for which files it holds the bytes.
    /// `None` if it is torn or belongs to something else; it is written anew when needed.
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
        // Freed slots included there are never many more than pieces, whatever length the file pretends.
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

    /// True if a file begins as part files do, of whatever torrent and version.
    pub(crate) fn is_one(file: &File) -> Result<bool, Errno> {
        let mut magic = [0; MAGIC.len()];
        Ok(read_at(file, &mut magic, 0)? == magic.len() && magic == *MAGIC)
    }

    /// Whether there is a part file with a good header.
    pub(crate) fn begun(&self) -> bool {
        self.lock().begun
    }

    /// The pieces it holds bytes of, in order.
    pub(crate) fn pieces(&self) -> Vec<u32> {
        self.lock().of_piece.keys().copied().collect()
    }

    /// Where the first byte of `piece` lies in the part file, if the piece has a slot.
    pub(crate) fn find(&self, piece: u32) -> Option<u64> {
        let slot = *self.lock().of_piece.get(&piece)?;
        Some(self.geometry.data_offset(slot))
    }

    /// The same, with a slot taken for the piece if it has none. A file without a good header starts over.
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

    /// Notes that other files than the header says have their bytes here from now on.
    pub(crate) fn mark_stale(&self) {
        self.lock().stale = true;
    }

    /// Writes down which files have their bytes here.
    pub(crate) fn write_header(&self, file: &File, moved: &[bool]) -> Result<(), Errno> {
        let mut slots = self.lock();
        if slots.begun {
            self.write_header_locked(file, moved)?;
            slots.stale = false;
        }
        Ok(())
    }

    /// Gives up the slot of a piece.
    pub(crate) fn release(&self, file: &File, piece: u32) -> Result<(), Errno> {
        let mut slots = self.lock();
        if let Some(slot) = slots.of_piece.remove(&piece) {
            write_at(file, &[0; SLOT_HEADER_LEN], self.geometry.slot_offset(slot))?;
        }
        Ok(())
    }

    /// Starts over, after the file was removed.
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
    fn survives_reopening() {
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
        assert_eq!(again.find_or_take(&file, 8, &moved()).unwrap(), five, "a freed slot is taken again");
    }

    #[test]
    fn a_torn_slot_loses_only_itself_and_a_torn_header_everything() {
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
    fn refuses_the_part_file_of_another_torrent_and_any_length() {
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
