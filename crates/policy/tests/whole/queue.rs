//! Downloads, checks and their queue.

use crate::driver::{Driver, HOUR, MINUTE, config, key, open_queue, secs, slow_rule};
use ztor_policy::{
    Effect, Facts, Mode, Move, NewTorrent, Phase, QueueConfig, State, StopReason, TorrentError,
};

fn downloads(limit: usize) -> QueueConfig {
    QueueConfig { downloads: Some(limit), ..open_queue() }
}

fn two_of_four() -> Driver {
    let mut driver = Driver::new(config(downloads(2)));
    driver.add_many(0..4, Phase::Downloading);
    driver.settle();
    assert_eq!(driver.running(), [0, 1]);
    driver
}

#[test]
fn downloads_beyond_the_limit_wait_at_their_position() {
    let driver = two_of_four();
    assert_eq!(driver.state(2), State::Queued { position: Some(2) });
    assert_eq!(driver.state(0), State::Running { is_forced: false, is_slow: false });
}

#[test]
fn finished_download_leaves_the_queue_and_frees_its_slot_at_once() {
    let mut driver = two_of_four();
    driver.change(0, |facts| facts.phase = Phase::Seeding);
    assert_eq!(driver.settle(), [Effect::Start(key(2))]);
    assert_eq!(driver.running(), [0, 1, 2]);
    assert_eq!((driver.policy.position(key(0)), driver.policy.position(key(3))), (None, Some(2)));
}

#[test]
fn seed_that_needs_data_again_joins_the_end_of_the_queue() {
    let mut driver = two_of_four();
    driver.change(0, |facts| facts.phase = Phase::Seeding);
    driver.settle();
    driver.change(0, |facts| facts.phase = Phase::Downloading);
    let effects = driver.settle();
    assert_eq!(effects, [Effect::Stop(key(0), StopReason::Queue)]);
    assert_eq!(driver.state(0), State::Queued { position: Some(3) });
}

#[test]
fn new_torrent_goes_to_the_end_or_to_the_top() {
    let mut driver = Driver::new(config(QueueConfig { add_to_top: true, ..downloads(1) }));
    driver.add_many(0..2, Phase::Downloading);
    let at_end = NewTorrent { at_top: Some(false), ..NewTorrent::new(Facts::new(Phase::Metadata)) };
    driver.add_with(2, at_end);
    driver.settle();
    assert_eq!(driver.policy.queue().collect::<Vec<_>>(), [key(1), key(0), key(2)]);
    assert_eq!(driver.policy.add(key(2), at_end), Err(TorrentError::Exists));
}

#[test]
fn pause_wins_over_the_queue_and_resume_returns_to_the_position() {
    let mut driver = two_of_four();
    driver.mode(0, Mode::Paused);
    assert_eq!(driver.state(0), State::Paused);
    assert_eq!(driver.settle(), [Effect::Stop(key(0), StopReason::Paused), Effect::Start(key(2))]);
    driver.mode(0, Mode::Queue);
    assert_eq!(driver.settle(), [Effect::Stop(key(2), StopReason::Queue), Effect::Start(key(0))]);
    assert_eq!(driver.state(2), State::Queued { position: Some(2) });
}

#[test]
fn forced_torrent_runs_beyond_the_limit_and_does_not_count() {
    let mut driver = two_of_four();
    driver.mode(3, Mode::Forced);
    assert_eq!(driver.settle(), [Effect::Start(key(3))]);
    driver.mode(0, Mode::Forced);
    assert_eq!(driver.settle(), [Effect::Start(key(2))]);
    driver.mode(0, Mode::Queue);
    assert_eq!(driver.settle(), [Effect::Stop(key(2), StopReason::Queue)]);
    driver.set_queue(QueueConfig { downloads: Some(0), total: Some(0), ..downloads(0) });
    driver.settle();
    assert_eq!(driver.running(), [3]);
}

#[test]
fn move_to_the_top_replaces_the_last_running_download_at_once() {
    let mut driver = two_of_four();
    driver.policy.move_to(&[key(3)], Move::Top);
    driver.has_acted = true;
    assert_eq!(driver.settle(), [Effect::Stop(key(1), StopReason::Queue), Effect::Start(key(3))]);
    driver.policy.move_to(&[key(1), key(2)], Move::Up);
    driver.has_acted = true;
    assert_eq!(driver.settle(), [Effect::Stop(key(0), StopReason::Queue), Effect::Start(key(1))]);
}

#[test]
fn download_of_lower_position_keeps_its_slot_for_the_minimum_time() {
    let mut driver = two_of_four();
    driver.change(0, |facts| facts.phase = Phase::Fault);
    assert_eq!(driver.settle(), [Effect::Stop(key(0), StopReason::Fault), Effect::Start(key(2))]);
    driver.now_s = 10;
    driver.change(0, |facts| facts.phase = Phase::Downloading);
    assert_eq!(driver.settle(), []);
    assert_eq!(driver.run(5 * MINUTE - 11), []);
    assert_eq!(driver.run(1), [Effect::Stop(key(2), StopReason::Queue), Effect::Start(key(0))]);
}

#[test]
fn replacements_without_an_act_keep_the_interval() {
    let mut driver =
        Driver::new(config(QueueConfig { min_run: secs(0), interval: secs(30), ..downloads(1) }));
    driver.add(0, Phase::Downloading);
    for number in 1..4 {
        let new = NewTorrent { at_top: Some(true), ..NewTorrent::new(Facts::new(Phase::Downloading)) };
        driver.settle();
        driver.add_with(number, new);
        driver.now_s += 1;
    }
    driver.settle();
    assert_eq!(driver.running(), [1], "the first replacement is immediate");
    driver.run(30);
    assert_eq!(driver.running(), [3]);
}

#[test]
fn limits_that_are_lowered_stop_the_last_at_once() {
    let mut driver = Driver::new(config(downloads(3)));
    driver.add_many(0..3, Phase::Downloading);
    driver.settle();
    driver.set_queue(downloads(1));
    let stop = |number| Effect::Stop(key(number), StopReason::Queue);
    assert_eq!(driver.settle(), [stop(2), stop(1)]);
    driver.set_queue(open_queue());
    assert_eq!(driver.settle(), [Effect::Start(key(1)), Effect::Start(key(2))]);
}

#[test]
fn slow_download_gives_up_its_slot_after_the_grace() {
    let mut driver = Driver::new(config(QueueConfig { slow: Some(slow_rule()), ..downloads(1) }));
    driver.add_many(0..2, Phase::Downloading);
    driver.settle();
    assert_eq!(driver.run(59), []);
    assert_eq!(driver.run(1), [Effect::Start(key(1))]);
    assert_eq!(driver.state(0), State::Running { is_forced: false, is_slow: true });
    driver.change(1, |facts| facts.down_per_s = 5000);
    driver.run(10 * MINUTE);
    driver.change(0, |facts| facts.down_per_s = 1000);
    assert_eq!(driver.run(59), []);
    assert_eq!(driver.run(1), [Effect::Stop(key(1), StopReason::Queue)]);
    driver.change(0, |facts| facts.down_per_s = 999);
    driver.run(30);
    driver.change(0, |facts| facts.down_per_s = 1000);
    assert_eq!(driver.run(HOUR), [], "a short interruption does not count");
}

#[test]
fn download_in_bursts_is_slow_after_longer_and_longer_times() {
    let mut driver = Driver::new(config(QueueConfig { slow: Some(slow_rule()), ..open_queue() }));
    driver.add(0, Phase::Downloading);
    driver.settle();
    let mut slow_after = |rest_s: u64| {
        let start_s = driver.now_s;
        while !matches!(driver.state(0), State::Running { is_slow: true, .. }) {
            driver.run(10);
        }
        let took_s = driver.now_s - start_s;
        driver.run(rest_s);
        driver.change(0, |facts| facts.down_per_s = 5000);
        driver.run(70);
        driver.change(0, |facts| facts.down_per_s = 0);
        driver.settle();
        took_s
    };
    let times: Vec<u64> = (0..8).map(|_| slow_after(100)).collect();
    assert_eq!(times, [60, 120, 240, 480, 960, 1920, HOUR, HOUR]);
    slow_after(HOUR);
    assert_eq!(slow_after(0), 60, "an hour of slowness is no burst");
}

#[test]
fn download_that_gave_up_its_slot_rests_before_it_takes_another() {
    let turn = secs(15 * MINUTE);
    let queue = QueueConfig { slow: Some(slow_rule()), total: Some(4), stalled_turn: turn, ..downloads(9) };
    let mut driver = Driver::new(config(queue));
    driver.add_many(0..5, Phase::Downloading);
    driver.settle();
    driver.run(6 * HOUR);
    let starts: Vec<u64> = driver.torrents.values().map(|shadow| shadow.starts).collect();
    assert!(starts.iter().sum::<u64>() <= 4 + 24, "one replacement in each turn: {starts:?}");
    assert!(starts.iter().all(|starts| (4..=7).contains(starts)), "{starts:?}");
}

#[test]
fn slow_downloads_beyond_the_total_run_in_turn() {
    let queue = QueueConfig { slow: Some(slow_rule()), total: Some(2), ..downloads(2) };
    let mut driver = Driver::new(config(queue));
    driver.add_many(0..5, Phase::Downloading);
    driver.settle();
    let mut ran = std::collections::BTreeSet::new();
    for _ in 0..4 {
        driver.run(30 * MINUTE);
        ran.extend(driver.running());
    }
    assert_eq!(ran.len(), 5, "each has had a turn: {ran:?}");
    let starts: Vec<u64> = driver.torrents.values().map(|shadow| shadow.starts).collect();
    assert!(starts.iter().max().unwrap() - starts.iter().min().unwrap() <= 1, "{starts:?}");
}

#[test]
fn download_takes_part_of_the_total_from_a_seed() {
    let mut driver = Driver::new(config(QueueConfig { total: Some(2), ..downloads(1) }));
    driver.add_many(0..3, Phase::Seeding);
    driver.settle();
    driver.now_s = 5 * MINUTE;
    driver.add_many(3..5, Phase::Downloading);
    let effects = driver.settle();
    assert!(matches!(effects[..], [Effect::Stop(_, StopReason::Queue), Effect::Start(_)]), "{effects:?}");
    assert_eq!(driver.running().len(), 2);
    assert_eq!(driver.state(3), State::Running { is_forced: false, is_slow: false });
}

#[test]
fn checks_beyond_the_limit_wait_in_queue_order() {
    let mut driver = Driver::new(config(QueueConfig { checks: Some(1), ..open_queue() }));
    driver.add_many(0..3, Phase::Checking);
    driver.mode(0, Mode::Paused);
    assert!(driver.settle().contains(&Effect::StartCheck(key(1))));
    assert_eq!((driver.state(0), driver.state(2)), (State::Paused, State::QueuedForCheck));
    driver.change(1, |facts| facts.phase = Phase::Downloading);
    assert_eq!(driver.settle(), [Effect::Start(key(1)), Effect::StartCheck(key(2))]);
    driver.change(2, |facts| facts.phase = Phase::Seeding);
    driver.settle();
    assert_eq!(driver.state(0), State::Checking, "a paused torrent is checked after the others");
    driver.set_queue(QueueConfig { checks: Some(0), ..open_queue() });
    assert_eq!(driver.settle(), [Effect::HoldCheck(key(0))]);
}

#[test]
fn running_torrent_stops_for_a_check_and_continues_after_it() {
    let mut driver = two_of_four();
    driver.change(0, |facts| facts.phase = Phase::Checking);
    let effects = driver.settle();
    assert_eq!(effects[0], Effect::Stop(key(0), StopReason::Check));
    assert!(effects.contains(&Effect::StartCheck(key(0))) && effects.contains(&Effect::Start(key(2))));
    driver.change(0, |facts| facts.phase = Phase::Seeding);
    assert_eq!(driver.settle(), [Effect::Start(key(0))]);
}

#[test]
fn removed_torrent_frees_its_slot() {
    let mut driver = two_of_four();
    driver.remove(1);
    assert_eq!(driver.settle(), [Effect::Start(key(2))]);
    assert!(!driver.policy.remove(key(1)) && !driver.policy.update(key(1), Facts::new(Phase::Seeding)));
    assert_eq!(driver.policy.state_of(key(1)), None);
}
