//! Processing of acknowledgements, and detection of losses (BEP 29, "packet loss").

use ztor_base::{Duration, Instant};

use super::send::{Fate, REORDER_PACKETS, Sender, Sent};

/// Maximum reordering in packets that does not count as loss; see [`Sender::reorder`].
const MAX_REORDER_PACKETS: u64 = 64;
/// Duplicate acks after which the first packet counts as lost (BEP 29), for peers without selective acks.
const MAX_REPEATED_ACKS: u32 = 3;

/// Result of an acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Acked {
    /// Payload newly known to have arrived, in bytes.
    pub(crate) bytes: usize,
    /// Number of packets newly known to have arrived.
    pub(crate) packets: usize,
    /// The packet among them that was sent last; `None` if it was retransmitted.
    pub(crate) newest: Option<Newest>,
    /// True if the first unacknowledged packet is among them.
    pub(crate) is_in_order: bool,
    /// True if packets were lost, for the first time in a round trip.
    pub(crate) is_congested: bool,
    /// True if packets that were declared lost were only late.
    pub(crate) was_spurious: bool,
    /// Length of an MTU probe that arrived, and of one that was lost; `None` without one.
    pub(crate) probe_arrived: Option<usize>,
    pub(crate) probe_lost: Option<usize>,
}

/// The packet that was sent last among those that an acknowledgement covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Newest {
    pub(crate) sent_at: Instant,
    /// See [`Sent::order`].
    pub(crate) order: u64,
    /// Payload in flight when it was sent, its own included, in bytes.
    pub(crate) flight_bytes: u32,
}

impl Sender {
    /// Processes an acknowledgement of the first `in_order` packets and a selective one of others. Ignores bits beyond
    /// the packets sent.
    pub(crate) fn on_ack(&mut self, in_order: usize, sack: &[u8], min_rtt: Duration, now: Instant) -> Acked {
        let mut acked = Acked { is_in_order: in_order > 0, ..Acked::default() };
        let mut newest = None;
        for _ in 0..in_order {
            let Some(sent) = self.sent.pop_front() else { break };
            self.first += 1;
            self.arrived(sent, &mut acked, &mut newest, min_rtt, now);
        }
        if in_order > 0 {
            self.release();
        }
        self.take_sack(sack, &mut acked, &mut newest, min_rtt, now);
        if let Some((_, sent)) = newest.filter(|(_, sent)| !sent.was_resent) {
            let Sent { sent_at, order, flight_bytes, .. } = sent;
            acked.newest = Some(Newest { sent_at, order, flight_bytes });
        }
        if acked.was_spurious {
            self.reorder = (2 * self.reorder).min(MAX_REORDER_PACKETS);
        }
        if acked.packets > 0 {
            self.repeated_acks = 0;
            self.find_lost(&mut acked);
        }
        acked
    }

    /// Processes a duplicate acknowledgement.
    pub(crate) fn on_repeated_ack(&mut self) -> Acked {
        let mut acked = Acked::default();
        self.repeated_acks += 1;
        if self.repeated_acks == MAX_REPEATED_ACKS && !self.has_hole() {
            self.lose(0, true, &mut acked);
        }
        acked
    }

    /// Declares all packets in flight lost. Returns the length of a lost probe.
    pub(crate) fn lose_all(&mut self) -> Acked {
        let mut acked = Acked::default();
        for index in 0..self.sent.len() {
            self.lose(index, false, &mut acked);
        }
        // The window must not react to these losses again.
        self.recovery_order = self.next_order;
        acked
    }

    fn take_sack(
        &mut self,
        sack: &[u8],
        acked: &mut Acked,
        newest: &mut Option<(u64, Sent)>,
        min_rtt: Duration,
        now: Instant,
    ) {
        for (i, byte) in sack.iter().enumerate().filter(|(_, byte)| **byte != 0) {
            for bit in (0..8).filter(|bit| byte >> bit & 1 == 1) {
                // The first bit is for the second packet that is not acknowledged in order.
                let index = 1 + 8 * i + bit;
                let Some(sent) = self.sent.get_mut(index) else { return };
                if sent.fate != Fate::Sacked {
                    let before = *sent;
                    sent.fate = Fate::Sacked;
                    self.sacked_to = self.sacked_to.max(self.first + index as u64 + 1);
                    self.arrived(before, acked, newest, min_rtt, now);
                }
            }
        }
    }

    fn arrived(
        &mut self,
        sent: Sent,
        acked: &mut Acked,
        newest: &mut Option<(u64, Sent)>,
        min_rtt: Duration,
        now: Instant,
    ) {
        match sent.fate {
            Fate::Sacked => return,
            Fate::InFlight => {
                self.flight_bytes -= usize::from(sent.len);
                self.flight_packets -= 1;
                // Too soon for an acknowledgement of the retransmission: the original was only late.
                acked.was_spurious |=
                    sent.was_resent && sent.was_overtaken && now.since(sent.sent_at) < min_rtt / 2;
            }
            Fate::Lost => {
                self.lost -= 1;
                acked.was_spurious |= sent.was_overtaken;
            }
        }
        acked.bytes += usize::from(sent.len);
        acked.packets += 1;
        if sent.probe_bytes > 0 {
            acked.probe_arrived = Some(usize::from(sent.probe_bytes));
        }
        self.arrived_order = self.arrived_order.max(sent.order + 1);
        if newest.is_none_or(|(order, _)| sent.order > order) {
            *newest = Some((sent.order, sent));
        }
    }

    /// Declares packets lost that were sent well before one that arrived. Packets beyond the last selective ack remain
    /// undecided, since libutp's masks are 32 bits long.
    fn find_lost(&mut self, acked: &mut Acked) {
        let upto = usize::try_from(self.sacked_to.saturating_sub(self.first)).unwrap_or(0);
        for index in 0..upto.min(self.sent.len()) {
            let sent = &self.sent[index];
            // Waits for half a window at most. Otherwise a small window would wait for many round trips, and again for
            // each lost retransmission.
            let half_window = u64::from(sent.flight_bytes) / u64::from(sent.len.max(1)) / 2;
            let reorder = self.reorder.min(half_window.max(REORDER_PACKETS));
            if sent.fate == Fate::InFlight && sent.order + reorder < self.arrived_order {
                self.lose(index, true, acked);
            }
        }
    }

    fn lose(&mut self, index: usize, is_overtaken: bool, acked: &mut Acked) {
        let Some(sent) = self.sent.get_mut(index).filter(|sent| sent.fate == Fate::InFlight) else { return };
        sent.fate = Fate::Lost;
        sent.was_overtaken = is_overtaken;
        self.lost += 1;
        self.flight_bytes -= usize::from(sent.len);
        self.flight_packets -= 1;
        self.resend_from = self.resend_from.min(self.first + index as u64);
        if sent.probe_bytes > 0 {
            // The loss of a probe is due to its length and not to congestion.
            acked.probe_lost = Some(usize::from(sent.probe_bytes));
            return;
        }
        self.counts.lost += 1;
        if sent.order >= self.recovery_order {
            acked.is_congested = true;
            self.recovery_order = self.next_order;
        }
    }
}
