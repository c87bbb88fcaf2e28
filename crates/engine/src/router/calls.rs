//! Outgoing connections, and places for peers.

use super::Router;
use super::turn::next_of_torrent;
use crate::Refused;
use crate::config::CHOKE_ROUND;
use crate::dial::holepunch::{self, Means};
use crate::dial::{Place, SESSION_PACE, Victim};
use crate::discovery::known::{Capabilities, Origin};
use crate::event::CloseCause;
use crate::ids::{PeerKey, TorrentId};
use crate::outbox::Close;
use crate::transport::Transport;
use std::net::SocketAddr;
use ztor_base::{Host, SwarmId};
use ztor_wire::HolepunchMessage;

impl Router<'_> {
    /// Accepts an incoming connection, if there is a place for it.
    pub(crate) fn accept(&mut self, addr: SocketAddr, transport: Transport) -> Result<PeerKey, Refused> {
        let now = self.cx.now;
        if self.cx.is_ending || self.torrents.is_empty() {
            return Err(Refused::Idle);
        }
        if let Some(block) = self.bans.refuses(now, addr.ip()) {
            return Err(block.into());
        }
        if self.peers.is_greedy(addr.ip()) {
            return Err(Refused::Full);
        }
        let place = self.places.for_stranger(now, self.cx.config.max_peers, self.torrents, self.peers);
        match place.ok_or(Refused::Full)? {
            Place::Free => {}
            Place::After(Victim::Attempt(key) | Victim::Peer(key)) => {
                self.remove_peer(key, CloseCause::Local);
                self.places.send_away(key);
            }
        }
        self.cx.network.heard(now, addr.ip());
        let key = self.peers.insert_incoming(now, addr, transport);
        self.cx.dirty.mark_peer(key);
        Ok(key)
    }

    /// Closes the connections that incoming ones have replaced.
    pub(super) fn send_away(&mut self) {
        let closes = self.places.take_sent_away().into_iter().map(|peer| {
            let reason = "replaced by an incoming connection".to_owned();
            Close { peer, reason }
        });
        self.cx.out.closes.extend(closes);
    }

    /// Closes the connection to a peer that another one replaces.
    pub(super) fn make_place(&mut self, key: PeerKey) {
        let called = self.peers.get(key).filter(|peer| !peer.conn().is_incoming());
        let called = called.and_then(|peer| Some((peer.conn().addr(), peer.conn().torrent()?)));
        self.close(key, "replaced by another peer");
        if let Some((addr, id)) = called
            && let Some(torrent) = self.torrents.get_mut(id)
        {
            torrent.known_mut().put_off(self.cx.now, addr, self.cx.rng);
        }
    }

    /// Connects back to a peer that began with a plain handshake, as libtorrent itself retries only after a minute.
    /// Over µTP a peer connects from its listening port; over TCP its address must be known already.
    pub(super) fn call_back(&mut self, key: PeerKey, swarm: SwarmId) {
        let conn = self.peers.get(key).map(|peer| (peer.conn().addr(), peer.conn().transport()));
        let torrent = self.torrents.by_swarm_mut(swarm).filter(|torrent| torrent.is_open());
        let (Some((addr, transport)), Some(torrent)) = (conn, torrent) else { return };
        let (cx, is_private) = (&mut self.cx, torrent.is_private());
        let known = torrent.known_mut();
        if transport == Transport::Utp && !is_private {
            known.add(cx.now, addr, Origin::Incoming(Host::of(addr.ip())), None, cx.rng);
            let claim = Capabilities::new(Some(transport), Some(true));
            known.claims(addr, claim);
        }
        known.call_back(cx.now, addr.ip(), cx.rng);
        cx.dirty.mark_torrent(torrent.id());
    }

    /// Queues a torrent for dialing, if it wants another peer and an address is due.
    pub(super) fn queue_calls(&mut self, id: TorrentId) {
        if let Some(torrent) = self.torrents.get_mut(id)
            && self.dialer.queue(&self.cx, torrent)
        {
            self.places.call_wanted(self.cx.now);
        }
    }

    /// Starts the connection attempts that are due.
    pub(super) fn make_calls(&mut self) {
        while let Some(queued) = self.dialer.pop_retry(self.cx.now) {
            let is_banned = self.bans.forbids(self.cx.now, queued.addr());
            if let Some(torrent) = self.torrents.get_mut(queued.torrent()) {
                self.dialer.call_again(&mut self.cx, queued, is_banned, torrent, self.peers);
            }
        }
        if self.peers.len() < self.cx.config.max_peers {
            self.dialer.go_on();
        } else if self.dialer.first().is_some() && !self.dialer.is_held(self.cx.now) {
            self.move_place();
        }
        while !self.dialer.is_busy()
            && !self.cx.is_ending
            && self.peers.len() < self.cx.config.max_peers
            && let Some(id) = self.dialer.first()
        {
            let first = self.torrents.get(id).and_then(|torrent| torrent.known().first_due(self.cx.now));
            if self.dialer.is_paced_for(self.cx.now, first) {
                return;
            }
            self.dialer.pop();
            self.call_one(id);
            // A queued torrent has no timer for its addresses. Off the queue, it needs one.
            if let Some(torrent) = self.torrents.get(id).filter(|torrent| !torrent.calls().is_queued())
                && let Some(at) = next_of_torrent(&self.cx, torrent)
            {
                self.timers.set_torrent(self.cx.now, id, at);
            }
        }
    }

    /// Moves a place from another torrent to a waiting download, if that is due. Other torrents wait for a free place.
    fn move_place(&mut self) {
        let most = self.cx.config.max_peers;
        let waiting = self.dialer.waiting();
        let moved = self.places.move_place(self.cx.now, most, waiting, self.torrents, self.peers);
        if let Some((id, key)) = moved {
            self.make_place(key);
            self.dialer.promote(id);
        }
        self.dialer.hold_until(self.cx.now + if moved.is_some() { SESSION_PACE } else { CHOKE_ROUND });
    }

    /// Dials the next address of a torrent.
    fn call_one(&mut self, id: TorrentId) {
        let cx = &mut self.cx;
        let next = self.torrents.get_mut(id).and_then(|torrent| {
            torrent.calls_mut().unqueued();
            let is_finished = torrent.is_finished();
            let wants_peer = torrent.is_open() && torrent.peers().len() < cx.config.max_peers_per_torrent;
            let addr = if wants_peer { torrent.known_mut().take_due(cx.now, is_finished) } else { None };
            addr.map(|addr| (torrent, addr))
        });
        let Some((torrent, addr)) = next else { return };
        if self.bans.forbids(cx.now, addr) || self.dialer.is_ours(addr) {
            self.bans.note_undialed(cx.now, addr);
            torrent.known_mut().forget(addr);
            return cx.dirty.mark_torrent(id);
        }
        if self.peers.is_called_enough(addr.ip()) {
            // Otherwise a host that owns a whole network could make us dial all of its addresses.
            torrent.known_mut().gone(cx.now, addr, false, cx.rng);
            torrent.known_mut().put_off(cx.now, addr, cx.rng);
        } else {
            self.dialer.call_first(cx, addr, torrent, self.peers);
        }
        self.queue_calls(id);
    }

    /// Handles a hole punch message (BEP 55).
    pub(super) fn on_holepunch(&mut self, id: TorrentId, key: PeerKey, message: HolepunchMessage) {
        let own = self.torrents.own_addrs();
        if let Some(torrent) = self.torrents.get_mut(id) {
            let means = Means { dialer: self.dialer, bans: self.bans, own };
            holepunch::on_message(&mut self.cx, (key, message), torrent, self.peers, means);
        }
    }
}
