//! One direction of a link: a queue with a tail, a line that serves it, and what the line does to datagrams.

use fastrand::Rng;
use ztor_base::{Duration, Instant};

/// Bytes of the IP and UDP headers of each datagram.
pub(super) const HEADERS_BYTES: usize = 28;
/// A datagram that is overtaken is late by up to so much.
const MAX_LATE_US: u64 = 10_000;

/// What a line is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) bits_per_s: u64,
    /// Half the round trip.
    pub(super) latency: Duration,
    /// What waits and what is being sent, headers included; what does not fit is dropped.
    pub(super) queue_bytes: u64,
    pub(super) lost_per_mille: u32,
    /// Those that are late, so that others overtake them.
    pub(super) late_per_mille: u32,
    pub(super) doubled_per_mille: u32,
    /// Longer datagrams vanish.
    pub(super) mtu_bytes: usize,
}

/// A line in use. All times are whole nanoseconds inside, so that every machine finds the same.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) line: Line,
    free_at_ns: u64,
    /// How long each datagram stood in the queue, in microseconds, since this was last taken.
    pub(super) waits_us: Vec<u32>,
}

impl Way {
    pub(super) fn new(line: Line) -> Self {
        Self { line, free_at_ns: 0, waits_us: Vec::new() }
    }

    /// When a datagram that is sent now arrives: not at all, once or twice.
    pub(super) fn carry(&mut self, now: Instant, len: usize, rng: &mut Rng) -> [Option<Instant>; 2] {
        let line = self.line;
        if len > line.mtu_bytes {
            return [None, None];
        }
        let now_ns = now.as_micros() * 1000;
        let wait_ns = self.free_at_ns.saturating_sub(now_ns);
        let bytes = (len + HEADERS_BYTES) as u64;
        // No queue is longer than some seconds, so that the product fits.
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
