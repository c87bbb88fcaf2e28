//! The last lines of the log, and their route.

use super::Api;
use super::answer::{Answer, Json, Refused};
use axum::extract::{RawQuery, State};
use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use ztor_api::{LogLine, ProblemKind};

/// Number of lines that are kept.
const MAX_LINES: usize = 2000;
/// Longest message that is kept, in bytes.
const MAX_MESSAGE: usize = 4096;
/// Levels, the most severe first.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// The last lines of the log. Clones share it. The oldest lines leave it.
#[derive(Debug, Clone, Default)]
pub struct LogBuffer(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<LogLine>,
    /// Number of lines so far.
    count: u64,
}

/// Keeps the events of a log.
impl<S: Subscriber> Layer<S> for LogBuffer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        let level = metadata.level().as_str().to_ascii_lowercase();
        // Other crates have ids of their own.
        let torrent = text.id.filter(|_| metadata.target().starts_with("ztor_daemon"));
        self.push(&level, metadata.target(), text.message + &text.fields, torrent);
    }
}

/// Message and fields of an event.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
    id: Option<u64>,
}

impl Visit for Text {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "id" {
            self.id = Some(value);
        }
        self.record_debug(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

impl LogBuffer {
    /// Adds a line, about one torrent or none. `level` is one of the names in [`LogLine`].
    pub fn push(&self, level: &str, target: &str, mut message: String, torrent: Option<u64>) {
        if message.len() > MAX_MESSAGE {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.count += 1;
        let number = lines.count;
        let (level, target) = (level.to_owned(), target.to_owned());
        lines.lines.push_back(LogLine { number, unix_ms, level, target, message, torrent });
        if lines.lines.len() > MAX_LINES {
            lines.lines.pop_front();
        }
    }

    /// Returns the last lines after a number, of all levels.
    pub(crate) fn after(&self, since: u64) -> Vec<LogLine> {
        self.read(LogQuery { since, ..LogQuery::default() })
    }

    /// Returns the lines that a query selects.
    fn read(&self, query: LogQuery) -> Vec<LogLine> {
        let LogQuery { since, level, limit, torrent } = query;
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = |line: &&LogLine| {
            line.number > since
                && torrent.is_none_or(|id| line.torrent == Some(id))
                && LEVELS.iter().take(level + 1).any(|known| line.level == *known)
        };
        let mut found: Vec<LogLine> =
            lines.lines.iter().rev().filter(is_wanted).take(limit).cloned().collect();
        found.reverse();
        found
    }
}

/// The last `limit` lines after the line `since`, of `level` (an index) and more severe ones, about one torrent or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogQuery {
    since: u64,
    level: usize,
    limit: usize,
    torrent: Option<u64>,
}

impl Default for LogQuery {
    /// All lines.
    fn default() -> Self {
        Self { since: 0, level: LEVELS.len() - 1, limit: MAX_LINES, torrent: None }
    }
}

/// Returns lines of the log. Parameters: `since`, `level`, `limit`, `torrent`.
pub(super) async fn read(State(api): State<Api>, RawQuery(query): RawQuery) -> Answer<Vec<LogLine>> {
    let query = log_query(query.as_deref().unwrap_or_default())?;
    Ok(Json(api.log().read(query)))
}

/// Parses the query of the log.
pub(crate) fn log_query(text: &str) -> Result<LogQuery, Refused> {
    let bad = |detail: String| Refused::new(ProblemKind::BadRequest, detail);
    let mut query = LogQuery::default();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let number =
            || value.parse::<u64>().map_err(|_| bad(format!("cannot use {name}: expected a number")));
        match &*name {
            "since" => query.since = number()?,
            "torrent" => query.torrent = Some(number()?),
            "limit" => query.limit = usize::try_from(number()?).unwrap_or(usize::MAX),
            "level" => {
                let known = LEVELS.iter().position(|level| *level == value);
                query.level = known
                    .ok_or_else(|| bad(format!("cannot use level: use one of {}", LEVELS.join(", "))))?;
            }
            _ => return Err(bad("unknown parameter; use since, level, limit or torrent".into())),
        }
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_returns_the_last_lines_of_a_level_and_old_lines_leave() {
        let log = LogBuffer::default();
        (0..MAX_LINES).for_each(|number| log.push("info", "x", number.to_string(), None));
        log.push("error", "x", "é".repeat(MAX_MESSAGE), None);
        log.push("debug", "x", "last".into(), Some(7));
        let all = LogQuery { limit: usize::MAX, ..LogQuery::default() };
        assert_eq!(log.read(all).len(), MAX_LINES);
        let last = log.read(LogQuery { limit: 1, ..all });
        assert_eq!(last.first().map(|line| line.message.clone()), Some("last".into()));
        let errors = log.read(LogQuery { level: 0, ..all });
        assert_eq!((errors.len(), errors[0].message.len()), (1, MAX_MESSAGE));
        assert_eq!(log.read(LogQuery { since: MAX_LINES as u64, level: 2, ..all }).len(), 1);
        let of_torrent = log.read(LogQuery { torrent: Some(7), ..all });
        assert_eq!((of_torrent.len(), of_torrent[0].torrent), (1, Some(7)));
    }
}
