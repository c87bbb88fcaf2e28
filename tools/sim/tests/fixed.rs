//! A fixed set of runs, and every run that ever found something.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use ztor_sim::{Outcome, SCENARIOS, Scenario, run, sweep};

/// Too long for a build without optimisation; the sweep of the program runs them.
const LONG: &[&str] = &["flash-crowd", "slow-disk", "crowded-seed", "dht-2000", "dht-sybil", "utp-grid"];
/// Has a test of its own.
const ELSEWHERE: &str = "utp-links";

fn scenario(name: &str) -> &'static Scenario {
    SCENARIOS.iter().find(|scenario| scenario.name == name).unwrap()
}

fn must_hold(name: &str, seed: u64) -> Outcome {
    let outcome = run(scenario(name), seed, false);
    if let Some(failure) = &outcome.failure {
        panic!("{name}, seed {seed}, at {:?}: {}\n{}", failure.at, failure.message, outcome.story.join("\n"));
    }
    outcome
}

#[test]
fn every_scenario_holds() {
    let is_here = |scenario: &&Scenario| scenario.name != ELSEWHERE && !LONG.contains(&scenario.name);
    for scenario in SCENARIOS.iter().filter(is_here) {
        must_hold(scenario.name, 0);
    }
}

#[test]
fn random_swarms_hold() {
    let swept = sweep(&[scenario("random")], 0..48);
    if let Some((seed, _, outcome)) = swept.failure {
        panic!("seed {seed}: {:?}\n{}", outcome.failure, outcome.story.join("\n"));
    }
    assert_eq!(swept.runs, 48);
}

#[test]
fn the_same_seed_gives_the_same_story() {
    for name in ["random", "crash-in-turn", "poisoning", "dht-200"] {
        let hashes = [5, 5, 6].map(|seed| run(scenario(name), seed, false).hash);
        assert_eq!(hashes[0], hashes[1], "{name}");
        assert_ne!(hashes[0], hashes[2], "{name}");
    }
}

/// Two peers that had never given anything handed the last block of a piece to each other for ever, while a
/// seed had nothing to do.
#[test]
fn the_last_block_is_not_held_by_those_who_never_give() {
    must_hold("false-haves", 0);
}

/// A download that had given its places to calls nobody answers asked its tracker for no addresses.
#[test]
fn download_full_of_calls_still_asks_trackers_for_peers() {
    must_hold("random", 270);
}

/// The checker of limits did not count answers to hash requests.
#[test]
fn hash_answers_count_against_the_upload_limit() {
    must_hold("random", 7705);
}

/// Blocks that came after they had been given up were not charged to the download limit.
#[test]
fn late_blocks_count_against_the_download_limit() {
    must_hold("random", 32);
    must_hold("rate-limits", 3);
}

/// A peer that asked for the same few bytes again and again never had its turn at a seed, and so never gave up its place.
#[test]
fn a_trickle_does_not_hold_a_place_for_ever() {
    must_hold("random", 11_820);
}

/// A torrent that had made a call was not looked at again when its next address was due.
#[test]
fn torrent_calls_the_address_that_is_due_later() {
    must_hold("outage", 6);
}
