//! `cargo xtask tidy`: the rules of the workspace that neither the compiler nor clippy checks.
//!
//! `layers` holds the table of crates and judges manifests, `rules` judges sources, `gates` judges figures of
//! [`crate::shape`]. All are plain functions over parsed packages, so each rule has a test with a planted
//! violation.

mod finding;
mod gates;
mod layers;
mod rules;

use std::path::Path;

use anyhow::Result;

use crate::workspace::Workspace;

pub use crate::workspace::workspace_root;
pub use finding::Finding;

/// Checks the workspace whose root is `root`. The findings are sorted by file and line.
///
/// # Errors
/// If `cargo metadata` fails, or a file cannot be read or is not Rust.
pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let workspace = Workspace::load(root)?;
    let mut findings = layers::check_packages(&workspace.packages);
    for package in &workspace.packages {
        findings.extend(layers::check_manifest(package));
        findings.extend(rules::check(package));
        findings.extend(gates::check(package));
    }
    findings.sort();
    Ok(findings)
}
