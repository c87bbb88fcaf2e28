//! The state database: everything that outlives the process, in one SQLite file.
//!
//! Writers queue changes by key, so that a later change of a key replaces an earlier one. A commit takes all queued
//! changes into one transaction. Callers that need durability wait for [`Store::commit`], and those that wait at the
//! same time share one commit. A failed commit keeps its changes for the next.
//!
//! Modules: `table` names the tables and keys, `schema` creates and upgrades them, `repair` salvages a damaged file,
//! `resume` is the session's store for resume data, `lock` keeps a second process away.

mod error;
mod lock;
mod repair;
mod resume;
mod schema;
mod table;
#[cfg(test)]
mod tests;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use error::StoreError;
pub use repair::Salvage;
pub use resume::DatabaseResumeStore;
pub(crate) use table::{Key, Table};

use lock::Lock;

/// Name of the database in the state folder.
const FILE: &str = "state.db";

/// The state database. Clones of its `Arc` share it.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    queue: Mutex<Queue>,
    connection: Mutex<Connection>,
    /// Failure of the last commit, in plain words; `None` after a good one.
    error: Mutex<Option<String>>,
    _lock: Lock,
}

/// Changes that are not committed. Bounded by the number of keys: one change of each.
#[derive(Debug, Default)]
struct Queue {
    changes: BTreeMap<(Table, Key), Change>,
    /// Number of changes queued so far.
    queued: u64,
    /// Number of changes committed so far.
    committed: u64,
}

/// A change of one key.
#[derive(Debug, Clone)]
struct Change {
    /// New value; `None` removes the key.
    value: Option<Vec<u8>>,
    number: u64,
}

impl Store {
    /// Opens the database in a state folder, and creates both if they do not exist. Salvages a damaged database.
    ///
    /// # Errors
    /// Another process uses the folder, the folder or the file cannot be used, or a later version wrote the file.
    pub fn open(state_dir: &Path) -> Result<(Self, Option<Salvage>), StoreError> {
        create_private_dir(state_dir)?;
        let lock = Lock::take(state_dir)?;
        let path = state_dir.join(FILE);
        let opened = schema::open(&path).and_then(|connection| {
            schema::verify(&connection).map_err(|error| StoreError::of(&path, error))?;
            Ok(connection)
        });
        let (connection, salvage) = match opened {
            Ok(connection) => (connection, None),
            Err(error) if error.is_damage() => {
                let (connection, salvage) = repair::salvage(&path, &error)?;
                (connection, Some(salvage))
            }
            Err(error) => return Err(error),
        };
        let store = Self {
            path,
            queue: Mutex::default(),
            connection: Mutex::new(connection),
            error: Mutex::default(),
            _lock: lock,
        };
        Ok((store, salvage))
    }

    /// Returns the path of the database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the failure of the last commit, in plain words; `None` if it was good.
    pub fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Queues a new value for a key.
    pub(crate) fn put(&self, table: Table, key: impl Into<Key>, value: Vec<u8>) {
        self.change(table, key.into(), Some(value));
    }

    /// Queues a new value for a key, as JSON.
    pub(crate) fn put_json(&self, table: Table, key: impl Into<Key>, value: &impl Serialize) {
        match serde_json::to_vec(value) {
            Ok(value) => self.put(table, key, value),
            Err(error) => tracing::error!(?table, %error, "cannot encode a row of the state"),
        }
    }

    /// Queues the removal of a key.
    pub(crate) fn remove(&self, table: Table, key: impl Into<Key>) {
        self.change(table, key.into(), None);
    }

    fn change(&self, table: Table, key: Key, value: Option<Vec<u8>>) {
        let mut queue = self.queue();
        queue.queued += 1;
        let number = queue.queued;
        queue.changes.insert((table, key), Change { value, number });
    }

    /// Returns true if changes wait for a commit.
    pub(crate) fn has_changes(&self) -> bool {
        !self.queue().changes.is_empty()
    }

    /// Makes all changes durable that were queued before the call. Blocks while the disk writes.
    ///
    /// # Errors
    /// The disk is full or has failed. The changes wait for the next commit.
    pub fn commit(&self) -> Result<(), StoreError> {
        let wanted = self.queue().queued;
        let mut connection = self.connection();
        let (changes, last) = {
            let queue = self.queue();
            if queue.committed >= wanted {
                return Ok(());
            }
            (queue.changes.clone(), queue.queued)
        };
        let result = write(&mut connection, &changes).map_err(|error| StoreError::of(&self.path, error));
        let mut queue = self.queue();
        if result.is_ok() {
            queue.committed = last;
            // Keys that have changed since stay.
            queue.changes.retain(|_, change| change.number > last);
        }
        drop(queue);
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) =
            result.as_ref().err().map(StoreError::to_string);
        result
    }

    /// Returns the value of a key, committed or queued; `None` if it does not exist.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged there.
    pub(crate) fn get(&self, table: Table, key: impl Into<Key>) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.into();
        let place = (table, key);
        if let Some(change) = self.queue().changes.get(&place) {
            return Ok(change.value.clone());
        }
        let sql = format!("SELECT value FROM {} WHERE key = ?1", table.name());
        let connection = self.connection();
        let result = connection
            .prepare_cached(&sql)
            .and_then(|mut statement| statement.query_row(params![place.1], |row| row.get(0)).optional());
        drop(connection);
        // It may have been committed between the two looks, but then it was the same value.
        result.map_err(|error| StoreError::of(&self.path, error))
    }

    /// Calls `visit` with the keys and values of a table, in order of the keys, until it returns false. Queued changes
    /// are committed first.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged. `visit` may have been called for some of the rows.
    pub(crate) fn visit(
        &self,
        table: Table,
        visit: &mut dyn FnMut(Key, Vec<u8>) -> bool,
    ) -> Result<(), StoreError> {
        if self.has_changes() {
            self.commit()?;
        }
        let mut after: Option<Key> = None;
        loop {
            // In parts, so that others are not locked out for long, and `visit` may use the store.
            let part =
                self.part_of(table, after.as_ref()).map_err(|error| StoreError::of(&self.path, error))?;
            let is_last = part.len() < PART;
            for (key, value) in part {
                after = Some(key.clone());
                if !visit(key, value) {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn part_of(&self, table: Table, after: Option<&Key>) -> rusqlite::Result<Vec<(Key, Vec<u8>)>> {
        let name = table.name();
        let connection = self.connection();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        match after {
            None => {
                let sql = format!("SELECT key, value FROM {name} ORDER BY key LIMIT {PART}");
                connection.prepare_cached(&sql)?.query_map([], row)?.collect()
            }
            Some(key) => {
                let sql = format!("SELECT key, value FROM {name} WHERE key > ?1 ORDER BY key LIMIT {PART}");
                connection.prepare_cached(&sql)?.query_map(params![key], row)?.collect()
            }
        }
    }

    /// Returns the keys of a table that begin with these bytes, committed or queued; one that is both is there twice.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn keys_with_prefix(&self, table: Table, prefix: &[u8]) -> Result<Vec<Key>, StoreError> {
        let has_prefix = |key: &Key| matches!(key, Key::Bytes(bytes) if bytes.starts_with(prefix));
        let sql = format!("SELECT key FROM {} WHERE key >= ?1 ORDER BY key", table.name());
        let committed = || -> rusqlite::Result<Vec<Key>> {
            let connection = self.connection();
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![prefix])?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                let key = row.get(0)?;
                if !has_prefix(&key) {
                    break;
                }
                keys.push(key);
            }
            Ok(keys)
        };
        // The queued keys first: a commit moves them to the table meanwhile, but takes none out of both.
        let first = (table, Key::Bytes(prefix.to_owned()));
        let mut keys: Vec<Key> = {
            let queue = self.queue();
            let queued = queue.changes.range(first..).map(|((of, key), _)| (of, key));
            let queued = queued.take_while(|(of, key)| **of == table && has_prefix(key));
            queued.map(|(_, key)| key.clone()).collect()
        };
        keys.extend(committed().map_err(|error| StoreError::of(&self.path, error))?);
        Ok(keys)
    }

    /// Returns the rows of a table that are JSON. Rows of another form are left out and logged.
    ///
    /// # Errors
    /// Errors of [`visit`](Self::visit).
    pub(crate) fn all_json<T: DeserializeOwned>(&self, table: Table) -> Result<Vec<(Key, T)>, StoreError> {
        let mut rows = Vec::new();
        self.visit(table, &mut |key, value| {
            match serde_json::from_slice(&value) {
                Ok(value) => rows.push((key, value)),
                Err(error) => tracing::error!(?table, ?key, %error, "leaving out a bad row of the state"),
            }
            true
        })?;
        Ok(rows)
    }

    /// Returns the value of a key that is JSON; `None` if it does not exist or has another form.
    ///
    /// # Errors
    /// Errors of [`get`](Self::get).
    pub(crate) fn get_json<T: DeserializeOwned>(
        &self,
        table: Table,
        key: impl Into<Key>,
    ) -> Result<Option<T>, StoreError> {
        let key = key.into();
        let Some(value) = self.get(table, key.clone())? else { return Ok(None) };
        match serde_json::from_slice(&value) {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                tracing::error!(?table, ?key, %error, "leaving out a bad row of the state");
                Ok(None)
            }
        }
    }

    /// Commits, and writes the log of the database into its file. For the end of the process.
    ///
    /// # Errors
    /// Errors of [`commit`](Self::commit).
    pub(crate) fn finish(&self) -> Result<(), StoreError> {
        self.commit()?;
        let checkpoint = self.connection().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        checkpoint.map_err(|error| StoreError::of(&self.path, error))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Number of rows that are read at a time.
const PART: usize = 500;

/// Writes changes in one transaction.
fn write(connection: &mut Connection, changes: &BTreeMap<(Table, Key), Change>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for ((table, key), change) in changes {
        let name = table.name();
        match &change.value {
            Some(value) => {
                let sql = format!(
                    "INSERT INTO {name} (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2"
                );
                transaction.prepare_cached(&sql)?.execute(params![key, value])?;
            }
            None => {
                let sql = format!("DELETE FROM {name} WHERE key = ?1");
                transaction.prepare_cached(&sql)?.execute(params![key])?;
            }
        }
    }
    transaction.commit()
}

/// Creates a folder that only its owner can use, unless it exists.
fn create_private_dir(dir: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    created.map_err(|error| StoreError::Folder { path: dir.to_owned(), error })
}
