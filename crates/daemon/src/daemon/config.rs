//! Configuration of a daemon.

use crate::record::FileOptions;
use std::path::PathBuf;
use std::time::Duration;

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

/// Options for new torrents and of the watched folders, which can change while the daemon runs.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Time between complete scans of the watched folders, at least a second.
    pub watch_rescan: Duration,
    /// Time for which a file in a watched folder must be unchanged before it is loaded.
    pub watch_settle: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            download_dir: PathBuf::new(),
            trash_dir: None,
            files: FileOptions::default(),
            start_paused: false,
            is_sequential: false,
            is_ends_first: false,
            bind: ztor_session::Bind::default(),
            watch_rescan: Duration::from_secs(60),
            watch_settle: Duration::from_secs(2),
        }
    }
}
