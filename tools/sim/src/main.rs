//! Runs scenarios: one seed, or a sweep over many.
#![forbid(unsafe_code)]

use anyhow::{Context, bail};
use clap::Parser;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use ztor_sim::{Baseline, Outcome, SCENARIOS, Scenario, run, sweep};

/// Swarms of real engines on a virtual network, disk and clock
#[derive(Debug, Parser)]
#[command(name = "ztor-sim", max_term_width = 100)]
struct Args {
    /// Run this seed, and print the result
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Run all seeds from A up to but not including B on all cores, until one fails
    #[arg(long, value_name = "A..B", value_parser = parse_range)]
    seeds: Option<Range<u64>>,
    /// Run only this scenario instead of all
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Print all events as they happen (with --seed)
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Repeat the runs of this file, and list those whose trace hash has changed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "seeds", "scenario"])]
    baseline: Option<PathBuf>,
    /// Run every scenario with the seeds of a baseline, and write the trace hashes into this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "seeds", "scenario", "baseline"])]
    write_baseline: Option<PathBuf>,
    /// List the scenarios
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    play(Args::parse()).unwrap_or_else(|error| {
        eprintln!("ztor-sim: {error:#}");
        ExitCode::from(2)
    })
}

fn play(args: Args) -> anyhow::Result<ExitCode> {
    if args.list {
        SCENARIOS.iter().for_each(|scenario| println!("{:<28} {}", scenario.name, scenario.about));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = &args.baseline {
        return compare_with(path);
    }
    if let Some(path) = &args.write_baseline {
        let baseline = Baseline::measure();
        std::fs::write(path, baseline.to_text()).with_context(|| format!("writing {}", path.display()))?;
        println!("{} runs written to {}", baseline.runs(), path.display());
        return Ok(ExitCode::SUCCESS);
    }
    let chosen: Vec<&'static Scenario> =
        SCENARIOS.iter().filter(|s| args.scenario.as_deref().is_none_or(|name| name == s.name)).collect();
    if chosen.is_empty() {
        bail!("unknown scenario; --list shows all");
    }
    match args.seeds {
        Some(seeds) => Ok(sweep_all(&chosen, seeds)),
        None => Ok(play_all(&chosen, args.seed.unwrap_or(0), args.trace)),
    }
}

fn compare_with(path: &Path) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let baseline = Baseline::from_text(&text).with_context(|| path.display().to_string())?;
    let differences = baseline.compare();
    let shown = |hash: Option<u64>| hash.map_or("failed".to_owned(), |hash| format!("{hash:016x}"));
    for run in &differences {
        let (before, now) = (shown(run.before), shown(run.now));
        println!("{}, seed {}: trace {before} has become {now}", run.scenario, run.seed);
    }
    println!("{} runs, {} with another trace", baseline.runs(), differences.len());
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn play_all(scenarios: &[&'static Scenario], seed: u64, is_loud: bool) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for scenario in scenarios {
        let begun = std::time::Instant::now();
        let outcome = run(scenario, seed, is_loud);
        println!(
            "{}, seed {seed}: trace {:016x}, {:.1} s",
            scenario.name,
            outcome.hash,
            begun.elapsed().as_secs_f64()
        );
        outcome.notes.iter().for_each(|note| println!("  {note}"));
        if outcome.failure.is_some() {
            show_failure(scenario, seed, &outcome);
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn sweep_all(scenarios: &[&'static Scenario], seeds: Range<u64>) -> ExitCode {
    let begun = std::time::Instant::now();
    let swept = sweep(scenarios, seeds);
    println!("{} runs in {:.1} s", swept.runs, begun.elapsed().as_secs_f64());
    match swept.failure {
        None => ExitCode::SUCCESS,
        Some((seed, scenario, outcome)) => {
            show_failure(scenario, seed, &outcome);
            ExitCode::FAILURE
        }
    }
}

fn show_failure(scenario: &Scenario, seed: u64, outcome: &Outcome) {
    let Some(failure) = &outcome.failure else { return };
    println!("\nFAILED: scenario {}, seed {seed}, at {:?}", scenario.name, failure.at);
    println!("  {}\n", failure.message);
    outcome.story.iter().for_each(|line| println!("  {line}"));
    println!("\nto replay it: cargo run -p ztor-sim -- --seed {seed} --scenario {}", scenario.name);
}

fn parse_range(text: &str) -> anyhow::Result<Range<u64>> {
    let (from, to) = text.split_once("..").context("expected two numbers with .. between, as in 0..1000")?;
    Ok(from.trim().parse()?..to.trim().parse()?)
}
