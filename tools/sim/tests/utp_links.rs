//! The table of µTP links is what it was.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use ztor_sim::{SCENARIOS, run};

/// Set to anything, the table is written instead of compared.
const ACCEPT: &str = "UPDATE_SNAPSHOTS";

/// Whatever changes what µTP does shows here. If the new numbers are as good or the reason is, they are accepted with
/// `UPDATE_SNAPSHOTS=1 cargo test -p ztor-sim --test utp_links`, and the difference is part of the change.
#[test]
fn the_table_is_as_it_was() {
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
