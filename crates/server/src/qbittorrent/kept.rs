//! Values that the daemon keeps for this API alone: settings without a meaning here, and what clients store.

use super::answer::Failure;
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use ztor_daemon::{Daemon, ForeignApi};

/// Maximum length of all values in JSON, in bytes.
const MAX_BYTES: usize = 4 << 20;

/// Kept values.
#[derive(Debug)]
pub(super) struct Kept {
    values: Mutex<Arc<Map<String, Value>>>,
    /// Locked while values are changed and saved, so that both happen in the same order.
    changing: tokio::sync::Mutex<()>,
}

impl Kept {
    /// Reads the values of the last run.
    pub(super) fn load(daemon: &Daemon) -> Self {
        let values = daemon.foreign_values(ForeignApi::Qbittorrent).unwrap_or_else(|error| {
            tracing::error!(%error, "cannot read what the qBittorrent API keeps; it starts anew");
            Map::new()
        });
        Self { values: Mutex::new(Arc::new(values)), changing: tokio::sync::Mutex::default() }
    }

    /// Returns the value of a key, if it is an object; an empty one otherwise.
    pub(super) fn object(&self, key: &str) -> Map<String, Value> {
        self.values().get(key).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    pub(super) fn values(&self) -> Arc<Map<String, Value>> {
        Arc::clone(&self.present())
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
        *self.present() = Arc::new(values);
        Ok(())
    }

    fn present(&self) -> MutexGuard<'_, Arc<Map<String, Value>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
