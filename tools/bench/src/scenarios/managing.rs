//! Changes of limits, groups and priorities of thousands of torrents during a transfer. Ends within two minutes.

use super::files::{one_block_torrents, seeding, wait_for};
use super::session;
use crate::figure::Report;
use anyhow::{Context, bail, ensure};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ztor_metainfo::Metainfo;
use ztor_session::{
    AddTorrent, GroupLimits, LimitGroup, Priority, RateLimits, SessionEvent, TorrentEvent, TorrentHandle,
};

const COUNT: usize = 10_000;
const LIMIT: Duration = Duration::from_secs(90);
const TRANSFER_BYTES: usize = 1 << 30;
/// Rate of the transfer before and after the changes, in bytes per second.
const RATES: [u64; 2] = [40_000_000, 10_000_000];
/// Interval of the looks at the transfer.
const STEP: Duration = Duration::from_millis(50);
const WATCHED: Duration = Duration::from_secs(3);

pub(crate) fn run(dir: &Path, report: &mut Report) -> anyhow::Result<()> {
    let (seed, metas) = seeding(dir, 1, TRANSFER_BYTES, LIMIT)?;
    let data = dir.join("data");
    let client = session(|config| config.settings.limits.down = Some(RATES[0]))?;
    let mut events = client.subscribe();
    let mut torrents: Vec<TorrentHandle> = Vec::with_capacity(COUNT);
    for bytes in one_block_torrents(dir, &data, COUNT)? {
        let meta = Arc::new(Metainfo::from_bytes(&bytes)?);
        torrents.push(client.add(AddTorrent::new(meta, &data).read_only(true)).wait()?);
    }
    let begun = Instant::now();
    while client.snapshot().torrents.iter().any(|torrent| torrent.left_bytes > 0 || torrent.have_pieces == 0)
    {
        ensure!(begun.elapsed() < LIMIT, "the torrents are not checked within {LIMIT:?}");
        std::thread::sleep(STEP);
    }
    let meta = metas.into_iter().next().context("no torrent")?;
    let add = AddTorrent::new(meta, dir.join("target")).peers(vec![seed.local_addr()]);
    let transfer = client.add(add).wait()?;
    let is_ours = |event: &SessionEvent| matches!(event, SessionEvent::Torrent(TorrentEvent::Started { torrent, .. }) if *torrent == transfer.id());
    while events.try_next().is_ok() {}
    let _ = wait_for(&mut events, Duration::from_secs(1), 1, is_ours)?;
    watch(&transfer, Duration::from_secs(2))?;
    let (before, slowest_before) = watch(&transfer, WATCHED)?;

    let changing = Instant::now();
    let group = LimitGroup(1);
    let mut replies =
        vec![client.set_group_limits(group, GroupLimits { down: Some(1 << 30), ..GroupLimits::default() })];
    let mut priorities = Vec::with_capacity(COUNT);
    for torrent in &torrents {
        replies.push(torrent.set_limits(RateLimits { down: Some(1 << 20), up: Some(1 << 20) }));
        replies.push(torrent.set_group(Some(group)));
        priorities.push(torrent.set_file_priorities([Priority::High]));
    }
    replies.push(transfer.set_limits(RateLimits { down: Some(RATES[1]), up: None }));
    for reply in replies {
        reply.wait()?;
    }
    for reply in priorities {
        reply.wait()?;
    }
    let took = changing.elapsed();
    let (_, slowest) = watch(&transfer, Duration::from_millis(500))?;
    let (after, slowest_after) = watch(&transfer, WATCHED)?;
    report.add(
        "changes",
        took.as_secs_f64(),
        "s",
        format!("limits, groups and priorities of {COUNT} torrents"),
    );
    report.add("before", before / 1e6, "MB/s", format!("limit {} MB/s", RATES[0] / 1_000_000));
    report.add(
        "after",
        after / 1e6,
        "MB/s",
        format!("limit {} MB/s, half a second after the changes", RATES[1] / 1_000_000),
    );
    for (name, slowest) in [("before", slowest_before), ("at once after", slowest), ("after", slowest_after)]
    {
        report.add(&format!("longest pause {name}"), slowest.as_secs_f64(), "s", "of the transfer");
    }
    if !client.shutdown(LIMIT) || !seed.shutdown(LIMIT) {
        bail!("the sessions do not end within {LIMIT:?}");
    }
    Ok(())
}

/// Watches a transfer. Returns its rate in bytes per second, and the longest time without progress.
fn watch(transfer: &TorrentHandle, time: Duration) -> anyhow::Result<(f64, Duration)> {
    let bytes = || -> anyhow::Result<u64> {
        let peers = transfer.peers().wait()?;
        Ok(peers.iter().map(|peer| peer.downloaded_bytes).sum())
    };
    let (begun, first) = (Instant::now(), bytes()?);
    let (mut last, mut since, mut longest) = (first, begun, Duration::ZERO);
    while begun.elapsed() < time {
        std::thread::sleep(STEP);
        let now = bytes()?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        longest = longest.max(since.elapsed());
    }
    Ok(((last - first) as f64 / begun.elapsed().as_secs_f64(), longest))
}
