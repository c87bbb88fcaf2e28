//! Three hundred torrents of one block from one session to another: what matters is how soon connections are
//! made. Ends within two minutes.

use super::files::{torrent, wait_for};
use super::session;
use crate::figure::Report;
use anyhow::bail;
use std::path::Path;
use std::time::{Duration, Instant};
use ztor_metainfo::BLOCK_LEN;
use ztor_session::{AddTorrent, SessionEvent};

const TORRENTS: usize = 300;
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(dir: &Path, report: &mut Report) -> anyhow::Result<()> {
    let (source, target) = (dir.join("source"), dir.join("target"));
    std::fs::create_dir_all(&source)?;
    let (seed, leech) = (session(|_| {})?, session(|_| {})?);
    let mut metas = Vec::new();
    for number in 0..TORRENTS {
        let meta = torrent(&source.join(number.to_string()), BLOCK_LEN as usize, number as u64)?;
        seed.add(AddTorrent { read_only: true, ..AddTorrent::new(meta.clone(), &source) })?;
        metas.push(meta);
    }
    if !wait_for(&seed, LIMIT, TORRENTS, |event| matches!(event, SessionEvent::Started { .. }))? {
        bail!("the seed is not ready within {LIMIT:?}");
    }
    let begun = Instant::now();
    for meta in metas {
        let peers = vec![seed.local_addr()];
        leech.add(AddTorrent { peers, ..AddTorrent::new(meta, &target) })?;
    }
    if !wait_for(&leech, LIMIT, TORRENTS, |event| matches!(event, SessionEvent::Finished(_)))? {
        bail!("not finished within {LIMIT:?}");
    }
    report.add("finished", begun.elapsed().as_secs_f64(), "s", "all of them");
    leech.shutdown(LIMIT);
    seed.shutdown(LIMIT);
    Ok(())
}
