//! The saved form: restarts, and hostile values.

use proptest::prelude::*;
use ztor_policy::{
    CategorySettings, Facts, Goal, GoalKind, Goals, Mode, Phase, Policy, QueueConfig, Reached, Saved,
    SavedCategory, SavedTorrent, State, Targets,
};

use crate::driver::{Driver, HOUR, config, key, open_queue, secs, slow_rule};

/// Restarts the policy: nothing runs and no group exists until the facts are reported again.
pub(crate) fn restart(driver: &mut Driver) {
    let saved = driver.policy.saved();
    driver.policy = Policy::restore(driver.policy.config().clone(), saved);
    driver.limits = None;
    driver.groups.clear();
    driver.members.clear();
    for (key, shadow) in &mut driver.torrents {
        shadow.started_at = None;
        shadow.is_checking = false;
        assert_eq!(driver.policy.state_of(*key), Some(State::Loading));
        assert!(driver.policy.update(*key, shadow.facts));
    }
    driver.has_acted = true;
}

#[test]
fn restart_continues_the_torrents_that_ran() {
    let queue = QueueConfig { downloads: Some(3), seeds: Some(4), total: Some(6), ..open_queue() };
    let mut driver = Driver::new(config(queue));
    driver.add_many(0..10, Phase::Downloading);
    driver.add_many(10..40, Phase::Seeding);
    driver.mode(5, Mode::Forced);
    driver.mode(1, Mode::Paused);
    driver.policy.move_to(&[key(9)], ztor_policy::Move::Top);
    driver.has_acted = true;
    driver.run(7 * HOUR);
    let before = driver.running();
    assert_eq!(before.len(), 7);
    restart(&mut driver);
    driver.settle();
    assert_eq!((driver.running(), driver.state(1)), (before, State::Paused));
    assert_eq!(driver.policy.position(key(9)), Some(0));
}

#[test]
fn restart_in_the_middle_changes_no_later_decision() {
    let queue = QueueConfig { downloads: Some(5), min_run: secs(0), ..open_queue() };
    let mut drivers = [Driver::new(config(queue)), Driver::new(config(queue))];
    let mut rng = fastrand::Rng::with_seed(5);
    drivers.iter_mut().for_each(|driver| driver.add_many(0..300, Phase::Downloading));
    for step in 0..2000 {
        let (number, other) = (rng.u64(..300), rng.u64(..300));
        let (op, running) = (rng.u8(..10), drivers[0].running());
        let finished = running.get(rng.usize(..running.len().max(1))).copied();
        let effects = drivers.each_mut().map(|driver| {
            driver.checks_all = step % 50 == 0;
            match op {
                0 => driver
                    .policy
                    .move_to(&[key(number), key(other)], ztor_policy::Move::To(number as usize / 2)),
                1 => driver.mode(number, Mode::Paused),
                2 | 3 => driver.mode(number, Mode::Queue),
                4 => finished
                    .into_iter()
                    .for_each(|number| driver.change(number, |facts| facts.phase = Phase::Seeding)),
                5 => driver.change(number, |facts| facts.phase = Phase::Downloading),
                _ => {}
            }
            driver.has_acted = true;
            driver.run(40)
        });
        assert_eq!(effects[0], effects[1], "step {step}");
        if step % 97 == 0 {
            restart(&mut drivers[1]);
            drivers[1].settle();
            assert_eq!(drivers[0].running(), drivers[1].running());
        }
    }
}

#[test]
fn restart_keeps_goals_that_were_reached_or_waived() {
    let goals = Goals { seeding_time: Goal::At(secs(HOUR)), ..Goals::default() };
    let mut driver = Driver::new(ztor_policy::Config { goals, ..config(open_queue()) });
    driver.add_many(0..2, Phase::Seeding);
    driver.run(HOUR);
    driver.mode(1, Mode::Queue);
    driver.settle();
    for number in 0..2 {
        driver.change(number, |facts| facts.seeding_time = secs(HOUR));
    }
    restart(&mut driver);
    let effects = driver.run(HOUR);
    assert_eq!(effects.len(), 2, "limits and one start: {effects:?}");
    assert_eq!(
        (driver.state(0), driver.running()),
        (State::GoalReached { goal: GoalKind::SeedingTime }, vec![1])
    );
}

#[test]
fn restart_of_slow_downloads_keeps_their_turns() {
    let turns =
        QueueConfig { seed_turn: secs(300), stalled_turn: secs(300), min_run: secs(60), ..open_queue() };
    let queue = QueueConfig { downloads: Some(1), total: Some(2), slow: Some(slow_rule()), ..turns };
    let mut driver = Driver::new(config(queue));
    driver.add_many(0..2, Phase::Downloading);
    driver.add(2, Phase::Seeding);
    driver.add(3, Phase::Downloading);
    driver.run(660);
    assert_eq!(driver.running(), [0, 1]);
    restart(&mut driver);
    driver.settle();
    assert_eq!(driver.running(), [0, 2]);
    driver.mode(2, Mode::Forced);
    assert_eq!(driver.settle(), [], "the second does not replace the first");
}

#[test]
fn restore_of_contradictions_normalises_them() {
    let unknown = ztor_policy::CategoryId::new(1);
    let category = |path: &str| SavedCategory {
        id: unknown,
        path: path.to_owned(),
        settings: CategorySettings::default(),
    };
    let torrent = |number, mode| SavedTorrent { mode, ..SavedTorrent::new(key(number)) };
    let saved = Saved {
        torrents: vec![
            SavedTorrent { tags: vec!["a,b".to_owned(), " c ".to_owned()], ..torrent(1, Mode::Forced) },
            torrent(1, Mode::Paused),
            SavedTorrent {
                category: Some(unknown),
                turn: u64::MAX,
                waited: secs(u64::MAX),
                ..torrent(2, Mode::Queue)
            },
        ],
        queue: vec![key(2), key(9), key(2), key(1), key(2)],
        categories: vec![category("missing/x"), category("../x")],
        last_category: u32::MAX,
        tags: vec![String::new(), "d".to_owned()],
        ..Saved::default()
    };
    let mut policy = Policy::restore(config(open_queue()), saved);
    assert_eq!(policy.queue().collect::<Vec<_>>(), [key(2), key(1)]);
    assert_eq!((policy.mode(key(1)), policy.category(key(2))), (Some(Mode::Forced), None));
    assert_eq!(policy.tags().names().collect::<Vec<_>>(), ["c", "d"]);
    assert!(policy.categories().is_empty());
    assert!(policy.create_category("x", CategorySettings::default()).is_err(), "no id is left");
}

fn saved() -> impl Strategy<Value = Saved> {
    let key = (0u64..8).prop_map(key);
    let mode = prop_oneof![Just(Mode::Queue), Just(Mode::Paused), Just(Mode::Forced)];
    let reached = proptest::option::of(any::<bool>()).prop_map(|is_waived| {
        is_waived.map(|is_waived| Reached { goal: GoalKind::Ratio, targets: Targets::default(), is_waived })
    });
    let numbers = (any::<bool>(), prop_oneof![0u64..4, any::<u64>()], any::<u64>(), any::<u32>());
    let torrent = (key.clone(), mode, reached, numbers, proptest::collection::vec(".{0,4}", 0..3));
    let torrent = torrent.prop_map(|(key, mode, reached, (ran, turn, waited, nanos), tags)| SavedTorrent {
        mode,
        reached,
        ran,
        turn,
        waited: std::time::Duration::new(waited, nanos % 1_000_000_000),
        tags,
        ..SavedTorrent::new(key)
    });
    let torrents = proptest::collection::vec(torrent, 0..12);
    let queue = proptest::collection::vec(key, 0..12);
    (torrents, queue, any::<u32>(), proptest::collection::vec(".{0,4}", 0..4)).prop_map(
        |(torrents, queue, last_category, tags)| Saved {
            torrents,
            queue,
            last_category,
            tags,
            ..Saved::default()
        },
    )
}

proptest! {
    #[test]
    fn restore_of_any_values_keeps_all_rules(saved in saved(), phases in proptest::collection::vec(0usize..5, 8)) {
        let all = [Phase::Downloading, Phase::Seeding, Phase::Checking, Phase::Metadata, Phase::Fault];
        let one = QueueConfig { downloads: Some(1), seeds: Some(1), ..open_queue() };
        let queue = QueueConfig { total: Some(2), slow: Some(slow_rule()), ..one };
        let known: Vec<_> = saved.torrents.iter().map(|torrent| torrent.key).collect();
        let mut driver = Driver::of(Policy::restore(config(queue), saved));
        for key in known {
            let facts = Facts::new(all[phases[key.as_u64() as usize]]);
            let shadow = crate::driver::Shadow {
                facts,
                mode: driver.policy.mode(key).unwrap(),
                started_at: None,
                is_checking: false,
                protected_until_s: 0,
                starts: 0,
            };
            driver.torrents.insert(key, shadow);
            driver.policy.update(key, facts);
        }
        driver.run(HOUR);
    }
}

#[cfg(feature = "serde")]
#[test]
fn saved_form_as_json_is_the_same() {
    let mut driver = Driver::new(config(open_queue()));
    let id = driver.policy.create_category("a/b", CategorySettings::default()).unwrap();
    driver.add(1, Phase::Seeding);
    driver.policy.set_category(key(1), Some(id)).unwrap();
    driver.policy.add_tag(key(1), "x").unwrap();
    let goals = Goals { idle_time: Goal::At(secs(5)), ..Goals::default() };
    driver.policy.set_goals(key(1), goals).unwrap();
    driver.run(HOUR);
    let saved = driver.policy.saved();
    let text = serde_json::to_string(&saved).unwrap();
    assert_eq!(serde_json::from_str::<Saved>(&text).unwrap(), saved);
    let state = serde_json::to_string(&driver.state(1)).unwrap();
    assert_eq!(state, r#"{"kind":"goal_reached","goal":"idle_time"}"#);
}
