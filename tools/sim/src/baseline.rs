//! Kept trace hashes of runs. A change that keeps behaviour changes none of them.

use crate::run::run;
use crate::scenarios::{SCENARIOS, Scenario};
use anyhow::Context;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Number of seeds of the random scenario, of most others, and of those in [`SLOW`].
const SEEDS: [u64; 3] = [400, 5, 1];
const SLOW: &[&str] = &[
    "flash-crowd",
    "fairness",
    "slow-disk",
    "leeches",
    "metadata-liars",
    "pex-only",
    "dht-2000",
    "dht-sybil",
    "utp-links",
    "utp-grid",
];

const HEADER: &str = "\
# Trace hashes by scenario and seed. A change that keeps behaviour keeps them:
#   cargo run --release -p ztor-sim -- --baseline PATH-OF-THIS-FILE
# A change of behaviour writes them again, and says so in its commit:
#   cargo run --release -p ztor-sim -- --write-baseline PATH-OF-THIS-FILE
";

/// Trace hashes of a set of runs. A failed run has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    hashes: BTreeMap<(String, u64), Option<u64>>,
}

/// A run whose hash differs from that of the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Name of the scenario.
    pub scenario: String,
    /// Seed of the run.
    pub seed: u64,
    /// Hash in the baseline; `None` if the run had failed.
    pub before: Option<u64>,
    /// Hash of the repeated run; `None` if it fails, or its scenario does not exist.
    pub now: Option<u64>,
}

impl Baseline {
    /// Runs every scenario with the seeds of a baseline, on all cores.
    pub fn measure() -> Self {
        let runs = SCENARIOS.iter().flat_map(|scenario| {
            let seeds = match scenario.name {
                "random" => SEEDS[0],
                name if SLOW.contains(&name) => SEEDS[2],
                _ => SEEDS[1],
            };
            (0..seeds).map(move |seed| (scenario, seed))
        });
        Self { hashes: hashes_of(runs.collect()) }
    }

    /// Parses the output of [`to_text`](Self::to_text).
    ///
    /// # Errors
    /// An error that names the first line without a scenario, a seed and a hash.
    pub fn from_text(text: &str) -> anyhow::Result<Self> {
        let mut hashes = BTreeMap::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let (key, hash) =
                parse(line).with_context(|| format!("line {}: expected SCENARIO SEED HASH", index + 1))?;
            hashes.insert(key, hash);
        }
        Ok(Self { hashes })
    }

    /// Returns the baseline as text with one line per run.
    pub fn to_text(&self) -> String {
        let mut text = HEADER.to_owned();
        for ((scenario, seed), hash) in &self.hashes {
            let hash = hash.map_or("failed".to_owned(), |hash| format!("{hash:016x}"));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{scenario} {seed} {hash}");
        }
        text
    }

    /// Returns the number of runs.
    pub fn runs(&self) -> usize {
        self.hashes.len()
    }

    /// Repeats every run of the baseline, on all cores, and returns those whose hash differs.
    pub fn compare(&self) -> Vec<Difference> {
        let runs = self.hashes.keys().filter_map(|(name, seed)| Some((find(name)?, *seed)));
        let now = hashes_of(runs.collect());
        let all = self.hashes.iter().map(|((scenario, seed), before)| Difference {
            scenario: scenario.clone(),
            seed: *seed,
            before: *before,
            now: now.get(&(scenario.clone(), *seed)).copied().flatten(),
        });
        all.filter(|run| run.before != run.now).collect()
    }
}

fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

fn parse(line: &str) -> Option<((String, u64), Option<u64>)> {
    let mut words = line.split_whitespace();
    let (name, seed, hash) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
    let hash = if hash == "failed" { None } else { Some(u64::from_str_radix(hash, 16).ok()?) };
    words.next().is_none().then(|| ((name.to_owned(), seed), hash))
}

fn hashes_of(runs: Vec<(&'static Scenario, u64)>) -> BTreeMap<(String, u64), Option<u64>> {
    let next = AtomicUsize::new(0);
    let hashes = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some((scenario, seed)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = run(scenario, *seed, false);
            let hash = outcome.failure.is_none().then_some(outcome.hash);
            let mut hashes = hashes.lock().unwrap_or_else(PoisonError::into_inner);
            hashes.insert((scenario.name.to_owned(), *seed), hash);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    hashes.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_text_of_a_baseline_round_trips_and_of_a_bad_line_names_it() -> anyhow::Result<()> {
        let text = "# comment\nrandom 3 00000000000000ff\nloss 0 failed\n";
        let baseline = Baseline::from_text(text)?;
        assert_eq!(baseline.runs(), 2);
        assert_eq!(Baseline::from_text(&baseline.to_text())?, baseline);
        for line in ["random 3", "random x 00", "random 3 zz", "random 3 ff more"] {
            let error = Baseline::from_text(&format!("# a\n{line}\n")).map_err(|error| error.to_string());
            assert_eq!(error, Err("line 2: expected SCENARIO SEED HASH".to_owned()), "{line}");
        }
        Ok(())
    }

    #[test]
    fn compare_with_changed_and_missing_runs_returns_them() -> anyhow::Result<()> {
        let hash = run(find("last-block").context("no such scenario")?, 1, false).hash;
        let text = format!("last-block 1 {hash:016x}\nlast-block 2 {hash:016x}\nno-such-scenario 0 01\n");
        let differences = Baseline::from_text(&text)?.compare();
        let names: Vec<_> = differences.iter().map(|run| (run.scenario.as_str(), run.seed)).collect();
        assert_eq!(names, [("last-block", 2), ("no-such-scenario", 0)]);
        Ok(())
    }
}
