//! Seeds and their turns.

use crate::driver::{DAY, Driver, HOUR, MINUTE, config, key, open_queue, secs, slow_rule};
use ztor_policy::{
    Config, Effect, Facts, Goal, Goals, Mode, NewTorrent, Phase, QueueConfig, Ratio, State, StopReason, Swarm,
};

fn seeds(limit: usize) -> QueueConfig {
    QueueConfig { seeds: Some(limit), ..open_queue() }
}

fn seed(seeds: u32, leechers: u32) -> NewTorrent {
    NewTorrent::new(Facts { swarm: Some(Swarm { seeds, leechers }), ..Facts::new(Phase::Seeding) })
}

#[test]
fn seeds_with_the_greatest_need_start_first() {
    let mut driver = Driver::new(config(seeds(2)));
    driver.add_with(0, seed(50, 0));
    driver.add_with(1, seed(10, 10));
    driver.add_with(2, seed(0, 3));
    driver.add_with(3, seed(1, 9));
    driver.settle();
    assert_eq!(driver.running(), [2, 3]);
    assert_eq!(driver.state(0), State::Queued { position: None });
}

#[test]
fn seeds_of_equal_need_run_in_turn() {
    let mut driver = Driver::new(config(seeds(2)));
    driver.add_many(0..6, Phase::Seeding);
    driver.run(DAY);
    let starts: Vec<u64> = driver.torrents.values().map(|shadow| shadow.starts).collect();
    assert!(starts.iter().all(|starts| (4..=9).contains(starts)), "{starts:?}");
}

#[test]
fn seed_without_need_still_gets_a_turn() {
    let mut driver = Driver::new(config(seeds(1)));
    driver.add_with(0, seed(1000, 0));
    driver.add_with(1, seed(0, 1000));
    driver.settle();
    assert_eq!(driver.running(), [1]);
    driver.run(6 * HOUR + MINUTE);
    assert_eq!(driver.running(), [0]);
    driver.run(HOUR);
    assert_eq!(driver.running(), [1]);
}

#[test]
fn seed_turn_below_the_minimum_time_does_not_shorten_it() {
    let mut driver = Driver::new(config(QueueConfig { seed_turn: secs(0), ..seeds(1) }));
    driver.add_many(0..2, Phase::Seeding);
    driver.settle();
    assert_eq!(driver.run(5 * MINUTE - 1), []);
    assert_eq!(driver.run(1).len(), 2);
}

#[test]
fn finished_download_beyond_the_seed_limit_waits_for_a_turn() {
    let mut driver = Driver::new(config(seeds(1)));
    driver.add(0, Phase::Seeding);
    driver.add(1, Phase::Downloading);
    driver.settle();
    driver.change(1, |facts| facts.phase = Phase::Seeding);
    assert_eq!(driver.settle(), [Effect::Stop(key(1), StopReason::Queue)]);
    driver.run(HOUR);
    assert_eq!(driver.running(), [1]);
}

#[test]
fn seed_past_its_goal_waits_behind_the_others() {
    let goals = Goals { ratio: Goal::At(Ratio::from_thousandths(1)), ..Goals::default() };
    let mut driver = Driver::new(Config { goals, ..config(seeds(1)) });
    driver.add(0, Phase::Seeding);
    driver.change(0, |facts| (facts.uploaded, facts.downloaded) = (1, 1));
    driver.settle();
    driver.mode(0, Mode::Queue);
    driver.add(1, Phase::Seeding);
    driver.settle();
    assert_eq!((driver.running(), driver.state(0)), (vec![1], State::Queued { position: None }));
    driver.run(7 * HOUR);
    assert_eq!(driver.running(), [0], "but it has a turn");
}

#[test]
fn seed_that_was_paused_waits_from_its_resume() {
    let mut driver = Driver::new(config(seeds(1)));
    driver.add_many(0..3, Phase::Seeding);
    driver.settle();
    driver.mode(1, Mode::Paused);
    driver.run(30 * MINUTE);
    driver.mode(1, Mode::Queue);
    driver.run(30 * MINUTE);
    assert_eq!(driver.running(), [2]);
}

#[test]
fn seed_without_others_that_wait_keeps_its_slot() {
    let mut driver = Driver::new(config(seeds(1)));
    driver.add(0, Phase::Seeding);
    driver.settle();
    assert_eq!((driver.run(7 * DAY), driver.policy.poll_timeout()), (vec![], None));
}

#[test]
fn slow_seeds_do_not_count_up_to_the_total() {
    let queue = QueueConfig { slow: Some(slow_rule()), total: Some(4), ..seeds(1) };
    let mut driver = Driver::new(config(queue));
    driver.add_many(0..10, Phase::Seeding);
    driver.run(10 * MINUTE);
    assert_eq!(driver.running().len(), 4);
    driver.run(4 * HOUR);
    assert!(driver.torrents.values().all(|shadow| shadow.starts > 0), "slow seeds give way in turn");
}
