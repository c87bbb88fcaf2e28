//! Settings of a client.

use std::net::SocketAddr;

/// What a client is given.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Everything is on its disk.
    pub(crate) is_seed: bool,
    pub(crate) limit_down: Option<u64>,
    pub(crate) limit_up: Option<u64>,
    pub(crate) max_peers: usize,
    pub(crate) max_peers_per_torrent: usize,
    pub(crate) upload_slots: usize,
    /// Hosts it knows from the start.
    pub(crate) peers: Vec<SocketAddr>,
    pub(crate) sequential: bool,
    /// It has nothing but the link.
    pub(crate) is_magnet: bool,
    /// Speaks µTP beside TCP.
    pub(crate) utp: bool,
    /// Takes part in the DHT, and enters it by these.
    pub(crate) dht: Option<Vec<SocketAddr>>,
    /// The rules hold for it, and it is to finish.
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
            is_magnet: false,
            utp: false,
            dht: None,
            is_honest: true,
        }
    }

    pub(crate) fn seed() -> Self {
        Self { is_seed: true, ..Self::leech(Vec::new()) }
    }
}
