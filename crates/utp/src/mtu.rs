//! Path MTU discovery for a connection (RFC 8899 in small).
//!
//! µTP numbers packets, not bytes, so the payload of one packet cannot be resent in two. A probe with more payload than
//! the path carries would never arrive. A probe therefore carries the payload of an ordinary packet and is padded by an
//! extension that the peer skips (BEP 29, "extension"). It is acknowledged like any packet. If it is lost, its payload
//! is resent without the padding.
//!
//! For the same reason a connection starts with the length that any path carries. The first probe has the usual length,
//! so that this mostly costs one round trip of short packets.

use std::net::{IpAddr, SocketAddr};

use ztor_base::{Duration, Instant};

use crate::header::MIN_PADDING_BYTES;

/// Length that practically every IPv4 path carries unfragmented: 576 bytes less IP and UDP headers.
const BASE_V4_BYTES: usize = 548;
/// Minimum MTU of IPv6, 1280, less IP and UDP headers.
const BASE_V6_BYTES: usize = 1232;
/// An Ethernet frame's 1500 bytes less IP and UDP headers.
const USUAL_V4_BYTES: usize = 1472;
const USUAL_V6_BYTES: usize = 1452;
/// Minimum length of a datagram, whatever the system reports (BEP 29, "packet sizes").
const LEAST_BYTES: usize = 150;
/// Number of lost probes after which a length counts as too long.
const MAX_MISSES: u8 = 2;
/// Distance of the bounds at which the search ends.
const GRAIN_BYTES: usize = 16;
/// Time after which a longer length is tried again, since paths change (RFC 8899 §5.1.1, PMTU_RAISE_TIMER).
const RAISE_AFTER: Duration = Duration::from_secs(600);

/// Search for the longest datagram that a path carries.
#[derive(Clone, Debug)]
pub(crate) struct Mtu {
    base: usize,
    limit: usize,
    /// Longest length that is known to arrive.
    known: usize,
    /// Longest length that may still arrive.
    ceiling: usize,
    /// Length of the probe in flight.
    probe: Option<usize>,
    /// Number of lost probes of the current length.
    misses: u8,
    raise_at: Instant,
}

impl Mtu {
    pub(crate) fn new(now: Instant, to: SocketAddr, max_datagram_bytes: usize) -> Self {
        let (base, usual) = match to.ip().to_canonical() {
            IpAddr::V4(_) => (BASE_V4_BYTES, USUAL_V4_BYTES),
            IpAddr::V6(_) => (BASE_V6_BYTES, USUAL_V6_BYTES),
        };
        // A limit above Ethernet's length is deliberate, so it applies to both families. Below, the lower one counts.
        let limit = if max_datagram_bytes > USUAL_V4_BYTES {
            max_datagram_bytes
        } else {
            max_datagram_bytes.min(usual)
        };
        let limit = limit.clamp(LEAST_BYTES, 9000);
        let base = base.min(limit);
        Self { base, limit, known: base, ceiling: limit, probe: None, misses: 0, raise_at: now + RAISE_AFTER }
    }

    /// Returns the length of ordinary datagrams in bytes, without IP and UDP headers.
    pub(crate) fn datagram_bytes(&self) -> usize {
        self.known
    }

    /// Returns the length that any path carries.
    pub(crate) fn base_bytes(&self) -> usize {
        self.base
    }

    /// Returns the length of the probe to send; `None` if none is due.
    pub(crate) fn wanted_probe(&self, now: Instant) -> Option<usize> {
        if self.probe.is_some() {
            return None;
        }
        let ceiling = if now >= self.raise_at { self.limit } else { self.ceiling };
        let left = ceiling.saturating_sub(self.known);
        // The padding of a probe has a minimum length.
        if left < MIN_PADDING_BYTES || left < GRAIN_BYTES && ceiling != self.limit {
            return None;
        }
        // The limit is the likeliest length, so it is tried before the search.
        let step = if ceiling == self.limit { left } else { left.div_ceil(2).max(MIN_PADDING_BYTES) };
        Some(self.known + step)
    }

    /// Notes that a probe is sent.
    pub(crate) fn probe_sent(&mut self, now: Instant, len: usize) {
        if now >= self.raise_at {
            self.raise_at = now + RAISE_AFTER;
            self.ceiling = self.limit;
        }
        self.probe = Some(len);
    }

    /// Notes that a datagram of `len` bytes arrived.
    pub(crate) fn arrived(&mut self, len: usize) {
        self.probe_gone(len);
        self.misses = 0;
        self.known = self.known.max(len.min(self.ceiling));
    }

    /// Forgets a probe whose fate will remain unknown.
    pub(crate) fn probe_gone(&mut self, len: usize) {
        if self.probe == Some(len) {
            self.probe = None;
        }
    }

    /// Notes that a probe was lost. Ignores one that is not in flight, since its loss was handled before.
    pub(crate) fn probe_lost(&mut self, now: Instant, len: usize) {
        if self.probe != Some(len) {
            return;
        }
        self.probe = None;
        self.misses += 1;
        if self.misses >= MAX_MISSES {
            self.misses = 0;
            self.raise_at = now + RAISE_AFTER;
            self.ceiling = self.ceiling.min(len.saturating_sub(1)).max(self.known);
        }
    }

    /// Returns to the base length after datagrams of the known length stopped arriving. The new search stays below that
    /// length.
    pub(crate) fn black_hole(&mut self, now: Instant) {
        self.ceiling = self.known.saturating_sub(1).max(self.base);
        self.known = self.base;
        self.probe = None;
        self.misses = 0;
        self.raise_at = now + RAISE_AFTER;
    }

    /// Notes that the system refuses datagrams of `len` bytes.
    pub(crate) fn too_big(&mut self, now: Instant, len: usize) {
        let ceiling = len.saturating_sub(1).max(LEAST_BYTES);
        if ceiling < self.ceiling {
            self.ceiling = ceiling;
            self.raise_at = now + RAISE_AFTER;
        }
        self.known = self.known.min(self.ceiling);
        self.base = self.base.min(self.ceiling);
        if self.probe.is_some_and(|probe| probe >= len) {
            self.probe = None;
            self.misses = 0;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn search(mtu: &mut Mtu, now: Instant, path: usize) -> u32 {
        let mut probes = 0;
        while let Some(len) = mtu.wanted_probe(now) {
            probes += 1;
            mtu.probe_sent(now, len);
            assert_eq!(mtu.wanted_probe(now), None);
            assert!(len >= mtu.datagram_bytes() + MIN_PADDING_BYTES);
            if len <= path { mtu.arrived(len) } else { mtu.probe_lost(now, len) }
        }
        probes
    }

    #[test]
    fn search_over_any_path_finds_its_mtu() {
        let v4 = SocketAddr::from(([192, 0, 2, 1], 1));
        for path in [548, 600, 972, 1372, 1464, 1471, 1472] {
            let mut now = Instant::ZERO;
            let mut mtu = Mtu::new(now, v4, 1472);
            assert_eq!(mtu.datagram_bytes(), 548);
            assert!(search(&mut mtu, now, path) <= 18);
            assert!(mtu.datagram_bytes() <= path && mtu.datagram_bytes() + GRAIN_BYTES > path, "{mtu:?}");
            // The MTU of the path has grown.
            now += RAISE_AFTER;
            let is_near = mtu.datagram_bytes() + MIN_PADDING_BYTES > 1472;
            assert_eq!(mtu.wanted_probe(now), (!is_near).then_some(1472));
            search(&mut mtu, now, 1472);
            assert!(mtu.datagram_bytes() + MIN_PADDING_BYTES > 1472);
        }
        let mapped = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 1));
        assert_eq!(Mtu::new(Instant::ZERO, mapped, 1472).datagram_bytes(), 548);
        let mut v6 = Mtu::new(Instant::ZERO, SocketAddr::from(([1; 8], 1)), 1472);
        assert_eq!((v6.datagram_bytes(), v6.limit), (1232, 1452));
        search(&mut v6, Instant::ZERO, 9000);
        assert_eq!(v6.datagram_bytes(), 1452);
    }

    #[test]
    fn too_big_below_the_known_length_lowers_it() {
        let now = Instant::ZERO;
        let mut mtu = Mtu::new(now, SocketAddr::from(([192, 0, 2, 1], 1)), 1472);
        search(&mut mtu, now, 1472);
        mtu.too_big(now, 1300);
        assert_eq!(mtu.datagram_bytes(), 1299);
        mtu.black_hole(now);
        assert_eq!(mtu.datagram_bytes(), 548);
        search(&mut mtu, now, 1472);
        assert!((1280..1299).contains(&mtu.datagram_bytes()));
        mtu.too_big(now, 0);
        assert_eq!(mtu.datagram_bytes(), LEAST_BYTES);
    }

    #[test]
    fn probe_lost_after_too_big_is_ignored() {
        let now = Instant::ZERO;
        let mut mtu = Mtu::new(now, SocketAddr::from(([192, 0, 2, 1], 1)), 1472);
        mtu.probe_sent(now, 1472);
        mtu.too_big(now, 1472);
        let next = mtu.wanted_probe(now).unwrap();
        mtu.probe_sent(now, next);
        mtu.probe_lost(now, 1472);
        assert_eq!((mtu.probe, mtu.misses), (Some(next), 0));
        mtu.arrived(next);
        assert_eq!((mtu.probe, mtu.datagram_bytes()), (None, next));
        // A probe that was resent without padding leaves its length untested.
        let last = mtu.wanted_probe(now).unwrap();
        mtu.probe_sent(now, last);
        mtu.probe_gone(last);
        assert_eq!(mtu.wanted_probe(now), Some(last));
    }
}
