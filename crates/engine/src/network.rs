//! Reachability of the network. During an outage, failures do not count against hosts. When a host responds again, all
//! failed hosts are retried.

use std::collections::BTreeSet;
use std::net::IpAddr;
use ztor_base::addr::is_local;
use ztor_base::{Duration, Host, Instant};

/// Time without any response after which the network counts as down, if several hosts do not respond.
const SILENCE: Duration = Duration::from_secs(15);
/// Number of unresponsive hosts that makes an outage. A single host may be down itself.
const SILENT: usize = 2;
/// Minimum time between two announcements of our address. Interfaces may flap every second.
const ANNOUNCE_PACE: Duration = Duration::from_secs(60);
/// Maximum number of hosts remembered as unresponsive in an outage.
const MAX_DISTRUSTED: usize = 4096;
/// An attempt that fails sooner than this was refused, which proves that the host is reachable.
const REFUSAL: Duration = Duration::from_secs(3);

/// A host that does not respond.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Silent {
    Host(Host),
    /// Name of a tracker's host that did not respond or could not be resolved. It counts once, whatever addresses it
    /// has.
    Name(String),
}

/// Reachability of the local network and of everything beyond it, as observed from responses.
#[derive(Debug, Default)]
pub(crate) struct Network {
    local: Reach,
    wide: Reach,
    /// Set when a host responds after an outage; reset by [`take_back`](Network::take_back).
    is_back: bool,
    /// Time of the next announcement of our address; `None` if none is planned.
    announce_at: Option<Instant>,
    /// Time of the last announcement; `None` before the first.
    announced_at: Option<Instant>,
    /// Number of connections that peers have opened.
    callers: u64,
}

#[derive(Debug, Default)]
struct Reach {
    /// Time of the last response; `None` before the first.
    heard_at: Option<Instant>,
    /// Hosts that have not responded since `heard_at`; at most [`SILENT`].
    silent: BTreeSet<Silent>,
    /// Hosts that did not respond in an outage; at most [`MAX_DISTRUSTED`]. Until they respond, they are no evidence of
    /// another outage: they may be down themselves.
    distrusted: BTreeSet<Silent>,
    is_out: bool,
}

impl Reach {
    /// Records a response. Returns true if it ends an outage.
    fn heard(&mut self, now: Instant, host: Host) -> bool {
        if !self.distrusted.is_empty() {
            self.distrusted.remove(&Silent::Host(host));
        }
        self.heard_at = Some(now);
        self.silent.clear();
        std::mem::take(&mut self.is_out)
    }

    /// Records that a host did not respond; `is_known` is true if it has responded before. A host that never has may
    /// not exist, so it counts only before the first response of any host.
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

    /// Records traffic from this address.
    pub(crate) fn heard(&mut self, now: Instant, ip: IpAddr) {
        self.is_back |= self.reach(ip).heard(now, Host::of(ip));
    }

    /// Records that a peer has opened a connection.
    pub(crate) fn called(&mut self) {
        self.callers = self.callers.saturating_add(1);
    }

    /// Returns the number of connections that peers have opened.
    pub(crate) fn callers(&self) -> u64 {
        self.callers
    }

    /// Records that the host of this name responded, or that its name was resolved.
    pub(crate) fn heard_name(&mut self, name: &str) {
        for reach in [&mut self.wide, &mut self.local] {
            if !reach.distrusted.is_empty() {
                reach.distrusted.remove(&Silent::Name(name.to_owned()));
            }
        }
    }

    /// Records that the tracker of this name did not respond at this address.
    pub(crate) fn unheard_tracker(&mut self, now: Instant, ip: IpAddr, name: &str, is_known: bool) {
        self.reach(ip).unheard(now, Silent::Name(name.to_owned()), is_known);
    }

    /// Records that this address did not respond in time; `is_known` is true if it has responded before.
    pub(crate) fn unheard(&mut self, now: Instant, ip: IpAddr, is_known: bool) {
        self.reach(ip).unheard(now, Silent::Host(Host::of(ip)), is_known);
    }

    /// Records that this name could not be resolved; `is_known` is true if its host has responded before.
    pub(crate) fn unheard_name(&mut self, now: Instant, name: &str, is_known: bool) {
        self.wide.unheard(now, Silent::Name(name.to_owned()), is_known);
    }

    /// Records the failure of an attempt that started at `begun`; `is_known` is true if the address has worked before.
    /// An early failure is a refusal, which does not count.
    pub(crate) fn attempt_failed(&mut self, now: Instant, ip: IpAddr, begun: Instant, is_known: bool) {
        if now.since(begun) >= REFUSAL {
            self.unheard(now, ip, is_known);
        }
    }

    /// Returns true while the network of this address is down.
    pub(crate) fn is_out_at(&self, ip: IpAddr) -> bool {
        if is_local(ip) { self.local.is_out } else { self.wide.is_out }
    }

    /// Returns true while the local network, or everything beyond it, is down.
    pub(crate) fn is_out_anywhere(&self) -> bool {
        self.wide.is_out || self.local.is_out
    }

    /// Returns true while everything beyond the local network is down.
    pub(crate) fn is_out(&self) -> bool {
        self.wide.is_out
    }

    /// Plans an announcement of our address, at most one per [`ANNOUNCE_PACE`].
    pub(crate) fn plan_announce(&mut self, now: Instant) {
        let earliest = self.announced_at.map_or(now, |at| now.max(at + ANNOUNCE_PACE));
        self.announce_at.get_or_insert(earliest);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.announce_at
    }

    /// Returns true once when an announcement of our address is due.
    pub(crate) fn take_announce(&mut self, now: Instant) -> bool {
        let is_due = self.announce_at.take_if(|at| *at <= now).is_some();
        if is_due {
            self.announced_at = Some(now);
        }
        is_due
    }

    /// Returns true once after the end of an outage.
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
    fn unheard_of_several_known_hosts_for_long_is_an_outage() {
        let mut network = Network::default();
        network.heard(at(100), A);
        network.unheard(at(120), A, true);
        network.unheard(at(121), A, true);
        assert!(!network.is_out(), "a single host may be down itself");
        network.unheard(at(122), B, false);
        assert!(!network.is_out(), "a host that never responded may not exist");
        network.unheard(at(123), B, true);
        assert!(network.is_out() && network.is_out_at(A) && !network.is_out_at(NEAR));
        network.heard(at(130), NEAR);
        assert!(network.is_out() && !network.take_back(), "the local network is separate");
        network.heard(at(131), B);
        assert!(!network.is_out() && network.take_back() && !network.take_back());
    }

    #[test]
    fn unheard_while_another_host_responds_is_no_outage() {
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
    fn unheard_of_distrusted_hosts_is_no_second_outage() {
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
    fn plan_announce_of_a_flapping_address_keeps_the_pace() {
        let (mut network, mut told) = (Network::default(), 0);
        for second in 100..700 {
            network.plan_announce(at(second));
            told += u32::from(network.take_announce(at(second)));
        }
        assert_eq!(told, 10);
        assert!(network.poll_timeout().is_some_and(|next| next >= at(700)), "the last change is announced");
    }

    #[test]
    fn attempt_failed_early_is_no_outage_and_late_is_one() {
        let mut network = Network::default();
        for ip in [A, B] {
            network.attempt_failed(at(100), ip, at(99), false);
        }
        assert!(!network.is_out());
        for ip in [A, B] {
            network.attempt_failed(at(100), ip, at(90), false);
        }
        assert!(network.is_out(), "no host has ever responded");
    }
}
