//! Reachability of the network. While no host at all answers, failures count against none of them, and when one answers
//! again, all are tried again.

use std::collections::BTreeSet;
use std::net::IpAddr;
use ztor_base::addr::is_local;
use ztor_base::{Duration, Host, Instant};

/// Time without any answer after which the network counts as gone, if several hosts have not answered.
const SILENCE: Duration = Duration::from_secs(15);
/// Number of hosts that must not have answered. One alone may be gone itself.
const SILENT: usize = 2;
/// Least time between two announcements of our address. Interfaces may come and go by the second.
const ANNOUNCE_PACE: Duration = Duration::from_secs(60);
/// Hosts that are remembered for not having answered in an outage.
const MAX_DISTRUSTED: usize = 4096;
/// An attempt that fails sooner than this was refused: somebody is there.
const REFUSAL: Duration = Duration::from_secs(3);

/// A host that has answered before and does not answer now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Silent {
    Host(Host),
    /// A tracker, or a name that could not be looked up.
    Name(String),
}

/// The network as far as it can be seen from answers: the local one, and all else.
#[derive(Debug, Default)]
pub(crate) struct Network {
    local: Reach,
    wide: Reach,
    /// A host answers again after an outage; reset by [`take_back`](Network::take_back).
    is_back: bool,
    /// Time at which our address is announced again; `None` if it has not changed.
    announce_at: Option<Instant>,
    /// Time at which it was last announced.
    announced_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct Reach {
    /// `None` until the first answer.
    heard_at: Option<Instant>,
    /// Hosts that have not answered since; at most [`SILENT`].
    silent: BTreeSet<Silent>,
    /// Hosts that did not answer in an outage. They are no evidence of another one before they have answered: they may be
    /// gone themselves. At most [`MAX_DISTRUSTED`].
    distrusted: BTreeSet<Silent>,
    is_out: bool,
}

impl Reach {
    /// Returns true if the network was gone until now.
    fn heard(&mut self, now: Instant, host: Host) -> bool {
        if !self.distrusted.is_empty() {
            self.distrusted.remove(&Silent::Host(host));
        }
        self.heard_at = Some(now);
        self.silent.clear();
        std::mem::take(&mut self.is_out)
    }

    /// `is_known`: it has answered before. Who never has may well not be there; only while nobody ever has does that count.
    fn unheard(&mut self, now: Instant, who: Silent, is_known: bool) {
        if self.distrusted.contains(&who) || !(is_known || self.heard_at.is_none()) {
            return;
        }
        if self.is_out {
            self.distrust(who);
        } else if self.silent.len() < SILENT {
            self.silent.insert(who);
        }
        let heard_at = self.heard_at.unwrap_or(Instant::ZERO);
        if !self.is_out && self.silent.len() >= SILENT && now.since(heard_at) >= SILENCE {
            self.is_out = true;
            std::mem::take(&mut self.silent).into_iter().for_each(|who| self.distrust(who));
        }
    }

    fn distrust(&mut self, who: Silent) {
        if self.distrusted.len() < MAX_DISTRUSTED {
            self.distrusted.insert(who);
        }
    }
}

impl Network {
    fn reach(&mut self, ip: IpAddr) -> &mut Reach {
        if is_local(ip) { &mut self.local } else { &mut self.wide }
    }

    /// Something has come from this address.
    pub(crate) fn heard(&mut self, now: Instant, ip: IpAddr) {
        self.is_back |= self.reach(ip).heard(now, Host::of(ip));
    }

    /// The host of this name answers, or its name was found.
    pub(crate) fn heard_name(&mut self, name: &str) {
        for reach in [&mut self.wide, &mut self.local] {
            if !reach.distrusted.is_empty() {
                reach.distrusted.remove(&Silent::Name(name.to_owned()));
            }
        }
    }

    /// The tracker of this name has not answered at this address.
    pub(crate) fn unheard_tracker(&mut self, now: Instant, ip: IpAddr, name: &str, is_known: bool) {
        self.reach(ip).unheard(now, Silent::Name(name.to_owned()), is_known);
    }

    /// Nothing has come from this address in time; `is_known`: something has before.
    pub(crate) fn unheard(&mut self, now: Instant, ip: IpAddr, is_known: bool) {
        self.reach(ip).unheard(now, Silent::Host(Host::of(ip)), is_known);
    }

    /// This name could not be looked up; `is_known`: it could before.
    pub(crate) fn unheard_name(&mut self, now: Instant, name: &str, is_known: bool) {
        self.wide.unheard(now, Silent::Name(name.to_owned()), is_known);
    }

    /// An attempt to reach this address failed that was begun then; `is_known`: it was reached before.
    pub(crate) fn attempt_failed(&mut self, now: Instant, ip: IpAddr, begun: Instant, is_known: bool) {
        if now.since(begun) >= REFUSAL {
            self.unheard(now, ip, is_known);
        }
    }

    /// Returns true while the network is gone that this address is in.
    pub(crate) fn is_out_at(&self, ip: IpAddr) -> bool {
        if is_local(ip) { self.local.is_out } else { self.wide.is_out }
    }

    /// Returns true while nobody answers in the local network, or beyond it.
    pub(crate) fn is_out_anywhere(&self) -> bool {
        self.wide.is_out || self.local.is_out
    }

    /// Returns true while no address beyond the local network answers.
    pub(crate) fn is_out(&self) -> bool {
        self.wide.is_out
    }

    /// Plans to announce our address again.
    pub(crate) fn plan_announce(&mut self, now: Instant) {
        let earliest = self.announced_at.map_or(now, |at| now.max(at + ANNOUNCE_PACE));
        self.announce_at.get_or_insert(earliest);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.announce_at
    }

    /// Returns true once, when our address is to be announced again.
    pub(crate) fn take_announce(&mut self, now: Instant) -> bool {
        let is_due = self.announce_at.take_if(|at| *at <= now).is_some();
        if is_due {
            self.announced_at = Some(now);
        }
        is_due
    }

    /// Returns true once, when the network is back.
    pub(crate) fn take_back(&mut self) -> bool {
        std::mem::take(&mut self.is_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(8, 8, 8, 8));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(9, 9, 9, 9));
    const NEAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 2));

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn network_is_gone_when_several_are_silent_for_long() {
        let mut network = Network::default();
        network.heard(at(100), A);
        network.unheard(at(120), A, true);
        network.unheard(at(121), A, true);
        assert!(!network.is_out(), "one alone may be gone itself");
        network.unheard(at(122), B, false);
        assert!(!network.is_out(), "one that never answered may not be there");
        network.unheard(at(123), B, true);
        assert!(network.is_out() && network.is_out_at(A) && !network.is_out_at(NEAR));
        network.heard(at(130), NEAR);
        assert!(network.is_out() && !network.take_back(), "the local network is another");
        network.heard(at(131), B);
        assert!(!network.is_out() && network.take_back() && !network.take_back());
    }

    #[test]
    fn network_is_there_while_anybody_answers() {
        let mut network = Network::default();
        for second in 100..1000 {
            network.unheard(at(second), A, true);
            network.unheard_name(at(second), "t.example", true);
            if second % 10 == 0 {
                network.heard(at(second), B);
            }
            assert!(!network.is_out(), "{second}");
        }
    }

    #[test]
    fn hosts_that_are_gone_make_no_second_outage() {
        let mut network = Network::default();
        network.heard(at(100), A);
        for second in 120..1000 {
            network.unheard(at(second), A, true);
            network.unheard(at(second), B, true);
            if second % 60 == 0 {
                network.heard(at(second), IpAddr::from([7, 7, 7, 7]));
            }
            assert!(second < 180 || !network.is_out(), "{second}");
        }
    }

    #[test]
    fn announces_of_an_address_that_flaps_keep_a_pace() {
        let (mut network, mut told) = (Network::default(), 0);
        for second in 100..700 {
            network.plan_announce(at(second));
            told += u32::from(network.take_announce(at(second)));
        }
        assert_eq!(told, 10);
        assert!(network.poll_timeout().is_some_and(|next| next >= at(700)), "the last change is told, too");
    }

    #[test]
    fn refusal_is_an_answer_of_somebody() {
        let mut network = Network::default();
        for ip in [A, B] {
            network.attempt_failed(at(100), ip, at(99), false);
        }
        assert!(!network.is_out());
        for ip in [A, B] {
            network.attempt_failed(at(100), ip, at(90), false);
        }
        assert!(network.is_out(), "nobody has ever answered");
    }
}
