//! `ztor setup`: completions for shells, and manual pages.

use std::path::Path;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_complete::env::Shells;

use crate::args::{Cli, Setup, SetupArgs};
use crate::console::Console;
use crate::exit::{CliError, Exit};

/// Variable by which the shell asks for completions.
const VARIABLE: &str = "COMPLETE";

pub(super) fn run(args: &SetupArgs, console: &Console) -> anyhow::Result<Exit> {
    let shell = match args.what {
        Setup::Bash => "bash",
        Setup::Zsh => "zsh",
        Setup::Fish => "fish",
        Setup::Elvish => "elvish",
        Setup::Powershell => "powershell",
        Setup::Man => {
            let dir = args.dir.as_deref().ok_or_else(|| CliError::usage("name a folder for the pages"))?;
            let pages = write_pages(dir)?;
            console.line(&format!("{pages} pages are in {}.", dir.display()));
            return Ok(Exit::Ok);
        }
    };
    let shells = Shells::builtins();
    let completer = shells.completer(shell).context("unknown shell")?;
    let program = std::env::current_exe().context("cannot find the program")?;
    let program = program.to_string_lossy();
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, "ztor", "ztor", &program, &mut script)?;
    console.line(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Ok)
}

/// Writes a page for each command. Returns their number.
fn write_pages(dir: &Path) -> anyhow::Result<usize> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let mut command = Cli::command();
    command.build();
    let mut pages = 0;
    write_page(dir, "ztor", command, &mut pages)?;
    Ok(pages)
}

fn write_page(dir: &Path, name: &str, command: Command, pages: &mut usize) -> anyhow::Result<()> {
    let below: Vec<Command> =
        command.get_subcommands().filter(|below| below.get_name() != "help").cloned().collect();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.name(name.to_owned().leak() as &str)).render(&mut text)?;
    let path = dir.join(format!("{name}.1"));
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    *pages += 1;
    below.into_iter().try_for_each(|command| {
        let name = format!("{name}-{}", command.get_name());
        write_page(dir, &name, command, pages)
    })
}
