//! Requests to one peer, and the blocks received from it.

use crate::config::{
    DEFAULT_PEER_REQUESTS, MAX_BLOCK_TIMEOUT, MAX_REQUESTS, MIN_BLOCK_TIMEOUT, MIN_REQUESTS, REQUEST_AHEAD,
    WHOLE_PIECE_WITHIN,
};
use crate::rate::Meter;
use std::collections::VecDeque;
use ztor_base::{Duration, Instant};
use ztor_metainfo::BLOCK_LEN;
use ztor_wire::Block;

/// Maximum number of pieces remembered that a peer serves although it chokes us.
const MAX_ALLOWED_FAST: usize = 64;
/// Maximum number of suggested pieces remembered of a peer. The oldest is dropped.
const MAX_SUGGESTED: usize = 16;
/// Pause for a peer that has refused more requests in a row than can be outstanding.
const REFUSAL_PAUSE: Duration = Duration::from_secs(10);

/// The download from one peer.
#[derive(Debug)]
pub(crate) struct Download {
    meter: Meter,
    total_bytes: u64,
    asked: VecDeque<Asked>,
    /// Number of entries of `asked` that were not released.
    outstanding: usize,
    current_piece: Option<u32>,
    /// Pieces that it serves although it chokes us (BEP 6).
    allowed_fast: Vec<u32>,
    /// Pieces that it suggests (BEP 6), the latest last.
    suggested: Vec<u32>,
    is_snubbed: bool,
    /// Number of requests that it refused since the last block.
    refusals: u32,
    /// End of the pause after many refusals.
    rests_until: Instant,
    /// Set while other peers are offered its released blocks first.
    defer_once: bool,
    /// Number of requests that it accepts (BEP 10 `reqq`).
    peer_queue_limit: usize,
    /// Growth by one block ahead for each received block; `None` once the rate has stopped growing.
    slow_start: Option<SlowStart>,
    last_block_at: Option<Instant>,
    gap_mean_us: f64,
    gap_deviation_us: f64,
    waits_for_quota: bool,
}

/// A block that was requested.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(super) block: Block,
    at: Instant,
    /// True if it was given back to the picker. It is still accepted if it arrives.
    pub(super) is_released: bool,
    /// True if the tokens for it were not refunded when it was released.
    pub(super) is_paid: bool,
}

#[derive(Debug, Clone, Copy)]
struct SlowStart {
    target: usize,
    checked_at: Instant,
    rate_then: u64,
}

impl Download {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            meter: Meter::default(),
            total_bytes: 0,
            asked: VecDeque::new(),
            outstanding: 0,
            current_piece: None,
            allowed_fast: Vec::new(),
            suggested: Vec::new(),
            is_snubbed: false,
            refusals: 0,
            rests_until: now,
            defer_once: false,
            peer_queue_limit: DEFAULT_PEER_REQUESTS,
            slow_start: Some(SlowStart { target: MIN_REQUESTS, checked_at: now, rate_then: 0 }),
            last_block_at: None,
            gap_mean_us: 0.0,
            gap_deviation_us: 0.0,
            waits_for_quota: false,
        }
    }

    pub(crate) fn per_s(&self, now: Instant) -> u64 {
        self.meter.per_s(now)
    }

    pub(crate) fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Returns the number of blocks requested and not released.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Returns the requested blocks, each with true if it was released since.
    pub(crate) fn asked(&self) -> impl Iterator<Item = (Block, bool)> + '_ {
        self.asked.iter().map(|asked| (asked.block, asked.is_released))
    }

    /// Returns the bytes of requests, released ones included, for which tokens are taken and not refunded.
    pub(crate) fn paid_bytes(&self) -> u64 {
        let paid = self.asked.iter().filter(|asked| !asked.is_released || asked.is_paid);
        paid.map(|asked| u64::from(asked.block.len)).sum()
    }

    pub(crate) fn is_snubbed(&self) -> bool {
        self.is_snubbed
    }

    pub(crate) fn waits_for_quota(&self) -> bool {
        self.waits_for_quota
    }

    pub(crate) fn set_waits_for_quota(&mut self, waits: bool) {
        self.waits_for_quota = waits;
    }

    /// Returns the end of the pause after many refusals.
    pub(crate) fn rests_until(&self) -> Instant {
        self.rests_until
    }

    /// Returns the used memory in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.asked.capacity() * size_of::<Asked>()
            + (self.allowed_fast.capacity() + self.suggested.capacity()) * size_of::<u32>()
    }

    pub(super) fn current_piece(&self) -> Option<u32> {
        self.current_piece
    }

    pub(super) fn set_current_piece(&mut self, piece: Option<u32>) {
        self.current_piece = piece;
    }

    /// Sets the length of the queue that the peer accepts, in requests.
    pub(crate) fn set_peer_queue_limit(&mut self, requests: u32) {
        self.peer_queue_limit = (requests as usize).max(1);
    }

    /// Returns the pieces that it serves although it chokes us.
    pub(super) fn allowed_fast(&self) -> &[u32] {
        &self.allowed_fast
    }

    pub(super) fn allow_fast(&mut self, piece: u32) {
        if self.allowed_fast.len() < MAX_ALLOWED_FAST && !self.allowed_fast.contains(&piece) {
            self.allowed_fast.push(piece);
        }
    }

    /// Returns the pieces that it suggests.
    pub(super) fn suggested(&self) -> &[u32] {
        &self.suggested
    }

    pub(super) fn suggest(&mut self, piece: u32) {
        self.suggested.retain(|suggested| *suggested != piece);
        if self.suggested.len() == MAX_SUGGESTED {
            self.suggested.remove(0);
        }
        self.suggested.push(piece);
    }

    pub(super) fn disallow_fast(&mut self, piece: u32) {
        self.allowed_fast.retain(|allowed| *allowed != piece);
    }

    /// Returns true once if other peers go first.
    pub(crate) fn take_deferred(&mut self) -> bool {
        std::mem::take(&mut self.defer_once)
    }

    /// Returns the number of blocks to keep requested.
    pub(super) fn target(&mut self, now: Instant) -> usize {
        if self.is_snubbed {
            return 1;
        }
        let rate = self.meter.per_s(now);
        if let Some(start) = &mut self.slow_start
            && now.since(start.checked_at) >= Duration::from_secs(2)
        {
            if start.rate_then > 0 && rate < start.rate_then + start.rate_then / 10 {
                self.slow_start = None;
            } else {
                (start.checked_at, start.rate_then) = (now, rate);
            }
        }
        let ahead = rate * REQUEST_AHEAD.as_secs() / u64::from(BLOCK_LEN);
        let target = (ahead as usize).max(self.slow_start.map_or(0, |s| s.target));
        let most = MAX_REQUESTS.min(self.peer_queue_limit.max(1));
        target.clamp(MIN_REQUESTS.min(most), most)
    }

    /// Returns true if the peer is fast enough to have a whole piece to itself.
    pub(super) fn deserves_whole_pieces(&self, now: Instant, piece_length: u32) -> bool {
        !self.is_snubbed && self.meter.per_s(now) * WHOLE_PIECE_WITHIN.as_secs() >= u64::from(piece_length)
    }

    /// Notes a request.
    pub(super) fn ask(&mut self, now: Instant, block: Block) {
        self.asked.push_back(Asked { block, at: now, is_released: false, is_paid: false });
        self.outstanding += 1;
        // Released entries are kept only so that late blocks are recognised.
        if self.asked.len() > 2 * MAX_REQUESTS
            && let Some(at) = self.asked.iter().position(|a| a.is_released)
        {
            self.asked.remove(at);
        }
    }

    /// Takes the entry of a block that arrived, was refused, or is cancelled.
    pub(super) fn answered(&mut self, block: Block) -> Option<Asked> {
        // Of two entries the newer one: the released one remains for a late duplicate.
        let same = |a: &Asked| a.block == block;
        let outstanding = self.asked.iter().position(|a| same(a) && !a.is_released);
        let at = outstanding.or_else(|| self.asked.iter().position(same))?;
        let asked = self.asked.remove(at)?;
        if !asked.is_released {
            self.outstanding -= 1;
        }
        Some(asked)
    }

    /// Notes that a request was cancelled. The block may have been sent already, and is then still accepted.
    pub(super) fn cancelled(&mut self, asked: Asked) {
        self.asked.push_back(Asked { is_released: true, ..asked });
    }

    /// Does the same without a refund of the tokens.
    pub(super) fn cancelled_and_paid(&mut self, asked: Asked) {
        self.cancelled(Asked { is_paid: true, ..asked });
    }

    /// Returns the last `count` outstanding requests, the newest first.
    pub(super) fn newest(&self, count: usize) -> Vec<Block> {
        let outstanding = self.asked.iter().rev().filter(|asked| !asked.is_released);
        outstanding.take(count).map(|asked| asked.block).collect()
    }

    /// Releases all outstanding requests, and returns them.
    pub(super) fn release_all(&mut self) -> Vec<Block> {
        self.outstanding = 0;
        let fresh = self.asked.iter_mut().filter(|a| !a.is_released);
        fresh
            .map(|a| {
                a.is_released = true;
                a.block
            })
            .collect()
    }

    /// Releases the outstanding requests for blocks of a piece, and returns them.
    pub(super) fn release_of(&mut self, piece: u32) -> Vec<Block> {
        let fresh = self.asked.iter_mut().filter(|a| !a.is_released && a.block.piece == piece);
        let released: Vec<Block> = fresh
            .map(|a| {
                a.is_released = true;
                a.block
            })
            .collect();
        self.outstanding -= released.len();
        released
    }

    /// Forgets released requests. Blocks that were sent for them arrive before the unchoke.
    pub(super) fn forget_released(&mut self) {
        self.asked.retain(|a| !a.is_released);
    }

    /// Counts a received block.
    pub(super) fn came(&mut self, now: Instant, bytes: u32) {
        self.meter.add(now, u64::from(bytes));
        self.total_bytes += u64::from(bytes);
        if let Some(last) = self.last_block_at.replace(now) {
            let gap = now.since(last).as_micros() as f64;
            if self.gap_mean_us == 0.0 {
                self.gap_mean_us = gap;
                self.gap_deviation_us = gap / 2.0;
            } else {
                self.gap_deviation_us += ((gap - self.gap_mean_us).abs() - self.gap_deviation_us) / 16.0;
                self.gap_mean_us += (gap - self.gap_mean_us) / 16.0;
            }
        }
        self.is_snubbed = false;
        self.refusals = 0;
        if let Some(start) = &mut self.slow_start {
            start.target = (start.target + 1).min(MAX_REQUESTS);
        }
    }

    /// Counts a request that was refused although the peer does not choke us. The peer is asked for less, and after the
    /// others. After many refusals in a row it gets a pause.
    pub(super) fn refused(&mut self, now: Instant) {
        (self.is_snubbed, self.defer_once) = (true, true);
        self.refusals += 1;
        if self.refusals > MAX_REQUESTS as u32 {
            self.rests_until = now + REFUSAL_PAUSE;
        }
    }

    /// Returns the time at which the peer counts as stalled if no block arrives before; `None` if nothing is
    /// outstanding. Time before `reading_since` does not count, as the sockets were not read.
    pub(crate) fn stalls_at(&self, reading_since: Instant) -> Option<Instant> {
        if self.outstanding == 0 {
            return None;
        }
        let oldest = self.asked.iter().find(|a| !a.is_released)?.at;
        let from = self.last_block_at.map_or(oldest, |last| last.max(oldest));
        let patience = if self.gap_mean_us == 0.0 {
            MAX_BLOCK_TIMEOUT
        } else {
            let us = self.gap_mean_us + 4.0 * self.gap_deviation_us;
            Duration::from_micros(us as u64).clamp(MIN_BLOCK_TIMEOUT, MAX_BLOCK_TIMEOUT)
        };
        Some(from.max(reading_since) + patience)
    }

    /// Notes that the peer has stalled, which gets it one request at a time.
    pub(super) fn stalled(&mut self) {
        self.is_snubbed = true;
        self.defer_once = true;
        self.slow_start = None;
    }
}

#[cfg(test)]
impl Download {
    pub(super) fn pretend_total(&mut self, bytes: u64) {
        self.total_bytes = bytes;
    }
}
