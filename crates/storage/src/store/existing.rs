//! Decides if files that existed before the first write are this torrent's.
//!
//! Any torrent can name its file like one of the user's. So no existing file is overwritten without evidence that it is
//! a copy of this torrent.

use super::places::Places;
use super::stamps::{FileStamp, stamp_of};
use super::{TorrentStore, flag};
use crate::error::{At, Operation, StorageError};
use crate::handles::Access;
use crate::in_the_way::InTheWay;
use crate::positional::{is_zero, read_at};
use crate::root::How;

/// Smallest number of bytes that a disk writes as a whole.
const SECTOR_LEN: usize = 512;
/// Bytes per read for the comparison with the part file.
const LOOK_LEN: usize = 256 * 1024;

/// A torrent's use of one of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileUse {
    /// The file is not wanted, and its needed bytes are in the part file; or it is a pad or link.
    None,
    /// The file is only read.
    Reads,
    /// The file may be written to: it is wanted, or it exists and shares a piece with a wanted file.
    Writes,
}

impl TorrentStore {
    /// Marks files as this torrent's own, from [`own_files`](Self::own_files) of an earlier run. There is one entry per
    /// file of the layout; further entries are ignored.
    ///
    /// A file of the right length is then written to even if none of its pieces matches.
    pub fn set_own_files(&self, own: &[bool]) {
        for (file, _) in own.iter().enumerate().filter(|(_, own)| **own) {
            self.set_flag(file, flag::OWN);
        }
    }

    /// Returns the files that are this torrent's own, one entry per file of the layout.
    ///
    /// These are files that were created for it in this run, that an earlier run has [recorded](Self::set_own_files),
    /// or that [`prepare`](Self::prepare) has recognised.
    pub fn own_files(&self) -> Vec<bool> {
        (0..self.flags.len()).map(|file| self.has_flag(file, flag::OWN)).collect()
    }

    /// Returns existing files that are not empty and would be written to, own ones included, with their stamps. Excludes
    /// files that are [shared](Self::adopt) with another torrent.
    pub fn files_at_risk(&self) -> Result<Vec<(usize, FileStamp)>, StorageError> {
        if self.options.read_only || self.options.overwrite {
            return Ok(Vec::new());
        }
        let places = self.places();
        let mut found = Vec::new();
        for file in (0..self.flags.len()).filter(|file| !self.has_flag(*file, flag::SHARED)) {
            if let Some(stamp) = self.endangered(&places, file)? {
                found.push((file, stamp));
            }
        }
        Ok(found)
    }

    /// Returns the use of each file of the layout.
    pub fn uses(&self) -> Vec<FileUse> {
        let places = self.places();
        let usage = |file| {
            if !self.options.read_only && self.may_be_written(&places, file) {
                FileUse::Writes
            } else if places.is_wanted(file) && self.is_real(file) {
                FileUse::Reads
            } else {
                FileUse::None
            }
        };
        (0..self.flags.len()).map(usage).collect()
    }

    /// Fails if a file of the user would be overwritten. Marks the other existing files as the torrent's own.
    pub(super) fn admit_existing(&self, places: &Places) -> Result<(), StorageError> {
        let (mut admitted, mut missing) = (Vec::new(), Vec::new());
        for file in 0..self.flags.len() {
            if !self.may_be_written(places, file) {
                continue;
            }
            let mut bits = flag::OWN | flag::SEEN;
            if let Some(stamp) = self.endangered(places, file)? {
                let expected = self.length_of(file);
                if stamp.len > expected && places.is_wanted(file) {
                    bits |= flag::LONG;
                }
                if !self.options.overwrite
                    && let Some(why) = self.objection(file, stamp.len, expected)?
                {
                    return Err(StorageError::InTheWay { path: self.path_of(file), why });
                }
            } else {
                let stamp = stamp_of(&self.path_of(file), false)?;
                if stamp == FileStamp::ABSENT {
                    missing.push(file);
                    continue;
                }
                if stamp.len == 0 && self.length_of(file) > 0 && !self.has_flag(file, flag::OWN) {
                    bits = flag::EMPTY | flag::SEEN;
                }
                if places.is_moved(file) && !self.options.overwrite && !self.is_half_copied(file)? {
                    let (path, why) = (self.path_of(file), InTheWay::BesidePartFile);
                    return Err(StorageError::InTheWay { path, why });
                }
            }
            admitted.push((file, bits));
        }
        admitted.into_iter().for_each(|(file, bits)| self.set_flag(file, bits));
        // A file that this store has used must not disappear. One that appears in the place of another missing file is
        // not the torrent's.
        missing.retain(|file| !self.has_flag(*file, flag::SEEN));
        missing.into_iter().for_each(|file| self.clear_flag(file, flag::OWN));
        Ok(())
    }

    /// Truncates files that are longer than in the torrent, once all their pieces have passed their check.
    pub(super) fn trim(&self) -> Result<(), StorageError> {
        for (file, flags) in self.flags.iter().enumerate() {
            if flags.load(std::sync::atomic::Ordering::Acquire) & flag::LONG == 0
                || !self.layout().pieces_of(file).all(|piece| self.is_verified(piece))
            {
                continue;
            }
            let path = || self.path_of(file);
            let handle = self.handle(file, Access::ReadWrite)?;
            rustix::fs::ftruncate(&handle, self.length_of(file)).at(Operation::Truncate, path)?;
            self.set_flag(file, flag::DIRTY);
            flags.fetch_and(!flag::LONG, std::sync::atomic::Ordering::AcqRel);
        }
        Ok(())
    }

    pub(super) fn length_of(&self, file: usize) -> u64 {
        self.layout().files().get(file).map_or(0, |file| file.length)
    }

    /// Returns true if the file is neither a pad nor a link.
    pub(super) fn is_real(&self, file: usize) -> bool {
        self.layout().files().get(file).is_some_and(|file| !file.pad && file.symlink.is_none())
    }

    /// Returns true if bytes of the torrent would be written to the file itself.
    pub(super) fn may_be_written(&self, places: &Places, file: usize) -> bool {
        if !self.is_real(file) {
            return false;
        }
        places.is_wanted(file)
            || (!places.is_moved(file)
                && self.layout().pieces_of(file).any(|p| self.is_piece_wanted(places, p)))
    }

    fn is_piece_wanted(&self, places: &Places, piece: u32) -> bool {
        let layout = self.layout();
        layout
            .ranges(piece, 0, layout.piece_len(piece))
            .any(|range| !range.pad && places.is_wanted(range.file))
    }

    /// Returns the stamp of a file whose content a write could destroy. Excludes files whose bytes are in the part
    /// file, see [`is_half_copied`](Self::is_half_copied).
    fn endangered(&self, places: &Places, file: usize) -> Result<Option<FileStamp>, StorageError> {
        if !self.may_be_written(places, file) || places.is_moved(file) {
            return Ok(None);
        }
        let path = self.path_of(file);
        let Ok(metadata) = std::fs::symlink_metadata(&path) else { return Ok(None) };
        // Folders, links and devices fail when they are opened.
        if !metadata.is_file() || metadata.len() == 0 {
            return Ok(None);
        }
        let is_missing = |piece| !self.is_verified(piece) && self.is_piece_wanted(places, piece);
        let is_to_be_cut = places.is_wanted(file) && metadata.len() > self.length_of(file);
        if !is_to_be_cut && !self.layout().pieces_of(file).any(is_missing) {
            return Ok(None);
        }
        stamp_of(&path, false).map(Some)
    }

    /// Returns the evidence that a file is not this torrent's; `None` if it may be written to.
    ///
    /// - A longer file never is the torrent's: this program creates none longer than in the torrent.
    /// - A file with a matching piece is an incomplete or damaged copy.
    /// - A file of zeros has no content to lose. Clients that reserve space leave such files.
    /// - A file of the right length is the torrent's if an earlier run has recorded it, or if other files of the
    ///   torrent have matching pieces. Pieces of small files match only together with their neighbours.
    fn objection(&self, file: usize, found: u64, expected: u64) -> Result<Option<InTheWay>, StorageError> {
        if found > expected {
            return Ok(Some(InTheWay::Longer { found, expected }));
        }
        let is_known = || self.has_flag(file, flag::OWN) || self.has_verified();
        if self.layout().pieces_of(file).any(|piece| self.is_verified(piece))
            || (found == expected && is_known())
            || self.is_empty_of_content(file)?
        {
            return Ok(None);
        }
        Ok(Some(InTheWay::Different))
    }

    /// Returns true if every sector of a file is zeros or equal to the part file. It is then a copy that a crash has
    /// interrupted.
    fn is_half_copied(&self, file: usize) -> Result<bool, StorageError> {
        let path = || self.path_of(file);
        let opened = self.root().open(&self.relative(file), How::Read)?;
        if opened.len > self.length_of(file) {
            return Ok(false);
        }
        let parts = self.parts_handle(Access::Read)?;
        let (mut found, mut kept) = (vec![0; LOOK_LEN], vec![0; LOOK_LEN]);
        for piece in self.layout().pieces_of(file) {
            let base = self.parts.find(piece);
            let ranges = self.layout().ranges(piece, 0, self.layout().piece_len(piece));
            for range in ranges.filter(|range| !range.pad && range.file == file) {
                let mut at = 0;
                while at < range.len {
                    let step = ((range.len - at) as usize).min(LOOK_LEN);
                    let (found, kept) = (&mut found[..step], &mut kept[..step]);
                    let read = read_at(&opened.file, found, range.offset + u64::from(at));
                    let read = read.at(Operation::Read, path)?;
                    kept.fill(0);
                    if let Some(base) = base {
                        read_at(&parts, kept, base + u64::from(range.at) + u64::from(at))
                            .at(Operation::Read, || self.full_parts_path())?;
                    }
                    let same =
                        |(found, kept): (&[u8], &[u8])| found == kept || found.iter().all(|byte| *byte == 0);
                    if !found[..read].chunks(SECTOR_LEN).zip(kept.chunks(SECTOR_LEN)).all(same) {
                        return Ok(false);
                    }
                    at += step as u32;
                }
            }
        }
        Ok(true)
    }

    fn has_verified(&self) -> bool {
        self.verified.iter().any(|word| word.load(std::sync::atomic::Ordering::Acquire) != 0)
    }

    /// Returns true if a file has only zeros and holes.
    fn is_empty_of_content(&self, file: usize) -> Result<bool, StorageError> {
        let handle = self.handle(file, Access::Read)?;
        is_zero(&handle).at(Operation::Read, || self.path_of(file))
    }
}

#[cfg(test)]
#[path = "existing_tests.rs"]
mod tests;
