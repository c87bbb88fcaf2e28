//! Schedules and the user's choice of limits.

use crate::driver::{DAY, Driver, HOUR, MINUTE, config, key, open_queue};
use ztor_policy::{
    Alternative, Config, Effect, Limits, Mode, Phase, Schedule, ScheduleAction, ScheduleEntry, State,
    StopReason, Weekday, Weekdays,
};

fn limits(rate: u64) -> Limits {
    Limits { down_per_s: Some(rate), up_per_s: Some(rate) }
}

fn entry(days: Weekdays, from_h: u16, to_h: u16, action: ScheduleAction) -> ScheduleEntry {
    ScheduleEntry::new(days, from_h * 60, to_h * 60, action).unwrap()
}

fn driver(entries: Vec<ScheduleEntry>) -> Driver {
    let schedule = Schedule::new(entries).unwrap();
    let config = Config { limits: limits(10), alternative: limits(1), schedule, ..config(open_queue()) };
    let mut driver = Driver::new(config);
    driver.add_many(0..2, Phase::Downloading);
    driver.settle();
    driver
}

fn whole(effects: &[Effect]) -> Vec<Limits> {
    let limits = effects.iter().filter_map(|effect| match effect {
        Effect::WholeLimits(limits) => Some(*limits),
        _ => None,
    });
    limits.collect()
}

#[test]
fn schedule_replaces_the_limits_while_it_is_in_force() {
    let mut driver = driver(vec![
        entry(Weekdays::ALL, 8, 18, ScheduleAction::Limits(limits(5))),
        entry(Weekdays::WEEKEND, 0, 0, ScheduleAction::Unlimited),
    ]);
    assert_eq!(driver.limits, Some(limits(10)));
    driver.run(8 * HOUR - 1);
    assert_eq!(driver.limits, Some(limits(10)));
    assert_eq!(driver.run(1), [Effect::WholeLimits(limits(5))]);
    let effects = driver.run(7 * DAY);
    let changes = whole(&effects);
    assert_eq!(changes.len(), 4 * 2 + 1 + 2 + 1, "{changes:?}");
    assert_eq!(changes.iter().filter(|limits| **limits == Limits::NONE).count(), 1);
}

#[test]
fn scheduled_pause_stops_all_but_forced_torrents() {
    let mut driver = driver(vec![entry(Weekdays::NONE.with(Weekday::Monday), 1, 2, ScheduleAction::Pause)]);
    driver.mode(1, Mode::Forced);
    driver.settle();
    assert_eq!(driver.run(HOUR), [Effect::Stop(key(0), StopReason::Schedule)]);
    assert_eq!((driver.state(0), driver.running()), (State::HeldBySchedule, vec![1]));
    assert_eq!(driver.run(HOUR), [Effect::Start(key(0))]);
}

#[test]
fn alternative_limits_replace_the_schedule_and_its_pauses() {
    let mut driver = driver(vec![entry(Weekdays::ALL, 0, 0, ScheduleAction::Pause)]);
    assert!(driver.running().is_empty());
    driver.policy.set_alternative(Alternative::On);
    let starts = [Effect::Start(key(0)), Effect::Start(key(1))];
    assert_eq!(driver.settle(), [[Effect::WholeLimits(limits(1))].as_slice(), &starts].concat());
    assert_eq!(driver.policy.poll_timeout(), None);
    driver.policy.set_alternative(Alternative::Off);
    assert_eq!(driver.settle(), [Effect::WholeLimits(limits(10))]);
    driver.policy.set_alternative(Alternative::Auto);
    assert_eq!(driver.settle().len(), 2);
}

#[test]
fn local_time_that_jumps_is_noticed_within_a_minute() {
    let mut driver = driver(vec![entry(Weekdays::ALL, 2, 3, ScheduleAction::Pause)]);
    driver.run(2 * HOUR - 30);
    assert_eq!(driver.running(), [0, 1]);
    driver.offset_s = HOUR as i64;
    driver.run(MINUTE);
    assert_eq!(driver.running(), [0, 1], "the hour of the pause does not exist");
    driver.offset_s = 0;
    driver.run(MINUTE);
    assert!(driver.running().is_empty(), "the clock was set back into the pause");
    driver.offset_s = -7200;
    driver.run(MINUTE);
    assert_eq!(driver.running(), [0, 1]);
}

#[test]
fn poll_timeout_is_the_next_border_and_at_most_a_minute_away() {
    let mut driver = driver(vec![entry(Weekdays::ALL, 1, 2, ScheduleAction::Unlimited)]);
    for (second, wait_s) in [(0, 60), (3590, 10), (3600, 60), (7199, 1)] {
        driver.now_s = second;
        driver.settle();
        let wake = driver.policy.poll_timeout().unwrap();
        assert_eq!(wake.since(driver.clock().now()).as_secs(), wait_s, "{second}");
    }
}

#[test]
fn time_that_goes_backwards_counts_as_the_same_time() {
    let mut driver = driver(Vec::new());
    driver.run(HOUR);
    driver.now_s = 5;
    driver.add(2, Phase::Downloading);
    driver.checks_all = true;
    let mut effects = Vec::new();
    driver.policy.settle(driver.clock(), &mut effects);
    assert_eq!(effects, [Effect::Start(key(2))]);
}
