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
    /// Way in which peers are connected.
    pub connectivity: Connectivity,
    /// True if no peer has connected to the daemon for long, although there are connections: most likely a router or a
    /// firewall does not let them reach `peer_port`.
    pub is_unreachable: bool,
    /// Number of responsive nodes in the DHT's table; `null` if it is off, or not known yet.
    pub dht_nodes: Option<u64>,
    /// True if the DHT node answers no queries, as others cannot reach it (BEP 43).
    #[serde(default)]
    pub dht_read_only: bool,
    /// Port on which peers are accepted; 0 if none are, as with a proxy for peers.
    pub peer_port: u16,
    /// Port that a router maps to it over IPv4; `null` if none does.
    pub external_port: Option<u16>,
    /// True if the alternative limits are in force.
    pub alternative_limits: bool,
    /// State of the proxy; `null` if nothing goes through one.
    #[serde(default)]
    pub proxy: Option<Proxy>,
    /// Failure to save the state, in plain words; `null` if it is saved.
    pub save_error: Option<String>,
}

/// State of the proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Proxy {
    /// URL of the proxy, without its password.
    pub url: String,
    /// State.
    pub state: ProxyState,
    /// Reason for which it cannot be reached, and nothing goes through it; `null` unless it is down.
    pub problem: Option<String>,
    /// Reason for which it relays no datagrams, so that µTP, the DHT or UDP trackers are off; `null` if it does, or none are for
    /// it.
    pub no_datagrams: Option<String>,
}

/// Reachability of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProxyState {
    /// It has not answered yet.
    Connecting,
    /// It answers.
    Up,
    /// It does not answer.
    Down,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Way in which peers are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Connectivity {
    /// Peers have connected to the daemon since its start.
    Incoming,
    /// Only the daemon has connected to others.
    Outgoing,
    /// There is no connection.
    #[default]
    None,
    /// A way that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Rates over a span of time. Samples have equal distances.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct History {
    /// Time of the last sample in milliseconds since 1970.
    pub end_unix_ms: u64,
    /// Distance of two samples in milliseconds.
    pub step_ms: u64,
    /// Mean rates of incoming piece data in bytes per second; `null` while the daemon did not run.
    pub down: Vec<Option<u64>>,
    /// The same of outgoing data.
    pub up: Vec<Option<u64>>,
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
    /// URL of the web UI; `null` if only the local socket is served.
    pub web_url: Option<String>,
    /// State folder.
    pub state_dir: String,
    /// Process id.
    pub pid: u32,
}
