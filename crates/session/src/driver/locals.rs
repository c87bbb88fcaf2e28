//! Addresses of this machine at which datagrams have arrived, where one socket has all addresses: an answer must leave from
//! where the question came (BEP 45), while the system would choose by the route. Hosts with IPv6 usually have several.

use crate::bind::Bind;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use ztor_base::addr::canonical;
use ztor_base::{Duration, Instant};

/// Maximum number of addresses with a number; for more, the system chooses.
const MAX_ADDRS: usize = 250;
/// Pause between two looks at the interfaces for an address without a number.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Our addresses by number.
#[derive(Debug)]
pub(super) struct Locals {
    bind: Bind,
    /// Number 1 is the first; 0 leaves the choice to the system. `None` for an address that is gone.
    addrs: Vec<Option<IpAddr>>,
    looked_at: Option<Instant>,
    /// Numbers of the addresses that the senders of this turn have used. Later, the choice is left to the system: a datagram
    /// with a forged sender must not decide from where that one is asked.
    used: HashMap<SocketAddr, u8>,
}

impl Locals {
    pub(super) fn new(bind: Bind) -> Self {
        Self { bind, addrs: Vec::new(), looked_at: None, used: HashMap::new() }
    }

    /// Returns the number of the address at which a datagram has arrived; 0 if it is none of this machine, as that of a
    /// broadcast, or of an interface that is not bound to. From such an address nothing can leave.
    pub(super) fn number_of(&mut self, now: Instant, ip: Option<IpAddr>) -> u8 {
        let Some(ip) = ip else { return 0 };
        let known = self.addrs.iter().position(|addr| *addr == Some(ip));
        let at = known.or_else(|| if self.is_own(now, ip.to_canonical()) { self.add(ip) } else { None });
        at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
    }

    fn is_own(&mut self, now: Instant, ip: IpAddr) -> bool {
        if ip.is_loopback() {
            return self.bind.device().is_none();
        }
        if self.looked_at.is_some_and(|at| now.since(at) < LOOK_EVERY) {
            return false;
        }
        self.looked_at = Some(now);
        let all = if_addrs::get_if_addrs().unwrap_or_default();
        all.iter().any(|interface| interface.ip() == ip && self.bind.admits(interface))
    }

    fn add(&mut self, ip: IpAddr) -> Option<usize> {
        if let Some(free) = self.addrs.iter().position(Option::is_none) {
            *self.addrs.get_mut(free)? = Some(ip);
            return Some(free);
        }
        if self.addrs.len() >= MAX_ADDRS {
            return None;
        }
        self.addrs.push(Some(ip));
        Some(self.addrs.len() - 1)
    }

    /// Returns the address with a number; `None` if the system chooses.
    pub(super) fn ip(&self, number: u8) -> Option<IpAddr> {
        *self.addrs.get(usize::from(number).checked_sub(1)?)?
    }

    /// Forgets addresses that are gone. Returns their numbers, with true for those of IPv4.
    pub(super) fn lose(&mut self, lost: &BTreeSet<IpAddr>) -> Vec<(bool, u8)> {
        // Others may have come in their place.
        self.looked_at = None;
        let mut numbers = Vec::new();
        for (number, addr) in (1..=u8::MAX).zip(&mut self.addrs) {
            if let Some(ip) = addr.take_if(|ip| lost.contains(&ip.to_canonical())) {
                numbers.push((ip.to_canonical().is_ipv4(), number));
            }
        }
        numbers
    }

    /// Notes which of our addresses the sender of a datagram has used.
    pub(super) fn note(&mut self, from: SocketAddr, number: u8) {
        if number != 0 {
            self.used.insert(from, number);
        }
    }

    /// Returns the number of our address for an answer in this turn.
    pub(super) fn toward(&self, to: SocketAddr) -> u8 {
        self.used.get(&canonical(to)).copied().unwrap_or(0)
    }

    /// Ends the turn.
    pub(super) fn end_turn(&mut self) {
        self.used.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const NOW: Instant = Instant::ZERO;

    fn own(n: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, n])
    }

    #[test]
    fn addresses_keep_their_numbers_and_beyond_the_limit_the_system_chooses() {
        let mut locals = Locals::new(Bind::All);
        for n in 1..=MAX_ADDRS as u8 {
            assert_eq!(locals.number_of(NOW, Some(own(n))), n);
        }
        assert_eq!((locals.number_of(NOW, Some(own(251))), locals.number_of(NOW, Some(own(7)))), (0, 7));
        assert_eq!((locals.ip(7), locals.ip(0), locals.ip(255)), (Some(own(7)), None, None));
        assert_eq!(locals.lose(&BTreeSet::from([own(7), own(252)])), [(true, 7)]);
        assert_eq!((locals.ip(7), locals.number_of(NOW, Some(own(251)))), (None, 7), "it is used again");
    }

    #[test]
    fn addresses_of_others_have_no_number_and_cost_no_look_each() {
        let mut locals = Locals::new(Bind::All);
        for other in ["192.0.2.1", "255.255.255.255", "239.1.1.1", "ff02::1", "::ffff:192.0.2.1", "::"] {
            assert_eq!(locals.number_of(NOW, other.parse().ok()), 0, "{other}");
        }
        assert_eq!(locals.looked_at, Some(NOW));
        let all = if_addrs::get_if_addrs().unwrap();
        if let Some(ours) = all.iter().find(|interface| !interface.is_loopback()) {
            assert_eq!(locals.number_of(NOW, Some(ours.ip())), 0, "not before the next look");
            assert_eq!(locals.number_of(NOW + LOOK_EVERY, Some(ours.ip())), 1);
        }
        let mut of_device = Locals::new(Bind::Device("none0".into()));
        assert_eq!(of_device.number_of(NOW, Some(own(1))), 0, "another interface");
    }

    #[test]
    fn senders_are_remembered_for_a_turn() {
        let (mut locals, from) = (Locals::new(Bind::All), SocketAddr::from(([192, 0, 2, 1], 1)));
        locals.note(from, 3);
        assert_eq!(locals.toward(from), 3);
        locals.end_turn();
        assert_eq!(locals.toward(from), 0);
    }
}
