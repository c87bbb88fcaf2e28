#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::transport::{Protocol, Transport};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use ztor_base::Duration;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 2));
const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 1));
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
const PORT: u16 = 6881;

/// A gateway on virtual time.
#[derive(Debug, Clone)]
struct Gateway {
    speaks: Vec<Protocol>,
    /// Mappings by transport and external port: internal port, and end in seconds.
    mappings: BTreeMap<(Transport, u16), (u16, Option<u64>)>,
    /// External ports of other machines.
    taken: Vec<(Transport, u16)>,
    /// Second of its last restart.
    born_s: u64,
    max_lifetime_s: u32,
    only_permanent: bool,
    same_ports: bool,
    refuses: Option<Transport>,
    is_silent: bool,
}

impl Gateway {
    fn new(speaks: &[Protocol]) -> Self {
        Self {
            speaks: speaks.to_vec(),
            mappings: BTreeMap::new(),
            taken: Vec::new(),
            born_s: 0,
            max_lifetime_s: 7200,
            only_permanent: false,
            same_ports: false,
            refuses: None,
            is_silent: false,
        }
    }

    fn restart(&mut self, now_s: u64) {
        self.mappings.clear();
        self.born_s = now_s;
    }

    fn carry_out(&mut self, now_s: u64, task: &Task) -> Result<Done, Failure> {
        self.mappings.retain(|_, (_, end)| end.is_none_or(|end| end > now_s));
        let protocol = task.protocol();
        if self.is_silent || !self.speaks.contains(&protocol) {
            return Err(Failure::Silent);
        }
        let is_upnp = protocol == Protocol::Upnp;
        let epoch_s = (!is_upnp).then(|| u32::try_from(now_s - self.born_s).unwrap());
        match task {
            Task::Map(map) => {
                let refused = |kind| Failure::Refused { kind, reason: format!("{kind:?}") };
                if self.refuses == Some(map.transport) {
                    return Err(refused(Refusal::Other));
                }
                if is_upnp && self.only_permanent && map.lifetime_s.is_some() {
                    return Err(refused(Refusal::OnlyPermanent));
                }
                if is_upnp && self.same_ports && map.external != map.internal {
                    return Err(refused(Refusal::SamePorts));
                }
                let mut external = map.external;
                let free = |port: u16| !self.taken.contains(&(map.transport, port));
                if !free(external) {
                    if is_upnp {
                        return Err(refused(Refusal::Conflict));
                    }
                    external = (external + 1..).find(|port| free(*port)).unwrap();
                }
                let lifetime_s = map.lifetime_s.map(|s| s.min(self.max_lifetime_s));
                let end = lifetime_s.map(|s| now_s + u64::from(s));
                self.mappings.insert((map.transport, external), (map.internal, end));
                let external_ip = Some(OUTSIDE);
                Ok(Done::Mapped(Mapped { external, lifetime_s, external_ip, epoch_s, ..Mapped::default() }))
            }
            Task::Unmap(lease) => {
                self.mappings.remove(&(lease.transport, lease.external));
                Ok(Done::Unmapped)
            }
            Task::Check(leases) => {
                let is_missing =
                    |lease: &&Lease| !self.mappings.contains_key(&(lease.transport, lease.external));
                // Only UPnP says what is there.
                let missing =
                    leases.iter().filter(|_| is_upnp).filter(is_missing).map(|lease| lease.transport);
                let external_ip = Some(OUTSIDE);
                Ok(Done::Checked { epoch_s, external_ip, missing: missing.collect() })
            }
        }
    }
}

struct World {
    mapper: Mapper,
    gateway: Gateway,
    now: Instant,
    /// Number of tasks that were carried out.
    tasks: usize,
}

impl World {
    fn new(gateway: Gateway) -> Self {
        let mut mapper = Mapper::new(7);
        mapper.set_place(Instant::ZERO, Family::V4, Ok(place()));
        mapper.set_place(Instant::ZERO, Family::V6, Err(Absent::NoPublicV6));
        mapper.set_want(Instant::ZERO, Some(Want::new(PORT)));
        Self { mapper, gateway, now: Instant::ZERO, tasks: 0 }
    }

    fn now_s(&self) -> u64 {
        self.now.as_micros() / 1_000_000
    }

    /// Carries out everything that is due until a second.
    fn run_until(&mut self, second: u64) {
        let end = Instant::from_micros(second * 1_000_000);
        loop {
            while let Some(job) = self.mapper.poll_job(self.now) {
                self.tasks += 1;
                assert!(self.tasks < 100_000, "the machine spins");
                let result = self.gateway.carry_out(self.now_s(), &job.task);
                self.mapper.handle(self.now, job.id, result);
            }
            match self.mapper.poll_timeout() {
                Some(at) if at <= end => {
                    assert!(at > self.now, "due at {at:?}, but there was no job at {:?}", self.now);
                    self.now = at;
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn run_for(&mut self, seconds: u64) {
        self.run_until(self.now_s() + seconds);
    }

    fn side(&self) -> SideStatus {
        self.mapper.status(self.now).sides[0].clone()
    }

    fn state(&self) -> SideState {
        self.side().state
    }

    fn externals(&self) -> Vec<(Transport, u16)> {
        self.gateway.mappings.keys().copied().collect()
    }
}

fn place() -> Place {
    Place { local: LOCAL, gateway: Some(ROUTER), index: 2 }
}

fn both(port: u16) -> Vec<(Transport, u16)> {
    vec![(Transport::Tcp, port), (Transport::Udp, port)]
}

#[test]
fn search_uses_the_first_protocol_that_works_and_shows_the_failures_of_others() {
    for protocol in Protocol::ALL {
        let mut world = World::new(Gateway::new(&[protocol]));
        world.run_for(1);
        let side = world.side();
        assert_eq!((side.state, side.protocol), (SideState::Mapped, Some(protocol)));
        assert_eq!(world.externals(), both(PORT));
        let failed: Vec<Protocol> = side.attempts.iter().map(|(protocol, _)| *protocol).collect();
        let before: Vec<Protocol> =
            Protocol::ALL.into_iter().take_while(|other| *other != protocol).collect();
        assert_eq!(failed, before);
    }
}

#[test]
fn mappings_are_renewed_before_they_expire() {
    for protocol in Protocol::ALL {
        let mut world = World::new(Gateway { max_lifetime_s: 60, ..Gateway::new(&[protocol]) });
        for second in 1..3600 {
            world.run_until(second);
            world.gateway.mappings.retain(|_, (_, end)| end.is_none_or(|end| end > second));
            assert_eq!(world.externals(), both(PORT), "{protocol} at {second}");
        }
        assert!(world.tasks < 2 * 130 + 30, "{} tasks", world.tasks);
    }
}

#[test]
fn mappings_that_cannot_be_renewed_expire_and_come_back() {
    let mut world = World::new(Gateway { max_lifetime_s: 600, ..Gateway::new(&[Protocol::Pcp]) });
    world.run_until(10);
    world.gateway.is_silent = true;
    world.run_until(590);
    assert_eq!(world.state(), SideState::Mapped, "it may only be the network");
    world.run_until(700);
    assert_eq!(world.state(), SideState::Failed);
    assert_eq!(world.mapper.status(world.now).external_port(Family::V4), None);
    world.gateway.is_silent = false;
    world.run_until(700 + 1800);
    assert_eq!((world.state(), world.externals()), (SideState::Mapped, both(PORT)));
}

#[test]
fn gateway_that_has_lost_its_mappings_gets_them_again() {
    for protocol in Protocol::ALL {
        let mut world = World::new(Gateway::new(&[protocol]));
        world.run_until(1000);
        world.gateway.restart(1000);
        assert!(world.externals().is_empty());
        world.run_until(1301);
        assert_eq!(world.externals(), both(PORT), "{protocol} by a check");
        world.gateway.restart(1310);
        world.run_until(1310);
        world.mapper.suspect(world.now, Family::V4);
        world.run_until(1311);
        assert_eq!(world.externals(), both(PORT), "{protocol} by an announcement");
        let tasks = world.tasks;
        for _ in 0..100 {
            world.mapper.suspect(world.now, Family::V4);
            world.run_until(1311);
        }
        assert_eq!(world.tasks, tasks, "a flood of announcements has no effect");
    }
}

#[test]
fn conflict_leads_to_another_port_that_both_transports_share() {
    for protocol in Protocol::ALL {
        for taken in [vec![(Transport::Tcp, PORT)], vec![(Transport::Udp, PORT)], both(PORT)] {
            let mut world = World::new(Gateway { taken, ..Gateway::new(&[protocol]) });
            world.run_for(1);
            assert_eq!(world.state(), SideState::Mapped);
            let port = world.mapper.status(world.now).external_port(Family::V4).unwrap();
            assert_ne!(port, PORT);
            assert_eq!(world.externals(), both(port), "{protocol}: nothing is left over");
        }
    }
}

#[test]
fn conflict_with_the_only_port_of_use_is_a_failure() {
    for protocol in Protocol::ALL {
        let mut world = World::new(Gateway { taken: both(7000), ..Gateway::new(&[protocol]) });
        world.mapper.set_want(world.now, Some(Want { external: Some(7000), ..Want::new(PORT) }));
        world.run_for(1);
        assert_eq!(world.state(), SideState::Failed);
        assert!(world.externals().is_empty(), "{protocol}: another port is of no use");
        world.gateway.taken.clear();
        world.run_for(60);
        assert_eq!((world.state(), world.externals()), (SideState::Mapped, both(7000)));
    }
}

#[test]
fn gateway_with_permanent_mappings_only_gets_those() {
    let mut world = World::new(Gateway { only_permanent: true, ..Gateway::new(&[Protocol::Upnp]) });
    world.run_for(1);
    assert!(world.side().mappings.iter().all(|mapping| mapping.is_permanent));
    world.gateway.restart(100);
    world.run_for(301);
    assert_eq!(world.externals(), both(PORT), "a check has found that they are gone");
    world.gateway.is_silent = true;
    world.run_for(2 * 3600);
    assert_eq!(world.state(), SideState::Failed);
}

#[test]
fn gateway_that_requires_the_same_ports_gets_those() {
    let mut world = World::new(Gateway { same_ports: true, ..Gateway::new(&[Protocol::Upnp]) });
    world.gateway.taken = vec![(Transport::Udp, PORT)];
    world.run_for(1);
    let side = world.side();
    assert_eq!((side.state, side.mappings.len()), (SideState::Partial, 1), "another port cannot be mapped");
    world.gateway.taken.clear();
    world.run_for(60);
    assert_eq!(world.externals(), both(PORT));
}

#[test]
fn refusal_of_one_transport_keeps_the_other_and_is_shown() {
    for protocol in Protocol::ALL {
        let mut world = World::new(Gateway { refuses: Some(Transport::Udp), ..Gateway::new(&[protocol]) });
        world.run_for(1);
        let side = world.side();
        assert_eq!(side.state, SideState::Partial);
        assert_eq!(side.troubles, [(Transport::Udp, "refused: Other".to_owned())]);
        world.gateway.refuses = None;
        world.run_for(60);
        assert_eq!((world.state(), world.externals()), (SideState::Mapped, both(PORT)));
    }
}

#[test]
fn failed_searches_become_rare() {
    let mut world = World::new(Gateway::new(&[]));
    world.run_for(24 * 3600);
    assert!((3 * 48..3 * 60).contains(&world.tasks), "{} tasks in a day", world.tasks);
    assert_eq!(world.side().attempts.len(), 3);
    assert!(world.side().retry_in.unwrap() <= Duration::from_secs(1800));
}

#[test]
fn mappings_of_no_use_are_failures() {
    for lifetime_s in [0, 1, 9] {
        let mut world = World::new(Gateway { max_lifetime_s: lifetime_s, ..Gateway::new(&[Protocol::Pcp]) });
        world.run_for(1);
        assert_eq!(world.state(), SideState::Failed);
        let expected = format!("unusable answer: a mapping for {lifetime_s} seconds");
        assert_eq!(world.side().attempts[0], (Protocol::Pcp, expected));
    }
}

#[test]
fn change_of_the_port_moves_the_mappings() {
    for protocol in Protocol::ALL {
        let mut world = World::new(Gateway::new(&[protocol]));
        world.run_for(1);
        world.mapper.set_want(world.now, Some(Want::new(7000)));
        world.run_for(1);
        assert_eq!(world.externals(), both(7000), "{protocol}");
        assert!(world.gateway.mappings.values().all(|(internal, _)| *internal == 7000));
    }
}

#[test]
fn removal_at_the_end_leaves_nothing_even_of_a_job_under_way() {
    let mut world = World::new(Gateway::new(&[Protocol::NatPmp]));
    world.run_for(1);
    world.mapper.set_want(world.now, Some(Want::new(7000)));
    let mut results = Vec::new();
    // The removals of the old port and the first new mapping are under way when the end comes.
    for _ in 0..3 {
        let job = world.mapper.poll_job(world.now).unwrap();
        let result = world.gateway.carry_out(world.now_s(), &job.task);
        results.push(job.task.clone());
        if matches!(job.task, Task::Map(_)) {
            world.mapper.set_want(world.now, None);
            assert!(!world.mapper.is_idle());
        }
        world.mapper.handle(world.now, job.id, result);
    }
    assert!(matches!(results.last(), Some(Task::Map(_))));
    world.run_for(1);
    assert!(world.mapper.is_idle());
    assert!(world.externals().is_empty());
    assert_eq!(world.mapper.poll_timeout(), None);
    assert_eq!(world.state(), SideState::Off(Absent::TurnedOff));
}

#[test]
fn another_network_begins_again_and_late_results_have_no_effect() {
    let mut world = World::new(Gateway::new(&[Protocol::Upnp]));
    world.run_for(1);
    world.mapper.suspect(world.now, Family::V4);
    let late = world.mapper.poll_job(world.now).unwrap();
    let other = Place { local: [10, 0, 0, 5].into(), gateway: Some([10, 0, 0, 1].into()), index: 3 };
    world.mapper.set_place(world.now, Family::V4, Ok(other));
    assert_eq!(world.state(), SideState::Searching);
    world.mapper.handle(world.now, late.id, Err(Failure::Silent));
    let job = world.mapper.poll_job(world.now).unwrap();
    assert!(
        matches!(&job.task, Task::Map(map) if map.place == other && map.protocol == Protocol::Upnp),
        "what worked last is tried first: {job:?}"
    );
    world.mapper.set_place(world.now, Family::V4, Err(Absent::NoRoute));
    assert_eq!(world.state(), SideState::Off(Absent::NoRoute));
}

#[test]
fn without_a_gateway_only_upnp_is_asked() {
    let mut mapper = Mapper::new(1);
    mapper.set_want(Instant::ZERO, Some(Want::new(PORT)));
    mapper.set_place(Instant::ZERO, Family::V4, Ok(Place { gateway: None, ..place() }));
    let job = mapper.poll_job(Instant::ZERO).unwrap();
    assert_eq!(job.task.protocol(), Protocol::Upnp);
    mapper.handle(Instant::ZERO, job.id, Err(Failure::Silent));
    assert!(mapper.poll_job(Instant::ZERO).is_none());
}

#[test]
fn take_change_reports_changes_but_not_times() {
    let mut world = World::new(Gateway { max_lifetime_s: 60, ..Gateway::new(&[Protocol::Pcp]) });
    assert!(world.mapper.take_change());
    world.run_for(1);
    assert!(world.mapper.take_change());
    world.run_for(200);
    assert!(!world.mapper.take_change(), "renewals change nothing");
}

/// Acts on a world.
#[derive(Debug, Clone)]
enum Act {
    Wait(u16),
    Restart,
    Silence(bool),
    Speak(Vec<Protocol>),
    Take(Transport, u16),
    Free,
    Permanent(bool),
    SamePorts(bool),
    Refuse(Option<Transport>),
    Lifetime(u32),
    Want(Option<(u16, Option<u16>)>),
    Suspect,
    Move(u8),
    Lose,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let transport = || prop_oneof![Just(Transport::Tcp), Just(Transport::Udp)];
    let protocol = prop_oneof![Just(Protocol::Pcp), Just(Protocol::NatPmp), Just(Protocol::Upnp)];
    let port = || 6880..6884_u16;
    let act = prop_oneof![
        4 => (0..4000_u16).prop_map(Act::Wait),
        1 => Just(Act::Restart),
        1 => any::<bool>().prop_map(Act::Silence),
        1 => prop::collection::vec(protocol, 0..3).prop_map(Act::Speak),
        1 => (transport(), port()).prop_map(|(transport, port)| Act::Take(transport, port)),
        1 => Just(Act::Free),
        1 => any::<bool>().prop_map(Act::Permanent),
        1 => any::<bool>().prop_map(Act::SamePorts),
        1 => prop::option::of(transport()).prop_map(Act::Refuse),
        1 => prop_oneof![0..100_u32, Just(u32::MAX)].prop_map(Act::Lifetime),
        2 => prop::option::of((port(), prop::option::of(port()))).prop_map(Act::Want),
        1 => Just(Act::Suspect),
        1 => (0..2_u8).prop_map(Act::Move),
        1 => Just(Act::Lose),
    ];
    prop::collection::vec(act, 0..40)
}

proptest! {
    /// Whatever a gateway does, the machine neither spins nor stops, maps everything once the gateway works, and leaves
    /// nothing behind at the end.
    #[test]
    fn machine_recovers_from_everything(acts in acts()) {
        let mut world = World::new(Gateway::new(&[Protocol::NatPmp]));
        for act in acts {
            match act {
                Act::Wait(s) => world.run_for(s.into()),
                Act::Restart => world.gateway.restart(world.now_s()),
                Act::Silence(is_silent) => world.gateway.is_silent = is_silent,
                Act::Speak(protocols) => world.gateway.speaks = protocols,
                Act::Take(transport, port) => {
                    world.gateway.mappings.remove(&(transport, port));
                    world.gateway.taken.push((transport, port));
                }
                Act::Free => world.gateway.taken.clear(),
                Act::Permanent(only) => world.gateway.only_permanent = only,
                Act::SamePorts(same) => world.gateway.same_ports = same,
                Act::Refuse(transport) => world.gateway.refuses = transport,
                Act::Lifetime(s) => world.gateway.max_lifetime_s = s,
                Act::Want(want) => {
                    let want = want.map(|(port, external)| Want { external, ..Want::new(port) });
                    world.mapper.set_want(world.now, want);
                }
                Act::Suspect => world.mapper.suspect(world.now, Family::V4),
                Act::Move(n) => {
                    let local = IpAddr::from([192, 168, 1, n]);
                    world.mapper.set_place(world.now, Family::V4, Ok(Place { local, ..place() }));
                }
                Act::Lose => world.mapper.set_place(world.now, Family::V4, Err(Absent::NoRoute)),
            }
        }
        world.gateway = Gateway { mappings: world.gateway.mappings, born_s: world.gateway.born_s, ..Gateway::new(&Protocol::ALL) };
        world.mapper.set_place(world.now, Family::V4, Ok(place()));
        world.mapper.set_want(world.now, Some(Want::new(PORT)));
        // Permanent mappings of the past stay in a gateway that could not be asked to remove them.
        world.run_for(4000);
        prop_assert_eq!(world.state(), SideState::Mapped);
        let port = world.mapper.status(world.now).external_port(Family::V4).unwrap();
        for (transport, port) in both(port) {
            let found = world.gateway.mappings.get(&(transport, port));
            prop_assert_eq!(found.map(|(internal, _)| *internal), Some(PORT));
        }
        let before = world.externals();
        world.mapper.set_want(world.now, None);
        world.run_for(1);
        prop_assert!(world.mapper.is_idle());
        let after = world.externals();
        prop_assert!(both(port).iter().all(|mapping| before.contains(mapping) && !after.contains(mapping)));
    }
}
