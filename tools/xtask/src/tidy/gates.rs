//! Figures of [`crate::shape`] that count as findings.

use super::finding::Finding;
use crate::shape::cycles::{Ancestors, cycles};
use crate::shape::ids::bare_ids;
use crate::workspace::Package;

/// Crates whose import cycles are not judged.
const CYCLES_ALLOWED: &[&str] = &["ztor-engine", "ztor-session"];

/// Checks the import cycles and the public signatures of a package.
pub(super) fn check(package: &Package) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !CYCLES_ALLOWED.contains(&package.name.as_str()) {
        for cycle in cycles(package, Ancestors::LeftOut) {
            let message = format!(
                "{} files import each other: {}; move the shared types into a file below them",
                cycle.files.len(),
                cycle.files.join(", ")
            );
            let file = cycle.files.into_iter().next().unwrap_or_default();
            findings.push(Finding { file, line: 1, rule: "cycles", message });
        }
    }
    findings.extend(bare_ids(package).into_iter().map(|id| Finding {
        message: format!("{} names a bare [u8; 20]: use the type of this id", id.item),
        file: id.file,
        line: id.line,
        rule: "bare-ids",
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::testing::package;

    fn rules(name: &str, files: &[(&str, &str)]) -> Vec<(String, usize, &'static str)> {
        let found = check(&package(name, files)).into_iter();
        found.map(|finding| (finding.file, finding.line, finding.rule)).collect()
    }

    #[test]
    fn cycles_are_findings_outside_the_allowed_crates() {
        let files = [
            ("lib.rs", "mod b;\nmod c;"),
            ("b.rs", "use crate::c::C;\npub struct B(C);"),
            ("c.rs", "pub struct C(super::b::B);"),
        ];
        assert_eq!(rules("a", &files), [("crates/a/src/b.rs".to_owned(), 1, "cycles")]);
        assert_eq!(rules("ztor-engine", &files), []);
    }

    #[test]
    fn bare_ids_are_findings() {
        let files = [("lib.rs", "mod c;"), ("c.rs", "pub struct C;\n\npub fn f(id: [u8; 20]) {}")];
        assert_eq!(rules("a", &files), [("crates/a/src/c.rs".to_owned(), 3, "bare-ids")]);
    }
}
