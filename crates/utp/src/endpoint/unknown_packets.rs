//! Packets of no connection, and the answers to them. Nothing is stored for their senders.

use std::collections::{BTreeMap, VecDeque};

use ztor_base::{Duration, Instant};

use super::limits::NetLimits;
use crate::cookie::Cookies;
use crate::header::{HEADER_BYTES, Header, Type};
use crate::seq::SeqNr;
use crate::{Config, Path, Transmit};

/// Maximum bytes of queued answers; more are dropped. An answer is no longer than its packet, and is sent within an
/// iteration of the driver.
const MAX_REPLY_BYTES: usize = 512 << 10;
/// Bytes of queued answers beyond which RESETs are dropped.
const MAX_RESET_BYTES: usize = MAX_REPLY_BYTES / 4;
/// Factor between the RESETs of one network and those of all networks together.
const RESETS_FOR_ALL: u32 = 64;
/// Maximum number of ended connections that are remembered, so that a late packet does not reopen them.
const MAX_REMEMBERED: usize = 4096;
/// Time for which an ended connection is remembered: the validity of a cookie.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// The reaction to a packet of no connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Accept a connection. `syn` is the number of its SYN.
    Accept {
        syn: SeqNr,
    },
    Ignore,
    Reset,
}

#[derive(Debug)]
pub(super) struct UnknownPackets {
    cookies: Cookies,
    /// At most [`MAX_REPLY_BYTES`], except for those that end connections.
    replies: VecDeque<(Path, [u8; HEADER_BYTES])>,
    /// RESETs, and packets with a wrong cookie.
    resets: NetLimits,
    syn_answers: NetLimits,
    incoming: NetLimits,
    /// Connections that ended, with the time of their end.
    ended: BTreeMap<(Path, u16), Instant>,
    /// The same, oldest first.
    ended_order: VecDeque<(Path, u16)>,
}

impl UnknownPackets {
    pub(super) fn new(now: Instant, config: &Config, secret: [u8; 20]) -> Self {
        Self {
            cookies: Cookies::new(secret),
            replies: VecDeque::new(),
            resets: NetLimits::new(
                now,
                config.max_resets_per_s,
                config.max_resets_per_s.saturating_mul(RESETS_FOR_ALL),
                secret,
            ),
            syn_answers: NetLimits::new(now, config.max_syn_answers_per_s, u32::MAX, secret),
            incoming: NetLimits::new(
                now,
                config.max_incoming_per_s.div_ceil(2),
                config.max_incoming_per_s,
                secret,
            ),
            ended: BTreeMap::new(),
            ended_order: VecDeque::new(),
        }
    }

    /// Decides about a packet that is neither a SYN nor a RESET.
    pub(super) fn judge(&mut self, now: Instant, from: Path, header: &Header) -> Verdict {
        let is_candidate = matches!(header.kind, Type::Data | Type::State | Type::Fin);
        if !is_candidate || self.has_ended(now, (from, header.conn_id)) {
            return Verdict::Reset;
        }
        if !self.resets.has_share(now, from.peer) {
            // Numbers have been guessed from that network, or in its name.
            return Verdict::Ignore;
        }
        let syn_id = header.conn_id.wrapping_sub(1);
        let Some(follower) = self.cookies.check(now, from.peer, syn_id, header.seq_nr, header.ack_nr) else {
            return Verdict::Reset;
        };
        match header.kind {
            Type::Data if follower.is_first => {
                // A packet that is ignored will be retransmitted.
                let may_come = self.incoming.take(now, from.peer);
                if may_come { Verdict::Accept { syn: follower.syn } } else { Verdict::Ignore }
            }
            Type::Fin if follower.is_first => Verdict::Reset,
            // The first packet is still missing; after it, this one will be retransmitted.
            _ => Verdict::Ignore,
        }
    }

    /// Answers a SYN so that its sender can prove that it received the answer.
    pub(super) fn answer_syn(
        &mut self,
        now: Instant,
        from: Path,
        syn: &Header,
        clock_us: u32,
        wnd_bytes: usize,
    ) {
        if self.syn_answers.take(now, from.peer) {
            let header = Header {
                kind: Type::State,
                conn_id: syn.conn_id,
                timestamp_us: clock_us,
                delay_us: clock_us.wrapping_sub(syn.timestamp_us),
                wnd_bytes: u32::try_from(wnd_bytes).unwrap_or(u32::MAX),
                seq_nr: self.cookies.make(now, from.peer, syn.conn_id, syn.seq_nr),
                ack_nr: syn.seq_nr,
            };
            self.answer(from, &header, MAX_REPLY_BYTES);
        }
    }

    /// Answers a packet of no known connection with a RESET.
    pub(super) fn reset(&mut self, now: Instant, from: Path, about: &Header, clock_us: u32) {
        if self.resets.take(now, from.peer) {
            let header = Header {
                kind: Type::Reset,
                conn_id: about.conn_id,
                timestamp_us: clock_us,
                delay_us: 0,
                wnd_bytes: 0,
                seq_nr: SeqNr(0),
                ack_nr: about.seq_nr,
            };
            self.answer(from, &header, MAX_RESET_BYTES);
        }
    }

    /// Queues an answer unless `max_bytes` wait already.
    fn answer(&mut self, to: Path, header: &Header, max_bytes: usize) {
        if (self.replies.len() + 1) * HEADER_BYTES <= max_bytes {
            self.tell(to, header);
        }
    }

    /// Queues a packet that is only a header, without a limit: it ends a connection, or is within a limit already.
    pub(super) fn tell(&mut self, to: Path, header: &Header) {
        self.replies.push_back((to, header.bytes()));
    }

    pub(super) fn poll_transmit(&mut self, buf: &mut Vec<u8>) -> Option<Transmit> {
        let (to, bytes) = self.replies.pop_front()?;
        buf.extend_from_slice(&bytes);
        Some(Transmit { to, len: bytes.len(), segment_len: bytes.len() })
    }

    /// Remembers a connection that has ended, so that a late packet does not start it again.
    pub(super) fn remember(&mut self, now: Instant, route: (Path, u16)) {
        if self.ended.insert(route, now).is_none() {
            self.ended_order.push_back(route);
        }
        if self.ended_order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    /// Returns true if a connection ended to which packets on this route belonged: one of the path, or one whose packets
    /// could arrive anywhere.
    fn has_ended(&self, now: Instant, (path, id): (Path, u16)) -> bool {
        let anywhere = Path { socket: 0, ..path };
        let is_recent = |path| self.ended.get(&(path, id)).is_some_and(|at| now.since(*at) < REMEMBERED_FOR);
        is_recent(path) || is_recent(anywhere)
    }
}
