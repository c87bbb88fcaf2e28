//! The end of a turn: everything that happened is looked at once.

use crate::config::{CHOKE_ROUND, HANDSHAKE_TIMEOUT, KEEPALIVE_EVERY, SILENCE_TIMEOUT, USELESS_TIMEOUT};
use crate::event::CloseCause;
use crate::outbox::Outbox;
use crate::peer::Stage;
use crate::{Engine, PeerKey, TorrentId};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use ztor_base::{Duration, Instant};
use ztor_wire::Message;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Timer {
    Peer(PeerKey),
    Torrent(TorrentId),
}

/// When to look at whom again. An entry that was overtaken by an earlier one is skipped when it comes up.
#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Timer)>>,
}

/// Between two looks at whom to ask for metadata, when nothing happens.
const SHORTEST_RETRY: Duration = Duration::from_millis(100);

impl Timers {
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

impl Engine {
    pub(crate) fn settle_all(&mut self, now: Instant, out: &mut Outbox) {
        self.send_away(out);
        self.wake_timers(now);
        self.settle_trackers(now, out);
        let mut index = 0;
        while let Some(id) = self.dirty_torrents.get(index).copied() {
            index += 1;
            self.settle_torrent(now, id, out);
        }
        self.dirty_torrents.clear();
        self.announce_local(now, out);
        self.settle_dht(now);
        self.connect_some(now, out);
        self.feed_lines(now, out);
        index = 0;
        while let Some(key) = self.dirty_peers.get(index).copied() {
            index += 1;
            self.settle_peer(now, key, out);
        }
        self.dirty_peers.clear();
        self.send_datagrams(out);
        for send in out.sends.iter().chain(&out.replies) {
            if let Some(peer) = self.peers.get_mut(send.peer) {
                peer.sent_at = now;
            }
        }
    }

    fn wake_timers(&mut self, now: Instant) {
        while let Some(Reverse((at, timer))) = self.timers.heap.peek().copied() {
            if at > now {
                return;
            }
            self.timers.heap.pop();
            match timer {
                Timer::Peer(key) => {
                    if self.peers.get_mut(key).is_some_and(|p| p.wake == at) {
                        self.peers[key].wake = Instant::FAR_FUTURE;
                        self.mark_peer(key);
                    }
                }
                Timer::Torrent(id) => {
                    if self.torrents.get_mut(id).is_some_and(|t| t.wake == at) {
                        self.torrents[id].wake = Instant::FAR_FUTURE;
                        self.mark_torrent(id);
                    }
                }
            }
        }
    }

    fn settle_torrent(&mut self, now: Instant, id: TorrentId, out: &mut Outbox) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        torrent.is_dirty = false;
        self.changes.shown.insert(id);
        if std::mem::take(&mut torrent.has_freed_blocks) {
            self.wake_idle(id);
        }
        self.tell_new_pieces(id, out);
        if self.torrents[id].finished {
            self.drop_seeds(now, id, out);
        }
        self.choke(now, id, out);
        for addr in std::mem::take(&mut self.torrents[id].unreached) {
            self.ask_for_meeting(now, id, addr, out);
        }
        let starving_at = self.watch_hunger(now, id);
        self.announce_due(now, id, out);
        let place_at = self.place_for_call(now, id, out);
        self.queue_connects(now, id);
        let fetch_again = self.fetch_metadata(now, id, out);
        let torrent = &self.torrents[id];
        let wants_more = torrent.is_open() && torrent.peers.len() < self.config.max_peers_per_torrent;
        let next = [
            torrent.announcer.poll_timeout().filter(|_| torrent.is_open() && !self.shutting_down),
            // An address that is due already waits for the pace, or for a place: another look in a while.
            torrent
                .known
                .next_due()
                .filter(|_| wants_more)
                .map(|due| if due > now { due } else { now + CHOKE_ROUND }),
            (torrent.interested > 0 && torrent.is_live()).then_some(torrent.choke_at),
            starving_at,
            place_at,
            fetch_again.map(|at| at.max(now + SHORTEST_RETRY)),
        ];
        if let Some(at) = next.into_iter().flatten().min() {
            self.set_timer(now, Timer::Torrent(id), at);
        }
    }

    fn tell_new_pieces(&mut self, id: TorrentId, out: &mut Outbox) {
        let torrent = &mut self.torrents[id];
        let pieces = std::mem::take(&mut torrent.new_pieces);
        if pieces.is_empty() {
            return;
        }
        for key in &torrent.peers {
            let Some(peer) = self.peers.get(*key) else { continue };
            // One that has the piece is told as well: a super-seeding seed shows no other piece before it hears that this
            // one has spread (BEP 16).
            if !peer.is_live() || peer.is_seed() {
                continue;
            }
            for piece in &pieces {
                out.send(*key, &Message::Have { piece: *piece });
            }
        }
    }

    /// Two seeds have nothing to say to each other.
    fn drop_seeds(&mut self, now: Instant, id: TorrentId, out: &mut Outbox) {
        if self.torrents[id].seeds == 0 {
            return;
        }
        let peers = self.torrents[id].peers.iter();
        let seeds: Vec<PeerKey> =
            peers.filter(|k| self.peers.get(**k).is_some_and(|p| p.is_seed())).copied().collect();
        for key in seeds {
            self.part(now, key, out);
        }
    }

    pub(crate) fn settle_peer(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.is_dirty = false;
        if let Some(id) = peer.torrent {
            self.changes.shown.insert(id);
        }
        if let Some(reason) = self.overdue(now, key) {
            self.try_another_way(key, CloseCause::Remote);
            return self.close(now, key, reason, out);
        }
        self.race(now, key);
        let mut pex_at = None;
        let Some(peer) = self.peers.get_mut(key) else { return };
        if let (Stage::Live, Some(id)) = (peer.stage, peer.torrent) {
            let interested = peer.interesting > 0 && self.torrents.get(id).is_some_and(|t| t.is_live());
            if interested != peer.we_are_interested {
                peer.we_are_interested = interested;
                peer.useful_at = now;
                out.send(key, if interested { &Message::Interested } else { &Message::NotInterested });
            }
            if !self.disk_is_full && peer.download.stalls_at(self.reading_since).is_some_and(|at| at <= now) {
                peer.download.stalled();
                self.release_requests(key, id);
                self.wake_idle(id);
            }
            if self.peers.get_mut(key).is_some_and(|p| std::mem::take(&mut p.download.yields)) {
                self.mark_peer(key);
            } else {
                self.request_from(now, key, id, out);
            }
            self.serve(now, key, id, out);
            pex_at = self.tell_pex(now, key, id, out);
            let Some(peer) = self.peers.get(key) else { return };
            if self.torrents.get(id).is_some_and(|t| t.finished) && peer.is_seed() {
                self.mark_torrent(id);
                return self.part(now, key, out);
            }
        }
        let Some(peer) = self.peers.get_mut(key) else { return };
        let next = if peer.is_live() {
            if now.since(peer.sent_at) >= KEEPALIVE_EVERY {
                peer.sent_at = now;
                out.send(key, &Message::KeepAlive);
            }
            let keepalive = peer.sent_at + KEEPALIVE_EVERY;
            let silence = peer.received_at.max(self.reading_since) + SILENCE_TIMEOUT;
            let rests_until = Some(peer.download.rests_until).filter(|at| *at > now);
            let stalls_at = peer.download.stalls_at(self.reading_since);
            let next =
                [Some(keepalive), Some(silence), stalls_at, rests_until, pex_at].into_iter().flatten().min();
            // While nothing is read, a verdict has to wait.
            if self.disk_is_full { next.map(|at| at.max(now + Duration::from_secs(1))) } else { next }
        } else {
            let race_at = peer.dial.as_ref().and_then(|dial| dial.race_at);
            Some(race_at.unwrap_or(Instant::FAR_FUTURE).min(peer.started_at + HANDSHAKE_TIMEOUT))
        };
        if let Some(at) = next {
            self.set_timer(now, Timer::Peer(key), at);
        }
    }

    /// Why the peer's time is up, if it is.
    fn overdue(&self, now: Instant, key: PeerKey) -> Option<&'static str> {
        let peer = self.peers.get(key)?;
        if !peer.is_live() {
            let late = now.since(peer.started_at) >= HANDSHAKE_TIMEOUT;
            return late.then_some(match peer.stage {
                Stage::Connecting => "could not be reached in time",
                Stage::Securing => "did not finish the encrypted handshake in time",
                _ => "did not finish the handshake in time",
            });
        }
        if !self.disk_is_full && now.since(peer.received_at.max(self.reading_since)) >= SILENCE_TIMEOUT {
            return Some("was silent for too long");
        }
        let idle =
            !peer.is_interested && !peer.we_are_interested && now.since(peer.useful_at) >= USELESS_TIMEOUT;
        // Places are only worth taking back when others could use them.
        let crowded = self.peers.len() * 10 >= self.config.max_peers * 9;
        (idle && crowded).then_some("was of no use to either side")
    }

    /// Sets the one timer of a peer or torrent, if it is earlier than the one set.
    fn set_timer(&mut self, now: Instant, timer: Timer, at: Instant) {
        let wake = match timer {
            Timer::Peer(key) => self.peers.get_mut(key).map(|p| &mut p.wake),
            Timer::Torrent(id) => self.torrents.get_mut(id).map(|t| &mut t.wake),
        };
        let Some(wake) = wake else { return };
        let at = at.max(now);
        if at < *wake && at < Instant::FAR_FUTURE {
            *wake = at;
            self.timers.heap.push(Reverse((at, timer)));
        }
    }
}
