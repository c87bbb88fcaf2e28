//! Facts about torrents for the policy.

use ztor_policy::{Facts, Phase, Swarm};
use ztor_session::{TorrentState, TorrentStatus};

/// Returns the facts in a status.
pub(crate) fn facts_of(status: &TorrentStatus) -> Facts {
    let phase = phase_of(status);
    let most = |count: fn(&ztor_session::TrackerStatus) -> Option<u32>| {
        status.trackers.iter().filter_map(count).max()
    };
    let swarm = most(|tracker| tracker.seeders).zip(most(|tracker| tracker.leechers));
    Facts {
        down_per_s: status.down_per_s,
        up_per_s: status.up_per_s,
        wanted: status.have_bytes.saturating_add(status.left_bytes),
        uploaded: status.uploaded_bytes,
        downloaded: status.downloaded_bytes,
        seeding_time: status.seeding_for,
        idle_time: status.idle_for.unwrap_or_default().min(status.seeding_for),
        swarm: swarm.map(|(seeds, leechers)| Swarm { seeds, leechers }),
        ..Facts::new(phase)
    }
}

fn phase_of(status: &TorrentStatus) -> Phase {
    match status.state {
        TorrentState::Metadata { .. } | TorrentState::Waiting => Phase::Metadata,
        TorrentState::Unusable(_) | TorrentState::Stopped(_) => Phase::Fault,
        TorrentState::Checking { .. } => Phase::Checking,
        TorrentState::Downloading => Phase::Downloading,
        TorrentState::Seeding => Phase::Seeding,
        TorrentState::Paused if status.left_bytes == 0 => Phase::Seeding,
        TorrentState::Paused => Phase::Downloading,
    }
}
