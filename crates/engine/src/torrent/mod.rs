//! Torrents: the state of each, and the table of all.

mod lifecycle;
mod swarms;
mod table;

pub(crate) use lifecycle::Lifecycle;
pub(crate) use table::Torrents;

use crate::cx::Cx;
use crate::dial::Calls;
use crate::discovery::Schedule;
use crate::discovery::contacts::RecentPeers;
use crate::discovery::known::{KnownPeers, Origin, OwnAddrs};
use crate::event::{AddMagnet, AddTorrent, DiskFault, StartTorrent};
use crate::exchange::Exchange;
use crate::extensions::About;
use crate::ids::{PeerKey, TorrentId, WebKey};
use crate::metadata::{Fetch, Layers};
use crate::statistics::{Counters, ReportedBytes};
use crate::status::{MoveProgress, TorrentState};
use crate::trackers::TorrentTrackers;
use fastrand::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use ztor_base::{Instant, SwarmId};
use ztor_metainfo::{InfoHashes, Metainfo};
use ztor_tracker::announcer::TrackerId;
use ztor_wire::{Handshake, Reserved};

/// A torrent: its identity, its lifecycle, and its state in each part of the engine.
pub(crate) struct Torrent {
    id: TorrentId,
    hashes: InfoHashes,
    /// True if peers may be found by trackers only (BEP 27). False until that is known.
    is_private: bool,
    lifecycle: Lifecycle,
    /// Paused by the user: nothing is exchanged, whatever the lifecycle.
    is_paused: bool,
    /// Progress of a move of its files.
    moving: Option<MoveProgress>,
    counters: Counters,
    /// Connections, and connection attempts.
    peers: Vec<PeerKey>,
    web_seeds: Vec<WebKey>,
    exchange: Exchange,
    known: KnownPeers,
    recent: RecentPeers,
    schedule: Schedule,
    calls: Calls,
    trackers: TorrentTrackers,
}

impl Torrent {
    /// Creates a torrent with complete metadata.
    fn new(now: Instant, id: TorrentId, add: &AddTorrent, own: OwnAddrs, rng: &mut Rng) -> Self {
        let mut torrent = {
            let trackers = add.trackers.as_ref().unwrap_or(&add.meta.trackers).clone();
            Self::bare(now, id, add.meta.info_hashes, trackers, rng)
        };
        for addr in &add.peers {
            torrent.known.add(now, *addr, Origin::Hand, None, rng);
        }
        for addr in &add.earlier_peers {
            torrent.known.add(now, *addr, Origin::Earlier, None, rng);
        }
        torrent.set_metadata(Arc::clone(&add.meta));
        torrent.start(StartTorrent {
            meta: None,
            priorities: add.priorities.clone(),
            sequential: add.sequential,
            ends_first: add.ends_first,
            uploaded: add.uploaded,
            downloaded: add.downloaded,
            statistics: add.statistics.clone(),
            super_seeding: add.super_seeding,
        });
        torrent.known.set_own_addrs(own);
        torrent.is_paused = add.paused;
        torrent
    }

    /// Creates a torrent of a magnet link, or of metadata without some piece layers.
    fn magnet(now: Instant, id: TorrentId, add: &AddMagnet, own: OwnAddrs, rng: &mut Rng) -> Self {
        let mut torrent = Self::bare(now, id, add.info_hashes, add.trackers.clone(), rng);
        if let Some(meta) = &add.known
            && let Some(layers) = Layers::new(now, meta)
        {
            torrent.hashes = meta.info_hashes;
            torrent.is_private = meta.private;
            torrent.lifecycle = Lifecycle::FetchingLayers(Box::new(Metainfo::clone(meta)), layers);
        }
        for addr in &add.peers {
            torrent.known.add(now, *addr, Origin::Hand, None, rng);
        }
        torrent.known.set_own_addrs(own);
        torrent.is_paused = add.paused;
        torrent
    }

    fn bare(
        now: Instant,
        id: TorrentId,
        hashes: InfoHashes,
        trackers: Vec<Vec<String>>,
        rng: &mut Rng,
    ) -> Self {
        Self {
            id,
            hashes,
            is_private: false,
            lifecycle: Lifecycle::FetchingInfo(Fetch::default()),
            is_paused: false,
            moving: None,
            counters: Counters::default(),
            peers: Vec::new(),
            web_seeds: Vec::new(),
            exchange: Exchange::new(now, id),
            known: KnownPeers::default(),
            recent: RecentPeers::default(),
            schedule: Schedule::default(),
            calls: Calls::new(now),
            trackers: TorrentTrackers::new(trackers, rng),
        }
    }

    pub(crate) fn id(&self) -> TorrentId {
        self.id
    }

    pub(crate) fn hashes(&self) -> &InfoHashes {
        &self.hashes
    }

    /// Returns its main swarm: of v1, or else of v2.
    pub(crate) fn swarm_id(&self) -> SwarmId {
        self.hashes.swarm_id()
    }

    /// Returns the v2 swarm of a hybrid torrent; `None` for others.
    pub(crate) fn second_swarm(&self) -> Option<SwarmId> {
        self.hashes.swarm_ids().nth(1)
    }

    /// Returns true for the v2 swarm of a hybrid torrent.
    pub(crate) fn is_second_swarm(&self, swarm: SwarmId) -> bool {
        self.second_swarm() == Some(swarm)
    }

    /// Returns the swarm to name to a peer: the one that its address was found in.
    pub(crate) fn swarm_at(&self, addr: SocketAddr) -> SwarmId {
        let second = self.second_swarm().filter(|_| self.known.is_second_swarm(addr));
        second.unwrap_or_else(|| self.swarm_id())
    }

    /// Returns our handshake for one of its swarms.
    pub(crate) fn handshake(&self, cx: &Cx<'_>, swarm: SwarmId) -> Handshake {
        let mut reserved = Reserved::NONE.with_fast().with_extended();
        if cx.has_dht && !self.is_private {
            reserved = reserved.with_dht();
        }
        if matches!(self.hashes, InfoHashes::Hybrid(..)) {
            reserved = reserved.with_v2();
        }
        Handshake { reserved, info_hash: swarm, peer_id: cx.config.peer_id }
    }

    /// Returns true if peers may be found by trackers only (BEP 27).
    pub(crate) fn is_private(&self) -> bool {
        self.is_private
    }

    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    pub(crate) fn lifecycle_mut(&mut self) -> &mut Lifecycle {
        &mut self.lifecycle
    }

    /// Returns the connections and connection attempts.
    pub(crate) fn peers(&self) -> &[PeerKey] {
        &self.peers
    }

    pub(crate) fn add_peer(&mut self, key: PeerKey) {
        self.peers.push(key);
    }

    pub(crate) fn remove_peer(&mut self, key: PeerKey) {
        self.peers.retain(|k| *k != key);
    }

    /// Takes all peers when the torrent is removed.
    pub(crate) fn take_peers(&mut self) -> Vec<PeerKey> {
        std::mem::take(&mut self.peers)
    }

    /// Returns the web seeds, in the order in which they are asked.
    pub(crate) fn web_seeds(&self) -> &[WebKey] {
        &self.web_seeds
    }

    pub(crate) fn set_web_seeds(&mut self, keys: Vec<WebKey>) {
        self.web_seeds = keys;
    }

    /// Takes all web seeds, to be replaced.
    pub(crate) fn take_web_seeds(&mut self) -> Vec<WebKey> {
        std::mem::take(&mut self.web_seeds)
    }

    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    pub(crate) fn exchange_mut(&mut self) -> &mut Exchange {
        &mut self.exchange
    }

    /// Returns the exchange and the peers.
    pub(crate) fn exchange_and_peers(&mut self) -> (&mut Exchange, &[PeerKey]) {
        (&mut self.exchange, &self.peers)
    }

    /// Returns the exchange and the lifecycle.
    pub(crate) fn exchange_and_lifecycle(&mut self) -> (&mut Exchange, &Lifecycle) {
        (&mut self.exchange, &self.lifecycle)
    }

    pub(crate) fn known(&self) -> &KnownPeers {
        &self.known
    }

    pub(crate) fn known_mut(&mut self) -> &mut KnownPeers {
        &mut self.known
    }

    pub(crate) fn recent(&self) -> &RecentPeers {
        &self.recent
    }

    pub(crate) fn recent_mut(&mut self) -> &mut RecentPeers {
        &mut self.recent
    }

    pub(crate) fn schedule_mut(&mut self) -> &mut Schedule {
        &mut self.schedule
    }

    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    pub(crate) fn calls_mut(&mut self) -> &mut Calls {
        &mut self.calls
    }

    pub(crate) fn trackers(&self) -> &TorrentTrackers {
        &self.trackers
    }

    pub(crate) fn trackers_mut(&mut self) -> &mut TorrentTrackers {
        &mut self.trackers
    }

    /// Returns true if pieces are exchanged.
    pub(crate) fn is_active(&self) -> bool {
        !self.is_paused && self.lifecycle.is_active()
    }

    /// Returns true if peers are accepted and looked for, to exchange pieces or metadata.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_paused && self.lifecycle.is_open()
    }

    /// Returns the times and reported bytes up to now.
    pub(crate) fn count(&mut self, now: Instant) -> &Counters {
        let (is_active, is_finished) = (self.is_active(), self.is_finished());
        self.counters.update(now, is_active, is_finished);
        &self.counters
    }

    /// Returns the times and reported bytes, as they were counted last.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Records counts of this session that a tracker has accepted.
    pub(crate) fn report(&mut self, tracker: TrackerId, counts: ReportedBytes) {
        if let Some(status) = self.trackers.announcer().status_of(tracker) {
            self.counters.report(&status.shown_url, counts);
        }
    }

    /// Returns the progress of a move of its files; `None` if none is under way.
    pub(crate) fn moving(&self) -> Option<MoveProgress> {
        self.moving
    }

    pub(crate) fn set_move_progress(&mut self, progress: Option<MoveProgress>) {
        self.moving = progress;
    }

    /// Pauses the torrent, or ends the pause. Returns false if nothing changes.
    pub(crate) fn set_paused(&mut self, is_paused: bool) -> bool {
        std::mem::replace(&mut self.is_paused, is_paused) != is_paused
    }

    /// Returns true if no wanted piece is missing.
    pub(crate) fn is_finished(&self) -> bool {
        self.lifecycle.is_checked() && self.exchange.is_complete()
    }

    /// Returns true if no piece is missing, wanted or not.
    pub(crate) fn is_whole(&self) -> bool {
        self.lifecycle.is_checked() && self.exchange.is_whole()
    }

    /// Returns true if the number of pieces is known.
    pub(crate) fn has_metadata(&self) -> bool {
        self.lifecycle.meta().is_some()
    }

    /// Returns the state for front ends.
    pub(crate) fn state(&self) -> TorrentState {
        match self.lifecycle.state(self.is_finished()) {
            TorrentState::Metadata { .. }
            | TorrentState::Waiting
            | TorrentState::Downloading
            | TorrentState::Seeding
                if self.is_paused =>
            {
                TorrentState::Paused
            }
            state => state,
        }
    }

    /// Returns the contents of our extended handshake that concern it.
    pub(crate) fn about(&self) -> About {
        About {
            is_private: self.is_private,
            metadata_size: self.lifecycle.verified().map(Metainfo::info_len),
            // A peer may leave one that only uploads, and would never see the pieces that we hide.
            is_upload_only: self.is_finished() && !self.exchange.is_super_seeding(),
        }
    }

    /// Takes the complete metadata.
    pub(crate) fn set_metadata(&mut self, meta: Arc<Metainfo>) {
        self.exchange.set_metadata(&meta);
        self.is_private = meta.private;
        self.hashes = meta.info_hashes;
        self.lifecycle = Lifecycle::Waiting(meta);
    }

    /// Takes the info-hashes of the info dictionary, which may be more than the link named.
    pub(crate) fn set_info(&mut self, meta: &Metainfo) {
        self.hashes = meta.info_hashes;
    }

    /// Starts to fetch piece layers, which a v2 torrent needs.
    pub(crate) fn fetch_layers(&mut self, meta: Metainfo, layers: Layers) {
        self.lifecycle = Lifecycle::FetchingLayers(Box::new(meta), layers);
    }

    /// Ends the fetch of the piece layers. Returns the metadata so far; `None` if no such fetch is under way.
    pub(crate) fn take_layers(&mut self) -> Option<Metainfo> {
        self.lifecycle.take_layers()
    }

    /// Makes the torrent private (BEP 27), and forgets addresses from public sources.
    pub(crate) fn make_private(&mut self) {
        self.is_private = true;
        self.known.keep_private_origins();
    }

    /// Starts a waiting torrent with a check of its files.
    pub(crate) fn start(&mut self, start: StartTorrent) {
        self.counters = Counters::new(start.statistics.clone());
        let given = start.meta.clone().filter(|meta| meta.info_hashes == self.hashes);
        self.exchange.start(start);
        self.exchange.forget_bulk();
        let total = self.exchange.piece_count();
        if let Some(meta) = given.or_else(|| self.lifecycle.meta().cloned()) {
            self.lifecycle = Lifecycle::Checking { meta, done: 0, total, is_again: false };
        }
    }

    /// Resumes a torrent that a disk fault has stopped. Its files are checked first, as a drive may be back with other
    /// contents. Returns false if the torrent is not stopped.
    pub(crate) fn resume(&mut self) -> bool {
        if let Lifecycle::Stopped { meta, was_checked, .. } = &self.lifecycle {
            let (meta, is_again) = (Arc::clone(meta), *was_checked);
            self.lifecycle = Lifecycle::Checking { meta, done: 0, total: 0, is_again };
            true
        } else {
            false
        }
    }

    /// Starts another check of an active torrent, or of one that a disk fault has stopped. Returns false in other states.
    pub(crate) fn recheck(&mut self) -> bool {
        if let Lifecycle::Active(meta) = &self.lifecycle {
            let meta = Arc::clone(meta);
            self.lifecycle = Lifecycle::Checking { meta, done: 0, total: 0, is_again: true };
            return true;
        }
        self.resume()
    }

    /// Ends the check and activates the torrent. Returns false if no check is under way.
    pub(crate) fn activate(&mut self) -> bool {
        let meta = self.lifecycle.meta().filter(|_| self.lifecycle.is_checking()).cloned();
        let is_checking = meta.is_some();
        if let Some(meta) = meta {
            self.lifecycle = Lifecycle::Active(meta);
        }
        is_checking
    }

    /// Stops the torrent after a disk fault. Returns false if it is neither active nor checking.
    pub(crate) fn stop(&mut self, fault: DiskFault) -> bool {
        let was_checked = self.lifecycle.is_checked();
        let is_running = self.lifecycle.is_active() || self.lifecycle.is_checking();
        let meta = self.lifecycle.meta().filter(|_| is_running).cloned();
        let is_stopped = meta.is_some();
        if let Some(meta) = meta {
            self.lifecycle = Lifecycle::Stopped { meta, fault, was_checked };
        }
        is_stopped
    }

    /// Marks the torrent as unusable.
    pub(crate) fn invalidate(&mut self, message: String) {
        self.lifecycle = Lifecycle::Invalid(message);
    }

    /// Marks the torrent as removed.
    pub(crate) fn remove(&mut self) {
        self.lifecycle = Lifecycle::Removing;
    }

    /// Records the progress of the check.
    pub(crate) fn check_progress(&mut self, now_done: u32, now_total: u32) {
        if let Lifecycle::Checking { done, total, .. } = &mut self.lifecycle {
            (*done, *total) = (now_done, now_total);
        }
    }
}
