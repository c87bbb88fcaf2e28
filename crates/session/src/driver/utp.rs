//! The µTP connections of the UDP sockets: the endpoint, and the peers that they belong to.

use super::close::CallError;
use super::outlet::Outlet;
use super::sockets;
use bytes::BytesMut;
use slotmap::SecondaryMap;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use ztor_base::Instant;
use ztor_engine::{CloseCause, PeerKey};
use ztor_utp::{Closed, Config, ConnKey, Endpoint, Event, Path};

/// The µTP connections.
pub(crate) struct Utp {
    endpoint: Endpoint,
    /// False to refuse incoming connections at once, after which peers try TCP, and to make none.
    is_on: bool,
    /// Value of `is_on` as configured, wherever datagrams can be sent.
    may_be_on: bool,
    peers: SecondaryMap<ConnKey, PeerKey>,
    /// Destinations of connection attempts.
    calls: SecondaryMap<ConnKey, Path>,
    /// Datagrams that are being sent, or could not be sent yet.
    buffer: Vec<u8>,
    max_datagram_bytes: usize,
    /// Destination of the datagrams in `buffer`, and the length of each; `None` if there are none.
    unsent: Option<(Path, usize)>,
}

/// Event of a connection, by its peer.
pub(super) enum UtpEvent {
    /// An incoming connection. [`Utp::assign`] gives it a peer, [`Utp::refuse`] resets it.
    Incoming {
        conn: ConnKey,
        from: Path,
    },
    Connected(PeerKey),
    Readable(PeerKey),
    Writable(PeerKey),
    Closed {
        peer: PeerKey,
        reason: Closed,
        has_unread: bool,
    },
}

impl Utp {
    pub(crate) fn new(now: Instant, is_on: bool, max_connections: usize, seed: u64) -> Self {
        let max_connections = if is_on { max_connections } else { 0 };
        let config = Config { max_connections, ..Config::default() };
        Self {
            max_datagram_bytes: config.max_datagram_bytes,
            endpoint: Endpoint::new(now, config, seed),
            is_on,
            may_be_on: is_on,
            peers: SecondaryMap::new(),
            calls: SecondaryMap::new(),
            buffer: Vec::new(),
            unsent: None,
        }
    }

    /// Turns µTP off while there is no way for datagrams, or on again. Existing connections are the caller's to close.
    pub(super) fn set_reachable(&mut self, is_reachable: bool) {
        self.is_on = self.may_be_on && is_reachable;
    }

    /// Returns the peers with connections.
    pub(super) fn peers(&self) -> Vec<PeerKey> {
        self.peers.values().copied().collect()
    }

    /// Returns the peers with connections on these paths.
    pub(super) fn peers_on(&self, is_on: impl Fn(Path) -> bool) -> Vec<PeerKey> {
        self.endpoint.keys_on(is_on).into_iter().filter_map(|conn| self.peers.get(conn).copied()).collect()
    }

    /// Returns the endpoint, for the bytes of connections.
    pub(super) fn endpoint_mut(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    /// Handles a datagram. Returns false if it is not of µTP.
    pub(super) fn handle(&mut self, now: Instant, from: Path, data: &[u8]) -> bool {
        self.endpoint.handle(now, from, data)
    }

    /// Runs the timers that are due. Returns false if there were none.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> bool {
        let is_due = self.endpoint.poll_timeout().is_some_and(|at| at <= now);
        if is_due {
            self.endpoint.handle_timeout(now);
        }
        is_due
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }

    /// Returns the next event of a connection that has a peer, or of an incoming one.
    pub(super) fn poll_event(&mut self) -> Option<UtpEvent> {
        while let Some(event) = self.endpoint.poll_event() {
            let of = |conn: ConnKey| self.peers.get(conn).copied();
            let event = match event {
                Event::Incoming { key, from } => Some(UtpEvent::Incoming { conn: key, from }),
                Event::Readable(conn) => of(conn).map(UtpEvent::Readable),
                Event::Writable(conn) => of(conn).map(UtpEvent::Writable),
                Event::Connected(conn) => {
                    let peer = of(conn);
                    self.calls.remove(conn);
                    peer.map(UtpEvent::Connected)
                }
                Event::Closed { key: conn, reason } => {
                    let has_unread = self.endpoint.readable(conn) > 0;
                    of(conn).map(|peer| UtpEvent::Closed { peer, reason, has_unread })
                }
            };
            if event.is_some() {
                return event;
            }
        }
        None
    }

    /// Starts an outgoing connection of a peer.
    pub(super) fn call(&mut self, now: Instant, peer: PeerKey, to: Path) -> Result<ConnKey, CallError> {
        if !self.is_on {
            return Err(CallError::Off);
        }
        let conn = self.endpoint.connect(now, to)?;
        self.peers.insert(conn, peer);
        self.calls.insert(conn, to);
        Ok(conn)
    }

    /// Gives an incoming connection its peer.
    pub(super) fn assign(&mut self, conn: ConnKey, peer: PeerKey) {
        self.peers.insert(conn, peer);
    }

    /// Resets an incoming connection.
    pub(super) fn refuse(&mut self, now: Instant, conn: ConnKey) {
        self.endpoint.reset(now, conn);
    }

    /// Closes a connection.
    pub(super) fn close(&mut self, now: Instant, conn: ConnKey) {
        self.peers.remove(conn);
        self.calls.remove(conn);
        if let Some(stats) = self.endpoint.stats(conn) {
            tracing::debug!(?stats, "µTP connection over");
        }
        self.endpoint.close(now, conn);
    }

    /// Sends datagrams until the socket is full. Returns the peers with connection attempts that fail for local
    /// reasons.
    pub(super) fn transmit(&mut self, now: Instant, outlet: &Outlet<'_>) -> Vec<PeerKey> {
        let unreachable = self.send_datagrams(now, outlet);
        if unreachable.is_empty() {
            return Vec::new();
        }
        let calls = self.calls.iter().filter(|(_, to)| unreachable.contains(to));
        calls.filter_map(|(conn, _)| self.peers.get(conn).copied()).collect()
    }

    /// Sends datagrams until the socket is full. Returns the addresses that cannot be reached for local reasons.
    fn send_datagrams(&mut self, now: Instant, outlet: &Outlet<'_>) -> BTreeSet<Path> {
        let mut unreachable = BTreeSet::new();
        let max_segments = outlet.max_segments(self.max_datagram_bytes);
        loop {
            if self.unsent.is_none() {
                self.buffer.clear();
                let Some(next) = self.endpoint.poll_transmit(now, max_segments, &mut self.buffer) else {
                    return unreachable;
                };
                self.unsent = Some((next.to, next.segment_len));
            }
            let Some((to, segment_len)) = self.unsent else { return unreachable };
            let sent = outlet.send(to, &self.buffer, segment_len);
            match sent {
                Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => return unreachable,
                Some(Err(error)) if error.kind() == ErrorKind::Interrupted => continue,
                Some(Err(error))
                    if error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error()) =>
                {
                    self.endpoint.too_big(now, to, segment_len);
                }
                Some(Err(error)) => {
                    tracing::debug!(to = %to.peer, %error, "cannot send a datagram");
                    if sockets::cause(&error) == CloseCause::Local {
                        unreachable.insert(to);
                    }
                }
                None => drop(unreachable.insert(to)),
                Some(Ok(())) => {}
            }
            self.unsent = None;
        }
    }
}

/// Reads from a connection and appends to `room`, with the results of a read from a socket.
pub(super) fn read_utp(
    endpoint: &mut Endpoint,
    now: Instant,
    (conn, has_ended): (ConnKey, bool),
    limit: usize,
    room: &mut BytesMut,
) -> std::io::Result<usize> {
    match endpoint.read(now, conn, limit, room) {
        0 if !has_ended => Err(ErrorKind::WouldBlock.into()),
        got => Ok(got),
    }
}
