//! Loading of torrents into the session: at the start, after a failure, and when the metadata of a magnet link arrives.

use super::Daemon;
use super::trackers::tiers_of;
use crate::bulk::Saved;
use crate::core::Load;
use crate::record::{Record, bare_magnet};
use crate::store::{Store, Table};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use ztor_api::{Fault, FaultKind};
use ztor_policy::TorrentKey;
use ztor_session::{AddError, AddMagnet, AskError, Magnet, Metainfo, RateLimits, TorrentHandle, WebSource};

/// Number of torrents that are loaded at a time.
const LOADED_AT_A_TIME: usize = 64;
/// Number of torrents that are read from the database together.
const READ_TOGETHER: usize = 16;
/// Shortest and longest pause between two attempts to load a torrent.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
const LAST_PAUSE: Duration = Duration::from_secs(600);

/// Torrents of which the session knows nothing yet.
pub(super) enum Content {
    Metainfo(Arc<Metainfo>),
    Magnet(Box<Magnet>),
}

/// Reason why a torrent was not loaded.
enum LoadError {
    /// The session refuses it.
    Add(AddError),
    /// For this reason in plain words.
    Bad(String),
}

impl Daemon {
    /// Loads all torrents in the background, in order of their ids.
    pub(super) fn load_all(&self) {
        let keys: Vec<TorrentKey> = self.core().keys().collect();
        let daemon = self.clone();
        let turns = Arc::new(Semaphore::new(LOADED_AT_A_TIME));
        self.0.runtime.spawn(async move {
            for part in keys.chunks(READ_TOGETHER) {
                // Fails only if the semaphore is closed, which never happens.
                let some = Arc::clone(&turns).acquire_many_owned(part.len() as u32).await;
                let Ok(turns) = some else { return };
                if daemon.is_ending() {
                    return;
                }
                let (daemon, part) = (daemon.clone(), part.to_vec());
                tokio::spawn(async move { daemon.load_part(part, turns).await });
            }
        });
    }

    /// Loads the torrents whose next attempt is due.
    pub(super) fn load_due(&self) {
        let due = self.core().take_due_loads(Instant::now());
        for key in due {
            // Another one may have begun it.
            let _ = self.load_again(key);
        }
    }

    /// Loads a torrent that could not be loaded. Returns false for others.
    pub(super) fn load_again(&self, key: TorrentKey) -> bool {
        let mut core = self.core();
        let Some(entry) = core.entry_mut(key) else { return false };
        if !matches!(entry.load(), Load::Failed { .. }) {
            return false;
        }
        let pause = entry.load().pause();
        entry.set_load(Load::Again { pause });
        drop(core);
        let daemon = self.clone();
        self.0.runtime.spawn(async move { daemon.load_now(key).await });
        true
    }

    /// Loads a torrent that is not in the session.
    pub(super) async fn load_now(&self, key: TorrentKey) {
        let Some((_, (record, content))) = self.read(vec![key]).await.pop() else { return };
        if let Some(torrent) = self.load(key, record, content).await {
            self.take_place(key, &torrent).await;
        }
    }

    /// Loads torrents. Each gives back its turn once it is loaded: one whose disk hangs does not hold up the others.
    async fn load_part(&self, keys: Vec<TorrentKey>, mut turns: OwnedSemaphorePermit) {
        for (key, (record, content)) in self.read(keys).await {
            let (daemon, turn) = (self.clone(), turns.split(1));
            tokio::spawn(async move {
                let later = daemon.load(key, record, content).await;
                drop(turn);
                if let Some(torrent) = later {
                    daemon.take_place(key, &torrent).await;
                }
            });
        }
    }

    /// Reads the content of torrents. Leaves out those that were removed.
    async fn read(&self, keys: Vec<TorrentKey>) -> Vec<(TorrentKey, (Record, Result<Content, String>))> {
        let records: Vec<(TorrentKey, Record)> = {
            let core = self.core();
            let record = |key| core.entry(key).map(|entry| (key, entry.record().clone()));
            keys.into_iter().filter_map(record).collect()
        };
        let keys: Vec<TorrentKey> = records.iter().map(|(key, _)| *key).collect();
        let store = Arc::clone(&self.0.store);
        let read = move || {
            let read = |(key, record): (TorrentKey, Record)| {
                let content = content_of(&store, key, &record.magnet);
                (key, (record, content))
            };
            records.into_iter().map(read).collect()
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| {
            // The runtime ends, or there is a defect.
            keys.into_iter().for_each(|key| self.on_load_failed(key, LoadError::Bad(error.to_string())));
            Vec::new()
        })
    }

    /// Loads a torrent into the session. Returns it if it is there, and stays.
    async fn load(
        &self,
        key: TorrentKey,
        record: Record,
        content: Result<Content, String>,
    ) -> Option<TorrentHandle> {
        let mut meta = None;
        let added = match content {
            Ok(Content::Metainfo(saved)) => {
                let added = self.add_saved(key, &record, &saved).await;
                added.map(|(torrent, shared)| {
                    meta = Some(shared);
                    torrent
                })
            }
            Ok(Content::Magnet(magnet)) => {
                self.add_magnet(AddMagnet::new(*magnet)).await.map_err(LoadError::Add)
            }
            Err(message) => Err(LoadError::Bad(message)),
        };
        match added {
            Ok(torrent) => return self.on_loaded(key, torrent, meta, &record).await,
            Err(LoadError::Add(AddError::Removed)) => self.on_deleted(key).await,
            Err(error) => self.on_load_failed(key, error),
        }
        None
    }

    /// Adds a torrent whose metadata is in the database.
    async fn add_saved(
        &self,
        key: TorrentKey,
        record: &Record,
        meta: &Metainfo,
    ) -> Result<(TorrentHandle, Arc<Metainfo>), LoadError> {
        let pinned = Saved::pin(&self.0.store, &self.0.bulks, key, meta);
        let (meta, saved) = pinned.map_err(|error| LoadError::Bad(error.to_string()))?;
        let add = record.to_add(Arc::clone(&meta)).map_err(|error| LoadError::Bad(error.to_string()))?;
        let added = self.0.session.add(add).await.map_err(LoadError::Add);
        // Only now: the names of the files may depend on the info dictionary.
        saved.unpin();
        Ok((added?, meta))
    }

    /// Adds a magnet link that waits for the policy, like a torrent that begins paused.
    pub(super) async fn add_magnet(&self, add: AddMagnet) -> Result<TorrentHandle, AddError> {
        self.0.session.add_magnet(add.paused(true)).await
    }

    /// Takes over a torrent that the session has added. Returns it if it stays.
    async fn on_loaded(
        &self,
        key: TorrentKey,
        torrent: TorrentHandle,
        meta: Option<Arc<Metainfo>>,
        loaded_with: &Record,
    ) -> Option<TorrentHandle> {
        let taken = self.with(|core| {
            let entry = core.entry_mut(key).filter(|entry| !entry.load().is_leaving())?;
            entry.set_load(Load::Loaded);
            if let Some(meta) = meta {
                entry.set_meta(meta);
            }
            let record = entry.record();
            let (now, is_deleting) = (record.clone(), record.is_deleting);
            if !core.manager_mut().attach(key, torrent.clone()) {
                tracing::error!(id = key.as_u64(), "the policy does not know a torrent");
            }
            core.touch(key);
            Some((now, is_deleting))
        });
        let Some((now, is_deleting)) = taken else {
            // It was removed meanwhile.
            drop(torrent.remove());
            return None;
        };
        self.apply_record(&torrent, &now, loaded_with);
        if is_deleting {
            self.delete(key, torrent).await;
            return None;
        }
        Some(torrent)
    }

    /// Records where the files of a torrent are: an interrupted move may have ended elsewhere.
    async fn take_place(&self, key: TorrentKey, torrent: &TorrentHandle) {
        if let Ok(Some(dir)) = torrent.dir().await {
            self.set_dir(key, &dir);
        }
    }

    /// Gives a torrent what it was not added with: limits, and what has changed meanwhile.
    fn apply_record(&self, torrent: &TorrentHandle, now: &Record, loaded_with: &Record) {
        if now.limits != ztor_api::Limits::default() {
            drop(torrent.set_limits(RateLimits { down: now.limits.down_per_s, up: now.limits.up_per_s }));
        }
        if now.is_sequential != loaded_with.is_sequential {
            drop(torrent.set_sequential(now.is_sequential));
        }
        if now.is_ends_first != loaded_with.is_ends_first {
            drop(torrent.set_ends_first(now.is_ends_first));
        }
        if now.is_super_seeding != loaded_with.is_super_seeding {
            drop(torrent.set_super_seeding(now.is_super_seeding));
        }
    }

    /// Records the download folder, if it is another one.
    pub(super) fn set_dir(&self, key: TorrentKey, dir: &std::path::Path) {
        let mut core = self.core();
        if let Some(entry) = core.entry_mut(key)
            && entry.record().dir != dir
        {
            dir.clone_into(&mut entry.record_mut().dir);
            core.touch(key);
            self.put_record(&core, key);
            self.0.saver.wake();
        }
    }

    fn on_load_failed(&self, key: TorrentKey, error: LoadError) {
        let (fault, can_retry) = match error {
            LoadError::Add(error) => {
                let kind = match &error {
                    AddError::Storage(_) | AddError::Removal(_) => FaultKind::Io,
                    _ => FaultKind::Load,
                };
                // Time helps if a drive is missing, or if another torrent leaves.
                let can_retry = !matches!(error, AddError::Ask(AskError::Ended) | AddError::NoLayers);
                (Fault { kind, message: error.to_string() }, can_retry)
            }
            LoadError::Bad(message) => (Fault { kind: FaultKind::Load, message }, false),
        };
        if self.is_ending() {
            return;
        }
        let mut core = self.core();
        let Some(entry) = core.entry_mut(key).filter(|entry| !entry.load().is_leaving()) else { return };
        tracing::warn!(id = key.as_u64(), torrent = entry.record().shown_name(), reason = %fault.message, "cannot load a torrent");
        let pause = (entry.load().pause() * 2).clamp(FIRST_PAUSE, LAST_PAUSE);
        let retry_at = can_retry.then(|| Instant::now() + pause);
        entry.set_load(Load::Failed { fault, retry_at, pause });
        core.note_retry(retry_at);
        core.manager_mut().set_failed(key);
        core.touch(key);
        drop(core);
        self.publish();
    }

    /// Starts a magnet link whose metadata has arrived.
    pub(super) fn on_metadata(&self, key: TorrentKey, meta: &Arc<Metainfo>) {
        let mut core = self.core();
        let Some(entry) = core.entry_mut(key).filter(|entry| !entry.is_leaving()) else { return };
        let record = entry.record_mut();
        // The link may name more trackers than the metadata, which has none of its own.
        let of_link = record.magnet.parse().map(|magnet| tiers_of(&magnet)).unwrap_or_default();
        if record.trackers.is_none() && !of_link.is_empty() {
            record.trackers = Some(of_link);
        }
        let named = record.magnet.parse().map(|magnet: Magnet| magnet.web_seeds).unwrap_or_default();
        if record.web_seeds.is_none() && !named.is_empty() {
            record.web_seeds = Some(named.iter().map(WebSource::named).collect());
        }
        record.set_meta(meta);
        record.magnet = bare_magnet(meta.info_hashes);
        let stops = std::mem::take(&mut record.stops_at_metadata);
        let record = record.clone();
        core.set_hashes(key, meta.info_hashes);
        if stops {
            core.manager_mut().policy_mut().pause(key);
            self.put_policy(&core, key);
        }
        core.touch(key);
        // It is in memory, as it has just arrived.
        let add = Saved::pin(&self.0.store, &self.0.bulks, key, meta).and_then(|(released, saved)| {
            self.0.store.put(Table::Metainfo, key.as_u64(), meta.to_bytes()?);
            Ok((released, saved))
        });
        if let (Ok((meta, _)), Some(entry)) = (&add, core.entry_mut(key)) {
            entry.set_meta(Arc::clone(meta));
        }
        let add = add.map_err(|error| error.to_string()).and_then(|(meta, saved)| {
            let add = record.to_add(meta).map_err(|error| error.to_string())?;
            Ok((add, saved))
        });
        self.put_record(&core, key);
        let torrent = core.handle(key);
        drop(core);
        let daemon = self.clone();
        self.0.runtime.spawn(async move {
            // Before the start: what it downloads is to be found again.
            if let Err(error) = daemon.commit().await {
                tracing::warn!(%error, "cannot save the metadata of a magnet link");
            }
            let Some(torrent) = torrent else { return };
            let started = match add {
                Ok((add, saved)) => {
                    let started = torrent.start(add).await.map_err(LoadError::Add);
                    // Only now, as in `add_saved`.
                    saved.unpin();
                    started
                }
                Err(error) => Err(LoadError::Bad(error)),
            };
            // The policy has decided about the link, and its torrent starts paused.
            if started.is_ok() && daemon.with(|core| core.runs(key)) {
                drop(torrent.resume());
            }
            if let Err(error) = started {
                // As a link it cannot go on; it is loaded as a torrent later. Only a session that has ended refuses.
                let _ = torrent.remove().await;
                daemon.on_load_failed(key, error);
            }
        });
    }
}

/// Returns the content of a torrent: its metadata, or its link.
pub(super) fn content_of(store: &Store, key: TorrentKey, magnet: &str) -> Result<Content, String> {
    let magnet: Magnet = magnet.parse().map_err(|error| format!("its link is damaged: {error}"))?;
    let bytes = match store.get(Table::Metainfo, key.as_u64()) {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(%error, "cannot read the metadata of a torrent; fetching it from peers again");
            None
        }
    };
    let Some(bytes) = bytes else { return Ok(Content::Magnet(Box::new(magnet))) };
    match Metainfo::from_bytes(&bytes) {
        Ok(meta) if meta.info_hashes.matches(&magnet.info_hashes) => Ok(Content::Metainfo(Arc::new(meta))),
        _ => {
            tracing::error!("the saved metadata of a torrent is damaged; fetching it from peers again");
            Ok(Content::Magnet(Box::new(magnet)))
        }
    }
}
