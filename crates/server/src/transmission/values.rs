//! Values of the fields of a torrent.

use super::details::{write_file_stats, write_files, write_peers, write_peers_from};
use super::dialect::Dialect;
use super::extras::{self, name};
use super::fields::Field;
use super::json::Json;
use super::lookups::{Lookup, Lookups};
use super::pieces;
use super::queue::Positions;
use super::trackers::{TrackerIds, allowed_unix_s, list_of, write_stats, write_trackers};
use crate::foreign::mime;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ztor_api::{Fault, Goal, State};
use ztor_daemon::Row;
use ztor_daemon::session::{TorrentState, TorrentStatus, TrackerIssue, TrackerState};
use ztor_daemon::settings::Settings;

/// Bytes of a unit of speed.
pub(crate) const SPEED_UNIT: u64 = 1000;
/// Limits in kB/s of torrents that have none.
const DEFAULT_LIMIT: i64 = 100;
const DEFAULT_RATIO: f64 = 2.0;
const DEFAULT_IDLE_MIN: u64 = 30;

/// Writes fields of torrents.
#[derive(Debug)]
pub(crate) struct Writer<'w> {
    pub(crate) dialect: Dialect,
    pub(crate) settings: Arc<Settings>,
    /// `None` if no field needs them.
    pub(crate) positions: Option<Positions>,
    pub(crate) lookups: Lookups,
    pub(crate) tracker_ids: &'w TrackerIds,
}

impl Writer<'_> {
    /// Writes the value of a field.
    pub(crate) fn write(&self, json: &mut Json, row: &Row, field: Field) {
        let (torrent, times) = (&row.torrent, &row.times);
        let lookup = self.lookups.get(&torrent.id);
        match field {
            Field::Id => json.count(torrent.id),
            Field::Name => json.text(&torrent.name),
            Field::HashString => json.text(&torrent.hash),
            Field::Status => json.int(status_of(row)),
            Field::TotalSize => json.count(torrent.total_bytes),
            Field::Labels => json.texts(&torrent.tags),
            Field::DownloadDir => json.text(&torrent.dir),
            Field::Error => json.int(error_of(row).0),
            Field::ErrorString => json.text(&error_of(row).1),
            Field::Eta => json.int(eta_of(row)),
            Field::EtaIdle => json.int(eta_idle_of(row)),
            Field::UploadedEver => json.count(torrent.uploaded_bytes),
            Field::DownloadedEver => json.count(torrent.downloaded_bytes),
            Field::LeftUntilDone => json.count(torrent.left_bytes),
            Field::SizeWhenDone => json.count(torrent.size_bytes),
            Field::HaveValid => json.count(status(row, |status| status.have_bytes)),
            Field::HaveUnchecked => json.count(0),
            Field::DesiredAvailable => json.count(pieces::desired_available(row, lookup)),
            Field::CorruptEver => json.count(status(row, |status| status.wasted_bytes)),
            Field::PercentDone => json.real(part(torrent.size_bytes, torrent.left_bytes, row)),
            Field::PercentComplete => {
                let have = status(row, |status| status.have_bytes);
                json.real(part(torrent.total_bytes, torrent.total_bytes.saturating_sub(have), row));
            }
            Field::MetadataPercentComplete => {
                json.int(i64::from(torrent.total_bytes > 0 || row.meta.is_some()))
            }
            Field::RecheckProgress => json.real(recheck_of(row)),
            Field::UploadRatio => json.real(torrent.ratio.unwrap_or(-1.0)),
            Field::RateDownload => json.count(torrent.down_per_s),
            Field::RateUpload => json.count(torrent.up_per_s),
            Field::AddedDate => json.count(torrent.added_unix_s),
            Field::ActivityDate => json.count(times.active_unix_s),
            Field::DoneDate => json.count(torrent.finished_unix_s.unwrap_or(0)),
            Field::StartDate => json.count(times.started_unix_s),
            Field::DateCreated => {
                json.int(row.meta.as_ref().and_then(|meta| meta.creation_date).unwrap_or(0));
            }
            Field::EditDate => json.int(extras::int(row, name::EDIT_DATE).unwrap_or(0)),
            Field::ManualAnnounceTime => json.count(allowed_unix_s(row)),
            Field::IsFinished => json.flag(torrent.state == State::Done),
            Field::IsStalled => json.flag(self.is_stalled(row)),
            Field::IsPrivate => json.flag(torrent.is_private.unwrap_or(false)),
            Field::QueuePosition => {
                let positions = self.positions.as_ref();
                let position = positions.and_then(|positions| positions.get(&torrent.id).copied());
                json.count(position.unwrap_or(0) as u64);
            }
            Field::BandwidthPriority => json.int(extras::int(row, name::BANDWIDTH_PRIORITY).unwrap_or(0)),
            Field::PeerLimit | Field::MaxConnectedPeers => {
                let default = self.settings.max_peers_per_torrent as u64;
                let kept = extras::int(row, name::PEER_LIMIT).and_then(|limit| u64::try_from(limit).ok());
                json.count(kept.unwrap_or(default));
            }
            Field::HonorsSessionLimits => json.flag(extras::flag(row, name::HONORS_LIMITS).unwrap_or(true)),
            Field::Group => json.text(torrent.category.as_deref().unwrap_or_default()),
            Field::DownloadLimit => json.int(limit_of(row, torrent.limits.down_per_s, name::DOWNLOAD_LIMIT)),
            Field::DownloadLimited => json.flag(torrent.limits.down_per_s.is_some()),
            Field::UploadLimit => json.int(limit_of(row, torrent.limits.up_per_s, name::UPLOAD_LIMIT)),
            Field::UploadLimited => json.flag(torrent.limits.up_per_s.is_some()),
            Field::SeedRatioLimit => json.real(self.ratio_limit(row)),
            Field::SeedRatioMode => json.int(mode_of(row.goals.ratio)),
            Field::SeedIdleLimit => json.count(self.idle_limit(row)),
            Field::SeedIdleMode => json.int(mode_of(row.goals.idle_s)),
            Field::SecondsDownloading => {
                let past = torrent.active_s.saturating_sub(torrent.seeding_s);
                let is_downloading = matches!(torrent.state, State::Downloading | State::Metadata);
                json.count(past.saturating_add(since_status(row, is_downloading)));
            }
            Field::SecondsSeeding => {
                let is_seeding = torrent.state == State::Seeding;
                json.count(torrent.seeding_s.saturating_add(since_status(row, is_seeding)));
            }
            Field::PeersConnected => json.count(torrent.peers.into()),
            Field::PeersSendingToUs => json.count(busy(lookup, |peer| peer.down_per_s > 0)),
            Field::PeersGettingFromUs => json.count(busy(lookup, |peer| peer.up_per_s > 0)),
            Field::WebseedsSendingToUs => {
                let seeds = lookup.and_then(|lookup| lookup.web_seeds.as_deref()).unwrap_or_default();
                json.count(seeds.iter().filter(|seed| seed.down_per_s > 0).count() as u64);
            }
            Field::Files => write_files(json, row, lookup, self.dialect),
            Field::FileStats => write_file_stats(json, row, lookup, self.dialect),
            Field::BytesCompleted => {
                json.begin_list();
                super::details::files_of(row, lookup).for_each(|file| json.count(file.have));
                json.end_list();
            }
            Field::Wanted => {
                json.begin_list();
                for file in super::details::files_of(row, None) {
                    match self.dialect {
                        Dialect::Legacy => json.int(file.is_wanted.into()),
                        Dialect::JsonRpc => json.flag(file.is_wanted),
                    }
                }
                json.end_list();
            }
            Field::Priorities => {
                json.begin_list();
                super::details::files_of(row, None).for_each(|file| json.int(file.priority));
                json.end_list();
            }
            Field::FileCount => json.count(super::details::files_of(row, None).count() as u64),
            Field::PrimaryMimeType => json.text(primary_type(row)),
            Field::Trackers => write_trackers(json, row, self.tracker_ids),
            Field::TrackerStats => write_stats(json, row, self.tracker_ids, self.dialect),
            Field::TrackerList => json.text(&list_of(row)),
            Field::Peers => write_peers(json, lookup, self.dialect),
            Field::PeersFrom => write_peers_from(json, lookup, self.dialect),
            Field::Pieces => json.text(&pieces::bitfield(row, lookup)),
            Field::PieceCount => {
                json.count(row.meta.as_ref().map_or(0, |meta| meta.layout.piece_count()).into())
            }
            Field::PieceSize => {
                json.count(row.meta.as_ref().map_or(0, |meta| meta.layout.piece_length()).into())
            }
            Field::Availability => pieces::write_availability(json, row, lookup),
            Field::Comment => json.text(meta_text(row, |meta| meta.comment.as_deref())),
            Field::Creator => json.text(meta_text(row, |meta| meta.created_by.as_deref())),
            Field::MagnetLink => json.text(&row.magnet().to_string()),
            // The daemon keeps torrent files in its database.
            Field::TorrentFile => json.text(""),
            Field::Webseeds => json.texts(row.web_seeds()),
            Field::SequentialDownload => json.flag(torrent.is_sequential),
            Field::SequentialDownloadFromPiece => {
                json.int(extras::int(row, name::FROM_PIECE).unwrap_or(0));
            }
        }
    }

    /// Returns true if a torrent runs, but has not transferred anything for the time after which the queue calls it slow.
    fn is_stalled(&self, row: &Row) -> bool {
        matches!(row.torrent.state, State::Downloading | State::Seeding)
            && self.settings.slow_torrents_are_free
            && idle(row).is_some_and(|idle| idle >= self.settings.slow_after)
    }

    fn ratio_limit(&self, row: &Row) -> f64 {
        match row.goals.ratio {
            Goal::At(ratio) => ratio,
            _ => extras::real(row, name::RATIO_LIMIT).unwrap_or_else(|| default_ratio(&self.settings)),
        }
    }

    fn idle_limit(&self, row: &Row) -> u64 {
        match row.goals.idle_s {
            Goal::At(seconds) => (seconds / 60.0).ceil().clamp(0.0, 1e9) as u64,
            _ => {
                let kept = extras::int(row, name::IDLE_LIMIT).and_then(|limit| u64::try_from(limit).ok());
                kept.unwrap_or_else(|| default_idle_min(&self.settings))
            }
        }
    }
}

/// Returns the ratio of the settings, or the usual one if there is none.
pub(crate) fn default_ratio(settings: &Settings) -> f64 {
    settings.seed_ratio.map_or(DEFAULT_RATIO, |ratio| f64::from(ratio.as_thousandths()) / 1000.0)
}

/// Returns the time without upload of the settings in minutes, or the usual one if there is none.
pub(crate) fn default_idle_min(settings: &Settings) -> u64 {
    settings.seed_idle_time.map_or(DEFAULT_IDLE_MIN, |time| time.as_secs().div_ceil(60))
}

/// Returns the time since the status of a torrent, in seconds, if it counts.
fn since_status(row: &Row, counts: bool) -> u64 {
    if counts && row.status.is_some() { row.status_at.elapsed().as_secs() } else { 0 }
}

/// Returns the time without a transfer, up to now; `None` while the torrent is not active.
fn idle(row: &Row) -> Option<Duration> {
    let idle = row.status.as_ref().and_then(|status| status.idle_for)?;
    Some(idle.saturating_add(row.status_at.elapsed()))
}

fn status<T: Default>(row: &Row, of: impl FnOnce(&TorrentStatus) -> T) -> T {
    row.status.as_deref().map(of).unwrap_or_default()
}

/// Returns the number of a state: 0 stopped, 1 waits for a check, 2 is checked, 3 waits for its turn to download, 4 downloads,
/// 5 waits for its turn to seed, 6 seeds.
pub(crate) fn status_of(row: &Row) -> i64 {
    match row.torrent.state {
        State::Loading => 1,
        State::Checking => match row.status.as_ref().map(|status| &status.state) {
            Some(TorrentState::Checking { done: 1.., .. }) => 2,
            _ => 1,
        },
        State::Metadata | State::Downloading => 4,
        State::Seeding => 6,
        State::Queued if row.torrent.left_bytes > 0 || row.meta.is_none() => 3,
        State::Queued => 5,
        _ => 0,
    }
}

/// Returns the kind of a fault with its text: 1 warning of a tracker, 2 refusal of the trackers, 3 fault of the torrent. A
/// tracker that does not answer is no fault, as in the genuine server: clients take a text for a reason to give up.
fn error_of(row: &Row) -> (i64, String) {
    if let Some(Fault { message, .. }) = &row.torrent.fault {
        return (3, message.clone());
    }
    let trackers = || row.status.iter().flat_map(|status| &status.trackers);
    let is_working = |state| state == TrackerState::Working;
    if row.torrent.tracker_error.is_some() {
        let refusal =
            trackers().filter_map(|tracker| tracker.issue.as_ref()).find(|issue| issue.kind() == "refused");
        return refusal.map_or((0, String::new()), |issue| (2, issue.to_string()));
    }
    let mut warnings =
        trackers().filter(|tracker| is_working(tracker.state)).filter_map(|tracker| tracker.issue.as_ref());
    let warning = warnings.find_map(|issue| match issue {
        TrackerIssue::Warning(text) => Some(text.clone()),
        TrackerIssue::Error(_) => None,
    });
    warning.map_or((0, String::new()), |text| (1, text))
}

/// Returns the time until a torrent is complete, or has reached its ratio, in seconds; -1 if that does not apply, -2 if it is
/// unknown.
fn eta_of(row: &Row) -> i64 {
    let torrent = &row.torrent;
    let bounded = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX).min(i64::from(i32::MAX));
    match torrent.state {
        State::Metadata => -2,
        State::Downloading => torrent.eta_s.map_or(-2, bounded),
        State::Seeding => {
            let Goal::At(ratio) = row.effective_goals.ratio else { return -1 };
            let base = torrent.downloaded_bytes.max(1) as f64;
            let left = ratio * base - torrent.uploaded_bytes as f64;
            match torrent.up_per_s {
                0 => -2,
                rate => bounded((left / rate as f64).ceil().max(0.0) as u64),
            }
        }
        _ => -1,
    }
}

fn eta_idle_of(row: &Row) -> i64 {
    let Goal::At(limit) = row.effective_goals.idle_s else { return -1 };
    match (row.torrent.state, idle(row)) {
        (State::Seeding, Some(idle)) => (limit - idle.as_secs_f64()).clamp(0.0, f64::from(i32::MAX)) as i64,
        _ => -1,
    }
}

/// Returns the part that is present, from 0 to 1; 1 only if nothing is missing.
fn part(size: u64, left: u64, row: &Row) -> f64 {
    if size == 0 {
        let is_known = row.meta.is_some() && status(row, |status| status.left_bytes) == 0;
        return f64::from(u8::from(is_known && row.status.is_some()));
    }
    if left == 0 {
        return 1.0;
    }
    let part = size.saturating_sub(left) as f64 / size as f64;
    ((part * 10_000.0).floor() / 10_000.0).min(0.9999)
}

fn recheck_of(row: &Row) -> f64 {
    match row.status.as_ref().map(|status| &status.state) {
        Some(TorrentState::Checking { done, total }) if *total > 0 => {
            (f64::from(*done) / f64::from(*total) * 10_000.0).floor() / 10_000.0
        }
        _ => 0.0,
    }
}

/// Returns a rate limit in kB/s: the one in force, or that which the client has set without putting it into force.
fn limit_of(row: &Row, in_force: Option<u64>, kept: &str) -> i64 {
    let kept = extras::int(row, kept);
    match in_force {
        Some(limit) => i64::try_from(limit.div_ceil(SPEED_UNIT)).unwrap_or(i64::MAX),
        None => kept.unwrap_or(DEFAULT_LIMIT),
    }
}

/// Returns the number of a goal's kind: 0 as in the settings, 1 its own, 2 none.
fn mode_of(goal: Goal) -> i64 {
    match goal {
        Goal::Inherit => 0,
        Goal::At(_) => 1,
        Goal::Unlimited => 2,
    }
}

fn busy(lookup: Option<&Lookup>, is_busy: impl Fn(&ztor_api::Peer) -> bool) -> u64 {
    let peers = lookup.and_then(|lookup| lookup.peers.as_deref()).unwrap_or_default();
    peers.iter().filter(|peer| is_busy(peer)).count() as u64
}

fn meta_text(row: &Row, of: impl FnOnce(&ztor_daemon::session::Metainfo) -> Option<&str>) -> &str {
    row.meta.as_deref().and_then(of).unwrap_or_default()
}

/// Returns the media type of the largest file.
fn primary_type(row: &Row) -> &'static str {
    let Some(meta) = &row.meta else { return mime::essence_of("") };
    let files = meta.layout.files().iter().filter(|file| !file.pad);
    let largest = files.max_by_key(|file| file.length);
    let name =
        if meta.is_single_file() { meta.name.as_str() } else { largest.map_or("", |file| &*file.path) };
    let name = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    mime::essence_of(name)
}
