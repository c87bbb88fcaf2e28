//! Settings of a client.

use crate::node::WebServer;
use std::net::SocketAddr;
use ztor_engine::LeechDefence;

/// Settings of a client. Limits are in bytes per second.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// True if all content is on its disk at the start.
    pub(crate) is_seed: bool,
    pub(crate) limit_down: Option<u64>,
    pub(crate) limit_up: Option<u64>,
    pub(crate) max_peers: usize,
    pub(crate) max_peers_per_torrent: usize,
    pub(crate) upload_slots: usize,
    /// Addresses of peers known from the start.
    pub(crate) peers: Vec<SocketAddr>,
    pub(crate) sequential: bool,
    pub(crate) super_seeding: bool,
    /// True if it starts with only the magnet link.
    pub(crate) is_magnet: bool,
    /// True for µTP in addition to TCP.
    pub(crate) utp: bool,
    /// Nodes for the bootstrap of the DHT; `None` without DHT.
    pub(crate) dht: Option<Vec<SocketAddr>>,
    pub(crate) web_seeds: Vec<WebServer>,
    pub(crate) leech_defence: LeechDefence,
    /// True if it must finish.
    pub(crate) is_honest: bool,
}

impl Settings {
    pub(crate) fn leech(peers: Vec<SocketAddr>) -> Self {
        Self {
            is_seed: false,
            limit_down: None,
            limit_up: None,
            max_peers: 500,
            max_peers_per_torrent: 100,
            upload_slots: 8,
            peers,
            sequential: false,
            super_seeding: false,
            is_magnet: false,
            utp: false,
            dht: None,
            web_seeds: Vec::new(),
            leech_defence: LeechDefence::default(),
            is_honest: true,
        }
    }

    pub(crate) fn seed() -> Self {
        Self { is_seed: true, ..Self::leech(Vec::new()) }
    }
}
