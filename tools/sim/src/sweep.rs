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
    /// Failed run with the lowest seed, and of those the first scenario; `None` if none failed.
    pub failure: Option<(u64, &'static Scenario, Outcome)>,
}

/// Runs each scenario with each seed, until the first failure. The scenarios of a seed are spread over the cores as well, as
/// one may take as long as all others.
pub fn sweep(scenarios: &[&'static Scenario], seeds: Range<u64>) -> Swept {
    let per_seed = scenarios.len() as u64;
    let end = seeds.end.saturating_sub(seeds.start).saturating_mul(per_seed);
    let (next, runs) = (AtomicU64::new(0), AtomicU64::new(0));
    let failed: Mutex<Option<(u64, Outcome)>> = Mutex::new(None);
    let at = |number: u64| {
        let scenario = scenarios.get(usize::try_from(number.checked_rem(per_seed)?).ok()?)?;
        Some((seeds.start + number / per_seed, *scenario))
    };
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((seed, scenario)) = at(number).filter(|_| number < end) else { return };
            let outcome = run(scenario, seed, false);
            runs.fetch_add(1, Ordering::Relaxed);
            if outcome.failure.is_some() {
                // Earlier runs in progress still end; no later one starts.
                next.store(end, Ordering::Relaxed);
                let mut first = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if first.as_ref().is_none_or(|(earliest, _)| number < *earliest) {
                    *first = Some((number, outcome));
                }
                return;
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failure = failed.and_then(|(number, outcome)| at(number).map(|(seed, of)| (seed, of, outcome)));
    Swept { runs: runs.into_inner(), failure }
}
