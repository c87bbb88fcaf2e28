//! Figures of [`crate::shape`] that count as findings.

use super::finding::Finding;
use crate::shape::cycles::{Ancestors, cycles};
use crate::shape::ids::bare_ids;
use crate::workspace::Package;

/// The gates in use.
pub(super) const GATES: Gates = Gates { cycles: None, bare_ids: true };

/// Crates whose import cycles are not judged.
const CYCLES_ALLOWED: &[&str] = &["ztor-engine", "ztor-session"];

/// The figures that are judged.
pub(super) struct Gates {
    /// Import cycles between the files of a crate, counted in this way; `None` for no judgement.
    pub(super) cycles: Option<Ancestors>,
    /// Public signatures that name a bare `[u8; 20]`.
    pub(super) bare_ids: bool,
}

/// Checks a package against the gates.
pub(super) fn check(package: &Package, gates: &Gates) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(ancestors) = gates.cycles
        && !CYCLES_ALLOWED.contains(&package.name.as_str())
    {
        for cycle in cycles(package, ancestors) {
            let message = format!(
                "{} files import each other: {}; move the shared types into a file below them",
                cycle.files.len(),
                cycle.files.join(", ")
            );
            let file = cycle.files.into_iter().next().unwrap_or_default();
            findings.push(Finding { file, line: 1, rule: "cycles", message });
        }
    }
    if gates.bare_ids {
        findings.extend(bare_ids(package).into_iter().map(|id| Finding {
            message: format!("{} names a bare [u8; 20]: use the type of this id", id.item),
            file: id.file,
            line: id.line,
            rule: "bare-ids",
        }));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::testing::package;

    const CYCLE: [(&str, &str); 3] = [
        ("lib.rs", "mod b;\nmod c;"),
        ("b.rs", "use crate::c::C;\npub struct B(C);"),
        ("c.rs", "pub struct C(super::b::B);\n\npub fn f(id: [u8; 20]) {}"),
    ];

    fn findings(name: &str, gates: &Gates) -> Vec<(String, usize, &'static str)> {
        let found = check(&package(name, &CYCLE), gates).into_iter();
        found.map(|finding| (finding.file, finding.line, finding.rule)).collect()
    }

    #[test]
    fn open_gates_find_nothing() {
        assert_eq!(findings("a", &Gates { cycles: None, bare_ids: false }), []);
    }

    #[test]
    fn cycles_are_findings_outside_the_allowed_crates() {
        let gates = Gates { cycles: Some(Ancestors::LeftOut), bare_ids: false };
        assert_eq!(findings("a", &gates), [("crates/a/src/b.rs".to_owned(), 1, "cycles")]);
        assert_eq!(findings("ztor-engine", &gates), []);
    }

    #[test]
    fn bare_ids_are_findings() {
        let gates = Gates { cycles: None, bare_ids: true };
        assert_eq!(findings("a", &gates), [("crates/a/src/c.rs".to_owned(), 3, "bare-ids")]);
    }
}
