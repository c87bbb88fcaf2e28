use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use ztor_metainfo::BLOCK_LEN;
use ztor_sha::Sha256;

use crate::error::StorageError;
use crate::hasher::{Digests, PieceHasher};
use crate::positional::Run;
use crate::ranges::Ranges;
use crate::store::TorrentStore;

/// What is read back at once, when blocks came out of order.
const READ_BACK_LEN: usize = 256 * 1024;
/// Failed pieces remembered for blame; beyond that the oldest are forgotten.
const MAX_FAILED: usize = 1024;
/// States of finished pieces kept for the next ones.
const MAX_SPARE: usize = 16;

/// A block to be written, and to be hashed with its piece.
#[derive(Debug, Clone)]
pub struct WriteJob {
    /// Where to.
    pub store: Arc<TorrentStore>,
    /// The caller's name for the torrent; one store per name until [`PieceWriter::forget_torrent`].
    pub torrent: u64,
    /// The piece.
    pub piece: u32,
    /// First byte within the piece.
    pub begin: u32,
    /// The bytes.
    pub data: Bytes,
    /// Comes back with the answer.
    pub tag: u64,
}

/// What became of [`WriteJob`]s. Every job is answered by one `Written` or one `Failed`; a verdict on the
/// piece follows after the answers of its last jobs.
#[derive(Debug)]
pub enum WriteDone {
    /// The block is in its file (not yet synced), or was there already.
    Written {
        /// As in the job.
        torrent: u64,
        /// As in the job.
        piece: u32,
        /// As in the job.
        begin: u32,
        /// Length of the block in bytes.
        len: u32,
        /// As in the job.
        tag: u64,
    },
    /// All bytes of the piece are written and hash right.
    PieceOk {
        /// As in the jobs.
        torrent: u64,
        /// The piece.
        piece: u32,
        /// The blocks as they should be, if the piece had failed before.
        blocks: Option<Vec<BlockDigest>>,
    },
    /// The piece does not hash right and has to be fetched anew.
    PieceBad {
        /// As in the jobs.
        torrent: u64,
        /// The piece.
        piece: u32,
        /// The blocks as they were; short or empty if they could not be read back.
        blocks: Vec<BlockDigest>,
    },
    /// The block has to be sent again once the cause is gone. The other blocks of the piece are kept, unless
    /// the piece is [forgotten](PieceWriter::forget).
    Failed {
        /// As in the job.
        torrent: u64,
        /// As in the job.
        piece: u32,
        /// As in the job.
        begin: u32,
        /// Length of the block in bytes.
        len: u32,
        /// As in the job.
        tag: u64,
        /// What went wrong.
        error: StorageError,
    },
}

/// The SHA-256 of one block of 16 KiB (or what remains of the piece), to find out who sent a bad one.
///
/// For v2 torrents it is the leaf of the Merkle tree, which leaves out pads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockDigest {
    /// First byte within the piece.
    pub begin: u32,
    /// SHA-256 of the block.
    pub digest: [u8; 32],
}

/// Writes blocks and keeps the running hashes of the pieces routed to it: one per disk worker thread.
///
/// Blocks that come in order are hashed from memory; those that come early are written at once and read
/// back when the gap before them closes. Memory: one small state per piece begun and neither finished nor
/// [forgotten](Self::forget), so the caller bounds it by the pieces it has in flight.
#[derive(Debug, Default)]
pub struct PieceWriter {
    pieces: HashMap<(u64, u32), Piece>,
    failed: Failed,
    spare: Vec<Piece>,
    /// Reused from call to call.
    run: Vec<Bytes>,
    read_back: Vec<u8>,
}

#[derive(Debug)]
struct Piece {
    store: u64,
    expected: Digests,
    hasher: PieceHasher,
    /// Bytes hashed so far, from the start of the piece.
    hashed: u32,
    written: Ranges,
}

#[derive(Debug, Default)]
struct Failed {
    pieces: HashSet<(u64, u32)>,
    order: VecDeque<(u64, u32)>,
}

impl PieceWriter {
    /// A writer with nothing in flight.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes all blocks of `batch`, which is left empty, and appends the answers to `done`.
    ///
    /// Adjacent blocks of a piece go out together. Bytes that are there already are not written again, and
    /// blocks of a piece that [is verified](TorrentStore::is_verified) are dropped, both answered as written;
    /// the latter with the verdict once more, for a caller that has missed it.
    pub fn write(&mut self, batch: &mut Vec<WriteJob>, done: &mut Vec<WriteDone>) {
        batch.sort_unstable_by_key(|job| (job.torrent, job.piece, job.begin));
        for jobs in batch.chunk_by_mut(|a, b| (a.torrent, a.piece) == (b.torrent, b.piece)) {
            self.write_piece(jobs, done);
        }
        batch.clear();
    }

    /// Gives up a piece: what was written of it does not count any more.
    pub fn forget(&mut self, torrent: u64, piece: u32) {
        if let Some(piece) = self.pieces.remove(&(torrent, piece)) {
            self.keep_spare(piece);
        }
    }

    /// Gives up all pieces of a torrent.
    pub fn forget_torrent(&mut self, torrent: u64) {
        self.pieces.retain(|key, _| key.0 != torrent);
        self.failed.forget_torrent(torrent);
    }

    /// Pieces begun and neither finished nor forgotten.
    pub fn in_flight(&self) -> usize {
        self.pieces.len()
    }

    fn write_piece(&mut self, jobs: &mut [WriteJob], done: &mut Vec<WriteDone>) {
        let Some(first) = jobs.first() else { return };
        let store = Arc::clone(&first.store);
        let key = (first.torrent, first.piece);
        if self.pieces.get(&key).is_some_and(|piece| piece.store != store.id()) {
            self.forget(key.0, key.1);
        }
        if !self.pieces.contains_key(&key) {
            if store.is_verified(key.1) {
                done.extend(jobs.iter().map(written));
                done.push(WriteDone::PieceOk { torrent: key.0, piece: key.1, blocks: None });
                return;
            }
            match self.begin(&store, key.1) {
                Ok(piece) => self.pieces.insert(key, piece),
                Err(error) => {
                    done.extend(jobs.iter().map(|job| failed(job, error.clone())));
                    return;
                }
            };
        }
        let Some(mut piece) = self.pieces.remove(&key) else { return };

        let piece_len = store.layout().piece_len(key.1);
        let write_error = self.write_runs(&store, key.1, &mut piece, jobs, piece_len);
        let hash_error = self.catch_up(&store, key.1, &mut piece, piece_len).err();
        for (index, job) in jobs.iter().enumerate() {
            let is_last = index + 1 == jobs.len();
            let end = end_of(job);
            let answer = if end > u64::from(piece_len) {
                failed(
                    job,
                    StorageError::OutOfRange { piece: key.1, begin: job.begin, len: job.data.len() as u64 },
                )
            } else if !piece.written.covers(job.begin, end as u32)
                && let Some(error) = &write_error
            {
                failed(job, error.clone())
            } else if is_last && let Some(error) = &hash_error {
                // The bytes are there, but hashing goes on only with the next block: ask for this one again.
                failed(job, error.clone())
            } else {
                written(job)
            };
            done.push(answer);
        }
        if piece.hashed == piece_len {
            done.push(self.conclude(&store, key, piece));
        } else {
            self.pieces.insert(key, piece);
        }
    }

    fn begin(&mut self, store: &TorrentStore, index: u32) -> Result<Piece, StorageError> {
        let meta = store.meta();
        if index >= meta.layout.piece_count() {
            return Err(StorageError::OutOfRange { piece: index, begin: 0, len: 0 });
        }
        let expected = Digests::expected(meta, index)?;
        let mut piece = self.spare.pop().unwrap_or_else(|| Piece {
            store: 0,
            expected,
            hasher: PieceHasher::default(),
            hashed: 0,
            written: Ranges::default(),
        });
        piece.store = store.id();
        piece.expected = expected;
        piece.hasher.restart(&meta.layout, index, expected.kinds());
        piece.hashed = 0;
        piece.written.clear();
        Ok(piece)
    }

    /// Writes what is new in the jobs, which are sorted by `begin`. Returns the first error; the ranges
    /// tell which jobs it concerns.
    fn write_runs(
        &mut self,
        store: &TorrentStore,
        index: u32,
        piece: &mut Piece,
        jobs: &mut [WriteJob],
        piece_len: u32,
    ) -> Option<StorageError> {
        let mut first_error = None;
        let (mut run_begin, mut run_end) = (0, 0);
        for job in jobs {
            let end = end_of(job);
            if end > u64::from(piece_len) {
                continue;
            }
            let end = end as u32;
            let mut from = if run_begin < run_end { job.begin.max(run_end) } else { job.begin };
            while let Some((gap_begin, gap_end)) = piece.written.gap(from, end) {
                if gap_begin != run_end || run_begin == run_end {
                    self.flush(store, index, piece, run_begin, &mut first_error);
                    run_begin = gap_begin;
                }
                let slice = (gap_begin - job.begin) as usize..(gap_end - job.begin) as usize;
                self.run.push(job.data.slice(slice));
                run_end = gap_end;
                from = gap_end;
            }
        }
        self.flush(store, index, piece, run_begin, &mut first_error);
        first_error
    }

    /// Writes the collected run and hashes it if it is its turn.
    fn flush(
        &mut self,
        store: &TorrentStore,
        index: u32,
        piece: &mut Piece,
        begin: u32,
        first_error: &mut Option<StorageError>,
    ) {
        if self.run.is_empty() {
            return;
        }
        let run = std::mem::take(&mut self.run);
        match store.write(index, begin, &run) {
            Ok(()) => {
                // A read error here is met again, and reported, when the batch has been written.
                let _ = self.catch_up(store, index, piece, begin);
                let len: usize = run.iter().map(Bytes::len).sum();
                piece.written.insert(begin, begin + len as u32);
                if piece.hashed == begin {
                    piece.hash_run(store, index, &run, len as u32);
                }
            }
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
        self.run = run;
        self.run.clear();
    }

    /// Reads back and hashes what was written early, as far as there is no gap, up to `limit`.
    fn catch_up(
        &mut self,
        store: &TorrentStore,
        index: u32,
        piece: &mut Piece,
        limit: u32,
    ) -> Result<(), StorageError> {
        let end = piece.written.end_from(piece.hashed).min(limit);
        while piece.hashed < end {
            self.read_back.resize(READ_BACK_LEN, 0);
            let step = ((end - piece.hashed) as usize).min(READ_BACK_LEN);
            let buf = &mut self.read_back[..step];
            store.read(index, piece.hashed, buf)?;
            piece.hasher.update(buf);
            piece.hashed += step as u32;
        }
        Ok(())
    }

    fn conclude(&mut self, store: &TorrentStore, key: (u64, u32), mut piece: Piece) -> WriteDone {
        let good = piece.hasher.finish() == piece.expected;
        store.set_verified(key.1, good);
        let answer = if good {
            let blocks = self.failed.take(key).then(|| self.digests(store, key.1, &piece));
            WriteDone::PieceOk { torrent: key.0, piece: key.1, blocks }
        } else {
            self.failed.insert(key);
            let blocks = self.digests(store, key.1, &piece);
            WriteDone::PieceBad { torrent: key.0, piece: key.1, blocks }
        };
        self.keep_spare(piece);
        answer
    }

    fn digests(&mut self, store: &TorrentStore, index: u32, piece: &Piece) -> Vec<BlockDigest> {
        let begins = (0..).step_by(BLOCK_LEN as usize);
        if let Some(leaves) = piece.hasher.leaves() {
            return begins
                .zip(leaves)
                .map(|(begin, digest)| BlockDigest { begin, digest: *digest })
                .collect();
        }
        let layout = store.layout();
        let piece_len = layout.piece_len(index);
        self.read_back.resize(READ_BACK_LEN, 0);
        let mut blocks = Vec::with_capacity(piece_len.div_ceil(BLOCK_LEN) as usize);
        for begin in begins.take_while(|begin| *begin < piece_len) {
            let buf = &mut self.read_back[..(piece_len - begin).min(BLOCK_LEN) as usize];
            match store.read(index, begin, buf) {
                Ok(()) => blocks.push(BlockDigest { begin, digest: Sha256::digest(buf) }),
                Err(error) => {
                    tracing::warn!(%error, piece = index, "cannot read a piece back to find its bad block");
                    break;
                }
            }
        }
        blocks
    }

    fn keep_spare(&mut self, piece: Piece) {
        if self.spare.len() < MAX_SPARE {
            self.spare.push(piece);
        }
    }
}

impl Piece {
    /// Hashes a run from memory. Pads count as zeros whatever was sent, for that is how they are served.
    fn hash_run(&mut self, store: &TorrentStore, index: u32, buffers: &[Bytes], len: u32) {
        let mut run = Run::new(buffers);
        for range in store.layout().ranges(index, self.hashed, len) {
            if range.pad {
                run.skip(range.len as usize);
                self.hasher.update_zeros(range.len);
                continue;
            }
            let mut left = range.len as usize;
            while left > 0
                && let Some(slice) = run.next_slice(left)
            {
                self.hasher.update(slice);
                left -= slice.len();
            }
        }
        self.hashed += len;
    }
}

impl Failed {
    fn insert(&mut self, key: (u64, u32)) {
        if !self.pieces.insert(key) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > MAX_FAILED
            && let Some(oldest) = self.order.pop_front()
        {
            self.pieces.remove(&oldest);
        }
    }

    fn take(&mut self, key: (u64, u32)) -> bool {
        let found = self.pieces.remove(&key);
        if found {
            self.order.retain(|other| *other != key);
        }
        found
    }

    fn forget_torrent(&mut self, torrent: u64) {
        self.pieces.retain(|key| key.0 != torrent);
        self.order.retain(|key| key.0 != torrent);
    }
}

fn end_of(job: &WriteJob) -> u64 {
    u64::from(job.begin) + job.data.len() as u64
}

fn written(job: &WriteJob) -> WriteDone {
    let WriteJob { torrent, piece, begin, tag, .. } = *job;
    WriteDone::Written { torrent, piece, begin, len: job.data.len() as u32, tag }
}

fn failed(job: &WriteJob, error: StorageError) -> WriteDone {
    let WriteJob { torrent, piece, begin, tag, .. } = *job;
    WriteDone::Failed { torrent, piece, begin, len: job.data.len() as u32, tag, error }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
