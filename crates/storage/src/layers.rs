//! Computes missing piece layers of v2 torrents (BEP 52) from the data.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ztor_metainfo::{Metainfo, merkle};

use crate::error::StorageError;
use crate::handles::HandleCache;
use crate::hasher::{HashKinds, PieceHasher};
use crate::store::{StoreOptions, TorrentStore};

/// Bytes per read.
const READ_LEN: usize = 512 * 1024;

/// Adds the missing piece layers of files that are complete below `dir` and match their roots. Writes nothing. Returns
/// a torrent without missing layers unchanged.
///
/// Calls `progress` with the total number of bytes read.
///
/// # Errors
/// [`StorageError::Stopped`] if `stop` was set before the end; any failure to read an existing file.
pub fn complete_layers(
    meta: &Arc<Metainfo>,
    dir: &Path,
    progress: impl Fn(u64),
    stop: &AtomicBool,
) -> Result<Arc<Metainfo>, StorageError> {
    if meta.has_all_hashes() {
        return Ok(Arc::clone(meta));
    }
    let options = StoreOptions { read_only: true, ..StoreOptions::default() };
    let store = TorrentStore::open(Arc::clone(meta), dir, None, options, Arc::new(HandleCache::default()))?;
    let mut completed = Metainfo::clone(meta);
    let mut reader = Reader { store: &store, hasher: PieceHasher::default(), buf: Vec::new(), done: 0 };
    for (file, entry) in meta.layout.files().iter().enumerate() {
        let pieces = meta.layout.pieces_of(file);
        let is_missing = entry.pieces_root().is_some()
            && pieces.len() > 1
            && completed
                .bulk_in_memory()
                .and_then(|bulk| completed.piece_layer_part(&bulk, file, 0, 1))
                .is_none();
        // A file of another length has another root.
        let may_be_right =
            std::fs::metadata(store.path_of(file)).is_ok_and(|found| found.len() == entry.length);
        if !is_missing || !may_be_right {
            continue;
        }
        let mut layer = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match reader.hash(piece, &progress, stop) {
                Ok(hash) => layer.extend(hash),
                Err(error) if error.is_absent() => break,
                Err(error) => return Err(error),
            }
        }
        completed.add_piece_layer(file, &layer);
    }
    Ok(Arc::new(completed))
}

struct Reader<'s> {
    store: &'s TorrentStore,
    hasher: PieceHasher,
    buf: Vec<u8>,
    done: u64,
}

impl Reader<'_> {
    /// Returns the root of a piece's subtree of the hash tree.
    fn hash(
        &mut self,
        piece: u32,
        progress: &impl Fn(u64),
        stop: &AtomicBool,
    ) -> Result<Option<merkle::Hash>, StorageError> {
        let layout = self.store.layout();
        self.hasher.restart(layout, piece, HashKinds { v1: false, v2: true });
        let (mut at, len) = (0, layout.v2_piece_len(piece));
        while at < len {
            if stop.load(Ordering::Relaxed) {
                return Err(StorageError::Stopped);
            }
            let step = (len - at).min(READ_LEN as u32);
            self.buf.resize(step as usize, 0);
            self.store.read(piece, at, &mut self.buf)?;
            self.hasher.update(&self.buf);
            at += step;
            self.done += u64::from(step);
            progress(self.done);
        }
        Ok(self.hasher.finish().v2)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;
    use crate::testing::{Fixture, Kind};

    #[test]
    fn complete_layers_with_damaged_files_adds_layers_of_matching_files_only() {
        for kind in [Kind::V2, Kind::Hybrid] {
            let fixture = Fixture::of_lengths(kind, 32 * 1024, &[100_000, 70_000, 10, 90_000]);
            fixture.place_files();
            let bare = Arc::new(Metainfo::from_info(fixture.meta.bulk().unwrap().info()).unwrap());
            assert!(!bare.has_all_hashes());
            let complete =
                |stop: bool| complete_layers(&bare, fixture.dir.path(), |_| {}, &AtomicBool::new(stop));
            assert_eq!(complete(false).unwrap().bulk(), fixture.meta.bulk());
            assert!(matches!(complete(true), Err(StorageError::Stopped)));

            // One file has a wrong byte, another one is short: their layers stay unknown.
            let last = if kind == Kind::V2 { 3 } else { 6 };
            let mut data = std::fs::read(fixture.path(0)).unwrap();
            data[50_000] ^= 1;
            std::fs::write(fixture.path(0), data).unwrap();
            std::fs::write(fixture.path(last), b"short").unwrap();
            let partly = complete(false).unwrap();
            let middle = if kind == Kind::V2 { 1 } else { 2 };
            assert_eq!(partly.piece_layer(middle), fixture.meta.piece_layer(middle));
            assert_eq!((partly.piece_layer(0), partly.piece_layer(last)), (None, None));
        }
    }
}
