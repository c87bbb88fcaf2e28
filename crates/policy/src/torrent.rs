//! One torrent.

use ztor_base::{Duration, Instant};

use crate::categories::CategoryId;
use crate::config::{QueueConfig, SlowRule};
use crate::effect::StopReason;
use crate::facts::{Facts, Phase};
use crate::goals::{GoalAction, GoalKind, Goals, Progress, Reached, Targets};
use crate::key::TorrentKey;
use crate::pool::{Entry, Kind, Part, Place};
use crate::saved::{Mode, SavedTorrent};

/// Maximum lead of a seed that its swarm needs, in seconds of waiting time. A seed past its goal is as much behind.
const NEED_S: i64 = 6 * 3600;
/// Time for which a torrent must be slow to be slow again after the usual time. After a shorter one it takes twice as
/// long each time, so that bursts do not start and stop others.
const SLOW_FOR: Duration = Duration::from_secs(3600);
const MAX_RELAPSES: u32 = 6;
/// Minimum length of a turn.
pub(crate) const MIN_TURN: Duration = Duration::from_secs(1);
/// Minimum time until a timer, so that a driver never spins.
const MIN_WAKE: Duration = Duration::from_millis(1);

/// Treatment of a torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// Does not run.
    Idle(StopReason),
    /// Waits for a check or is in one.
    Check,
    /// Runs without a slot.
    Forced,
    /// Runs with a slot of this kind.
    Slot(Kind),
}

/// State of a running torrent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) started_at: Instant,
    /// Time until which it keeps its slot.
    pub(crate) protected_until: Instant,
    /// Time from which it may be slow.
    slow_from: Instant,
    pub(crate) is_slow: bool,
    /// Time at which `is_slow` was last set or unset.
    switched_at: Instant,
    /// Time since which its rate contradicts `is_slow`.
    differs_since: Option<Instant>,
}

/// A torrent.
#[derive(Debug, Default)]
pub(crate) struct Torrent {
    /// `None` from a restore until the first report.
    pub(crate) facts: Option<Facts>,
    /// Time of the first evaluation with these facts; `None` before it.
    facts_at: Option<Instant>,
    pub(crate) mode: Mode,
    pub(crate) goals: Goals,
    pub(crate) category: Option<CategoryId>,
    /// Group in the last effect.
    pub(crate) group: Option<CategoryId>,
    pub(crate) reached: Option<Reached>,
    pub(crate) run: Option<Run>,
    pub(crate) is_check_on: bool,
    /// Number of times that it was slow for a short time only, at most [`MAX_RELAPSES`].
    relapses: u32,
    /// Time of the last stop; `None` before it.
    pub(crate) stopped_at: Option<Instant>,
    /// Place among downloads that gave up their slot because they were slow; 0 for others.
    pub(crate) turn: u64,
    /// Set from a restore until the first start if it ran before.
    pub(crate) is_first: bool,
    /// Time since which a seed waits or runs, in seconds; `None` if it does neither.
    since_s: Option<i64>,
    /// Waiting time of a seed at the restore.
    waited: Duration,
    /// Set if it was last evaluated as a seed.
    was_seed: Option<bool>,
    pub(crate) entry: Option<Entry>,
    pub(crate) wake: Option<Instant>,
}

impl Torrent {
    /// Creates a torrent.
    pub(crate) fn new(facts: Facts, mode: Mode, category: Option<CategoryId>, goals: Goals) -> Self {
        Self { facts: Some(facts), mode, category, goals, ..Self::default() }
    }

    /// Creates a torrent from its saved form.
    pub(crate) fn restored(saved: &SavedTorrent, category: Option<CategoryId>) -> Self {
        let SavedTorrent { mode, goals, reached, ran, turn, waited, .. } = *saved;
        Self { mode, category, goals, reached, is_first: ran, turn, waited, ..Self::default() }
    }

    /// Records new facts. Returns false if they are the same as before.
    pub(crate) fn report(&mut self, facts: Facts) -> bool {
        if self.facts == Some(facts) {
            return false;
        }
        self.facts = Some(facts);
        self.facts_at = None;
        true
    }

    pub(crate) fn phase(&self) -> Option<Phase> {
        self.facts.map(|facts| facts.phase)
    }

    pub(crate) fn is_seed(&self) -> bool {
        self.phase() == Some(Phase::Seeding)
    }

    /// Returns the goal that stops the torrent.
    pub(crate) fn stopped_by(&self) -> Option<GoalKind> {
        self.reached.filter(|reached| !reached.is_waived && self.is_seed()).map(|reached| reached.goal)
    }

    pub(crate) fn class(&self, is_held: bool) -> Class {
        let kind = match self.phase() {
            None => return Class::Idle(StopReason::Queue),
            Some(Phase::Fault) => return Class::Idle(StopReason::Fault),
            Some(Phase::Checking) => return Class::Check,
            Some(Phase::Metadata | Phase::Downloading) => Kind::Download,
            Some(Phase::Seeding) => Kind::Seed,
        };
        match (self.mode, self.stopped_by()) {
            (Mode::Paused, _) => Class::Idle(StopReason::Paused),
            (Mode::Forced, _) => Class::Forced,
            (Mode::Queue, Some(goal)) => Class::Idle(StopReason::Goal(goal)),
            (Mode::Queue, None) if is_held => Class::Idle(StopReason::Schedule),
            (Mode::Queue, None) => Class::Slot(kind),
        }
    }

    /// Follows a change between download and seed, and the time for which a seed waits.
    pub(crate) fn follow(&mut self, now: Instant, queue: &QueueConfig) {
        let is_seed = match self.phase() {
            Some(Phase::Seeding) => true,
            Some(Phase::Downloading | Phase::Metadata) => false,
            _ => return,
        };
        if self.was_seed.replace(is_seed).is_some_and(|was_seed| was_seed != is_seed) {
            self.turn = 0;
            self.relapses = 0;
            self.since_s = is_seed.then(|| seconds(now));
            if let Some(run) = &mut self.run {
                *run = Run { started_at: run.started_at, protected_until: now, ..Run::new(now, queue) };
            }
        }
        let keeps_turn = is_seed && self.mode == Mode::Queue && self.stopped_by().is_none();
        if !keeps_turn {
            self.since_s = None;
            self.waited = Duration::ZERO;
        } else if self.since_s.is_none() {
            self.since_s = Some(seconds(now).saturating_sub(whole_seconds(self.waited)));
        }
    }

    /// Compares the goals with the facts. Returns a goal that is newly reached, and its action.
    pub(crate) fn check_goals(&mut self, now: Instant, goals: Goals) -> Option<(GoalKind, GoalAction)> {
        self.facts_at.get_or_insert(now);
        match self.phase()? {
            Phase::Downloading | Phase::Metadata => {
                self.reached = None;
                return None;
            }
            Phase::Seeding if self.mode == Mode::Queue => {}
            Phase::Checking | Phase::Fault | Phase::Seeding => return None,
        }
        let targets = Targets::of(goals);
        let old = self.reached;
        if old.is_some_and(|old| old.targets == targets) {
            return None;
        }
        let Some(goal) = targets.reached(&self.progress(now)?) else {
            self.reached = None;
            return None;
        };
        let action = goals.action.unwrap_or_default();
        let is_stopped = old.is_some_and(|old| !old.is_waived);
        let is_waived = action == GoalAction::SuperSeed && !is_stopped;
        self.reached = Some(Reached { goal, targets, is_waived });
        (!is_stopped).then_some((goal, action))
    }

    /// Lets the torrent continue past a goal that it has reached.
    pub(crate) fn waive(&mut self) {
        if let Some(reached) = &mut self.reached {
            reached.is_waived = true;
        }
    }

    /// Follows the rate.
    pub(crate) fn check_rate(&mut self, now: Instant, rule: Option<SlowRule>) {
        let Some(facts) = self.facts else { return };
        let Some(run) = &mut self.run else { return };
        let is_below = rule.is_some_and(|rule| match facts.phase {
            Phase::Seeding => facts.up_per_s < rule.up_per_s,
            _ => facts.down_per_s < rule.down_per_s,
        });
        if !is_below {
            self.turn = 0;
        }
        if is_below == run.is_slow {
            run.differs_since = None;
        } else {
            run.differs_since.get_or_insert(now);
            if run.changes_at(rule, self.relapses).is_some_and(|at| at <= now) {
                if run.is_slow {
                    let is_relapse = now.since(run.switched_at) < SLOW_FOR;
                    self.relapses = if is_relapse { (self.relapses + 1).min(MAX_RELAPSES) } else { 0 };
                }
                *run = Run { is_slow: is_below, switched_at: now, differs_since: None, ..*run };
            }
        }
    }

    /// Returns the time of the next evaluation without new facts.
    pub(crate) fn next_wake(&self, now: Instant, rule: Option<SlowRule>, goals: Goals) -> Option<Instant> {
        let run = self.run.as_ref()?;
        let targets = Targets::of(goals);
        let has_goals = self.is_seed() && self.mode == Mode::Queue && self.reached.is_none();
        let goal = self.progress(now).filter(|_| has_goals).and_then(|progress| targets.due_in(&progress));
        let goal_at = goal.map(|due_in| now + due_in).filter(|at| *at < Instant::FAR_FUTURE);
        let at = run.changes_at(rule, self.relapses).into_iter().chain(goal_at).min()?;
        Some(at.max(now + MIN_WAKE))
    }

    pub(crate) fn start(&mut self, now: Instant, queue: &QueueConfig) {
        self.run = Some(Run::new(now, queue));
        self.is_first = false;
        self.since_s = self.since_s.map(|_| seconds(now));
    }

    pub(crate) fn stop(&mut self, now: Instant) {
        self.run = None;
        self.stopped_at = Some(now);
        self.since_s = self.since_s.map(|_| seconds(now));
    }

    /// Returns the entry in the pools, for a torrent of this rank in the queue.
    pub(crate) fn place(&self, key: TorrentKey, rank: Option<i64>, is_held: bool) -> Option<Entry> {
        let rank = rank.unwrap_or(i64::MAX);
        let part = match self.run {
            None => Part::Waiting,
            Some(run) if run.is_slow => Part::Slow,
            Some(_) => Part::Counted,
        };
        match self.class(is_held) {
            Class::Idle(_) | Class::Forced => None,
            Class::Check => {
                let part = if self.is_check_on { Part::Counted } else { Part::Waiting };
                let class = match self.mode {
                    Mode::Forced => 0,
                    Mode::Queue => 1,
                    Mode::Paused => 2,
                };
                Some(Entry { kind: Kind::Check, part, place: (class, rank, key) })
            }
            Class::Slot(kind) => {
                let place: Place = match kind {
                    Kind::Seed if self.is_first => (i64::MIN, 0, key),
                    Kind::Seed => (self.since_s.unwrap_or(0).saturating_sub(self.lead_s()), 0, key),
                    _ if self.is_first => (-1, rank, key),
                    _ => (self.turn_order(), rank, key),
                };
                Some(Entry { kind, part, place })
            }
        }
    }

    /// Returns the first part of the place of a download.
    pub(crate) fn turn_order(&self) -> i64 {
        i64::try_from(self.turn).unwrap_or(i64::MAX)
    }

    /// Waiting time that a seed is given in advance, in seconds, for the need of its swarm: none without leechers,
    /// the maximum without other seeds, half of it with as many seeds as leechers or an unknown swarm. A seed past
    /// its goal gets less than nothing.
    pub(crate) fn lead_s(&self) -> i64 {
        let swarm = self.facts.and_then(|facts| facts.swarm);
        let need_s = swarm.map_or(NEED_S / 2, |swarm| {
            let (seeds, leechers) = (i64::from(swarm.seeds), i64::from(swarm.leechers));
            NEED_S * leechers / (seeds + leechers).max(1)
        });
        if self.reached.is_some() { need_s - NEED_S } else { need_s }
    }

    /// Waiting time of a seed for a slot.
    pub(crate) fn waited(&self, now: Instant) -> Duration {
        match self.since_s {
            None => self.waited,
            Some(_) if self.run.is_some() => Duration::ZERO,
            Some(since_s) => {
                let waited_s = seconds(now).saturating_sub(since_s);
                Duration::from_secs(u64::try_from(waited_s).unwrap_or(0))
            }
        }
    }

    /// Facts that goals are compared with. Times of a running seed have grown since the report.
    fn progress(&self, now: Instant) -> Option<Progress> {
        let facts = self.facts?;
        let since = self.run.zip(self.facts_at).map(|(run, facts_at)| facts_at.max(run.started_at));
        let grown = since.filter(|_| self.is_seed()).map_or(Duration::ZERO, |since| now.since(since));
        Some(Progress {
            uploaded: facts.uploaded,
            downloaded: facts.downloaded,
            wanted: facts.wanted,
            seeding_time: facts.seeding_time.saturating_add(grown),
            idle_time: facts.idle_time.saturating_add(grown),
        })
    }
}

impl Run {
    fn new(now: Instant, queue: &QueueConfig) -> Self {
        let grace = queue.slow.map_or(Duration::ZERO, |rule| rule.grace);
        Self {
            started_at: now,
            protected_until: now + queue.min_run,
            slow_from: now + grace,
            is_slow: false,
            switched_at: now,
            differs_since: None,
        }
    }

    /// Returns the time at which a turn ends that is not shorter than the minimum time.
    pub(crate) fn turn_until(&self, turn: Duration) -> Instant {
        self.protected_until.max(self.started_at + turn.max(MIN_TURN))
    }

    /// Returns the time at which the torrent becomes slow, or is no longer slow.
    fn changes_at(&self, rule: Option<SlowRule>, relapses: u32) -> Option<Instant> {
        let since = self.differs_since?;
        let after = rule.map_or(Duration::ZERO, |rule| rule.after);
        if self.is_slow {
            return Some(since + after);
        }
        let longer = after.saturating_mul(1 << relapses.min(MAX_RELAPSES)).min(SLOW_FOR.max(after));
        Some((since + longer).max(self.slow_from))
    }
}

/// Returns an instant in whole seconds.
pub(crate) fn seconds(now: Instant) -> i64 {
    i64::try_from(now.as_micros() / 1_000_000).unwrap_or(i64::MAX)
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
