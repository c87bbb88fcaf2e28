//! Data to share, and waiting for events of a session.

use anyhow::{Context, bail, ensure};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use ztor_engine::testkit::Blueprint;
use ztor_metainfo::{BLOCK_LEN, Metainfo};
use ztor_session::{AddTorrent, Events, Session, SessionEvent, TorrentEvent};
use ztor_storage::create::{CreateOptions, create};

/// Makes a file of `len` random bytes and its torrent.
pub(crate) fn torrent(path: &Path, len: usize, seed: u64) -> anyhow::Result<Arc<Metainfo>> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    std::fs::write(path, bytes).with_context(|| path.display().to_string())?;
    torrent_of(path)
}

/// Makes the torrent of a file.
pub(crate) fn torrent_of(path: &Path) -> anyhow::Result<Arc<Metainfo>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let made = create(path, &CreateOptions::default(), threads, |_, _| {}, &AtomicBool::new(false))?;
    Ok(Arc::new(Metainfo::from_bytes(&made.torrent)?))
}

/// Number of names of one file that every file system allows.
const MAX_LINKS: usize = 30_000;

/// Makes `count` torrents of one block of zeros each, with their files in `data`. Returns the torrent files.
pub(super) fn one_block_torrents(dir: &Path, data: &Path, count: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    std::fs::create_dir_all(data)?;
    // One block of zeros under many names.
    let hash = {
        let file = dir.join("block");
        std::fs::write(&file, vec![0; BLOCK_LEN as usize])?;
        torrent_of(&file)?.bulk()?.hashes().v1(0).context("no hash")?
    };
    let mut metas = Vec::with_capacity(count);
    for number in 0..count {
        let (name, source) = (format!("{number:05}"), dir.join(format!("block-{}", number / MAX_LINKS)));
        if number % MAX_LINKS == 0 {
            std::fs::write(&source, vec![0; BLOCK_LEN as usize])?;
        }
        std::fs::hard_link(&source, data.join(&name)).with_context(|| format!("naming file {name}"))?;
        let torrent = Blueprint::new(&name, BLOCK_LEN).with_hashes(BLOCK_LEN.into(), hash.as_ref().to_vec());
        metas.push(torrent.to_bytes()?);
    }
    Ok(metas)
}

/// Waits for `count` events of a kind. Returns false if they do not arrive in time.
pub(crate) fn wait_for(
    events: &mut Events,
    limit: Duration,
    mut count: usize,
    is_one: impl Fn(&SessionEvent) -> bool,
) -> anyhow::Result<bool> {
    let end = Instant::now() + limit;
    while count > 0 {
        let Ok(event) = events.wait(end.saturating_duration_since(Instant::now())) else {
            return Ok(false);
        };
        match event {
            SessionEvent::Torrent(TorrentEvent::Stopped { fault, .. }) => {
                bail!("a torrent stopped: {}", fault.message)
            }
            event if is_one(&event) => count -= 1,
            _ => {}
        }
    }
    Ok(true)
}

/// Starts a session that has checked `count` torrents of `len` bytes each, below `dir`, and seeds them.
pub(super) fn seeding(
    dir: &Path,
    count: usize,
    len: usize,
    limit: Duration,
) -> anyhow::Result<(Session, Vec<Arc<Metainfo>>)> {
    let source = dir.join("source");
    std::fs::create_dir_all(&source)?;
    let seed = super::session(|_| {})?;
    let mut events = seed.subscribe();
    let mut metas = Vec::new();
    for number in 0..count {
        let meta = torrent(&source.join(number.to_string()), len, number as u64)?;
        seed.add(AddTorrent::new(Arc::clone(&meta), &source).read_only(true)).wait()?;
        metas.push(meta);
    }
    let is_started =
        |event: &SessionEvent| matches!(event, SessionEvent::Torrent(TorrentEvent::Started { .. }));
    ensure!(wait_for(&mut events, limit, count, is_started)?, "the seed is not ready within {limit:?}");
    Ok((seed, metas))
}

/// Fetches torrents into `dir` from the session that seeds them, until all are finished.
pub(super) fn fetch(
    leech: &Session,
    seed: &Session,
    metas: Vec<Arc<Metainfo>>,
    dir: &Path,
    limit: Duration,
) -> anyhow::Result<()> {
    let (count, mut events) = (metas.len(), leech.subscribe());
    for meta in metas {
        let peers = vec![seed.local_addr()];
        leech.add(AddTorrent::new(meta, dir.join("target")).peers(peers)).wait()?;
    }
    let is_finished =
        |event: &SessionEvent| matches!(event, SessionEvent::Torrent(TorrentEvent::Finished { .. }));
    ensure!(wait_for(&mut events, limit, count, is_finished)?, "not finished within {limit:?}");
    Ok(())
}
