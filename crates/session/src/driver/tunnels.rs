//! Connections to peers through the proxy, until the proxy has made them.

use super::cipher::StreamCipher;
use super::close::CloseReason;
use mio::event::Event as Ready;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use slotmap::SecondaryMap;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::net::IpAddr;
use ztor_base::{Duration, Instant};
use ztor_engine::PeerKey;
use ztor_socks::{Step, Tunnel, TunnelError};

/// Time within which the proxy accepts a connection. The engine ends attempts that take longer in all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// The connections that the proxy is making. The engine bounds their number, as that of all attempts.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    table: SecondaryMap<PeerKey, Making>,
}

#[derive(Debug)]
struct Making {
    stream: TcpStream,
    /// Time by which the proxy must have accepted the connection; `None` once it has.
    connect_by: Option<Instant>,
    tunnel: Tunnel,
    output: Vec<u8>,
    cipher: StreamCipher,
}

/// Progress of a connection.
pub(super) enum Made {
    NotYet,
    /// The peer is connected. The stream is not registered any more.
    Done(TcpStream, StreamCipher),
}

impl Tunnels {
    /// Adds a connection to the proxy that is being made.
    pub(super) fn insert(
        &mut self,
        registry: &Registry,
        now: Instant,
        key: PeerKey,
        (mut stream, tunnel): (TcpStream, Tunnel),
        cipher: StreamCipher,
    ) -> io::Result<()> {
        let token = Token(key.as_u64() as usize);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let connect_by = Some(now + CONNECT_TIMEOUT);
        self.table.insert(key, Making { stream, connect_by, tunnel, output: Vec::new(), cipher });
        Ok(())
    }

    pub(super) fn contains(&self, key: PeerKey) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn keys(&self) -> Vec<PeerKey> {
        self.table.keys().collect()
    }

    /// Returns the connections from these addresses of ours.
    pub(super) fn of_addresses(&self, own: &BTreeSet<IpAddr>) -> Vec<PeerKey> {
        let is_from = |making: &Making| {
            making.stream.local_addr().is_ok_and(|addr| own.contains(&addr.ip().to_canonical()))
        };
        self.table.iter().filter(|(_, making)| is_from(making)).map(|(key, _)| key).collect()
    }

    pub(super) fn remove(&mut self, registry: &Registry, key: PeerKey) -> Option<(TcpStream, StreamCipher)> {
        let Making { mut stream, cipher, .. } = self.table.remove(key)?;
        if let Err(error) = registry.deregister(&mut stream) {
            tracing::debug!(%error, "deregister");
        }
        Some((stream, cipher))
    }

    /// Returns the time at which [`overdue`](Self::overdue) returns a connection; `None` if there is none to wait for.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.table.values().filter_map(|making| making.connect_by).min()
    }

    /// Returns the connections that the proxy has not accepted in time.
    pub(super) fn overdue(&self, now: Instant) -> Vec<PeerKey> {
        let is_late = |making: &Making| making.connect_by.is_some_and(|by| by <= now);
        self.table.iter().filter(|(_, making)| is_late(making)).map(|(key, _)| key).collect()
    }

    /// Handles an event of a socket.
    ///
    /// # Errors
    /// The connection must be closed.
    pub(super) fn on_ready(
        &mut self,
        registry: &Registry,
        key: PeerKey,
        ready: &Ready,
    ) -> Result<Made, CloseReason> {
        let Some(making) = self.table.get_mut(key) else { return Ok(Made::NotYet) };
        if making.connect_by.is_some() {
            let proxy_failed = |error: io::Error| CloseReason::Proxy(error.to_string());
            if let Some(error) = making.stream.take_error().map_err(proxy_failed)? {
                return Err(proxy_failed(error));
            }
            if !ready.is_writable() || making.stream.peer_addr().is_err() {
                return Ok(Made::NotYet);
            }
            making.connect_by = None;
        }
        match negotiate(&mut making.stream, &mut making.tunnel, &mut making.output) {
            Ok(Negotiated::More) => Ok(Made::NotYet),
            Ok(Negotiated::Done) => {
                let made = self.remove(registry, key);
                Ok(made.map_or(Made::NotYet, |(stream, cipher)| Made::Done(stream, cipher)))
            }
            Ok(Negotiated::Closed { was_silent: true }) => {
                Err(CloseReason::Proxy("it closes the connection".into()))
            }
            // Several proxies close the connection if they cannot reach the target.
            Ok(Negotiated::Closed { was_silent: false }) => Err(CloseReason::ProxyClosed),
            Err(NegotiateError::Tunnel(error)) if error.is_of_target() => Err(CloseReason::Tunnel(error)),
            Err(error) => Err(CloseReason::Proxy(error.to_string())),
        }
    }
}

/// Result of [`negotiate`].
enum Negotiated {
    More,
    /// The proxy has closed the connection.
    Closed {
        /// True if it had not sent anything.
        was_silent: bool,
    },
    Done,
}

/// Failure of [`negotiate`].
#[derive(Debug, thiserror::Error)]
enum NegotiateError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
}

/// Sends and receives what a negotiation needs, until the socket has no more. `output` is what is not sent yet.
fn negotiate(
    stream: &mut TcpStream,
    tunnel: &mut Tunnel,
    output: &mut Vec<u8>,
) -> Result<Negotiated, NegotiateError> {
    let mut buf = [0; 2048];
    loop {
        output.extend(tunnel.poll_transmit());
        while !output.is_empty() {
            match stream.write(output) {
                Ok(sent) => drop(output.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let got = match stream.read(&mut buf) {
            Ok(0) => return Ok(Negotiated::Closed { was_silent: tunnel.is_unanswered() }),
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Negotiated::More),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        match tunnel.handle(&buf[..got])? {
            Step::More => {}
            // Peers do not speak first, so that the rest would be of the proxy.
            Step::Done { rest, .. } if !rest.is_empty() => {
                return Ok(Negotiated::Closed { was_silent: false });
            }
            Step::Done { .. } => return Ok(Negotiated::Done),
        }
    }
}
