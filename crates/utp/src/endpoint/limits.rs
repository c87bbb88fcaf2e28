//! How often something is done for strangers.

use std::hash::{DefaultHasher, Hasher};
use std::net::{IpAddr, SocketAddr};

use ztor_base::{Duration, Instant};

/// Places for networks. Two may share one, but nobody can choose with whom.
const BUCKETS: usize = 256;
/// All networks together get so many times what one gets.
const ALL: u32 = 8;

/// So many a second for each network and some times as many for all: one that asks too often spends its own share
/// first, and who lies about where he is needs many lies.
#[derive(Debug)]
pub(super) struct NetLimits {
    secret: [u8; 20],
    per_s: u32,
    all: Limiter,
    buckets: Box<[Limiter]>,
}

impl NetLimits {
    pub(super) fn new(now: Instant, per_s: u32, secret: [u8; 20]) -> Self {
        let all = per_s.saturating_mul(ALL);
        let buckets = vec![Limiter::new(now, per_s); BUCKETS].into_boxed_slice();
        Self { secret, per_s, all: Limiter::new(now, all), buckets }
    }

    /// Whether it may be done once more.
    pub(super) fn take(&mut self, now: Instant, from: SocketAddr) -> bool {
        let index = self.index(from);
        self.buckets.get_mut(index).is_some_and(|bucket| bucket.take(now, self.per_s))
            && self.all.take(now, self.per_s.saturating_mul(ALL))
    }

    fn index(&self, from: SocketAddr) -> usize {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.secret);
        // What one site usually has at least: a /24 or a /56.
        match from.ip().to_canonical() {
            IpAddr::V4(ip) => hasher.write(&ip.octets()[..3]),
            IpAddr::V6(ip) => hasher.write(&ip.octets()[..7]),
        }
        hasher.finish() as usize % BUCKETS
    }
}

/// So many a second and no more, with a second's worth in store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limiter {
    left: u32,
    second_begun: Instant,
}

impl Limiter {
    pub(super) fn new(now: Instant, per_s: u32) -> Self {
        Self { left: per_s, second_begun: now }
    }

    pub(super) fn take(&mut self, now: Instant, per_s: u32) -> bool {
        if now.since(self.second_begun) >= Duration::from_secs(1) {
            self.second_begun = now;
            self.left = per_s;
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_has_its_share_and_all_have_theirs() {
        let now = Instant::from_micros(1);
        let mut limits = NetLimits::new(now, 10, [1; 20]);
        let mut taken = |now, net: u8, times: u32| {
            (0..times).filter(|i| limits.take(now, SocketAddr::from(([192, 0, net, *i as u8], 1)))).count()
        };
        assert_eq!(taken(now, 0, 1000), 10);
        // Another one is not bothered.
        assert_eq!(taken(now, 1, 10), 10);
        assert_eq!((2..200).map(|net| taken(now, net, 10)).sum::<usize>(), 60);
        assert_eq!(taken(now + Duration::from_secs(1), 0, 1000), 10);
    }

    #[test]
    fn a_network_is_what_one_site_has() {
        let limits = NetLimits::new(Instant::ZERO, 1, [1; 20]);
        let index = |addr: [u16; 8]| limits.index(SocketAddr::from((addr, 1)));
        assert_eq!(index([0x2001, 1, 2, 0x0300, 0, 0, 0, 1]), index([0x2001, 1, 2, 0x03ff, 9, 9, 9, 9]));
        assert_ne!(index([0x2001, 1, 2, 0x0300, 0, 0, 0, 1]), index([0x2001, 1, 2, 0x0400, 0, 0, 0, 1]));
    }
}
