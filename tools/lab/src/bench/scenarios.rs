//! Figures of one session with very many peers or torrents, as measured by `ztor-bench`.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::record::Scenario;
use crate::process::{Invocation, Patience, Process};
use crate::tools;

const PACKAGE: &str = "ztor-bench";

/// Time limit of all scenarios together.
const LIMIT: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_millis(100);

/// Builds the package and runs its scenarios; `None` if the workspace has no such package.
///
/// # Errors
/// If it does not build, fails, or prints no figures.
pub(super) fn run(root: &Path, dir: &Path, stop: &AtomicBool) -> Result<Option<Vec<Scenario>>> {
    if !tools::has_package(root, PACKAGE)? {
        return Ok(None);
    }
    let build = ["build", "--release", "--locked", "--package", PACKAGE];
    let status = tools::cargo(root).args(build).status().context("starting cargo")?;
    ensure!(status.success(), "cargo {}: {status}", build.join(" "));
    let program = tools::target_dir(root)?.join("release").join(PACKAGE);
    let invocation = Invocation::new(program).args(["scenarios", "--json", "--dir"]).arg(dir);
    let mut process = Process::start(&invocation, None, &dir.join("home"), &dir.join("scenarios.log"))?;
    Patience::new(LIMIT, stop).until("the scenarios end", PAUSE, || Ok(process.exit()?.is_some()))?;
    if let Some(status) = process.exit()?.filter(|status| !status.success()) {
        bail!("{PACKAGE}: {status}");
    }
    let scenarios = parse(&process.log_text()?)?;
    ensure!(!scenarios.is_empty(), "{PACKAGE} printed no figures");
    Ok(Some(scenarios))
}

/// Parses one object a line; other lines are ignored.
fn parse(log: &str) -> Result<Vec<Scenario>> {
    let objects = log.lines().filter(|line| line.starts_with('{'));
    objects.map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "that is how a test fails")]

    use super::*;

    #[test]
    fn parse_of_figures_among_other_lines_finds_the_figures() {
        let log = "$ ztor-bench\nwarming up\n{\"name\": \"a\", \"value\": 1.5, \"unit\": \"ms/s\", \"note\": \"b\"}\n\
                   {\"name\": \"c\", \"value\": 2, \"unit\": \"MiB\"}\n";
        let scenarios = parse(log).unwrap();
        assert_eq!(scenarios.len(), 2);
        assert_eq!((scenarios[0].value, scenarios[1].value), (1.5, 2.0));
        assert!(parse("{\"name\": \"a\"}").is_err());
    }
}
