//! Addresses of this machine at which datagrams have arrived, where one socket has all addresses: an answer must leave from
//! where the question came (BEP 45), while the system would choose by the route. Hosts with IPv6 usually have several.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use ztor_base::addr::canonical;

/// Maximum number of addresses that are told apart; for more, the system chooses.
const MAX_ADDRS: usize = 250;
/// Maximum number of remote addresses that are remembered.
const MAX_REMOTES: usize = 4096;

/// Our addresses by number, and those that others have used last.
#[derive(Debug, Default)]
pub(super) struct Locals {
    /// Number 1 is the first; 0 leaves the choice to the system.
    addrs: Vec<IpAddr>,
    /// Number of our address for each remote one.
    used: HashMap<SocketAddr, u8>,
    /// Remote addresses, the one that is forgotten first at the front.
    order: VecDeque<SocketAddr>,
}

impl Locals {
    /// Returns the number of the address at which a datagram has arrived; 0 if it is not known.
    pub(super) fn number_of(&mut self, ip: Option<IpAddr>) -> u8 {
        let Some(ip) = ip.filter(|ip| is_own(ip.to_canonical())) else { return 0 };
        let at = self.addrs.iter().position(|known| *known == ip).or_else(|| {
            let has_place = self.addrs.len() < MAX_ADDRS;
            has_place.then(|| {
                self.addrs.push(ip);
                self.addrs.len() - 1
            })
        });
        at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
    }

    /// Returns the address with a number; `None` if the system chooses.
    pub(super) fn ip(&self, number: u8) -> Option<IpAddr> {
        self.addrs.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// Notes which of our addresses a remote one has used.
    pub(super) fn note(&mut self, remote: SocketAddr, number: u8) {
        if number != 0 && self.used.insert(remote, number).is_none() {
            self.order.push_back(remote);
        }
        if self.order.len() > MAX_REMOTES
            && let Some(oldest) = self.order.pop_front()
        {
            self.used.remove(&oldest);
        }
    }

    /// Returns the number of our address for datagrams to a remote one.
    pub(super) fn toward(&self, remote: SocketAddr) -> u8 {
        self.used.get(&canonical(remote)).copied().unwrap_or(0)
    }

    /// Leaves the choice for a remote address to the system, as ours is gone.
    pub(super) fn forget(&mut self, remote: SocketAddr) {
        if let Some(number) = self.used.get_mut(&canonical(remote)) {
            *number = 0;
        }
    }
}

/// Returns false for addresses that no datagram can leave from.
fn is_own(ip: IpAddr) -> bool {
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(n: u16) -> SocketAddr {
        ([192, 0, 2, 1], n).into()
    }

    #[test]
    fn addresses_keep_their_numbers_and_beyond_the_limit_the_system_chooses() {
        let mut locals = Locals::default();
        let own = |n: u16| {
            let [a, b] = n.to_be_bytes();
            IpAddr::from([10, 0, a, b])
        };
        for n in 1..=MAX_ADDRS as u16 {
            assert_eq!(u16::from(locals.number_of(Some(own(n)))), n);
        }
        assert_eq!((locals.number_of(Some(own(999))), locals.number_of(Some(own(7)))), (0, 7));
        assert_eq!((locals.ip(7), locals.ip(0), locals.ip(255)), (Some(own(7)), None, None));
        for odd in ["0.0.0.0", "255.255.255.255", "239.1.1.1", "ff02::1", "::ffff:239.1.1.1"] {
            assert_eq!(Locals::default().number_of(odd.parse().ok()), 0, "{odd}");
        }
    }

    #[test]
    fn remote_addresses_are_bounded_and_forgotten_when_ours_is_gone() {
        let mut locals = Locals::default();
        for n in 0..=MAX_REMOTES as u16 {
            locals.note(remote(n), 3);
        }
        assert_eq!(
            (locals.toward(remote(0)), locals.toward(remote(1)), locals.used.len()),
            (0, 3, MAX_REMOTES)
        );
        locals.note(remote(1), 4);
        assert_eq!((locals.toward(remote(1)), locals.order.len()), (4, MAX_REMOTES));
        locals.forget(remote(1));
        assert_eq!(locals.toward(remote(1)), 0);
    }
}
