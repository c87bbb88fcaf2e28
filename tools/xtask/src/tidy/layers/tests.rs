#![allow(clippy::panic, reason = "that is how a test fails")]

use super::*;

fn dependency(name: &str) -> Dependency {
    Dependency { name: name.to_owned(), dev: false, in_workspace: name.starts_with("ztor") }
}

fn member(name: &str, dependencies: &[&str]) -> Member {
    let entries: String = dependencies.iter().map(|name| format!("{name}.workspace = true\n")).collect();
    Member {
        name: name.to_owned(),
        manifest: format!("crates/{name}/Cargo.toml"),
        manifest_text: format!(
            "[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n[dependencies]\n{entries}"
        ),
        dependencies: dependencies.iter().map(|name| dependency(name)).collect(),
    }
}

/// The findings about one member, in a house where every other room is as it should be.
fn findings(member: Member) -> Vec<(usize, &'static str)> {
    let file = member.manifest.clone();
    let mut members: Vec<Member> = ROOMS
        .iter()
        .filter(|room| room.package != member.name)
        .map(|room| self::member(room.package, &[]))
        .collect();
    members.push(member);
    let findings = check_members(&members);
    assert!(findings.iter().all(|finding| finding.file == file), "{findings:?}");
    findings.into_iter().map(|finding| (finding.line, finding.rule)).collect()
}

#[test]
fn the_table_itself_points_downward() {
    for room in ROOMS {
        for name in room.uses {
            let used = self::room(name).unwrap_or_else(|| panic!("{name} has no room"));
            assert!(used.level < room.level, "{} uses {name}", room.package);
        }
        assert_eq!(ROOMS.iter().filter(|other| other.package == room.package).count(), 1);
    }
}

#[test]
fn downward_is_allowed() {
    assert_eq!(findings(member("ztor-engine", &["ztor-wire", "ztor-time", "bytes"])), []);
    assert_eq!(findings(member("ztor-storage", &["ztor-metainfo", "rustix", "tracing"])), []);
    assert_eq!(findings(member("ztor-session", &["tokio", "socket2", "ztor-engine"])), []);
}

#[test]
fn siblings_and_upper_rooms_are_refused() {
    assert_eq!(findings(member("ztor-wire", &["bytes", "ztor-tracker"])), [(7, "layers")]);
    assert_eq!(findings(member("ztor-metainfo", &["ztor-session"])), [(6, "layers")]);
}

#[test]
fn a_lower_room_outside_the_list_is_refused_except_in_tests() {
    assert_eq!(findings(member("ztor-bencode", &["ztor-time"])), [(6, "layers")]);
    let mut for_tests = member("ztor-bencode", &["ztor-time"]);
    for_tests.dependencies[0].dev = true;
    assert_eq!(findings(for_tests), []);
    let mut upward = member("ztor-wire", &["ztor-engine"]);
    upward.dependencies[0].dev = true;
    assert_eq!(findings(upward), [(6, "layers")]);
}

#[test]
fn runtimes_sockets_and_randomness_stay_above() {
    for name in ["tokio", "mio", "reqwest", "socket2", "rand", "getrandom"] {
        assert_eq!(findings(member("ztor-engine", &[name])), [(6, "pure-deps")], "{name}");
        assert_eq!(findings(member("ztor-storage", &[name])), [(6, "pure-deps")], "{name}");
    }
    assert_eq!(findings(member("ztor-tracker", &["rustix"])), [(6, "pure-deps")]);
    let mut for_tests = member("ztor-tracker", &["tempfile"]);
    for_tests.dependencies[0].dev = true;
    assert_eq!(findings(for_tests), []);
}

#[test]
fn a_crate_without_a_room_and_a_room_without_a_crate() {
    assert_eq!(findings(member("ztor-attic", &[])), [(2, "layers")]);
    let none = check_members(&[]);
    assert_eq!(none.len(), ROOMS.len());
}

#[test]
fn dependencies_come_from_the_table() {
    let check = |manifest: &str| {
        let member = Member { manifest_text: manifest.to_owned(), ..Member::default() };
        check_manifest(&member).into_iter().map(|finding| (finding.line, finding.rule)).collect::<Vec<_>>()
    };
    let lints = "[lints]\nworkspace = true\n";
    assert_eq!(check(&format!("{lints}[dependencies]\nbytes.workspace = true\n")), []);
    assert_eq!(check(&format!("{lints}[dependencies]\nbytes = {{ workspace = true }}\n")), []);
    assert_eq!(check(&format!("{lints}[dependencies]\nbytes = \"1\"\n")), [(4, "workspace-deps")]);
    assert_eq!(check(&format!("{lints}[dev-dependencies.bytes]\nversion = \"1\"\n")).len(), 1);
    assert_eq!(
        check(&format!("{lints}[target.'cfg(unix)'.build-dependencies]\na = {{ path = \"../a\" }}\n")),
        [(4, "workspace-deps")]
    );
    assert_eq!(check("[package]\nname = \"a\"\n"), [(1, "manifest")]);
    assert_eq!(check("[package\n"), [(1, "manifest")]);
}
