//! Sending half of a connection: queued bytes, and the packets made of them.

use std::collections::VecDeque;

use bytes::Bytes;
use ztor_base::Instant;

use crate::header::HEADER_BYTES;
use crate::seq::SeqNr;

/// A packet counts as lost when one that was sent this many packets later has arrived (BEP 29, "packet loss").
pub(super) const REORDER_PACKETS: u64 = 3;

/// State of a packet that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    InFlight,
    /// Waits for its retransmission.
    Lost,
    /// Arrived, while one before it did not (BEP 29, "Selective ACK").
    Sacked,
}

/// A packet that was sent and is not yet acknowledged in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// Offset of its payload in the stream.
    pub(super) start: u64,
    pub(super) len: u16,
    /// Length of the datagram if it was padded to probe the path, otherwise 0.
    pub(super) probe_bytes: u16,
    pub(super) is_fin: bool,
    pub(super) was_resent: bool,
    /// True if it was declared lost because later ones had arrived, and has not been sent for another reason since.
    pub(super) was_overtaken: bool,
    pub(super) fate: Fate,
    /// Position of its last transmission in the order of all transmissions.
    pub(super) order: u64,
    pub(super) sent_at: Instant,
    /// Payload in flight at its first transmission, its own included, in bytes.
    pub(super) flight_bytes: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fin {
    No,
    /// Waits until everything else is sent.
    Wanted,
    Sent,
}

#[derive(Debug)]
struct Chunk {
    start: u64,
    bytes: Bytes,
}

/// The sending half of a connection.
///
/// Packet numbers have 64 bits, of which the low 16 are the `seq_nr`.
#[derive(Debug)]
pub(crate) struct Sender {
    /// Written bytes that are not acknowledged in order. The first chunk may be partly acknowledged.
    chunks: VecDeque<Chunk>,
    /// Offsets in the stream: end of what is acknowledged in order, made into packets, and written.
    acked: u64,
    next: u64,
    end: u64,
    /// Number of the first packet in `sent`, or of the next packet if there is none.
    pub(super) first: u64,
    /// Maximum of [`Sender::span`] so far.
    peak_span: usize,
    pub(super) sent: VecDeque<Sent>,
    pub(super) fin: Fin,
    pub(super) flight_bytes: usize,
    pub(super) flight_packets: usize,
    /// Number of lost packets in `sent`, and a packet number before which there are none.
    pub(super) lost: usize,
    pub(super) resend_from: u64,
    /// One more than the highest packet number that was selectively acknowledged.
    pub(super) sacked_to: u64,
    /// One more than the highest order that is known to have arrived.
    pub(super) arrived_order: u64,
    pub(super) next_order: u64,
    /// Position in the order of transmissions before which the window does not react to losses.
    pub(super) recovery_order: u64,
    pub(super) reorder: u64,
    pub(super) repeated_acks: u32,
    pub(crate) counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    pub(crate) resent: u64,
}

impl Sender {
    /// Creates a sender whose first packet has the number `first`.
    pub(crate) fn new(first: SeqNr) -> Self {
        // Away from zero, so that there is a number before the first one.
        let first = (1 << 16) + u64::from(first.0);
        Self {
            chunks: VecDeque::new(),
            acked: 0,
            next: 0,
            end: 0,
            first,
            peak_span: 0,
            sent: VecDeque::new(),
            fin: Fin::No,
            flight_bytes: 0,
            flight_packets: 0,
            lost: 0,
            resend_from: first,
            sacked_to: first,
            arrived_order: 0,
            next_order: 0,
            recovery_order: 0,
            reorder: REORDER_PACKETS,
            repeated_acks: 0,
            counts: Counts::default(),
        }
    }

    pub(crate) fn write(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            let start = self.end;
            self.end += bytes.len() as u64;
            self.chunks.push_back(Chunk { start, bytes });
        }
    }

    /// Queues a FIN after everything that was written.
    pub(crate) fn finish(&mut self) {
        if self.fin == Fin::No {
            self.fin = Fin::Wanted;
        }
    }

    /// Returns true if everything has arrived, including the FIN.
    pub(crate) fn is_finished(&self) -> bool {
        self.fin == Fin::Sent && self.sent.is_empty()
    }

    /// Returns the bytes written and not acknowledged in order.
    pub(crate) fn unacked_bytes(&self) -> usize {
        usize::try_from(self.end - self.acked).unwrap_or(usize::MAX)
    }

    /// Returns the bytes written and never sent.
    pub(crate) fn unsent_bytes(&self) -> usize {
        usize::try_from(self.end - self.next).unwrap_or(usize::MAX)
    }

    /// Returns the bytes that take up the peer's window.
    pub(crate) fn outstanding_bytes(&self) -> usize {
        usize::try_from(self.next - self.acked).unwrap_or(usize::MAX)
    }

    pub(crate) fn acked_bytes(&self) -> u64 {
        self.acked
    }

    /// Returns the number of the next new packet, which packets without payload carry.
    pub(crate) fn next_seq_nr(&self) -> SeqNr {
        SeqNr::from(self.first + self.sent.len() as u64)
    }

    /// Returns the number before the first packet that is not acknowledged in order.
    pub(crate) fn acked_seq_nr(&self) -> SeqNr {
        SeqNr::from(self.first - 1)
    }

    pub(crate) fn has_outstanding(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Returns the number of packets from the first that is not acknowledged in order to the last that was sent.
    pub(crate) fn span(&self) -> usize {
        self.sent.len()
    }

    /// Returns the maximum of [`Sender::span`] so far.
    pub(crate) fn peak_span(&self) -> usize {
        self.peak_span
    }

    /// Returns true if the FIN waits to be sent.
    pub(crate) fn wants_fin(&self) -> bool {
        self.fin == Fin::Wanted
    }

    /// Returns true if selective acks skipped a packet.
    pub(crate) fn has_hole(&self) -> bool {
        self.sacked_to > self.first
    }

    /// Returns the index of the first packet to retransmit.
    pub(crate) fn next_lost(&mut self) -> Option<usize> {
        if self.lost == 0 {
            return None;
        }
        let from = usize::try_from(self.resend_from.saturating_sub(self.first)).unwrap_or(0);
        let index = from + self.sent.iter().skip(from).position(|sent| sent.fate == Fate::Lost)?;
        self.resend_from = self.first + index as u64;
        Some(index)
    }

    /// Returns the index of the last packet that is not known to have arrived.
    pub(crate) fn last_unacked(&self) -> Option<usize> {
        self.sent.iter().rposition(|sent| sent.fate != Fate::Sacked)
    }

    /// Returns the time of the last transmission of packets that are not acknowledged in order.
    pub(crate) fn last_sent_at(&self) -> Instant {
        self.sent.iter().map(|sent| sent.sent_at).max().unwrap_or(Instant::ZERO)
    }

    /// Returns the payload of a packet that was sent, in bytes.
    pub(crate) fn payload_bytes(&self, index: usize) -> usize {
        self.sent.get(index).map_or(0, |sent| usize::from(sent.len))
    }

    /// Makes a packet of the next `len` bytes that were never sent, or of the FIN if there are none. Returns its index.
    /// `probe_bytes` is the length of its datagram if it probes the path, otherwise 0.
    pub(crate) fn make(&mut self, now: Instant, len: usize, probe_bytes: usize) -> usize {
        let len = len.min(self.unsent_bytes()).min(usize::from(u16::MAX) - HEADER_BYTES) as u16;
        let is_fin = len == 0;
        if is_fin {
            self.fin = Fin::Sent;
        }
        self.sent.push_back(Sent {
            start: self.next,
            len,
            probe_bytes: probe_bytes as u16,
            is_fin,
            was_resent: false,
            was_overtaken: false,
            fate: Fate::InFlight,
            order: self.next_order,
            sent_at: now,
            flight_bytes: (self.flight_bytes + usize::from(len)) as u32,
        });
        self.peak_span = self.peak_span.max(self.sent.len());
        self.next += u64::from(len);
        self.next_order += 1;
        self.flight_bytes += usize::from(len);
        self.flight_packets += 1;
        self.counts.sent += 1;
        self.sent.len() - 1
    }

    /// Notes that a packet is retransmitted. If it was a probe, returns its length, since its fate will remain unknown.
    pub(crate) fn resend(&mut self, now: Instant, index: usize) -> Option<usize> {
        let sent = self.sent.get_mut(index)?;
        match sent.fate {
            Fate::Lost => {
                self.lost -= 1;
                self.flight_bytes += usize::from(sent.len);
                self.flight_packets += 1;
            }
            // A tail loss probe. Its early arrival says nothing about reordering.
            Fate::InFlight => sent.was_overtaken = false,
            Fate::Sacked => return None,
        }
        let probe_bytes = std::mem::take(&mut sent.probe_bytes);
        sent.fate = Fate::InFlight;
        sent.was_resent = true;
        sent.order = self.next_order;
        sent.sent_at = now;
        self.next_order += 1;
        self.counts.sent += 1;
        self.counts.resent += 1;
        (probe_bytes > 0).then_some(usize::from(probe_bytes))
    }

    /// Returns the `seq_nr` of a packet, and true if it is the FIN.
    pub(crate) fn label(&self, index: usize) -> (SeqNr, bool) {
        let is_fin = self.sent.get(index).is_some_and(|sent| sent.is_fin);
        (SeqNr::from(self.first + index as u64), is_fin)
    }

    /// Appends the payload of a packet to `buf`.
    pub(crate) fn copy_payload(&self, index: usize, buf: &mut Vec<u8>) {
        let Some(sent) = self.sent.get(index) else { return };
        let (mut at, end) = (sent.start, sent.start + u64::from(sent.len));
        let first = self.chunks.partition_point(|chunk| chunk.end() <= at);
        for chunk in self.chunks.range(first..) {
            if at >= end {
                break;
            }
            let from = (at - chunk.start) as usize;
            let to = (end.min(chunk.end()) - chunk.start) as usize;
            buf.extend_from_slice(&chunk.bytes[from..to]);
            at = chunk.end();
        }
    }

    /// Returns all packets to the unsent bytes. Correct only if the peer has received none of them, since the same
    /// numbers will carry other bytes.
    pub(crate) fn repack(&mut self) {
        if self.fin == Fin::Sent {
            self.fin = Fin::Wanted;
        }
        self.sent.clear();
        self.next = self.acked;
        (self.flight_bytes, self.flight_packets, self.lost) = (0, 0, 0);
        (self.resend_from, self.sacked_to) = (self.first, self.first);
        self.recovery_order = self.next_order;
    }

    /// Drops the bytes that were never sent, except the first `keep`.
    pub(crate) fn cut(&mut self, keep: usize) {
        self.end = self.end.min(self.next + keep as u64);
        while self.chunks.back().is_some_and(|chunk| chunk.start >= self.end) {
            self.chunks.pop_back();
        }
        if let Some(last) = self.chunks.back_mut() {
            last.bytes.truncate((self.end - last.start) as usize);
        }
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.sent.capacity() + self.chunks.capacity()
    }

    /// Frees unused memory.
    pub(crate) fn shrink(&mut self) {
        self.sent.shrink_to_fit();
        self.chunks.shrink_to_fit();
    }

    /// Drops the bytes that are acknowledged in order.
    pub(super) fn release(&mut self) {
        self.acked = self.sent.front().map_or(self.next, |sent| sent.start);
        while self.chunks.front().is_some_and(|chunk| chunk.end() <= self.acked) {
            self.chunks.pop_front();
        }
    }
}

impl Chunk {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}
