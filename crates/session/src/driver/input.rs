//! What comes in from sockets.

use super::conn::Conn;
use super::fill::read_more;
use super::pool::MAX_READ;
use super::{ACCEPT_PAUSE, Driver, sockets};
use mio::event::Event as Ready;
use mio::net::TcpStream;
use mio::{Interest, Token};
use std::io::ErrorKind;
use std::net::SocketAddr;
use ztor_engine::{Event, PeerKey};
use ztor_time::Instant;

/// Reads per turn, over all connections, so that a turn stays short when many send at once.
const READS_PER_TURN: usize = 64;
const ACCEPTS_PER_TURN: usize = 64;
const MAX_DATAGRAM: usize = 2048;
const DATAGRAMS_PER_TURN: usize = 256;

impl Driver {
    pub(super) fn on_ready(&mut self, now: Instant, key: PeerKey, ready: &Ready) {
        let Some(conn) = self.conns.get_mut(key) else { return };
        if conn.is_connecting {
            match conn.stream.take_error() {
                Ok(None) if ready.is_writable() && conn.stream.peer_addr().is_ok() => {
                    conn.is_connecting = false;
                    self.engine.handle(now, Event::Connected { peer: key }, &mut self.out);
                }
                Ok(Some(error)) | Err(error) => return self.failed(now, key, &error),
                // Not yet: the next event will tell.
                Ok(None) => return,
            }
        }
        let Some(conn) = self.conns.get_mut(key) else { return };
        if ready.is_writable() {
            conn.now_writable();
            self.want_flush(key);
        }
        let Some(conn) = self.conns.get_mut(key) else { return };
        conn.has_ended |= ready.is_read_closed() || ready.is_error();
        if (ready.is_readable() || ready.is_read_closed() || ready.is_error()) && !conn.is_readable {
            conn.is_readable = true;
            self.readable.push_back(key);
        }
    }

    /// Reads from the connections that have something, each in its turn, as long as the disk keeps up.
    pub(super) fn read_some(&mut self, now: Instant) {
        for _ in 0..READS_PER_TURN.min(self.readable.len()) {
            if !self.engine.may_read() {
                return;
            }
            let Some(key) = self.readable.pop_front() else { return };
            if self.read_one(now, key) {
                self.readable.push_back(key);
            }
        }
    }

    /// Reads once. True if there may be more.
    fn read_one(&mut self, now: Instant, key: PeerKey) -> bool {
        let Some(conn) = self.conns.get_mut(key) else { return false };
        let room = self.pool.room(&conn.tail);
        let wanted = MAX_READ.min(room.capacity() - room.len());
        let got = match read_more(&conn.stream, room, wanted) {
            Ok(0) => {
                self.lost(now, key, "the peer ended the connection");
                return false;
            }
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                conn.is_readable = false;
                return false;
            }
            Err(error) => {
                self.lost(now, key, &error.to_string());
                return false;
            }
        };
        // A short read has emptied the socket; the kernel will tell when more comes, but not the end again.
        let more = got == wanted || conn.has_ended;
        conn.is_readable = more;
        conn.tail.clear();
        let mut data = self.pool.take();
        self.engine.handle(now, Event::Received { peer: key, data: &mut data }, &mut self.out);
        if let Some(conn) = self.conns.get_mut(key) {
            conn.tail.extend_from_slice(&data);
            if data.is_empty() {
                conn.tail = Vec::new();
            }
        }
        more
    }

    pub(super) fn accept(&mut self, now: Instant) {
        self.accept_again_at = None;
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listening.tcp.accept() {
                Ok((stream, addr)) => self.take_in(now, stream, sockets::canonical(addr)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The caller has gone away between the kernel's hand and ours.
                Err(error)
                    if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections for now");
                    self.accept_again_at = Some(now + ACCEPT_PAUSE);
                    return;
                }
            }
        }
        // There may be more, and the kernel will not say so again.
        self.accept_again_at = Some(now);
    }

    fn take_in(&mut self, now: Instant, stream: TcpStream, addr: SocketAddr) {
        match self.engine.accept(now, addr) {
            Ok(key) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%addr, %error, "no TCP_NODELAY");
                }
                self.insert(now, key, stream, false);
            }
            Err(reason) => tracing::debug!(%addr, %reason, "incoming connection refused"),
        }
    }

    pub(super) fn insert(&mut self, now: Instant, key: PeerKey, mut stream: TcpStream, is_connecting: bool) {
        let token = Token(key.as_u64() as usize);
        match self.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE) {
            Ok(()) => {
                self.conns.insert(key, Conn::new(stream, is_connecting));
            }
            Err(error) => self.failed(now, key, &error),
        }
    }

    pub(super) fn read_datagrams(&mut self, now: Instant) {
        let mut buf = [0; MAX_DATAGRAM];
        for _ in 0..DATAGRAMS_PER_TURN {
            match self.listening.udp.recv_from(&mut buf) {
                Ok((len, from)) => {
                    let event = Event::Datagram { from: sockets::canonical(from), data: &buf[..len] };
                    self.engine.handle(now, event, &mut self.out);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // An ICMP error of an earlier datagram: the transaction will time out.
                Err(error) => tracing::trace!(%error, "UDP receive"),
            }
        }
        self.inbox.push(crate::message::ToNet::MoreDatagrams);
    }

    pub(super) fn read_local(&mut self, now: Instant) {
        let Some(local) = &self.local else { return };
        let mut buf = [0; MAX_DATAGRAM];
        for socket in [&local.v4, &local.v6].into_iter().flatten() {
            let mut left = DATAGRAMS_PER_TURN;
            while let Ok((len, from)) = socket.recv_from(&mut buf) {
                let event = Event::LocalAnnounce { from: sockets::canonical(from), data: &buf[..len] };
                self.engine.handle(now, event, &mut self.out);
                left -= 1;
                if left == 0 {
                    self.inbox.push(crate::message::ToNet::MoreDatagrams);
                    break;
                }
            }
        }
    }

    /// The connection is gone from the other side.
    pub(super) fn lost(&mut self, now: Instant, key: PeerKey, reason: &str) {
        self.closed(now, key, reason, false);
    }

    /// The connection could not be made or broke.
    pub(super) fn failed(&mut self, now: Instant, key: PeerKey, error: &std::io::Error) {
        self.closed(now, key, &error.to_string(), sockets::is_ours(error));
    }

    pub(super) fn closed(&mut self, now: Instant, key: PeerKey, reason: &str, is_ours: bool) {
        self.drop_conn(key);
        tracing::debug!(peer = key.as_u64(), reason, "connection lost");
        let event = Event::Closed { peer: key, reason: reason.to_owned(), is_ours };
        self.engine.handle(now, event, &mut self.out);
    }

    pub(super) fn drop_conn(&mut self, key: PeerKey) {
        if let Some(mut conn) = self.conns.remove(key)
            && let Err(error) = self.poll.registry().deregister(&mut conn.stream)
        {
            tracing::debug!(%error, "deregister");
        }
    }
}
