//! Removal of torrents.

use super::Daemon;
use crate::core::Load;
use crate::error::DaemonError;
use crate::store::StoreError;
use std::sync::Arc;
use ztor_api::DataChoice;
use ztor_policy::TorrentKey;
use ztor_session::{AskError, TorrentHandle};

impl Daemon {
    /// Removes a torrent. Returns when it is gone from session and database, and nothing writes to its files any more.
    pub(super) async fn remove(&self, key: TorrentKey, data: DataChoice) -> Result<(), DaemonError> {
        let is_leaving = self.with(|core| core.entry(key).map(crate::core::Entry::is_leaving));
        if is_leaving.ok_or(DaemonError::NoTorrent)? {
            return Err(DaemonError::NoTorrent);
        }
        match (data, self.handle(key)) {
            (_, Err(DaemonError::NoTorrent)) => Err(DaemonError::NoTorrent),
            (DataChoice::Keep, Err(_)) => self.forget(key).await,
            (_, Err(error)) => Err(error),
            (DataChoice::Keep, Ok(torrent)) => {
                self.set_leaving(key);
                if let Err(error) = unless_gone(torrent.remove().await) {
                    self.set_back(key);
                    return Err(error.into());
                }
                self.forget(key).await
            }
            (DataChoice::Delete, Ok(torrent)) => {
                self.mark_deleting(key).await?;
                // The torrent is gone also after an error, which the answer reports.
                let deleted = torrent.remove_with_data().await;
                self.forget(key).await?;
                deleted?;
                Ok(())
            }
            (DataChoice::Trash, Ok(torrent)) => {
                let Some(trash) = self.options().trash_dir else {
                    let message = "cannot move the files to the trash: the setting trash_dir names no folder";
                    return Err(DaemonError::Conflict(message.into()));
                };
                // After an error it goes on in its folder.
                torrent.remove_to_trash(trash).await?;
                self.forget(key).await
            }
        }
    }

    /// Records that the data is being deleted, so that a crash in the middle does not bring back a torrent with half of its
    /// files.
    async fn mark_deleting(&self, key: TorrentKey) -> Result<(), DaemonError> {
        self.with(|core| {
            core.set_leaving(key);
            let entry = core.entry_mut(key).ok_or(DaemonError::NoTorrent)?;
            entry.record_mut().is_deleting = true;
            self.put_record(core, key);
            Ok::<(), DaemonError>(())
        })?;
        match self.commit().await {
            // The deletion is what frees the disk.
            Err(DaemonError::Store(StoreError::Full { .. })) | Ok(()) => Ok(()),
            Err(error) => {
                self.set_back(key);
                Err(error)
            }
        }
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
        let hashes = self.with(|core| {
            let hashes = core.entry(key).map(|entry| *entry.hashes());
            core.remove(key);
            self.remove_rows(key);
            hashes
        });
        self.publish();
        if let Some(hashes) = hashes {
            // Also because resume data of another folder would lead a torrent that is added again to that folder.
            let store = Arc::clone(&self.0.store);
            let forgotten = tokio::task::spawn_blocking(move || {
                hashes.swarm_ids().try_for_each(|swarm| store.forget_resume(swarm))
            });
            match forgotten.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "cannot remove the resume data of a torrent"),
                Err(error) => tracing::error!(%error, "the removal of resume data has not ended"),
            }
        }
        self.commit().await
    }

    fn set_leaving(&self, key: TorrentKey) {
        self.core().set_leaving(key);
        self.publish();
    }

    /// Shows a torrent again whose removal has failed.
    fn set_back(&self, key: TorrentKey) {
        self.with(|core| {
            if let Some(entry) = core.entry_mut(key) {
                entry.set_load(Load::Loaded);
                entry.record_mut().is_deleting = false;
            }
            core.touch(key);
            self.put_record(core, key);
        });
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
