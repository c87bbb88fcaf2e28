//! Files of the user: none is overwritten, truncated, or reported as checked without a hash.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::process::{Run, Running};
use crate::scratch::{Scratch, noise};
use crate::swarm::{Seed, get, seed};

/// Returns a torrent of `bytes` with the name `thing.bin`, and a seed of it.
fn seeded(scratch: &Scratch, place: &str, bytes: &[u8]) -> (std::path::PathBuf, Seed) {
    let file = scratch.file(&format!("{place}/thing.bin"), bytes);
    let made = scratch.create(&file, &["--piece-length", "16KiB"]);
    let torrent = scratch.path(&format!("{place}.torrent"));
    fs::rename(made, &torrent).unwrap();
    let seed = seed(scratch, &[&torrent, &file]);
    (torrent, seed)
}

fn fetch(scratch: &Scratch, torrent: &Path, seed: &Seed, flags: &[&str]) -> Run {
    let mut command = get(scratch, &[&torrent, &"--peer", &seed.addr]);
    command.args(flags);
    Running::start(command).finish()
}

#[track_caller]
fn stops_before(scratch: &Scratch, torrent: &Path, seed: &Seed) {
    let out = scratch.path("out/thing.bin");
    let before = fs::read(&out).unwrap();
    let run = fetch(scratch, torrent, seed, &[]).expect(4);
    assert!(run.stderr.contains("thing.bin") && run.stderr.contains("--overwrite"), "{run:#?}");
    assert!(fs::read(&out).unwrap() == before, "the file was changed");
}

#[test]
fn get_over_a_finished_file_of_another_torrent_stops_unless_overwrite_is_given() {
    let scratch = Scratch::new();
    let (one, two) = (noise(300_000, 1), noise(300_000, 2));
    let (a, seed_a) = seeded(&scratch, "a", &one);
    let (b, seed_b) = seeded(&scratch, "b", &two);
    fetch(&scratch, &a, &seed_a, &[]).expect(0);
    stops_before(&scratch, &b, &seed_b);
    fetch(&scratch, &b, &seed_b, &["--overwrite"]).expect(0);
    assert!(fs::read(scratch.path("out/thing.bin")).unwrap() == two);
}

#[test]
fn get_over_another_edition_stops_although_pieces_match() {
    let scratch = Scratch::new();
    let one = noise(300_000, 1);
    let two = [&one[..150_000], &noise(150_000, 2)[..]].concat();
    let (a, seed_a) = seeded(&scratch, "a", &one);
    let (b, seed_b) = seeded(&scratch, "b", &two);
    fetch(&scratch, &a, &seed_a, &[]).expect(0);
    stops_before(&scratch, &b, &seed_b);
}

#[test]
fn get_over_a_longer_file_of_the_user_stops() {
    let scratch = Scratch::new();
    let (torrent, seed) = seeded(&scratch, "a", b"x");
    scratch.data("out/thing.bin", 1_000_000, 7);
    stops_before(&scratch, &torrent, &seed);
}

#[test]
fn get_over_partial_data_of_another_client_completes_it() {
    let scratch = Scratch::new();
    let bytes = noise(300_000, 1);
    let (torrent, seed) = seeded(&scratch, "a", &bytes);
    scratch.file("out/thing.bin", &[&bytes[..100_000], &[0; 200_000][..]].concat());
    fetch(&scratch, &torrent, &seed, &[]).expect(0);
    assert!(fs::read(scratch.path("out/thing.bin")).unwrap() == bytes);
}

/// Changes a byte, and keeps length and modification time.
fn rot(path: &Path) {
    let time = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    bytes[20_000] ^= 1;
    fs::write(path, bytes).unwrap();
    set_time(path, time);
}

fn set_time(path: &Path, time: SystemTime) {
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn get_with_resume_data_does_not_say_verified_unless_recheck_is_given() {
    let scratch = Scratch::new();
    let bytes = noise(300_000, 1);
    let (torrent, seed) = seeded(&scratch, "a", &bytes);
    let out = scratch.path("out/thing.bin");
    let run = fetch(&scratch, &torrent, &seed, &[]).expect(0);
    assert!(run.stdout.contains("verified"), "{run:#?}");
    rot(&out);
    let run = fetch(&scratch, &torrent, &seed, &[]).expect(0);
    assert!(!run.stdout.contains("verified") && !run.stdout.contains("checked"), "{run:#?}");
    assert!(run.stdout.contains("according to resume data"), "{run:#?}");
    let run = fetch(&scratch, &torrent, &seed, &["--recheck"]).expect(0);
    assert!(run.stdout.contains("checked") && run.stdout.contains("verified"), "{run:#?}");
    assert!(fs::read(&out).unwrap() == bytes);
}

#[test]
fn seed_with_recheck_finds_damage_that_resume_data_hides() {
    let scratch = Scratch::new();
    let (torrent, first) = seeded(&scratch, "a", &noise(300_000, 1));
    first.process.signal("INT");
    first.process.finish().expect(0);
    let file = scratch.path("a/thing.bin");
    rot(&file);
    let mut command = crate::process::ztor(&scratch.dir("home/seed"));
    command.args(["seed", "--recheck", "--bind", "127.0.0.1", "--port", "0"]).args([&torrent, &file]);
    let run = Running::start(command).finish().expect(1);
    assert!(run.stderr.contains("thing.bin"), "{run:#?}");
}

#[test]
fn verify_of_bad_data_corrects_the_resume_data() {
    let scratch = Scratch::new();
    let bytes = noise(300_000, 1);
    let (torrent, seed) = seeded(&scratch, "a", &bytes);
    let out = scratch.path("out/thing.bin");
    fetch(&scratch, &torrent, &seed, &[]).expect(0);
    rot(&out);
    scratch.ztor(&[&"verify", &torrent, &out]).expect(1);
    fetch(&scratch, &torrent, &seed, &[]).expect(0);
    assert!(fs::read(&out).unwrap() == bytes);
}

#[test]
fn get_of_two_torrents_with_one_file_refuses_the_second() {
    let scratch = Scratch::new();
    let bytes = noise(100_000, 1);
    let (a, seed_a) = seeded(&scratch, "a", &bytes);
    let (b, _seed_b) = seeded(&scratch, "b", &noise(100_000, 2));
    let run = Running::start(get(&scratch, &[&a, &b, &"--peer", &seed_a.addr])).finish().expect(2);
    assert!(run.stderr.contains("thing.bin") && run.stderr.contains("-o"), "{run:#?}");
    assert!(fs::read(scratch.path("out/thing.bin")).unwrap() == bytes, "the first goes on");
}
