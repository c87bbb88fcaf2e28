//! The layers of the workspace, and the dependencies that a crate of each may have.

use toml::de::{DeTable, DeValue};

use super::finding::Finding;
use crate::workspace::{Dependency, Package};

/// The access that a crate has to the world outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// None: time, randomness and bytes are arguments, and effects are return values.
    Pure,
    /// Files, and threads for them; otherwise as [`Kind::Pure`].
    Files,
    /// Any.
    Open,
}

/// The layers, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    /// Data types and formats.
    Foundations,
    /// Codecs and state machines of one protocol each.
    Protocols,
    /// The client without sockets, and its files.
    Core,
    /// Sockets, threads and the clock.
    Runtime,
    /// Programs, and the libraries that only they use.
    Application,
    /// Developer tools.
    Tools,
}

/// The height of a crate: its layer, and its step within that layer. Dependencies go to lower levels only.
type Level = (Layer, u8);

/// A crate of the workspace and its place.
#[derive(Debug)]
pub(super) struct Entry {
    /// Name of the package.
    pub(super) package: &'static str,
    /// Its height.
    pub(super) level: Level,
    /// Its access to the world outside.
    pub(super) kind: Kind,
    /// The workspace crates it may depend on, where these are fewer than those of lower levels.
    pub(super) only: Option<&'static [&'static str]>,
}

/// All crates, lowest first. A new crate gets its entry here.
pub(super) const CRATES: &[Entry] = &[
    entry("ztor-base", (Layer::Foundations, 0), Kind::Pure),
    entry("ztor-sha", (Layer::Foundations, 0), Kind::Pure),
    entry("ztor-filter", (Layer::Foundations, 0), Kind::Pure).only(&[]),
    entry("ztor-bencode", (Layer::Foundations, 1), Kind::Pure),
    entry("ztor-metainfo", (Layer::Foundations, 2), Kind::Pure),
    entry("ztor-wire", (Layer::Protocols, 0), Kind::Pure),
    entry("ztor-dht", (Layer::Protocols, 0), Kind::Pure),
    entry("ztor-utp", (Layer::Protocols, 0), Kind::Pure),
    entry("ztor-tracker", (Layer::Protocols, 0), Kind::Pure),
    entry("ztor-portmap", (Layer::Protocols, 0), Kind::Pure),
    entry("ztor-socks", (Layer::Protocols, 0), Kind::Pure),
    entry("ztor-engine", (Layer::Core, 0), Kind::Pure),
    entry("ztor-policy", (Layer::Core, 0), Kind::Pure).only(&["ztor-base"]),
    // Storage knows torrents, but no network protocol.
    entry("ztor-storage", (Layer::Core, 0), Kind::Files).only(&[
        "ztor-base",
        "ztor-sha",
        "ztor-bencode",
        "ztor-metainfo",
    ]),
    entry("ztor-session", (Layer::Runtime, 0), Kind::Open),
    // All that a front end needs of the daemon.
    entry("ztor-api", (Layer::Runtime, 0), Kind::Pure).only(&[]),
    entry("ztor-client", (Layer::Runtime, 1), Kind::Open).only(&["ztor-api"]),
    entry("ztor-view", (Layer::Runtime, 2), Kind::Open).only(&["ztor-api", "ztor-client"]),
    entry("ztor-daemon", (Layer::Runtime, 1), Kind::Open).only(&[
        "ztor-base",
        "ztor-policy",
        "ztor-session",
        "ztor-api",
    ]),
    // Applications reach the engine and the peer protocol through the session.
    entry("ztor-server", (Layer::Application, 0), Kind::Open).only(&[
        "ztor-base",
        "ztor-tracker",
        "ztor-daemon",
        "ztor-api",
    ]),
    entry("ztor", (Layer::Application, 1), Kind::Open).only(&[
        "ztor-base",
        "ztor-bencode",
        "ztor-metainfo",
        "ztor-tracker",
        "ztor-storage",
        "ztor-session",
        "ztor-daemon",
        "ztor-api",
        "ztor-client",
        "ztor-view",
        "ztor-server",
    ]),
    entry("ztor-desktop", (Layer::Application, 1), Kind::Open).only(&[
        "ztor-daemon",
        "ztor-api",
        "ztor-client",
        "ztor-view",
        "ztor-server",
    ]),
    entry("ztor-sim", (Layer::Tools, 0), Kind::Open),
    entry("ztor-bench", (Layer::Tools, 0), Kind::Open),
    entry("ztor-fuzz-targets", (Layer::Tools, 0), Kind::Open),
    entry("ztor-lab", (Layer::Tools, 0), Kind::Open).only(&[]),
    // The checks must build when nothing else does.
    entry("xtask", (Layer::Tools, 0), Kind::Open).only(&[]),
];

const fn entry(package: &'static str, level: Level, kind: Kind) -> Entry {
    Entry { package, level, kind, only: None }
}

impl Entry {
    const fn only(self, only: &'static [&'static str]) -> Self {
        Self { only: Some(only), ..self }
    }
}

/// Crates that bring a clock, a socket, an async runtime or randomness: for the session and above.
const IMPURE: &[&str] = &[
    "async-std",
    "async-trait",
    "axum",
    "chrono",
    "coarsetime",
    "curl",
    "futures",
    "futures-util",
    "getrandom",
    "hickory-resolver",
    "hyper",
    "jiff",
    "mio",
    "notify",
    "oorandom",
    "polling",
    "quanta",
    "quinn",
    "quinn-udp",
    "rand",
    "rand_chacha",
    "rand_core",
    "reqwest",
    "smol",
    "socket2",
    "time",
    "tokio",
    "tokio-util",
    "ureq",
    "uuid",
    "web-time",
];

/// Crates that bring files, threads or system calls: for storage, and for the session and above.
const SYSTEM: &[&str] = &[
    "crossbeam-channel",
    "etcetera",
    "fs2",
    "libc",
    "memmap2",
    "nix",
    "rayon",
    "rusqlite",
    "rustix",
    "tempfile",
];

/// The entry of a package.
pub(super) fn entry_of(package: &str) -> Option<&'static Entry> {
    CRATES.iter().find(|entry| entry.package == package)
}

/// Checks that every package has an entry, every entry a package, and that dependencies point downward only.
pub(super) fn check_packages(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in CRATES {
        if !packages.iter().any(|package| package.name == entry.package) {
            findings.push(Finding {
                file: file!().to_owned(),
                line: 1,
                rule: "layers",
                message: format!("no package is called `{}`: remove its entry", entry.package),
            });
        }
    }
    for package in packages {
        let Some(entry) = entry_of(&package.name) else {
            let message = format!("`{}` has no level: add it to {}", package.name, file!());
            findings.push(finding(package, "name", "layers", message));
            continue;
        };
        for dependency in &package.dependencies {
            if let Some((rule, message)) = judge(entry, dependency) {
                findings.push(finding(package, &dependency.name, rule, message));
            }
        }
    }
    findings
}

fn judge(entry: &Entry, dependency: &Dependency) -> Option<(&'static str, String)> {
    let this = entry.package;
    let name = dependency.name.as_str();
    if dependency.in_workspace {
        let Some(other) = entry_of(name) else {
            return Some(("layers", format!("`{name}` has no level: give it one below this crate")));
        };
        if other.level >= entry.level {
            let (level, above) = (describe(entry.level), describe(other.level));
            return Some((
                "layers",
                format!(
                    "`{this}` ({level}) depends on `{name}` ({above}): dependencies point downward, so move the \
                     shared part to a lower crate or pass it in as a value"
                ),
            ));
        }
        let is_listed = entry.only.is_none_or(|only| only.contains(&name));
        return (!dependency.dev && !is_listed).then(|| {
            ("layers", format!("`{this}` may not depend on `{name}`: go through the crates it may depend on"))
        });
    }
    let refused = match entry.kind {
        Kind::Open => false,
        Kind::Files => IMPURE.contains(&name),
        Kind::Pure => IMPURE.contains(&name) || SYSTEM.contains(&name),
    };
    (refused && !dependency.dev).then(|| {
        let why = "time, randomness and bytes are arguments; move it to ztor-session";
        ("pure-deps", format!("`{this}` depends on `{name}`: {why}"))
    })
}

fn describe((layer, step): Level) -> String {
    format!("{layer:?} {step}").to_lowercase()
}

/// Checks that every dependency comes from the workspace's table, and so do the lints.
pub(super) fn check_manifest(package: &Package) -> Vec<Finding> {
    let text = &package.manifest_text;
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => return vec![finding(package, "", "manifest", format!("not valid TOML: {error}"))],
    };
    let mut findings = Vec::new();
    check_dependency_tables(package, &table, &mut findings);
    if let Some(targets) = table.get("target").and_then(|targets| targets.get_ref().as_table()) {
        for target in targets.values().filter_map(|target| target.get_ref().as_table()) {
            check_dependency_tables(package, target, &mut findings);
        }
    }
    if !table.get("lints").is_some_and(|lints| is_inherited(lints.get_ref())) {
        let message = "add `[lints] workspace = true`: one set of lints for the whole workspace";
        findings.push(finding(package, "", "manifest", message.to_owned()));
    }
    findings
}

fn check_dependency_tables(package: &Package, table: &DeTable<'_>, findings: &mut Vec<Finding>) {
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let Some(dependencies) = table.get(kind).and_then(|table| table.get_ref().as_table()) else {
            continue;
        };
        for (name, value) in dependencies {
            if !is_inherited(value.get_ref()) {
                let name = name.get_ref();
                findings.push(Finding {
                    file: package.manifest.clone(),
                    line: line_at(&package.manifest_text, value.span().start),
                    rule: "workspace-deps",
                    message: format!(
                        "name `{name}` in the root's [workspace.dependencies] and say `{name}.workspace = true`"
                    ),
                });
            }
        }
    }
}

fn is_inherited(value: &DeValue<'_>) -> bool {
    let flag = value.as_table().and_then(|table| table.get("workspace"));
    flag.and_then(|flag| flag.get_ref().as_bool()) == Some(true)
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

/// A finding in the manifest, at the line where `key` is set.
fn finding(package: &Package, key: &str, rule: &'static str, message: String) -> Finding {
    let sets_key = |line: &str| {
        let line = line.trim_start();
        let rest = line.strip_prefix(key).or_else(|| line.split_once(key).map(|(_, rest)| rest));
        !key.is_empty() && rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=', ']', '"']))
    };
    let line = package.manifest_text.lines().position(sets_key).map_or(1, |index| index + 1);
    Finding { file: package.manifest.clone(), line, rule, message }
}

#[cfg(test)]
mod tests;
