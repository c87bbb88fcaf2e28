//! Rows for the state database, and the thread that commits those for which nobody waits.

use super::Daemon;
use crate::core::Core;
use crate::store::{Store, Table};
use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use ztor_policy::TorrentKey;

/// Time for which changes are collected before a commit that nobody waits for.
const COLLECT: Duration = Duration::from_secs(1);
/// Pause after a failed commit.
const RETRY: Duration = Duration::from_secs(10);

/// Names of the single values in [`Table::Fact`].
pub(super) mod fact {
    /// Next id of a torrent.
    pub(in super::super) const NEXT_ID: &str = "next_id";
    /// The download queue: ids in order.
    pub(in super::super) const QUEUE: &str = "queue";
    /// Known tags.
    pub(in super::super) const TAGS: &str = "tags";
    /// Choice between the schedule and fixed limits.
    pub(in super::super) const ALTERNATIVE: &str = "alternative";
    /// Largest id of a category so far.
    pub(in super::super) const LAST_CATEGORY: &str = "last_category";
    /// Open sessions of the web UI.
    pub(in super::super) const SESSIONS: &str = "sessions";
    /// Rates over time.
    pub(in super::super) const HISTORY: &str = "history";
    /// The account that was set while the daemon ran.
    pub(in super::super) const ACCOUNT: &str = "account";
    /// Bans by the user.
    pub(in super::super) const BANS: &str = "bans";
    /// Origin of the copy of the IP filter.
    pub(in super::super) const IP_FILTER: &str = "ip_filter";
}

/// The thread that commits changes for which nobody waits.
#[derive(Debug)]
pub(super) struct Saver(Arc<(Mutex<Wanted>, Condvar)>);

#[derive(Debug, Default)]
struct Wanted {
    commit: bool,
    end: bool,
}

impl Saver {
    /// Starts the thread.
    pub(super) fn start(store: &Arc<Store>) -> std::io::Result<Self> {
        let saver = Self(Arc::default());
        let (shared, store) = (Arc::clone(&saver.0), Arc::clone(store));
        std::thread::Builder::new().name("state".into()).spawn(move || run(&shared, &store))?;
        Ok(saver)
    }

    /// Requests a commit within about a second.
    pub(super) fn wake(&self) {
        let (wanted, changed) = &*self.0;
        wanted.lock().unwrap_or_else(PoisonError::into_inner).commit = true;
        changed.notify_one();
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        let (wanted, changed) = &*self.0;
        wanted.lock().unwrap_or_else(PoisonError::into_inner).end = true;
        changed.notify_one();
    }
}

fn run(shared: &(Mutex<Wanted>, Condvar), store: &Store) {
    let (wanted, changed) = shared;
    let lock = || wanted.lock().unwrap_or_else(PoisonError::into_inner);
    let mut has_failed = false;
    loop {
        let waiting = changed.wait_while(lock(), |wanted| !wanted.commit && !wanted.end);
        drop(waiting.unwrap_or_else(PoisonError::into_inner));
        let pause = if has_failed { RETRY } else { COLLECT };
        let (mut wanted, _) = changed
            .wait_timeout_while(lock(), pause, |wanted| !wanted.end)
            .unwrap_or_else(PoisonError::into_inner);
        if wanted.end {
            return;
        }
        wanted.commit = false;
        drop(wanted);
        match store.commit() {
            Ok(()) if has_failed => {
                tracing::info!("the state is saved again");
                has_failed = false;
            }
            Ok(()) => {}
            Err(error) => {
                if !has_failed {
                    tracing::error!(%error, "cannot save the state; retrying");
                }
                has_failed = true;
                lock().commit = true;
            }
        }
    }
}

impl Daemon {
    /// Queues the record of a torrent.
    pub(super) fn put_record(&self, core: &Core, key: TorrentKey) {
        if let Some(entry) = core.entry(key) {
            self.0.store.put_json(Table::Torrent, key.as_u64(), entry.record());
        }
    }

    /// Queues what the policy keeps of a torrent.
    pub(super) fn put_policy(&self, core: &Core, key: TorrentKey) {
        if let Some(saved) = core.manager().policy().saved_torrent(key) {
            self.0.store.put_json(Table::Policy, key.as_u64(), &saved);
        }
    }

    /// Queues the order of the download queue.
    pub(super) fn put_queue(&self, core: &Core) {
        let queue: Vec<u64> = core.manager().policy().queue().map(TorrentKey::as_u64).collect();
        self.0.store.put_json(Table::Fact, fact::QUEUE, &queue);
    }

    /// Queues the next id of a torrent.
    pub(super) fn put_next_id(&self, core: &Core) {
        self.0.store.put_json(Table::Fact, fact::NEXT_ID, &core.next_id());
    }

    /// Queues categories, tags and the choice of limits. `gone` are categories that were removed.
    pub(super) fn put_labels(&self, core: &Core, gone: &BTreeSet<u32>) {
        let saved = core.manager().policy().saved_labels();
        let store = &self.0.store;
        store.put_json(Table::Fact, fact::TAGS, &saved.tags);
        store.put_json(Table::Fact, fact::ALTERNATIVE, &saved.alternative);
        store.put_json(Table::Fact, fact::LAST_CATEGORY, &saved.last_category);
        for category in &saved.categories {
            store.put_json(Table::Category, u64::from(category.id.as_u32()), category);
        }
        for id in gone {
            store.remove(Table::Category, u64::from(*id));
        }
    }

    /// Queues the removal of all rows of a torrent. Its resume data is the session's.
    pub(super) fn remove_rows(&self, key: TorrentKey) {
        for table in [Table::Torrent, Table::Policy, Table::Metainfo] {
            self.0.store.remove(table, key.as_u64());
        }
    }

    /// Queues everything that time alone changes. For the end.
    pub(super) fn save_all(&self) {
        let core = self.core();
        for key in core.keys() {
            self.put_policy(&core, key);
        }
        self.put_queue(&core);
        drop(core);
        self.put_times();
        self.put_history();
    }
}
