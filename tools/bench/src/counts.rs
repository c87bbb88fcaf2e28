//! Instructions per operation, counted on an emulated processor: the same on every machine but for the compiler,
//! so a change of a per cent shows that would drown in the noise of any clock.
//!
//! The difference between a short and a long run is what the operations took; setting up cancels out. What the
//! benchmark itself does for an operation (making the bytes a peer sends, reading the engine's answer) is in it.

use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use ztor_bench::hot::{OPERATIONS, Operation, Scale};

const SHORT: u32 = 10;
const LONG: u32 = 110;

/// Counts the operations named, or all, and prints what became of each since it was last kept.
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

/// Instructions of one run of the operation.
fn count(operation: &Operation) -> anyhow::Result<u64> {
    let (short, long) = (emulate(operation, SHORT)?, emulate(operation, LONG)?);
    Ok(long.saturating_sub(short) / u64::from(LONG - SHORT))
}

/// Instructions of a whole process.
fn emulate(operation: &Operation, iterations: u32) -> anyhow::Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    valgrind.arg(std::env::current_exe()?).args(["count", operation.name, &iterations.to_string()]);
    let output = match valgrind.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("valgrind, which counts the instructions, is not installed: apt install valgrind")
        }
        output => output.context("starting valgrind")?,
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{} under valgrind did not pass: {said}", operation.name);
    }
    let line = said.lines().find(|line| line.contains("I   refs:") || line.contains("I refs:"));
    let digits: Option<String> = line
        .and_then(|line| line.rsplit(':').next())
        .map(|n| n.chars().filter(char::is_ascii_digit).collect());
    digits
        .and_then(|digits| digits.parse().ok())
        .with_context(|| format!("no count in what valgrind says: {said}"))
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
