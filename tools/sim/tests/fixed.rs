//! A fixed set of runs, and all runs that have found a bug.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use ztor_sim::{Outcome, SCENARIOS, Scenario, run, sweep};

/// Scenarios that take too long without optimisation; the program's sweep runs them.
const LONG: &[&str] = &[
    "flash-crowd",
    "slow-disk",
    "crowded-seed",
    "dht-2000",
    "dht-sybil",
    "utp-grid",
    "leeches",
    "leech-bans",
];
/// Scenario with a test of its own.
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
fn names_of_scenarios_are_unique() {
    let mut names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "a baseline and a replay find only the first of two");
}

#[test]
fn every_short_scenario_with_seed_0_passes() {
    let is_here = |scenario: &&Scenario| scenario.name != ELSEWHERE && !LONG.contains(&scenario.name);
    for scenario in SCENARIOS.iter().filter(is_here) {
        must_hold(scenario.name, 0);
    }
}

#[test]
fn random_scenario_with_48_seeds_passes() {
    let swept = sweep(&[scenario("random")], 0..48);
    if let Some((seed, _, outcome)) = swept.failure {
        panic!("seed {seed}: {:?}\n{}", outcome.failure, outcome.story.join("\n"));
    }
    assert_eq!(swept.runs, 48);
}

#[test]
fn run_with_the_same_seed_gives_the_same_hash() {
    for name in ["random", "crash-in-turn", "poisoning", "dht-200", "managing", "group-limits"] {
        let hashes = [5, 5, 6].map(|seed| run(scenario(name), seed, false).hash);
        assert_eq!(hashes[0], hashes[1], "{name}");
        assert_ne!(hashes[0], hashes[2], "{name}");
    }
}

/// Fails if the request for a last block alternates between two peers that never send blocks, while a seed is idle.
#[test]
fn last_block_requested_from_idle_peers_is_requested_from_a_seed() {
    must_hold("false-haves", 0);
}

/// Fails if a download whose connections are all unanswered attempts asks its tracker for no peers.
#[test]
fn download_with_only_unanswered_attempts_asks_trackers_for_peers() {
    must_hold("random", 270);
}

/// Fails if the checker of limits does not count answers to hash requests.
#[test]
fn upload_limit_with_hash_answers_holds() {
    must_hold("random", 7705);
}

/// Fails if blocks that arrive after their request was given up do not count against the download limit.
#[test]
fn download_limit_with_late_blocks_holds() {
    must_hold("random", 32);
    must_hold("rate-limits", 3);
}

/// Fails if a peer that requests the same few bytes repeatedly never ends its turn, and keeps its slot at a seed.
#[test]
fn slot_of_a_peer_that_requests_few_bytes_passes_on() {
    must_hold("random", 11_820);
}

/// Fails if a torrent that has made an attempt does not try its next address when that is due.
#[test]
fn torrent_with_a_later_due_address_connects_to_it() {
    must_hold("outage", 6);
}

/// Fails if a paused torrent that lacks only pieces that are skipped now never reports its end.
#[test]
fn paused_torrent_without_a_missing_wanted_piece_reports_its_end() {
    must_hold("managing", 141);
}

/// Fails if a limit of a group in a cycle of parents counts each block several times.
#[test]
fn limits_of_groups_in_a_cycle_count_each_block_once() {
    must_hold("managing", 590);
}
