//! Lines of the log about single torrents. Their field `id` makes them findable by torrent.

use ztor_policy::TorrentKey;
use ztor_session::{SessionEvent, TorrentEvent};

/// Logs an event of a torrent. What happens to thousands of torrents at a start, or again and again, is for debugging.
pub(super) fn narrate(key: TorrentKey, torrent: &str, event: &SessionEvent) {
    let id = key.as_u64();
    match event {
        SessionEvent::Torrent(event) => narrate_engine(id, torrent, event),
        SessionEvent::WillRetry { after, .. } => {
            tracing::info!(id, torrent, after_s = after.as_secs(), "the torrent is tried again");
        }
        SessionEvent::ChangedByOthers { fault, .. } => {
            tracing::warn!(id, torrent, fault = %fault.message, "another program has changed a file");
        }
        SessionEvent::FilesMoved { dir, .. } => {
            tracing::info!(id, torrent, dir = %dir.display(), "the files have another place or name");
        }
        SessionEvent::NotMoved { fault, .. } => {
            tracing::warn!(id, torrent, fault = %fault.message, "cannot move the files of a torrent");
        }
        SessionEvent::NotSaved { fault, .. } => {
            tracing::warn!(id, torrent, fault = %fault.message, "cannot save the resume data of a torrent");
        }
        SessionEvent::Checked { hashed_bytes, .. } if *hashed_bytes > 0 => {
            tracing::info!(id, torrent, hashed_bytes, "the files are checked");
        }
        _ => {}
    }
}

fn narrate_engine(id: u64, torrent: &str, event: &TorrentEvent) {
    match event {
        TorrentEvent::Metadata { .. } => tracing::info!(id, torrent, "the metadata has arrived"),
        TorrentEvent::Unusable { message, .. } => {
            tracing::warn!(id, torrent, reason = message, "the metadata is not usable");
        }
        TorrentEvent::MetadataTooLong { len, max, .. } => {
            tracing::warn!(id, torrent, len, max, "the metadata is longer than the limit");
        }
        TorrentEvent::Started { finished, .. } => {
            tracing::debug!(id, torrent, finished, "the torrent is active")
        }
        TorrentEvent::Stopped { fault, .. } => {
            tracing::warn!(id, torrent, fault = %fault.message, "a fault has stopped the torrent");
        }
        TorrentEvent::PieceFailed { piece, .. } => {
            tracing::debug!(id, torrent, piece, "a piece does not match its hash");
        }
        TorrentEvent::Banned { author, reason, ends_in, .. } => {
            tracing::info!(id, torrent, %author, %reason, ends_in_s = ends_in.as_secs(), "banned");
        }
        TorrentEvent::PeerUnreachable { addr, .. } => {
            tracing::info!(id, torrent, %addr, "a peer that was given does not respond");
        }
        TorrentEvent::NoSource { .. } => tracing::info!(id, torrent, "there is no source of peers"),
        TorrentEvent::Tracker { tracker, issue, .. } => {
            tracing::debug!(id, torrent, tracker, issue = %issue, "a tracker reports a problem");
        }
        TorrentEvent::WebSeed { url, fault, .. } => {
            tracing::info!(id, torrent, url, %fault, "a web seed does not deliver");
        }
        _ => {}
    }
}
