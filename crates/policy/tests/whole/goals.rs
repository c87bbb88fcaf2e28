//! Goals and their actions.

use crate::driver::{Driver, HOUR, MINUTE, config, key, open_queue, secs};
use ztor_policy::{
    CategorySettings, Config, Effect, Goal, GoalAction, GoalKind, Goals, Mode, Phase, Policy, Ratio, State,
    StopReason,
};

fn ratio(thousandths: u32) -> Goals {
    Goals { ratio: Goal::At(Ratio::from_thousandths(thousandths)), ..Goals::default() }
}

fn reached(goal: GoalKind) -> Effect {
    Effect::GoalReached { torrent: key(0), goal }
}

/// A seed with a ratio of 1.5, of 1000 bytes.
fn seed(goals: Goals) -> Driver {
    let mut driver = Driver::new(Config { goals, ..config(open_queue()) });
    driver.add(0, Phase::Seeding);
    driver.change(0, |facts| (facts.wanted, facts.downloaded, facts.uploaded) = (1000, 1000, 1500));
    driver
}

fn stopped(goals: Goals) -> Driver {
    let mut driver = seed(Goals::default());
    driver.settle();
    driver.set_goals(0, goals);
    driver.settle();
    assert_eq!(driver.state(0), State::GoalReached { goal: GoalKind::Ratio });
    driver
}

#[test]
fn goal_that_is_reached_stops_once() {
    let mut driver = seed(ratio(2000));
    driver.settle();
    assert_eq!(driver.running(), [0]);
    driver.change(0, |facts| facts.uploaded = 1999);
    assert_eq!(driver.settle(), []);
    driver.change(0, |facts| facts.uploaded = 2000);
    let stop = Effect::Stop(key(0), StopReason::Goal(GoalKind::Ratio));
    assert_eq!(driver.settle(), [reached(GoalKind::Ratio), stop]);
    driver.change(0, |facts| facts.uploaded = 2001);
    assert_eq!(driver.run(HOUR), []);
}

#[test]
fn goal_of_a_queued_seed_is_reported_without_a_stop() {
    let mut driver = seed(ratio(1500));
    let effects = driver.settle();
    assert_eq!(effects[1..], [reached(GoalKind::Ratio)]);
}

#[test]
fn resume_after_a_goal_continues_until_a_goal_changes() {
    let mut driver = stopped(ratio(1000));
    driver.mode(0, Mode::Queue);
    assert_eq!(driver.settle(), [Effect::Start(key(0))]);
    driver.change(0, |facts| facts.uploaded = 9000);
    assert_eq!(driver.settle(), []);
    driver.set_goals(0, ratio(1001));
    let stop = Effect::Stop(key(0), StopReason::Goal(GoalKind::Ratio));
    assert_eq!(driver.settle(), [reached(GoalKind::Ratio), stop]);
}

#[test]
fn goal_that_is_raised_lets_the_torrent_continue() {
    let mut driver = stopped(ratio(1000));
    driver.set_goals(0, ratio(1400));
    assert_eq!(driver.settle(), [], "the new goal is reached as well");
    driver.set_goals(0, ratio(1501));
    assert_eq!(driver.settle(), [Effect::Start(key(0))]);
}

#[test]
fn goals_of_forced_and_paused_torrents_do_not_count() {
    for mode in [Mode::Forced, Mode::Paused] {
        let mut driver = seed(ratio(1000));
        driver.mode(0, mode);
        assert!(driver.run(HOUR).iter().all(|effect| !matches!(effect, Effect::GoalReached { .. })));
        driver.mode(0, Mode::Queue);
        assert_eq!(driver.settle()[0], reached(GoalKind::Ratio));
    }
}

#[test]
fn goals_of_unfinished_or_checking_torrents_do_not_count() {
    let mut driver = Driver::new(Config { goals: ratio(0), ..config(open_queue()) });
    for phase in [Phase::Metadata, Phase::Downloading, Phase::Checking, Phase::Fault] {
        driver.torrents.contains_key(&key(0)).then(|| driver.remove(0));
        driver.add(0, phase);
        driver.change(0, |facts| (facts.downloaded, facts.uploaded) = (1, 10));
        assert!(!driver.settle().contains(&reached(GoalKind::Ratio)), "{phase:?}");
    }
}

#[test]
fn torrent_that_needs_data_after_a_goal_downloads_it() {
    let mut driver = stopped(ratio(1000));
    driver.change(0, |facts| facts.phase = Phase::Downloading);
    assert_eq!(driver.settle(), [Effect::Start(key(0))]);
    driver.change(0, |facts| facts.phase = Phase::Seeding);
    assert_eq!(driver.settle()[0], reached(GoalKind::Ratio));
}

#[test]
fn check_after_a_goal_keeps_the_torrent_stopped() {
    let mut driver = stopped(ratio(1000));
    driver.change(0, |facts| facts.phase = Phase::Checking);
    driver.settle();
    driver.change(0, |facts| facts.phase = Phase::Seeding);
    assert_eq!(driver.settle(), []);
    assert_eq!(driver.state(0), State::GoalReached { goal: GoalKind::Ratio });
}

#[test]
fn time_goals_are_reached_between_two_reports() {
    let goals =
        Goals { seeding_time: Goal::At(secs(HOUR)), idle_time: Goal::At(secs(2 * HOUR)), ..Goals::default() };
    let mut driver = seed(goals);
    driver.change(0, |facts| facts.seeding_time = secs(30 * MINUTE));
    driver.settle();
    assert_eq!(driver.run(30 * MINUTE - 1), []);
    assert_eq!(driver.run(1)[0], reached(GoalKind::SeedingTime));

    let mut driver = seed(Goals { seeding_time: Goal::Unlimited, ..goals });
    driver.settle();
    driver.run(HOUR);
    driver.change(0, |facts| facts.uploaded += 1);
    assert_eq!(driver.run(2 * HOUR - 1), []);
    assert_eq!(driver.run(1)[0], reached(GoalKind::IdleTime));
}

#[test]
fn actions_other_than_stop_have_their_effects() {
    let act = |action| {
        let mut driver = seed(Goals::default());
        driver.settle();
        driver.set_goals(0, Goals { action: Some(action), ..ratio(1000) });
        let effects = driver.settle();
        assert_eq!((effects[0], driver.run(HOUR)), (reached(GoalKind::Ratio), vec![]));
        (effects[1..].to_vec(), driver)
    };
    let stop = Effect::Stop(key(0), StopReason::Goal(GoalKind::Ratio));
    let remove = |with_data| Effect::Remove { torrent: key(0), with_data };
    assert_eq!(act(GoalAction::Remove).0, [stop, remove(false)]);
    assert_eq!(act(GoalAction::RemoveWithData).0, [stop, remove(true)]);
    let (effects, driver) = act(GoalAction::SuperSeed);
    assert_eq!((effects, driver.running()), (vec![Effect::SuperSeed(key(0))], vec![0]));
}

#[test]
fn removal_that_was_not_carried_out_is_requested_after_a_restart() {
    let driver = stopped(Goals { action: Some(GoalAction::Remove), ..ratio(1000) });
    let facts = driver.facts(0);
    let mut policy = Policy::restore(config(open_queue()), driver.policy.saved());
    policy.update(key(0), facts);
    let mut effects = Vec::new();
    policy.settle(driver.clock(), &mut effects);
    assert!(effects.contains(&Effect::Remove { torrent: key(0), with_data: false }));
}

#[test]
fn goals_of_a_category_apply_from_parent_to_child() {
    let mut driver = seed(Goals { action: Some(GoalAction::SuperSeed), ..Goals::default() });
    let child = driver.policy.create_category("a/b", CategorySettings::default()).unwrap();
    let parent = driver.policy.categories().find("a").unwrap();
    driver.policy.set_category(key(0), Some(child)).unwrap();
    driver.settle();
    let goals = Goals { action: Some(GoalAction::Stop), ..ratio(1000) };
    driver.policy.edit_category(parent, CategorySettings { goals, ..CategorySettings::default() }).unwrap();
    assert!(driver.settle().contains(&Effect::Stop(key(0), StopReason::Goal(GoalKind::Ratio))));
    driver.set_goals(0, Goals { ratio: Goal::Unlimited, ..Goals::default() });
    assert_eq!(driver.settle(), [Effect::Start(key(0))]);
}
