//! Synthetic torrents and their swarms.

use std::collections::BTreeMap;

use fastrand::Rng;
use ztor_policy::{
    CategoryId, CategorySettings, Config, Effect, Facts, Goal, Goals, Mode, Move, NewTorrent, Phase, Ratio,
    State, Swarm, TorrentKey,
};

use crate::driver::{DAY, Driver, HOUR, MINUTE, key, secs};
use crate::restarts::restart;

const WEEKS: u64 = 4;
/// Time between two reports of a torrent that runs.
const STEP_S: u64 = 5 * MINUTE;
const MIB: u64 = 1 << 20;

/// Size of a simulation and its bounds.
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) at_start: u64,
    pub(crate) per_day: u64,
    /// Share of downloads without any seed.
    pub(crate) dead_percent: u64,
    pub(crate) acts_per_day: u64,
    /// Maximum time from the arrival of a download to its end, without pauses of the user.
    pub(crate) finish_within_s: u64,
    /// Maximum time for which a torrent waits for a slot.
    pub(crate) turn_within_s: u64,
    /// Maximum number of starts of a torrent in a day.
    pub(crate) starts_per_day: u64,
}

/// Outcome of simulations: totals, and the worst values of a torrent.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) torrents: u64,
    pub(crate) finished: u64,
    pub(crate) goals: u64,
    pub(crate) starts: u64,
    pub(crate) settles: u64,
    pub(crate) work: u64,
    pub(crate) longest_wait_s: u64,
    pub(crate) longest_download_s: u64,
    pub(crate) most_starts_per_day: u64,
}

impl Summary {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.torrents += other.torrents;
        self.finished += other.finished;
        self.goals += other.goals;
        self.starts += other.starts;
        self.settles += other.settles;
        self.work += other.work;
        self.longest_wait_s = self.longest_wait_s.max(other.longest_wait_s);
        self.longest_download_s = self.longest_download_s.max(other.longest_download_s);
        self.most_starts_per_day = self.most_starts_per_day.max(other.most_starts_per_day);
    }
}

/// A torrent outside of the policy.
struct Life {
    size: u64,
    done: u64,
    is_dead: bool,
    /// Maximum rates, in bytes per second.
    down_max: u64,
    demand_max: u64,
    /// Hours of the day at which its seeds are there.
    seeds_from_h: u64,
    seeds_for_h: u64,
    check_left_s: u64,
    is_complete_after_check: bool,
    fault_until_s: Option<u64>,
    arrived_at_s: u64,
    /// Time for which it was paused or had a fault.
    lost_s: u64,
    waits_since_s: Option<u64>,
    starts_before_today: u64,
}

pub(crate) struct World<'a> {
    plan: &'a Plan,
    rng: Rng,
    driver: Driver,
    lives: BTreeMap<TorrentKey, Life>,
    categories: Vec<CategoryId>,
    next: u64,
    summary: Summary,
}

impl<'a> World<'a> {
    pub(crate) fn new(plan: &'a Plan, seed: u64) -> Self {
        let mut driver = Driver::new(plan.config.clone());
        let goals = Goals { ratio: Goal::At(Ratio::from_thousandths(1200)), ..Goals::default() };
        let settings = CategorySettings { goals, ..CategorySettings::default() };
        let first = driver.policy.create_category("films", settings).unwrap();
        let second = driver.policy.create_category("films/old", CategorySettings::default()).unwrap();
        let mut world = Self {
            plan,
            rng: Rng::with_seed(seed),
            driver,
            lives: BTreeMap::new(),
            categories: vec![first, second],
            next: 0,
            summary: Summary::default(),
        };
        (0..plan.at_start).for_each(|_| world.arrive());
        world
    }

    pub(crate) fn run(mut self) -> Summary {
        let steps_per_day = DAY / STEP_S;
        for step in 0..WEEKS * 7 * steps_per_day {
            self.change_clock();
            if step % steps_per_day == 0 {
                self.begin_day();
            }
            if self.rng.u64(..steps_per_day) < self.plan.per_day {
                self.arrive();
            }
            if self.rng.u64(..steps_per_day) < self.plan.acts_per_day {
                self.act();
            }
            if step % (7 * steps_per_day) == 5 * steps_per_day + 77 {
                self.restart();
            }
            self.advance();
            self.transfer();
            self.check_turns();
        }
        self.summary.torrents = self.next;
        self.summary.work = self.driver.policy.work();
        self.summary
    }

    /// Summer time begins on the second Sunday at 2, and ends on the third at 3.
    fn change_clock(&mut self) {
        let (begin_s, end_s) = (13 * DAY + 2 * HOUR, 20 * DAY + 2 * HOUR);
        self.driver.offset_s = if (begin_s..end_s).contains(&self.driver.now_s) { HOUR as i64 } else { 0 };
    }

    fn arrive(&mut self) {
        let rng = &mut self.rng;
        let size = MIB << rng.u64(6..13);
        let size = size + rng.u64(..size);
        let phase = match rng.u64(..10) {
            0 | 1 => Phase::Checking,
            2 => Phase::Metadata,
            3 | 4 => Phase::Seeding,
            _ => Phase::Downloading,
        };
        let life = Life {
            size,
            done: 0,
            is_dead: rng.u64(..100) < self.plan.dead_percent,
            down_max: rng.u64(100..4000) * 1024,
            demand_max: if rng.u64(..4) == 0 { 0 } else { rng.u64(1..400) * 1024 },
            seeds_from_h: rng.u64(..24),
            seeds_for_h: if rng.bool() { 24 } else { rng.u64(6..24) },
            check_left_s: size / (100 * MIB) + 10,
            is_complete_after_check: rng.bool(),
            fault_until_s: None,
            arrived_at_s: self.driver.now_s,
            lost_s: 0,
            waits_since_s: None,
            starts_before_today: 0,
        };
        let category = self.categories.get(rng.usize(..8)).copied();
        let at_top = rng.u8(..20) == 0;
        let new = NewTorrent {
            at_top: at_top.then_some(true),
            category,
            ..NewTorrent::new(Facts { wanted: size, ..Facts::new(phase) })
        };
        self.driver.add_with(self.next, new);
        self.lives.insert(key(self.next), life);
        self.next += 1;
    }

    /// An act of the user, or a fault.
    fn act(&mut self) {
        let Some(key) = self.rng.choice(self.lives.keys().copied()) else { return };
        let number = key.as_u64();
        match self.rng.u8(..8) {
            0 => self.driver.mode(number, Mode::Paused),
            1 => self.driver.mode(number, Mode::Forced),
            2 | 3 => {
                let others: Vec<u64> = self.driver.torrents.keys().map(|key| key.as_u64()).collect();
                let is_changed =
                    |number: &u64| self.driver.policy.mode(TorrentKey::new(*number)) != Some(Mode::Queue);
                let changed: Vec<u64> = others.into_iter().filter(is_changed).collect();
                changed.into_iter().for_each(|number| self.driver.mode(number, Mode::Queue));
            }
            4 | 5 => {
                let targets = [Move::Top, Move::Bottom, Move::Up, Move::Down, Move::To(3)];
                self.driver.policy.move_to(&[key], targets[self.rng.usize(..5)]);
                self.driver.has_acted = true;
            }
            6 => self.driver.mode(number, Mode::Queue),
            _ if self.driver.facts(number).phase == Phase::Downloading => {
                let until_s = self.driver.now_s + self.rng.u64(MINUTE..4 * HOUR);
                self.lives.get_mut(&key).unwrap().fault_until_s = Some(until_s);
                self.driver.change(number, |facts| facts.phase = Phase::Fault);
            }
            _ => {}
        }
    }

    /// Restarts the policy. Without a slow rule, the same torrents run as before.
    fn restart(&mut self) {
        self.driver.settle();
        let before = self.driver.running();
        restart(&mut self.driver);
        let twin = self.driver.policy.saved();
        assert_eq!(twin, ztor_policy::Policy::restore(self.plan.config.clone(), twin.clone()).saved());
        let has_pause = self.driver.policy.config().queue.slow.is_some();
        self.driver.settle();
        if !has_pause {
            assert_eq!(self.driver.running(), before, "after the restart");
        }
    }

    fn advance(&mut self) {
        for effect in self.driver.run(STEP_S) {
            match effect {
                Effect::GoalReached { .. } => self.summary.goals += 1,
                Effect::Start(_) => self.summary.starts += 1,
                Effect::Remove { torrent, .. } => {
                    self.driver.remove(torrent.as_u64());
                    self.lives.remove(&torrent);
                }
                _ => {}
            }
        }
        self.summary.settles = self.driver.settles;
    }

    /// Moves the data of a step, and reports the facts that have changed.
    fn transfer(&mut self) {
        let (now_s, hour) = (self.driver.now_s, self.driver.now_s / HOUR % 24);
        let limits = self.driver.limits.unwrap();
        let running = |driver: &Driver, phase| {
            let is_running =
                |shadow: &&crate::driver::Shadow| shadow.started_at.is_some() && shadow.facts.phase == phase;
            driver.torrents.values().filter(is_running).count().max(1) as u64
        };
        let down_share = limits.down_per_s.unwrap_or(100 * MIB) / running(&self.driver, Phase::Downloading);
        let up_share = limits.up_per_s.unwrap_or(100 * MIB) / running(&self.driver, Phase::Seeding);
        // Demand is greatest in the evening.
        let demand_percent = [10, 5, 5, 5, 10, 20, 40, 60, 70, 100, 90, 40][(hour / 2) as usize];
        for (key, life) in &mut self.lives {
            let shadow = &self.driver.torrents[key];
            let (is_running, is_checking, facts) =
                (shadow.started_at.is_some(), shadow.is_checking, shadow.facts);
            let is_lost = shadow.mode == Mode::Paused || facts.phase == Phase::Fault;
            life.lost_s += if is_lost { STEP_S } else { 0 };
            let mut new = facts;
            match facts.phase {
                Phase::Fault if life.fault_until_s.is_some_and(|until_s| until_s <= now_s) => {
                    new.phase = Phase::Downloading;
                }
                Phase::Checking if is_checking => {
                    life.check_left_s = life.check_left_s.saturating_sub(STEP_S);
                    if life.check_left_s == 0 {
                        new.phase =
                            if life.is_complete_after_check { Phase::Seeding } else { Phase::Downloading };
                    }
                }
                Phase::Metadata if is_running && !life.is_dead => new.phase = Phase::Downloading,
                Phase::Downloading if is_running => {
                    let has_seeds = (hour + 24 - life.seeds_from_h) % 24 < life.seeds_for_h && !life.is_dead;
                    new.down_per_s = if has_seeds { life.down_max.min(down_share) } else { 0 };
                    life.done += new.down_per_s * STEP_S;
                    new.downloaded += new.down_per_s * STEP_S;
                    if life.done >= life.size {
                        new = Facts { phase: Phase::Seeding, down_per_s: 0, ..new };
                        let took_s = now_s - life.arrived_at_s - life.lost_s;
                        assert!(took_s <= self.plan.finish_within_s, "{key:?} took {took_s} s");
                        self.summary.longest_download_s = self.summary.longest_download_s.max(took_s);
                        self.summary.finished += 1;
                    }
                }
                Phase::Seeding if is_running => {
                    let demand = life.demand_max * demand_percent / 100;
                    new.up_per_s = demand.min(up_share);
                    new.uploaded += new.up_per_s * STEP_S;
                    new.seeding_time += secs(STEP_S);
                    let is_idle = new.up_per_s == 0;
                    new.idle_time = if is_idle { facts.idle_time + secs(STEP_S) } else { secs(0) };
                    let leechers = (demand / (64 * 1024)) as u32;
                    new.swarm = Some(Swarm { seeds: (life.seeds_for_h / 4) as u32, leechers });
                }
                _ => (new.down_per_s, new.up_per_s) = (0, 0),
            }
            if new != facts {
                self.driver.change(key.as_u64(), |facts| *facts = new);
            }
        }
    }

    /// Checks that no torrent waits too long for a slot, and that no unfinished one was forgotten.
    fn check_turns(&mut self) {
        self.driver.settle();
        let now_s = self.driver.now_s;
        for (key, life) in &mut self.lives {
            let state = self.driver.policy.state_of(*key).unwrap();
            match state {
                State::Queued { .. } | State::QueuedForCheck => {
                    let wait_s = now_s - *life.waits_since_s.get_or_insert(now_s);
                    self.summary.longest_wait_s = self.summary.longest_wait_s.max(wait_s);
                    assert!(wait_s <= self.plan.turn_within_s, "{key:?} waits for {wait_s} s: {state:?}");
                }
                // A scheduled pause neither begins nor ends a wait.
                State::HeldBySchedule => {}
                _ => life.waits_since_s = None,
            }
            let facts = self.driver.torrents[key].facts;
            let age_s = now_s - life.arrived_at_s - life.lost_s;
            let is_late =
                facts.phase == Phase::Downloading && !life.is_dead && age_s > self.plan.finish_within_s;
            assert!(!is_late, "{key:?} is not complete after {age_s} s: {state:?}");
        }
    }

    fn begin_day(&mut self) {
        for (key, life) in &mut self.lives {
            let starts = self.driver.torrents[key].starts;
            let today = starts - life.starts_before_today;
            assert!(today <= self.plan.starts_per_day, "{key:?} had {today} starts in a day");
            self.summary.most_starts_per_day = self.summary.most_starts_per_day.max(today);
            life.starts_before_today = starts;
        }
    }
}
