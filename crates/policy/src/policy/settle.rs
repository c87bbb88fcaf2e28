//! The end of a turn: evaluation of what has changed.

use ztor_base::{Duration, Instant};

use super::Policy;
use crate::clock::{Clock, LocalTime};
use crate::effect::{Effect, StopReason};
use crate::facts::Phase;
use crate::goals::GoalAction;
use crate::key::TorrentKey;
use crate::limits::Limits;
use crate::schedule::{Alternative, ScheduleAction};
use crate::torrent::Class;

/// Maximum time between two readings of a schedule, as the local time may jump.
const SCHEDULE_PERIOD: Duration = Duration::from_secs(60);

/// Effects of a settle. Stops precede starts, so that the caller never exceeds a limit.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) groups: Vec<Effect>,
    pub(super) stops: Vec<Effect>,
    pub(super) starts: Vec<Effect>,
}

impl Policy {
    /// Decides about everything that was recorded, and appends the effects to `out`. An earlier time than in the last
    /// call counts as the same time; the local time may jump.
    pub fn settle(&mut self, clock: Clock, out: &mut Vec<Effect>) {
        self.now = self.now.max(clock.now());
        let mut batch = Batch::default();
        self.follow_schedule(clock.local(), &mut batch);
        self.settle_groups(&mut batch);
        self.wake();
        for key in std::mem::take(&mut self.dirty) {
            self.evaluate(key, &mut batch);
        }
        self.drop_groups(&mut batch);
        let is_due = self.slots.due_at.is_some_and(|at| at <= self.now);
        if self.slots.has_changed || self.slots.has_acted || is_due {
            self.distribute_slots(&mut batch);
        }
        self.order.number();
        for effects in [batch.groups, batch.stops, batch.starts] {
            out.extend(effects);
        }
    }

    /// Returns the latest time of the next [`settle`](Self::settle); `None` if it waits for events only.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let is_due = self.sent_limits.is_none()
            || self.slots.has_changed
            || self.slots.has_acted
            || !self.dirty.is_empty()
            || !self.groups.dirty.is_empty()
            || !self.groups.removed.is_empty();
        if is_due {
            return Some(self.now);
        }
        let timer = self.timers.first().map(|(at, _)| *at);
        timer.into_iter().chain(self.schedule_at).chain(self.slots.due_at).min()
    }

    /// Reads the schedule. That needs no work per torrent unless a pause begins or ends.
    fn follow_schedule(&mut self, local: LocalTime, batch: &mut Batch) {
        let is_auto = self.alternative == Alternative::Auto;
        let action = self.config.schedule.action_at(local).filter(|_| is_auto);
        let limits = match (self.alternative, action) {
            (Alternative::On, _) => self.config.alternative,
            (_, Some(ScheduleAction::Limits(limits))) => limits,
            (_, Some(ScheduleAction::Unlimited)) => Limits::NONE,
            (_, Some(ScheduleAction::Pause) | None) => self.config.limits,
        };
        if self.sent_limits != Some(limits) {
            self.sent_limits = Some(limits);
            batch.groups.push(Effect::WholeLimits(limits));
        }
        let is_held = action == Some(ScheduleAction::Pause);
        if self.is_held != is_held {
            self.is_held = is_held;
            self.dirty.extend(self.torrents.keys());
        }
        let border = self.config.schedule.next_border(local).filter(|_| is_auto);
        self.schedule_at = border.map(|wait| self.now + wait.min(SCHEDULE_PERIOD));
    }

    fn settle_groups(&mut self, batch: &mut Batch) {
        let dirty = std::mem::take(&mut self.groups.dirty);
        let mut changed: Vec<_> = dirty.into_iter().filter(|id| self.categories.contains(*id)).collect();
        changed.sort_by_cached_key(|id| self.categories.depth(*id));
        for category in changed {
            let parent = self.categories.parent(category);
            let limits =
                self.categories.settings(category).map(|settings| settings.limits).unwrap_or_default();
            if self.groups.sent.insert(category, (parent, limits)) != Some((parent, limits)) {
                batch.groups.push(Effect::GroupLimits { category, parent, limits });
            }
        }
    }

    fn drop_groups(&mut self, batch: &mut Batch) {
        for category in std::mem::take(&mut self.groups.removed) {
            if self.groups.sent.remove(&category).is_some() {
                batch.groups.push(Effect::GroupRemoved(category));
            }
        }
    }

    fn wake(&mut self) {
        while let Some((at, key)) = self.timers.first().copied()
            && at <= self.now
        {
            self.timers.remove(&(at, key));
            if let Some(torrent) = self.torrents.get_mut(&key) {
                torrent.wake = None;
            }
            self.dirty.insert(key);
        }
    }

    /// Compares a torrent with everything that concerns it alone.
    fn evaluate(&mut self, key: TorrentKey, batch: &mut Batch) {
        self.work += 1;
        let (now, is_held) = (self.now, self.is_held);
        let Some(goals) = self.goals(key) else { return };
        let queue = &self.config.queue;
        let Some(torrent) = self.torrents.get_mut(&key) else { return };
        match torrent.phase() {
            Some(Phase::Seeding) => {
                self.order.remove(key);
            }
            Some(Phase::Downloading | Phase::Metadata) => self.order.push_back(key),
            Some(Phase::Checking | Phase::Fault) | None => {}
        }
        if torrent.group != torrent.category {
            torrent.group = torrent.category;
            batch.groups.push(Effect::TorrentGroup { torrent: key, category: torrent.category });
        }
        let was_running = torrent.run.is_some();
        let reached = torrent.check_goals(now, goals);
        torrent.follow(now, queue);
        if let Some((goal, _)) = reached {
            batch.stops.push(Effect::GoalReached { torrent: key, goal });
        }
        match torrent.class(is_held) {
            Class::Idle(reason) if was_running => {
                torrent.stop(now);
                batch.stops.push(Effect::Stop(key, reason));
            }
            Class::Check if was_running => {
                torrent.stop(now);
                batch.stops.push(Effect::Stop(key, StopReason::Check));
            }
            Class::Forced if !was_running => {
                torrent.start(now, queue);
                batch.starts.push(Effect::Start(key));
            }
            Class::Idle(_) | Class::Check | Class::Forced | Class::Slot(_) => {}
        }
        match reached.map(|(_, action)| action) {
            Some(GoalAction::Remove) => batch.stops.push(Effect::Remove { torrent: key, with_data: false }),
            Some(GoalAction::RemoveWithData) => {
                batch.stops.push(Effect::Remove { torrent: key, with_data: true });
            }
            Some(GoalAction::SuperSeed) => batch.stops.push(Effect::SuperSeed(key)),
            Some(GoalAction::Stop) | None => {}
        }
        torrent.is_check_on &= torrent.phase() == Some(Phase::Checking);
        torrent.check_rate(now, queue.slow);
        self.place(key);
    }

    /// Brings the entry of a torrent in the pools and its timer up to date.
    pub(super) fn place(&mut self, key: TorrentKey) {
        let Some(goals) = self.goals(key) else { return };
        let Some(torrent) = self.torrents.get_mut(&key) else { return };
        let entry = torrent.place(key, self.order.rank(key), self.is_held);
        if entry != torrent.entry {
            self.pools.replace(torrent.entry, entry);
            torrent.entry = entry;
            self.slots.has_changed = true;
        }
        let wake = torrent.next_wake(self.now, self.config.queue.slow, goals);
        if wake != torrent.wake {
            if let Some(at) = torrent.wake {
                self.timers.remove(&(at, key));
            }
            self.timers.extend(wake.map(|at| (at, key)));
            torrent.wake = wake;
        }
    }
}
