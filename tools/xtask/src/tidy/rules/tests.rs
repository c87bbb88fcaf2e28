use super::*;

/// Line and rule of the findings in one file of `package`, whose root forbids unsafe code.
fn findings(package: &str, text: &str) -> Vec<(usize, &'static str)> {
    findings_in(package, "src/a.rs", text)
}

fn findings_in(package: &str, file: &str, text: &str) -> Vec<(usize, &'static str)> {
    let folder = package.replace("ztor-", "crates/");
    let member =
        Member { name: package.to_owned(), manifest: format!("{folder}/Cargo.toml"), ..Member::default() };
    let sources = [
        Source::parse(&format!("{folder}/src/lib.rs"), "#![forbid(unsafe_code)]"),
        Source::parse(&format!("{folder}/{file}"), text),
    ];
    check(&member, &sources).into_iter().map(|finding| (finding.line, finding.rule)).collect()
}

#[test]
fn sockets() {
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
fn clocks() {
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
    assert_eq!(findings("ztor-engine", "use ztor_time::{Duration, Instant};\nfn f(now: Instant) {}"), []);
    assert_eq!(findings("ztor-engine", "use std::time::SystemTime;"), [(1, "clock")]);
    let stamp = "use std::time::SystemTime;\nfn f() {\n    SystemTime::now();\n}";
    assert_eq!(findings("ztor-storage", stamp), [(3, "clock")]);
}

#[test]
fn threads_locks_and_files() {
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
fn random_order() {
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
fn randomness_is_seeded() {
    assert_eq!(findings("ztor-engine", "use fastrand::Rng;\nfn f(s: u64) { Rng::with_seed(s); }"), []);
    assert_eq!(findings("ztor-engine", "use fastrand::Rng;\nfn f() { Rng::new(); }"), [(2, "randomness")]);
    assert_eq!(findings("ztor-engine", "fn f() { fastrand::u8(..); }"), [(1, "randomness")]);
    assert_eq!(findings("ztor-storage", "use fastrand::shuffle;"), [(1, "randomness")]);
    assert_eq!(findings("ztor-session", "fn f() { fastrand::u8(..); }"), []);
}

#[test]
fn nothing_is_async_below_the_session() {
    assert_eq!(findings("ztor-engine", "async fn f() {}"), [(1, "async")]);
    assert_eq!(findings("ztor-storage", "fn f() { g().await; }"), [(1, "async")]);
    assert_eq!(findings("ztor-session", "async fn f() {}"), []);
    assert_eq!(findings("ztor-engine", "/// Not async at all.\nfn f() { g(\"async\") }"), []);
}

#[test]
fn tests_may_do_as_they_like() {
    let text =
        "#[cfg(test)]\nmod tests {\n    use std::fs;\n    async fn f() { std::time::Instant::now(); }\n}";
    assert_eq!(findings("ztor-engine", text), []);
    assert_eq!(findings_in("ztor-engine", "src/picker/tests.rs", "use std::fs;"), []);
    assert_eq!(findings_in("ztor-engine", "src/picker_tests.rs", "use std::fs;"), []);
    assert_eq!(findings_in("ztor-engine", "tests/whole.rs", "use std::fs;"), []);
}

#[test]
fn pure_crates_forbid_unsafe_code() {
    let count = |name: &str, root: &str| {
        let member =
            Member { name: name.to_owned(), manifest: "crates/a/Cargo.toml".to_owned(), ..Member::default() };
        check(&member, &[Source::parse("crates/a/src/lib.rs", root)]).len()
    };
    assert_eq!(count("ztor-wire", "#![forbid(unsafe_code)]"), 0);
    assert_eq!(count("ztor-wire", "//! A crate."), 1);
    assert_eq!(count("ztor-wire", "// #![forbid(unsafe_code)]"), 1);
    assert_eq!(count("ztor-storage", "//! A crate."), 0);
}

#[test]
fn where_unsafe_is_needed_it_stays_in_one_file() {
    let rules = |root: &str, file: &str| {
        let member = Member {
            name: "ztor-sha".to_owned(),
            manifest: "crates/sha/Cargo.toml".to_owned(),
            ..Member::default()
        };
        let block = "// SAFETY: nothing is read.\nunsafe fn f() {}";
        let sources = [Source::parse("crates/sha/src/lib.rs", root), Source::parse(file, block)];
        let findings = check(&member, &sources).into_iter();
        findings.map(|finding| (finding.file, finding.line, finding.rule)).collect::<Vec<_>>()
    };
    let root = "crates/sha/src/lib.rs";
    let (here, there) = ("crates/sha/src/shani.rs", "crates/sha/src/many.rs");
    assert_eq!(rules("#![deny(unsafe_code)]", here), []);
    assert_eq!(rules("//! A crate.", here), [(root.to_owned(), 1, "forbid-unsafe")]);
    assert_eq!(rules("#![deny(unsafe_code)]", there), [(there.to_owned(), 2, "forbid-unsafe")]);
}

#[test]
fn length() {
    let long = "fn f() {}\n".repeat(MAX_LINES);
    assert_eq!(findings("ztor-session", &long), []);
    assert_eq!(findings("ztor-session", &format!("{long}//\n")), [(MAX_LINES + 1, "length")]);
    assert_eq!(findings("ztor-session", &format!("{long}#[cfg(test)]\nmod tests {{\n    //\n}}\n")), []);
    assert_eq!(findings_in("ztor-session", "src/a/tests.rs", &format!("{long}//\n")), []);
}

#[test]
fn unfinished_work() {
    assert_eq!(findings("ztor", "fn f() { todo!() }"), [(1, "unfinished")]);
    assert_eq!(findings("ztor", "fn f() { unimplemented!(\"x\") }"), [(1, "unfinished")]);
    assert_eq!(findings_in("ztor", "tests/a.rs", "fn f() { dbg!(x) }"), [(1, "unfinished")]);
    for mark in MARKS {
        assert_eq!(findings("ztor", &format!("fn f() {{}}\n// {mark}: later\n")), [(2, "unfinished")]);
    }
    assert_eq!(findings("ztor", "fn todo() { \"todo!\" }"), []);
}

#[test]
fn ignored_tests_say_why() {
    assert_eq!(findings("ztor", "#[test]\n#[ignore]\nfn f() {}"), [(2, "ignore-reason")]);
    assert_eq!(findings("ztor", "#[ignore = \"\"]\nfn f() {}"), [(1, "ignore-reason")]);
    assert_eq!(findings("ztor", "#[cfg_attr(windows, ignore)]\nfn f() {}"), [(1, "ignore-reason")]);
    assert_eq!(findings("ztor", "#[ignore = \"takes an hour\"]\nfn f() {}"), []);
}

#[test]
fn unsafe_code_is_justified() {
    assert_eq!(findings("ztor-session", "fn f() {\n    unsafe { g() }\n}"), [(2, "safety")]);
    assert_eq!(findings("ztor-session", "fn f() {\n    // SAFETY: it holds.\n    unsafe { g() }\n}"), []);
    assert_eq!(
        findings("ztor-session", "// SAFETY: it holds,\n// always.\nlet x =\n    unsafe { g() };"),
        []
    );
    assert_eq!(findings("ztor-session", "// SAFETY: it holds.\nf();\nunsafe { g() };"), [(3, "safety")]);
    assert_eq!(findings("ztor-session", "// SAFETY: of another.\n\nunsafe { g() };"), [(3, "safety")]);
    assert_eq!(
        findings("ztor-session", "/// # Safety\n/// `x` is valid.\n#[inline]\npub unsafe fn f() {}"),
        []
    );
    assert_eq!(findings("ztor-session", "#![deny(unsafe_code)]"), []);
}
