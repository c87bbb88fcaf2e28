//! A daemon with its API, for `ztor daemon` and `ztor demo --web`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use ztor_daemon::settings::Resolved;
use ztor_daemon::{Daemon, DaemonConfig, Salvage, Started, Store};
use ztor_server::api::{Listening, LogBuffer, ServeConfig};

use crate::state_dir::socket_path;

/// Time for the trackers' answers to `stopped`.
const GOODBYES: Duration = Duration::from_millis(1000);
/// Time for the end of the session. With a second for open requests and the commit of the state, the process ends within
/// five seconds.
const DEADLINE: Duration = Duration::from_millis(3000);
/// Number of threads for what is slow and rare.
const WORKERS: usize = 2;

/// A running daemon with its API.
pub(crate) struct Served {
    pub(crate) daemon: Daemon,
    pub(crate) listening: Listening,
    pub(crate) socket: PathBuf,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Served {
    /// Starts a daemon on an open database. Also returns the result of the salvage of a damaged one.
    pub(crate) fn start(
        (store, salvage): (Store, Option<Salvage>),
        state_dir: PathBuf,
        settings: Resolved,
        log: LogBuffer,
    ) -> anyhow::Result<(Self, Option<Salvage>)> {
        let chosen = settings.settings().clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("control")
            .enable_all()
            .build()
            .context("cannot start the threads of the daemon")?;
        let port_is_fixed = !matches!(settings.source("port"), Some(ztor_api::SettingSource::Default));
        let config = DaemonConfig { state_dir: state_dir.clone(), settings, port_is_fixed };
        let Started { daemon, salvage } = Daemon::start(store, salvage, config, runtime.handle().clone())?;
        let socket = socket_path(&state_dir);
        let about = ztor_api::Daemon {
            name: "ztor".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            peer_addr: daemon.session().local_addr().to_string(),
            api_addrs: Vec::new(),
            web_url: None,
            state_dir: state_dir.display().to_string(),
            pid: std::process::id(),
        };
        let serve = ServeConfig::new(&chosen, socket.clone(), log);
        let listening = Listening::start(&daemon, &serve, about, runtime.handle())?;
        Ok((Self { daemon, listening, socket, runtime }, salvage))
    }

    /// Ends the daemon within five seconds. Returns false if the disk did not save all data in time.
    pub(crate) fn end(self) -> bool {
        self.listening.end();
        let is_saved = self.daemon.end(GOODBYES, DEADLINE);
        self.runtime.shutdown_background();
        is_saved
    }
}
