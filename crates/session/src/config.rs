//! Configuration of a session.

use crate::bind::Bind;
use crate::dht_state::DhtOptions;
use crate::handle::RateLimits;
use crate::mapping::PortMappingOptions;
use crate::proxy::ProxyPolicy;
use crate::reach_settings::ReachSettings;
use crate::resume_store::ResumeStore;
use crate::setters::setters;
use crate::state::default_state_dir;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use ztor_engine::{Encryption, LeechDefence, Transports};

setters!(Config {
    bind: Bind,
    port: u16,
    port_is_fixed: bool,
    dht: Option<DhtOptions>,
    local_discovery: bool,
    transports: Transports,
    dns_servers: Vec<IpAddr>,
    tracker_dns: bool,
    state_dir: Option<PathBuf>,
    resume_store: Option<Arc<dyn ResumeStore>>,
    disk_workers: usize,
    settings: Settings,
});

setters!(Settings {
    limits: RateLimits,
    limits_count_overhead: bool,
    limits_spare_local: bool,
    max_peers: usize,
    max_peers_per_torrent: usize,
    upload_slots_per_torrent: usize,
    upload_slots: usize,
    web_seeds_at_once: usize,
    announce_to_all: bool,
    peer_exchange: bool,
    suggest_pieces: bool,
    encryption: Encryption,
    port_mapping: PortMappingOptions,
    announced_port: Option<u16>,
    proxy: ProxyPolicy,
    is_anonymous: bool,
    leech_defence: LeechDefence,
});

/// Configuration of a session. [`settings`](field@Self::settings) can change while it runs, the rest cannot.
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
    /// Only address or interface to use, for every socket. All addresses by default.
    pub bind: Bind,
    /// Port to listen on, over TCP and UDP; 0 lets the system choose. 6881 by default.
    pub port: u16,
    /// True if a port in use is an error. Otherwise one of the next 32 is used, or one that the system chooses. False
    /// by default.
    pub port_is_fixed: bool,
    /// DHT (BEP 5). `None`, the default, takes no part in it: an embedding program opts in.
    pub dht: Option<DhtOptions>,
    /// True to find peers in the local network and announce torrents there (BEP 14). False by default, as for the DHT.
    pub local_discovery: bool,
    /// Transports of incoming and outgoing connections. Both by default.
    pub transports: Transports,
    /// Name servers to ask, from the bound address or interface, at most three. Empty, the default, leaves names to the
    /// system, which ignores the binding.
    pub dns_servers: Vec<IpAddr>,
    /// True to ask the DNS on which ports the host of a tracker runs trackers (BEP 34). This is one more query for each host,
    /// to the name servers of the system. False by default.
    pub tracker_dns: bool,
    /// Folder for resume data and the nodes of the DHT; `None` keeps neither. [`default_state_dir`] by default.
    pub state_dir: Option<PathBuf>,
    /// Store for resume data; `None`, the default, uses files in [`state_dir`](field@Self::state_dir).
    pub resume_store: Option<Arc<dyn ResumeStore>>,
    /// Number of threads per disk that write and hash; 0, the default, means one per core and at most four.
    pub disk_workers: usize,
    /// Settings at the start.
    pub settings: Settings,
}

/// Settings that can change while a session runs: see [`Session::set_settings`](crate::Session::set_settings).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Rate limits over all torrents. None by default.
    pub limits: RateLimits,
    /// True if limits also count the headers of the packets with piece data, about 4 %. True by default.
    pub limits_count_overhead: bool,
    /// True if limits do not apply to peers in the local network. False by default.
    pub limits_spare_local: bool,
    /// Maximum number of connections, attempts included, at least 1; 500 by default. The session raises the limit of
    /// open files as far as it can, and uses a lower number if that does not suffice. Lowering the number closes no
    /// connection; no new ones are made until there are fewer.
    pub max_peers: usize,
    /// Maximum number of connections of one torrent, attempts included; 100 by default.
    pub max_peers_per_torrent: usize,
    /// Number of peers of one torrent that are served at a time, at least 1; 8 by default. It grows with the number of
    /// peers that are served fast (50 KiB/s or more).
    pub upload_slots_per_torrent: usize,
    /// Number of peers of all torrents together that are served at a time, at least 1, if several torrents have
    /// interested peers; 20 by default. It grows in the same way. Every download may serve two peers regardless.
    pub upload_slots: usize,
    /// Maximum number of web seeds that are asked at a time, over all torrents; 0 uses none. 20 by default. A torrent
    /// asks at most four.
    pub web_seeds_at_once: usize,
    /// True to announce to every tracker, instead of one that works per tier (BEP 12). False by default.
    pub announce_to_all: bool,
    /// True to exchange addresses with peers (BEP 11). True by default. Hole punching (BEP 55) depends on it.
    pub peer_exchange: bool,
    /// True to suggest pieces that were read lately to peers (BEP 6), which spares a slow disk. Peers of other clients then
    /// fetch them before rare ones. False by default.
    pub suggest_pieces: bool,
    /// Encryption of incoming and outgoing connections. [`Encryption::Allow`] by default.
    pub encryption: Encryption,
    /// Mapping of the port by routers. Off by default.
    pub port_mapping: PortMappingOptions,
    /// Port at which others reach this machine over IPv4, where a router or a VPN forwards another one than is listened
    /// on. `None`, the default, announces the mapped port, or else the one that is listened on.
    pub announced_port: Option<u16>,
    /// Proxy, and what goes through it. None by default. After a change, connections that are not through the new one
    /// are closed.
    pub proxy: ProxyPolicy,
    /// True to send nothing that describes the client: its name and version, its addresses, and an agent of its own over
    /// HTTP. The peer id is random, and there is no local discovery. Others still see the address that packets come from,
    /// unless there is a proxy. False by default.
    pub is_anonymous: bool,
    /// Defence against peers that take without end. [`LeechDefence::Normal`] by default.
    pub leech_defence: LeechDefence,
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
            dns_servers: Vec::new(),
            tracker_dns: false,
            state_dir: default_state_dir(),
            resume_store: None,
            disk_workers: 0,
            settings: Settings::default(),
        }
    }
}

impl Settings {
    /// Returns true if the session takes part in local discovery where the configuration says so.
    pub(crate) fn allows_local(&self) -> bool {
        self.proxy.allows_local() && !self.is_anonymous
    }

    /// Converts the settings for the engine, with the transports that can be used.
    pub(crate) fn to_engine(&self, transports: Transports) -> ztor_engine::Settings {
        let max_peers = self.max_peers.max(1);
        ztor_engine::Settings {
            limit_down: self.limits.down,
            limit_up: self.limits.up,
            limits_count_overhead: self.limits_count_overhead,
            limits_spare_local: self.limits_spare_local,
            max_peers,
            max_peers_per_torrent: self.max_peers_per_torrent.min(max_peers),
            upload_slots: self.upload_slots_per_torrent.max(1),
            session_upload_slots: self.upload_slots.max(1),
            max_web_seeds: self.web_seeds_at_once,
            announce_to_all: self.announce_to_all,
            peer_exchange: self.peer_exchange,
            suggest_pieces: self.suggest_pieces,
            encryption: self.encryption,
            transports,
            leech_defence: self.leech_defence,
        }
    }
}

impl Settings {
    /// Returns the settings of the ports.
    pub(crate) fn reach(&self) -> ReachSettings {
        let is_reachable = self.proxy.allows_incoming();
        ReachSettings {
            is_reachable,
            announced_port: self.announced_port.filter(|port| *port != 0 && is_reachable),
            // Routers are asked in the local network, which a proxy and anonymity keep out of it.
            mapping: match self.allows_local() {
                true => self.port_mapping.clone(),
                false => PortMappingOptions::default(),
            },
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: RateLimits::default(),
            limits_count_overhead: true,
            limits_spare_local: false,
            max_peers: 500,
            max_peers_per_torrent: 100,
            upload_slots_per_torrent: 8,
            upload_slots: 20,
            web_seeds_at_once: 20,
            announce_to_all: false,
            peer_exchange: true,
            suggest_pieces: false,
            encryption: Encryption::Allow,
            port_mapping: PortMappingOptions::default(),
            announced_port: None,
            proxy: ProxyPolicy::default(),
            is_anonymous: false,
            leech_defence: LeechDefence::Normal,
        }
    }
}
