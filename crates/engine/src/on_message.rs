//! Messages of the peer protocol (BEP 3, 6, 10, 52).

use crate::bitfield::Bitfield;
use crate::config::{MAX_PEER_REQUESTS, MAX_SERVED_BLOCK, MAX_UNASKED_BLOCKS};
use crate::misbehaviour::Misbehaviour;
use crate::outbox::{Outbox, WriteBlock};
use crate::picker::Receipt;
use crate::pieces::Pieces;
use crate::questions::Question;
use crate::torrent::Torrent;
use crate::{Engine, PeerKey, TorrentId};
use bytes::Bytes;
use ztor_base::Instant;
use ztor_metainfo::BLOCK_LEN;
use ztor_wire::{Block, Message};

/// Pieces a peer may offer us although it chokes us; more are not remembered.
const MAX_ALLOWED_FAST: usize = 64;
/// Requests of fewer bytes are charged for.
const CRUMB: u32 = 1024;
/// How often a peer may tell all its pieces; each time costs a look at all of them.
const MAX_BITFIELDS: u32 = 8;
/// One that has gained this part of all pieces since the last time may do so for nothing: aria2 tells its pieces like
/// that where it would have to send many `have` messages.
const WORTH_TELLING: u32 = 128;

impl Engine {
    pub(crate) fn on_message(
        &mut self,
        now: Instant,
        key: PeerKey,
        message: Message,
        out: &mut Outbox,
    ) -> Result<(), Misbehaviour> {
        let Some(peer) = self.peers.get_mut(key) else { return Ok(()) };
        let Some(id) = peer.torrent else { return Ok(()) };
        if let Some(message) = fast_only(&message)
            && !peer.fast
        {
            return Err(Misbehaviour::NotFast { message });
        }
        if self.torrents.get(id).is_some_and(|t| t.is_unknown()) && speaks_of_pieces(&message) {
            if matches!(message, Message::Have { .. }) {
                // How many there can be is not known.
                peer.junk.charge(now, 0)?;
            }
            return self.on_early(key, id, &message);
        }
        match message {
            Message::KeepAlive | Message::Unknown { .. } => Ok(()),
            Message::Port(port) => {
                self.on_port(now, key, port);
                Ok(())
            }
            Message::Choke => {
                peer.chokes_us = true;
                // Without the Fast Extension a choke drops all requests; with it each is rejected in turn.
                if peer.fast {
                    self.torrents[id].picker.disown(key);
                } else {
                    self.release_requests(key, id);
                }
                self.freed_blocks(id);
                Ok(())
            }
            Message::Unchoke => {
                peer.chokes_us = false;
                peer.download.asked.retain(|a| !a.released);
                Ok(())
            }
            Message::Interested | Message::NotInterested => {
                let torrent = &mut self.torrents[id];
                let was = std::mem::replace(&mut peer.is_interested, message == Message::Interested);
                torrent.interested = torrent.interested + u32::from(peer.is_interested) - u32::from(was);
                torrent.slots_changed = true;
                peer.useful_at = now;
                self.mark_torrent(id);
                Ok(())
            }
            Message::Have { piece } => self.on_have(now, key, id, piece),
            Message::Bitfield(bytes) => {
                let pieces = self.torrents[id].layout.piece_count();
                let set = Bitfield::from_wire(&bytes, pieces)
                    .ok_or(Misbehaviour::BadBitfield { got: bytes.len(), pieces })?;
                self.on_has(key, id, if set.is_full() { Pieces::All } else { Pieces::Some(set) })
            }
            Message::HaveAll => self.on_has(key, id, Pieces::All),
            Message::HaveNone => self.on_has(key, id, Pieces::None),
            Message::Request(block) => {
                self.charge_for_crumbs(now, key, id, block)?;
                self.on_request(key, id, block, out)
            }
            Message::Cancel(block) => {
                self.on_cancel(key, block, out);
                Ok(())
            }
            Message::Piece { piece, begin, data } => self.on_block(now, key, id, piece, begin, data, out),
            Message::Reject(block) => {
                self.on_reject(now, key, id, block)?;
                self.freed_blocks(id);
                Ok(())
            }
            Message::AllowedFast { piece } => {
                self.check_piece(id, piece)?;
                let allowed = &mut peer_mut(&mut self.peers, key).download.allowed_fast;
                if allowed.len() < MAX_ALLOWED_FAST && !allowed.contains(&piece) {
                    allowed.push(piece);
                }
                Ok(())
            }
            Message::Suggest { piece } => self.check_piece(id, piece),
            Message::Extended { id: extension, payload } => {
                self.on_extended(now, key, id, (extension, &payload), out)
            }
            Message::HashRequest(request) => self.on_question(key, Question::Hashes(request)),
            Message::Hashes { request, hashes } => self.on_hashes(now, key, id, (&request, &hashes), out),
            Message::HashReject(request) => {
                self.on_hash_reject(now, key, id, &request);
                Ok(())
            }
        }
    }

    fn check_piece(&self, id: TorrentId, piece: u32) -> Result<(), Misbehaviour> {
        let pieces = self.torrents[id].layout.piece_count();
        if piece < pieces { Ok(()) } else { Err(Misbehaviour::NoSuchPiece { piece, pieces }) }
    }

    /// The peer's pieces, all at once. Some clients send it late or twice: the last word counts.
    pub(crate) fn on_has(&mut self, key: PeerKey, id: TorrentId, has: Pieces) -> Result<(), Misbehaviour> {
        let torrent = &mut self.torrents[id];
        let peer = peer_mut(&mut self.peers, key);
        let pieces = torrent.layout.piece_count();
        let count = |has: &Pieces| match has {
            Pieces::All => pieces,
            Pieces::Some(set) => set.count(),
            Pieces::None => 0,
        };
        let gained = count(&has).saturating_sub(count(&peer.has));
        peer.bitfields += u32::from(gained == 0 || gained < pieces / WORTH_TELLING);
        if peer.bitfields > MAX_BITFIELDS {
            return Err(Misbehaviour::Bitfields);
        }
        match std::mem::replace(&mut peer.has, has) {
            Pieces::All => torrent.seeds -= 1,
            Pieces::Some(set) => torrent.picker.peer_gone(&set, &mut self.rng),
            Pieces::None => {}
        }
        match &peer.has {
            Pieces::All => {
                torrent.seeds += 1;
                torrent.known.is_seed(peer.addr);
            }
            Pieces::Some(set) => torrent.picker.peer_has_all_of(set, &mut self.rng),
            Pieces::None => {}
        }
        peer.interesting = torrent.picker.interesting(&peer.has);
        self.mark_peer(key);
        Ok(())
    }

    fn on_have(&mut self, now: Instant, key: PeerKey, id: TorrentId, piece: u32) -> Result<(), Misbehaviour> {
        self.check_piece(id, piece)?;
        let torrent = &mut self.torrents[id];
        let peer = peer_mut(&mut self.peers, key);
        let pieces = torrent.layout.piece_count();
        if peer.has == Pieces::None {
            peer.has = Pieces::Some(Bitfield::new(pieces));
        }
        let Pieces::Some(set) = &mut peer.has else { return peer.junk.charge(now, 0) };
        if !set.insert(piece) {
            return peer.junk.charge(now, 0);
        }
        let full = set.is_full();
        torrent.picker.peer_has(piece, &mut self.rng);
        peer.interesting += u32::from(torrent.picker.needs(piece));
        if full {
            self.on_has(key, id, Pieces::All)?;
        }
        self.mark_peer(key);
        Ok(())
    }

    fn on_request(
        &mut self,
        key: PeerKey,
        id: TorrentId,
        block: Block,
        out: &mut Outbox,
    ) -> Result<(), Misbehaviour> {
        let torrent = &self.torrents[id];
        let peer = peer_mut(&mut self.peers, key);
        let in_piece = block.len > 0 && is_in_piece(torrent, block);
        let servable =
            in_piece && block.len <= MAX_SERVED_BLOCK && torrent.picker.have().contains(block.piece);
        let newcomer = peer.we_choke
            && peer.upload.allowed_fast.contains(&block.piece)
            && peer.upload.allowed_fast_bytes >= u64::from(block.len);
        let allowed = !peer.we_choke || newcomer;
        let room = peer.upload.queue.len() < MAX_PEER_REQUESTS;
        if servable && allowed && room {
            if newcomer {
                peer.upload.allowed_fast_bytes -= u64::from(block.len);
            }
            peer.refused_requests = 0;
            peer.upload.queue.push_back(block);
            return Ok(());
        }
        // A request that crossed our choke is no offence; one that can never be served is.
        peer.refused()?;
        if !in_piece && !peer.fast {
            return Err(Misbehaviour::BadRequest { piece: block.piece, begin: block.begin, len: block.len });
        }
        if peer.fast {
            out.send(key, &Message::Reject(block));
        }
        Ok(())
    }

    /// Requests of a few bytes cost as much as those of blocks, and no limit of bytes counts them. Where a piece ends there
    /// may be no more.
    fn charge_for_crumbs(
        &mut self,
        now: Instant,
        key: PeerKey,
        id: TorrentId,
        block: Block,
    ) -> Result<(), Misbehaviour> {
        let layout = &self.torrents[id].layout;
        let ends_piece = block.piece < layout.piece_count()
            && block.begin.checked_add(block.len) == Some(layout.piece_len(block.piece));
        if block.len >= CRUMB || ends_piece {
            return Ok(());
        }
        peer_mut(&mut self.peers, key).junk.charge(now, 0)
    }

    fn on_cancel(&mut self, key: PeerKey, block: Block, out: &mut Outbox) {
        let peer = peer_mut(&mut self.peers, key);
        if let Some(at) = peer.upload.queue.iter().position(|b| *b == block) {
            peer.upload.queue.remove(at);
            if peer.fast {
                out.send(key, &Message::Reject(block));
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of the message, which is already taken apart")]
    fn on_block(
        &mut self,
        now: Instant,
        key: PeerKey,
        id: TorrentId,
        piece: u32,
        begin: u32,
        data: Bytes,
        out: &mut Outbox,
    ) -> Result<(), Misbehaviour> {
        let torrent = &mut self.torrents[id];
        let peer = peer_mut(&mut self.peers, key);
        let len = data.len() as u32;
        let block = Block { piece, begin, len };
        let Some(asked) = peer.download.answered(block) else {
            peer.unasked_blocks += 1;
            torrent.wasted += u64::from(len);
            return if peer.unasked_blocks > MAX_UNASKED_BLOCKS {
                Err(Misbehaviour::Unasked)
            } else {
                Ok(())
            };
        };
        if asked.released {
            // Its tokens went back when it was given up.
            self.down.owe(now, len);
            torrent.down.owe(now, len);
        }
        peer.download.came(now, len);
        peer.payload_at = now;
        peer.useful_at = now;
        torrent.down_meter.add(now, u64::from(len));
        torrent.downloaded += u64::from(len);
        torrent.session_downloaded += u64::from(len);
        self.changes.uncounted.insert(id);
        match torrent.picker.received(block, peer.author()) {
            Receipt::Unneeded => torrent.wasted += u64::from(len),
            Receipt::New { asked_of_others } => {
                out.writes.push(WriteBlock { torrent: id, piece, begin, data });
                self.disk_took(len);
                if asked_of_others || asked.released {
                    self.cancel_others(key, id, block, out);
                }
            }
        }
        Ok(())
    }

    /// The block is here: whoever else was asked for it need not send it.
    fn cancel_others(&mut self, key: PeerKey, id: TorrentId, block: Block, out: &mut Outbox) {
        let torrent = &mut self.torrents[id];
        for other in torrent.peers.iter().copied().filter(|k| *k != key) {
            let peer = peer_mut(&mut self.peers, other);
            let Some(asked) = peer.download.answered(block) else { continue };
            if !asked.released {
                self.down.refund(block.len);
                torrent.down.refund(block.len);
            }
            out.send(other, &Message::Cancel(block));
            // It may have been sent already; then it is welcome, if late.
            peer.download.asked.push_back(crate::peer::Asked { released: true, ..asked });
            if !peer.is_dirty {
                peer.is_dirty = true;
                self.dirty_peers.push(other);
            }
        }
    }

    fn on_reject(
        &mut self,
        now: Instant,
        key: PeerKey,
        id: TorrentId,
        block: Block,
    ) -> Result<(), Misbehaviour> {
        let torrent = &mut self.torrents[id];
        let peer = peer_mut(&mut self.peers, key);
        let Some(asked) = peer.download.answered(block) else { return peer.junk.charge(now, 0) };
        // What it offered it now refuses: not to be asked for again and again while choked.
        peer.download.allowed_fast.retain(|p| *p != block.piece);
        if asked.released {
            return Ok(());
        }
        if !peer.chokes_us {
            // Who refuses what it offers would be asked again at once, and so hold the block from the others.
            peer.download.refused(now);
        }
        torrent.picker.release(block, key, &mut self.rng);
        self.down.refund(block.len);
        torrent.down.refund(block.len);
        Ok(())
    }

    /// Who has run out of work is looked at when the turn ends, once for all blocks that became free in it.
    fn freed_blocks(&mut self, id: TorrentId) {
        self.torrents[id].has_freed_blocks = true;
        self.mark_torrent(id);
    }

    /// Gives everything asked of a peer back to the picker.
    pub(crate) fn release_requests(&mut self, key: PeerKey, id: TorrentId) {
        let torrent = &mut self.torrents[id];
        let peer = peer_mut(&mut self.peers, key);
        for block in peer.download.release_all() {
            torrent.picker.release(block, key, &mut self.rng);
            self.down.refund(block.len);
            torrent.down.refund(block.len);
        }
        peer.download.current_piece = None;
        torrent.picker.disown(key);
    }
}

impl crate::peer::Peer {
    /// Counts an answer that says no, or that costs us more than it costs the peer to ask.
    pub(crate) fn refused(&mut self) -> Result<(), Misbehaviour> {
        self.refused_requests += 1;
        if self.refused_requests > 4 * MAX_PEER_REQUESTS {
            return Err(Misbehaviour::TooManyRequests(MAX_PEER_REQUESTS));
        }
        Ok(())
    }
}

/// Whether a torrent has these bytes. In v2 torrents the end of a file ends a piece, and libtorrent 2.0 asks for the whole
/// of the block that it lies in: behind the end are zeros.
fn is_in_piece(torrent: &Torrent, block: Block) -> bool {
    if block.piece >= torrent.layout.piece_count() {
        return false;
    }
    let piece_len = torrent.layout.piece_len(block.piece);
    let is_whole_block = torrent.hashes.v2().is_some()
        && block.len == BLOCK_LEN
        && block.begin.is_multiple_of(BLOCK_LEN)
        && block.begin < piece_len;
    is_whole_block || block.begin.checked_add(block.len).is_some_and(|end| end <= piece_len)
}

/// A peer that is known to be there: the caller has just found it, or walks its torrent's list.
fn peer_mut(
    peers: &mut slotmap::SlotMap<PeerKey, crate::peer::Peer>,
    key: PeerKey,
) -> &mut crate::peer::Peer {
    &mut peers[key]
}

fn speaks_of_pieces(message: &Message) -> bool {
    matches!(
        message,
        Message::Have { .. }
            | Message::Bitfield(_)
            | Message::HaveAll
            | Message::HaveNone
            | Message::AllowedFast { .. }
            | Message::Suggest { .. }
    )
}

fn fast_only(message: &Message) -> Option<&'static str> {
    match message {
        Message::HaveAll => Some("have all"),
        Message::HaveNone => Some("have none"),
        Message::Suggest { .. } => Some("suggest piece"),
        Message::Reject(_) => Some("reject request"),
        Message::AllowedFast { .. } => Some("allowed fast"),
        _ => None,
    }
}
