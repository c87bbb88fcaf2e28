//! Magnet links and the DHT over loopback, without a tracker.

use std::process::Command;
use std::time::Instant;

use crate::process::{DEADLINE, Running, ztor};
use crate::scratch::{Scratch, assert_same_tree};
use crate::swarm::{get, seed};

fn magnet(scratch: &Scratch, torrent: &std::path::Path) -> String {
    let show = scratch.ztor(&[&"show", &"--json", &torrent]).expect(0).json().remove(0);
    show["magnet"].as_str().unwrap().to_owned()
}

#[test]
fn get_of_a_magnet_link_completes_in_every_format() {
    for format in ["v1", "v2", "hybrid"] {
        let scratch = Scratch::new();
        let album = scratch.album();
        let torrent = scratch.create(&album, &["--format", format, "--piece-length", "16KiB"]);
        let seed = seed(&scratch, &[&torrent, &album]);
        let link = format!("{}&x.pe={}", magnet(&scratch, &torrent), seed.addr);
        let run = Running::start(get(&scratch, &[&"--json", &link])).finish().expect(0);
        assert_eq!(run.event("metadata")["name"], "album", "{run:#?}");
        assert_same_tree(&album, &scratch.path("out/album"));
        // The metadata is cached: getting the same link again needs no peer.
        drop(seed);
        let run = Running::start(get(&scratch, &[&"--json", &link])).finish().expect(0);
        assert_eq!(run.event("done")["downloaded_bytes"], 0, "{run:#?}");
    }
}

/// Writes the torrent file without its piece layers, as some programs do.
fn without_layers(scratch: &Scratch, torrent: &std::path::Path) -> std::path::PathBuf {
    let bytes = std::fs::read(torrent).unwrap();
    let key = b"12:piece layersd";
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
    // Nothing that matters here follows them in files of this program.
    scratch.file("bare.torrent", &[&bytes[..at], b"e"].concat())
}

#[test]
fn a_torrent_file_without_piece_layers_is_completed_by_peers_or_data() {
    for format in ["v2", "hybrid"] {
        let scratch = Scratch::new();
        let album = scratch.album();
        let torrent = scratch.create(&album, &["--format", format, "--piece-length", "16KiB"]);
        let bare = without_layers(&scratch, &torrent);
        let seed = seed(&scratch, &[&torrent, &album]);
        Running::start(get(&scratch, &[&"--metadata-only", &bare, &"--peer", &seed.addr])).finish().expect(0);
        assert_eq!(
            std::fs::read(scratch.path("out/album.torrent")).unwrap(),
            std::fs::read(&torrent).unwrap()
        );
        let run =
            Running::start(get(&scratch, &[&"--json", &bare, &"--peer", &seed.addr])).finish().expect(0);
        assert_eq!(run.event("done")["downloaded_bytes"], run.event("done")["bytes"], "{format}");
        assert_same_tree(&album, &scratch.path("out/album"));
        // With the data on disk, no peer is needed, with or without the state of the last run.
        drop(seed);
        for _ in 0..2 {
            let run = Running::start(get(&scratch, &[&"--json", &bare])).finish().expect(0);
            assert_eq!(run.event("done")["downloaded_bytes"], 0, "{format}");
            assert!(!run.stdout.contains("fetching_metadata"), "{run:#?}");
            std::fs::remove_dir_all(scratch.home().join(".local")).unwrap();
        }
        scratch.ztor(&[&"verify", &bare, &album]).expect(0);
        let served = crate::swarm::seed(&scratch, &[&bare, &album]);
        std::fs::remove_dir_all(scratch.path("out/album")).unwrap();
        Running::start(get(&scratch, &[&torrent, &"--peer", &served.addr])).finish().expect(0);
        // Bad files are named, but not bad pieces, whose hashes are unknown.
        std::fs::write(scratch.path("out/album/b.bin"), vec![1; 70_001]).unwrap();
        let run = scratch.ztor(&[&"verify", &"--json", &bare, &scratch.path("out")]).expect(1);
        assert_eq!(run.event("bad_file")["path"], "b.bin", "{run:#?}");
        let loopback: [&dyn AsRef<std::ffi::OsStr>; 5] =
            [&"seed", &bare, &scratch.path("out"), &"--bind", &"127.0.0.1"];
        let run = scratch.ztor(&loopback).expect(1);
        assert!(format == "hybrid" || run.stderr.contains("no piece layers"), "{run:#?}");
    }
}

#[test]
fn get_of_a_link_with_a_selection_downloads_only_its_files() {
    let scratch = Scratch::new();
    let album = scratch.dir("in/two");
    std::fs::write(album.join("a"), vec![1; 100_000]).unwrap();
    std::fs::write(album.join("b"), vec![2; 100_000]).unwrap();
    let torrent = scratch.create(&album, &["--piece-length", "16KiB"]);
    let seed = seed(&scratch, &[&torrent, &album]);
    let link = format!("{}&so=1&x.pe={}", magnet(&scratch, &torrent), seed.addr);
    let run = Running::start(get(&scratch, &[&"--json", &link])).finish().expect(0);
    assert_eq!(run.event("added")["wanted_bytes"], 100_000);
    assert_eq!(std::fs::read(scratch.path("out/two/b")).unwrap(), vec![2; 100_000]);
    let link = format!("{}&so=7&x.pe={}", magnet(&scratch, &torrent), seed.addr);
    let run = Running::start(get(&scratch, &[&"--json", &link])).finish().expect(2);
    assert!(run.all().contains("none of those that the magnet link selects"), "{run:#?}");
}

#[test]
fn get_with_metadata_only_writes_the_same_torrent() {
    for format in ["v1", "v2", "hybrid"] {
        let scratch = Scratch::new();
        let album = scratch.album();
        let torrent = scratch.create(&album, &["--format", format, "--piece-length", "16KiB"]);
        let seed = seed(&scratch, &[&torrent, &album]);
        let link = magnet(&scratch, &torrent);
        Running::start(get(&scratch, &[&"--metadata-only", &link, &"--peer", &seed.addr])).finish().expect(0);
        assert!(!scratch.path("out/album").exists(), "nothing else is fetched");
        assert_eq!(magnet(&scratch, &scratch.path("out/album.torrent")), link);
        let shown =
            scratch.ztor(&[&"show", &"--json", &link, &"--bind", &"127.0.0.1", &"--peer", &seed.addr]);
        assert_eq!(shown.expect(0).json()[0]["name"], "album");
        let run = scratch.ztor(&[&"verify", &scratch.path("out/album.torrent"), &album]);
        run.expect(0);
        // The name comes from the torrent, so no other file is overwritten.
        let out = scratch.path("out/album.torrent");
        let again =
            || Running::start(get(&scratch, &[&"--metadata-only", &link, &"--peer", &seed.addr])).finish();
        again().expect(0);
        std::fs::write(&out, "mine").unwrap();
        let run = again().expect(4);
        assert!(run.stderr.contains("album.torrent: it exists") && run.stderr.contains("-o"), "{run:#?}");
        assert_eq!(std::fs::read(&out).unwrap(), b"mine");
    }
}

/// All nodes of this DHT are ztor, on this machine.
#[test]
fn get_and_dht_commands_find_peers_in_a_local_dht() {
    let scratch = Scratch::new();
    let album = scratch.album();
    let torrent = scratch.create(&album, &[]);
    let other = scratch.create(&scratch.data("in/other.bin", 50_000, 3), &[]);
    // The bootstrap node of the first node does not exist.
    let first = seed(&scratch, &[&other, &scratch.path("in"), &"--dht-bootstrap", &"127.0.0.1:9"]);
    let entry = ["--dht-bootstrap", &first.addr];
    let seeder = seed(&scratch, &[&torrent, &album, &entry[0], &entry[1]]);
    let link = magnet(&scratch, &torrent);
    let dht = |args: &[&str]| {
        let mut command: Command = ztor(&scratch.home());
        command.args(["dht", args[0], "--json", "--bind", "127.0.0.1"]).args(entry).args(&args[1..]);
        Running::start(command).finish()
    };
    let pong = dht(&["ping", &first.addr]).expect(0).event("pong");
    // A ping needs no bootstrap node.
    scratch.ztor(&[&"dht", &"ping", &first.addr, &"--bind", &"127.0.0.1"]).expect(0);
    let nowhere: [&dyn AsRef<std::ffi::OsStr>; 6] =
        [&"dht", &"stats", &"--bind", &"127.0.0.1", &"--dht-bootstrap", &"no-such-host.invalid:1"];
    scratch.ztor(&nowhere).expect(5);
    assert_eq!(pong["node"], first.addr.as_str());
    let start = Instant::now();
    loop {
        let peers = dht(&["get-peers", &link]).expect(0);
        if peers.json().iter().any(|line| line["peer"] == seeder.addr.as_str()) {
            break;
        }
        assert!(start.elapsed() < DEADLINE, "the seed is not announced: {peers:#?}");
    }
    let stored = dht(&["put", "hello world"]).expect(0).event("stored");
    let target = stored["target"].as_str().unwrap();
    assert_eq!(dht(&["get", target]).expect(0).event("item")["value"], "hello world");
    dht(&["get", "0000000000000000000000000000000000000000"]).expect(1);
    assert!(dht(&["stats"]).expect(0).event("family")["good"].as_u64().unwrap() >= 1);
    let key = scratch.path("key");
    std::fs::write(&key, "11".repeat(32)).unwrap();
    let key = key.to_str().unwrap();
    let first = dht(&["put", "one", "--key", key, "--salt", "s"]).expect(0).event("stored");
    let second = dht(&["put", "two", "--key", key, "--salt", "s", "--seq", "2"]).expect(0).event("stored");
    assert_eq!(first["target"], second["target"]);
    let target = first["target"].as_str().unwrap();
    let item = dht(&["get", target, "--salt", "s"]).expect(0).event("item");
    assert_eq!((&item["value"], item["seq"].as_i64()), (&"two".into(), Some(2)));

    Running::start(get(&scratch, &[&link, &entry[0], &entry[1]])).finish().expect(0);
    assert_same_tree(&album, &scratch.path("out/album"));
}
