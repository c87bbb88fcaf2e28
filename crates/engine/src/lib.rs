//! The BitTorrent client as a state machine without I/O.
//!
//! An [`Engine`] takes events ([`Event`], with the time) and returns effects ([`Outbox`]). It owns every torrent and
//! every peer. It decides which blocks to request from which peer, which peers to serve and to close, and when to
//! announce. It opens no socket and no file, reads no clock, and draws randomness only from its seed. The same seed and
//! the same events always give the same effects.
//!
//! A driver calls [`Engine::handle`] for each event and [`Engine::settle`] once at the end of a turn. It then carries
//! out the outbox, and sleeps until [`Engine::poll_timeout`] at the latest.
//!
//! ```
//! use std::sync::Arc;
//! use ztor_base::{Instant, PeerId};
//! use ztor_engine::{AddTorrent, Bitfield, Config, DiskEvent, Engine, Event, Outbox};
//! use ztor_metainfo::Metainfo;
//!
//! // A torrent of one file with one piece, and the address of a peer.
//! let info = b"d6:lengthi5e4:name5:hello12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae";
//! let mut add = AddTorrent::new(Arc::new(Metainfo::from_info(info)?));
//! add.peers.push("192.0.2.7:6881".parse()?);
//!
//! let (now, mut out) = (Instant::ZERO, Outbox::default());
//! let mut engine = Engine::new(now, Config::new(PeerId::from_random([7; 12]), 6881), 42);
//! let torrent = engine.add(now, &add)?;
//! // A driver's turn: pass in the events, here that the disk has no piece, and let the engine decide.
//! let event = DiskEvent::Checked { have: Bitfield::new(1) };
//! engine.handle(now, Event::Disk { torrent, event }, &mut out);
//! engine.settle(now, &mut out);
//! // Carry out the effects, here a connection to the peer.
//! assert_eq!(out.connects[0].addr.to_string(), "192.0.2.7:6881");
//! out.clear();
//! // Sleep until the next event or this time.
//! assert!(engine.poll_timeout() > Some(now));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Inside, the engine is a router over parts that own their state: `exchange` (blocks in both directions), `metadata`,
//! `trackers`, `discovery` (DHT, peer exchange, local network), `dial` (outgoing connections and slots), `quota`
//! (limits), `bans` (with the IP filter). `router` looks up the torrent and the peer of an event once, and passes them to the part with a
//! context (`cx`).
#![forbid(unsafe_code)]

mod backlog;
mod bans;
mod bitfield;
mod config;
mod cx;
mod dial;
mod dirty;
mod discovery;
mod event;
#[cfg_attr(not(any(test, feature = "testing")), expect(unreachable_pub, reason = "public in the test kit"))]
mod exchange;
mod extensions;
mod groups;
mod ids;
pub mod inspect;
mod junk;
mod metadata;
mod misbehaviour;
mod network;
mod outbox;
mod peer;
mod piece_map;
mod pieces;
mod quota;
#[cfg_attr(not(any(test, feature = "testing")), expect(unreachable_pub, reason = "public in the test kit"))]
mod rate;
mod router;
mod sender;
mod sharing;
mod statistics;
mod status;
#[cfg(any(test, feature = "testing"))]
pub mod testkit;
#[cfg(test)]
mod tests;
mod timers;
mod torrent;
mod torrent_event;
mod trackers;
mod transport;
mod views;
mod web;

pub use bans::{Author, BanReason, BanStatus, Block, FilterHits, IpFilter, MAX_USER_BANS, UserBan};
pub use bitfield::Bitfield;
pub use config::{Config, Encryption, ExternalPorts, LeechDefence, Settings, Transports};
pub use event::{
    AddMagnet, AddTorrent, BlockDigest, CloseCause, Command, DhtRole, DiskEvent, DiskFault, DiskFaultKind,
    Event, NetworkChange, StartTorrent,
};
pub use exchange::picker::Priority;
pub use groups::GroupLimits;
pub use ids::{DiskId, LimitGroup, PeerKey, RequestId, SourceKey, TorrentId, WebKey};
pub use outbox::{
    Close, Connect, DhtDatagram, HttpGet, IpFamily, KeepBlocks, Outbox, Resolve, SendBlock, SendMessage,
    WriteBlock,
};
pub use peer::Direction;
pub use piece_map::{PartialPiece, PieceMap};
pub use pieces::Pieces;
pub use sender::Sender;
pub use statistics::{ReportedBytes, Statistics};
pub use status::{
    MoveProgress, PeerSource, PeerStatus, ResumeData, TorrentState, TorrentStatus, TrackerStatus, Unsaved,
};
pub use torrent_event::TorrentEvent;
pub use transport::{Offer, Protection, Transport};
pub use web::{
    WebEffect, WebEvent, WebFault, WebFetch, WebOrigin, WebPart, WebRequestId, WebSeedKind, WebSeedState,
    WebSeedStatus, WebSource,
};
pub use ztor_filter::{IpRange, Table as IpTable};
pub use ztor_tracker::announcer::TrackerState;
pub use ztor_tracker::{Retry, TrackerError, TrackerIssue};

use bans::Bans;
use cx::Core;
use dial::{Dialer, Places};
use discovery::{DhtDriver, LocalDiscovery};
use fastrand::Rng;
use peer::Peers;
use router::Router;
pub use sharing::CommonPieces;
use sharing::Sharing;
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use timers::Timers;
use torrent::{Lifecycle, Torrents};
use trackers::Trackers;
use web::WebSeeds;
use ztor_base::{Instant, PeerId, Sha1Digest, SwarmId};
use ztor_metainfo::Metainfo;

/// The BitTorrent client state machine. It performs no I/O.
pub struct Engine {
    core: Core,
    torrents: Torrents,
    peers: Peers,
    timers: Timers,
    bans: Bans,
    dialer: Dialer,
    places: Places,
    trackers: Trackers,
    sharing: Sharing,
    web: WebSeeds,
    lsd: LocalDiscovery,
    /// `None` if the engine takes no part in the DHT.
    dht: Option<DhtDriver>,
}

/// Reason that a torrent was not added.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AddError {
    /// A torrent with one of the info-hashes exists.
    #[error("this torrent exists already")]
    Duplicate,
    /// The engine is shutting down.
    #[error("the client is shutting down")]
    ShuttingDown,
    /// The number of priorities is not the number of pieces.
    #[error("the priorities are for {found} pieces, but the torrent has {expected}")]
    WrongPieceCount {
        /// Number of pieces of the torrent.
        expected: usize,
        /// Number of priorities given.
        found: usize,
    },
}

/// Reason that an incoming connection was refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Refused {
    /// The host is banned, or in the IP filter.
    #[error("the address is {0}")]
    Blocked(#[from] Block),
    /// No slot is free, or the host has too many connections.
    #[error("the connection limit is reached")]
    Full,
    /// The engine is shutting down, or has no torrent.
    #[error("there is nothing to serve")]
    Idle,
}

/// Reason that a torrent was not started.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum StartTorrentError {
    /// The torrent was removed.
    #[error("the torrent was removed")]
    Gone,
    /// The torrent has started, or its metadata has not arrived.
    #[error("the torrent has already started, or its metadata has not arrived")]
    NotWaiting,
    /// The given metadata is not that of the torrent.
    #[error("the given metadata is of another torrent than the link")]
    OtherTorrent,
    /// The number of priorities is not the number of pieces.
    #[error("the priorities are for {found} pieces, but the torrent has {expected}")]
    WrongPieceCount {
        /// Number of pieces of the torrent.
        expected: usize,
        /// Number of priorities given.
        found: usize,
    },
}

impl Engine {
    /// Creates an engine without torrents. All its random choices derive from `seed`.
    pub fn new(now: Instant, config: Config, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let (trackers, lsd) =
            (Trackers::new(config.max_tracker_sockets, &mut rng), LocalDiscovery::new(&mut rng));
        Self {
            core: Core::new(now, config, rng),
            torrents: Torrents::default(),
            peers: Peers::default(),
            timers: Timers::default(),
            bans: Bans::default(),
            dialer: Dialer::default(),
            places: Places::new(now),
            trackers,
            sharing: Sharing::default(),
            web: WebSeeds::default(),
            lsd,
            dht: None,
        }
    }

    fn router<'a>(&'a mut self, now: Instant, out: &'a mut Outbox) -> Router<'a> {
        Router {
            cx: self.core.cx(now, out),
            torrents: &mut self.torrents,
            peers: &mut self.peers,
            timers: &mut self.timers,
            bans: &mut self.bans,
            dialer: &mut self.dialer,
            places: &mut self.places,
            trackers: &mut self.trackers,
            sharing: &mut self.sharing,
            web: &mut self.web,
            lsd: &mut self.lsd,
            dht: self.dht.as_mut(),
        }
    }

    /// Adds a torrent. It is idle until the driver has checked its files, unasked, and reported [`DiskEvent::Checked`].
    ///
    /// # Errors
    /// The torrent exists already, the engine is shutting down, or there is not one priority per piece.
    pub fn add(&mut self, now: Instant, add: &AddTorrent) -> Result<TorrentId, AddError> {
        if self.core.is_ending() {
            return Err(AddError::ShuttingDown);
        }
        if self.torrents.has_any(&add.meta.info_hashes) {
            return Err(AddError::Duplicate);
        }
        let expected = add.meta.layout.piece_count() as usize;
        if let Some(found) = add.priorities.as_ref().map(|all| all.len()).filter(|found| *found != expected) {
            return Err(AddError::WrongPieceCount { expected, found });
        }
        let id = self.torrents.insert(now, add, self.core.rng());
        self.core.dirty_mut().show(id);
        Ok(id)
    }

    /// Adds a magnet link. Peers are looked for and asked for the metadata. [`TorrentEvent::Metadata`] reports its
    /// arrival, and [`start_torrent`](Self::start_torrent) then makes it a torrent like any other. If the metadata is
    /// [known](AddMagnet::known) except for piece layers, peers are asked for these.
    ///
    /// # Errors
    /// The torrent exists already, or the engine is shutting down.
    pub fn add_magnet(&mut self, now: Instant, add: &AddMagnet) -> Result<TorrentId, AddError> {
        if self.core.is_ending() {
            return Err(AddError::ShuttingDown);
        }
        let hashes = add.known.as_ref().map_or(add.info_hashes, |meta| meta.info_hashes);
        if self.torrents.has_any(&hashes) {
            return Err(AddError::Duplicate);
        }
        let id = self.torrents.insert_magnet(now, add, &hashes, self.core.rng());
        self.core.dirty_mut().show(id);
        if let Some(torrent) = self.torrents.get_mut(id).filter(|torrent| torrent.is_open()) {
            self.lsd.plan(now, self.core.config(), torrent);
            self.dht.iter_mut().for_each(|dht| dht.plan(torrent));
        }
        self.core.dirty_mut().mark_torrent(id);
        Ok(id)
    }

    /// Starts a torrent whose metadata has arrived. The driver then checks its files, as after [`add`](Self::add).
    ///
    /// # Errors
    /// The torrent is gone or not waiting, or `start` does not have one priority per piece.
    pub fn start_torrent(&mut self, id: TorrentId, start: StartTorrent) -> Result<(), StartTorrentError> {
        let torrent = self.torrents.get_mut(id).ok_or(StartTorrentError::Gone)?;
        if !matches!(torrent.lifecycle(), Lifecycle::Waiting(_)) {
            return Err(StartTorrentError::NotWaiting);
        }
        let expected = torrent.exchange().piece_count() as usize;
        let found = start.priorities.as_ref().map(|all| all.len());
        if let Some(found) = found.filter(|found| *found != expected) {
            return Err(StartTorrentError::WrongPieceCount { expected, found });
        }
        torrent.start(start);
        self.core.dirty_mut().show(id);
        Ok(())
    }

    /// Replaces the settings that can change, with immediate effect. A lower number of peers closes no connection; no
    /// new ones are made until there are fewer.
    pub fn set_settings(&mut self, now: Instant, settings: Settings) {
        self.core.set_settings(now, settings);
        for id in self.torrents.ids() {
            self.core.dirty_mut().mark_torrent(id);
        }
    }

    /// Sets the disk of a torrent: before its first check, and when its files have moved. The default is the first disk.
    pub fn set_disk(&mut self, id: TorrentId, disk: DiskId) {
        if let Some(torrent) = self.torrents.get_mut(id) {
            torrent.exchange_mut().set_disk(disk);
        }
    }

    /// Records files that pairs of torrents have in common on disk: the pieces have hashes of the same content. Only one
    /// of the torrents fetches such a piece at a time. The others look for it on disk when it is verified
    /// ([`Outbox::looks`]). The record ends when a torrent is removed, or by [`unshare_pieces`](Self::unshare_pieces).
    pub fn share_pieces(&mut self, now: Instant, common: &[CommonPieces], out: &mut Outbox) {
        self.router(now, out).link_pieces(common);
    }

    /// Ends the record of the files that a torrent has in common with others, as they have moved to another disk.
    pub fn unshare_pieces(&mut self, now: Instant, id: TorrentId, out: &mut Outbox) {
        self.router(now, out).unlink_pieces(id);
    }

    /// Sets the progress of a move of a torrent's files, to be shown in its status.
    pub fn set_move_progress(&mut self, id: TorrentId, progress: Option<MoveProgress>) {
        if let Some(torrent) = self.torrents.get_mut(id) {
            torrent.set_move_progress(progress);
            self.core.dirty_mut().show(id);
        }
    }

    /// Changes what others learn about the client ([`Config::peer_id`], [`Config::is_anonymous`]), and the ids of its DHT
    /// node. All connections are closed, since their peers know the old id. Trackers are not told that it is gone: they
    /// must not connect the two.
    pub fn set_identity(&mut self, now: Instant, peer_id: PeerId, is_anonymous: bool, out: &mut Outbox) {
        self.core.set_identity(peer_id, is_anonymous);
        if let Some(dht) = &mut self.dht {
            dht.set_anonymous(is_anonymous);
            dht.renew_ids(now);
        }
        self.router(now, out).renew_identity();
    }

    /// Adds a node of the DHT at other addresses than those of the nodes before (BEP 45). Without effect if the DHT is off, or
    /// there are 32 nodes.
    pub fn add_dht_node(&mut self, now: Instant, config: ztor_dht::Config, saved: Option<&ztor_dht::Saved>) {
        let (seed, is_anonymous) = (self.core.rng().u64(..), self.core.config().is_anonymous);
        if let Some(dht) = &mut self.dht {
            dht.add(now, config, seed, saved);
            dht.set_anonymous(is_anonymous);
        }
    }

    /// Lets only the first DHT node take part, or all: they must not share an address, such as that of a proxy (BEP 45).
    pub fn set_one_dht_node(&mut self, now: Instant, is_one: bool) {
        if let Some(dht) = &mut self.dht {
            dht.set_one(now, &mut self.torrents, is_one);
        }
    }

    /// Joins the DHT with one node, starting with those that it knew in the last run.
    pub fn start_dht(&mut self, now: Instant, config: ztor_dht::Config, saved: Option<&ztor_dht::Saved>) {
        let mut dht = DhtDriver::new(now, config, self.core.rng().u64(..), saved);
        for id in self.torrents.ids() {
            self.torrents.get_mut(id).into_iter().for_each(|torrent| dht.plan(torrent));
        }
        dht.set_anonymous(self.core.config().is_anonymous);
        self.dht = Some(dht);
        self.core.set_has_dht();
    }

    /// Accepts an incoming connection. The driver closes it on an error.
    ///
    /// # Errors
    /// The host is banned or filtered, no slot is free, or there is nothing to serve.
    pub fn accept(
        &mut self,
        now: Instant,
        addr: SocketAddr,
        transport: Transport,
    ) -> Result<PeerKey, Refused> {
        let mut none = Outbox::default();
        let accepted = self.router(now, &mut none).accept(addr, transport);
        debug_assert!(none.is_empty(), "effects wait for the end of the turn");
        accepted
    }

    /// Does the same for a µTP connection at the socket of a node of ours, which shows that others can reach the node.
    ///
    /// # Errors
    /// The connection is not accepted.
    pub fn accept_utp(&mut self, now: Instant, addr: SocketAddr, node: u8) -> Result<PeerKey, Refused> {
        let key = self.accept(now, addr, Transport::Utp)?;
        if let Some(peer) = self.peers.get_mut(key) {
            peer.conn_mut().set_node(node);
        }
        Ok(key)
    }

    /// Records an event. Cheap, as decisions are made in [`settle`](Self::settle).
    pub fn handle(&mut self, now: Instant, event: Event<'_>, out: &mut Outbox) {
        if matches!(event, Event::Command(Command::Shutdown)) {
            self.core.end();
        }
        if let Event::Network(NetworkChange::Ports { listen, external }) = event {
            let has_changed = self.core.set_ports(listen, external);
            if !has_changed {
                return;
            }
        }
        self.router(now, out).handle(event);
    }

    /// Ends a turn: decides once for all its events.
    pub fn settle(&mut self, now: Instant, out: &mut Outbox) {
        self.router(now, out).settle();
    }

    /// Returns the latest time to call [`settle`](Self::settle) without an event; `None` if there is none.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.core.dirty().is_settled() {
            return Some(Instant::ZERO);
        }
        let is_ending = self.core.is_ending();
        let next = [
            self.timers.poll_timeout(),
            self.trackers.poll_timeout(),
            self.core.quota().down().poll_timeout(),
            self.core.quota().up().poll_timeout(),
            self.dialer.poll_timeout().filter(|_| !is_ending),
            self.dht.as_ref().and_then(DhtDriver::poll_timeout).filter(|_| !is_ending),
            self.lsd.poll_timeout().filter(|_| !is_ending),
            self.core.network().poll_timeout().filter(|_| !is_ending),
        ];
        next.into_iter().flatten().min().filter(|at| *at < Instant::FAR_FUTURE)
    }

    /// Returns false while too much data waits for the disk of a peer's torrent. The driver then leaves the peer unread
    /// until [`read_resumptions`](Self::read_resumptions) changes. A peer that has named no torrent may be read.
    pub fn may_read(&self, peer: PeerKey) -> bool {
        let torrent = self.peers.get(peer).and_then(|peer| self.torrents.get(peer.conn().torrent()?));
        torrent.is_none_or(|torrent| !self.core.backlog().is_full(torrent.exchange().disk()))
    }

    /// Returns the number of times that a disk has caught up, so that peers may be read again.
    pub fn read_resumptions(&self) -> u64 {
        self.core.backlog().resumptions()
    }

    /// Returns the swarm with this hash in encrypted handshakes ([`ztor_wire::mse::obfuscated_swarm`]).
    pub fn swarm_of(&self, obfuscated: Sha1Digest) -> Option<SwarmId> {
        self.torrents.by_obfuscated(obfuscated)
    }

    /// Returns the metadata of a torrent; `None` while it is incomplete, or if the torrent is gone.
    pub fn metainfo(&self, id: TorrentId) -> Option<&Arc<Metainfo>> {
        self.torrents.get(id)?.lifecycle().meta()
    }
}
