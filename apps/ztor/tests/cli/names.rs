//! Names that are harmful on a terminal or invalid on other systems, in all commands.

use std::fs;
use std::path::Path;

use crate::process::Running;
use crate::scratch::{Scratch, assert_same_tree};
use crate::swarm::{get, seed};

/// Returns odd elements of paths that are valid on Linux.
fn odd_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "👩\u{200d}👧.jpg",
        "می\u{200c}خواهم.txt",
        "bidi\u{202e}gpj.exe",
        "marks\u{200f}\u{feff}",
        "back\\slash",
        "bell\u{7}\u{1b}[31m",
        "dots...",
        "aux.c",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push(format!("{}.bin", "x".repeat(251)));
    names
}

fn odd_folder(scratch: &Scratch) -> std::path::PathBuf {
    let folder = scratch.path("in/odd\u{200d}folder\\");
    for (name, seed) in odd_names().iter().zip(1..) {
        scratch.data(&format!("in/odd\u{200d}folder\\/{name}/{name}"), 20_000, seed);
    }
    folder
}

#[test]
fn verify_of_a_torrent_of_raw_names_finds_its_files() {
    for format in ["v1", "v2", "hybrid"] {
        let scratch = Scratch::new();
        let folder = odd_folder(&scratch);
        let torrent = scratch.path("odd.torrent");
        scratch.ztor(&[&"create", &folder, &"--format", &format, &"-o", &torrent]).expect(0);
        for place in [folder.as_path(), &scratch.path("in")] {
            let run = scratch.ztor(&[&"verify", &torrent, &place]).expect(0);
            assert!(!run.all().contains(['\u{1b}', '\u{7}', '\u{202e}']), "{run:#?}");
        }
        // The same files, one by one.
        for name in odd_names() {
            let (file, torrent) = (folder.join(&name).join(&name), scratch.path("one.torrent"));
            scratch.ztor(&[&"create", &file, &"--force", &"-o", &torrent]).expect(0);
            scratch.ztor(&[&"verify", &torrent, &file]).expect(0);
        }
    }
}

#[test]
fn get_of_data_with_raw_names_fetches_nothing() {
    let scratch = Scratch::new();
    let folder = odd_folder(&scratch);
    let torrent = scratch.path("odd.torrent");
    scratch.ztor(&[&"create", &folder, &"-o", &torrent]).expect(0);
    let out = scratch.path("in");
    let run = scratch.ztor(&[&"get", &torrent, &"-o", &out, &"--bind", &"127.0.0.1", &"--json"]).expect(0);
    assert_eq!(run.event("done")["downloaded_bytes"], 0);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1, "a second folder was made");
}

#[test]
fn create_of_a_file_with_the_longest_name_shortens_that_of_the_torrent_file() {
    let scratch = Scratch::new();
    let file = scratch.data(&format!("in/{}", "n".repeat(255)), 10, 1);
    let run = crate::process::ztor(&scratch.home())
        .current_dir(scratch.path("in"))
        .args([Path::new("create"), &file])
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
}

#[test]
fn get_of_raw_names_from_a_seed_makes_them_harmless() {
    let scratch = Scratch::new();
    let folder = odd_folder(&scratch);
    let torrent = scratch.path("odd.torrent");
    scratch.ztor(&[&"create", &folder, &"-o", &torrent]).expect(0);
    let seed = seed(&scratch, &[&torrent, &folder]);
    let out = scratch.path("out");
    let fetch = || Running::start(get(&scratch, &[&torrent, &"--peer", &seed.addr, &"--json"])).finish();
    fetch().expect(0);
    let names: Vec<String> = fs::read_dir(out.join("odd\u{200d}folder\\"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|name| !name.contains(['\u{1b}', '\u{7}', '\u{202e}'])), "{names:?}");
    for kept in ["👩\u{200d}👧.jpg", "می\u{200c}خواهم.txt", "back\\slash", "marks\u{200f}\u{feff}"]
    {
        assert!(names.iter().any(|name| name == kept), "{kept} not in {names:?}");
    }
    scratch.ztor(&[&"verify", &torrent, &out]).expect(0);
    assert_eq!(fetch().expect(0).event("done")["downloaded_bytes"], 0, "fetched twice");
    let same = |name: &str| assert_same_tree(&folder.join(name), &out.join("odd\u{200d}folder\\").join(name));
    same("back\\slash");
}
