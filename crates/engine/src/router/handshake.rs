//! Handshakes: the choice of the torrent, the admission of the peer, and the first messages.

use super::Router;
use crate::bans::Author;
use crate::dial::{Place, Victim, for_caller};
use crate::event::CloseCause;
use crate::ids::{PeerKey, TorrentId};
use crate::misbehaviour::Misbehaviour;
use crate::peer::{Direction, Peer};
use crate::transport::Transport;
use ztor_base::addr::is_local;
use ztor_base::{Duration, PeerId};
use ztor_wire::{Handshake, Message};

/// Silence after which a connection is replaced by a new one of its peer from the same address.
const STALE_AFTER: Duration = Duration::from_secs(10);
/// Time without piece data after which a connection is no reason to refuse its peer id from another address.
const STALE_ELSEWHERE_AFTER: Duration = Duration::from_secs(30);

impl Router<'_> {
    /// Sends our handshake on an outgoing connection.
    pub(super) fn send_first_handshake(&mut self, key: PeerKey) {
        if let Some((cx, torrent, peer)) = self.enter(key) {
            let handshake = torrent.handshake(cx, torrent.swarm_at(peer.conn().addr()));
            cx.out.send_raw(key, &handshake.encode());
        }
    }

    pub(super) fn on_handshake(&mut self, key: PeerKey, theirs: &Handshake) -> Result<(), Misbehaviour> {
        let Some(peer) = self.peers.get(key) else { return Ok(()) };
        let (direction, addr) = (peer.conn().direction(), peer.conn().addr());
        let id = self.wanted_torrent(peer, theirs)?;
        if theirs.peer_id == self.cx.config.peer_id {
            self.met_ourselves(key, id, theirs);
            return Err(Misbehaviour::Myself);
        }
        let author = Author::of(addr.ip(), Some(theirs.peer_id));
        if self.bans.has(self.cx.now, author) {
            if direction == Direction::Outgoing {
                self.bans.listens(author, addr);
            }
            return Err(Misbehaviour::Banned);
        }
        let torrent = self.torrents.get(id).filter(|torrent| torrent.is_open());
        let torrent = torrent.ok_or(Misbehaviour::UnknownTorrent)?;
        // Clients change their id at will, libtorrent for each connection. An id other than the tracker's is shown,
        // not refused.
        let named_id = torrent.known().expected_id(addr).filter(|_| direction == Direction::Outgoing);
        self.resolve_double(key, id, theirs.peer_id)?;
        if direction == Direction::Incoming && !self.make_place_for_caller(id) {
            return Err(Misbehaviour::Full);
        }
        self.establish(key, id, theirs, named_id);
        Ok(())
    }

    /// Returns the torrent that a handshake names.
    fn wanted_torrent(&self, peer: &Peer, theirs: &Handshake) -> Result<TorrentId, Misbehaviour> {
        let id = match (peer.conn().torrent(), self.torrents.by_swarm(theirs.info_hash)) {
            (Some(ours), Some(named)) if ours == named => ours,
            (Some(_), _) => return Err(Misbehaviour::WrongTorrent),
            (None, Some(named)) => named,
            (None, None) => return Err(Misbehaviour::UnknownTorrent),
        };
        let secured_for = peer.conn().secured_for();
        if secured_for.is_some_and(|swarm| self.torrents.by_swarm(swarm) != Some(id)) {
            return Err(Misbehaviour::WrongTorrent);
        }
        Ok(id)
    }

    fn met_ourselves(&mut self, key: PeerKey, id: TorrentId, theirs: &Handshake) {
        match self.peers.get(key).map(|peer| (peer.conn().direction(), peer.conn().addr())) {
            Some((Direction::Outgoing, addr)) => self.dialer.met_ourselves(addr),
            // The other end is ours too. It learns from our handshake not to dial this address again.
            Some((Direction::Incoming, _)) => {
                if let Some((cx, torrent, _)) = self.enter_torrent(id) {
                    // The answer names the same swarm as the peer's handshake (BEP 52).
                    cx.out.send_raw(key, &torrent.handshake(cx, theirs.info_hash).encode());
                }
            }
            None => {}
        }
    }

    /// Decides which of two connections to one peer stays open.
    ///
    /// From one address, both sides must close the same connection. Of two in the same direction that is the newer one,
    /// unless the older one is silent. Of crossed connections, the one made by the higher peer id stays open.
    ///
    /// From another address the id proves nothing, because every peer of its owner learns it. A peer that copies an id
    /// must neither close the owner's connection nor keep the owner out. So the newer connection is refused only while
    /// the older one gives us data.
    fn resolve_double(&mut self, key: PeerKey, id: TorrentId, peer_id: PeerId) -> Result<(), Misbehaviour> {
        let now = self.cx.now;
        let (Some(newer), Some(torrent)) = (self.peers.get(key), self.torrents.get(id)) else {
            return Ok(());
        };
        let (direction, ip) = (newer.conn().direction(), newer.conn().addr().ip().to_canonical());
        let is_same = |peer: &&Peer| peer.key() != key && peer.conn().id() == Some(peer_id);
        let (mut is_double, mut over) = (false, Vec::new());
        for older in self.peers.of(torrent.peers()).filter(is_same) {
            let conn = older.conn();
            // The other side judges our connection by what it has received, which is what we have sent.
            let heard_at = match direction {
                Direction::Incoming => conn.received_at(),
                Direction::Outgoing => conn.sent_at(),
            };
            let wanted =
                if self.cx.config.peer_id > peer_id { Direction::Outgoing } else { Direction::Incoming };
            if conn.addr().ip().to_canonical() != ip {
                let gives = older.trade().download().total_bytes() > 0;
                is_double |= gives && now.since(older.trade().payload_at()) < STALE_ELSEWHERE_AFTER;
            } else if conn.direction() == direction {
                // After an outage, the peer may have dropped the older connection without a message to us.
                let is_stale = now.since(heard_at) >= STALE_AFTER;
                if is_stale { over.push(older.key()) } else { is_double = true }
            } else if conn.direction() == wanted {
                is_double = true;
            } else {
                over.push(older.key());
            }
        }
        if is_double {
            if let Some(newer) = self.peers.get_mut(key) {
                newer.attempt_mut().set_double();
            }
            return Err(Misbehaviour::Duplicate);
        }
        for other in over {
            self.close(other, "replaced by another connection of the same peer");
        }
        Ok(())
    }

    /// Makes place in a torrent for an incoming peer. Returns false if that is not possible.
    fn make_place_for_caller(&mut self, id: TorrentId) -> bool {
        let Some((cx, torrent, peers)) = self.enter_torrent(id) else { return false };
        match for_caller(cx, torrent, peers) {
            None => return false,
            Some(Place::Free) => {}
            Some(Place::After(Victim::Attempt(key))) => {
                self.close_because(key, CloseCause::Local, "replaced by an incoming connection");
            }
            Some(Place::After(Victim::Peer(key))) => self.make_place(key),
        }
        true
    }

    fn establish(&mut self, key: PeerKey, id: TorrentId, theirs: &Handshake, named_id: Option<PeerId>) {
        let (peer, torrent) = (self.peers.get_mut(key), self.torrents.get_mut(id));
        let (Some(peer), Some(torrent)) = (peer, torrent) else { return };
        let cx = &mut self.cx;
        let (addr, is_incoming) = (peer.conn().addr(), peer.conn().is_incoming());
        if is_incoming {
            torrent.add_peer(key);
            // A program of this machine proves nothing.
            if !addr.ip().to_canonical().is_loopback() {
                cx.network.called();
            }
            // The DHT shares the socket of µTP.
            if peer.conn().transport() == Transport::Utp
                && !is_local(addr.ip())
                && let Some(dht) = &mut self.dht
            {
                dht.reached(cx.now, peer.conn().node());
            }
        }
        if let Some(plan) = peer.attempt_mut().take_plan() {
            torrent.known_mut().worked_with(addr, plan.capabilities());
        }
        let is_v2_swarm = torrent.hashes().v2().is_some_and(|v2| v2.truncated() == theirs.info_hash);
        peer.conn_mut().established(id, theirs, named_id, is_v2_swarm);
        peer.trade_mut().note_use(cx.now);
        if is_incoming {
            // The answer names the swarm of the peer's handshake, or upgrades it to v2 if the peer offers that (BEP 52
            // §Upgrade Path). libtorrent refuses a v1 answer if a tracker has named us in the v2 swarm by then.
            let v2 = torrent.hashes().v2().map(|v2| v2.truncated()).filter(|_| theirs.reserved.v2());
            cx.out.send_raw(key, &torrent.handshake(cx, v2.unwrap_or(theirs.info_hash)).encode());
        }
        let (conn, extensions) = peer.split_extensions();
        extensions.set_spoken(theirs.reserved.extended());
        extensions.send_handshake(cx, conn, torrent.about());
        let (conn, trade) = peer.split_trade();
        let about = (torrent.swarm_id(), torrent.lifecycle().is_checked(), torrent.is_finished());
        torrent.exchange_mut().joined(cx.now, trade);
        torrent.exchange_mut().greet(cx.now, conn, trade, about, cx.out);
        if theirs.reserved.dht() && cx.has_dht && !torrent.is_private() && cx.config.listen_port != 0 {
            let port = cx.config.port_toward(conn.addr().ip());
            cx.out.send(key, &Message::Port(port));
        }
        cx.dirty.mark_torrent(id);
    }
}
