//! Peers: connections, from the attempt to the close, and the table of them.

mod conn;
mod table;

pub use conn::Direction;
pub(crate) use conn::{Conn, ConnState};
pub(crate) use table::Peers;

use crate::dial::Attempt;
use crate::exchange::Trade;
use crate::extensions::Extensions;
use crate::ids::{PeerKey, TorrentId};
use crate::transport::Transport;
use std::net::SocketAddr;
use ztor_base::Instant;

/// One peer: its connection, and the state that each part of the engine keeps for it.
#[derive(Debug)]
pub(crate) struct Peer {
    conn: Conn,
    attempt: Attempt,
    trade: Trade,
    extensions: Extensions,
}

impl Peer {
    /// Creates a peer for an incoming connection.
    fn incoming(now: Instant, key: PeerKey, addr: SocketAddr, transport: Transport) -> Self {
        Self::new(now, Conn::new(now, key, addr, transport, None), Attempt::default())
    }

    /// Creates a peer for an outgoing attempt.
    fn outgoing(
        now: Instant,
        key: PeerKey,
        addr: SocketAddr,
        (transport, torrent): (Transport, TorrentId),
        attempt: Attempt,
    ) -> Self {
        Self::new(now, Conn::new(now, key, addr, transport, Some(torrent)), attempt)
    }

    fn new(now: Instant, conn: Conn, attempt: Attempt) -> Self {
        let trade = Trade::new(now, conn.addr().ip());
        Self { conn, attempt, trade, extensions: Extensions::default() }
    }

    pub(crate) fn key(&self) -> PeerKey {
        self.conn.key()
    }

    pub(crate) fn is_live(&self) -> bool {
        self.conn.is_live()
    }

    pub(crate) fn conn(&self) -> &Conn {
        &self.conn
    }

    pub(crate) fn conn_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }

    pub(crate) fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    pub(crate) fn attempt_mut(&mut self) -> &mut Attempt {
        &mut self.attempt
    }

    pub(crate) fn trade(&self) -> &Trade {
        &self.trade
    }

    pub(crate) fn trade_mut(&mut self) -> &mut Trade {
        &mut self.trade
    }

    pub(crate) fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    pub(crate) fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// Returns the connection and the trade, to change both.
    pub(crate) fn split_trade(&mut self) -> (&mut Conn, &mut Trade) {
        (&mut self.conn, &mut self.trade)
    }

    /// Returns the connection and the extensions, to change both.
    pub(crate) fn split_extensions(&mut self) -> (&mut Conn, &mut Extensions) {
        (&mut self.conn, &mut self.extensions)
    }

    /// Returns the address on which an incoming peer listens, if it has sent its port.
    pub(crate) fn listens(&self) -> Option<SocketAddr> {
        self.extensions.listen_port().map(|port| SocketAddr::new(self.conn.addr().ip(), port))
    }

    /// Returns true if the peer is more than an outgoing attempt.
    pub(crate) fn is_more_than_attempt(&self) -> bool {
        self.is_live() || self.conn.is_incoming()
    }

    /// Returns the memory held for the peer, in bytes: all that the peer can make grow.
    pub(crate) fn held_bytes(&self) -> usize {
        let client = self.conn.client().map_or(0, String::capacity);
        size_of::<Self>() + client + self.trade.held_bytes() + self.extensions.held_bytes()
    }
}
