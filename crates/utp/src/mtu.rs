//! How long a datagram may be (RFC 8899 in small).
//!
//! µTP numbers packets, not bytes, so what was sent in one packet cannot be sent again in two; a probe that carries
//! more payload than the path takes would never arrive. Hence a probe carries the payload of an ordinary packet and
//! is made longer by an extension that the other end skips (BEP 29, "extension"). It is acknowledged like any
//! packet, and if it is lost its payload goes out again without the padding. For the same reason everything
//! begins with the length that any path takes; the first probe is of the usual length, so that one round trip of
//! short packets is mostly all that this costs.

use std::net::{IpAddr, SocketAddr};

use ztor_base::{Duration, Instant};

use crate::header::MIN_PADDING_BYTES;

/// What every IPv4 path has to carry in one piece in practice: 576 bytes less IP and UDP headers.
const BASE_V4_BYTES: usize = 548;
/// The least MTU of IPv6, 1280, less IP and UDP headers.
const BASE_V6_BYTES: usize = 1232;
/// An Ethernet frame's 1500 bytes less IP and UDP headers.
const USUAL_V4_BYTES: usize = 1472;
const USUAL_V6_BYTES: usize = 1452;
/// Below this no packet is made, whatever the system says (BEP 29, "packet sizes").
const LEAST_BYTES: usize = 150;
/// Probes of one length that have to get lost before the length counts as too long.
const MAX_MISSES: u8 = 2;
/// The search ends when the bounds are so near to each other.
const GRAIN_BYTES: usize = 16;
/// After so long a longer length is tried again: paths change (RFC 8899 §5.1.1, PMTU_RAISE_TIMER).
const RAISE_AFTER: Duration = Duration::from_secs(600);

/// The search for the longest datagram of one path.
#[derive(Clone, Debug)]
pub(crate) struct Mtu {
    base: usize,
    limit: usize,
    /// The longest that is known to arrive.
    known: usize,
    /// The longest that may yet arrive.
    ceiling: usize,
    /// The probe under way.
    probe: Option<usize>,
    /// Its length has been lost so often.
    misses: u8,
    raise_at: Instant,
}

impl Mtu {
    pub(crate) fn new(now: Instant, to: SocketAddr, max_datagram_bytes: usize) -> Self {
        let (base, usual) = match to.ip().to_canonical() {
            IpAddr::V4(_) => (BASE_V4_BYTES, USUAL_V4_BYTES),
            IpAddr::V6(_) => (BASE_V6_BYTES, USUAL_V6_BYTES),
        };
        // What is above Ethernet's length was asked for, so it is taken at its word; below, the lower one counts.
        let limit = if max_datagram_bytes > USUAL_V4_BYTES {
            max_datagram_bytes
        } else {
            max_datagram_bytes.min(usual)
        };
        let limit = limit.clamp(LEAST_BYTES, 9000);
        let base = base.min(limit);
        Self { base, limit, known: base, ceiling: limit, probe: None, misses: 0, raise_at: now + RAISE_AFTER }
    }

    /// The length of ordinary datagrams in bytes, without IP and UDP headers.
    pub(crate) fn datagram_bytes(&self) -> usize {
        self.known
    }

    /// What any path takes.
    pub(crate) fn base_bytes(&self) -> usize {
        self.base
    }

    /// Whether a probe should be sent, and of what length.
    pub(crate) fn wanted_probe(&self, now: Instant) -> Option<usize> {
        if self.probe.is_some() {
            return None;
        }
        let ceiling = if now >= self.raise_at { self.limit } else { self.ceiling };
        let left = ceiling.saturating_sub(self.known);
        // A probe is as long as the padding that it needs can be made.
        if left < MIN_PADDING_BYTES || left < GRAIN_BYTES && ceiling != self.limit {
            return None;
        }
        // The limit is the likeliest length; only when that is out does searching begin.
        let step = if ceiling == self.limit { left } else { left.div_ceil(2).max(MIN_PADDING_BYTES) };
        Some(self.known + step)
    }

    /// A probe goes out.
    pub(crate) fn probe_sent(&mut self, now: Instant, len: usize) {
        if now >= self.raise_at {
            self.raise_at = now + RAISE_AFTER;
            self.ceiling = self.limit;
        }
        self.probe = Some(len);
    }

    /// A datagram of that length arrived.
    pub(crate) fn arrived(&mut self, len: usize) {
        self.probe_gone(len);
        self.misses = 0;
        self.known = self.known.max(len.min(self.ceiling));
    }

    /// What becomes of a probe of that length will not be known.
    pub(crate) fn probe_gone(&mut self, len: usize) {
        if self.probe == Some(len) {
            self.probe = None;
        }
    }

    /// A probe of that length was lost. If it is no longer the one under way, that has been answered already.
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

    /// Nothing of the known length arrives any more: back to the base, and a new search below that length.
    pub(crate) fn black_hole(&mut self, now: Instant) {
        self.ceiling = self.known.saturating_sub(1).max(self.base);
        self.known = self.base;
        self.probe = None;
        self.misses = 0;
        self.raise_at = now + RAISE_AFTER;
    }

    /// The system refuses datagrams of that length.
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
    fn finds_any_length() {
        let v4 = SocketAddr::from(([192, 0, 2, 1], 1));
        for path in [548, 600, 972, 1372, 1464, 1471, 1472] {
            let mut now = Instant::ZERO;
            let mut mtu = Mtu::new(now, v4, 1472);
            assert_eq!(mtu.datagram_bytes(), 548);
            assert!(search(&mut mtu, now, path) <= 18);
            assert!(mtu.datagram_bytes() <= path && mtu.datagram_bytes() + GRAIN_BYTES > path, "{mtu:?}");
            // The path has become a better one.
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
    fn the_system_has_the_last_word() {
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
    fn what_the_system_refused_is_not_missed_as_well() {
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
        // Nothing is known of one whose packet was sent again without padding.
        let last = mtu.wanted_probe(now).unwrap();
        mtu.probe_sent(now, last);
        mtu.probe_gone(last);
        assert_eq!(mtu.wanted_probe(now), Some(last));
    }
}
