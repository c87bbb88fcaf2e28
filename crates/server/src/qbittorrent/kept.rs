//! Values that the daemon keeps for this API alone: settings without a meaning here, and what clients store.

use super::answer::Failure;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use ztor_daemon::{Daemon, ForeignApi};

/// Maximum length of all values in JSON, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// Key of the ids of torrents whose category decides about their folder.
const AUTO_TMM: &str = "auto_tmm";

/// Kept values.
#[derive(Debug)]
pub(super) struct Kept {
    state: Mutex<State>,
    /// Locked while values are changed and saved, so that both happen in the same order.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    values: Arc<Map<String, Value>>,
    managed: Arc<BTreeSet<u64>>,
    /// Number of changes of `managed`.
    changes: u64,
}

impl Kept {
    /// Reads the values of the last run.
    pub(super) fn load(daemon: &Daemon) -> Self {
        let values = daemon.foreign_values(ForeignApi::Qbittorrent).unwrap_or_else(|error| {
            tracing::error!(%error, "cannot read what the qBittorrent API keeps; it starts anew");
            Map::new()
        });
        let managed = Arc::new(managed_in(&values));
        let state = State { values: Arc::new(values), managed, changes: 0 };
        Self { state: Mutex::new(state), changing: tokio::sync::Mutex::default() }
    }

    /// Returns the value of a key, if it is an object; an empty one otherwise.
    pub(super) fn object(&self, key: &str) -> Map<String, Value> {
        self.values().get(key).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    pub(super) fn values(&self) -> Arc<Map<String, Value>> {
        Arc::clone(&self.state().values)
    }

    /// Returns the torrents whose category decides about their folder, and the number of changes of them.
    pub(super) fn managed(&self) -> (u64, Arc<BTreeSet<u64>>) {
        let state = self.state();
        (state.changes, Arc::clone(&state.managed))
    }

    /// Changes torrents whose category decides about their folder. Returns when that is durable.
    pub(super) async fn set_managed(&self, daemon: &Daemon, ids: &[u64], on: bool) -> Result<(), Failure> {
        let (_, managed) = self.managed();
        if ids.iter().all(|id| managed.contains(id) == on) {
            return Ok(());
        }
        let known: BTreeSet<u64> = daemon.rows(None).rows.iter().map(|row| row.torrent.id).collect();
        self.change(daemon, |values| {
            let mut managed = managed_in(values);
            for id in ids {
                match on {
                    true => managed.insert(*id),
                    false => managed.remove(id),
                };
            }
            managed.retain(|id| known.contains(id));
            values.insert(AUTO_TMM.into(), managed.into_iter().collect());
        })
        .await
    }

    /// Changes values. Returns when that is durable.
    pub(super) async fn change(
        &self,
        daemon: &Daemon,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<(), Failure> {
        let _changing = self.changing.lock().await;
        let mut values = (*self.values()).clone();
        change(&mut values);
        if values == *self.values() {
            return Ok(());
        }
        if serde_json::to_vec(&values).map_or(usize::MAX, |bytes| bytes.len()) > MAX_BYTES {
            return Err(Failure::conflict(format!("the stored values are longer than {MAX_BYTES} bytes")));
        }
        daemon.store_foreign_values(ForeignApi::Qbittorrent, &values).await?;
        let managed = managed_in(&values);
        let mut state = self.state();
        state.values = Arc::new(values);
        if managed != *state.managed {
            state.managed = Arc::new(managed);
            state.changes += 1;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn managed_in(values: &Map<String, Value>) -> BTreeSet<u64> {
    let ids = values.get(AUTO_TMM).and_then(Value::as_array);
    ids.into_iter().flatten().filter_map(Value::as_u64).collect()
}
