//! The log on stderr, with a level that can change while the program runs.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::console::{Console, LogLine};
use crate::exit::CliError;

/// Level of the log. Clones share it.
#[derive(Clone)]
pub(crate) struct LogFilter {
    handle: reload::Handle<EnvFilter, Registry>,
    is_by_user: bool,
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
    let writer = console.clone();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(console.color())
        .with_writer(move || LogLine::new(&writer));
    tracing_subscriber::registry().with(filter).with(lines).init();
    Ok(LogFilter { handle, is_by_user })
}

fn parse(level: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    EnvFilter::builder().parse(level)
}

impl LogFilter {
    /// Returns true if the command line names the level.
    pub(crate) fn is_by_user(&self) -> bool {
        self.is_by_user
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
