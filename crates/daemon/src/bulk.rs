//! The large parts of the metadata, which the database keeps and memory does not.

use crate::store::{Store, Table};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use ztor_policy::TorrentKey;
use ztor_session::{Bulk, BulkError, BulkSource, InfoHashes, Metainfo};

/// Bulks that were used last, shared by all torrents.
#[derive(Debug)]
pub(crate) struct Bulks {
    max_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// With the number of the last use.
    of: HashMap<TorrentKey, (Arc<Bulk>, u64)>,
    bytes: usize,
    uses: u64,
}

impl Bulks {
    /// Creates a cache of at most `max_bytes`, or of a single bulk that is larger.
    pub(crate) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { max_bytes, kept: Mutex::default() })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, key: TorrentKey) -> Option<Arc<Bulk>> {
        let mut kept = self.kept();
        kept.uses += 1;
        let uses = kept.uses;
        let (bulk, used) = kept.of.get_mut(&key)?;
        *used = uses;
        Some(Arc::clone(bulk))
    }

    fn keep(&self, key: TorrentKey, bulk: &Arc<Bulk>) {
        // Freed after the lock.
        let mut dropped = Vec::new();
        let mut kept = self.kept();
        kept.uses += 1;
        let uses = kept.uses;
        kept.bytes += bulk.bytes();
        if let Some((earlier, _)) = kept.of.insert(key, (Arc::clone(bulk), uses)) {
            kept.bytes -= earlier.bytes();
            dropped.push(earlier);
        }
        while kept.bytes > self.max_bytes && kept.of.len() > 1 {
            let oldest = kept.of.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
            let Some((bulk, _)) = oldest.and_then(|key| kept.of.remove(&key)) else { break };
            kept.bytes -= bulk.bytes();
            dropped.push(bulk);
        }
        drop(kept);
    }
}

/// The bulk of one torrent, in the database.
pub(crate) struct Saved {
    store: Arc<Store>,
    bulks: Arc<Bulks>,
    key: TorrentKey,
    hashes: InfoHashes,
    /// The bulk until its row is in the store, and while the torrent is opened.
    pinned: Mutex<Option<Arc<Bulk>>>,
    /// Held over a load, so that several threads make one.
    loading: Mutex<()>,
}

impl Saved {
    /// Returns the torrent with its bulk in the database. It stays in memory until [`unpin`](Self::unpin).
    ///
    /// # Errors
    /// The torrent has another source already, which cannot load it.
    pub(crate) fn pin(
        store: &Arc<Store>,
        bulks: &Arc<Bulks>,
        key: TorrentKey,
        meta: &Metainfo,
    ) -> Result<(Arc<Metainfo>, Arc<Self>), BulkError> {
        let saved = Arc::new(Self {
            store: Arc::clone(store),
            bulks: Arc::clone(bulks),
            key,
            hashes: meta.info_hashes,
            pinned: Mutex::new(Some(meta.bulk()?)),
            loading: Mutex::default(),
        });
        let source: Arc<dyn BulkSource> = Arc::clone(&saved) as Arc<_>;
        Ok((Arc::new(meta.clone().with_source(source)), saved))
    }

    /// Lets the bulk leave memory: its row is in the store.
    pub(crate) fn unpin(&self) {
        drop(self.pinned().take());
    }

    fn pinned(&self) -> MutexGuard<'_, Option<Arc<Bulk>>> {
        self.pinned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Saved").field(&self.key).finish()
    }
}

impl BulkSource for Saved {
    fn in_memory(&self) -> Option<Arc<Bulk>> {
        let pinned = self.pinned().clone();
        pinned.or_else(|| self.bulks.get(self.key))
    }

    fn load(&self) -> Result<Arc<Bulk>, BulkError> {
        if let Some(bulk) = self.in_memory() {
            return Ok(bulk);
        }
        let _alone = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bulk) = self.in_memory() {
            return Ok(bulk);
        }
        let found = self.store.get(Table::Metainfo, self.key.as_u64());
        let found = found.map_err(|error| BulkError(error.to_string()))?;
        let bytes = found.ok_or_else(|| BulkError("it is not in the database".into()))?;
        let meta =
            Metainfo::from_bytes(&bytes).map_err(|error| BulkError(format!("it is damaged: {error}")))?;
        if meta.info_hashes != self.hashes {
            return Err(BulkError("it is that of another torrent".into()));
        }
        let bulk = meta.bulk()?;
        self.bulks.keep(self.key, &bulk);
        Ok(bulk)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn torrent(name: &str) -> Metainfo {
        let info = format!("d6:lengthi8e4:name1:{name}12:piece lengthi4e6:pieces40:{}e", "h".repeat(40));
        Metainfo::from_bytes(format!("d4:info{info}e").as_bytes()).unwrap()
    }

    #[test]
    fn bulk_is_loaded_from_its_row_and_those_used_last_stay_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path()).unwrap().0);
        let one = torrent("a").bulk().unwrap().bytes();
        let bulks = Bulks::new(2 * one);
        let torrents: Vec<_> = (0..3).map(|n| torrent(&n.to_string())).collect();
        let saved: Vec<_> = (0..3_u64)
            .map(|n| Saved::pin(&store, &bulks, TorrentKey::new(n), &torrents[n as usize]).unwrap())
            .collect();
        let in_memory = || saved.iter().map(|(meta, _)| meta.bulk_in_memory().is_some()).collect::<Vec<_>>();
        assert_eq!(in_memory(), [true; 3]);
        for (n, (meta, saved)) in saved.iter().enumerate() {
            store.put(Table::Metainfo, n as u64, meta.to_bytes().unwrap());
            saved.unpin();
        }
        assert_eq!(in_memory(), [false; 3]);
        for (n, (meta, _)) in saved.iter().enumerate() {
            assert_eq!(meta.bulk(), torrents[n].bulk());
            // The first one is used all the time.
            assert!(saved[0].0.bulk().is_ok());
        }
        assert_eq!(in_memory(), [true, false, true]);
        store.put(Table::Metainfo, 1_u64, torrents[2].to_bytes().unwrap());
        assert!(saved[1].0.bulk().unwrap_err().to_string().contains("another torrent"));
        store.put(Table::Metainfo, 1_u64, b"x".to_vec());
        assert!(saved[1].0.bulk().unwrap_err().to_string().contains("damaged"));
    }
}
