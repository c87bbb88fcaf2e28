//! Who has a connection when there are not enough for all.
//!
//! Every table of connections is bounded, and whoever holds its places without use makes place for others:
//! - callers that have not greeted have a small budget of their own, and the oldest of the host with the most leaves;
//! - calls that have not been answered make place for callers: those are there, and addresses may be made up;
//! - callers leave a part of the places to calls of our own, of the session's and of each torrent's;
//! - a torrent that is full exchanges its least useful peers, at a pace, for one that calls or could be called;
//! - a session that is full takes places from torrents with more than their share, for downloads with less.

use crate::event::CloseCause;
use crate::outbox::{Close, Outbox};
use crate::peer::{Direction, Peer, Stage};
use crate::torrent::Torrent;
use crate::{Engine, PeerKey, Refused, TorrentId};
use std::collections::BTreeMap;
use ztor_base::{Duration, Host, Instant};

/// Nobody is sent away before he had this long to show what he is good for, nor this soon after the last block.
const TRIAL: Duration = Duration::from_secs(30);
const PAYLOAD_COUNTS: Duration = Duration::from_secs(10);
/// Calls of ours that have had less than this to be answered make no place.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// Between two exchanges of a torrent: while nothing comes, and otherwise.
const STARVING_PACE: Duration = Duration::from_secs(5);
const PACE: Duration = Duration::from_secs(60);
/// Between two places that the session moves from one torrent to another.
const SESSION_PACE: Duration = Duration::from_secs(1);
/// Between two peers of a full session that leave for a stranger.
const STRANGER_PACE: Duration = Duration::from_secs(5);
/// How long after a torrent had someone to call places are kept free for calls.
const CALLS_COUNT: Duration = Duration::from_secs(60);
/// One of so many places is kept for calls of our own.
const RESERVED_SHARE: usize = 5;
/// Callers that have not greeted may have one of so many places; at most, and at least, this many.
const SILENT_SHARE: usize = 10;
const MAX_SILENT: usize = 50;
const MIN_SILENT: usize = 2;

/// The session's part.
pub(crate) struct Places {
    /// Callers that made place since the last turn.
    sent_away: Vec<PeerKey>,
    moved_at: Instant,
    /// When a torrent last had someone to call.
    call_wanted_at: Option<Instant>,
}

/// What a peer is good for; the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Use {
    None,
    /// Wants something from us.
    Takes,
    /// Has what we want.
    Gives,
}

impl Places {
    pub(crate) fn new(now: Instant) -> Self {
        Self { sent_away: Vec::new(), moved_at: now, call_wanted_at: None }
    }

    /// A torrent has someone to call.
    pub(crate) fn call_wanted(&mut self, now: Instant) {
        self.call_wanted_at = Some(now);
    }

    fn reserved(&self, now: Instant, places: usize) -> usize {
        let is_wanted = self.call_wanted_at.is_some_and(|at| now.since(at) < CALLS_COUNT);
        if is_wanted { places / RESERVED_SHARE } else { 0 }
    }
}

impl Engine {
    /// A place for a caller of whom nothing is known yet, or the reason why there is none.
    pub(crate) fn place_for_stranger(&mut self, now: Instant) -> Result<(), Refused> {
        let most = self.config.max_peers;
        let callers = self.peers.values().filter(|peer| peer.direction == Direction::Incoming).count();
        let is_silent = |peer: &Peer| peer.direction == Direction::Incoming && !peer.is_live();
        let silent = self.peers.values().filter(|peer| is_silent(peer)).count();
        let most_silent = (most / SILENT_SHARE).clamp(MIN_SILENT, MAX_SILENT);
        let may_come = silent < most_silent && callers + self.places.reserved(now, most) < most;
        if may_come && self.peers.len() < most {
            return Ok(());
        }
        if may_come && let Some(attempt) = oldest_attempt(now, self.peers.iter()) {
            // It says nothing about the address.
            self.remove_peer(now, attempt, CloseCause::Local);
            self.places.sent_away.push(attempt);
            return Ok(());
        }
        let mut by_host: BTreeMap<Host, usize> = BTreeMap::new();
        for peer in self.peers.values().filter(|peer| is_silent(peer)) {
            *by_host.entry(Host::of(peer.addr.ip())).or_default() += 1;
        }
        let order = |(key, peer): (PeerKey, &Peer)| {
            let of_host = by_host.get(&Host::of(peer.addr.ip())).copied().unwrap_or(0);
            (usize::MAX - of_host, peer.started_at, key)
        };
        let oldest = self.peers.iter().filter(|(_, peer)| is_silent(peer)).map(order).min();
        let key = oldest.map(|(.., key)| key).or_else(|| self.least_useful(now)).ok_or(Refused::Full)?;
        self.remove_peer(now, key, CloseCause::Local);
        self.places.sent_away.push(key);
        Ok(())
    }

    /// The least useful caller of all torrents, once in a while: a session full of those that wait for something would be
    /// closed to everybody else.
    fn least_useful(&mut self, now: Instant) -> Option<PeerKey> {
        if now.since(self.places.moved_at) < STRANGER_PACE {
            return None;
        }
        let candidates = self.torrents.values().flat_map(|torrent| {
            let peers = torrent.peers.iter().filter_map(|key| Some((*key, self.peers.get(*key)?)));
            let callers = peers.filter(|(_, peer)| peer.direction == Direction::Incoming);
            callers.filter_map(move |(key, peer)| rank(now, torrent, key, peer))
        });
        let (.., key) = candidates.min()?;
        self.places.moved_at = now;
        Some(key)
    }

    /// Ends the connections of those that made place for other callers.
    pub(crate) fn send_away(&mut self, out: &mut Outbox) {
        let reason = "others called, and it was of the least use";
        let closes = self.places.sent_away.drain(..);
        out.closes.extend(closes.map(|peer| Close { peer, reason: reason.to_owned() }));
    }

    /// Whether there is a place in a torrent for a caller; another peer may leave for it.
    pub(crate) fn place_for_caller(&mut self, now: Instant, id: TorrentId, out: &mut Outbox) -> bool {
        let Some(torrent) = self.torrents.get(id) else { return false };
        let most = self.config.max_peers_per_torrent;
        let has_called =
            |key: &&PeerKey| self.peers.get(**key).is_some_and(|peer| peer.direction == Direction::Incoming);
        let callers = torrent.peers.iter().filter(has_called).count();
        let calls = torrent.peers.len() - callers;
        let is_calling = calls > 0 || torrent.known.first_due(now).is_some();
        let reserved = if is_calling { most / RESERVED_SHARE } else { 0 };
        let may_come = callers + reserved < most;
        if may_come && torrent.peers.len() < most {
            return true;
        }
        let all = torrent.peers.iter().filter_map(|key| Some((*key, self.peers.get(*key)?)));
        if let Some(attempt) = oldest_attempt(now, all).filter(|_| may_come) {
            // It says nothing about the address.
            if self.remove_peer(now, attempt, CloseCause::Local).is_some() {
                out.closes.push(Close { peer: attempt, reason: "it made place for a caller".to_owned() });
            }
            return true;
        }
        // Callers that have all the places they may have make place for each other only.
        self.exchange(now, id, |peer| may_come || peer.direction == Direction::Incoming, out)
    }

    /// Makes place in a full download for a peer that could be called. Says when to look again, if it is full.
    pub(crate) fn place_for_call(
        &mut self,
        now: Instant,
        id: TorrentId,
        out: &mut Outbox,
    ) -> Option<Instant> {
        let torrent = self.torrents.get(id)?;
        let is_full = torrent.peers.len() >= self.config.max_peers_per_torrent;
        let wants_more = torrent.is_open() && !torrent.finished && !self.shutting_down;
        let due = torrent.known.next_due().filter(|_| is_full && wants_more)?;
        if due > now {
            return Some(due);
        }
        // Calls that are under way end soon, and make place for the next: nobody who is there need go for them.
        let is_calling =
            |key: &PeerKey| self.peers.get(*key).is_some_and(|peer| peer.stage == Stage::Connecting);
        if !torrent.peers.iter().any(is_calling) {
            self.exchange(now, id, |_| true, out);
        }
        Some(now + STARVING_PACE)
    }

    /// Ends the connection to the least useful peer of a torrent that may leave, if there is one and it is time.
    fn exchange(
        &mut self,
        now: Instant,
        id: TorrentId,
        may_leave: impl Fn(&Peer) -> bool,
        out: &mut Outbox,
    ) -> bool {
        let Some(torrent) = self.torrents.get(id) else { return false };
        let is_starving = !torrent.finished && torrent.down_meter.per_s(now) == 0;
        let pace = if is_starving { STARVING_PACE } else { PACE };
        if now.since(torrent.exchanged_at) < pace {
            return false;
        }
        let peers = torrent.peers.iter().filter_map(|key| Some((*key, self.peers.get(*key)?)));
        let candidates = peers.filter(|(_, peer)| may_leave(peer));
        let least = candidates.filter_map(|(key, peer)| rank(now, torrent, key, peer)).min();
        let Some((.., key)) = least else { return false };
        self.torrents[id].exchanged_at = now;
        self.make_place(now, id, key, out);
        true
    }

    /// Moves a place to a download that waits for one and has less than its share, from a torrent that has more, or is
    /// no download. Returns the download.
    pub(crate) fn move_place(
        &mut self,
        now: Instant,
        waiting: impl IntoIterator<Item = TorrentId>,
        out: &mut Outbox,
    ) -> Option<TorrentId> {
        if now.since(self.places.moved_at) < SESSION_PACE {
            return None;
        }
        let sharing = self.torrents.values().filter(|torrent| !torrent.peers.is_empty()).count() + 1;
        let share = (self.config.max_peers / sharing).max(1);
        let is_poor = |id: &TorrentId| {
            let torrent = self.torrents.get(*id);
            torrent.is_some_and(|t| t.is_open() && !t.finished && t.peers.len() < share)
        };
        let poor = waiting.into_iter().find(is_poor)?;
        let owners =
            self.torrents.iter().filter(|(id, t)| *id != poor && (t.finished || t.peers.len() > share));
        let candidates = owners.flat_map(|(id, torrent)| {
            let peers = torrent.peers.iter().filter_map(|key| Some((*key, self.peers.get(*key)?)));
            peers.filter_map(move |(key, peer)| Some((rank(now, torrent, key, peer)?, id)))
        });
        let ((.., key), owner) = candidates.min()?;
        self.places.moved_at = now;
        self.make_place(now, owner, key, out);
        Some(poor)
    }

    fn make_place(&mut self, now: Instant, id: TorrentId, key: PeerKey, out: &mut Outbox) {
        let called = self.peers.get(key).filter(|peer| peer.direction == Direction::Outgoing);
        let addr = called.map(|peer| peer.addr);
        self.close(now, key, "it made place for another peer", out);
        if let Some((torrent, addr)) = self.torrents.get_mut(id).zip(addr) {
            torrent.known.put_off(now, addr, &mut self.rng);
        }
    }
}

fn oldest_attempt<'a>(now: Instant, peers: impl Iterator<Item = (PeerKey, &'a Peer)>) -> Option<PeerKey> {
    let is_late =
        |peer: &Peer| peer.stage == Stage::Connecting && now.since(peer.started_at) >= ANSWERED_WITHIN;
    let attempts = peers.filter(|(_, peer)| is_late(peer));
    attempts.min_by_key(|(key, peer)| (peer.started_at, *key)).map(|(key, _)| key)
}

/// Whom to send away first: the lowest. `None` for who stays.
fn rank(now: Instant, torrent: &Torrent, key: PeerKey, peer: &Peer) -> Option<(Use, Instant, PeerKey)> {
    let has_had_time = peer.is_live()
        && now.since(peer.started_at) >= TRIAL
        && (!peer.has_moved_payload() || now.since(peer.payload_at) >= PAYLOAD_COUNTS);
    // Of a torrent that is not known yet, what counts is the description of it.
    let has_metadata = peer.extended.ut_metadata.is_some() && peer.extended.metadata_size.is_some();
    let gives = if torrent.is_unknown() { has_metadata } else { peer.interesting > 0 && !torrent.finished };
    let good_for = if gives {
        Use::Gives
    } else if peer.is_interested {
        Use::Takes
    } else {
        Use::None
    };
    has_had_time.then_some((good_for, peer.payload_at, key))
}
