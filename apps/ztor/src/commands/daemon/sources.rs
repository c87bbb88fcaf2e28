//! Sources of settings: the configuration file, the environment and flags.

use std::path::PathBuf;

use ztor_daemon::settings::{SettingError, Sources};

use super::flags::SettingFlags;
use crate::exit::{CliError, Exit};

/// The sources that a reload reads again.
pub(super) struct SourceArgs {
    pub(super) config: Option<PathBuf>,
    pub(super) flags: SettingFlags,
}

impl SourceArgs {
    /// Reads all sources but the stored changes.
    pub(super) fn read(&self) -> anyhow::Result<Sources> {
        let sources = Sources::of_user(self.config.as_deref());
        let sources = sources.map_err(|error| CliError::new(Exit::Usage, error.to_string()))?;
        Ok(sources.flags(self.flags.entries()))
    }
}

/// Returns the error for settings that cannot be used.
pub(super) fn refused(errors: Vec<SettingError>) -> CliError {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    CliError::new(Exit::Usage, lines.join("\n"))
        .hint("`ztor daemon --print-config` prints all settings with their defaults")
}
