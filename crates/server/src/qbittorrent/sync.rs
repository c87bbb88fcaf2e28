//! `sync/maindata`: the whole, and what has changed since the last answer.

use super::answer::{Outcome, Reply};
use super::cells::Cells;
use super::delta::{Rest, Whole, delta, full};
use super::lines::Line;
use super::track::{Track, rid_of};
use super::{Call, Qb, labels, transfer};
use std::sync::Arc;
use std::time::Instant;
use ztor_api::Statistics;
use ztor_daemon::settings::Settings;

/// What a client knows of the whole.
pub(super) type MainSync = Track<Whole<Line>>;

/// Answers `sync/maindata`.
pub(super) fn maindata(call: &Call) -> Outcome {
    let rid = rid_of(call.params.integer("rid"));
    let whole = Whole { torrents: Arc::clone(call.qb.lines().by_id()), rest: call.qb.rest() };
    let now = Instant::now();
    let (next, known) = call.session.main().answer(rid, whole.clone());
    let text = match known {
        Some(known) => delta(&known, &whole, next, now),
        None => full(&whole, next, now),
    };
    Ok(Reply::Json(text.into_bytes()))
}

impl Qb {
    /// Returns what is no torrent. While it stays the same, it is the same allocation.
    fn rest(&self) -> Arc<Rest> {
        let categories = labels::categories(self).into_iter();
        let rest = Rest {
            categories: categories.map(|(name, category)| (name, category.to_string())).collect(),
            tags: self.daemon().tags().into_iter().map(|tag| tag.name).collect(),
            server: server_state(self),
        };
        let mut present = self.0.rest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if **present != rest {
            *present = Arc::new(rest);
        }
        Arc::clone(&present)
    }
}

/// Returns the state of the server.
fn server_state(qb: &Qb) -> Cells {
    let statistics = qb.statistics();
    let settings = qb.settings();
    let mut cells = Cells::default();
    cells.push("alltime_dl", statistics.downloaded_bytes);
    cells.push("alltime_ul", statistics.uploaded_bytes);
    cells.push("average_time_queue", 0);
    cells.push("free_space_on_disk", statistics.free_bytes.unwrap_or(0));
    cells.push_text("global_ratio", &ratio(&statistics));
    cells.push("queued_io_jobs", 0);
    cells.push("queueing", is_queueing(&settings));
    cells.push_text("read_cache_hits", "0");
    cells.push_text("read_cache_overload", "0");
    cells.push("refresh_interval", qb.refresh_interval());
    cells.push("total_buffers_size", 0);
    cells.push("total_peer_connections", statistics.peers);
    cells.push("total_queued_size", 0);
    cells.push("total_wasted_session", 0);
    cells.push("use_alt_speed_limits", statistics.alternative_limits);
    cells.push("use_subcategories", true);
    cells.push_text("write_cache_overload", "0");
    for (key, value) in transfer::pairs(qb, &statistics, &settings) {
        cells.push(key, value);
    }
    cells
}

fn ratio(statistics: &Statistics) -> String {
    match statistics.downloaded_bytes {
        0 => "-".to_owned(),
        downloaded => format!("{:.2}", statistics.uploaded_bytes as f64 / downloaded as f64),
    }
}

/// Returns true if the number of torrents that run at a time is limited.
pub(super) fn is_queueing(settings: &Settings) -> bool {
    settings.max_downloads.is_some() || settings.max_seeds.is_some() || settings.max_active.is_some()
}
