//! The competing flow: a packet-level model of TCP Reno with selective acknowledgements.
//!
//! It sends without end, and replaces a lost packet with a new one, because only its share of the line matters. Windows
//! count whole packets.

use std::collections::BTreeMap;
use ztor_base::{Duration, Instant};

/// Length of its packets without headers. The IP and UDP headers of the line count as those of IP and TCP.
pub(super) const PACKET_BYTES: usize = 1472;
/// Initial window in packets (RFC 6928).
const INITIAL_WINDOW: u64 = 10;
const DUPLICATE_ACKS: u64 = 3;
/// Minimum retransmission timeout of Linux; that of RFC 6298 is one second.
const MIN_RTO_US: u64 = 200_000;
const MAX_BACKOFF: u32 = 6;

#[derive(Debug)]
pub(super) struct Reno {
    window: u64,
    threshold: u64,
    /// Packets acknowledged since the window last grew by one.
    credit: u64,
    next: u64,
    in_flight: BTreeMap<u64, Instant>,
    /// Packet that ends the recovery. Losses before it are handled, and the window does not grow before its
    /// acknowledgement.
    recovery: u64,
    smoothed_us: u64,
    variance_us: u64,
    backoff: u32,
    pub(super) timeout_at: Instant,
    /// Number of acknowledged packets.
    pub(super) delivered: u64,
}

impl Reno {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            window: INITIAL_WINDOW,
            threshold: u64::MAX,
            credit: 0,
            next: 0,
            in_flight: BTreeMap::new(),
            recovery: 0,
            smoothed_us: 0,
            variance_us: 0,
            backoff: 0,
            timeout_at: now + Duration::from_secs(1),
            delivered: 0,
        }
    }

    /// Returns the number of the packet to send; `None` if the window is full.
    pub(super) fn next(&mut self, now: Instant) -> Option<u64> {
        if self.in_flight.len() as u64 >= self.window {
            return None;
        }
        let number = self.next;
        self.in_flight.insert(number, now);
        self.next += 1;
        Some(number)
    }

    pub(super) fn on_ack(&mut self, now: Instant, number: u64) {
        let Some(sent_at) = self.in_flight.remove(&number) else { return };
        self.delivered += 1;
        self.sample(now.since(sent_at));
        self.backoff = 0;
        self.timeout_at = now + self.timeout();
        if number >= self.recovery {
            self.grow();
        }
        let gone = number.saturating_sub(DUPLICATE_ACKS - 1);
        while let Some(lost) = self.in_flight.first_entry().filter(|entry| *entry.key() < gone) {
            let lost = lost.remove_entry().0;
            if lost >= self.recovery {
                self.threshold = (self.window / 2).max(2);
                self.window = self.threshold;
                self.recovery = self.next;
            }
        }
    }

    pub(super) fn on_timeout(&mut self, now: Instant) {
        self.threshold = (self.window / 2).max(2);
        self.window = 1;
        self.credit = 0;
        self.in_flight.clear();
        self.recovery = self.next;
        self.backoff = (self.backoff + 1).min(MAX_BACKOFF);
        self.timeout_at = now + self.timeout();
    }

    fn grow(&mut self) {
        self.credit += 1;
        if self.window < self.threshold || self.credit >= self.window {
            self.window += 1;
            self.credit = 0;
        }
    }

    fn sample(&mut self, rtt: Duration) {
        let rtt_us = rtt.as_micros() as u64;
        if self.smoothed_us == 0 {
            (self.smoothed_us, self.variance_us) = (rtt_us, rtt_us / 2);
        } else {
            self.variance_us = (3 * self.variance_us + self.smoothed_us.abs_diff(rtt_us)) / 4;
            self.smoothed_us = (7 * self.smoothed_us + rtt_us) / 8;
        }
    }

    fn timeout(&self) -> Duration {
        let base_us = if self.smoothed_us == 0 { 1_000_000 } else { self.smoothed_us + 4 * self.variance_us };
        Duration::from_micros(base_us.max(MIN_RTO_US) << self.backoff)
    }
}
