//! Configuration of a daemon.

use crate::record::FileOptions;
use std::path::PathBuf;

/// Configuration of a daemon at its start.
#[derive(Debug, Clone)]
pub struct DaemonConfig {
    /// State folder, created if it does not exist.
    pub state_dir: PathBuf,
    /// Configuration of the session. State folder and resume store are set by the daemon.
    pub session: ztor_session::Config,
    /// Rules of the policy.
    pub policy: ztor_policy::Config,
    /// Options for new torrents.
    pub options: Options,
}

/// Options for new torrents, which can change while the daemon runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Download folder, an absolute path.
    pub download_dir: PathBuf,
    /// Folder of removed files; `None` if there is no trash.
    pub trash_dir: Option<PathBuf>,
    /// Options for the files.
    pub files: FileOptions,
    /// True to leave new torrents stopped.
    pub start_paused: bool,
    /// True to fetch pieces in order.
    pub is_sequential: bool,
    /// True to fetch the ends of files first.
    pub is_ends_first: bool,
    /// Address or interface for fetching URLs.
    pub bind: ztor_session::Bind,
}
