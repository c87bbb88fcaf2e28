//! Receiving half of a connection: puts packets in order.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};
use ztor_base::{Duration, Instant};

use super::Totals;
use crate::Config;
use crate::header::MAX_SACK_BYTES;
use crate::seq::SeqNr;

/// Period over which arrivals are counted. A sequence number is plausible within twice as many packets as arrived in
/// the busiest period. A longer flight is unlikely, so other numbers are not from the peer.
const ARRIVALS_WINDOW: Duration = Duration::from_secs(8);
/// Minimum distance within which a number is plausible, in packets.
const LEAST_NEAR: u32 = 64;
/// Size of the buffer for a first packet, since others are likely to follow.
const FIRST_BUFFER_BYTES: usize = 16 << 10;
/// Maximum distance from `ack_nr` of a packet that is kept. A window of 4 MiB has 2900 packets of the usual length.
const MAX_AHEAD: u16 = 4096;
/// Bytes that a connection may hold however full the others are.
const ALLOWANCE_BYTES: usize = 32 << 10;
/// Inverse of the share of the common remainder that one connection may advertise.
const SHARE: usize = 8;
/// Inverse of the share of the common limit for packets out of order. The missing packet may never arrive.
const AHEAD_SHARE: usize = 4;
/// Approximate memory of a packet out of order in addition to its payload and slot, in bytes: that of an allocation.
const PACKET_OVERHEAD_BYTES: usize = 32;
/// Minimum number of slots for packets out of order.
const LEAST_SLOTS: usize = 16;
/// Minimum growth of the window that is worth an update: two packets, or half the maximum if that is less.
const WINDOW_STEP_BYTES: usize = 2 * 1500;

/// Outcome of a received packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// The next packet in order. `filled` is true if later ones had arrived before.
    Next { filled: bool },
    /// A later packet, which is kept.
    Ahead,
    /// A packet that had arrived before.
    Duplicate,
    /// A packet without room, too far ahead, or after the end.
    Dropped,
}

type Slot = Option<Box<[u8]>>;

/// The receiving half of a connection.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// Number of the last packet before the first gap.
    pub(crate) ack_nr: SeqNr,
    /// Bytes in order and unread.
    ready: BytesMut,
    /// Packets after a gap. The first slot is for `ack_nr + 1`, and is empty if there are others. The last slot is
    /// never empty.
    ahead: VecDeque<Slot>,
    /// Payload of the packets in `ahead`, in bytes.
    ahead_payload_bytes: usize,
    /// Number of packets in `ahead`.
    ahead_packets: usize,
    /// Number of the FIN; `None` before it arrived (BEP 29, `eof_pkt`).
    eof: Option<SeqNr>,
    /// Set when everything up to the FIN has arrived.
    pub(crate) is_ended: bool,
    /// Set when there is no reader: data is acknowledged and discarded.
    is_discarding: bool,
    /// Window last advertised.
    advertised_bytes: usize,
    pub(crate) received_bytes: u64,
    pub(crate) duplicates: u64,
    arrivals: Arrivals,
}

/// Count of packets that arrive in order.
#[derive(Debug)]
struct Arrivals {
    since: Instant,
    /// Packets in the current period, and the maximum of all periods.
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

    /// Returns true if a number is near enough to the expected ones for the packet to be from the peer.
    pub(crate) fn is_plausible(&self, seq_nr: SeqNr) -> bool {
        let near = (2 * self.arrivals.peak).clamp(LEAST_NEAR, 2 * u32::from(MAX_AHEAD));
        seq_nr.since(self.ack_nr).unsigned_abs() <= near
    }

    /// Counts the packets that arrived in order since `ack_nr` was `before`. Others may be forged.
    pub(crate) fn note_progress(&mut self, now: Instant, before: SeqNr) {
        let arrivals = &mut self.arrivals;
        if now.since(arrivals.since) >= ARRIVALS_WINDOW {
            (arrivals.since, arrivals.count) = (now, 0);
        }
        let progress = self.ack_nr.since(before).max(0).unsigned_abs();
        arrivals.count = arrivals.count.saturating_add(progress).min(u32::from(MAX_AHEAD));
        arrivals.peak = arrivals.peak.max(arrivals.count);
    }

    /// Takes the payload of a packet. `totals` is the usage of all connections.
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

    /// Returns the bits of the selective ack to send; empty without a gap (BEP 29, "Selective ACK").
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

    /// Returns the memory that is held for the reader, in bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.ready.len() + self.ahead_bytes()
    }

    /// Returns the memory for packets out of order, in bytes. A packet counts with its slot and its allocation, which
    /// may be much more than its payload.
    pub(crate) fn ahead_bytes(&self) -> usize {
        self.ahead_payload_bytes
            + self.ahead_packets * PACKET_OVERHEAD_BYTES
            + self.ahead.capacity() * size_of::<Slot>()
    }

    /// Drops the packets out of order.
    pub(crate) fn drop_ahead(&mut self) {
        self.ahead = VecDeque::new();
        self.ahead_payload_bytes = 0;
        self.ahead_packets = 0;
    }

    /// Moves up to `limit` bytes to the end of `into`. Returns their number.
    pub(crate) fn read(&mut self, limit: usize, into: &mut BytesMut) -> usize {
        let len = self.ready.len().min(limit);
        into.extend_from_slice(&self.ready[..len]);
        self.ready.advance(len);
        if self.ready.is_empty() {
            // An idle connection holds no buffer.
            self.ready = BytesMut::new();
        }
        len
    }

    /// Discards unread data, and all that arrives later.
    pub(crate) fn discard(&mut self) {
        self.is_discarding = true;
        self.ready = BytesMut::new();
        for kept in self.ahead.iter_mut().flatten() {
            *kept = Box::default();
        }
        self.ahead_payload_bytes = 0;
    }

    /// Returns the window to advertise (`wnd_size`). It counts from `ack_nr`, so packets out of order are part of it.
    pub(crate) fn window_bytes(&self, config: &Config, total_held: usize) -> usize {
        let own = config.max_receive_bytes.saturating_sub(self.ready.len());
        let share = config.max_total_receive_bytes.saturating_sub(total_held) / SHARE;
        own.min(share.max(ALLOWANCE_BYTES.saturating_sub(self.ready.len())))
    }

    /// Returns the window, which counts as advertised.
    pub(crate) fn advertise(&mut self, config: &Config, total_held: usize) -> u32 {
        self.advertised_bytes = self.window_bytes(config, total_held);
        u32::try_from(self.advertised_bytes).unwrap_or(u32::MAX)
    }

    /// Returns true if the peer may be waiting for a window that has grown much since it was advertised. What the peer
    /// has used of it since then does not matter if it was wide.
    pub(crate) fn wants_window_update(&self, config: &Config, total_held: usize) -> bool {
        let now = self.window_bytes(config, total_held);
        now >= 2 * self.advertised_bytes
            && now >= self.advertised_bytes + WINDOW_STEP_BYTES.min(config.max_receive_bytes / 2)
    }

    fn has_room(&self, distance: i32, len: usize, config: &Config, totals: Totals) -> bool {
        let len = if self.is_discarding { 0 } else { len };
        // The next packet must find room while the window says so, whatever is kept beyond it.
        if distance == 1 {
            let within = |bound| self.ready.len() + len <= bound;
            return self.is_discarding
                || within(config.max_receive_bytes)
                    && (totals.held + len <= config.max_total_receive_bytes || within(ALLOWANCE_BYTES));
        }
        let cost = self.cost(distance as usize - 1, len);
        // The window limits payload, the common limits are on memory.
        self.ready.len() + self.ahead_payload_bytes + len <= config.max_receive_bytes
            && (totals.held + cost <= config.max_total_receive_bytes
                || self.held_bytes() + cost <= ALLOWANCE_BYTES)
            && totals.ahead + cost <= config.max_total_receive_bytes / AHEAD_SHARE
    }

    /// Returns the memory that a packet takes in the slot at `index`, in bytes.
    fn cost(&self, index: usize, len: usize) -> usize {
        let more_slots = slots(index).saturating_sub(self.ahead.capacity());
        len + PACKET_OVERHEAD_BYTES + more_slots * size_of::<Slot>()
    }

    fn set_eof(&mut self, seq_nr: SeqNr) {
        self.eof = Some(seq_nr);
        // Packets after the end are not part of the stream.
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

    /// Frees unused slots. Takes time only if most slots are unused.
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

/// Returns the number of slots to allocate for a packet at `index`.
fn slots(index: usize) -> usize {
    (index + 1).next_power_of_two().max(LEAST_SLOTS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#[path = "receive_tests.rs"]
mod tests;
