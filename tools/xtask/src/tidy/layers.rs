//! The rooms of the house: which crate stands on which level, and what it may use.

use toml::de::{DeTable, DeValue};

use super::Finding;

/// What a room may do with the world outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A machine: time, randomness and bytes come in as arguments, effects go out as values.
    Pure,
    /// File IO and threads for it; otherwise as [`Kind::Pure`].
    Files,
    /// Anything.
    Open,
}

/// A crate of the workspace and its place in the house.
#[derive(Debug)]
pub struct Room {
    /// Name of the package.
    pub package: &'static str,
    /// Height above the ground. A room uses lower ones only, so those of one level never see each other.
    pub level: u8,
    /// What it may do.
    pub kind: Kind,
    /// The workspace crates it may depend on.
    pub uses: &'static [&'static str],
}

/// The house, from the ground up. A new crate gets its line here, with the fewest uses that do.
pub const ROOMS: &[Room] = &[
    Room { package: "ztor-time", level: 0, kind: Kind::Pure, uses: &[] },
    Room { package: "ztor-sha", level: 0, kind: Kind::Pure, uses: &[] },
    Room { package: "ztor-bencode", level: 1, kind: Kind::Pure, uses: &[] },
    Room { package: "ztor-metainfo", level: 2, kind: Kind::Pure, uses: &["ztor-bencode"] },
    Room { package: "ztor-wire", level: 3, kind: Kind::Pure, uses: &["ztor-time", "ztor-bencode"] },
    Room { package: "ztor-dht", level: 3, kind: Kind::Pure, uses: &["ztor-time", "ztor-bencode"] },
    Room { package: "ztor-utp", level: 3, kind: Kind::Pure, uses: &["ztor-time"] },
    Room { package: "ztor-tracker", level: 3, kind: Kind::Pure, uses: &["ztor-time", "ztor-bencode"] },
    Room {
        package: "ztor-engine",
        level: 4,
        kind: Kind::Pure,
        uses: &["ztor-time", "ztor-bencode", "ztor-metainfo", "ztor-wire", "ztor-dht", "ztor-tracker"],
    },
    Room {
        package: "ztor-storage",
        level: 4,
        kind: Kind::Files,
        uses: &["ztor-sha", "ztor-bencode", "ztor-metainfo"],
    },
    Room {
        package: "ztor-session",
        level: 5,
        kind: Kind::Open,
        uses: &[
            "ztor-time",
            "ztor-bencode",
            "ztor-metainfo",
            "ztor-wire",
            "ztor-dht",
            "ztor-utp",
            "ztor-tracker",
            "ztor-engine",
            "ztor-storage",
        ],
    },
    Room {
        package: "ztor-server",
        level: 6,
        kind: Kind::Open,
        uses: &["ztor-time", "ztor-bencode", "ztor-metainfo", "ztor-tracker", "ztor-session"],
    },
    Room {
        package: "ztor",
        level: 7,
        kind: Kind::Open,
        uses: &[
            "ztor-time",
            "ztor-bencode",
            "ztor-metainfo",
            "ztor-tracker",
            "ztor-storage",
            "ztor-session",
            "ztor-server",
        ],
    },
    Room {
        package: "ztor-sim",
        level: 8,
        kind: Kind::Open,
        uses: &[
            "ztor-time",
            "ztor-metainfo",
            "ztor-wire",
            "ztor-dht",
            "ztor-utp",
            "ztor-tracker",
            "ztor-engine",
        ],
    },
    Room {
        package: "ztor-bench",
        level: 8,
        kind: Kind::Open,
        uses: &[
            "ztor-time",
            "ztor-bencode",
            "ztor-metainfo",
            "ztor-wire",
            "ztor-engine",
            "ztor-storage",
            "ztor-session",
        ],
    },
    Room { package: "ztor-lab", level: 8, kind: Kind::Open, uses: &[] },
    Room { package: "xtask", level: 8, kind: Kind::Open, uses: &[] },
    Room {
        package: "ztor-fuzz-targets",
        level: 8,
        kind: Kind::Open,
        uses: &[
            "ztor-time",
            "ztor-bencode",
            "ztor-metainfo",
            "ztor-wire",
            "ztor-dht",
            "ztor-utp",
            "ztor-tracker",
            "ztor-engine",
            "ztor-storage",
        ],
    },
];

/// Crates that bring a clock, a socket, an async runtime or randomness: nothing from the engine down has them.
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

/// A member of the workspace, as far as the rules care.
#[derive(Debug, Default)]
pub struct Member {
    /// Name of the package.
    pub name: String,
    /// Its `Cargo.toml`, from the root of the workspace.
    pub manifest: String,
    /// What stands in it.
    pub manifest_text: String,
    /// Direct dependencies, of every kind and target.
    pub dependencies: Vec<Dependency>,
}

/// A direct dependency of a member.
#[derive(Clone, Debug, Default)]
pub struct Dependency {
    /// Name of the package, not of a rename.
    pub name: String,
    /// Only for tests, examples and benchmarks.
    pub dev: bool,
    /// Itself a member of the workspace.
    pub in_workspace: bool,
}

/// The room of a package.
pub fn room(package: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.package == package)
}

/// Every member has a room, every room a member, and dependencies point downward only.
pub fn check_members(members: &[Member]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for room in ROOMS {
        if !members.iter().any(|member| member.name == room.package) {
            findings.push(Finding {
                file: "tools/xtask/src/tidy/layers.rs".to_owned(),
                line: 1,
                rule: "layers",
                message: format!("no package is called `{}` any more: remove its room", room.package),
            });
        }
    }
    for member in members {
        let Some(room) = room(&member.name) else {
            findings.push(member.finding(
                "name",
                "layers",
                format!("`{}` has no room: give it a level in tools/xtask/src/tidy/layers.rs", member.name),
            ));
            continue;
        };
        for dependency in &member.dependencies {
            if let Some((rule, message)) = judge(room, dependency) {
                findings.push(member.finding(&dependency.name, rule, message));
            }
        }
    }
    findings
}

fn judge(room: &Room, dependency: &Dependency) -> Option<(&'static str, String)> {
    let name = dependency.name.as_str();
    if dependency.in_workspace {
        let Some(other) = self::room(name) else {
            return Some(("layers", format!("`{name}` has no room: give it one, below this crate")));
        };
        if other.level >= room.level {
            let (this, level, above) = (room.package, room.level, other.level);
            return Some((
                "layers",
                format!(
                    "`{this}` (level {level}) uses `{name}` (level {above}): dependencies point downward, \
                     so move the shared part to a lower crate or pass it in as a value"
                ),
            ));
        }
        if !dependency.dev && !room.uses.contains(&name) {
            return Some((
                "layers",
                format!("`{}` may not use `{name}`: go through what it has, or widen its room", room.package),
            ));
        }
        return None;
    }
    let refused = match room.kind {
        Kind::Open => false,
        Kind::Files => IMPURE.contains(&name),
        Kind::Pure => IMPURE.contains(&name) || SYSTEM.contains(&name),
    };
    (refused && !dependency.dev).then(|| {
        let why = "machines get time, randomness and bytes as arguments; put it into ztor-session";
        ("pure-deps", format!("`{}` depends on `{name}`: {why}", room.package))
    })
}

/// Every dependency comes from the workspace's table, and so do the lints.
pub fn check_manifest(member: &Member) -> Vec<Finding> {
    let text = &member.manifest_text;
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => return vec![member.finding("", "manifest", format!("not readable: {error}"))],
    };
    let mut findings = Vec::new();
    check_dependency_tables(member, &table, &mut findings);
    if let Some(targets) = table.get("target").and_then(|targets| targets.get_ref().as_table()) {
        for target in targets.values().filter_map(|target| target.get_ref().as_table()) {
            check_dependency_tables(member, target, &mut findings);
        }
    }
    if !table.get("lints").is_some_and(|lints| is_inherited(lints.get_ref())) {
        let message = "add `[lints] workspace = true`: one set of lints for the whole house";
        findings.push(member.finding("", "manifest", message.to_owned()));
    }
    findings
}

fn check_dependency_tables(member: &Member, table: &DeTable<'_>, findings: &mut Vec<Finding>) {
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let Some(dependencies) = table.get(kind).and_then(|table| table.get_ref().as_table()) else {
            continue;
        };
        for (name, value) in dependencies {
            if !is_inherited(value.get_ref()) {
                let name = name.get_ref();
                findings.push(Finding {
                    file: member.manifest.clone(),
                    line: line_at(&member.manifest_text, value.span().start),
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

impl Member {
    /// A finding in the manifest, at the line where `key` is set.
    fn finding(&self, key: &str, rule: &'static str, message: String) -> Finding {
        let sets_key = |line: &str| {
            let line = line.trim_start();
            let rest = line.strip_prefix(key).or_else(|| line.split_once(key).map(|(_, rest)| rest));
            !key.is_empty() && rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=', ']', '"']))
        };
        let line = self.manifest_text.lines().position(sets_key).map_or(1, |index| index + 1);
        Finding { file: self.manifest.clone(), line, rule, message }
    }
}

#[cfg(test)]
mod tests;
