//! Outgoing connections: a few at a time, at a bounded pace, every torrent in its turn.

use crate::config::{CONNECT_BURST, CONNECTS_PER_S, MAX_HALF_OPEN, MAX_OWN_ADDRS};
use crate::outbox::{Connect, Outbox};
use crate::peer::{Direction, Peer};
use crate::{Engine, TorrentId};
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use ztor_time::{Duration, Instant};

#[derive(Default)]
pub(crate) struct Connects {
    /// Torrents with an address to try, each once.
    queue: VecDeque<TorrentId>,
    pace: Pace,
    half_open: usize,
    /// Where we met ourselves, in whichever torrent. Trackers name us to ourselves in every one of them.
    ours: BTreeSet<SocketAddr>,
}

impl Connects {
    /// Remembers an address as our own: no torrent calls it again.
    pub(crate) fn met_ourselves(&mut self, addr: SocketAddr) {
        if self.ours.len() >= MAX_OWN_ADDRS {
            self.ours.pop_first();
        }
        self.ours.insert(addr);
    }

    pub(crate) fn own_addrs(&self) -> usize {
        self.ours.len()
    }

    pub(crate) fn attempt_over(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    pub(crate) fn half_open(&self) -> usize {
        self.half_open
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        let blocked = self.queue.is_empty() || self.half_open >= MAX_HALF_OPEN;
        (!blocked).then(|| self.pace.ready_at())
    }
}

impl Engine {
    /// Whether the torrent would like another peer now, and has an address for it.
    pub(crate) fn queue_connects(&mut self, now: Instant, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        let ready = torrent.is_open()
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
            let is_paced =
                first.is_some_and(|addr| !addr.ip().is_loopback() && !self.connects.ours.contains(&addr));
            if is_paced && self.connects.pace.ready_at() > now {
                return;
            }
            self.connects.queue.pop_front();
            let Some(torrent) = self.torrents.get_mut(id) else { continue };
            torrent.wants_connects = false;
            if !torrent.is_open() || torrent.peers.len() >= self.config.max_peers_per_torrent {
                continue;
            }
            let Some(addr) = torrent.known.take_due(now, torrent.finished) else { continue };
            if self.banned.contains(&addr.ip()) || self.connects.ours.contains(&addr) {
                torrent.known.forget(addr);
                self.mark_torrent(id);
                continue;
            }
            if !addr.ip().is_loopback() {
                self.connects.pace.take(now);
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

/// The pace of attempts: [`CONNECTS_PER_S`] in the long run, [`CONNECT_BURST`] at once after a rest.
#[derive(Default)]
struct Pace {
    /// When all attempts so far would have been made, one after the other.
    caught_up_at: Instant,
}

const BETWEEN_ATTEMPTS: Duration = Duration::from_micros(1_000_000 / CONNECTS_PER_S);
/// How far attempts may run ahead.
const AHEAD: Duration = Duration::from_micros((CONNECT_BURST - 1) * 1_000_000 / CONNECTS_PER_S);

impl Pace {
    /// When the next attempt may be made.
    fn ready_at(&self) -> Instant {
        self.caught_up_at - AHEAD
    }

    fn take(&mut self, now: Instant) {
        self.caught_up_at = self.caught_up_at.max(now) + BETWEEN_ATTEMPTS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn attempts_keep_their_pace(steps in prop::collection::vec(0u64..400_000, 1..200)) {
            let (mut pace, mut now, mut made) = (Pace::default(), Instant::ZERO, Vec::new());
            for step in steps {
                now += Duration::from_micros(step);
                while pace.ready_at() <= now {
                    pace.take(now);
                    made.push(now);
                }
            }
            prop_assert!(made.len() as u64 >= CONNECT_BURST, "a burst at the start");
            for (index, first) in made.iter().enumerate() {
                for (count, last) in (1..).zip(&made[index..]) {
                    let longest = BETWEEN_ATTEMPTS * (count as u32).saturating_sub(CONNECT_BURST as u32);
                    prop_assert!(last.since(*first) + BETWEEN_ATTEMPTS >= longest, "{count} attempts");
                }
            }
        }
    }
}
