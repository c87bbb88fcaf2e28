//! Flags for the address of the daemon.

use std::path::PathBuf;

use clap::Args;

/// Address of the daemon.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Daemon")]
pub(crate) struct DaemonAddress {
    /// Ask the daemon of this profile in remotes.toml, or at this URL, instead of the local one
    #[arg(long, global = true, value_name = "PROFILE|URL", env = "ZTOR_REMOTE")]
    pub(crate) remote: Option<String>,
    /// State folder of the local daemon [default: $XDG_STATE_HOME/ztor/daemon]
    #[arg(long, global = true, value_name = "DIR", env = "ZTOR_STATE_DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}
