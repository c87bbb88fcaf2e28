//! Allocation of connection slots when there are not enough for all peers.
//!
//! Every table of connections is bounded, and peers that hold slots without use are replaced by others:
//! - incoming peers without a handshake have a small budget: the oldest of the host with the most is replaced;
//! - unanswered attempts are replaced by incoming peers: those exist, while addresses may be made up;
//! - incoming peers leave a share of the slots of the session and of each torrent to our own attempts;
//! - a full torrent replaces its least useful peers, at a pace, by incoming peers or by known addresses;
//! - a full session moves slots from torrents with more than their share to downloads with less.
//!
//! This module chooses; the engine closes the connections.

use crate::cx::Cx;
use crate::ids::{PeerKey, TorrentId};
use crate::peer::{Peer, Peers};
use crate::torrent::{Torrent, Torrents};
use std::collections::BTreeMap;
use ztor_base::{Duration, Host, Instant};

/// Time that every peer has to prove useful before it may be replaced.
const TRIAL: Duration = Duration::from_secs(30);
/// Time after its last block during which a peer is not replaced.
const PAYLOAD_COUNTS: Duration = Duration::from_secs(10);
/// Age below which an unanswered attempt of ours is not replaced.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// Minimum time between two replacements in a download that receives nothing.
const STARVING_PACE: Duration = Duration::from_secs(5);
/// Minimum time between two replacements in any other torrent.
const PACE: Duration = Duration::from_secs(60);
/// Minimum time between two slots that the session moves from one torrent to another.
pub(crate) const SESSION_PACE: Duration = Duration::from_secs(1);
/// Minimum time between two peers of a full session that are replaced by new incoming peers.
const STRANGER_PACE: Duration = Duration::from_secs(5);
/// Time for which slots stay reserved for attempts after a torrent had an address to dial.
const CALLS_COUNT: Duration = Duration::from_secs(60);
/// One in this many slots is reserved for our own attempts.
const RESERVED_SHARE: usize = 5;
/// One in this many slots may go to incoming peers without a handshake, within the bounds below.
const SILENT_SHARE: usize = 10;
const MAX_SILENT: usize = 50;
const MIN_SILENT: usize = 2;

/// Usefulness of a peer, in ascending order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Use {
    None,
    /// The peer is interested in our pieces.
    Takes,
    /// The peer has something that we want.
    Gives,
}

/// Connection slots of the whole engine.
#[derive(Debug)]
pub(crate) struct Places {
    /// Peers that were removed for incoming peers since the last turn.
    sent_away: Vec<PeerKey>,
    moved_at: Instant,
    /// Time at which a torrent last had an address to dial; `None` before the first.
    call_wanted_at: Option<Instant>,
}

/// A slot for an incoming peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Free,
    /// Free once this peer is removed.
    After(Victim),
}

/// A peer to be replaced by another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Victim {
    /// An attempt of ours. Its removal says nothing about the address.
    Attempt(PeerKey),
    /// The least useful peer, or the oldest incoming peer without a handshake.
    Peer(PeerKey),
}

impl Places {
    pub(crate) fn new(now: Instant) -> Self {
        Self { sent_away: Vec::new(), moved_at: now, call_wanted_at: None }
    }

    /// Records that a torrent has an address to dial.
    pub(crate) fn call_wanted(&mut self, now: Instant) {
        self.call_wanted_at = Some(now);
    }

    fn reserved(&self, now: Instant, places: usize) -> usize {
        let is_wanted = self.call_wanted_at.is_some_and(|at| now.since(at) < CALLS_COUNT);
        if is_wanted { places / RESERVED_SHARE } else { 0 }
    }

    /// Finds a slot for an incoming peer before its handshake; `None` if there is none.
    pub(crate) fn for_stranger(
        &mut self,
        now: Instant,
        most: usize,
        torrents: &Torrents,
        peers: &Peers,
    ) -> Option<Place> {
        let callers = peers.iter().filter(|peer| peer.conn().is_incoming()).count();
        let is_silent = |peer: &&Peer| peer.conn().is_incoming() && !peer.is_live();
        let silent = peers.iter().filter(is_silent).count();
        let most_silent = (most / SILENT_SHARE).clamp(MIN_SILENT, MAX_SILENT);
        let may_come = silent < most_silent && callers + self.reserved(now, most) < most;
        if may_come && peers.len() < most {
            return Some(Place::Free);
        }
        if may_come && let Some(attempt) = oldest_attempt(now, peers.iter()) {
            return Some(Place::After(Victim::Attempt(attempt)));
        }
        let mut by_host: BTreeMap<Host, usize> = BTreeMap::new();
        for peer in peers.iter().filter(is_silent) {
            *by_host.entry(Host::of(peer.conn().addr().ip())).or_default() += 1;
        }
        let order = |peer: &Peer| {
            let of_host = by_host.get(&Host::of(peer.conn().addr().ip())).copied().unwrap_or(0);
            (usize::MAX - of_host, peer.conn().started_at(), peer.key())
        };
        let oldest = peers.iter().filter(is_silent).map(order).min().map(|(.., key)| key);
        let key = oldest.or_else(|| self.least_useful(now, torrents, peers))?;
        Some(Place::After(Victim::Peer(key)))
    }

    /// Returns the least useful incoming peer of all torrents, at a limited pace. Otherwise, a session full of peers
    /// that only wait would refuse all others.
    fn least_useful(&mut self, now: Instant, torrents: &Torrents, peers: &Peers) -> Option<PeerKey> {
        if now.since(self.moved_at) < STRANGER_PACE {
            return None;
        }
        let candidates = torrents.iter().flat_map(|torrent| {
            let callers = peers.of(torrent.peers()).filter(|peer| peer.conn().is_incoming());
            callers.filter_map(move |peer| rank(now, torrent, peer))
        });
        let (.., key) = candidates.min()?;
        self.moved_at = now;
        Some(key)
    }

    /// Records a peer that was removed for an incoming one. Its connection ends with the turn.
    pub(crate) fn send_away(&mut self, key: PeerKey) {
        self.sent_away.push(key);
    }

    /// Takes the peers that were removed for incoming ones since the last turn.
    pub(crate) fn take_sent_away(&mut self) -> Vec<PeerKey> {
        std::mem::take(&mut self.sent_away)
    }

    /// Chooses a peer whose slot moves to a waiting download with less than its share. The peer belongs to a torrent
    /// that has more than its share or is finished. Returns the download and the peer.
    pub(crate) fn move_place(
        &mut self,
        now: Instant,
        most: usize,
        mut waiting: impl Iterator<Item = TorrentId>,
        torrents: &Torrents,
        peers: &Peers,
    ) -> Option<(TorrentId, PeerKey)> {
        if now.since(self.moved_at) < SESSION_PACE {
            return None;
        }
        let sharing = torrents.iter().filter(|torrent| !torrent.peers().is_empty()).count() + 1;
        let share = (most / sharing).max(1);
        let is_poor = |id: &TorrentId| {
            let torrent = torrents.get(*id);
            torrent.is_some_and(|t| t.is_open() && !t.is_finished() && t.peers().len() < share)
        };
        let poor = waiting.find(is_poor)?;
        let owners =
            torrents.iter().filter(|t| t.id() != poor && (t.is_finished() || t.peers().len() > share));
        let candidates = owners.flat_map(|torrent| {
            let peers = peers.of(torrent.peers());
            peers.filter_map(move |peer| rank(now, torrent, peer))
        });
        let (.., key) = candidates.min()?;
        self.moved_at = now;
        Some((poor, key))
    }
}

/// Finds a slot in a torrent for an incoming peer; `None` if there is none.
pub(crate) fn for_caller(cx: &Cx<'_>, torrent: &mut Torrent, peers: &Peers) -> Option<Place> {
    let most = cx.config.max_peers_per_torrent;
    let callers = peers.of(torrent.peers()).filter(|peer| peer.conn().is_incoming()).count();
    let calls = torrent.peers().len() - callers;
    let is_calling = calls > 0 || torrent.known().first_due(cx.now).is_some();
    let reserved = if is_calling { most / RESERVED_SHARE } else { 0 };
    let may_come = callers + reserved < most;
    if may_come && torrent.peers().len() < most {
        return Some(Place::Free);
    }
    if let Some(attempt) = oldest_attempt(cx.now, peers.of(torrent.peers())).filter(|_| may_come) {
        return Some(Place::After(Victim::Attempt(attempt)));
    }
    // At their limit, incoming peers replace only each other.
    let victim = choose_victim(cx.now, torrent, peers, |peer| may_come || peer.conn().is_incoming())?;
    Some(Place::After(Victim::Peer(victim)))
}

/// Chooses a peer of a full download to be replaced by a known address. Also returns the time of the next check.
pub(crate) fn for_call(
    cx: &Cx<'_>,
    torrent: &mut Torrent,
    peers: &Peers,
) -> (Option<PeerKey>, Option<Instant>) {
    let is_full = torrent.peers().len() >= cx.config.max_peers_per_torrent;
    let wants_more = is_full && torrent.is_open() && !torrent.is_finished() && !cx.is_ending;
    match if wants_more { torrent.known().next_due() } else { None } {
        None => (None, None),
        Some(due) if due > cx.now => (None, Some(due)),
        Some(_) => {
            // Attempts under way end soon and free their slots, so no connected peer needs to be replaced.
            let is_calling = peers.of(torrent.peers()).any(|peer| peer.conn().is_connecting());
            let victim = if is_calling { None } else { choose_victim(cx.now, torrent, peers, |_| true) };
            (victim, Some(cx.now + STARVING_PACE))
        }
    }
}

/// Chooses the least useful peer of a torrent that may be replaced, at the pace of the torrent. Records the time.
fn choose_victim(
    now: Instant,
    torrent: &mut Torrent,
    peers: &Peers,
    may_leave: impl Fn(&Peer) -> bool,
) -> Option<PeerKey> {
    let is_starving = !torrent.is_finished() && torrent.exchange().totals().down_per_s(now) == 0;
    let pace = if is_starving { STARVING_PACE } else { PACE };
    if now.since(torrent.calls().exchanged_at) < pace {
        return None;
    }
    let candidates = peers.of(torrent.peers()).filter(|peer| may_leave(peer));
    let (.., key) = candidates.filter_map(|peer| rank(now, torrent, peer)).min()?;
    torrent.calls_mut().exchanged_at = now;
    Some(key)
}

fn oldest_attempt<'a>(now: Instant, peers: impl Iterator<Item = &'a Peer>) -> Option<PeerKey> {
    let is_late =
        |peer: &&Peer| peer.conn().is_connecting() && now.since(peer.conn().started_at()) >= ANSWERED_WITHIN;
    let attempts = peers.filter(is_late);
    attempts.min_by_key(|peer| (peer.conn().started_at(), peer.key())).map(Peer::key)
}

/// Returns the order in which peers are replaced, the lowest first; `None` for a peer that stays.
fn rank(now: Instant, torrent: &Torrent, peer: &Peer) -> Option<(Use, Instant, PeerKey)> {
    let (conn, trade) = (peer.conn(), peer.trade());
    let has_had_time = conn.is_live()
        && now.since(conn.started_at()) >= TRIAL
        && (!trade.has_moved_payload() || now.since(trade.payload_at()) >= PAYLOAD_COUNTS);
    let gives = if torrent.has_metadata() {
        trade.interesting() > 0 && !torrent.is_finished()
    } else {
        peer.extensions().has_metadata()
    };
    let good_for = if gives {
        Use::Gives
    } else if trade.is_interested() {
        Use::Takes
    } else {
        Use::None
    };
    has_had_time.then_some((good_for, trade.payload_at(), peer.key()))
}
