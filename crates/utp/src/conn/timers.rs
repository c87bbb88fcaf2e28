//! Timers of a connection, and its end.

use ztor_base::{Duration, Instant};

use super::receive::Arrival;
use super::send_budget::ALLOWANCE_BYTES;
use super::{Conn, Context, Question, State, Stuck};
use crate::header::{Header, Packet, Type};
use crate::{Closed, Event};

/// Silence after which a keep-alive is sent to hold NAT mappings open. libutp uses the same value.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(29);
/// Wait after each SYN, in seconds.
const SYN_WAITS_S: [u64; 4] = [1, 2, 3, 4];
/// Number of SYNs after which the next one gets another `conn_id`.
const NEW_ID_AFTER: u32 = 2;
/// Silence and consecutive timeouts after which a peer counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(30);
const DEAD_TIMEOUTS: u32 = 4;
/// Time and timeouts without progress after which a peer that still responds counts as dead, unless its window is
/// closed.
const STUCK_FOR: Duration = Duration::from_secs(60);
const STUCK_TIMEOUTS: u32 = 6;
/// Maximum wait between two probes of a closed window.
const MAX_PERSIST: Duration = Duration::from_secs(15);
/// Maximum wait for a retransmission into a closed window, since the packet that opens it may be lost.
const MAX_SHUT_RTO: Duration = Duration::from_secs(10);
/// Time for the rest of the data and the FIN to arrive after [`Conn::close`].
const CLOSE_WITHIN: Duration = Duration::from_secs(30);
/// Time for the peer's FIN after ours has arrived.
const LINGER: Duration = Duration::from_secs(5);
/// Time for a packet that others have overtaken to arrive.
const GAP_FILLED_WITHIN: Duration = Duration::from_secs(60);
/// Consecutive timeouts after which long packets are suspected.
const BLACK_HOLE_TIMEOUTS: u32 = 2;

impl Conn {
    /// Returns the time at which [`Conn::handle_timeout`] is next due; [`Instant::FAR_FUTURE`] for never.
    pub(crate) fn poll_timeout(&self) -> Instant {
        if self.state == State::Dead { Instant::FAR_FUTURE } else { self.timers.earliest() }
    }

    /// Handles what is due at `cx.now`.
    pub(crate) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        let never = Instant::FAR_FUTURE;
        if cx.now >= self.timers.ack {
            self.timers.ack = never;
            self.due.ack = true;
        }
        if cx.now >= self.timers.persist {
            self.timers.persist = never;
            self.due.window_probe = true;
        }
        if cx.now >= self.timers.keep_alive {
            // Sending moves only `last_sent`.
            self.timers.keep_alive = self.last_sent + KEEP_ALIVE;
            if cx.now >= self.timers.keep_alive {
                self.timers.keep_alive = cx.now + KEEP_ALIVE;
                self.due.keep_alive = true;
            }
            self.sender.shrink();
        }
        if cx.now >= self.timers.loss {
            self.timers.loss = never;
            self.on_loss_timer(cx);
        }
        if cx.now >= self.timers.linger {
            self.is_over = true;
            self.is_broken_off = !self.sender.is_finished();
        }
        if cx.now >= self.timers.gap {
            self.timers.gap = never;
            self.on_gap_timer(cx);
        }
    }

    /// Sets the timer for a packet that is missing before others, which take up memory.
    pub(super) fn watch_gap(&mut self, now: Instant, arrival: Arrival) {
        if !self.receiver.has_gap() {
            self.timers.gap = Instant::FAR_FUTURE;
        } else if self.timers.gap == Instant::FAR_FUTURE || matches!(arrival, Arrival::Next { .. }) {
            self.timers.gap = now + GAP_FILLED_WITHIN;
        }
    }

    fn on_gap_timer(&mut self, cx: &mut Context<'_>) {
        if self.receiver.window_bytes(cx.config, cx.totals.held) < self.payload_bytes() {
            // Our own reader keeps the packet from finding room.
            self.watch_gap(cx.now, Arrival::Ahead);
        } else {
            self.die(cx, Closed::TimedOut);
        }
    }

    /// Closes for the owner: sends the written data, then a FIN.
    pub(crate) fn close(&mut self, now: Instant) {
        self.is_owned = false;
        self.receiver.discard();
        if self.state != State::Established {
            self.is_over = true;
            return;
        }
        if self.peer_window < self.payload_bytes() && self.sender.unsent_bytes() > ALLOWANCE_BYTES {
            // The peer will hardly take it, and the memory is better used. A stream that is cut ends without a FIN.
            self.sender.cut(ALLOWANCE_BYTES);
        } else {
            self.sender.finish();
        }
        self.timers.linger = now + CLOSE_WITHIN;
    }

    /// Ends the connection for another reason than the owner's request.
    pub(crate) fn die(&mut self, cx: &mut Context<'_>, reason: Closed) {
        if !self.is_owned {
            self.is_over = true;
        } else if self.state != State::Dead && !self.receiver.is_ended {
            cx.events.push_back(Event::Closed { key: self.key, reason });
        }
        self.receiver.drop_ahead();
        self.state = State::Dead;
    }

    /// Checks if closing in the background is complete.
    pub(super) fn check_finished(&mut self, cx: &Context<'_>) {
        if self.is_owned || !self.sender.is_finished() {
            return;
        }
        if self.receiver.is_ended && !self.due.ack {
            self.is_over = true;
        } else {
            self.timers.linger = self.timers.linger.min(cx.now + LINGER);
        }
    }

    /// Handles a repeated SYN. Only the initiator of this connection can mean it.
    pub(crate) fn on_late_syn(&mut self) {
        self.due.ack |= !self.is_initiator && self.state == State::Established;
    }

    /// Handles a packet after our FIN has arrived, when the peer knows that its data is not read. Its FIN is
    /// acknowledged. New data ends the connection, so that later packets are answered with a RESET.
    pub(super) fn on_payload_after_end(&mut self, cx: &Context<'_>, packet: &Packet<'_>) {
        let header = &packet.header;
        let is_fin = header.kind == Type::Fin;
        let arrival = self.receiver.take(header.seq_nr, &[], is_fin, cx.config, cx.totals);
        self.due.ack = true;
        self.is_over |= !is_fin && arrival != Arrival::Duplicate;
    }

    /// Sets the timer that detects losses, if anything is outstanding.
    pub(super) fn arm_loss_timer(&mut self, now: Instant) {
        if !self.sender.has_outstanding() {
            self.timers.loss = Instant::FAR_FUTURE;
            return;
        }
        let mut wait = self.rtt.rto();
        if self.peer_window < self.payload_bytes() {
            wait = wait.min(MAX_SHUT_RTO);
        }
        if self.wants_tail_probe() {
            wait = wait.min(self.rtt.probe_wait(self.sender.flight_packets));
        }
        self.timers.loss = now + wait;
    }

    fn wants_tail_probe(&self) -> bool {
        self.rtt.has_sample()
            && !self.due.tail_probed
            && self.timeouts_in_row == 0
            && self.sender.flight_packets > 0
    }

    fn on_loss_timer(&mut self, cx: &mut Context<'_>) {
        if let State::SynSent { tries } = self.state {
            if tries as usize >= SYN_WAITS_S.len() {
                return self.die(cx, Closed::Unreachable);
            }
            self.due.syn = true;
            return;
        }
        if self.wants_tail_probe() {
            self.due.tail_probe = true;
            self.due.tail_probed = true;
            self.timers.loss = cx.now + self.rtt.rto();
            return;
        }
        self.on_timeout(cx);
    }

    fn on_timeout(&mut self, cx: &mut Context<'_>) {
        self.timeouts += 1;
        self.timeouts_in_row += 1;
        if self.timeouts_in_row >= DEAD_TIMEOUTS && cx.now.since(self.last_heard) >= DEAD_AFTER {
            return self.die(cx, Closed::TimedOut);
        }
        let is_shut = self.peer_window < self.payload_bytes();
        self.stuck.timeouts += 1;
        if is_shut {
            self.stuck = Stuck::new(cx.now);
        } else if self.stuck.timeouts >= STUCK_TIMEOUTS && cx.now.since(self.stuck.since) >= STUCK_FOR {
            return self.die(cx, Closed::TimedOut);
        }
        self.rtt.back_off();
        let acked = self.sender.lose_all();
        if let Some(len) = acked.probe_lost {
            self.mtu.probe_lost(cx.now, len);
        }
        // A closed window is no congestion.
        if !is_shut {
            self.ledbat.on_timeout(self.timeouts_in_row == 1);
        }
        self.question = Question::default();
        self.unpack(cx);
        self.arm_loss_timer(cx.now);
    }

    /// Reacts to repeated losses of long packets, which the path may not carry any more. Their bytes cannot be resent
    /// in smaller packets: their numbers stay bound to them as long as the peer may have received them. Every second
    /// timeout therefore sends a packet that the peer surely has, to learn from its answer what it has received. By
    /// then at least a whole timeout has passed since the packets in question were sent, so any that have not arrived
    /// will not arrive later.
    fn unpack(&mut self, cx: &Context<'_>) {
        let is_shut = self.peer_window < self.payload_bytes();
        if is_shut || self.timeouts_in_row < BLACK_HOLE_TIMEOUTS || !self.timeouts_in_row.is_multiple_of(2) {
            return;
        }
        let base = self.mtu.base_bytes();
        if self.mtu.datagram_bytes() > base {
            self.mtu.black_hole(cx.now);
            self.ledbat.set_packet_bytes(self.payload_bytes());
        }
        if self.sender.payload_bytes(0) > self.payload_bytes() && !self.sender.has_hole() {
            self.question.is_due = true;
        }
    }

    /// Evaluates a possible answer to the question of [`Conn::unpack`]: an acknowledgement without a selective one.
    ///
    /// An acknowledgement that was in flight when we asked describes the past. The difference of the two times in its
    /// header is a time by our own clock: a packet sent then would have arrived just before the answer was sent.
    ///
    /// A keep-alive looks like an answer but acknowledges one packet too few, so two answers are required. Between two
    /// keep-alives there are half a minute and the real answer. Data is never a keep-alive, but does not show what
    /// arrived after a gap, so it answers only for a single packet.
    pub(super) fn on_what_arrived(&mut self, in_order: usize, header: &Header) {
        let Question { asked_us: Some(asked_us), nothing_arrived_us, .. } = self.question else { return };
        let is_data = header.kind != Type::State;
        let latest_us = header.timestamp_us.wrapping_sub(header.delay_us);
        let is_new = header.delay_us != 0 && latest_us.wrapping_sub(asked_us).cast_signed() >= 0;
        let is_repeated = nothing_arrived_us == Some(header.timestamp_us);
        if in_order > 0 || self.sender.has_hole() {
            self.question = Question::default();
            return;
        }
        if !is_new || is_repeated || is_data && self.sender.span() > 1 {
            return;
        }
        if !is_data && nothing_arrived_us.is_none() {
            let nothing_arrived_us = Some(header.timestamp_us);
            self.question = Question { is_due: true, asked_us: None, nothing_arrived_us };
            return;
        }
        self.question = Question::default();
        self.sender.repack();
        self.timeouts_in_row = 0;
        self.rtt.progress();
    }

    /// Handles a window that opened again. The peer has dropped what was sent into the closed window.
    pub(super) fn on_window_opened(&mut self, in_order: usize) {
        self.timers.persist = Instant::FAR_FUTURE;
        if in_order == 0 && self.due.window_probes > 0 {
            self.sender.lose_all();
        }
        self.due.window_probe = false;
        self.due.window_probes = 0;
    }

    /// Sets the timer for probing a closed window.
    pub(super) fn arm_persist_timer(&mut self, now: Instant) {
        if self.timers.persist == Instant::FAR_FUTURE && !self.due.window_probe {
            let wait = self.rtt.rto().saturating_mul(1 << self.due.window_probes.min(5));
            self.timers.persist = now + wait.min(MAX_PERSIST);
        }
    }

    /// Returns true if the due SYN should get another `conn_id`. libtorrent does not answer a SYN of a connection that
    /// it already has, so if its answer is lost there will be no other. The id changes only once, to leave slow answers
    /// time to arrive.
    pub(crate) fn wants_new_id(&self) -> bool {
        self.due.syn && self.state == State::SynSent { tries: NEW_ID_AFTER }
    }

    /// Notes that the SYN is sent.
    pub(super) fn syn_sent(&mut self, now: Instant) {
        if let State::SynSent { tries } = &mut self.state {
            let wait = SYN_WAITS_S.get(*tries as usize).map_or(MAX_PERSIST, |s| Duration::from_secs(*s));
            *tries += 1;
            self.timers.loss = now + wait;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod tests {
    use std::collections::VecDeque;
    use std::net::SocketAddr;

    use super::super::Totals;
    use super::*;
    use crate::seq::SeqNr;
    use crate::{Config, ConnKey};

    #[test]
    fn handle_timeout_of_an_idle_connection_frees_its_memory() {
        let (config, mut events) = (Config::default(), VecDeque::new());
        let now = Instant::from_micros(1_000_000);
        let totals = Totals::default();
        let mut cx = Context { now, clock_us: 0, config: &config, totals, events: &mut events };
        let from = SocketAddr::from(([192, 0, 2, 1], 1));
        let mut conn = Conn::accept(ConnKey::default(), &cx, from.into(), 1, SeqNr(1), SeqNr(1));
        conn.peer_window = 1 << 20;
        for _ in 0..100 {
            conn.write(&cx, bytes::Bytes::from_static(&[0; 40]));
        }
        while conn.poll_transmit(&mut cx, 64, &mut Vec::new()).is_some() {}
        conn.sender.on_ack(conn.sender.span(), &[], Duration::ZERO, now);
        assert!(conn.sender.capacity() > 0);
        cx.now += KEEP_ALIVE;
        conn.handle_timeout(&mut cx);
        assert_eq!(conn.sender.capacity(), 0);
    }
}
