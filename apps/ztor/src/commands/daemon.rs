//! `ztor daemon`: runs the daemon in the foreground.

mod flags;
mod notify;
mod sources;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use ztor_daemon::settings::LogFormat;
use ztor_daemon::settings::Settings;
use ztor_daemon::{Daemon, DaemonConfig, Started, Store};
use ztor_server::api::{Listening, ServeConfig};

use crate::console::Console;
use crate::exit::Exit;
use crate::log::LogFilter;
use crate::state_dir::socket_path;
use crate::stop::Stop;
use notify::Notifier;
use sources::SourceArgs;

pub(crate) use flags::SettingFlags;

/// Interval between checks of the flags that signals set.
const TICK: Duration = Duration::from_millis(100);
/// Time for the trackers' answers to `stopped`.
const GOODBYES: Duration = Duration::from_millis(1000);
/// Time for the end of the session. With a second for open requests and the commit of the state, the process ends within
/// five seconds.
const DEADLINE: Duration = Duration::from_millis(3000);
/// Number of threads for what is slow and rare.
const WORKERS: usize = 2;

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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("control")
        .enable_all()
        .build()
        .context("cannot start the threads of the daemon")?;
    let port_is_fixed = !matches!(resolved.source("port"), Some(ztor_api::SettingSource::Default));
    let config = DaemonConfig { state_dir: state_dir.clone(), settings: resolved, port_is_fixed };
    let Started { daemon, salvage } = Daemon::start(store, salvage, config, runtime.handle().clone())?;
    if let Some(salvage) = salvage {
        console.warn(&format!(
            "the state was damaged; {} rows were saved from it, and the damaged file is now {}",
            salvage.rows,
            salvage.damaged.display()
        ));
    }
    let socket = socket_path(&state_dir);
    let about = ztor_api::Daemon {
        name: "ztor".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        peer_addr: daemon.session().local_addr().to_string(),
        api_addrs: Vec::new(),
        state_dir: state_dir.display().to_string(),
        pid: std::process::id(),
    };
    let serve = ServeConfig::new(&settings, socket.clone(), log.buffer());
    let listening = Listening::start(&daemon, &serve, about, runtime.handle())?;
    let (state_dir, socket) = (state_dir.display().to_string(), socket.display().to_string());
    tell_running(console, &daemon, &listening, &settings.base_path, &state_dir, &socket);
    let notifier = Notifier::from_environment();
    notifier.ready();
    follow_log_level(&daemon, log, runtime.handle());
    let on_reload = || reload_all(&daemon, &listening, &source_args, console);
    serve_until_stopped(&daemon, on_reload, stop, &reload, &notifier);
    notifier.stopping();
    listening.end();
    let is_saved = daemon.end(GOODBYES, DEADLINE);
    runtime.shutdown_background();
    if !is_saved {
        console.warn("the disk did not save all data in time; the next start will check it again");
    }
    Ok(Exit::Ok)
}

fn tell_running(
    console: &Console,
    daemon: &Daemon,
    listening: &Listening,
    base_path: &str,
    state_dir: &str,
    socket: &str,
) {
    let peer_addr = daemon.session().local_addr();
    let api: Vec<String> = listening.addrs().iter().map(ToString::to_string).collect();
    if console.is_json() {
        console.json(&Running {
            event: "running",
            peer_addr: peer_addr.to_string(),
            port: peer_addr.port(),
            api,
            socket,
            state_dir,
            torrents: daemon.statistics().torrents,
        });
        return;
    }
    console.line(&format!("Daemon running. Peers connect to port {}.", peer_addr.port()));
    let scheme = if listening.is_tls() { "https" } else { "http" };
    for addr in &api {
        console.line(&format!("  API:    {scheme}://{addr}{base_path}/api/v1"));
    }
    console.line(&format!("  Socket: {socket}"));
    console.line("  `ztor list` shows its torrents, Ctrl-C ends it.");
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
    while !stop.is_set() {
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
