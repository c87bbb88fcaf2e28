//! Pieces in progress: which of their blocks are on disk, so that the next run need not fetch them again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use ztor_metainfo::BLOCK_LEN;

use super::TorrentStore;

/// The blocks of a piece that is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedPiece {
    /// The piece.
    pub piece: u32,
    /// The blocks of 16 KiB that were written, one bit each, the highest bit of the first byte first; spare bits are 0.
    pub blocks: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// Blocks that are in their files, of pieces without a verdict. As many as a writer has in progress.
    blocks: BTreeMap<u32, Vec<u8>>,
    /// Pieces that an earlier run has written in part, and no writer has gone on with yet.
    restored: BTreeSet<u32>,
}

impl TorrentStore {
    /// The blocks on disk of all pieces in progress, in ascending order.
    ///
    /// They are safe after a [`sync`](Self::sync) that begins later. Nothing is known of their content.
    pub fn unfinished(&self) -> Vec<UnfinishedPiece> {
        let pieces = self.unfinished_now();
        let all = pieces.blocks.iter();
        all.map(|(piece, blocks)| UnfinishedPiece { piece: *piece, blocks: blocks.clone() }).collect()
    }

    /// Lets a [`PieceWriter`](crate::PieceWriter) go on with pieces that an earlier run, or this one before a fault, has
    /// left: their blocks count as written. Their content is hashed with the rest of the piece.
    ///
    /// Returns those it goes on with. The others are complete, verified, out of range, or have files that
    /// are missing or not of their full length. What was known of pieces in progress before is forgotten. Call it after
    /// [`prepare`](Self::prepare), and while no writer has pieces of this store.
    pub fn restore_unfinished(&self, pieces: Vec<UnfinishedPiece>) -> Vec<UnfinishedPiece> {
        let mut kept: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        for UnfinishedPiece { piece, blocks } in pieces {
            if self.can_go_on(piece, &blocks) {
                kept.insert(piece, blocks);
            }
        }
        *self.unfinished_now() = Unfinished { restored: kept.keys().copied().collect(), blocks: kept };
        self.unfinished()
    }

    /// A writer begins a piece: the ranges of it that are there already. What was noted of it otherwise is forgotten.
    pub(crate) fn begin_piece(&self, piece: u32) -> Vec<(u32, u32)> {
        let mut unfinished = self.unfinished_now();
        if !unfinished.restored.remove(&piece) {
            unfinished.blocks.remove(&piece);
            return Vec::new();
        }
        let Some(blocks) = unfinished.blocks.get(&piece) else { return Vec::new() };
        let layout = self.layout();
        let there = (0..layout.block_count(piece)).filter(|block| has_block(blocks, *block));
        let ranges =
            there.map(|block| (block * BLOCK_LEN, block * BLOCK_LEN + layout.block_len(piece, block)));
        ranges.collect()
    }

    /// Notes that these bytes of a piece in progress are in their files.
    pub(crate) fn note_written(&self, piece: u32, begin: u32, end: u32) {
        let layout = self.layout();
        let (count, len) = (layout.block_count(piece), layout.piece_len(piece));
        let first = begin.div_ceil(BLOCK_LEN);
        let after = if end >= len { count } else { end / BLOCK_LEN };
        if first >= after {
            return;
        }
        let mut unfinished = self.unfinished_now();
        let blocks = unfinished.blocks.entry(piece).or_insert_with(|| vec![0; (count as usize).div_ceil(8)]);
        for block in first..after {
            if let Some(byte) = blocks.get_mut(block as usize / 8) {
                *byte |= 0x80 >> (block % 8);
            }
        }
    }

    /// The piece has its verdict.
    pub(crate) fn end_piece(&self, piece: u32) {
        let mut unfinished = self.unfinished_now();
        unfinished.blocks.remove(&piece);
        unfinished.restored.remove(&piece);
    }

    /// True if some blocks are there and some are not, and all can be read once they are.
    fn can_go_on(&self, piece: u32, blocks: &[u8]) -> bool {
        let layout = self.layout();
        if piece >= layout.piece_count()
            || self.is_verified(piece)
            || !fits(blocks, layout.block_count(piece))
        {
            return false;
        }
        let there = blocks.iter().map(|byte| byte.count_ones()).sum::<u32>();
        if there == 0 || there == layout.block_count(piece) {
            return false;
        }
        let places = self.places();
        let mut ranges = layout.ranges(piece, 0, layout.piece_len(piece)).filter(|range| !range.pad);
        ranges.all(|range| {
            if places.is_moved(range.file) {
                return self.parts.find(piece).is_some();
            }
            std::fs::symlink_metadata(self.path_of(range.file))
                .is_ok_and(|file| file.is_file() && file.len() == self.length_of(range.file))
        })
    }

    fn unfinished_now(&self) -> MutexGuard<'_, Unfinished> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True if there is one bit for each of `count` blocks, and spare bits are 0.
pub(crate) fn fits(blocks: &[u8], count: u32) -> bool {
    let spare = (blocks.len() * 8).saturating_sub(count as usize);
    blocks.len() == (count as usize).div_ceil(8)
        && blocks.last().is_none_or(|last| last.trailing_zeros() as usize >= spare)
}

fn has_block(blocks: &[u8], block: u32) -> bool {
    blocks.get(block as usize / 8).is_some_and(|byte| byte & (0x80 >> (block % 8)) != 0)
}

#[cfg(test)]
#[path = "unfinished_tests.rs"]
mod tests;
