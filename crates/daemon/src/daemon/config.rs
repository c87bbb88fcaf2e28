//! Configuration of a daemon.

use crate::record::{FileOptions, Folder, Share};
use crate::settings::{Resolved, Settings};
use std::path::PathBuf;
use std::time::Duration;
use ztor_session::{Allocation, ContentLayout, ShareFiles, Use};

/// Configuration of a daemon at its start.
#[derive(Debug, Clone)]
pub struct DaemonConfig {
    /// State folder, created if it does not exist.
    pub state_dir: PathBuf,
    /// Settings from all sources.
    pub settings: Resolved,
    /// True if a port in use is an error. Otherwise another one is used.
    pub port_is_fixed: bool,
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
    /// Way of requests for URLs.
    pub route: ztor_session::Route,
    /// Time between complete scans of the watched folders, at least a second.
    pub watch_rescan: Duration,
    /// Time for which a file in a watched folder must be unchanged before it is loaded.
    pub watch_settle: Duration,
}

impl From<&Settings> for Options {
    fn from(settings: &Settings) -> Self {
        let absolute = |dir: &PathBuf| std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
        Self {
            download_dir: absolute(&settings.download_dir),
            trash_dir: settings.trash_dir.as_ref().map(absolute),
            files: FileOptions {
                incomplete_dir: settings.incomplete_dir.as_ref().map(absolute),
                part_suffix: settings.part_suffix.clone(),
                layout: match settings.layout {
                    ContentLayout::Original => Folder::Original,
                    ContentLayout::Subfolder => Folder::Subfolder,
                    ContentLayout::NoSubfolder => Folder::NoSubfolder,
                },
                share_files: match settings.share_files {
                    ShareFiles::No => Share::No,
                    ShareFiles::HardLink => Share::HardLinks,
                    ShareFiles::Reflink => Share::Reflinks,
                },
                allocate_fully: settings.allocate == Allocation::Full,
            },
            start_paused: settings.start_paused,
            is_sequential: settings.sequential,
            is_ends_first: settings.ends_first,
            route: settings
                .proxy_policy()
                .route(&settings.bind, Use::Other, settings.anonymous)
                .dns_servers(settings.dns_servers.clone()),
            watch_rescan: settings.watch_rescan,
            watch_settle: settings.watch_settle,
        }
    }
}
