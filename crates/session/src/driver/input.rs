//! What comes in from sockets.

use super::conn::{Conn, Link};
use super::crypt::Crypt;
use super::fill::read_more;
use super::pool::MAX_READ;
use super::utp::read_utp;
use super::{ACCEPT_PAUSE, Driver, sockets};
use mio::event::Event as Ready;
use mio::net::TcpStream;
use mio::{Interest, Token};
use std::io::ErrorKind;
use std::net::SocketAddr;
use ztor_base::Instant;
use ztor_base::addr::canonical;
use ztor_engine::{CloseCause, Event, PeerKey, Transport};

/// Reads per turn, over all connections, so that a turn stays short when many send at once.
const READS_PER_TURN: usize = 64;
const ACCEPTS_PER_TURN: usize = 64;
const MAX_DATAGRAM: usize = 2048;
const DATAGRAMS_PER_TURN: usize = 256;

impl Driver {
    pub(super) fn on_ready(&mut self, now: Instant, key: PeerKey, ready: &Ready) {
        let Some(conn) = self.conns.get_mut(key) else { return };
        if conn.is_connecting {
            let Link::Tcp(stream) = &conn.link else { return };
            match stream.take_error() {
                Ok(None) if ready.is_writable() && stream.peer_addr().is_ok() => {
                    conn.is_connecting = false;
                    self.connected(now, key);
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

    /// A connection that we asked for stands.
    pub(super) fn connected(&mut self, now: Instant, key: PeerKey) {
        self.engine.handle(now, Event::Connected { peer: key }, &mut self.out);
        if self.conns.get(key).is_some_and(|conn| conn.crypt.is_undecided()) {
            self.secure(now, key);
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
        let read = match &conn.link {
            Link::Tcp(stream) => read_more(stream, room, wanted),
            Link::Utp(utp) => read_utp(&mut self.utp.endpoint, now, (*utp, conn.has_ended), wanted, room),
        };
        let got = match read {
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
        let start = conn.tail.len();
        conn.tail.clear();
        conn.crypt.take_in(room, start);
        if conn.crypt.is_undecided() {
            self.pool.take();
            self.secure(now, key);
            return more;
        }
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
            let Some(tcp) = &self.listening.tcp else { return };
            match tcp.accept() {
                Ok((stream, addr)) => self.take_in(now, stream, canonical(addr)),
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
        match self.engine.accept(now, addr, Transport::Tcp) {
            Ok(key) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%addr, %error, "no TCP_NODELAY");
                }
                self.insert(now, key, stream, false, Crypt::called(self.encryption));
            }
            Err(reason) => tracing::debug!(%addr, %reason, "incoming connection refused"),
        }
    }

    pub(super) fn insert(
        &mut self,
        now: Instant,
        key: PeerKey,
        mut stream: TcpStream,
        is_connecting: bool,
        crypt: Crypt,
    ) {
        let token = Token(key.as_u64() as usize);
        match self.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE) {
            Ok(()) => {
                self.conns.insert(key, Conn::new(Link::Tcp(stream), is_connecting, crypt));
            }
            Err(error) => self.failed(now, key, &error),
        }
    }

    pub(super) fn read_local(&mut self, now: Instant) {
        self.has_local = false;
        let Some(local) = &self.local else { return };
        let mut buf = [0; MAX_DATAGRAM];
        for socket in [&local.v4, &local.v6].into_iter().flatten() {
            let mut left = DATAGRAMS_PER_TURN;
            while let Ok((len, from)) = socket.recv_from(&mut buf) {
                let event = Event::LocalAnnounce { from: canonical(from), data: &buf[..len] };
                self.engine.handle(now, event, &mut self.out);
                left -= 1;
                if left == 0 {
                    self.has_local = true;
                    break;
                }
            }
        }
    }

    /// The connection is gone from the other side.
    pub(super) fn lost(&mut self, now: Instant, key: PeerKey, reason: &str) {
        self.closed(now, key, reason, CloseCause::Remote);
    }

    /// The connection could not be made or broke.
    pub(super) fn failed(&mut self, now: Instant, key: PeerKey, error: &std::io::Error) {
        self.closed(now, key, &error.to_string(), sockets::cause(error));
    }

    pub(super) fn closed(&mut self, now: Instant, key: PeerKey, reason: &str, cause: CloseCause) {
        if cause == CloseCause::Remote {
            self.on_hang_up(now, key);
        }
        self.drop_conn(now, key);
        tracing::debug!(peer = key.as_u64(), reason, "connection lost");
        let event = Event::Closed { peer: key, cause };
        self.engine.handle(now, event, &mut self.out);
    }

    pub(super) fn drop_conn(&mut self, now: Instant, key: PeerKey) {
        match self.conns.remove(key).map(|conn| conn.link) {
            Some(Link::Tcp(mut stream)) => {
                if let Err(error) = self.poll.registry().deregister(&mut stream) {
                    tracing::debug!(%error, "deregister");
                }
            }
            Some(Link::Utp(conn)) => self.utp.drop(now, conn),
            None => {}
        }
    }
}
