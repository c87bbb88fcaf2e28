//! Downloads from a real web server: nginx, alone and beside a slow peer.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::clients::PORT;
use super::env::CaseEnv;
use super::payload::{Content, EmptyFiles};
use crate::net::{Host, Net};
use crate::process::{Invocation, Process};

/// Pause between checks.
const PAUSE: Duration = Duration::from_millis(100);
/// Time limit of the whole case.
const LIMIT: Duration = Duration::from_secs(90);
const CONTENT: Content = Content::Tree;
const WEB_PORT: u16 = 8080;

/// A case.
#[derive(Clone, Copy, Debug)]
pub(super) enum WebSeed {
    /// The torrent names the server, which is its only source.
    Alone,
    /// The user names the server, and there is a slow peer.
    BesidePeer,
    /// The server limits the number of requests and answers others with 503.
    Busy,
}

impl WebSeed {
    /// Returns the name: unique among the cases, and searched by `--filter`.
    pub(super) fn name(self) -> String {
        let how = match self {
            Self::Alone => "alone",
            Self::BesidePeer => "beside a slow peer",
            Self::Busy => "that is busy at times",
        };
        format!("nginx:ztor web seed {how}")
    }

    pub(super) fn needs() -> Vec<&'static str> {
        vec!["nginx", "ztor"]
    }
}

pub(super) fn all() -> Vec<WebSeed> {
    vec![WebSeed::Alone, WebSeed::BesidePeer, WebSeed::Busy]
}

/// Runs a case, as [`transfer::run`](super::transfer::run) does.
///
/// # Errors
/// If a program fails, the download takes too long, or the data differs.
pub(super) fn run(case: WebSeed, env: &CaseEnv<'_>) -> Result<()> {
    let &CaseEnv { dir, payloads, tools, .. } = env;
    let patience = env.patience(LIMIT);
    let (source, target) = env.folders(CONTENT)?;
    let torrent = env.torrent();
    let net = env.network()?;
    let server = SocketAddr::from((Host::Seeder.ip(), WEB_PORT));
    let url = format!("http://{server}/");
    let ztor = || tools.program("ztor").map(Invocation::new);
    let create = ztor()?.args(["create", "--piece-length", "32KiB", "--output"]).arg(&torrent);
    let create = create.arg(source.join(CONTENT.name()));
    let create = match case {
        WebSeed::BesidePeer => create,
        WebSeed::Alone | WebSeed::Busy => create.args(["--web-seed", &url]),
    };
    create.output(None, dir).context("making the torrent")?;

    let config = dir.join("nginx.conf");
    std::fs::write(&config, configuration(dir, &source, server, case))?;
    let nginx = Invocation::new(tools.program("nginx")?).arg("-c").arg(&config);
    let mut nginx = Process::start(&nginx, Some(&net.namespace(Host::Seeder)), dir, &dir.join("nginx.log"))?;
    patience.until("nginx listens", PAUSE, || {
        nginx.expect_alive()?;
        net.within(Host::Leecher, || Ok(std::net::TcpStream::connect(server).is_ok()))
    })?;

    let quiet = ["--no-dht", "--no-pex", "--no-lsd", "--log-level", "debug", "--port", PORT];
    let get = ztor()?.arg("get").arg(&torrent).arg("--output").arg(&target).args(quiet);
    let (get, seeder) = match case {
        WebSeed::Alone | WebSeed::Busy => (get, None),
        WebSeed::BesidePeer => {
            let seed = ztor()?.arg("seed").arg(&torrent).arg(&source).args(quiet);
            let seed = seed.args(["--limit-up", "100KiB/s"]);
            let seeder = start(&seed, &net, Host::Seeder, dir)?;
            let peer = format!("{}:{PORT}", Host::Seeder.ip());
            (get.args(["--peer", &peer, "--web-seed", &url]), Some(seeder))
        }
    };
    let mut leecher = start(&get, &net, Host::Leecher, dir)?;
    patience.until("the leecher has everything", PAUSE, || match leecher.exit()? {
        Some(status) => {
            ensure!(status.success(), "the leecher ended: {status}");
            Ok(true)
        }
        None => Ok(false),
    })?;
    drop(seeder);
    nginx.expect_alive()?;
    let log = std::fs::read_to_string(dir.join("access.log")).context("reading the log of nginx")?;
    ensure!(log.contains(" 206 "), "nginx has served no range:\n{log}");
    ensure!(!matches!(case, WebSeed::Busy) || log.contains(" 503 "), "nginx has refused no request:\n{log}");
    payloads.compare(CONTENT, &target, EmptyFiles::Needed).context("comparing the files")
}

fn configuration(dir: &Path, root: &Path, server: SocketAddr, case: WebSeed) -> String {
    let (dir, root) = (dir.display(), root.display());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {dir}/nginx-{kind};\n"))
        .concat();
    let (zone, limit) = match case {
        WebSeed::Busy => {
            ("limit_req_zone $binary_remote_addr zone=one:1m rate=60r/m;", "limit_req zone=one;")
        }
        WebSeed::Alone | WebSeed::BesidePeer => ("", ""),
    };
    format!(
        "daemon off;\nworker_processes 1;\nuser root;\npid {dir}/nginx.pid;\nerror_log {dir}/nginx-error.log;\n\
         events {{}}\nhttp {{\n{temporary}{zone}\naccess_log {dir}/access.log;\n\
         server {{ listen {server}; root {root}; {limit} }}\n}}\n"
    )
}

fn start(invocation: &Invocation, net: &Net, host: Host, dir: &Path) -> Result<Process> {
    let role = if host == Host::Seeder { "seeder" } else { "leecher" };
    let home = dir.join(format!("{role}-home"));
    std::fs::create_dir_all(&home)?;
    Process::start(invocation, Some(&net.namespace(host)), &home, &dir.join(format!("{role}-ztor.log")))
}
