//! What a face may see, and what a restart needs.

use crate::bitfield::Bitfield;
use crate::event::DiskFault;
use crate::peer::Direction;
use crate::pieces::Pieces;
use crate::torrent::{Knowledge, Phase, Torrent};
use crate::way::{Protection, Transport};
use crate::{Engine, TorrentId};
use std::net::SocketAddr;
use ztor_base::{Duration, Instant};
use ztor_tracker::announcer::{self, TrackerState};

/// Peers that are remembered for the next run.
const MAX_GOOD_PEERS: usize = 100;

/// What a torrent is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TorrentState {
    /// The metadata of a magnet link is being fetched: parts done and to do, as far as that is known.
    Metadata {
        /// Parts that are there.
        done: u32,
        /// Parts there are; 0 while nobody has told.
        total: u32,
    },
    /// The metadata has come; what to fetch is to be said.
    Waiting,
    /// The metadata is no usable torrent.
    Unusable(String),
    /// Looking at what is on disk; pieces done and to do.
    Checking {
        /// Pieces looked at.
        done: u32,
        /// Pieces to look at.
        total: u32,
    },
    /// Something wanted is missing.
    Downloading,
    /// Everything wanted is here.
    Seeding,
    /// A disk fault; [`Command::Resume`](crate::Command::Resume) takes it up again.
    Stopped(DiskFault),
}

/// A torrent at a moment. Byte counts are of piece data; rates are bytes per second over about five seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentStatus {
    /// Which.
    pub id: TorrentId,
    /// What it is at.
    pub state: TorrentState,
    /// Bytes of pieces that hashed right.
    pub have_bytes: u64,
    /// Bytes of wanted pieces that are missing.
    pub left_bytes: u64,
    /// Pieces that hashed right.
    pub have_pieces: u32,
    /// Incoming piece data.
    pub down_per_s: u64,
    /// Outgoing piece data.
    pub up_per_s: u64,
    /// Over all sessions.
    pub downloaded: u64,
    /// Over all sessions.
    pub uploaded: u64,
    /// In this session.
    pub session_downloaded: u64,
    /// In this session.
    pub session_uploaded: u64,
    /// Came twice or hashed wrong, in this session.
    pub wasted: u64,
    /// Connections past the handshake.
    pub peers: u32,
    /// Those among them that have everything.
    pub seeds: u32,
    /// Addresses known.
    pub known_peers: u32,
    /// Pieces in progress.
    pub partial_pieces: u32,
    /// Its trackers, tier by tier.
    pub trackers: Vec<TrackerStatus>,
}

/// A tracker of a torrent. Counts are those of its last reply, `None` if it has not given any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerStatus {
    /// URL without passkeys.
    pub url: String,
    /// BEP 12 tier, from 0.
    pub tier: usize,
    /// State of the announces.
    pub state: TrackerState,
    /// Last error, or the warning of the last reply, without passkeys.
    pub message: Option<String>,
    /// Time until the next announce. `None` while one is under way and after the last.
    pub announces_in: Option<Duration>,
    /// Failures in a row.
    pub fails: u32,
    /// Addresses in the last reply.
    pub peers: Option<usize>,
    /// Seeders.
    pub seeders: Option<u32>,
    /// Leechers.
    pub leechers: Option<u32>,
    /// Completed downloads.
    pub downloads: Option<u32>,
}

fn tracker_status(now: Instant, tracker: &announcer::TrackerStatus) -> TrackerStatus {
    TrackerStatus {
        url: tracker.shown_url.clone(),
        tier: tracker.tier,
        state: tracker.state,
        message: tracker.message.clone(),
        announces_in: tracker.next_announce.map(|at| at.since(now)),
        fails: tracker.fails,
        peers: tracker.peers,
        seeders: tracker.seeders,
        leechers: tracker.leechers,
        downloads: tracker.downloads,
    }
}

/// A peer at a moment.
#[derive(Debug, Clone)]
pub struct PeerStatus {
    /// Its address.
    pub addr: SocketAddr,
    /// Client name as it says, unfiltered.
    pub client: Option<String>,
    /// Who called.
    pub direction: Direction,
    /// What carries its stream.
    pub transport: Transport,
    /// Whether its stream is hidden.
    pub protection: Protection,
    /// Share of the pieces it has, in thousandths.
    pub have_permille: u16,
    /// Bytes per second from it.
    pub down_per_s: u64,
    /// Bytes per second to it.
    pub up_per_s: u64,
    /// Bytes from it.
    pub downloaded: u64,
    /// Bytes to it.
    pub uploaded: u64,
    /// Whether its peer id is the one that a tracker has named for its address (BEP 3); `None` if none has. Some clients
    /// take a new one for each connection.
    pub id_as_named: Option<bool>,
    /// It does not serve us.
    pub chokes_us: bool,
    /// We do not serve it.
    pub we_choke: bool,
}

/// Kinds of news that a restart needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsaved {
    /// Pieces were verified.
    Pieces,
    /// Pieces were verified, or bytes were counted.
    PiecesAndCounts,
}

/// What to keep over a restart.
#[derive(Debug, Clone)]
pub struct ResumeData {
    /// Pieces that hashed right.
    pub have: Bitfield,
    /// Over all sessions.
    pub downloaded: u64,
    /// Over all sessions.
    pub uploaded: u64,
    /// Nothing wanted is missing.
    pub finished: bool,
    /// Peers that piece data came from, at most a hundred.
    pub peers: Vec<SocketAddr>,
}

impl Engine {
    /// All torrents, in order of their ids.
    pub fn status(&self, now: Instant) -> Vec<TorrentStatus> {
        self.torrents.iter().map(|(id, torrent)| self.torrent_status(now, id, torrent)).collect()
    }

    /// The torrents that are not as they were at the last call, in order of their ids; `None` for one that is
    /// gone. All of them the first time. Costs nothing for those that rest.
    pub fn status_changes(&mut self, now: Instant) -> Vec<(TorrentId, Option<TorrentStatus>)> {
        let changed = std::mem::take(&mut self.changes.shown);
        let news = changed.into_iter().map(|id| {
            let status = self.torrents.get(id).map(|torrent| self.torrent_status(now, id, torrent));
            if status.as_ref().is_some_and(|s| s.down_per_s > 0 || s.up_per_s > 0) {
                // A rate falls by itself.
                self.changes.shown.insert(id);
            }
            (id, status)
        });
        news.collect()
    }

    /// Whether there is anything for [`status_changes`](Self::status_changes) to tell.
    pub fn has_status_changes(&self) -> bool {
        !self.changes.shown.is_empty()
    }

    /// Live peers of a torrent.
    pub fn peer_status(&self, now: Instant, id: TorrentId) -> Vec<PeerStatus> {
        let Some(torrent) = self.torrents.get(id) else { return Vec::new() };
        let pieces = torrent.layout.piece_count().max(1);
        let live = torrent.peers.iter().filter_map(|k| self.peers.get(*k)).filter(|p| p.is_live());
        live.map(|p| PeerStatus {
            addr: p.addr,
            client: p.client.clone(),
            direction: p.direction,
            transport: p.transport,
            protection: p.protection,
            have_permille: (u64::from(p.has.count(pieces)) * 1000 / u64::from(pieces)) as u16,
            down_per_s: p.download.meter.per_s(now),
            up_per_s: p.upload.meter.per_s(now),
            downloaded: p.download.total_bytes,
            uploaded: p.upload.total_bytes,
            id_as_named: p.id_as_named,
            chokes_us: p.chokes_us,
            we_choke: p.we_choke,
        })
        .collect()
    }

    /// Like [`resume_data`](Self::resume_data); `None` also if no piece was verified since the last call.
    pub fn resume_data_if_changed(&mut self, id: TorrentId) -> Option<ResumeData> {
        if self.changes.unsaved.contains(&id) { self.resume_data(id) } else { None }
    }

    /// Returns what a restart needs of a torrent. `None` before its data was checked and while that is under way: an
    /// earlier record says more then.
    pub fn resume_data(&mut self, id: TorrentId) -> Option<ResumeData> {
        let torrent = self.torrents.get(id)?;
        if !torrent.checked || matches!(torrent.phase, Phase::Checking { .. }) {
            return None;
        }
        self.changes.saved(id);
        Some(ResumeData {
            have: torrent.picker.have().clone(),
            downloaded: torrent.downloaded,
            uploaded: torrent.uploaded,
            finished: torrent.finished,
            peers: self.good_peers(torrent),
        })
    }

    /// Those with which it is worth to begin the next time.
    fn good_peers(&self, torrent: &Torrent) -> Vec<SocketAddr> {
        let live = torrent.peers.iter().filter_map(|key| self.peers.get(*key));
        let good = live.filter(|p| p.direction == Direction::Outgoing && p.download.total_bytes > 0);
        let mut addrs: Vec<SocketAddr> = good.map(|p| p.addr).collect();
        addrs.extend(torrent.known.good(MAX_GOOD_PEERS));
        addrs.sort_unstable();
        addrs.dedup();
        addrs.truncate(MAX_GOOD_PEERS);
        addrs
    }

    /// The last [`resume_data`](Self::resume_data) could not be kept: it is to be offered again.
    pub fn not_saved(&mut self, id: TorrentId) {
        if self.torrents.contains_key(id) {
            self.changes.unsaved.insert(id);
        }
    }

    /// Torrents for which [`resume_data`](Self::resume_data) has news, those with new pieces first.
    pub fn unsaved(&self, scope: Unsaved) -> Vec<TorrentId> {
        let counts = scope == Unsaved::PiecesAndCounts;
        let uncounted =
            self.changes.uncounted.iter().filter(|id| counts && !self.changes.unsaved.contains(id));
        self.changes.unsaved.iter().chain(uncounted).copied().collect()
    }

    /// Whether a torrent has pieces that [`resume_data`](Self::resume_data) has not told yet.
    pub fn has_unsaved(&self) -> bool {
        !self.changes.unsaved.is_empty()
    }

    /// True if bytes of a torrent were counted that [`resume_data`](Self::resume_data) has not returned yet.
    pub fn has_uncounted(&self) -> bool {
        !self.changes.uncounted.is_empty()
    }

    /// Whether nothing wanted is missing from `have`, a bitfield in wire form.
    pub fn is_finished_with(&self, id: TorrentId, have: &[u8]) -> bool {
        self.torrents.get(id).is_some_and(|t| t.finished && t.picker.have().to_wire() == have)
    }

    /// Piece data handed over to be written and not yet written, in bytes.
    pub fn disk_backlog(&self) -> u64 {
        self.disk_bytes
    }

    /// Ids of all torrents.
    pub fn torrent_ids(&self) -> Vec<TorrentId> {
        self.torrents.keys().collect()
    }

    fn torrent_status(&self, now: Instant, id: TorrentId, torrent: &Torrent) -> TorrentStatus {
        let live = torrent.peers.iter().filter_map(|k| self.peers.get(*k)).filter(|p| p.is_live());
        let (peers, seeds) = live.fold((0, 0), |(n, s), p| (n + 1, s + u32::from(p.has == Pieces::All)));
        TorrentStatus {
            id,
            state: match &torrent.phase {
                Phase::Metadata => match &torrent.knowledge {
                    Knowledge::Hash(fetch) => {
                        let (done, total) = fetch.progress();
                        TorrentState::Metadata { done, total }
                    }
                    Knowledge::Info(_, layers) => {
                        let (done, total) = layers.progress();
                        TorrentState::Metadata { done, total }
                    }
                    Knowledge::All(_) => TorrentState::Waiting,
                },
                Phase::Unusable(message) => TorrentState::Unusable(message.clone()),
                Phase::Checking { done, total } => TorrentState::Checking { done: *done, total: *total },
                Phase::Live | Phase::Ending if torrent.finished => TorrentState::Seeding,
                Phase::Live | Phase::Ending => TorrentState::Downloading,
                Phase::Stopped(fault) => TorrentState::Stopped(fault.clone()),
            },
            have_bytes: torrent.have_bytes,
            left_bytes: torrent.left_bytes,
            have_pieces: torrent.picker.have().count(),
            down_per_s: torrent.down_meter.per_s(now),
            up_per_s: torrent.up_meter.per_s(now),
            downloaded: torrent.downloaded,
            uploaded: torrent.uploaded,
            session_downloaded: torrent.session_downloaded,
            session_uploaded: torrent.session_uploaded,
            wasted: torrent.wasted,
            peers,
            seeds,
            known_peers: torrent.known.len() as u32,
            partial_pieces: torrent.picker.partial_count() as u32,
            trackers: torrent.announcer.status().map(|tracker| tracker_status(now, tracker)).collect(),
        }
    }
}
