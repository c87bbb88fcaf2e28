//! State of one tracker host.

use super::{Ask, Class, FIRST_WINDOW, Lane, MAX_GOODBYE_WINDOW, MAX_WINDOW, PATIENCE, Rank, URGENT_WINDOW};
use crate::ids::RequestId;
use crate::trackers::target::{Addresses, Origin};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::net::IpAddr;
use ztor_base::{Duration, Instant};
use ztor_tracker::TrackerError;
use ztor_tracker::announcer::backoff;
use ztor_tracker::dns::Protocol;

/// [`PATIENCE`] for UDP, where a lost datagram is sent again after 15 seconds.
const UDP_PATIENCE: Duration = Duration::from_secs(20);
/// Time for which an address family is suspended after it failed where the other worked.
const FAMILY_REST: Duration = Duration::from_secs(1800);

/// State of a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// The host responds, as far as is known.
    Up,
    /// The host did not respond, and is not asked before this time.
    Down { until: Instant },
    /// The host did not respond. An announce, sent at this time, tests whether it does again.
    Probing { since: Instant },
}

/// Addresses of a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Names {
    Unknown,
    Looking,
    Known { until: Instant, addresses: Addresses },
}

#[derive(Debug)]
pub(super) struct Host {
    /// Name to resolve, or an address as text.
    pub(super) name: String,
    pub(super) names: Names,
    pub(super) waiting: BTreeMap<Rank, Ask>,
    /// Requests under way, with the time of each. The first is the oldest.
    pub(super) open: BTreeMap<RequestId, Instant>,
    pub(super) state: State,
    /// Failure for which the host is down.
    pub(super) error: TrackerError,
    is_udp: bool,
    /// Port by the URL.
    pub(super) port: u16,
    /// Port by the DNS (BEP 34); `None` for that of the URL.
    pub(super) other_port: Option<u16>,
    /// Maximum number of requests under way.
    window: usize,
    /// Time of the last response; `None` before the first, and after [`start_over`](Self::start_over) of a failed host.
    answered_at: Option<Instant>,
    has_answered: bool,
    /// Set once the host was reported as unresponsive since its last response.
    is_told: bool,
    /// Time of the last change of network. Requests sent before it say nothing about the host.
    started_over_at: Instant,
    /// Number of failures in a row.
    fails: u32,
    /// Times until which IPv4 and IPv6 are suspended; `None` for a family in use.
    family_rests: [Option<Instant>; 2],
    /// Current place in the indexes.
    place: Place,
}

/// The place of a host in the indexes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Place {
    pub(super) ready: Option<(Lane, Rank)>,
    pub(super) deadline: Option<Instant>,
    pub(super) sockets: usize,
    pub(super) is_proven: bool,
}

impl Host {
    pub(super) fn new(origin: &Origin) -> Self {
        let names = origin.literal_ip().map_or(Names::Unknown, |ip| Names::Known {
            until: Instant::FAR_FUTURE,
            addresses: Addresses::choose(&[ip], 0),
        });
        Self {
            name: origin.name.clone(),
            names,
            waiting: BTreeMap::new(),
            open: BTreeMap::new(),
            state: State::Up,
            error: TrackerError::Timeout,
            is_udp: origin.is_udp(),
            port: origin.port,
            other_port: None,
            window: FIRST_WINDOW,
            answered_at: None,
            has_answered: false,
            is_told: false,
            started_over_at: Instant::ZERO,
            fails: 0,
            family_rests: [None; 2],
            place: Place::default(),
        }
    }

    /// Recomputes and stores the host's place. Returns the previous place and the new one, from which the caller
    /// updates the indexes. `is_ending` is true once only goodbyes are sent, for which the window is larger.
    pub(super) fn place_anew(&mut self, is_ending: bool) -> (Place, Place) {
        let first = self.waiting.first_key_value().map(|(rank, _)| *rank);
        let place = Place {
            ready: first.and_then(|rank| Some((self.lane(rank.0, is_ending)?, rank))),
            deadline: self.deadline(),
            sockets: if self.is_udp { 0 } else { self.open.len() },
            is_proven: self.is_proven(),
        };
        (std::mem::replace(&mut self.place, place), place)
    }

    /// Returns the limit that an announce of this class waits for; `None` while the name is being resolved, or the
    /// window is full.
    fn lane(&self, class: Class, is_ending: bool) -> Option<Lane> {
        let window = match self.state {
            State::Up if is_ending => (self.window * 2).min(MAX_GOODBYE_WINDOW),
            State::Up if class <= Class::Starving && self.is_proven() => self.window + URGENT_WINDOW,
            State::Up | State::Down { .. } | State::Probing { .. } => self.window,
        };
        match (self.state, self.names) {
            _ if self.refuses_until().is_some() => Some(Lane::Down),
            (_, Names::Looking) => None,
            (_, Names::Unknown) => Some(Lane::LookUps),
            (_, Names::Known { .. }) if self.open.len() >= window => None,
            (_, Names::Known { .. }) if self.is_udp => Some(Lane::Udp),
            (_, Names::Known { .. }) if self.is_proven() => Some(Lane::Proven),
            (_, Names::Known { .. }) => Some(Lane::Unproven),
        }
    }

    /// Returns the time until which announces are refused, because the host is down or being tested.
    pub(super) fn refuses_until(&self) -> Option<Instant> {
        match self.state {
            State::Up => None,
            State::Down { until } => Some(until),
            State::Probing { since } => {
                Some(since + self.patience()).filter(|_| self.open.len() >= self.window)
            }
        }
    }

    /// Returns true for the first report of an unresponsive host since its last response.
    pub(super) fn take_news(&mut self) -> bool {
        !std::mem::replace(&mut self.is_told, true)
    }

    /// Returns the UDP requests under way.
    pub(super) fn datagrams(&self) -> Vec<RequestId> {
        if self.is_udp { self.open.keys().copied().collect() } else { Vec::new() }
    }

    pub(super) fn protocol(&self) -> Protocol {
        if self.is_udp { Protocol::Udp } else { Protocol::Tcp }
    }

    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    fn is_proven(&self) -> bool {
        self.answered_at.is_some() && self.state == State::Up
    }

    /// Returns the time within which the host must respond.
    fn patience(&self) -> Duration {
        if self.is_udp { UDP_PATIENCE } else { PATIENCE }
    }

    /// Number of failures in a row.
    pub(super) fn fails(&self) -> usize {
        self.fails as usize
    }

    /// Returns the time by which the host must respond; `None` if no response is due.
    fn deadline(&self) -> Option<Instant> {
        let heard_at = match self.state {
            State::Down { .. } => return None,
            State::Probing { since } => Some(since),
            State::Up => self.answered_at.map(|at| at + Duration::from_micros(1)),
        };
        // A single request that hangs says nothing about a host that has responded to others since.
        let heard_at = heard_at.unwrap_or(Instant::ZERO).max(self.started_over_at);
        let mut unanswered = self.open.values().filter(|sent_at| **sent_at >= heard_at);
        unanswered.next().map(|sent_at| *sent_at + self.patience())
    }

    /// Lets one announce test whether the host is still down.
    pub(super) fn probe(&mut self, now: Instant) {
        self.state = State::Probing { since: now };
        self.window = self.open.len() + 1;
    }

    pub(super) fn answer(&mut self, now: Instant) {
        self.window = match self.state {
            State::Up => (self.window * 2).min(MAX_WINDOW),
            State::Down { .. } | State::Probing { .. } => FIRST_WINDOW,
        };
        self.state = State::Up;
        self.answered_at = Some(now);
        self.has_answered = true;
        self.is_told = false;
        self.fails = 0;
    }

    /// Returns true if the failure of a request that was sent at `sent_at` says something about the host.
    pub(super) fn may_fail(&self, sent_at: Instant) -> bool {
        match self.state {
            _ if self.is_outdated(sent_at) => false,
            State::Up => self.answered_at.is_none_or(|answered| answered < sent_at),
            State::Probing { since } => since <= sent_at,
            State::Down { .. } => false,
        }
    }

    /// Returns true for a request that was sent before the last change of network.
    pub(super) fn is_outdated(&self, sent_at: Instant) -> bool {
        sent_at < self.started_over_at
    }

    /// Counts a failure; `is_out` is true if the network is down.
    pub(super) fn fail(&mut self, now: Instant, error: TrackerError, is_out: bool, rng: &mut Rng) {
        self.fails = if is_out { 0 } else { self.fails.saturating_add(1) };
        let rest = backoff(self.fails);
        let spread = Duration::from_micros(rng.u64(..=rest.as_micros() as u64 / 10));
        self.state = State::Down { until: now + rest + spread };
        self.error = error;
        // The host may have moved.
        self.forget_name();
    }

    /// Forgets the addresses of a name, which is resolved again before the next announce.
    fn forget_name(&mut self) {
        if let Names::Known { until, .. } = self.names
            && until < Instant::FAR_FUTURE
        {
            self.names = Names::Unknown;
        }
    }

    /// Forgets failures, which belong to the network before the change.
    pub(super) fn start_over(&mut self, now: Instant) {
        self.started_over_at = now;
        self.forget_name();
        self.family_rests = [None; 2];
        self.fails = 0;
        if self.state != State::Up {
            self.state = State::Up;
            self.window = self.open.len() + FIRST_WINDOW;
            self.answered_at = None;
        }
    }

    /// Returns the addresses to announce to now, without a suspended family.
    pub(super) fn usable(&self, now: Instant, addresses: Addresses) -> Addresses {
        let rests = |family: usize| self.family_rests[family].is_some_and(|until| until > now);
        match addresses {
            Addresses { v4: Some(_), v6: Some(_), .. } if rests(0) => Addresses { v4: None, ..addresses },
            Addresses { v4: Some(_), v6: Some(_), .. } if rests(1) => Addresses { v6: None, ..addresses },
            all => all,
        }
    }

    pub(super) fn rest_family(&mut self, now: Instant, ip: IpAddr) {
        let family = usize::from(ip.is_ipv6());
        self.family_rests = [None; 2];
        self.family_rests[family] = Some(now + FAMILY_REST);
    }

    /// Returns true if no announce needs the host. Forgetting it loses only its failures.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.open.is_empty() && self.names != Names::Looking
    }
}
