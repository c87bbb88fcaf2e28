//! One direction of a link: a drop-tail queue, and a line that serves it and loses, delays or duplicates datagrams.

use fastrand::Rng;
use ztor_base::{Duration, Instant};

/// Bytes of the IP and UDP headers of each datagram.
pub(super) const HEADERS_BYTES: usize = 28;
/// Maximum extra delay of a reordered datagram.
const MAX_LATE_US: u64 = 10_000;

/// Properties of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) bits_per_s: u64,
    /// One-way latency, which is half the round-trip time.
    pub(super) latency: Duration,
    /// Capacity of the queue, including the datagram that is being sent and headers. Excess datagrams are dropped.
    pub(super) queue_bytes: u64,
    pub(super) lost_per_mille: u32,
    /// Share of datagrams with extra delay, which others overtake.
    pub(super) late_per_mille: u32,
    pub(super) doubled_per_mille: u32,
    /// Maximum length of a datagram. Longer ones are dropped.
    pub(super) mtu_bytes: usize,
}

/// A line in use. Computes with whole nanoseconds, so that the result is the same on every machine.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) line: Line,
    free_at_ns: u64,
    /// Queue delay in microseconds of each datagram since the last reset.
    pub(super) waits_us: Vec<u32>,
}

impl Way {
    pub(super) fn new(line: Line) -> Self {
        Self { line, free_at_ns: 0, waits_us: Vec::new() }
    }

    /// Sends a datagram. Returns its times of arrival: none, one or two.
    pub(super) fn carry(&mut self, now: Instant, len: usize, rng: &mut Rng) -> [Option<Instant>; 2] {
        let line = self.line;
        if len > line.mtu_bytes {
            return [None, None];
        }
        let now_ns = now.as_micros() * 1000;
        let wait_ns = self.free_at_ns.saturating_sub(now_ns);
        let bytes = (len + HEADERS_BYTES) as u64;
        // No queue is longer than some seconds, so the product does not overflow.
        if wait_ns * (line.bits_per_s / 1000) / 8_000_000 + bytes > line.queue_bytes {
            return [None, None];
        }
        self.waits_us.push((wait_ns / 1000) as u32);
        self.free_at_ns = self.free_at_ns.max(now_ns) + bytes * 8_000_000_000 / line.bits_per_s;
        if rng.u32(0..1000) < line.lost_per_mille {
            return [None, None];
        }
        let arrives = Instant::from_micros(self.free_at_ns.div_ceil(1000)) + line.latency;
        let is_late = rng.u32(0..1000) < line.late_per_mille;
        let late_us = if is_late { rng.u64(1..=MAX_LATE_US) } else { 0 };
        let again = (rng.u32(0..1000) < line.doubled_per_mille).then_some(arrives);
        [Some(arrives + Duration::from_micros(late_us)), again]
    }
}
