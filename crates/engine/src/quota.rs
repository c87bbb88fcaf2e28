//! Rate limits over all torrents, and peers that wait for tokens.

use crate::config::Config;
use crate::ids::PeerKey;
use crate::rate::Bucket;
use std::collections::VecDeque;
use ztor_base::{Duration, Instant};
use ztor_metainfo::BLOCK_LEN;

/// Blocks that a peer gets in its turn where a limit makes peers wait for each other.
pub(crate) const QUANTUM: usize = 4;
/// Shortest time between two rounds over the peers that wait.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// The same if the limits of torrents hold all of them up. The bucket of a torrent holds a quarter of a second, or a
/// block: nothing is lost by looking less often.
const HELD_UP_WAIT: Duration = Duration::from_millis(50);

/// Limits over all torrents, both ways.
pub(crate) struct Quota {
    down: Flow,
    up: Flow,
}

impl Quota {
    pub(crate) fn new(now: Instant, config: &Config) -> Self {
        Self { down: Flow::new(now, config.limit_down), up: Flow::new(now, config.limit_up) }
    }

    /// The way to us.
    pub(crate) fn down(&self) -> &Flow {
        &self.down
    }

    /// The way from us.
    pub(crate) fn up(&self) -> &Flow {
        &self.up
    }

    /// The way to us.
    pub(crate) fn down_mut(&mut self) -> &mut Flow {
        &mut self.down
    }

    /// The way from us.
    pub(crate) fn up_mut(&mut self) -> &mut Flow {
        &mut self.up
    }

    /// Has the peers that wait looked at, as a limit changed.
    pub(crate) fn limits_changed(&mut self, now: Instant) {
        self.down.waiters.at = now;
        self.up.waiters.at = now;
    }
}

/// Tokens in one direction. Every operation works on the bucket of all torrents and on that of one.
pub(crate) struct Flow {
    bucket: Bucket,
    waiters: QuotaQueue,
}

impl Flow {
    fn new(now: Instant, limit: Option<u64>) -> Self {
        Self { bucket: Bucket::new(limit, now), waiters: QuotaQueue::default() }
    }

    /// Changes the limit, in bytes per second.
    pub(crate) fn set_limit(&mut self, now: Instant, limit: Option<u64>) {
        self.bucket.set_limit(now, limit);
    }

    /// Returns true if there is any limit.
    pub(crate) fn is_limited(&self, of_torrent: &Bucket) -> bool {
        self.bucket.limit().is_some() || of_torrent.limit().is_some()
    }

    /// Returns true if nobody is passed by taking tokens now.
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

    /// Counts something that was let pass: whoever waits may be next.
    pub(crate) fn granted(&mut self) {
        self.waiters.granted += 1;
    }

    /// Gives back tokens of what will not come, or not go.
    pub(crate) fn refund(&mut self, of_torrent: &mut Bucket, bytes: u32) {
        self.bucket.refund(bytes);
        of_torrent.refund(bytes);
    }

    /// Takes tokens for what came already, which may make a debt.
    pub(crate) fn owe(&mut self, now: Instant, of_torrent: &mut Bucket, bytes: u32) {
        self.bucket.owe(now, bytes);
        of_torrent.owe(now, bytes);
    }

    /// Takes tokens for what no limit of a torrent counts.
    pub(crate) fn owe_whole(&mut self, now: Instant, bytes: u32) {
        self.bucket.owe(now, bytes);
    }

    /// Has a peer wait for tokens of this size.
    pub(crate) fn wait(&mut self, key: PeerKey, of_torrent: &Bucket, bytes: u32) {
        self.waiters.keys.push_back(key);
        let ready_at = self.bucket.ready_at(bytes).max(of_torrent.ready_at(bytes));
        self.waiters.at = self.waiters.at.min(ready_at);
    }

    /// A peer that waited is gone.
    pub(crate) fn on_peer_gone(&mut self, key: PeerKey) {
        self.waiters.keys.retain(|waiting| *waiting != key);
    }

    /// Peers that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiters.keys.len()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        Some(self.waiters.at).filter(|at| *at < Instant::FAR_FUTURE)
    }

    /// Starts a round over the peers that wait; `None` before its time.
    ///
    /// A peer that wants more goes to the end of the queue. The limit of its torrent may hold up a peer: the round ends
    /// when nobody got anything since it last had its turn.
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

    /// A peer has had its turn.
    pub(crate) fn served(&self, round: &mut Round) {
        let got_nothing = self.waiters.granted == round.granted;
        round.left = if got_nothing { round.left - 1 } else { self.waiters.keys.len() };
    }

    fn end_round(&mut self, now: Instant, round: &Round) {
        self.waiters.is_feeding = false;
        if self.waiters.keys.is_empty() {
            return;
        }
        // Peers that had a turn have said when there may be tokens for them; the others wait for this bucket.
        self.waiters.at = if round.left == 0 {
            self.waiters.at.max(now + HELD_UP_WAIT)
        } else {
            self.waiters.at.min(self.bucket.ready_at(BLOCK_LEN)).max(now + SHORTEST_WAIT)
        };
    }
}

/// A round over the peers that wait for tokens.
#[derive(Debug)]
pub(crate) struct Round {
    /// Peers that have not had a turn since somebody got something.
    left: usize,
    /// Grants before the turn of the current peer.
    granted: u64,
}

/// Peers that found a bucket empty, first come, first served.
struct QuotaQueue {
    keys: VecDeque<PeerKey>,
    /// Time at which there may be tokens for the first.
    at: Instant,
    /// Grants so far.
    granted: u64,
    /// A round is under way.
    is_feeding: bool,
}

impl Default for QuotaQueue {
    fn default() -> Self {
        Self { keys: VecDeque::new(), at: Instant::FAR_FUTURE, granted: 0, is_feeding: false }
    }
}
