//! Rate limits over all torrents, and peers that wait for tokens.

use crate::config::Config;
use crate::ids::PeerKey;
use crate::rate::Bucket;
use std::collections::VecDeque;
use ztor_base::{Duration, Instant};
use ztor_metainfo::BLOCK_LEN;

/// Number of blocks that a peer gets per turn while a limit makes peers wait for each other.
pub(crate) const QUANTUM: usize = 4;
/// Minimum time between two rounds over the waiting peers.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// The same while the limits of torrents hold up all waiting peers. The bucket of a torrent holds a quarter of a second
/// or one block, so longer intervals lose nothing.
const HELD_UP_WAIT: Duration = Duration::from_millis(50);

/// Rate limits over all torrents, in both directions.
pub(crate) struct Quota {
    down: Flow,
    up: Flow,
}

impl Quota {
    pub(crate) fn new(now: Instant, config: &Config) -> Self {
        Self { down: Flow::new(now, config.limit_down), up: Flow::new(now, config.limit_up) }
    }

    /// Returns the download direction.
    pub(crate) fn down(&self) -> &Flow {
        &self.down
    }

    /// Returns the upload direction.
    pub(crate) fn up(&self) -> &Flow {
        &self.up
    }

    /// Returns the download direction, mutable.
    pub(crate) fn down_mut(&mut self) -> &mut Flow {
        &mut self.down
    }

    /// Returns the upload direction, mutable.
    pub(crate) fn up_mut(&mut self) -> &mut Flow {
        &mut self.up
    }

    /// Makes a round over the waiting peers due in both directions, as a limit changed.
    pub(crate) fn limits_changed(&mut self, now: Instant) {
        self.down.waiters.at = now;
        self.up.waiters.at = now;
    }
}

/// Tokens in one direction. Most methods work on the bucket of all torrents and on that of one torrent.
pub(crate) struct Flow {
    bucket: Bucket,
    waiters: QuotaQueue,
}

impl Flow {
    fn new(now: Instant, limit: Option<u64>) -> Self {
        Self { bucket: Bucket::new(limit, now), waiters: QuotaQueue::default() }
    }

    /// Changes the limit, in bytes per second; `None` removes it.
    pub(crate) fn set_limit(&mut self, now: Instant, limit: Option<u64>) {
        self.bucket.set_limit(now, limit);
    }

    /// Returns true if there is any limit.
    pub(crate) fn is_limited(&self, of_torrent: &Bucket) -> bool {
        self.bucket.limit().is_some() || of_torrent.limit().is_some()
    }

    /// Returns true if taking tokens now overtakes no waiting peer.
    pub(crate) fn is_open(&self) -> bool {
        self.waiters.keys.is_empty() || self.waiters.is_feeding
    }

    pub(crate) fn has(&mut self, now: Instant, of_torrent: &mut Bucket, bytes: u32) -> bool {
        self.bucket.has(now, bytes) && of_torrent.has(now, bytes)
    }

    pub(crate) fn take(&mut self, of_torrent: &mut Bucket, bytes: u32) {
        self.bucket.take(bytes);
        of_torrent.take(bytes);
    }

    /// Counts a grant of tokens, which gives all waiting peers another turn in the current round.
    pub(crate) fn granted(&mut self) {
        self.waiters.granted += 1;
    }

    /// Gives back tokens for data that will not be transferred.
    pub(crate) fn refund(&mut self, of_torrent: &mut Bucket, bytes: u32) {
        self.bucket.refund(bytes);
        of_torrent.refund(bytes);
    }

    /// Takes tokens for data that has already arrived, which may create a debt.
    pub(crate) fn owe(&mut self, now: Instant, of_torrent: &mut Bucket, bytes: u32) {
        self.bucket.owe(now, bytes);
        of_torrent.owe(now, bytes);
    }

    /// Takes tokens for data that no torrent's limit counts, which may create a debt.
    pub(crate) fn owe_whole(&mut self, now: Instant, bytes: u32) {
        self.bucket.owe(now, bytes);
    }

    /// Queues a peer until tokens for `bytes` may be available.
    pub(crate) fn wait(&mut self, key: PeerKey, of_torrent: &Bucket, bytes: u32) {
        self.waiters.keys.push_back(key);
        let ready_at = self.bucket.ready_at(bytes).max(of_torrent.ready_at(bytes));
        self.waiters.at = self.waiters.at.min(ready_at);
    }

    /// Removes a peer that is gone from the queue.
    pub(crate) fn on_peer_gone(&mut self, key: PeerKey) {
        self.waiters.keys.retain(|waiting| *waiting != key);
    }

    /// Returns the number of waiting peers.
    pub(crate) fn waiting(&self) -> usize {
        self.waiters.keys.len()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        Some(self.waiters.at).filter(|at| *at < Instant::FAR_FUTURE)
    }

    /// Starts a round over the waiting peers; `None` before it is due.
    ///
    /// A peer that wants more rejoins the end of the queue. The limit of its torrent may hold up a peer, so the round
    /// ends once every waiting peer has had a turn since the last grant.
    pub(crate) fn start_round(&mut self, now: Instant) -> Option<Round> {
        if now < self.waiters.at {
            return None;
        }
        self.waiters.at = Instant::FAR_FUTURE;
        self.waiters.is_feeding = true;
        Some(Round { left: self.waiters.keys.len(), granted: self.waiters.granted })
    }

    /// Takes the next peer of a round; `None` ends the round.
    pub(crate) fn next_of(&mut self, now: Instant, round: &mut Round) -> Option<PeerKey> {
        let is_over = round.left == 0 || !self.bucket.has(now, BLOCK_LEN);
        let next = if is_over { None } else { self.waiters.keys.pop_front() };
        if next.is_none() {
            self.end_round(now, round);
        }
        round.granted = self.waiters.granted;
        next
    }

    /// Records that a peer has had its turn.
    pub(crate) fn served(&self, round: &mut Round) {
        let got_nothing = self.waiters.granted == round.granted;
        round.left = if got_nothing { round.left - 1 } else { self.waiters.keys.len() };
    }

    fn end_round(&mut self, now: Instant, round: &Round) {
        self.waiters.is_feeding = false;
        if self.waiters.keys.is_empty() {
            return;
        }
        // Peers that had a turn have set the time at which there may be tokens for them. The others wait for this
        // bucket.
        self.waiters.at = if round.left == 0 {
            self.waiters.at.max(now + HELD_UP_WAIT)
        } else {
            self.waiters.at.min(self.bucket.ready_at(BLOCK_LEN)).max(now + SHORTEST_WAIT)
        };
    }
}

/// A round over the waiting peers.
#[derive(Debug)]
pub(crate) struct Round {
    /// Number of peers that have not had a turn since the last grant.
    left: usize,
    /// Number of grants before the turn of the current peer.
    granted: u64,
}

/// Peers that found a bucket empty, first come, first served.
struct QuotaQueue {
    keys: VecDeque<PeerKey>,
    /// Time of the next round; [`Instant::FAR_FUTURE`] if none is planned.
    at: Instant,
    /// Number of grants so far.
    granted: u64,
    /// Set while a round is under way.
    is_feeding: bool,
}

impl Default for QuotaQueue {
    fn default() -> Self {
        Self { keys: VecDeque::new(), at: Instant::FAR_FUTURE, granted: 0, is_feeding: false }
    }
}
