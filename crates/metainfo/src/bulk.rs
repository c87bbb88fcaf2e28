//! The large part of the metadata, which can stay outside memory.
//!
//! A seeding torrent needs its info dictionary and the hashes of its pieces rarely: for a check, or for a peer that has
//! only a magnet link. With thousands of torrents they would take most of the memory.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::{InfoHashes, Metainfo, MetainfoError, PieceHashes};

/// Info dictionary and hashes of a torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bulk {
    info: Arc<[u8]>,
    hashes: PieceHashes,
}

/// A place from which the [`Bulk`] of one torrent can be loaded at any time.
pub trait BulkSource: fmt::Debug + Send + Sync {
    /// Returns the content of the torrent file, as [`Metainfo::to_bytes`] has returned it. May wait for a disk.
    ///
    /// # Errors
    /// [`BulkError::Read`] with the reason in plain words.
    fn load(&self) -> Result<Vec<u8>, BulkError>;
}

/// Reason why a [`Bulk`] cannot be loaded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BulkError {
    /// The source has an error.
    #[error("cannot read the saved metadata: {0}")]
    Read(String),
    /// The source has no torrent.
    #[error("the saved metadata is damaged: {0}")]
    Damaged(Box<MetainfoError>),
    /// The source has another torrent.
    #[error("the saved metadata is that of another torrent")]
    Other,
}

/// Bulks that were loaded last, shared by many torrents.
#[derive(Debug)]
pub struct BulkCache {
    max_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    bulks: VecDeque<Arc<Bulk>>,
    bytes: usize,
}

impl Bulk {
    pub(crate) fn new(info: Arc<[u8]>, hashes: PieceHashes) -> Self {
        Self { info, hashes }
    }

    /// Returns the info dictionary as received, for peers that request metadata (BEP 9).
    pub fn info(&self) -> &Arc<[u8]> {
        &self.info
    }

    /// Returns the expected hashes of the pieces.
    pub fn hashes(&self) -> &PieceHashes {
        &self.hashes
    }

    pub(crate) fn hashes_mut(&mut self) -> &mut PieceHashes {
        &mut self.hashes
    }

    /// Returns the used memory in bytes.
    fn bytes(&self) -> usize {
        self.info.len() + self.hashes.bytes()
    }
}

impl BulkCache {
    /// Creates a cache of at most `max_bytes`, or of a single bulk that is larger.
    pub fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { max_bytes, kept: Mutex::default() })
    }

    fn keep(&self, bulk: Arc<Bulk>) {
        let mut dropped = Vec::new();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += bulk.bytes();
        kept.bulks.push_back(bulk);
        while kept.bytes > self.max_bytes && kept.bulks.len() > 1 {
            if let Some(oldest) = kept.bulks.pop_front() {
                kept.bytes = kept.bytes.saturating_sub(oldest.bytes());
                dropped.push(oldest);
            }
        }
        // Freed after the lock.
        drop(kept);
    }
}

/// The bulk of one torrent, in memory or not.
pub(crate) struct Slot(Mutex<State>);

#[derive(Clone)]
enum State {
    Here(Arc<Bulk>),
    Away(Arc<Away>, Weak<Bulk>),
}

struct Away {
    source: Box<dyn BulkSource>,
    cache: Arc<BulkCache>,
}

impl Slot {
    pub(crate) fn new(bulk: Bulk) -> Self {
        Self(Mutex::new(State::Here(Arc::new(bulk))))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn in_memory(&self) -> Option<Arc<Bulk>> {
        match &*self.state() {
            State::Here(bulk) => Some(Arc::clone(bulk)),
            State::Away(_, last) => last.upgrade(),
        }
    }

    /// Returns the bulk of the torrent with these info-hashes.
    pub(crate) fn get(&self, of: &InfoHashes) -> Result<Arc<Bulk>, BulkError> {
        let away = match &*self.state() {
            State::Here(bulk) => return Ok(Arc::clone(bulk)),
            State::Away(away, last) => match last.upgrade() {
                Some(bulk) => return Ok(bulk),
                None => Arc::clone(away),
            },
        };
        // Without the lock: others only look if it is here.
        let bytes = away.source.load()?;
        let meta = Metainfo::from_bytes(&bytes).map_err(|error| BulkError::Damaged(Box::new(error)))?;
        if meta.info_hashes != *of {
            return Err(BulkError::Other);
        }
        let bulk = meta.bulk()?;
        away.cache.keep(Arc::clone(&bulk));
        let mut state = self.state();
        if let State::Away(_, last) = &mut *state {
            *last = Arc::downgrade(&bulk);
        }
        Ok(bulk)
    }

    pub(crate) fn release(&self, source: Box<dyn BulkSource>, cache: Arc<BulkCache>) {
        let mut state = self.state();
        let last = match &*state {
            State::Here(bulk) => Arc::downgrade(bulk),
            State::Away(_, last) => Weak::clone(last),
        };
        let before = std::mem::replace(&mut *state, State::Away(Arc::new(Away { source, cache }), last));
        drop(state);
        drop(before);
    }

    /// Changes the bulk for one owner of the slot, if it has not been released.
    pub(crate) fn change<T>(slot: &mut Arc<Self>, change: impl FnOnce(&mut Bulk) -> T) -> Option<T> {
        match Arc::make_mut(slot).0.get_mut().unwrap_or_else(PoisonError::into_inner) {
            State::Here(bulk) => Some(change(Arc::make_mut(bulk))),
            State::Away(..) => None,
        }
    }
}

impl Clone for Slot {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.state().clone()))
    }
}

impl PartialEq for Slot {
    /// The owners compare the info-hashes, which cover all but the piece layers of v2.
    fn eq(&self, other: &Self) -> bool {
        match (self.in_memory(), other.in_memory()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        }
    }
}

impl Eq for Slot {}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.state() {
            State::Here(bulk) => bulk.fmt(f),
            State::Away(away, _) => away.source.fmt(f),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn torrent(name: &str) -> Metainfo {
        let hashes = "h".repeat(40);
        let info = format!("d6:lengthi8e4:name{}:{name}12:piece lengthi4e6:pieces40:{hashes}e", name.len());
        Metainfo::from_bytes(format!("d4:info{info}e").as_bytes()).unwrap()
    }

    #[derive(Debug)]
    struct Saved(Result<Vec<u8>, BulkError>, Arc<AtomicU32>);

    impl BulkSource for Saved {
        fn load(&self) -> Result<Vec<u8>, BulkError> {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.clone()
        }
    }

    fn release(meta: &Metainfo, saved: Result<Vec<u8>, BulkError>, cache: &Arc<BulkCache>) -> Arc<AtomicU32> {
        let loads = Arc::new(AtomicU32::new(0));
        meta.release_bulk(Box::new(Saved(saved, Arc::clone(&loads))), cache);
        loads
    }

    #[test]
    fn released_bulk_is_loaded_when_it_is_used_and_leaves_for_others() {
        let (a, b) = (torrent("a"), torrent("b"));
        let before = a.bulk().unwrap();
        let cache = BulkCache::new(1);
        let loads = [&a, &b].map(|meta| release(meta, Ok(meta.to_bytes().unwrap()), &cache));
        let count = || loads.each_ref().map(|loads| loads.load(Ordering::SeqCst));
        assert_eq!((a.bulk().unwrap(), count()), (Arc::clone(&before), [0, 0]), "somebody still has it");
        let len = before.info().len();
        drop(before);
        assert_eq!((a.bulk_in_memory(), a.info_len() as usize), (None, len));
        let loaded = a.bulk().unwrap();
        assert_eq!((loaded.info().len(), loaded.hashes().v1(1).is_some()), (len, true));
        drop(loaded);
        assert!(a.bulk_in_memory().is_some(), "the cache has the last one, whatever its size");
        assert!(b.bulk().is_ok() && a.bulk_in_memory().is_none());
        assert!(a.bulk().is_ok());
        assert_eq!(count(), [2, 1]);
        assert_eq!(a.to_bytes(), torrent("a").to_bytes());
        assert_eq!(a, torrent("a"));
    }

    #[test]
    fn bulk_that_cannot_be_loaded_is_an_error_at_every_use() {
        let cache = BulkCache::new(1 << 20);
        let read = BulkError::Read("the disk is gone".into());
        let cases = [
            (Err(read.clone()), "cannot read the saved metadata: the disk is gone"),
            (Ok(b"x".to_vec()), "the saved metadata is damaged"),
            (Ok(torrent("b").to_bytes().unwrap()), "the saved metadata is that of another torrent"),
        ];
        for (saved, message) in cases {
            let mut meta = torrent("a");
            release(&meta, saved, &cache);
            assert!(meta.bulk().unwrap_err().to_string().starts_with(message));
            assert!(meta.to_bytes().is_err() && meta.renamed(crate::paths::Naming::Former).is_err());
            assert!(!meta.add_piece_layer(0, &[]) && meta.piece_layer(0).is_none());
            let clone = meta.clone();
            assert!(clone.bulk().is_err());
        }
    }
}
