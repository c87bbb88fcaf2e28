//! Programs of the lab: found, built, or installed into a virtual environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::process::Invocation;

/// Package that is installed into the virtual environment.
const LIBTORRENT: &str = "libtorrent==2.1.1";

/// Environment variable with the path of a Python that has libtorrent. It replaces our own virtual environment.
const PYTHON_VARIABLE: &str = "ZTOR_INTEROP_PYTHON";

/// Programs to find.
pub(crate) struct Wanted {
    pub(crate) programs: BTreeSet<&'static str>,
    /// Known paths of some of them. The others are searched for, and ztor is built.
    pub(crate) given: BTreeMap<&'static str, PathBuf>,
    pub(crate) allow_missing: bool,
}

/// Paths of the programs.
pub(crate) struct Tools {
    programs: BTreeMap<&'static str, PathBuf>,
    /// Folder with our scripts for libtorrent.
    scripts: PathBuf,
}

impl Tools {
    /// Finds the wanted programs. Also returns the names of missing ones, if any may be missing.
    pub(crate) fn find(root: &Path, home: &Path, wanted: Wanted) -> Result<(Self, Vec<&'static str>)> {
        std::fs::create_dir_all(home)?;
        let mut programs = BTreeMap::new();
        let mut missing = Vec::new();
        for name in wanted.programs {
            let found = match (name, wanted.given.get(name)) {
                (_, Some(path)) => Ok(given(name, path)?),
                ("ztor", None) => Ok(build_ztor(root)?),
                ("libtorrent", None) => python_with_libtorrent(home),
                _ => on_path(name).with_context(|| format!("{name} is not installed")),
            };
            match found {
                Ok(path) => drop(programs.insert(name, path)),
                Err(error) if wanted.allow_missing => {
                    println!("left out: {error:#}");
                    missing.push(name);
                }
                Err(error) => bail!("{error:#}\n(--allow-missing leaves out what needs it)"),
            }
        }
        Ok((Self { programs, scripts: root.join("tools/lab") }, missing))
    }

    /// Returns the path of a program.
    pub(crate) fn program(&self, name: &'static str) -> Result<&Path> {
        self.programs
            .get(name)
            .map(PathBuf::as_path)
            .with_context(|| format!("{name} is not among the wanted programs"))
    }

    /// Returns the command of our script for libtorrent's Python binding, without arguments.
    pub(crate) fn libtorrent(&self) -> Result<Invocation> {
        self.script("libtorrent_peer.py")
    }

    /// Returns the command of our script for single cases with libtorrent, without arguments.
    pub(crate) fn libtorrent_case(&self) -> Result<Invocation> {
        self.script("libtorrent_cases.py")
    }

    fn script(&self, name: &str) -> Result<Invocation> {
        // One imports the other: no compiled modules between the sources.
        Ok(Invocation::new(self.program("libtorrent")?).args(["-u", "-B"]).arg(self.scripts.join(name)))
    }
}

/// Returns cargo's target directory.
pub(crate) fn target_dir(root: &Path) -> Result<PathBuf> {
    Ok(metadata(root)?.target_directory.into())
}

/// Returns true if the workspace has a package of this name.
pub(crate) fn has_package(root: &Path, name: &str) -> Result<bool> {
    Ok(metadata(root)?.workspace_packages().iter().any(|package| package.name.as_str() == name))
}

fn metadata(root: &Path) -> Result<cargo_metadata::Metadata> {
    let mut command = cargo_metadata::MetadataCommand::new();
    command.manifest_path(root.join("Cargo.toml")).no_deps().other_options(vec!["--offline".to_owned()]);
    command.exec().context("cargo metadata")
}

fn given(name: &str, path: &Path) -> Result<PathBuf> {
    ensure!(path.is_file(), "{name}: no file {}", path.display());
    Ok(std::path::absolute(path)?)
}

fn build_ztor(root: &Path) -> Result<PathBuf> {
    let build = ["build", "--release", "--locked", "--package", "ztor"];
    let status = cargo(root).args(build).status().context("starting cargo")?;
    ensure!(status.success(), "cargo {}: {status}", build.join(" "));
    Ok(target_dir(root)?.join("release/ztor"))
}

/// Returns a cargo command without the variables that cargo set for this program.
pub(crate) fn cargo(root: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // They would make build scripts that read them run again, and cargo rebuild all crates that depend on these.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|told| text.starts_with(told))
        {
            command.env_remove(&name);
        }
    }
    command.current_dir(root);
    command
}

fn on_path(name: &str) -> Option<PathBuf> {
    search_path().map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// Returns the folders of the search path, and the system folders that a plain user's path lacks.
fn search_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    dirs.into_iter().chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
}

fn python_with_libtorrent(home: &Path) -> Result<PathBuf> {
    if let Some(python) = std::env::var_os(PYTHON_VARIABLE) {
        let python = PathBuf::from(python);
        ensure!(has_libtorrent(&python), "{PYTHON_VARIABLE}={}: cannot import libtorrent", python.display());
        return Ok(python);
    }
    let python = home.join("venv/bin/python");
    if !has_libtorrent(&python) {
        install_libtorrent(home, &python).with_context(|| format!("installing {LIBTORRENT}"))?;
    }
    Ok(python)
}

fn install_libtorrent(home: &Path, python: &Path) -> Result<()> {
    let venv = home.join("venv");
    // Not every Python can make a virtual environment: some come without the modules for it.
    let made = search_path().map(|dir| dir.join("python3")).filter(|path| path.is_file()).any(|candidate| {
        quietly(Command::new(candidate).args(["-m", "venv", "--clear"]).arg(&venv))
            && quietly(pip(python).arg("--version"))
    });
    ensure!(made, "no python3 on the search path can make a virtual environment: install python3-venv");
    let output = pip(python).args(["install", "--quiet", LIBTORRENT]).output()?;
    ensure!(output.status.success(), "pip: {}", String::from_utf8_lossy(&output.stderr).trim());
    ensure!(has_libtorrent(python), "installed, but it cannot be imported");
    Ok(())
}

fn pip(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "--disable-pip-version-check", "--no-input"]);
    command
}

fn has_libtorrent(python: &Path) -> bool {
    quietly(Command::new(python).args(["-c", "import libtorrent"]))
}

fn quietly(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
