//! The daemon and the commands that ask it, as separate processes.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{DEADLINE, Run, Running, ztor};
use crate::scratch::{Scratch, assert_same_tree};
use crate::swarm::seed;

/// A daemon in the background.
struct Daemon<'s> {
    scratch: &'s Scratch,
    process: Running,
    /// Address of the API over TCP.
    api: String,
}

impl<'s> Daemon<'s> {
    #[track_caller]
    fn start(scratch: &'s Scratch) -> Self {
        Self::start_with(scratch, &[])
    }

    /// Starts it with variables of the environment.
    #[track_caller]
    fn start_with(scratch: &'s Scratch, variables: &[(&str, &OsStr)]) -> Self {
        let mut command = ztor(&scratch.home());
        command.envs(variables.iter().copied());
        command.args(["daemon", "--json", "--bind", "127.0.0.1", "--port", "0", "--listen", "127.0.0.1:0"]);
        command.arg("--download-dir").arg(scratch.path("downloads"));
        let mut process = Running::start(command);
        let running = process.event("running");
        let api = format!("http://{}", running["api"][0].as_str().unwrap());
        Self { scratch, process, api }
    }

    /// Runs a command that asks the daemon.
    #[track_caller]
    fn ask(&self, args: &[&dyn AsRef<OsStr>]) -> Run {
        self.scratch.ztor(args)
    }

    #[track_caller]
    fn list(&self) -> Vec<Value> {
        self.ask(&[&"list", &"--json"]).expect(0).json()
    }

    /// Waits until the list fulfils a condition.
    #[track_caller]
    fn until(&self, what: &str, is_done: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let end = Instant::now() + DEADLINE;
        loop {
            let list = self.list();
            if is_done(&list) {
                return list;
            }
            assert!(Instant::now() < end, "{what}: {list:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the daemon with SIGTERM.
    #[track_caller]
    fn end(self) -> Run {
        let begun = Instant::now();
        self.process.signal("TERM");
        let run = self.process.finish().expect(0);
        assert!(begun.elapsed() < Duration::from_secs(60), "{run:#?}");
        run
    }
}

fn is_in_state(list: &[Value], state: &str) -> bool {
    list.iter().all(|torrent| torrent["state"] == state)
}

#[test]
fn daemon_keeps_its_torrents_and_settings_over_restarts_and_crashes() {
    let scratch = Scratch::new();
    let album = scratch.album();
    let torrent = scratch.create(&album, &["--piece-length", "16KiB"]);
    let seed = seed(&scratch, &[&torrent, &album]);
    let daemon = Daemon::start(&scratch);
    let add: [&dyn AsRef<OsStr>; 10] = [
        &"add",
        &torrent,
        &"--peer",
        &seed.addr,
        &"--category",
        &"linux/iso",
        &"--tag",
        &"b,a",
        &"--wait",
        &"--json",
    ];
    let added = daemon.ask(&add).expect(0).json();
    assert_eq!((&added[0]["result"], &added[0]["id"]), (&"added".into(), &1.into()), "{added:?}");
    daemon.ask(&[&"settings", &"set", &"max_downloads", &"3"]).expect(0);
    daemon.ask(&[&"limit", &"album", &"--up", &"1MiB"]).expect(0);
    daemon.ask(&[&"add", &"ab".repeat(20), &"--paused"]).expect(0);
    let list = daemon.list();
    assert_eq!(list.len(), 2);
    let row = &list[0];
    assert_eq!(
        (&row["name"], &row["state"], &row["progress"]),
        (&"album".into(), &"seeding".into(), &1.0.into())
    );
    assert_eq!((&row["category"], &row["tags"]), (&"linux/iso".into(), &serde_json::json!(["a", "b"])));
    assert_eq!(row["size_bytes"], 100_000 + 70_001 + 16_384);
    assert_eq!(row["hash"].as_str().unwrap().len(), 40);
    assert_same_tree(&album, &scratch.path("downloads/album"));

    let is_back = |list: &[Value]| {
        list.len() == 2 && is_in_state(&list[..1], "seeding") && is_in_state(&list[1..], "paused")
    };
    daemon.end();
    let daemon = Daemon::start(&scratch);
    let after = daemon.until("the torrents are back", is_back);
    for key in [
        "id",
        "hash",
        "name",
        "category",
        "tags",
        "added_unix_s",
        "finished_unix_s",
        "downloaded_bytes",
        "limits",
    ] {
        assert_eq!(after[0][key], row[key], "{key}");
    }
    daemon.process.kill();
    let daemon = Daemon::start(&scratch);
    let after = daemon.until("the torrents are back after the crash", is_back);
    assert_eq!(after[0]["downloaded_bytes"], row["downloaded_bytes"], "nothing is fetched again");
    let setting = daemon.ask(&[&"settings", &"get", &"max_downloads", &"--json"]).expect(0).json();
    assert_eq!((&setting[0]["value"], &setting[0]["source"]["source"]), (&3.into(), &"changed".into()));
    daemon.end();
}

#[test]
fn commands_change_torrents_and_report_failures_with_their_exit_codes() {
    let scratch = Scratch::new();
    let album = scratch.album();
    let torrent = scratch.create(&album, &["--piece-length", "16KiB"]);
    let seed = seed(&scratch, &[&torrent, &album]);
    let daemon = Daemon::start(&scratch);
    daemon.ask(&[&"add", &torrent, &"--paused", &"--peer", &seed.addr]).expect(0);
    daemon.ask(&[&"files", &"album", &"--set", &"skip:1"]).expect(0);
    daemon.ask(&[&"trackers", &"album", &"--add", &"udp://127.0.0.1:1/announce"]).expect(0);
    let trackers = daemon.ask(&[&"trackers", &"album", &"--json"]).expect(0).json();
    assert_eq!(trackers[0]["url"], "udp://127.0.0.1:1/announce");
    daemon.ask(&[&"start", &"alb*"]).expect(0);
    daemon.until("downloaded", |list| is_in_state(list, "seeding"));
    let files = daemon.ask(&[&"files", &"album", &"--json"]).expect(0).json();
    assert_eq!((&files[1]["priority"], &files[0]["have_bytes"]), (&"skip".into(), &100_000.into()));
    daemon.ask(&[&"category", &"add", &"films", &"--save-path", &scratch.path("films")]).expect(0);
    daemon.ask(&[&"category", &"set", &"films", &"id:1"]).expect(0);
    daemon.ask(&[&"tag", &"add", &"new", &"category:films"]).expect(0);
    daemon.ask(&[&"rename", &"album", &"Other"]).expect(0);
    daemon.ask(&[&"move", &"tag:new", &scratch.path("elsewhere"), &"--wait"]).expect(0);
    assert!(scratch.path("elsewhere/album/a.bin").exists());
    let list = daemon.list();
    assert_eq!((&list[0]["name"], &list[0]["category"]), (&"Other".into(), &"films".into()));
    assert_eq!(list[0]["dir"], scratch.path("elsewhere").to_str().unwrap());

    let run = daemon.ask(&[&"stop", &"nothing"]).expect(1);
    assert!(run.stderr.contains("no torrent matches \"nothing\""), "{run:#?}");
    daemon.ask(&[&"add", &scratch.file("bad.torrent", b"d4:infoe")]).expect(3);
    daemon.ask(&[&"settings", &"set", &"max_downloads", &"many"]).expect(2);
    daemon.ask(&[&"settings", &"set", &"max_download", &"1"]).expect(1);
    daemon.ask(&[&"remove", &"Other", &"--trash"]).expect(1);
    daemon.ask(&[&"remove", &"Other", &"--delete"]).expect(0);
    assert_eq!(daemon.list(), [] as [Value; 0]);
    assert!(!scratch.path("elsewhere/album").exists());
    let mut second = ztor(&scratch.home());
    second.args(["daemon", "--bind", "127.0.0.1"]);
    let run = Running::start(second).finish().expect(1);
    assert!(run.stderr.contains("uses it; stop that one, or choose another folder"), "{run:#?}");
    daemon.end();
    let run = scratch.ztor(&[&"list"]).expect(5);
    assert!(run.stderr.contains("no daemon listens on"), "{run:#?}");
    // Each failure is reported, whichever of them ends the command.
    let hash = "0123456789abcdef0123456789abcdef01234567";
    let run = scratch.ztor(&[&"add", &"missing.torrent", &hash]).expect(5);
    assert!(
        run.stderr.contains("missing.torrent") && run.stderr.contains("no daemon listens on"),
        "{run:#?}"
    );
}

#[test]
fn watched_folder_loads_torrents_and_reports_bad_files() {
    let scratch = Scratch::new();
    let torrent = scratch.create(&scratch.data("in/one.bin", 50_000, 1), &[]);
    let inbox = scratch.dir("inbox");
    let daemon = Daemon::start(&scratch);
    daemon.ask(&[&"watch", &"add", &inbox, &"--category", &"tv", &"--paused"]).expect(0);
    fs::write(inbox.join("bad.torrent"), "nonsense").unwrap();
    fs::copy(&torrent, inbox.join("one.torrent")).unwrap();
    let list = daemon.until("loaded", |list| !list.is_empty());
    assert_eq!((&list[0]["name"], &list[0]["category"]), (&"one.bin".into(), &"tv".into()));
    let end = Instant::now() + DEADLINE;
    while !inbox.join("one.torrent.added").exists() {
        assert!(Instant::now() < end, "the file is not renamed");
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon.ask(&[&"watch", &"scan"]).expect(0);
    let folders = daemon.ask(&[&"watch", &"--json"]).expect(0).json();
    assert_eq!(folders[0]["problems"][0]["path"], inbox.join("bad.torrent").to_str().unwrap(), "{folders:?}");
    assert!(inbox.join("bad.torrent").exists());
    daemon.ask(&[&"watch", &"remove", &inbox]).expect(0);
    daemon.end();
}

#[test]
fn bad_settings_are_refused_with_file_and_line_and_a_reload_keeps_the_old_ones() {
    let scratch = Scratch::new();
    let config = scratch.file("home/.config/ztor/ztor.toml", b"[queue]\nmax_downloads = \"many\"\n");
    let mut command = ztor(&scratch.home());
    command.args(["daemon", "--bind", "127.0.0.1"]);
    let run = Running::start(command).finish().expect(2);
    assert!(run.stderr.contains("ztor.toml line 2: cannot use max_downloads"), "{run:#?}");
    fs::write(&config, "[queue]\nmax_downloads = 7\n").unwrap();
    let mut daemon = Daemon::start(&scratch);
    let value = |daemon: &Daemon<'_>| {
        daemon.ask(&[&"settings", &"get", &"max_downloads", &"--json"]).expect(0).json()[0]["value"].clone()
    };
    assert_eq!(value(&daemon), 7);
    fs::write(&config, "[queue]\nmax_downloads = 0\n").unwrap();
    daemon.process.signal("HUP");
    daemon.process.stderr_with("the settings stay as they are");
    assert_eq!(value(&daemon), 7);
    fs::write(&config, "[queue]\nmax_downloads = 8\n").unwrap();
    daemon.process.signal("HUP");
    let end = Instant::now() + DEADLINE;
    while value(&daemon) != 8 {
        assert!(Instant::now() < end, "the settings are not reloaded");
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon.end();
}

#[test]
fn service_manager_is_told_of_readiness_life_reloads_and_the_end() {
    let scratch = Scratch::new();
    let path = scratch.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let expect = |text: &str| {
        let mut buffer = [0; 4096];
        loop {
            let len = socket.recv(&mut buffer).expect(text);
            if String::from_utf8_lossy(&buffer[..len]).lines().any(|line| line == text) {
                return;
            }
        }
    };
    let variables = [("NOTIFY_SOCKET", path.as_os_str()), ("WATCHDOG_USEC", OsStr::new("200000"))];
    let daemon = Daemon::start_with(&scratch, &variables);
    expect("READY=1");
    expect("WATCHDOG=1");
    daemon.process.signal("HUP");
    expect("RELOADING=1");
    expect("READY=1");
    daemon.process.signal("TERM");
    expect("STOPPING=1");
    daemon.process.finish().expect(0);
}

#[test]
fn daemon_is_reached_over_tcp_with_a_token_or_a_password_only() {
    let scratch = Scratch::new();
    let daemon = Daemon::start(&scratch);
    let remote = |token: Option<&str>| {
        let mut command = ztor(&scratch.dir("elsewhere"));
        command.args(["list", "--remote", &daemon.api]).envs(token.map(|token| ("ZTOR_TOKEN", token)));
        Running::start(command).finish()
    };
    let run = remote(None).expect(1);
    assert!(run.stderr.contains("no password and no token is set"), "{run:#?}");
    let token = daemon.ask(&[&"token", &"add", &"test", &"--json"]).expect(0).json()[0]["token"].clone();
    let token = token.as_str().unwrap();
    remote(Some(token)).expect(0);
    remote(Some(&token.to_uppercase())).expect(1);
    daemon.ask(&[&"token", &"remove", &"test"]).expect(0);
    remote(Some(token)).expect(1);

    let mut command = ztor(&scratch.home());
    let secret = fs::File::open(scratch.file("secret", b"correct horse\n")).unwrap();
    command.args(["password", "--stdin"]).stdin(secret);
    Running::start(command).finish().expect(0);
    let profile = format!("[box]\nurl = {:?}\npassword_file = \"word\"\n", daemon.api);
    scratch.file("elsewhere/.config/ztor/remotes.toml", profile.as_bytes());
    let by_profile = |word: &[u8]| {
        scratch.file("elsewhere/.config/ztor/word", word);
        let mut command = ztor(&scratch.dir("elsewhere"));
        command.args(["list", "--remote", "box"]);
        Running::start(command).finish()
    };
    by_profile(b"correct horse").expect(0);
    by_profile(b"wrong horse").expect(1);
    daemon.end();
}

/// Makes a request over TCP. Returns the status, the headers and the body.
#[track_caller]
fn http(url: &str, headers: &str) -> (u16, String, Vec<u8>) {
    let (addr, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase();
    (head[9..12].parse().unwrap(), head, answer[end + 4..].to_vec())
}

#[test]
fn links_give_complete_files_to_whoever_has_one_until_the_password_changes() {
    let scratch = Scratch::new();
    let content: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    scratch.file("downloads/film/a page.html", &content);
    let torrent = scratch.path("film.torrent");
    scratch.ztor(&[&"create", &scratch.path("downloads/film"), &"-o", &torrent]).expect(0);
    let daemon = Daemon::start(&scratch);
    let set_password = |word: &[u8]| {
        let mut command = ztor(&scratch.home());
        command.args(["password", "--stdin"]).stdin(fs::File::open(scratch.file("word", word)).unwrap());
        Running::start(command).finish().expect(0);
    };
    set_password(b"correct horse\n");
    daemon.ask(&[&"add", &torrent]).expect(0);
    daemon.until("seeding", |list| is_in_state(list, "seeding"));
    let link = || {
        let run = daemon.ask(&[&"files", &"film", &"--link", &"*", &"--valid", &"1h"]).expect(0);
        run.stdout.trim().to_owned()
    };
    let url = link();
    let (status, head, body) = http(&url, "");
    assert!(status == 200 && body == content, "{head}");
    for part in
        ["content-disposition: attachment", "nosniff", "content-security-policy: sandbox", "octet-stream"]
    {
        assert!(head.contains(part), "{part}: {head}");
    }
    let (status, head, body) = http(&url, "Range: bytes=100-199\r\n");
    assert!(status == 206 && body == content[100..200], "{head}");
    assert!(head.contains("content-range: bytes 100-199/300000"), "{head}");
    assert_eq!(http(&url, "Range: bytes=300000-\r\n").0, 416);
    // From a page of another site, as a link in a chat.
    assert_eq!(http(&url, "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n").0, 200);

    let (bare, query) = url.split_once('?').unwrap();
    assert_eq!(http(bare, "").0, 401);
    let other_file = bare.replace("/files/0/", "/files/1/");
    let later = query.replace("expires=1", "expires=2");
    for bad in [format!("{other_file}?{query}"), format!("{bare}?{later}"), format!("{bare}?signature=00")] {
        assert_eq!(http(&bad, "").0, 403, "{bad}");
    }
    assert_eq!(http(&format!("{}?{query}", bare.replace("/files/0/content", "/files")), "").0, 401);
    set_password(b"another horse\n");
    assert_eq!(http(&url, "").0, 403);
    let url = link();
    assert_eq!(http(&url, "").0, 200);
    // What another program puts there is not given out.
    let path = scratch.path("downloads/film/a page.html");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    let (status, _, body) = http(&url, "");
    assert_eq!(status, 507, "{}", String::from_utf8_lossy(&body));
    daemon.end();
}

#[test]
fn shell_completes_commands_and_names_of_torrents() {
    let scratch = Scratch::new();
    let torrent = scratch.create(&scratch.data("in/some.bin", 50_000, 1), &[]);
    let daemon = Daemon::start(&scratch);
    daemon.ask(&[&"add", &torrent, &"--paused", &"--tag", &"blue"]).expect(0);
    let complete = |words: &[&str]| {
        let mut command = ztor(&scratch.home());
        let index = (words.len() - 1).to_string();
        command.envs([("COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", &index), ("_CLAP_IFS", " ")]);
        command.arg("--").args(words);
        Running::start(command).finish().expect(0).stdout
    };
    assert_eq!(complete(&["ztor", "sta"]).trim(), "start stats");
    assert_eq!(complete(&["ztor", "stop", "so"]).trim(), "some.bin");
    assert_eq!(complete(&["ztor", "stop", "tag:"]).trim(), "tag:blue");
    assert_eq!(complete(&["ztor", "settings", "get", "max_d"]).trim(), "max_downloads");
    daemon.end();
    assert_eq!(complete(&["ztor", "stop", "so"]).trim(), "", "without a daemon");
    scratch.ztor(&[&"setup", &"man", &scratch.path("man")]).expect(0);
    assert!(fs::read_to_string(scratch.path("man/ztor-watch-add.1")).unwrap().contains("category"));
}

#[test]
fn magnet_links_download_after_their_metadata_and_paused_ones_do_nothing() {
    let scratch = Scratch::new();
    let (mut args, mut hashes): (Vec<std::path::PathBuf>, Vec<String>) = (Vec::new(), Vec::new());
    for number in 0..4_u64 {
        let data = scratch.data(&format!("in/{number}.bin"), 300_000, number);
        let torrent = scratch.create(&data, &["--piece-length", "16KiB"]);
        hashes.push(
            scratch.ztor(&[&"show", &torrent, &"--json"]).expect(0).json()[0]["info_hash_v1"].to_string(),
        );
        args.extend([torrent, data]);
    }
    let paths: Vec<&dyn AsRef<OsStr>> = args.iter().map(|path| path as &dyn AsRef<OsStr>).collect();
    let seed = seed(&scratch, &paths);
    let daemon = Daemon::start(&scratch);
    let links: Vec<String> = hashes.iter().map(|hash| hash.trim_matches('"').to_owned()).collect();
    daemon.ask(&[&"add", &links[3], &"--paused", &"--peer", &seed.addr]).expect(0);
    daemon.ask(&[&"add", &links[0], &links[1], &links[2], &"--peer", &seed.addr, &"--wait"]).expect(0);
    let list = daemon.list();
    assert!(is_in_state(&list[1..], "seeding"), "{list:#?}");
    assert_eq!((&list[0]["state"], &list[0]["size_bytes"]), (&"paused".into(), &0.into()), "{list:#?}");
    daemon.ask(&[&"start", &"1", &"--force"]).expect(0);
    daemon.ask(&[&"recheck", &"2", &"--wait"]).expect(0);
    daemon.end();
}

#[test]
fn name_that_is_a_glob_selects_its_torrent_alone() {
    let scratch = Scratch::new();
    let daemon = Daemon::start(&scratch);
    for (digit, name) in [("a", "*"), ("b", "other")] {
        daemon.ask(&[&"add", &digit.repeat(40), &"--paused", &"--name", &name]).expect(0);
    }
    daemon.ask(&[&"remove", &"*"]).expect(0);
    let list = daemon.list();
    assert_eq!((list.len(), &list[0]["name"]), (1, &"other".into()));
    daemon.end();
}

#[test]
fn log_has_the_level_and_the_format_of_the_settings() {
    let scratch = Scratch::new();
    let variables: [(&str, &OsStr); 2] =
        [("ZTOR_LOG_LEVEL", "info".as_ref()), ("ZTOR_LOG_FORMAT", "json".as_ref())];
    let daemon = Daemon::start_with(&scratch, &variables);
    let state_dir = scratch.home().join(".local/state/ztor/daemon");
    // The address of the daemon may stand after a sub-command as well.
    let setting = daemon.ask(&[&"settings", &"get", &"log_level", &"--json", &"--state-dir", &state_dir]);
    assert_eq!(setting.expect(0).json()[0]["source"]["source"], "environment");
    daemon.ask(&[&"add", &"ab".repeat(20), &"--paused"]).expect(0);
    let run = daemon.end();
    let lines: Vec<Value> = run.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_added = |line: &Value| line["level"] == "INFO" && line["message"] == "torrent added";
    assert!(lines.iter().any(is_added), "{run:#?}");
}

#[test]
fn daemon_tells_where_it_serves_the_apis_of_other_programs() {
    let scratch = Scratch::new();
    let mut command = ztor(&scratch.home());
    command.args(["daemon", "--json", "--bind", "127.0.0.1", "--port", "0", "--listen", ""]);
    command.args(["--transmission-listen", "127.0.0.1:0", "--qbittorrent-listen", "127.0.0.1:0"]);
    let mut process = Running::start(command);
    let running = process.event("running");
    // Both refuse whoever has no password.
    for (key, path, status) in
        [("transmission", "/transmission/rpc", "401"), ("qbittorrent", "/api/v2/app/version", "403")]
    {
        let mut stream = TcpStream::connect(running[key][0].as_str().unwrap()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{key}: {answer}");
    }
    process.signal("TERM");
    process.finish().expect(0);
}
