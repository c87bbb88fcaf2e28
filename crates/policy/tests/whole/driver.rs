//! A driver that carries out effects, and checks them and the state after each settle.

use std::collections::{BTreeMap, BTreeSet};

use ztor_base::{Duration, Instant};
use ztor_policy::{
    CategoryId, Clock, Config, Effect, Facts, Goals, Limits, LocalTime, Mode, NewTorrent, Phase, Policy,
    QueueConfig, SlowRule, State, StopReason, TorrentKey, Weekday,
};

pub(crate) const MINUTE: u64 = 60;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

pub(crate) fn key(number: u64) -> TorrentKey {
    TorrentKey::new(number)
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A queue without limits and slow torrents.
pub(crate) fn open_queue() -> QueueConfig {
    QueueConfig {
        downloads: None,
        seeds: None,
        checks: None,
        total: None,
        slow: None,
        ..QueueConfig::default()
    }
}

pub(crate) fn config(queue: QueueConfig) -> Config {
    Config { queue, ..Config::default() }
}

pub(crate) fn slow_rule() -> SlowRule {
    SlowRule { down_per_s: 1000, up_per_s: 1000, after: secs(60), grace: secs(60) }
}

/// A torrent as the driver sees it.
#[derive(Clone, Debug)]
pub(crate) struct Shadow {
    pub(crate) facts: Facts,
    pub(crate) mode: Mode,
    /// Seconds at which it was started; `None` if it does not run.
    pub(crate) started_at: Option<u64>,
    pub(crate) is_checking: bool,
    /// Seconds until which it keeps its slot.
    pub(crate) protected_until_s: u64,
    /// Starts so far.
    pub(crate) starts: u64,
}

pub(crate) struct Driver {
    pub(crate) policy: Policy,
    /// Seconds since the start.
    pub(crate) now_s: u64,
    /// Seconds by which the local time is ahead of a clock that starts on Monday at midnight.
    pub(crate) offset_s: i64,
    pub(crate) torrents: BTreeMap<TorrentKey, Shadow>,
    pub(crate) limits: Option<Limits>,
    pub(crate) groups: BTreeMap<CategoryId, (Option<CategoryId>, Limits)>,
    pub(crate) members: BTreeMap<TorrentKey, CategoryId>,
    /// Set if the user has changed anything since the last settle.
    pub(crate) has_acted: bool,
    /// Time since which a waiting download precedes a running one that is not protected; `None` without one.
    pub(crate) inverted_since_s: Option<u64>,
    /// Number of settles so far.
    pub(crate) settles: u64,
    /// Set if every settle is followed by a check of all torrents.
    pub(crate) checks_all: bool,
}

impl Driver {
    pub(crate) fn new(config: Config) -> Self {
        Self::of(Policy::new(config))
    }

    pub(crate) fn of(policy: Policy) -> Self {
        Self {
            policy,
            now_s: 0,
            offset_s: 0,
            torrents: BTreeMap::new(),
            limits: None,
            groups: BTreeMap::new(),
            members: BTreeMap::new(),
            has_acted: false,
            inverted_since_s: None,
            settles: 0,
            checks_all: true,
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        let local = self.now_s.saturating_add_signed(self.offset_s);
        let weekday = Weekday::ALL[(local / DAY % 7) as usize];
        let time = LocalTime::new(weekday, (local % DAY / 60) as u16, (local % 60) as u8);
        Clock::new(Instant::from_micros(self.now_s * 1_000_000), time)
    }

    pub(crate) fn add_with(&mut self, number: u64, new: NewTorrent) {
        self.policy.add(key(number), new).unwrap();
        let shadow = Shadow {
            facts: new.facts,
            mode: new.mode,
            started_at: None,
            is_checking: false,
            protected_until_s: 0,
            starts: 0,
        };
        self.torrents.insert(key(number), shadow);
    }

    pub(crate) fn add(&mut self, number: u64, phase: Phase) {
        self.add_with(number, NewTorrent::new(Facts::new(phase)));
    }

    pub(crate) fn add_many(&mut self, numbers: std::ops::Range<u64>, phase: Phase) {
        numbers.for_each(|number| self.add(number, phase));
    }

    pub(crate) fn facts(&self, number: u64) -> Facts {
        self.torrents[&key(number)].facts
    }

    pub(crate) fn change(&mut self, number: u64, change: impl FnOnce(&mut Facts)) {
        let shadow = self.torrents.get_mut(&key(number)).unwrap();
        let was_seed = shadow.facts.phase == Phase::Seeding;
        change(&mut shadow.facts);
        if was_seed != (shadow.facts.phase == Phase::Seeding) {
            shadow.protected_until_s = 0;
        }
        shadow.is_checking &= shadow.facts.phase == Phase::Checking;
        assert!(self.policy.update(key(number), shadow.facts));
    }

    pub(crate) fn mode(&mut self, number: u64, mode: Mode) {
        let is_known = match mode {
            Mode::Queue => self.policy.resume(key(number)),
            Mode::Paused => self.policy.pause(key(number)),
            Mode::Forced => self.policy.force_start(key(number)),
        };
        assert!(is_known);
        self.torrents.get_mut(&key(number)).unwrap().mode = mode;
        self.has_acted = true;
    }

    pub(crate) fn set_queue(&mut self, queue: QueueConfig) {
        self.policy.set_config(Config { queue, ..self.policy.config().clone() });
        self.has_acted = true;
    }

    pub(crate) fn set_goals(&mut self, number: u64, goals: Goals) {
        self.policy.set_goals(key(number), goals).unwrap();
    }

    pub(crate) fn remove(&mut self, number: u64) {
        assert!(self.policy.remove(key(number)));
        self.torrents.remove(&key(number));
        self.members.remove(&key(number));
    }

    pub(crate) fn state(&self, number: u64) -> State {
        self.policy.state_of(key(number)).unwrap()
    }

    /// Numbers of the torrents that run.
    pub(crate) fn running(&self) -> Vec<u64> {
        let running = self.torrents.iter().filter(|(_, shadow)| shadow.started_at.is_some());
        running.map(|(key, _)| key.as_u64()).collect()
    }

    /// Settles, carries out the effects and checks them.
    pub(crate) fn settle(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.settles += 1;
        self.policy.settle(self.clock(), &mut effects);
        let (mut has_started, mut stopped) = (false, BTreeSet::new());
        for effect in &effects {
            let is_start = matches!(effect, Effect::Start(_) | Effect::StartCheck(_));
            assert!(is_start || !has_started, "a start precedes {effect:?}");
            has_started |= is_start;
            match effect {
                Effect::Stop(key, _) => assert!(stopped.insert(*key), "{effect:?} twice"),
                Effect::Start(key) => {
                    assert!(!stopped.contains(key), "{key:?} stops and starts at {}", self.now_s)
                }
                _ => {}
            }
            self.carry_out(*effect);
        }
        self.check_fixed_point();
        if self.checks_all {
            self.check_all();
            self.check_order();
        }
        self.has_acted = false;
        effects
    }

    /// Settles at each timeout of the policy until the given time passed.
    pub(crate) fn run(&mut self, seconds: u64) -> Vec<Effect> {
        let end = self.now_s + seconds;
        let mut effects = self.settle();
        while self.now_s < end {
            let timeout = self.policy.poll_timeout().map(|at| at.as_micros().div_ceil(1_000_000));
            self.now_s = timeout.unwrap_or(end).clamp(self.now_s + 1, end);
            effects.extend(self.settle());
        }
        effects
    }

    fn carry_out(&mut self, effect: Effect) {
        let (now_s, has_acted, queue) = (self.now_s, self.has_acted, self.policy.config().queue);
        match effect {
            Effect::WholeLimits(limits) => assert_ne!(self.limits.replace(limits), Some(limits)),
            Effect::GroupLimits { category, parent, limits } => {
                assert!(parent.is_none_or(|parent| self.groups.contains_key(&parent)), "{effect:?}");
                assert_ne!(self.groups.insert(category, (parent, limits)), Some((parent, limits)));
            }
            Effect::TorrentGroup { torrent, category } => {
                let old = match category {
                    Some(id) => self.members.insert(torrent, id),
                    None => self.members.remove(&torrent),
                };
                assert!(category.is_none_or(|id| self.groups.contains_key(&id)), "{effect:?}");
                assert_ne!(old, category, "{effect:?}");
            }
            Effect::GroupRemoved(id) => {
                assert!(self.groups.remove(&id).is_some(), "{effect:?}");
                assert!(self.groups.values().all(|(parent, _)| *parent != Some(id)), "{effect:?}");
                assert!(self.members.values().all(|category| *category != id), "{effect:?}");
            }
            Effect::Start(key) => {
                let shadow = self.torrents.get_mut(&key).unwrap();
                assert_eq!(shadow.started_at.replace(now_s), None, "{effect:?}");
                shadow.protected_until_s = now_s + queue.min_run.as_secs();
                shadow.starts += 1;
            }
            Effect::Stop(key, reason) => {
                let shadow = self.torrents.get_mut(&key).unwrap();
                let started_at = shadow.started_at.take();
                assert!(started_at.is_some(), "{effect:?} of a torrent that does not run");
                // A limit may be exceeded by torrents of which all are protected.
                let is_short = now_s < shadow.protected_until_s;
                let may_be_short = has_acted || reason != StopReason::Queue || queue.slow.is_some();
                assert!(!is_short || may_be_short, "{effect:?} at {now_s} after {started_at:?}");
            }
            Effect::StartCheck(key) | Effect::HoldCheck(key) => {
                let shadow = self.torrents.get_mut(&key).unwrap();
                let is_start = matches!(effect, Effect::StartCheck(_));
                assert_eq!(std::mem::replace(&mut shadow.is_checking, is_start), !is_start, "{effect:?}");
            }
            Effect::GoalReached { torrent, .. } | Effect::Remove { torrent, .. } => {
                assert!(self.torrents[&torrent].facts.phase == Phase::Seeding, "{effect:?}");
                assert!(self.torrents[&torrent].mode == Mode::Queue, "{effect:?}");
            }
            Effect::SuperSeed(key) => assert!(self.torrents.contains_key(&key)),
        }
    }

    /// Checks that another settle at the same time does nothing.
    fn check_fixed_point(&mut self) {
        let now = self.clock().now();
        assert!(self.policy.poll_timeout().is_none_or(|at| at > now), "the next timeout is in the future");
        let (work, mut effects) = (self.policy.work(), Vec::new());
        self.policy.settle(self.clock(), &mut effects);
        assert_eq!((effects, self.policy.work()), (Vec::new(), work), "the second settle at {}", self.now_s);
    }

    /// Checks that waiting downloads replace those behind them after the interval.
    fn check_order(&mut self) {
        let queue = self.policy.config().queue;
        let mut waiting = self
            .policy
            .queue()
            .skip_while(|key| !matches!(self.policy.state_of(*key), Some(State::Queued { .. })));
        let is_open = |shadow: &Shadow| {
            let is_slot = shadow.mode == Mode::Queue && shadow.started_at.is_some();
            is_slot && shadow.protected_until_s <= self.now_s
        };
        let is_inverted = queue.slow.is_none() && waiting.any(|key| is_open(&self.torrents[&key]));
        let since_s = is_inverted.then(|| self.inverted_since_s.unwrap_or(self.now_s));
        let lasts = since_s.map_or(0, |since_s| self.now_s - since_s);
        assert!(lasts <= queue.interval.as_secs(), "the order is wrong since {since_s:?}");
        self.inverted_since_s = since_s;
    }

    /// Checks the state of all torrents.
    pub(crate) fn check_all(&self) {
        let queue = self.policy.config().queue;
        let (mut downloads, mut seeds, mut total, mut checks) = (0, 0, 0, 0);
        let (mut queued_downloads, mut queued_seeds) = (Vec::new(), Vec::new());
        for (key, shadow) in &self.torrents {
            let state = self.policy.state_of(*key).unwrap();
            let is_seed = shadow.facts.phase == Phase::Seeding;
            let is_loaded =
                matches!(shadow.facts.phase, Phase::Seeding | Phase::Downloading | Phase::Metadata);
            let is_running = matches!(state, State::Running { .. });
            let is_held = state == State::HeldBySchedule;
            assert!(!is_held || shadow.mode == Mode::Queue && is_loaded, "{key:?} {state:?}");
            assert_eq!(is_running, shadow.started_at.is_some(), "{key:?} {state:?}");
            assert!(!(shadow.mode == Mode::Paused && is_running), "{key:?} is paused and runs");
            assert!(shadow.mode != Mode::Forced || !is_loaded || is_running, "{key:?} is forced: {state:?}");
            assert_eq!(matches!(state, State::Checking), shadow.is_checking, "{key:?} {state:?}");
            assert!(!shadow.is_checking || shadow.facts.phase == Phase::Checking);
            checks += usize::from(shadow.is_checking);
            let in_queue = self.policy.position(*key).is_some();
            assert!(!is_seed || !in_queue, "{key:?} has all data");
            assert!(!is_loaded || is_seed || in_queue, "{key:?} needs data");
            match state {
                State::Running { is_forced: false, is_slow } => {
                    total += 1;
                    downloads += usize::from(!is_seed && !is_slow);
                    seeds += usize::from(is_seed && !is_slow);
                }
                State::Queued { .. } if is_seed => queued_seeds.push(*key),
                State::Queued { .. } => queued_downloads.push(*key),
                State::QueuedForCheck => assert!(queue.checks.is_some()),
                _ => {}
            }
        }
        let is_within = |count: usize, limit: Option<usize>| limit.is_none_or(|limit| count <= limit);
        let is_full = |count: usize, limit: Option<usize>| limit.is_some_and(|limit| count >= limit);
        assert!(is_within(downloads, queue.downloads) && is_within(seeds, queue.seeds));
        assert!(is_within(total, queue.total) && is_within(checks, queue.checks));
        let has_reason = |queued: &[TorrentKey], count, limit| {
            queued.is_empty() || is_full(count, limit) || is_full(total, queue.total)
        };
        assert!(
            has_reason(&queued_downloads, downloads, queue.downloads),
            "a slot is free: {queued_downloads:?}"
        );
        assert!(has_reason(&queued_seeds, seeds, queue.seeds), "a slot is free: {queued_seeds:?}");
        let positions = self.policy.queue().map(|key| self.policy.position(key));
        assert!(positions.eq((0..self.policy.queue().len()).map(Some)), "positions are dense");
        let unique: BTreeSet<TorrentKey> = self.policy.queue().collect();
        assert_eq!(unique.len(), self.policy.queue().len());
    }
}
