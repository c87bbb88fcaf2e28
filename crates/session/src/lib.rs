//! A running BitTorrent client: the engine with its hands.
//!
//! A [`Session`] owns the sockets, the threads and the clock. One network thread runs the event loop and the
//! engine; a few threads per disk write, read, check and save; a small tokio runtime does HTTP and DNS. Faces look at
//! [`Snapshot`]s and [`SessionEvent`]s and never hold anything up.

#![deny(unsafe_code)]

mod add;
mod bind;
mod claims;
mod clock;
mod control;
mod dht_client;
mod dht_state;
mod disk;
mod driver;
mod http;
mod inbox;
mod interfaces;
mod keys;
mod limits;
mod message;
mod names;
mod scrape;
mod snapshot;
mod start_error;
mod state;
mod tls_error;

pub use add::{AddError, AddMagnet, AddTorrent};
pub use bind::{BadBind, Bind};
pub use dht_client::DhtClient;
pub use dht_state::{DHT_ROUTERS, DhtOptions};
pub use http::{FetchError, fetch_url};
pub use scrape::{ScrapeError, scrape};
pub use snapshot::{SessionEvent, Snapshot, Torrents};
pub use start_error::{SetupError, StartError};
pub use state::{default_state_dir, distrust_record};
pub use ztor_dht as dht;
pub use ztor_engine::{
    Author, BanStatus, Command, DiskFault, DiskFaultKind, Encryption, PeerStatus, Priority, Protection,
    StartTorrentError, TorrentEvent, TorrentId, TorrentState, TorrentStatus, TrackerState, TrackerStatus,
    Transport, Transports,
};
pub use ztor_storage::resume::ResumeError;
pub use ztor_storage::{Allocation, StorageError};

use bind::DeviceState;
use claims::Claims;
use clock::Clock;
use control::Control;
use crossbeam_channel::{Receiver, bounded};
use disk::Disks;
use driver::{Device, Driver, Handshakes, Parts, Utp, WAKER, sockets};
use inbox::Inbox;
use keys::Keys;
use message::{NetEvent, NewTorrent};
use snapshot::Viewer;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use ztor_base::PeerId;
use ztor_engine::{DhtRole, Engine};
use ztor_metainfo::Metainfo;
use ztor_storage::resume::Resume;
use ztor_storage::{HandleCache, StoreOptions, TorrentStore, records};

/// How long the network thread may take to answer a question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How a session is to run. Rates are bytes per second, `None` is no limit.
#[derive(Debug, Clone)]
pub struct Config {
    /// The only address or interface to use, for every socket.
    pub bind: Bind,
    /// The port to listen on; 0 lets the system choose.
    pub port: u16,
    /// Fail if the port is taken, instead of taking the next free one.
    pub port_is_fixed: bool,
    /// Limit for piece data coming in.
    pub limit_down: Option<u64>,
    /// Limit for piece data going out.
    pub limit_up: Option<u64>,
    /// Connections in all. Fewer if the limit of open files, which is raised as far as it goes, does not allow as many.
    pub max_peers: usize,
    /// Connections of one torrent.
    pub max_peers_per_torrent: usize,
    /// Announce to every tracker, and not to one that works of every tier (BEP 12).
    pub announce_to_all: bool,
    /// Take part in the DHT (BEP 5). `None` does not, which is the default: an embedding program says so.
    pub dht: Option<DhtOptions>,
    /// Exchange addresses with peers (BEP 11).
    pub peer_exchange: bool,
    /// Look for peers in the local network (BEP 14). Off unless an embedding program says so, as the DHT is.
    pub local_discovery: bool,
    /// How peers are called, and may call.
    pub transports: Transports,
    /// Whether peers are called, and may call, with an encrypted handshake.
    pub encryption: Encryption,
    /// Where to remember progress; `None` remembers nothing.
    pub state_dir: Option<PathBuf>,
    /// Threads per disk that write and hash; 0 takes one per core, four at the most.
    pub disk_workers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: Bind::All,
            port: 6881,
            port_is_fixed: false,
            limit_down: None,
            limit_up: None,
            max_peers: 500,
            max_peers_per_torrent: 100,
            announce_to_all: false,
            dht: None,
            peer_exchange: true,
            local_discovery: false,
            transports: Transports::BOTH,
            encryption: Encryption::Allow,
            state_dir: default_state_dir(),
            disk_workers: 0,
        }
    }
}

/// A running client. Dropping it ends it within a moment, without goodbyes; [`shutdown`](Self::shutdown) is
/// the polite way.
#[derive(Debug)]
pub struct Session {
    inbox: Arc<Inbox<NetEvent>>,
    viewer: Viewer,
    done: Receiver<bool>,
    addr: SocketAddr,
    handles: Arc<HandleCache>,
    claims: Claims,
    state_dir: Option<PathBuf>,
}

impl Session {
    /// Listens and starts the threads.
    pub fn start(mut config: Config) -> Result<Self, StartError> {
        let (bind, port) = (config.bind.clone(), config.port);
        let device = bind.device().map(DeviceState::look).unwrap_or_default();
        if let Some(name) = bind.device()
            && !device.is_there()
        {
            return Err(StartError::NoInterface { name: name.to_owned(), others: bind::device_names() });
        }
        let mut listening =
            sockets::listen(&bind, port, config.port_is_fixed).map_err(|error| match error.kind() {
                ErrorKind::AddrInUse => StartError::PortTaken { port, bind: bind.clone() },
                _ => StartError::Listen { port, bind: bind.clone(), error },
            })?;
        if !config.transports.tcp {
            listening.tcp = None;
        }
        if let Some(state) = &config.state_dir {
            records::remove_leftovers(&state.join("resume"));
        }
        let share = limits::share(config.max_peers);
        config.max_peers = share.peers;
        let addr = listening.addr;
        let poll = mio::Poll::new().map_err(SetupError::of("poll"))?;
        let inbox = Inbox::new(mio::Waker::new(poll.registry(), WAKER).map_err(SetupError::of("waker"))?);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = if config.disk_workers == 0 { cores.min(4) } else { config.disk_workers };
        let disks = Disks::start(workers, &inbox).map_err(SetupError::of("disk threads"))?;
        let control = Control::start(&bind, &inbox)?;
        control.watch_network(bind.clone(), device.clone());
        let (publisher, viewer) = snapshot::channel();
        let clock = Clock::start();
        let mut engine_config = engine_config(&config, addr.port())?;
        engine_config.max_tracker_sockets = share.trackers;
        let mut engine = Engine::new(clock.now(), engine_config, random_u64()?);
        let dht_path = config.state_dir.as_deref().filter(|_| config.dht.is_some()).map(dht_state::path);
        if let Some(dht) = &config.dht {
            let saved = dht_path.as_deref().and_then(dht_state::load);
            engine.start_dht(clock.now(), dht_config(addr), saved.as_ref());
            // Whoever names other nodes than the usual ones may have a small network of his own.
            let is_usual = dht.bootstrap == DhtOptions::default().bootstrap;
            let role = if is_usual { DhtRole::Router } else { DhtRole::Entry };
            control.resolve_dht_nodes(dht.bootstrap.clone(), role);
        }
        let (done_sender, done) = bounded(1);
        let max_utp = config.max_peers.saturating_mul(2);
        let parts = Parts {
            utp: Utp::new(clock.now(), config.transports.utp, max_utp, random_u64()?),
            handshakes: Handshakes::new(
                config.encryption,
                Keys::start(&inbox).map_err(SetupError::of("thread for keys"))?,
            ),
            poll,
            clock,
            engine,
            listening,
            device: Device::new(bind, device),
            dht_path,
            finds_local: config.local_discovery,
            inbox: Arc::clone(&inbox),
            disks,
            control,
            publisher,
            done: done_sender,
        };
        let driver = Driver::new(parts).map_err(SetupError::of("sockets"))?;
        let thread = std::thread::Builder::new().name("net".into());
        thread.spawn(move || driver.run()).map_err(SetupError::of("network thread"))?;
        let handles = Arc::new(HandleCache::new(share.files));
        let claims = Claims::default();
        Ok(Self { inbox, viewer, done, addr, handles, claims, state_dir: config.state_dir })
    }

    /// The address listened on; unspecified if all are.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes up a torrent: what is on disk is checked (or believed, where the resume data still fits), then
    /// the rest is fetched, then it is served.
    ///
    /// Two torrents may have the same files only if both are [read only](AddTorrent::read_only). Files that are not
    /// wanted do not count. The files of a removed torrent are free once what was queued for them is done.
    pub fn add(&self, add: AddTorrent) -> Result<TorrentId, AddError> {
        let new = self.prepare(add)?;
        let (answer, reply) = bounded(1);
        self.inbox.push(NetEvent::Add { request: Box::new(new), answer });
        Ok(reply.recv_timeout(ANSWER_TIMEOUT).map_err(|_| AddError::Ended)??)
    }

    /// Takes up a magnet link: peers are looked for and asked what the torrent is. It is known once
    /// [`TorrentEvent::Metadata`] comes; nothing is fetched before [`begin`](Self::start_torrent) says what and where.
    pub fn add_magnet(&self, add: AddMagnet) -> Result<TorrentId, AddError> {
        let AddMagnet { magnet, mut peers, known } = add;
        let mut names = Vec::new();
        for peer in magnet.peers {
            match peer.parse() {
                Ok(addr) => peers.push(addr),
                Err(_) => names.push(peer),
            }
        }
        let trackers = match &known {
            Some(meta) => meta.trackers.clone(),
            None => magnet.trackers.into_iter().map(|url| vec![url]).collect(),
        };
        let request = ztor_engine::AddMagnet { info_hashes: magnet.info_hashes, trackers, peers, known };
        let (answer, reply) = bounded(1);
        self.inbox.push(NetEvent::AddMagnet { request, names, answer });
        Ok(reply.recv_timeout(ANSWER_TIMEOUT).map_err(|_| AddError::Ended)??)
    }

    /// Says what to do with a magnet link's torrent, once it is known. From then on it is as one that was
    /// [added](Self::add); `add.meta` must be that of [`TorrentEvent::Metadata`], or it is
    /// [refused](StartTorrentError::OtherTorrent).
    pub fn start_torrent(&self, torrent: TorrentId, add: AddTorrent) -> Result<(), AddError> {
        let new = self.prepare(add)?;
        let (answer, reply) = bounded(1);
        self.inbox.push(NetEvent::StartTorrent { torrent, request: Box::new(new), answer });
        Ok(reply.recv_timeout(ANSWER_TIMEOUT).map_err(|_| AddError::Ended)??)
    }

    fn prepare(&self, add: AddTorrent) -> Result<NewTorrent, AddError> {
        let AddTorrent { meta, dir, wanted, sequential, peers, allocate, .. } = add;
        let AddTorrent { read_only, overwrite, recheck, .. } = add;
        if !meta.is_v1() && !meta.hashes.is_complete() {
            return Err(AddError::NoLayers);
        }
        let dir = std::path::absolute(&dir).unwrap_or(dir);
        let options = StoreOptions { allocate, read_only, overwrite };
        let handles = Arc::clone(&self.handles);
        let store = TorrentStore::open(Arc::clone(&meta), &dir, wanted.as_deref(), options, handles)?;
        let store = Arc::new(store);
        self.claims.claim(&store)?;
        let resume_path = self.state_dir.as_ref().map(|state| state::resume_path(state, &meta, &dir));
        let resume = resume_path.as_deref().and_then(|path| load_resume(path, &meta, &dir));
        let priorities = wanted.as_deref().map(|wanted| piece_priorities(&meta, wanted));
        let engine_add = ztor_engine::AddTorrent {
            meta,
            priorities,
            sequential,
            peers,
            earlier_peers: resume.as_ref().map_or_else(Vec::new, |resume| resume.peers.clone()),
            uploaded: resume.as_ref().map_or(0, |r| r.uploaded),
            downloaded: resume.as_ref().map_or(0, |r| r.downloaded),
        };
        Ok(NewTorrent {
            add: engine_add,
            device: store.device(),
            store,
            resume: resume.map(Arc::new),
            resume_path,
            wanted: wanted.unwrap_or_default(),
            prepare: !read_only,
            recheck,
        })
    }

    /// Tells the engine a wish. Its effect shows in snapshots and events.
    pub fn command(&self, command: Command) {
        self.inbox.push(NetEvent::Command(command));
    }

    /// The newest picture; there is news four times a second, if there is any.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.viewer.snapshot()
    }

    /// Events since the start. All receivers draw from one queue.
    pub fn events(&self) -> Receiver<SessionEvent> {
        self.viewer.events.clone()
    }

    /// The live peers of a torrent; empty if it is gone.
    pub fn peers(&self, torrent: TorrentId) -> Vec<PeerStatus> {
        let (answer, reply) = bounded(1);
        self.inbox.push(NetEvent::Peers { torrent, answer });
        reply.recv_timeout(ANSWER_TIMEOUT).unwrap_or_default()
    }

    /// Who is banned for bad data, for all torrents. [`Command::LiftBan`] ends a ban before its time.
    pub fn bans(&self) -> Vec<BanStatus> {
        let (answer, reply) = bounded(1);
        self.inbox.push(NetEvent::Bans { answer });
        reply.recv_timeout(ANSWER_TIMEOUT).unwrap_or_default()
    }

    /// Says `stopped` to trackers, saves, closes everything. Waits at most `deadline`; true if all was done
    /// by then.
    pub fn shutdown(&self, deadline: Duration) -> bool {
        self.inbox.push(NetEvent::Shutdown { goodbyes: None });
        self.done.recv_timeout(deadline) == Ok(true)
    }

    /// The same with another limit for trackers, which may not answer, than for the disk, which has data to keep: the
    /// end does not wait longer than `goodbyes` for the former, and the caller no longer than `deadline` in all.
    ///
    /// After [`End::Unfinished`] it may be called again, to wait longer; `goodbyes` counts from the first call.
    pub fn end(&self, goodbyes: Duration, deadline: Duration) -> End {
        self.inbox.push(NetEvent::Shutdown { goodbyes: Some(goodbyes) });
        match self.done.recv_timeout(deadline) {
            Ok(true) => End::Complete,
            Ok(false) => End::WithoutGoodbyes,
            Err(_) => End::Unfinished,
        }
    }
}

/// Result of [`Session::end`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All is saved, and the trackers know.
    Complete,
    /// All is saved. Some trackers have not answered, and may not know that this client is gone.
    WithoutGoodbyes,
    /// The disk has not finished, or the session had ended before.
    Unfinished,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.inbox.push(NetEvent::Shutdown { goodbyes: None });
    }
}

fn engine_config(config: &Config, listen_port: u16) -> Result<ztor_engine::Config, StartError> {
    let mut random = [0; 12];
    fill_random(&mut random)?;
    let mut engine = ztor_engine::Config::new(PeerId::from_random(random), listen_port);
    engine.limit_down = config.limit_down;
    engine.limit_up = config.limit_up;
    engine.max_peers = config.max_peers;
    engine.announce_to_all = config.announce_to_all;
    engine.peer_exchange = config.peer_exchange;
    engine.local_discovery = config.local_discovery;
    engine.transports = config.transports;
    engine.encryption = config.encryption;
    engine.max_peers_per_torrent = config.max_peers_per_torrent.min(config.max_peers);
    Ok(engine)
}

/// An unspecified IPv6 address serves both families.
fn dht_config(listening: SocketAddr) -> ztor_dht::Config {
    let (v4, v6) = match listening.ip() {
        IpAddr::V4(_) => (true, false),
        IpAddr::V6(ip) => (ip.is_unspecified(), true),
    };
    ztor_dht::Config { families: ztor_dht::PerFamily { v4, v6 }, ..ztor_dht::Config::default() }
}

fn random_u64() -> Result<u64, StartError> {
    let mut bytes = [0; 8];
    fill_random(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

fn fill_random(bytes: &mut [u8]) -> Result<(), StartError> {
    let filled = getrandom::fill(bytes).map_err(std::io::Error::other);
    Ok(filled.map_err(SetupError::of("random bytes"))?)
}

fn load_resume(path: &Path, meta: &Metainfo, dir: &Path) -> Option<Resume> {
    let loaded = Resume::load(path).and_then(|resume| resume.verify(meta, dir).map(|()| resume));
    match loaded {
        Ok(resume) => Some(resume),
        Err(ResumeError::Missing { .. }) => None,
        Err(error) => {
            tracing::warn!(%error, "the data will be checked");
            None
        }
    }
}

/// A piece is wanted if any file in it is.
fn piece_priorities(meta: &Metainfo, wanted: &[bool]) -> Box<[Priority]> {
    let mut priorities = vec![Priority::Skip; meta.layout.piece_count() as usize];
    for (file, _) in wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
        for piece in meta.layout.pieces_of(file) {
            priorities[piece as usize] = Priority::Normal;
        }
    }
    priorities.into()
}
