//! Failures during a transfer: of the disk, of trackers, of peers, of the network.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use crate::process::{Running, ztor};
use crate::scratch::Scratch;
use crate::swarm::{get, seed};

/// Returns a port of loopback on which no program listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a web server that answers every request with the same page until the test's process ends. Returns its port.
pub(crate) fn web_server(answer: impl Into<String>) -> u16 {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = reply(stream, &answer);
        }
    });
    port
}

fn reply(mut stream: TcpStream, answer: &str) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            n => request.extend_from_slice(&chunk[..n]),
        }
    }
    stream.write_all(answer.as_bytes())
}

const HTML: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 40\r\nConnection: close\r\n\r\n\
                    <html><body>Nothing to see</body></html>";

#[test]
fn get_with_a_dead_tracker_names_it_and_can_be_interrupted() {
    let scratch = Scratch::new();
    let url = format!("http://127.0.0.1:{}/announce", closed_port());
    let torrent = scratch.create(&scratch.data("in/x.bin", 50_000, 1), &["--tracker", &url]);
    let mut run = Running::start(get(&scratch, &[&torrent]));
    run.stderr_with(&url);
    run.signal("INT");
    run.finish().expect(130);
}

#[test]
fn get_with_a_tracker_that_answers_html_names_it() {
    let scratch = Scratch::new();
    let url = format!("http://127.0.0.1:{}/announce", web_server(HTML));
    let torrent = scratch.create(&scratch.data("in/x.bin", 50_000, 1), &["--tracker", &url]);
    let mut run = Running::start(get(&scratch, &[&torrent]));
    run.stderr_with(&url);
    run.signal("TERM");
    run.finish().expect(130);
}

#[test]
fn get_with_give_up_and_no_peer_ends_with_a_network_error() {
    let scratch = Scratch::new();
    let torrent = scratch.create(&scratch.data("in/x.bin", 50_000, 1), &[]);
    let peer = format!("127.0.0.1:{}", closed_port());
    let run =
        Running::start(get(&scratch, &[&torrent, &"--peer", &peer, &"--give-up", &"1s"])).finish().expect(5);
    assert!(run.stderr.contains("x.bin"), "{run:#?}");
}

#[test]
fn json_of_a_failed_command_ends_with_the_error() {
    let scratch = Scratch::new();
    let run = scratch.ztor(&[&"show", &"--json", &scratch.path("absent.torrent")]).expect(4);
    let error = run.json().pop().unwrap();
    assert_eq!((&error["event"], &error["exit_code"]), (&"error".into(), &4.into()), "{run:#?}");
}

#[test]
fn get_into_a_file_names_it() {
    let scratch = Scratch::new();
    let torrent = scratch.create(&scratch.data("in/x.bin", 50_000, 1), &[]);
    let file = scratch.file("taken", b"x");
    let run = scratch.ztor(&[&"get", &torrent, &"-o", &file, &"--bind", &"127.0.0.1"]).expect(4);
    assert!(run.stderr.contains("taken: it is a file, not a folder"), "{run:#?}");
}

#[test]
fn get_with_an_unusable_tracker_names_it_once() {
    let scratch = Scratch::new();
    let data = scratch.data("in/x.bin", 50_000, 1);
    for (url, why) in [
        ("http://127.0.0.1:99999/announce", "the port is not a number"),
        ("wss://t.example/announce", "wss trackers are not supported"),
        ("udp://127.0.0.1:0/announce", "the port is 0"),
    ] {
        let torrent = scratch.create(&data, &["--tracker", url]);
        let mut run = Running::start(get(&scratch, &[&torrent]));
        let line = run.stderr_with(why);
        assert_eq!(line.matches(url.rsplit_once('/').unwrap().0).count(), 1, "{line}");
        run.signal("TERM");
        let run = run.finish().expect(130);
        assert_eq!(run.stderr.matches(why).count(), 1, "{run:#?}");
    }
}

#[test]
fn hangup_ends_the_program_in_an_orderly_way_unless_ignored() {
    let scratch = Scratch::new();
    let file = scratch.data("in/x.bin", 50_000, 1);
    let torrent = scratch.create(&file, &[]);
    let served = seed(&scratch, &[&torrent, &file]);
    served.process.signal("HUP");
    let run = served.process.finish().expect(0);
    assert_eq!(run.event("summary")["interrupted"], true);
    let mut run = Running::start(get(&scratch, &[&torrent, &"--json"]));
    run.event("added");
    run.signal("HUP");
    run.finish().expect(130);

    // As with nohup.
    let mut command = Command::new("sh");
    command.env("HOME", scratch.home()).args([
        "-c",
        "trap '' HUP; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_ztor"),
    ]);
    command
        .args(["get", "--json", "--bind", "127.0.0.1", "--port", "0", "-o"])
        .arg(scratch.path("out"))
        .arg(&torrent);
    let mut run = Running::start(command);
    let port = run.event("listening")["port"].as_u64().unwrap();
    run.event("added");
    run.signal("HUP");
    let _seed = seed(&scratch, &[&torrent, &file, &"--peer", &format!("127.0.0.1:{port}")]);
    run.finish().expect(0);
}

#[test]
fn get_of_a_bad_url_names_the_url_or_the_status() {
    let scratch = Scratch::new();
    let dead = format!("http://127.0.0.1:{}/x.torrent", closed_port());
    let run = Running::start(get(&scratch, &[&dead])).finish().expect(5);
    assert!(run.stderr.contains(&dead), "{run:#?}");
    let page = format!("http://127.0.0.1:{}/x.torrent", web_server(HTML));
    let run = Running::start(get(&scratch, &[&page])).finish().expect(3);
    assert!(run.stderr.contains(&page), "{run:#?}");
    const GONE: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let gone = format!("http://127.0.0.1:{}/x.torrent", web_server(GONE));
    let run = Running::start(get(&scratch, &[&gone])).finish().expect(5);
    assert!(run.stderr.contains("404"), "{run:#?}");
}

#[test]
fn get_of_a_magnet_link_without_peers_gives_up() {
    let scratch = Scratch::new();
    let link = "magnet:?xt=urn:btih:c9e15763f722f23e98a29decdfae341b98d53056";
    let run = Running::start(get(&scratch, &[&link, &"--give-up", &"1s"])).finish().expect(5);
    assert!(run.stderr.contains("nothing was received"), "{run:#?}");
    Running::start(get(&scratch, &[&"magnet:?dn=x"])).finish().expect(3);
}

#[test]
fn port_that_is_in_use_is_named_in_the_error() {
    let scratch = Scratch::new();
    let file = scratch.data("in/x.bin", 50_000, 1);
    let torrent = scratch.create(&file, &[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = ztor(&scratch.home());
    command.args(["seed", "--bind", "127.0.0.1", "--port", &port]).args([&torrent, &file]);
    let run = Running::start(command).finish().expect(6);
    assert!(run.stderr.contains(&port), "{run:#?}");
    let run = scratch.ztor(&[&"tracker", &"--bind", &"127.0.0.1", &"--http-port", &port]).expect(6);
    assert!(run.stderr.contains(&port), "{run:#?}");
}

#[test]
fn tracker_with_a_bad_list_names_the_file_and_the_line() {
    let scratch = Scratch::new();
    let list = scratch.path("list");
    for (text, expected) in [
        ("192.0.2.0/24\nexample.org\n", "list: line 2: \"example.org\" is neither"),
        ("# none\n", "lists nothing"),
    ] {
        std::fs::write(&list, text).unwrap();
        let run = scratch
            .ztor(&[&"tracker", &"--bind", &"127.0.0.1", &"--http-port", &"0", &"--allow", &list])
            .expect(1);
        assert!(run.stderr.contains(expected), "{run:#?}");
    }
}

#[test]
fn seed_without_its_data_fails_and_writes_nothing() {
    let scratch = Scratch::new();
    let file = scratch.data("in/x.bin", 50_000, 1);
    let torrent = scratch.create(&file, &[]);
    let run = scratch.ztor(&[&"seed", &torrent, &scratch.dir("empty"), &"--bind", &"127.0.0.1"]).expect(4);
    assert!(run.stderr.contains("empty/x.bin"), "{run:#?}");
    std::fs::write(&file, vec![0; 50_000]).unwrap();
    let run = scratch.ztor(&[&"seed", &torrent, &file, &"--bind", &"127.0.0.1", &"--port", &"0"]).expect(1);
    assert!(run.stderr.contains("x.bin"), "{run:#?}");
    assert_eq!(std::fs::read(&file).unwrap(), vec![0; 50_000], "a seed writes nothing");
    scratch.ztor(&[&"seed", &torrent]).expect(2);
}

#[test]
fn get_from_a_seed_into_a_file_fails() {
    let scratch = Scratch::new();
    let file = scratch.data("in/x.bin", 50_000, 1);
    let torrent = scratch.create(&file, &[]);
    let seed = seed(&scratch, &[&torrent, &file]);
    scratch.file("out", b"a file");
    let run = Running::start(get(&scratch, &[&torrent, &"--peer", &seed.addr])).finish().expect(4);
    assert!(run.stderr.contains("out"), "{run:#?}");
}

#[test]
fn get_into_a_read_only_folder_fails() {
    let scratch = Scratch::new();
    let file = scratch.data("in/x.bin", 50_000, 1);
    let torrent = scratch.create(&file, &[]);
    let seed = seed(&scratch, &[&torrent, &file]);
    let out = scratch.dir("out");
    let Some(command) = on_a_tmpfs("ro", &out, &get(&scratch, &[&torrent, &"--peer", &seed.addr])) else {
        return;
    };
    let run = Running::start(command).finish().expect(4);
    assert!(run.stderr.contains("x.bin") || run.stderr.contains("out"), "{run:#?}");
}

#[test]
fn get_onto_a_full_disk_fails_and_asks_for_space() {
    let scratch = Scratch::new();
    let file = scratch.data("in/x.bin", 8 << 20, 1);
    let torrent = scratch.create(&file, &["--piece-length", "64KiB"]);
    let seed = seed(&scratch, &[&torrent, &file]);
    let out = scratch.dir("out");
    for flags in [&[][..], &["--allocate", "full"]] {
        let mut plain = get(&scratch, &[&torrent, &"--peer", &seed.addr]);
        plain.args(flags);
        let Some(command) = on_a_tmpfs("size=1m", &out, &plain) else { return };
        let run = Running::start(command).finish().expect(4);
        assert!(run.stderr.contains("x.bin"), "{run:#?}");
        assert!(run.stderr.contains("free some space"), "{run:#?}");
    }
}

#[test]
fn get_with_a_disk_fault_of_one_torrent_retries_it_and_completes_the_other() {
    let scratch = Scratch::new();
    let (album, small) = (scratch.album(), scratch.data("in/small.bin", 100_000, 2));
    let torrents = [&album, &small].map(|path| scratch.create(path, &[]));
    let seed = seed(&scratch, &[&"--in", &scratch.path("in"), &torrents[0], &torrents[1]]);
    scratch.file("out/album", b"where the folder should be");
    let mut command = get(&scratch, &[&torrents[0], &torrents[1], &"--peer", &seed.addr]);
    command.args(["--seed", "--json"]);
    let mut run = Running::start(command);
    let warning = run.line_with("will try again in 30s");
    assert!(warning.contains("album"), "{warning}");
    run.line_where("small.bin is done", |line| {
        line.contains("\"event\":\"done\"") && line.contains("small.bin")
    });
}

/// Returns the same command with its own small file system on `dir`, which ends with the process. `None`, with the
/// reason printed, if the system does not allow it.
fn on_a_tmpfs(options: &str, dir: &Path, command: &Command) -> Option<Command> {
    let unshare = |script: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
        unshare.arg(options).arg(dir);
        unshare
    };
    const MOUNT: &str = "mount -t tmpfs -o \"$1\" none \"$2\"";
    if !unshare(MOUNT).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: no mount in a user namespace here");
        return None;
    }
    let mut wrapped = unshare(&format!("{MOUNT} && shift 2 && exec \"$@\""));
    wrapped.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    Some(wrapped)
}
