//! Runs a session for a command: adds torrents, shows their progress, and ends when a goal is reached or the user
//! stops it.

mod failures;
mod goal;
mod ip_filter;
mod magnet;
mod setup;
mod torrent;
mod wording;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use ztor_daemon::policy::{State, TorrentKey};
use ztor_daemon::{Manager, NewTorrent};
use ztor_metainfo::Metainfo;
use ztor_session::{
    AddTorrent, DiskFault, DiskFaultKind, End, Events, EventsError, Session, SessionEvent, TorrentEvent,
    TorrentHandle, TorrentId, TorrentState,
};

use crate::args::NetArgs;
use crate::display::{Display, Event, Row, Summary};
use crate::exit::{CliError, Exit, Report};
use crate::stop::Stop;
use failures::not_whole;
use goal::Watch;
use torrent::{Outcome, Torrent, wanted_bytes};
use ztor_view::format::Span;

pub(crate) use goal::{Goal, Rules, Seed};
pub(crate) use ip_filter::start as start_session;
pub(crate) use magnet::{Link, OnMetadata};
pub(crate) use setup::{config, peers, peers_for, state_dir};
pub(crate) use torrent::info_hash;

/// Longest wait for an event before the goal and the display are checked.
const TICK: Duration = Duration::from_millis(50);
/// Time for the trackers' answers to `stopped`. The program then ends within two seconds, unless the disk is slow. Each
/// torrent adds [`GOODBYE_EACH`], up to [`MOST_GOODBYES`] in all.
pub(crate) const GOODBYES: Duration = Duration::from_millis(1500);
const GOODBYE_EACH: Duration = Duration::from_millis(1);
const MOST_GOODBYES: Duration = Duration::from_secs(10);
/// Time for saving before the user is notified of the wait.
const SOON: Duration = Duration::from_secs(3);
/// Total time for saving. The next run checks data that is not saved by then.
const SAVING: Duration = Duration::from_secs(120);

/// A session with its torrents and its display.
pub(crate) struct Runner {
    session: Session,
    manager: Manager,
    /// True if the queue may hold torrents back, so that they begin paused.
    is_queued: bool,
    events: Events,
    display: Display,
    torrents: Vec<Torrent>,
    /// Reports on torrents that could not be added.
    lost: Vec<Report>,
    started: Instant,
    finds_peers: bool,
    /// `None` until the first [`next`](Runner::next).
    watch: Option<Watch>,
}

/// The reason why [`Runner::next`] returned.
pub(crate) enum Next {
    /// The metadata of a magnet link has arrived. The torrent waits until [`Runner::answer`] is called for it.
    Metadata(TorrentId, Arc<Metainfo>),
    /// The run is over.
    End(anyhow::Result<Exit>),
}

/// Returns the key for the policy, which lasts for this run only.
fn key_of(torrent: TorrentId) -> TorrentKey {
    TorrentKey::new(torrent.as_u64())
}

/// Result of waiting for an event of the session.
enum Arrived {
    Event(SessionEvent),
    /// Events were missed.
    Gap,
}

/// Figures of a torrent that was added, for the display.
struct Added {
    total_bytes: u64,
    /// Bytes of the wanted pieces.
    wanted_bytes: u64,
    /// Bytes of the wanted files.
    wanted_file_bytes: u64,
    dir: PathBuf,
}

impl Added {
    fn of(add: &AddTorrent) -> Added {
        let (wanted_bytes, wanted_file_bytes) = wanted_bytes(&add.meta, add.priorities.as_deref());
        Added {
            total_bytes: add.meta.layout.total_len(),
            wanted_bytes,
            wanted_file_bytes,
            dir: add.dir.clone(),
        }
    }
}

impl Runner {
    /// Starts the session, without rules. `state_dir` is the folder for progress between runs; `None` saves none.
    pub(crate) fn start(
        net: &NetArgs,
        state_dir: Option<PathBuf>,
        display: Display,
    ) -> anyhow::Result<Runner> {
        Self::start_by(Rules::default(), net, state_dir, display)
    }

    /// Starts the session, with rules for its torrents.
    pub(crate) fn start_by(
        rules: Rules,
        net: &NetArgs,
        state_dir: Option<PathBuf>,
        display: Display,
    ) -> anyhow::Result<Runner> {
        let config = config(net, state_dir)?;
        let listens = config.settings.proxy.allows_incoming();
        let finds_peers = config.dht.is_some() || config.local_discovery;
        let rules = rules.of_policy(config.settings.limits);
        let is_queued = rules.queue.downloads.is_some();
        let manager = Manager::new(rules, config.settings.clone());
        let (session, events) = ip_filter::start(net, config)?;
        if listens {
            display.event(&Event::Listening { port: session.local_addr().port() });
        }
        Ok(Runner {
            session,
            manager,
            is_queued,
            events,
            display,
            torrents: Vec::new(),
            lost: Vec::new(),
            started: Instant::now(),
            finds_peers,
            watch: None,
        })
    }

    /// Returns the address that the session listens on; unspecified if it listens on all.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.session.local_addr()
    }

    /// Shows an event that is not one of the session.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        self.display.event(event);
    }

    /// Returns true if the session can find peers without a tracker.
    pub(crate) fn finds_peers(&self) -> bool {
        self.finds_peers
    }

    /// Adds a torrent. Its data is checked in the background.
    pub(crate) fn add(&mut self, add: AddTorrent) -> anyhow::Result<()> {
        let meta = Arc::clone(&add.meta);
        let news = Added::of(&add);
        let add = add.paused(self.is_queued);
        let torrent = self.session.add(add).wait().with_context(|| format!("cannot add {}", meta.name))?;
        self.manage(&torrent)?;
        self.torrents.push(Torrent {
            id: torrent.id(),
            name: meta.name.clone(),
            info_hash: info_hash(&meta),
            wanted_bytes: news.wanted_bytes,
            meta: Some(meta),
            hashed_bytes: 0,
            believed_bytes: 0,
            retry_after: None,
            outcome: Outcome::Open,
            added: Instant::now(),
        });
        self.tell_added(torrent.id(), &news);
        Ok(())
    }

    /// Lets the policy decide when a torrent runs.
    fn manage(&mut self, torrent: &TorrentHandle) -> anyhow::Result<()> {
        let managed = self.manager.add(key_of(torrent.id()), torrent.clone(), NewTorrent::default());
        managed.context("cannot manage the torrent")
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

    /// Runs torrents without magnet links to the end, as [`next`](Self::next) does.
    pub(crate) fn run(&mut self, goal: Goal, stop: &Stop) -> anyhow::Result<Exit> {
        loop {
            if let Next::End(result) = self.next(goal, stop) {
                return result;
            }
        }
    }

    /// Shows events and progress until the metadata of a magnet link arrives, the goal is reached or out of reach, or
    /// the user stops it. The session still runs afterwards; [`end`](Self::end) ends it.
    pub(crate) fn next(&mut self, goal: Goal, stop: &Stop) -> Next {
        self.watch.get_or_insert_with(Watch::start);
        let result = loop {
            if stop.is_set() {
                if matches!(goal, Goal::Fetch { .. }) && self.is_any_open() {
                    break Ok(Exit::Interrupted);
                }
                break self.first_failure().map_or(Ok(Exit::Ok), |error| Err(error.into()));
            }
            let mut event = self.events.wait(TICK);
            while let Some(arrived) = self.arrived(event) {
                if let Some((id, meta)) = self.on_arrived(arrived, goal) {
                    return Next::Metadata(id, meta);
                }
                event = self.events.try_next();
            }
            self.manager.turn(&self.session);
            if self.display.is_due() {
                self.display.progress(&self.rows());
            }
            match self.verdict(goal) {
                Ok(true) => break Ok(Exit::Ok),
                Ok(false) => {}
                Err(error) => break Err(error.into()),
            }
        };
        self.display.finish();
        Next::End(result)
    }

    /// Waits until every torrent is checked and served, without showing progress. Returns false if the user
    /// stopped it.
    pub(crate) fn wait_until_served(&mut self, stop: &Stop) -> anyhow::Result<bool> {
        while self.is_any_open() {
            if stop.is_set() {
                return Ok(false);
            }
            let event = self.events.wait(TICK);
            if let Some(arrived) = self.arrived(event) {
                self.on_arrived(arrived, Goal::Serve);
            }
            if let Some(error) = self.first_failure() {
                return Err(error.into());
            }
        }
        Ok(true)
    }

    /// Ends the session: sends `stopped` to trackers, saves, and shows the summary of the run.
    pub(crate) fn end(mut self, interrupted: bool) -> Summary {
        self.display.finish();
        let torrents = u32::try_from(self.torrents.len()).unwrap_or(u32::MAX);
        let goodbyes = (GOODBYES + GOODBYE_EACH.saturating_mul(torrents)).min(MOST_GOODBYES);
        let mut end = self.session.end(goodbyes, SOON.max(goodbyes + GOODBYES));
        if end == End::Unfinished {
            self.warn(None, "waiting for the disk to save downloaded data; Ctrl-C exits at once", None);
            end = self.session.end(goodbyes, SAVING);
        }
        match end {
            End::Complete => {}
            End::WithoutGoodbyes => self.warn(
                None,
                "some trackers did not answer, and may still list this client as a peer",
                None,
            ),
            End::Unfinished => {
                self.warn(
                    None,
                    "the disk did not save all data in time; the next run will check the data again",
                    None,
                );
            }
        }
        let snapshot = self.session.snapshot();
        let count =
            |wanted: fn(&Outcome) -> bool| self.torrents.iter().filter(|t| wanted(&t.outcome)).count();
        let summary = Summary {
            torrents: self.count(),
            done: count(|outcome| matches!(outcome, Outcome::Done)),
            failed: self.lost.len() + count(|outcome| matches!(outcome, Outcome::Failed(_))),
            downloaded_bytes: snapshot.torrents.iter().map(|t| t.session_downloaded_bytes).sum(),
            uploaded_bytes: snapshot.torrents.iter().map(|t| t.session_uploaded_bytes).sum(),
            seconds: seconds(self.started),
            interrupted,
        };
        self.display.event(&Event::Summary(summary));
        summary
    }

    /// Returns what has arrived; `None` if nothing has.
    fn arrived(&self, event: Result<SessionEvent, EventsError>) -> Option<Arrived> {
        match event {
            Ok(event) => Some(Arrived::Event(event)),
            Err(EventsError::FellBehind { missed }) => {
                tracing::debug!(missed, "missed events, reading the state of all torrents");
                Some(Arrived::Gap)
            }
            Err(_) => None,
        }
    }

    fn on_arrived(&mut self, arrived: Arrived, goal: Goal) -> Option<(TorrentId, Arc<Metainfo>)> {
        match arrived {
            Arrived::Event(event) => self.on_event(event, goal),
            Arrived::Gap => self.catch_up(goal),
        }
    }

    /// Handles missed events by reading the state of all torrents.
    fn catch_up(&mut self, goal: Goal) -> Option<(TorrentId, Arc<Metainfo>)> {
        let snapshot = self.session.snapshot();
        for status in snapshot.torrents.iter() {
            let Some(torrent) = self.torrent(status.id) else { continue };
            let is_open = matches!(torrent.outcome, Outcome::Open);
            match &status.state {
                TorrentState::Seeding if is_open => {
                    self.on_started(status.id, true, status.have_bytes, goal);
                }
                TorrentState::Stopped(fault) if is_open => self.on_stopped(status.id, fault),
                TorrentState::Unusable(message) if is_open => {
                    self.on_failure(status.id, Exit::BadTorrent, message.clone());
                }
                TorrentState::Waiting => {
                    let meta = self.session.torrent(status.id).metadata().wait().ok()?;
                    if self.on_metadata(status.id, &meta) {
                        // The next event or gap covers the other torrents.
                        return Some((status.id, meta));
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Returns the torrent and its metadata if the event is the arrival of a magnet link's metadata.
    fn on_event(&mut self, event: SessionEvent, goal: Goal) -> Option<(TorrentId, Arc<Metainfo>)> {
        match event {
            SessionEvent::Torrent(TorrentEvent::Metadata { torrent, meta }) => {
                return self.on_metadata(torrent, &meta).then_some((torrent, meta));
            }
            SessionEvent::Torrent(TorrentEvent::Unusable { torrent, message }) => {
                self.on_failure(torrent, Exit::BadTorrent, message);
            }
            SessionEvent::Checked { torrent, hashed_bytes, believed_bytes } => {
                if let Some(torrent) = self.torrents.iter_mut().find(|t| t.id == torrent) {
                    (torrent.hashed_bytes, torrent.believed_bytes) = (hashed_bytes, believed_bytes);
                }
            }
            SessionEvent::Torrent(TorrentEvent::Started { torrent, finished, have_bytes }) => {
                self.on_started(torrent, finished, have_bytes, goal);
            }
            SessionEvent::Torrent(TorrentEvent::Finished { torrent }) => self.on_done(torrent, goal),
            SessionEvent::Torrent(TorrentEvent::Stopped { torrent, fault }) => {
                self.on_stopped(torrent, &fault)
            }
            SessionEvent::WillRetry { torrent, after } => {
                if let Some(torrent) = self.torrents.iter_mut().find(|t| t.id == torrent) {
                    torrent.retry_after = Some(after);
                }
            }
            SessionEvent::Torrent(TorrentEvent::PieceFailed { torrent, piece }) => {
                tracing::info!(
                    torrent = self.name(torrent),
                    piece,
                    "piece failed its hash check, fetching it again"
                );
            }
            event => {
                if let Some(message) = wording::warning(&event) {
                    self.warn(event.torrent(), &message, Some(&event));
                }
            }
        }
        None
    }

    /// Handles a torrent that a disk fault has stopped. The others go on, and the session retries it; a single one ends
    /// the run.
    fn on_stopped(&mut self, id: TorrentId, fault: &DiskFault) {
        let hint = match fault.kind {
            DiskFaultKind::InTheWay => " with --overwrite",
            _ => "",
        };
        let message = format!("{}{hint}", fault.message);
        let Some(torrent) = self.torrents.iter_mut().find(|t| t.id == id) else { return };
        let retry = torrent.retry_after.map(|after| format!("; will try again in {}", Span(after.as_secs())));
        let warning = format!("{message}{}", retry.unwrap_or_default());
        self.fail_with_warning(id, Report { exit: Exit::Storage, message, hint: None }, &warning);
    }

    fn on_started(&mut self, id: TorrentId, finished: bool, have_bytes: u64, goal: Goal) {
        let Some(torrent) = self.torrents.iter_mut().find(|t| t.id == id) else { return };
        if torrent.retry_after.take().is_some() && matches!(torrent.outcome, Outcome::Failed { .. }) {
            torrent.outcome = Outcome::Open;
        }
        let Some(torrent) = self.torrent(id) else { return };
        let (info_hash, name) = (torrent.info_hash.clone(), torrent.name.clone());
        self.display.event(&Event::Checked {
            info_hash: &info_hash,
            name: &name,
            have_bytes,
            hashed_bytes: torrent.hashed_bytes,
            believed_bytes: torrent.believed_bytes,
        });
        match (finished, goal) {
            (true, _) => self.on_done(id, goal),
            (false, Goal::Fetch { .. }) => {}
            // Seeding writes nothing, so missing data stays missing.
            (false, Goal::Serve | Goal::Share) => {
                drop(self.session.torrent(id).remove());
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
                    believed_bytes: torrent.believed_bytes,
                    downloaded_bytes: status.map_or(0, |status| status.session_downloaded_bytes),
                    uploaded_bytes: status.map_or(0, |status| status.session_uploaded_bytes),
                    seconds: seconds(torrent.added),
                });
                seed.is_asked()
            }
        };
        if serves {
            self.display.event(&Event::Seeding { info_hash, name, have_bytes });
        }
    }

    /// Returns true if the goal is reached; an error if it is out of reach.
    fn verdict(&mut self, goal: Goal) -> Result<bool, CliError> {
        if self.torrents.iter().all(|t| matches!(t.outcome, Outcome::Failed(_)))
            && let Some(error) = self.first_failure()
        {
            return Err(error);
        }
        let Goal::Fetch { seed, give_up } = goal else { return Ok(false) };
        let is_any_open = self.is_any_open();
        let watch = self.watch.get_or_insert_with(Watch::start);
        if is_any_open {
            return match give_up {
                Some(patience) if watch.silence(&self.session.snapshot()) >= patience => {
                    Err(self.silence_error(patience))
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
        let has_reached = |torrent: &Torrent| {
            matches!(self.manager.state_of(key_of(torrent.id)), Some(State::GoalReached { .. }))
        };
        let mut done = self.torrents.iter().filter(|t| matches!(t.outcome, Outcome::Done));
        seed.ratio && done.all(has_reached)
    }

    fn silence_error(&self, patience: Duration) -> CliError {
        let mut open = self.torrents.iter().filter(|torrent| matches!(torrent.outcome, Outcome::Open));
        let name = open.next().map_or("", |torrent| &torrent.name);
        let others = match open.count() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let patience = Span(patience.as_secs());
        CliError::new(
            Exit::Network,
            format!("cannot complete {name}{others}: nothing was received for {patience}"),
        )
        .hint("run the same command again later: it resumes the download")
    }

    fn rows(&self) -> Vec<Row> {
        let snapshot = self.session.snapshot();
        let statuses: HashMap<_, _> = snapshot.torrents.iter().map(|status| (status.id, status)).collect();
        self.torrents.iter().map(|torrent| torrent.row(statuses.get(&torrent.id).copied())).collect()
    }

    fn warn(&self, id: Option<TorrentId>, message: &str, cause: Option<&SessionEvent>) {
        let torrent = id.and_then(|id| self.torrent(id));
        match torrent {
            Some(torrent) => {
                // With several torrents, the message names the one.
                let named = format!("{}: {message}", torrent.name);
                let message = if self.count() > 1 { &named } else { message };
                self.display.event(&Event::Warning { info_hash: Some(&torrent.info_hash), message, cause });
            }
            None => self.display.event(&Event::Warning { info_hash: None, message, cause }),
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

/// Returns the seconds since `since`, to the millisecond.
fn seconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
}
