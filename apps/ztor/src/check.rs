//! Comparing existing data with a torrent, on all cores, with progress.

use std::path::Path;
use std::sync::Arc;

use ztor_metainfo::Metainfo;
use ztor_storage::{
    HandleCache, Pieces, StorageError, StoreOptions, TorrentStore, check_all, complete_layers,
};

use crate::console::Console;
use crate::display::Work;
use crate::stop::Stop;

/// Returns the torrent with the missing piece layers that can be computed from the data below `dir`; `None` if the user
/// stopped it. Writes nothing.
pub(crate) fn complete(
    meta: &Arc<Metainfo>,
    dir: &Path,
    console: &Console,
    stop: &Stop,
) -> anyhow::Result<Option<Arc<Metainfo>>> {
    if meta.has_all_hashes() {
        return Ok(Some(Arc::clone(meta)));
    }
    let work = Work::start(console, "hashing", &meta.name, meta.layout.total_len());
    match complete_layers(meta, dir, |done| work.at(done), stop.flag()) {
        Ok(meta) => Ok(Some(meta)),
        Err(StorageError::Stopped) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns true for each piece that is good below `dir`; `None` if the user stopped it. A piece without a known hash is
/// bad: its file as a whole does not match. Writes nothing.
pub(crate) fn pieces(
    meta: &Arc<Metainfo>,
    dir: &Path,
    console: &Console,
    stop: &Stop,
) -> anyhow::Result<Option<Vec<bool>>> {
    let options = StoreOptions { read_only: true, ..StoreOptions::default() };
    let store = TorrentStore::open(Arc::clone(meta), dir, None, options, Arc::new(HandleCache::default()))?;
    let work = Work::start(console, "checking", &meta.name, meta.layout.total_len());
    let piece_length = u64::from(meta.layout.piece_length());
    let progress = |done: u32| work.at(u64::from(done).saturating_mul(piece_length));
    let bulk = meta.bulk()?;
    let hashes = bulk.hashes();
    let known = |piece: &u32| hashes.v1(*piece).is_some() || hashes.v2(*piece).is_some();
    let known: Vec<u32> = (0..meta.layout.piece_count()).filter(known).collect();
    match check_all(&store, Pieces::Only(&known), threads(), progress, stop.flag()) {
        Ok(good) => Ok(Some(good)),
        Err(StorageError::Stopped) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the number of threads for CPU-bound work: one per core.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the number of bytes in good pieces, without pad files.
pub(crate) fn good_bytes(meta: &Metainfo, good: &[bool]) -> u64 {
    let layout = &meta.layout;
    (0..layout.piece_count())
        .zip(good)
        .filter(|(_, good)| **good)
        .flat_map(|(piece, _)| layout.ranges(piece, 0, layout.piece_len(piece)))
        .filter(|range| !range.pad)
        .map(|range| u64::from(range.len))
        .sum()
}
