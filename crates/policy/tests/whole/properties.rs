//! Random sequences of operations. The driver checks every settle.

use proptest::prelude::*;
use ztor_policy::{
    Alternative, CategorySettings, Config, Facts, Goal, GoalAction, Goals, Limits, Mode, Move, NewTorrent,
    Phase, QueueConfig, Ratio, Schedule, ScheduleAction, ScheduleEntry, Swarm, Weekdays,
};

use crate::driver::{Driver, key, open_queue, secs, slow_rule};
use crate::restarts::restart;

const PHASES: [Phase; 7] = [
    Phase::Downloading,
    Phase::Seeding,
    Phase::Downloading,
    Phase::Seeding,
    Phase::Metadata,
    Phase::Checking,
    Phase::Fault,
];
const PATHS: [&str; 6] = ["a", "a/b", "a/b/c", "d", "d/e", "f"];

fn limit(value: u64) -> Option<usize> {
    (value < 5).then_some(value as usize)
}

fn queue(a: u64, b: u64, has_slow: bool) -> QueueConfig {
    QueueConfig {
        downloads: limit(a % 6),
        seeds: limit(a / 6 % 6),
        checks: limit(a / 36 % 6),
        total: if (a / 216).is_multiple_of(2) { None } else { Some((b % 7) as usize) },
        slow: has_slow.then(slow_rule),
        min_run: secs([0, 60, 300][(b / 7 % 3) as usize]),
        interval: secs([0, 30, 90][(b / 21 % 3) as usize]),
        seed_turn: secs([0, 300, 3600][(b / 63 % 3) as usize]),
        stalled_turn: secs([0, 300, 900][(b / 189 % 3) as usize]),
        ..open_queue()
    }
}

fn goals(value: u64) -> Goals {
    let at = |value: u64| match value % 4 {
        0 => Goal::Inherit,
        1 => Goal::Unlimited,
        value => Goal::At(value),
    };
    let actions = [GoalAction::Stop, GoalAction::Remove, GoalAction::RemoveWithData, GoalAction::SuperSeed];
    let scaled = |goal, factor| match goal {
        Goal::At(value) => Goal::At(secs(value * factor)),
        Goal::Inherit => Goal::Inherit,
        Goal::Unlimited => Goal::Unlimited,
    };
    Goals {
        ratio: match at(value) {
            Goal::At(value) => Goal::At(Ratio::from_thousandths(500 * value as u32)),
            Goal::Inherit => Goal::Inherit,
            Goal::Unlimited => Goal::Unlimited,
        },
        seeding_time: scaled(at(value / 4), 1800),
        idle_time: scaled(at(value / 16), 600),
        action: actions.get((value / 64 % 6) as usize).copied(),
    }
}

fn schedule(value: u64) -> Schedule {
    let action = match value % 3 {
        0 => ScheduleAction::Pause,
        1 => ScheduleAction::Unlimited,
        _ => ScheduleAction::Limits(Limits { down_per_s: Some(value), up_per_s: None }),
    };
    let [from, to] = [value / 3 % 48, value / 144 % 48].map(|half_hours| half_hours as u16 * 30);
    let entries =
        (!value.is_multiple_of(5)).then(|| ScheduleEntry::new(Weekdays::ALL, from, to, action).unwrap());
    Schedule::new(entries.into_iter().collect()).unwrap()
}

fn apply(driver: &mut Driver, has_slow: bool, (op, number, a, b): (u8, u64, u64, u64)) {
    let is_known = driver.torrents.contains_key(&key(number));
    match op {
        0..=3 if !is_known => {
            let facts = Facts { wanted: 1000, ..Facts::new(PHASES[(a % 7) as usize]) };
            let mode = if b % 8 == 0 { Mode::Paused } else { Mode::Queue };
            let at_top = [None, Some(true), Some(false)][(b / 8 % 3) as usize];
            driver.add_with(
                number,
                NewTorrent { mode, at_top, goals: goals(a / 7 * 6), ..NewTorrent::new(facts) },
            );
        }
        0 if b % 4 == 0 => driver.remove(number),
        1 | 2 if is_known => driver.change(number, |facts| facts.phase = PHASES[(a % 7) as usize]),
        3 | 4 if is_known => driver.change(number, |facts| {
            (facts.down_per_s, facts.up_per_s) = (a % 3 * 700, b % 3 * 700);
            facts.uploaded = facts.uploaded.saturating_add(b);
            facts.swarm = Some(Swarm { seeds: (a % 9) as u32, leechers: (b % 9) as u32 });
        }),
        5 if is_known => driver.mode(number, [Mode::Queue, Mode::Paused, Mode::Forced][(a % 3) as usize]),
        6 => {
            let targets = [Move::Top, Move::Bottom, Move::Up, Move::Down, Move::To((b % 12) as usize)];
            driver.policy.move_to(&[key(number), key(a % 12)], targets[(b / 12 % 5) as usize]);
            driver.has_acted = true;
        }
        7 => driver.set_queue(queue(a, b, has_slow)),
        8 => {
            let config = Config { schedule: schedule(a), ..driver.policy.config().clone() };
            driver.policy.set_config(config);
            let all = [Alternative::Auto, Alternative::Auto, Alternative::On, Alternative::Off];
            driver.policy.set_alternative(all[(b % 4) as usize]);
        }
        9 if is_known => driver.set_goals(number, goals(a)),
        10 => {
            let settings = CategorySettings { goals: goals(b), ..CategorySettings::default() };
            let (path, other) = (PATHS[(a % 6) as usize], PATHS[(a / 6 % 6) as usize]);
            match (driver.policy.categories().find(path), b % 4) {
                (None, _) => drop(driver.policy.create_category(path, settings)),
                (Some(id), 0) => drop(driver.policy.remove_category(id)),
                (Some(id), 1) => drop(driver.policy.rename_category(id, other)),
                (Some(id), _) => driver.policy.edit_category(id, settings).unwrap(),
            }
        }
        11 if is_known => {
            let category = driver.policy.categories().find(PATHS[(a % 6) as usize]);
            driver.policy.set_category(key(number), category).unwrap();
        }
        12 => driver.offset_s = (b % 100_000) as i64,
        13 if b % 3 == 0 => restart(driver),
        _ => drop(driver.run(a % 1200)),
    }
}

type Op = (u8, u64, u64, u64);

fn ops() -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec((0u8..18, 0u64..12, 0u64..10_000, 0u64..10_000), 1..120)
}

proptest! {
    #[test]
    fn settle_after_any_operations_keeps_all_rules(has_slow: bool, first in (0u64..432, 0u64..600), ops in ops()) {
        let mut driver = Driver::new(crate::driver::config(queue(first.0, first.1, has_slow)));
        for op in ops {
            apply(&mut driver, has_slow, op);
            driver.settle();
        }
    }

    #[test]
    fn same_operations_have_the_same_effects(has_slow: bool, ops in ops()) {
        let run = |ops: &[Op]| {
            let mut driver = Driver::new(crate::driver::config(queue(44, 0, has_slow)));
            driver.checks_all = false;
            let mut all = Vec::new();
            for op in ops {
                apply(&mut driver, has_slow, *op);
                all.push((driver.settle(), driver.policy.poll_timeout()));
            }
            (all, driver.policy.saved())
        };
        prop_assert_eq!(run(&ops), run(&ops));
    }

    #[test]
    fn saved_form_of_a_restored_policy_is_the_same(ops in ops()) {
        let mut driver = Driver::new(crate::driver::config(queue(44, 0, true)));
        for op in ops {
            apply(&mut driver, true, op);
            driver.settle();
            let saved = driver.policy.saved();
            let restored = ztor_policy::Policy::restore(driver.policy.config().clone(), saved.clone()).saved();
            let turns = |saved: &ztor_policy::Saved| {
                let taken = saved.torrents.iter().filter(|torrent| torrent.turn > 0);
                let mut turns: Vec<_> = taken.map(|torrent| (torrent.turn, torrent.key)).collect();
                turns.sort();
                turns.into_iter().map(|(_, key)| key).collect::<Vec<_>>()
            };
            prop_assert_eq!(turns(&saved), turns(&restored));
            let without_turns = |mut saved: ztor_policy::Saved| {
                saved.torrents.iter_mut().for_each(|torrent| torrent.turn = 0);
                saved
            };
            prop_assert_eq!(without_turns(saved), without_turns(restored));
        }
    }
}
