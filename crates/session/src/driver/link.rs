//! The connection of the link to the proxy: carries out what the machine `ztor_socks::Link` decides.

use super::sockets;
use super::tokens::PROXY;
use crate::bind::Bind;
use crate::control::Control;
use crate::proxy::{ProxyPolicy, ProxyStatus};
use mio::event::Event as Ready;
use mio::net::TcpStream;
use mio::{Interest, Registry};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use ztor_base::{Duration, Instant};
use ztor_socks::{Link as Machine, LinkAction, LinkGoal, Way};

/// Silence on the kept connection after which the system asks the proxy whether it is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(20);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// Maximum number of reads at a time. A proxy that sends more has no association on the connection.
const MAX_READS: usize = 16;

/// The surroundings of a link.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) now: Instant,
    pub(super) registry: &'a Registry,
    pub(super) bind: &'a Bind,
    pub(super) control: &'a Control,
}

struct Connection {
    stream: TcpStream,
    is_connecting: bool,
    /// Bytes that are not sent yet.
    output: Vec<u8>,
}

/// The link to the proxy.
pub(super) struct Link {
    policy: ProxyPolicy,
    machine: Machine,
    connection: Option<Connection>,
}

impl Link {
    pub(super) fn new(now: Instant, policy: ProxyPolicy) -> Self {
        Self { machine: Machine::new(now, goal(&policy)), policy, connection: None }
    }

    /// Starts anew, with another proxy or in another network.
    pub(super) fn restart(&mut self, means: Means<'_>, policy: ProxyPolicy) {
        self.machine.restart(means.now, goal(&policy));
        self.policy = policy;
        self.carry_out(means);
    }

    pub(super) fn policy(&self) -> &ProxyPolicy {
        &self.policy
    }

    /// Returns the address to connect to; `None` while the proxy does not answer.
    pub(super) fn dial_addr(&self) -> Option<SocketAddr> {
        self.machine.dial_addr()
    }

    /// Returns the address of the relay; `None` while the proxy relays no datagrams.
    pub(super) fn relay(&self) -> Option<SocketAddr> {
        self.machine.relay()
    }

    /// Returns the way of a connection that is for the proxy, or is not.
    pub(super) fn connection_way(&self, is_proxied: bool) -> Way {
        self.machine.connection_way(is_proxied)
    }

    /// Returns the way of datagrams that are for the proxy, or are not.
    pub(super) fn datagram_way(&self, is_proxied: bool) -> Way {
        self.machine.datagram_way(is_proxied)
    }

    /// Returns true if the relay has ended soon after its start, and may do so again.
    pub(super) fn has_doubtful_relay(&self) -> bool {
        self.machine.has_doubtful_relay()
    }

    pub(super) fn status(&self) -> ProxyStatus {
        self.machine.status()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, means: Means<'_>) {
        self.machine.handle_timeout(means.now);
        self.carry_out(means);
    }

    /// Handles the result of a lookup of the proxy's name.
    pub(super) fn on_resolved(
        &mut self,
        means: Means<'_>,
        attempt: u64,
        result: Result<Vec<IpAddr>, String>,
    ) {
        let is_usable = |ip: &IpAddr| means.bind.reaches(*ip);
        let usable = result.map(|ips| ips.into_iter().filter(is_usable).collect());
        self.machine.on_resolved(means.now, attempt, usable);
        self.carry_out(means);
    }

    /// Notes that the proxy has carried something.
    pub(super) fn note_success(&mut self) {
        self.machine.note_success();
    }

    /// Notes that a connection has failed because of the proxy.
    pub(super) fn note_failure(&mut self, means: Means<'_>, problem: String) {
        self.machine.note_failure(means.now, problem);
        self.carry_out(means);
    }

    /// Handles an event of the socket.
    pub(super) fn on_ready(&mut self, means: Means<'_>, ready: &Ready) {
        if let Err(error) = self.advance(means, ready) {
            self.machine.on_closed(means.now, error.to_string());
        }
        self.carry_out(means);
    }

    /// Sends and receives until the socket has no more.
    fn advance(&mut self, means: Means<'_>, ready: &Ready) -> Result<(), LinkError> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        if connection.is_connecting {
            if let Some(error) = connection.stream.take_error()? {
                return Err(error.into());
            }
            if !ready.is_writable() || connection.stream.peer_addr().is_err() {
                return Ok(());
            }
            connection.is_connecting = false;
            self.machine.on_connected(means.now);
        }
        let mut buf = [0; 256];
        for _ in 0..MAX_READS {
            connection.output.extend(self.machine.poll_transmit());
            connection.flush()?;
            match connection.stream.read(&mut buf) {
                Ok(0) => return Err(LinkError::Closed),
                Ok(got) => self.machine.on_bytes(means.now, &buf[..got]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(LinkError::Endless)
    }

    fn carry_out(&mut self, means: Means<'_>) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                LinkAction::Close => self.close(means.registry),
                LinkAction::Resolve { host, attempt } => means.control.resolve_proxy(host, attempt),
                LinkAction::Connect(addr) => {
                    self.close(means.registry);
                    match Connection::open(means, addr) {
                        Ok(connection) => self.connection = Some(connection),
                        Err(error) => self.machine.on_closed(means.now, error.to_string()),
                    }
                }
                LinkAction::KeepAlive => self.keep_alive(),
            }
        }
    }

    fn close(&mut self, registry: &Registry) {
        if let Some(Connection { mut stream, .. }) = self.connection.take() {
            // It is closed in any case.
            let _ = registry.deregister(&mut stream);
        }
    }

    fn keep_alive(&self) {
        let Some(connection) = &self.connection else { return };
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
        let keepalive = keepalive.with_retries(KEEPALIVE_RETRIES);
        if let Err(error) = SockRef::from(&connection.stream).set_tcp_keepalive(&keepalive) {
            tracing::debug!(%error, "cannot keep the connection to the proxy alive");
        }
    }
}

fn goal(policy: &ProxyPolicy) -> Option<LinkGoal> {
    let proxy = policy.proxy().filter(|_| policy.is_on())?.clone();
    Some(LinkGoal { proxy, has_datagrams: policy.has_datagrams() })
}

impl Connection {
    fn open(means: Means<'_>, addr: SocketAddr) -> io::Result<Self> {
        let mut stream = sockets::connect(means.bind, addr, 0)?;
        means.registry.register(&mut stream, PROXY, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, is_connecting: true, output: Vec::new() })
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(sent) => drop(self.output.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it closes the connection")]
    Closed,
    #[error("it sends without end")]
    Endless,
}
