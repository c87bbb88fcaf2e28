//! `ztor`, the command-line BitTorrent client: parses the command line, runs one command, and turns its outcome
//! into an exit code. The library crates do the work; this one presents it to users and scripts.

mod args;
mod browser;
mod check;
mod commands;
mod complete;
mod console;
mod content;
mod display;
mod exit;
mod log;
mod magnet_cache;
mod net_args;
mod open;
mod proxy_args;
mod remote;
mod runner;
mod select;
mod state_dir;
mod stop;
mod text;
mod tui;

use std::process::ExitCode;

use crate::args::Cli;
use crate::console::Console;
use crate::exit::{Exit, Report};
use crate::stop::Stop;
use clap::{CommandFactory, Parser};
use serde::Serialize;

fn main() -> ExitCode {
    // Answers a shell that completes a command line, and ends.
    clap_complete::CompleteEnv::with_factory(Cli::command).complete();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout, which may be closed already.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok }.into();
        }
    };
    let console = Console::new(cli.common.json);
    let outcome = run(cli, &console);
    let outcome = match console.take_error() {
        Some(error) => outcome.and(Err(anyhow::Error::new(error).context("cannot write to standard output"))),
        None => outcome,
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            let report = Report::of(&error);
            tell(&console, &report);
            report.exit.into()
        }
    }
}

fn run(cli: Cli, console: &Console) -> anyhow::Result<Exit> {
    let log = log::start(cli.common.log_level.as_deref(), console)?;
    let stop = Stop::on_signals()?;
    commands::run(cli.command, console, &stop, &log)
}

/// Prints the error of a command that failed.
fn tell(console: &Console, report: &Report) {
    #[derive(Serialize)]
    struct Failure<'a> {
        event: &'a str,
        exit_code: u8,
        message: &'a str,
        hint: Option<&'a str>,
    }
    if console.is_json() {
        let (message, hint) = (report.message.as_str(), report.hint.as_deref());
        console.json(&Failure { event: "error", exit_code: report.exit as u8, message, hint });
    }
    console.warn(&format!("error: {}", report.message));
    if let Some(hint) = &report.hint {
        console.warn(&format!("hint: {hint}"));
    }
}
