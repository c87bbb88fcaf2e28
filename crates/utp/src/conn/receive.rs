//! What comes in: putting packets in order.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};
use ztor_base::{Duration, Instant};

use super::Totals;
use crate::Config;
use crate::header::MAX_SACK_BYTES;
use crate::seq::SeqNr;

/// A number is near if it is within twice as many packets as came in the busiest of such times: no flight that is longer
/// than that is likely, and what is far from any is not the other end's.
const ARRIVALS_WINDOW: Duration = Duration::from_secs(8);
/// Packets that are near in any case.
const LEAST_NEAR: u32 = 64;
/// The buffer that a first packet gets: others are likely to come with it.
const FIRST_BUFFER_BYTES: usize = 16 << 10;
/// Packets after the next one that are kept, or their gaps. A window of 4 MiB has 2900 packets of the usual length.
const MAX_AHEAD: u16 = 4096;
/// What a connection may hold however full the others are.
const ALLOWANCE_BYTES: usize = 32 << 10;
/// One connection may promise this part of what all together have left.
const SHARE: usize = 8;
/// What came out of order may be this part of what all together may hold: the packet that is missing need never
/// come.
const AHEAD_SHARE: usize = 4;
/// Memory that a packet kept out of order takes besides its payload and its place, about: that of an allocation.
const PACKET_OVERHEAD_BYTES: usize = 32;
/// Places for packets out of order are made so many at a time, at least.
const LEAST_SLOTS: usize = 16;
/// A window that has grown by less than so many packets' worth, or than half of all that there is, is not worth
/// telling of.
const WINDOW_STEP_BYTES: usize = 2 * 1500;

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// It was the next one. `filled` if there were later ones already.
    Next { filled: bool },
    /// It was a later one and is kept.
    Ahead,
    /// It was here before.
    Duplicate,
    /// There was no room for it, or it was after the end.
    Dropped,
}

type Slot = Option<Box<[u8]>>;

/// The receiving half of a connection.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// The last one before the first gap.
    pub(crate) ack_nr: SeqNr,
    /// In order and unread.
    ready: BytesMut,
    /// What came after a gap: the first element is for `ack_nr + 1`, and empty if there are others. The last one is
    /// never empty.
    ahead: VecDeque<Slot>,
    /// Payload of the packets in it.
    ahead_payload_bytes: usize,
    /// Packets in it.
    ahead_packets: usize,
    /// The number of the FIN, once it came (BEP 29, `eof_pkt`).
    eof: Option<SeqNr>,
    /// Everything up to the FIN is here.
    pub(crate) is_ended: bool,
    /// Nobody will read: what comes is acknowledged and forgotten.
    is_discarding: bool,
    /// The window last told.
    advertised_bytes: usize,
    pub(crate) received_bytes: u64,
    pub(crate) duplicates: u64,
    arrivals: Arrivals,
}

/// How many packets come in order.
#[derive(Debug)]
struct Arrivals {
    since: Instant,
    /// In this window, and the most in any until now.
    count: u32,
    peak: u32,
}

impl Receiver {
    pub(crate) fn new(ack_nr: SeqNr) -> Self {
        Self {
            ack_nr,
            ready: BytesMut::new(),
            ahead: VecDeque::new(),
            ahead_payload_bytes: 0,
            ahead_packets: 0,
            eof: None,
            is_ended: false,
            is_discarding: false,
            advertised_bytes: 0,
            received_bytes: 0,
            duplicates: 0,
            arrivals: Arrivals { since: Instant::ZERO, count: 0, peak: 0 },
        }
    }

    /// Whether a number is near enough to those that we expect for the packet to be from the other end.
    pub(crate) fn is_plausible(&self, seq_nr: SeqNr) -> bool {
        let near = (2 * self.arrivals.peak).clamp(LEAST_NEAR, 2 * u32::from(MAX_AHEAD));
        seq_nr.since(self.ack_nr).unsigned_abs() <= near
    }

    /// Counts the packets that came in order since `ack_nr` was `before`. Others may be made up.
    pub(crate) fn note_progress(&mut self, now: Instant, before: SeqNr) {
        let arrivals = &mut self.arrivals;
        if now.since(arrivals.since) >= ARRIVALS_WINDOW {
            (arrivals.since, arrivals.count) = (now, 0);
        }
        let progress = self.ack_nr.since(before).max(0).unsigned_abs();
        arrivals.count = arrivals.count.saturating_add(progress).min(u32::from(MAX_AHEAD));
        arrivals.peak = arrivals.peak.max(arrivals.count);
    }

    /// Takes the payload of a packet. `totals` is what all connections hold.
    pub(crate) fn take(
        &mut self,
        seq_nr: SeqNr,
        payload: &[u8],
        is_fin: bool,
        config: &Config,
        totals: Totals,
    ) -> Arrival {
        let distance = seq_nr.since(self.ack_nr);
        if distance <= 0 {
            self.duplicates += 1;
            return Arrival::Duplicate;
        }
        let is_after_end = self.eof.is_some_and(|eof| seq_nr.since(eof) > 0);
        if distance > i32::from(MAX_AHEAD)
            || is_after_end
            || !self.has_room(distance, payload.len(), config, totals)
        {
            return Arrival::Dropped;
        }
        if is_fin && self.eof.is_none() {
            self.set_eof(seq_nr);
        }
        if distance > 1 {
            return self.keep(distance as usize - 1, payload);
        }
        self.advance(payload);
        if self.ahead.is_empty() {
            return Arrival::Next { filled: false };
        }
        self.ahead.pop_front();
        while let Some(Some(payload)) = self.ahead.front_mut().map(Option::take) {
            self.ahead.pop_front();
            self.uncount(&payload);
            self.advance(&payload);
        }
        self.shrink();
        Arrival::Next { filled: true }
    }

    /// The bits of the selective ack that is to be sent; empty if there is no gap (BEP 29, "Selective ACK").
    pub(crate) fn sack<'a>(&self, bits: &'a mut [u8; MAX_SACK_BYTES]) -> &'a [u8] {
        // The first bit is for `ack_nr + 2`.
        let mut len = 0;
        for (i, _) in
            self.ahead.iter().skip(1).take(8 * MAX_SACK_BYTES).enumerate().filter(|(_, kept)| kept.is_some())
        {
            bits[i / 8] |= 1 << (i % 8);
            len = i / 8 + 1;
        }
        &bits[..len.next_multiple_of(4)]
    }

    pub(crate) fn has_gap(&self) -> bool {
        !self.ahead.is_empty()
    }

    pub(crate) fn readable(&self) -> usize {
        self.ready.len()
    }

    /// Memory that is held for the reader, in bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.ready.len() + self.ahead_bytes()
    }

    /// The part of it that came out of order. A packet counts with its place and its allocation, which may be much
    /// more than its payload.
    pub(crate) fn ahead_bytes(&self) -> usize {
        self.ahead_payload_bytes
            + self.ahead_packets * PACKET_OVERHEAD_BYTES
            + self.ahead.capacity() * size_of::<Slot>()
    }

    /// What came out of order will not be needed.
    pub(crate) fn drop_ahead(&mut self) {
        self.ahead = VecDeque::new();
        self.ahead_payload_bytes = 0;
        self.ahead_packets = 0;
    }

    /// Moves up to `limit` bytes to the end of `into`.
    pub(crate) fn read(&mut self, limit: usize, into: &mut BytesMut) -> usize {
        let len = self.ready.len().min(limit);
        into.extend_from_slice(&self.ready[..len]);
        self.ready.advance(len);
        if self.ready.is_empty() {
            // A connection that rests holds no buffer.
            self.ready = BytesMut::new();
        }
        len
    }

    /// Nobody will read any more.
    pub(crate) fn discard(&mut self) {
        self.is_discarding = true;
        self.ready = BytesMut::new();
        for kept in self.ahead.iter_mut().flatten() {
            *kept = Box::default();
        }
        self.ahead_payload_bytes = 0;
    }

    /// The window to tell the other end of (`wnd_size`): counted from `ack_nr`, so that what is ahead of it is part
    /// of it.
    pub(crate) fn window_bytes(&self, config: &Config, total_held: usize) -> usize {
        let own = config.max_receive_bytes.saturating_sub(self.ready.len());
        let share = config.max_total_receive_bytes.saturating_sub(total_held) / SHARE;
        own.min(share.max(ALLOWANCE_BYTES.saturating_sub(self.ready.len())))
    }

    /// The window, which is told now.
    pub(crate) fn advertise(&mut self, config: &Config, total_held: usize) -> u32 {
        self.advertised_bytes = self.window_bytes(config, total_held);
        u32::try_from(self.advertised_bytes).unwrap_or(u32::MAX)
    }

    /// Whether the other end may be waiting for a window that has become much wider than it knows. What it has used
    /// of it since then does not matter when it was wide.
    pub(crate) fn wants_window_update(&self, config: &Config, total_held: usize) -> bool {
        let now = self.window_bytes(config, total_held);
        now >= 2 * self.advertised_bytes
            && now >= self.advertised_bytes + WINDOW_STEP_BYTES.min(config.max_receive_bytes / 2)
    }

    fn has_room(&self, distance: i32, len: usize, config: &Config, totals: Totals) -> bool {
        let len = if self.is_discarding { 0 } else { len };
        // The next packet must always find room while the window says so, whatever is kept beyond it.
        if distance == 1 {
            let within = |bound| self.ready.len() + len <= bound;
            return self.is_discarding
                || within(config.max_receive_bytes)
                    && (totals.held + len <= config.max_total_receive_bytes || within(ALLOWANCE_BYTES));
        }
        let cost = self.cost(distance as usize - 1, len);
        // The window is a promise of payload, the bounds for all are of memory.
        self.ready.len() + self.ahead_payload_bytes + len <= config.max_receive_bytes
            && (totals.held + cost <= config.max_total_receive_bytes
                || self.held_bytes() + cost <= ALLOWANCE_BYTES)
            && totals.ahead + cost <= config.max_total_receive_bytes / AHEAD_SHARE
    }

    /// Memory that a packet takes at that place.
    fn cost(&self, index: usize, len: usize) -> usize {
        let more_slots = slots(index).saturating_sub(self.ahead.capacity());
        len + PACKET_OVERHEAD_BYTES + more_slots * size_of::<Slot>()
    }

    fn set_eof(&mut self, seq_nr: SeqNr) {
        self.eof = Some(seq_nr);
        // What is after the end is none of the stream.
        let keep = usize::try_from(seq_nr.since(self.ack_nr)).unwrap_or(0);
        for late in self.ahead.split_off(keep.min(self.ahead.len())).into_iter().flatten() {
            self.uncount(&late);
        }
        while let Some(None) = self.ahead.back() {
            self.ahead.pop_back();
        }
        self.shrink();
    }

    fn keep(&mut self, index: usize, payload: &[u8]) -> Arrival {
        if self.ahead.len() <= index {
            if self.ahead.capacity() <= index {
                self.ahead.reserve_exact(slots(index) - self.ahead.len());
            }
            self.ahead.resize(index + 1, None);
        }
        let slot = &mut self.ahead[index];
        if slot.is_some() {
            self.duplicates += 1;
            return Arrival::Duplicate;
        }
        let payload = if self.is_discarding { &[] } else { payload };
        self.ahead_payload_bytes += payload.len();
        self.ahead_packets += 1;
        *slot = Some(payload.into());
        Arrival::Ahead
    }

    fn uncount(&mut self, payload: &[u8]) {
        self.ahead_payload_bytes -= payload.len();
        self.ahead_packets -= 1;
    }

    /// Gives up places that are not needed any more. It takes time only when most of them are free.
    fn shrink(&mut self) {
        if self.ahead.is_empty() {
            self.ahead = VecDeque::new();
        } else if self.ahead.capacity() > 4 * self.ahead.len().max(LEAST_SLOTS) {
            self.ahead.shrink_to(2 * self.ahead.len().max(LEAST_SLOTS));
        }
    }

    fn advance(&mut self, payload: &[u8]) {
        self.ack_nr = self.ack_nr.plus(1);
        self.received_bytes += payload.len() as u64;
        if !self.is_discarding {
            if self.ready.is_empty() {
                self.ready.reserve(FIRST_BUFFER_BYTES.max(payload.len()));
            }
            self.ready.extend_from_slice(payload);
        }
        self.is_ended |= self.eof == Some(self.ack_nr);
    }
}

/// Places that are made for a packet at that one.
fn slots(index: usize) -> usize {
    (index + 1).next_power_of_two().max(LEAST_SLOTS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#[path = "receive_tests.rs"]
mod tests;
