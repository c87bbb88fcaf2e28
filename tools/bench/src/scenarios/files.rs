//! Data to share, and waiting for what becomes of it.

use anyhow::{Context, bail};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use ztor_metainfo::Metainfo;
use ztor_session::{Session, SessionEvent};
use ztor_storage::create::{CreateOptions, create};

/// A file of that many random bytes, and its torrent.
pub(crate) fn torrent(path: &Path, len: usize, seed: u64) -> anyhow::Result<Arc<Metainfo>> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    std::fs::write(path, bytes).with_context(|| path.display().to_string())?;
    torrent_of(path)
}

/// The torrent of a file.
pub(crate) fn torrent_of(path: &Path) -> anyhow::Result<Arc<Metainfo>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let made = create(path, &CreateOptions::default(), threads, |_, _| {}, &AtomicBool::new(false))?;
    Ok(Arc::new(Metainfo::from_bytes(&made.torrent)?))
}

/// Waits for `count` events of a kind; false if they did not come in time.
pub(crate) fn wait_for(
    session: &Session,
    limit: Duration,
    mut count: usize,
    is_one: impl Fn(&SessionEvent) -> bool,
) -> anyhow::Result<bool> {
    let (events, end) = (session.events(), Instant::now() + limit);
    while count > 0 {
        let Ok(event) = events.recv_timeout(end.saturating_duration_since(Instant::now())) else {
            return Ok(false);
        };
        match event {
            SessionEvent::Stopped { fault, .. } => bail!("a torrent stopped: {}", fault.message),
            event if is_one(&event) => count -= 1,
            _ => {}
        }
    }
    Ok(true)
}
