use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ztor_metainfo::{BLOCK_LEN, Metainfo};
use ztor_sha::LANES;

use crate::error::StorageError;
use crate::hasher::{Digests, PieceHasher, update_many};
use crate::pool::{End, Shares, in_parallel};
use crate::store::TorrentStore;

/// Bytes of all pieces together that are read before they are hashed: half of a second-level cache.
const READ_LEN: usize = 512 * 1024;

/// Pieces that [`check_all`] checks.
#[derive(Debug, Clone, Copy)]
pub enum Pieces<'a> {
    /// All pieces of the torrent.
    All,
    /// Only these pieces, preferably in ascending order. Those beyond the end are ignored.
    Only(&'a [u32]),
}

/// Checks pieces on disk against their hashes, with `threads` threads (at least one).
///
/// Returns one entry per piece of the torrent: true if it was checked and matches its hash. Any of the threads calls
/// `progress` with the number of pieces done so far. Memory: 512 KiB per thread.
///
/// Errors: [`StorageError::Stopped`] if `stop` was set before the end; any failure to read an existing file. A missing
/// or short file is no error: its pieces do not match.
pub fn check_all(
    store: &TorrentStore,
    which: Pieces<'_>,
    threads: usize,
    progress: impl Fn(u32) + Sync,
    stop: &AtomicBool,
) -> Result<Vec<bool>, StorageError> {
    // The handle of a file that was replaced leads to the old file.
    store.forget_handles();
    let piece_count = store.layout().piece_count();
    let total = match which {
        Pieces::All => piece_count as usize,
        Pieces::Only(pieces) => pieces.len(),
    };
    let piece_at = |index: usize| match which {
        Pieces::All => u32::try_from(index).ok().filter(|piece| *piece < piece_count),
        Pieces::Only(pieces) => pieces.get(index).copied().filter(|piece| *piece < piece_count),
    };
    let shares = Shares::of_pieces(total, store.layout().piece_length(), threads, lanes(store.meta()));
    // For smaller pieces the system's own read-ahead is as good.
    let ahead = store.layout().piece_length() >= 256 * 1024;

    let have: Vec<AtomicBool> = (0..piece_count).map(|_| AtomicBool::new(false)).collect();
    let done = AtomicU32::new(0);
    let end = in_parallel(total, shares, threads, stop, Scratch::default, |scratch, group| {
        if ahead {
            let following = group.end..total.min(group.end + shares.group);
            following.filter_map(piece_at).for_each(|piece| store.read_ahead(piece));
        }
        let count = group.len() as u32;
        let pieces: Vec<u32> = group.filter_map(piece_at).collect();
        let good = store.check_together(&pieces, scratch, stop)?;
        for (piece, good) in pieces.into_iter().zip(good) {
            have[piece as usize].store(good, Ordering::Relaxed);
        }
        (0..count).for_each(|_| progress(done.fetch_add(1, Ordering::Relaxed) + 1));
        Ok(())
    })?;
    match end {
        End::Complete => Ok(have.into_iter().map(AtomicBool::into_inner).collect()),
        End::Stopped => Err(StorageError::Stopped),
    }
}

/// Returns the number of pieces to check at a time. SHA-1 needs several to fill its lanes; for SHA-256 the blocks of a
/// single piece are sufficient.
fn lanes(meta: &Metainfo) -> usize {
    let has_v1 = meta.layout.piece_count() == 0 || meta.is_v1();
    let blocks = (meta.layout.piece_length() / BLOCK_LEN).max(1) as usize;
    if has_v1 { LANES } else { LANES.div_ceil(blocks) }
}

/// Reusable buffers of one thread.
#[derive(Debug, Default)]
struct Scratch {
    buf: Vec<u8>,
    lanes: Vec<Lane>,
}

/// A piece that is being checked.
#[derive(Debug, Default)]
struct Lane {
    piece: u32,
    hasher: PieceHasher,
    /// Number of bytes hashed so far.
    at: u32,
    len: u32,
    expected: Option<Digests>,
    /// Result that is known before the end of the piece: it is a hole, or cannot be read.
    verdict: Option<Result<bool, StorageError>>,
}

impl TorrentStore {
    /// Reads a piece and compares its hash. Returns false if the hash differs, or if files are missing or too short.
    ///
    /// Errors: [`StorageError::Inconsistent`] if the piece matches only one of two hashes; any failure to read an
    /// existing file.
    ///
    /// `buf` is reusable scratch space, at most 512 KiB. A piece that was never written (a hole in a sparse file) is
    /// not read.
    pub fn check_piece(&self, piece: u32, buf: &mut Vec<u8>) -> Result<bool, StorageError> {
        let mut scratch = Scratch { buf: std::mem::take(buf), lanes: Vec::new() };
        let good = self.check_together(&[piece], &mut scratch, &AtomicBool::new(false));
        *buf = scratch.buf;
        good.map(|good| good.contains(&true))
    }

    /// Does the same as [`check_piece`](Self::check_piece) for several pieces, which are hashed at the same time.
    /// Returns true for each piece that matches.
    ///
    /// Errors: the first error of any piece, after the others were checked; [`StorageError::Stopped`].
    fn check_together(
        &self,
        pieces: &[u32],
        scratch: &mut Scratch,
        stop: &AtomicBool,
    ) -> Result<Vec<bool>, StorageError> {
        let Scratch { buf, lanes } = scratch;
        lanes.resize_with(pieces.len(), Lane::default);
        for (lane, piece) in lanes.iter_mut().zip(pieces) {
            lane.verdict = self.begin(lane, *piece).transpose();
        }
        let longest = lanes.iter().map(|lane| lane.len as usize).max().unwrap_or(0);
        let step = (READ_LEN / lanes.len().max(1)).min(longest).max(1);
        buf.resize(step * lanes.len(), 0);
        while lanes.iter().any(Lane::goes_on) {
            if stop.load(Ordering::Relaxed) {
                return Err(StorageError::Stopped);
            }
            self.advance(lanes, buf, step);
        }
        let mut all = Ok(Vec::with_capacity(pieces.len()));
        for lane in lanes {
            let matches = match lane.verdict.take() {
                Some(verdict) => verdict,
                None => lane.judge(),
            };
            match (self.conclude(lane.piece, matches), &mut all) {
                (Ok(good), Ok(verdicts)) => verdicts.push(good),
                (Err(error), Ok(_)) => all = Err(error),
                (_, Err(_)) => {}
            }
        }
        all
    }

    /// Prepares a lane for a piece. Returns the result if it needs no reading.
    fn begin(&self, lane: &mut Lane, piece: u32) -> Result<Option<bool>, StorageError> {
        let (meta, layout) = (self.meta(), self.layout());
        (lane.piece, lane.at, lane.len) = (piece, 0, 0);
        if piece >= layout.piece_count() {
            return Err(StorageError::OutOfRange { piece, begin: 0, len: 0 });
        }
        let expected = Digests::expected(meta, piece)?;
        if self.is_hole(piece)? {
            return Ok(Some(self.zero_digests.get(meta, piece, expected.kinds()) == expected));
        }
        lane.len = layout.piece_len(piece);
        lane.expected = Some(expected);
        lane.hasher.restart(layout, piece, expected.kinds());
        Ok(None)
    }

    /// Reads and hashes the next `step` bytes of every piece without a result.
    fn advance(&self, lanes: &mut [Lane], buf: &mut [u8], step: usize) {
        let mut jobs = Vec::with_capacity(lanes.len());
        for (lane, buf) in lanes.iter_mut().zip(buf.chunks_mut(step)) {
            if !lane.goes_on() {
                continue;
            }
            let buf = &mut buf[..step.min((lane.len - lane.at) as usize)];
            match self.read(lane.piece, lane.at, buf) {
                Ok(()) => {
                    lane.at += buf.len() as u32;
                    jobs.push((&mut lane.hasher, [&*buf]));
                }
                Err(error) => lane.verdict = Some(Err(error)),
            }
        }
        update_many(&mut jobs);
    }

    /// Records whether a piece matches. Treats missing files as a mismatch.
    fn conclude(&self, piece: u32, matches: Result<bool, StorageError>) -> Result<bool, StorageError> {
        let good = match matches {
            Err(error) if error.is_absent() => false,
            Err(StorageError::FileGone { path }) if path == self.full_parts_path() => {
                self.accept_missing_parts();
                false
            }
            Err(StorageError::FileGone { .. }) => {
                for file in self.files_of(piece) {
                    self.accept_missing(file);
                }
                false
            }
            matches => matches?,
        };
        self.set_verified(piece, good);
        Ok(good)
    }

    fn files_of(&self, piece: u32) -> impl Iterator<Item = usize> + '_ {
        let layout = self.layout();
        layout.ranges(piece, 0, layout.piece_len(piece)).filter(|range| !range.pad).map(|range| range.file)
    }
}

impl Lane {
    fn judge(&mut self) -> Result<bool, StorageError> {
        let found = self.hasher.finish();
        match &self.expected {
            Some(expected) if found.is_half(expected) => {
                Err(StorageError::Inconsistent { piece: self.piece })
            }
            expected => Ok(*expected == Some(found)),
        }
    }

    fn goes_on(&self) -> bool {
        self.verdict.is_none() && self.at < self.len
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
