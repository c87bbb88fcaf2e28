//! Three hundred torrents of one block from one session to another: the time depends on how soon connections are
//! made. Ends within two minutes.

use super::files::{fetch, seeding};
use super::session;
use crate::figure::Report;
use std::path::Path;
use std::time::{Duration, Instant};
use ztor_metainfo::BLOCK_LEN;

const TORRENTS: usize = 300;
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(dir: &Path, report: &mut Report) -> anyhow::Result<()> {
    let (seed, metas) = seeding(dir, TORRENTS, BLOCK_LEN as usize, LIMIT)?;
    let leech = session(|_| {})?;
    let begun = Instant::now();
    fetch(&leech, &seed, metas, dir, LIMIT)?;
    report.add("finished", begun.elapsed().as_secs_f64(), "s", "all of them");
    leech.shutdown(LIMIT);
    seed.shutdown(LIMIT);
    Ok(())
}
