//! Views of the engine: status for front ends, records for the disk, and counts for checkers.

use crate::Engine;
use crate::bans::{BanStatus, FilterHits, MAX_BANS};
use crate::bitfield::Bitfield;
use crate::config::{
    DISK_HIGH_WATER, MAX_HALF_OPEN, MAX_KNOWN_PEERS, MAX_OWN_ADDRS, MAX_PEER_REQUESTS, MAX_REQUESTS,
};
use crate::discovery::DhtDriver;
use crate::discovery::known::KnownPeers;
use crate::exchange::MOST_ACCOUNTS;
use crate::ids::{DiskId, PeerKey, TorrentId};
use crate::inspect::{PeerView, Table, TorrentView};
use crate::peer::{Peer, Peers};
use crate::statistics::{Counters, Statistics};
use crate::status::{
    PeerSource, PeerStatus, ResumeData, TorrentState, TorrentStatus, TrackerStatus, Unsaved,
};
use crate::torrent::Torrent;
use crate::web::{Fetch, MAX_WEB_SEEDS, WebSeedStatus};
use std::net::SocketAddr;
use ztor_base::{Duration, Instant};
use ztor_tracker::announcer;

/// Maximum number of peers remembered for the next run.
const MAX_GOOD_PEERS: usize = 100;

impl Engine {
    /// Returns the status of all torrents, in order of their ids.
    pub fn status(&self, now: Instant) -> Vec<TorrentStatus> {
        self.torrents.iter().map(|torrent| torrent_status(now, torrent, &self.peers)).collect()
    }

    /// Returns the torrents that changed since the last call, in order of their ids; `None` for a removed one. The
    /// first call returns all. Idle torrents cost nothing.
    pub fn status_changes(&mut self, now: Instant) -> Vec<(TorrentId, Option<TorrentStatus>)> {
        let changed = self.core.dirty_mut().take_shown();
        let news = changed.into_iter().map(|id| {
            let torrent = self.torrents.get_mut(id);
            let status = torrent.map(|torrent| {
                torrent.count(now);
                torrent_status(now, torrent, &self.peers)
            });
            if status.as_ref().is_some_and(|s| s.down_per_s > 0 || s.up_per_s > 0) {
                // Rates fall without an event.
                self.core.dirty_mut().show(id);
            }
            (id, status)
        });
        news.collect()
    }

    /// Returns true if [`status_changes`](Self::status_changes) has anything to return.
    pub fn has_status_changes(&self) -> bool {
        self.core.dirty().has_shown()
    }

    /// Returns the status of a torrent's peers past the handshake; empty if there is no such torrent.
    pub fn peer_status(&self, now: Instant, id: TorrentId) -> Vec<PeerStatus> {
        let of = |torrent: &Torrent| {
            let pieces = torrent.exchange().piece_count().max(1);
            let live = self.peers.of(torrent.peers()).filter(|peer| peer.is_live());
            live.map(|peer| peer_status(now, pieces, peer, torrent.known())).collect()
        };
        self.torrents.get(id).map_or_else(Vec::new, of)
    }

    /// Returns [`resume_data`](Self::resume_data), if a piece was verified since its last call.
    pub fn resume_data_if_changed(&mut self, now: Instant, id: TorrentId) -> Option<ResumeData> {
        if self.core.dirty().unsaved().contains(&id) { self.resume_data(now, id) } else { None }
    }

    /// Returns the state of a torrent for a restart; `None` before its first check and during any, as an earlier record
    /// says more then.
    pub fn resume_data(&mut self, now: Instant, id: TorrentId) -> Option<ResumeData> {
        let torrent = self.torrents.get_mut(id).filter(|torrent| torrent.lifecycle().counts_pieces())?;
        self.core.dirty_mut().saved(id);
        let statistics = torrent.count(now).get().clone();
        let totals = torrent.exchange().totals();
        Some(ResumeData {
            have: torrent.exchange().have().clone(),
            downloaded: totals.downloaded(),
            uploaded: totals.uploaded(),
            statistics,
            finished: torrent.is_finished(),
            peers: good_peers(torrent, &self.peers),
        })
    }

    /// Returns the statistics of a torrent up to now, with the bytes received and sent in all sessions; `None` if there is
    /// no such torrent.
    pub fn statistics(&mut self, now: Instant, id: TorrentId) -> Option<(Statistics, (u64, u64))> {
        let torrent = self.torrents.get_mut(id)?;
        let counted = torrent.count(now).get().clone();
        let totals = torrent.exchange().totals();
        Some((counted, (totals.downloaded(), totals.uploaded())))
    }

    /// Returns the time for which each torrent was active in all sessions, and the part of that without a missing wanted
    /// piece.
    pub fn count_times(&mut self, now: Instant) -> Vec<(TorrentId, Duration, Duration)> {
        let ids = self.torrents.ids();
        let of = |id: TorrentId| {
            let counted = self.torrents.get_mut(id)?.count(now).get();
            Some((id, counted.active, counted.seeding))
        };
        ids.into_iter().filter_map(of).collect()
    }

    /// Marks a torrent as unsaved, as its last [`resume_data`](Self::resume_data) could not be kept.
    pub fn not_saved(&mut self, id: TorrentId) {
        if self.torrents.get(id).is_some() {
            self.core.dirty_mut().pieces_changed(id);
        }
    }

    /// Returns the torrents with news for [`resume_data`](Self::resume_data), those with new pieces first.
    pub fn unsaved(&self, scope: Unsaved) -> Vec<TorrentId> {
        let pieces = self.core.dirty().unsaved();
        let mut ids: Vec<TorrentId> = pieces.iter().copied().collect();
        if scope == Unsaved::PiecesAndCounts {
            ids.extend(self.core.dirty().uncounted().difference(pieces));
        }
        ids
    }

    /// Returns true if a torrent has pieces that [`resume_data`](Self::resume_data) has not returned yet.
    pub fn has_unsaved(&self) -> bool {
        !self.core.dirty().unsaved().is_empty()
    }

    /// Returns true if bytes of a torrent were counted that [`resume_data`](Self::resume_data) has not returned yet.
    pub fn has_uncounted(&self) -> bool {
        !self.core.dirty().uncounted().is_empty()
    }

    /// Returns true if no wanted piece is missing and `have`, in wire form, is the current set of pieces.
    pub fn is_finished_with(&self, id: TorrentId, have: &[u8]) -> bool {
        let torrent = self.torrents.get(id).filter(|torrent| torrent.is_finished());
        torrent.is_some_and(|torrent| torrent.exchange().have().to_wire() == have)
    }

    /// Returns true if the torrent exists.
    pub fn contains(&self, id: TorrentId) -> bool {
        self.torrents.get(id).is_some()
    }

    /// Returns true if no wanted piece is missing, as far as the torrent is checked.
    pub fn is_finished(&self, id: TorrentId) -> bool {
        self.torrents.get(id).is_some_and(Torrent::is_finished)
    }

    /// Returns the state of a torrent; `None` if there is no such torrent.
    pub fn state(&self, id: TorrentId) -> Option<TorrentState> {
        self.torrents.get(id).map(Torrent::state)
    }

    /// Returns the piece data that waits to be written, over all disks, in bytes.
    pub fn disk_backlog(&self) -> u64 {
        self.core.backlog().bytes()
    }

    /// Returns the piece data that waits to be written to one disk, in bytes.
    pub fn backlog_of(&self, disk: DiskId) -> u64 {
        self.core.backlog().bytes_of(disk)
    }

    /// Returns the ids of all torrents.
    pub fn torrent_ids(&self) -> Vec<TorrentId> {
        self.torrents.ids()
    }

    /// Returns the web seeds of a torrent, in the order in which they are asked; empty if there is no such torrent.
    pub fn web_seeds(&self, now: Instant, id: TorrentId) -> Vec<WebSeedStatus> {
        let keys = self.torrents.get(id).map_or(&[][..], Torrent::web_seeds);
        keys.iter().filter_map(|key| self.web.get(*key)).map(|seed| seed.status(now)).collect()
    }

    /// Returns the bans in force.
    pub fn bans(&self, now: Instant) -> Vec<BanStatus> {
        self.bans.list(now)
    }

    /// Returns the effects of the IP filter and of the bans by the user so far.
    pub fn filter_hits(&self) -> FilterHits {
        self.bans.hits()
    }

    /// Returns true while goodbyes to trackers are under way.
    pub fn has_goodbyes(&self) -> bool {
        self.trackers.has_goodbyes()
    }

    /// Returns the state of each DHT node for the next run; nothing if the DHT is off. In anonymous mode it has no ids, which
    /// would connect the runs.
    pub fn dht_to_save(&self) -> Vec<ztor_dht::Saved> {
        let mut saved = self.dht.as_ref().map(DhtDriver::save).unwrap_or_default();
        if self.core.config().is_anonymous {
            saved.iter_mut().for_each(|saved| saved.ids = ztor_dht::PerFamily::default());
        }
        saved
    }

    /// Returns the number of connections that peers have opened, and that got past the handshake.
    pub fn callers(&self) -> u64 {
        self.core.network().callers()
    }

    /// Returns state and counters of each DHT node that takes part; nothing if the DHT is off.
    pub fn dht_stats(&self, now: Instant) -> Vec<ztor_dht::Stats> {
        self.dht.as_ref().map(|dht| dht.stats(now)).unwrap_or_default()
    }

    /// Returns every table and queue that can grow, with its bound. Of those per peer or per torrent, returns the
    /// fullest.
    pub fn tables(&self) -> Vec<Table> {
        let config = self.core.config();
        let waiting = self.core.quota().down().waiting() + self.core.quota().up().waiting();
        let table = |name, len: usize, max: usize| Table { name, len: len as u64, max: max as u64 };
        let of_peers = |len: fn(&Peer) -> usize| self.peers.iter().map(len).max().unwrap_or(0);
        let of_torrents = |len: fn(&Torrent) -> usize| self.torrents.iter().map(len).max().unwrap_or(0);
        let timers = 64 * (config.max_peers + self.torrents.len()) + 10_000;
        // One turn of reading may exceed the mark.
        let disk = DISK_HIGH_WATER + (64 << 20);
        vec![
            table("peers", self.peers.len(), config.max_peers),
            table("bans", self.bans.len(), MAX_BANS),
            table("attempts to connect", self.dialer.half_open(), MAX_HALF_OPEN),
            // Each is an attempt that has ended or is under way.
            table("attempts to be repeated", self.dialer.retries(), 2 * config.max_peers),
            table("own addresses", self.dialer.own_addrs(), MAX_OWN_ADDRS),
            Table { name: "bytes for a disk", len: self.core.backlog().most_bytes(), max: disk },
            table("sources waiting for tokens", waiting, 2 * config.max_peers + self.web.fetching()),
            table("requests to web seeds", self.web.fetching(), config.max_web_seeds),
            table("web seeds", self.web.len(), MAX_WEB_SEEDS * self.torrents.ids().len()),
            // Those of closed connections stay until they are due.
            table("timers", self.timers.len(), timers),
            table(
                "requests to a peer",
                of_peers(|peer| peer.trade().download().asked().count()),
                2 * MAX_REQUESTS + 1,
            ),
            table(
                "requests of a peer",
                of_peers(|peer| peer.trade().upload().queue_len()),
                MAX_PEER_REQUESTS,
            ),
            table("known addresses", of_torrents(|torrent| torrent.known().len()), MAX_KNOWN_PEERS),
            table(
                "accounts of a torrent",
                of_torrents(|torrent| torrent.exchange().account_count()),
                MOST_ACCOUNTS,
            ),
            table(
                "peers of a torrent",
                of_torrents(|torrent| torrent.peers().len()),
                config.max_peers_per_torrent,
            ),
        ]
    }

    /// Returns the number of connections, attempts included.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// Returns the address of a connection, and about how much memory its peer can make us keep for it, in bytes.
    pub fn held_bytes(&self, key: PeerKey) -> Option<(SocketAddr, usize)> {
        self.peers.get(key).map(|peer| (peer.conn().addr(), peer.held_bytes()))
    }

    /// Returns the pieces of a torrent that are present; `None` if there is no such torrent.
    pub fn have(&self, id: TorrentId) -> Option<&Bitfield> {
        self.torrents.get(id).map(|torrent| torrent.exchange().have())
    }

    /// Returns the whole state of a torrent. Copies most of it.
    pub fn inspect(&self, id: TorrentId) -> Option<TorrentView> {
        let torrent = self.torrents.get(id)?;
        let is_dirty = |peer: &Peer| self.core.dirty().has_peer(peer.key());
        let peers = self.peers.of(torrent.peers()).map(|peer| peer_view(peer, is_dirty(peer)));
        let fetches = torrent.web_seeds().iter().filter_map(|key| self.web.get(*key)?.fetch());
        let web_allowed_bytes = fetches.clone().map(Fetch::allowed).sum();
        let web_asked = fetches.flat_map(Fetch::blocks).collect();
        Some(TorrentView {
            peers: peers.collect(),
            web_asked,
            web_allowed_bytes,
            ..torrent.exchange().view(torrent.is_active())
        })
    }
}

/// Returns the addresses to try first after a restart, at most [`MAX_GOOD_PEERS`].
fn good_peers(torrent: &Torrent, peers: &Peers) -> Vec<SocketAddr> {
    let gives = |peer: &&Peer| !peer.conn().is_incoming() && peer.trade().download().total_bytes() > 0;
    let good = peers.of(torrent.peers()).filter(gives);
    let mut addrs: Vec<SocketAddr> = good.map(|peer| peer.conn().addr()).collect();
    addrs.extend(torrent.known().good(MAX_GOOD_PEERS));
    addrs.sort_unstable();
    addrs.dedup();
    addrs.truncate(MAX_GOOD_PEERS);
    addrs
}

fn torrent_status(now: Instant, torrent: &Torrent, peers: &Peers) -> TorrentStatus {
    let live = peers.of(torrent.peers()).filter(|peer| peer.is_live());
    let (peers, seeds) = live.fold((0, 0), |(n, s), p| (n + 1, s + u32::from(p.trade().is_seed())));
    let exchange = torrent.exchange();
    let totals = exchange.totals();
    let trackers = torrent.trackers().announcer().status();
    let mut trackers: Vec<_> = trackers.map(|t| tracker_status(now, t, torrent.counters())).collect();
    // Kept as a snapshot, and most torrents have a tracker or two.
    trackers.shrink_to_fit();
    TorrentStatus {
        id: torrent.id(),
        state: torrent.state(),
        have_bytes: exchange.have_bytes(),
        left_bytes: exchange.left_bytes(),
        have_pieces: exchange.have().count(),
        down_per_s: totals.down_per_s(now),
        up_per_s: totals.up_per_s(now),
        downloaded_bytes: totals.downloaded(),
        uploaded_bytes: totals.uploaded(),
        session_downloaded_bytes: totals.session_downloaded(),
        session_uploaded_bytes: totals.session_uploaded(),
        wasted_bytes: totals.wasted_bytes(),
        peers,
        seeds,
        known_peers: torrent.known().len() as u32,
        partial_pieces: exchange.partial_count() as u32,
        active_for: torrent.counters().get().active,
        seeding_for: torrent.counters().get().seeding,
        idle_for: torrent.is_active().then(|| totals.idle_for(now, torrent.counters().active_since())),
        moving: torrent.moving(),
        trackers,
    }
}

fn tracker_status(now: Instant, tracker: &announcer::TrackerStatus, counters: &Counters) -> TrackerStatus {
    TrackerStatus {
        url: tracker.shown_url.clone(),
        tier: tracker.tier,
        state: tracker.state,
        issue: tracker.issue.clone(),
        announces_in: tracker.next_announce.map(|at| at.since(now)),
        allowed_in: tracker.allowed_at.map(|at| at.since(now)),
        fails: tracker.fails,
        peers: tracker.peers,
        seeders: tracker.seeders,
        leechers: tracker.leechers,
        downloads: tracker.downloads,
        reported: counters.reported_to(&tracker.shown_url),
    }
}

fn peer_status(now: Instant, pieces: u32, peer: &Peer, known: &KnownPeers) -> PeerStatus {
    let (conn, trade) = (peer.conn(), peer.trade());
    let (download, upload) = (trade.download(), trade.upload());
    let mut sources = known.sources(conn.addr());
    if conn.is_incoming() && !sources.contains(&PeerSource::Incoming) {
        sources.push(PeerSource::Incoming);
        sources.sort_unstable();
    }
    PeerStatus {
        addr: conn.addr(),
        sources,
        connected_for: now.since(conn.started_at()),
        client: conn.client().cloned(),
        direction: conn.direction(),
        transport: conn.transport(),
        protection: conn.protection(),
        have_permille: (u64::from(trade.has().count(pieces)) * 1000 / u64::from(pieces)) as u16,
        down_per_s: download.per_s(now),
        up_per_s: upload.per_s(now),
        downloaded_bytes: download.total_bytes(),
        uploaded_bytes: upload.total_bytes(),
        id_as_named: conn.id_as_named(),
        chokes_us: trade.chokes_us(),
        we_choke: trade.we_choke(),
        is_interested: trade.is_interested(),
        we_are_interested: trade.we_are_interested(),
        is_optimistic: upload.is_optimistic(),
        is_snubbed: download.is_snubbed(),
        is_upload_only: peer.extensions().is_upload_only(),
        requests: download.outstanding(),
        peer_requests: upload.queue_len(),
    }
}

fn peer_view(peer: &Peer, is_dirty: bool) -> PeerView {
    let (conn, trade) = (peer.conn(), peer.trade());
    let (download, upload) = (trade.download(), trade.upload());
    PeerView {
        key: peer.key(),
        addr: conn.addr(),
        is_live: conn.is_live(),
        author: conn.author(),
        is_dirty,
        has: trade.has().clone(),
        interesting: trade.interesting(),
        we_are_interested: trade.we_are_interested(),
        we_choke: trade.we_choke(),
        is_optimistic: upload.is_optimistic(),
        chokes_us: trade.chokes_us(),
        is_interested: trade.is_interested(),
        asked: download.asked().collect(),
        outstanding: download.outstanding(),
        paid_bytes: download.paid_bytes(),
        upload_queue: upload.queue_len(),
        in_flight_bytes: upload.in_flight_bytes(),
        waits_for_upload_quota: upload.waits_for_quota(),
        waits_for_download_quota: download.waits_for_quota(),
    }
}
