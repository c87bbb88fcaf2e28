//! What comes in: putting packets in order.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};

use super::Totals;
use crate::Config;
use crate::header::MAX_SACK_BYTES;
use crate::seq::SeqNr;

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
        }
    }

    /// Whether a number is near enough to those that we expect for the packet to be from the other end.
    pub(crate) fn is_plausible(&self, seq_nr: SeqNr) -> bool {
        seq_nr.since(self.ack_nr).unsigned_abs() <= 2 * u32::from(MAX_AHEAD)
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn take(receiver: &mut Receiver, seq: u16, payload: &[u8]) -> Arrival {
        receiver.take(SeqNr(seq), payload, payload.is_empty(), &Config::default(), Totals::default())
    }

    fn sack(receiver: &Receiver) -> Vec<u8> {
        receiver.sack(&mut [0; MAX_SACK_BYTES]).to_vec()
    }

    #[test]
    fn gaps_are_told_and_filled() {
        let mut receiver = Receiver::new(SeqNr(0xfffe));
        assert_eq!(take(&mut receiver, 0xffff, b"a"), Arrival::Next { filled: false });
        assert_eq!(sack(&receiver), b"");
        assert_eq!(take(&mut receiver, 1, b"c"), Arrival::Ahead);
        assert_eq!(take(&mut receiver, 9, b"k"), Arrival::Ahead);
        assert_eq!(take(&mut receiver, 9, b"k"), Arrival::Duplicate);
        assert_eq!(take(&mut receiver, 0xffff, b"a"), Arrival::Duplicate);
        assert_eq!(sack(&receiver), [1, 1, 0, 0]);
        assert_eq!(take(&mut receiver, 0, b"b"), Arrival::Next { filled: true });
        assert_eq!((receiver.ack_nr, receiver.readable(), receiver.ahead_payload_bytes), (SeqNr(1), 3, 1));
        assert_eq!(sack(&receiver), [0x40, 0, 0, 0]);
    }

    #[test]
    fn nothing_comes_after_the_end() {
        let mut receiver = Receiver::new(SeqNr(0));
        assert_eq!(take(&mut receiver, 5, b"late"), Arrival::Ahead);
        assert_eq!(take(&mut receiver, 3, b""), Arrival::Ahead);
        assert_eq!((receiver.ahead_payload_bytes, receiver.ahead_packets), (0, 1));
        assert_eq!(take(&mut receiver, 4, b"late"), Arrival::Dropped);
        assert_eq!(take(&mut receiver, 1, b"a"), Arrival::Next { filled: true });
        assert!(!receiver.is_ended);
        assert_eq!(take(&mut receiver, 2, b"b"), Arrival::Next { filled: true });
        assert!(receiver.is_ended && !receiver.has_gap());
    }

    #[test]
    fn bounds_are_kept() {
        let config = Config { max_receive_bytes: 10, max_total_receive_bytes: 100_000, ..Config::default() };
        let mut receiver = Receiver::new(SeqNr(0));
        assert_eq!(receiver.take(SeqNr(2), &[0; 6], false, &config, Totals::default()), Arrival::Ahead);
        assert_eq!(receiver.take(SeqNr(3), &[0; 6], false, &config, Totals::default()), Arrival::Dropped);
        assert_eq!(
            receiver.take(SeqNr(1), &[0; 6], false, &config, Totals::default()),
            Arrival::Next { filled: true }
        );
        assert_eq!((receiver.readable(), receiver.window_bytes(&config, 0)), (12, 0));
        assert_eq!(receiver.take(SeqNr(3), b"x", false, &config, Totals::default()), Arrival::Dropped);
        let config = Config { max_total_receive_bytes: 100_000, ..Config::default() };
        let mut receiver = Receiver::new(SeqNr(0));
        assert_eq!(receiver.window_bytes(&config, 0), 32 << 10);
        let full = Totals { held: 100_000, ..Totals::default() };
        assert_eq!(
            receiver.take(SeqNr(1), &[0; 30_000], false, &config, full),
            Arrival::Next { filled: false }
        );
        assert_eq!(receiver.take(SeqNr(2), &[0; 30_000], false, &config, full), Arrival::Dropped);
        assert_eq!(receiver.window_bytes(&config, 200_000), (32 << 10) - 30_000);
    }

    #[test]
    fn what_overtakes_others_has_a_share_only() {
        let config = Config { max_total_receive_bytes: 40_000, ..Config::default() };
        let mut receiver = Receiver::new(SeqNr(0));
        let totals = Totals { ahead: 9000, held: 9000, queued: 0 };
        let most = 1000 - PACKET_OVERHEAD_BYTES - LEAST_SLOTS * size_of::<Slot>();
        assert_eq!(receiver.take(SeqNr(2), &vec![0; most + 1], false, &config, totals), Arrival::Dropped);
        assert_eq!(receiver.take(SeqNr(2), &vec![0; most], false, &config, totals), Arrival::Ahead);
        assert_eq!(receiver.ahead_bytes(), 1000);
        assert_eq!(
            receiver.take(SeqNr(1), &[0; 1001], false, &config, totals),
            Arrival::Next { filled: true }
        );
        assert_eq!((receiver.ahead_bytes(), receiver.ahead.capacity()), (0, 0));
    }

    /// Connections whose packets of one byte all come out of order.
    #[test]
    fn tiny_packets_out_of_order_count_with_what_they_take() {
        let config = Config::default();
        let mut totals = Totals::default();
        let mut receivers: Vec<_> = (0..1000).map(|_| Receiver::new(SeqNr(0))).collect();
        let (mut slots, mut packets) = (0, 0);
        for (i, receiver) in receivers.iter_mut().enumerate() {
            // Some take many places for few packets, some give them up again.
            let step = 1 + 40 * (i % 2) as u16;
            for seq in (2..=MAX_AHEAD).step_by(step.into()) {
                let before = receiver.ahead_bytes();
                let arrival = receiver.take(SeqNr(seq), b"x", false, &config, totals);
                totals.ahead += receiver.ahead_bytes() - before;
                totals.held = totals.ahead;
                packets += usize::from(arrival == Arrival::Ahead);
            }
            slots += receiver.ahead.capacity();
        }
        assert!(packets > 100_000, "{packets}");
        let real = packets * 33 + slots * size_of::<Slot>();
        let bound = config.max_total_receive_bytes / AHEAD_SHARE;
        assert!(real == totals.ahead && real <= bound, "{real} of {bound}");
    }

    #[test]
    fn places_are_given_up_with_their_packets() {
        let mut receiver = Receiver::new(SeqNr(0));
        let mut take = |seq| receiver.take(SeqNr(seq), b"x", false, &Config::default(), Totals::default());
        assert_eq!(take(4000), Arrival::Ahead);
        assert!((1..3990).all(|seq| take(seq) == Arrival::Next { filled: true }));
        assert!(receiver.ahead_bytes() < 2000, "{}", receiver.ahead_bytes());
        receiver.discard();
        let full = Totals { ahead: 16 << 20, held: 16 << 20, queued: 0 };
        let arrival = receiver.take(SeqNr(3995), b"x", false, &Config::default(), full);
        assert_eq!(arrival, Arrival::Dropped);
    }

    /// It was told only when it had grown by all that there is, which it cannot unless it was shut.
    #[test]
    fn a_small_window_that_opens_is_told() {
        for max_receive_bytes in [10, 150, 2048, 4096, 1 << 20] {
            let config = Config { max_receive_bytes, ..Config::default() };
            for left in [0, 1, max_receive_bytes / 20] {
                let mut receiver = Receiver::new(SeqNr(0));
                let payload = vec![0; max_receive_bytes - left];
                let arrival = receiver.take(SeqNr(1), &payload, false, &config, Totals::default());
                assert_eq!(arrival, Arrival::Next { filled: false });
                assert_eq!(receiver.advertise(&config, 0) as usize, left);
                assert!(!receiver.wants_window_update(&config, 0));
                receiver.read(usize::MAX, &mut BytesMut::new());
                assert!(receiver.wants_window_update(&config, 0), "{left} of {max_receive_bytes}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_order_gives_the_same_stream(
            start: u16,
            order in Just((0..50u16).collect::<Vec<_>>()).prop_shuffle(),
            repeats in proptest::collection::vec(0..50u16, 0..50),
        ) {
            let mut receiver = Receiver::new(SeqNr(start));
            for i in repeats.iter().take(25).chain(&order).chain(&repeats) {
                take(&mut receiver, start.wrapping_add(1 + i), &[*i as u8]);
                let gap = receiver.has_gap();
                prop_assert_eq!(gap, !sack(&receiver).is_empty());
            }
            let mut all = BytesMut::new();
            receiver.read(usize::MAX, &mut all);
            prop_assert_eq!(&all[..], &(0..50).collect::<Vec<u8>>()[..]);
            prop_assert_eq!(receiver.held_bytes(), 0);
        }
    }
}
