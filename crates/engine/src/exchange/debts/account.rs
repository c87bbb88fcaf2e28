//! The account of one host.

use super::{HALF_LIFE, Sizes, allowance};
use std::collections::BTreeMap;
use ztor_base::{Duration, Instant};

/// Number of pieces that may be missing without a restart.
const RESTART_PIECES: u32 = 2;
/// Maximum number of ended connections of a host that are remembered. The oldest is dropped.
const MAX_ENDED: usize = 8;
/// After a restart a host may owe this many allowances at least, even if it has taken less.
const PROBATION: u64 = 4;

/// Maximum number of pieces that a host has blocks of and has not announced. Bytes of others are not remembered.
const MAX_UNANNOUNCED: usize = 256;

#[derive(Debug)]
pub(super) struct Account {
    /// Bytes sent to the host, less those of pieces that it has announced since, and less those that it has given.
    debt_bytes: u64,
    /// Bytes that it owes again after a restart or a loss. Any piece that it announces pays for them.
    again_bytes: u64,
    /// Bytes sent of each piece that it has not announced since, at most [`MAX_UNANNOUNCED`] pieces.
    unannounced: BTreeMap<u32, u64>,
    /// True if there were more. Then each announce pays for a whole piece.
    has_unknown: bool,
    /// Bytes sent to the host.
    taken_bytes: u64,
    /// Time to which the debt is discounted.
    updated_at: Instant,
    /// Numbers of pieces at the ends of connections that no later one has continued, the latest last, at most
    /// [`MAX_ENDED`].
    ended: Vec<u32>,
    /// Number of connections that began with fewer pieces than any that had ended: a peer that has lost its data, another
    /// peer behind the address, or one that pretends to be.
    restarts: u16,
    /// Number and bytes of requests for pieces that the peer claimed to have.
    contradictions: u16,
    contradicted_bytes: u64,
    /// Number of connections, and the largest number at a time.
    open: u16,
    most_open: u16,
    /// Time of the last allowed-fast pieces; `None` if there were none.
    gift_at: Option<Instant>,
}

impl Account {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            debt_bytes: 0,
            again_bytes: 0,
            unannounced: BTreeMap::new(),
            has_unknown: false,
            taken_bytes: 0,
            updated_at: now,
            ended: Vec::new(),
            restarts: 0,
            contradictions: 0,
            contradicted_bytes: 0,
            open: 0,
            most_open: 0,
            gift_at: None,
        }
    }

    /// Returns what the host owes.
    pub(super) fn debt_bytes(&self) -> u64 {
        self.debt_bytes.saturating_add(self.again_bytes)
    }

    pub(super) fn updated_at(&self) -> Instant {
        self.updated_at
    }

    pub(super) fn restarts(&self) -> u16 {
        self.restarts
    }

    pub(super) fn contradictions(&self) -> u16 {
        self.contradictions
    }

    pub(super) fn contradicted_bytes(&self) -> u64 {
        self.contradicted_bytes
    }

    /// Returns the number of open connections.
    pub(super) fn open(&self) -> u16 {
        self.open
    }

    /// Returns the number of peers that may be behind the address: each of those at the same time, and each that began
    /// after another one.
    pub(super) fn peers(&self) -> u64 {
        u64::from(self.most_open.max(1)) + u64::from(self.restarts)
    }

    pub(super) fn opened(&mut self, now: Instant) {
        self.open = self.open.saturating_add(1);
        self.most_open = self.most_open.max(self.open);
        self.forgive(now);
    }

    pub(super) fn closed(&mut self, pieces: Option<u32>) {
        self.open = self.open.saturating_sub(1);
        let Some(pieces) = pieces else { return };
        if self.ended.len() == MAX_ENDED {
            self.ended.remove(0);
        }
        self.ended.push(pieces);
    }

    /// Records that a peer begins to download with this number of pieces.
    ///
    /// It continues the ended connection whose number of pieces was nearest below its own. That it has more by now is
    /// progress: some clients announce nothing to seeds. If all had more pieces, it is a restart.
    pub(super) fn began(&mut self, pieces: u32, sizes: Sizes) {
        let may_continue = |count: &u32| *count <= pieces.saturating_add(RESTART_PIECES);
        let before = self.ended.iter().copied().filter(may_continue).max();
        if let Some(before) = before {
            if let Some(place) = self.ended.iter().position(|count| *count == before) {
                self.ended.remove(place);
            }
            self.pay(u64::from(pieces.saturating_sub(before)).saturating_mul(sizes.piece_bytes));
        } else if let Some(last) = self.ended.last().copied() {
            self.restarts = self.restarts.saturating_add(1);
            let lost = last.saturating_sub(pieces);
            // A crash may cost the last pieces.
            let is_crash = self.restarts == 1 && lost <= pieces;
            if !is_crash {
                // What was announced for this data counts no more. A peer that announces more than it takes would
                // otherwise have all of it for nothing. The first time it may well be another peer behind the address.
                let lost = u64::from(lost).saturating_mul(sizes.piece_bytes);
                let probation = PROBATION * allowance(sizes);
                let taken_bytes = if self.restarts == 1 { 0 } else { self.taken_bytes };
                self.owe(lost, taken_bytes.max(probation));
            }
        }
    }

    pub(super) fn took(&mut self, now: Instant, bytes: u64) {
        self.forgive(now);
        self.debt_bytes = self.debt_bytes.saturating_add(bytes);
        self.taken_bytes = self.taken_bytes.saturating_add(bytes);
    }

    pub(super) fn contradicted(&mut self, bytes: u64) {
        self.contradictions = self.contradictions.saturating_add(1);
        self.contradicted_bytes = self.contradicted_bytes.saturating_add(bytes);
    }

    /// Records that a block of a piece is on its way to the host.
    pub(super) fn sends(&mut self, piece: u32, bytes: u64) {
        if self.unannounced.len() < MAX_UNANNOUNCED || self.unannounced.contains_key(&piece) {
            let sent = self.unannounced.entry(piece).or_default();
            *sent = sent.saturating_add(bytes);
        } else {
            self.has_unknown = true;
        }
    }

    /// Records a piece that a peer has announced. It pays for what we have sent of it, not for what came from others: a
    /// cheater could otherwise have three blocks for one announce.
    pub(super) fn announced(&mut self, piece: u32, piece_bytes: u64) {
        let otherwise = if self.has_unknown { piece_bytes } else { 0 };
        let sent = self.unannounced.remove(&piece).unwrap_or(otherwise);
        self.debt_bytes = self.debt_bytes.saturating_sub(sent);
        self.again_bytes = self.again_bytes.saturating_sub(piece_bytes);
    }

    /// Records all pieces of a peer, among which are this number of new ones.
    pub(super) fn announced_all(&mut self, gained: u32, piece_bytes: u64, has: impl Fn(u32) -> bool) {
        let pieces: Vec<u32> = self.unannounced.keys().copied().filter(|piece| has(*piece)).collect();
        let gained_bytes = u64::from(gained).saturating_mul(piece_bytes);
        pieces.iter().for_each(|piece| self.announced(*piece, 0));
        self.again_bytes = self.again_bytes.saturating_sub(gained_bytes);
        if self.has_unknown {
            self.debt_bytes = self.debt_bytes.saturating_sub(gained_bytes);
        }
    }

    pub(super) fn pay(&mut self, bytes: u64) {
        let rest = bytes.saturating_sub(self.again_bytes);
        self.again_bytes = self.again_bytes.saturating_sub(bytes);
        self.debt_bytes = self.debt_bytes.saturating_sub(rest);
    }

    /// Records pieces that a peer does not have any more.
    pub(super) fn lost(&mut self, bytes: u64) {
        self.owe(bytes, self.taken_bytes);
    }

    /// Adds to the debt, which does not grow beyond a limit by it.
    fn owe(&mut self, bytes: u64, most: u64) {
        let room = most.saturating_sub(self.debt_bytes());
        self.again_bytes = self.again_bytes.saturating_add(bytes.min(room));
    }

    /// Records that allowed-fast pieces are given, unless there were some within this time. Returns true if they are.
    pub(super) fn take_gift(&mut self, now: Instant, every: Duration) -> bool {
        let is_due = self.gift_at.is_none_or(|at| now.since(at) >= every);
        if is_due {
            self.gift_at = Some(now);
        }
        is_due
    }

    /// Halves all counts for each [`HALF_LIFE`]. The debt never shrinks more slowly than what each peer may owe.
    fn forgive(&mut self, now: Instant) {
        let half_lives = now.since(self.updated_at).as_secs() / HALF_LIFE.as_secs();
        if half_lives == 0 {
            return;
        }
        let shift = u32::try_from(half_lives).unwrap_or(u32::MAX);
        let halve = |count: u64| count.checked_shr(shift).unwrap_or(0);
        self.debt_bytes = halve(self.debt_bytes);
        self.again_bytes = halve(self.again_bytes);
        self.taken_bytes = halve(self.taken_bytes);
        self.contradicted_bytes = halve(self.contradicted_bytes);
        self.contradictions = self.contradictions.checked_shr(shift).unwrap_or(0);
        self.restarts = self.restarts.checked_shr(shift).unwrap_or(0);
        self.updated_at = now;
    }
}
