//! The mappings of one address family.

use super::epoch::Epoch;
use super::status::{MappingStatus, SideState, SideStatus};
use super::task::{Absent, Done, Failure, JobId, Lease, Map, Mapped, Place, Refusal, Task, Want};
use crate::pcp::Nonce;
use crate::transport::{Family, Protocol, Transport};
use fastrand::Rng;
use std::collections::VecDeque;
use std::net::IpAddr;
use ztor_base::{Duration, Instant};

/// Interval of checks.
const CHECK_EVERY: Duration = Duration::from_secs(300);
/// Shortest time between two checks or searches that announcements cause.
const CHECK_AFTER: Duration = Duration::from_secs(5);
/// Pause after a failure of all protocols, at first and at most.
const RETRY_AFTER: Duration = Duration::from_secs(30);
const RETRY_AT_MOST: Duration = Duration::from_secs(1800);
/// Shortest time to a renewal, and between two attempts (RFC 6887 §11.2.1).
const RENEW_AT_LEAST: Duration = Duration::from_secs(4);
/// Longest lifetime of a mapping that is believed.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Shortest lifetime of a mapping that is of use, in seconds. Each loss makes the client announce itself again.
const MIN_LIFETIME_S: u32 = 10;
/// Interval of the renewals of a permanent mapping, and number of failures after which it counts as lost.
const PERMANENT_RENEWAL: Duration = Duration::from_secs(1800);
const MAX_FAILURES: u32 = 3;
/// Number of external ports that are tried.
const MAX_TRIES: u32 = 8;
/// External ports that are tried after the wanted one.
const OTHER_PORTS: std::ops::Range<u16> = 20_000..60_000;

/// A mapping with its times.
#[derive(Clone, Copy, Debug)]
struct Held {
    lease: Lease,
    /// `None` for a permanent mapping.
    expires_at: Option<Instant>,
    renew_at: Instant,
    /// Number of failed renewals in a row.
    failures: u32,
}

/// A transport that cannot be mapped although the protocol works.
#[derive(Clone, Debug)]
struct Trouble {
    transport: Transport,
    failure: Failure,
    failures: u32,
    retry_at: Instant,
}

/// The mappings of one address family.
#[derive(Debug)]
pub(super) struct Side {
    family: Family,
    place: Result<Place, Absent>,
    /// Protocol that works; `None` while none is known to.
    protocol: Option<Protocol>,
    /// Protocol that worked last, which is tried first.
    remembered: Option<Protocol>,
    /// Protocols that are left in the current search. The first is under way.
    order: VecDeque<Protocol>,
    /// Failures of the last search, at most one per protocol.
    attempts: Vec<(Protocol, Failure)>,
    /// Number of failed searches in a row.
    failures: u32,
    /// Time of the next search, if no protocol works.
    search_at: Instant,
    /// At most one per transport.
    held: Vec<Held>,
    /// At most one per transport.
    troubles: Vec<Trouble>,
    /// Mappings to remove.
    stale: Vec<Lease>,
    /// Nonces of mappings by transport, which stay the same for renewals and removals.
    nonces: Vec<(Transport, Nonce)>,
    epoch: Option<Epoch>,
    external_ip: Option<IpAddr>,
    gateway_name: Option<String>,
    check_at: Instant,
    /// Time of the last check or search that an announcement has caused.
    suspected_at: Option<Instant>,
    /// True if the gateway has refused mappings with a lifetime.
    only_permanent: bool,
    /// True if the gateway maps ports to the same number only.
    same_ports: bool,
    /// External port to suggest instead of the usual one, and number of ports that were tried.
    suggested: Option<u16>,
    tries: u32,
    running: Option<(JobId, Task)>,
}

impl Side {
    pub(super) fn new(family: Family) -> Self {
        Self {
            family,
            place: Err(Absent::TurnedOff),
            protocol: None,
            remembered: None,
            order: VecDeque::new(),
            attempts: Vec::new(),
            failures: 0,
            search_at: Instant::ZERO,
            held: Vec::new(),
            troubles: Vec::new(),
            stale: Vec::new(),
            nonces: Vec::new(),
            epoch: None,
            external_ip: None,
            gateway_name: None,
            check_at: Instant::ZERO,
            suspected_at: None,
            only_permanent: false,
            same_ports: false,
            suggested: None,
            tries: 0,
            running: None,
        }
    }

    pub(super) fn family(&self) -> Family {
        self.family
    }

    pub(super) fn is_running(&self, id: JobId) -> bool {
        self.running.as_ref().is_some_and(|(running, _)| *running == id)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none() && self.held.is_empty() && self.stale.is_empty()
    }

    pub(super) fn set_place(&mut self, now: Instant, place: Result<Place, Absent>) {
        if place == self.place {
            return;
        }
        if place.is_ok() {
            *self = Self { remembered: self.remembered, place, search_at: now, ..Self::new(self.family) };
            return;
        }
        // The gateway may still be there, for example if other traffic goes through a proxy from now on.
        self.place = place;
        self.stale.extend(self.held.drain(..).map(|held| held.lease));
        self.end_search();
    }

    /// Plans the removal of mappings that are not wanted any more, and a search for new ones.
    pub(super) fn want_changed(&mut self, now: Instant, want: Option<&Want>) {
        let (kept, stale): (Vec<_>, Vec<_>) =
            self.held.drain(..).partition(|held| want.is_some_and(|want| is_wanted(want, &held.lease)));
        self.stale.extend(stale.into_iter().map(|held| held.lease));
        self.held = kept;
        self.troubles.clear();
        self.end_search();
        self.search_at = now;
        self.failures = 0;
        (self.suggested, self.tries) = (None, 0);
    }

    pub(super) fn suspect(&mut self, now: Instant) {
        if self.suspected_at.is_some_and(|at| now.since(at) < CHECK_AFTER) {
            return;
        }
        self.suspected_at = Some(now);
        self.check_at = now;
        self.search_at = self.search_at.min(now);
        for trouble in &mut self.troubles {
            trouble.retry_at = now;
        }
    }

    /// Starts the next task, if one is due.
    pub(super) fn next_task(
        &mut self,
        now: Instant,
        want: Option<&Want>,
        id: JobId,
        rng: &mut Rng,
    ) -> Option<Task> {
        if self.running.is_some() {
            return None;
        }
        self.drop_expired(now);
        let task = self.choose(now, want, rng)?;
        self.running = Some((id, task.clone()));
        Some(task)
    }

    fn choose(&mut self, now: Instant, want: Option<&Want>, rng: &mut Rng) -> Option<Task> {
        if let Some(lease) = self.stale.pop() {
            return Some(Task::Unmap(lease));
        }
        let (place, want) = (*self.place.as_ref().ok()?, want?);
        if let Some(held) = self.held.iter().filter(|held| held.renew_at <= now).min_by_key(|h| h.renew_at) {
            let Lease { protocol, transport, internal, external, nonce, pinhole, .. } = held.lease;
            let lifetime_s = self.lifetime_s(want, protocol);
            return Some(Task::Map(Map {
                protocol,
                place,
                transport,
                internal,
                external,
                lifetime_s,
                nonce,
                pinhole,
            }));
        }
        let due = self.missing(want).find(|transport| self.may_try(now, *transport));
        if let Some(transport) = due {
            let protocol = self.protocol_to_try(&place)?;
            let external = self.external_for(want, transport);
            let nonce = self.nonce(transport, rng);
            let lifetime_s = self.lifetime_s(want, protocol);
            let (internal, pinhole) = (want.port, None);
            return Some(Task::Map(Map {
                protocol,
                place,
                transport,
                internal,
                external,
                lifetime_s,
                nonce,
                pinhole,
            }));
        }
        if self.check_at <= now && !self.held.is_empty() {
            self.check_at = now + CHECK_EVERY;
            return Some(Task::Check(self.held.iter().map(|held| held.lease).collect()));
        }
        None
    }

    /// Returns the time of the next task.
    pub(super) fn poll_timeout(&self, want: Option<&Want>) -> Option<Instant> {
        if self.running.is_some() {
            return None;
        }
        if !self.stale.is_empty() {
            return Some(Instant::ZERO);
        }
        let (Ok(_), Some(want)) = (&self.place, want) else { return None };
        let of_held =
            self.held.iter().map(|held| held.expires_at.map_or(held.renew_at, |at| at.min(held.renew_at)));
        let check = (!self.held.is_empty()).then_some(self.check_at);
        let of_missing = self.missing(want).map(|transport| self.try_at(transport));
        of_held.chain(check).chain(of_missing).min()
    }

    pub(super) fn handle(
        &mut self,
        now: Instant,
        want: Option<&Want>,
        result: Result<Done, Failure>,
        rng: &mut Rng,
    ) {
        let Some((_, task)) = self.running.take() else { return };
        match (task, result) {
            (Task::Map(map), Ok(Done::Mapped(mapped))) => self.mapped(now, want, &map, mapped, rng),
            (Task::Map(map), Err(failure)) => self.not_mapped(now, want, &map, failure, rng),
            (Task::Check(_), Ok(Done::Checked { epoch_s, external_ip, missing })) => {
                let protocol = self.protocol;
                self.note_epoch(now, protocol, epoch_s);
                self.external_ip = external_ip.or(self.external_ip);
                for held in self.held.iter_mut().filter(|held| missing.contains(&held.lease.transport)) {
                    held.renew_at = now;
                    held.lease.pinhole = None;
                }
            }
            // The renewal finds out what is wrong.
            (Task::Check(_), Err(_)) => self.renew_all(now),
            // A gateway that does not answer, or has lost the mapping, needs no removal.
            _ => {}
        }
    }

    fn mapped(&mut self, now: Instant, want: Option<&Want>, map: &Map, mapped: Mapped, rng: &mut Rng) {
        let unusable = match mapped {
            Mapped { external: 0, .. } => Some("a mapping without a port".to_owned()),
            Mapped { lifetime_s: Some(s @ ..MIN_LIFETIME_S), .. } => {
                Some(format!("a mapping for {s} seconds"))
            }
            _ => None,
        };
        if let Some(reason) = unusable {
            return self.not_mapped(now, want, map, Failure::Unusable(reason), rng);
        }
        self.note_epoch(now, Some(map.protocol), mapped.epoch_s);
        let Map { protocol, place, transport, internal, nonce, .. } = *map;
        let (external, pinhole) = (mapped.external, mapped.pinhole);
        let lease = Lease { protocol, place, transport, internal, external, nonce, pinhole };
        let is_here = self.place == Ok(place);
        let Some(want) = want.filter(|want| is_here && is_internal(want, &lease)) else {
            self.stale.push(lease);
            return;
        };
        if !is_wanted(want, &lease) {
            self.forget(transport);
            self.stale.push(lease);
            let reason = format!("the gateway gives port {external} instead");
            let failure = Failure::Refused { kind: Refusal::Other, reason };
            return self.not_mapped(now, Some(want), map, failure, rng);
        }
        if self.held.is_empty() {
            self.check_at = now + CHECK_EVERY;
        }
        (self.protocol, self.remembered) = (Some(protocol), Some(protocol));
        self.order.clear();
        self.failures = 0;
        self.external_ip = mapped.external_ip.or(self.external_ip);
        self.gateway_name = mapped.gateway_name.or(self.gateway_name.take());
        self.troubles.retain(|trouble| trouble.transport != transport);
        let lifetime = mapped.lifetime_s.map(|s| Duration::from_secs(s.into()).min(MAX_LIFETIME));
        let renew_after = lifetime.map_or(PERMANENT_RENEWAL, |lifetime| lifetime / 2).max(RENEW_AT_LEAST);
        self.forget(transport);
        self.held.push(Held {
            lease,
            expires_at: lifetime.map(|lifetime| now + lifetime),
            renew_at: now + renew_after,
            failures: 0,
        });
        self.held.sort_by_key(|held| held.lease.transport);
        self.match_ports(want, rng);
    }

    /// Gives up mappings of the two transports to different ports, and tries another port: peers know only one.
    fn match_ports(&mut self, want: &Want, rng: &mut Rng) {
        let differ = matches!(self.held.as_slice(), [a, b] if a.lease.external != b.lease.external);
        if differ && want.external.is_none() && self.tries < MAX_TRIES / 2 {
            self.try_another_port(rng);
        }
    }

    fn try_another_port(&mut self, rng: &mut Rng) {
        self.stale.extend(self.held.drain(..).map(|held| held.lease));
        self.tries += 1;
        self.suggested = Some(rng.u16(OTHER_PORTS));
    }

    fn not_mapped(&mut self, now: Instant, want: Option<&Want>, map: &Map, failure: Failure, rng: &mut Rng) {
        let is_here = self.place == Ok(map.place);
        let Some(want) = want.filter(|want| is_here && want.port == map.internal) else { return };
        let kind = match &failure {
            Failure::Refused { kind, .. } => Some(*kind),
            _ => None,
        };
        match kind {
            Some(Refusal::OnlyPermanent) if !self.only_permanent => {
                self.only_permanent = true;
                return;
            }
            Some(Refusal::SamePorts) if !self.same_ports && want.external.is_none() => {
                self.same_ports = true;
                return;
            }
            Some(Refusal::Conflict)
                if want.external.is_none() && !self.same_ports && self.tries < MAX_TRIES =>
            {
                self.forget(map.transport);
                return self.try_another_port(rng);
            }
            _ => {}
        }
        let is_gone = matches!(kind, Some(Refusal::Conflict | Refusal::NoMapping));
        if let Some(held) = self.held.iter_mut().find(|held| held.lease.transport == map.transport) {
            held.failures += 1;
            let left = held.expires_at.map_or(2 * RETRY_AFTER, |at| at.since(now));
            held.renew_at = now + (left / 2).max(RENEW_AT_LEAST);
            let is_lost = held.expires_at.is_none() && held.failures >= MAX_FAILURES;
            if is_gone || is_lost {
                self.forget(map.transport);
                self.end_search_if_empty(now);
            }
            return;
        }
        if self.protocol == Some(map.protocol) && !self.held.is_empty() {
            let before = self.troubles.iter().find(|trouble| trouble.transport == map.transport);
            let failures = before.map_or(1, |trouble| trouble.failures.saturating_add(1));
            self.troubles.retain(|trouble| trouble.transport != map.transport);
            let retry_at = now + pause(failures);
            self.troubles.push(Trouble { transport: map.transport, failure, failures, retry_at });
            return;
        }
        self.protocol = None;
        self.attempts.retain(|(protocol, _)| *protocol != map.protocol);
        self.attempts.push((map.protocol, failure));
        if !self.order.contains(&map.protocol) {
            self.order = self.search_order(&map.place);
        }
        self.order.retain(|protocol| *protocol != map.protocol);
        (self.suggested, self.tries) = (None, 0);
        if self.order.is_empty() {
            self.failures = self.failures.saturating_add(1);
            self.search_at = now + pause(self.failures);
        }
    }

    /// Notes the time of the gateway. If it has lost its mappings, all are due.
    fn note_epoch(&mut self, now: Instant, protocol: Option<Protocol>, epoch_s: Option<u32>) {
        let (Some(protocol), Some(epoch_s)) = (protocol, epoch_s) else { return };
        let epoch = Epoch::new(protocol, epoch_s, now);
        if self.epoch.is_some_and(|before| before.was_reset(&epoch)) {
            self.renew_all(now);
        }
        self.epoch = Some(epoch);
    }

    fn renew_all(&mut self, now: Instant) {
        for held in &mut self.held {
            held.renew_at = now;
        }
    }

    fn forget(&mut self, transport: Transport) {
        self.held.retain(|held| held.lease.transport != transport);
    }

    fn drop_expired(&mut self, now: Instant) {
        let before = self.held.len();
        self.held.retain(|held| held.expires_at.is_none_or(|at| at > now));
        if self.held.len() < before {
            self.end_search_if_empty(now);
        }
    }

    /// Searches for a protocol again if nothing is mapped any more.
    fn end_search_if_empty(&mut self, now: Instant) {
        if self.held.is_empty() {
            self.end_search();
            self.search_at = now;
        }
    }

    fn end_search(&mut self) {
        if self.held.is_empty() {
            (self.protocol, self.external_ip) = (None, None);
            self.epoch = None;
            self.troubles.clear();
        }
        self.order.clear();
    }

    fn missing<'a>(&'a self, want: &'a Want) -> impl Iterator<Item = Transport> + 'a {
        let is_held = |transport: &Transport| self.held.iter().any(|held| held.lease.transport == *transport);
        want.transports.iter().copied().filter(move |transport| !is_held(transport))
    }

    fn may_try(&self, now: Instant, transport: Transport) -> bool {
        self.try_at(transport) <= now
    }

    /// Returns the time at which a missing transport may be mapped.
    fn try_at(&self, transport: Transport) -> Instant {
        let trouble = self.troubles.iter().find(|trouble| trouble.transport == transport);
        match (self.protocol, trouble) {
            (Some(_), Some(trouble)) => trouble.retry_at,
            (None, _) if self.order.is_empty() => self.search_at,
            _ => Instant::ZERO,
        }
    }

    /// Returns the protocol that works, or the next one of the search. Starts a search if there is none.
    fn protocol_to_try(&mut self, place: &Place) -> Option<Protocol> {
        if self.protocol.is_some() {
            return self.protocol;
        }
        if self.order.is_empty() {
            self.order = self.search_order(place);
        }
        self.order.front().copied()
    }

    /// Returns the protocols in the order in which they are tried.
    fn search_order(&self, place: &Place) -> VecDeque<Protocol> {
        let usable = |protocol: &Protocol| {
            self.family.has(*protocol) && (place.gateway.is_some() || *protocol == Protocol::Upnp)
        };
        let others = Protocol::ALL.into_iter().filter(|protocol| Some(*protocol) != self.remembered);
        self.remembered.into_iter().chain(others).filter(usable).collect()
    }

    fn external_for(&self, want: &Want, transport: Transport) -> u16 {
        let other = self.held.iter().find(|held| held.lease.transport != transport);
        let usual = if self.same_ports || self.family == Family::V6 { None } else { self.suggested };
        want.external.or(other.map(|held| held.lease.external)).or(usual).unwrap_or(want.port)
    }

    fn lifetime_s(&self, want: &Want, protocol: Protocol) -> Option<u32> {
        let is_permanent = self.only_permanent && protocol == Protocol::Upnp;
        (!is_permanent).then_some(want.lease_s.max(1))
    }

    fn nonce(&mut self, transport: Transport, rng: &mut Rng) -> Nonce {
        if let Some((_, nonce)) = self.nonces.iter().find(|(of, _)| *of == transport) {
            return *nonce;
        }
        let mut nonce = [0; 12];
        rng.fill(&mut nonce);
        self.nonces.push((transport, nonce));
        nonce
    }

    /// Returns the state. Without the time, no times are in it, so that two states can be compared.
    pub(super) fn status(&self, now: Option<Instant>, want: Option<&Want>) -> SideStatus {
        let state = match (&self.place, want) {
            (_, None) => SideState::Off(Absent::TurnedOff),
            (Err(absent), _) => SideState::Off(absent.clone()),
            (Ok(_), Some(want)) if self.missing(want).next().is_none() => SideState::Mapped,
            (Ok(_), _) if !self.held.is_empty() => SideState::Partial,
            (Ok(_), _) if self.failures == 0 => SideState::Searching,
            _ => SideState::Failed,
        };
        let mappings = self.held.iter().map(|held| MappingStatus {
            transport: held.lease.transport,
            internal: held.lease.internal,
            external: held.lease.external,
            is_permanent: held.expires_at.is_none(),
            expires_in: now.and_then(|now| Some(held.expires_at?.since(now))),
        });
        let place = self.place.as_ref().ok();
        SideStatus {
            family: self.family,
            retry_in: now.filter(|_| state == SideState::Failed).map(|now| self.search_at.since(now)),
            state,
            local: place.map(|place| place.local),
            gateway: place.and_then(|place| place.gateway),
            gateway_name: self.gateway_name.clone(),
            protocol: self.protocol.filter(|_| !self.held.is_empty()),
            external_ip: self.external_ip.filter(|_| !self.held.is_empty()),
            mappings: mappings.collect(),
            attempts: self.attempts.iter().map(|(of, failure)| (*of, failure.to_string())).collect(),
            troubles: self.troubles.iter().map(|of| (of.transport, of.failure.to_string())).collect(),
        }
    }
}

/// Returns true if a mapping leads to the wanted port of this machine.
fn is_internal(want: &Want, lease: &Lease) -> bool {
    want.port == lease.internal && want.transports.contains(&lease.transport)
}

/// Returns true if a mapping also is of the wanted external port, if only one is of use.
fn is_wanted(want: &Want, lease: &Lease) -> bool {
    is_internal(want, lease) && want.external.is_none_or(|port| port == lease.external)
}

/// Returns the pause after a number of failures in a row.
fn pause(failures: u32) -> Duration {
    (RETRY_AFTER * 2_u32.pow(failures.saturating_sub(1).min(10))).min(RETRY_AT_MOST)
}
