//! Hosts of trackers. Thousands of torrents share a few of them: announces wait in a queue of each host, so that a host that
//! does not answer delays its own announces alone, and is found out once and not by every torrent.

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
use ztor_tracker::{AnnounceRequest, TrackerError};

/// Announces that may be under way at one host. At first it is asked [`FIRST_WINDOW`], and twice as many after each answer.
pub(super) const MAX_WINDOW: usize = 32;
const FIRST_WINDOW: usize = 2;
/// The same at the end, when nothing else is asked.
pub(super) const MAX_GOODBYE_WINDOW: usize = 64;
/// Places at a host beyond its window, for announces that bring a download peers.
const URGENT_WINDOW: usize = 8;
/// One HTTP request of this number is kept for announces that bring a download peers.
const URGENT_SHARE: usize = 8;
/// Names that are looked up at a time.
const MAX_LOOKUPS: usize = 16;
/// Life of the addresses of a name.
pub(super) const NAME_LIFE: Duration = Duration::from_secs(600);
/// Silence of a host that was asked after which it counts as down.
pub(super) const PATIENCE: Duration = ztor_tracker::announcer::PATIENCE;
/// Torrents that wait for a host that does not answer ask again within this time of each other, and of its next trial.
const MAX_SPREAD: Duration = Duration::from_secs(60);
/// Hosts that are remembered beyond those that are asked.
const MAX_IDLE_HOSTS: usize = 4096;

/// Names a host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct HostId(u32);

/// Purpose of an announce. The first ones go first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Class {
    /// The first of a torrent, of which the newest goes first.
    New,
    /// A download has no peer that has what it lacks.
    Starving,
    /// A torrent has gone.
    Goodbye,
    Regular,
}

/// An announce that waits for its turn.
#[derive(Debug)]
pub(super) enum Ask {
    /// An announce that is made when it is sent.
    Announce { torrent: TorrentId, tracker: TrackerId },
    /// A `stopped`. The torrent may be gone by then.
    Goodbye(Box<Announce>),
}

/// Content of an announce.
#[derive(Debug)]
pub(super) struct Announce {
    pub(super) torrent: TorrentId,
    pub(super) tracker: TrackerId,
    pub(super) url: String,
    pub(super) request: AnnounceRequest,
    /// The other swarm of a hybrid torrent.
    pub(super) v2: Option<SwarmId>,
}

/// The next step.
#[derive(Debug)]
pub(super) enum Next {
    /// Look up a name; [`Hosts::resolved`] takes the result.
    LookUp { host: HostId, name: String },
    /// Send an announce, in [parts](Hosts::sent).
    Send { host: HostId, addresses: Addresses, ask: Ask },
    /// The host does not answer.
    GiveUp { host: HostId, ask: Ask, error: TrackerError, retry_at: Instant },
}

/// End of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// The host said something.
    Answered,
    /// The host said nothing, or only that it is overloaded.
    Unanswered,
    /// The request was taken back.
    Cancelled,
}

/// Places in a queue, first ones first.
type Rank = (Class, u64);

/// The bound that an announce waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Lane {
    /// None: the host does not answer.
    Down,
    LookUps,
    /// UDP takes no sockets.
    Udp,
    /// Sockets, for a host that answers.
    Proven,
    /// Sockets, for a host that may not.
    Unproven,
}

/// All hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    ids: BTreeMap<Origin, HostId>,
    hosts: BTreeMap<HostId, Host>,
    last_id: u32,
    /// Hosts at which something can be done, by the rank of their first announce.
    ready: BTreeMap<Lane, BTreeSet<(Rank, HostId)>>,
    /// Times by which hosts that were asked must have answered.
    deadlines: BTreeSet<(Instant, HostId)>,
    queued: u64,
    goodbyes: usize,
    lookups: usize,
    /// HTTP requests under way to hosts that answer, and to those that have not answered yet or have stopped to.
    proven: usize,
    unproven: usize,
    /// HTTP requests that may be under way in all, and half as many to hosts that may not answer.
    max_sockets: usize,
    is_ending: bool,
    /// No host answers in one of the networks.
    is_out: bool,
}

impl Hosts {
    /// `max_sockets` HTTP requests may be under way at a time.
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

    /// Drops goodbyes of a torrent that wait at a host.
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

    /// Drops all announces that wait, but for goodbyes, and lets more of those be under way: nothing follows.
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

    /// Notes whether no host answers in one of the networks. Hosts then rest only briefly, to notice when the network is back.
    pub(super) fn set_out(&mut self, is_out: bool) {
        self.is_out = is_out;
    }

    /// The name of a host.
    pub(super) fn name(&self, id: HostId) -> &str {
        self.hosts.get(&id).map_or("", |host| &host.name)
    }

    /// Returns true if a host has ever answered.
    pub(super) fn has_answered(&self, id: HostId) -> bool {
        self.hosts.get(&id).is_some_and(Host::has_answered)
    }

    /// The next thing to do; call it until it returns `None`.
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
                // Not all of them in the same moment.
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
                    let name = host.name.clone();
                    self.change(id, |host| host.names = Names::Looking);
                    return Some(Next::LookUp { host: id, name });
                }
            }
        }
    }

    /// Takes the addresses of a host, or why there are none.
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
            Ok(addresses) => host.names = Names::Known { until: now + NAME_LIFE, addresses },
            Err(reason) => {
                host.names = Names::Unknown;
                host.fail(now, TrackerError::Network(reason), is_out, rng);
            }
        });
    }

    /// A request was sent to a host.
    pub(super) fn sent(&mut self, now: Instant, id: HostId, request: RequestId) {
        self.change(id, |host| host.open.insert(request, now));
    }

    /// A request to a host has ended.
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

    /// One address family of a host failed where the other did not: it is left out for a while.
    pub(super) fn rest_family(&mut self, now: Instant, id: HostId, ip: IpAddr) {
        self.change(id, |host| host.rest_family(now, ip));
    }

    /// Time at which a torrent whose announce failed may ask this host again.
    pub(super) fn retry_at(&self, now: Instant, id: HostId, sent_at: Instant, fails: u32) -> Instant {
        match self.hosts.get(&id) {
            Some(host) if host.is_outdated(sent_at) => now,
            Some(Host { state: State::Down { until }, .. }) => now.max(*until),
            _ => now + ztor_tracker::announcer::backoff(fails),
        }
    }

    /// The network is back, or another: hosts that did not answer may again, and names may lead elsewhere.
    pub(super) fn start_over(&mut self, now: Instant) {
        let ids: Vec<HostId> = self.hosts.keys().copied().collect();
        for id in ids {
            self.change(id, |host| host.start_over(now));
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Gives up hosts that were asked and have said nothing. Returns the requests that are under way there over UDP: they are
    /// given up as well.
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

    /// Returns true for the first report that a host does not answer, since it last did.
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

    /// The host whose turn it is, within the bounds.
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

    /// Changes a host, and its place in the indexes with it.
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
