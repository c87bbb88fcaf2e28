//! A tracker over HTTP and UDP.

mod access;
mod batch;
mod http;
mod state;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

pub use access::{Access, AccessError, AccessList};
use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::watch;
pub use ztor_tracker::swarms::Counts;

use crate::files::Files;
use crate::guard::Limits;
use state::State;

/// How often peers that have gone silent are looked for.
const EXPIRY: Duration = Duration::from_secs(60);

/// How long answers under way may take when the server is being stopped.
const GRACE: Duration = Duration::from_millis(500);

/// The most threads that serve UDP.
pub const MAX_WORKERS: usize = 64;

/// What a tracker is to be.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen for HTTP; port 0 takes any free one. `[::]` takes IPv4 as well.
    pub http: Option<SocketAddr>,
    /// Where to listen for UDP; likewise.
    pub udp: Option<SocketAddr>,
    /// Threads that serve UDP, each with a socket of its own on the same port; the system deals datagrams out by address.
    /// 0 starts as many as there are cores, [`MAX_WORKERS`] at most. Systems that cannot deal out have one.
    pub udp_workers: usize,
    /// The most torrents.
    pub max_torrents: usize,
    /// The most peers in all torrents together.
    pub max_peers: usize,
    /// The most peers of one host (an IPv4 address or an IPv6 /64) in a torrent.
    pub max_peers_per_host: usize,
    /// Seconds between announces, as clients are told; up to 5 % are added by chance.
    pub interval_s: u32,
    /// Seconds before which clients should not announce again even if they want more peers.
    pub min_interval_s: Option<u32>,
    /// The torrents and networks that are served, and those that are refused.
    pub access: Access,
    /// Reverse proxies in front of HTTP: of requests from these addresses the last other one in `X-Forwarded-For` is the
    /// client's.
    pub proxies: Vec<IpNet>,
    /// Whether a client may announce another address than its own (BEP 3, `ip`). It could be a victim's.
    pub believes_asked_ip: bool,
    /// What else is handed out over HTTP.
    pub files: Files,
}

impl Default for Config {
    fn default() -> Self {
        let bounds = ztor_tracker::swarms::Config::default();
        Self {
            http: None,
            udp: None,
            udp_workers: 0,
            max_torrents: bounds.max_torrents,
            max_peers: bounds.max_peers_in_all,
            max_peers_per_host: bounds.max_peers_per_host,
            interval_s: 1800,
            min_interval_s: None,
            access: Access::default(),
            proxies: Vec::new(),
            believes_asked_ip: false,
            files: Files::new(),
        }
    }
}

/// Why a tracker could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket could not be had.
    #[error("cannot listen on {addr} ({protocol}): {source}")]
    Listen {
        /// `HTTP` or `UDP`.
        protocol: &'static str,
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A thread or what it needs could not be had.
    #[error("cannot start the tracker's thread: {0}")]
    Thread(#[source] io::Error),
    /// Neither HTTP nor UDP is wanted.
    #[error("a tracker needs an address for HTTP or for UDP")]
    NoAddress,
}

/// A running tracker. It ends when it is stopped or dropped.
#[derive(Debug)]
pub struct TrackerServer {
    http: Option<SocketAddr>,
    udp: Option<SocketAddr>,
    state: Arc<State>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    workers: Option<udp::Workers>,
}

impl TrackerServer {
    /// Starts a tracker on a thread of its own. Its sockets are open when this returns.
    ///
    /// # Errors
    /// If a socket or the thread could not be had; nothing is left running then.
    pub fn start(config: Config) -> Result<Self, StartError> {
        if config.http.is_none() && config.udp.is_none() {
            return Err(StartError::NoAddress);
        }
        let (http_socket, http) = listen("HTTP", config.http, Type::STREAM)?.unzip();
        let (udp_socket, udp) = listen("UDP", config.udp, Type::DGRAM)?.unzip();
        let udp_sockets = match udp_socket.zip(udp) {
            Some((socket, addr)) => share_port(socket, addr, config.udp_workers),
            None => Vec::new(),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let state = Arc::new(State::new(config));
        let workers = udp::Workers::start(udp_sockets, &state).map_err(StartError::Thread)?;
        let (stop, stopping) = watch::channel(false);
        let run = {
            let state = Arc::clone(&state);
            move || {
                runtime.block_on(run(state, http_socket, stopping));
                runtime.shutdown_timeout(GRACE);
            }
        };
        let thread = std::thread::Builder::new()
            .name("ztor-tracker".to_owned())
            .spawn(run)
            .map_err(StartError::Thread)?;
        Ok(Self { http, udp, state, stop, thread: Some(thread), workers: Some(workers) })
    }

    /// Where HTTP is listened for.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Where UDP is listened for.
    pub fn udp_addr(&self) -> Option<SocketAddr> {
        self.udp
    }

    /// What is handed out over HTTP beside answers to announces.
    pub fn files(&self) -> &Files {
        &self.state.files
    }

    /// Replaces the lists of what is served and refused. Peers that are known stay until they miss their announces.
    pub fn set_access(&self, access: Access) {
        self.state.set_access(access);
    }

    /// How many torrents and how many peers are known, and the memory for them. Looks at every torrent.
    pub fn counts(&self) -> Counts {
        self.state.counts()
    }

    /// Ends it, within a second or so: answers under way are given half a second.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        self.workers = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the tracker's thread panicked");
        }
    }
}

impl Drop for TrackerServer {
    fn drop(&mut self) {
        self.end();
    }
}

async fn run(state: Arc<State>, http_socket: Option<Socket>, mut stopping: watch::Receiver<bool>) {
    let serve = |socket| http::serve(socket, Arc::clone(&state), Limits::default(), stopping.clone());
    let http = http_socket.map(|socket| tokio::spawn(serve(socket)));
    let expiry = async {
        loop {
            tokio::time::sleep(EXPIRY).await;
            state.expire();
        }
    };
    tokio::select! {
        () = expiry => {}
        // Its error is that the handle is gone, which is a reason to stop as well.
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    if let Some(http) = http {
        // Whoever has not got its answer by then does without.
        let _ = tokio::time::timeout(GRACE, http).await;
    }
}

/// A socket that is bound, listening if it is a stream, and ready for the runtime.
fn listen(
    protocol: &'static str,
    addr: Option<SocketAddr>,
    kind: Type,
) -> Result<Option<(Socket, SocketAddr)>, StartError> {
    let Some(addr) = addr else { return Ok(None) };
    let open = || {
        let socket = bind(addr, kind, false)?;
        let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
        Ok((socket, local))
    };
    open().map(Some).map_err(|source| StartError::Listen { protocol, addr, source })
}

fn bind(addr: SocketAddr, kind: Type, shares_port: bool) -> io::Result<Socket> {
    let transport = if kind == Type::STREAM { Protocol::TCP } else { Protocol::UDP };
    let socket = Socket::new(Domain::for_address(addr), kind, Some(transport))?;
    if addr.is_ipv6() {
        // Where the system has no IPv4 to share, IPv6 alone is what was asked for.
        let _ = socket.set_only_v6(!addr.ip().is_unspecified());
    }
    // On Windows this would let others take the port over.
    #[cfg(unix)]
    {
        if kind == Type::STREAM {
            socket.set_reuse_address(true)?;
        }
        if shares_port {
            socket.set_reuse_port(true)?;
        }
    }
    socket.bind(&addr.into())?;
    if kind == Type::STREAM {
        socket.listen(1024)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The socket and others on its port, one for each worker.
fn share_port(socket: Socket, addr: SocketAddr, workers: usize) -> Vec<Socket> {
    let cores = || std::thread::available_parallelism().map_or(1, Into::into);
    let workers = if workers == 0 { cores() } else { workers }.min(MAX_WORKERS);
    let mut sockets = vec![socket];
    #[cfg(target_os = "linux")]
    if workers > 1 {
        // The first was bound without this flag, so that a port in use is an error.
        let more = sockets[0].set_reuse_port(true).and_then(|()| {
            (1..workers).map(|_| bind(addr, Type::DGRAM, true)).collect::<io::Result<Vec<_>>>()
        });
        match more {
            Ok(more) => sockets.extend(more),
            Err(error) => tracing::warn!(%error, "the tracker serves UDP with one thread"),
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (addr, workers);
    sockets
}

#[cfg(test)]
mod slow_client_tests;
#[cfg(test)]
mod tests;
