//! Whole transfers over loopback: `seed` on one side, `get` on the other.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Running, ztor};
use crate::scratch::{Scratch, assert_same_tree};

const LOOPBACK: [&str; 4] = ["--bind", "127.0.0.1", "--port", "0"];

/// A seed in the background, and its address.
pub(crate) struct Seed {
    pub(crate) process: Running,
    pub(crate) addr: String,
}

/// Starts `ztor seed --json` with these arguments. Returns when it seeds.
#[track_caller]
pub(crate) fn seed(scratch: &Scratch, args: &[&dyn AsRef<std::ffi::OsStr>]) -> Seed {
    let mut command = ztor(&scratch.dir("home/seed"));
    command.args(["seed", "--json"]).args(LOOPBACK).args(args.iter().map(|arg| arg.as_ref()));
    let mut process = Running::start(command);
    let port = process.event("listening")["port"].as_u64().unwrap();
    process.event("seeding");
    Seed { process, addr: format!("127.0.0.1:{port}") }
}

/// Returns the command for `ztor get` into the folder `out` with these arguments.
pub(crate) fn get(scratch: &Scratch, args: &[&dyn AsRef<std::ffi::OsStr>]) -> Command {
    let mut command = ztor(&scratch.home());
    command
        .arg("get")
        .args(LOOPBACK)
        .arg("-o")
        .arg(scratch.path("out"))
        .args(args.iter().map(|arg| arg.as_ref()));
    command
}

#[test]
fn get_of_every_format_completes() {
    for format in ["v1", "v2", "hybrid"] {
        let scratch = Scratch::new();
        let album = scratch.album();
        let torrent = scratch.create(&album, &["--format", format, "--piece-length", "16KiB"]);
        let seed = seed(&scratch, &[&torrent, &album]);
        let run =
            Running::start(get(&scratch, &[&"--json", &torrent, &"--peer", &seed.addr])).finish().expect(0);
        let done = run.event("done");
        assert_eq!(done["downloaded_bytes"].as_u64(), done["bytes"].as_u64(), "{format}: {run:#?}");
        assert_same_tree(&album, &scratch.path("out/album"));
    }
}

#[test]
fn plain_output_has_lines_with_seeding_and_done() {
    let scratch = Scratch::new();
    let file = scratch.data("in/blob.bin", 1_000_003, 1);
    let torrent = scratch.create(&file, &[]);
    let mut command = ztor(&scratch.dir("home/seed"));
    command.arg("seed").args(LOOPBACK).args([&torrent, &file]);
    let mut seed = Running::start(command);
    seed.line_with("Seeding");
    let listening = seed.line_with("Listening for peers on port ");
    let port = listening.rsplit(' ').next().unwrap();
    let peer = format!("127.0.0.1:{port}");
    let run = Running::start(get(&scratch, &[&torrent, &"--peer", &peer])).finish().expect(0);
    assert!(run.stdout.contains("Done"), "{run:#?}");
    assert!(!run.all().contains('\u{1b}'), "{run:#?}");
    assert_same_tree(&file, &scratch.path("out/blob.bin"));
}

#[test]
fn get_with_an_http_or_udp_tracker_finds_peers() {
    let scratch = Scratch::new();
    let mut command = ztor(&scratch.dir("home/tracker"));
    command.args([
        "tracker",
        "--json",
        "--bind",
        "127.0.0.1",
        "--http-port",
        "0",
        "--udp-port",
        "0",
        "--interval",
        "1s",
    ]);
    let mut tracker = Running::start(command);
    let listening = tracker.event("tracker");
    for kind in ["http", "udp"] {
        let url = listening[kind].as_str().unwrap();
        let album = scratch.album();
        let torrent = scratch.create(&album, &["--tracker", url]);
        let seed = seed(&scratch, &[&torrent, &album]);
        let show = scratch.ztor(&[&"show", &"--json", &"--scrape", &torrent]).expect(0).json().remove(0);
        // The seed of the previous iteration was killed, and did not send `stopped`.
        assert!(show["swarms"][0]["seeders"].as_u64() >= Some(1), "{show}");
        Running::start(get(&scratch, &[&torrent])).finish().expect(0);
        assert_same_tree(&album, &scratch.path("out/album"));
        fs::remove_dir_all(scratch.path("out")).unwrap();
        drop(seed);
    }
    tracker.signal("INT");
    let run = tracker.finish().expect(0);
    let status = run.event("tracker_status");
    assert!(status["peers"].as_u64() >= Some(1) && status["bytes_per_peer"].as_u64() >= Some(44), "{status}");
}

#[test]
fn get_over_existing_data_downloads_only_damaged_pieces() {
    let scratch = Scratch::new();
    let album = scratch.album();
    let torrent = scratch.create(&album, &["--piece-length", "16KiB"]);
    let seed = seed(&scratch, &[&torrent, &album]);
    let again =
        || Running::start(get(&scratch, &[&"--json", &torrent, &"--peer", &seed.addr])).finish().expect(0);
    again();
    assert_eq!(again().event("done")["downloaded_bytes"], 0);
    // Damage to one piece of a.bin.
    let damaged = scratch.path("out/album/a.bin");
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[20_000] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    assert_eq!(again().event("done")["downloaded_bytes"], 16 << 10);
    assert_same_tree(&album, &scratch.path("out/album"));
}

#[test]
fn get_with_files_writes_only_these_and_without_writes_the_rest() {
    let scratch = Scratch::new();
    let album = scratch.album();
    // Pieces larger than the files: every one is shared between a wanted file and an unwanted one.
    let torrent = scratch.create(&album, &["--piece-length", "128KiB"]);
    let seed = seed(&scratch, &[&torrent, &album]);
    let fetch = |flags: &[&str]| {
        let mut command = get(&scratch, &[&torrent, &"--peer", &seed.addr]);
        command.args(flags);
        Running::start(command).finish()
    };
    fetch(&["--files", "b.bin"]).expect(0);
    assert_eq!(fs::read(scratch.path("out/album/b.bin")).unwrap(), fs::read(album.join("b.bin")).unwrap());
    for stray in ["a.bin", "sub/c.bin", "sub"] {
        assert!(!scratch.path("out/album").join(stray).exists(), "{stray} should not be there");
    }
    let run = fetch(&["--files", "nothing-like-this"]).expect(2);
    assert!(run.stderr.contains("nothing-like-this"), "{run:#?}");
    fetch(&[]).expect(0);
    assert_same_tree(&album, &scratch.path("out/album"));
}

#[test]
fn get_of_several_torrents_completes_all() {
    let scratch = Scratch::new();
    let mut torrents = Vec::new();
    for n in 0..6 {
        let file = scratch.data(&format!("in/file{n}.bin"), 300_000 + n, n as u64);
        torrents.push(scratch.create(&file, &[]));
    }
    let dir = scratch.path("in");
    let mut args: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"--in", &dir];
    args.extend(torrents.iter().map(|torrent| torrent as &dyn AsRef<std::ffi::OsStr>));
    let mut seed = seed(&scratch, &args);
    for n in 0..6 {
        seed.process.line_where("seeding", |line| {
            line.contains("\"event\":\"seeding\"") && line.contains(&format!("file{n}.bin"))
        });
    }
    let mut command = get(&scratch, &[&"--json", &"--peer", &seed.addr]);
    command.args(&torrents);
    let run = Running::start(command).finish().expect(0);
    let summary = run.event("summary");
    assert_eq!((summary["torrents"].as_u64(), summary["done"].as_u64()), (Some(6), Some(6)), "{summary}");
    assert_same_tree(&dir, &scratch.path("out"));
}

#[test]
fn get_after_a_kill_resumes_the_download() {
    let scratch = Scratch::new();
    let total: u64 = 24 << 20;
    let file = scratch.data("in/big.bin", total as usize, 9);
    let torrent = scratch.create(&file, &["--piece-length", "64KiB"]);
    let seed = seed(&scratch, &[&torrent, &file]);
    let slow = ["--json", "--limit-down", "4MiB/s", "--peer", &seed.addr];
    let mut command = get(&scratch, &[&torrent]);
    command.args(slow);
    let mut first = Running::start(command);
    let line = first.line_where("a third done", |line| {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        object["event"] == "progress" && object["done_bytes"].as_u64() > Some(total / 3)
    });
    let done = serde_json::from_str::<serde_json::Value>(&line).unwrap()["done_bytes"].as_u64().unwrap();
    first.kill();
    let run = Running::start(get(&scratch, &[&"--json", &torrent, &"--peer", &seed.addr])).finish().expect(0);
    let fetched = run.event("done")["downloaded_bytes"].as_u64().unwrap();
    assert!(fetched <= total - done, "{done} of {total} bytes were there and yet {fetched} were fetched");
    assert!(fetched > 0);
    assert_same_tree(&file, &scratch.path("out/big.bin"));
}

#[test]
fn get_stopped_by_ctrl_c_saves_its_progress() {
    let scratch = Scratch::new();
    let file = scratch.data("in/big.bin", 8 << 20, 9);
    let torrent = scratch.create(&file, &["--piece-length", "64KiB"]);
    let seed = seed(&scratch, &[&torrent, &file]);
    let mut slow = get(&scratch, &[&"--json", &"--limit-down", &"1MiB/s", &torrent, &"--peer", &seed.addr]);
    slow.arg("--sequential");
    let mut first = Running::start(slow);
    first.line_where("some data", |line| {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        object["event"] == "progress" && object["done_bytes"].as_u64() > Some(0)
    });
    first.signal("INT");
    let run = first.finish().expect(130);
    let summary = run.event("summary");
    assert_eq!(summary["interrupted"], true);
    let fetched = summary["downloaded_bytes"].as_u64().unwrap();
    let run = Running::start(get(&scratch, &[&"--json", &torrent, &"--peer", &seed.addr])).finish().expect(0);
    let rest = run.event("done")["downloaded_bytes"].as_u64().unwrap();
    // Only blocks of unfinished pieces may be received twice.
    assert!(rest < (8 << 20) && rest + fetched <= (8 << 20) + (4 << 20), "{fetched} + {rest}");
    assert_same_tree(&file, &scratch.path("out/big.bin"));
    // A seed has no unfinished work, so stopping it is not a failure.
    seed.process.signal("TERM");
    seed.process.finish().expect(0);
}

#[test]
fn get_with_ends_first_has_the_end_of_the_file_long_before_the_middle() {
    let scratch = Scratch::new();
    let file = scratch.data("in/big.bin", 8 << 20, 9);
    let torrent = scratch.create(&file, &["--piece-length", "64KiB"]);
    let seed = seed(&scratch, &[&torrent, &file]);
    let mut slow = get(&scratch, &[&"--json", &"--limit-down", &"1MiB/s", &torrent, &"--peer", &seed.addr]);
    slow.args(["--sequential", "--ends-first"]);
    let mut run = Running::start(slow);
    run.line_where("the ends and some more", |line| {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        object["event"] == "progress" && object["done_bytes"].as_u64() > Some(10 * 65536)
    });
    run.signal("INT");
    run.finish().expect(130);
    let (source, copy) = (fs::read(&file).unwrap(), fs::read(scratch.path("out/big.bin")).unwrap());
    let last = source.len() - 65536..source.len();
    assert!(copy.get(last.clone()) == source.get(last), "the last piece");
    assert!(copy[..131_072] == source[..131_072], "the first pieces");
    assert!(copy != source);
}

#[test]
fn get_with_a_folder_for_incomplete_files_moves_them_when_all_are_complete() {
    let scratch = Scratch::new();
    scratch.data("in/album/large.bin", 6 << 20, 9);
    let album = scratch.album();
    let torrent = scratch.create(&album, &["--piece-length", "64KiB"]);
    let seed = seed(&scratch, &[&torrent, &album]);
    let incomplete = scratch.path("incomplete");
    let mut slow = get(&scratch, &[&"--json", &"--limit-down", &"1MiB/s", &torrent, &"--peer", &seed.addr]);
    slow.args(["--part-suffix", "--layout", "no-subfolder", "--incomplete"]).arg(&incomplete);
    let mut run = Running::start(slow);
    run.line_where("some data", |line| line.contains("\"progress\"") && !line.contains("\"done_bytes\":0,"));
    run.signal("INT");
    run.finish().expect(130);
    let names = |dir: &str| -> Vec<String> {
        let entries = fs::read_dir(scratch.path(dir)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert!(names("incomplete").iter().any(|name| name.ends_with(".part")), "{:?}", names("incomplete"));
    assert_eq!(names("out"), Vec::<String>::new());
    let mut rest = get(&scratch, &[&torrent, &"--peer", &seed.addr]);
    rest.args(["--part-suffix", "--layout", "no-subfolder", "--incomplete"]).arg(&incomplete);
    Running::start(rest).finish().expect(0);
    assert_eq!(names("incomplete"), Vec::<String>::new());
    assert_same_tree(&album, &scratch.path("out"));
}

#[test]
fn get_with_max_downloads_fetches_one_torrent_after_the_other() {
    let scratch = Scratch::new();
    let mut torrents = Vec::new();
    let mut seeds = Vec::new();
    for number in 0..3 {
        let file = scratch.data(&format!("in/{number}.bin"), 1 << 20, number);
        torrents.push(scratch.create(&file, &["--piece-length", "64KiB"]));
        seeds.push(file);
    }
    let pairs: Vec<&dyn AsRef<std::ffi::OsStr>> = torrents
        .iter()
        .zip(&seeds)
        .flat_map(|(torrent, file)| [torrent as &dyn AsRef<std::ffi::OsStr>, file as _])
        .collect();
    let seed = seed(&scratch, &pairs);
    let mut command = get(&scratch, &[&"--json", &"--limit-down", &"2MiB/s", &"--peer", &seed.addr]);
    command.args(["--max-downloads", "1"]).args(&torrents);
    let run = Running::start(command).finish().expect(0);
    // Each is done before the next has a byte.
    let mut done = Vec::new();
    for line in run.stdout.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        if object["event"] == "done" {
            done.push(object["name"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(done, ["0.bin", "1.bin", "2.bin"], "{}", run.stdout);
}

#[test]
fn get_with_exclude_leaves_out_what_matches() {
    let scratch = Scratch::new();
    let album = scratch.album();
    let torrent = scratch.create(&album, &[]);
    let seed = seed(&scratch, &[&torrent, &album]);
    let excluded = fs::read_dir(&album).unwrap().next().unwrap().unwrap().file_name();
    let mut command = get(&scratch, &[&torrent, &"--peer", &seed.addr, &"--exclude"]);
    command.arg(&excluded);
    Running::start(command).finish().expect(0);
    assert!(!scratch.path("out/album").join(&excluded).exists());
    assert!(fs::read_dir(scratch.path("out/album")).unwrap().count() > 0);
    scratch.ztor(&[&"get", &torrent, &"--exclude", &"["]).expect(2);
}

#[test]
fn get_with_limit_down_takes_the_time_of_the_limit() {
    let scratch = Scratch::new();
    let file = scratch.data("in/blob.bin", 3 << 20, 1);
    let torrent = scratch.create(&file, &[]);
    let seed = seed(&scratch, &[&torrent, &file]);
    let start = Instant::now();
    Running::start(get(&scratch, &[&"--limit-down", &"1MiB/s", &torrent, &"--peer", &seed.addr]))
        .finish()
        .expect(0);
    // Only a lower bound, which holds on a slow machine too: two thirds of the limit's time, because of bursts.
    assert!(start.elapsed() > Duration::from_secs(2), "3 MiB at 1 MiB/s in {:?}", start.elapsed());
}

#[test]
fn get_with_seed_time_or_ratio_seeds_and_exits() {
    let scratch = Scratch::new();
    let file = scratch.data("in/blob.bin", 100_000, 1);
    let torrent = scratch.create(&file, &[]);
    let seed = seed(&scratch, &[&torrent, &file]);
    let mut first = Running::start(get(&scratch, &[&torrent, &"--peer", &seed.addr, &"--seed-time", &"1s"]));
    first.line_with("Done");
    first.line_with("Seeding");
    first.finish().expect(0);
    let run = Running::start(get(&scratch, &[&torrent, &"--seed-ratio", &"0"])).finish().expect(0);
    assert!(run.stdout.contains("Done"), "{run:#?}");
}

#[test]
fn share_prints_a_url_that_get_accepts() {
    let scratch = Scratch::new();
    let album = scratch.album();
    let mut command = ztor(&scratch.dir("home/share"));
    command.arg("share").arg(&album).args(LOOPBACK).args(["--json", "--tracker-port", "0"]);
    let mut share = Running::start(command);
    let sharing = share.event("sharing");
    assert!(sharing["magnet"].as_str().unwrap().starts_with("magnet:?"), "{sharing}");
    share.event("seeding");
    let url = sharing["url"].as_str().unwrap();
    Running::start(get(&scratch, &[&url])).finish().expect(0);
    assert_same_tree(&album, &scratch.path("out/album"));
    share.signal("INT");
    share.finish().expect(0);
}

#[test]
fn demo_completes_and_leaves_no_files() {
    let scratch = Scratch::new();
    let dir = scratch.dir("demo");
    let run = scratch.ztor(&[&"demo", &"--size", &"8", &"--dir", &dir]).expect(0);
    assert!(run.stdout.contains("Done"), "{run:#?}");
    assert_eq!(fs::read_dir(dir).unwrap().count(), 0, "something was left behind");
}

#[test]
fn demo_on_a_terminal_has_bars_and_colours_unless_no_color_is_set() {
    let scratch = Scratch::new();
    let dir = scratch.dir("demo");
    let on_terminal = |no_color: Option<&str>| {
        // `script` runs its child on a terminal.
        let mut command = Command::new("script");
        let demo = format!("'{}' demo --size 32 --dir '{}'", env!("CARGO_BIN_EXE_ztor"), dir.display());
        command.args(["--quiet", "--return", "--command", &demo, "/dev/null"]).env("TERM", "xterm-256color");
        command.env("HOME", scratch.home()).env_remove("NO_COLOR").stdin(std::process::Stdio::null());
        command.envs(no_color.map(|value| ("NO_COLOR", value)));
        Running::start(command).finish().expect(0).stdout
    };
    if !Command::new("script").arg("--version").output().is_ok_and(|output| output.status.success()) {
        println!("skipped: no `script` here");
        return;
    }
    const COLOR: &str = "\u{1b}[36m";
    let plain = on_terminal(Some("1"));
    assert!(plain.contains("Done") && plain.contains('━') && !plain.contains(COLOR), "{plain}");
    let colored = on_terminal(None);
    assert!(colored.contains("Done") && colored.contains(COLOR), "{colored}");
}

#[test]
fn get_of_the_same_torrent_twice_skips_the_second() {
    let scratch = Scratch::new();
    let file = scratch.data("in/blob.bin", 100_000, 1);
    let torrent = scratch.create(&file, &[]);
    let copy = scratch.file("copy.torrent", &fs::read(&torrent).unwrap());
    let seed = seed(&scratch, &[&torrent, &file]);
    let run = Running::start(get(&scratch, &[&torrent, &copy, &"--peer", &seed.addr])).finish().expect(0);
    assert!(run.stderr.contains("copy.torrent"), "{run:#?}");
    assert_same_tree(Path::new(&file), &scratch.path("out/blob.bin"));
}
