//! A torrent as JSON, in pieces: one `"key":value` for each key. An update is what differs, and the whole is the text.

use super::managed::is_managed;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use ztor_api::{FaultKind, Goal, State, Torrent};
use ztor_daemon::Row;
use ztor_daemon::session::{TorrentState, TrackerState};

/// Value of `eta` that stands for never, in seconds.
const NEVER: u64 = 8_640_000;
/// Number of the last cells, whose values change with time alone.
const TIMED: usize = 3;

/// The cells of a torrent. The last ones are its times as of its status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cells {
    text: String,
    /// Ends of the cells in the text. A comma follows each but the last.
    ends: Vec<u32>,
}

impl Cells {
    /// Returns the cells, each a key with its value.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.ends.len()).map(|place| self.get(place).unwrap_or_default())
    }

    /// Returns the place of a key among the cells. It is the same for all torrents.
    pub(super) fn place_of(&self, key: &str) -> Option<usize> {
        self.iter().position(|cell| value_in(cell, key).is_some())
    }

    /// Returns the value of a key in JSON, which is at this place.
    pub(super) fn value_at(&self, place: usize, key: &str) -> Option<&str> {
        value_in(self.get(place)?, key)
    }

    fn get(&self, place: usize) -> Option<&str> {
        let end = self.ends.get(place)?;
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| end + 1);
        self.text.get(start as usize..*end as usize)
    }

    /// Returns the text of all cells but the last `left`.
    fn without_last(&self, left: usize) -> &str {
        let last = self.ends.len().checked_sub(left + 1).and_then(|at| self.ends.get(at));
        last.and_then(|end| self.text.get(..*end as usize)).unwrap_or_default()
    }

    /// Appends the cells that differ from those of `old`, which has the same keys or none, with a comma between them.
    pub(crate) fn write_changes(&self, old: &Self, into: &mut String) {
        let known = old.iter().map(Some).chain(std::iter::repeat(None));
        let news = self.iter().zip(known).filter(|(new, old)| *old != Some(*new));
        for (at, (new, _)) in news.enumerate() {
            if at > 0 {
                into.push(',');
            }
            into.push_str(new);
        }
    }

    pub(super) fn push(&mut self, key: &str, value: impl std::fmt::Display) {
        if !self.ends.is_empty() {
            self.text.push(',');
        }
        // Writing to a text does not fail.
        let _ = write!(self.text, "\"{key}\":{value}");
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    pub(super) fn push_text(&mut self, key: &str, value: &str) {
        self.push(key, quoted(value));
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn of_pairs(pairs: &[(&str, String)]) -> Self {
        let mut cells = Self::default();
        pairs.iter().for_each(|(key, value)| cells.push(key, value));
        cells
    }
}

/// Returns the value in a cell, if it is that of the key.
fn value_in<'c>(cell: &'c str, key: &str) -> Option<&'c str> {
    cell.strip_prefix('"')?.strip_prefix(key)?.strip_prefix("\":")
}

/// Returns a text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns a number as JSON, which has no infinite ones.
pub(super) fn real(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

/// Returns the limit of a rate as clients expect it: 0 is none, and the least is one byte per second.
pub(super) fn limit(limit: Option<u64>) -> u64 {
    limit.map_or(0, |limit| limit.max(1))
}

/// Times of a torrent that grow while it is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) active_s: u64,
    pub(super) seeding_s: u64,
    /// Time until the next announce; 0 if unknown.
    pub(super) reannounce_s: u64,
}

impl Times {
    /// Returns the times at present.
    pub(super) fn at(row: &Row, now: Instant) -> Self {
        Self::after(row, now.saturating_duration_since(row.status_at))
    }

    fn after(row: &Row, passed: Duration) -> Self {
        let Some(status) = &row.status else {
            return Self {
                active_s: row.torrent.active_s,
                seeding_s: row.torrent.seeding_s,
                reannounce_s: 0,
            };
        };
        let is_seeding = status.state == TorrentState::Seeding;
        let is_active =
            is_seeding || matches!(status.state, TorrentState::Downloading | TorrentState::Metadata { .. });
        let passed_s = passed.as_secs();
        let more = |is_running: bool| if is_running { passed_s } else { 0 };
        let next = status.trackers.iter().filter_map(|tracker| tracker.announces_in).min();
        Self {
            active_s: row.torrent.active_s.saturating_add(more(is_active)),
            seeding_s: row.torrent.seeding_s.saturating_add(more(is_seeding)),
            reannounce_s: next.map_or(0, |next| next.as_secs().saturating_sub(passed_s)),
        }
    }

    fn pairs(self) -> [(&'static str, u64); TIMED] {
        [("reannounce", self.reannounce_s), ("seeding_time", self.seeding_s), ("time_active", self.active_s)]
    }
}

/// Appends all cells, with the times at present.
pub(super) fn write_all(cells: &Cells, row: &Row, now: Instant, into: &mut String) {
    into.push_str(cells.without_last(TIMED));
    for (key, value) in Times::at(row, now).pairs() {
        let _ = write!(into, ",\"{key}\":{value}");
    }
}

/// Returns true if no wanted data is missing.
pub(super) fn is_complete(torrent: &Torrent) -> bool {
    torrent.is_private.is_some() && torrent.state != State::Checking && torrent.progress >= 1.0
}

/// Returns the state by its name in this API.
pub(super) fn state_of(torrent: &Torrent) -> &'static str {
    let is_done = is_complete(torrent);
    let pick = |done, other| if is_done { done } else { other };
    if torrent.moving.is_some() {
        return "moving";
    }
    match torrent.state {
        State::Error if torrent.fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Missing) => {
            "missingFiles"
        }
        State::Error => "error",
        State::Loading => "checkingResumeData",
        State::Metadata if torrent.is_forced => "forcedMetaDL",
        State::Metadata => "metaDL",
        State::Checking if torrent.finished_unix_s.is_some() => "checkingUP",
        State::Checking => "checkingDL",
        State::Downloading if torrent.is_forced => "forcedDL",
        State::Downloading if torrent.down_per_s > 0 => "downloading",
        State::Downloading => "stalledDL",
        State::Seeding if torrent.is_forced => "forcedUP",
        State::Seeding if torrent.up_per_s > 0 => "uploading",
        State::Seeding => "stalledUP",
        State::Queued => pick("queuedUP", "queuedDL"),
        State::Paused | State::Done | State::Scheduled => pick("stoppedUP", "stoppedDL"),
        _ => "unknown",
    }
}

/// Returns a goal as clients expect it: -2 for the general one, -1 for none.
pub(super) fn goal(goal: Goal, unit: f64) -> f64 {
    match goal {
        Goal::Inherit => -2.0,
        Goal::Unlimited => -1.0,
        Goal::At(value) => real(value / unit),
    }
}

/// Returns a goal that applies; -1 for none.
fn effective(of: Goal, unit: f64) -> f64 {
    goal(of, unit).max(-1.0)
}

/// Returns a time of goals in whole minutes.
pub(super) fn minutes(value: f64) -> i64 {
    value.ceil() as i64
}

/// Returns the announce URL of the tracker that works; empty if none does.
fn tracker(row: &Row) -> String {
    let trackers = row.status.as_ref().map(|status| status.trackers.as_slice()).unwrap_or_default();
    let Some(working) = trackers.iter().find(|tracker| tracker.state == TrackerState::Working) else {
        return String::new();
    };
    let urls = row.trackers();
    let full = urls.iter().flatten().find(|url| ztor_daemon::session::redact_url(url) == working.url);
    full.unwrap_or(&working.url).clone()
}

/// Folder in which the files are at present.
pub(super) fn present_dir(row: &Row) -> std::borrow::Cow<'_, std::path::Path> {
    match &row.incomplete_dir {
        Some(dir) if !is_complete(&row.torrent) => dir.into(),
        _ => std::path::Path::new(&row.torrent.dir).into(),
    }
}

/// Returns the path of the file or the folder of a torrent, and the folder alone; that is empty if there is none.
fn paths(row: &Row) -> (String, String) {
    let dir = present_dir(row);
    let save_dir = std::path::Path::new(&row.torrent.dir);
    let below = row.content.strip_prefix(save_dir).unwrap_or(std::path::Path::new(""));
    let content = match (&row.meta, below.as_os_str().is_empty()) {
        // Clients expect another path than the folder, also before the files are known.
        (None, true) => dir.join(plain_name(&row.torrent.name)),
        (_, true) => dir.to_path_buf(),
        (_, false) => dir.join(below),
    };
    let has_root = row.meta.as_ref().is_some_and(|meta| !meta.is_single_file()) && content != *dir;
    let content = content.to_string_lossy().into_owned();
    let root = if has_root { content.clone() } else { String::new() };
    (content, root)
}

/// Returns a name without what would make it a path.
fn plain_name(name: &str) -> String {
    let name: String = name.chars().map(|c| if c == '/' || c == '\0' { '_' } else { c }).collect();
    match name.as_str() {
        "" | "." | ".." => "_".to_owned(),
        _ => name,
    }
}

/// Returns the cells of a torrent.
pub(super) fn cells_of(row: &Row) -> Cells {
    let torrent = &row.torrent;
    let status = row.status.as_deref();
    let mut cells = Cells { text: String::with_capacity(1800), ends: Vec::with_capacity(64) };
    let (content_path, root_path) = paths(row);
    let ratio = torrent.ratio.map_or(0.0, real);
    let months = torrent.active_s as f64 / (30.0 * 24.0 * 3600.0);
    let unix = |time: Option<u64>| time.map_or(-1, |time| i64::try_from(time).unwrap_or(i64::MAX));
    let last_activity = match row.times.active_unix_s {
        0 => torrent.added_unix_s,
        time => time,
    };
    cells.push("added_on", torrent.added_unix_s);
    cells.push("amount_left", torrent.left_bytes);
    cells.push("auto_tmm", is_managed(row));
    cells.push(
        "availability",
        if torrent.state == State::Downloading { i64::from(torrent.seeds) } else { -1 },
    );
    cells.push_text("category", torrent.category.as_deref().unwrap_or_default());
    let comment = row.meta.as_ref().and_then(|meta| meta.comment.as_deref());
    cells.push_text("comment", comment.unwrap_or_default());
    cells.push("completed", torrent.size_bytes.saturating_sub(torrent.left_bytes));
    cells.push("completion_on", unix(torrent.finished_unix_s));
    cells.push_text("content_path", &content_path);
    cells.push("dl_limit", limit(torrent.limits.down_per_s));
    cells.push("dlspeed", torrent.down_per_s);
    let incomplete_dir = row.incomplete_dir.as_ref().map(|dir| dir.to_string_lossy());
    cells.push_text("download_path", incomplete_dir.as_deref().unwrap_or_default());
    cells.push("downloaded", torrent.downloaded_bytes);
    cells.push("downloaded_session", status.map_or(0, |status| status.session_downloaded_bytes));
    cells.push("eta", torrent.eta_s.unwrap_or(NEVER).min(NEVER));
    cells.push("f_l_piece_prio", torrent.is_ends_first);
    cells.push("force_start", torrent.is_forced);
    cells.push("has_metadata", torrent.is_private.is_some());
    cells.push("inactive_seeding_time_limit", minutes(goal(row.goals.idle_s, 60.0)));
    let hash_v1 = row.hashes.v1().map(|hash| hash.to_string());
    cells.push_text("infohash_v1", hash_v1.as_deref().unwrap_or_default());
    cells.push_text("infohash_v2", torrent.hash_v2.as_deref().unwrap_or_default());
    cells.push("last_activity", last_activity);
    cells.push_text("magnet_uri", &row.magnet().to_string());
    cells.push("max_inactive_seeding_time", minutes(effective(row.effective_goals.idle_s, 60.0)));
    cells.push("max_ratio", effective(row.effective_goals.ratio, 1.0));
    cells.push("max_seeding_time", minutes(effective(row.effective_goals.seeding_s, 60.0)));
    cells.push_text("name", &torrent.name);
    cells.push("num_complete", torrent.swarm_seeds.unwrap_or(0));
    cells.push("num_incomplete", torrent.swarm_leechers.unwrap_or(0));
    cells.push("num_leechs", torrent.peers.saturating_sub(torrent.seeds));
    cells.push("num_seeds", torrent.seeds);
    cells.push("popularity", if months > 0.0 { real(ratio / months) } else { 0.0 });
    cells.push("priority", torrent.queue_position.unwrap_or(0));
    match torrent.is_private {
        Some(is_private) => cells.push("private", is_private),
        None => cells.push("private", "null"),
    }
    cells.push("progress", real(torrent.progress));
    cells.push("ratio", ratio);
    cells.push("ratio_limit", goal(row.goals.ratio, 1.0));
    cells.push_text("root_path", &root_path);
    cells.push_text("save_path", &torrent.dir);
    cells.push("seeding_time_limit", minutes(goal(row.goals.seeding_s, 60.0)));
    cells.push("seen_complete", unix(Some(row.times.complete_unix_s).filter(|time| *time > 0)));
    cells.push("seq_dl", torrent.is_sequential);
    cells.push("size", torrent.size_bytes);
    cells.push_text("state", state_of(torrent));
    cells.push("super_seeding", torrent.is_super_seeding);
    cells.push_text("tags", &torrent.tags.join(", "));
    match torrent.is_private {
        Some(_) => cells.push("total_size", torrent.total_bytes),
        None => cells.push("total_size", -1),
    }
    cells.push_text("tracker", &tracker(row));
    cells.push("trackers_count", row.trackers().iter().map(Vec::len).sum::<usize>());
    cells.push("up_limit", limit(torrent.limits.up_per_s));
    cells.push("uploaded", torrent.uploaded_bytes);
    cells.push("uploaded_session", status.map_or(0, |status| status.session_uploaded_bytes));
    cells.push("upspeed", torrent.up_per_s);
    for (key, value) in Times::after(row, Duration::ZERO).pairs() {
        cells.push(key, value);
    }
    cells
}
