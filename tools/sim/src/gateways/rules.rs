//! Rules for a client behind a router.

use super::router::{Answer, Fault, Router};
use super::{MAX_DELAY_MS, SILENCE};
use std::collections::{BTreeMap, VecDeque};
use ztor_base::{Duration, Instant};
use ztor_portmap::{Done, Mapped, Protocol, SideState, SideStatus, Transport};

/// Time after the last fault within which both transports are mapped: the longest pause of the machine, and the time-outs of
/// protocols that the router does not speak.
pub(super) const HEALS_WITHIN: Duration = Duration::from_secs(1800 + 120);
/// Interval of the checks.
const CHECK_EVERY: Duration = Duration::from_secs(300);
/// Time for the requests of a check and of the renewals after it.
const SLACK: Duration = Duration::from_secs(60);
/// Maximum number of requests in any ten seconds, and in any hour. The shortest lifetimes need two renewals in six seconds.
const MAX_IN_10_S: usize = 60;
const MAX_IN_1_H: usize = 2_500;

/// State of the rules.
#[derive(Debug)]
pub(super) struct Rules {
    protocol: Protocol,
    /// Time since which the router is sound; `None` while it is not.
    sound_since: Option<Instant>,
    /// Time of the last loss that nothing tells, if it was later than the last renewal.
    silent_loss: Option<Instant>,
    /// Time since which a transport is believed to be mapped, and is not.
    wrong_since: BTreeMap<Transport, Instant>,
    longest_error: Duration,
    /// Longest lifetime that was granted lately.
    lifetime: Duration,
    /// Time since which everything is mapped; `None` while it is not.
    right_since: Option<Instant>,
    /// Transports that were mapped, and the time since which nothing has disturbed them.
    was_mapped: BTreeMap<Transport, Instant>,
    asks: VecDeque<Instant>,
    jobs: usize,
}

impl Rules {
    pub(super) fn new(now: Instant, protocol: Protocol) -> Self {
        Self {
            protocol,
            sound_since: Some(now),
            silent_loss: None,
            wrong_since: BTreeMap::new(),
            longest_error: Duration::ZERO,
            lifetime: Duration::ZERO,
            right_since: None,
            was_mapped: BTreeMap::new(),
            asks: VecDeque::new(),
            jobs: 0,
        }
    }

    pub(super) fn jobs(&self) -> usize {
        self.jobs
    }

    pub(super) fn longest_error(&self) -> Duration {
        self.longest_error
    }

    pub(super) fn healed_after(&self) -> Option<Duration> {
        Some(self.right_since?.since(self.sound_since?))
    }

    /// Notes a request.
    pub(super) fn asked(&mut self, now: Instant) {
        self.jobs += 1;
        self.asks.push_back(now);
    }

    /// Notes a change of the router.
    pub(super) fn changed(&mut self, now: Instant, fault: Option<&Fault>) {
        self.sound_since = fault.is_none().then_some(now);
        self.was_mapped.clear();
        match fault {
            // Protocols with a clock do not tell that mappings are gone without a restart.
            Some(Fault::Forgets | Fault::Steals) if self.protocol != Protocol::Upnp => {
                self.silent_loss = Some(now);
            }
            _ => {}
        }
    }

    /// Notes an answer that the client has got.
    pub(super) fn granted(&mut self, _: Instant, answer: &Answer) {
        if let Ok(Done::Mapped(Mapped { lifetime_s: Some(lifetime_s), .. })) = answer {
            self.lifetime = self.lifetime.max(Duration::from_secs((*lifetime_s).into()));
        }
    }

    /// Checks all rules.
    pub(super) fn check(&mut self, now: Instant, side: &SideStatus, router: &Router) -> Result<(), String> {
        self.check_rate(now)?;
        for transport in Transport::ALL {
            let believed = side.mappings.iter().find(|mapping| mapping.transport == transport);
            let truth = router.port_of(now, transport);
            match believed {
                Some(believed) if truth != Some(believed.external) => self.check_error(now, transport)?,
                _ => drop(self.wrong_since.remove(&transport)),
            }
            self.check_renewal(now, transport, truth.is_some())?;
        }
        let is_right = side.state == SideState::Mapped
            && self.wrong_since.is_empty()
            && side.external_ip == Some(router.external_ip());
        // A loss that nothing tells shows at the next renewal.
        let heals_within = match self.silent_loss {
            Some(at) if now.since(at) <= self.lifetime => HEALS_WITHIN.max(self.lifetime / 2 + SLACK),
            _ => HEALS_WITHIN,
        };
        match self.sound_since {
            _ if is_right => drop(self.right_since.get_or_insert(now)),
            // An address that has changed shows at the next check.
            Some(since) if now.since(since) > heals_within + CHECK_EVERY => {
                return Err(format!("not mapped long after the last fault: {side}"));
            }
            _ => self.right_since = None,
        }
        Ok(())
    }

    fn check_rate(&mut self, now: Instant) -> Result<(), String> {
        while self.asks.front().is_some_and(|at| now.since(*at) > Duration::from_secs(3600)) {
            self.asks.pop_front();
        }
        let lately =
            self.asks.iter().rev().take_while(|at| now.since(**at) < Duration::from_secs(10)).count();
        if lately > MAX_IN_10_S || self.asks.len() > MAX_IN_1_H {
            return Err(format!("{lately} requests in 10 s, {} in an hour", self.asks.len()));
        }
        Ok(())
    }

    /// Checks the time for which a mapping is believed that does not exist.
    fn check_error(&mut self, now: Instant, transport: Transport) -> Result<(), String> {
        let since = *self.wrong_since.entry(transport).or_insert(now);
        let error = now.since(since);
        self.longest_error = self.longest_error.max(error);
        // The client counts a lifetime from the arrival of the answer.
        let on_the_way = Duration::from_micros(MAX_DELAY_MS * 1000);
        if error > self.lifetime + on_the_way {
            return Err(format!("a mapping of {transport} is believed beyond its lifetime: {error:?}"));
        }
        // A sound router tells within the interval of the checks, or at a renewal, at half of the lifetime.
        let Some(sound) = self.sound_since else { return Ok(()) };
        let is_silent = self.silent_loss.is_some_and(|at| since >= at || now.since(at) <= self.lifetime);
        let within = if is_silent { CHECK_EVERY.max(self.lifetime / 2) } else { CHECK_EVERY };
        if now.since(sound.max(since)) > within + SLACK {
            return Err(format!("a lost mapping of {transport} is believed for {error:?}"));
        }
        Ok(())
    }

    /// Checks that a mapping at a sound router does not end.
    fn check_renewal(&mut self, now: Instant, transport: Transport, is_mapped: bool) -> Result<(), String> {
        let Some(sound) = self.sound_since else { return Ok(()) };
        // Requests of before may still be under way.
        if now.since(sound) < 2 * SILENCE + SLACK {
            return Ok(());
        }
        if is_mapped {
            self.was_mapped.entry(transport).or_insert(now);
        } else if let Some(since) = self.was_mapped.remove(&transport)
            && now.since(since) > self.lifetime
        {
            return Err(format!("the mapping of {transport} has ended at a sound router"));
        }
        Ok(())
    }

    /// Checks that everything is mapped, long after the last fault.
    pub(super) fn healed(&self, now: Instant) -> Result<(), String> {
        match self.right_since {
            Some(_) => Ok(()),
            None => Err(format!("nothing is mapped at the end, {now:?}")),
        }
    }
}
