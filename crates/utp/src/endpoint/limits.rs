//! Rate limits for work that unknown hosts cause.

use std::hash::{DefaultHasher, Hasher};
use std::net::{IpAddr, SocketAddr};

use ztor_base::{Duration, Instant};

/// Number of buckets for networks. Two networks may share one, but no host can choose which. Forgers have to exhaust
/// all buckets before they lock others out.
const BUCKETS: usize = 1024;

/// A rate limit for each network, and optionally one for all together. A network that asks too often spends its own
/// share first.
#[derive(Debug)]
pub(super) struct NetLimits {
    secret: [u8; 20],
    per_s: u32,
    all_per_s: u32,
    all: Limiter,
    buckets: Box<[Limiter]>,
}

impl NetLimits {
    /// Creates limits of `per_s` for each network and `all_per_s` for all together; [`u32::MAX`] means no limit.
    pub(super) fn new(now: Instant, per_s: u32, all_per_s: u32, secret: [u8; 20]) -> Self {
        let buckets = vec![Limiter::new(now, per_s); BUCKETS].into_boxed_slice();
        Self { secret, per_s, all_per_s, all: Limiter::new(now, all_per_s), buckets }
    }

    /// Takes one use. Returns true if it is within the limits.
    pub(super) fn take(&mut self, now: Instant, from: SocketAddr) -> bool {
        let index = self.index(from);
        self.buckets.get_mut(index).is_some_and(|bucket| bucket.take(now, self.per_s))
            && self.all.take(now, self.all_per_s)
    }

    /// Returns true if the network of an address has some of its own share left.
    pub(super) fn has_share(&self, now: Instant, from: SocketAddr) -> bool {
        self.buckets.get(self.index(from)).is_some_and(|bucket| bucket.is_left(now))
    }

    fn index(&self, from: SocketAddr) -> usize {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.secret);
        // A site usually has at least a /24 or a /56.
        match from.ip().to_canonical() {
            IpAddr::V4(ip) => hasher.write(&ip.octets()[..3]),
            IpAddr::V6(ip) => hasher.write(&ip.octets()[..7]),
        }
        hasher.finish() as usize % BUCKETS
    }
}

/// A budget that is refilled each second.
#[derive(Clone, Copy, Debug)]
struct Limiter {
    left: u32,
    second_begun: Instant,
}

impl Limiter {
    fn new(now: Instant, per_s: u32) -> Self {
        Self { left: per_s, second_begun: now }
    }

    fn take(&mut self, now: Instant, per_s: u32) -> bool {
        if now.since(self.second_begun) >= Duration::from_secs(1) {
            self.second_begun = now;
            self.left = per_s;
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }

    fn is_left(&self, now: Instant) -> bool {
        self.left > 0 || now.since(self.second_begun) >= Duration::from_secs(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn take_beyond_the_network_or_the_common_limit_is_refused() {
        let now = Instant::from_micros(1);
        let mut limits = NetLimits::new(now, 10, 80, [1; 20]);
        let mut taken = |now, net: u8, times: u32| {
            (0..times).filter(|i| limits.take(now, SocketAddr::from(([192, 0, net, *i as u8], 1)))).count()
        };
        assert_eq!(taken(now, 0, 1000), 10);
        // Another network is not affected.
        assert_eq!(taken(now, 1, 10), 10);
        assert_eq!((2..200).map(|net| taken(now, net, 10)).sum::<usize>(), 60);
        assert_eq!(taken(now + Duration::from_secs(1), 0, 1000), 10);
    }

    #[test]
    fn take_in_a_forged_flood_without_a_common_limit_leaves_a_share() {
        let now = Instant::from_micros(1);
        let mut limits = NetLimits::new(now, 200, u32::MAX, [1; 20]);
        let forged = |i: u32| SocketAddr::from((i.wrapping_mul(0x9e37_79b9).to_be_bytes(), 1));
        assert_eq!((0..50_000).filter(|i| limits.take(now, forged(*i))).count(), 50_000);
        let honest = SocketAddr::from(([192, 0, 2, 1], 1));
        assert!(limits.has_share(now, honest) && limits.take(now, honest));
    }

    #[test]
    fn index_of_addresses_within_a_56_is_the_same() {
        let limits = NetLimits::new(Instant::ZERO, 1, 8, [1; 20]);
        let index = |addr: [u16; 8]| limits.index(SocketAddr::from((addr, 1)));
        assert_eq!(index([0x2001, 1, 2, 0x0300, 0, 0, 0, 1]), index([0x2001, 1, 2, 0x03ff, 9, 9, 9, 9]));
        assert_ne!(index([0x2001, 1, 2, 0x0300, 0, 0, 0, 1]), index([0x2001, 1, 2, 0x0400, 0, 0, 0, 1]));
    }
}
