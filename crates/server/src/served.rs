//! A daemon with its API in one process, for the program `ztor` and for the desktop app.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use ztor_daemon::settings::Resolved;
use ztor_daemon::{Daemon, DaemonConfig, DaemonStartError, Salvage, Started, Store};

use crate::api::{Listening, LogBuffer, ServeConfig, ServeError};

/// Time for the trackers' answers to `stopped`.
const GOODBYES: Duration = Duration::from_millis(1000);
/// Time for the end of the session. With a second for open requests and the commit of the state, the process ends within
/// five seconds.
const DEADLINE: Duration = Duration::from_millis(3000);
/// Number of threads for what is slow and rare.
const WORKERS: usize = 2;

/// A running daemon with its API.
#[derive(Debug)]
pub struct Served {
    /// The daemon.
    pub daemon: Daemon,
    /// Its API.
    pub listening: Listening,
    /// Path of its local socket.
    pub socket: PathBuf,
    /// Threads on which it runs.
    pub runtime: tokio::runtime::Runtime,
}

/// A daemon cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServedError {
    /// There are no threads for it.
    #[error("cannot start the threads of the daemon: {0}")]
    Threads(#[from] io::Error),
    /// The daemon itself cannot start.
    #[error(transparent)]
    Daemon(#[from] DaemonStartError),
    /// Its API cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

impl Served {
    /// Starts a daemon on an open database. Also returns the result of the salvage of a damaged one.
    ///
    /// # Errors
    /// The session cannot start, or an address of the API cannot be used.
    pub fn start(
        (store, salvage): (Store, Option<Salvage>),
        state_dir: PathBuf,
        settings: Resolved,
        log: LogBuffer,
    ) -> Result<(Self, Option<Salvage>), ServedError> {
        let chosen = settings.settings().clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("control")
            .enable_all()
            .build()?;
        let port_is_fixed = !matches!(settings.source("port"), Some(ztor_api::SettingSource::Default));
        let config = DaemonConfig { state_dir: state_dir.clone(), settings, port_is_fixed };
        let Started { daemon, salvage } = Daemon::start(store, salvage, config, runtime.handle().clone())?;
        let socket = ztor_api::socket_in(&state_dir);
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
        match Listening::start(&daemon, &serve, about, runtime.handle()) {
            Ok(listening) => Ok((Self { daemon, listening, socket, runtime }, salvage)),
            Err(error) => {
                // What was begun is saved; the error says more than a failure of that.
                daemon.end(Duration::ZERO, DEADLINE);
                runtime.shutdown_background();
                Err(error.into())
            }
        }
    }

    /// Ends the daemon within five seconds. Returns false if the disk did not save all data in time.
    pub fn end(self) -> bool {
        self.listening.end();
        let is_saved = self.daemon.end(GOODBYES, DEADLINE);
        self.runtime.shutdown_background();
        is_saved
    }
}
