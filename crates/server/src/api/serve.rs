//! Listeners of the API: the local socket, and TCP with and without TLS.
//!
//! `local` binds the socket, `tls` reads certificates, `stream` bounds connections, `connection` serves one, and
//! `unread` lets it go on after a refusal.

mod connection;
mod local;
mod stream;
mod tls;
mod unread;

use super::metrics::RequestCounts;
use super::{LogBuffer, app, guard};
use crate::access::{Access, AccessError, Rules};
use crate::foreign::Foreign;
use crate::web::Web;
use connection::{End, Server};
use ipnet::IpNet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use ztor_daemon::Daemon;
use ztor_daemon::settings::Settings;

pub use crate::web::WebError;
pub use tls::TlsFiles;

use tls::Tls;

/// Time for open requests at the end.
const GOODBYE: Duration = Duration::from_secs(1);

/// Addresses of the API, and the rules for access to it.
#[derive(Debug, Clone, Default)]
pub struct ServeConfig {
    /// Path of the local socket. Whoever can open it needs no credentials.
    pub socket: PathBuf,
    /// TCP addresses.
    pub listen: Vec<SocketAddr>,
    /// Certificate and key for TLS; `None` for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Path before all others: empty, or with a slash at its beginning and none at its end.
    pub base_path: String,
    /// Reverse proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Host names under which the API may be reached, besides IP addresses and `localhost`.
    pub allowed_hosts: Vec<String>,
    /// File with the password or its hash; `None` for the stored password.
    pub password_file: Option<PathBuf>,
    /// Folder of the web UI; `None` for the built-in one.
    pub web_dir: Option<PathBuf>,
    /// Lines of the log for front ends.
    pub log: LogBuffer,
    /// The Transmission RPC.
    pub transmission: ForeignConfig,
    /// The qBittorrent Web API.
    pub qbittorrent: ForeignConfig,
}

/// Addresses of an API of another program.
#[derive(Debug, Clone, Default)]
pub struct ForeignConfig {
    /// TCP addresses; empty if it is not served.
    pub listen: Vec<SocketAddr>,
    /// Folder of a web UI that is served with it.
    pub web_dir: Option<PathBuf>,
}

impl ServeConfig {
    /// Returns the configuration in settings.
    pub fn new(settings: &Settings, socket: PathBuf, log: LogBuffer) -> Self {
        let files = settings.tls_certificate.clone().zip(settings.tls_key.clone());
        Self {
            socket,
            listen: settings.listen.clone(),
            tls: files.map(|(certificate, key)| TlsFiles { certificate, key }),
            base_path: settings.base_path.clone(),
            trusted_proxies: settings.trusted_proxies.clone(),
            allowed_hosts: settings.allowed_hosts.clone(),
            password_file: settings.password_file.clone(),
            web_dir: settings.web_dir.clone(),
            log,
            transmission: ForeignConfig {
                listen: settings.transmission_listen.clone(),
                web_dir: settings.transmission_web_dir.clone(),
            },
            qbittorrent: ForeignConfig {
                listen: settings.qbittorrent_listen.clone(),
                web_dir: settings.qbittorrent_web_dir.clone(),
            },
        }
    }
}

/// Reason why the API is not served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The path of the local socket is too long for the system.
    #[error(
        "cannot listen on the local socket {}: its path has {len} bytes, and the system allows {}; choose a shorter state \
         folder with --state-dir",
        path.display(), local::MAX_PATH
    )]
    SocketPath {
        /// Path of the socket.
        path: PathBuf,
        /// Length in bytes.
        len: usize,
    },
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
    /// The certificate or its key cannot be used.
    #[error("cannot use {} for TLS: {reason}", path.display())]
    Tls {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// The folder of the web UI cannot be used.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The password or the tokens cannot be used.
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// The running API. Ends when it is dropped.
#[derive(Debug)]
pub struct Listening {
    addrs: Vec<SocketAddr>,
    transmission: Vec<SocketAddr>,
    qbittorrent: Vec<SocketAddr>,
    socket: PathBuf,
    web_url: Option<String>,
    access: Access,
    tls: Option<Tls>,
    ending: watch::Sender<bool>,
    /// Disconnected when the last connection has ended.
    ended: mpsc::Receiver<()>,
}

impl Listening {
    /// Begins to serve the API.
    ///
    /// # Errors
    /// An address, the socket, the certificate or the password cannot be used.
    pub fn start(
        daemon: &Daemon,
        config: &ServeConfig,
        mut about: ztor_api::Daemon,
        runtime: &Handle,
    ) -> Result<Self, ServeError> {
        let _inside = runtime.enter();
        let rules = Rules {
            trusted_proxies: config.trusted_proxies.clone(),
            allowed_hosts: config.allowed_hosts.clone(),
            base_path: config.base_path.clone(),
        };
        let web = Web::new(config.web_dir.clone())?;
        let access = Access::start(daemon, rules, config.password_file.clone())?;
        let tls = config.tls.clone().map(Tls::read).transpose()?;
        let listeners = bind(&config.listen)?;
        let of_transmission = bind(&config.transmission.listen)?;
        let of_qbittorrent = bind(&config.qbittorrent.listen)?;
        let local = local::bind(&config.socket)?;
        let addrs: Vec<SocketAddr> = listeners.iter().map(|(addr, _)| *addr).collect();
        about.api_addrs = addrs.iter().map(SocketAddr::to_string).collect();
        let web_url = addrs.first().map(|addr| web_url(*addr, tls.is_some(), &config.base_path));
        about.web_url.clone_from(&web_url);
        // Clients of the local socket do not know the path for the reverse proxy.
        let requests = RequestCounts::default();
        let routes =
            |base_path: &str| app(daemon, &access, about.clone(), &config.log, &requests, base_path, &web);
        let on_socket = guard::local(routes(""), &requests);
        let on_tcp = guard::remote(routes(&config.base_path), access.clone(), &requests);
        let (ending, is_ending) = watch::channel(false);
        let (alive, ended) = mpsc::channel();
        let end = End::new(is_ending, alive);
        runtime.spawn(connection::serve_local(local, on_socket, end.clone()));
        let foreign = Foreign::new(daemon, &access, &config.log, &about);
        let addrs_of =
            |listeners: &[(SocketAddr, TcpListener)]| listeners.iter().map(|(addr, _)| *addr).collect();
        let (transmission, qbittorrent) = (addrs_of(&of_transmission), addrs_of(&of_qbittorrent));
        let all = [
            (listeners, on_tcp),
            (of_transmission, crate::transmission::app(&foreign, config.transmission.web_dir.clone())),
            (of_qbittorrent, crate::qbittorrent::app(&foreign, config.qbittorrent.web_dir.clone())),
        ];
        for (listeners, app) in all {
            let tls = tls.as_ref().map(Tls::configs);
            let server = Server::new(app, tls, config.trusted_proxies.clone(), end.clone());
            for (_, listener) in listeners {
                runtime.spawn(server.clone().serve(listener));
            }
        }
        let socket = config.socket.clone();
        Ok(Self { addrs, transmission, qbittorrent, socket, web_url, access, tls, ending, ended })
    }

    #[cfg(test)]
    pub(crate) fn access_for_tests(&self) -> Access {
        self.access.clone()
    }

    /// Returns the TCP addresses of the Transmission RPC.
    pub fn transmission_addrs(&self) -> &[SocketAddr] {
        &self.transmission
    }

    /// Returns the TCP addresses of the qBittorrent Web API.
    pub fn qbittorrent_addrs(&self) -> &[SocketAddr] {
        &self.qbittorrent
    }

    /// Returns the TCP addresses.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Returns the URL of the web UI; `None` if only the local socket is served.
    pub fn web_url(&self) -> Option<&str> {
        self.web_url.as_deref()
    }

    /// Makes a code for the hash of that URL, which begins one session without a password within five minutes.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn login_code(&self) -> Result<String, AccessError> {
        Ok(self.access.make_code(None)?)
    }

    /// Returns true if there is a password with which people can log in.
    pub fn has_password(&self) -> bool {
        self.access.account().has_password
    }

    /// Returns true if the TCP addresses speak TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Reads the certificate, its key and the password file again. New connections use the new certificate.
    ///
    /// # Errors
    /// A file cannot be used. What it replaces stays in use.
    pub fn reload(&self) -> Result<(), ServeError> {
        let tls = self.tls.as_ref().map_or(Ok(()), Tls::reload);
        self.access.reload()?;
        tls
    }

    /// Ends the API. Waits at most a second for requests that are under way. Logins go on with the next start.
    pub fn end(self) {
        self.access.save_sessions();
        self.ending.send_replace(true);
        // An error means that all connections have ended; a time-out, that the others are cut.
        if self.ended.recv_timeout(GOODBYE) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::debug!("requests are under way at the end");
        }
    }
}

/// Begins to listen on addresses.
fn bind(addrs: &[SocketAddr]) -> Result<Vec<(SocketAddr, TcpListener)>, ServeError> {
    let bind = |addr: &SocketAddr| {
        let listener = std::net::TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?, TcpListener::from_std(listener)?))
    };
    let bound =
        addrs.iter().map(|addr| bind(addr).map_err(|error| ServeError::Listen { addr: *addr, error }));
    bound.collect()
}

/// Returns the URL of the web UI at an address. One that stands for all addresses is reached on this machine.
fn web_url(addr: SocketAddr, is_tls: bool, base_path: &str) -> String {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if is_tls { "https" } else { "http" };
    format!("{scheme}://{}{base_path}/", SocketAddr::new(ip, addr.port()))
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.ending.send_replace(true);
        // A socket without a listener only confuses its clients.
        if let Err(error) = std::fs::remove_file(&self.socket) {
            tracing::debug!(%error, "cannot remove the local socket");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod tests;
