//! Four virtual weeks of synthetic torrents, with arrivals, faults, acts of the user, restarts and clock changes. The
//! driver checks safety at every settle; the world checks that each torrent has its turn and none flaps.

mod world;

use ztor_policy::{
    Config, Goal, GoalAction, Goals, Limits, QueueConfig, Ratio, Schedule, ScheduleAction, ScheduleEntry,
    SlowRule, Weekday, Weekdays,
};

use crate::driver::{DAY, HOUR, open_queue, secs};
use world::{Plan, Summary, World};

const MIB: u64 = 1 << 20;

fn schedule(pauses: bool) -> Schedule {
    let entry = |days, from, to, action| ScheduleEntry::new(days, from, to, action).unwrap();
    let slow = Limits { down_per_s: Some(2 * MIB), up_per_s: Some(MIB / 2) };
    let mut entries = vec![
        entry(Weekdays::WORKDAYS, 8 * 60, 18 * 60, ScheduleAction::Limits(slow)),
        entry(Weekdays::WEEKEND, 0, 0, ScheduleAction::Unlimited),
    ];
    if pauses {
        // The hour that clock changes skip and repeat, and a span past midnight.
        entries.push(entry(Weekdays::NONE.with(Weekday::Sunday), 2 * 60, 3 * 60, ScheduleAction::Pause));
        entries.push(entry(Weekdays::WORKDAYS, 23 * 60, 60, ScheduleAction::Pause));
    }
    Schedule::new(entries).unwrap()
}

fn config(queue: QueueConfig, pauses: bool) -> Config {
    let goals = Goals {
        ratio: Goal::At(Ratio::from_thousandths(2000)),
        idle_time: Goal::At(secs(4 * DAY)),
        ..Goals::default()
    };
    let limits = Limits { down_per_s: Some(10 * MIB), up_per_s: Some(4 * MIB) };
    Config { queue, goals, limits, schedule: schedule(pauses), ..Config::default() }
}

fn slow() -> Option<SlowRule> {
    Some(SlowRule::default())
}

/// Runs a plan with several seeds.
fn run(plan: &Plan, seeds: std::ops::Range<u64>) -> Summary {
    let mut whole = Summary::default();
    for seed in seeds {
        let summary = World::new(plan, seed).run();
        println!("{seed}: {summary:?}");
        whole.merge(&summary);
    }
    whole
}

#[test]
fn weeks_at_home_finish_every_download_without_flapping() {
    let queue =
        QueueConfig { downloads: Some(4), seeds: Some(10), checks: Some(1), slow: slow(), ..open_queue() };
    let plan = Plan {
        config: config(queue, true),
        at_start: 60,
        per_day: 8,
        dead_percent: 15,
        acts_per_day: 6,
        finish_within_s: 4 * DAY,
        turn_within_s: DAY,
        starts_per_day: 30,
    };
    let summary = run(&plan, 0..4);
    assert!(summary.finished > 500 && summary.goals > 100, "{summary:?}");
}

#[test]
fn weeks_under_a_total_give_slow_torrents_their_turns() {
    let queue = QueueConfig {
        downloads: Some(4),
        seeds: Some(12),
        checks: Some(2),
        total: Some(16),
        slow: slow(),
        ..open_queue()
    };
    let plan = Plan {
        config: config(queue, true),
        at_start: 100,
        per_day: 6,
        dead_percent: 30,
        acts_per_day: 6,
        finish_within_s: 4 * DAY,
        turn_within_s: 3 * DAY,
        starts_per_day: 40,
    };
    let summary = run(&plan, 10..13);
    assert!(summary.finished > 250, "{summary:?}");
}

#[test]
fn weeks_without_a_slow_rule_keep_the_order_and_the_minimum_time() {
    let queue =
        QueueConfig { downloads: Some(6), seeds: Some(8), checks: Some(1), total: Some(12), ..open_queue() };
    let plan = Plan {
        config: config(queue, false),
        at_start: 40,
        per_day: 5,
        dead_percent: 0,
        acts_per_day: 4,
        finish_within_s: 2 * DAY,
        turn_within_s: 2 * DAY,
        starts_per_day: 20,
    };
    let summary = run(&plan, 20..23);
    assert!(summary.finished > 250, "{summary:?}");
}

#[test]
fn weeks_of_a_seedbox_with_two_thousand_torrents_serve_all() {
    let queue = QueueConfig {
        downloads: Some(20),
        seeds: Some(200),
        checks: Some(4),
        total: Some(400),
        slow: slow(),
        seed_turn: secs(2 * HOUR),
        ..open_queue()
    };
    let mut config = config(queue, true);
    config.goals.action = Some(GoalAction::Remove);
    config.limits = Limits { down_per_s: Some(80 * MIB), up_per_s: Some(80 * MIB) };
    config.schedule = schedule(false);
    let plan = Plan {
        config,
        at_start: 1500,
        per_day: 20,
        dead_percent: 5,
        acts_per_day: 20,
        finish_within_s: 6 * DAY,
        turn_within_s: 2 * DAY,
        starts_per_day: 40,
    };
    let summary = run(&plan, 30..31);
    assert!(summary.torrents >= 2000, "{summary:?}");
}
