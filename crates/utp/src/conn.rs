//! One connection.

mod ack;
mod receive;
mod send;
mod send_budget;
mod timers;
mod transmit;

use crate::Path;
use std::collections::VecDeque;

use ztor_base::{Duration, Instant};

use crate::header::{HEADER_BYTES, Header, Packet, Type};
use crate::ledbat::{Ledbat, Sample};
use crate::mtu::Mtu;
use crate::rtt::Rtt;
use crate::seq::SeqNr;
use crate::{Closed, Config, ConnKey, Event, Stats};

pub(crate) use send_budget::Totals;

use ack::{Acked, Newest};
use receive::{Arrival, Receiver};
use send::Sender;

/// Delay of the acknowledgement of a single packet.
const ACK_DELAY: Duration = Duration::from_millis(10);
/// Number of packets that are acknowledged without delay.
const ACK_PACKETS: u32 = 2;
/// Maximum lag of a plausible `ack_nr`, in multiples of the most packets that were ever in flight. Reordered packets
/// lag, and keep-alives are one behind. A forger has to guess the number, so the bound is tight.
const STALE_FLIGHTS: usize = 2;
/// The same as a minimum number of packets.
const LEAST_STALE: usize = 64;

/// Environment of a connection during a call.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    /// Our clock as peers see it, modulo 2³².
    pub(crate) clock_us: u32,
    pub(crate) config: &'a Config,
    /// Bytes that all connections hold.
    pub(crate) totals: Totals,
    pub(crate) events: &'a mut VecDeque<Event>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The SYN was sent `tries` times.
    SynSent {
        tries: u32,
    },
    Established,
    /// Over, but the owner still has the key.
    Dead,
}

/// A connection. The endpoint passes in packets, timeouts and calls, then polls for datagrams and the next timeout.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) key: ConnKey,
    pub(crate) to: Path,
    /// The `conn_id` of packets to us and from us.
    pub(crate) recv_id: u16,
    pub(crate) send_id: u16,
    pub(crate) is_initiator: bool,
    pub(crate) state: State,
    /// True while the owner has the key. After that, it closes in the background.
    pub(crate) is_owned: bool,
    /// Set when the endpoint may remove it.
    pub(crate) is_over: bool,
    /// Set if its removal needs a RESET, because the peer has not received everything.
    pub(crate) is_broken_off: bool,
    /// True while it is in the endpoint's line of connections to poll.
    pub(crate) is_in_line: bool,
    /// Time of its entry in the endpoint's alarms; [`Instant::FAR_FUTURE`] without one.
    pub(crate) alarm: Instant,
    /// Its part of the endpoint's totals.
    pub(crate) counted: Totals,
    receiver: Receiver,
    sender: Sender,
    rtt: Rtt,
    ledbat: Ledbat,
    mtu: Mtu,
    /// One-way delay of the last packet received, in microseconds (`timestamp_difference_microseconds`); 0 before the
    /// first.
    reply_us: u32,
    peer_window: usize,
    /// Set once the peer is known to keep state for the connection. Before, it may reject packets that are too far
    /// ahead; see `cookie`.
    pub(crate) is_confirmed: bool,
    /// Set if the congestion window kept us from sending.
    was_limited: bool,
    /// Set if the send room was small.
    wants_room: bool,
    timers: Timers,
    due: Due,
    unacked_arrivals: u32,
    /// Consecutive timeouts.
    timeouts_in_row: u32,
    timeouts: u64,
    last_heard: Instant,
    last_sent: Instant,
    question: Question,
    stuck: Stuck,
}

/// A question to the peer about what it has received; see [`Conn::unpack`]. It is dropped as a whole, since nothing new
/// is sent while it is open.
#[derive(Debug, Default)]
struct Question {
    /// Set if it has to be sent.
    is_due: bool,
    /// Time by our clock from which an answer counts; `None` before it is sent.
    asked_us: Option<u32>,
    /// Timestamp of the peer's first answer that nothing has arrived; `None` before it.
    nothing_arrived_us: Option<u32>,
}

/// Wait for the first packet that is not acknowledged.
#[derive(Debug)]
struct Stuck {
    since: Instant,
    timeouts: u32,
}

/// Times of the next timeouts; [`Instant::FAR_FUTURE`] means never.
#[derive(Debug)]
struct Timers {
    ack: Instant,
    /// Tail loss probe or retransmission timeout.
    loss: Instant,
    /// Probe of the peer's closed window.
    persist: Instant,
    /// Keep-alive, which holds NAT mappings open.
    keep_alive: Instant,
    /// End of the attempt to close in the background.
    linger: Instant,
    /// End of the wait for a packet that others have overtaken.
    gap: Instant,
}

/// Packets to send in addition to queued data.
#[derive(Debug, Default)]
struct Due {
    syn: bool,
    ack: bool,
    /// Retransmission of the last packet, whatever the window. `tail_probed` stays set until something is acknowledged.
    tail_probe: bool,
    tail_probed: bool,
    /// A packet beyond the peer's window.
    window_probe: bool,
    window_probes: u32,
    keep_alive: bool,
}

impl Conn {
    pub(crate) fn connect(key: ConnKey, cx: &Context<'_>, to: Path, recv_id: u16, syn: SeqNr) -> Self {
        let mut conn = Self::new(key, cx, to, recv_id, recv_id.wrapping_add(1), syn.plus(1), SeqNr(0));
        conn.is_initiator = true;
        conn.state = State::SynSent { tries: 0 };
        conn.due.syn = true;
        conn.timers.keep_alive = Instant::FAR_FUTURE;
        conn
    }

    /// Creates a connection that a peer opened with the SYN `syn`, after it has received our answer.
    pub(crate) fn accept(
        key: ConnKey,
        cx: &Context<'_>,
        from: Path,
        recv_id: u16,
        first: SeqNr,
        syn: SeqNr,
    ) -> Self {
        let mut conn = Self::new(key, cx, from, recv_id, recv_id.wrapping_sub(1), first, syn);
        conn.is_confirmed = true;
        conn
    }

    fn new(
        key: ConnKey,
        cx: &Context<'_>,
        to: Path,
        recv_id: u16,
        send_id: u16,
        first: SeqNr,
        ack_nr: SeqNr,
    ) -> Self {
        let mtu = Mtu::new(cx.now, to.peer, cx.config.max_datagram_bytes);
        Self {
            key,
            to,
            recv_id,
            send_id,
            is_initiator: false,
            state: State::Established,
            is_owned: true,
            is_over: false,
            is_broken_off: false,
            is_in_line: false,
            alarm: Instant::FAR_FUTURE,
            counted: Totals::default(),
            receiver: Receiver::new(ack_nr),
            sender: Sender::new(first),
            rtt: Rtt::new(cx.now),
            ledbat: Ledbat::new(cx.now, cx.config.max_send_bytes, mtu.datagram_bytes() - HEADER_BYTES),
            mtu,
            reply_us: 0,
            peer_window: 0,
            is_confirmed: false,
            was_limited: false,
            wants_room: false,
            timers: Timers::new(cx.now),
            due: Due::default(),
            unacked_arrivals: 0,
            timeouts_in_row: 0,
            timeouts: 0,
            last_heard: cx.now,
            last_sent: cx.now,
            question: Question::default(),
            stuck: Stuck::new(cx.now),
        }
    }

    /// Handles a packet that names this connection.
    pub(crate) fn handle(&mut self, cx: &mut Context<'_>, packet: &Packet<'_>) {
        match self.state {
            State::SynSent { .. } => self.on_syn_answer(cx, packet),
            State::Established => self.on_established(cx, packet),
            State::Dead => {}
        }
    }

    /// Returns true if a RESET refers to a packet that we sent. It names the packet that it answers, or the last one
    /// that arrived.
    pub(crate) fn is_plausible_reset(&self, ack_nr: SeqNr) -> bool {
        let distance = ack_nr.since(self.sender.acked_seq_nr());
        (-256..=self.sender.next_seq_nr().since(self.sender.acked_seq_nr())).contains(&distance)
    }

    fn on_syn_answer(&mut self, cx: &mut Context<'_>, packet: &Packet<'_>) {
        let State::SynSent { tries } = self.state else { return };
        let header = &packet.header;
        if header.kind != Type::State || header.ack_nr != self.sender.acked_seq_nr() {
            return;
        }
        if tries == 1 {
            self.rtt.sample(cx.now, cx.now.since(self.last_sent));
        }
        self.receiver.ack_nr = header.seq_nr.minus(1);
        self.state = State::Established;
        self.timers.loss = Instant::FAR_FUTURE;
        self.timers.keep_alive = cx.now + timers::KEEP_ALIVE;
        self.heard(cx, packet);
        self.peer_window = header.wnd_bytes as usize;
        cx.events.push_back(Event::Connected(self.key));
    }

    fn on_established(&mut self, cx: &mut Context<'_>, packet: &Packet<'_>) {
        let header = &packet.header;
        let in_order = header.ack_nr.since(self.sender.acked_seq_nr());
        let stale = (STALE_FLIGHTS * self.sender.peak_span()).max(LEAST_STALE);
        let is_ours = in_order.min(0).unsigned_abs() as usize <= stale
            && header.ack_nr.since(self.sender.next_seq_nr()) < 0
            && self.receiver.is_plausible(header.seq_nr);
        if !is_ours {
            return;
        }
        self.heard(cx, packet);
        if let Ok(in_order) = usize::try_from(in_order) {
            self.on_ack(cx, in_order, packet);
        }
        if let Type::Data | Type::Fin = header.kind {
            self.on_payload(cx, packet);
        }
        self.check_finished(cx);
    }

    fn heard(&mut self, cx: &Context<'_>, packet: &Packet<'_>) {
        self.last_heard = cx.now;
        // Zero means "not known".
        self.reply_us = cx.clock_us.wrapping_sub(packet.header.timestamp_us).max(1);
    }

    fn on_ack(&mut self, cx: &mut Context<'_>, in_order: usize, packet: &Packet<'_>) {
        let header = &packet.header;
        let window = header.wnd_bytes as usize;
        let sack = packet.sack.unwrap_or_default();
        let was_shut = self.peer_window < self.payload_bytes();
        let is_repeated = in_order == 0
            && sack.is_empty()
            && header.kind == Type::State
            && window == self.peer_window
            && self.sender.has_outstanding();
        self.peer_window = window;
        if sack.is_empty() {
            self.on_what_arrived(in_order, header);
        }
        let mut acked = self.sender.on_ack(in_order, sack, self.rtt.min(), cx.now);
        if is_repeated && acked.packets == 0 {
            acked = self.sender.on_repeated_ack();
        }
        if acked.packets > 0 {
            self.on_arrivals(cx, &acked, header);
        }
        self.on_losses(cx, &acked);
        if was_shut && window >= self.payload_bytes() {
            self.on_window_opened(in_order);
        }
        if !self.sender.has_outstanding() {
            // No loss timer runs from here, so nothing may wait for an answer.
            self.question = Question::default();
            self.timers.loss = Instant::FAR_FUTURE;
        }
    }

    fn on_arrivals(&mut self, cx: &mut Context<'_>, acked: &Acked, header: &Header) {
        self.is_confirmed = true;
        self.timeouts_in_row = 0;
        self.question = Question::default();
        if acked.is_in_order {
            self.stuck = Stuck::new(cx.now);
        }
        self.due.tail_probed = false;
        self.due.tail_probe = false;
        self.rtt.progress();
        if let Some(newest) = acked.newest {
            let rtt = cx.now.since(newest.sent_at);
            self.rtt.sample(cx.now, rtt);
            if header.delay_us != 0 {
                self.ledbat.delays.sample(cx.now, header.delay_us, rtt, self.rtt.min());
            }
            let Newest { order, flight_bytes, .. } = newest;
            let next_order = self.sender.next_order;
            let clocks_us = [cx.clock_us, header.timestamp_us];
            self.ledbat.on_sample(Sample { order, next_order, flight_bytes, rtt, clocks_us });
        }
        if acked.was_spurious {
            self.ledbat.undo_loss();
        }
        if let Some(len) = acked.probe_arrived {
            self.mtu.arrived(len);
            self.ledbat.set_packet_bytes(self.payload_bytes());
        }
        self.ledbat.on_ack(cx.now, acked.bytes, self.was_limited, &self.rtt);
        self.arm_loss_timer(cx.now);
    }

    fn on_losses(&mut self, cx: &Context<'_>, acked: &Acked) {
        if let Some(len) = acked.probe_lost {
            self.mtu.probe_lost(cx.now, len);
        }
        if acked.is_congested {
            self.ledbat.on_loss();
        }
    }

    fn on_payload(&mut self, cx: &mut Context<'_>, packet: &Packet<'_>) {
        if self.is_owned || !self.sender.is_finished() {
            let was_empty = self.receiver.readable() == 0;
            let was_ended = self.receiver.is_ended;
            let header = &packet.header;
            let is_fin = header.kind == Type::Fin;
            let before = self.receiver.ack_nr;
            let arrival = self.receiver.take(header.seq_nr, packet.payload, is_fin, cx.config, cx.totals);
            self.receiver.note_progress(cx.now, before);
            self.watch_gap(cx.now, arrival);
            match arrival {
                Arrival::Next { filled: false } => {
                    self.unacked_arrivals += 1;
                    self.timers.ack = self.timers.ack.min(cx.now + ACK_DELAY);
                    self.due.ack |= is_fin || self.unacked_arrivals >= ACK_PACKETS;
                }
                _ => self.due.ack = true,
            }
            if self.is_owned {
                if was_empty && self.receiver.readable() > 0 {
                    cx.events.push_back(Event::Readable(self.key));
                }
                if self.receiver.is_ended && !was_ended {
                    cx.events.push_back(Event::Closed { key: self.key, reason: Closed::Ended });
                }
            }
        } else {
            self.on_payload_after_end(cx, packet);
        }
    }

    /// Returns the payload of an ordinary packet in bytes.
    fn payload_bytes(&self) -> usize {
        self.mtu.datagram_bytes() - HEADER_BYTES
    }

    pub(crate) fn readable(&self) -> usize {
        self.receiver.readable()
    }

    pub(crate) fn read(&mut self, cx: &Context<'_>, limit: usize, into: &mut bytes::BytesMut) -> usize {
        let len = self.receiver.read(limit, into);
        let total_held = cx.totals.held.saturating_sub(len);
        if self.state == State::Established
            && !self.receiver.is_ended
            && self.receiver.wants_window_update(cx.config, total_held)
        {
            self.due.ack = true;
            // Only this acknowledgement shows the peer that there is room for the missing packet.
            self.watch_gap(cx.now, Arrival::Next { filled: true });
        }
        len
    }

    pub(crate) fn too_big(&mut self, now: Instant, len: usize) {
        self.mtu.too_big(now, len);
        self.ledbat.set_packet_bytes(self.payload_bytes());
    }

    pub(crate) fn stats(&self) -> Stats {
        let counts = self.sender.counts;
        Stats {
            rtt: self.rtt.smoothed(),
            min_rtt: self.rtt.min(),
            our_delay: Duration::from_micros(self.ledbat.delays.queue_us() as u64),
            cwnd_bytes: self.ledbat.cwnd_bytes(),
            in_flight_bytes: self.sender.flight_bytes,
            unacked_bytes: self.sender.unacked_bytes(),
            peer_window_bytes: self.peer_window,
            mtu_bytes: self.mtu.datagram_bytes(),
            acked_bytes: self.sender.acked_bytes(),
            received_bytes: self.receiver.received_bytes,
            sent_packets: counts.sent,
            lost_packets: counts.lost,
            retransmitted_packets: counts.resent,
            duplicate_packets: self.receiver.duplicates,
            timeouts: self.timeouts,
        }
    }
}

impl Stuck {
    fn new(now: Instant) -> Self {
        Self { since: now, timeouts: 0 }
    }
}

impl Timers {
    fn new(now: Instant) -> Self {
        let never = Instant::FAR_FUTURE;
        Self {
            ack: never,
            loss: never,
            persist: never,
            keep_alive: now + timers::KEEP_ALIVE,
            linger: never,
            gap: never,
        }
    }

    fn earliest(&self) -> Instant {
        self.ack.min(self.loss).min(self.persist).min(self.keep_alive).min(self.linger).min(self.gap)
    }
}
