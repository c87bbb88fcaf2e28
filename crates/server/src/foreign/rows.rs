//! Rows of all torrents, kept up to date by the revision of the daemon.

use super::recent::{Changes, Recent};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use ztor_daemon::{Daemon, Row, Rows};

/// Rows of all torrents as of a revision.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    revision: u64,
    rows: BTreeMap<u64, Arc<Row>>,
    /// Ids by info-hash in hexadecimal, of v1 and of v2, and that of v2 cut to the length of v1.
    ids: HashMap<String, u64>,
}

impl Table {
    /// Returns the revision of the daemon at which the table was up to date.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns all rows in order of their ids.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = &Arc<Row>> {
        self.rows.values()
    }

    /// Returns the row of a torrent.
    pub(crate) fn get(&self, id: u64) -> Option<&Arc<Row>> {
        self.rows.get(&id)
    }

    /// Returns the row of the torrent with an info-hash in hexadecimal, in any case.
    pub(crate) fn find(&self, hash: &str) -> Option<&Arc<Row>> {
        let id = match self.ids.get(hash) {
            Some(id) => id,
            None => self.ids.get(&hash.to_ascii_lowercase())?,
        };
        self.get(*id)
    }

    fn insert(&mut self, row: Row) {
        let id = row.torrent.id;
        for hash in names(&row) {
            if self.ids.get(hash) != Some(&id) {
                self.ids.insert(hash.to_owned(), id);
            }
        }
        self.rows.insert(id, Arc::new(row));
    }

    fn remove(&mut self, id: u64) {
        let Some(row) = self.rows.remove(&id) else { return };
        for hash in names(&row) {
            // It may have been added again since.
            if self.ids.get(hash) == Some(&id) {
                self.ids.remove(hash);
            }
        }
    }
}

/// Returns the info-hashes by which clients may know a torrent.
fn names(row: &Row) -> impl Iterator<Item = &str> {
    let v2 = row.torrent.hash_v2.as_deref();
    [Some(row.torrent.hash.as_str()), v2, v2.and_then(|hash| hash.get(..40))].into_iter().flatten()
}

/// A [`Table`] that is brought up to date when it is asked for.
#[derive(Debug)]
pub(crate) struct RowCache {
    daemon: Daemon,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// `None` before the first request: a daemon that nobody asks keeps no rows.
    table: Option<Arc<Table>>,
    recent: Recent,
}

impl RowCache {
    pub(crate) fn new(daemon: &Daemon) -> Self {
        Self { daemon: daemon.clone(), kept: Mutex::default() }
    }

    /// Returns the rows at present. Those that have not changed are shared with earlier tables.
    pub(crate) fn table(&self) -> Arc<Table> {
        self.kept().0
    }

    /// Returns the rows at present, with what has happened within [`recent::SPAN`](super::recent::SPAN).
    pub(crate) fn recent(&self) -> (Arc<Table>, Changes) {
        let (table, kept) = self.kept();
        let changes = kept.recent.changes(Instant::now());
        (table, changes)
    }

    fn kept(&self) -> (Arc<Table>, MutexGuard<'_, Kept>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let news = self.daemon.rows(kept.table.as_ref().map(|table| table.revision));
        kept.recent.add(Instant::now(), &news);
        let table = Self::update(&mut kept.table, news);
        (table, kept)
    }

    fn update(kept: &mut Option<Arc<Table>>, news: Rows) -> Arc<Table> {
        let table = kept.get_or_insert_default();
        if news.rows.is_empty() && news.removed.as_ref().is_some_and(Vec::is_empty) {
            if table.revision != news.revision {
                Arc::make_mut(table).revision = news.revision;
            }
            return Arc::clone(table);
        }
        let changed = match &news.removed {
            Some(removed) => {
                let changed = Arc::make_mut(table);
                removed.iter().for_each(|removed| changed.remove(removed.id));
                changed
            }
            None => {
                *table = Arc::default();
                Arc::make_mut(table)
            }
        };
        news.rows.into_iter().for_each(|row| changed.insert(row));
        changed.revision = news.revision;
        Arc::clone(table)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::api::tests::fixture::Fixture;
    use ztor_api::{Action, ActionRequest, AddOptions, AddRequest, AddSource, Added, DataChoice};

    fn add(fixture: &Fixture, byte: char) -> u64 {
        let source = AddSource::Magnet(byte.to_string().repeat(40));
        let options = AddOptions { paused: Some(true), ..AddOptions::default() };
        let request = AddRequest { sources: vec![source], options };
        let added = fixture.runtime.block_on(fixture.daemon.add(&request)).unwrap();
        match &added.results[..] {
            [Added::Added { id, .. }] => *id,
            other => panic!("{other:?}"),
        }
    }

    fn act(fixture: &Fixture, id: u64, action: Action) {
        let request = ActionRequest { torrents: vec![format!("id:{id}")], action };
        fixture.runtime.block_on(fixture.daemon.act(&request)).unwrap();
    }

    #[test]
    fn table_follows_additions_changes_and_removals_and_shares_the_rest() {
        let fixture = Fixture::start(&[]);
        let cache = RowCache::new(&fixture.daemon);
        assert_eq!(cache.table().rows().len(), 0);
        let (first, second) = (add(&fixture, 'a'), add(&fixture, 'b'));
        let before = cache.table();
        assert_eq!(before.rows().map(|row| row.torrent.id).collect::<Vec<_>>(), [first, second]);
        assert_eq!(before.find(&"A".repeat(40)).unwrap().torrent.id, first);
        act(&fixture, first, Action::Rename { name: "other".into() });
        let after = cache.table();
        assert_eq!(after.get(first).unwrap().torrent.name, "other");
        assert_ne!(before.get(first).unwrap().torrent.name, "other", "an earlier table stays as it was");
        act(&fixture, second, Action::Remove { data: DataChoice::Keep });
        let gone = cache.table();
        assert!(gone.get(second).is_none() && gone.find(&"b".repeat(40)).is_none());
        let again = add(&fixture, 'b');
        assert_eq!(cache.table().find(&"b".repeat(40)).unwrap().torrent.id, again);
        assert!(cache.table().revision() > before.revision());
    }
}
