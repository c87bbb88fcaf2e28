//! The timers of a connection, and its end.

use ztor_base::{Duration, Instant};

use super::receive::Arrival;
use super::send_budget::ALLOWANCE_BYTES;
use super::{Conn, Context, Question, State, Stuck};
use crate::header::{Header, Packet, Type};
use crate::{Closed, Event};

/// After so much silence something is said, so that NATs keep the way open. The field's value.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(29);
/// Waits after each SYN.
const SYN_WAITS_S: [u64; 4] = [1, 2, 3, 4];
/// After so many SYNs the next one is that of another connection.
const NEW_ID_AFTER: u32 = 2;
/// Who does not answer for so long, and for so many timeouts, is dead.
const DEAD_AFTER: Duration = Duration::from_secs(30);
const DEAD_TIMEOUTS: u32 = 4;
/// So is who answers but does not take one packet in so long and so many timeouts, unless his window is shut.
const STUCK_FOR: Duration = Duration::from_secs(60);
const STUCK_TIMEOUTS: u32 = 6;
/// Longest wait between two probes of a shut window.
const MAX_PERSIST: Duration = Duration::from_secs(15);
/// A retransmission into a shut window waits no longer than this, since what opens it may get lost.
const MAX_SHUT_RTO: Duration = Duration::from_secs(10);
/// Time for the rest of what was written and the FIN to arrive, after the owner has gone.
const CLOSE_WITHIN: Duration = Duration::from_secs(30);
/// Time for the other end's FIN after ours has arrived.
const LINGER: Duration = Duration::from_secs(5);
/// A packet that others have overtaken has so long to come.
const GAP_FILLED_WITHIN: Duration = Duration::from_secs(60);
/// Timeouts in a row after which long packets are under suspicion.
const BLACK_HOLE_TIMEOUTS: u32 = 2;

impl Conn {
    /// The time at which [`Conn::handle_timeout`] is next due; [`Instant::FAR_FUTURE`] for never.
    pub(crate) fn poll_timeout(&self) -> Instant {
        if self.state == State::Dead { Instant::FAR_FUTURE } else { self.timers.earliest() }
    }

    /// Does what is due at `cx.now`.
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
            // Sending only moves `last_sent`.
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

    /// Sets the timer for what is missing before packets that are here, which take up memory.
    pub(super) fn watch_gap(&mut self, now: Instant, arrival: Arrival) {
        if !self.receiver.has_gap() {
            self.timers.gap = Instant::FAR_FUTURE;
        } else if self.timers.gap == Instant::FAR_FUTURE || matches!(arrival, Arrival::Next { .. }) {
            self.timers.gap = now + GAP_FILLED_WITHIN;
        }
    }

    fn on_gap_timer(&mut self, cx: &mut Context<'_>) {
        if self.receiver.window_bytes(cx.config, cx.totals.held) < self.payload_bytes() {
            // It is our reader who keeps it from coming.
            self.watch_gap(cx.now, Arrival::Ahead);
        } else {
            self.die(cx, Closed::TimedOut);
        }
    }

    /// The owner wants no more: what was written goes out, then a FIN.
    pub(crate) fn close(&mut self, now: Instant) {
        self.is_owned = false;
        self.receiver.discard();
        if self.state != State::Established {
            self.is_over = true;
            return;
        }
        if self.peer_window < self.payload_bytes() && self.sender.unsent_bytes() > ALLOWANCE_BYTES {
            // It will hardly be taken, and the memory is better used. Without all of it there is no proper end.
            self.sender.cut(ALLOWANCE_BYTES);
        } else {
            self.sender.finish();
        }
        self.timers.linger = now + CLOSE_WITHIN;
    }

    /// It is over without the owner having asked for that.
    pub(crate) fn die(&mut self, cx: &mut Context<'_>, reason: Closed) {
        if !self.is_owned {
            self.is_over = true;
        } else if self.state != State::Dead && !self.receiver.is_ended {
            cx.events.push_back(Event::Closed { key: self.key, reason });
        }
        self.receiver.drop_ahead();
        self.state = State::Dead;
    }

    /// Whether an end in the background has come to its end.
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

    /// A SYN came again. Only the caller of this connection can mean it.
    pub(crate) fn on_late_syn(&mut self) {
        self.due.ack |= !self.is_initiator && self.state == State::Established;
    }

    /// Our FIN has arrived, so the other end knows that nobody listens. Its own FIN is acknowledged; to what else it
    /// sends the answer is that there is no connection.
    pub(super) fn on_payload_after_end(&mut self, cx: &Context<'_>, packet: &Packet<'_>) {
        let header = &packet.header;
        let is_fin = header.kind == Type::Fin;
        let arrival = self.receiver.take(header.seq_nr, &[], is_fin, cx.config, cx.totals);
        self.due.ack = true;
        self.is_over |= !is_fin && arrival != Arrival::Duplicate;
    }

    /// Sets the timer that notices losses, if anything is outstanding.
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
        // A shut window is no congestion.
        if !is_shut {
            self.ledbat.on_timeout(self.timeouts_in_row == 1);
        }
        self.question = Question::default();
        self.unpack(cx);
        self.arm_loss_timer(cx.now);
    }

    /// If long packets get lost again and again, the path may have become one that does not take them. They cannot
    /// be sent again in smaller ones: the numbers stay with what they were first sent with, since the other end may
    /// have received them. So every second time, instead of sending again, we send something that it surely has, to
    /// which it answers with what it has. By then at least a whole timeout has passed since we last sent the packets
    /// in question; if it has none of them, none will arrive any more.
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

    /// What may be the answer to the question in [`Conn::unpack`]: an acknowledgement without a selective one.
    ///
    /// One that was on its way when we asked tells of the past. The two times in a header give, by our own clock,
    /// when the last packet that the other end had was sent, and how long it has had it: so they tell when a packet
    /// would have been sent that arrived just before the answer was.
    ///
    /// A keep-alive looks like an answer but acknowledges one packet too few, so it takes two: between two keep-alives
    /// there are half a minute and the real answer. Data is never a keep-alive, but does not tell what came after a
    /// gap, so that it answers only for a single packet.
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

    /// The other end takes packets again. What was sent into the shut window was dropped by it.
    pub(super) fn on_window_opened(&mut self, in_order: usize) {
        self.timers.persist = Instant::FAR_FUTURE;
        if in_order == 0 && self.due.window_probes > 0 {
            self.sender.lose_all();
        }
        self.due.window_probe = false;
        self.due.window_probes = 0;
    }

    /// Notes when to try a shut window, if that is what keeps us from sending.
    pub(super) fn arm_persist_timer(&mut self, now: Instant) {
        if self.timers.persist == Instant::FAR_FUTURE && !self.due.window_probe {
            let wait = self.rtt.rto().saturating_mul(1 << self.due.window_probes.min(5));
            self.timers.persist = now + wait.min(MAX_PERSIST);
        }
    }

    /// Whether the SYN that is due should have another `conn_id`. libtorrent does not answer a SYN of a connection that
    /// it already has, so if its answer got lost there will be no other. Only once, so that answers that are slow
    /// have time to come.
    pub(crate) fn wants_new_id(&self) -> bool {
        self.due.syn && self.state == State::SynSent { tries: NEW_ID_AFTER }
    }

    /// Notes that the SYN is going out.
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
    fn one_that_rests_holds_no_memory() {
        let (config, mut events) = (Config::default(), VecDeque::new());
        let now = Instant::from_micros(1_000_000);
        let totals = Totals::default();
        let mut cx = Context { now, clock_us: 0, config: &config, totals, events: &mut events };
        let from = SocketAddr::from(([192, 0, 2, 1], 1));
        let mut conn = Conn::accept(ConnKey::default(), &cx, from, 1, SeqNr(1), SeqNr(1));
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
