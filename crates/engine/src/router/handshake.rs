//! The handshake: which torrent a peer wants, whether it may come, and the first messages.

use super::Router;
use crate::bans::Author;
use crate::dial::{Place, Victim, for_caller};
use crate::event::CloseCause;
use crate::ids::{PeerKey, TorrentId};
use crate::misbehaviour::Misbehaviour;
use crate::peer::{Direction, Peer};
use ztor_base::{Duration, PeerId};
use ztor_wire::{Handshake, Message};

/// A connection that was silent for this long makes place when its peer calls again from the same address.
const STALE_AFTER: Duration = Duration::from_secs(10);
/// One that has moved no data for this long is no reason to refuse its peer from another address.
const STALE_ELSEWHERE_AFTER: Duration = Duration::from_secs(30);

impl Router<'_> {
    /// Sends the first handshake to a peer that we called.
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
        // Clients take a new id whenever they like, libtorrent one for each connection: another than the tracker has
        // named is shown, and no reason to refuse.
        let named_id = torrent.known().expected_id(addr).filter(|_| direction == Direction::Outgoing);
        self.resolve_double(key, id, theirs.peer_id)?;
        if direction == Direction::Incoming && !self.make_place_for_caller(id) {
            return Err(Misbehaviour::Full);
        }
        self.establish(key, id, theirs, named_id);
        Ok(())
    }

    /// The torrent that a handshake asks for, or answers for.
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
            // The other end is ours as well: it learns from this that the address is not to be called again.
            Some((Direction::Incoming, _)) => {
                if let Some((cx, torrent, _)) = self.enter_torrent(id) {
                    // The answer names the swarm that it was called by (BEP 52).
                    cx.out.send_raw(key, &torrent.handshake(cx, theirs.info_hash).encode());
                }
            }
            None => {}
        }
    }

    /// Decides which of two connections to one peer stays.
    ///
    /// From one address, both sides must drop the same one: calls in the same direction drop the newer, unless the older
    /// has fallen silent; crossed calls keep the one made by the higher peer id. From another address the id proves
    /// nothing, as everybody learns it who connects to its owner: whoever repeats it must neither end the connection of
    /// the owner nor keep it out. There the newer is refused only while the older gives us data.
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
            // What we have sent is what the other side has heard, when it judges our call.
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
                // Its network was gone for a while: it has forgotten the connection, and we have not heard of that.
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
            self.close(other, "the peer is connected once more, or has come back");
        }
        Ok(())
    }

    /// Makes place in a torrent for a caller. False if there is none.
    fn make_place_for_caller(&mut self, id: TorrentId) -> bool {
        let Some((cx, torrent, peers)) = self.enter_torrent(id) else { return false };
        match for_caller(cx, torrent, peers) {
            None => return false,
            Some(Place::Free) => {}
            Some(Place::After(Victim::Attempt(key))) => {
                self.close_because(key, CloseCause::Local, "it made place for a caller");
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
        }
        if let Some(plan) = peer.attempt_mut().take_plan() {
            torrent.known_mut().worked_with(addr, plan.capabilities());
        }
        let is_v2_swarm = torrent.hashes().v2().is_some_and(|v2| v2.truncated() == theirs.info_hash);
        peer.conn_mut().established(id, theirs, named_id, is_v2_swarm);
        peer.trade_mut().note_use(cx.now);
        if is_incoming {
            // The answer names the swarm that it was called by (BEP 52).
            cx.out.send_raw(key, &torrent.handshake(cx, theirs.info_hash).encode());
        }
        let (conn, extensions) = peer.split_extensions();
        extensions.set_spoken(theirs.reserved.extended());
        extensions.send_handshake(cx, conn, torrent.about());
        let (conn, trade) = peer.split_trade();
        let about = (torrent.swarm_id(), torrent.lifecycle().is_checked(), torrent.is_finished());
        torrent.exchange().greet(conn, trade, about, cx.out);
        if theirs.reserved.dht() && cx.has_dht && !torrent.is_private() && cx.config.listen_port != 0 {
            cx.out.send(key, &Message::Port(cx.config.listen_port));
        }
        cx.dirty.mark_torrent(id);
    }
}
