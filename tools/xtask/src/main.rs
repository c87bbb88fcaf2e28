//! Developer commands; see `cargo xtask --help`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

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
}

fn main() -> ExitCode {
    let passed = match Cli::parse().command {
        Command::Tidy => tidy(),
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
