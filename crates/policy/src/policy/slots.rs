//! Distribution of slots among the torrents that compete for them.
//!
//! Waiting torrents start at once if the limits allow it. Otherwise one of these may end a running torrent's slot:
//!
//! - A limit is exceeded, since it was lowered, or since a torrent is no longer slow or has become a seed.
//! - A download in front of it in the queue waits.
//! - The total is reached and a download waits: seeds give way, then slow downloads.
//! - A seed waits, and the running seed has had its turn.

use std::collections::BTreeSet;

use ztor_base::{Duration, Instant};

use super::Policy;
use super::settle::Batch;
use crate::effect::{Effect, StopReason};
use crate::key::TorrentKey;
use crate::pool::Place;
use crate::torrent::MIN_TURN;

/// A torrent that can give up its slot from a time on.
type Offer = (Instant, TorrentKey);

impl Policy {
    pub(super) fn distribute_slots(&mut self, batch: &mut Batch) {
        let is_act = std::mem::take(&mut self.slots.has_acted);
        self.enforce_limits(is_act, batch);
        let download_at = self.fill_downloads(is_act, batch);
        let seed_at = self.fill_seeds(batch);
        self.slots.due_at = download_at.into_iter().chain(seed_at).min();
        self.fill_checks(batch);
        self.slots.has_changed = false;
    }

    fn enforce_limits(&mut self, is_act: bool, batch: &mut Batch) {
        let queue = self.config.queue;
        while exceeds(self.pools.downloads.counted.len(), queue.downloads)
            && let Some(key) = self.last(&self.pools.downloads.counted, is_act)
        {
            self.stop(key, batch);
        }
        while exceeds(self.pools.seeds.counted.len(), queue.seeds)
            && let Some(key) = self.last(&self.pools.seeds.counted, is_act)
        {
            self.stop(key, batch);
        }
        while exceeds(self.pools.running(), queue.total) {
            let (seeds, downloads) = (&self.pools.seeds, &self.pools.downloads);
            let parts = [&seeds.slow, &seeds.counted, &downloads.slow, &downloads.counted];
            let Some(key) = parts.into_iter().find_map(|part| self.last(part, is_act)) else { break };
            self.stop(key, batch);
        }
    }

    /// Starts waiting downloads. Returns the time at which the next may get the slot of another torrent.
    fn fill_downloads(&mut self, is_act: bool, batch: &mut Batch) -> Option<Instant> {
        let queue = self.config.queue;
        let (now, mut has_replaced) = (self.now, false);
        let due_at = loop {
            let Some(head) = self.pools.downloads.waiting.first().copied() else { break None };
            let has_slot = is_below(self.pools.downloads.counted.len(), queue.downloads);
            if has_slot && is_below(self.pools.running(), queue.total) {
                self.start(head.2, batch);
                continue;
            }
            let yielding = if has_slot { self.yielding(head, is_act) } else { None };
            let behind = self.behind(head, is_act);
            let Some((at, victim)) = yielding.into_iter().chain(behind).min_by_key(|(at, _)| *at) else {
                break None;
            };
            if at > now {
                break Some(at);
            }
            has_replaced |= yielding.is_none_or(|(at, _)| at > now);
            self.stop(victim, batch);
            self.start(head.2, batch);
        };
        if has_replaced {
            self.slots.replace_at = now + queue.interval;
        }
        due_at
    }

    /// Returns the torrent whose part of the total a download takes first: a seed, then a slow download. A download
    /// that has given up its part waits for a turn of that torrent before it takes it.
    fn yielding(&mut self, head: Place, is_act: bool) -> Option<Offer> {
        let (now, queue) = (self.now, self.config.queue);
        let has_yielded = head.0 > 0;
        let rested_at = |turn| if has_yielded { self.rested_at(head.2, turn) } else { now };
        let seed_at = rested_at(queue.seed_turn);
        let download_at = rested_at(queue.stalled_turn);
        let seeds = self.pools.seeds.slow.iter().rev().chain(self.pools.seeds.counted.iter().rev());
        let seeds = seeds.filter_map(|place| {
            let run = self.torrents.get(&place.2)?.run?;
            let at = match (has_yielded, is_act) {
                (true, _) => run.turn_until(queue.seed_turn),
                (false, true) => now,
                (false, false) => run.protected_until,
            };
            Some((at.max(seed_at), 0, place.2))
        });
        let downloads = self.pools.downloads.slow.iter().filter_map(|place| {
            let run = self.torrents.get(&place.2)?.run?;
            let is_behind = is_act && *place > head;
            let at = if is_behind { now } else { run.turn_until(queue.stalled_turn).max(download_at) };
            Some((at, 1, place.2))
        });
        let (offer, count) = earliest(seeds.chain(downloads), now);
        self.work += count;
        offer
    }

    /// Returns the last running download behind a waiting one.
    fn behind(&mut self, mut head: Place, is_act: bool) -> Option<Offer> {
        // After a restart, torrents that ran before are the first to start, but they replace no others.
        if head.0 < 0 {
            head.0 = self.torrents.get(&head.2).map_or(0, |torrent| torrent.turn_order());
        }
        let behind = self.pools.downloads.counted.iter().rev().take_while(|place| **place > head);
        let offers = behind.zip(0..).filter_map(|(place, order)| {
            let run = self.torrents.get(&place.2)?.run?;
            let at = run.protected_until.max(self.slots.replace_at);
            Some((if is_act { self.now } else { at }, order, place.2))
        });
        let (offer, count) = earliest(offers, self.now);
        self.work += count;
        offer
    }

    /// Starts waiting seeds. Returns the time at which the next may get the slot of another torrent.
    fn fill_seeds(&mut self, batch: &mut Batch) -> Option<Instant> {
        let queue = self.config.queue;
        loop {
            let head = self.pools.seeds.waiting.first().copied()?;
            let has_slot = is_below(self.pools.seeds.counted.len(), queue.seeds);
            if has_slot && is_below(self.pools.running(), queue.total) {
                self.start(head.2, batch);
                continue;
            }
            let (at, victim) = self.past_turn(head, has_slot)?;
            if at > self.now {
                return Some(at);
            }
            self.stop(victim, batch);
            self.start(head.2, batch);
        }
    }

    /// Returns the torrent that has had its turn when a seed waits: the seed of least need, or if only the total is
    /// reached, first a slow download.
    fn past_turn(&mut self, head: Place, has_slot: bool) -> Option<Offer> {
        let queue = self.config.queue;
        let rested_at = self.rested_at(head.2, queue.min_run);
        let slow = (&self.pools.seeds.slow, &self.pools.downloads.slow);
        let slow_seeds = slow.0.iter().filter(|_| has_slot);
        let seeds = slow_seeds.chain(&self.pools.seeds.counted).filter_map(|place| {
            let torrent = self.torrents.get(&place.2)?;
            // The running seed keeps its slot while it would be in front of the waiting one.
            let lead_s = torrent.lead_s();
            let behind_s = head.0.saturating_add(lead_s).saturating_add(1);
            let behind_at = Instant::ZERO + Duration::from_secs(u64::try_from(behind_s).unwrap_or(0));
            Some((behind_at.max(torrent.run?.turn_until(queue.seed_turn)).max(rested_at), lead_s, place.2))
        });
        let downloads = slow.1.iter().filter(|_| has_slot).filter_map(|place| {
            let run = self.torrents.get(&place.2)?.run?;
            Some((run.turn_until(queue.stalled_turn).max(rested_at), i64::MIN, place.2))
        });
        let (offer, count) = earliest(downloads.chain(seeds), self.now);
        self.work += count;
        offer
    }

    /// Returns the time at which a waiting torrent has been without a slot for a turn.
    fn rested_at(&self, key: TorrentKey, turn: Duration) -> Instant {
        let stopped_at = self.torrents.get(&key).and_then(|torrent| torrent.stopped_at);
        stopped_at.map_or(self.now, |stopped_at| stopped_at + turn.max(MIN_TURN))
    }

    fn fill_checks(&mut self, batch: &mut Batch) {
        let limit = self.config.queue.checks;
        while exceeds(self.pools.checks.counted.len(), limit)
            && let Some((_, _, key)) = self.pools.checks.counted.last().copied()
        {
            batch.stops.push(Effect::HoldCheck(key));
            self.set_check(key, false);
        }
        while is_below(self.pools.checks.counted.len(), limit)
            && let Some((_, _, key)) = self.pools.checks.waiting.first().copied()
        {
            batch.starts.push(Effect::StartCheck(key));
            self.set_check(key, true);
        }
    }

    fn set_check(&mut self, key: TorrentKey, is_on: bool) {
        self.work += 1;
        if let Some(torrent) = self.torrents.get_mut(&key) {
            torrent.is_check_on = is_on;
        }
        self.place(key);
    }

    fn start(&mut self, key: TorrentKey, batch: &mut Batch) {
        self.work += 1;
        if let Some(torrent) = self.torrents.get_mut(&key) {
            torrent.start(self.now, &self.config.queue);
            torrent.check_rate(self.now, self.config.queue.slow);
            batch.starts.push(Effect::Start(key));
        }
        self.place(key);
    }

    /// Ends the slot of a torrent. A slow download goes behind those that have not given up a slot since.
    fn stop(&mut self, key: TorrentKey, batch: &mut Batch) {
        self.work += 1;
        if let Some(torrent) = self.torrents.get_mut(&key) {
            if !torrent.is_seed() && torrent.run.is_some_and(|run| run.is_slow) {
                self.slots.last_turn += 1;
                torrent.turn = self.slots.last_turn;
            }
            torrent.stop(self.now);
            // With a minimum time of zero, another may take the slot in the settle that has given it.
            match batch.starts.iter().rposition(|effect| *effect == Effect::Start(key)) {
                Some(index) => drop(batch.starts.remove(index)),
                None => batch.stops.push(Effect::Stop(key, StopReason::Queue)),
            }
        }
        self.place(key);
    }

    /// Returns the last torrent of a part, if possible one that is not protected.
    fn last(&self, part: &BTreeSet<Place>, is_act: bool) -> Option<TorrentKey> {
        let is_protected = |place: &&Place| {
            let run = self.torrents.get(&place.2).and_then(|torrent| torrent.run);
            run.is_some_and(|run| run.protected_until > self.now)
        };
        let last = part.iter().rev().find(|place| is_act || !is_protected(place)).or(part.last());
        last.map(|place| place.2)
    }
}

/// Returns the best offer, with a time that is not in the past, and the number of offers: of those whose time has
/// come the one of the smallest order, otherwise the one whose time comes first.
fn earliest(offers: impl Iterator<Item = (Instant, i64, TorrentKey)>, now: Instant) -> (Option<Offer>, u64) {
    let mut count = 0;
    let offers = offers.inspect(|_| count += 1).map(|(at, order, key)| (at.max(now), order, key));
    let best = offers.min_by_key(|(at, order, _)| (*at, *order));
    (best.map(|(at, _, key)| (at, key)), count)
}

fn is_below(count: usize, limit: Option<usize>) -> bool {
    limit.is_none_or(|limit| count < limit)
}

fn exceeds(count: usize, limit: Option<usize>) -> bool {
    limit.is_some_and(|limit| count > limit)
}
