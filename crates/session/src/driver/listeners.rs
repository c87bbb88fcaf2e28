//! The TCP listeners, and the pace at which connections are accepted.

use super::tokens::LISTENER;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use ztor_base::addr::canonical;
use ztor_base::{Duration, Instant};

/// Number of connections accepted per turn.
const ACCEPTS_PER_TURN: usize = 64;
/// Pause after a failure to accept, for example because the process has run out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// The TCP listeners.
pub(super) struct Listeners {
    /// One per bound address; none if TCP is not used.
    tcp: Vec<TcpListener>,
    accept_again_at: Option<Instant>,
    /// Number of connections that may still be accepted in this turn.
    left: usize,
    /// Number of the turn, which decides on the first listener, so that a busy one does not starve the others.
    turn: usize,
    /// Number of listeners that had no more connections in this turn.
    empty: usize,
}

impl Listeners {
    /// Registers the listeners.
    pub(super) fn open(registry: &Registry, mut tcp: Vec<TcpListener>) -> io::Result<Self> {
        for tcp in &mut tcp {
            registry.register(tcp, LISTENER, Interest::READABLE)?;
        }
        Ok(Self { tcp, accept_again_at: None, left: 0, turn: 0, empty: 0 })
    }

    /// Stops listening.
    pub(super) fn close(&mut self) {
        (self.tcp, self.accept_again_at) = (Vec::new(), None);
    }

    /// Starts to accept the connections of a turn.
    pub(super) fn start(&mut self) {
        self.accept_again_at = None;
        self.left = ACCEPTS_PER_TURN;
        self.turn = self.turn.wrapping_add(1);
        self.empty = 0;
    }

    /// Accepts one connection. Returns `None` when this turn has no more.
    pub(super) fn accept(&mut self, now: Instant) -> Option<(TcpStream, SocketAddr)> {
        while self.left > 0 {
            if self.empty >= self.tcp.len() {
                return None;
            }
            let tcp = self.tcp.get(self.turn.wrapping_add(self.empty) % self.tcp.len())?;
            self.left -= 1;
            match tcp.accept() {
                Ok((stream, addr)) => return Some((stream, canonical(addr))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.empty += 1,
                // The peer has closed the connection between the kernel's accept and ours.
                Err(error)
                    if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections for now");
                    self.accept_again_at = Some(now + ACCEPT_PAUSE);
                    return None;
                }
            }
        }
        // There may be more, and the kernel does not report it again.
        self.accept_again_at = Some(now);
        None
    }

    /// Returns the time to accept again without an event of the socket.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.accept_again_at
    }
}
