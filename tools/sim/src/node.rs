//! A client: a real engine, driven as the session drives it and watched by the checkers.

mod answers;
mod apply;
mod link;
mod user;
mod web;

use crate::checkers::Audit;
use crate::content::Content;
use crate::core::{Core, Event};
use crate::disk::{Disk, Done, Job};
use crate::net::{Net, Owner, StreamId};
use crate::settings::Settings;
use crate::trace::Subject;
use link::Link;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use user::Choices;
use web::Response;
pub(crate) use web::{WebManner, WebServer};
use ztor_base::{Duration, Instant, PeerId};
use ztor_engine::{
    AddMagnet, CloseCause, Command, Config, DhtRole, DiskEvent, Engine, Event as Happened, Outbox, PeerKey,
    TorrentId, Transport, Transports, WebRequestId,
};

/// Interval between saves of the progress, as in the session.
const SAVE_EVERY: Duration = Duration::from_secs(5);
/// Turns in a row without cause and effect, after which the engine counts as looping.
const MAX_IDLE_TURNS: u32 = 1_000;

/// A client and its machine.
pub(crate) struct Node {
    pub(crate) number: usize,
    pub(crate) host: usize,
    pub(crate) settings: Settings,
    content: Arc<Content>,
    pub(crate) disk: Disk,
    choices: Choices,
    /// Hosts whose connections have had limits of their own.
    hosts_limited: Vec<usize>,
    /// Number of the process's start or crash. Events for an earlier number are dropped.
    life: u32,
    /// The process; `None` while it does not run.
    run: Option<Run>,
    /// Time at which the torrent was reported finished; `None` before. Survives crashes.
    pub(crate) reported_at: Option<Instant>,
    /// True once it leaves for good.
    pub(crate) has_left: bool,
}

/// A process.
pub(crate) struct Run {
    pub(crate) engine: Engine,
    pub(crate) id: TorrentId,
    /// Maximum number of simultaneous connections, attempts included.
    most_peers: usize,
    out: Outbox,
    links: BTreeMap<PeerKey, Link>,
    by_stream: BTreeMap<StreamId, PeerKey>,
    web: BTreeMap<WebRequestId, Response>,
    /// Links with data that the engine did not want to read yet.
    unread: BTreeSet<PeerKey>,
    to_flush: BTreeSet<PeerKey>,
    pub(crate) audit: Audit,
    /// True if the torrent is finished, which is reported once all of it is durable.
    finish_pending: bool,
    turn_at: Instant,
    /// True if the engine had input since the last turn.
    was_told: bool,
    idle_turns: u32,
    /// Time at which `idle_turns` was last a multiple of [`MAX_IDLE_TURNS`].
    idle_since: Instant,
}

impl Node {
    pub(crate) fn new(number: usize, host: usize, content: Arc<Content>, settings: Settings) -> Self {
        let disk = Disk::new(Arc::clone(&content), settings.is_seed);
        Self {
            number,
            host,
            settings,
            content,
            disk,
            choices: Choices::default(),
            hosts_limited: Vec::new(),
            life: 0,
            run: None,
            reported_at: None,
            has_left: false,
        }
    }

    /// Returns the name in the trace.
    pub(crate) fn name(&self) -> String {
        format!("n{}", self.number)
    }

    pub(crate) fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// Starts the process with the state that an earlier one has left.
    pub(crate) fn start(&mut self, core: &mut Core) {
        if self.run.is_some() {
            return;
        }
        self.life += 1;
        let mut random = [0; 12];
        core.rng.fill(&mut random);
        let settings = &self.settings;
        let config = Config {
            limit_down: settings.limit_down,
            limit_up: settings.limit_up,
            max_peers: settings.max_peers,
            max_peers_per_torrent: settings.max_peers_per_torrent,
            upload_slots: settings.upload_slots,
            leech_defence: settings.leech_defence,
            transports: if settings.utp { Transports::Both } else { Transports::Tcp },
            ..Config::new(PeerId::from_random(random), crate::net::PORT)
        };
        let mut engine = Engine::new(core.now, config, core.seed());
        if let Some(nodes) = &settings.dht {
            engine.start_dht(core.now, ztor_dht::Config::default(), None);
            let command = Command::AddDhtNodes { addrs: nodes.clone(), role: DhtRole::Entry };
            engine.handle(core.now, Happened::Command(command), &mut Outbox::default());
        }
        let add = self.torrent_to_add();
        let before = (add.downloaded, add.uploaded);
        // A client with resume data has the metadata.
        let is_magnet = settings.is_magnet && self.disk.resume.is_none() && !self.choices.is_removed;
        let magnet = AddMagnet {
            info_hashes: self.content.meta.info_hashes,
            trackers: add.trackers.clone().unwrap_or_else(|| self.content.meta.trackers.clone()),
            peers: settings.peers.clone(),
            known: None,
            paused: false,
        };
        let added = match self.choices.is_removed {
            true => Ok(TorrentId::default()),
            false if is_magnet => engine.add_magnet(core.now, &magnet),
            false => engine.add(core.now, &add),
        };
        let Ok(id) = added else {
            return core.fail(&[self.name()], "an empty engine refuses a torrent".into());
        };
        core.note(format_args!("{} starts, life {}", self.name(), self.life));
        core.record(Subject::Start, &[self.number as u64, u64::from(self.life)]);
        let audit = Audit::new(core.now, &self.content, settings, before);
        self.run = Some(Run {
            engine,
            id,
            most_peers: 0,
            out: Outbox::default(),
            links: BTreeMap::new(),
            by_stream: BTreeMap::new(),
            web: BTreeMap::new(),
            unread: BTreeSet::new(),
            to_flush: BTreeSet::new(),
            audit,
            finish_pending: false,
            turn_at: Instant::FAR_FUTURE,
            was_told: true,
            idle_turns: 0,
            idle_since: core.now,
        });
        // Like the session, believes the resume data if the file times are unchanged.
        let trust = self.disk.resume.is_some() && core.rng.bool() && self.disk.is_trusted();
        self.restore_choices(core);
        self.set_web_seeds(core);
        if !is_magnet && !self.choices.is_removed {
            self.job(core, id, Job::Check { trust });
        }
        core.plan_in(SAVE_EVERY, Event::Save { node: self.number, life: self.life });
        self.plan_turn(core, core.now);
    }

    /// Ends the process without notice. With `power_cut` its streams vanish instead of being reset.
    pub(crate) fn crash(&mut self, core: &mut Core, net: &mut Net, power_cut: bool) {
        let Some(run) = self.run.take() else { return };
        for link in run.links.values() {
            if power_cut {
                net.vanish(link.stream, link.side);
            } else {
                net.close(core, link.stream, link.side, true);
            }
        }
        self.life += 1;
        self.disk.crash(&mut core.rng, power_cut);
    }

    pub(crate) fn leave(&mut self, core: &mut Core) {
        self.has_left = true;
        self.command(core, |_| Command::Shutdown);
    }

    pub(crate) fn command(&mut self, core: &mut Core, command: impl FnOnce(TorrentId) -> Command) {
        let Some(run) = &self.run else { return };
        let command = command(run.id);
        self.tell(core, Happened::Command(command));
    }

    /// Reports to the engine that the machine has slept.
    pub(crate) fn woke(&mut self, core: &mut Core, slept: Duration) {
        self.tell(core, Happened::Network(ztor_engine::NetworkChange::Slept(slept)));
    }

    /// Adds addresses of peers, also for later starts.
    pub(crate) fn meet(&mut self, core: &mut Core, addrs: &[SocketAddr]) {
        self.settings.peers.extend(addrs);
        let Some(run) = &mut self.run else { return };
        run.audit.sources.extend(addrs);
        self.command(core, |torrent| Command::AddPeers { torrent, addrs: addrs.to_vec() });
    }

    pub(crate) fn reset_streams(&mut self, core: &mut Core, net: &mut Net) {
        let Some(run) = &mut self.run else { return };
        let all: Vec<(PeerKey, StreamId, usize)> =
            run.links.iter().map(|(k, l)| (*k, l.stream, l.side)).collect();
        for (key, stream, side) in all {
            net.close(core, stream, side, true);
            self.on_lost(core, self.life, key.as_u64(), "the connection was reset");
        }
    }

    /// Returns true if its torrent is complete and durable.
    pub(crate) fn is_finished(&self) -> bool {
        self.reported_at.is_some()
    }

    /// Returns the time at which the torrent was first reported finished.
    pub(crate) fn reported_at(&self) -> Option<Instant> {
        self.reported_at
    }

    fn alive(&mut self, life: u32) -> Option<&mut Run> {
        if self.life == life { self.run.as_mut() } else { None }
    }

    pub(crate) fn accept(
        &mut self,
        core: &mut Core,
        stream: StreamId,
        from: SocketAddr,
        transport: Transport,
    ) -> Option<Owner> {
        let (number, life) = (self.number, self.life);
        let run = self.run.as_mut()?;
        match run.engine.accept(core.now, from, transport) {
            Ok(key) => {
                core.note(format_args!("n{number} takes {from} as #{}", key.as_u64() & 0xffff));
                // A caller's address is a valid source for a connection back.
                run.audit.sources.insert(SocketAddr::new(from.ip(), crate::net::PORT));
                run.links.insert(key, Link::new(stream, 1, self.content.pieces()));
                run.by_stream.insert(stream, key);
                self.plan_turn(core, core.now);
                Some(Owner::Node(number, life))
            }
            // The kernel has accepted the connection; the program drops it.
            Err(_) => Some(Owner::Nobody),
        }
    }

    /// Returns the engine's key for a stream that was just accepted.
    pub(crate) fn key_of(&self, stream: StreamId) -> u64 {
        self.run.as_ref().and_then(|run| run.by_stream.get(&stream)).map_or(0, |key| key.as_u64())
    }

    pub(crate) fn on_connected(&mut self, core: &mut Core, life: u32, key: u64) {
        let peer = PeerKey::from_u64(key);
        let Some(run) = self.alive(life) else { return };
        if run.links.contains_key(&peer) {
            self.tell(core, Happened::Connected { peer });
        }
    }

    pub(crate) fn on_lost(&mut self, core: &mut Core, life: u32, key: u64, reason: &str) {
        let peer = PeerKey::from_u64(key);
        let Some(run) = self.alive(life) else { return };
        if let Some(link) = run.links.remove(&peer) {
            run.by_stream.remove(&link.stream);
            run.unread.remove(&peer);
            core.note(format_args!("n{} loses #{}: {reason}", self.number, key & 0xffff));
            self.tell(core, Happened::Closed { peer, cause: CloseCause::Remote });
        }
    }

    /// Reads data that has arrived on a link, unless the engine does not want to read.
    pub(crate) fn on_arrived(&mut self, core: &mut Core, net: &mut Net, life: u32, key: u64) {
        let peer = PeerKey::from_u64(key);
        let Some(run) = self.alive(life) else { return };
        if !run.engine.may_read(peer) {
            run.unread.insert(peer);
            return;
        }
        let Some(link) = run.links.get_mut(&peer) else { return };
        let bytes = net.read(core, link.stream, link.side);
        link.ledger.heard(&bytes, &mut run.audit);
        run.was_told = true;
        let (engine, out) = (&mut run.engine, &mut run.out);
        link.far_end.give(peer, &bytes, |event| engine.handle(core.now, event, out));
        self.plan_turn(core, core.now);
    }

    /// Sends queued data into a socket that has free space again.
    pub(crate) fn on_room(&mut self, core: &mut Core, net: &mut Net, life: u32, key: u64) {
        let Some(run) = self.alive(life) else { return };
        let peer = PeerKey::from_u64(key);
        if run.links.get(&peer).is_some_and(|link| !link.backlog.is_empty()) {
            run.to_flush.insert(peer);
            self.flush(core, net);
            self.plan_turn(core, core.now);
        }
    }

    pub(crate) fn on_disk(
        &mut self,
        core: &mut Core,
        net: &mut Net,
        life: u32,
        torrent: TorrentId,
        job: Job,
    ) {
        if self.life != life {
            return;
        }
        if self.run.as_ref().is_some_and(|run| run.id != torrent) {
            return self.on_job_of_removed(core, torrent, job);
        }
        let mut done = Vec::new();
        self.disk.run(&mut core.rng, job, &mut done);
        for result in done {
            match result {
                Done::Tell(event) => self.on_disk_event(core, event),
                Done::Block { peer, block, data } => {
                    let Some(run) = &mut self.run else { return };
                    if let Some(link) = run.links.get_mut(&peer) {
                        link.push_block(block, &data);
                        run.to_flush.insert(peer);
                        self.flush(core, net);
                        self.plan_turn(core, core.now);
                    }
                }
                Done::NoBlock { peer, message } => {
                    let Some(link) = self.run.as_ref().and_then(|run| run.links.get(&peer)) else { continue };
                    net.close(core, link.stream, link.side, false);
                    self.on_lost(core, life, peer.as_u64(), "cannot read a block for it");
                    self.on_disk_event(core, DiskEvent::ReadFailed { message });
                }
                Done::Synced { resume, finished, changes } => {
                    self.job(core, torrent, Job::Commit { resume, finished, changes });
                }
                Done::Saved { resume, finished } => {
                    let Some(run) = self.run.as_mut().filter(|_| finished) else { continue };
                    if !run.engine.is_finished_with(torrent, &resume.have.to_wire()) {
                        continue;
                    }
                    run.finish_pending = false;
                    if self.reported_at.is_none() {
                        core.note(format_args!("n{} reports its torrent finished", self.number));
                        core.record(Subject::Reported, &[self.number as u64]);
                        self.reported_at = Some(core.now);
                    }
                }
                Done::NotSaved => {
                    if let Some(run) = &mut self.run {
                        run.engine.not_saved(run.id);
                    }
                }
            }
        }
    }

    /// Ends a job of a torrent that was removed. Nothing is written or read any more.
    fn on_job_of_removed(&mut self, core: &mut Core, torrent: TorrentId, job: Job) {
        match job {
            Job::Write(write) => {
                let event = DiskEvent::Written { disk: write.disk, bytes: write.data.len() as u32 };
                self.tell(core, Happened::Disk { torrent, event });
            }
            Job::Delete | Job::Forget => self.disk.run(&mut core.rng, job, &mut Vec::new()),
            _ => {}
        }
    }

    fn on_disk_event(&mut self, core: &mut Core, event: DiskEvent) {
        let number = self.number;
        let Some(run) = &mut self.run else { return };
        match &event {
            DiskEvent::Checked { have } => {
                core.note(format_args!("n{number} has {} of {} pieces on disk", have.count(), have.len()));
                if let Some(piece) = have.iter().find(|piece| !self.disk.is_true(*piece)) {
                    core.fail(
                        &[format!("n{number} ")],
                        format!("n{number}: piece {piece} is believed but not on disk"),
                    );
                }
                let lacks = |piece| run.audit.will.wants(piece) && !have.contains(piece);
                if self.reported_at.is_some() && (0..have.len()).any(lacks) {
                    core.fail(
                        &[format!("n{number} ")],
                        format!("n{number}: was reported finished but is not"),
                    );
                }
                run.audit.checked(have);
            }
            DiskEvent::PieceOk { piece, .. } => {
                core.note(format_args!("n{number} has piece {piece}"));
                if !self.disk.is_true(*piece) {
                    core.fail(
                        &[format!("n{number} ")],
                        format!("n{number}: piece {piece} passed its check but is wrong"),
                    );
                }
                run.audit.piece_ok(*piece);
            }
            DiskEvent::PieceBad { piece, .. } => core.note(format_args!("n{number}: piece {piece} is bad")),
            DiskEvent::Failed { fault } => core.note(format_args!("n{number}: {}", fault.message)),
            _ => {}
        }
        let torrent = run.id;
        self.tell(core, Happened::Disk { torrent, event });
    }

    /// Saves the progress, and plans the next save.
    pub(crate) fn save_some(&mut self, core: &mut Core, life: u32) {
        if let Some(run) = self.alive(life) {
            let is_pending = run.finish_pending;
            self.save(core, is_pending, is_pending);
            core.plan_in(SAVE_EVERY, Event::Save { node: self.number, life });
        }
    }

    fn save(&mut self, core: &mut Core, always: bool, finished: bool) {
        let now = core.now;
        let Some(run) = &mut self.run else { return };
        run.finish_pending |= finished;
        let resume = if always || finished {
            run.engine.resume_data(now, run.id)
        } else {
            run.engine.resume_data_if_changed(now, run.id)
        };
        let torrent = run.id;
        if let Some(resume) = resume {
            let changes = self.disk.checked_changes();
            self.job(core, torrent, Job::Sync { resume, finished, changes });
        }
    }

    fn job(&mut self, core: &mut Core, torrent: TorrentId, job: Job) {
        let at = self.disk.plan(core.now, &job);
        core.plan(at, Event::Disk { node: self.number, life: self.life, torrent, job });
    }

    fn tell(&mut self, core: &mut Core, event: Happened<'_>) {
        let Some(run) = &mut self.run else { return };
        run.was_told = true;
        run.engine.handle(core.now, event, &mut run.out);
        self.plan_turn(core, core.now);
    }

    /// Plans a turn at `at`, unless an earlier one is planned. Events within some microseconds share a turn.
    fn plan_turn(&mut self, core: &mut Core, at: Instant) {
        let (number, life) = (self.number, self.life);
        let Some(run) = &mut self.run else { return };
        let at = at.max(core.now) + Duration::from_micros(core.rng.u64(1..100));
        if at < run.turn_at {
            run.turn_at = at;
            core.plan(at, Event::Turn { node: number, life });
        }
    }
}

impl Run {
    /// Returns the maximum number of simultaneous connections, attempts included.
    pub(crate) fn most_peers(&self) -> usize {
        self.most_peers
    }
}
