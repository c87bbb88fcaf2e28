//! The whole client as one state machine without IO.
//!
//! An [`Engine`] is told what happened ([`Event`], with the time) and says what it wants done ([`Outbox`]). It
//! owns every torrent and every peer, decides what to ask of whom, whom to serve, whom to send away and when to
//! announce; it opens no socket and no file, reads no clock and draws no randomness but from its seed. The same
//! seed and the same events give the same effects, always.
//!
//! A driver calls [`Engine::handle`] for each thing that happened, [`Engine::settle`] once at the end of a
//! turn, carries out the outbox, and sleeps until [`Engine::poll_timeout`] at the latest.
#![forbid(unsafe_code)]

mod bans;
mod bitfield;
mod blame;
mod changes;
mod choker;
mod config;
mod connect;
mod dial;
mod event;
mod extended;
mod ids;
pub mod inspect;
mod junk;
mod known;
mod layers;
mod metadata;
mod misbehaviour;
mod on_command;
mod on_dht;
mod on_disk;
mod on_extended;
mod on_holepunch;
mod on_local;
mod on_message;
mod on_metadata;
mod on_peer;
mod on_tracker;
mod outbox;
mod peer;
mod pex;
#[cfg_attr(not(any(test, feature = "testing")), expect(unreachable_pub, reason = "public in the test kit"))]
mod picker;
mod pieces;
mod places;
mod proofs;
mod questions;
#[cfg_attr(not(any(test, feature = "testing")), expect(unreachable_pub, reason = "public in the test kit"))]
mod rate;
mod settle;
mod status;
mod swarms;
#[cfg(any(test, feature = "testing"))]
pub mod testkit;
#[cfg(test)]
mod tests;
mod torrent;
mod torrent_event;
mod transfer;
mod way;

pub use bans::{Author, BanStatus};
pub use bitfield::Bitfield;
pub use config::{Config, Encryption, Transports};
pub use event::{
    AddMagnet, AddTorrent, BlockDigest, CloseCause, Command, DhtRole, DiskEvent, DiskFault, DiskFaultKind,
    Event, StartTorrent,
};
pub use ids::{PeerKey, TorrentId};
pub use on_metadata::StartTorrentError;
pub use outbox::{Close, Connect, HttpGet, Outbox, RequestId, Resolve, SendBlock, SendMessage, WriteBlock};
pub use peer::Direction;
pub use picker::Priority;
pub use pieces::Pieces;
pub use status::{PeerStatus, ResumeData, TorrentState, TorrentStatus, TrackerStatus, Unsaved};
pub use torrent_event::TorrentEvent;
pub use way::{Offer, Protection, Transport};
pub use ztor_tracker::announcer::TrackerState;

use bans::Bans;
use changes::Changes;
use config::{DISK_HIGH_WATER, DISK_LOW_WATER};
use connect::Connects;
use fastrand::Rng;
use known::OwnAddrs;
use on_dht::DhtPart;
use on_local::Local;
use on_tracker::Trackers;
use peer::Peer;
use places::Places;
use rate::Bucket;
use settle::Timers;
use slotmap::SlotMap;
use std::net::{IpAddr, SocketAddr};
use swarms::Swarms;
use thiserror::Error;
use torrent::Torrent;
use transfer::Line;
use ztor_base::addr::is_local;
use ztor_base::{Host, Instant, Sha1Digest, SwarmId};

/// Connections of one host on the public network.
const MAX_PEERS_PER_HOST: usize = 8;

/// A BitTorrent client, but for its hands.
pub struct Engine {
    config: Config,
    rng: Rng,
    torrents: SlotMap<TorrentId, Torrent>,
    swarms: Swarms,
    peers: SlotMap<PeerKey, Peer>,
    bans: Bans,
    down: Bucket,
    up: Bucket,
    connects: Connects,
    places: Places,
    trackers: Trackers,
    timers: Timers,
    local: Local,
    /// `None` if it takes no part in it.
    dht: Option<DhtPart>,
    /// As the world sees us.
    own_addrs: OwnAddrs,
    /// To be looked at when the turn ends.
    dirty_peers: Vec<PeerKey>,
    dirty_torrents: Vec<TorrentId>,
    changes: Changes,
    /// Peers that wait for tokens of either direction.
    down_line: Line,
    up_line: Line,
    /// Piece data handed over to be written.
    disk_bytes: u64,
    disk_is_full: bool,
    /// When sockets were taken up again after the disk had fallen behind.
    reading_since: Instant,
    shutting_down: bool,
}

/// Why a torrent was not taken.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AddError {
    /// Its info-hash is here already.
    #[error("this torrent is already here")]
    Duplicate,
    /// The engine is ending.
    #[error("ztor is shutting down")]
    ShuttingDown,
    /// The priorities are not one per piece.
    #[error("there are priorities of {found} pieces, but the torrent has {expected}")]
    WrongPieceCount {
        /// Pieces of the torrent.
        expected: usize,
        /// Priorities given.
        found: usize,
    },
}

/// Why an incoming connection was not taken.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Refused {
    /// The address was banned.
    #[error("the address is banned for sending bad data")]
    Banned,
    /// All places are taken.
    #[error("the connection limit is reached")]
    Full,
    /// The engine is ending, or has no torrent.
    #[error("there is nothing to serve")]
    Idle,
}

impl Engine {
    /// An engine without torrents. Everything it will ever choose at random comes from `seed`.
    pub fn new(now: Instant, config: Config, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self {
            down: Bucket::new(config.limit_down, now),
            up: Bucket::new(config.limit_up, now),
            connects: Connects::default(),
            places: Places::new(now),
            trackers: Trackers::new(&mut rng),
            local: Local::new(&mut rng),
            dht: None,
            own_addrs: OwnAddrs::default(),
            config,
            rng,
            torrents: SlotMap::with_key(),
            swarms: Swarms::default(),
            peers: SlotMap::with_key(),
            bans: Bans::default(),
            timers: Timers::default(),
            dirty_peers: Vec::new(),
            dirty_torrents: Vec::new(),
            changes: Changes::default(),
            down_line: Line::default(),
            up_line: Line::default(),
            disk_bytes: 0,
            disk_is_full: false,
            reading_since: now,
            shutting_down: false,
        }
    }

    /// Takes up a torrent. Nothing moves until the driver has looked at the disk and told
    /// [`DiskEvent::Checked`].
    pub fn add(&mut self, now: Instant, add: &AddTorrent) -> Result<TorrentId, AddError> {
        if self.shutting_down {
            return Err(AddError::ShuttingDown);
        }
        let ids: Vec<SwarmId> = add.meta.info_hashes.swarm_ids().collect();
        if ids.iter().any(|id| self.swarms.contains(*id)) {
            return Err(AddError::Duplicate);
        }
        let expected = add.meta.layout.piece_count() as usize;
        if let Some(found) = add.priorities.as_ref().map(|all| all.len()).filter(|found| *found != expected) {
            return Err(AddError::WrongPieceCount { expected, found });
        }
        let torrent = Torrent::new(now, add, &mut self.rng);
        let id = self.torrents.insert(torrent);
        self.torrents[id].known.own_addrs = self.own_addrs;
        ids.into_iter().for_each(|swarm| self.swarms.insert(swarm, id));
        self.changes.shown.insert(id);
        Ok(id)
    }

    /// Takes up a magnet link: peers are looked for, and asked for the metadata. When that has come,
    /// [`TorrentEvent::Metadata`] says so, and [`begin`](Self::start_torrent) makes a torrent of it like any other. Of a torrent
    /// that is [known](AddMagnet::known) but for piece layers, peers are asked for these.
    pub fn add_magnet(&mut self, now: Instant, add: &AddMagnet) -> Result<TorrentId, AddError> {
        if self.shutting_down {
            return Err(AddError::ShuttingDown);
        }
        let hashes = add.known.as_ref().map_or(add.info_hashes, |meta| meta.info_hashes);
        let ids: Vec<SwarmId> = hashes.swarm_ids().collect();
        if ids.iter().any(|id| self.swarms.contains(*id)) {
            return Err(AddError::Duplicate);
        }
        let id = self.torrents.insert(Torrent::magnet(now, add, &mut self.rng));
        ids.into_iter().for_each(|swarm| self.swarms.insert(swarm, id));
        self.changes.shown.insert(id);
        self.torrents[id].known.own_addrs = self.own_addrs;
        self.plan_local(now, id);
        self.plan_dht(id);
        self.mark_torrent(id);
        Ok(id)
    }

    /// Takes an incoming connection. The driver drops it on an error.
    pub fn accept(
        &mut self,
        now: Instant,
        addr: SocketAddr,
        transport: Transport,
    ) -> Result<PeerKey, Refused> {
        if self.shutting_down || self.torrents.is_empty() {
            return Err(Refused::Idle);
        }
        if self.bans.refuses(now, addr.ip()) {
            return Err(Refused::Banned);
        }
        if self.is_greedy(addr.ip()) {
            return Err(Refused::Full);
        }
        self.place_for_stranger(now)?;
        let key = self.peers.insert(Peer::new(now, addr, Direction::Incoming, transport, None));
        self.mark_peer(key);
        Ok(key)
    }

    /// The info-hash of a torrent that is here, by what an encrypted handshake calls it
    /// ([`ztor_wire::mse::obfuscated_swarm`]).
    pub fn swarm_of(&self, obfuscated: Sha1Digest) -> Option<SwarmId> {
        self.swarms.of_obfuscated(obfuscated)
    }

    /// Records what happened. Cheap; decisions wait for [`settle`](Self::settle).
    pub fn handle(&mut self, now: Instant, event: Event<'_>, out: &mut Outbox) {
        match event {
            Event::Connected { peer } => self.on_connected(now, peer, out),
            Event::Secured { peer, info_hash, method } => {
                self.on_secured(now, peer, (info_hash, method), out)
            }
            Event::CalledPlainly { peer, info_hash } => self.call_back(now, peer, info_hash),
            Event::Received { peer, data } => self.on_received(now, peer, data, out),
            Event::Sent { peer, block_bytes, reply_bytes } => {
                self.on_sent(now, peer, block_bytes, reply_bytes)
            }
            Event::Closed { peer, cause } => self.on_closed(now, peer, cause),
            Event::Disk { torrent, event } => self.on_disk(now, torrent, event, out),
            Event::Http { id, from, result } => self.on_http(now, id, from, result, out),
            Event::Resolved { id, result } => self.on_resolved(now, id, result, out),
            Event::Datagram { from, data } => self.on_datagram(now, from, data, out),
            Event::LocalAnnounce { from, data } => self.on_local_announce(now, from, data),
            Event::Command(command) => self.on_command(now, command, out),
        }
    }

    /// Ends a turn: decides once, for all that happened in it.
    pub fn settle(&mut self, now: Instant, out: &mut Outbox) {
        self.settle_all(now, out);
    }

    /// When to call [`settle`](Self::settle) at the latest, even if nothing happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.dirty_peers.is_empty() || !self.dirty_torrents.is_empty() {
            return Some(Instant::ZERO);
        }
        let next = [
            self.timers.next(),
            self.trackers.next_timeout(),
            self.down_line.next(),
            self.up_line.next(),
            self.connects.next(),
            self.dht.as_ref().and_then(DhtPart::next).filter(|_| !self.shutting_down),
            self.local.next().filter(|_| !self.shutting_down),
        ];
        next.into_iter().flatten().min().filter(|at| *at < Instant::FAR_FUTURE)
    }

    /// False while the disk has more to write than is good: the driver then leaves sockets unread.
    pub fn may_read(&self) -> bool {
        !self.disk_is_full
    }

    /// Bans that are in force.
    pub fn bans(&self, now: Instant) -> Vec<BanStatus> {
        self.bans.list(now)
    }

    /// Whether goodbyes to trackers are still on their way.
    pub fn has_goodbyes(&self) -> bool {
        self.trackers.has_goodbyes()
    }

    /// One host may not take all the places. Hosts of the local network may be many behind one address.
    fn is_greedy(&self, ip: IpAddr) -> bool {
        self.has_its_share(ip, Peer::stands_or_called)
    }

    /// One host is not called without end either, whatever is said of it. Attempts count.
    fn is_called_enough(&self, ip: IpAddr) -> bool {
        self.has_its_share(ip, |_| true)
    }

    fn has_its_share(&self, ip: IpAddr, counts: impl Fn(&Peer) -> bool) -> bool {
        let host = Host::of(ip);
        let of_host = |peer: &&Peer| Host::of(peer.addr.ip()) == host && counts(peer);
        !is_local(ip) && self.peers.values().filter(of_host).count() >= MAX_PEERS_PER_HOST
    }

    pub(crate) fn mark_peer(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key)
            && !peer.is_dirty
        {
            peer.is_dirty = true;
            self.dirty_peers.push(key);
        }
    }

    pub(crate) fn mark_torrent(&mut self, id: TorrentId) {
        if let Some(torrent) = self.torrents.get_mut(id)
            && !torrent.is_dirty
        {
            torrent.is_dirty = true;
            self.dirty_torrents.push(id);
        }
    }

    pub(crate) fn disk_took(&mut self, bytes: u32) {
        self.disk_bytes += u64::from(bytes);
        if self.disk_bytes >= DISK_HIGH_WATER {
            self.disk_is_full = true;
        }
    }

    pub(crate) fn disk_wrote(&mut self, now: Instant, bytes: u32) {
        self.disk_bytes = self.disk_bytes.saturating_sub(u64::from(bytes));
        if self.disk_is_full && self.disk_bytes <= DISK_LOW_WATER {
            self.disk_is_full = false;
            self.reading_since = now;
        }
    }
}
