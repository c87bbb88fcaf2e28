//! The programs that the suite runs: found, built, or installed into a virtual environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::Options;
use super::cases::Case;
use super::process::Invocation;

/// What the virtual environment gets.
const LIBTORRENT: &str = "libtorrent==2.1.1";

/// Names the Python that has libtorrent, in place of an environment of our own.
const PYTHON_VARIABLE: &str = "ZTOR_INTEROP_PYTHON";

/// Where the programs are.
pub(super) struct Tools {
    programs: BTreeMap<&'static str, PathBuf>,
    libtorrent_script: PathBuf,
}

impl Tools {
    /// Finds what these cases need; with [`Options::allow_missing`] also returns what there is not.
    pub(super) fn find(
        root: &Path,
        home: &Path,
        options: &Options,
        cases: &[Case],
    ) -> Result<(Self, Vec<&'static str>)> {
        std::fs::create_dir_all(home)?;
        let mut needed: Vec<&'static str> = cases.iter().flat_map(Case::needs).collect();
        needed.sort_unstable();
        needed.dedup();
        let mut programs = BTreeMap::new();
        let mut missing = Vec::new();
        for name in needed {
            let found = match name {
                "ztor" => Ok(ztor(root, options)?),
                "libtorrent" => python_with_libtorrent(home),
                _ => on_path(name).with_context(|| format!("{name} is not installed")),
            };
            match found {
                Ok(path) => drop(programs.insert(name, path)),
                Err(error) if options.allow_missing => {
                    println!("left out: {error:#}");
                    missing.push(name);
                }
                Err(error) => bail!("{error:#}\n(--allow-missing leaves out the cases that need it)"),
            }
        }
        let libtorrent_script = root.join("xtask/src/interop/libtorrent_peer.py");
        Ok((Self { programs, libtorrent_script }, missing))
    }

    /// Where the program of this name is.
    pub(super) fn program(&self, name: &'static str) -> Result<&Path> {
        self.programs
            .get(name)
            .map(PathBuf::as_path)
            .with_context(|| format!("no case said that it needs {name}"))
    }

    /// Our script on libtorrent's Python binding, up to its first argument.
    pub(super) fn libtorrent(&self) -> Result<Invocation> {
        Ok(Invocation::new(self.program("libtorrent")?).arg("-u").arg(&self.libtorrent_script))
    }
}

/// The folder that cargo builds into.
pub(super) fn target_dir(root: &Path) -> Result<PathBuf> {
    let mut command = cargo_metadata::MetadataCommand::new();
    command.manifest_path(root.join("Cargo.toml")).no_deps().other_options(vec!["--offline".to_owned()]);
    Ok(command.exec().context("cargo metadata")?.target_directory.into())
}

fn ztor(root: &Path, options: &Options) -> Result<PathBuf> {
    if let Some(path) = &options.ztor {
        return std::path::absolute(path).context("--ztor");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--release", "--locked", "--package", "ztor"];
    let mut command = Command::new(cargo);
    // What cargo told us about xtask would make build scripts that look at it run again, and with them all above.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|told| text.starts_with(told))
        {
            command.env_remove(&name);
        }
    }
    let status = command.args(build).current_dir(root).status().context("starting cargo")?;
    ensure!(status.success(), "cargo {}: {status}", build.join(" "));
    Ok(target_dir(root)?.join("release/ztor"))
}

fn on_path(name: &str) -> Option<PathBuf> {
    search_path().map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// The folders of the search path, and those that a plain user's lacks.
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
    // Any Python will do, but not every one can make an environment: some come without the parts for it.
    let made = search_path().map(|dir| dir.join("python3")).filter(|path| path.is_file()).any(|candidate| {
        quietly(Command::new(candidate).args(["-m", "venv", "--clear"]).arg(&venv))
            && quietly(pip(python).arg("--version"))
    });
    ensure!(made, "no python3 on the search path can make a virtual environment (python3-venv)");
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
