//! Connection to a peer: its address, transport, state and identity.

use crate::bans::Author;
use crate::ids::{PeerKey, TorrentId};
use crate::junk::Junk;
use crate::misbehaviour::Misbehaviour;
use crate::transport::{Protection, Transport};
use std::net::SocketAddr;
use ztor_base::{Instant, PeerId, SwarmId};
use ztor_wire::Handshake;
use ztor_wire::mse::Method;

/// The side that opened a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The peer opened the connection.
    Incoming,
    /// We opened the connection.
    Outgoing,
}

/// The state of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ConnState {
    Connecting,
    /// Connected; the encrypted handshake is under way.
    Securing,
    Handshaking,
    Live,
}

/// The connection to a peer.
#[derive(Debug)]
pub(crate) struct Conn {
    key: PeerKey,
    addr: SocketAddr,
    direction: Direction,
    transport: Transport,
    /// Number of our DHT node at whose socket an incoming µTP connection has arrived.
    node: u8,
    protection: Protection,
    state: ConnState,
    /// Swarm of the encrypted handshake; `None` without one.
    secured_for: Option<SwarmId>,
    /// Torrent of the connection: known from the start if it is outgoing, from the handshake if it is incoming.
    torrent: Option<TorrentId>,
    id: Option<PeerId>,
    /// True if the peer id is the one that a tracker has named; `None` if none has.
    id_as_named: Option<bool>,
    client: Option<String>,
    is_fast: bool,
    /// True if the peer supports hash requests (BEP 52).
    speaks_v2: bool,
    started_at: Instant,
    received_at: Instant,
    sent_at: Instant,
    junk: Junk,
}

impl Conn {
    pub(super) fn new(
        now: Instant,
        key: PeerKey,
        addr: SocketAddr,
        transport: Transport,
        torrent: Option<TorrentId>,
    ) -> Self {
        let (direction, state) = match torrent {
            Some(_) => (Direction::Outgoing, ConnState::Connecting),
            None => (Direction::Incoming, ConnState::Handshaking),
        };
        Self {
            key,
            addr,
            direction,
            transport,
            node: 0,
            protection: Protection::None,
            state,
            secured_for: None,
            torrent,
            id: None,
            id_as_named: None,
            client: None,
            is_fast: false,
            speaks_v2: false,
            started_at: now,
            received_at: now,
            sent_at: now,
            junk: Junk::default(),
        }
    }

    pub(crate) fn key(&self) -> PeerKey {
        self.key
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn direction(&self) -> Direction {
        self.direction
    }

    pub(crate) fn is_incoming(&self) -> bool {
        self.direction == Direction::Incoming
    }

    pub(crate) fn transport(&self) -> Transport {
        self.transport
    }

    pub(crate) fn node(&self) -> u8 {
        self.node
    }

    pub(crate) fn set_node(&mut self, node: u8) {
        self.node = node;
    }

    pub(crate) fn protection(&self) -> Protection {
        self.protection
    }

    pub(crate) fn state(&self) -> ConnState {
        self.state
    }

    pub(crate) fn is_live(&self) -> bool {
        self.state == ConnState::Live
    }

    pub(crate) fn is_connecting(&self) -> bool {
        self.state == ConnState::Connecting
    }

    /// Returns the swarm of the encrypted handshake; `None` without one.
    pub(crate) fn secured_for(&self) -> Option<SwarmId> {
        self.secured_for
    }

    pub(crate) fn torrent(&self) -> Option<TorrentId> {
        self.torrent
    }

    pub(crate) fn id(&self) -> Option<PeerId> {
        self.id
    }

    pub(crate) fn id_as_named(&self) -> Option<bool> {
        self.id_as_named
    }

    /// Returns the name and version of the client, as the peer claims.
    pub(crate) fn client(&self) -> Option<&String> {
        self.client.as_ref()
    }

    pub(crate) fn set_client(&mut self, client: String) {
        self.client = Some(client);
    }

    /// Returns true if the peer supports the Fast Extension (BEP 6).
    pub(crate) fn is_fast(&self) -> bool {
        self.is_fast
    }

    /// Returns true if the peer supports hash requests (BEP 52).
    pub(crate) fn speaks_v2(&self) -> bool {
        self.speaks_v2
    }

    /// Returns the start time of the attempt, or of the handshake.
    pub(crate) fn started_at(&self) -> Instant {
        self.started_at
    }

    pub(crate) fn received_at(&self) -> Instant {
        self.received_at
    }

    pub(crate) fn sent_at(&self) -> Instant {
        self.sent_at
    }

    /// Returns the host or peer that is responsible for received data.
    pub(crate) fn author(&self) -> Author {
        Author::of(self.addr.ip(), self.id)
    }

    /// Charges for a message without effect, with a length of `bytes`.
    pub(crate) fn charge(&mut self, now: Instant, bytes: usize) -> Result<(), Misbehaviour> {
        self.junk.charge(now, bytes)
    }

    /// Records that data was received.
    pub(crate) fn received(&mut self, now: Instant) {
        self.received_at = now;
    }

    /// Records that data was sent.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.sent_at = now;
    }

    /// Records that the attempt has succeeded. The handshake starts, after an encrypted one if `is_encrypted`.
    pub(crate) fn connected(&mut self, now: Instant, is_encrypted: bool) {
        self.state = if is_encrypted { ConnState::Securing } else { ConnState::Handshaking };
        self.started_at = now;
    }

    /// Records the end of the encrypted handshake.
    pub(crate) fn secured(&mut self, now: Instant, swarm: SwarmId, method: Method) {
        self.protection = Protection::Handshake(method);
        self.secured_for = Some(swarm);
        self.received_at = now;
        if self.state == ConnState::Securing {
            self.state = ConnState::Handshaking;
        }
    }

    /// Records the end of the handshake. `named_id` is the peer id that a tracker has named.
    pub(crate) fn established(
        &mut self,
        torrent: TorrentId,
        theirs: &Handshake,
        named_id: Option<PeerId>,
        is_v2_swarm: bool,
    ) {
        self.torrent = Some(torrent);
        self.id = Some(theirs.peer_id);
        self.id_as_named = named_id.map(|id| id == theirs.peer_id);
        self.client = Some(theirs.peer_id.to_string());
        self.state = ConnState::Live;
        self.is_fast = theirs.reserved.fast();
        self.speaks_v2 = theirs.reserved.v2() || is_v2_swarm;
    }
}
