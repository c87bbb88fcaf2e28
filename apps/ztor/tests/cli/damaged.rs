//! Damaged and malicious torrent files: a message that names the file, exit code 3, never a panic.

use crate::bencode::{Value, torrent};
use crate::scratch::Scratch;

/// Fails the test unless `show`, `verify` and `get` refuse these bytes with the name of the file and the words of
/// `reason`.
#[track_caller]
fn refused(bytes: &[u8], reason: &str) {
    let scratch = Scratch::new();
    let file = scratch.file("bad.torrent", bytes);
    let out = scratch.dir("out");
    for run in [
        scratch.ztor(&[&"show", &file]),
        scratch.ztor(&[&"show", &"--json", &file]),
        scratch.ztor(&[&"verify", &file, &out]),
        scratch.ztor(&[&"get", &file, &"-o", &out, &"--bind", &"127.0.0.1"]),
    ] {
        let run = run.expect(3);
        assert!(run.stderr.contains("bad.torrent"), "{run:#?}");
        assert!(run.stderr.contains(reason), "{run:#?}");
    }
    assert_eq!(std::fs::read_dir(out).unwrap().count(), 0, "something was written");
}

#[test]
fn show_of_an_unspoiled_torrent_succeeds() {
    let scratch = Scratch::new();
    let file = scratch.file("good.torrent", &torrent(&[]).encode());
    scratch.ztor(&[&"show", &file]).expect(0);
}

#[test]
fn empty_and_foreign_files_are_refused() {
    refused(b"", "empty");
    refused(b"<!DOCTYPE html><html><body>404</body></html>", "");
    refused(&[0; 4096], "");
}

#[test]
fn truncated_torrent_files_are_refused() {
    let whole = torrent(&[]).encode();
    for len in [1, 7, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..len], "");
    }
}

#[test]
fn oversized_torrent_files_are_refused() {
    let mut huge = b"d4:info".to_vec();
    huge.resize(40 << 20, b'x');
    refused(&huge, "");
}

#[test]
fn strings_longer_than_the_file_are_refused() {
    refused(b"d4:info99999999999999999999:x", "");
    refused(b"d4:infod4:name4294967295:xe", "");
}

#[test]
fn nesting_that_would_overflow_a_stack_is_refused() {
    let mut deep = b"d4:info".to_vec();
    deep.resize(1 << 20, b'l');
    refused(&deep, "");
    let mut closed = b"d1:a".to_vec();
    closed.extend(vec![b'l'; 200_000]);
    closed.extend(vec![b'e'; 200_001]);
    refused(&closed, "");
}

#[test]
fn fields_of_wrong_types_are_refused() {
    for (key, value) in [
        ("length", Value::Text("big")),
        ("length", Value::Int(-1)),
        ("piece length", Value::List(vec![])),
        ("piece length", Value::Int(0)),
        ("piece length", Value::Int(i64::MAX)),
        ("pieces", Value::Int(20)),
        ("pieces", Value::Bytes(vec![7; 19])),
        ("pieces", Value::Bytes(vec![7; 40])),
        ("files", Value::Int(3)),
    ] {
        refused(&torrent(&[(key, value)]).encode(), "");
    }
    refused(&Value::Dict(vec![("info", Value::Text("dictionary"))]).encode(), "info");
    refused(&Value::List(vec![]).encode(), "");
}

#[test]
fn show_of_odd_but_usable_torrents_succeeds() {
    let scratch = Scratch::new();
    let shown = |bytes: &[u8]| {
        let file = scratch.file("odd.torrent", bytes);
        scratch.ztor(&[&"show", &"--json", &file]).expect(0).json().remove(0)
    };
    let name = &shown(&torrent(&[("name", Value::Int(1))]).encode())["name"];
    assert_eq!(name.as_str().unwrap().len(), 40, "its hash");
    let marked = [b"\xef\xbb\xbf\n", &torrent(&[]).encode()[..]].concat();
    assert_eq!(shown(&marked)["name"], "file.bin");
    let Value::Dict(mut outer) = torrent(&[("name", Value::Bytes(b"\xb8\xe6.bin".to_vec()))]) else {
        unreachable!()
    };
    outer.insert(0, ("announce", Value::Int(7)));
    outer.insert(1, ("encoding", Value::Text("windows-1251")));
    outer.push(("private", Value::Int(1)));
    let odd = shown(&Value::Dict(outer.clone()).encode());
    assert_eq!((&odd["name"], &odd["private"]), (&"ёж.bin".into(), &false.into()));
    let text = scratch.ztor(&[&"show", &scratch.path("odd.torrent")]).expect(0).stdout;
    assert!(text.contains("outside the info dictionary") && text.contains("windows-1251"), "{text}");
}

#[test]
fn v1_torrents_with_a_hash_tree_are_refused_by_name() {
    let Value::Dict(mut outer) = torrent(&[("root hash", Value::Bytes(vec![7; 20]))]) else { unreachable!() };
    if let Value::Dict(info) = &mut outer[0].1 {
        info.retain(|(key, _)| *key != "pieces");
    }
    refused(&Value::Dict(outer).encode(), "BEP 30");
}

#[test]
fn lengths_that_overflow_are_refused() {
    let file = |length| {
        Value::Dict(vec![("length", Value::Int(length)), ("path", Value::List(vec![Value::Text("x")]))])
    };
    let files = Value::List(vec![file(i64::MAX), file(i64::MAX), file(i64::MAX)]);
    let Value::Dict(mut outer) = torrent(&[("files", files)]) else { unreachable!() };
    if let Value::Dict(info) = &mut outer[0].1 {
        info.retain(|(key, _)| *key != "length");
    }
    refused(&Value::Dict(outer).encode(), "");
}

#[test]
fn show_of_a_harmful_name_escapes_it() {
    let scratch = Scratch::new();
    let name = Value::Text("../../\u{1b}[31mevil\u{202e}gpj.exe");
    let file = scratch.file("odd.torrent", &torrent(&[("name", name)]).encode());
    let run = scratch.ztor(&[&"show", &file]).expect(0);
    assert!(!run.stdout.contains(['\u{1b}', '\u{202e}']), "{run:#?}");
    assert!(!run.stdout.contains("../"), "{run:#?}");
}

#[test]
fn show_of_a_missing_file_and_of_a_folder_have_different_errors() {
    let scratch = Scratch::new();
    let run = scratch.ztor(&[&"show", &scratch.path("absent.torrent")]).expect(4);
    assert!(run.stderr.contains("absent.torrent"), "{run:#?}");
    let run = scratch.ztor(&[&"show", &scratch.dir("folder")]).expect(3);
    assert!(run.stderr.contains("is a folder"), "{run:#?}");
}
