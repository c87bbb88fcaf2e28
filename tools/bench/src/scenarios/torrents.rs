//! Twenty torrents at once from one session to another over loopback. Ends within two minutes.

use super::files::{fetch, seeding};
use super::session;
use crate::figure::Report;
use crate::usage;
use std::path::Path;
use std::time::{Duration, Instant};

const TORRENTS: usize = 20;
const TORRENT_BYTES: usize = 32 << 20;
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(dir: &Path, report: &mut Report) -> anyhow::Result<()> {
    let (seed, metas) = seeding(dir, TORRENTS, TORRENT_BYTES, LIMIT)?;
    let leech = session(|_| {})?;
    let (cpu, threads, begun) = (usage::cpu_time(), usage::threads(), Instant::now());
    fetch(&leech, &seed, metas, dir, LIMIT)?;
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
