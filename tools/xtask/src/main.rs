//! Developer commands; see `cargo xtask --help`.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use xtask::shape::Section;
use xtask::workspace::{Workspace, workspace_root};

/// Developer commands of ztor.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check layers, banned paths, file lengths and leftovers.
    Tidy,
    /// Print figures on the structure and the language of the sources.
    Shape {
        /// Print all rows of one section.
        #[arg(long, value_name = "SECTION")]
        list: Option<Section>,
    },
}

fn main() -> ExitCode {
    let passed = match Cli::parse().command {
        Command::Tidy => tidy(),
        Command::Shape { list } => shape(list),
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
    let findings = xtask::tidy::check(&workspace_root())?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("tidy"),
        count => println!("{count} findings"),
    }
    Ok(findings.is_empty())
}

fn shape(list: Option<Section>) -> Result<bool> {
    let workspace = Workspace::load(&workspace_root())?;
    let report = xtask::shape::report(&workspace, list);
    match std::io::stdout().write_all(report.as_bytes()) {
        // The reader has closed the pipe, which is no failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(true),
        written => written.map(|()| true).context("writing the report"),
    }
}
