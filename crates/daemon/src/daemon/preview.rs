//! Looks into torrents that are not added.

use super::Daemon;
use super::add::NewContent;
use crate::error::DaemonError;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ztor_api::{AddSource, Known, Preview, PreviewFile};
use ztor_session::{AddMagnet, InfoHashes, Magnet, Metainfo, TorrentHandle, redact_url};

/// Time for the metadata of a magnet link.
const PATIENCE: Duration = Duration::from_secs(60);
/// Maximum number of magnet links that are looked into at a time, and of metadata that is kept.
const MAX_PREVIEWS: usize = 32;
/// Maximum size of an info dictionary that is kept, in bytes.
const MAX_KEPT_BYTES: u32 = 8 << 20;

/// Magnet links that are looked into, and their metadata for when they are added.
#[derive(Debug, Default)]
pub(super) struct Previews(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    open: Vec<(InfoHashes, TorrentHandle)>,
    /// Metadata that has arrived, the oldest first.
    known: VecDeque<Arc<Metainfo>>,
}

impl State {
    fn known(&self, hashes: &InfoHashes) -> Option<Arc<Metainfo>> {
        self.known.iter().find(|meta| is_same(&meta.info_hashes, hashes)).cloned()
    }
}

/// Returns true if both are of one torrent.
fn is_same(one: &InfoHashes, other: &InfoHashes) -> bool {
    one.swarm_ids().any(|id| other.swarm_ids().any(|known| known == id))
}

/// The torrent of a magnet link in the session, until its metadata has arrived or the front end has left.
struct Open<'d> {
    daemon: &'d Daemon,
    torrent: TorrentHandle,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut state = self.daemon.0.previews.state();
        let before = state.open.len();
        state.open.retain(|(_, torrent)| torrent.id() != self.torrent.id());
        // If it is not there, the torrent is being added, and was removed for that.
        if state.open.len() < before {
            drop(self.torrent.remove());
        }
    }
}

impl Previews {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns metadata that was looked into, with the trackers of the link.
    pub(super) fn metadata_of(&self, magnet: &Magnet) -> Option<Arc<Metainfo>> {
        let meta = self.state().known(&magnet.info_hashes)?;
        let mut meta = (*meta).clone();
        meta.trackers = magnet.trackers.iter().map(|url| vec![url.clone()]).collect();
        Some(Arc::new(meta))
    }

    /// Takes away the preview of a torrent that is being added, whose swarm the session can have only once.
    pub(super) fn take(&self, hashes: &InfoHashes) -> Option<TorrentHandle> {
        let mut state = self.state();
        let at = state.open.iter().position(|(open, _)| is_same(open, hashes))?;
        Some(state.open.swap_remove(at).1)
    }
}

impl Daemon {
    /// Looks into a torrent without adding it. Peers are asked for the metadata of a magnet link; it ends when the future
    /// is dropped.
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
        if self.with(|core| core.find(&hashes).is_some()) {
            return Err(DaemonError::Conflict(
                "the torrent is added already, and fetches its metadata".into(),
            ));
        }
        let open = self.open_preview(magnet).await?;
        let arrived = tokio::time::timeout(PATIENCE, open.torrent.metadata()).await;
        let Ok(arrived) = arrived else {
            let message = format!(
                "no peer has sent the metadata within {} seconds; the torrent can be added, and goes on asking",
                PATIENCE.as_secs()
            );
            return Err(DaemonError::NoMetadata(message));
        };
        let mut meta = (*arrived?).clone();
        meta.trackers = magnet.trackers.iter().map(|url| vec![url.clone()]).collect();
        let meta = Arc::new(meta);
        if meta.info_len() <= MAX_KEPT_BYTES {
            let mut state = self.0.previews.state();
            state.known.push_back(Arc::clone(&meta));
            let surplus = state.known.len().saturating_sub(MAX_PREVIEWS);
            state.known.drain(..surplus);
        }
        Ok(meta)
    }

    async fn open_preview(&self, magnet: &Magnet) -> Result<Open<'_>, DaemonError> {
        if self.0.previews.state().open.len() >= MAX_PREVIEWS {
            let message =
                format!("{MAX_PREVIEWS} magnet links are looked into already; try again in a moment");
            return Err(DaemonError::Conflict(message));
        }
        let torrent = self.0.session.add_magnet(AddMagnet::new(magnet.clone())).await?;
        self.0.previews.state().open.push((magnet.info_hashes, torrent.clone()));
        Ok(Open { daemon: self, torrent })
    }
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
