//! Runs many seeds on all cores.

use crate::outcome::Outcome;
use crate::run::run;
use crate::scenarios::Scenario;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

/// Result of a sweep.
#[derive(Debug)]
pub struct Swept {
    /// Number of runs.
    pub runs: u64,
    /// Failed run with the lowest seed; `None` if none failed.
    pub failure: Option<(u64, &'static Scenario, Outcome)>,
}

/// Runs each scenario with each seed, until the first failure.
pub fn sweep(scenarios: &[&'static Scenario], seeds: Range<u64>) -> Swept {
    let next = AtomicU64::new(seeds.start);
    let runs = AtomicU64::new(0);
    let failed: Mutex<Option<(u64, &'static Scenario, Outcome)>> = Mutex::new(None);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            for scenario in scenarios {
                let outcome = run(scenario, seed, false);
                runs.fetch_add(1, Ordering::Relaxed);
                if outcome.failure.is_some() {
                    // Lower seeds in progress still end; no higher one starts.
                    next.store(seeds.end, Ordering::Relaxed);
                    let mut first = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    if first.as_ref().is_none_or(|(lowest, ..)| seed < *lowest) {
                        *first = Some((seed, scenario, outcome));
                    }
                    return;
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    Swept { runs: runs.into_inner(), failure: failed.into_inner().unwrap_or_else(PoisonError::into_inner) }
}
