//! `ztor daemon`: runs the daemon in the foreground.

mod flags;
mod notify;
mod sources;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use ztor_daemon::settings::LogFormat;
use ztor_daemon::settings::Settings;
use ztor_daemon::{Daemon, Store};
use ztor_server::api::Listening;

use crate::console::Console;
use crate::exit::Exit;
use crate::log::LogFilter;
use crate::stop::Stop;
use notify::Notifier;
use sources::SourceArgs;
use ztor_server::Served;

pub(crate) use flags::SettingFlags;

/// Interval between checks of the flags that signals set.
const TICK: Duration = Duration::from_millis(100);
/// Flags of `ztor daemon`.
#[derive(Debug, clap::Args)]
pub(crate) struct DaemonArgs {
    /// Folder for the state: torrents, settings, statistics [default: $XDG_STATE_HOME/ztor/daemon]
    #[arg(long, value_name = "DIR", env = "ZTOR_STATE_DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Configuration file [default: $XDG_CONFIG_HOME/ztor/ztor.toml, if it exists]
    #[arg(long, value_name = "FILE", env = "ZTOR_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Print a configuration file with all settings and their defaults, and exit
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Add this number of torrents without content, whose figures change, to measure front ends
    #[arg(long, value_name = "N", default_value_t = 0, hide = true)]
    pub(crate) demo_torrents: u64,
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
}

/// The message that the daemon runs.
#[derive(Debug, Serialize)]
struct Running<'a> {
    event: &'static str,
    /// Address on which peers are accepted.
    peer_addr: String,
    /// Port on which peers are accepted.
    port: u16,
    /// TCP addresses of the API.
    api: Vec<String>,
    /// URL of the web UI; `null` without a TCP address.
    web: Option<&'a str>,
    /// TCP addresses of the Transmission RPC.
    transmission: Vec<String>,
    /// TCP addresses of the qBittorrent Web API.
    qbittorrent: Vec<String>,
    socket: &'a str,
    state_dir: &'a str,
    torrents: usize,
}

pub(super) fn run(
    args: &DaemonArgs,
    console: &Console,
    stop: &Stop,
    log: &LogFilter,
) -> anyhow::Result<Exit> {
    if args.print_config {
        console.line(ztor_daemon::settings::commented_toml().trim_end());
        return Ok(Exit::Ok);
    }
    let reload = stop.reload_on_hangup().context("cannot handle signals")?;
    let state_dir = crate::state_dir::of(args.state_dir.as_deref())?;
    let (store, salvage) = Store::open(&state_dir)?;
    let source_args = SourceArgs { config: args.config.clone(), flags: args.settings.clone() };
    let resolved = source_args.read()?.stored(store.settings()?).resolve().map_err(sources::refused)?;
    for warning in resolved.warnings() {
        console.warn(&warning.to_string());
    }
    let settings = resolved.settings().clone();
    if !log.is_by_user() {
        log.set(&settings.log_level);
    }
    log.set_json(settings.log_format == LogFormat::Json);
    prepare_folders(&settings, console);
    let buffer = log.buffer();
    let (served, salvage) = Served::start((store, salvage), state_dir.clone(), resolved, buffer)?;
    if let Some(salvage) = salvage {
        console.warn(&format!(
            "the state was damaged; {} rows were saved from it, and the damaged file is now {}",
            salvage.rows,
            salvage.damaged.display()
        ));
        if salvage.is_partial {
            console.warn(
                "settings may be lost, among them proxy, bind and anonymous: all torrents are paused; check the \
                 settings before you start them",
            );
        }
    }
    if args.demo_torrents > 0 {
        served.daemon.add_synthetic(args.demo_torrents);
    }
    tell_running(console, &served, &state_dir.display().to_string());
    let notifier = Notifier::from_environment();
    notifier.ready();
    follow_log_level(&served.daemon, log, served.runtime.handle());
    let on_reload = || reload_all(&served.daemon, &served.listening, &source_args, console);
    serve_until_stopped(&served.daemon, on_reload, stop, &reload, &notifier);
    notifier.stopping();
    if !served.end() {
        console.warn("the disk did not save all data in time; the next start will check it again");
    }
    Ok(Exit::Ok)
}

fn texts(addrs: &[SocketAddr]) -> Vec<String> {
    addrs.iter().map(SocketAddr::to_string).collect()
}

fn tell_running(console: &Console, served: &Served, state_dir: &str) {
    let Served { daemon, listening, socket, .. } = served;
    let peer_addr = daemon.session().local_addr();
    let socket = socket.display().to_string();
    if console.is_json() {
        console.json(&Running {
            event: "running",
            peer_addr: peer_addr.to_string(),
            port: peer_addr.port(),
            api: texts(listening.addrs()),
            web: listening.web_url(),
            transmission: texts(listening.transmission_addrs()),
            qbittorrent: texts(listening.qbittorrent_addrs()),
            socket: &socket,
            state_dir,
            torrents: daemon.statistics().torrents,
        });
        return;
    }
    console.line(&format!("Daemon running. Peers connect to port {}.", peer_addr.port()));
    if let Some(url) = listening.web_url() {
        console.line(&format!("  Web UI: {url}"));
        tell_login(console, listening, url);
    }
    let scheme = if listening.is_tls() { "https" } else { "http" };
    for addr in listening.transmission_addrs() {
        console.line(&format!("  Transmission RPC: {scheme}://{addr}/transmission/rpc"));
    }
    for addr in listening.qbittorrent_addrs() {
        console.line(&format!("  qBittorrent Web API: {scheme}://{addr}"));
    }
    console.line(&format!("  Socket: {socket}"));
    console.line("  `ztor list` shows its torrents, Ctrl-C ends it.");
}

/// Tells how to log in while there is no password. A link that logs in is for the eyes at a terminal, not for the journal
/// of a service.
fn tell_login(console: &Console, listening: &Listening, url: &str) {
    if listening.has_password() {
        return;
    }
    match listening.login_code() {
        Ok(code) if std::io::stdout().is_terminal() => {
            console.line(&format!("          {}", crate::browser::with_code(url, &code)));
            console.line("          This link logs in once, within 5 minutes, and asks for a password.");
        }
        _ => console.line("          `ztor web` opens it without a password, `ztor password` sets one."),
    }
}

/// Creates the download folder, which a new installation does not have. Its drive may be missing, which only concerns
/// the torrents on it.
fn prepare_folders(settings: &Settings, console: &Console) {
    if let Err(error) = std::fs::create_dir_all(&settings.download_dir) {
        console.warn(&format!(
            "cannot create the download folder {}: {error}; torrents in it wait, and `ztor settings set download_dir DIR` \
             chooses another one",
            settings.download_dir.display()
        ));
    }
}

/// Changes the level of the log when its setting changes.
fn follow_log_level(daemon: &Daemon, log: &LogFilter, runtime: &tokio::runtime::Handle) {
    if log.is_by_user() {
        return;
    }
    let (mut settings, log) = (daemon.settings_changes(), log.clone());
    runtime.spawn(async move {
        while settings.changed().await.is_ok() {
            let level = settings.borrow_and_update().log_level.clone();
            log.set(&level);
        }
    });
}

fn serve_until_stopped(
    daemon: &Daemon,
    on_reload: impl Fn(),
    stop: &Stop,
    reload: &Arc<AtomicBool>,
    notifier: &Notifier,
) {
    let mut watchdog = Instant::now();
    while !stop.is_set() && !daemon.is_asked_to_end() {
        std::thread::sleep(TICK);
        if notifier.watchdog().is_some_and(|every| watchdog.elapsed() >= every) {
            watchdog = Instant::now();
            // Locks what every request needs, so that a daemon that hangs is not reported as alive.
            daemon.check_alive();
            notifier.alive();
        }
        if reload.swap(false, Ordering::Relaxed) {
            notifier.reloading();
            on_reload();
            notifier.ready();
        }
    }
}

/// Reads the settings, the certificate and the password file again.
fn reload_all(daemon: &Daemon, listening: &Listening, source_args: &SourceArgs, console: &Console) {
    reload_settings(daemon, source_args, console);
    if let Err(error) = listening.reload() {
        console.warn(&error.to_string());
    }
}

fn reload_settings(daemon: &Daemon, source_args: &SourceArgs, console: &Console) {
    let reloaded = source_args.read().and_then(|sources| {
        daemon.reload_settings(sources).map_err(|errors| sources::refused(errors).into())
    });
    match reloaded {
        Ok(pending) if pending.is_empty() => tracing::info!("settings reloaded"),
        Ok(pending) => {
            console.warn(&format!("these settings take effect with the next start: {}", pending.join(", ")));
        }
        Err(error) => console.warn(&format!("the settings stay as they are: {error:#}")),
    }
}
