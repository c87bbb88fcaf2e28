//! Requests of one peer, and the blocks sent to it.

use crate::config::{MAX_UPLOAD_AHEAD, MIN_UPLOAD_AHEAD, SEED_TURN};
use crate::rate::Meter;
use std::collections::VecDeque;
use ztor_base::Instant;
use ztor_wire::Block;

/// The upload to one peer.
#[derive(Debug)]
pub(crate) struct Upload {
    meter: Meter,
    total_bytes: u64,
    queue: VecDeque<Block>,
    /// Bytes of piece data passed to the driver and not yet sent.
    in_flight_bytes: u64,
    /// Pieces that it may request while choked, and the bytes of them that it may still have (BEP 6).
    allowed_fast: Vec<u32>,
    allowed_fast_bytes: u64,
    unchoked_at: Option<Instant>,
    /// `total_bytes` at the last unchoke.
    total_at_unchoke: u64,
    /// End of its last whole turn, or time of the connection.
    waiting_since: Instant,
    is_optimistic: bool,
    /// Time at which it last held an optimistic slot, or time of the connection.
    tried_at: Instant,
    /// Choice of the current round, true for an optimistic slot; `None` if it was not chosen.
    choice: Option<bool>,
    waits_for_quota: bool,
}

impl Upload {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            meter: Meter::default(),
            total_bytes: 0,
            queue: VecDeque::new(),
            in_flight_bytes: 0,
            allowed_fast: Vec::new(),
            allowed_fast_bytes: 0,
            unchoked_at: None,
            total_at_unchoke: 0,
            waiting_since: now,
            is_optimistic: false,
            tried_at: now,
            choice: None,
            waits_for_quota: false,
        }
    }

    pub(crate) fn per_s(&self, now: Instant) -> u64 {
        self.meter.per_s(now)
    }

    pub(crate) fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Returns the piece data on its way to the socket, in bytes.
    pub(crate) fn in_flight_bytes(&self) -> u64 {
        self.in_flight_bytes
    }

    /// Returns the number of requests that wait.
    pub(crate) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn is_optimistic(&self) -> bool {
        self.is_optimistic
    }

    pub(crate) fn waits_for_quota(&self) -> bool {
        self.waits_for_quota
    }

    pub(crate) fn set_waits_for_quota(&mut self, waits: bool) {
        self.waits_for_quota = waits;
    }

    pub(super) fn waiting_since(&self) -> Instant {
        self.waiting_since
    }

    pub(super) fn tried_at(&self) -> Instant {
        self.tried_at
    }

    /// Returns the start of its turn and the bytes sent since; `None` while it is choked.
    pub(super) fn turn(&self) -> Option<(Instant, u64)> {
        self.unchoked_at.map(|at| (at, self.total_bytes - self.total_at_unchoke))
    }

    /// Returns the used memory in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.queue.capacity() * size_of::<Block>() + self.allowed_fast.capacity() * size_of::<u32>()
    }

    /// Returns the number of bytes that may be on their way to the socket.
    pub(super) fn ahead_bytes(&self, now: Instant) -> u64 {
        (self.meter.per_s(now) / 2).clamp(MIN_UPLOAD_AHEAD, MAX_UPLOAD_AHEAD)
    }

    /// Lets the peer request pieces while it is choked, up to `bytes` of them.
    pub(super) fn allow_fast(&mut self, pieces: Vec<u32>, bytes: u64) -> &[u32] {
        self.allowed_fast = pieces;
        self.allowed_fast_bytes = bytes;
        &self.allowed_fast
    }

    /// Returns true if a choked peer may have this block.
    pub(super) fn is_allowed_fast(&self, block: Block) -> bool {
        self.allowed_fast.contains(&block.piece) && self.allowed_fast_bytes >= u64::from(block.len)
    }

    /// Charges a block that a choked peer gets.
    pub(super) fn charge_allowed_fast(&mut self, block: Block) {
        self.allowed_fast_bytes -= u64::from(block.len);
    }

    pub(super) fn request(&mut self, block: Block) {
        self.queue.push_back(block);
    }

    pub(super) fn first_request(&self) -> Option<Block> {
        self.queue.front().copied()
    }

    /// Hands the first request to the driver.
    pub(super) fn send_first(&mut self) {
        if let Some(block) = self.queue.pop_front() {
            self.in_flight_bytes += u64::from(block.len);
        }
    }

    /// Removes a request that waits. Returns false if there is none.
    pub(super) fn cancel(&mut self, block: Block) -> bool {
        let at = self.queue.iter().position(|waiting| *waiting == block);
        at.is_some_and(|at| self.queue.remove(at).is_some())
    }

    /// Counts bytes that were sent.
    pub(super) fn sent(&mut self, now: Instant, bytes: u64) {
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes);
        self.total_bytes += bytes;
        self.meter.add(now, bytes);
    }

    /// Chooses the peer for a slot of the current round.
    pub(super) fn choose(&mut self, is_optimistic: bool) {
        self.choice = Some(is_optimistic);
    }

    /// Takes the choice of a round.
    pub(super) fn take_choice(&mut self) -> Option<bool> {
        self.choice.take()
    }

    /// Notes whether the peer holds an optimistic slot after a round.
    pub(super) fn set_optimistic(&mut self, now: Instant, is_optimistic: bool) {
        if self.is_optimistic || is_optimistic {
            self.tried_at = now;
        }
        self.is_optimistic = is_optimistic;
    }

    /// Starts its turn.
    pub(super) fn unchoked(&mut self, now: Instant) {
        self.unchoked_at = Some(now);
        self.total_at_unchoke = self.total_bytes;
    }

    /// Ends its turn. Returns the requests that are dropped; those for allowed-fast pieces stay.
    pub(super) fn choked(&mut self, now: Instant) -> Vec<Block> {
        // A peer that lost its slot before its turn was over is the first to get one again.
        if self.unchoked_at.take().is_some_and(|at| now.since(at) >= SEED_TURN) {
            self.waiting_since = now;
        }
        let allowed = &self.allowed_fast;
        let dropped = self.queue.iter().filter(|block| !allowed.contains(&block.piece));
        let dropped = dropped.copied().collect();
        self.queue.retain(|block| allowed.contains(&block.piece));
        dropped
    }
}

#[cfg(test)]
impl Upload {
    pub(super) fn pretend_total(&mut self, bytes: u64) {
        self.total_bytes = bytes;
    }
}
