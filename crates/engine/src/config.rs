//! Settings and constants of the engine.

use ztor_base::{Duration, PeerId};

/// Settings of a whole engine. Rates are bytes per second, `None` is no limit.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our id towards peers and trackers (BEP 20).
    pub peer_id: PeerId,
    /// Name and version in the extension handshake (BEP 10 `v`).
    pub client: String,
    /// The port that peers can reach us on, as trackers and peers get it.
    pub listen_port: u16,
    /// Limit for piece data coming in, over all torrents.
    pub limit_down: Option<u64>,
    /// Limit for piece data going out, over all torrents.
    pub limit_up: Option<u64>,
    /// Connections in all, attempts included.
    pub max_peers: usize,
    /// Connections of one torrent.
    pub max_peers_per_torrent: usize,
    /// Peers of one torrent that may be unchoked at a time, the optimistic ones included. While seeding to
    /// fast peers it grows by one for each that is served well.
    pub upload_slots: usize,
    /// Peers of all torrents together that may be unchoked at a time, if more than one torrent has peers that want
    /// something. It grows in the same way.
    pub session_upload_slots: usize,
    /// HTTP requests to trackers that may be under way at a time.
    pub max_tracker_sockets: usize,
    /// Announce to every tracker, and not to one that works of every tier (BEP 12).
    pub announce_to_all: bool,
    /// Exchange addresses with peers (BEP 11).
    pub peer_exchange: bool,
    /// Tell and hear of torrents in the local network (BEP 14).
    pub local_discovery: bool,
    /// How peers are called.
    pub transports: Transports,
    /// True if peers are called, and may call, with an encrypted handshake.
    pub encryption: Encryption,
}

/// The settings of an engine that can change while it runs, see [`Engine::set_settings`](crate::Engine::set_settings). Their
/// units and defaults are those of [`Config`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// [`Config::limit_down`].
    pub limit_down: Option<u64>,
    /// [`Config::limit_up`].
    pub limit_up: Option<u64>,
    /// [`Config::max_peers`].
    pub max_peers: usize,
    /// [`Config::max_peers_per_torrent`].
    pub max_peers_per_torrent: usize,
    /// [`Config::upload_slots`].
    pub upload_slots: usize,
    /// [`Config::session_upload_slots`].
    pub session_upload_slots: usize,
    /// [`Config::announce_to_all`].
    pub announce_to_all: bool,
    /// [`Config::peer_exchange`].
    pub peer_exchange: bool,
    /// [`Config::encryption`].
    pub encryption: Encryption,
}

/// Transports that may be used: one at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transports {
    /// TCP alone.
    Tcp,
    /// µTP alone (BEP 29).
    Utp,
    /// Either, as it suits the peer.
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

/// What is done about encrypted connections (Message Stream Encryption, [`ztor_wire::mse`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encryption {
    /// None, neither way.
    Off,
    /// Peers are called plainly, and encrypted if they will not have that; callers do as they like.
    Allow,
    /// Peers are called encrypted, and plainly if they will not have that; callers do as they like, and get RC4 if
    /// they leave it to us.
    Prefer,
    /// RC4 and nothing else, both ways.
    Require,
}

impl Config {
    /// Defaults for a home machine, with the given id and port; of transports and encryption what every driver has,
    /// which is TCP without.
    pub fn new(peer_id: PeerId, listen_port: u16) -> Self {
        Self {
            peer_id,
            client: format!("ztor {}", env!("CARGO_PKG_VERSION")),
            listen_port,
            limit_down: None,
            limit_up: None,
            max_peers: 500,
            max_peers_per_torrent: 100,
            upload_slots: 8,
            session_upload_slots: 20,
            max_tracker_sockets: 256,
            announce_to_all: false,
            peer_exchange: true,
            local_discovery: true,
            transports: Transports::Tcp,
            encryption: Encryption::Off,
        }
    }

    /// Replaces the settings that can change.
    pub fn set(&mut self, settings: Settings) {
        self.limit_down = settings.limit_down;
        self.limit_up = settings.limit_up;
        self.max_peers = settings.max_peers;
        self.max_peers_per_torrent = settings.max_peers_per_torrent;
        self.upload_slots = settings.upload_slots;
        self.session_upload_slots = settings.session_upload_slots;
        self.announce_to_all = settings.announce_to_all;
        self.peer_exchange = settings.peer_exchange;
        self.encryption = settings.encryption;
    }

    /// Returns true if holes are punched (BEP 55): over µTP, and through peers that know each other by peer exchange.
    pub(crate) fn punches(&self) -> bool {
        self.transports.utp() && self.peer_exchange
    }
}

/// The ids that messages of extensions to us carry (BEP 10).
pub(crate) const OUR_UT_PEX: u8 = 1;
pub(crate) const OUR_UT_METADATA: u8 = 2;
pub(crate) const OUR_UT_HOLEPUNCH: u8 = 3;
/// Connection attempts that may be under way at a time.
pub(crate) const MAX_HALF_OPEN: usize = 60;
/// The same while nobody at all answers.
pub(crate) const MAX_HALF_OPEN_OUT: usize = 12;
/// Connection attempts started per second, so that home routers keep up; and how many may be made at once after a
/// rest, so that a few torrents need not wait for each other.
pub(crate) const CONNECTS_PER_S: u64 = 30;
pub(crate) const CONNECT_BURST: u64 = 30;
/// Addresses remembered as our own: those of a few interfaces, as a few trackers see them.
pub(crate) const MAX_OWN_ADDRS: usize = 16;
/// From connecting to the end of the handshake.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// The same for an attempt while nobody answers, and the rest of its address after it: somebody answers again soon after the
/// network is back.
pub(crate) const ATTEMPT_TIMEOUT_OUT: Duration = Duration::from_secs(8);
pub(crate) const RETRY_AFTER_OUT: Duration = Duration::from_secs(5);
/// How long one transport is tried alone before the other joins: this where nothing is known of the peer, and this
/// where the first is known to work.
pub(crate) const HEAD_START: Duration = Duration::from_millis(500);
pub(crate) const LONG_HEAD_START: Duration = Duration::from_secs(3);
/// A peer silent for this long is gone (BEP 3: keep-alives come every two minutes).
pub(crate) const SILENCE_TIMEOUT: Duration = Duration::from_secs(130);
/// We say something at least this often.
pub(crate) const KEEPALIVE_EVERY: Duration = Duration::from_secs(100);
/// Neither side was interested for this long: the place is better used by another.
pub(crate) const USELESS_TIMEOUT: Duration = Duration::from_secs(300);
/// Rounds of the choker, and how often the optimistic slot moves.
pub(crate) const CHOKE_ROUND: Duration = Duration::from_secs(10);
pub(crate) const OPTIMISTIC_ROUND: Duration = Duration::from_secs(30);
/// While seeding, a peer that has had this long and this many bytes makes place for the next.
pub(crate) const SEED_TURN: Duration = Duration::from_secs(60);
/// How far ahead a peer is asked: this much of its measured rate.
pub(crate) const REQUEST_AHEAD: Duration = Duration::from_secs(3);
/// Bounds of the request queue to one peer, in blocks.
pub(crate) const MIN_REQUESTS: usize = 4;
pub(crate) const MAX_REQUESTS: usize = 500;
/// What we assume a peer accepts if it does not say (BEP 10 `reqq`).
pub(crate) const DEFAULT_PEER_REQUESTS: usize = 250;
/// Requests that we accept from a peer (our `reqq`, BEP 10); further ones are rejected.
pub(crate) const MAX_PEER_REQUESTS: usize = 2000;
/// Largest block we serve. Clients ask for 16 KiB; BEP 3 speaks of 128 KiB, as do some old ones.
pub(crate) const MAX_SERVED_BLOCK: u32 = 128 * 1024;
/// Bytes of one peer's blocks on their way to its socket: half a second of its rate, within these.
pub(crate) const MIN_UPLOAD_AHEAD: u64 = 256 * 1024;
pub(crate) const MAX_UPLOAD_AHEAD: u64 = 4 * 1024 * 1024;
/// Piece data handed to the disk and not yet written: above the first, sockets are not read; below the
/// second they are again.
pub(crate) const DISK_HIGH_WATER: u64 = 8 * 1024 * 1024;
pub(crate) const DISK_LOW_WATER: u64 = 4 * 1024 * 1024;
/// Known addresses of a torrent, of all torrents together, and what each may have however many there are.
pub(crate) const MAX_KNOWN_PEERS: usize = 3000;
pub(crate) const MAX_KNOWN_IN_ALL: usize = 1_000_000;
pub(crate) const MIN_KNOWN_PEERS: usize = 100;
/// Blocks nobody asked for, after which a peer is sent away.
pub(crate) const MAX_UNASKED_BLOCKS: u32 = 128;
/// Bounds of how long a block may take.
pub(crate) const MIN_BLOCK_TIMEOUT: Duration = Duration::from_secs(5);
pub(crate) const MAX_BLOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// Pieces a choked newcomer may ask for (BEP 6).
pub(crate) const ALLOWED_FAST_PIECES: usize = 10;
/// A peer that gives a piece within this time is given whole pieces.
pub(crate) const WHOLE_PIECE_WITHIN: Duration = Duration::from_secs(20);
