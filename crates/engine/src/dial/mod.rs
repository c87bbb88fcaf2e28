//! Outgoing connections: a few attempts at a time, at a bounded pace, with the torrents taking turns.
//!
//! An address is dialed over one transport first, and over both after a head start; the first to connect wins. A failed
//! attempt is followed by the next [plan](plan): the other transport if there was no response, the other handshake if
//! the peer hung up. The address counts as failed only when no plan is left. A transport that connected but carried
//! nothing is not the first the next time. The IPv4 and the IPv6 address of a peer are raced like any two addresses:
//! the peer id reveals the later connection as a duplicate.

mod attempt;
pub(crate) mod holepunch;
mod pace;
mod places;
mod plan;
mod punch_state;

pub(crate) use attempt::{Attempt, Calls, QueuedDial};
pub(crate) use places::{Place, Places, SESSION_PACE, Victim, for_call, for_caller};
pub(crate) use punch_state::PunchState;

use crate::config::{HEAD_START, LONG_HEAD_START, MAX_HALF_OPEN, MAX_HALF_OPEN_OUT, MAX_OWN_ADDRS};
use crate::cx::Cx;
use crate::event::CloseCause;
use crate::ids::TorrentId;
use crate::outbox::Connect;
use crate::peer::{Peer, Peers};
use crate::torrent::Torrent;
use crate::transport::Offer;
use pace::Pace;
use plan::{DialPlan, methods};
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use ztor_base::Instant;

/// Outgoing connections of all torrents.
#[derive(Debug, Default)]
pub(crate) struct Dialer {
    /// Torrents with an address to dial, each once.
    queue: VecDeque<TorrentId>,
    pace: Pace,
    /// Number of attempts under way.
    half_open: usize,
    /// Addresses to dial with another plan, before any new ones.
    retries: VecDeque<QueuedDial>,
    /// Addresses that turned out to be our own, in any torrent. Trackers return us to ourselves in every torrent.
    ours: BTreeSet<SocketAddr>,
    is_out: bool,
    /// Time before which a full session frees no slot for attempts; `None` if it has a free slot.
    held_until: Option<Instant>,
}

impl Dialer {
    /// Records an address as our own, which no torrent dials again.
    pub(crate) fn met_ourselves(&mut self, addr: SocketAddr) {
        if self.ours.len() >= MAX_OWN_ADDRS {
            self.ours.pop_first();
        }
        self.ours.insert(addr);
    }

    /// Forgets our own addresses, as they have changed.
    pub(crate) fn forget_own_addrs(&mut self) {
        self.ours.clear();
    }

    /// Records whether the network is down. A few attempts then suffice to notice when it is back.
    pub(crate) fn set_out(&mut self, is_out: bool) {
        self.is_out = is_out;
    }

    pub(crate) fn is_ours(&self, addr: SocketAddr) -> bool {
        self.ours.contains(&addr)
    }

    /// Number of addresses known as our own.
    pub(crate) fn own_addrs(&self) -> usize {
        self.ours.len()
    }

    /// Number of attempts under way.
    pub(crate) fn half_open(&self) -> usize {
        self.half_open
    }

    /// Number of attempts queued with another plan.
    pub(crate) fn retries(&self) -> usize {
        self.retries.len()
    }

    /// Returns true if no further attempt may be made now.
    pub(crate) fn is_busy(&self) -> bool {
        self.half_open >= if self.is_out { MAX_HALF_OPEN_OUT } else { MAX_HALF_OPEN }
    }

    /// Records that an attempt has succeeded or failed.
    pub(crate) fn attempt_over(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let is_idle = self.queue.is_empty() && self.retries.is_empty();
        let next =
            self.held_until.filter(|_| self.retries.is_empty()).unwrap_or_else(|| self.pace.ready_at());
        (!is_idle && !self.is_busy()).then_some(next)
    }

    /// Returns true if the next attempt at this address has to wait. The pace protects routers, so loopback addresses
    /// are exempt.
    fn is_paced(&self, now: Instant, addr: SocketAddr) -> bool {
        !addr.ip().is_loopback() && self.pace.ready_at() > now
    }

    /// Queues a torrent if it wants another peer and has an address to dial. Returns true if it does.
    pub(crate) fn queue(&mut self, cx: &Cx<'_>, torrent: &mut Torrent) -> bool {
        let wants_peer = torrent.is_open()
            && !cx.is_ending
            && torrent.peers().len() < cx.config.max_peers_per_torrent
            && torrent.known().next_due().is_some_and(|due| due <= cx.now);
        let calls = torrent.calls_mut();
        if wants_peer && !calls.is_queued {
            calls.is_queued = true;
            self.queue.push_back(torrent.id());
        }
        wants_peer
    }

    /// Torrents that wait for their turn to dial.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = TorrentId> + '_ {
        self.queue.iter().copied()
    }

    /// Records that there is no slot for attempts. The queue waits, and no slot is freed for it before `at`.
    pub(crate) fn hold_until(&mut self, at: Instant) {
        self.held_until = Some(at);
    }

    /// Records that there is a free slot.
    pub(crate) fn go_on(&mut self) {
        self.held_until = None;
    }

    /// Returns true while no slot may be freed for attempts.
    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.held_until.is_some_and(|at| at > now)
    }

    /// Moves a waiting torrent to the head of the queue.
    pub(crate) fn promote(&mut self, id: TorrentId) {
        self.queue.retain(|waiting| *waiting != id);
        self.queue.push_front(id);
    }

    /// Returns the torrent whose turn it is to dial.
    pub(crate) fn first(&self) -> Option<TorrentId> {
        self.queue.front().copied()
    }

    /// Returns true if the pace holds up the first torrent; `addr` is the address that it would dial.
    pub(crate) fn is_paced_for(&self, now: Instant, addr: Option<SocketAddr>) -> bool {
        addr.is_some_and(|addr| !self.is_ours(addr) && self.is_paced(now, addr))
    }

    /// Removes the first torrent from the queue.
    pub(crate) fn pop(&mut self) {
        self.queue.pop_front();
    }

    /// Takes the next address to dial with another plan, unless it has to wait.
    pub(crate) fn pop_retry(&mut self, now: Instant) -> Option<QueuedDial> {
        let is_held_up =
            self.is_busy() || self.retries.front().is_some_and(|next| self.is_paced(now, next.addr));
        if is_held_up { None } else { self.retries.pop_front() }
    }

    /// Queues an attempt over the other transport, if this attempt has had its head start.
    pub(crate) fn race(&mut self, now: Instant, peer: &mut Peer) {
        let (key, addr, is_connecting) = (peer.key(), peer.conn().addr(), peer.conn().is_connecting());
        if let Some(torrent) = peer.conn().torrent().filter(|_| is_connecting)
            && let Some(plan) = peer.attempt_mut().take_race(now)
        {
            self.retries.push_back(QueuedDial { torrent, addr, plan, rival: Some(key) });
        }
    }

    /// Queues the next plan after a failed attempt, if there is one.
    pub(crate) fn retry(&mut self, peer: &mut Peer, cause: CloseCause) {
        let (addr, reached) = (peer.conn().addr(), !peer.conn().is_connecting());
        if let Some(torrent) = peer.conn().torrent().filter(|_| !peer.is_live())
            && let Some(plan) = peer.attempt_mut().next_plan(reached, cause)
        {
            self.retries.push_back(QueuedDial { torrent, addr, plan, rival: None });
        }
    }

    /// Handles the removal of a peer. A parallel attempt continues alone.
    pub(crate) fn on_peer_gone(&mut self, gone: &Peer, peers: &mut Peers) {
        if gone.conn().is_connecting() {
            self.attempt_over();
        }
        if let Some(rival) = gone.attempt().rival().and_then(|rival| peers.get_mut(rival)) {
            rival.attempt_mut().left_alone();
        }
    }

    /// Dials an address of a torrent with its first plan.
    pub(crate) fn call_first(
        &mut self,
        cx: &mut Cx<'_>,
        addr: SocketAddr,
        torrent: &mut Torrent,
        peers: &mut Peers,
    ) {
        let plan = DialPlan::first(cx.config, addr, torrent.known().capabilities(addr));
        let queued = QueuedDial { torrent: torrent.id(), addr, plan, rival: None };
        self.call(cx, queued, torrent, peers);
    }

    /// Dials an address by hole punching (BEP 55).
    pub(crate) fn call_punched(
        &mut self,
        cx: &mut Cx<'_>,
        addr: SocketAddr,
        torrent: &mut Torrent,
        peers: &mut Peers,
    ) {
        let plan = DialPlan::punched(cx.config, torrent.known().capabilities(addr));
        let queued = QueuedDial { torrent: torrent.id(), addr, plan, rival: None };
        self.call(cx, queued, torrent, peers);
    }

    /// Dials an address with another plan, if that is still wanted.
    pub(crate) fn call_again(
        &mut self,
        cx: &mut Cx<'_>,
        queued: QueuedDial,
        is_banned: bool,
        torrent: &mut Torrent,
        peers: &mut Peers,
    ) {
        // If the other attempt has ended, it has connected, or its next plan replaces this one.
        let rival_is_calling = queued.rival.is_some_and(|rival| peers.is_calling(rival));
        let known = torrent.known();
        let is_named =
            known.contains(queued.addr) && (!torrent.is_private() || known.is_private_origin(queued.addr));
        let is_wanted = is_named
            && torrent.is_open()
            && !cx.is_ending
            && peers.len() < cx.config.max_peers
            && torrent.peers().len() < cx.config.max_peers_per_torrent
            && !is_banned;
        match queued.rival {
            Some(_) if !is_wanted || !rival_is_calling => {}
            None if !is_wanted => torrent.known_mut().gone(cx.now, queued.addr, false, cx.rng),
            _ => self.call(cx, queued, torrent, peers),
        }
    }

    /// Starts an attempt.
    fn call(&mut self, cx: &mut Cx<'_>, queued: QueuedDial, torrent: &mut Torrent, peers: &mut Peers) {
        let QueuedDial { torrent: id, addr, plan, rival } = queued;
        if !addr.ip().is_loopback() {
            self.pace.take(cx.now);
        }
        self.half_open += 1;
        let offer = plan.is_encrypted.then(|| Offer {
            info_hash: torrent.swarm_at(addr),
            methods: methods(cx.config.encryption),
            handshake: torrent.handshake(cx, torrent.swarm_at(addr)).encode(),
        });
        let is_trusted = torrent.known().capabilities(addr).trusts(plan.transport);
        let head_start = if is_trusted { LONG_HEAD_START } else { HEAD_START };
        let race_at = plan.may_change_transport.then(|| cx.now + head_start);
        let attempt = Attempt::new(plan, rival, race_at);
        let key = peers.insert_outgoing(cx.now, addr, (plan.transport, id), attempt);
        torrent.add_peer(key);
        if let Some(rival) = rival.and_then(|rival| peers.get_mut(rival)) {
            rival.attempt_mut().joined_by(key);
        }
        cx.out.connects.push(Connect { peer: key, addr, transport: plan.transport, offer });
        cx.dirty.mark_peer(key);
    }
}
