//! Listeners of the API: the local socket, and TCP.

use super::{Api, LogBuffer, routes};
use axum::Router;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use thiserror::Error;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Handle;
use tokio::sync::watch;
use ztor_daemon::Daemon;

/// Addresses of the API.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Path of the local socket. Whoever can open it needs no credentials.
    pub socket: PathBuf,
    /// TCP addresses.
    pub listen: Vec<SocketAddr>,
    /// Lines of the log for front ends.
    pub log: LogBuffer,
}

/// Reason why the API is not served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The local socket cannot be created.
    #[error("cannot listen on the local socket {}: {error}", path.display())]
    Socket {
        /// Path of the socket.
        path: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// An address cannot be used.
    #[error("cannot listen on {addr}: {error}; choose another address or port")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Cause.
        error: io::Error,
    },
}

/// The running API. Ends when it is dropped.
#[derive(Debug)]
pub struct Listening {
    addrs: Vec<SocketAddr>,
    socket: PathBuf,
    _end: watch::Sender<()>,
}

impl Listening {
    /// Begins to serve the API.
    ///
    /// # Errors
    /// An address or the socket cannot be used.
    pub fn start(
        daemon: &Daemon,
        config: &ServeConfig,
        mut about: ztor_api::Daemon,
        runtime: &Handle,
    ) -> Result<Self, ServeError> {
        let _inside = runtime.enter();
        let local = bind_socket(&config.socket)?;
        let mut listeners = Vec::new();
        for addr in &config.listen {
            let failed = |error| ServeError::Listen { addr: *addr, error };
            let listener = std::net::TcpListener::bind(addr).map_err(failed)?;
            listener.set_nonblocking(true).map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            listeners.push((bound, TcpListener::from_std(listener).map_err(failed)?));
        }
        let addrs: Vec<SocketAddr> = listeners.iter().map(|(addr, _)| *addr).collect();
        about.api_addrs = addrs.iter().map(SocketAddr::to_string).collect();
        let api = routes(Api::new(daemon.clone(), about, config.log.clone()));
        let app = Router::new().nest(ztor_api::BASE, api).fallback(super::answer::not_found);
        let (end, ended) = watch::channel(());
        let service = app.clone().into_make_service();
        runtime.spawn(until(ended.clone(), axum::serve(local, service).into_future()));
        for (_, listener) in listeners {
            let service = app.clone().into_make_service_with_connect_info::<SocketAddr>();
            runtime.spawn(until(ended.clone(), axum::serve(listener, service).into_future()));
        }
        Ok(Self { addrs, socket: config.socket.clone(), _end: end })
    }

    /// Returns the TCP addresses.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // A socket without a listener only confuses its clients.
        if let Err(error) = std::fs::remove_file(&self.socket) {
            tracing::debug!(%error, "cannot remove the local socket");
        }
    }
}

/// Runs a server until its end, or until the sender is dropped.
async fn until(mut ended: watch::Receiver<()>, server: impl Future<Output = io::Result<()>>) {
    tokio::select! {
        result = server => {
            if let Err(error) = result {
                tracing::error!(%error, "the API has ended");
            }
        }
        _ = ended.changed() => {}
    }
}

/// Listens on a socket that only the owner of the process can open.
fn bind_socket(path: &Path) -> Result<UnixListener, ServeError> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |error| ServeError::Socket { path: path.to_owned(), error };
    // The state folder is locked, so a socket in it is of a process that has ended.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}
