//! Our external address, as the nodes that respond to us report it (BEP 42).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use ztor_base::addr::is_local;

use crate::addr::{Family, Subnet};

/// Maximum number of votes: the newest ones, one of each subnet.
const MAX_VOTES: usize = 24;
/// Number of subnets that must agree; they must also be more than half of all votes.
const MIN_AGREED: usize = 5;

/// The votes of one family.
#[derive(Debug, Default)]
pub(crate) struct Votes {
    votes: VecDeque<(Subnet, IpAddr)>,
    elected: Option<IpAddr>,
}

impl Votes {
    /// Returns the elected address; `None` until enough votes agree.
    pub(crate) fn elected(&self) -> Option<IpAddr> {
        self.elected
    }

    /// Counts the address that `voter` reports. Returns the elected address if this changed it.
    pub(crate) fn count(&mut self, voter: SocketAddr, claimed: IpAddr) -> Option<IpAddr> {
        let claimed = claimed.to_canonical();
        let odd = claimed.is_unspecified() || claimed.is_multicast() || is_local(claimed);
        if odd || is_local(voter.ip()) || Family::of(voter) != Family::of_ip(claimed) {
            return None;
        }
        let subnet = Subnet::of(voter);
        self.votes.retain(|(of, _)| *of != subnet);
        self.votes.push_back((subnet, claimed));
        if self.votes.len() > MAX_VOTES {
            self.votes.pop_front();
        }
        let agreed = self.votes.iter().filter(|(_, ip)| *ip == claimed).count();
        let won = agreed >= MIN_AGREED && agreed * 2 > self.votes.len() && self.elected != Some(claimed);
        won.then(|| *self.elected.insert(claimed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voter(subnet: u8, last: u8) -> SocketAddr {
        SocketAddr::new(IpAddr::from([80, 1, subnet, last]), 6881)
    }

    #[test]
    fn count_of_votes_from_several_subnets_elects_the_address() {
        let mut votes = Votes::default();
        let ours = IpAddr::from([84, 124, 73, 14]);
        for last in 0..100 {
            assert_eq!(votes.count(voter(1, last), ours), None);
        }
        assert!((2..5).all(|subnet| votes.count(voter(subnet, 1), ours).is_none()));
        assert_eq!(votes.count(voter(5, 1), ours), Some(ours));
        assert_eq!(votes.count(voter(6, 1), ours), None);
        assert_eq!(votes.elected(), Some(ours));
    }

    #[test]
    fn count_of_a_minority_changes_nothing() {
        let mut votes = Votes::default();
        let (ours, lie) = (IpAddr::from([84, 124, 73, 14]), IpAddr::from([6, 6, 6, 6]));
        let elected = (0..12).filter_map(|subnet| votes.count(voter(subnet, 1), ours));
        assert_eq!(elected.collect::<Vec<_>>(), [ours]);
        assert!((100..111).all(|subnet| votes.count(voter(subnet, 1), lie).is_none()));
        assert_eq!(votes.elected(), Some(ours));
    }

    #[test]
    fn count_of_an_impossible_address_is_ignored() {
        let mut votes = Votes::default();
        for subnet in 0..20 {
            for ip in ["10.0.0.1", "0.0.0.0", "224.0.0.1", "2001:db8::1"] {
                assert_eq!(votes.count(voter(subnet, 1), ip.parse().unwrap_or(IpAddr::from([0; 4]))), None);
            }
        }
    }
}
