//! Outgoing connections: a few at a time, at a bounded pace, every torrent in its turn.

use crate::config::{
    CONNECT_BURST, CONNECTS_PER_S, HEAD_START, LONG_HEAD_START, MAX_HALF_OPEN, MAX_OWN_ADDRS,
};
use crate::dial::Dial;
use crate::known::{Origin, Spoken};
use crate::outbox::{Connect, Outbox};
use crate::peer::{Direction, Peer, Stage};
use crate::way::{Offer, Transport, Way, methods};
use crate::{Engine, PeerKey, TorrentId};
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use ztor_base::{Duration, Host, Instant, SwarmId};

#[derive(Default)]
pub(crate) struct Connects {
    /// Torrents with an address to try, each once.
    queue: VecDeque<TorrentId>,
    pace: Pace,
    half_open: usize,
    /// Addresses that are being called and are to be called in another way, before any new ones.
    again: VecDeque<Again>,
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

    /// No further attempt may be made now.
    pub(crate) fn is_busy(&self) -> bool {
        self.half_open >= MAX_HALF_OPEN
    }

    pub(crate) fn again(&self) -> usize {
        self.again.len()
    }

    pub(crate) fn is_ours(&self, addr: SocketAddr) -> bool {
        self.ours.contains(&addr)
    }

    pub(crate) fn half_open(&self) -> usize {
        self.half_open
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        let is_idle = self.queue.is_empty() && self.again.is_empty();
        let blocked = is_idle || self.half_open >= MAX_HALF_OPEN;
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
        if ready {
            self.places.call_wanted(now);
        }
        if ready && !torrent.wants_connects {
            torrent.wants_connects = true;
            self.connects.queue.push_back(id);
        }
    }

    pub(crate) fn connect_some(&mut self, now: Instant, out: &mut Outbox) {
        self.call_again(now, out);
        // When all places are taken the queue is dropped, but for one that gets a place of another torrent; the torrents'
        // timers fill it again.
        if self.peers.len() >= self.config.max_peers {
            let waiting = self.connects.queue.clone();
            let favoured = self.move_place(now, waiting, out);
            self.connects.queue.retain(|id| Some(*id) != favoured);
            for id in std::mem::take(&mut self.connects.queue) {
                if let Some(torrent) = self.torrents.get_mut(id) {
                    torrent.wants_connects = false;
                }
            }
            self.connects.queue.extend(favoured);
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
            if self.bans.forbids(now, addr) || self.connects.ours.contains(&addr) {
                torrent.known.forget(addr);
                self.mark_torrent(id);
                continue;
            }
            if self.is_called_enough(addr.ip()) {
                // Whoever has a whole network at hand could have us call all of it.
                if let Some(torrent) = self.torrents.get_mut(id) {
                    torrent.known.gone(now, addr, false, &mut self.rng);
                    torrent.known.put_off(now, addr, &mut self.rng);
                }
                self.queue_connects(now, id);
                continue;
            }
            let Some(torrent) = self.torrents.get_mut(id) else { continue };
            let spoken = torrent.known.spoken(addr);
            let way = Way::first(&self.config, addr, spoken);
            self.call(now, Again { torrent: id, addr, way, rival: None }, out);
            self.queue_connects(now, id);
        }
    }
}

impl Engine {
    /// Calls those that are to be called in another way.
    fn call_again(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(again) = self.connects.again.front() {
            let (id, addr) = (again.torrent, again.addr);
            let is_paced = !addr.ip().is_loopback() && self.connects.pace.ready_at() > now;
            if is_paced || self.connects.half_open >= MAX_HALF_OPEN {
                return;
            }
            let Some(again) = self.connects.again.pop_front() else { return };
            let rival_is_calling = again.rival.is_some_and(|rival| self.is_calling(rival));
            // The other attempt may have come to an end meanwhile: then this one has taken its place already.
            let Some(torrent) = self.torrents.get_mut(id) else { continue };
            let is_named =
                torrent.known.contains(addr) && (!torrent.private || torrent.known.is_private_origin(addr));
            let is_wanted = is_named
                && torrent.is_open()
                && !self.shutting_down
                && self.peers.len() < self.config.max_peers
                && torrent.peers.len() < self.config.max_peers_per_torrent
                && !self.bans.forbids(now, addr);
            match again.rival {
                Some(_) if !is_wanted || !rival_is_calling => {}
                None if !is_wanted => torrent.known.gone(now, addr, false, &mut self.rng),
                _ => self.call(now, again, out),
            }
        }
    }

    /// Has a peer called back that began plainly, instead of waiting until it tries again, which libtorrent does after a
    /// minute. Over µTP calls come from where the peer listens; over TCP its address has to be known.
    pub(crate) fn call_back(&mut self, now: Instant, key: PeerKey, info_hash: SwarmId) {
        let Some(peer) = self.peers.get(key) else { return };
        let (addr, transport) = (peer.addr, peer.transport);
        let Some(id) = self.swarms.get(info_hash) else { return };
        let Some(torrent) = self.torrents.get_mut(id).filter(|torrent| torrent.is_open()) else { return };
        if transport == Transport::Utp && !torrent.private {
            let origin = Origin::Incoming(Host::of(addr.ip()));
            torrent.known.add(now, addr, origin, None, &mut self.rng);
            let said = Spoken { transport: Some(transport), encryption: Some(true) };
            torrent.known.is_said_to_speak(addr, said);
        }
        torrent.known.call_back(now, addr.ip(), &mut self.rng);
        self.mark_torrent(id);
    }

    pub(crate) fn is_calling(&self, key: PeerKey) -> bool {
        self.peers.get(key).is_some_and(|peer| peer.stage == Stage::Connecting)
    }

    pub(crate) fn queue_again(&mut self, again: Again) {
        self.connects.again.push_back(again);
    }

    /// Begins an attempt.
    pub(crate) fn call(&mut self, now: Instant, again: Again, out: &mut Outbox) {
        let Again { torrent: id, addr, way, rival } = again;
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        if !addr.ip().is_loopback() {
            self.connects.pace.take(now);
        }
        self.connects.half_open += 1;
        let mut peer = Peer::new(now, addr, Direction::Outgoing, way.transport, Some(id));
        let offer = way.is_encrypted.then(|| Offer {
            info_hash: torrent.hashes.swarm_id(),
            methods: methods(self.config.encryption),
        });
        let is_trusted = torrent.known.spoken(addr).transport == Some(way.transport);
        let head_start = if is_trusted { LONG_HEAD_START } else { HEAD_START };
        let race_at = way.may_change_transport.then(|| now + head_start);
        peer.is_punched = way.is_punched;
        peer.dial = Some(Dial { way, rival, race_at, is_succeeded: false });
        let key = self.peers.insert(peer);
        torrent.peers.push(key);
        if let Some(dial) = rival.and_then(|rival| self.peers.get_mut(rival)).and_then(|r| r.dial.as_mut()) {
            dial.rival = Some(key);
            dial.way.may_change_transport = false;
        }
        out.connects.push(Connect { peer: key, addr, transport: way.transport, offer });
        self.mark_peer(key);
    }
}

/// An address to call in another way.
#[derive(Debug)]
pub(crate) struct Again {
    pub(crate) torrent: TorrentId,
    pub(crate) addr: SocketAddr,
    pub(crate) way: Way,
    /// The attempt that goes on beside it.
    pub(crate) rival: Option<PeerKey>,
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
