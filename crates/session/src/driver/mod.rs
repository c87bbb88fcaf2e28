//! The event loop: one thread, one poll, all sockets.
//!
//! A turn: wait, take in what other threads have, read what can be read, let the engine settle, carry out what
//! it wants, write what can be written. The engine decides; nothing here does.

mod apply;
mod conn;
mod crypt;
mod device;
mod fill;
mod input;
mod local;
mod pool;
mod retry;
mod saving;
pub(crate) mod sockets;
mod staged;
mod suspects;
mod udp;
mod utp;

use crate::bind::{Bind, DeviceState};
use crate::clock::Clock;
use crate::control::Control;
use crate::dht_state;
use crate::disk::{Disk, Looks};
use crate::inbox::Inbox;
use crate::keys::Keys;
use crate::message::ToNet;
use crate::snapshot::{Publisher, SessionEvent};
use conn::Conn;
use crossbeam_channel::Sender;
use local::LocalSockets;
use mio::{Events, Interest, Poll, Token};
use pool::ReadPool;
use retry::Retry;
use saving::{Ending, SaveTimes};
use slotmap::SecondaryMap;
use sockets::Listening;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use suspects::Suspects;
use udp::UdpIo;
pub(crate) use utp::Utp;
use ztor_base::{Duration, Instant};
use ztor_engine::{CloseCause, Command, DiskEvent, Encryption, Engine, Event, Outbox, PeerKey, TorrentId};
use ztor_storage::resume::Resume;
use ztor_storage::{FileSlice, TorrentStore};

pub(crate) const WAKER: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);
const UDP: Token = Token(usize::MAX - 2);
const LOCAL_V4: Token = Token(usize::MAX - 3);
const LOCAL_V6: Token = Token(usize::MAX - 4);

/// How often the DHT's nodes are kept.
const DHT_SAVE_EVERY: Duration = Duration::from_secs(300);
/// How often faces get a new picture.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
/// How long the loop may sleep when there is nothing to save or to tell.
const RARELY: Duration = Duration::from_secs(3600);
/// How long an event may wait for the next picture.
const EVENTS_WITHIN: Duration = Duration::from_millis(20);
/// After running out of file descriptors, accepting waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// A torrent's files, as the loop knows it.
struct Entry {
    store: Arc<TorrentStore>,
    resume_path: Option<PathBuf>,
    wanted: Vec<bool>,
    prepare: bool,
    /// What was last known to be durable.
    saved: Option<Resume>,
    looks: Looks,
    /// The next check hashes everything.
    recheck: bool,
    /// Ends a check that is under way.
    stop: Arc<AtomicBool>,
    is_saving: bool,
    /// Something new is to be saved when the save under way is done.
    save_again: bool,
    /// The torrent is finished, to be reported once that is safe.
    finish_pending: bool,
    retry: Retry,
    suspects: Suspects,
    /// The check that is asked for next comes of itself, and not from the user.
    is_retry: bool,
    /// Time at which a file was last found changed by somebody else.
    changed_at: Option<Instant>,
    /// A file was changed by somebody else, and the check that is asked for finds out whether its content is: these are
    /// the pieces that were there, in wire form.
    had_before_change: Option<Vec<u8>>,
    /// The stop that comes next is for such a look, which follows at once.
    looks_again: bool,
    /// Written data may be lost. The system says so once, so a later sync that succeeds proves nothing: what was
    /// saved last stands until the disk has been looked at again.
    in_doubt: bool,
}

pub(crate) struct Driver {
    poll: Poll,
    clock: Clock,
    engine: Engine,
    out: Outbox,
    listening: Listening,
    udp: UdpIo,
    utp: Utp,
    encryption: Encryption,
    keys: Keys,
    bind: Bind,
    /// The interface that is bound to, as it was when last looked at, and its number when the sockets were made.
    device: DeviceState,
    bound_to: Option<u32>,
    listen_again_at: Option<Instant>,
    /// `None` if local discovery is off.
    local: Option<LocalSockets>,
    dht_path: Option<PathBuf>,
    dht_save_at: Instant,
    conns: SecondaryMap<PeerKey, Conn>,
    /// Datagrams may be left in the socket, or in those of local discovery.
    has_datagrams: bool,
    has_local: bool,
    /// Connections with something to read, in turn.
    readable: VecDeque<PeerKey>,
    to_flush: Vec<PeerKey>,
    pool: ReadPool,
    /// What is sent is put together in it, where it has to be.
    scratch: Vec<u8>,
    /// Reused from block to block.
    slices: Vec<FileSlice>,
    inbox: Arc<Inbox<ToNet>>,
    disk: Disk,
    control: Control,
    torrents: SecondaryMap<TorrentId, Entry>,
    publisher: Publisher,
    accept_again_at: Option<Instant>,
    saves: SaveTimes,
    /// Time of the next attempt with a torrent that a disk fault has stopped.
    retry_at: Instant,
    publish_at: Instant,
    saves_under_way: usize,
    /// Told at the next publishing, so that a face that hears of something also sees it.
    events: Vec<SessionEvent>,
    published_at: Instant,
    ending: Ending,
    /// Deadline for goodbyes to trackers; `None` waits until they are answered or have failed.
    goodbyes_until: Option<Instant>,
    ending_without_goodbyes: bool,
    /// Hears when all is done, and whether all goodbyes were said; dropped without a word when the loop broke.
    done: Sender<bool>,
}

/// What a driver is made of.
pub(crate) struct Parts {
    pub(crate) poll: Poll,
    pub(crate) clock: Clock,
    pub(crate) engine: Engine,
    pub(crate) listening: Listening,
    pub(crate) utp: Utp,
    pub(crate) encryption: Encryption,
    pub(crate) keys: Keys,
    pub(crate) bind: Bind,
    pub(crate) device: DeviceState,
    /// Where the DHT's nodes are kept, if it is on and they are.
    pub(crate) dht_path: Option<PathBuf>,
    /// Look for peers in the local network.
    pub(crate) finds_local: bool,
    pub(crate) inbox: Arc<Inbox<ToNet>>,
    pub(crate) disk: Disk,
    pub(crate) control: Control,
    pub(crate) publisher: Publisher,
    /// Hears when the loop has ended well, and whether all goodbyes were said.
    pub(crate) done: Sender<bool>,
}

impl Driver {
    pub(crate) fn new(parts: Parts) -> std::io::Result<Self> {
        let Parts { poll, clock, engine, mut listening, bind, dht_path, finds_local, inbox, .. } = parts;
        let Parts { utp, encryption, keys, device, .. } = parts;
        let Parts { disk, control, publisher, done, .. } = parts;
        let mut local = finds_local.then(|| LocalSockets::open(bind.clone()));
        if let Some(local) = &mut local {
            local.register(poll.registry())?;
        }
        if let Some(tcp) = &mut listening.tcp {
            poll.registry().register(tcp, LISTENER, Interest::READABLE)?;
        }
        let mut udp = UdpIo::new(listening.take_udp()?)?;
        poll.registry().register(&mut udp.socket, UDP, Interest::READABLE | Interest::WRITABLE)?;
        let now = clock.now();
        Ok(Self {
            poll,
            clock,
            engine,
            out: Outbox::default(),
            listening,
            udp,
            utp,
            encryption,
            keys,
            bind,
            bound_to: device.index,
            device,
            listen_again_at: None,
            local,
            dht_path,
            dht_save_at: now + DHT_SAVE_EVERY,
            conns: SecondaryMap::new(),
            has_datagrams: false,
            has_local: false,
            readable: VecDeque::new(),
            to_flush: Vec::new(),
            pool: ReadPool::default(),
            scratch: Vec::new(),
            slices: Vec::new(),
            inbox,
            disk,
            control,
            torrents: SecondaryMap::new(),
            publisher,
            accept_again_at: None,
            saves: SaveTimes::new(now),
            retry_at: Instant::FAR_FUTURE,
            publish_at: now,
            saves_under_way: 0,
            events: Vec::new(),
            published_at: now,
            ending: Ending::No,
            goodbyes_until: None,
            ending_without_goodbyes: false,
            done,
        })
    }

    /// Runs until told to shut down, and then until the goodbyes are said and everything is saved.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut messages = Vec::new();
        loop {
            if let Err(error) = self.poll.poll(&mut events, self.timeout())
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "waiting for the network failed");
                break;
            }
            let now = self.clock.now();
            for event in &events {
                match event.token() {
                    WAKER => {}
                    LISTENER => self.accept(now),
                    UDP => self.has_datagrams = true,
                    LOCAL_V4 | LOCAL_V6 => self.has_local = true,
                    Token(number) => self.on_ready(now, PeerKey::from_u64(number as u64), event),
                }
            }
            // Once a turn, however many there are: a flood of them must not keep the rest waiting.
            if self.has_datagrams {
                self.read_datagrams(now);
            }
            if self.has_local {
                self.read_local(now);
            }
            self.inbox.take(&mut messages);
            for message in messages.drain(..) {
                self.on_message(now, message);
            }
            if self.utp.endpoint.poll_timeout().is_some_and(|at| at <= now) {
                self.utp.endpoint.handle_timeout(now);
                self.on_utp_events(now);
            }
            self.read_some(now);
            if self.accept_again_at.is_some_and(|at| at <= now) {
                self.accept(now);
            }
            self.engine.settle(now, &mut self.out);
            self.apply(now);
            self.flush(now);
            self.transmit(now);
            self.disk.submit();
            self.housekeeping(now);
            if self.has_ended(now) {
                break;
            }
        }
        self.end();
    }

    fn timeout(&self) -> Option<Duration> {
        let more_to_read = !self.readable.is_empty() && self.engine.may_read();
        if more_to_read || self.has_datagrams || self.has_local || !self.to_flush.is_empty() {
            return Some(Duration::ZERO);
        }
        let dht_save_at = self.dht_path.is_some().then_some(self.dht_save_at);
        let own = [
            Some(self.saves.next()),
            Some(self.publish_at),
            self.accept_again_at,
            self.listen_again_at,
            self.goodbyes_until,
            Some(self.retry_at).filter(|_| self.ending == Ending::No),
            dht_save_at,
        ];
        let next = own
            .into_iter()
            .chain([self.engine.poll_timeout(), self.utp.endpoint.poll_timeout()])
            .flatten()
            .min()?;
        // Rounded up, or the poll would return just before the time.
        Some(self.clock.until(next) + Duration::from_micros(500))
    }

    fn on_message(&mut self, now: Instant, message: ToNet) {
        match message {
            ToNet::Engine(event) => self.engine.handle(now, event, &mut self.out),
            ToNet::Device(state) => self.on_device(now, state),
            ToNet::Worked { peer, worked } => self.on_worked(now, peer, worked),
            ToNet::Located(located) => self.on_located(located),
            ToNet::LocateFailed { peer, fault, is_ours: true, .. } => {
                self.closed(now, peer, &fault.message, CloseCause::Local)
            }
            ToNet::LocateFailed { peer, torrent, fault, .. } => {
                self.closed(now, peer, "a block for it could not be read", CloseCause::Local);
                let event = DiskEvent::Failed { fault };
                self.engine.handle(now, Event::Disk { torrent, event }, &mut self.out);
            }
            ToNet::Rehashed { torrent, piece } => self.on_rotten(now, torrent, piece),
            ToNet::Saved { torrent, resume, error } => self.on_saved(now, torrent, *resume, error),
            ToNet::Resolved { id, result } => {
                // An address we cannot send to is as good as none.
                let own = self.listening.addr;
                let usable = |ip: &IpAddr| sockets::sendable(own, (*ip, 1).into()).is_some();
                let result = result.map(|ips| ips.into_iter().filter(usable).collect());
                self.engine.handle(now, Event::Resolved { id, result }, &mut self.out);
            }
            ToNet::PeerNotFound { torrent, peer, message } => {
                self.events.push(SessionEvent::PeerNotFound { torrent, peer, message });
                self.publish(now);
            }
            ToNet::Add { request, answer } => {
                let result = self.add(now, *request);
                self.publish(now);
                // A caller that has gone away needs no answer.
                let _ = answer.send(result);
            }
            ToNet::AddMagnet { request, names, answer } => {
                let result = self.engine.add_magnet(now, &request);
                if let Ok(torrent) = result {
                    names.into_iter().for_each(|name| self.control.find_peer(torrent, name));
                    self.publish(now);
                }
                let _ = answer.send(result);
            }
            ToNet::StartTorrent { torrent, request, answer } => {
                let _ = answer.send(self.start_torrent(now, torrent, *request));
            }
            ToNet::Peers { torrent, answer } => {
                let _ = answer.send(self.engine.peer_status(now, torrent));
            }
            ToNet::Bans { answer } => {
                let _ = answer.send(self.engine.bans(now));
            }
            ToNet::DhtStats { answer } => {
                let _ = answer.send(self.engine.dht_stats(now));
            }
            ToNet::Command(command) => {
                match &command {
                    Command::Remove(id) => self.save_last(*id),
                    Command::Resume(id) => {
                        if let Some(entry) = self.torrents.get_mut(*id) {
                            entry.retry.resumed();
                        }
                    }
                    _ => {}
                }
                self.engine.handle(now, Event::Command(command), &mut self.out);
            }
            ToNet::Shutdown { goodbyes } if self.ending == Ending::No => {
                self.ending = Ending::Draining;
                self.goodbyes_until = goodbyes.map(|goodbyes| now + goodbyes);
                self.torrents.values().for_each(|entry| entry.stop.store(true, Ordering::Relaxed));
                self.engine.handle(now, Event::Command(Command::Shutdown), &mut self.out);
            }
            ToNet::Shutdown { .. } => {}
        }
    }

    fn housekeeping(&mut self, now: Instant) {
        self.listen_again(now);
        self.save_what_is_due(now);
        if self.ending == Ending::No {
            self.retry_what_is_due(now);
        }
        if let Some(path) = &self.dht_path
            && now >= self.dht_save_at
        {
            self.dht_save_at = now + DHT_SAVE_EVERY;
            if let Some(saved) = self.engine.dht_to_save() {
                let path = path.clone();
                self.control.run_blocking(move || dht_state::store(&path, &saved));
            }
        }
        if now >= self.publish_at {
            self.publish(now);
        }
        if self.engine.has_status_changes() {
            self.publish_at = self.publish_at.min(self.published_at + PUBLISH_EVERY);
        }
    }

    /// Gives faces a new picture, and the events that it shows. Whoever took a torrent in finds it there.
    fn publish(&mut self, now: Instant) {
        self.publish_at = now + RARELY;
        self.published_at = now;
        self.publisher.publish(self.engine.status_changes(now));
        self.events.drain(..).for_each(|event| self.publisher.tell(event));
    }

    /// Events come with the next picture, which comes soon.
    fn tell(&mut self, event: SessionEvent) {
        self.events.push(event);
        self.publish_at = self.publish_at.min(self.published_at + EVENTS_WITHIN);
    }

    fn end(mut self) {
        self.inbox.close();
        let keys: Vec<PeerKey> = self.conns.keys().collect();
        let now = self.clock.now();
        for key in keys {
            self.drop_conn(now, key);
        }
        self.transmit(now);
        self.publisher.publish(self.engine.status_changes(self.clock.now()));
        self.events.drain(..).for_each(|event| self.publisher.tell(event));
        if let (Some(path), Some(saved)) = (&self.dht_path, self.engine.dht_to_save()) {
            dht_state::store(path, &saved);
        }
        self.disk.stop();
        self.control.stop();
        // Nobody may be waiting.
        let _ = self.done.try_send(!self.engine.has_goodbyes());
    }
}
