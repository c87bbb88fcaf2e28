//! Developer commands; see `cargo xtask --help`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

/// Developer commands of ztor.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the house rules: layering, what the machines must not name, file lengths, leftovers.
    Tidy,
    /// Run transfers between ztor and other clients in network namespaces (Linux, root).
    Interop(InteropArgs),
    /// Measure ztor and other clients side by side in network namespaces (Linux, root).
    ///
    /// Every client seeds to itself, fetches from itself and checks its data, ztor also exchanges with libtorrent; the
    /// runs of all alternate. The floor is what no client can do with less. Writes a Markdown table, a plot, and all
    /// raw figures as JSON into history/. bench/README.md says what the figures mean. Exits with 1 if a run failed.
    #[cfg(target_os = "linux")]
    Bench(xtask::bench::Options),
    /// One side of the benchmark's floor.
    #[cfg(target_os = "linux")]
    #[command(subcommand, hide = true)]
    Floor(xtask::bench::Floor),
}

#[derive(Args)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "the suite runs on Linux only"))]
struct InteropArgs {
    /// Run only the cases whose name contains this.
    #[arg(long, value_name = "STR")]
    filter: Option<String>,
    /// The ztor to test; built in release mode if not given.
    #[arg(long, value_name = "PATH")]
    ztor: Option<PathBuf>,
    /// Transfers at the same time.
    #[arg(long, value_name = "N", default_value_t = 4)]
    jobs: usize,
    /// Leave out the cases of programs that are not installed, instead of failing.
    #[arg(long)]
    allow_missing: bool,
    /// Run transfers among the other clients instead: a control of the harness.
    #[arg(long)]
    controls: bool,
    /// Only list the names of the cases.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let passed = match Cli::parse().command {
        Command::Tidy => tidy(),
        Command::Interop(args) => interop(args),
        #[cfg(target_os = "linux")]
        Command::Bench(options) => xtask::bench::run(&options),
        #[cfg(target_os = "linux")]
        Command::Floor(floor) => floor.run().map(|()| true),
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn tidy() -> Result<bool> {
    let findings = xtask::tidy::check(&xtask::tidy::workspace_root())?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("tidy"),
        count => println!("{count} findings"),
    }
    Ok(findings.is_empty())
}

#[cfg(target_os = "linux")]
fn interop(args: InteropArgs) -> Result<bool> {
    let InteropArgs { filter, ztor, jobs, allow_missing, controls, list } = args;
    let options = xtask::interop::Options { filter, ztor, jobs, allow_missing, controls };
    if list {
        for case in xtask::interop::case_names(&options) {
            println!("{case}");
        }
        return Ok(true);
    }
    xtask::interop::run(&options)
}

#[cfg(not(target_os = "linux"))]
fn interop(_: InteropArgs) -> Result<bool> {
    anyhow::bail!("the interop suite needs Linux: it puts every client into a network namespace of its own")
}
