//! The event loop: one thread, one poll, all sockets.
//!
//! A turn: wait, take the messages of other threads, read what can be read, let the engine settle, carry out its
//! effects, write what can be written. The engine makes all decisions.
//!
//! [`Driver`] looks things up and routes. Its parts own the state, each in a file of its own:
//!
//! - `context`: the time of the turn, the engine, its outbox, and what is published (`publishing`);
//! - `listeners`, `datagrams` (with `udp`, `utp`, `local`), `device`: the sockets that are open all the time;
//! - `conns`, a table of `conn`: the connections with their `cipher`, `queue`, `encrypt_stage` and the read `pool`;
//! - `egress`: the proxy, with its `link`, its `relay` of datagrams, and the `tunnels` that it is making;
//! - `handshakes`: encrypted handshakes; `close`: reasons for the end of a connection;
//! - `requests`: requests to single torrents, and callers that wait for one;
//! - `torrents`, a table of `entry`: the torrents' files with their `retry`, `suspects` and `moves`; `drives`: folders
//!   that are gone;
//! - `reach`: the ports at which peers reach us, and port mapping; `web`: requests to web seeds;
//! - `saver`, `times_saver`, `dht_file`, `ending`: what is saved when, and the end.

mod apply;
mod cipher;
mod close;
mod conn;
mod conns;
mod context;
mod datagrams;
mod device;
mod dht_file;
mod drives;
mod egress;
mod encrypt_stage;
mod ending;
mod entry;
mod fill;
mod handshakes;
mod input;
mod link;
mod listeners;
mod local;
mod locals;
mod moves;
mod outlet;
mod pool;
mod publishing;
mod queue;
mod reach;
mod relay;
mod requests;
mod retry;
mod saver;
pub(crate) mod sockets;
mod suspects;
mod times_saver;
mod tokens;
mod torrents;
mod tunnels;
mod udp;
mod utp;
mod web;

use crate::clock::{Clock, SleepWatch};
use crate::control::Control;
use crate::disk::Disks;
use crate::inbox::Inbox;
use crate::message::NetEvent;
use crate::snapshot::Publisher;
use crate::times::TimesFile;
use conns::Conns;
use context::Context;
use crossbeam_channel::Sender;
use datagrams::Datagrams;
pub(crate) use device::Device;
use dht_file::DhtFile;
use drives::Drives;
pub(crate) use egress::Egress;
use ending::Ending;
pub(crate) use handshakes::Handshakes;
use listeners::Listeners;
use local::LocalSockets;
use mio::{Events, Poll, Token};
pub(crate) use moves::Target;
use outlet::UdpSockets;
pub(crate) use reach::Reach;
use requests::Waiters;
use saver::Saver;
use sockets::{Listening, Turns};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use times_saver::TimesSaver;
pub(crate) use tokens::WAKER;
use tokens::{FORMER_UDP, LISTENER, LOCAL_V4, LOCAL_V6, PROXY, RELAY, UDP};
use torrents::Torrents;
pub(crate) use utp::Utp;
use web::WebFetches;
use ztor_base::Duration;
use ztor_engine::{Engine, PeerKey, TorrentId};

/// The event loop.
pub(crate) struct Driver {
    poll: Poll,
    clock: Clock,
    sleep: SleepWatch,
    cx: Context,
    device: Device,
    listeners: Listeners,
    datagrams: Datagrams,
    conns: Conns,
    /// Turns of the addresses from which calls over TCP leave. Those over µTP have their own, as a peer is often called over
    /// both one after the other.
    turns: Turns,
    handshakes: Handshakes,
    egress: Egress,
    /// True if the configuration has local discovery.
    finds_local: bool,
    torrents: Torrents,
    /// Peers of magnet links by name, which are looked up when the torrent is resumed for the first time.
    named_peers: BTreeMap<TorrentId, Vec<String>>,
    waiters: Waiters,
    saver: Saver,
    ending: Ending,
    dht_file: DhtFile,
    times: TimesSaver,
    drives: Drives,
    reach: Reach,
    inbox: Arc<Inbox<NetEvent>>,
    disks: Disks,
    control: Control,
    web: WebFetches,
}

/// Parts of a driver.
pub(crate) struct Parts {
    pub(crate) poll: Poll,
    pub(crate) clock: Clock,
    pub(crate) engine: Engine,
    pub(crate) listening: Listening,
    pub(crate) utp: Utp,
    pub(crate) handshakes: Handshakes,
    pub(crate) egress: Egress,
    pub(crate) device: Device,
    /// File for the nodes of the DHT; `None` without DHT or state folder.
    pub(crate) dht_path: Option<PathBuf>,
    pub(crate) times: Arc<TimesFile>,
    /// True if local discovery is on.
    pub(crate) finds_local: bool,
    pub(crate) inbox: Arc<Inbox<NetEvent>>,
    pub(crate) disks: Disks,
    pub(crate) control: Control,
    pub(crate) reach: Reach,
    pub(crate) publisher: Publisher,
    /// Receives true if no goodbye is outstanding when the loop has ended.
    pub(crate) done: Sender<bool>,
}

impl Driver {
    pub(crate) fn new(mut parts: Parts) -> io::Result<Self> {
        let registry = parts.poll.registry();
        let finds_local = parts.finds_local && parts.egress.allows_local();
        let local = finds_local.then(|| LocalSockets::open(parts.device.bind().clone()));
        let listeners = Listeners::open(registry, parts.listening.take_tcp())?;
        let udp = UdpSockets::open(registry, &mut parts.listening, local)?;
        let now = parts.clock.now();
        let (bind, proxied) = (parts.device.bind().clone(), parts.egress.proxied());
        let mut driver = Self {
            poll: parts.poll,
            clock: parts.clock,
            sleep: SleepWatch::start(),
            cx: Context::new(now, parts.engine, parts.publisher),
            device: parts.device,
            listeners,
            datagrams: Datagrams::new(bind, udp, parts.utp, proxied),
            conns: Conns::default(),
            turns: Turns::default(),
            handshakes: parts.handshakes,
            egress: parts.egress,
            finds_local: parts.finds_local,
            torrents: Torrents::new(),
            named_peers: BTreeMap::new(),
            waiters: Waiters::default(),
            saver: Saver::new(now),
            ending: Ending::new(parts.done),
            dht_file: DhtFile::new(now, parts.dht_path),
            times: TimesSaver::new(now, parts.times),
            drives: Drives::default(),
            reach: parts.reach,
            inbox: parts.inbox,
            disks: parts.disks,
            control: parts.control,
            web: WebFetches::default(),
        };
        driver.apply_settings();
        driver.join_dht();
        Ok(driver)
    }

    /// Runs until a shutdown is requested, and then until the goodbyes are said and everything is saved.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut messages = Vec::new();
        loop {
            if let Err(error) = self.poll.poll(&mut events, self.timeout())
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "cannot wait for the network; ending the session");
                // Nothing is reported: not everything may be saved.
                return self.end();
            }
            let now = self.clock.now();
            self.cx.turn(now);
            if let Some(slept) = self.sleep.take_sleep() {
                self.on_slept(slept);
            }
            for event in &events {
                match event.token() {
                    WAKER => {}
                    LISTENER => self.accept(),
                    UDP => self.datagrams.set_readable(),
                    FORMER_UDP => self.datagrams.set_former_readable(),
                    RELAY => self.datagrams.set_relayed(),
                    PROXY => self.on_link_ready(event),
                    LOCAL_V4 | LOCAL_V6 => self.datagrams.set_local_readable(),
                    Token(number) => self.on_ready(PeerKey::from_u64(number as u64), event),
                }
            }
            if self.datagrams.read(&mut self.cx) {
                self.on_utp_events();
            }
            self.datagrams.read_local(&mut self.cx);
            self.inbox.take(&mut messages);
            for message in messages.drain(..) {
                self.on_message(message);
            }
            if self.datagrams.utp_mut().handle_timeout(now) {
                self.on_utp_events();
            }
            self.read_some();
            if self.listeners.poll_timeout().is_some_and(|at| at <= now) {
                self.accept();
            }
            self.cx.settle();
            self.apply();
            self.flush();
            self.transmit();
            self.disks.submit();
            self.housekeeping();
            if self.has_ended() {
                let (ending, has_goodbyes) = (self.ending.clone(), self.cx.engine().has_goodbyes());
                self.end();
                return ending.report(has_goodbyes);
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if self.conns.has_readable() || self.datagrams.has_more() || self.conns.has_flushes() {
            return Some(Duration::ZERO);
        }
        let times = [
            Some(self.saver.next()),
            Some(self.cx.publish_at()),
            self.listeners.poll_timeout(),
            self.device.poll_timeout(),
            self.ending.poll_timeout(),
            Some(self.torrents.retry_at()).filter(|_| self.ending.is_running()),
            self.dht_file.poll_timeout(),
            Some(self.times.poll_timeout()),
            self.drives.poll_timeout().filter(|_| self.ending.is_running()),
            self.reach.poll_timeout(),
            self.datagrams.poll_former(),
            self.cx.engine().poll_timeout(),
            self.datagrams.utp().poll_timeout(),
            self.egress.poll_timeout(),
        ];
        let next = times.into_iter().flatten().min()?;
        // Rounded up, or the poll would return just before the time.
        Some(self.clock.until(next) + Duration::from_micros(500))
    }

    fn housekeeping(&mut self) {
        self.listen_again();
        self.datagrams.close_former_if_unused(self.cx.now());
        self.advance_link();
        self.saver.save_due(&mut self.cx, &mut self.torrents, &self.disks);
        if self.ending.is_running() {
            self.torrents.retry_due(&mut self.cx);
            self.drives.look_if_due(self.cx.now(), &self.control, &self.inbox);
        }
        self.dht_file.save_if_due(self.cx.now(), self.cx.engine(), &self.control);
        self.times.save_if_due(self.cx.now(), self.cx.engine_mut(), &self.torrents, &self.control);
        self.cx.publish_if_due();
    }

    /// Replaces the sockets if the interface that they are bound to was replaced, or other ones are needed.
    pub(super) fn listen_again(&mut self) {
        let now = self.cx.now();
        if !self.device.starts_listening(now) {
            return;
        }
        match self.replace_sockets() {
            Ok(()) => self.device.set_listening(),
            Err(error) => {
                tracing::warn!(%error, "cannot listen for now; retrying");
                self.device.listen_later(now);
            }
        }
    }

    fn replace_sockets(&mut self) -> io::Result<()> {
        let (bind, registry) = (self.device.bind(), self.poll.registry());
        // They leave the registry when they are closed.
        self.listeners.close();
        self.datagrams.close_direct();
        let mut new = sockets::listen(bind, self.datagrams.port(), true, self.egress.wants())?;
        let finds_local = self.finds_local && self.egress.allows_local();
        let local = finds_local.then(|| LocalSockets::open(bind.clone()));
        let udp = UdpSockets::open(registry, &mut new, local)?;
        self.listeners = Listeners::open(registry, new.take_tcp())?;
        self.datagrams.replace(udp);
        self.reach.set_addr(&mut self.cx, new.addr());
        Ok(())
    }

    /// Advances the shutdown. Returns true when nothing is left to wait for.
    fn has_ended(&mut self) -> bool {
        let engine = self.cx.engine();
        for disk in self.ending.take_written(|disk| engine.backlog_of(disk) == 0) {
            self.saver.save_all_of(&mut self.cx, &mut self.torrents, &self.disks, disk);
        }
        let (now, engine) = (self.cx.now(), self.cx.engine());
        self.ending.is_over(now, self.saver.is_idle(), engine.has_goodbyes()) && self.reach.is_over(now)
    }

    fn end(mut self) {
        self.inbox.close();
        self.cx.turn(self.clock.now());
        let keys = self.conns.keys().into_iter().chain(self.egress.tunnels.keys());
        keys.for_each(|key| self.drop_conn(key));
        self.transmit();
        self.cx.publish();
        self.dht_file.save(self.cx.engine());
        let now = self.cx.now();
        self.times.save(now, self.cx.engine_mut(), &self.torrents);
        // Threads that have not ended were logged.
        let _ = self.disks.stop();
        self.control.stop();
    }
}
