//! Runs the examples against each other over loopback.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);

/// A running example. It is killed when dropped.
struct Example {
    name: String,
    child: Child,
    /// Closed to end `seed`.
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Example {
    fn start(name: &str, state: &Path, args: &[&str]) -> Self {
        let tests = std::env::current_exe().unwrap();
        let path: PathBuf = tests.parent().unwrap().parent().unwrap().join("examples").join(name);
        assert!(path.exists(), "{} is not there: cargo build -p ztor-session --examples", path.display());
        let mut command = Command::new(path);
        command.args(args).env("BIND", "127.0.0.1").env("XDG_STATE_HOME", state);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { name: name.to_owned(), child, stdin, lines }
    }

    /// Waits for a line of the output that starts with `begin`, and returns the rest of it.
    fn line(&self, begin: &str) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.starts_with(begin) => return line[begin.len()..].to_owned(),
                Ok(_) => {}
                Err(error) => panic!("{}: no line {begin:?}: {error}", self.name),
            }
        }
    }

    /// Waits for the end of the program.
    fn end(mut self) {
        self.stdin = None;
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{}: {status}", self.name);
                return;
            }
            assert!(Instant::now() < end, "{} does not end", self.name);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn examples_create_seed_and_fetch_a_torrent() {
    let tmp = tempfile::tempdir().unwrap();
    let path = |name: &str| tmp.path().join(name).to_str().unwrap().to_owned();
    let state = |name: &str| tmp.path().join("state").join(name);
    std::fs::create_dir_all(path("source/album")).unwrap();
    let song: Vec<u8> = (0..700_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(path("source/album/song.flac"), &song).unwrap();
    std::fs::write(path("source/album/Thumbs.db"), b"junk").unwrap();

    let create = Example::start("create", &state("create"), &[&path("source/album"), &path("a.torrent")]);
    let link = format!("magnet:{}", create.line("magnet:"));
    create.end();
    let seed = Example::start("seed", &state("seed"), &[&path("a.torrent"), &path("source")]);
    let peer = seed.line("seeding on ");

    let fetches = [
        ("download", vec![path("a.torrent"), path("download"), peer.clone()], "download/album/song.flac"),
        ("monitor", vec![path("a.torrent"), path("monitor"), peer.clone()], "monitor/album/song.flac"),
        ("magnet", vec![format!("{link}&x.pe={peer}"), path("magnet")], "magnet/album/song.flac"),
        ("sorted", vec![path("sorted"), path("a.torrent"), peer.clone()], "sorted/music/album/song.flac"),
    ];
    for (name, args, file) in fetches {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let example = Example::start(name, &state(name), &args);
        example.line("finished");
        example.end();
        assert!(std::fs::read(path(file)).unwrap() == song, "{name}");
    }
    assert!(!tmp.path().join("sorted/music/album/Thumbs.db").exists());
    seed.end();
}
