//! A tracker over HTTP and UDP.

mod http;
mod udp;

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::watch;
use ztor_base::{Instant, SwarmId};
use ztor_tracker::swarms::{self, Asker, Families, Refusal, Swarms};
use ztor_tracker::{AnnounceReply, AnnounceRequest};

use crate::files::Files;

/// How often peers that have gone silent are looked for.
const EXPIRY: Duration = Duration::from_secs(60);

/// How long answers under way may take when the server is being stopped.
const GRACE: Duration = Duration::from_millis(500);

/// What a tracker is to be.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen for HTTP; port 0 takes any free one. `[::]` takes IPv4 as well.
    pub http: Option<SocketAddr>,
    /// Where to listen for UDP; likewise.
    pub udp: Option<SocketAddr>,
    /// Seconds between announces, as clients are told.
    pub interval_s: u32,
    /// Seconds before which clients should not announce again even if they want more peers.
    pub min_interval_s: Option<u32>,
    /// The only torrents that are tracked; `None` tracks whatever is announced.
    pub allowed: Option<Vec<SwarmId>>,
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
        Self {
            http: None,
            udp: None,
            interval_s: 1800,
            min_interval_s: None,
            allowed: None,
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
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let state = Arc::new(State::new(config));
        let (stop, stopping) = watch::channel(false);
        let run = {
            let state = Arc::clone(&state);
            move || {
                runtime.block_on(run(state, http_socket, udp_socket, stopping));
                runtime.shutdown_timeout(GRACE);
            }
        };
        let thread = std::thread::Builder::new()
            .name("ztor-tracker".to_owned())
            .spawn(run)
            .map_err(StartError::Thread)?;
        Ok(Self { http, udp, state, stop, thread: Some(thread) })
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

    /// Adds to the torrents that are tracked, if there is a list of them.
    pub fn allow(&self, info_hash: SwarmId) {
        self.state.swarms().allow(info_hash);
    }

    /// How many torrents and how many peers are known.
    pub fn counts(&self) -> (usize, usize) {
        self.state.swarms().counts()
    }

    /// Ends it, within a second or so: answers under way are given half a second.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
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

/// What both protocols share.
#[derive(Debug)]
struct State {
    swarms: Mutex<Swarms>,
    files: Files,
    proxies: Vec<IpNet>,
    started: std::time::Instant,
    /// Whether any peer has announced over loopback.
    has_local_peers: AtomicBool,
}

impl State {
    fn new(config: Config) -> Self {
        let swarms_config = swarms::Config {
            interval_s: config.interval_s,
            min_interval_s: config.min_interval_s,
            believes_asked_ip: config.believes_asked_ip,
            allowed: config.allowed.map(|allowed| allowed.into_iter().collect()),
            ..swarms::Config::default()
        };
        // The standard library's hasher keys are the system's randomness.
        let seed = RandomState::new().hash_one(0);
        Self {
            swarms: Mutex::new(Swarms::new(swarms_config, seed)),
            files: config.files,
            proxies: config.proxies,
            started: std::time::Instant::now(),
            has_local_peers: AtomicBool::new(false),
        }
    }

    /// `reached` gives the tracker's address as the asker sees it; it is called only if it matters.
    fn announce(
        &self,
        request: &AnnounceRequest,
        ip: IpAddr,
        families: Families,
        reached: impl FnOnce() -> Option<IpAddr>,
    ) -> Result<AnnounceReply, Refusal> {
        let is_local = ip.to_canonical().is_loopback();
        if is_local {
            self.has_local_peers.store(true, Ordering::Relaxed);
        }
        let reached =
            if is_local || !self.has_local_peers.load(Ordering::Relaxed) { None } else { reached() };
        self.swarms().announce(self.now(), request, Asker { ip, reached, families })
    }

    /// The client of a request from `peer`, with this `X-Forwarded-For`. `None` if a proxy does not say.
    fn client_of(&self, peer: IpAddr, forwarded_for: &[&str]) -> Option<IpAddr> {
        let is_proxy = |ip: &IpAddr| self.proxies.iter().any(|net| net.contains(ip));
        let peer = peer.to_canonical();
        if !is_proxy(&peer) {
            return Some(peer);
        }
        // Each proxy adds the address that called it; what stands before those may be made up.
        let named = forwarded_for.iter().rev().flat_map(|line| line.rsplit(','));
        for name in named {
            let ip = name.trim().parse::<IpAddr>().ok()?.to_canonical();
            if !is_proxy(&ip) {
                return Some(ip);
            }
        }
        None
    }

    fn swarms(&self) -> MutexGuard<'_, Swarms> {
        self.swarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.started.elapsed()
    }
}

async fn run(
    state: Arc<State>,
    http_socket: Option<Socket>,
    udp_socket: Option<Socket>,
    mut stopping: watch::Receiver<bool>,
) {
    let http =
        http_socket.map(|socket| tokio::spawn(http::serve(socket, Arc::clone(&state), stopping.clone())));
    let udp = udp_socket.map(|socket| tokio::spawn(udp::serve(socket, Arc::clone(&state))));
    let expiry = async {
        loop {
            tokio::time::sleep(EXPIRY).await;
            state.swarms().expire(state.now());
        }
    };
    tokio::select! {
        () = expiry => {}
        // Its error is that the handle is gone, which is a reason to stop as well.
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    if let Some(udp) = udp {
        udp.abort();
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
        let transport = if kind == Type::STREAM { Protocol::TCP } else { Protocol::UDP };
        let socket = Socket::new(Domain::for_address(addr), kind, Some(transport))?;
        if addr.is_ipv6() {
            // Where the system has no IPv4 to share, IPv6 alone is what was asked for.
            let _ = socket.set_only_v6(!addr.ip().is_unspecified());
        }
        // On Windows this would let others take the port over.
        #[cfg(unix)]
        if kind == Type::STREAM {
            socket.set_reuse_address(true)?;
        }
        socket.bind(&addr.into())?;
        if kind == Type::STREAM {
            socket.listen(1024)?;
        }
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
        Ok((socket, local))
    };
    open().map(Some).map_err(|source| StartError::Listen { protocol, addr, source })
}

#[cfg(test)]
mod tests;
