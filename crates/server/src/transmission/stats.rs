//! `session-stats`.

use super::State;
use super::dialect::{Dialect, Key};
use super::methods::{Answer, object};
use super::values::status_of;
use crate::access::now_unix_s;
use serde_json::{Map, Value, json};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use ztor_daemon::{Daemon, ForeignApi};

/// Shortest time between two saves of the totals.
const SAVE_EVERY: Duration = Duration::from_secs(600);
const SECONDS: &str = "total_seconds_active";
const SESSIONS: &str = "total_session_count";

/// Totals over all runs of the daemon in which this API was served.
#[derive(Debug)]
pub(crate) struct Totals {
    /// Those of earlier runs, in seconds.
    seconds: u64,
    /// Number of runs, with this one.
    sessions: u64,
    started_unix_s: u64,
    /// Time of the last save; `None` before the first.
    saved: Mutex<Option<Instant>>,
}

impl Totals {
    /// Reads the totals of earlier runs.
    pub(crate) fn start(daemon: &Daemon) -> Self {
        let kept = daemon.foreign_values(ForeignApi::Transmission).unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot read the totals of the Transmission RPC");
            Map::new()
        });
        let number = |key: &str| kept.get(key).and_then(Value::as_u64).unwrap_or(0);
        Self {
            seconds: number(SECONDS),
            sessions: number(SESSIONS).saturating_add(1),
            started_unix_s: now_unix_s(),
            saved: Mutex::default(),
        }
    }

    /// Returns true if the totals are to be saved, which is then done.
    fn take_save(&self, now: Instant) -> bool {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = saved.is_none_or(|saved| now.duration_since(saved) >= SAVE_EVERY);
        if is_due {
            *saved = Some(now);
        }
        is_due
    }
}

impl State {
    /// Returns figures of the whole.
    pub(crate) async fn session_stats(&self, dialect: Dialect) -> Answer {
        let table = self.foreign.table();
        let daemon = self.foreign.daemon();
        let whole = daemon.statistics();
        let totals = &self.totals;
        let running = table.rows().filter(|row| status_of(row) != 0).count();
        let files = |since: u64| -> usize {
            let new = table.rows().filter(|row| row.torrent.added_unix_s >= since);
            let metas = new.filter_map(|row| row.meta.as_ref());
            metas.map(|meta| meta.layout.files().iter().filter(|file| !file.pad).count()).sum()
        };
        let seconds = totals.seconds.saturating_add(whole.uptime_s);
        if totals.take_save(Instant::now()) {
            let values =
                [(SECONDS.to_owned(), seconds.into()), (SESSIONS.to_owned(), totals.sessions.into())];
            daemon.change_foreign_values(ForeignApi::Transmission, &Map::from_iter(values)).await?;
        }
        let name = |snake, legacy| Key::new(snake, legacy).name(dialect).to_owned();
        let figures = |downloaded: u64, uploaded: u64, files: usize, seconds: u64, sessions: u64| {
            Value::Object(Map::from_iter([
                (name("downloaded_bytes", "downloadedBytes"), downloaded.into()),
                (name("files_added", "filesAdded"), files.into()),
                (name("seconds_active", "secondsActive"), seconds.into()),
                (name("session_count", "sessionCount"), sessions.into()),
                (name("uploaded_bytes", "uploadedBytes"), uploaded.into()),
            ]))
        };
        let current = figures(
            whole.session_downloaded_bytes,
            whole.session_uploaded_bytes,
            files(totals.started_unix_s),
            whole.uptime_s,
            1,
        );
        let cumulative =
            figures(whole.downloaded_bytes, whole.uploaded_bytes, files(0), seconds, totals.sessions);
        object(Map::from_iter([
            (name("active_torrent_count", "activeTorrentCount"), json!(running)),
            (name("cumulative_stats", "cumulative-stats"), cumulative),
            (name("current_stats", "current-stats"), current),
            (name("download_speed", "downloadSpeed"), whole.down_per_s.into()),
            (name("paused_torrent_count", "pausedTorrentCount"), json!(table.rows().len() - running)),
            (name("torrent_count", "torrentCount"), json!(table.rows().len())),
            (name("upload_speed", "uploadSpeed"), whole.up_per_s.into()),
        ]))
    }
}
