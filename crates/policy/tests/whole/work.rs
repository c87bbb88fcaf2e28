//! Amount of work, counted in torrents.

use crate::driver::{Driver, HOUR, config, open_queue, slow_rule};
use ztor_policy::{Phase, QueueConfig};

const COUNT: u64 = 10_000;

fn driver() -> Driver {
    let queue = QueueConfig {
        downloads: Some(5),
        seeds: Some(50),
        total: Some(100),
        slow: Some(slow_rule()),
        ..open_queue()
    };
    let mut driver = Driver::new(config(queue));
    driver.checks_all = false;
    driver.add_many(0..COUNT / 2, Phase::Downloading);
    driver.add_many(COUNT / 2..COUNT, Phase::Seeding);
    driver.settle();
    driver
}

#[test]
fn settle_without_changes_evaluates_no_torrent() {
    let mut driver = driver();
    let before = driver.policy.work();
    assert!((COUNT..COUNT + 1000).contains(&before), "{before}");
    for number in 0..55 {
        driver.change(number, |facts| facts.down_per_s = 100_000);
        driver.change(COUNT / 2 + number, |facts| facts.up_per_s = 100_000);
    }
    driver.settle();
    let before = driver.policy.work();
    for _ in 0..59 {
        driver.now_s += 1;
        driver.settle();
    }
    assert_eq!(driver.policy.work(), before);
}

#[test]
fn settle_after_one_change_compares_only_running_torrents() {
    let mut driver = driver();
    for number in [0, COUNT - 1] {
        let before = driver.policy.work();
        driver.change(number, |facts| facts.uploaded += 1);
        driver.settle();
        assert_eq!(driver.policy.work() - before, 1, "a total changes no place");
        driver.change(number, |facts| facts.phase = Phase::Fault);
        driver.settle();
        let work = driver.policy.work() - before;
        assert!(work < 200, "{work}");
    }
}

#[test]
fn hour_of_waiting_torrents_takes_little_work() {
    let mut driver = driver();
    driver.run(HOUR);
    let before = driver.policy.work();
    driver.run(HOUR);
    let work = driver.policy.work() - before;
    assert!(work < 100_000, "{work}");
}
