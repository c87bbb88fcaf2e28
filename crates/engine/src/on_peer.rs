//! Connections: made, greeted, ended.

use crate::bans::Author;
use crate::config::ALLOWED_FAST_PIECES;
use crate::dial::Dial;
use crate::event::CloseCause;
use crate::junk;
use crate::misbehaviour::{Misbehaviour, Verdict};
use crate::outbox::{Close, Outbox};
use crate::peer::{Direction, Peer, Stage};
use crate::pieces::Pieces;
use crate::torrent::Knowledge;
use crate::torrent_event::TorrentEvent;
use crate::way::Protection;
use crate::{Engine, PeerKey, TorrentId};
use bytes::{Bytes, BytesMut};
use ztor_base::{Duration, Instant, PeerId, SwarmId};
use ztor_metainfo::{InfoHashes, MAX_PIECES};
use ztor_wire::mse::Method;
use ztor_wire::{Decoder, HANDSHAKE_LEN, Handshake, Message, Reserved};

/// How much a choked newcomer gets for nothing, in bytes.
const ALLOWED_FAST_BYTES: u64 = 1024 * 1024;
/// Longest message of an extension that is read.
const MAX_EXTENSION_MESSAGE: usize = 64 * 1024;
/// A connection that was silent for this long makes place when its peer calls again from the same address.
const STALE_AFTER: Duration = Duration::from_secs(10);
/// One that has moved no data for this long is no reason to refuse its peer from another address.
const STALE_ELSEWHERE_AFTER: Duration = Duration::from_secs(30);
/// Pieces below which a newcomer is given some for nothing (BEP 6).
const POOR: u32 = ALLOWED_FAST_PIECES as u32;

impl Engine {
    pub(crate) fn on_connected(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.stage != Stage::Connecting {
            return;
        }
        let is_encrypted = peer.dial.as_ref().is_some_and(|dial| dial.way.is_encrypted);
        peer.stage = if is_encrypted { Stage::Securing } else { Stage::Handshaking };
        peer.started_at = now;
        self.connects.attempt_over();
        self.won_race(now, key, out);
        if !is_encrypted {
            self.begin_handshake(key, out);
        }
        self.mark_peer(key);
    }

    pub(crate) fn on_secured(
        &mut self,
        now: Instant,
        key: PeerKey,
        (info_hash, method): (SwarmId, Method),
        out: &mut Outbox,
    ) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.protection = Protection::Handshake(method);
        peer.secured_for = Some(info_hash);
        peer.received_at = now;
        if peer.stage == Stage::Securing {
            peer.stage = Stage::Handshaking;
            self.begin_handshake(key, out);
        }
        self.mark_peer(key);
    }

    fn begin_handshake(&mut self, key: PeerKey, out: &mut Outbox) {
        let Some(id) = self.peers.get(key).and_then(|peer| peer.torrent) else { return };
        let swarm = self.torrents[id].hashes.swarm_id();
        self.send_handshake(key, id, swarm, out);
    }

    pub(crate) fn on_received(&mut self, now: Instant, key: PeerKey, data: &mut BytesMut, out: &mut Outbox) {
        let Some(peer) = self.peers.get_mut(key) else { return data.clear() };
        peer.received_at = now;
        self.mark_peer(key);
        if let Err(offence) = self.read_stream(now, key, data, out) {
            data.clear();
            // Whoever takes a plain handshake for the key of an encrypted one answers with a key.
            if matches!(offence, Misbehaviour::Wire(_)) {
                self.try_another_way(key, CloseCause::Remote);
            }
            self.punish(now, key, &offence, out);
        }
    }

    fn read_stream(
        &mut self,
        now: Instant,
        key: PeerKey,
        data: &mut BytesMut,
        out: &mut Outbox,
    ) -> Result<(), Misbehaviour> {
        if self.peers.get(key).is_some_and(|p| p.stage == Stage::Handshaking) {
            let Some(handshake) = Handshake::decode(data)? else { return Ok(()) };
            let _ = data.split_to(HANDSHAKE_LEN);
            self.on_handshake(now, key, &handshake, out)?;
        }
        let mut decoder = Decoder::new(self.max_message_len(key));
        // A message may have ended the connection.
        while self.peers.contains_key(key) {
            let before = data.len();
            let Some(message) = decoder.decode(data)? else { return Ok(()) };
            if let Some(peer) = self.peers.get_mut(key).filter(|_| junk::is_charged(&message)) {
                peer.junk.charge(now, before - data.len())?;
            }
            self.on_message(now, key, message, out)?;
        }
        data.clear();
        Ok(())
    }

    /// The longest message that makes sense from this peer: a bitfield, or an extension's.
    fn max_message_len(&self, key: PeerKey) -> usize {
        let torrent = self.peers.get(key).and_then(|p| p.torrent).and_then(|t| self.torrents.get(t));
        let pieces = torrent.map_or(0, |t| if t.is_unknown() { MAX_PIECES } else { t.layout.piece_count() });
        let bitfield = 1 + pieces.div_ceil(8) as usize;
        bitfield.max(MAX_EXTENSION_MESSAGE)
    }

    fn on_handshake(
        &mut self,
        now: Instant,
        key: PeerKey,
        theirs: &Handshake,
        out: &mut Outbox,
    ) -> Result<(), Misbehaviour> {
        let Some(peer) = self.peers.get(key) else { return Ok(()) };
        let (direction, addr, secured_for) = (peer.direction, peer.addr, peer.secured_for);
        let named = self.swarms.get(theirs.info_hash);
        let id = match (peer.torrent, named) {
            (Some(ours), Some(named)) if ours == named => ours,
            (Some(_), _) => return Err(Misbehaviour::WrongTorrent),
            (None, Some(named)) => named,
            (None, None) => return Err(Misbehaviour::UnknownTorrent),
        };
        if secured_for.is_some_and(|info_hash| self.swarms.get(info_hash) != Some(id)) {
            return Err(Misbehaviour::WrongTorrent);
        }
        if theirs.peer_id == self.config.peer_id {
            match direction {
                Direction::Outgoing => self.connects.met_ourselves(addr),
                // The other end is ours as well: it learns from this that the address is not to be tried again.
                Direction::Incoming => self.send_handshake(key, id, theirs.info_hash, out),
            }
            return Err(Misbehaviour::Myself);
        }
        let author = Author::of(addr.ip(), Some(theirs.peer_id));
        if self.bans.has(now, author) {
            if direction == Direction::Outgoing {
                self.bans.listens(author, addr);
            }
            return Err(Misbehaviour::Banned);
        }
        let torrent = &mut self.torrents[id];
        if !torrent.is_open() {
            return Err(Misbehaviour::UnknownTorrent);
        }
        // Clients take a new id whenever they like, libtorrent one for each connection: another than the tracker has
        // named is shown, and no reason to refuse.
        let named_id = torrent.known.expected_id(addr).filter(|_| direction == Direction::Outgoing);
        self.resolve_double(now, key, id, theirs.peer_id, out)?;
        if direction == Direction::Incoming && !self.place_for_caller(now, id, out) {
            return Err(Misbehaviour::Full);
        }

        let torrent = &mut self.torrents[id];
        let Some(peer) = self.peers.get_mut(key) else { return Ok(()) };
        if direction == Direction::Incoming {
            peer.torrent = Some(id);
            torrent.peers.push(key);
        }
        if let Some(Dial { way, .. }) = peer.dial.take() {
            torrent.known.spoke(addr, way.transport, way.is_encrypted);
        }
        peer.id = Some(theirs.peer_id);
        peer.id_as_named = named_id.map(|id| id == theirs.peer_id);
        peer.client = Some(theirs.peer_id.to_string());
        peer.stage = Stage::Live;
        peer.fast = theirs.reserved.fast();
        peer.speaks_v2 =
            theirs.reserved.v2() || torrent.hashes.v2().is_some_and(|v2| v2.truncated() == theirs.info_hash);
        peer.useful_at = now;
        if direction == Direction::Incoming {
            self.send_handshake(key, id, theirs.info_hash, out);
        }
        self.greet(key, id, theirs.reserved, out);
        if theirs.reserved.dht() {
            self.tell_port(key, id, out);
        }
        self.mark_torrent(id);
        Ok(())
    }

    /// Two connections to one peer.
    ///
    /// From one address, both sides must drop the same one: calls in the same direction drop the newer, unless the older
    /// has fallen silent; crossed calls keep the one made by the higher peer id. From another address the id proves
    /// nothing, as everybody learns it who connects to its owner: whoever repeats it must neither end the connection of
    /// the owner nor keep it out. There the newer is refused only while the older gives us data.
    fn resolve_double(
        &mut self,
        now: Instant,
        key: PeerKey,
        id: TorrentId,
        peer_id: PeerId,
        out: &mut Outbox,
    ) -> Result<(), Misbehaviour> {
        let Some(newer) = self.peers.get(key) else { return Ok(()) };
        let (direction, ip) = (newer.direction, newer.addr.ip().to_canonical());
        let same = |other: &&PeerKey| {
            **other != key && self.peers.get(**other).is_some_and(|peer| peer.id == Some(peer_id))
        };
        let (mut double, mut over) = (false, Vec::new());
        for other in self.torrents[id].peers.iter().filter(same) {
            let Some(older) = self.peers.get(*other) else { continue };
            // What we have sent is what the other side has heard, when it judges our call.
            let heard_at = match direction {
                Direction::Incoming => older.received_at,
                Direction::Outgoing => older.sent_at,
            };
            let silence = now.since(heard_at);
            if older.addr.ip().to_canonical() != ip {
                let gives = older.download.total_bytes > 0;
                double |= gives && now.since(older.payload_at) < STALE_ELSEWHERE_AFTER;
            } else if older.direction == direction {
                // Its network was gone for a while: it has forgotten the connection, and we have not heard of that.
                if silence >= STALE_AFTER { over.push(*other) } else { double = true }
            } else {
                let wanted =
                    if self.config.peer_id > peer_id { Direction::Outgoing } else { Direction::Incoming };
                if older.direction == wanted { double = true } else { over.push(*other) }
            }
        }
        if double {
            if let Some(newer) = self.peers.get_mut(key) {
                newer.is_double = true;
            }
            return Err(Misbehaviour::Duplicate);
        }
        for other in over {
            self.close(now, other, "the peer is connected once more, or has come back", out);
        }
        Ok(())
    }

    /// `info_hash`: a hybrid torrent has two, and the answer must name the one it was called by (BEP 52).
    fn send_handshake(&mut self, key: PeerKey, id: TorrentId, info_hash: SwarmId, out: &mut Outbox) {
        let Some(torrent) = self.torrents.get(id) else { return };
        let mut reserved = Reserved::NONE.with_fast().with_extended();
        if self.dht.is_some() && !torrent.private {
            reserved = reserved.with_dht();
        }
        if matches!(torrent.hashes, InfoHashes::Hybrid(..)) {
            reserved = reserved.with_v2();
        }
        out.send_raw(key, &Handshake { reserved, info_hash, peer_id: self.config.peer_id }.encode());
    }

    /// The first messages: what we are, what we have.
    fn greet(&mut self, key: PeerKey, id: TorrentId, theirs: Reserved, out: &mut Outbox) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.extended.is_spoken = theirs.extended();
        self.send_extended_handshake(key, &self.torrents[id], out);
        let Some(peer) = self.peers.get_mut(key) else { return };
        let torrent = &self.torrents[id];
        let have = torrent.picker.have();
        if peer.fast && torrent.checked && have.is_full() {
            out.send(key, &Message::HaveAll);
        } else if peer.fast && have.count() == 0 {
            out.send(key, &Message::HaveNone);
        } else if have.count() > 0 {
            out.send(key, &Message::Bitfield(Bytes::from(have.to_wire())));
        }
        // A seed serves everybody in turn; what it gave away beside that, it would give again and again.
        if peer.fast && have.count() >= POOR && !torrent.finished {
            let pieces = torrent.layout.piece_count();
            let swarm = torrent.hashes.swarm_id();
            let set = ztor_wire::allowed_fast_set(peer.addr.ip(), swarm, pieces, ALLOWED_FAST_PIECES);
            peer.upload.allowed_fast = set.into_iter().filter(|p| have.contains(*p)).collect();
            peer.upload.allowed_fast_bytes = ALLOWED_FAST_BYTES;
            for piece in &peer.upload.allowed_fast {
                out.send(key, &Message::AllowedFast { piece: *piece });
            }
        }
    }

    pub(crate) fn on_closed(&mut self, now: Instant, key: PeerKey, cause: CloseCause) {
        self.try_another_way(key, cause);
        self.remove_peer(now, key, cause);
    }

    /// Ends a connection that neither side has use for any more. Others may have (BEP 11).
    pub(crate) fn part(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        if let Some(peer) = self.peers.get(key)
            && let Some(torrent) = peer.torrent.and_then(|id| self.torrents.get_mut(id))
        {
            torrent.recent.add(now, peer);
        }
        self.close(now, key, "both sides have everything", out);
    }

    /// Ends a connection from our side.
    pub(crate) fn close(&mut self, now: Instant, key: PeerKey, reason: &str, out: &mut Outbox) {
        if self.remove_peer(now, key, CloseCause::Remote).is_some() {
            out.closes.push(Close { peer: key, reason: reason.to_owned() });
        }
    }

    /// Carries out the verdict on an offence.
    pub(crate) fn punish(&mut self, now: Instant, key: PeerKey, offence: &Misbehaviour, out: &mut Outbox) {
        let Some(peer) = self.peers.get(key) else { return };
        let (addr, torrent, author) = (peer.addr, peer.torrent, peer.author());
        match offence.verdict() {
            Verdict::Close => self.close(now, key, &offence.to_string(), out),
            Verdict::Forget => {
                self.close(now, key, &offence.to_string(), out);
                if let Some(torrent) = torrent.and_then(|t| self.torrents.get_mut(t)) {
                    torrent.known.forget(addr);
                }
            }
            Verdict::Ban => {
                if let Some(torrent) = torrent {
                    self.ban(now, torrent, author, offence, out);
                }
            }
        }
    }

    /// Bans an author for a time: all its connections end and their addresses are forgotten.
    pub(crate) fn ban(
        &mut self,
        now: Instant,
        id: TorrentId,
        author: Author,
        offence: &Misbehaviour,
        out: &mut Outbox,
    ) {
        let reason = offence.to_string();
        let ends_in = self.bans.add(now, author, &reason);
        let all: Vec<PeerKey> =
            self.peers.iter().filter(|(_, p)| p.author() == author).map(|(key, _)| key).collect();
        for key in all {
            let peer = &self.peers[key];
            let (addr, torrent, listens) = (peer.addr, peer.torrent, peer.listens());
            self.bans.listens(author, listens.unwrap_or(addr));
            self.close(now, key, &reason, out);
            if let Some(torrent) = torrent.and_then(|t| self.torrents.get_mut(t)) {
                torrent.known.forget(addr);
                listens.into_iter().for_each(|addr| torrent.known.forget(addr));
            }
        }
        if let Some(ends_in) = ends_in {
            out.events.push(TorrentEvent::Banned { torrent: id, author, reason, ends_in });
        }
    }

    /// Takes a peer out of every table. What was asked of it can be asked of others.
    pub(crate) fn remove_peer(&mut self, now: Instant, key: PeerKey, cause: CloseCause) -> Option<Peer> {
        let mut peer = self.peers.remove(key)?;
        if peer.stage == Stage::Connecting {
            self.connects.attempt_over();
        }
        self.leave_race(&peer);
        let Some(id) = peer.torrent else { return Some(peer) };
        let Some(torrent) = self.torrents.get_mut(id) else { return Some(peer) };
        torrent.peers.retain(|k| *k != key);
        match &mut torrent.knowledge {
            Knowledge::Hash(fetch) => fetch.remove_source(key),
            Knowledge::Info(_, layers) => layers.remove_source(key),
            Knowledge::All(_) => {}
        }
        // That it takes data from us proves nothing of an address that it has only named.
        let was_called = peer.direction == Direction::Outgoing;
        if peer.download.total_bytes > 0 || (was_called && peer.upload.total_bytes > 0) {
            torrent.known.proved(peer.listens().unwrap_or(peer.addr));
        }
        for block in peer.download.release_all() {
            torrent.picker.release(block, key, &mut self.rng);
            self.down.refund(block.len);
            torrent.down.refund(block.len);
        }
        // Answers that were handed over and have not gone will not go any more.
        let unsent = u32::try_from(peer.questions.unsent_bytes()).unwrap_or(u32::MAX);
        self.up.refund(unsent);
        torrent.up.refund(unsent);
        torrent.picker.disown(key);
        if peer.download.waits_for_quota {
            self.down_line.leave(key);
        }
        if peer.upload.waits_for_quota {
            self.up_line.leave(key);
        }
        match &peer.has {
            Pieces::All => torrent.seeds -= 1,
            Pieces::Some(set) => torrent.picker.peer_gone(set, &mut self.rng),
            Pieces::None => {}
        }
        let goes_on = peer.dial.as_ref().is_some_and(|dial| dial.rival.is_some() || dial.is_succeeded);
        if peer.direction == Direction::Outgoing && !goes_on {
            let useless = !peer.is_live() || peer.download.total_bytes + peer.upload.total_bytes == 0;
            let failed = useless && cause == CloseCause::Remote && !peer.is_double;
            if peer.is_punched && peer.stage == Stage::Connecting {
                torrent.known.missed(now, peer.addr, &mut self.rng);
            } else {
                torrent.known.gone(now, peer.addr, failed, &mut self.rng);
            }
            if peer.is_double {
                torrent.known.put_off(now, peer.addr, &mut self.rng);
            }
            match peer.stage {
                Stage::Connecting if cause == CloseCause::Local => {}
                Stage::Connecting if peer.is_punched => torrent.known.forget_meeting(peer.addr),
                Stage::Connecting => torrent.unreached.push(peer.addr),
                Stage::Securing | Stage::Handshaking if failed => {
                    torrent.known.carried_nothing(peer.addr, peer.transport);
                }
                Stage::Securing | Stage::Handshaking | Stage::Live => {}
            }
        }
        torrent.slots_changed |= !peer.we_choke;
        torrent.interested -= u32::from(peer.is_interested);
        // Blocks it held may now be asked of peers that had run out of work.
        torrent.has_freed_blocks = true;
        self.mark_torrent(id);
        Some(peer)
    }
}
