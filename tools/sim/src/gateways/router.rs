//! The model of a router.

use fastrand::Rng;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use ztor_base::{Duration, Instant};
use ztor_portmap::{Done, Failure, Lease, Map, Mapped, Protocol, Refusal, Task, Transport};

pub(super) type Answer = Result<Done, Failure>;

/// Shortest and longest lifetimes that the router grants, in seconds.
const SHORTEST_S: u32 = 12;
const LONGEST_S: u32 = 4 * 3600;

/// Behaviour of a faulty router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It answers nothing.
    Silent,
    /// It takes seconds for an answer.
    Slow,
    /// Its answers make no sense.
    Mangles,
    /// It refuses all mappings.
    Refuses,
    /// It grants short lifetimes.
    Shortens,
    /// It loses its mappings at once, and its clock starts again. It may announce that.
    Restart { announces: bool },
    /// It loses its mappings at once, and nothing tells.
    Forgets,
    /// It gets another external address, and keeps the mappings.
    Moves,
    /// Another machine takes the external ports.
    Steals,
}

impl Fault {
    pub(super) fn any(rng: &mut Rng) -> Self {
        match rng.u8(..9) {
            0 => Self::Silent,
            1 => Self::Slow,
            2 => Self::Mangles,
            3 => Self::Refuses,
            4 => Self::Shortens,
            5 => Self::Restart { announces: rng.bool() },
            6 => Self::Forgets,
            7 => Self::Moves,
            _ => Self::Steals,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    external: u16,
    until: Instant,
}

/// A router with one protocol.
#[derive(Debug)]
pub(super) struct Router {
    protocol: Protocol,
    fault: Option<Fault>,
    started: Instant,
    mappings: BTreeMap<Transport, Entry>,
    external_ip: IpAddr,
    /// External port that another machine has, if any.
    stolen: Option<u16>,
    losses: u64,
}

/// Returns the result of a job without an answer.
pub(super) fn silent() -> Answer {
    Err(Failure::Silent)
}

fn public_ip(rng: &mut Rng) -> IpAddr {
    Ipv4Addr::new(81, rng.u8(..), rng.u8(..), rng.u8(1..255)).into()
}

impl Router {
    pub(super) fn new(now: Instant, protocol: Protocol, rng: &mut Rng) -> Self {
        Self {
            protocol,
            fault: None,
            started: now,
            mappings: BTreeMap::new(),
            external_ip: public_ip(rng),
            stolen: None,
            losses: 0,
        }
    }

    /// Changes the behaviour. Returns true if the router announces itself.
    pub(super) fn change(&mut self, now: Instant, fault: Option<Fault>, rng: &mut Rng) -> bool {
        let mut announces = false;
        match &fault {
            Some(Fault::Restart { announces: is_told }) => {
                announces = *is_told && self.protocol != Protocol::Upnp;
                self.started = now;
                self.lose();
            }
            Some(Fault::Forgets) => self.lose(),
            Some(Fault::Moves) => self.external_ip = public_ip(rng),
            Some(Fault::Steals) => {
                self.stolen = self.mappings.values().next().map(|entry| entry.external);
                self.lose();
            }
            _ => {}
        }
        self.fault = fault;
        announces
    }

    fn lose(&mut self) {
        self.losses += 1;
        self.mappings.clear();
    }

    pub(super) fn is_slow(&self) -> bool {
        self.fault == Some(Fault::Slow)
    }

    pub(super) fn losses(&self) -> u64 {
        self.losses
    }

    pub(super) fn external_ip(&self) -> IpAddr {
        self.external_ip
    }

    /// Returns the number of mappings.
    pub(super) fn count(&self, now: Instant) -> usize {
        self.mappings.values().filter(|entry| entry.until > now).count()
    }

    /// Returns the external port of a transport; `None` if it is not mapped.
    pub(super) fn port_of(&self, now: Instant, transport: Transport) -> Option<u16> {
        self.mappings.get(&transport).filter(|entry| entry.until > now).map(|entry| entry.external)
    }

    /// Answers a request; `None` without an answer. Returns a number for the trace as well.
    pub(super) fn answer(&mut self, now: Instant, task: &Task, rng: &mut Rng) -> (u64, Option<Answer>) {
        if task.protocol() != self.protocol {
            // Some routers refuse what they do not know, others drop it.
            let refusal = Err(Failure::Unsupported("another protocol".to_owned()));
            return (1, rng.bool().then_some(refusal));
        }
        match (&self.fault, task) {
            (Some(Fault::Silent), _) => (2, None),
            (Some(Fault::Mangles), _) => (3, Some(self.mangled(now, task, rng))),
            (Some(Fault::Refuses), Task::Map(_)) => (4, Some(refused(Refusal::Other))),
            (_, Task::Map(map)) => self.map(now, map, rng),
            (_, Task::Unmap(lease)) => {
                self.mappings.remove(&lease.transport);
                (6, Some(Ok(Done::Unmapped)))
            }
            (_, Task::Check(leases)) => (7, Some(Ok(self.checked(now, leases)))),
        }
    }

    fn map(&mut self, now: Instant, map: &Map, rng: &mut Rng) -> (u64, Option<Answer>) {
        let is_stolen = self.stolen == Some(map.external);
        if is_stolen && self.protocol == Protocol::Upnp {
            return (8, Some(refused(Refusal::Conflict)));
        }
        // The others give another port.
        let external = if is_stolen { rng.u16(20_000..60_000) } else { map.external };
        let asked_s = map.lifetime_s.unwrap_or(LONGEST_S);
        let lifetime_s = match self.fault {
            Some(Fault::Shortens) => (asked_s / 8).max(SHORTEST_S),
            _ => asked_s.clamp(SHORTEST_S, LONGEST_S),
        };
        let until = now + Duration::from_secs(lifetime_s.into());
        self.mappings.insert(map.transport, Entry { external, until });
        let mapped = Mapped {
            external,
            lifetime_s: Some(lifetime_s),
            external_ip: Some(self.external_ip),
            epoch_s: self.epoch_s(now),
            pinhole: None,
            gateway_name: None,
        };
        (u64::from(external) << 32 | u64::from(lifetime_s), Some(Ok(Done::Mapped(mapped))))
    }

    fn checked(&self, now: Instant, leases: &[Lease]) -> Done {
        let is_missing = |lease: &&Lease| self.port_of(now, lease.transport) != Some(lease.external);
        let missing = match self.protocol {
            Protocol::Upnp => leases.iter().filter(is_missing).map(|lease| lease.transport).collect(),
            // They tell their clock only.
            _ => Vec::new(),
        };
        Done::Checked { epoch_s: self.epoch_s(now), external_ip: Some(self.external_ip), missing }
    }

    fn epoch_s(&self, now: Instant) -> Option<u32> {
        let epoch_s = u32::try_from(now.since(self.started).as_secs()).unwrap_or(u32::MAX);
        (self.protocol != Protocol::Upnp).then_some(epoch_s)
    }

    /// Returns an answer that makes no sense.
    fn mangled(&self, now: Instant, task: &Task, rng: &mut Rng) -> Answer {
        match rng.u8(..4) {
            0 => Err(Failure::Unusable("noise".to_owned())),
            1 => Ok(Done::Unmapped),
            2 => Ok(Done::Checked { epoch_s: None, external_ip: None, missing: Vec::new() }),
            _ if matches!(task, Task::Map(_)) => Ok(Done::Mapped(Mapped {
                external: 0,
                lifetime_s: Some(rng.u32(0..5)),
                epoch_s: self.epoch_s(now),
                ..Mapped::default()
            })),
            _ => Err(Failure::Unusable("noise".to_owned())),
        }
    }
}

fn refused(kind: Refusal) -> Answer {
    Err(Failure::Refused { kind, reason: "no".to_owned() })
}
