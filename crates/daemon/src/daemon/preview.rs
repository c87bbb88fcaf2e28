//! Torrents that are looked into, but not added.
//!
//! For a magnet link, a task of its own puts the torrent into the session, waits for the metadata, and takes the torrent out
//! again. Front ends wait for the task. It ends early when the last of them has left, or when the torrent is added: a
//! session has each swarm only once.

use super::Daemon;
use super::add::NewContent;
use super::trackers::tiers_of;
use crate::error::DaemonError;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use ztor_api::{AddSource, Known, Preview, PreviewFile};
use ztor_session::{AddMagnet, InfoHashes, Magnet, Metainfo, redact_url};

/// Time for the metadata of a magnet link.
const PATIENCE: Duration = Duration::from_secs(60);
/// Maximum number of magnet links that are looked into at a time.
const MAX_OPEN: usize = 32;
/// Maximum size of all metadata that is kept for adds, by the info dictionaries in bytes, and the time for which it is kept.
const MAX_KEPT_BYTES: u64 = 16 << 20;
const KEEP: Duration = Duration::from_secs(10 * 60);

/// Magnet links that are looked into, and their metadata for when they are added.
#[derive(Debug, Default)]
pub(super) struct Previews(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    open: Vec<Arc<Look>>,
    /// Metadata with the time of its arrival, the oldest first.
    kept: VecDeque<(Instant, Arc<Metainfo>)>,
}

/// A magnet link that is looked into.
#[derive(Debug)]
struct Look {
    hashes: InfoHashes,
    waiters: AtomicUsize,
    is_canceled: watch::Sender<bool>,
    outcome: watch::Sender<Option<Outcome>>,
}

/// End of a look.
#[derive(Debug, Clone)]
enum Outcome {
    Metadata(Arc<Metainfo>),
    TimedOut,
    Canceled,
    Failed(String),
}

/// A front end that waits for a look. The last one that leaves ends it.
struct Waiter(Arc<Look>);

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.0.waiters.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.is_canceled.send_replace(true);
        }
    }
}

impl Look {
    async fn ended(&self) -> Outcome {
        let mut outcome = self.outcome.subscribe();
        // The sender lives as long as the look.
        match outcome.wait_for(Option::is_some).await.map(|outcome| outcome.clone()) {
            Ok(Some(outcome)) => outcome,
            _ => Outcome::Canceled,
        }
    }

    async fn canceled(&self) {
        let mut is_canceled = self.is_canceled.subscribe();
        // The sender lives as long as the look.
        let _ = is_canceled.wait_for(|is_canceled| *is_canceled).await;
    }
}

impl Previews {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns metadata that was looked into, with the trackers of the link.
    pub(super) fn metadata_of(&self, magnet: &Magnet) -> Option<Arc<Metainfo>> {
        let mut state = self.state();
        state.drop_old();
        let found = state.kept.iter().find(|(_, meta)| meta.info_hashes.matches(&magnet.info_hashes));
        found.map(|(_, meta)| with_trackers(meta, magnet))
    }

    /// Ends the look into a torrent that is being added, and forgets its metadata.
    pub(super) async fn end(&self, hashes: &InfoHashes) {
        let look = {
            let mut state = self.state();
            state.kept.retain(|(_, meta)| !meta.info_hashes.matches(hashes));
            state.open.iter().find(|look| is_same(&look.hashes, hashes)).cloned()
        };
        if let Some(look) = look {
            look.is_canceled.send_replace(true);
            look.ended().await;
        }
    }
}

impl State {
    fn drop_old(&mut self) {
        self.kept.retain(|(arrived, _)| arrived.elapsed() < KEEP);
    }

    fn keep(&mut self, meta: &Arc<Metainfo>) {
        self.drop_old();
        self.kept.push_back((Instant::now(), Arc::clone(meta)));
        let bytes = |state: &Self| state.kept.iter().map(|(_, meta)| u64::from(meta.info_len())).sum::<u64>();
        while bytes(self) > MAX_KEPT_BYTES {
            self.kept.pop_front();
        }
    }
}

/// Returns true if both have a swarm in common.
fn is_same(one: &InfoHashes, other: &InfoHashes) -> bool {
    one.swarm_ids().any(|id| other.swarm_ids().any(|known| known == id))
}

/// Returns metadata that peers have sent, with the trackers of its link.
fn with_trackers(meta: &Metainfo, magnet: &Magnet) -> Arc<Metainfo> {
    let mut meta = meta.clone();
    meta.trackers = tiers_of(magnet);
    Arc::new(meta)
}

impl Daemon {
    /// Looks into a torrent without adding it. Peers are asked for the metadata of a magnet link, until the future is
    /// dropped.
    ///
    /// # Errors
    /// The source cannot be used or fetched, too many links are looked into, or no peer has sent the metadata in time.
    pub async fn preview(&self, source: &AddSource) -> Result<Preview, DaemonError> {
        let meta = match self.open(source).await? {
            NewContent::Metainfo(meta) => meta,
            NewContent::Magnet(magnet) => self.metadata_of(&magnet).await?,
        };
        let duplicate = self.with(|core| {
            let key = core.find(&meta.info_hashes)?;
            Some(Known { id: key.as_u64(), name: core.entry(key)?.record().shown_name().to_owned() })
        });
        Ok(to_api(&meta, duplicate))
    }

    async fn metadata_of(&self, magnet: &Magnet) -> Result<Arc<Metainfo>, DaemonError> {
        let hashes = magnet.info_hashes;
        let of_daemon = self.with(|core| {
            let key = core.find(&hashes)?;
            core.entry(key)?.record().size.and_then(|_| core.handle(key))
        });
        if let Some(torrent) = of_daemon {
            return Ok(torrent.metadata().await?);
        }
        if let Some(known) = self.0.previews.metadata_of(magnet) {
            return Ok(known);
        }
        let waiter = self.wait_for_look(magnet).await?;
        match waiter.0.ended().await {
            Outcome::Metadata(meta) => Ok(with_trackers(&meta, magnet)),
            Outcome::Canceled => Err(added()),
            Outcome::Failed(reason) => Err(DaemonError::Conflict(reason)),
            Outcome::TimedOut => Err(DaemonError::NoMetadata(format!(
                "no peer has sent the metadata within {} seconds; the torrent can be added, and goes on asking",
                PATIENCE.as_secs()
            ))),
        }
    }

    /// Joins the look into a link, or begins one.
    async fn wait_for_look(&self, magnet: &Magnet) -> Result<Waiter, DaemonError> {
        loop {
            let ending = {
                let mut state = self.0.previews.state();
                let found =
                    state.open.iter().find(|look| is_same(&look.hashes, &magnet.info_hashes)).cloned();
                match found {
                    // The last waiter may leave at this moment, which is seen below the lock of the next one.
                    Some(look) if !*look.is_canceled.borrow() => {
                        look.waiters.fetch_add(1, Ordering::AcqRel);
                        return Ok(Waiter(look));
                    }
                    Some(look) => look,
                    // An add takes its place in the core before it ends a look.
                    None if self.with(|core| core.find(&magnet.info_hashes).is_some()) => return Err(added()),
                    None => return self.begin_look(&mut state, magnet),
                }
            };
            ending.ended().await;
        }
    }

    fn begin_look(&self, state: &mut State, magnet: &Magnet) -> Result<Waiter, DaemonError> {
        if state.open.len() >= MAX_OPEN {
            let message = format!("{MAX_OPEN} magnet links are looked into already; try again in a moment");
            return Err(DaemonError::Conflict(message));
        }
        let look = Arc::new(Look {
            hashes: magnet.info_hashes,
            waiters: AtomicUsize::new(1),
            is_canceled: watch::Sender::new(false),
            outcome: watch::Sender::new(None),
        });
        state.open.push(Arc::clone(&look));
        let (daemon, of_task, magnet) = (self.clone(), Arc::clone(&look), magnet.clone());
        self.0.runtime.spawn(async move {
            let outcome = daemon.look(&of_task, magnet).await;
            let mut state = daemon.0.previews.state();
            state.open.retain(|look| !Arc::ptr_eq(look, &of_task));
            if let Outcome::Metadata(meta) = &outcome {
                state.keep(meta);
            }
            drop(state);
            of_task.outcome.send_replace(Some(outcome));
        });
        Ok(Waiter(look))
    }

    async fn look(&self, look: &Look, magnet: Magnet) -> Outcome {
        // Not cut short: a torrent that the session has just added must be taken out again.
        let torrent = match self.0.session.add_magnet(AddMagnet::new(magnet)).await {
            Ok(torrent) => torrent,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let outcome = tokio::select! {
            arrived = tokio::time::timeout(PATIENCE, torrent.metadata()) => match arrived {
                Ok(Ok(meta)) => Outcome::Metadata(meta),
                Ok(Err(error)) => Outcome::Failed(error.to_string()),
                Err(_) => Outcome::TimedOut,
            },
            () = look.canceled() => Outcome::Canceled,
        };
        // An error means that the session has ended.
        let _ = torrent.remove().await;
        outcome
    }
}

fn added() -> DaemonError {
    DaemonError::Conflict("the torrent is added already, and fetches its metadata".into())
}

fn to_api(meta: &Metainfo, duplicate: Option<Known>) -> Preview {
    let files = meta.layout.files().iter().enumerate().filter(|(_, file)| !file.pad);
    let files = files.map(|(index, file)| PreviewFile {
        index,
        path: meta.relative_path(index).to_string_lossy().into_owned(),
        size_bytes: file.length,
    });
    Preview {
        hash: meta.info_hashes.to_string(),
        hash_v2: meta.info_hashes.v2().map(|hash| hash.to_string()),
        name: meta.name.clone(),
        total_bytes: meta.layout.total_len(),
        piece_bytes: meta.layout.piece_length(),
        pieces: meta.layout.piece_count(),
        is_private: meta.private,
        comment: meta.comment.clone(),
        created_by: meta.created_by.clone(),
        created_unix_s: meta.creation_date,
        trackers: meta.trackers.iter().flatten().map(|url| redact_url(url)).collect(),
        files: files.collect(),
        duplicate,
    }
}
