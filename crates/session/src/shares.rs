//! Files that torrents of a session have in common, so that they can share one copy on disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use ztor_metainfo::Metainfo;
use ztor_storage::{FileContent, ShareFiles, StorageError, TorrentStore};

/// Shortest file that is shared, in bytes. Smaller ones save too little.
const MIN_LEN: u64 = 64 * 1024;
/// Maximum number of files of one torrent that others can share.
const MAX_FILES: usize = 10_000;

/// The files of all torrents, by their content.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<Files>);

#[derive(Debug, Default)]
struct Files {
    of: HashMap<[u8; 32], Vec<Original>>,
    /// Torrents that are not in `of` yet. Most sessions never look for common files.
    new: Vec<Weak<TorrentStore>>,
    /// Number of contents at which those of ended torrents are removed, and the same of new torrents.
    sweep_at: usize,
    sweep_new_at: usize,
}

impl Files {
    /// Returns the files with a content.
    fn originals(&mut self, id: &[u8; 32]) -> Vec<Original> {
        for store in std::mem::take(&mut self.new).iter().filter_map(Weak::upgrade) {
            for (file, id) in contents(store.meta()) {
                self.of.entry(id).or_default().push(Original { store: Arc::downgrade(&store), file });
            }
        }
        if self.of.len() >= self.sweep_at {
            self.of.retain(|_, originals| {
                originals.retain(|original| original.store.strong_count() > 0);
                !originals.is_empty()
            });
            self.sweep_at = 2 * self.of.len() + 64;
        }
        self.of.get(id).cloned().unwrap_or_default()
    }
}

/// A file of a torrent.
#[derive(Debug, Clone)]
struct Original {
    store: Weak<TorrentStore>,
    file: usize,
}

/// A file that two torrents have in common on disk, piece by piece.
#[derive(Debug, Clone)]
pub(crate) struct FileLink {
    pub(crate) other: Weak<TorrentStore>,
    /// First piece of the file in the other torrent.
    pub(crate) theirs: u32,
    /// First piece of the file in this torrent.
    pub(crate) mine: u32,
    /// Number of pieces.
    pub(crate) count: u32,
}

impl Shares {
    /// Enters a torrent's files, so that later torrents find them.
    pub(crate) fn enter(&self, store: &Arc<TorrentStore>) {
        let mut files = self.lock();
        if files.new.len() >= files.sweep_new_at {
            files.new.retain(|store| store.strong_count() > 0);
            files.sweep_new_at = 2 * files.new.len() + 64;
        }
        files.new.push(Arc::downgrade(store));
    }

    /// Takes the files of earlier torrents as those of a new one, where they have the same content and the new torrent
    /// has none yet. Returns the files that two torrents write to from now on.
    ///
    /// Only torrents with pieces of the same length complete a file together. With other pieces, the file is shared once
    /// it is complete.
    pub(crate) fn adopt(
        &self,
        store: &Arc<TorrentStore>,
        how: ShareFiles,
    ) -> Result<Vec<FileLink>, StorageError> {
        let mut links = Vec::new();
        if how == ShareFiles::No {
            return Ok(links);
        }
        let mut is_done = vec![false; store.meta().layout.files().len()];
        for (file, id) in contents(store.meta()) {
            let originals = self.lock().originals(&id);
            for Original { store: other, file: theirs } in originals {
                let Some(other) = other.upgrade().filter(|_| !is_done[file]) else { continue };
                let is_alike = other.meta().layout.piece_length() == store.meta().layout.piece_length();
                let is_whole = || other.meta().layout.pieces_of(theirs).all(|piece| other.is_verified(piece));
                if !is_alike && !is_whole() {
                    continue;
                }
                is_done[file] = store.adopt(file, &other, theirs, how)? || store.shares(file, &other, theirs);
                if is_done[file] && is_alike && how == ShareFiles::HardLink {
                    let (mine, theirs) =
                        (store.meta().layout.pieces_of(file), other.meta().layout.pieces_of(theirs));
                    let count = mine.end - mine.start;
                    links.push(FileLink {
                        other: Arc::downgrade(&other),
                        theirs: theirs.start,
                        mine: mine.start,
                        count,
                    });
                }
            }
        }
        Ok(links)
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the files of a torrent that can be shared, with ids of their contents. A file may have two.
fn contents(meta: &Metainfo) -> impl Iterator<Item = (usize, [u8; 32])> + '_ {
    let files = meta.layout.files().iter().enumerate().take(MAX_FILES);
    let large = files.filter(|(_, file)| file.length >= MIN_LEN);
    large.flat_map(|(file, _)| {
        FileContent::of(meta, file).into_iter().map(move |content| (file, content.id()))
    })
}
