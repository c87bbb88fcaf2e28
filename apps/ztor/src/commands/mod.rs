//! The commands, one module each.

mod create;
mod daemon;
mod demo;
mod dht;
mod get;
mod seed;
mod setup;
mod share;
mod show;
mod tracker;
mod verify;

use crate::args::Command;
use crate::console::Console;
use crate::exit::Exit;
use crate::log::LogFilter;
use crate::stop::Stop;

pub(crate) use daemon::DaemonArgs;

/// Runs one command to the end.
pub(crate) fn run(command: Command, console: &Console, stop: &Stop, log: &LogFilter) -> anyhow::Result<Exit> {
    match command {
        Command::Get(args) => get::run(&args, console, stop),
        Command::Seed(args) => seed::run(&args, console, stop),
        Command::Share(args) => share::run(&args, console, stop),
        Command::Create(args) => create::run(&args, console, stop),
        Command::Show(args) => show::run(&args, console, stop),
        Command::Verify(args) => verify::run(&args, console, stop),
        Command::Dht(command) => dht::run(&command, console, stop),
        Command::Daemon(args) => daemon::run(&args, console, stop, log),
        Command::Remote(command) => {
            if command.owns_terminal() {
                // Lines of the log would be written over the screen.
                log.set("off");
            }
            crate::remote::run(command, console, stop)
        }
        Command::Setup(args) => setup::run(&args, console),
        Command::Tracker(args) => tracker::run(&args, console, stop),
        Command::Demo(args) => demo::run(&args, console, stop),
    }
}
