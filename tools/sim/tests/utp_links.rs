//! Compares the table of µTP links with the snapshot.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use ztor_sim::{SCENARIOS, run};

/// Environment variable. With any value, the test writes the table instead of comparing it.
const ACCEPT: &str = "UPDATE_SNAPSHOTS";

/// Shows every change of µTP's behaviour. Accept figures that are as good, or worse for a good reason, with
/// `UPDATE_SNAPSHOTS=1 cargo test -p ztor-sim --test utp_links`, and commit the difference with the change.
#[test]
fn table_with_seed_0_equals_the_snapshot() {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == "utp-links").unwrap();
    let outcome = run(scenario, 0, false);
    let table = outcome.notes.join("\n") + "\n";
    if let Some(failure) = &outcome.failure {
        panic!("{}\n\n{table}", failure.message);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/utp_links.txt");
    if std::env::var_os(ACCEPT).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        return std::fs::write(&path, table).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept == table {
        return;
    }
    let changed = table.lines().filter(|line| !kept.lines().any(|old| old == *line));
    let gone = kept.lines().filter(|line| !table.lines().any(|new| new == *line));
    let shown: Vec<String> =
        gone.map(|line| format!("- {line}")).chain(changed.map(|line| format!("+ {line}"))).collect();
    panic!("{} is out of date; {ACCEPT}=1 accepts this:\n{}", path.display(), shown.join("\n"));
}
