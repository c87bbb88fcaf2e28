//! Verbs for the APIs of other programs. Values of those programs without a meaning here are kept and returned unchanged.

use super::filtering::FilterSummary;
use super::free_space::space_of;
use super::{Daemon, in_background};
use crate::error::DaemonError;
use crate::foreign_api::ForeignApi;
use crate::store::{StoreError, Table};
use serde_json::{Map, Value};
use std::path::Path;
use std::time::Duration;
use ztor_api::{Action, ActionResult};
use ztor_policy::{Move, TorrentKey};

/// Time for which a disk may take to tell its free space.
const PATIENCE: Duration = Duration::from_secs(5);

impl Daemon {
    /// Returns the values that an API keeps. Empty before the first, or if the row is damaged.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn foreign_values(&self, api: ForeignApi) -> Result<Map<String, Value>, StoreError> {
        Ok(self.0.store.get_json(Table::Fact, api.name())?.unwrap_or_default())
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
        self.0.store.put_json(Table::Fact, api.name(), values);
        self.commit().await
    }

    /// Changes some of the values that an API keeps; `null` removes one. Returns when that is durable.
    ///
    /// # Errors
    /// The state cannot be read or saved.
    pub async fn change_foreign_values(
        &self,
        api: ForeignApi,
        change: &Map<String, Value>,
    ) -> Result<(), DaemonError> {
        {
            let _alone = self.changing();
            let mut values = self.foreign_values(api)?;
            merge(&mut values, change);
            self.0.store.put_json(Table::Fact, api.name(), &values);
        }
        self.commit().await
    }

    /// Changes some of the values that an API keeps for torrents; `null` removes one. Returns when that is durable. Unknown
    /// torrents are left out.
    ///
    /// # Errors
    /// The state cannot be saved.
    pub async fn change_torrent_values(
        &self,
        api: ForeignApi,
        ids: &[u64],
        change: &Map<String, Value>,
    ) -> Result<(), DaemonError> {
        let keys = self.known(ids);
        self.change_records(&keys, |record| {
            let values = record.foreign.entry(api.name().to_owned()).or_default();
            merge(values, change);
            if values.is_empty() {
                record.foreign.remove(api.name());
            }
        })
        .await?;
        Ok(())
    }

    /// Carries out an action on torrents. Those that are unknown are left out. Goes on if the future is dropped.
    ///
    /// # Errors
    /// A value cannot be used, or the state cannot be saved. Failures for single torrents are in the result.
    pub async fn act_on_ids(&self, ids: &[u64], action: &Action) -> Result<ActionResult, DaemonError> {
        let keys = self.known(ids);
        let (daemon, action) = (self.clone(), action.clone());
        self.detached(async move { daemon.act_on(&keys, &action).await }).await
    }

    /// Moves torrents to a position of the download queue, from 0, in their present order. Those that are not in the queue are
    /// left out.
    ///
    /// # Errors
    /// The state cannot be saved.
    pub async fn queue_at(&self, ids: &[u64], position: usize) -> Result<(), DaemonError> {
        let keys = self.known(ids);
        self.move_in_queue(&keys, Move::To(position)).await?;
        Ok(())
    }

    /// Returns the free space of the disk with a folder, and its size, in bytes. Asks the disk, for at most 5 s.
    ///
    /// # Errors
    /// The folder does not exist, or the disk does not answer.
    pub async fn space(&self, dir: &Path) -> Result<(u64, u64), std::io::Error> {
        let dir = dir.to_owned();
        let look = tokio::task::spawn_blocking(move || {
            std::fs::metadata(&dir)?;
            space_of(&dir).ok_or_else(|| std::io::Error::other("the disk does not tell its free space"))
        });
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(Ok(space)) => space,
            Ok(Err(error)) => Err(std::io::Error::other(error)),
            Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
        }
    }

    /// Reads the list of the IP filter again now. Returns the number of ranges.
    ///
    /// # Errors
    /// No list is set, or the list cannot be read.
    pub async fn read_ip_filter(&self) -> Result<FilterSummary, DaemonError> {
        let daemon = self.clone();
        in_background(move || daemon.read_filter_now()).await
    }

    /// Reads a list of addresses from a URL, as for the IP filter, without using it. Returns the number of ranges.
    ///
    /// # Errors
    /// The list cannot be read.
    pub async fn try_ip_filter(&self, url: &str) -> Result<FilterSummary, DaemonError> {
        let (daemon, url) = (self.clone(), url.to_owned());
        in_background(move || daemon.try_filter(url)).await
    }

    /// Asks the process of the daemon to end, as SIGTERM does. Whoever runs the daemon looks at [`is_asked_to_end`], or waits
    /// for [`asked_to_end`].
    ///
    /// [`is_asked_to_end`]: Self::is_asked_to_end
    /// [`asked_to_end`]: Self::asked_to_end
    pub fn ask_to_end(&self) {
        self.0.asked_to_end.send_replace(true);
    }

    /// Returns true once a front end has asked the process of the daemon to end.
    pub fn is_asked_to_end(&self) -> bool {
        *self.0.asked_to_end.borrow()
    }

    /// Waits until a front end asks the process of the daemon to end, or the daemon has ended.
    pub fn asked_to_end(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut news = self.0.asked_to_end.subscribe();
        async move {
            // Fails once the daemon is gone.
            let _ = news.wait_for(|is_asked| *is_asked).await;
        }
    }

    /// Returns the keys of the torrents that front ends see, in the given order, each once.
    pub(super) fn known(&self, ids: &[u64]) -> Vec<TorrentKey> {
        let core = self.core();
        let mut seen = std::collections::BTreeSet::new();
        let keys = ids.iter().map(|id| TorrentKey::new(*id)).filter(|key| seen.insert(*key));
        keys.filter(|key| core.entry(*key).is_some_and(|entry| !entry.is_hidden())).collect()
    }
}

fn merge(values: &mut Map<String, Value>, change: &Map<String, Value>) {
    for (key, value) in change {
        match value {
            Value::Null => values.remove(key),
            value => values.insert(key.clone(), value.clone()),
        };
    }
}
