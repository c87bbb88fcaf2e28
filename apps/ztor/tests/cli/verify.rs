//! `verify`: names bad files and pieces, and no others.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use crate::scratch::Scratch;

fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn verify_of_a_changed_byte_names_file_and_piece_in_every_format() {
    for format in ["v1", "v2", "hybrid"] {
        let scratch = Scratch::new();
        let album = scratch.album();
        let torrent = scratch.create(&album, &["--format", format, "--piece-length", "16KiB"]);
        // Piece 2 of a.bin, the first file, has only this file's bytes.
        overwrite(&album.join("a.bin"), 40_000, &[0xff; 3]);
        let run = scratch.ztor(&[&"verify", &"--json", &torrent, &album]).expect(1);
        let bad = run.event("bad_file");
        assert_eq!(bad["path"], "a.bin", "{format}");
        assert_eq!(bad["bad_ranges"], serde_json::json!([[2, 2]]), "{format}");
        let verdict = run.event("verified");
        assert_eq!(verdict["ok"], false);
        assert_eq!(verdict["bad_pieces"], 1);
        assert_eq!(verdict["bad_files"], 1);
        let text = scratch.ztor(&[&"verify", &torrent, &album]).expect(1).stdout;
        assert!(text.contains("a.bin: 1 of 7 pieces bad: 2\n"), "{text}");
    }
}

#[test]
fn verify_of_missing_short_and_long_files_names_each() {
    let scratch = Scratch::new();
    let album = scratch.album();
    let torrent = scratch.create(&album, &["--format", "v2", "--piece-length", "16KiB"]);
    fs::remove_file(album.join("empty")).unwrap();
    fs::remove_file(album.join("sub/c.bin")).unwrap();
    fs::OpenOptions::new().write(true).open(album.join("a.bin")).unwrap().set_len(20_000).unwrap();
    fs::OpenOptions::new().append(true).open(album.join("b.bin")).unwrap().write_all(b"more").unwrap();
    let run = scratch.ztor(&[&"verify", &"--json", &torrent, &album]).expect(1);
    let bad: Vec<_> = run.json().into_iter().filter(|object| object["event"] == "bad_file").collect();
    let of = |path: &str| bad.iter().find(|file| file["path"] == path).expect(path);
    assert_eq!(of("empty")["missing"], true);
    assert_eq!(of("sub/c.bin")["missing"], true);
    assert_eq!(of("a.bin")["bad_ranges"], serde_json::json!([[1, 6]]));
    assert_eq!(of("b.bin")["bad_pieces"], 0);
    assert_eq!(bad.len(), 4);
}

#[test]
fn verify_of_absent_data_names_what_is_missing() {
    let scratch = Scratch::new();
    let torrent = scratch.create(&scratch.album(), &[]);
    let elsewhere = scratch.dir("elsewhere");
    let run = scratch.ztor(&[&"verify", &torrent, &elsewhere]).expect(4);
    assert!(run.stderr.contains("elsewhere/album"), "{run:#?}");
    let file = scratch.data("other.bin", 10, 1);
    let run = scratch.ztor(&[&"verify", &torrent, &file]).expect(4);
    assert!(run.stderr.contains("a folder named album"), "{run:#?}");
    scratch.ztor(&[&"verify", &torrent, &scratch.path("absent")]).expect(4);
}

#[test]
fn verify_of_a_relative_path_finds_the_data() {
    let scratch = Scratch::new();
    let album = scratch.album();
    let torrent = scratch.create(&album, &[]);
    for (cwd, path) in [(scratch.path("in"), "album"), (scratch.path("in"), "."), (album, ".")] {
        let status = crate::process::ztor(&scratch.home())
            .current_dir(&cwd)
            .args(["verify".as_ref(), torrent.as_os_str(), path.as_ref()])
            .output()
            .unwrap();
        assert!(status.status.success(), "{} {path}: {status:?}", cwd.display());
    }
}

#[test]
fn data_behind_links_is_verified_and_seeded_but_never_written() {
    use std::os::unix::fs::symlink;
    let scratch = Scratch::new();
    let album = scratch.album();
    let torrent = scratch.create(&album, &["--piece-length", "16KiB"]);
    // The folder under another name, its files elsewhere.
    let linked = scratch.dir("linked/album");
    for name in ["a.bin", "b.bin", "empty", "sub"] {
        symlink(album.join(name), linked.join(name)).unwrap();
    }
    let renamed = scratch.path("renamed");
    fs::rename(&album, &renamed).unwrap();
    symlink(&renamed, &album).unwrap();
    for place in [&album, &linked] {
        scratch.ztor(&[&"verify", &torrent, place]).expect(0);
        let seed = crate::swarm::seed(&scratch, &[&torrent, place]);
        let out = scratch.path("out");
        let get = crate::swarm::get(&scratch, &[&torrent, &"--peer", &seed.addr]);
        crate::process::Running::start(get).finish().expect(0);
        crate::scratch::assert_same_tree(&renamed, &out.join("album"));
        fs::remove_dir_all(out).unwrap();
    }
    fs::write(renamed.join("a.bin"), b"short").unwrap();
    let run = scratch.ztor(&[&"verify", &"--json", &torrent, &linked]).expect(1);
    let bad = run.json().into_iter().find(|object| object["path"] == "a.bin").unwrap();
    assert_eq!(bad["missing"], false);
    let run =
        scratch.ztor(&[&"get", &torrent, &"-o", &scratch.path("linked"), &"--bind", &"127.0.0.1"]).expect(4);
    assert!(run.stderr.contains("is a symbolic link inside the torrent's folder"), "{run:#?}");
    assert_eq!(fs::read(renamed.join("a.bin")).unwrap(), b"short");
}
