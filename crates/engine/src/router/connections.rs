//! Connections, from the attempt to the end.

use super::Router;
use super::messages::dispatch;
use super::next::Next;
use crate::bans::{Author, BanReason};
use crate::cx::Cx;
use crate::event::CloseCause;
use crate::ids::{PeerKey, TorrentId};
use crate::junk;
use crate::misbehaviour::{Misbehaviour, Verdict};
use crate::outbox::Close;
use crate::peer::{ConnState, Peer};
use crate::torrent::Torrent;
use crate::torrent_event::TorrentEvent;
use bytes::BytesMut;
use ztor_base::SwarmId;
use ztor_metainfo::MAX_PIECES;
use ztor_wire::mse::Method;
use ztor_wire::{Decoder, HANDSHAKE_LEN, Handshake};

/// Longest message of an extension that is read, in bytes.
const MAX_EXTENSION_MESSAGE: usize = 64 * 1024;

impl Router<'_> {
    pub(super) fn on_connected(&mut self, key: PeerKey) {
        let Some((cx, _, peer)) = self.enter(key) else { return };
        if !peer.conn().is_connecting() {
            return;
        }
        let is_encrypted = peer.attempt().is_encrypted();
        peer.conn_mut().connected(cx.now, is_encrypted);
        cx.network.heard(cx.now, peer.conn().addr().ip());
        let rival = peer.attempt_mut().won_race();
        cx.dirty.mark_peer(key);
        self.dialer.attempt_over();
        if let Some(rival) = rival.filter(|rival| self.peers.is_calling(*rival)) {
            // The loser's own link to this attempt keeps the address from counting as failed.
            self.close(rival, "the other transport connected first");
        }
        if !is_encrypted {
            self.send_first_handshake(key);
        }
    }

    pub(super) fn on_secured(&mut self, key: PeerKey, swarm: SwarmId, method: Method) {
        if let Some(peer) = self.peers.get_mut(key) {
            self.cx.dirty.mark_peer(key);
            // Our handshake in the stream went out with the encrypted one.
            peer.conn_mut().secured(self.cx.now, swarm, method);
        }
    }

    pub(super) fn on_received(&mut self, key: PeerKey, data: &mut BytesMut) {
        let Some(peer) = self.peers.get_mut(key) else { return data.clear() };
        peer.conn_mut().received(self.cx.now);
        self.cx.network.heard(self.cx.now, peer.conn().addr().ip());
        self.cx.dirty.mark_peer(key);
        if let Err(offence) = self.read_stream(key, data) {
            data.clear();
            // A peer that mistakes a plain handshake for the key of an encrypted one answers with a key.
            if matches!(offence, Misbehaviour::Wire(_)) {
                self.retry(key, CloseCause::Remote);
            }
            self.punish(key, &offence);
        }
    }

    fn read_stream(&mut self, key: PeerKey, data: &mut BytesMut) -> Result<(), Misbehaviour> {
        if self.peers.get(key).is_some_and(|p| p.conn().state() == ConnState::Handshaking) {
            let Some(handshake) = Handshake::decode(data)? else { return Ok(()) };
            let _ = data.split_to(HANDSHAKE_LEN);
            self.on_handshake(key, &handshake)?;
        }
        let mut decoder = Decoder::new(self.max_message_len(key));
        // A message may have ended the connection.
        while let Some((cx, torrent, peer)) = self.enter(key) {
            let before = data.len();
            let Some(message) = decoder.decode(data)? else { return Ok(()) };
            if junk::is_charged(&message) {
                peer.conn_mut().charge(cx.now, before - data.len())?;
            }
            let id = torrent.id();
            let next = dispatch(cx, torrent, peer, message)?;
            if !matches!(next, Next::Done) {
                self.follow(id, key, next);
            }
        }
        data.clear();
        Ok(())
    }

    /// Returns the length of this peer's longest valid message, in bytes: a bitfield, or an extension message.
    fn max_message_len(&mut self, key: PeerKey) -> usize {
        let pieces = self.enter(key).map_or(0, |(_, torrent, _)| {
            if torrent.has_metadata() { torrent.exchange().piece_count() } else { MAX_PIECES }
        });
        let bitfield = 1 + pieces.div_ceil(8) as usize;
        bitfield.max(MAX_EXTENSION_MESSAGE)
    }

    pub(super) fn on_sent(&mut self, key: PeerKey, block_bytes: u32, reply_bytes: u32) {
        if let Some(peer) = self.peers.get_mut(key) {
            peer.trade_mut().on_answers_sent(reply_bytes);
            peer.conn_mut().sent(self.cx.now);
            self.cx.dirty.mark_peer(key);
        }
        if block_bytes > 0
            && let Some((cx, torrent, peer)) = self.enter(key)
        {
            let result = torrent.exchange_mut().on_blocks_sent(cx, peer.trade_mut(), block_bytes);
            if let Err(offence) = result {
                self.punish(key, &offence);
            }
        }
    }

    pub(super) fn on_closed(&mut self, key: PeerKey, cause: CloseCause) {
        self.retry(key, cause);
        self.remove_peer(key, cause);
    }

    /// Retries an address by its next plan, if this attempt failed and a plan is left.
    pub(super) fn retry(&mut self, key: PeerKey, cause: CloseCause) {
        if let Some(peer) = self.peers.get_mut(key) {
            self.dialer.retry(peer, cause);
        }
    }

    /// Closes a connection.
    pub(super) fn close(&mut self, key: PeerKey, reason: &str) {
        self.close_because(key, CloseCause::Remote, reason);
    }

    /// Closes a connection. A local cause does not count against the address.
    pub(super) fn close_because(&mut self, key: PeerKey, cause: CloseCause, reason: &str) {
        if self.remove_peer(key, cause) {
            self.cx.out.closes.push(Close { peer: key, reason: reason.to_owned() });
        }
    }

    /// Closes the connections to all peers of a torrent, and ends the requests to its web seeds.
    pub(super) fn close_all_of(&mut self, id: TorrentId, reason: &str) {
        self.stop_web_seeds(id);
        let keys = self.torrents.get(id).map_or_else(Vec::new, |torrent| torrent.peers().to_vec());
        for key in keys {
            self.close(key, reason);
        }
    }

    /// Carries out the verdict on an offence.
    pub(super) fn punish(&mut self, key: PeerKey, offence: &Misbehaviour) {
        let Some(peer) = self.peers.get(key) else { return };
        let (addr, torrent, author) = (peer.conn().addr(), peer.conn().torrent(), peer.conn().author());
        match offence.verdict() {
            Verdict::Close => self.close(key, &offence.to_string()),
            Verdict::Forget => {
                self.close(key, &offence.to_string());
                if let Some(torrent) = torrent.and_then(|id| self.torrents.get_mut(id)) {
                    torrent.known_mut().forget(addr);
                }
            }
            Verdict::Ban(reason) => {
                if let Some(torrent) = torrent {
                    self.ban(torrent, author, reason);
                }
            }
        }
    }

    /// Bans an author for a time, closes all its connections and forgets their addresses.
    pub(super) fn ban(&mut self, id: TorrentId, author: Author, reason: BanReason) {
        let ends_in = self.bans.add(self.cx.now, author, reason);
        let is_theirs = |peer: &&Peer| peer.conn().author() == author;
        let theirs = self.peers.iter().filter(is_theirs);
        let theirs: Vec<_> = theirs
            .map(|peer| (peer.key(), peer.conn().addr(), peer.listens(), peer.conn().torrent()))
            .collect();
        for (key, addr, listens, torrent) in theirs {
            self.bans.listens(author, listens.unwrap_or(addr));
            self.close(key, &reason.to_string());
            if let Some(torrent) = torrent.and_then(|id| self.torrents.get_mut(id)) {
                torrent.known_mut().forget(addr);
                listens.into_iter().for_each(|addr| torrent.known_mut().forget(addr));
            }
        }
        if let Some(ends_in) = ends_in {
            self.cx.out.events.push(TorrentEvent::Banned { torrent: id, author, reason, ends_in });
        }
    }

    /// Removes a peer from every part of the engine, and releases the blocks requested from it. Returns false if it is
    /// gone already.
    pub(crate) fn remove_peer(&mut self, key: PeerKey, cause: CloseCause) -> bool {
        let Some(mut peer) = self.peers.remove(key) else { return false };
        self.timers.on_peer_gone(key);
        self.dialer.on_peer_gone(&peer, self.peers);
        let torrent = peer.conn().torrent().and_then(|id| self.torrents.get_mut(id));
        if let Some(torrent) = torrent {
            let cx = &mut self.cx;
            torrent.remove_peer(key);
            torrent.lifecycle_mut().on_peer_gone(key);
            note_use(torrent, &peer);
            torrent.exchange_mut().on_peer_gone(cx, key, peer.trade_mut());
            note_end(cx, torrent, &peer, cause);
        }
        true
    }
}

/// Notes that an address has worked. An incoming peer that only takes data does not prove the address that it named.
fn note_use(torrent: &mut Torrent, peer: &Peer) {
    let (download, upload) = (peer.trade().download(), peer.trade().upload());
    let was_called = !peer.conn().is_incoming();
    if download.total_bytes() > 0 || (was_called && upload.total_bytes() > 0) {
        torrent.known_mut().proved(peer.listens().unwrap_or(peer.conn().addr()));
    }
}

/// Records the outcome of an outgoing connection for its address.
fn note_end(cx: &mut Cx<'_>, torrent: &mut Torrent, peer: &Peer, cause: CloseCause) {
    let (conn, attempt, now) = (peer.conn(), peer.attempt(), cx.now);
    if conn.is_connecting() {
        let is_known = torrent.known().is_proved(conn.addr());
        cx.network.attempt_failed(now, conn.addr().ip(), conn.started_at(), is_known);
    }
    if conn.is_incoming() || attempt.goes_on() {
        return;
    }
    let addr = conn.addr();
    let is_useless = !conn.is_live() || !peer.trade().has_moved_payload();
    let has_failed = is_useless && cause == CloseCause::Remote && !attempt.is_double();
    // In an outage, a failure says nothing about the address.
    let is_out = cx.network.is_out_at(addr.ip());
    let rng = &mut *cx.rng;
    let known = torrent.known_mut();
    if attempt.is_punched() && conn.is_connecting() {
        known.missed(now, addr, rng);
    } else if is_out && has_failed {
        known.gone_in_outage(now, addr, rng);
    } else {
        known.gone(now, addr, has_failed, rng);
        if has_failed && known.is_first_failure_of_given(addr) {
            let id = torrent.id();
            cx.out.events.push(TorrentEvent::PeerUnreachable { torrent: id, addr });
        }
    }
    let known = torrent.known_mut();
    if attempt.is_double() {
        known.put_off(now, addr, rng);
    }
    match conn.state() {
        ConnState::Connecting if cause == CloseCause::Local => {}
        ConnState::Connecting if attempt.is_punched() => known.forget_holepunch(addr),
        ConnState::Connecting => torrent.calls_mut().unreached(addr),
        ConnState::Securing | ConnState::Handshaking if has_failed => {
            known.carried_nothing(addr, conn.transport());
        }
        ConnState::Securing | ConnState::Handshaking | ConnState::Live => {}
    }
}
