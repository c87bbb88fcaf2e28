//! Instructions per operation, counted on an emulated processor: the same on every machine, except for the compiler.
//! It shows a change of one percent, which would drown in the noise of any clock.
//!
//! The count is the difference between a short and a long run, so that the setup cancels out. It includes the work of
//! the benchmark itself for an operation: making the bytes of a peer, and reading the engine's answer.

use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use ztor_bench::hot::{OPERATIONS, Operation, Scale};

const SHORT: u32 = 10;
const LONG: u32 = 110;

/// Counts the named operations, or all, and prints the change of each from its kept count.
pub(crate) fn compare(only: &[String], save: bool) -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.json");
    let mut kept = load(&path)?;
    println!("{:<18} {:>14} {:>14} {:>9}", "instructions", "kept", "now", "change");
    for operation in OPERATIONS.iter().filter(|o| only.is_empty() || only.iter().any(|n| n == o.name)) {
        let now = count(operation)?;
        match kept.get(operation.name) {
            Some(&then) if then > 0 => {
                let change = (now as f64 / then as f64 - 1.0) * 100.0;
                println!("{:<18} {then:>14} {now:>14} {change:>+8.1}%  {}", operation.name, operation.about);
            }
            _ => println!("{:<18} {:>14} {now:>14} {:>9}  {}", operation.name, "-", "new", operation.about),
        }
        kept.insert(operation.name.to_owned(), now);
    }
    if save {
        std::fs::write(&path, serde_json::to_string_pretty(&kept)? + "\n").with_context(|| shown(&path))?;
    }
    Ok(())
}

/// Sets up an operation and does it `iterations` times.
pub(crate) fn run(name: &str, iterations: u32) -> anyhow::Result<()> {
    let operation =
        OPERATIONS.iter().find(|o| o.name == name).with_context(|| format!("no operation {name:?}"))?;
    let mut run = operation.make(Scale::SMALL)?;
    (0..iterations).for_each(|_| run());
    Ok(())
}

/// Returns the number of instructions of one run of the operation.
fn count(operation: &Operation) -> anyhow::Result<u64> {
    let (short, long) = (emulate(operation, SHORT)?, emulate(operation, LONG)?);
    Ok(long.saturating_sub(short) / u64::from(LONG - SHORT))
}

/// Returns the number of instructions of a whole process.
fn emulate(operation: &Operation, iterations: u32) -> anyhow::Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    valgrind.arg(std::env::current_exe()?).args(["count", operation.name, &iterations.to_string()]);
    let output = match valgrind.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("counting instructions: valgrind is not installed; apt install valgrind")
        }
        output => output.context("starting valgrind")?,
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{} failed under valgrind: {said}", operation.name);
    }
    let line = said.lines().find(|line| line.contains("I   refs:") || line.contains("I refs:"));
    let digits: Option<String> = line
        .and_then(|line| line.rsplit(':').next())
        .map(|n| n.chars().filter(char::is_ascii_digit).collect());
    digits
        .and_then(|digits| digits.parse().ok())
        .with_context(|| format!("no count in the output of valgrind: {said}"))
}

fn load(path: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| shown(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).with_context(|| shown(path)),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
