#![allow(clippy::panic, reason = "that is how a test fails")]

use super::*;

fn dependency(name: &str) -> Dependency {
    Dependency { name: name.to_owned(), dev: false, in_workspace: name.starts_with("ztor") }
}

fn package(name: &str, dependencies: &[&str]) -> Package {
    let entries: String = dependencies.iter().map(|name| format!("{name}.workspace = true\n")).collect();
    Package {
        name: name.to_owned(),
        manifest: format!("crates/{name}/Cargo.toml"),
        manifest_text: format!(
            "[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n[dependencies]\n{entries}"
        ),
        dependencies: dependencies.iter().map(|name| dependency(name)).collect(),
        ..Package::default()
    }
}

/// The findings about one package, in a workspace whose other packages are as they should be.
fn findings(package: Package) -> Vec<(usize, &'static str)> {
    let file = package.manifest.clone();
    let others = CRATES.iter().filter(|entry| entry.package != package.name);
    let mut packages: Vec<Package> = others.map(|entry| self::package(entry.package, &[])).collect();
    packages.push(package);
    let findings = check_packages(&packages);
    assert!(findings.iter().all(|finding| finding.file == file), "{findings:?}");
    findings.into_iter().map(|finding| (finding.line, finding.rule)).collect()
}

#[test]
fn entries_of_the_table_point_downward() {
    for entry in CRATES {
        for name in entry.only.into_iter().flatten() {
            let used = entry_of(name).unwrap_or_else(|| panic!("{name} has no entry"));
            assert!(used.level < entry.level, "{} uses {name}", entry.package);
        }
        assert_eq!(CRATES.iter().filter(|other| other.package == entry.package).count(), 1);
    }
}

#[test]
fn dependencies_on_lower_levels_are_allowed() {
    assert_eq!(findings(package("ztor-engine", &["ztor-wire", "ztor-base", "bytes"])), []);
    assert_eq!(findings(package("ztor-storage", &["ztor-metainfo", "rustix", "tracing"])), []);
    assert_eq!(findings(package("ztor-session", &["tokio", "socket2", "ztor-engine"])), []);
}

#[test]
fn crates_of_the_same_and_of_higher_levels_are_refused() {
    assert_eq!(findings(package("ztor-wire", &["bytes", "ztor-tracker"])), [(7, "layers")]);
    assert_eq!(findings(package("ztor-metainfo", &["ztor-session"])), [(6, "layers")]);
    assert_eq!(findings(package("ztor-storage", &["ztor-engine"])), [(6, "layers")]);
}

#[test]
fn a_lower_crate_outside_the_list_is_refused_except_in_tests() {
    assert_eq!(findings(package("ztor-storage", &["ztor-wire"])), [(6, "layers")]);
    assert_eq!(findings(package("ztor", &["ztor-engine"])), [(6, "layers")]);
    let mut for_tests = package("ztor-storage", &["ztor-wire"]);
    for_tests.dependencies[0].dev = true;
    assert_eq!(findings(for_tests), []);
    let mut upward = package("ztor-wire", &["ztor-engine"]);
    upward.dependencies[0].dev = true;
    assert_eq!(findings(upward), [(6, "layers")]);
}

#[test]
fn runtimes_sockets_and_randomness_below_the_session_are_refused() {
    for name in ["tokio", "mio", "reqwest", "socket2", "rand", "getrandom"] {
        assert_eq!(findings(package("ztor-engine", &[name])), [(6, "pure-deps")], "{name}");
        assert_eq!(findings(package("ztor-storage", &[name])), [(6, "pure-deps")], "{name}");
    }
    assert_eq!(findings(package("ztor-tracker", &["rustix"])), [(6, "pure-deps")]);
    let mut for_tests = package("ztor-tracker", &["tempfile"]);
    for_tests.dependencies[0].dev = true;
    assert_eq!(findings(for_tests), []);
}

#[test]
fn package_without_an_entry_and_entry_without_a_package_are_findings() {
    assert_eq!(findings(package("ztor-attic", &[])), [(2, "layers")]);
    let none = check_packages(&[]);
    assert_eq!(none.len(), CRATES.len());
}

#[test]
fn dependency_outside_the_workspace_table_is_a_finding() {
    let check = |manifest: &str| {
        let package = Package { manifest_text: manifest.to_owned(), ..Package::default() };
        check_manifest(&package).into_iter().map(|finding| (finding.line, finding.rule)).collect::<Vec<_>>()
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
