//! Hostile requests to the APIs of other programs, over their real sockets: none leads to a server error, to a request without
//! an answer, to a daemon that does not go on, or to memory without a bound.
//!
//! `ZTOR_HOSTILE_ROUNDS` is the number of rounds, 1 if not set, and `ZTOR_HOSTILE_SEED` the first seed.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod junk;
mod logins;
mod qbittorrent;
mod raw;
mod target;
mod transmission;

use fastrand::Rng;
use target::Target;

/// Most memory of the process in bytes. Some bodies are as long as they may be, and several are open at a time.
const MOST_MEMORY: u64 = 1 << 30;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect(variable))
}

#[test]
fn hostile_requests_get_answers_and_do_no_harm() {
    let target = Target::start();
    let rounds = number("ZTOR_HOSTILE_ROUNDS", 1);
    let first = number("ZTOR_HOSTILE_SEED", 1);
    for seed in first..first + rounds {
        let mut rng = Rng::with_seed(seed);
        let slow = raw::slow_senders(&target);
        for (name, run) in [
            ("raw", raw::run as fn(&Target, &mut Rng)),
            ("qbittorrent", qbittorrent::run),
            ("transmission", transmission::run),
        ] {
            run(&target, &mut rng);
            target.check(&format!("{name}, seed {seed}"));
        }
        drop(slow);
        target.check(&format!("seed {seed}"));
    }
    let memory = target::peak_memory();
    println!("answers by status: {:?}; most memory: {} MiB", target.answers(), memory >> 20);
    assert!(memory < MOST_MEMORY, "{memory}");
    target.end();
}

#[test]
fn many_logins_at_a_time_are_told_to_come_later() {
    let target = Target::start();
    logins::run(&target);
    target.check("logins");
    target.end();
}
