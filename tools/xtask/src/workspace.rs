//! The packages of the workspace, as `cargo metadata` and their sources describe them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand, TargetKind};

use crate::source::Source;

/// All packages of the workspace.
#[derive(Default)]
pub struct Workspace {
    /// The packages, sorted by name.
    pub packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Default)]
pub struct Package {
    /// Name of the package.
    pub name: String,
    /// Path of its `Cargo.toml`, from the root of the workspace.
    pub manifest: String,
    /// The text of the manifest.
    pub manifest_text: String,
    /// Direct dependencies, of every kind and target.
    pub dependencies: Vec<Dependency>,
    /// The root files of its libraries, binaries and build scripts.
    pub roots: Vec<String>,
    /// All Rust files in its folder.
    pub sources: Vec<Source>,
}

/// A direct dependency of a package.
#[derive(Clone, Debug, Default)]
pub struct Dependency {
    /// Name of the package, not of a rename.
    pub name: String,
    /// Set if only tests, examples and benchmarks use it.
    pub dev: bool,
    /// Set if it is itself a member of the workspace.
    pub in_workspace: bool,
}

impl Workspace {
    /// Reads the workspace whose root is the folder `root`.
    ///
    /// # Errors
    /// If `cargo metadata` fails, or a file cannot be read or is not Rust.
    pub fn load(root: &Path) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .other_options(vec!["--offline".to_owned()])
            .exec()
            .context("cargo metadata")?;
        let members = metadata.workspace_packages();
        let names: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
        let mut packages =
            members.iter().map(|member| Package::load(root, member, &names)).collect::<Result<Vec<_>>>()?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { packages })
    }
}

impl Package {
    fn load(root: &Path, member: &cargo_metadata::Package, names: &BTreeSet<&str>) -> Result<Self> {
        let manifest = member.manifest_path.as_std_path();
        let mut sources = Vec::new();
        for file in rust_files(manifest.parent().unwrap_or(root))? {
            sources.push(Source::parse(&relative(root, &file), &read(&file)?)?);
        }
        let dependencies = member.dependencies.iter().map(|dependency| Dependency {
            name: dependency.name.clone(),
            dev: dependency.kind == DependencyKind::Development,
            in_workspace: names.contains(dependency.name.as_str()),
        });
        let roots = member.targets.iter().filter(|target| !target.kind.iter().any(is_test_target));
        let package = Self {
            name: member.name.to_string(),
            manifest: relative(root, manifest),
            manifest_text: read(manifest)?,
            dependencies: dependencies.collect(),
            roots: roots.map(|target| relative(root, target.src_path.as_std_path())).collect(),
            sources: Vec::new(),
        };
        Ok(package.with_sources(sources))
    }

    /// Gives the package its files, and marks those that only tests declare as tests.
    #[must_use]
    pub fn with_sources(mut self, sources: Vec<Source>) -> Self {
        self.sources = sources;
        let mut marked = BTreeSet::new();
        loop {
            let declared = self.sources.iter().flat_map(|source| &source.declared);
            let tests = declared.filter(|declared| declared.test).flat_map(|declared| declared.files.clone());
            let new: BTreeSet<String> = tests.filter(|file| !marked.contains(file)).collect();
            if new.is_empty() {
                return self;
            }
            for source in self.sources.iter_mut().filter(|source| new.contains(&source.path)) {
                source.mark_all_tests();
            }
            marked.extend(new);
        }
    }

    /// The folder of the package from the root of the workspace, with `/` at the end.
    pub fn folder(&self) -> &str {
        self.manifest.strip_suffix("Cargo.toml").unwrap_or(&self.manifest)
    }

    /// Returns true if the package is a library that other packages build on.
    pub fn is_library(&self) -> bool {
        self.manifest.starts_with("crates/")
    }
}

/// The root of the workspace that this program was built from.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_root = |folder: &&Path| {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        manifest.lines().any(|line| line.trim_end() == "[workspace]")
    };
    here.ancestors().find(is_root).unwrap_or(here).to_path_buf()
}

fn is_test_target(kind: &TargetKind) -> bool {
    matches!(kind, TargetKind::Test | TargetKind::Bench | TargetKind::Example)
}

/// Returns every Rust file of the package in `folder`, without build output and without packages below it.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let is_own = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let is_foreign =
            name == "target" || name.starts_with('.') || entry.path().join("Cargo.toml").exists();
        entry.depth() == 0 || !is_foreign
    };
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(is_own) {
        let entry = entry?;
        let is_rust = entry.path().extension().is_some_and(|extension| extension == "rs");
        if is_rust && entry.file_type().is_file() {
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

/// Packages for unit tests.
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
pub(crate) mod testing {
    use super::{Package, Source};

    /// A package in `crates/<name>`, whose files are given by their paths in `src`.
    pub(crate) fn package(name: &str, files: &[(&str, &str)]) -> Package {
        let folder = format!("crates/{name}");
        let sources = files.iter().map(|(file, text)| Source::parse(&format!("{folder}/src/{file}"), text));
        let package = Package {
            name: name.to_owned(),
            manifest: format!("{folder}/Cargo.toml"),
            roots: vec![format!("{folder}/src/lib.rs")],
            ..Package::default()
        };
        package.with_sources(sources.collect::<Result<_, _>>().unwrap())
    }
}
