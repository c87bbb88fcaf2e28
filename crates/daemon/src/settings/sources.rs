//! Sources of settings, and their order.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use thiserror::Error;
use ztor_api::{SettingSource, SettingValue};

use super::error::{Errors, Place, Problem, SettingError, quoted, shown};
use super::file::{self, MAX_FILE};
use super::nearest::nearest;
use super::pin::Pin;
use super::resolved::{Resolved, Stored};
use super::table::{TABLE, index_of};

/// Prefix of environment variables; the key in upper case follows.
pub const ENVIRONMENT_PREFIX: &str = "ZTOR_";
/// Variables of the environment with that prefix that are not settings.
const OTHERS: &[&str] = &["ZTOR_STATE_DIR", "ZTOR_CONFIG", "ZTOR_REMOTE", "ZTOR_TOKEN"];

/// All sources of settings.
///
/// Defaults come first, then the configuration file, the environment and flags; each replaces the ones before. A
/// stored change of a front end counts as long as none of these gives the setting another value than it had at the
/// time of the change.
///
/// ```
/// use ztor_daemon::settings::Sources;
///
/// let sources = Sources::new(Some("/home/me".into())).file("/etc/ztor.toml", "[queue]\nmax_downloads = 3\n");
/// let resolved = sources.environment([("ZTOR_PORT".into(), "7000".into())]).resolve()?;
/// assert_eq!((resolved.settings().max_downloads, resolved.settings().port), (Some(3), 7000));
/// # Ok::<(), Vec<ztor_daemon::settings::SettingError>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sources {
    home: Option<PathBuf>,
    file: Option<(String, Vec<u8>)>,
    variables: Vec<(String, OsString)>,
    flags: Vec<(String, String, String)>,
    stored: Vec<Stored>,
}

/// A configuration file cannot be read.
#[derive(Debug, Error)]
#[error("cannot read the configuration file {}: {error}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// Cause.
    pub error: io::Error,
}

/// Reads a file, at most one byte more than a configuration file may have.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(MAX_FILE as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Returns the usual path of the configuration file.
fn default_config() -> Option<PathBuf> {
    Some(etcetera::base_strategy::Xdg::new().ok()?.config_dir().join("ztor/ztor.toml"))
}

impl Sources {
    /// Creates a set of sources that has only the defaults. Without a home folder, all paths must be absolute.
    pub fn new(home: Option<PathBuf>) -> Self {
        Self { home, ..Self::default() }
    }

    /// Creates the usual set: the configuration file that is given, or that of the user if it exists, and the environment.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of_user(config: Option<&Path>) -> Result<Self, FileError> {
        let mut sources = Self::new(etcetera::home_dir().ok());
        if let Some(path) = config.map(Path::to_owned).or_else(default_config) {
            match read_file(&path) {
                Ok(content) => sources = sources.file(&path, content),
                Err(error) if error.kind() == io::ErrorKind::NotFound && config.is_none() => {}
                Err(error) => return Err(FileError { path, error }),
            }
        }
        let variables = std::env::vars_os().filter(|(name, _)| !OTHERS.iter().any(|other| name == other));
        Ok(sources.environment(variables))
    }

    /// Sets the path and the content of the configuration file.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<Path>, content: impl Into<Vec<u8>>) -> Self {
        self.file = Some((path.as_ref().display().to_string(), content.into()));
        self
    }

    /// Adds variables of the environment. Those that resemble no setting are ignored, as are those without
    /// [`ENVIRONMENT_PREFIX`].
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let named = variables.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        self.variables.extend(named.filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX)));
        self
    }

    /// Adds flags of the command line: key of the setting, the flag as the user writes it, and its value.
    #[must_use]
    pub fn flags(mut self, flags: impl IntoIterator<Item = (String, String, String)>) -> Self {
        self.flags.extend(flags);
        self
    }

    /// Adds stored changes. For a key that occurs twice, the last one counts.
    #[must_use]
    pub fn stored(mut self, stored: impl IntoIterator<Item = Stored>) -> Self {
        self.stored.extend(stored);
        self
    }

    /// Validates all sources and combines them.
    ///
    /// # Errors
    /// All errors in the file, the environment and the flags, up to [`MAX_ERRORS`](super::MAX_ERRORS). Stored changes
    /// that cannot be used become [warnings](Resolved::warnings), unless they are of settings that protect the user, such as
    /// the proxy.
    pub fn resolve(self) -> Result<Resolved, Vec<SettingError>> {
        let mut errors = Errors::default();
        let mut pins = vec![None; TABLE.len()];
        if let Some((path, content)) = &self.file {
            file::read(path, content, &mut pins, &mut errors);
        }
        for (variable, value) in self.variables {
            let place = Place::Environment { variable: shown(&variable) };
            let key = variable[ENVIRONMENT_PREFIX.len()..].to_ascii_lowercase();
            let is_upper = !variable.contains(|c: char| c.is_ascii_lowercase());
            let Some(index) = index_of(&key).filter(|_| is_upper) else {
                let keys = TABLE.iter().map(|declaration| declaration.key);
                if let Some(nearest) = nearest(&key, keys) {
                    let nearest = format!("{ENVIRONMENT_PREFIX}{}", nearest.to_ascii_uppercase());
                    let problem = Problem::UnknownKey { key: shown(&variable), nearest: Some(nearest) };
                    errors.add(|| SettingError { place: Place::None, problem });
                }
                continue;
            };
            match value.into_string() {
                Ok(text) => {
                    let source = SettingSource::Environment { variable };
                    set(&mut pins[index], index, &text, source, &mut errors);
                }
                Err(_) => errors.add(|| SettingError { place, problem: Problem::Encoding }),
            }
        }
        for (key, flag, text) in self.flags {
            match index_of(&key) {
                Some(index) => {
                    set(&mut pins[index], index, &text, SettingSource::Flag { flag }, &mut errors);
                }
                None => errors.add(|| SettingError {
                    place: Place::Flag { flag },
                    problem: Problem::UnknownKey { key: shown(&key), nearest: None },
                }),
            }
        }
        errors.into_result()?;
        Resolved::new(self.home, pins, self.stored)
    }
}

fn set(pin: &mut Option<Pin>, index: usize, text: &str, source: SettingSource, errors: &mut Errors) {
    let declaration = &TABLE[index];
    match declaration.kind.check(&SettingValue::Text(text.to_owned())) {
        Ok(value) => *pin = Some(Pin { value, source }),
        Err(refusal) => errors.add(|| SettingError {
            place: Place::of(&source),
            problem: refusal.into_problem(
                declaration.key,
                match declaration.kind.is_secret() {
                    true => declaration.kind.quoted(text),
                    false => quoted(text),
                },
            ),
        }),
    }
}
