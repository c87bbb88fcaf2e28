//! A machine behind a router that forgets, shortens, refuses and mangles port mappings, restarts, and changes its address.
//!
//! The machine that keeps ports mapped runs on a virtual clock. The router is a model, whose mappings are the truth. The
//! rules of [`Rules`] must hold at every step: no mapping is believed beyond its lifetime, one that a sound router has lost is
//! noticed within the interval of the checks, renewals come in time, and after the last fault everything is mapped again.

mod router;
mod rules;

use crate::outcome::{Failure, Outcome};
use crate::trace::{Subject, Trace};
use fastrand::Rng;
use router::{Fault, Router};
use rules::Rules;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use ztor_base::{Duration, Instant};
use ztor_portmap::{Absent, Family, JobId, Mapper, Place, Protocol, Task, Want};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 10));
const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 1));
/// Port that is mapped.
const PORT: u16 = 6881;
/// Time with faults.
const FAULTY: Duration = Duration::from_secs(12 * 3600);
/// Time-out of a job that the router does not answer, as in the session.
const SILENCE: Duration = Duration::from_secs(12);
/// Longest delay of an answer.
const MAX_DELAY_MS: u64 = 8_000;
/// Maximum number of steps: a loop without progress ends the run.
const MAX_STEPS: usize = 400_000;
const SHOWN_LINES: usize = 40;

/// A coming event.
#[derive(Debug, Clone)]
enum Event {
    /// The router gets a request.
    Ask(JobId, Task),
    /// The client gets its answer.
    Answer(JobId, router::Answer),
    /// The router changes its behaviour; `None` is the last change, to a sound one.
    Change(Option<Fault>),
}

struct World {
    now: Instant,
    rng: Rng,
    mapper: Mapper,
    router: Router,
    rules: Rules,
    events: BTreeMap<(Instant, u64), Event>,
    last_event: u64,
    /// True while nothing is to be mapped.
    is_ending: bool,
    trace: Trace,
}

/// Plays the scenario.
pub(crate) fn play(mut rng: Rng, is_loud: bool) -> Outcome {
    let protocol = Protocol::ALL[rng.usize(..Protocol::ALL.len())];
    let lease_s = [20, 120, 3600, 7200][rng.usize(..4)];
    let mut world = World::new(rng, protocol, lease_s);
    world.trace.is_loud = is_loud;
    let failure = world.run().err();
    let took = world.now.since(Instant::ZERO);
    let notes = vec![format!(
        "{protocol}, asked for {lease_s} s: {} jobs, {} restarts and losses, believed a lost mapping for {} s at most, \
         mapped {} s after the last fault",
        world.rules.jobs(),
        world.router.losses(),
        world.rules.longest_error().as_secs(),
        world.rules.healed_after().map_or(0, |time| time.as_secs()),
    )];
    let failure = failure.map(|message| Failure { at: world.now, message, about: Vec::new() });
    let story = if failure.is_some() { world.trace.last(SHOWN_LINES, &[]) } else { Vec::new() };
    Outcome { hash: world.trace.hash(), took, notes, failure, story }
}

impl World {
    fn new(mut rng: Rng, protocol: Protocol, lease_s: u32) -> Self {
        let now = Instant::from_micros(1_000_000);
        let mut mapper = Mapper::new(rng.u64(..));
        mapper.set_place(now, Family::V6, Err(Absent::NoPublicV6));
        mapper.set_place(now, Family::V4, Ok(Place { local: LOCAL, gateway: Some(ROUTER), index: 2 }));
        mapper.set_want(now, Some(Want { lease_s, ..Want::new(PORT) }));
        let router = Router::new(now, protocol, &mut rng);
        let mut world = Self {
            now,
            rng,
            mapper,
            router,
            rules: Rules::new(now, protocol),
            events: BTreeMap::new(),
            last_event: 0,
            is_ending: false,
            trace: Trace::new(),
        };
        world.plan_faults();
        world
    }

    /// Plans the faults, each followed by a sound time.
    fn plan_faults(&mut self) {
        let end = self.now + FAULTY;
        let mut at = self.now;
        loop {
            at += Duration::from_secs(self.rng.u64(0..3_600));
            if at >= end {
                break;
            }
            let fault = Fault::any(&mut self.rng);
            self.plan(at, Event::Change(Some(fault)));
            at += Duration::from_secs(self.rng.u64(5..5_400));
            self.plan(at.min(end), Event::Change(None));
        }
        self.plan(end, Event::Change(None));
    }

    fn plan(&mut self, at: Instant, event: Event) {
        self.last_event += 1;
        self.events.insert((at.max(self.now), self.last_event), event);
    }

    fn run(&mut self) -> Result<(), String> {
        let sound_at = self.now + FAULTY;
        let end = sound_at + rules::HEALS_WITHIN + Duration::from_secs(3 * 3600);
        for _ in 0..MAX_STEPS {
            let next = self.events.first_key_value().map(|((at, _), _)| *at);
            let due = self.mapper.poll_timeout();
            // Beliefs end with time, without an event.
            let look = self.now + Duration::from_secs(1);
            self.now = [next, due, Some(look)].into_iter().flatten().min().unwrap_or(look).max(self.now);
            if self.now >= end {
                return self.end();
            }
            self.step();
            self.check()?;
        }
        Err("the run does not end".to_owned())
    }

    /// Removes the mappings, with a sound router.
    fn end(&mut self) -> Result<(), String> {
        self.rules.healed(self.now)?;
        self.is_ending = true;
        self.mapper.set_want(self.now, None);
        for _ in 0..1000 {
            if self.mapper.is_idle() {
                return match self.router.count(self.now) {
                    0 => Ok(()),
                    left => Err(format!("{left} mappings are left at the router")),
                };
            }
            self.step();
            let next = self.events.first_key_value().map(|((at, _), _)| *at);
            self.now = next.unwrap_or(self.now).max(self.now);
        }
        Err("the removal does not end".to_owned())
    }

    fn step(&mut self) {
        while let Some((&key, _)) = self.events.first_key_value()
            && key.0 <= self.now
        {
            if let Some(event) = self.events.remove(&key) {
                self.handle(event);
            }
        }
        while let Some(job) = self.mapper.poll_job(self.now) {
            self.trace.note(self.now, format_args!("job {:?} {:?}", job.id, job.task));
            self.rules.asked(self.now);
            let delay = self.delay();
            self.plan(self.now + delay, Event::Ask(job.id, job.task));
        }
    }

    /// Returns the time of a message on its way.
    fn delay(&mut self) -> Duration {
        let most = if self.router.is_slow() { MAX_DELAY_MS / 2 } else { 20 };
        Duration::from_micros(1000 * self.rng.u64(1..=most))
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Ask(id, task) => {
                let (number, answer) = self.router.answer(self.now, &task, &mut self.rng);
                self.trace.record(self.now, Subject::Gateway, &[1, number]);
                let delay = if answer.is_none() { SILENCE } else { self.delay() };
                let answer = answer.unwrap_or_else(router::silent);
                self.plan(self.now + delay, Event::Answer(id, answer));
            }
            Event::Answer(id, answer) => {
                self.trace.note(self.now, format_args!("answer {id:?} {answer:?}"));
                self.rules.granted(self.now, &answer);
                self.mapper.handle(self.now, id, answer);
            }
            Event::Change(fault) => {
                self.trace.note(self.now, format_args!("the router: {fault:?}"));
                self.trace.record(self.now, Subject::Gateway, &[2, u64::from(fault.is_some())]);
                self.rules.changed(self.now, fault.as_ref());
                if self.router.change(self.now, fault, &mut self.rng) {
                    self.mapper.suspect(self.now, Family::V4);
                }
            }
        }
    }

    fn check(&mut self) -> Result<(), String> {
        let status = self.mapper.status(self.now);
        let side = status.side(Family::V4);
        self.rules.check(self.now, side, &self.router)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn play_of_several_seeds_breaks_no_rule() {
        for seed in 0..30 {
            let outcome = play(Rng::with_seed(seed), false);
            assert!(outcome.failure.is_none(), "seed {seed}: {outcome:#?}");
        }
    }

    #[test]
    fn check_of_a_mapping_that_the_router_has_lost_fails_if_nothing_is_done_about_it() {
        let mut world = World::new(Rng::with_seed(1), Protocol::Pcp, 7200);
        world.events.clear();
        for _ in 0..100 {
            world.step();
            let next = world.events.first_key_value().map(|((at, _), _)| *at);
            world.now = next.unwrap_or(world.now);
        }
        assert!(world.check().is_ok() && world.router.count(world.now) == 2, "mapped");
        world.router.change(world.now, Some(Fault::Restart { announces: false }), &mut world.rng);
        world.router.change(world.now, None, &mut world.rng);
        world.rules.changed(world.now, None);
        // The client does not run any more, so that it still believes.
        let mut failure = None;
        for _ in 0..4000 {
            world.now += Duration::from_secs(1);
            failure = failure.or(world.check().err());
        }
        assert!(failure.is_some_and(|message| message.contains("believed")), "the rule is checked");
    }
}
