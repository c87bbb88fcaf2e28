use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ztor_metainfo::BLOCK_LEN;
use ztor_sha::{LANES, Sha256};

use crate::error::StorageError;
use crate::hasher::{Digests, PieceHasher};
use crate::ranges::Ranges;
use crate::store::TorrentStore;

mod piece_batch;

use piece_batch::{PieceBatch, State};

/// Maximum number of pieces that are written and then hashed together.
const MAX_GROUP: usize = 2 * LANES;
/// Bytes after which a group with enough pieces for all lanes is hashed, while the bytes are still in the cache.
const GROUP_LEN: usize = 512 * 1024;
/// Maximum number of failed pieces kept for blame; beyond it the oldest is dropped.
const MAX_FAILED: usize = 1024;
/// Maximum number of states of finished pieces kept for reuse.
const MAX_SPARE: usize = 16;

/// A block to write, and to hash with its piece.
#[derive(Clone)]
pub struct WriteJob {
    /// The store of the torrent.
    pub store: Arc<TorrentStore>,
    /// The caller's id of the torrent; one store per id until [`PieceWriter::forget_torrent`].
    pub torrent: u64,
    /// The piece.
    pub piece: u32,
    /// First byte within the piece.
    pub begin: u32,
    /// The bytes.
    pub data: Bytes,
    /// The caller's number, which the answer repeats.
    pub tag: u64,
}

impl fmt::Debug for WriteJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store: _, torrent, piece, begin, data, tag } = self;
        let mut all = f.debug_struct("WriteJob");
        all.field("torrent", torrent).field("piece", piece).field("begin", begin);
        all.field("len", &data.len()).field("tag", tag).finish_non_exhaustive()
    }
}

/// Result of [`WriteJob`]s. Every job is answered by one `Written` or one `Failed`. The verdict on a piece follows the
/// answers to its last jobs.
#[derive(Debug)]
pub enum WriteDone {
    /// The block is in its file, not yet synced. It may have been there already.
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
    /// All bytes of the piece are written and match its hash.
    PieceOk {
        /// As in the jobs.
        torrent: u64,
        /// The piece.
        piece: u32,
        /// Digests of the right blocks if the piece had failed before; `None` otherwise.
        blocks: Option<Vec<BlockDigest>>,
    },
    /// The piece does not match its hash and must be fetched again.
    PieceBad {
        /// As in the jobs.
        torrent: u64,
        /// The piece.
        piece: u32,
        /// Digests of the received blocks; incomplete or empty if they could not be read back.
        blocks: Vec<BlockDigest>,
    },
    /// All bytes of the piece are written but cannot be verified: the torrent contradicts itself, or they cannot be
    /// read back.
    Unjudged {
        /// As in the jobs.
        torrent: u64,
        /// The piece.
        piece: u32,
        /// The cause.
        error: StorageError,
    },
    /// The block must be submitted again once the cause is gone. The other blocks of the piece are kept, unless the
    /// piece is [forgotten](PieceWriter::forget).
    Failed {
        /// The job, for the retry.
        job: WriteJob,
        /// The cause.
        error: StorageError,
    },
}

/// SHA-256 of one block of 16 KiB (or the rest of the piece), to find the sender of a bad block.
///
/// For v2 torrents it is the leaf of the Merkle tree, which excludes pads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockDigest {
    /// First byte within the piece.
    pub begin: u32,
    /// SHA-256 of the block.
    pub digest: [u8; 32],
}

/// Writes blocks and hashes their pieces incrementally. Each disk worker thread has one writer, with its own pieces.
///
/// A piece continues with the blocks of an earlier run, if they were [restored](TorrentStore::restore_unfinished).
///
/// Blocks in order are hashed from memory. Early blocks are written at once, and read back when the gap before them is
/// filled. Memory: one small state per piece in progress, so the caller bounds it by the number of pieces in flight.
///
/// ```
/// use std::sync::Arc;
/// use bytes::Bytes;
/// use ztor_metainfo::Metainfo;
/// use ztor_storage::{PieceWriter, StoreOptions, TorrentStore, WriteDone, WriteJob};
///
/// // A torrent of one file with the content `hello` and a line break.
/// let info = b"d6:lengthi6e4:name9:hello.txt12:piece lengthi16384e6:pieces20:\
///     \xf5\x72\xd3\x96\xfa\xe9\x20\x66\x28\x71\x4f\xb2\xce\x00\xf7\x2e\x94\xf2\x25\x8fe";
/// let meta = Arc::new(Metainfo::from_info(info)?);
/// let dir = tempfile::tempdir()?;
/// let store = TorrentStore::open(meta, dir.path(), None, StoreOptions::default(), Arc::default())?;
/// store.prepare()?;
///
/// let (store, data) = (Arc::new(store), Bytes::from_static(b"hello\n"));
/// let mut batch = vec![WriteJob { store, torrent: 1, piece: 0, begin: 0, data, tag: 0 }];
/// let mut done = Vec::new();
/// PieceWriter::new().write(&mut batch, &mut done);
/// assert!(matches!(&done[..], [WriteDone::Written { .. }, WriteDone::PieceOk { piece: 0, .. }]));
/// assert_eq!(std::fs::read(dir.path().join("hello.txt"))?, b"hello\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct PieceWriter {
    pieces: HashMap<(u64, u32), Piece>,
    failed: Failed,
    spare: Vec<Piece>,
    /// Written buffers of one group; reused from call to call.
    buffers: Vec<Bytes>,
    /// Bytes read back from files; reused from call to call.
    read_back: Vec<u8>,
}

#[derive(Debug)]
struct Piece {
    store: u64,
    len: u32,
    expected: Digests,
    hasher: PieceHasher,
    /// Number of bytes hashed so far, from the start of the piece.
    hashed: u32,
    written: Ranges,
}

#[derive(Debug, Default)]
struct Failed {
    pieces: HashSet<(u64, u32)>,
    order: VecDeque<(u64, u32)>,
}

impl PieceWriter {
    /// Returns a writer without pieces in progress.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes all blocks of `batch`, empties it, and appends the answers to `done`.
    ///
    /// Writes adjacent blocks of a piece together, and hashes several pieces at the same time. Answers blocks that are
    /// written already as written, and does not write them again. The same applies to blocks of a
    /// [verified](TorrentStore::is_verified) piece; its verdict is repeated, for a caller that has missed it.
    pub fn write(&mut self, batch: &mut Vec<WriteJob>, done: &mut Vec<WriteDone>) {
        batch.sort_unstable_by_key(|job| (job.torrent, job.piece, job.begin));
        batch
            .chunk_by(|a, b| a.torrent == b.torrent)
            .filter_map(|jobs| jobs.first())
            .for_each(|job| job.store.begin_writing());
        let mut group = Vec::with_capacity(MAX_GROUP);
        let mut group_len = 0;
        for jobs in batch.chunk_by(|a, b| (a.torrent, a.piece) == (b.torrent, b.piece)) {
            group.extend(self.piece_batch(jobs));
            group_len += jobs.iter().map(|job| job.data.len()).sum::<usize>();
            if group.len() == MAX_GROUP || (group.len() >= LANES && group_len >= GROUP_LEN) {
                self.write_group(&mut group, done);
                group_len = 0;
            }
        }
        self.write_group(&mut group, done);
        batch.clear();
    }

    /// Forgets a piece: its written blocks do not count any more.
    pub fn forget(&mut self, torrent: u64, piece: u32) {
        if let Some(piece) = self.pieces.remove(&(torrent, piece)) {
            self.keep_spare(piece);
        }
    }

    /// Forgets all pieces of a torrent.
    pub fn forget_torrent(&mut self, torrent: u64) {
        self.pieces.retain(|key, _| key.0 != torrent);
        self.failed.forget_torrent(torrent);
    }

    /// Returns the number of pieces begun and neither finished nor forgotten.
    pub fn in_flight(&self) -> usize {
        self.pieces.len()
    }

    /// Returns the batch of these jobs, which are all of one piece; `None` without jobs.
    fn piece_batch<'a>(&mut self, jobs: &'a [WriteJob]) -> Option<PieceBatch<'a>> {
        let WriteJob { store, torrent, piece, .. } = jobs.first()?;
        let key = (*torrent, *piece);
        if self.pieces.get(&key).is_some_and(|piece| piece.store != store.id()) {
            self.forget(key.0, key.1);
        }
        let state = match self.pieces.remove(&key) {
            Some(piece) => State::Begun(piece),
            None if store.is_verified(key.1) => State::Verified,
            None => self.begin(store, key.1).map_or_else(State::Refused, State::Begun),
        };
        Some(PieceBatch::new(jobs, state))
    }

    fn write_group(&mut self, group: &mut Vec<PieceBatch<'_>>, done: &mut Vec<WriteDone>) {
        for batch in &mut *group {
            batch.write(&mut self.buffers);
        }
        piece_batch::hash(group, &self.buffers, &mut self.read_back);
        self.buffers.clear();
        for batch in group.drain(..) {
            batch.answer(done);
            let Some(WriteJob { store, torrent, piece: index, .. }) = batch.jobs.first() else { continue };
            let key = (*torrent, *index);
            match batch.state {
                State::Begun(piece) if piece.hashed == piece.len => {
                    done.push(self.conclude(store, key, piece))
                }
                State::Begun(piece) => {
                    self.pieces.insert(key, piece);
                }
                State::Verified => {
                    done.push(WriteDone::PieceOk { torrent: key.0, piece: key.1, blocks: None });
                }
                State::Refused(_) => {}
            }
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
            len: 0,
            expected,
            hasher: PieceHasher::default(),
            hashed: 0,
            written: Ranges::default(),
        });
        piece.store = store.id();
        piece.len = meta.layout.piece_len(index);
        piece.expected = expected;
        piece.hasher.restart(&meta.layout, index, expected.kinds());
        piece.hashed = 0;
        piece.written.clear();
        for (begin, end) in store.begin_piece(index) {
            piece.written.insert(begin, end);
        }
        Ok(piece)
    }

    fn conclude(&mut self, store: &TorrentStore, key: (u64, u32), mut piece: Piece) -> WriteDone {
        let found = piece.hasher.finish();
        // The hashed bytes are those that peers sent. Their pads may be junk, and are not stored.
        let good = if found.is_half(&piece.expected) {
            match store.check_piece(key.1, &mut self.read_back) {
                Ok(good) => good,
                Err(error) => {
                    let (torrent, index) = key;
                    self.keep_spare(piece);
                    return WriteDone::Unjudged { torrent, piece: index, error };
                }
            }
        } else {
            found == piece.expected
        };
        store.set_verified(key.1, good);
        store.end_piece(key.1);
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

    fn digests(&self, store: &TorrentStore, index: u32, piece: &Piece) -> Vec<BlockDigest> {
        let begins = (0..).step_by(BLOCK_LEN as usize);
        if let Some(leaves) = piece.hasher.leaves() {
            return begins
                .zip(leaves)
                .map(|(begin, digest)| BlockDigest { begin, digest: *digest })
                .collect();
        }
        let layout = store.layout();
        let piece_len = layout.piece_len(index);
        let mut buf = vec![0; BLOCK_LEN as usize];
        let mut blocks = Vec::with_capacity(piece_len.div_ceil(BLOCK_LEN) as usize);
        for begin in begins.take_while(|begin| *begin < piece_len) {
            let buf = &mut buf[..(piece_len - begin).min(BLOCK_LEN) as usize];
            match store.read(index, begin, buf) {
                Ok(()) => blocks.push(BlockDigest { begin, digest: Sha256::digest(buf) }),
                Err(error) => {
                    tracing::warn!(%error, piece = index, "cannot read back a bad piece");
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

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
