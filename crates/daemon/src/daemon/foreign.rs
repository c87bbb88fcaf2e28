//! Values that APIs of other programs keep: settings of theirs that have no meaning here, and are given back as they were.

use super::Daemon;
use crate::error::DaemonError;
use crate::store::{StoreError, Table};
use serde_json::{Map, Value};

/// An API of another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForeignApi {
    /// The RPC of Transmission.
    Transmission,
    /// The Web API of qBittorrent.
    Qbittorrent,
}

impl ForeignApi {
    fn fact(self) -> &'static str {
        match self {
            Self::Transmission => "transmission",
            Self::Qbittorrent => "qbittorrent",
        }
    }
}

impl Daemon {
    /// Returns the values that an API keeps. Empty before the first, or if the row is damaged.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn foreign_values(&self, api: ForeignApi) -> Result<Map<String, Value>, StoreError> {
        Ok(self.0.store.get_json(Table::Fact, api.fact())?.unwrap_or_default())
    }

    /// Replaces the values that an API keeps. Returns when they are durable.
    ///
    /// # Errors
    /// The state cannot be saved.
    pub async fn store_foreign_values(
        &self,
        api: ForeignApi,
        values: &Map<String, Value>,
    ) -> Result<(), DaemonError> {
        self.0.store.put_json(Table::Fact, api.fact(), values);
        self.commit().await
    }
}
