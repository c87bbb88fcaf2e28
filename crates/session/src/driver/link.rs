//! The link to the proxy: a connection that shows whether the proxy answers, and to which its relay of datagrams is tied.
//!
//! While the link is down, nothing is sent to the proxy but the attempts of the link itself, at growing intervals.

use super::sockets;
use super::tokens::PROXY;
use crate::bind::Bind;
use crate::control::Control;
use crate::proxy::{NoRelay, ProxyPolicy, ProxyState, ProxyStatus, RelayState};
use mio::event::Event as Ready;
use mio::net::TcpStream;
use mio::{Interest, Registry};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use ztor_base::addr::is_local;
use ztor_base::{Duration, Instant};
use ztor_socks::{Proxy, Step, Target, Tunnel, TunnelError};

/// Time limit of one attempt, the lookup of the proxy's name included.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// First and longest pause between two attempts. It doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Time between two attempts at a proxy that answers, but has no connection to keep.
const CHECK_EVERY: Duration = Duration::from_secs(60);
/// Silence on the kept connection after which the system asks the proxy whether it is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(20);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

/// The surroundings of a link.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) now: Instant,
    pub(super) registry: &'a Registry,
    pub(super) bind: &'a Bind,
    pub(super) control: &'a Control,
}

enum State {
    /// Nothing goes through a proxy.
    Idle,
    /// The name of the proxy is being resolved.
    Resolving { deadline: Instant },
    /// The connection, or the association on it, is being made.
    Connecting { probe: Probe, deadline: Instant },
    /// The proxy answers. `control` is the connection of an association, which ends with it.
    Up { control: Option<TcpStream>, check_at: Option<Instant> },
    /// The last attempt has failed.
    Waiting { until: Instant },
}

struct Probe {
    stream: TcpStream,
    is_connecting: bool,
    /// `None` if a connection is all that is asked for.
    tunnel: Option<Tunnel>,
    output: Vec<u8>,
}

/// The link to the proxy.
pub(super) struct Link {
    policy: ProxyPolicy,
    state: State,
    /// Number of the attempt, by which answers to older lookups are known.
    attempt: u64,
    /// Address of the proxy; `None` before its name is resolved.
    addr: Option<SocketAddr>,
    is_up: bool,
    /// Number of failures since the proxy last carried something.
    fails: u32,
    /// Reason of the last failure; `None` while the proxy answers.
    problem: Option<String>,
    /// Refusal to relay datagrams.
    refusal: Option<String>,
    /// Address of the relay, until it is taken.
    new_relay: Option<SocketAddr>,
    has_relay: bool,
}

impl Link {
    pub(super) fn new(now: Instant, policy: ProxyPolicy) -> Self {
        let mut link = Self {
            policy: ProxyPolicy::default(),
            state: State::Idle,
            attempt: 0,
            addr: None,
            is_up: false,
            fails: 0,
            problem: None,
            refusal: None,
            new_relay: None,
            has_relay: false,
        };
        link.restart(now, policy);
        link
    }

    /// Starts anew, with another proxy or in another network.
    pub(super) fn restart(&mut self, now: Instant, policy: ProxyPolicy) {
        self.attempt += 1;
        (self.addr, self.is_up, self.has_relay, self.new_relay) = (None, false, false, None);
        (self.fails, self.problem, self.refusal) = (0, None, None);
        self.state = if policy.is_on() { State::Waiting { until: now } } else { State::Idle };
        self.policy = policy;
    }

    pub(super) fn policy(&self) -> &ProxyPolicy {
        &self.policy
    }

    /// Returns the address to connect to; `None` while the proxy does not answer.
    pub(super) fn dial_addr(&self) -> Option<SocketAddr> {
        self.addr.filter(|_| self.is_up)
    }

    /// Returns the address of a new relay, once.
    pub(super) fn take_relay(&mut self) -> Option<SocketAddr> {
        self.new_relay.take()
    }

    /// Returns true while the proxy relays datagrams.
    pub(super) fn has_relay(&self) -> bool {
        self.has_relay
    }

    pub(super) fn status(&self) -> ProxyStatus {
        let state = match (&self.state, &self.problem) {
            (State::Idle, _) => ProxyState::Off,
            (_, Some(problem)) => ProxyState::Down(problem.clone()),
            _ if self.is_up => ProxyState::Up,
            _ => ProxyState::Connecting,
        };
        let proxy = self.policy.proxy().filter(|_| self.policy.has_datagrams());
        let relay = match (proxy, &self.refusal) {
            (None, _) => RelayState::Unused,
            (Some(proxy), _) if !proxy.kind().has_udp() => RelayState::Off(NoRelay::Protocol),
            _ if self.has_relay => RelayState::Up,
            (Some(_), Some(why)) => RelayState::Off(NoRelay::Refused(why.clone())),
            (Some(_), None) => RelayState::Off(NoRelay::Down),
        };
        ProxyStatus::new(state, relay)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Idle => None,
            State::Resolving { deadline } | State::Connecting { deadline, .. } => Some(*deadline),
            State::Up { check_at, .. } => *check_at,
            State::Waiting { until } => Some(*until),
        }
    }

    /// Starts the attempt that is due, or ends one that takes too long.
    pub(super) fn handle_timeout(&mut self, means: Means<'_>) {
        if self.poll_timeout().is_none_or(|at| at > means.now) {
            return;
        }
        match &self.state {
            State::Idle => {}
            State::Resolving { .. } | State::Connecting { .. } => {
                self.fail(means.now, "no answer in time".into())
            }
            State::Up { .. } | State::Waiting { .. } => self.begin(means),
        }
    }

    /// Handles the result of a lookup of the proxy's name.
    pub(super) fn on_resolved(
        &mut self,
        means: Means<'_>,
        attempt: u64,
        result: Result<Vec<IpAddr>, String>,
    ) {
        let State::Resolving { deadline } = self.state else { return };
        let Some(proxy) = self.policy.proxy().cloned().filter(|_| attempt == self.attempt) else { return };
        let ips = match result {
            Ok(ips) => ips,
            Err(error) => return self.fail(means.now, error),
        };
        let is_usable = |ip: &IpAddr| {
            means.bind.ip().is_none_or(|own| own.is_unspecified() || own.is_ipv4() == ip.is_ipv4())
        };
        let usable: Vec<IpAddr> = ips.into_iter().filter(is_usable).collect();
        // After a failure, the next address is tried.
        let Some(ip) = usable.get(self.fails as usize % usable.len().max(1)) else {
            return self.fail(means.now, "its name has no usable address".into());
        };
        self.connect(means, &proxy, SocketAddr::new(*ip, proxy.port()), deadline);
    }

    fn begin(&mut self, means: Means<'_>) {
        let Some(proxy) = self.policy.proxy().cloned() else { return };
        self.attempt += 1;
        let deadline = means.now + ATTEMPT_TIMEOUT;
        self.drop_control(means.registry);
        match proxy.host().parse() {
            Ok(ip) => self.connect(means, &proxy, SocketAddr::new(ip, proxy.port()), deadline),
            Err(_) => {
                self.state = State::Resolving { deadline };
                means.control.resolve_proxy(proxy.host().to_owned(), self.attempt);
            }
        }
    }

    fn connect(&mut self, means: Means<'_>, proxy: &Proxy, addr: SocketAddr, deadline: Instant) {
        let wants_relay = self.policy.has_datagrams() && proxy.kind().has_udp();
        let tunnel = wants_relay.then(|| Tunnel::associate(proxy).ok()).flatten();
        let connected = sockets::connect(means.bind, addr).and_then(|mut stream| {
            means.registry.register(&mut stream, PROXY, Interest::READABLE | Interest::WRITABLE)?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => {
                self.addr = Some(addr);
                let probe = Probe { stream, is_connecting: true, tunnel, output: Vec::new() };
                self.state = State::Connecting { probe, deadline };
            }
            Err(error) => self.fail(means.now, error.to_string()),
        }
    }

    /// Handles an event of the socket.
    pub(super) fn on_ready(&mut self, means: Means<'_>, ready: &Ready) {
        match &mut self.state {
            State::Connecting { probe, .. } => match probe.advance(ready) {
                Ok(None) => {}
                Ok(Some(Reached::Open)) => self.set_up(means, None, Some(means.now + CHECK_EVERY)),
                Ok(Some(Reached::Relay(bound))) => self.set_relay(means, bound),
                Err(LinkError::Tunnel(TunnelError::Refused(refusal))) => {
                    // It answers, and may carry connections.
                    self.refusal = Some(refusal.to_string());
                    self.set_up(means, None, Some(means.now + CHECK_EVERY));
                }
                Err(error) => self.fail(means.now, error.to_string()),
            },
            State::Up { control: Some(control), .. } => {
                if !is_open(control) {
                    tracing::info!("the proxy has ended the relay of datagrams");
                    self.pause(means.now);
                }
            }
            State::Idle | State::Resolving { .. } | State::Up { .. } | State::Waiting { .. } => {}
        }
    }

    fn set_relay(&mut self, means: Means<'_>, bound: Option<Target>) {
        let relay = self.addr.zip(bound).and_then(|(proxy, bound)| relay_addr(proxy, &bound));
        match (relay, std::mem::replace(&mut self.state, State::Idle)) {
            (Some(relay), State::Connecting { probe, .. }) => {
                (self.new_relay, self.has_relay, self.refusal) = (Some(relay), true, None);
                self.note_success();
                let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
                let keepalive = keepalive.with_retries(KEEPALIVE_RETRIES);
                if let Err(error) = SockRef::from(&probe.stream).set_tcp_keepalive(&keepalive) {
                    tracing::debug!(%error, "cannot keep the connection to the proxy alive");
                }
                self.set_up(means, Some(probe.stream), None);
            }
            _ => {
                self.refusal = Some("its address is not usable".into());
                self.set_up(means, None, Some(means.now + CHECK_EVERY));
            }
        }
    }

    fn set_up(&mut self, _: Means<'_>, control: Option<TcpStream>, check_at: Option<Instant>) {
        self.state = State::Up { control, check_at };
        (self.is_up, self.problem) = (true, None);
    }

    /// Notes that the proxy has carried something.
    pub(super) fn note_success(&mut self) {
        self.fails = 0;
    }

    /// Notes that a connection has failed because of the proxy.
    pub(super) fn note_failure(&mut self, now: Instant, problem: String) {
        if self.is_up {
            self.fail(now, problem);
        }
    }

    fn fail(&mut self, now: Instant, problem: String) {
        self.is_up = false;
        self.problem = Some(problem);
        self.pause(now);
    }

    /// Waits for the next attempt.
    fn pause(&mut self, now: Instant) {
        (self.has_relay, self.new_relay) = (false, None);
        let pause = FIRST_PAUSE * (1 << self.fails.min(6));
        self.fails = self.fails.saturating_add(1);
        self.state = State::Waiting { until: now + pause.min(LONGEST_PAUSE) };
    }

    fn drop_control(&mut self, registry: &Registry) {
        if let State::Up { control: Some(stream), .. } = &mut self.state {
            // It is closed in any case.
            let _ = registry.deregister(stream);
        }
    }
}

/// Returns the address of a relay. An unspecified one is that of the proxy, and so is one that only the proxy's own network
/// knows.
fn relay_addr(proxy: SocketAddr, bound: &Target) -> Option<SocketAddr> {
    let ip = match bound {
        Target::Addr(addr) if addr.ip().is_unspecified() => proxy.ip(),
        Target::Addr(addr) if is_local(addr.ip()) && !is_local(proxy.ip()) => proxy.ip(),
        Target::Addr(addr) if addr.ip().is_loopback() && !proxy.ip().is_loopback() => proxy.ip(),
        Target::Addr(addr) => addr.ip(),
        Target::Name(..) => proxy.ip(),
    };
    Some(SocketAddr::new(ip, bound.port())).filter(|addr| addr.port() != 0 && !ip.is_multicast())
}

enum Reached {
    Open,
    Relay(Option<Target>),
}

#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    #[error("it closes the connection")]
    Closed,
}

impl Probe {
    fn advance(&mut self, ready: &Ready) -> Result<Option<Reached>, LinkError> {
        if self.is_connecting {
            if let Some(error) = self.stream.take_error()? {
                return Err(error.into());
            }
            if !ready.is_writable() || self.stream.peer_addr().is_err() {
                return Ok(None);
            }
            self.is_connecting = false;
        }
        let Some(tunnel) = &mut self.tunnel else { return Ok(Some(Reached::Open)) };
        match negotiate(&mut self.stream, tunnel, &mut self.output)? {
            Negotiated::More => Ok(None),
            Negotiated::Closed { .. } => Err(LinkError::Closed),
            Negotiated::Done { bound } => Ok(Some(Reached::Relay(bound))),
        }
    }
}

/// Result of [`negotiate`].
pub(super) enum Negotiated {
    More,
    /// The proxy has closed the connection.
    Closed {
        /// True if it had not sent anything.
        was_silent: bool,
    },
    Done {
        bound: Option<Target>,
    },
}

/// Failure of [`negotiate`].
#[derive(Debug, thiserror::Error)]
pub(super) enum NegotiateError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
}

impl From<NegotiateError> for LinkError {
    fn from(error: NegotiateError) -> Self {
        match error {
            NegotiateError::Io(error) => Self::Io(error),
            NegotiateError::Tunnel(error) => Self::Tunnel(error),
        }
    }
}

/// Sends and receives what a negotiation needs, until the socket has no more. `output` is what is not sent yet.
pub(super) fn negotiate(
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
            Step::Done { bound, .. } => return Ok(Negotiated::Done { bound }),
        }
    }
}

/// Returns true if the proxy has not closed the connection. Whatever it sends on it is dropped.
fn is_open(control: &mut TcpStream) -> bool {
    let mut buf = [0; 256];
    for _ in 0..16 {
        match control.read(&mut buf) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
    // So much is no association any more.
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relay_addr_that_is_unspecified_or_of_another_network_is_that_of_the_proxy() {
        let relay = |proxy: [u8; 4], bound: [u8; 4]| {
            relay_addr((proxy, 1080).into(), &Target::Addr((bound, 9).into())).map(|addr| addr.to_string())
        };
        assert_eq!(relay([192, 0, 2, 1], [0, 0, 0, 0]).as_deref(), Some("192.0.2.1:9"));
        assert_eq!(relay([192, 0, 2, 1], [192, 0, 2, 2]).as_deref(), Some("192.0.2.2:9"));
        assert_eq!(relay([192, 0, 2, 1], [172, 17, 0, 2]).as_deref(), Some("192.0.2.1:9"));
        assert_eq!(relay([10, 0, 0, 1], [127, 0, 0, 1]).as_deref(), Some("10.0.0.1:9"));
        assert_eq!(relay([10, 0, 0, 1], [10, 0, 0, 2]).as_deref(), Some("10.0.0.2:9"));
        let proxy = ([192, 0, 2, 1], 1080).into();
        assert_eq!(relay_addr(proxy, &Target::Addr(([0; 4], 0).into())), None);
        let named = relay_addr(proxy, &Target::Name("relay.example".into(), 9));
        assert_eq!(named.map(|addr| addr.to_string()).as_deref(), Some("192.0.2.1:9"));
    }
}
