//! µTP connections, as the loop has them: the machine on one side, the socket on the other.

use super::conn::{Conn, Link};
use super::crypt::Crypt;
use super::udp::UdpIo;
use super::{Driver, sockets};
use bytes::BytesMut;
use slotmap::SecondaryMap;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use ztor_base::Instant;
use ztor_engine::{CloseCause, Event, PeerKey, Transport};
use ztor_utp::{Closed, Config, ConnKey, Endpoint, Event as Happened};

/// Bytes of datagrams that are read in a turn, so that a turn stays short.
const BYTES_PER_TURN: usize = 1024 * 1024;

/// What a datagram counts at least.
const DATAGRAM_COST: usize = 256;

pub(crate) struct Utp {
    pub(crate) endpoint: Endpoint,
    /// Off: callers are refused at once, which has them try TCP, and nobody is called.
    is_on: bool,
    peers: SecondaryMap<ConnKey, PeerKey>,
    /// Where connections on their way out are to.
    calls: SecondaryMap<ConnKey, SocketAddr>,
    /// What is being sent, or could not be sent yet.
    buffer: Vec<u8>,
    max_datagram_bytes: usize,
    unsent: Option<(SocketAddr, usize)>,
}

impl Utp {
    pub(crate) fn new(now: Instant, is_on: bool, max_connections: usize, seed: u64) -> Self {
        let max_connections = if is_on { max_connections } else { 0 };
        let config = Config { max_connections, ..Config::default() };
        Self {
            max_datagram_bytes: config.max_datagram_bytes,
            endpoint: Endpoint::new(now, config, seed),
            is_on,
            peers: SecondaryMap::new(),
            calls: SecondaryMap::new(),
            buffer: Vec::new(),
            unsent: None,
        }
    }

    /// Takes up a connection that another has made.
    pub(crate) fn call(&mut self, now: Instant, key: PeerKey, to: SocketAddr) -> Result<ConnKey, String> {
        if !self.is_on {
            return Err("µTP is switched off".to_owned());
        }
        let conn = self.endpoint.connect(now, to).map_err(|error| error.to_string())?;
        self.peers.insert(conn, key);
        self.calls.insert(conn, to);
        Ok(conn)
    }

    /// The loop has no use for a connection any more.
    pub(crate) fn drop(&mut self, now: Instant, conn: ConnKey) {
        self.peers.remove(conn);
        self.calls.remove(conn);
        if let Some(stats) = self.endpoint.stats(conn) {
            tracing::debug!(?stats, "µTP connection over");
        }
        self.endpoint.close(now, conn);
    }

    /// Sends what is to be sent, as far as the socket takes it. Returns where nothing can be sent to, for reasons that
    /// lie with us.
    fn transmit(&mut self, now: Instant, udp: &UdpIo, own: SocketAddr) -> BTreeSet<SocketAddr> {
        let mut unreachable = BTreeSet::new();
        let max_segments = udp.max_segments(self.max_datagram_bytes);
        loop {
            if self.unsent.is_none() {
                self.buffer.clear();
                let Some(next) = self.endpoint.poll_transmit(now, max_segments, &mut self.buffer) else {
                    return unreachable;
                };
                self.unsent = Some((next.to, next.segment_len));
            }
            let Some((to, segment_len)) = self.unsent else { return unreachable };
            let sent = sockets::sendable(own, to).map(|to| udp.send(to, &self.buffer, segment_len));
            match sent {
                Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => return unreachable,
                Some(Err(error)) if error.kind() == ErrorKind::Interrupted => continue,
                Some(Err(error))
                    if error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error()) =>
                {
                    self.endpoint.too_big(now, to, segment_len);
                }
                Some(Err(error)) => {
                    tracing::debug!(%to, %error, "UDP send");
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

impl Driver {
    pub(super) fn transmit(&mut self, now: Instant) {
        let unreachable = self.utp.transmit(now, &self.udp, self.listening.addr);
        if unreachable.is_empty() {
            return;
        }
        // Calls that go nowhere are given up at once, and not held against the peer.
        let calls = self.utp.calls.iter().filter(|(_, to)| unreachable.contains(to));
        let keys: Vec<PeerKey> = calls.filter_map(|(conn, _)| self.utp.peers.get(conn).copied()).collect();
        for key in keys {
            self.closed(now, key, "there is no way to its network", CloseCause::Local);
        }
    }

    /// Reads datagrams. Those of µTP go to its machine, all others to the engine.
    pub(super) fn read_datagrams(&mut self, now: Instant) {
        let mut total = 0;
        while total < BYTES_PER_TURN {
            let (utp, engine, out) = (&mut self.utp, &mut self.engine, &mut self.out);
            let got = self.udp.receive(|from, data| {
                // Every one costs something, an empty one too.
                total += data.len().max(DATAGRAM_COST);
                // Nobody can be there; and an attempt to answer is taken by the socket's batches for a lack of them.
                if from.port() == 0 || from.ip().is_unspecified() || from.ip().is_multicast() {
                    return;
                }
                if !utp.endpoint.handle(now, from, data) {
                    engine.handle(now, Event::Datagram { from, data }, out);
                }
            });
            match got {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.has_datagrams = false;
                    break;
                }
                // Of an earlier datagram, whose transaction will time out.
                Err(error) => {
                    tracing::trace!(%error, "UDP receive");
                    total += BYTES_PER_TURN / 16;
                }
            }
        }
        self.on_utp_events(now);
    }

    pub(super) fn on_utp_events(&mut self, now: Instant) {
        while let Some(event) = self.utp.endpoint.poll_event() {
            match event {
                Happened::Incoming { key, from } => self.take_in_utp(now, key, from),
                Happened::Connected(conn) => {
                    let Some(key) = self.utp.peers.get(conn).copied() else { continue };
                    tracing::debug!(peer = key.as_u64(), "µTP connection stands");
                    self.utp.calls.remove(conn);
                    if let Some(conn) = self.conns.get_mut(key) {
                        conn.is_connecting = false;
                        conn.now_writable();
                    }
                    self.connected(now, key);
                }
                Happened::Readable(conn) => self.utp_readable(conn),
                Happened::Writable(conn) => {
                    let Some(key) = self.utp.peers.get(conn).copied() else { continue };
                    if let Some(conn) = self.conns.get_mut(key) {
                        conn.now_writable();
                    }
                    self.want_flush(key);
                }
                Happened::Closed { key: conn, reason } => self.utp_closed(now, conn, reason),
            }
        }
    }

    fn take_in_utp(&mut self, now: Instant, conn: ConnKey, from: SocketAddr) {
        match self.engine.accept(now, from, Transport::Utp) {
            Ok(key) => {
                tracing::debug!(peer = key.as_u64(), %from, "µTP connection stands");
                self.utp.peers.insert(conn, key);
                self.conns.insert(key, Conn::new(Link::Utp(conn), false, Crypt::called(self.encryption)));
                self.utp_readable(conn);
            }
            Err(reason) => {
                tracing::debug!(%from, %reason, "incoming connection refused");
                self.utp.endpoint.reset(now, conn);
            }
        }
    }

    fn utp_readable(&mut self, conn: ConnKey) {
        let Some(key) = self.utp.peers.get(conn).copied() else { return };
        if let Some(conn) = self.conns.get_mut(key).filter(|conn| !conn.is_readable) {
            conn.is_readable = true;
            self.readable.push_back(key);
        }
    }

    /// What came before the end is still to be read.
    fn utp_closed(&mut self, now: Instant, conn: ConnKey, reason: Closed) {
        let Some(key) = self.utp.peers.get(conn).copied() else { return };
        match self.conns.get_mut(key) {
            Some(peer) if self.utp.endpoint.readable(conn) > 0 => peer.has_ended = true,
            _ => self.lost(now, key, &reason.to_string()),
        }
    }
}

/// Reads from a connection to the end of `room`, as one reads from a socket.
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
