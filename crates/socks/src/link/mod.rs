//! The link to a proxy: the decision whether it answers, and the association for datagrams, which is tied to a connection.

mod status;

pub use status::{NoRelay, ProxyState, ProxyStatus, RelayState};

use crate::error::TunnelError;
use crate::proxy::Proxy;
use crate::target::Target;
use crate::tunnel::{Step, Tunnel};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use ztor_base::addr::is_local;
use ztor_base::{Duration, Instant};

/// Time limit of one attempt, the lookup of the proxy's name included.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// First and longest pause between two attempts. It doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Longest pause after associations that the proxy has ended early. Connections go through the proxy meanwhile.
const LONGEST_RELAY_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Time between two attempts at a proxy that answers, but has no connection to keep.
const CHECK_EVERY: Duration = Duration::from_secs(60);
/// Time for which a link or an association lasts that works. Shorter ones count as failures.
const LASTING: Duration = Duration::from_secs(60);
/// Largest exponent of a pause.
const MAX_DOUBLINGS: u32 = 10;

/// A proxy, and the traffic that is for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkGoal {
    /// The proxy.
    pub proxy: Proxy,
    /// True if datagrams go through the proxy, as far as it relays them.
    pub has_datagrams: bool,
}

/// Effect that the driver of a [`Link`] carries out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkAction {
    /// Closes the connection of the link, if there is one, and gives up what was begun before.
    Close,
    /// Resolves the name of the proxy, for [`Link::on_resolved`].
    Resolve {
        /// Name to resolve.
        host: String,
        /// Number of the attempt, to be returned with the answer.
        attempt: u64,
    },
    /// Opens the connection, for [`Link::on_connected`] or [`Link::on_closed`].
    Connect(SocketAddr),
    /// Asks the proxy on the connection from time to time whether it is still there: the association ends with it.
    KeepAlive,
}

#[derive(Debug)]
enum State {
    /// Nothing goes through a proxy.
    Off,
    /// The name of the proxy is being resolved.
    Resolving { deadline: Instant },
    /// The connection, or the association on it, is being made. `tunnel` is `None` if a connection is all that is asked for.
    Connecting { tunnel: Option<Tunnel>, deadline: Instant },
    /// The proxy answers. `check_at` is `None` while a connection shows that by itself.
    Up { check_at: Option<Instant> },
    /// The last attempt has failed, or the association has ended.
    Waiting { until: Instant },
}

/// An association.
#[derive(Debug, Clone, Copy)]
struct Relay {
    addr: SocketAddr,
    since: Instant,
}

/// Way of a connection or a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Straight to its destination: it is not for the proxy.
    Direct,
    /// To the proxy at this address, or its relay.
    Through(SocketAddr),
    /// It is for the proxy, which does not carry it now. There is no other way.
    Nowhere,
}

impl Way {
    fn of(is_proxied: bool, at: Option<SocketAddr>) -> Self {
        match (is_proxied, at) {
            (false, _) => Self::Direct,
            (true, Some(addr)) => Self::Through(addr),
            (true, None) => Self::Nowhere,
        }
    }
}

/// The link to a proxy.
///
/// While it is down, nothing is sent to the proxy but the attempts of the link itself, at growing intervals:
/// [`dial_addr`](Self::dial_addr) returns `None`. After each call, the driver carries out the
/// [actions](Self::poll_action) and sends what [`poll_transmit`](Self::poll_transmit) returns.
#[derive(Debug)]
pub struct Link {
    goal: Option<LinkGoal>,
    state: State,
    actions: VecDeque<LinkAction>,
    /// Number of the attempt, by which answers to older lookups are known.
    attempt: u64,
    /// Address of the proxy; `None` before its name is resolved.
    addr: Option<SocketAddr>,
    /// Time since which the proxy answers; `None` while it does not.
    up_since: Option<Instant>,
    /// Number of failures since the proxy last carried something, or answered for [`LASTING`].
    fails: u32,
    /// Number of associations in a row that ended before [`LASTING`].
    short_relays: u32,
    /// Reason of the last failure; `None` while the proxy answers.
    problem: Option<String>,
    /// Refusal to relay datagrams.
    refusal: Option<String>,
    relay: Option<Relay>,
}

impl Link {
    /// Creates a link; without a goal, nothing goes through a proxy.
    pub fn new(now: Instant, goal: Option<LinkGoal>) -> Self {
        let mut link = Self {
            goal: None,
            state: State::Off,
            actions: VecDeque::new(),
            attempt: 0,
            addr: None,
            up_since: None,
            fails: 0,
            short_relays: 0,
            problem: None,
            refusal: None,
            relay: None,
        };
        link.restart(now, goal);
        link
    }

    /// Starts anew, with another proxy or in another network.
    pub fn restart(&mut self, now: Instant, goal: Option<LinkGoal>) {
        self.attempt += 1;
        (self.addr, self.up_since, self.relay) = (None, None, None);
        (self.fails, self.short_relays, self.problem, self.refusal) = (0, 0, None, None);
        self.actions.clear();
        self.actions.push_back(LinkAction::Close);
        self.state = if goal.is_some() { State::Waiting { until: now } } else { State::Off };
        self.goal = goal;
    }

    /// Returns the address to connect to; `None` while the proxy does not answer.
    pub fn dial_addr(&self) -> Option<SocketAddr> {
        self.addr.filter(|_| self.up_since.is_some())
    }

    /// Returns the address of the relay; `None` while the proxy relays no datagrams.
    pub fn relay(&self) -> Option<SocketAddr> {
        self.relay.map(|relay| relay.addr)
    }

    /// Returns the way of a new connection that is for the proxy, or is not.
    pub fn connection_way(&self, is_proxied: bool) -> Way {
        Way::of(is_proxied, self.dial_addr())
    }

    /// Returns the way of datagrams that are for the proxy, or are not.
    pub fn datagram_way(&self, is_proxied: bool) -> Way {
        Way::of(is_proxied, self.relay())
    }

    /// Returns true if the relay has ended soon after its start, once or more often, and may do so again.
    pub fn has_doubtful_relay(&self) -> bool {
        self.short_relays > 0
    }

    /// Returns the state for display.
    pub fn status(&self) -> ProxyStatus {
        let state = match (&self.state, &self.problem) {
            (State::Off, _) => ProxyState::Off,
            (_, Some(problem)) => ProxyState::Down(problem.clone()),
            _ if self.up_since.is_some() => ProxyState::Up,
            _ => ProxyState::Connecting,
        };
        let relay = match (self.goal.as_ref().filter(|goal| goal.has_datagrams), &self.refusal) {
            (None, _) => RelayState::Unused,
            (Some(goal), _) if !goal.proxy.kind().has_udp() => RelayState::Off(NoRelay::Protocol),
            _ if self.relay.is_some() => RelayState::Up,
            (Some(_), Some(why)) => RelayState::Off(NoRelay::Refused(why.clone())),
            (Some(_), None) => RelayState::Off(NoRelay::Down),
        };
        ProxyStatus { state, relay }
    }

    /// Returns the next effect to carry out. At most four wait.
    pub fn poll_action(&mut self) -> Option<LinkAction> {
        self.actions.pop_front()
    }

    /// Takes the bytes to send on the connection.
    pub fn poll_transmit(&mut self) -> Vec<u8> {
        match &mut self.state {
            State::Connecting { tunnel: Some(tunnel), .. } => tunnel.poll_transmit(),
            _ => Vec::new(),
        }
    }

    /// Returns the time of the next [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Off => None,
            State::Resolving { deadline } | State::Connecting { deadline, .. } => Some(*deadline),
            State::Up { check_at } => *check_at,
            State::Waiting { until } => Some(*until),
        }
    }

    /// Starts the attempt that is due, or ends one that takes too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        match &self.state {
            State::Off => {}
            State::Resolving { .. } | State::Connecting { .. } => self.fail(now, "no answer in time".into()),
            State::Up { .. } | State::Waiting { .. } => self.begin(now),
        }
    }

    fn begin(&mut self, now: Instant) {
        let Some(goal) = &self.goal else { return };
        self.attempt += 1;
        let deadline = now + ATTEMPT_TIMEOUT;
        let host = goal.proxy.host().to_owned();
        self.close();
        match host.parse() {
            Ok(ip) => self.connect(ip, deadline),
            Err(_) => {
                self.state = State::Resolving { deadline };
                self.actions.push_back(LinkAction::Resolve { host, attempt: self.attempt });
            }
        }
    }

    /// Handles the result of a lookup of the proxy's name: the addresses that the driver can connect to.
    pub fn on_resolved(&mut self, now: Instant, attempt: u64, result: Result<Vec<IpAddr>, String>) {
        let State::Resolving { deadline } = self.state else { return };
        if attempt != self.attempt {
            return;
        }
        let usable = match result {
            Ok(ips) => ips,
            Err(error) => return self.fail(now, error),
        };
        // After a failure, the next address is tried.
        match usable.get(self.fails as usize % usable.len().max(1)) {
            Some(ip) => self.connect(*ip, deadline),
            None => self.fail(now, "its name has no usable address".into()),
        }
    }

    fn connect(&mut self, ip: IpAddr, deadline: Instant) {
        let Some(goal) = &self.goal else { return };
        let addr = SocketAddr::new(ip, goal.proxy.port());
        let wants_relay = goal.has_datagrams && goal.proxy.kind().has_udp();
        let tunnel = wants_relay.then(|| Tunnel::associate(&goal.proxy).ok()).flatten();
        self.addr = Some(addr);
        self.state = State::Connecting { tunnel, deadline };
        self.actions.push_back(LinkAction::Connect(addr));
    }

    /// Notes that the connection is open.
    pub fn on_connected(&mut self, now: Instant) {
        if let State::Connecting { tunnel: None, .. } = self.state {
            self.close();
            self.set_up(now, Some(now + CHECK_EVERY));
        }
    }

    /// Handles bytes of the proxy on the connection. Those after the start of an association are dropped.
    pub fn on_bytes(&mut self, now: Instant, bytes: &[u8]) {
        let State::Connecting { tunnel: Some(tunnel), .. } = &mut self.state else { return };
        match tunnel.handle(bytes) {
            Ok(Step::More) => {}
            Ok(Step::Done { rest, .. }) if !rest.is_empty() => {
                self.fail(now, "it sends more than its answer".into());
            }
            Ok(Step::Done { bound, .. }) => self.set_relay(now, bound),
            Err(TunnelError::Refused(refusal)) => {
                // It answers, and may carry connections.
                self.do_without_relay(now, refusal.to_string());
            }
            Err(error) => self.fail(now, error.to_string()),
        }
    }

    /// Notes that the connection was not made, or has ended.
    pub fn on_closed(&mut self, now: Instant, problem: String) {
        match &self.state {
            State::Connecting { .. } => self.fail(now, problem),
            State::Up { .. } => {
                let Some(relay) = self.relay.take() else { return };
                if now.since(relay.since) >= LASTING {
                    self.short_relays = 0;
                }
                let pause = doubled(self.short_relays).min(LONGEST_RELAY_PAUSE);
                self.short_relays = self.short_relays.saturating_add(1);
                self.refusal = Some("it has ended the association".into());
                self.close();
                self.state = State::Waiting { until: now + pause };
            }
            State::Off | State::Resolving { .. } | State::Waiting { .. } => {}
        }
    }

    fn set_relay(&mut self, now: Instant, bound: Option<Target>) {
        match self.addr.zip(bound).and_then(|(proxy, bound)| relay_addr(proxy, &bound)) {
            Some(addr) => {
                (self.relay, self.refusal) = (Some(Relay { addr, since: now }), None);
                self.actions.push_back(LinkAction::KeepAlive);
                self.set_up(now, None);
            }
            None => self.do_without_relay(now, "its address is not usable".into()),
        }
    }

    fn do_without_relay(&mut self, now: Instant, refusal: String) {
        self.refusal = Some(refusal);
        self.close();
        self.set_up(now, Some(now + CHECK_EVERY));
    }

    fn set_up(&mut self, now: Instant, check_at: Option<Instant>) {
        self.state = State::Up { check_at };
        self.up_since.get_or_insert(now);
        self.problem = None;
    }

    /// Notes that the proxy has carried something.
    pub fn note_success(&mut self) {
        self.fails = 0;
    }

    /// Notes that a connection has failed because of the proxy.
    pub fn note_failure(&mut self, now: Instant, problem: String) {
        if self.up_since.is_some() {
            self.fail(now, problem);
        }
    }

    fn fail(&mut self, now: Instant, problem: String) {
        if self.up_since.take().is_some_and(|since| now.since(since) >= LASTING) {
            self.fails = 0;
        }
        let pause = doubled(self.fails).min(LONGEST_PAUSE);
        self.fails = self.fails.saturating_add(1);
        self.problem = Some(problem);
        self.relay = None;
        self.close();
        self.state = State::Waiting { until: now + pause };
    }

    /// Closes the connection. What was to be done with it before has no purpose any more.
    fn close(&mut self) {
        self.actions.clear();
        self.actions.push_back(LinkAction::Close);
    }
}

/// Returns the pause after a number of failures in a row before the last one.
fn doubled(fails: u32) -> Duration {
    FIRST_PAUSE * (1 << fails.min(MAX_DOUBLINGS))
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

#[cfg(test)]
mod tests;
