//! The command line.

use clap::Parser;
use std::path::PathBuf;

/// The desktop app of ztor.
#[derive(Debug, Clone, Parser)]
#[command(name = "ztor-desktop", version)]
pub struct Args {
    /// Torrent files, magnet links and URLs to add
    #[arg(value_name = "TORRENT")]
    pub torrents: Vec<String>,
    /// State folder of the local daemon [default: $XDG_STATE_HOME/ztor/daemon]
    #[arg(long, value_name = "DIR", env = "ZTOR_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Show the daemon of this profile in remotes.toml, or at this URL, instead of the local one
    #[arg(long, value_name = "PROFILE|URL", env = "ZTOR_REMOTE")]
    pub remote: Option<String>,
    /// Write pictures of the views to this folder, and end
    #[arg(long, value_name = "DIR", hide = true)]
    pub screenshots: Option<PathBuf>,
}

impl Args {
    /// Returns the state folder of the local daemon; `None` without a home folder.
    pub fn state_dir(&self) -> Option<PathBuf> {
        let dir = match &self.state_dir {
            Some(dir) => dir.clone(),
            None => ztor_daemon::default_state_dir()?.join("daemon"),
        };
        Some(std::path::absolute(&dir).unwrap_or(dir))
    }

    /// Returns the arguments for the window that runs already: files by their absolute paths.
    pub fn arguments(&self) -> Vec<String> {
        let absolute = |text: &String| {
            let is_link = text.contains(':') && !std::path::Path::new(text).exists();
            if is_link || crate::source::link(text).is_some() {
                return text.clone();
            }
            std::path::absolute(text).map_or_else(|_| text.clone(), |path| path.display().to_string())
        };
        self.torrents.iter().map(absolute).collect()
    }
}
