//! Tracker hosts. Thousands of torrents share a few of them, so announces wait in a queue per host. An unresponsive
//! host delays only its own announces, and is detected once instead of by every torrent.

mod host;
#[cfg(test)]
mod tests;

use super::target::{Addresses, Origin};
use crate::ids::{RequestId, TorrentId};
use fastrand::Rng;
use host::{Host, Names, State};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use ztor_base::{Duration, Instant, SwarmId};
use ztor_tracker::announcer::TrackerId;
use ztor_tracker::dns::Protocol;
use ztor_tracker::{AnnounceRequest, TrackerError};

/// Maximum number of requests under way at one host. The window starts at [`FIRST_WINDOW`] and doubles with each
/// response.
pub(super) const MAX_WINDOW: usize = 32;
const FIRST_WINDOW: usize = 2;
/// The same at shutdown, when nothing but goodbyes is sent.
pub(super) const MAX_GOODBYE_WINDOW: usize = 64;
/// Number of slots at a host beyond its window, for new and starving torrents.
const URGENT_WINDOW: usize = 8;
/// One in this many HTTP requests is reserved for new and starving torrents.
const URGENT_SHARE: usize = 8;
/// Maximum number of concurrent name lookups.
const MAX_LOOKUPS: usize = 16;
/// Time for which the addresses of a name are used.
pub(super) const NAME_LIFE: Duration = Duration::from_secs(600);
/// Time without a response after which a host counts as down.
pub(super) const PATIENCE: Duration = ztor_tracker::announcer::PATIENCE;
/// Maximum time over which torrents spread their retries, from the end of a host's downtime.
const MAX_SPREAD: Duration = Duration::from_secs(60);
/// Number of hosts at which idle ones are forgotten.
const MAX_IDLE_HOSTS: usize = 4096;

/// Id of a host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct HostId(u32);

/// Purpose of an announce, the most urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Class {
    /// First announce of a torrent. The newest goes first.
    New,
    /// Announce of a download without a peer that has what it lacks.
    Starving,
    /// `stopped` announce of a torrent.
    Goodbye,
    Regular,
}

/// An announce that waits for its turn.
#[derive(Debug)]
pub(super) enum Ask {
    /// An announce that is created when it is sent.
    Announce { torrent: TorrentId, tracker: TrackerId },
    /// A `stopped` announce. The torrent may be gone by the time it is sent.
    Goodbye(Box<Announce>),
}

/// Content of an announce.
#[derive(Debug)]
pub(super) struct Announce {
    pub(super) torrent: TorrentId,
    pub(super) tracker: TrackerId,
    pub(super) url: String,
    pub(super) request: AnnounceRequest,
    /// v2 swarm of a hybrid torrent; `None` for other torrents.
    pub(super) v2: Option<SwarmId>,
}

/// Next step of the caller.
#[derive(Debug)]
pub(super) enum Next {
    /// Look up a name; [`Hosts::resolved`] takes the result.
    LookUp { host: HostId, name: String, protocol: Protocol, port: u16 },
    /// Send an announce, in [parts](Hosts::sent).
    Send { host: HostId, addresses: Addresses, ask: Ask },
    /// Give up an announce, as the host is down.
    GiveUp { host: HostId, ask: Ask, error: TrackerError, retry_at: Instant },
}

/// Outcome of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// The host responded.
    Answered,
    /// The host did not respond, or is overloaded.
    Unanswered,
    /// The request was cancelled.
    Cancelled,
}

/// Place in a queue, in ascending order.
type Rank = (Class, u64);

/// Limit that an announce waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Lane {
    /// No limit: the host is down.
    Down,
    LookUps,
    /// No limit: UDP takes no sockets.
    Udp,
    /// Sockets for hosts that respond.
    Proven,
    /// Sockets for hosts that may not respond.
    Unproven,
}

/// All hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    ids: BTreeMap<Origin, HostId>,
    hosts: BTreeMap<HostId, Host>,
    last_id: u32,
    /// Hosts with work that can be done, by the rank of their first announce.
    ready: BTreeMap<Lane, BTreeSet<(Rank, HostId)>>,
    /// Times by which hosts with requests under way must respond.
    deadlines: BTreeSet<(Instant, HostId)>,
    queued: u64,
    goodbyes: usize,
    lookups: usize,
    /// Number of HTTP requests under way to hosts that respond.
    proven: usize,
    /// Number of HTTP requests under way to hosts that have not responded yet or are down.
    unproven: usize,
    /// Maximum number of HTTP requests under way. Half of it applies to hosts that may not respond.
    max_sockets: usize,
    is_ending: bool,
    /// Set while one of the networks is down.
    is_out: bool,
}

impl Hosts {
    /// Creates an empty table with a limit of `max_sockets` concurrent HTTP requests.
    pub(super) fn new(max_sockets: usize) -> Self {
        Self { max_sockets: max_sockets.max(2 * URGENT_SHARE), ..Self::default() }
    }

    /// Queues an announce.
    pub(super) fn queue(&mut self, origin: Origin, class: Class, ask: Ask) {
        let id = self.id(origin);
        self.queued += 1;
        self.goodbyes += usize::from(matches!(ask, Ask::Goodbye(_)));
        let order = if class == Class::New { u64::MAX - self.queued } else { self.queued };
        self.change(id, |host| host.waiting.insert((class, order), ask));
    }

    /// Drops the goodbyes of a torrent that wait at a host.
    pub(super) fn drop_goodbyes(&mut self, origin: &Origin, swarm: SwarmId) {
        let is_theirs =
            |ask: &Ask| matches!(ask, Ask::Goodbye(goodbye) if goodbye.request.info_hash == swarm);
        let host = self.ids.get(origin).copied().filter(|_| self.goodbyes > 0);
        let dropped = host.and_then(|id| {
            self.change(id, |host| {
                let before = host.waiting.len();
                host.waiting.retain(|_, ask| !is_theirs(ask));
                before - host.waiting.len()
            })
        });
        self.goodbyes -= dropped.unwrap_or(0);
    }

    /// Drops all queued goodbyes.
    pub(super) fn drop_all_goodbyes(&mut self) {
        let ids: Vec<HostId> = self.hosts.keys().copied().filter(|_| self.goodbyes > 0).collect();
        for id in ids {
            self.change(id, |host| host.waiting.retain(|_, ask| !matches!(ask, Ask::Goodbye(_))));
        }
        self.goodbyes = 0;
    }

    /// Drops all queued announces except goodbyes, and lets more of those be under way, as nothing follows.
    pub(super) fn end(&mut self) {
        self.is_ending = true;
        let ids: Vec<HostId> = self.hosts.keys().copied().collect();
        for id in ids {
            self.change(id, |host| host.waiting.retain(|_, ask| matches!(ask, Ask::Goodbye(_))));
        }
    }

    /// Returns true if goodbyes wait for their turn.
    pub(super) fn has_goodbyes(&self) -> bool {
        self.goodbyes > 0
    }

    /// Records whether one of the networks is down. Hosts then rest only briefly, to notice when the network is back.
    pub(super) fn set_out(&mut self, is_out: bool) {
        self.is_out = is_out;
    }

    /// Returns the name of a host.
    pub(super) fn name(&self, id: HostId) -> &str {
        self.hosts.get(&id).map_or("", |host| &host.name)
    }

    /// Returns true if a host has ever responded.
    pub(super) fn has_answered(&self, id: HostId) -> bool {
        self.hosts.get(&id).is_some_and(Host::has_answered)
    }

    /// Returns the next step. Call it until it returns `None`.
    pub(super) fn next(&mut self, now: Instant, rng: &mut Rng) -> Option<Next> {
        loop {
            let id = self.first_ready()?;
            let host = self.hosts.get_mut(&id)?;
            if let Some(until) = host.refuses_until() {
                if until <= now {
                    self.change(id, |host| host.probe(now));
                    continue;
                }
                let error = host.error.clone();
                let ask = self.pop(id)?;
                // Spread out, so that they do not come all at once.
                let spread = until.since(now).min(MAX_SPREAD);
                let retry_at = until + Duration::from_micros(rng.u64(..=spread.as_micros() as u64));
                return Some(Next::GiveUp { host: id, ask, error, retry_at });
            }
            match host.names {
                Names::Known { until, addresses } if until > now => {
                    let addresses = host.usable(now, addresses);
                    let ask = self.pop(id)?;
                    return Some(Next::Send { host: id, addresses, ask });
                }
                Names::Known { .. } => {
                    self.change(id, |host| host.names = Names::Unknown);
                }
                Names::Unknown | Names::Looking => {
                    self.lookups += 1;
                    let (name, protocol, port) = (host.name.clone(), host.protocol(), host.port);
                    self.change(id, |host| (host.names, host.other_port) = (Names::Looking, None));
                    return Some(Next::LookUp { host: id, name, protocol, port });
                }
            }
        }
    }

    /// Handles the addresses of a host, or the reason why there are none.
    pub(super) fn resolved(
        &mut self,
        now: Instant,
        id: HostId,
        result: Result<Vec<IpAddr>, String>,
        rng: &mut Rng,
    ) {
        self.lookups = self.lookups.saturating_sub(1);
        let fails = self.hosts.get(&id).map_or(0, Host::fails);
        let found = result.map(|ips| Addresses::choose(&ips, fails)).and_then(|addresses| match addresses {
            none if none.is_empty() => Err("its name has no address".to_owned()),
            some => Ok(some),
        });
        let is_out = self.is_out;
        self.change(id, |host| match found {
            Ok(addresses) => {
                let addresses = Addresses { port: host.other_port, ..addresses };
                host.names = Names::Known { until: now + NAME_LIFE, addresses };
            }
            Err(reason) => {
                host.names = Names::Unknown;
                host.fail(now, TrackerError::Network(reason), is_out, rng);
            }
        });
    }

    /// Takes the port on which a host is by the DNS.
    pub(super) fn set_port(&mut self, id: HostId, port: u16) {
        self.change(id, |host| host.other_port = Some(port));
    }

    /// Records a request that was sent to a host.
    pub(super) fn sent(&mut self, now: Instant, id: HostId, request: RequestId) {
        self.change(id, |host| host.open.insert(request, now));
    }

    /// Records the end of a request to a host.
    pub(super) fn ended(
        &mut self,
        now: Instant,
        id: HostId,
        request: RequestId,
        (outcome, error): (Outcome, Option<&TrackerError>),
        rng: &mut Rng,
    ) {
        let is_out = self.is_out;
        self.change(id, |host| {
            let Some(sent_at) = host.open.remove(&request) else { return };
            match outcome {
                Outcome::Answered => host.answer(now),
                Outcome::Unanswered if host.may_fail(sent_at) => {
                    host.fail(now, error.cloned().unwrap_or(TrackerError::Timeout), is_out, rng);
                }
                Outcome::Unanswered | Outcome::Cancelled => {}
            }
        });
    }

    /// Suspends an address family of a host that failed where the other worked.
    pub(super) fn rest_family(&mut self, now: Instant, id: HostId, ip: IpAddr) {
        self.change(id, |host| host.rest_family(now, ip));
    }

    /// Returns the time at which a torrent whose announce failed may ask this host again.
    pub(super) fn retry_at(&self, now: Instant, id: HostId, sent_at: Instant, fails: u32) -> Instant {
        match self.hosts.get(&id) {
            Some(host) if host.is_outdated(sent_at) => now,
            Some(Host { state: State::Down { until }, .. }) => now.max(*until),
            _ => now + ztor_tracker::announcer::backoff(fails),
        }
    }

    /// Lets unresponsive hosts be asked again and names be resolved again, as the network is back or has changed.
    pub(super) fn start_over(&mut self, now: Instant) {
        let ids: Vec<HostId> = self.hosts.keys().copied().collect();
        for id in ids {
            self.change(id, |host| host.start_over(now));
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Marks hosts down that have not responded in time. Returns their UDP requests under way, which are given up as
    /// well.
    pub(super) fn handle_timeout(&mut self, now: Instant, rng: &mut Rng) -> Vec<RequestId> {
        let mut given_up = Vec::new();
        while let Some(&(at, id)) = self.deadlines.first()
            && at <= now
        {
            let is_out = self.is_out;
            self.change(id, |host| {
                host.fail(now, TrackerError::Timeout, is_out, rng);
                given_up.extend(host.datagrams());
            });
        }
        given_up
    }

    /// Returns true for the first report of an unresponsive host since its last response.
    pub(super) fn take_news(&mut self, id: HostId) -> bool {
        self.hosts.get_mut(&id).is_none_or(Host::take_news)
    }

    fn id(&mut self, origin: Origin) -> HostId {
        if let Some(id) = self.ids.get(&origin) {
            return *id;
        }
        if self.hosts.len() >= MAX_IDLE_HOSTS {
            self.hosts.retain(|_, host| !host.is_idle());
            self.ids.retain(|_, id| self.hosts.contains_key(id));
        }
        self.last_id += 1;
        let id = HostId(self.last_id);
        self.hosts.insert(id, Host::new(&origin));
        self.ids.insert(origin, id);
        id
    }

    fn pop(&mut self, id: HostId) -> Option<Ask> {
        let ask = self.change(id, |host| host.waiting.pop_first())?.map(|(_, ask)| ask)?;
        self.goodbyes -= usize::from(matches!(ask, Ask::Goodbye(_)));
        Some(ask)
    }

    /// Returns the host whose turn it is, within the limits.
    fn first_ready(&self) -> Option<HostId> {
        let firsts = self.ready.iter().filter_map(|(lane, ready)| Some((*lane, *ready.first()?)));
        let admitted = firsts.filter(|(lane, ((class, _), _))| self.admits(*lane, *class));
        admitted.min_by_key(|(_, first)| *first).map(|(_, (_, id))| id)
    }

    fn admits(&self, lane: Lane, class: Class) -> bool {
        let kept = if class <= Class::Starving { 0 } else { self.max_sockets / URGENT_SHARE };
        let has_socket = self.proven + self.unproven + kept < self.max_sockets;
        match lane {
            Lane::Down | Lane::Udp => true,
            Lane::LookUps => self.lookups < MAX_LOOKUPS,
            Lane::Proven => has_socket,
            Lane::Unproven => has_socket && self.unproven + kept < self.max_sockets / 2,
        }
    }

    /// Changes a host, and updates the indexes.
    fn change<T>(&mut self, id: HostId, change: impl FnOnce(&mut Host) -> T) -> Option<T> {
        let host = self.hosts.get_mut(&id)?;
        let changed = change(host);
        let (old, new) = host.place_anew(self.is_ending);
        if let Some((lane, rank)) = old.ready {
            self.ready.entry(lane).or_default().remove(&(rank, id));
        }
        if let Some((lane, rank)) = new.ready {
            self.ready.entry(lane).or_default().insert((rank, id));
        }
        if let Some(at) = old.deadline {
            self.deadlines.remove(&(at, id));
        }
        self.deadlines.extend(new.deadline.map(|at| (at, id)));
        for (place, is_new) in [(old, false), (new, true)] {
            let count = if place.is_proven { &mut self.proven } else { &mut self.unproven };
            *count = if is_new { *count + place.sockets } else { *count - place.sockets };
        }
        Some(changed)
    }
}
