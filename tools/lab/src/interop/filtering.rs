//! A daemon with an IP filter from a web server. A real client at a filtered address is neither dialed nor accepted, and
//! is disconnected when the list is applied during a transfer.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::clients::{Client, Finds, PORT, Setup, What};
use super::env::CaseEnv;
use super::payload::{Content, EmptyFiles};
use super::ways::Ways;
use crate::net::{Host, Net};
use crate::process::{Invocation, Process};
use crate::tools::Tools;
use crate::torrent::{self, Format, Maker, Request};
use crate::tracker::{self, Server, Tracker, Transport};

/// Pause between checks, which run a program each.
const PAUSE: Duration = Duration::from_millis(300);
/// Time limit of the whole case.
const LIMIT: Duration = Duration::from_secs(120);
/// Time after which the daemon's figures include everything that has arrived.
const SHOWN_AFTER: Duration = Duration::from_secs(1);
/// Time in which nothing may arrive from a filtered address.
const SILENCE: Duration = Duration::from_secs(4);
/// Download limit that is slow enough for all of this to happen before the end.
const RATE: &str = "600KiB/s";
const CONTENT: Content = Content::Tree;
const TRACKER: Tracker = Tracker { server: Server::Ztor, transport: Transport::Http };
/// Port of the web server.
const WEB_PORT: u16 = 8080;

/// A case, named by the client whose address is filtered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filtering(pub(super) Client);

impl Filtering {
    /// Returns the name: unique among the cases, and searched by `--filter`.
    pub(super) fn name(&self) -> String {
        format!("{}:ztor IP filter from a web server", self.0.name())
    }

    /// Returns the programs that it needs.
    pub(super) fn needs(&self) -> Vec<&'static str> {
        let mut programs = vec!["ztor", "python3"];
        programs.extend(self.0.programs());
        programs
    }

    /// Returns true if the client dials peers while it seeds.
    fn dials(&self) -> bool {
        self.0 == Client::Libtorrent
    }
}

pub(super) fn all() -> Vec<Filtering> {
    vec![Filtering(Client::Libtorrent), Filtering(Client::Aria2)]
}

/// Runs a case, as [`transfer::run`](super::transfer::run) does.
///
/// # Errors
/// If a client fails, a filtered client gets through, or the data differs.
pub(super) fn run(case: &Filtering, env: &CaseEnv<'_>) -> Result<()> {
    let &CaseEnv { dir, payloads, tools, .. } = env;
    let patience = env.patience(LIMIT);
    let (source, target) = env.folders(CONTENT)?;
    let content = source.join(CONTENT.name());
    let torrent = env.torrent();
    let url = TRACKER.announce_url();
    let request = Request { data: &content, format: Format::V1, piece_kib: 64, announce_url: &url };
    Maker::Ztor.make(&request, &torrent, dir, tools).context("making the torrent")?;
    let hashes = torrent::info_hashes(&torrent, Format::V1)?;

    let net = env.network()?;
    let mut tracker = TRACKER.start(&hashes, &net, dir, tools)?;
    let list = List::serve(&net, dir, tools)?;
    list.block(true)?;
    patience.until("the tracker and the web server listen", PAUSE, || {
        tracker.expect_alive()?;
        Ok(tracker::is_up(&net)? && list.is_served(&net)?)
    })?;
    let setup = Setup {
        host: Host::Seeder,
        net: &net,
        what: What::Torrent(&torrent),
        finds: Finds::Tracker,
        ways: Ways::Usual,
        data: &source,
        content: &content,
        names_content: false,
        dir,
        tools,
    };
    let daemon = Daemon::start(&net, &target, dir, tools)?;
    patience.until("the daemon has the list", PAUSE, || {
        daemon.process.log_text()?;
        Ok(daemon.json(&["ip-filter"]).is_ok_and(|filter| filter["ranges"] == 1))
    })?;
    daemon.ask(&["add", &torrent.to_string_lossy()])?;
    patience.until("the tracker knows the leecher", PAUSE, || {
        Ok(tracker::scrape(&net, &hashes[0])?.leechers > 0)
    })?;
    // Its first announce tells it of the leecher.
    let mut seeder = case.0.start(&setup)?;
    patience.until("the seeder serves", PAUSE, || seeder.is_serving())?;
    patience.until("the tracker knows the seeder", PAUSE, || {
        Ok(tracker::scrape(&net, &hashes[0])?.seeders > 0)
    })?;
    let has_hit = |way: &str| Ok(daemon.hits()?[way].as_u64() > Some(0));
    if case.dials() {
        patience.until("the seeder dials, and is refused", PAUSE, || has_hit("incoming"))?;
    }
    daemon.start_again()?;
    patience.until("the seeder is not dialed", PAUSE, || has_hit("outgoing"))?;
    ensure!(daemon.downloaded()? == 0, "data arrived from a filtered address");

    list.block(false)?;
    daemon.refresh()?;
    daemon.start_again()?;
    patience.until("data arrives", PAUSE, || Ok(daemon.downloaded()? > 1_000_000))?;

    list.block(true)?;
    daemon.refresh()?;
    patience.until("the seeder is disconnected", PAUSE, || {
        Ok(daemon.hits()?["closed"].as_u64() > Some(0) && daemon.peers()? == 0)
    })?;
    // The daemon shows what arrived before within a moment.
    let (mut before, mut since) = (daemon.downloaded()?, Instant::now());
    patience.until("the count of bytes rests", PAUSE, || {
        let shown = daemon.downloaded()?;
        if shown != before {
            (before, since) = (shown, Instant::now());
        }
        Ok(since.elapsed() > SHOWN_AFTER)
    })?;
    daemon.start_again()?;
    let begun = Instant::now();
    patience.until("a while has passed", PAUSE, || Ok(begun.elapsed() > SILENCE))?;
    let later = daemon.downloaded()?;
    ensure!(later == before, "{} bytes arrived from a filtered address", later - before);

    list.block(false)?;
    daemon.refresh()?;
    daemon.ask(&["settings", "set", "limit_down", "unlimited"])?;
    daemon.start_again()?;
    patience.until("the leecher has everything", PAUSE, || Ok(daemon.progress()? >= 1.0))?;
    payloads.compare(CONTENT, &target, EmptyFiles::Needed).context("comparing the files")
}

/// A list of one range, on a web server.
struct List {
    dir: PathBuf,
    _server: Process,
}

impl List {
    const NAME: &str = "list.p2p";

    fn serve(net: &Net, dir: &Path, tools: &Tools) -> Result<Self> {
        let (root, home) = (dir.join("web"), dir.join("web-home"));
        std::fs::create_dir_all(&root)?;
        std::fs::create_dir_all(&home)?;
        let (ip, port) = (Host::Tracker.ip().to_string(), WEB_PORT.to_string());
        let server = Invocation::new(tools.program("python3")?);
        let server = server.args(["-m", "http.server", "--bind", &ip, &port, "--directory"]).arg(&root);
        let namespace = net.namespace(Host::Tracker);
        let server = Process::start(&server, Some(&namespace), &home, &dir.join("web.log"))?;
        Ok(Self { dir: root, _server: server })
    }

    fn url() -> String {
        format!("http://{}:{WEB_PORT}/{}", Host::Tracker.ip(), Self::NAME)
    }

    fn is_served(&self, net: &Net) -> Result<bool> {
        let addr = std::net::SocketAddr::from((Host::Tracker.ip(), WEB_PORT));
        let patience = Duration::from_secs(2);
        net.within(Host::Tracker, || Ok(std::net::TcpStream::connect_timeout(&addr, patience).is_ok()))
    }

    /// Blocks the seeder, or another host. The server compares times in whole seconds, so the file gets another one.
    fn block(&self, seeder: bool) -> Result<()> {
        let ip = Host::Seeder.ip();
        let line = if seeder {
            format!("Unwanted: one:{ip}-{ip}\n")
        } else {
            "Unwanted: other:10.99.0.0-10.99.255.255\n".to_owned()
        };
        let path = self.dir.join(Self::NAME);
        let before = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
        std::fs::write(&path, line)?;
        if let Some(before) = before {
            let file = std::fs::File::options().write(true).open(&path)?;
            file.set_modified(before + Duration::from_secs(2))?;
        }
        Ok(())
    }
}

/// The daemon under test.
struct Daemon {
    process: Process,
    ztor: Invocation,
    namespace: String,
    home: PathBuf,
}

impl Daemon {
    fn start(net: &Net, target: &Path, dir: &Path, tools: &Tools) -> Result<Self> {
        let home = dir.join("leecher-home");
        std::fs::create_dir_all(&home)?;
        let ztor = Invocation::new(tools.program("ztor")?);
        let flags = ["--dht", "false", "--local-discovery", "false", "--listen", "", "--log-level", "debug"];
        let daemon = ztor.clone().arg("daemon").args(flags).args(["--port", PORT, "--limit-down", RATE]);
        let daemon = daemon.args(["--ip-filter", &List::url()]).arg("--download-dir").arg(target);
        let namespace = net.namespace(Host::Leecher);
        let process = Process::start(&daemon, Some(&namespace), &home, &dir.join("leecher-ztor.log"))?;
        Ok(Self { process, ztor, namespace, home })
    }

    fn ask(&self, arguments: &[&str]) -> Result<String> {
        self.ztor.clone().args(arguments).output(Some(&self.namespace), &self.home)
    }

    /// Returns the first object that a command prints.
    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let printed = self.ask(&[arguments, &["--json"]].concat())?;
        let line = printed.lines().next().unwrap_or("null");
        serde_json::from_str(line).with_context(|| format!("{arguments:?} prints {line}"))
    }

    fn hits(&self) -> Result<Value> {
        Ok(self.json(&["ip-filter"])?["hits"].take())
    }

    fn downloaded(&self) -> Result<u64> {
        Ok(self.json(&["list"])?["downloaded_bytes"].as_u64().unwrap_or(0))
    }

    fn progress(&self) -> Result<f64> {
        Ok(self.json(&["list"])?["progress"].as_f64().unwrap_or(0.0))
    }

    fn peers(&self) -> Result<usize> {
        Ok(self.ask(&["peers", "id:1", "--json"])?.lines().count())
    }

    /// Has the daemon read the list again, and waits for that.
    fn refresh(&self) -> Result<()> {
        self.ask(&["ip-filter", "--refresh"]).map(drop)
    }

    /// Has the daemon announce again.
    fn start_again(&self) -> Result<()> {
        self.ask(&["stop", "id:1"])?;
        self.ask(&["start", "id:1"]).map(drop)
    }
}
