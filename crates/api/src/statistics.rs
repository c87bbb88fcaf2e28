//! Statistics and description of the daemon.

use serde::{Deserialize, Serialize};

/// Statistics of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Statistics {
    /// Revision of the daemon's state.
    pub revision: u64,
    /// Number of torrents.
    pub torrents: usize,
    /// Number of torrents that transfer data.
    pub active: usize,
    /// Rate of incoming piece data.
    pub down_per_s: u64,
    /// Rate of outgoing piece data.
    pub up_per_s: u64,
    /// Bytes received since the start.
    pub session_downloaded_bytes: u64,
    /// Bytes sent since the start.
    pub session_uploaded_bytes: u64,
    /// Bytes received by all torrents that the daemon has, in all sessions.
    pub downloaded_bytes: u64,
    /// Bytes sent by all torrents that the daemon has, in all sessions.
    pub uploaded_bytes: u64,
    /// Number of connections.
    pub peers: u64,
    /// Free space on the disk of the download folder; `null` if unknown.
    pub free_bytes: Option<u64>,
    /// Time since the start.
    pub uptime_s: u64,
    /// True if the alternative limits are in force.
    pub alternative_limits: bool,
    /// Failure to save the state, in plain words; `null` if it is saved.
    pub save_error: Option<String>,
}

/// Description of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Daemon {
    /// Name of the program.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Address on which peers are accepted.
    pub peer_addr: String,
    /// Addresses of the API over TCP.
    pub api_addrs: Vec<String>,
    /// State folder.
    pub state_dir: String,
    /// Process id.
    pub pid: u32,
}
