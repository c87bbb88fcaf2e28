//! How a session runs.

use crate::bind::Bind;
use crate::dht_state::DhtOptions;
use crate::handle::RateLimits;
use crate::resume_store::ResumeStore;
use crate::setters::setters;
use crate::state::default_state_dir;
use std::path::PathBuf;
use std::sync::Arc;
use ztor_engine::{Encryption, Transports};

setters!(Config {
    bind: Bind,
    port: u16,
    port_is_fixed: bool,
    dht: Option<DhtOptions>,
    local_discovery: bool,
    transports: Transports,
    state_dir: Option<PathBuf>,
    resume_store: Option<Arc<dyn ResumeStore>>,
    disk_workers: usize,
    settings: Settings,
});

setters!(Settings {
    limits: RateLimits,
    max_peers: usize,
    max_peers_per_torrent: usize,
    upload_slots_per_torrent: usize,
    upload_slots: usize,
    announce_to_all: bool,
    peer_exchange: bool,
    encryption: Encryption,
});

/// What a session is made with. [`settings`](field@Self::settings) can be changed while it runs, the rest cannot.
///
/// ```
/// use ztor_session::{Config, RateLimits, Settings};
///
/// let limits = RateLimits { down: Some(5_000_000), up: Some(500_000) };
/// let config = Config::default().port(0).settings(Settings::default().limits(limits));
/// assert_eq!(config.settings.max_peers, 500);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The only address or interface to use, for every socket. All by default.
    pub bind: Bind,
    /// Port to listen on; 0 lets the system choose. 6881 by default.
    pub port: u16,
    /// True if a port in use is an error. Otherwise the next free one is taken.
    pub port_is_fixed: bool,
    /// DHT (BEP 5). `None` takes no part in it, which is the default: an embedding program opts in.
    pub dht: Option<DhtOptions>,
    /// True to find and announce to peers in the local network (BEP 14). Off by default, as the DHT is.
    pub local_discovery: bool,
    /// Transports for calls and callers.
    pub transports: Transports,
    /// Folder for resume data and the nodes of the DHT; `None` keeps neither.
    pub state_dir: Option<PathBuf>,
    /// Place for resume data other than files in [`state_dir`](field@Self::state_dir).
    pub resume_store: Option<Arc<dyn ResumeStore>>,
    /// Threads of each disk that write and hash; 0 takes one per core, four at most.
    pub disk_workers: usize,
    /// Settings at the start.
    pub settings: Settings,
}

/// What can be changed while a session runs, see [`Session::set_settings`](crate::Session::set_settings).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Limits over all torrents.
    pub limits: RateLimits,
    /// Connections in all, 1 at least. Fewer if the limit of open files, which is raised as far as it goes, does not allow
    /// as many. A lower number closes no connection; it lets no further ones come.
    pub max_peers: usize,
    /// Connections of one torrent.
    pub max_peers_per_torrent: usize,
    /// Peers of one torrent that are served at a time, 1 at least. While seeding to fast peers it grows by one for each that
    /// is served well.
    pub upload_slots_per_torrent: usize,
    /// Peers of all torrents together that are served at a time, if several torrents have peers to serve. It grows in the
    /// same way.
    pub upload_slots: usize,
    /// True to announce to every tracker, and not to one that works of every tier (BEP 12).
    pub announce_to_all: bool,
    /// True to exchange addresses with peers (BEP 11).
    pub peer_exchange: bool,
    /// Encryption of calls and callers.
    pub encryption: Encryption,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: Bind::All,
            port: 6881,
            port_is_fixed: false,
            dht: None,
            local_discovery: false,
            transports: Transports::Both,
            state_dir: default_state_dir(),
            resume_store: None,
            disk_workers: 0,
            settings: Settings::default(),
        }
    }
}

impl Settings {
    /// The engine's view of the settings.
    pub(crate) fn to_engine(&self, max_peers: usize) -> ztor_engine::Settings {
        ztor_engine::Settings {
            limit_down: self.limits.down,
            limit_up: self.limits.up,
            max_peers,
            max_peers_per_torrent: self.max_peers_per_torrent.min(max_peers),
            upload_slots: self.upload_slots_per_torrent.max(1),
            session_upload_slots: self.upload_slots.max(1),
            announce_to_all: self.announce_to_all,
            peer_exchange: self.peer_exchange,
            encryption: self.encryption,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: RateLimits::default(),
            max_peers: 500,
            max_peers_per_torrent: 100,
            upload_slots_per_torrent: 8,
            upload_slots: 20,
            announce_to_all: false,
            peer_exchange: true,
            encryption: Encryption::Allow,
        }
    }
}
