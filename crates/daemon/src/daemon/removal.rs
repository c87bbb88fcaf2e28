//! Removal of torrents.

use super::Daemon;
use crate::error::DaemonError;
use ztor_api::DataChoice;
use ztor_policy::TorrentKey;
use ztor_session::{AskError, TorrentHandle};

impl Daemon {
    /// Removes a torrent. Returns when it is gone from session and database.
    pub(super) async fn remove(&self, key: TorrentKey, data: DataChoice) -> Result<(), DaemonError> {
        let trash = self.options().trash_dir;
        if data == DataChoice::Trash && trash.is_none() {
            let message = "cannot move the files to the trash: the setting trash_dir names no folder";
            return Err(DaemonError::Conflict(message.into()));
        }
        let handle = self.handle(key);
        match (data, handle) {
            (_, Err(DaemonError::NoTorrent)) => return Err(DaemonError::NoTorrent),
            (DataChoice::Keep, Err(_)) => self.set_leaving(key),
            (_, Err(error)) => return Err(error),
            (DataChoice::Keep, Ok(torrent)) => {
                self.set_leaving(key);
                unless_gone(torrent.remove().await)?;
            }
            (DataChoice::Delete, Ok(torrent)) => {
                // So that a crash in the middle does not bring back a torrent with half of its files.
                self.with(|core| {
                    core.set_leaving(key);
                    let entry = core.entry_mut(key).ok_or(DaemonError::NoTorrent)?;
                    entry.record_mut().is_deleting = true;
                    self.put_record(core, key);
                    Ok::<(), DaemonError>(())
                })?;
                self.commit().await?;
                // The torrent is gone also after an error, which the user is told.
                let deleted = torrent.remove_with_data().await;
                self.forget(key).await?;
                deleted?;
                return Ok(());
            }
            (DataChoice::Trash, Ok(torrent)) => {
                // After an error it goes on in its folder.
                torrent.remove_to_trash(trash.unwrap_or_default()).await?;
            }
        }
        self.forget(key).await
    }

    /// Completes the removal of a torrent with its data, which a crash has interrupted.
    pub(super) async fn delete(&self, key: TorrentKey, torrent: TorrentHandle) {
        self.set_leaving(key);
        if let Err(error) = torrent.remove_with_data().await {
            tracing::warn!(%error, "cannot delete all data of a torrent");
        }
        self.on_deleted(key).await;
    }

    /// Forgets a torrent that the session has removed.
    pub(super) async fn on_deleted(&self, key: TorrentKey) {
        if let Err(error) = self.forget(key).await {
            tracing::warn!(%error, "cannot save the removal of a torrent");
        }
    }

    async fn forget(&self, key: TorrentKey) -> Result<(), DaemonError> {
        let known = self.with(|core| {
            let of = |entry: &crate::core::Entry| (*entry.hashes(), entry.record().dir.clone());
            let known = core.entry(key).map(of);
            core.remove(key);
            self.remove_rows(key);
            known
        });
        if let Some((hashes, dir)) = known {
            self.0.store.forget_other_folders(hashes.swarm_id(), &dir)?;
        }
        self.commit().await
    }

    fn set_leaving(&self, key: TorrentKey) {
        self.core().set_leaving(key);
        self.publish();
    }
}

/// Turns the absence of a torrent in the session into success.
fn unless_gone(result: Result<(), AskError>) -> Result<(), AskError> {
    match result {
        Err(AskError::NoTorrent) => Ok(()),
        result => result,
    }
}
