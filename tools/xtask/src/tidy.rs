//! The house rules, checked: which crate may use which, what the machines without IO must not name, and the
//! small things that rot when nobody looks.
//!
//! [`check`] reads the workspace through `cargo metadata` and every Rust source of its members. The rules
//! themselves are plain functions over text, so that each has a test with a planted violation:
//! [`layers`] holds the table of rooms and judges manifests, [`rules`] judges sources, [`source`] is the
//! lexer that tells code from comments, strings and tests.

pub mod layers;
pub mod rules;
pub mod source;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use layers::{Dependency, Member};
use source::Source;

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the root of the workspace.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Short name of the rule.
    pub rule: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: [{}] {}", self.file, self.line, self.rule, self.message)
    }
}

/// Checks the workspace whose root is `root`. Findings come sorted by file and line.
///
/// # Errors
/// When `cargo metadata` fails or a file cannot be read: then nothing is known about the rules.
pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let members = members(root)?;
    let mut findings = layers::check_members(&members);
    for member in &members {
        findings.extend(layers::check_manifest(member));
        findings.extend(check_sources(root, member)?);
    }
    findings.sort();
    Ok(findings)
}

/// The root of the workspace this program was built from.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

fn members(root: &Path) -> Result<Vec<Member>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .context("cargo metadata")?;
    let packages = metadata.workspace_packages();
    let names: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    packages
        .iter()
        .map(|package| {
            let manifest = package.manifest_path.as_std_path();
            Ok(Member {
                name: package.name.to_string(),
                manifest: relative(root, manifest),
                manifest_text: read(manifest)?,
                dependencies: package
                    .dependencies
                    .iter()
                    .map(|dependency| Dependency {
                        name: dependency.name.clone(),
                        dev: dependency.kind == DependencyKind::Development,
                        in_workspace: names.contains(dependency.name.as_str()),
                    })
                    .collect(),
            })
        })
        .collect()
}

fn check_sources(root: &Path, member: &Member) -> Result<Vec<Finding>> {
    let dir = root.join(&member.manifest).parent().map(Path::to_path_buf).unwrap_or_default();
    let mut sources = Vec::new();
    for file in rust_files(&dir)? {
        sources.push(Source::parse(&relative(root, &file), &read(&file)?));
    }
    let tests: BTreeSet<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        if tests.contains(&source.path) {
            source.mark_all_tests();
        }
    }
    Ok(rules::check(member, &sources))
}

/// Every Rust file of the package in `dir`, without what is built there and without packages below it.
fn rust_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let ours = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let foreign = name == "target" || name.starts_with('.') || entry.path().join("Cargo.toml").exists();
        entry.depth() == 0 || !foreign
    };
    for entry in walkdir::WalkDir::new(dir).sort_by_file_name().into_iter().filter_entry(ours) {
        let entry = entry?;
        if entry.file_type().is_file() && entry.path().extension().is_some_and(|extension| extension == "rs")
        {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}
