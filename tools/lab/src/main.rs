//! `cargo lab`: the interop suite, the side-by-side benchmark, and the kill test.
#![forbid(unsafe_code)]

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod cli {
    use anyhow::Result;
    use clap::{Args, Parser, Subcommand};
    use std::path::PathBuf;
    use ztor_lab::{bench, interop, kill};

    /// ztor and other clients in network namespaces (as root), and a daemon that is killed again and again. Linux only.
    #[derive(Parser)]
    #[command(name = "cargo lab", bin_name = "cargo lab", version)]
    pub(crate) struct Cli {
        #[command(subcommand)]
        command: Command,
    }

    #[derive(Subcommand)]
    enum Command {
        /// Run transfers between ztor and other clients.
        Interop(InteropArgs),
        /// Measure ztor and other clients side by side.
        ///
        /// Every client transfers to itself and checks its data. ztor also transfers to and from libtorrent. The runs
        /// of all clients alternate. The floor is the least work that any client must do. Writes a Markdown table, a
        /// plot, and all raw figures as JSON into history/. tools/lab/README.md explains the figures. Exits with 1 if
        /// a run failed.
        Bench(bench::Options),
        /// Kill a daemon under load at random instants, and check that it keeps what it has answered.
        ///
        /// Runs on loopback, without namespaces. Exits with 1 if a promise was broken; the folder then stays.
        Kill(kill::Options),
        /// One side of the benchmark's floor.
        #[command(subcommand, hide = true)]
        Floor(bench::Floor),
    }

    #[derive(Args)]
    struct InteropArgs {
        /// Run only the cases whose name contains this.
        #[arg(long, value_name = "STR")]
        filter: Option<String>,
        /// ztor binary to test; built in release mode if not given.
        #[arg(long, value_name = "PATH")]
        ztor: Option<PathBuf>,
        /// Number of transfers at the same time.
        #[arg(long, value_name = "N", default_value_t = 4)]
        jobs: usize,
        /// Leave out cases whose programs are not installed, instead of failing.
        #[arg(long)]
        allow_missing: bool,
        /// Run transfers among the other clients instead: a control of the harness.
        #[arg(long)]
        controls: bool,
        /// Run only the first case of each kind.
        #[arg(long)]
        quick: bool,
        /// Number of flaps of proxy and interface, in the cases for that: 30 with --quick, 200 otherwise.
        #[arg(long, value_name = "N")]
        flaps: Option<usize>,
        /// Only list the names of the cases.
        #[arg(long)]
        list: bool,
    }

    impl Cli {
        pub(crate) fn run(self) -> Result<bool> {
            match self.command {
                Command::Interop(args) => run_interop(args),
                Command::Bench(options) => bench::run(&options),
                Command::Kill(options) => kill::run(&options),
                Command::Floor(floor) => floor.run().map(|()| true),
            }
        }
    }

    fn run_interop(args: InteropArgs) -> Result<bool> {
        let InteropArgs { filter, ztor, jobs, allow_missing, controls, quick, flaps, list } = args;
        let options = interop::Options { filter, ztor, jobs, allow_missing, controls, quick, flaps };
        if list {
            interop::case_names(&options).iter().for_each(|case| println!("{case}"));
            return Ok(true);
        }
        interop::run(&options)
    }
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    match <cli::Cli as clap::Parser>::parse().run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("error: the lab needs Linux: it puts every client into a network namespace of its own");
    ExitCode::from(2)
}
