//! Blocks on disk of pieces in progress, so that the next run need not fetch them again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use ztor_metainfo::BLOCK_LEN;

use super::TorrentStore;

/// Blocks on disk of an incomplete piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedPiece {
    /// The piece.
    pub piece: u32,
    /// Written blocks of 16 KiB, one bit each, the highest bit of the first byte first; spare bits are 0.
    pub blocks: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// Written blocks of each piece without a verdict. Bounded by the pieces that writers have in progress.
    blocks: BTreeMap<u32, Vec<u8>>,
    /// Pieces that an earlier run has written in part, and that no writer has continued yet.
    restored: BTreeSet<u32>,
}

impl TorrentStore {
    /// Returns the blocks on disk of all pieces in progress, in ascending order of the pieces.
    ///
    /// They are durable after a [`sync`](Self::sync) that begins later. Their content is not verified.
    pub fn unfinished(&self) -> Vec<UnfinishedPiece> {
        let pieces = self.unfinished_now();
        let all = pieces.blocks.iter();
        all.map(|(piece, blocks)| UnfinishedPiece { piece: *piece, blocks: blocks.clone() }).collect()
    }

    /// Restores pieces in progress of an earlier run, or of this one before a fault, for a
    /// [`PieceWriter`](crate::PieceWriter). Their blocks count as written, and are hashed with the rest of the piece.
    ///
    /// Returns the restored pieces. The others are complete, verified or out of range, or their files are missing or
    /// not of their full length. Replaces all pieces in progress. Call it after [`prepare`](Self::prepare), and while
    /// no writer has pieces of this store.
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

    /// Keeps right blocks of a piece that hashed wrong: they count as written when a [`PieceWriter`](crate::PieceWriter) begins
    /// the piece again. `blocks` has one bit for each block of the piece, like [`UnfinishedPiece::blocks`]. Returns false if
    /// they cannot be kept. Call it before the next block of the piece is written.
    pub fn keep_blocks(&self, piece: u32, blocks: Vec<u8>) -> bool {
        let is_kept = self.can_go_on(piece, &blocks);
        if is_kept {
            let mut unfinished = self.unfinished_now();
            unfinished.blocks.insert(piece, blocks);
            unfinished.restored.insert(piece);
        }
        is_kept
    }

    /// Returns the ranges of a piece that are written already, for a writer that begins it. Only a restored piece has
    /// any; other recorded blocks of the piece are forgotten.
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

    /// Records written bytes of a piece in progress.
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

    /// Forgets the blocks of a piece that has its verdict.
    pub(crate) fn end_piece(&self, piece: u32) {
        let mut unfinished = self.unfinished_now();
        unfinished.blocks.remove(&piece);
        unfinished.restored.remove(&piece);
    }

    /// Returns true if some but not all blocks are written, and all files of the piece have their full length.
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

/// Returns true if there is one bit for each of `count` blocks, and spare bits are 0.
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
