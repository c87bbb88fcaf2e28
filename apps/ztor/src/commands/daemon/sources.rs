//! Sources of settings: the configuration file, the environment and flags.

use std::io::ErrorKind;
use std::path::PathBuf;

use ztor_daemon::settings::{MAX_FILE, SettingError, Sources};

use super::flags::SettingFlags;
use crate::exit::{CliError, Exit};

/// Variables of the environment that are not settings.
const OTHERS: &[&str] = &["ZTOR_STATE_DIR", "ZTOR_CONFIG", "ZTOR_REMOTE"];

/// The sources that a reload reads again.
pub(super) struct SourceArgs {
    pub(super) config: Option<PathBuf>,
    pub(super) flags: SettingFlags,
}

impl SourceArgs {
    /// Reads all sources but the stored changes.
    pub(super) fn read(&self) -> anyhow::Result<Sources> {
        let home = etcetera::home_dir().ok();
        let mut sources = Sources::new(home);
        if let Some(path) = self.config.clone().or_else(default_config) {
            match read_file(&path) {
                Ok(content) => sources = sources.file(&path, content),
                Err(error) if error.kind() == ErrorKind::NotFound && self.config.is_none() => {}
                Err(error) => {
                    let message = format!("cannot read the configuration file {}: {error}", path.display());
                    return Err(CliError::new(Exit::Usage, message).into());
                }
            }
        }
        let variables = std::env::vars_os().filter(|(name, _)| !OTHERS.iter().any(|other| name == other));
        Ok(sources.environment(variables).flags(self.flags.entries()))
    }
}

/// Reads a file, at most one byte more than a configuration file may have.
fn read_file(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(MAX_FILE as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Returns the usual path of the configuration file.
fn default_config() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    Some(etcetera::base_strategy::Xdg::new().ok()?.config_dir().join("ztor/ztor.toml"))
}

/// Returns the error for settings that cannot be used.
pub(super) fn refused(errors: Vec<SettingError>) -> CliError {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    CliError::new(Exit::Usage, lines.join("\n"))
        .hint("`ztor daemon --print-config` prints all settings with their defaults")
}
