//! Outgoing connections: a few at a time, at a bounded pace, every torrent in its turn.

use crate::config::MAX_HALF_OPEN;
use crate::outbox::{Connect, Outbox};
use crate::peer::{Direction, Peer};
use crate::rate::Bucket;
use crate::{Engine, TorrentId};
use std::collections::VecDeque;
use ztor_time::Instant;

/// What one attempt takes from the bucket: its smallest burst is one attempt.
pub(crate) const COST: u64 = 16 * 1024;

pub(crate) struct Connects {
    /// Torrents with an address to try, each once.
    queue: VecDeque<TorrentId>,
    pace: Bucket,
    half_open: usize,
}

impl Connects {
    pub(crate) fn new(pace: Bucket) -> Self {
        Self { queue: VecDeque::new(), pace, half_open: 0 }
    }

    pub(crate) fn attempt_over(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    pub(crate) fn half_open(&self) -> usize {
        self.half_open
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        let blocked = self.queue.is_empty() || self.half_open >= MAX_HALF_OPEN;
        (!blocked).then(|| self.pace.ready_at(COST as u32))
    }
}

impl Engine {
    /// Whether the torrent would like another peer now, and has an address for it.
    pub(crate) fn queue_connects(&mut self, now: Instant, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        let ready = torrent.is_live()
            && !self.shutting_down
            && torrent.peers.len() < self.config.max_peers_per_torrent
            && torrent.known.next_due().is_some_and(|due| due <= now);
        if ready && !torrent.wants_connects {
            torrent.wants_connects = true;
            self.connects.queue.push_back(id);
        }
    }

    pub(crate) fn connect_some(&mut self, now: Instant, out: &mut Outbox) {
        // When all places are taken the queue is dropped; the torrents' timers fill it again.
        if self.peers.len() >= self.config.max_peers {
            for id in std::mem::take(&mut self.connects.queue) {
                if let Some(torrent) = self.torrents.get_mut(id) {
                    torrent.wants_connects = false;
                }
            }
        }
        while self.connects.half_open < MAX_HALF_OPEN && self.peers.len() < self.config.max_peers {
            let Some(id) = self.connects.queue.front().copied() else { return };
            let first = self.torrents.get(id).and_then(|torrent| torrent.known.first_due(now));
            // The pace is for the sake of routers: on this machine there is none.
            let is_paced = first.is_some_and(|addr| !addr.ip().is_loopback());
            if is_paced && !self.connects.pace.has(now, COST as u32) {
                return;
            }
            self.connects.queue.pop_front();
            let Some(torrent) = self.torrents.get_mut(id) else { continue };
            torrent.wants_connects = false;
            if !torrent.is_live() || torrent.peers.len() >= self.config.max_peers_per_torrent {
                continue;
            }
            let Some(addr) = torrent.known.take_due(now, torrent.finished) else { continue };
            if self.banned.contains(&addr.ip()) {
                torrent.known.forget(addr);
                self.mark_torrent(id);
                continue;
            }
            if !addr.ip().is_loopback() {
                self.connects.pace.take(COST as u32);
            }
            self.connects.half_open += 1;
            let key = self.peers.insert(Peer::new(now, addr, Direction::Outgoing, Some(id)));
            torrent.peers.push(key);
            out.connects.push(Connect { peer: key, addr });
            self.mark_peer(key);
            self.queue_connects(now, id);
        }
    }
}
