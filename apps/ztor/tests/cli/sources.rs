//! Torrents on the command line: several at once, links and hashes in every form, web pages.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::bencode::torrent;
use crate::process::Running;
use crate::scratch::{Scratch, assert_same_tree};
use crate::swarm::{get, seed};
use crate::trouble::web_server;

const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

#[test]
fn get_with_a_bad_torrent_fetches_the_others_and_fails() {
    let scratch = Scratch::new();
    let file = scratch.data("in/blob.bin", 50_000, 1);
    let good = scratch.create(&file, &[]);
    let bad = scratch.file("bad.torrent", b"<html>");
    let absent = scratch.path("absent.torrent");
    let seed = seed(&scratch, &[&good, &file]);
    let run = Running::start(get(&scratch, &[&bad, &good, &absent, &"--json", &"--peer", &seed.addr]))
        .finish()
        .expect(3);
    assert_same_tree(&file, &scratch.path("out/blob.bin"));
    let summary = run.event("summary");
    assert_eq!(
        (&summary["torrents"], &summary["done"], &summary["failed"]),
        (&3.into(), &1.into(), &2.into())
    );
    let message = run.event("error")["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("2 of 3 torrents failed; the first: "), "{message}");
    assert!(run.stdout.contains("absent.torrent"), "{run:#?}");
}

#[test]
fn seed_with_a_bad_torrent_serves_the_others_and_fails_at_the_end() {
    let scratch = Scratch::new();
    let file = scratch.data("in/blob.bin", 50_000, 1);
    let good = scratch.create(&file, &[]);
    let bad = scratch.file("bad.torrent", b"junk");
    let seed = seed(&scratch, &[&bad, &file, &good, &file, &scratch.path("absent"), &file]);
    Running::start(get(&scratch, &[&good, &"--peer", &seed.addr])).finish().expect(0);
    seed.process.signal("TERM");
    let run = seed.process.finish().expect(3);
    assert_eq!(run.event("summary")["failed"], 2);
}

#[test]
fn verify_and_show_continue_after_a_bad_torrent() {
    let scratch = Scratch::new();
    let file = scratch.data("in/blob.bin", 50_000, 1);
    let good = scratch.create(&file, &[]);
    let bad = scratch.file("bad.torrent", b"junk");
    let run = scratch.ztor(&[&"verify", &"--json", &bad, &file, &good, &file]).expect(3);
    assert_eq!(run.event("verified")["ok"], true);
    assert!(run.event("verifying")["torrent"].as_str().unwrap().ends_with("blob.bin.torrent"));
    let run = scratch.ztor(&[&"verify", &"--in", &scratch.path("in"), &good, &bad]).expect(3);
    assert!(run.stdout.contains("All good"), "{run:#?}");
    let run = scratch.ztor(&[&"show", &"--json", &bad, &good]).expect(3);
    assert_eq!(run.json()[0]["name"], "blob.bin");
    std::fs::write(&file, b"shorter").unwrap();
    scratch.ztor(&[&"verify", &good, &file, &good, &file]).expect(1);
}

#[test]
fn arguments_that_are_not_utf8_are_used_as_files() {
    let scratch = Scratch::new();
    let file = scratch.data("in/blob.bin", 50_000, 1);
    let made = scratch.create(&file, &[]);
    let odd = scratch.home().join(OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&odd).unwrap();
    let torrent = odd.join(OsStr::from_bytes(b"\xff.torrent"));
    std::fs::rename(&made, &torrent).unwrap();
    let copy = odd.join("blob.bin");
    std::fs::copy(&file, &copy).unwrap();
    scratch.ztor(&[&"show", &torrent]).expect(0);
    scratch.ztor(&[&"verify", &torrent, &odd]).expect(0);
    let run = scratch.ztor(&[&"get", &torrent, &"-o", &odd, &"--bind", &"127.0.0.1", &"--json"]).expect(0);
    assert_eq!(run.event("done")["downloaded_bytes"], 0);
    let seed = seed(&scratch, &[&torrent, &odd]);
    Running::start(get(&scratch, &[&torrent, &"--peer", &seed.addr])).finish().expect(0);
    let absent = odd.join("absent");
    scratch.ztor(&[&"get", &absent]).expect(4);
}

#[test]
fn show_of_hashes_and_links_in_every_form_finds_the_hash() {
    let scratch = Scratch::new();
    let link = format!("magnet:?xt=urn:btih:{HASH}");
    let base32 = "AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH";
    for text in [
        HASH,
        &HASH.to_uppercase(),
        base32,
        &format!("  {link}"),
        &link.replace(':', "%3A").replace('?', "%3F"),
    ] {
        let run = scratch.ztor(&[&"show", &"--offline", &"--json", &text]).expect(0);
        assert_eq!(run.json()[0]["info_hash_v1"], HASH, "{text}");
    }
    let v2 = "ab".repeat(32);
    let run = scratch.ztor(&[&"show", &"--offline", &"--json", &v2]).expect(0);
    assert_eq!(run.json()[0]["info_hash_v2"], v2);
    let two = format!("{link}&xt=urn:btih:{}&so=x,1", "0".repeat(40));
    let run = scratch.ztor(&[&"show", &"--offline", &"--json", &two]).expect(0);
    assert_eq!(
        (&run.json()[0]["info_hash_v1"], &run.json()[0]["select"]),
        (&HASH.into(), &serde_json::json!(["1"]))
    );
}

#[test]
fn get_of_a_bare_hash_fetches_from_a_peer() {
    let scratch = Scratch::new();
    let file = scratch.data("in/blob.bin", 50_000, 1);
    let torrent = scratch.create(&file, &[]);
    let hash =
        scratch.ztor(&[&"show", &"--json", &torrent]).json()[0]["info_hash_v1"].as_str().unwrap().to_owned();
    let seed = seed(&scratch, &[&torrent, &file]);
    Running::start(get(&scratch, &[&hash, &"--peer", &seed.addr])).finish().expect(0);
    assert_same_tree(&file, &scratch.path("out/blob.bin"));
}

#[test]
fn url_of_a_magnet_link_is_used_as_the_link() {
    let scratch = Scratch::new();
    let link = format!("magnet:?xt=urn:btih:{HASH}&dn=linked");
    let redirect = web_server(answer("302 Found", &format!("Location: {link}\r\n"), ""));
    let body = web_server(answer("200 OK", "", &format!("\r\n{link}\r\n")));
    for port in [redirect, body] {
        let url = format!("http://127.0.0.1:{port}/download?id=1");
        let run = scratch.ztor(&[&"show", &"--offline", &"--json", &url]).expect(0);
        assert_eq!(
            (&run.json()[0]["name"], &run.json()[0]["info_hash_v1"]),
            (&"linked".into(), &HASH.into())
        );
        let mut run = Running::start(get(&scratch, &[&url, &"--json"]));
        assert_eq!(run.event("fetching_metadata")["name"], "linked");
    }
    let file = scratch.file("a.magnet", link.as_bytes());
    let run = scratch.ztor(&[&"show", &"--offline", &"--json", &file]).expect(0);
    assert_eq!(run.json()[0]["name"], "linked");
}

#[test]
fn web_page_in_place_of_a_torrent_is_reported_as_one() {
    let scratch = Scratch::new();
    let port = web_server(answer("200 OK", "", "<!DOCTYPE html><html>Log in</html>"));
    let url = format!("http://127.0.0.1:{port}/x.torrent?passkey=secret");
    for run in [Running::start(get(&scratch, &[&url])).finish(), scratch.ztor(&[&"show", &url])] {
        let run = run.expect(3);
        let said = format!("http://127.0.0.1:{port}/x.torrent is a web page, not a torrent");
        assert!(run.stderr.contains(&said) && !run.stderr.contains("secret"), "{run:#?}");
    }
    let file = scratch.file("page.torrent", b"\n<html>");
    let run = scratch.ztor(&[&"show", &file]).expect(3);
    assert!(run.stderr.contains("page.torrent is a web page"), "{run:#?}");
}

#[test]
fn torrent_file_that_is_too_large_is_refused_with_its_size() {
    let scratch = Scratch::new();
    let mut bytes = torrent(&[]).encode();
    bytes.resize(40 << 20, b'x');
    let file = scratch.file("large.torrent", &bytes);
    let run = scratch.ztor(&[&"show", &file]).expect(3);
    assert!(
        run.stderr.contains("large.torrent: it has 41943040 bytes, and a torrent file at most 33554432"),
        "{run:#?}"
    );
}

#[test]
fn get_with_a_peer_name_that_does_not_resolve_warns() {
    let scratch = Scratch::new();
    let link = format!("magnet:?xt=urn:btih:{HASH}&x.pe=no-such-host.invalid:6881");
    let mut run = Running::start(get(&scratch, &[&link]));
    run.stderr_with("cannot find the peer no-such-host.invalid:6881");
}
