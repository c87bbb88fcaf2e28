#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

/// Line and rule of the findings in one file of `package`, whose root forbids unsafe code.
fn findings(package: &str, text: &str) -> Vec<(usize, &'static str)> {
    findings_in(package, "src/a.rs", text)
}

fn findings_in(package: &str, file: &str, text: &str) -> Vec<(usize, &'static str)> {
    let files = [("src/lib.rs", "#![forbid(unsafe_code)]"), (file, text)];
    check(&self::package(package, &files)).into_iter().map(|finding| (finding.line, finding.rule)).collect()
}

fn package(name: &str, files: &[(&str, &str)]) -> Package {
    let folder = name.replace("ztor-", "crates/");
    let sources = files.iter().map(|(file, text)| Source::parse(&format!("{folder}/{file}"), text).unwrap());
    let package =
        Package { name: name.to_owned(), manifest: format!("{folder}/Cargo.toml"), ..Package::default() };
    package.with_sources(sources.collect())
}

#[test]
fn sockets_below_the_session_are_findings() {
    for text in [
        "use std::net::TcpStream;",
        "use std::net::{IpAddr, TcpListener};",
        "fn f() { std::net::UdpSocket::bind(x); }",
        "use std::net; fn f(s: net::TcpStream) {}",
        "use std::net::*;",
        "use {std::{net::{UdpSocket as U}}};",
        "use std::os::unix::net::UnixStream;",
    ] {
        assert_eq!(findings("ztor-engine", text), [(1, "sockets")], "{text}");
        assert_eq!(findings("ztor-storage", text), [(1, "sockets")], "{text}");
        assert_eq!(findings("ztor-session", text), [], "{text}");
    }
    assert_eq!(findings("ztor-engine", "use std::net::{IpAddr, SocketAddr};\nfn f(a: SocketAddr) {}"), []);
}

#[test]
fn clocks_below_the_session_are_findings() {
    for text in [
        "use std::time::Instant;",
        "use std::time::{Duration, Instant as Clock};",
        "fn f() { std::time::Instant::now(); }",
        "use std::time;\n\nfn f() { time::Instant::now(); }",
        "use std::time::*;",
    ] {
        let line = text.lines().count();
        assert_eq!(findings("ztor-tracker", text), [(line, "clock")], "{text}");
        assert_eq!(findings("ztor-storage", text), [(line, "clock")], "{text}");
        assert_eq!(findings("ztor", text), [], "{text}");
    }
    assert_eq!(findings("ztor-engine", "use ztor_base::{Duration, Instant};\nfn f(now: Instant) {}"), []);
    assert_eq!(findings("ztor-engine", "use std::time::SystemTime;"), [(1, "clock")]);
    let stamp = "use std::time::SystemTime;\nfn f() {\n    SystemTime::now();\n}";
    assert_eq!(findings("ztor-storage", stamp), [(3, "clock")]);
}

#[test]
fn threads_locks_files_and_output_in_pure_crates_are_findings() {
    assert_eq!(findings("ztor-engine", "fn f() { std::thread::sleep(d) }"), [(1, "system")]);
    assert_eq!(findings("ztor-engine", "use std::sync::{Arc, Mutex};"), [(1, "system")]);
    assert_eq!(findings("ztor-metainfo", "use std::fs;\nfn f() { fs::read(p) }"), [(1, "files")]);
    assert_eq!(findings("ztor-metainfo", "use std::{fs::File, io};"), [(1, "files")]);
    assert_eq!(findings("ztor-metainfo", "use std::io;\nfn f() { io::stdout(); }"), [(2, "files")]);
    assert_eq!(findings("ztor-bencode", "use std::io::{Read, Write, self};"), []);
    assert_eq!(findings("ztor-storage", "use std::fs;\nfn f() { std::thread::spawn(g); fs::read(p) }"), []);
    assert_eq!(findings("ztor-wire", "fn f() { println!(\"x\"); }"), [(1, "output")]);
}

#[test]
fn maps_of_random_order_without_a_reason_are_findings() {
    assert_eq!(findings("ztor-wire", "use std::collections::{BTreeMap, HashMap};"), [(1, "order")]);
    assert_eq!(findings("ztor-wire", "type T = std::collections::HashSet<u8>;"), [(1, "order")]);
    assert_eq!(
        findings("ztor-wire", "use std::collections;\ntype T = collections::HashMap<u8, u8>;"),
        [(2, "order")]
    );
    assert_eq!(findings("ztor-wire", "// order-free: looked up only\nuse std::collections::HashMap;"), []);
    assert_eq!(findings("ztor-wire", "use std::collections::HashMap; // order-free: never iterated"), []);
    assert_eq!(findings("ztor-wire", "use std::collections::HashMap; // order-free:"), [(1, "order")]);
    assert_eq!(findings("ztor-wire", "use std::hash::RandomState;"), [(1, "order")]);
    assert_eq!(findings("ztor-session", "use std::collections::HashMap;"), []);
    let both = "use std::collections::{HashMap, HashSet};";
    assert_eq!(findings("ztor-wire", both), [(1, "order"), (1, "order")]);
}

#[test]
fn randomness_without_a_seed_is_a_finding() {
    assert_eq!(findings("ztor-engine", "use fastrand::Rng;\nfn f(s: u64) { Rng::with_seed(s); }"), []);
    assert_eq!(findings("ztor-engine", "use fastrand::Rng;\nfn f() { Rng::new(); }"), [(2, "randomness")]);
    assert_eq!(findings("ztor-engine", "fn f() { fastrand::u8(..); }"), [(1, "randomness")]);
    assert_eq!(findings("ztor-storage", "use fastrand::shuffle;"), [(1, "randomness")]);
    assert_eq!(findings("ztor-session", "fn f() { fastrand::u8(..); }"), []);
    assert_eq!(findings("ztor-dht", "use ring::rand::SystemRandom;"), [(1, "randomness")]);
    assert_eq!(findings("ztor-dht", "use ring::{rand, signature};"), [(1, "randomness")]);
    assert_eq!(findings("ztor-dht", "use ring::signature::{self, ED25519};"), []);
}

#[test]
fn arguments_of_macros_and_inline_modules_are_searched() {
    let text = "fn f() {\n    debug!(\n        x = %std::fs::read(p),\n    );\n}";
    assert_eq!(findings("ztor-wire", text), [(3, "files")]);
    assert_eq!(
        findings("ztor-wire", "mod a {\n    use std::fs;\n    fn f() { fs::read(p) }\n}"),
        [(2, "files")]
    );
    assert_eq!(findings("ztor-wire", "macro_rules! a {\n    () => { std::fs::read(p) };\n}"), [(2, "files")]);
}

#[test]
fn async_below_the_session_is_a_finding() {
    assert_eq!(findings("ztor-engine", "async fn f() {}"), [(1, "async")]);
    assert_eq!(findings("ztor-storage", "fn f() { g().await; }"), [(1, "async")]);
    assert_eq!(findings("ztor-session", "async fn f() {}"), []);
    assert_eq!(findings("ztor-engine", "/// Not async at all.\nfn f() { g(\"async\") }"), []);
}

#[test]
fn code_in_tests_has_no_findings() {
    let text =
        "#[cfg(test)]\nmod tests {\n    use std::fs;\n    async fn f() { std::time::Instant::now(); }\n}";
    assert_eq!(findings("ztor-engine", text), []);
    assert_eq!(findings_in("ztor-engine", "src/picker/tests.rs", "use std::fs;"), []);
    assert_eq!(findings_in("ztor-engine", "src/picker_tests.rs", "use std::fs;"), []);
    assert_eq!(findings_in("ztor-engine", "tests/whole.rs", "use std::fs;"), []);
}

#[test]
fn pure_crate_that_allows_unsafe_code_is_a_finding() {
    let count = |name: &str, root: &str| check(&package(name, &[("src/lib.rs", root)])).len();
    assert_eq!(count("ztor-wire", "#![forbid(unsafe_code)]"), 0);
    assert_eq!(count("ztor-wire", "//! A crate."), 1);
    assert_eq!(count("ztor-wire", "// #![forbid(unsafe_code)]"), 1);
    assert_eq!(count("ztor-storage", "//! A crate."), 0);
}

#[test]
fn unsafe_outside_the_one_allowed_file_is_a_finding() {
    let rules = |root: &str, file: &str| {
        let files = [("src/lib.rs", root), (file, "#[cfg(test)]\nunsafe fn f() {}")];
        let findings = check(&package("ztor-sha", &files)).into_iter();
        findings.map(|finding| (finding.file, finding.line, finding.rule)).collect::<Vec<_>>()
    };
    let root = "crates/sha/src/lib.rs".to_owned();
    assert_eq!(rules("#![deny(unsafe_code)]", "src/shani.rs"), []);
    assert_eq!(rules("//! A crate.", "src/shani.rs"), [(root, 1, "forbid-unsafe")]);
    let elsewhere = ("crates/sha/src/many.rs".to_owned(), 2, "forbid-unsafe");
    assert_eq!(rules("#![deny(unsafe_code)]", "src/many.rs"), [elsewhere]);
}

#[test]
fn file_over_the_line_limit_is_a_finding() {
    let long = "fn f() {}\n".repeat(MAX_LINES);
    assert_eq!(findings("ztor-session", &long), []);
    assert_eq!(findings("ztor-session", &format!("{long}//\n")), [(MAX_LINES + 1, "length")]);
    assert_eq!(findings("ztor-session", &format!("{long}#[cfg(test)]\nmod tests {{\n    //\n}}\n")), []);
    assert_eq!(findings_in("ztor-session", "src/a/tests.rs", &format!("{long}//\n")), []);
}

#[test]
fn mark_of_unfinished_work_is_a_finding() {
    for mark in MARKS {
        assert_eq!(findings("ztor", &format!("fn f() {{}}\n// {mark}: later\n")), [(2, "unfinished")]);
        assert_eq!(findings("ztor", &format!("fn f() {{}} /* a\n * {mark} */")), [(2, "unfinished")]);
        assert_eq!(
            findings_in("ztor", "tests/a.rs", &format!("/// {mark}\nfn f() {{}}")),
            [(1, "unfinished")]
        );
        assert_eq!(findings("ztor", &format!("fn f() {{ \"{mark}\" }}\n// un{mark}")), []);
    }
}
