//! Twenty torrents at once from one session to another over loopback. Ends within two minutes.

use super::files::{torrent, wait_for};
use super::session;
use crate::figure::Report;
use crate::usage;
use anyhow::bail;
use std::path::Path;
use std::time::{Duration, Instant};
use ztor_session::{AddTorrent, SessionEvent};

const TORRENTS: usize = 20;
const TORRENT_BYTES: usize = 32 << 20;
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(dir: &Path, report: &mut Report) -> anyhow::Result<()> {
    let (source, target) = (dir.join("source"), dir.join("target"));
    std::fs::create_dir_all(&source)?;
    let (seed, leech) = (session(|_| {})?, session(|_| {})?);
    let mut metas = Vec::new();
    for number in 0..TORRENTS {
        let meta = torrent(&source.join(number.to_string()), TORRENT_BYTES, number as u64)?;
        seed.add(AddTorrent { read_only: true, ..AddTorrent::new(meta.clone(), &source) })?;
        metas.push(meta);
    }
    if !wait_for(&seed, LIMIT, TORRENTS, |event| matches!(event, SessionEvent::Started { .. }))? {
        bail!("the seed is not ready within {LIMIT:?}");
    }
    let (cpu, threads, begun) = (usage::cpu_time(), usage::threads(), Instant::now());
    for meta in metas {
        let peers = vec![seed.local_addr()];
        leech.add(AddTorrent { peers, ..AddTorrent::new(meta, &target) })?;
    }
    if !wait_for(&leech, LIMIT, TORRENTS, |event| matches!(event, SessionEvent::Finished(_)))? {
        bail!("not finished within {LIMIT:?}");
    }
    let (took, bytes) = (begun.elapsed().as_secs_f64(), (TORRENTS * TORRENT_BYTES) as f64);
    report.add("speed", bytes / 1e6 / took, "MB/s", "");
    let gib = bytes / f64::from(1 << 30);
    report.add("cpu", (usage::cpu_time() - cpu).as_secs_f64() / gib, "CPU-s/GiB", "both sides, all threads");
    for name in ["net", "disk"] {
        let thread = usage::thread_since(&threads, name);
        report.add(&format!("{name} cpu"), thread.cpu.as_secs_f64() / gib, "CPU-s/GiB", "both sides");
    }
    leech.shutdown(LIMIT);
    seed.shutdown(LIMIT);
    Ok(())
}
