//! Runs scenarios at scale, and counts instructions of the hot operations.
#![forbid(unsafe_code)]

mod counts;
mod figure;
mod scenarios;
mod usage;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Scale and micro-benchmarks. Numbers are printed, never judged
#[derive(Debug, Parser)]
#[command(name = "ztor-bench", max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run whole sessions and large swarms, and print what they cost
    Scenarios {
        /// Run only these; all of them if left out
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Print one JSON object per line instead of a table
        #[arg(long)]
        json: bool,
        /// Folder for temporary files; one in memory if left out and the system has it
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Count the instructions of the hot operations, and compare with the kept counts
    Counts {
        /// Count only these; all of them if left out
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Keep the new counts
        #[arg(long)]
        save: bool,
    },
    /// Set up an operation and run it; `counts` starts this on an emulated processor
    #[command(hide = true)]
    Count {
        /// Name of the operation
        name: String,
        /// Number of runs
        iterations: u32,
    },
}

fn main() -> ExitCode {
    let result = match Args::parse().task {
        Task::Scenarios { only, json, dir } => scenarios::run(&only, json, dir.as_deref()),
        Task::Counts { only, save } => counts::compare(&only, save),
        Task::Count { name, iterations } => counts::run(&name, iterations),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ztor-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
