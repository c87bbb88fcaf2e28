//! The log on stderr, with a level that can change while the program runs.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::Filter;
use ztor_server::api::LogBuffer;

use crate::console::{Console, LogLine};
use crate::exit::CliError;

/// Level and format of the log. Clones share them.
#[derive(Clone)]
pub(crate) struct LogFilter {
    handle: reload::Handle<EnvFilter, Registry>,
    is_by_user: bool,
    is_json: Arc<AtomicBool>,
    buffer: LogBuffer,
}

/// Starts the log at the level that the user asks for, or at `warn`.
pub(crate) fn start(level: Option<&str>, console: &Console) -> Result<LogFilter, CliError> {
    let is_by_user = level.is_some();
    let level = level.unwrap_or("warn");
    let filter = parse(level).map_err(|error| {
        CliError::usage(format!("cannot use --log-level {level}: {error}"))
            .hint("write, for example, --log-level info")
    })?;
    let (filter, handle) = reload::Layer::new(filter);
    let is_json = Arc::new(AtomicBool::new(false));
    let writer = || {
        let console = console.clone();
        move || LogLine::new(&console)
    };
    let lines = tracing_subscriber::fmt::layer().with_ansi(console.color()).with_writer(writer());
    let objects = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(writer());
    let buffer = LogBuffer::default();
    tracing_subscriber::registry()
        .with(filter)
        .with(lines.with_filter(while_json_is(false, &is_json)))
        .with(objects.with_filter(while_json_is(true, &is_json)))
        .with(buffer.clone())
        .init();
    Ok(LogFilter { handle, is_by_user, is_json, buffer })
}

/// Returns the filter of the layer for one of the formats.
fn while_json_is<S: Subscriber>(wanted: bool, is_json: &Arc<AtomicBool>) -> impl Filter<S> + use<S> {
    let is_json = Arc::clone(is_json);
    dynamic_filter_fn(move |_, _| is_json.load(Ordering::Relaxed) == wanted)
}

fn parse(level: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    EnvFilter::builder().parse(level)
}

impl LogFilter {
    /// Returns true if the command line names the level.
    pub(crate) fn is_by_user(&self) -> bool {
        self.is_by_user
    }

    /// Returns the last lines.
    pub(crate) fn buffer(&self) -> LogBuffer {
        self.buffer.clone()
    }

    /// Chooses between lines of text and an object in JSON for each line.
    pub(crate) fn set_json(&self, is_json: bool) {
        self.is_json.store(is_json, Ordering::Relaxed);
    }

    /// Changes the level.
    pub(crate) fn set(&self, level: &str) {
        match parse(level) {
            // Fails only if the log has ended.
            Ok(filter) => drop(self.handle.reload(filter)),
            Err(error) => tracing::warn!(level, %error, "cannot use the level of the log"),
        }
    }
}
