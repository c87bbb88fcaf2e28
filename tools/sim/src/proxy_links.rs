//! A client behind a proxy that dies, hangs, refuses, ends associations, moves to another address, and comes back.
//!
//! The machine of the link to the proxy runs on a virtual clock and network; the proxy is a model. The client opens
//! connections and sends datagrams all the time, the ways of which the machine chooses. These rules hold at every step:
//! nothing is sent to anything but the proxy and the relay that it has granted, a dead proxy is noticed in time, attempts
//! are rare while it does not work, and after the last fault it carries everything again.

mod proxy;

use crate::outcome::{Failure, Outcome};
use crate::trace::{Subject, Trace, number_of};
use fastrand::Rng;
use proxy::{Behaviour, Proxy, Reaction};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use ztor_base::{Duration, Instant};
use ztor_socks::{Link, LinkAction, LinkGoal, Way};

/// Time with faults.
const FAULTY: Duration = Duration::from_secs(6 * 3600);
/// Time after the last fault within which connections are made again: a connection of before fails, then the longest pause and
/// one attempt.
const HEALS_WITHIN: Duration = Duration::from_secs(8 + 60 + 20 + 5);
/// The same for datagrams: the end of the association of before is noticed later, and the pause after those that ended early
/// is longer.
const RELAY_HEALS_WITHIN: Duration = Duration::from_secs(35 + 15 * 60 + 20 + 5);
/// Time for which a proxy that does not work may be taken for one that does: the interval of the checks and one attempt.
const NOTICED_WITHIN: Duration = Duration::from_secs(60 + 20 + 5);
/// Maximum number of attempts in any ten minutes. Each change of the proxy may start the pauses anew.
const MAX_ATTEMPTS: usize = 20;
const ATTEMPTS_PER_CHANGE: usize = 10;
/// Time after which the system notices that the other end of a quiet connection is gone.
const KEEPALIVE: Duration = Duration::from_secs(35);
/// Time after which a connection to a peer is given up that the proxy does not accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
const DIAL_EVERY: Duration = Duration::from_secs(3);
const SEND_EVERY: Duration = Duration::from_secs(1);
const MAX_STEPS: usize = 400_000;
const SHOWN_LINES: usize = 40;

#[derive(Debug, Clone)]
enum Event {
    /// The proxy changes its behaviour.
    Change(Behaviour),
    Resolved {
        attempt: u64,
        result: Result<Vec<IpAddr>, String>,
    },
    /// An event of the connection of the link, by its number.
    Link {
        connection: u64,
        reaction: Reaction,
    },
    /// A connection to a peer through the proxy has been made or has failed.
    Dialed(Result<(), String>),
    Dial,
    Send,
}

struct World {
    now: Instant,
    rng: Rng,
    link: Link,
    proxy: Proxy,
    events: BTreeMap<(Instant, u64), Event>,
    last_event: u64,
    /// Number of the connection of the link; `None` without one.
    connection: Option<u64>,
    /// True once it is open, so that bytes can be sent.
    is_open: bool,
    connections: u64,
    /// Addresses of the proxy that the resolver has named.
    resolved: BTreeSet<IpAddr>,
    attempts: VecDeque<Instant>,
    changes: VecDeque<Instant>,
    /// Time since which the proxy works for connections, and with a relay.
    works_since: Option<Instant>,
    relays_since: Option<Instant>,
    /// Time since which it does not work.
    broken_since: Option<Instant>,
    dialed: u64,
    sent: u64,
    longest_error: Duration,
    trace: Trace,
}

/// Plays the scenario.
pub(crate) fn play(rng: Rng, is_loud: bool) -> Outcome {
    let mut world = World::new(rng);
    world.trace.is_loud = is_loud;
    let failure = world.run().err();
    let notes = vec![format!(
        "{} attempts of the link, {} connections and {} datagrams through it, a dead proxy noticed after {} s at most",
        world.connections,
        world.dialed,
        world.sent,
        world.longest_error.as_secs(),
    )];
    let failure = failure.map(|message| Failure { at: world.now, message, about: Vec::new() });
    let story = if failure.is_some() { world.trace.last(SHOWN_LINES, &[]) } else { Vec::new() };
    Outcome { hash: world.trace.hash(), took: world.now.since(Instant::ZERO), notes, failure, story }
}

impl World {
    fn new(mut rng: Rng) -> Self {
        let now = Instant::from_micros(1_000_000);
        let proxy = Proxy::new(&mut rng);
        let goal = LinkGoal { proxy: proxy.as_named(), has_datagrams: true };
        let mut world = Self {
            now,
            link: Link::new(now, Some(goal)),
            proxy,
            events: BTreeMap::new(),
            last_event: 0,
            connection: None,
            is_open: false,
            connections: 0,
            resolved: BTreeSet::new(),
            attempts: VecDeque::new(),
            changes: VecDeque::new(),
            works_since: None,
            relays_since: None,
            broken_since: None,
            dialed: 0,
            sent: 0,
            longest_error: Duration::ZERO,
            trace: Trace::new(),
            rng,
        };
        world.plan_changes();
        world.plan(now, Event::Dial);
        world.plan(now, Event::Send);
        world
    }

    fn plan_changes(&mut self) {
        let (mut at, end) = (self.now, self.now + FAULTY);
        self.plan(at, Event::Change(Behaviour::Works));
        while at < end {
            at += Duration::from_secs(self.rng.u64(0..1_200));
            let fault = Behaviour::any_fault(&mut self.rng);
            self.plan(at.min(end), Event::Change(fault));
            at += Duration::from_secs(self.rng.u64(1..1_800));
            self.plan(at.min(end), Event::Change(Behaviour::Works));
        }
    }

    fn plan(&mut self, at: Instant, event: Event) {
        self.last_event += 1;
        self.events.insert((at.max(self.now), self.last_event), event);
    }

    fn run(&mut self) -> Result<(), String> {
        let end = self.now + FAULTY + RELAY_HEALS_WITHIN + Duration::from_secs(600);
        for _ in 0..MAX_STEPS {
            let next = self.events.first_key_value().map_or(end, |((at, _), _)| *at);
            let due = self.link.poll_timeout().unwrap_or(end);
            self.now = next.min(due).max(self.now);
            if self.now >= end {
                return self.end();
            }
            self.step()?;
            self.check()?;
        }
        Err("the run does not end".to_owned())
    }

    fn end(&self) -> Result<(), String> {
        match (self.link.connection_way(true), self.link.datagram_way(true)) {
            (Way::Through(_), Way::Through(_)) => Ok(()),
            ways => Err(format!("the proxy does not carry everything at the end: {ways:?}")),
        }
    }

    fn step(&mut self) -> Result<(), String> {
        self.link.handle_timeout(self.now);
        self.carry_out()?;
        while let Some((&key, _)) = self.events.first_key_value()
            && key.0 <= self.now
        {
            if let Some(event) = self.events.remove(&key) {
                self.handle(event)?;
                self.carry_out()?;
            }
        }
        Ok(())
    }

    /// Returns the time of a message on its way.
    fn delay(&mut self) -> Duration {
        Duration::from_micros(self.rng.u64(1_000..200_000))
    }

    fn carry_out(&mut self) -> Result<(), String> {
        while let Some(action) = self.link.poll_action() {
            self.trace.note(self.now, format_args!("{action:?}"));
            match action {
                LinkAction::Close => self.close(),
                LinkAction::Resolve { attempt, .. } => {
                    let result = self.proxy.resolve();
                    let at = self.now + self.delay();
                    self.plan(at, Event::Resolved { attempt, result });
                }
                LinkAction::Connect(addr) => self.connect(addr)?,
                LinkAction::KeepAlive => {}
            }
        }
        let bytes = if self.is_open { self.link.poll_transmit() } else { Vec::new() };
        if let Some(connection) = self.connection.filter(|_| !bytes.is_empty()) {
            let reactions = self.proxy.on_bytes(connection, &bytes, &mut self.rng);
            self.react(connection, reactions);
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.proxy.on_closed(connection);
        }
    }

    fn connect(&mut self, addr: SocketAddr) -> Result<(), String> {
        self.close();
        self.check_destination(addr, "the link connects")?;
        self.connections += 1;
        self.attempts.push_back(self.now);
        (self.connection, self.is_open) = (Some(self.connections), false);
        self.trace.record(self.now, Subject::ProxyLink, &[1, number_of(addr)]);
        let reactions = self.proxy.on_connect(self.connections, addr);
        self.react(self.connections, reactions);
        Ok(())
    }

    fn react(&mut self, connection: u64, reactions: Vec<(Duration, Reaction)>) {
        let mut at = self.now;
        for (after, reaction) in reactions {
            at = at + after + self.delay();
            self.plan(at, Event::Link { connection, reaction });
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Change(behaviour) => self.change(behaviour),
            Event::Resolved { attempt, result } => {
                self.resolved.extend(result.iter().flatten());
                self.link.on_resolved(self.now, attempt, result);
            }
            // The events of an earlier connection are those of another socket.
            Event::Link { connection, .. } if self.connection != Some(connection) => {}
            Event::Link { reaction, .. } => {
                self.trace.note(self.now, format_args!("{reaction:?}"));
                match reaction {
                    Reaction::Open => {
                        self.is_open = true;
                        self.link.on_connected(self.now);
                    }
                    Reaction::Bytes(bytes) => self.link.on_bytes(self.now, &bytes),
                    Reaction::Closed(why) => {
                        self.close();
                        self.link.on_closed(self.now, why.to_owned());
                    }
                }
            }
            Event::Dialed(Ok(())) => self.link.note_success(),
            Event::Dialed(Err(problem)) => self.link.note_failure(self.now, problem),
            Event::Dial => {
                self.dial()?;
                self.plan(self.now + DIAL_EVERY, Event::Dial);
            }
            Event::Send => {
                if let Way::Through(relay) = self.way(self.link.datagram_way(true))? {
                    self.check_relay(relay)?;
                    self.sent += 1;
                }
                self.plan(self.now + SEND_EVERY, Event::Send);
            }
        }
        Ok(())
    }

    /// Returns the way of something that is for the proxy.
    fn way(&self, way: Way) -> Result<Way, String> {
        if way == Way::Direct { Err("something goes around the proxy".to_owned()) } else { Ok(way) }
    }

    /// Opens a connection to a peer.
    fn dial(&mut self) -> Result<(), String> {
        let Way::Through(addr) = self.way(self.link.connection_way(true))? else { return Ok(()) };
        self.check_destination(addr, "a connection goes")?;
        let result = self.proxy.carry(addr);
        self.dialed += u64::from(result.is_ok());
        let after = if result == Err(proxy::NO_ANSWER) { CONNECT_TIMEOUT } else { self.delay() };
        self.plan(self.now + after, Event::Dialed(result.map_err(str::to_owned)));
        Ok(())
    }

    fn check_destination(&self, addr: SocketAddr, what: &str) -> Result<(), String> {
        if self.resolved.contains(&addr.ip()) && addr.port() == proxy::PORT {
            return Ok(());
        }
        Err(format!("{what} to {addr}, which is not the proxy"))
    }

    /// Checks that datagrams go to the relay of the association on the open connection.
    fn check_relay(&self, relay: SocketAddr) -> Result<(), String> {
        let granted = self.connection.and_then(|connection| self.proxy.granted(connection));
        match granted {
            Some(granted) if granted == relay => Ok(()),
            _ => Err(format!("a datagram goes to {relay}, and the relay is {granted:?}")),
        }
    }

    fn change(&mut self, behaviour: Behaviour) {
        self.trace.note(self.now, format_args!("the proxy: {behaviour:?}"));
        self.trace.record(self.now, Subject::ProxyLink, &[2, behaviour.number()]);
        self.changes.push_back(self.now);
        let is_cut = self.proxy.change(behaviour, &mut self.rng);
        let (now, keep) = (
            self.now,
            |since: Option<Instant>, holds: bool, now| {
                if holds { since.or(Some(now)) } else { None }
            },
        );
        self.works_since = keep(self.works_since.filter(|_| !is_cut), self.proxy.works(), now);
        self.relays_since = keep(self.relays_since.filter(|_| !is_cut), self.proxy.relays(), now);
        self.broken_since = keep(self.broken_since, self.proxy.is_broken(), now);
        if let Some(connection) = self.connection.filter(|_| is_cut) {
            // The end of a connection is told, or shows by itself later.
            let after = if self.rng.bool() { Duration::ZERO } else { KEEPALIVE };
            self.react(connection, vec![(after, Reaction::Closed("it closes the connection"))]);
        }
    }

    fn check(&mut self) -> Result<(), String> {
        let now = self.now;
        let is_old = |at: &Instant| now.since(*at) > Duration::from_secs(600);
        while self.attempts.front().is_some_and(is_old) {
            self.attempts.pop_front();
        }
        while self.changes.front().is_some_and(is_old) {
            self.changes.pop_front();
        }
        if self.attempts.len() > MAX_ATTEMPTS + ATTEMPTS_PER_CHANGE * self.changes.len() {
            return Err(format!("{} attempts in ten minutes", self.attempts.len()));
        }
        let is_up = self.link.dial_addr().is_some();
        if let Some(since) = self.broken_since.filter(|_| is_up) {
            self.longest_error = self.longest_error.max(now.since(since));
            if now.since(since) > NOTICED_WITHIN {
                return Err(format!("the proxy is taken for one that works after {:?}", now.since(since)));
            }
        }
        if self.works_since.is_some_and(|since| !is_up && now.since(since) > HEALS_WITHIN) {
            return Err(format!("the proxy works, and is not used: {:?}", self.link.status()));
        }
        let has_relay = self.link.relay().is_some();
        if self.relays_since.is_some_and(|since| !has_relay && now.since(since) > RELAY_HEALS_WITHIN) {
            return Err(format!("the proxy relays, and its relay is not used: {:?}", self.link.status()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn play_of_several_seeds_breaks_no_rule() {
        for seed in 0..30 {
            let outcome = play(Rng::with_seed(seed), false);
            assert!(outcome.failure.is_none(), "seed {seed}: {outcome:#?}");
        }
    }

    #[test]
    fn check_of_a_link_that_notices_nothing_fails() {
        let mut world = World::new(Rng::with_seed(1));
        world.events.clear();
        world.change(Behaviour::Works);
        for _ in 0..50 {
            let next = world.events.first_key_value().map(|((at, _), _)| *at);
            world.now = next.into_iter().chain(world.link.poll_timeout()).min().unwrap().max(world.now);
            world.step().unwrap();
            if world.link.relay().is_some() {
                break;
            }
        }
        assert!(world.link.relay().is_some() && world.check().is_ok());
        world.change(Behaviour::Dead);
        world.now += NOTICED_WITHIN + Duration::from_secs(1);
        assert!(world.check().unwrap_err().contains("taken for one that works"));
    }
}
