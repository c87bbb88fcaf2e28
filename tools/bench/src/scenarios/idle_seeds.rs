//! Thousands of idle seeding torrents. Ends within three minutes.

use super::files::{one_block_torrents, wait_for};
use super::session;
use crate::figure::Report;
use crate::usage;
use anyhow::bail;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ztor_metainfo::Metainfo;
use ztor_session::{AddTorrent, SessionEvent, TorrentEvent};

const LIMIT: Duration = Duration::from_secs(150);
const WATCHED: Duration = Duration::from_secs(10);

pub(crate) fn run(count: usize, dir: &Path, report: &mut Report) -> anyhow::Result<()> {
    let (data, state) = (dir.join("data"), dir.join("state"));
    let metas = one_block_torrents(dir, &data, count)?;

    let session = session(|config| config.state_dir = Some(state))?;
    let (resident, cpu, begun) = (usage::resident_bytes(), usage::cpu_time(), Instant::now());
    let (mut events, mut seeding) = (session.subscribe(), 0);
    let is_seed = |event: &SessionEvent| {
        matches!(event, SessionEvent::Torrent(TorrentEvent::Started { finished: true, .. }))
    };
    for bytes in metas {
        let meta = Arc::new(Metainfo::from_bytes(&bytes)?);
        session.add(AddTorrent::new(meta, &data).read_only(true)).wait()?;
        // The queue of events is bounded.
        seeding += std::iter::from_fn(|| events.try_next().ok()).filter(is_seed).count();
        if begun.elapsed() > LIMIT {
            bail!("adding the torrents takes longer than {LIMIT:?}");
        }
    }
    report.add("added", begun.elapsed().as_secs_f64(), "s", "until all were added");
    let left = LIMIT.saturating_sub(begun.elapsed());
    if !wait_for(&mut events, left, count - seeding, is_seed)? {
        bail!("not all of {count} torrents seed within {LIMIT:?}");
    }
    report.add("all seed", begun.elapsed().as_secs_f64(), "s", "until all were checked as well");
    report.add("start cpu", (usage::cpu_time() - cpu).as_secs_f64(), "CPU-s", "all threads, until all seed");
    // Time to save the rest.
    std::thread::sleep(Duration::from_secs(6));
    let resident = usage::resident_bytes().saturating_sub(resident);
    report.add("resident", resident as f64 / 1048576.0, "MiB", "");
    report.add("resident per torrent", resident as f64 / count as f64, "bytes", "");
    report.add("open handles", usage::open_handles() as f64, "", "sockets and pipes included");

    let (cpu, threads) = (usage::cpu_time(), usage::threads());
    std::thread::sleep(WATCHED);
    let share = (usage::cpu_time() - cpu).as_secs_f64() / WATCHED.as_secs_f64();
    report.add("idle cpu", share * 100.0, "% of a core", format!("over {WATCHED:?}, without snapshots"));
    let net = usage::thread_since(&threads, "net");
    report.add("idle wake-ups", net.sleeps as f64 / WATCHED.as_secs_f64(), "per s", "of the network thread");

    let (cpu, end) = (usage::cpu_time(), Instant::now() + WATCHED / 2);
    while Instant::now() < end {
        if session.snapshot().torrents.len() != count {
            bail!("the snapshot does not show all torrents");
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    let share = (usage::cpu_time() - cpu).as_secs_f64() / (WATCHED / 2).as_secs_f64();
    report.add("watched cpu", share * 100.0, "% of a core", "with four snapshots a second");

    let begun = Instant::now();
    if !session.shutdown(Duration::from_secs(60)) {
        bail!("the session does not end within a minute");
    }
    report.add("end", begun.elapsed().as_secs_f64(), "s", "everything saved");
    Ok(())
}
