//! The rules of `cargo xtask tidy`, checked by `cargo test` too.
#![allow(clippy::panic, clippy::expect_used, reason = "that is how a test fails")]

#[test]
fn the_workspace_is_tidy() {
    let findings = xtask::tidy::check(&xtask::tidy::workspace_root()).expect("the workspace can be read");
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} findings:\n{}", list.len(), list.join("\n"));
}
