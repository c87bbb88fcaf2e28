//! Settings and constants of the engine.

use std::net::IpAddr;
use ztor_base::addr::is_local;
use ztor_base::{Duration, PeerId};

/// Settings of an engine. Rates are in bytes per second; `None` means no limit.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our peer id for peers and trackers (BEP 20).
    pub peer_id: PeerId,
    /// Name and version of the client in the extension handshake (BEP 10, `v`).
    pub client: String,
    /// True to send nothing that describes the client or its addresses. [`peer_id`](Self::peer_id) is the caller's.
    pub is_anonymous: bool,
    /// Port at which peers in the local network reach us, and all others unless another one is in `external_ports`;
    /// 0 for none.
    pub listen_port: u16,
    /// Ports at which peers elsewhere reach us.
    pub external_ports: ExternalPorts,
    /// Limit for incoming piece data over all torrents.
    pub limit_down: Option<u64>,
    /// Limit for outgoing piece data over all torrents.
    pub limit_up: Option<u64>,
    /// True if limits also count the headers of the packets with piece data, about 4 %.
    pub limits_count_overhead: bool,
    /// True if limits do not apply to peers in the local network, apart from those of single peers.
    pub limits_spare_local: bool,
    /// Maximum number of connections, attempts included.
    pub max_peers: usize,
    /// Maximum number of connections of one torrent, attempts included.
    pub max_peers_per_torrent: usize,
    /// Number of peers of one torrent that may be unchoked at a time, optimistic ones included. It grows with the
    /// number of peers that are served fast (50 KiB/s or more).
    pub upload_slots: usize,
    /// Number of peers of all torrents together that may be unchoked at a time, if several torrents have interested
    /// peers. It grows in the same way. Every download may serve two peers regardless.
    pub session_upload_slots: usize,
    /// Maximum number of concurrent HTTP requests to trackers.
    pub max_tracker_sockets: usize,
    /// Maximum number of web seeds that are asked at a time, over all torrents; 0 uses none.
    pub max_web_seeds: usize,
    /// True to announce to every tracker, instead of one that works per tier (BEP 12).
    pub announce_to_all: bool,
    /// True to exchange addresses with peers (BEP 11). Hole punching (BEP 55) depends on it.
    pub peer_exchange: bool,
    /// True to suggest pieces that were read lately to peers (BEP 6). It spares a slow disk; the peers of other clients
    /// then fetch the same pieces, instead of rare ones.
    pub suggest_pieces: bool,
    /// True to announce torrents and find peers in the local network (BEP 14).
    pub local_discovery: bool,
    /// Transports of outgoing connections.
    pub transports: Transports,
    /// Encryption of connections in both directions.
    pub encryption: Encryption,
    /// Defence against peers that take without end.
    pub leech_defence: LeechDefence,
}

/// Ports at which peers elsewhere reach this client, where a router or a VPN forwards them. `None` if it is the port
/// that is listened on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ExternalPorts {
    /// Port over IPv4.
    pub v4: Option<u16>,
    /// Port over IPv6.
    pub v6: Option<u16>,
}

/// Settings that can change while an engine runs: see [`Engine::set_settings`](crate::Engine::set_settings). Units and
/// defaults are those of [`Config`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// [`Config::limit_down`].
    pub limit_down: Option<u64>,
    /// [`Config::limit_up`].
    pub limit_up: Option<u64>,
    /// [`Config::limits_count_overhead`].
    pub limits_count_overhead: bool,
    /// [`Config::limits_spare_local`].
    pub limits_spare_local: bool,
    /// [`Config::max_peers`].
    pub max_peers: usize,
    /// [`Config::max_peers_per_torrent`].
    pub max_peers_per_torrent: usize,
    /// [`Config::upload_slots`].
    pub upload_slots: usize,
    /// [`Config::session_upload_slots`].
    pub session_upload_slots: usize,
    /// [`Config::max_web_seeds`].
    pub max_web_seeds: usize,
    /// [`Config::announce_to_all`].
    pub announce_to_all: bool,
    /// [`Config::peer_exchange`].
    pub peer_exchange: bool,
    /// [`Config::suggest_pieces`].
    pub suggest_pieces: bool,
    /// [`Config::encryption`].
    pub encryption: Encryption,
    /// [`Config::transports`].
    pub transports: Transports,
    /// [`Config::leech_defence`].
    pub leech_defence: LeechDefence,
}

/// Defence against peers that take data without end and without progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LeechDefence {
    /// None.
    Off,
    /// They are last in line. A host is banned only for an amount that no honest one can owe: one and a half copies of the
    /// torrent for each peer that may be behind it, and at least 64 MiB. Local hosts are never banned.
    #[default]
    Normal,
    /// They are last in line, and a host is banned sooner for what honest clients do not do:
    /// - It owes one and a quarter copies of the torrent for each peer that may be behind it, and at least 16 MiB. Clients
    ///   that announce nothing to seeds owe one copy.
    /// - Its peers request pieces that they claim to have: a tenth of the torrent, and at least 16 MiB.
    /// - A peer that announces pieces also to those that have them announces far fewer than it takes: it owes as much, and
    ///   at least 16 pieces.
    /// - More than 32 downloads begin at it within about an hour that continue none before.
    ///
    /// Addresses of one network are never banned together.
    Strict,
}

/// Transports that may be used, at least one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transports {
    /// TCP only.
    Tcp,
    /// µTP only (BEP 29).
    Utp,
    /// Both. The one that suits the peer is tried first.
    Both,
}

impl Transports {
    /// Returns true if TCP may be used.
    pub fn tcp(self) -> bool {
        self != Self::Utp
    }

    /// Returns true if µTP may be used.
    pub fn utp(self) -> bool {
        self != Self::Tcp
    }
}

/// Policy for encrypted connections (Message Stream Encryption, [`ztor_wire::mse`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encryption {
    /// No encrypted handshakes in either direction.
    Off,
    /// Outgoing connections are plain, and encrypted if the peer refuses that. Incoming connections may be either.
    Allow,
    /// Outgoing connections are encrypted, and plain if the peer refuses that. Incoming connections may be either, and
    /// get RC4 if they leave us the choice.
    Prefer,
    /// Only RC4 in both directions.
    Require,
}

impl Config {
    /// Creates the default settings for a home machine, with this id and port. Transports and encryption are those that
    /// every driver supports: TCP without encryption.
    pub fn new(peer_id: PeerId, listen_port: u16) -> Self {
        Self {
            peer_id,
            client: format!("ztor {}", env!("CARGO_PKG_VERSION")),
            is_anonymous: false,
            listen_port,
            external_ports: ExternalPorts::default(),
            limit_down: None,
            limit_up: None,
            limits_count_overhead: false,
            limits_spare_local: false,
            max_peers: 500,
            max_peers_per_torrent: 100,
            upload_slots: 8,
            session_upload_slots: 20,
            max_tracker_sockets: 256,
            max_web_seeds: 20,
            announce_to_all: false,
            peer_exchange: true,
            suggest_pieces: false,
            local_discovery: true,
            transports: Transports::Tcp,
            encryption: Encryption::Off,
            leech_defence: LeechDefence::default(),
        }
    }

    /// Replaces the settings that can change while an engine runs.
    pub fn set(&mut self, settings: Settings) {
        self.limit_down = settings.limit_down;
        self.limit_up = settings.limit_up;
        self.limits_count_overhead = settings.limits_count_overhead;
        self.limits_spare_local = settings.limits_spare_local;
        self.max_peers = settings.max_peers;
        self.max_peers_per_torrent = settings.max_peers_per_torrent;
        self.upload_slots = settings.upload_slots;
        self.session_upload_slots = settings.session_upload_slots;
        self.max_web_seeds = settings.max_web_seeds;
        self.announce_to_all = settings.announce_to_all;
        self.peer_exchange = settings.peer_exchange;
        self.suggest_pieces = settings.suggest_pieces;
        self.encryption = settings.encryption;
        self.transports = settings.transports;
        self.leech_defence = settings.leech_defence;
    }

    /// Returns the port at which a host reaches us.
    pub(crate) fn port_toward(&self, ip: IpAddr) -> u16 {
        let external = match ip.to_canonical() {
            IpAddr::V4(_) => self.external_ports.v4,
            IpAddr::V6(_) => self.external_ports.v6,
        };
        external.filter(|_| !is_local(ip)).unwrap_or(self.listen_port)
    }

    /// Returns the ports that are announced: in the local network, and elsewhere by family.
    pub(crate) fn announced_ports(&self) -> [u16; 3] {
        let ExternalPorts { v4, v6 } = self.external_ports;
        [self.listen_port, v4.unwrap_or(self.listen_port), v6.unwrap_or(self.listen_port)]
    }

    /// Returns true if hole punching is on (BEP 55). It needs µTP, and peers that know each other by peer exchange.
    pub(crate) fn punches(&self) -> bool {
        self.transports.utp() && self.peer_exchange
    }
}

/// Ids of extension messages to us (BEP 10).
pub(crate) const OUR_UT_PEX: u8 = 1;
pub(crate) const OUR_UT_METADATA: u8 = 2;
pub(crate) const OUR_UT_HOLEPUNCH: u8 = 3;
pub(crate) const OUR_UPLOAD_ONLY: u8 = 4;
pub(crate) const OUR_LT_DONTHAVE: u8 = 5;
/// Maximum number of concurrent connection attempts.
pub(crate) const MAX_HALF_OPEN: usize = 60;
/// The same while no host responds.
pub(crate) const MAX_HALF_OPEN_OUT: usize = 12;
/// Number of connection attempts started per second, which home routers can handle; and of those made at once after a
/// pause, so that a few torrents need not wait for each other.
pub(crate) const CONNECTS_PER_S: u64 = 30;
pub(crate) const CONNECT_BURST: u64 = 30;
/// Maximum number of addresses remembered as our own: those of all that we are bound to, as a few trackers see them.
pub(crate) const MAX_OWN_ADDRS: usize = 128;
/// Time limit from the start of an attempt to the end of the handshake.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// The same while no host responds, and the pause of the address after it. Both are short, as some host responds soon
/// after the network is back.
pub(crate) const ATTEMPT_TIMEOUT_OUT: Duration = Duration::from_secs(8);
pub(crate) const RETRY_AFTER_OUT: Duration = Duration::from_secs(5);
/// Time for which one transport is tried alone before the other joins: for an unknown peer, and for one that the first
/// transport has reached before.
pub(crate) const HEAD_START: Duration = Duration::from_millis(500);
pub(crate) const LONG_HEAD_START: Duration = Duration::from_secs(3);
/// Silence after which a peer is gone (BEP 3: keep-alives arrive every two minutes).
pub(crate) const SILENCE_TIMEOUT: Duration = Duration::from_secs(130);
/// Maximum time between two of our messages.
pub(crate) const KEEPALIVE_EVERY: Duration = Duration::from_secs(100);
/// Time without use to either side after which a peer may be closed in favour of another.
pub(crate) const USELESS_TIMEOUT: Duration = Duration::from_secs(300);
/// Intervals of the choker's rounds, and of changes of the optimistic slot.
pub(crate) const CHOKE_ROUND: Duration = Duration::from_secs(10);
pub(crate) const OPTIMISTIC_ROUND: Duration = Duration::from_secs(30);
/// Length of a peer's turn while seeding, after which another peer may get its slot.
pub(crate) const SEED_TURN: Duration = Duration::from_secs(60);
/// Length of the request queue to a peer, as time at its measured rate.
pub(crate) const REQUEST_AHEAD: Duration = Duration::from_secs(3);
/// Bounds of the request queue to one peer, in blocks.
pub(crate) const MIN_REQUESTS: usize = 4;
pub(crate) const MAX_REQUESTS: usize = 500;
/// Number of requests that a peer is assumed to accept if it does not say (BEP 10, `reqq`).
pub(crate) const DEFAULT_PEER_REQUESTS: usize = 250;
/// Number of requests that we accept from a peer (our `reqq`, BEP 10). Further ones are rejected.
pub(crate) const MAX_PEER_REQUESTS: usize = 2000;
/// Longest block that is served, in bytes. Clients request 16 KiB; BEP 3 mentions 128 KiB, as some old clients request.
pub(crate) const MAX_SERVED_BLOCK: u32 = 128 * 1024;
/// Bounds of the piece data on its way to one peer's socket, in bytes. Within them, it is half a second at the peer's
/// rate.
pub(crate) const MIN_UPLOAD_AHEAD: u64 = 256 * 1024;
pub(crate) const MAX_UPLOAD_AHEAD: u64 = 4 * 1024 * 1024;
/// Piece data that waits to be written to a disk, in bytes: from the first value on, sockets are not read; at the
/// second, reading resumes.
pub(crate) const DISK_HIGH_WATER: u64 = 8 * 1024 * 1024;
pub(crate) const DISK_LOW_WATER: u64 = 4 * 1024 * 1024;
/// Numbers of known addresses: maximum of a torrent, maximum of all torrents together, and what every torrent may have
/// regardless.
pub(crate) const MAX_KNOWN_PEERS: usize = 3000;
pub(crate) const MAX_KNOWN_IN_ALL: usize = 1_000_000;
pub(crate) const MIN_KNOWN_PEERS: usize = 100;
/// Number of unrequested blocks after which a peer is disconnected.
pub(crate) const MAX_UNASKED_BLOCKS: u32 = 128;
/// Bounds of the time that a requested block may take.
pub(crate) const MIN_BLOCK_TIMEOUT: Duration = Duration::from_secs(5);
pub(crate) const MAX_BLOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// Number of pieces that a choked new peer may request (BEP 6).
pub(crate) const ALLOWED_FAST_PIECES: usize = 10;
/// Time per piece within which a peer is fast enough to be given whole pieces.
pub(crate) const WHOLE_PIECE_WITHIN: Duration = Duration::from_secs(20);
