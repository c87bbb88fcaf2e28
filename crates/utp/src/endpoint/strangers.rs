//! Those with whom we have no connection: what they are told, without keeping anything of them.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use ztor_time::{Duration, Instant};

use crate::cookie::Cookies;
use crate::header::{HEADER_BYTES, Header, Type};
use crate::seq::SeqNr;
use crate::{Config, Transmit};

/// Answers that wait to be sent; more are dropped.
const MAX_REPLIES: usize = 1024;
/// Connections of others that ended and are remembered, so that a late first packet does not begin them again.
const MAX_REMEMBERED: usize = 4096;
/// As long as a cookie is good.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// What a packet of no connection deserves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// To become a connection. `syn` is the number of its SYN.
    Accept {
        syn: SeqNr,
    },
    Ignore,
    Reset,
}

#[derive(Debug)]
pub(super) struct Strangers {
    cookies: Cookies,
    replies: VecDeque<(SocketAddr, Vec<u8>)>,
    resets: Limiter,
    syn_answers: Limiter,
    /// When it ended.
    ended: BTreeMap<(SocketAddr, u16), Instant>,
    /// The same, oldest first.
    ended_order: VecDeque<(SocketAddr, u16)>,
}

impl Strangers {
    pub(super) fn new(now: Instant, config: &Config, secret: [u8; 20]) -> Self {
        Self {
            cookies: Cookies::new(secret),
            replies: VecDeque::new(),
            resets: Limiter::new(now, config.max_resets_per_s),
            syn_answers: Limiter::new(now, config.max_syn_answers_per_s),
            ended: BTreeMap::new(),
            ended_order: VecDeque::new(),
        }
    }

    /// What to do about a packet that is no SYN and no RESET.
    pub(super) fn judge(&self, now: Instant, from: SocketAddr, header: &Header) -> Verdict {
        let syn_id = header.conn_id.wrapping_sub(1);
        let syn = self.cookies.check(now, from, syn_id, header.seq_nr, header.ack_nr);
        match (header.kind, syn) {
            (Type::Data, Some(syn)) if !self.has_ended(now, (from, header.conn_id)) => {
                Verdict::Accept { syn }
            }
            // A sign of life of someone whose first packet is yet to come.
            (Type::State, Some(_)) => Verdict::Ignore,
            _ => Verdict::Reset,
        }
    }

    /// Answers a SYN so that its sender can prove that he received the answer.
    pub(super) fn answer_syn(
        &mut self,
        now: Instant,
        from: SocketAddr,
        syn: &Header,
        clock_us: u32,
        wnd_bytes: usize,
    ) {
        if self.syn_answers.take(now) {
            let header = Header {
                kind: Type::State,
                conn_id: syn.conn_id,
                timestamp_us: clock_us,
                delay_us: clock_us.wrapping_sub(syn.timestamp_us),
                wnd_bytes: u32::try_from(wnd_bytes).unwrap_or(u32::MAX),
                seq_nr: self.cookies.make(now, from, syn.conn_id, syn.seq_nr),
                ack_nr: syn.seq_nr,
            };
            self.reply(from, &header);
        }
    }

    /// Tells the sender of a packet that we don't know it.
    pub(super) fn reset(&mut self, now: Instant, from: SocketAddr, about: &Header, clock_us: u32) {
        if self.resets.take(now) {
            let header = Header {
                kind: Type::Reset,
                conn_id: about.conn_id,
                timestamp_us: clock_us,
                delay_us: 0,
                wnd_bytes: 0,
                seq_nr: SeqNr(0),
                ack_nr: about.seq_nr,
            };
            self.reply(from, &header);
        }
    }

    /// Queues a packet that is nothing but a header.
    pub(super) fn reply(&mut self, to: SocketAddr, header: &Header) {
        if self.replies.len() < MAX_REPLIES {
            let mut bytes = Vec::with_capacity(HEADER_BYTES);
            header.write(&[], &mut bytes);
            self.replies.push_back((to, bytes));
        }
    }

    pub(super) fn poll_transmit(&mut self, buf: &mut Vec<u8>) -> Option<Transmit> {
        let (to, bytes) = self.replies.pop_front()?;
        buf.extend_from_slice(&bytes);
        Some(Transmit { to, len: bytes.len(), segment_len: bytes.len() })
    }

    /// A connection that someone else had asked for is gone.
    pub(super) fn remember(&mut self, now: Instant, route: (SocketAddr, u16)) {
        if self.ended.insert(route, now).is_none() {
            self.ended_order.push_back(route);
        }
        if self.ended_order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    fn has_ended(&self, now: Instant, route: (SocketAddr, u16)) -> bool {
        self.ended.get(&route).is_some_and(|at| now.since(*at) < REMEMBERED_FOR)
    }
}

/// So many a second and no more, with a second's worth in store.
#[derive(Debug)]
struct Limiter {
    per_s: u32,
    left: u32,
    second_begun: Instant,
}

impl Limiter {
    fn new(now: Instant, per_s: u32) -> Self {
        Self { per_s, left: per_s, second_begun: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        if now.since(self.second_begun) >= Duration::from_secs(1) {
            self.second_begun = now;
            self.left = self.per_s;
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}
