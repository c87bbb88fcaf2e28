//! Torrents whose files are in another folder, where somebody else has put them.

use super::Daemon;
use super::act::{Done, absolute};
use crate::core::Load;
use crate::error::DaemonError;
use crate::store::{DatabaseResumeStore, StoreError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use ztor_api::ActionResult;
use ztor_policy::TorrentKey;
use ztor_session::InfoHashes;

impl Daemon {
    /// Uses the files of torrents in another download folder. Those in the present one stay there, and nothing is copied; what
    /// is in the other folder is hashed. Unknown torrents are left out.
    ///
    /// # Errors
    /// The folder is no absolute path, or the state cannot be saved. Failures for single torrents are in the result.
    pub async fn relocate(&self, ids: &[u64], dir: &str) -> Result<ActionResult, DaemonError> {
        let dir = absolute(dir)?;
        let keys = self.known(ids);
        let daemon = self.clone();
        self.detached(async move {
            let mut result = ActionResult::default();
            for key in keys {
                let done = daemon.relocate_one(key, &dir).await;
                super::act::AddDone::add(&mut result, key, done.map(|()| Done::Now));
            }
            daemon.commit().await?;
            Ok(result)
        })
        .await
    }

    async fn relocate_one(&self, key: TorrentKey, dir: &Path) -> Result<(), DaemonError> {
        let (hashes, old, is_known) = self.with(|core| {
            let entry = core.entry(key).ok_or(DaemonError::NoTorrent)?;
            let record = entry.record();
            Ok::<_, DaemonError>((*entry.hashes(), record.dir.clone(), record.size.is_some()))
        })?;
        if old == dir {
            return Ok(());
        }
        if !is_known {
            // The files come into being only with the metadata.
            self.set_dir(key, dir);
            return Ok(());
        }
        let torrent = self.handle(key)?;
        if torrent.status().is_some_and(|status| status.moving.is_some()) {
            let message = "cannot use another folder: the files are just being moved";
            return Err(DaemonError::Conflict(message.into()));
        }
        // From here on the session does not know it until it is loaded again, also if a step fails.
        self.with(|core| {
            core.manager_mut().detach(key);
            if let Some(entry) = core.entry_mut(key) {
                entry.set_load(Load::Again { pause: Duration::ZERO });
            }
            core.touch(key);
        });
        let left = torrent.remove().await.map_err(DaemonError::from);
        let moved = match left {
            Ok(()) => self.move_resume(hashes, old, dir.to_owned()).await.map_err(DaemonError::from),
            Err(error) => Err(error),
        };
        if moved.is_ok() {
            self.with(|core| {
                if let Some(entry) = core.entry_mut(key) {
                    let record = entry.record_mut();
                    dir.clone_into(&mut record.dir);
                    // What is found there is in its final place.
                    record.files.incomplete_dir = None;
                }
                core.touch(key);
                self.put_record(core, key);
            });
        }
        self.load_now(key).await;
        moved
    }

    /// Gives the resume data of a torrent another folder. None of its pieces counts there until it was hashed.
    async fn move_resume(&self, hashes: InfoHashes, from: PathBuf, to: PathBuf) -> Result<(), StoreError> {
        let store = DatabaseResumeStore::new(Arc::clone(&self.0.store));
        let moved = tokio::task::spawn_blocking(move || {
            for swarm in hashes.swarm_ids() {
                store.change_dir(swarm, &from, &to)?;
            }
            Ok(())
        });
        moved.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the resume data of a torrent was not moved");
            Ok(())
        })
    }
}
