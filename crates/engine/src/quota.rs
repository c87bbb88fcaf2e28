//! Rate limits, and peers that wait for tokens.

use crate::config::{Config, Settings};
use crate::groups::{GroupLimits, Groups};
use crate::ids::{LimitGroup, SourceKey};
use crate::rate::Bucket;
use std::collections::VecDeque;
use ztor_base::{Duration, Instant};
use ztor_metainfo::BLOCK_LEN;

/// Number of blocks that a peer gets per turn while a limit makes peers wait for each other.
pub(crate) const QUANTUM: usize = 4;
/// Length of the header of a message with a block, in bytes (BEP 3).
const BLOCK_HEADER_LEN: u32 = 13;
/// Bytes of the stream in a packet, and of its headers: TCP over IPv4 with time stamps, in an Ethernet frame. µTP and IPv6
/// need nearly the same.
const PACKET_PAYLOAD_LEN: u32 = 1448;
const PACKET_HEADER_LEN: u32 = 52;
/// Minimum time between two rounds over the waiting peers.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// The same while the limits of torrents hold up all waiting peers. The bucket of a torrent holds a quarter of a second
/// or one block, so longer intervals lose nothing.
const HELD_UP_WAIT: Duration = Duration::from_millis(50);

/// Rate limits in both directions: those over all torrents, and the groups of torrents.
pub(crate) struct Quota {
    down: Flow,
    up: Flow,
}

impl Quota {
    pub(crate) fn new(now: Instant, config: &Config) -> Self {
        let flow = |limit| Flow::new(now, limit, config);
        Self { down: flow(config.limit_down), up: flow(config.limit_up) }
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

    /// Sets the limits of a group and its parent. A new group that comes when there are too many is ignored.
    pub(crate) fn set_group(&mut self, now: Instant, group: LimitGroup, rule: GroupLimits) {
        self.down.groups.set(now, group, rule.parent, rule.down);
        self.up.groups.set(now, group, rule.parent, rule.up);
        self.limits_changed(now);
    }

    /// Removes a group. Its torrents and groups have no limit from it any more.
    pub(crate) fn remove_group(&mut self, now: Instant, group: LimitGroup) {
        self.down.groups.remove(group);
        self.up.groups.remove(group);
        self.limits_changed(now);
    }

    /// Applies changed settings.
    pub(crate) fn set_settings(&mut self, now: Instant, settings: &Settings) {
        self.down.bucket.set_limit(now, settings.limit_down);
        self.up.bucket.set_limit(now, settings.limit_up);
        for flow in [&mut self.down, &mut self.up] {
            flow.counts_overhead = settings.limits_count_overhead;
            flow.spares_local = settings.limits_spare_local;
        }
        self.limits_changed(now);
    }

    /// Makes a round over the waiting peers due in both directions, as a limit changed.
    pub(crate) fn limits_changed(&mut self, now: Instant) {
        self.down.waiters.at = now;
        self.up.waiters.at = now;
        self.down.has_changed = true;
    }
}

/// Limits of a torrent in both directions, apart from those over all torrents.
#[derive(Debug)]
pub(crate) struct TorrentLimits {
    group: Option<LimitGroup>,
    down: Bucket,
    up: Bucket,
}

impl TorrentLimits {
    pub(crate) fn new(now: Instant) -> Self {
        Self { group: None, down: Bucket::new(None, now), up: Bucket::new(None, now) }
    }

    /// Changes the limits, in bytes per second.
    pub(crate) fn set(&mut self, now: Instant, down: Option<u64>, up: Option<u64>) {
        self.down.set_limit(now, down);
        self.up.set_limit(now, up);
    }

    /// Sets the group.
    pub(crate) fn set_group(&mut self, group: Option<LimitGroup>) {
        self.group = group;
    }

    /// Returns the buckets for data from a peer.
    pub(crate) fn down<'a>(&'a mut self, peer: &'a mut PeerLimits) -> Line<'a> {
        let is_local = peer.is_local;
        Line { torrent: &mut self.down, group: self.group, peer: peer.down_mut(), is_local }
    }

    /// Returns the buckets for data to a peer.
    pub(crate) fn up<'a>(&'a mut self, peer: &'a mut PeerLimits) -> Line<'a> {
        let is_local = peer.is_local;
        Line { torrent: &mut self.up, group: self.group, peer: peer.up_mut(), is_local }
    }
}

/// Limits of one peer.
#[derive(Debug)]
pub(crate) struct PeerLimits {
    /// True if it is in the local network.
    is_local: bool,
    /// Buckets down and up; `None` without limits.
    own: Option<Box<(Bucket, Bucket)>>,
}

impl PeerLimits {
    /// Creates no limits. `is_local` is true for a peer in the local network.
    pub(crate) fn new(is_local: bool) -> Self {
        Self { is_local, own: None }
    }

    /// Changes the limits, in bytes per second.
    pub(crate) fn set(&mut self, now: Instant, down: Option<u64>, up: Option<u64>) {
        if (down, up) == (None, None) {
            self.own = None;
            return;
        }
        let own = self.own.get_or_insert_with(|| Box::new((Bucket::new(None, now), Bucket::new(None, now))));
        own.0.set_limit(now, down);
        own.1.set_limit(now, up);
    }

    fn down_mut(&mut self) -> Option<&mut Bucket> {
        self.own.as_mut().map(|own| &mut own.0)
    }

    fn up_mut(&mut self) -> Option<&mut Bucket> {
        self.own.as_mut().map(|own| &mut own.1)
    }
}

/// Buckets below those of all torrents that a transfer with one peer takes tokens from.
pub(crate) struct Line<'a> {
    torrent: &'a mut Bucket,
    group: Option<LimitGroup>,
    peer: Option<&'a mut Bucket>,
    is_local: bool,
}

/// Tokens in one direction. Methods with a [`Line`] work on all buckets of a transfer: that of all torrents, those of the
/// groups, that of the torrent, and that of the peer.
///
/// Amounts are of piece data. With overhead counted, tokens for the headers of its packets are taken as well.
pub(crate) struct Flow {
    bucket: Bucket,
    groups: Groups,
    counts_overhead: bool,
    /// True if only their own limits apply to peers in the local network.
    spares_local: bool,
    waiters: QuotaQueue,
    /// True if a limit may have been lowered since the last [`take_changed`](Self::take_changed).
    has_changed: bool,
}

impl Flow {
    fn new(now: Instant, limit: Option<u64>, config: &Config) -> Self {
        Self {
            bucket: Bucket::new(limit, now),
            groups: Groups::default(),
            counts_overhead: config.limits_count_overhead,
            spares_local: config.limits_spare_local,
            waiters: QuotaQueue::default(),
            has_changed: false,
        }
    }

    /// Returns true if a limit may have been lowered since the last call.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    /// Records that a torrent has joined a group.
    pub(crate) fn joined(&mut self, group: Option<LimitGroup>) {
        self.groups.each(group, &mut Bucket::is_lowered);
    }

    /// Counts bytes that were requested before limits were lowered.
    pub(crate) fn count_requested(&mut self, line: &mut Line<'_>, bytes: u64) {
        self.each(line, |bucket| bucket.count_requested(bytes));
    }

    /// Returns the part of these requested bytes that fits into one second of all lowered limits.
    pub(crate) fn share_of_requested(&mut self, line: &mut Line<'_>, bytes: u64) -> u64 {
        let mut share = bytes;
        self.each(line, |bucket| share = share.min(bucket.share_of_requested(bytes)));
        share
    }

    /// Ends the count.
    pub(crate) fn forget_requested(&mut self, line: &mut Line<'_>) {
        self.each(line, Bucket::forget_requested);
    }

    /// Changes the limit, in bytes per second; `None` removes it.
    pub(crate) fn set_limit(&mut self, now: Instant, limit: Option<u64>) {
        self.bucket.set_limit(now, limit);
    }

    /// Returns true if there is any limit.
    pub(crate) fn is_limited(&self, line: &Line<'_>) -> bool {
        let is_set = |bucket: &Bucket| bucket.limit().is_some();
        let above = || is_set(&self.bucket) || is_set(line.torrent) || self.groups.is_limited(line.group);
        line.peer.as_deref().is_some_and(is_set) || (!self.is_exempt(line) && above())
    }

    /// Returns true if taking tokens now overtakes no waiting peer.
    pub(crate) fn is_open(&self) -> bool {
        self.waiters.keys.is_empty() || self.waiters.is_feeding
    }

    pub(crate) fn has(&mut self, now: Instant, line: &mut Line<'_>, bytes: u32) -> bool {
        let bytes = self.cost(bytes);
        let mut has = true;
        self.each(line, |bucket| has &= bucket.has(now, bytes));
        has
    }

    pub(crate) fn take(&mut self, line: &mut Line<'_>, bytes: u32) {
        let bytes = self.cost(bytes);
        self.each(line, |bucket| bucket.take(bytes));
    }

    /// Counts a grant of tokens, which gives all waiting peers another turn in the current round.
    pub(crate) fn granted(&mut self) {
        self.waiters.granted += 1;
    }

    /// Gives back tokens for data that will not be transferred.
    pub(crate) fn refund(&mut self, line: &mut Line<'_>, bytes: u32) {
        let bytes = self.cost(bytes);
        self.each(line, |bucket| bucket.refund(bytes));
    }

    /// Takes tokens for data that has already arrived, which may create a debt.
    pub(crate) fn owe(&mut self, now: Instant, line: &mut Line<'_>, bytes: u32) {
        let bytes = self.cost(bytes);
        self.each(line, |bucket| bucket.owe(now, bytes));
    }

    /// Takes tokens for data that no torrent's limit counts, which may create a debt.
    pub(crate) fn owe_whole(&mut self, now: Instant, bytes: u32) {
        self.bucket.owe(now, self.cost(bytes));
    }

    fn each(&mut self, line: &mut Line<'_>, mut visit: impl FnMut(&mut Bucket)) {
        if let Some(peer) = line.peer.as_deref_mut() {
            visit(peer);
        }
        if !self.is_exempt(line) {
            visit(&mut self.bucket);
            self.groups.each(line.group, &mut visit);
            visit(line.torrent);
        }
    }

    /// Returns true if only the peer's own limits apply.
    fn is_exempt(&self, line: &Line<'_>) -> bool {
        line.is_local && self.spares_local
    }

    /// Returns the bytes that limits count for piece data: with overhead, also the headers of the message and of its
    /// packets.
    fn cost(&self, bytes: u32) -> u32 {
        if !self.counts_overhead || bytes == 0 {
            return bytes;
        }
        let message = bytes.saturating_add(BLOCK_HEADER_LEN);
        message.saturating_add(message.div_ceil(PACKET_PAYLOAD_LEN).saturating_mul(PACKET_HEADER_LEN))
    }

    /// Queues a peer until tokens for `bytes` may be available.
    pub(crate) fn wait(&mut self, key: SourceKey, line: &mut Line<'_>, bytes: u32) {
        self.waiters.push(key, self.is_exempt(line));
        let bytes = self.cost(bytes);
        let mut ready_at = Instant::ZERO;
        self.each(line, |bucket| ready_at = ready_at.max(bucket.ready_at(bytes)));
        self.waiters.at = self.waiters.at.min(ready_at);
    }

    /// Removes a source that is gone from the queue.
    pub(crate) fn on_source_gone(&mut self, key: SourceKey) {
        self.waiters.remove(key);
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
    pub(crate) fn next_of(&mut self, now: Instant, round: &mut Round) -> Option<SourceKey> {
        let next = if round.left == 0 {
            None
        } else if self.bucket.has(now, self.cost(BLOCK_LEN)) {
            self.waiters.pop()
        } else {
            self.waiters.pop_exempt()
        };
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
            self.waiters.at.min(self.bucket.ready_at(self.cost(BLOCK_LEN))).max(now + SHORTEST_WAIT)
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
    /// Peers, each with true if limits over all torrents do not apply to it.
    keys: VecDeque<(SourceKey, bool)>,
    /// Number of the latter.
    exempt: usize,
    /// Time of the next round; [`Instant::FAR_FUTURE`] if none is planned.
    at: Instant,
    /// Number of grants so far.
    granted: u64,
    /// Set while a round is under way.
    is_feeding: bool,
}

impl Default for QuotaQueue {
    fn default() -> Self {
        Self { keys: VecDeque::new(), exempt: 0, at: Instant::FAR_FUTURE, granted: 0, is_feeding: false }
    }
}

impl QuotaQueue {
    fn push(&mut self, key: SourceKey, is_exempt: bool) {
        self.keys.push_back((key, is_exempt));
        self.exempt += usize::from(is_exempt);
    }

    fn pop(&mut self) -> Option<SourceKey> {
        let (key, is_exempt) = self.keys.pop_front()?;
        self.exempt -= usize::from(is_exempt);
        Some(key)
    }

    /// Takes the first peer to which limits over all torrents do not apply.
    fn pop_exempt(&mut self) -> Option<SourceKey> {
        if self.exempt == 0 {
            return None;
        }
        let at = self.keys.iter().position(|(_, is_exempt)| *is_exempt)?;
        let (key, _) = self.keys.remove(at)?;
        self.exempt -= 1;
        Some(key)
    }

    fn remove(&mut self, key: SourceKey) {
        self.keys.retain(|(waiting, _)| *waiting != key);
        self.exempt = self.keys.iter().filter(|(_, is_exempt)| *is_exempt).count();
    }
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;
