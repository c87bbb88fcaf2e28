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

/// Interval between two searches for silent peers.
const EXPIRY: Duration = Duration::from_secs(60);

/// Time for answers under way when the server stops.
const GRACE: Duration = Duration::from_millis(500);

/// Maximum number of threads that serve UDP.
pub const MAX_WORKERS: usize = 64;

/// Configuration of a tracker.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address for HTTP; `None` for no HTTP. Port 0 takes any free one. `[::]` includes IPv4.
    pub http: Option<SocketAddr>,
    /// Address for UDP, likewise.
    pub udp: Option<SocketAddr>,
    /// Number of threads that serve UDP, each with its own socket on the same port. The system distributes datagrams by
    /// address. 0 starts one per core, at most [`MAX_WORKERS`]. Systems that cannot distribute them have one.
    pub udp_workers: usize,
    /// Maximum number of torrents.
    pub max_torrents: usize,
    /// Maximum number of peers in all torrents together.
    pub max_peers: usize,
    /// Maximum number of peers of one host (an IPv4 address or an IPv6 /64) in a torrent.
    pub max_peers_per_host: usize,
    /// Interval between announces, in seconds. Up to 5 % are added at random.
    pub interval_s: u32,
    /// Least number of seconds between announces even if clients want more peers; `None` names none.
    pub min_interval_s: Option<u32>,
    /// The torrents and networks that are served, and those that are refused.
    pub access: Access,
    /// Reverse proxies in front of HTTP. In requests from these addresses, the last other address in `X-Forwarded-For`
    /// is the client's.
    pub proxies: Vec<IpNet>,
    /// True if a client may announce another address than its own (BEP 3, `ip`). It could be a victim's.
    pub believes_asked_ip: bool,
    /// Files that are served over HTTP.
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

/// Reasons why a tracker could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket could not be opened.
    #[error("cannot listen on {addr} ({protocol}): {source}")]
    Listen {
        /// `HTTP` or `UDP`.
        protocol: &'static str,
        /// The requested address.
        addr: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A thread, or something that it needs, could not be created.
    #[error("cannot start the tracker's thread: {0}")]
    Thread(#[source] io::Error),
    /// There is no address, neither for HTTP nor for UDP.
    #[error("cannot start the tracker: there is no address for HTTP or UDP")]
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
    /// Starts a tracker on its own thread. Its sockets are open when this returns.
    ///
    /// # Errors
    /// If a socket or a thread cannot be created. Nothing is left running then.
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

    /// Returns the address for HTTP; `None` without HTTP.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Returns the address for UDP; `None` without UDP.
    pub fn udp_addr(&self) -> Option<SocketAddr> {
        self.udp
    }

    /// Returns the files that are served over HTTP.
    pub fn files(&self) -> &Files {
        &self.state.files
    }

    /// Replaces the access lists. Known peers stay until they miss their announces.
    pub fn set_access(&self, access: Access) {
        self.state.set_access(access);
    }

    /// Returns the number of known torrents and peers, and the memory for them. Visits every torrent.
    pub fn counts(&self) -> Counts {
        self.state.counts()
    }

    /// Stops the tracker, within about a second. Answers under way get half a second.
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
        // It fails if the handle was dropped, which is a reason to stop as well.
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    if let Some(http) = http {
        // Clients without an answer by then get none.
        let _ = tokio::time::timeout(GRACE, http).await;
    }
}

/// Opens a socket that is bound and ready for the runtime. A stream socket listens.
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
        // If the system has no IPv4 to include, IPv6 alone is enough.
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

/// Returns the socket and others on its port, one for each worker.
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
            Err(error) => tracing::warn!(%error, "cannot share the UDP port; serving UDP with one thread"),
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
