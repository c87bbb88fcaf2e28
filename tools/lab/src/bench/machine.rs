//! The machine of the measurements, and the versions of all programs that took part.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::client::Client;
use super::record::Machine;
use crate::tools::Tools;

/// Reads the properties of the machine. Unknown ones are empty or 0.
pub(super) fn machine() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    Machine {
        cpu: value(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_default(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_mib: memory_mib(&read("/proc/meminfo")).unwrap_or_default(),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        system: value(&read("/etc/os-release"), "PRETTY_NAME", '=').unwrap_or_default(),
    }
}

/// Returns the short commit of the checkout at `root`, with `+` if there are changes on top; empty without git.
pub(super) fn commit(root: &Path) -> String {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(root);
        first_line(&mut command)
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return String::new() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some();
    format!("{commit}{}", if changed { "+" } else { "" })
}

/// Returns the version that each client's program prints; `commit` is the checkout's.
pub(super) fn versions(clients: &BTreeSet<Client>, tools: &Tools, commit: &str) -> Vec<(Client, String)> {
    clients.iter().map(|&client| (client, version(client, tools, commit))).collect()
}

fn version(client: Client, tools: &Tools, commit: &str) -> String {
    let program = match client {
        Client::Floor => return "sendfile; recv, SHA-1, pwrite".to_owned(),
        other => other.programs().first().copied().unwrap_or_default(),
    };
    let Ok(path) = tools.program(program) else { return String::new() };
    let mut command = Command::new(path);
    match client.base() {
        Client::Libtorrent => {
            command.args(["-c", "import libtorrent; print('libtorrent', libtorrent.__version__)"])
        }
        _ => command.arg("--version"),
    };
    let version = first_line(&mut command).unwrap_or_else(|| "unknown version".to_owned());
    match client.base() {
        Client::Ztor => format!("{version}, checkout at {commit}"),
        Client::ZtorBase => format!("{version}, {}", path.display()),
        _ => version,
    }
}

/// Returns the first line of the output, or of the errors if there is no output; `None` if the command fails.
fn first_line(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let line = String::from_utf8_lossy(&text).lines().next()?.trim().to_owned();
    output.status.success().then_some(line)
}

/// Returns the value of the first line with `key` before `separator`, without quotes.
fn value(text: &str, key: &str, separator: char) -> Option<String> {
    let pairs = text.lines().filter_map(|line| line.split_once(separator));
    let (_, value) = pairs.into_iter().find(|(name, _)| name.trim() == key)?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn memory_mib(meminfo: &str) -> Option<u64> {
    let kib: u64 = value(meminfo, "MemTotal", ':')?.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_and_memory_mib_of_kernel_files_are_read() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC\n\nprocessor\t: 1\nmodel name\t: Other\n";
        assert_eq!(value(cpuinfo, "model name", ':').as_deref(), Some("AMD EPYC"));
        let release = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(value(release, "PRETTY_NAME", '=').as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(memory_mib("MemTotal:       24683596 kB\nMemFree: 1 kB\n"), Some(24_105));
        assert_eq!(memory_mib(""), None);
    }
}
