//! Construction of the datagrams that a connection sends.

use ztor_base::{Duration, Instant};

use super::{Conn, Context, State, Stuck};
use crate::header::{HEADER_BYTES, Header, MAX_SACK_BYTES, MIN_PADDING_BYTES, Type};
use crate::seq::SeqNr;

/// Maximum packets in flight before the first of them is acknowledged; see [`crate::cookie`].
const MAX_UNCONFIRMED: usize = 4;
/// Maximum packets from the first that is not acknowledged to the last that was sent. Numbers have 16 bits, and our own
/// receiver keeps as many.
const MAX_SPAN: usize = 4000;
/// The same while a packet is missing: libutp keeps at most 1024 after a gap.
const MAX_SPAN_WITH_HOLE: usize = 1000;
/// Minimum window in bytes that is used for a short packet, when no whole packet fits and nothing is in flight.
const LEAST_PART_BYTES: usize = 150;
/// Number of ordinary packets after an MTU probe, so that its loss is detected quickly.
const PACKETS_AFTER_PROBE: usize = 4;

/// Maximum time by which an answer may seem to precede its question.
const MAX_BACK: Duration = Duration::from_secs(10);

/// Datagrams that were appended to the buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Appended {
    pub(crate) len: usize,
    pub(crate) segment_len: usize,
}

/// The next packet of the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    /// A retransmission, by its index.
    Again(usize),
    New {
        len: usize,
        /// Length of the datagram if it probes the path, otherwise 0.
        probe_bytes: usize,
    },
    Fin,
}

impl Conn {
    /// Appends up to `max_datagrams` datagrams of one length to `buf`; the last one may be shorter.
    pub(crate) fn poll_transmit(
        &mut self,
        cx: &mut Context<'_>,
        max_datagrams: usize,
        buf: &mut Vec<u8>,
    ) -> Option<Appended> {
        let begin = buf.len();
        match self.state {
            State::SynSent { .. } => self.transmit_syn(cx, buf),
            State::Established => self.transmit_established(cx, max_datagrams, buf),
            State::Dead => None,
        }
        .map(|segment_len| {
            self.last_sent = cx.now;
            Appended { len: buf.len() - begin, segment_len }
        })
    }

    fn transmit_syn(&mut self, cx: &mut Context<'_>, buf: &mut Vec<u8>) -> Option<usize> {
        if !std::mem::take(&mut self.due.syn) {
            return None;
        }
        self.syn_sent(cx.now);
        let header = Header {
            conn_id: self.recv_id,
            delay_us: 0,
            ack_nr: SeqNr(0),
            ..self.header(cx, Type::Syn, self.sender.acked_seq_nr())
        };
        header.write(&[], buf);
        Some(HEADER_BYTES)
    }

    fn transmit_established(
        &mut self,
        cx: &mut Context<'_>,
        max_datagrams: usize,
        buf: &mut Vec<u8>,
    ) -> Option<usize> {
        if self.question.is_due {
            return Some(self.transmit_question(cx, buf));
        }
        // A selective ack makes packets longer, so it is sent alone.
        if self.due.ack && self.receiver.has_gap() {
            return Some(self.transmit_state(cx, buf));
        }
        if let Some(segment_len) = self.transmit_stream(cx, max_datagrams, buf) {
            return Some(segment_len);
        }
        if self.due.ack {
            return Some(self.transmit_state(cx, buf));
        }
        if std::mem::take(&mut self.due.keep_alive) {
            return Some(self.transmit_keep_alive(cx, buf));
        }
        None
    }

    fn transmit_stream(
        &mut self,
        cx: &mut Context<'_>,
        max_datagrams: usize,
        buf: &mut Vec<u8>,
    ) -> Option<usize> {
        self.restart_after_idle(cx.now);
        let mut segment_len = None;
        let mut header = None;
        for count in 0..max_datagrams {
            let Some(next) = self.next_packet(cx.now) else { break };
            let len = match next {
                Next::Again(index) => HEADER_BYTES + self.sender.payload_bytes(index),
                Next::New { len, probe_bytes } => probe_bytes.max(HEADER_BYTES + len),
                Next::Fin => HEADER_BYTES,
            };
            let is_probe = matches!(next, Next::New { probe_bytes: 1.., .. });
            if segment_len.is_some_and(|segment_len| len > segment_len) || is_probe && count > 0 {
                break;
            }
            let header = *header.get_or_insert_with(|| self.header(cx, Type::Data, SeqNr(0)));
            self.write_packet(cx.now, next, header, buf);
            if *segment_len.get_or_insert(len) != len || is_probe {
                break;
            }
        }
        segment_len
    }

    fn write_packet(&mut self, now: Instant, next: Next, header: Header, buf: &mut Vec<u8>) {
        if !self.sender.has_outstanding() {
            self.stuck = Stuck::new(now);
            self.timers.loss = Instant::FAR_FUTURE;
        }
        let (index, padding) = match next {
            Next::Again(index) => {
                if let Some(len) = self.sender.resend(now, index) {
                    self.mtu.probe_gone(len);
                }
                (index, 0)
            }
            Next::New { len, probe_bytes } => {
                if probe_bytes > 0 {
                    self.mtu.probe_sent(now, probe_bytes);
                }
                (self.sender.make(now, len, probe_bytes), probe_bytes.saturating_sub(HEADER_BYTES + len))
            }
            Next::Fin => (self.sender.make(now, 0, 0), 0),
        };
        let (seq_nr, is_fin) = self.sender.label(index);
        let kind = if is_fin { Type::Fin } else { Type::Data };
        Header { kind, seq_nr, ..header }.write_padded(padding, buf);
        self.sender.copy_payload(index, buf);
        if std::mem::take(&mut self.due.window_probe) {
            self.due.window_probes += 1;
        }
        // The timer runs from the oldest packet (RFC 6298 §5.1). A steady sender must also notice that nothing arrives.
        if self.timers.loss == Instant::FAR_FUTURE {
            self.arm_loss_timer(now);
        }
    }

    /// Returns the next packet that may be sent now, lost ones first.
    fn next_packet(&mut self, now: Instant) -> Option<Next> {
        if std::mem::take(&mut self.due.tail_probe)
            && let Some(index) = self.sender.last_unacked()
        {
            return Some(Next::Again(index));
        }
        if self.question.asked_us.is_some() {
            return None;
        }
        if let Some(index) = self.sender.next_lost() {
            return self.fits(self.sender.payload_bytes(index)).then_some(Next::Again(index));
        }
        let span = self.sender.span();
        let max_span = match () {
            () if !self.is_confirmed => MAX_UNCONFIRMED,
            () if self.sender.has_hole() => MAX_SPAN_WITH_HOLE,
            () => MAX_SPAN,
        };
        if span >= max_span {
            return None;
        }
        let unsent = self.sender.unsent_bytes();
        if unsent == 0 {
            self.was_limited = false;
            return self.sender.wants_fin().then_some(Next::Fin);
        }
        let len = self.new_payload_bytes(now, unsent)?;
        if !self.fits(len) {
            return None;
        }
        Some(Next::New { len, probe_bytes: self.probe_bytes(now, len, unsent) })
    }

    /// Returns the payload of the next new packet that the peer's window allows; `None` if it allows none.
    fn new_payload_bytes(&mut self, now: Instant, unsent: usize) -> Option<usize> {
        let len = unsent.min(self.payload_bytes());
        let outstanding = self.sender.outstanding_bytes();
        let room = self.peer_window.saturating_sub(outstanding);
        if len <= room {
            return Some(len);
        }
        self.was_limited = false;
        if self.sender.has_outstanding() {
            return None;
        }
        if room >= LEAST_PART_BYTES {
            return Some(room);
        }
        if self.due.window_probe {
            // Short, since a packet cannot be cut once it is sent, and has to fit into the window that opens later.
            return Some(len.min(LEAST_PART_BYTES));
        }
        self.arm_persist_timer(now);
        None
    }

    /// Returns true if the congestion window has room. One packet is always allowed.
    fn fits(&mut self, len: usize) -> bool {
        let fits =
            self.sender.flight_packets == 0 || self.sender.flight_bytes + len <= self.ledbat.cwnd_bytes();
        self.was_limited |= !fits;
        fits
    }

    fn probe_bytes(&self, now: Instant, len: usize, unsent: usize) -> usize {
        let payload = self.payload_bytes();
        // The peer keeps nothing that arrives before the very first packet, so that one has to arrive; see `cookie`.
        let is_worth_it = len == payload
            && (self.is_confirmed || self.sender.has_outstanding())
            && unsent > PACKETS_AFTER_PROBE * payload
            && self.ledbat.cwnd_bytes() > PACKETS_AFTER_PROBE * payload
            && self.sender.outstanding_bytes() + PACKETS_AFTER_PROBE * payload < self.peer_window;
        // A probe is sent at its full length or not at all.
        let is_possible = |bytes: &usize| *bytes >= HEADER_BYTES + len + MIN_PADDING_BYTES;
        if is_worth_it { self.mtu.wanted_probe(now).filter(is_possible).unwrap_or(0) } else { 0 }
    }

    fn transmit_state(&mut self, cx: &Context<'_>, buf: &mut Vec<u8>) -> usize {
        let begin = buf.len();
        let header = self.header(cx, Type::State, self.sender.next_seq_nr());
        header.write(self.receiver.sack(&mut [0; MAX_SACK_BYTES]), buf);
        self.check_finished(cx);
        buf.len() - begin
    }

    /// Appends a keep-alive: an acknowledgement of one packet less than before, so that it has no other effect. libutp
    /// does the same.
    fn transmit_keep_alive(&mut self, cx: &Context<'_>, buf: &mut Vec<u8>) -> usize {
        let header = self.header(cx, Type::State, self.sender.next_seq_nr());
        Header { ack_nr: header.ack_nr.minus(1), ..header }.write(&[], buf);
        HEADER_BYTES
    }

    /// Appends a packet that the peer has had already, so that it answers; see [`Conn::unpack`]. Its payload does not
    /// matter.
    fn transmit_question(&mut self, cx: &Context<'_>, buf: &mut Vec<u8>) -> usize {
        self.question.is_due = false;
        // Some way back, since libutp does not measure the delay of duplicates; but well after the packets in question.
        let back = (cx.now.since(self.sender.last_sent_at()) / 2).min(MAX_BACK);
        self.question.asked_us = Some(cx.clock_us.wrapping_sub(back.as_micros() as u32));
        let header = self.header(cx, Type::Data, self.sender.acked_seq_nr());
        header.write(&[], buf);
        buf.push(0);
        HEADER_BYTES + 1
    }

    /// Returns the header of a RESET to the peer; `None` if the connection is not established.
    pub(crate) fn reset_header(&self, clock_us: u32) -> Option<Header> {
        (self.state == State::Established).then_some(Header {
            kind: Type::Reset,
            conn_id: self.send_id,
            timestamp_us: clock_us,
            delay_us: self.reply_us,
            wnd_bytes: 0,
            seq_nr: self.sender.next_seq_nr(),
            ack_nr: self.receiver.ack_nr,
        })
    }

    /// Returns a header that acknowledges everything received, so that no acknowledgement is due. A selective ack
    /// remains due unless `kind` is a STATE.
    fn header(&mut self, cx: &Context<'_>, kind: Type, seq_nr: SeqNr) -> Header {
        if !self.receiver.has_gap() || kind == Type::State {
            self.due.ack = false;
        }
        self.unacked_arrivals = 0;
        self.timers.ack = Instant::FAR_FUTURE;
        Header {
            kind,
            conn_id: self.send_id,
            timestamp_us: cx.clock_us,
            delay_us: self.reply_us,
            wnd_bytes: self.receiver.advertise(cx.config, cx.totals.held),
            seq_nr,
            ack_nr: self.receiver.ack_nr,
        }
    }

    fn restart_after_idle(&mut self, now: Instant) {
        if !self.sender.has_outstanding() && now.since(self.last_sent.max(self.last_heard)) > self.rtt.rto() {
            self.ledbat.on_idle(now);
        }
    }
}
