//! A session as the commands use it: torrents are taken in, shown, and kept until a goal is reached or the
//! user stops it.

mod failures;
mod magnet;
mod torrent;

use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use ztor_session::{
    AddTorrent, Command, Config, DhtOptions, Session, SessionEvent, Snapshot, TorrentEvent, TorrentId,
    TorrentState, default_state_dir,
};

use crate::args::NetArgs;
use crate::console::Console;
use crate::display::{Display, Event, Row, Summary};
use crate::exit::{Exit, Fault, Report};
use crate::stop::Stop;
use crate::units::Span;
use failures::not_whole;
use torrent::{Outcome, Torrent, wanted_bytes};

pub(crate) use magnet::Link;
pub(crate) use torrent::{Then, info_hash};

/// How often the session is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long an orderly end may take: with what comes before and after it, the program has two seconds.
pub(crate) const SHUTDOWN: Duration = Duration::from_millis(1500);

/// When [`Swarm::run`] is over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Never: torrents are served until the user stops it.
    Serve,
    /// As [`Self::Serve`], of data that the torrent was just made of.
    Share,
    /// Once all torrents are done and seeded as long as asked.
    Fetch {
        seed: Seed,
        /// Fail when nothing came for this long.
        give_up: Option<Duration>,
    },
}

/// How long to seed what was fetched.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seed {
    /// Until stopped, unless one of the others comes first.
    pub(crate) always: bool,
    /// Until this many times the wanted bytes are uploaded.
    pub(crate) ratio: Option<f64>,
    /// Until this long after the last torrent is done.
    pub(crate) time: Option<Duration>,
}

impl Seed {
    fn is_asked(&self) -> bool {
        self.always || self.ratio.is_some() || self.time.is_some()
    }
}

/// A session with its torrents and its display.
pub(crate) struct Swarm {
    session: Session,
    display: Display,
    torrents: Vec<Torrent>,
    /// Reports on torrents that could not be added.
    lost: Vec<Report>,
    started: Instant,
    finds_peers: bool,
}

/// What is told of a torrent that was taken in.
struct Added {
    total_bytes: u64,
    /// Of pieces, and of files.
    wanted_bytes: u64,
    wanted_file_bytes: u64,
    dir: PathBuf,
}

impl Added {
    fn of(add: &AddTorrent) -> Added {
        let (wanted_bytes, wanted_file_bytes) = wanted_bytes(&add.meta, add.wanted.as_deref());
        Added {
            total_bytes: add.meta.layout.total_len(),
            wanted_bytes,
            wanted_file_bytes,
            dir: add.dir.clone(),
        }
    }
}

impl Swarm {
    /// Starts listening. `state_dir` is where progress is remembered between runs; `None` remembers nothing.
    pub(crate) fn start(
        net: &NetArgs,
        state_dir: Option<PathBuf>,
        display: Display,
    ) -> anyhow::Result<Swarm> {
        let config = config(net, state_dir);
        let finds_peers = config.dht.is_some() || config.local_discovery;
        let session = Session::start(config)?;
        display.event(&Event::Listening { port: session.local_addr().port() });
        Ok(Swarm {
            session,
            display,
            torrents: Vec::new(),
            lost: Vec::new(),
            started: Instant::now(),
            finds_peers,
        })
    }

    /// The address peers reach the session at; unspecified if it listens on all.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.session.local_addr()
    }

    /// Tells something the session knows nothing of.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        self.display.event(event);
    }

    /// Whether peers are found without a tracker.
    pub(crate) fn finds_peers(&self) -> bool {
        self.finds_peers
    }

    /// Takes a torrent in. Its data is checked in the background.
    pub(crate) fn add(&mut self, add: AddTorrent) -> anyhow::Result<()> {
        let meta = Arc::clone(&add.meta);
        let news = Added::of(&add);
        let id = self.session.add(add).with_context(|| format!("cannot take in {}", meta.name))?;
        self.torrents.push(Torrent {
            id,
            name: meta.name.clone(),
            info_hash: info_hash(&meta),
            wanted_bytes: news.wanted_bytes,
            meta: Some(meta),
            then: None,
            outcome: Outcome::Open,
            added: Instant::now(),
        });
        self.tell_added(id, &news);
        Ok(())
    }

    fn tell_added(&self, id: TorrentId, news: &Added) {
        let Some(torrent) = self.torrent(id) else { return };
        self.display.event(&Event::Added {
            info_hash: &torrent.info_hash,
            name: &torrent.name,
            total_bytes: news.total_bytes,
            wanted_bytes: news.wanted_file_bytes,
            dir: &news.dir,
        });
    }

    /// Shows what happens until the goal is reached, nothing can be done any more, or the user stops it. The
    /// session still runs afterwards; [`end`](Self::end) ends it.
    pub(crate) fn run(&mut self, goal: Goal, stop: &Stop) -> anyhow::Result<Exit> {
        let events = self.session.events();
        let mut watch = Watch { last_bytes: 0, last_news: Instant::now(), all_done: None };
        let result = loop {
            if stop.is_set() {
                if matches!(goal, Goal::Fetch { .. }) && self.is_any_open() {
                    break Ok(Exit::Interrupted);
                }
                break self.first_failure().map_or(Ok(Exit::Ok), |fault| Err(fault.into()));
            }
            if let Ok(event) = events.recv_timeout(TICK) {
                self.on_event(event, goal);
                while let Ok(event) = events.try_recv() {
                    self.on_event(event, goal);
                }
            }
            if self.display.is_due() {
                self.display.progress(&self.rows());
            }
            match self.verdict(goal, &mut watch) {
                Ok(true) => break Ok(Exit::Ok),
                Ok(false) => {}
                Err(fault) => break Err(fault.into()),
            }
        };
        self.display.finish();
        result
    }

    /// Waits until every torrent is checked and served, without showing progress. False if the user stopped
    /// it.
    pub(crate) fn wait_until_served(&mut self, stop: &Stop) -> anyhow::Result<bool> {
        let events = self.session.events();
        while self.is_any_open() {
            if stop.is_set() {
                return Ok(false);
            }
            if let Ok(event) = events.recv_timeout(TICK) {
                self.on_event(event, Goal::Serve);
            }
            if let Some(fault) = self.first_failure() {
                return Err(fault.into());
            }
        }
        Ok(true)
    }

    /// Says goodbye to trackers and peers and saves; then tells the sum of the run.
    pub(crate) fn end(mut self, interrupted: bool) -> Summary {
        self.display.finish();
        if !self.session.shutdown(SHUTDOWN) {
            self.warn(None, "not everything ended in time: some trackers may not know that we are gone");
        }
        let snapshot = self.session.snapshot();
        let count =
            |wanted: fn(&Outcome) -> bool| self.torrents.iter().filter(|t| wanted(&t.outcome)).count();
        let summary = Summary {
            torrents: self.count(),
            done: count(|outcome| matches!(outcome, Outcome::Done)),
            failed: self.lost.len() + count(|outcome| matches!(outcome, Outcome::Failed(_))),
            downloaded_bytes: snapshot.torrents.iter().map(|t| t.session_downloaded).sum(),
            uploaded_bytes: snapshot.torrents.iter().map(|t| t.session_uploaded).sum(),
            seconds: seconds(self.started),
            interrupted,
        };
        self.display.event(&Event::Summary(summary));
        summary
    }

    fn on_event(&mut self, event: SessionEvent, goal: Goal) {
        match event {
            SessionEvent::Torrent(TorrentEvent::Metadata { torrent, meta }) => {
                self.on_metadata(torrent, &meta, goal)
            }
            SessionEvent::Torrent(TorrentEvent::Unusable { torrent, message }) => {
                self.on_failure(torrent, Exit::BadTorrent, message);
            }
            SessionEvent::Torrent(TorrentEvent::Started { torrent, finished, have_bytes }) => {
                self.on_started(torrent, finished, have_bytes, goal);
            }
            SessionEvent::Torrent(TorrentEvent::Finished(torrent)) => self.on_done(torrent, goal),
            SessionEvent::Torrent(TorrentEvent::Stopped { torrent, fault }) => {
                self.on_failure(torrent, Exit::Storage, fault.message)
            }
            SessionEvent::NotSaved { torrent, fault } => {
                let message = format!("{}; the next run will check the data again", fault.message);
                self.warn(Some(torrent), &message);
            }
            SessionEvent::Torrent(TorrentEvent::Banned { torrent, addr, reason }) => {
                self.warn(Some(torrent), &format!("peer {addr} is banned: {reason}"));
            }
            SessionEvent::Torrent(TorrentEvent::Tracker { torrent, tracker, message, .. }) => {
                self.warn(Some(torrent), &format!("tracker {tracker}: {message}"));
            }
            SessionEvent::Torrent(TorrentEvent::PieceFailed { torrent, piece }) => {
                tracing::info!(torrent = self.name(torrent), piece, "hashed wrong, to be fetched again");
            }
            SessionEvent::Torrent(TorrentEvent::MetadataTooLong { torrent, len, max }) => {
                let message = format!(
                    "a peer says that the description of the torrent has {len} bytes; at most {max} are fetched"
                );
                self.warn(Some(torrent), &message);
            }
            SessionEvent::PeerNotFound { torrent, peer, message } => {
                self.warn(Some(torrent), &format!("the peer {peer} is not found: {message}"));
            }
            SessionEvent::Interface { name, is_there } => {
                let message = match is_there {
                    true => format!("the interface {name} is back"),
                    false => format!("the interface {name} is gone; waiting for it to come back"),
                };
                self.tell(&Event::Warning { info_hash: None, message: &message });
            }
            SessionEvent::Torrent(TorrentEvent::Removed(_)) => {}
        }
    }

    fn on_started(&mut self, id: TorrentId, finished: bool, have_bytes: u64, goal: Goal) {
        let Some(torrent) = self.torrent(id) else { return };
        let (info_hash, name) = (torrent.info_hash.clone(), torrent.name.clone());
        self.display.event(&Event::Checked { info_hash: &info_hash, name: &name, have_bytes });
        match (finished, goal) {
            (true, _) => self.on_done(id, goal),
            (false, Goal::Fetch { .. }) => {}
            // Seeding writes nothing, so what is missing stays missing.
            (false, Goal::Serve | Goal::Share) => {
                self.session.command(Command::Remove(id));
                let total = self.torrent(id).map_or(0, |torrent| torrent.wanted_bytes);
                let message = not_whole(&name, have_bytes, total, goal);
                self.on_failure(id, Exit::Failed, message);
            }
        }
    }

    fn on_done(&mut self, id: TorrentId, goal: Goal) {
        let snapshot = self.session.snapshot();
        let Some(torrent) = self.torrents.iter_mut().find(|t| t.id == id) else { return };
        if !matches!(torrent.outcome, Outcome::Open) {
            return;
        }
        torrent.outcome = Outcome::Done;
        let (info_hash, name) = (torrent.info_hash.as_str(), torrent.name.as_str());
        let status = snapshot.torrent(id);
        let have_bytes = status.map_or(torrent.wanted_bytes, |status| status.have_bytes);
        let serves = match goal {
            Goal::Serve | Goal::Share => true,
            Goal::Fetch { seed, .. } => {
                self.display.event(&Event::Done {
                    info_hash,
                    name,
                    bytes: torrent.wanted_bytes,
                    downloaded_bytes: status.map_or(0, |status| status.session_downloaded),
                    uploaded_bytes: status.map_or(0, |status| status.session_uploaded),
                    seconds: seconds(torrent.added),
                });
                seed.is_asked()
            }
        };
        if serves {
            self.display.event(&Event::Seeding { info_hash, name, have_bytes });
        }
    }

    /// Whether the goal is reached; an error if it can't be any more.
    fn verdict(&self, goal: Goal, watch: &mut Watch) -> Result<bool, Fault> {
        if self.torrents.iter().all(|t| matches!(t.outcome, Outcome::Failed(_)))
            && let Some(fault) = self.first_failure()
        {
            return Err(fault);
        }
        let Goal::Fetch { seed, give_up } = goal else { return Ok(false) };
        if self.is_any_open() {
            return match give_up {
                Some(patience) if watch.silence(&self.session.snapshot()) >= patience => {
                    Err(self.silent_fault(patience))
                }
                _ => Ok(false),
            };
        }
        let all_done = *watch.all_done.get_or_insert_with(Instant::now);
        if !seed.is_asked() || self.has_seeded_enough(seed, all_done) {
            return self.first_failure().map_or(Ok(true), Err);
        }
        Ok(false)
    }

    fn has_seeded_enough(&self, seed: Seed, all_done: Instant) -> bool {
        if seed.time.is_some_and(|time| all_done.elapsed() >= time) {
            return true;
        }
        let Some(ratio) = seed.ratio else { return false };
        let snapshot = self.session.snapshot();
        let uploaded: HashMap<_, _> =
            snapshot.torrents.iter().map(|status| (status.id, status.uploaded)).collect();
        self.torrents.iter().filter(|t| matches!(t.outcome, Outcome::Done)).all(|torrent| {
            let uploaded = uploaded.get(&torrent.id).copied().unwrap_or(0);
            uploaded as f64 >= ratio * torrent.wanted_bytes as f64
        })
    }

    fn silent_fault(&self, patience: Duration) -> Fault {
        let mut open = self.torrents.iter().filter(|torrent| matches!(torrent.outcome, Outcome::Open));
        let name = open.next().map_or("", |torrent| &torrent.name);
        let others = match open.count() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let patience = Span(patience.as_secs());
        Fault::new(Exit::Network, format!("nothing was received for {patience}; {name}{others} not complete"))
            .hint("run the same command again later: it goes on where it was")
    }

    fn rows(&self) -> Vec<Row> {
        let snapshot = self.session.snapshot();
        let statuses: HashMap<_, _> = snapshot.torrents.iter().map(|status| (status.id, status)).collect();
        self.torrents.iter().map(|torrent| torrent.row(statuses.get(&torrent.id).copied())).collect()
    }

    fn warn(&self, id: Option<TorrentId>, message: &str) {
        let torrent = id.and_then(|id| self.torrent(id));
        match torrent {
            Some(torrent) => {
                // Of several torrents the user wants to know which.
                let named = format!("{}: {message}", torrent.name);
                let message = if self.count() > 1 { &named } else { message };
                self.display.event(&Event::Warning { info_hash: Some(&torrent.info_hash), message });
            }
            None => self.display.event(&Event::Warning { info_hash: None, message }),
        }
    }

    fn is_any_open(&self) -> bool {
        self.torrents.iter().any(|torrent| matches!(torrent.outcome, Outcome::Open))
    }

    fn torrent(&self, id: TorrentId) -> Option<&Torrent> {
        self.torrents.iter().find(|torrent| torrent.id == id)
    }

    fn name(&self, id: TorrentId) -> &str {
        self.torrent(id).map_or("", |torrent| &torrent.name)
    }
}

/// How a session is to run that talks to peers.
pub(crate) fn config(net: &NetArgs, state_dir: Option<PathBuf>) -> Config {
    let defaults = Config::default();
    Config {
        bind: net.bind.clone(),
        port: net.port.unwrap_or(defaults.port),
        port_is_fixed: net.port.is_some(),
        limit_down: net.limit_down.and_then(|limit| limit.0),
        limit_up: net.limit_up.and_then(|limit| limit.0),
        announce_to_all: net.announce_to_all,
        dht: dht(net),
        peer_exchange: !net.no_pex,
        // The machine itself is no network to look for peers in.
        transports: net.transport.into(),
        encryption: net.encryption.into(),
        local_discovery: !net.no_lsd && !net.bind.is_loopback(),
        max_peers: net.max_peers.map_or(defaults.max_peers, |n| usize::try_from(n).unwrap_or(usize::MAX)),
        state_dir,
        ..defaults
    }
}

/// How the DHT is entered. The machine itself has none, unless a node on it is named.
fn dht(net: &NetArgs) -> Option<DhtOptions> {
    let is_loopback = net.bind.is_loopback();
    if net.no_dht || (is_loopback && net.dht_bootstrap.is_empty()) {
        return None;
    }
    if net.dht_bootstrap.is_empty() {
        return Some(DhtOptions::default());
    }
    Some(DhtOptions { bootstrap: net.dht_bootstrap.clone() })
}

/// What must be remembered from one look to the next.
struct Watch {
    last_bytes: u64,
    last_news: Instant,
    all_done: Option<Instant>,
}

impl Watch {
    /// How long nothing was received. Checking data on disk is no silence.
    fn silence(&mut self, snapshot: &Snapshot) -> Duration {
        let bytes = snapshot.torrents.iter().map(|status| status.session_downloaded).sum();
        let is_checking =
            snapshot.torrents.iter().any(|status| matches!(status.state, TorrentState::Checking { .. }));
        if bytes != self.last_bytes || is_checking {
            (self.last_bytes, self.last_news) = (bytes, Instant::now());
        }
        self.last_news.elapsed()
    }
}

/// Where to remember progress between runs: the usual folder, if it can be written.
pub(crate) fn state_dir(console: &Console) -> Option<PathBuf> {
    let dir = default_state_dir()?;
    match std::fs::create_dir_all(&dir) {
        Ok(()) => Some(dir),
        Err(error) => {
            console.warn(&format!(
                "cannot remember progress in {}: {error}; after an interruption the data will be checked again",
                dir.display()
            ));
            None
        }
    }
}

/// The addresses of all `--peer` flags; names are looked up.
pub(crate) fn peers(flags: &[String]) -> Result<Vec<SocketAddr>, Fault> {
    let mut peers = HashSet::new();
    for flag in flags {
        let found = flag.to_socket_addrs().map_err(|error| {
            Fault::usage(format!("--peer {flag}: {error}"))
                .hint("write HOST:PORT, for example 192.0.2.1:6881 or [2001:db8::1]:6881")
        })?;
        peers.extend(found);
    }
    let mut peers: Vec<SocketAddr> = peers.into_iter().collect();
    peers.sort();
    Ok(peers)
}

/// Seconds since then, to the millisecond.
fn seconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
}
