//! The TCP listener, and the pace at which connections are accepted.

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

/// The TCP listener.
pub(super) struct Listeners {
    /// `None` if TCP is not used.
    tcp: Option<TcpListener>,
    accept_again_at: Option<Instant>,
    /// Number of connections that may still be accepted in this turn.
    left: usize,
}

impl Listeners {
    /// Registers a listener, if there is one.
    pub(super) fn open(registry: &Registry, tcp: Option<TcpListener>) -> io::Result<Self> {
        Ok(Self { tcp: Self::register(registry, tcp)?, accept_again_at: None, left: 0 })
    }

    /// Stops listening.
    pub(super) fn close(&mut self) {
        (self.tcp, self.accept_again_at) = (None, None);
    }

    /// Replaces the listener.
    pub(super) fn replace(&mut self, registry: &Registry, tcp: Option<TcpListener>) -> io::Result<()> {
        self.tcp = Self::register(registry, tcp)?;
        Ok(())
    }

    fn register(registry: &Registry, mut tcp: Option<TcpListener>) -> io::Result<Option<TcpListener>> {
        if let Some(tcp) = &mut tcp {
            registry.register(tcp, LISTENER, Interest::READABLE)?;
        }
        Ok(tcp)
    }

    /// Starts to accept the connections of a turn.
    pub(super) fn start(&mut self) {
        self.accept_again_at = None;
        self.left = ACCEPTS_PER_TURN;
    }

    /// Accepts one connection. Returns `None` when this turn has no more.
    pub(super) fn accept(&mut self, now: Instant) -> Option<(TcpStream, SocketAddr)> {
        let tcp = self.tcp.as_ref()?;
        while self.left > 0 {
            self.left -= 1;
            match tcp.accept() {
                Ok((stream, addr)) => return Some((stream, canonical(addr))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
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
