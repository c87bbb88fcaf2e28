use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use ztor_metainfo::{BLOCK_LEN, Metainfo};

use crate::error::StorageError;
use crate::hasher::{Digests, PieceHasher};
use crate::pool::{End, in_parallel};
use crate::store::TorrentStore;

/// What is read and hashed at once.
const CHUNK_LEN: usize = 1 << 20;
/// Neighbouring pieces given to one thread together, in bytes, so that the disk reads in order.
const STRETCH_LEN: u32 = 16 << 20;

/// Which pieces [`check_all`] looks at.
#[derive(Debug, Clone, Copy)]
pub enum Pieces<'a> {
    /// All of the torrent.
    All,
    /// These; best in ascending order. Those beyond the end are ignored.
    Only(&'a [u32]),
}

/// Checks pieces on disk against their hashes, with `threads` threads (at least one).
///
/// Returns one entry per piece of the torrent: true if it is there and right, false if it is not or was not
/// asked for. `progress` is called from any of the threads with the number of pieces done so far. Memory: 1 MiB
/// per thread.
///
/// Errors: [`StorageError::Stopped`] if `stop` was set before the end; whatever cannot be read although
/// it is there. A missing or short file is no error: its pieces are not had.
pub fn check_all(
    store: &TorrentStore,
    which: Pieces<'_>,
    threads: usize,
    progress: impl Fn(u32) + Sync,
    stop: &AtomicBool,
) -> Result<Vec<bool>, StorageError> {
    // A file that was replaced meanwhile must be looked at as it is now.
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
    let piece_length = store.layout().piece_length().max(1);
    let stretch = (STRETCH_LEN / piece_length).max(1) as usize;
    // Below that the system's own read-ahead does as well.
    let ahead = piece_length >= 256 * 1024;

    let have: Vec<AtomicBool> = (0..piece_count).map(|_| AtomicBool::new(false)).collect();
    let done = AtomicU32::new(0);
    let end = in_parallel(total, stretch, threads, stop, Vec::new, |buf, index| {
        if let Some(piece) = piece_at(index) {
            if ahead && let Some(following) = piece_at(index + 1) {
                store.read_ahead(following);
            }
            have[piece as usize].store(store.check_piece(piece, buf)?, Ordering::Relaxed);
        }
        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        Ok(())
    })?;
    match end {
        End::Complete => Ok(have.into_iter().map(AtomicBool::into_inner).collect()),
        End::Stopped => Err(StorageError::Stopped),
    }
}

impl TorrentStore {
    /// Reads a piece and compares its hash. False if it is wrong, or its files are missing or too short.
    ///
    /// `buf` is scratch space to be used again, at most 1 MiB. A piece in which nothing was ever written (a hole
    /// in a sparse file) is not read.
    pub fn check_piece(&self, piece: u32, buf: &mut Vec<u8>) -> Result<bool, StorageError> {
        let good = match self.matches(piece, buf) {
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

    fn matches(&self, piece: u32, buf: &mut Vec<u8>) -> Result<bool, StorageError> {
        let meta = self.meta();
        let layout = self.layout();
        if piece >= layout.piece_count() {
            return Err(StorageError::OutOfRange { piece, begin: 0, len: 0 });
        }
        let expected = Digests::expected(meta, piece)?;
        if self.is_hole(piece)? {
            return Ok(self.zero_digests.get(meta, piece, &expected) == expected);
        }
        let mut hasher = PieceHasher::new(meta, piece, &expected);
        let piece_len = layout.piece_len(piece);
        buf.resize(CHUNK_LEN.min(piece_len as usize).max(BLOCK_LEN as usize), 0);
        let mut at = 0;
        while at < piece_len {
            let step = buf.len().min((piece_len - at) as usize);
            self.read(piece, at, &mut buf[..step])?;
            hasher.update(&buf[..step]);
            at += step as u32;
        }
        Ok(hasher.finish() == expected)
    }

    fn files_of(&self, piece: u32) -> impl Iterator<Item = usize> + '_ {
        let layout = self.layout();
        layout.ranges(piece, 0, layout.piece_len(piece)).filter(|range| !range.pad).map(|range| range.file)
    }
}

/// What a piece of nothing but zeros hashes to, kept for the last shape of piece that was asked for.
#[derive(Debug, Default)]
pub(crate) struct ZeroDigests(Mutex<Option<(Shape, Digests)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    len: u32,
    v2_len: u32,
    v2_width: usize,
    kinds: (bool, bool),
}

impl ZeroDigests {
    fn get(&self, meta: &Metainfo, piece: u32, like: &Digests) -> Digests {
        let layout = &meta.layout;
        let (v2_len, v2_width) = match like.v2 {
            Some(_) => (layout.v2_piece_len(piece), layout.v2_leaf_width(piece)),
            None => (0, 0),
        };
        let kinds = (like.v1.is_some(), like.v2.is_some());
        let shape = Shape { len: layout.piece_len(piece), v2_len, v2_width, kinds };
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, digests)) = known.filter(|known| known.0 == shape) {
            return digests;
        }
        let mut hasher = PieceHasher::new(meta, piece, like);
        hasher.update_zeros(shape.len);
        let digests = hasher.finish();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((shape, digests));
        digests
    }
}
