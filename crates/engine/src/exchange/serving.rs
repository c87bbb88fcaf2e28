//! Requests of peers, and the blocks sent to them.

use super::{Exchange, Source, Trade};
use crate::config::{ALLOWED_FAST_PIECES, MAX_PEER_REQUESTS, MAX_SERVED_BLOCK};
use crate::cx::Cx;
use crate::ids::PeerKey;
use crate::misbehaviour::Misbehaviour;
use crate::outbox::{Outbox, SendBlock};
use crate::peer::Conn;
use crate::quota::QUANTUM;
use bytes::Bytes;
use std::collections::VecDeque;
use ztor_base::{Instant, SwarmId};
use ztor_metainfo::BLOCK_LEN;
use ztor_wire::{Block, Message};

/// Shortest request that is not charged for, in bytes.
const CRUMB: u32 = 1024;
/// Bytes that a choked newcomer may have (BEP 6).
const ALLOWED_FAST_BYTES: u64 = 1024 * 1024;
/// Number of pieces that we need before we offer some to choked newcomers (BEP 6).
const POOR: u32 = ALLOWED_FAST_PIECES as u32;

/// Maximum number of pieces remembered as read lately. The oldest is dropped.
pub(super) const MAX_READ: usize = 16;
/// Maximum number of pieces suggested to a peer whenever it is unchoked (BEP 6).
const MAX_SUGGESTIONS: usize = 4;

impl Exchange {
    /// Announces our pieces, and those that a newcomer may request while it is choked.
    pub(crate) fn greet(
        &mut self,
        now: Instant,
        conn: &Conn,
        trade: &mut Trade,
        (swarm, is_checked, is_finished): (SwarmId, bool, bool),
        out: &mut Outbox,
    ) {
        let key = conn.key();
        let is_rich = self.have().count() >= POOR && !is_finished;
        let may_give = conn.is_fast() && is_rich && self.debts.take_gift(now, trade.host);
        let have = self.have();
        if self.hide_from(trade) {
            if conn.is_fast() {
                out.send(key, &Message::HaveNone);
            }
            return;
        }
        if conn.is_fast() && is_checked && have.is_full() {
            out.send(key, &Message::HaveAll);
        } else if conn.is_fast() && have.count() == 0 {
            out.send(key, &Message::HaveNone);
        } else if have.count() > 0 {
            out.send(key, &Message::Bitfield(Bytes::from(have.to_wire())));
        }
        // A seed serves all peers in turn. Pieces beyond that would be given away with each new connection.
        if may_give {
            let ip = conn.addr().ip();
            let set = ztor_wire::allowed_fast_set(ip, swarm, self.piece_count(), ALLOWED_FAST_PIECES);
            let pieces = set.into_iter().filter(|p| have.contains(*p)).collect();
            for piece in trade.upload.allow_fast(pieces, ALLOWED_FAST_BYTES) {
                out.send(key, &Message::AllowedFast { piece: *piece });
            }
        }
    }

    pub(crate) fn on_request(
        &mut self,
        cx: &mut Cx<'_>,
        conn: &mut Conn,
        trade: &mut Trade,
        block: Block,
    ) -> Result<(), Misbehaviour> {
        if self.is_crumb(block) {
            conn.charge(cx.now, 0)?;
        }
        let in_piece = block.len > 0 && self.is_in_piece(block);
        let is_offered = self.have().contains(block.piece) && !trade.is_hidden(block.piece);
        let servable = in_piece && block.len <= MAX_SERVED_BLOCK && is_offered;
        let newcomer = trade.we_choke && trade.upload.is_allowed_fast(block);
        let has_room = trade.upload.queue_len() < MAX_PEER_REQUESTS;
        if servable && (!trade.we_choke || newcomer) && has_room {
            if newcomer {
                trade.upload.charge_allowed_fast(block);
            }
            trade.forget_refusals();
            self.begin_download(trade);
            if trade.has.contains(block.piece) {
                // It does not need the block, or has announced what is not true.
                self.debts.contradicted(trade.host, block.len.into());
            }
            trade.upload.request(block);
            return Ok(());
        }
        // A request that crossed our choke is no offence; one that can never be served is.
        trade.refuse()?;
        if !in_piece && !conn.is_fast() {
            return Err(Misbehaviour::BadRequest { piece: block.piece, begin: block.begin, len: block.len });
        }
        if conn.is_fast() {
            cx.out.send(conn.key(), &Message::Reject(block));
        }
        Ok(())
    }

    /// Returns true if a request is charged because it is short. It costs as much as one for a block, but byte limits
    /// hardly count it. Requests at the end of a piece may be short.
    fn is_crumb(&self, block: Block) -> bool {
        let layout = self.layout();
        let ends_piece = || {
            block.piece < layout.piece_count()
                && block.begin.checked_add(block.len) == Some(layout.piece_len(block.piece))
        };
        block.len < CRUMB && !ends_piece()
    }

    /// Returns true if the torrent has these bytes. In v2 torrents the end of a file ends a piece. libtorrent 2.0
    /// requests the whole block there, which ends with zeros.
    fn is_in_piece(&self, block: Block) -> bool {
        if block.piece >= self.piece_count() {
            return false;
        }
        let piece_len = self.layout().piece_len(block.piece);
        let is_whole_block = self.is_v2
            && block.len == BLOCK_LEN
            && block.begin.is_multiple_of(BLOCK_LEN)
            && block.begin < piece_len;
        is_whole_block || block.begin.checked_add(block.len).is_some_and(|end| end <= piece_len)
    }

    pub(crate) fn on_cancel(&self, cx: &mut Cx<'_>, conn: &Conn, trade: &mut Trade, block: Block) {
        if trade.upload.cancel(block) && conn.is_fast() {
            cx.out.send(conn.key(), &Message::Reject(block));
        }
    }

    /// Answers questions, as many as the socket and the limits allow.
    pub(crate) fn answer_questions(
        &mut self,
        cx: &mut Cx<'_>,
        key: PeerKey,
        trade: &mut Trade,
        source: Source<'_>,
    ) {
        if !trade.questions.is_due() {
            return;
        }
        let (bulk, is_ready) = self.bulk(cx, source);
        if !is_ready {
            return;
        }
        let mut given = 0;
        while trade.questions.is_due() && !trade.upload.waits_for_quota() {
            let (up, line) = (cx.quota.up_mut(), &mut self.limits.up(&mut trade.limits));
            let in_turn = given < QUANTUM && up.is_open();
            // An answer may make a debt of its own length, but not add to one. So a peer gets the metadata even at the
            // lowest limit.
            if up.is_limited(line) && !(in_turn && up.has(cx.now, line, 0)) {
                trade.upload.set_waits_for_quota(true);
                return up.wait(key.into(), line, 0);
            }
            if self.awaits_leaves(cx, trade) {
                return;
            }
            given += 1;
            cx.quota.up_mut().granted();
            let len = self.answer(cx.out, key, trade, source, bulk.as_deref());
            cx.quota.up_mut().take(&mut self.limits.up(&mut trade.limits), len);
        }
    }

    /// Sends requested blocks to a peer, as many as its socket and the limits allow.
    pub(crate) fn serve_blocks(&mut self, cx: &mut Cx<'_>, key: PeerKey, trade: &mut Trade) {
        let upload = &mut trade.upload;
        if upload.waits_for_quota() {
            return;
        }
        let ahead = upload.ahead_bytes(cx.now);
        let (up, line) = (cx.quota.up_mut(), &mut self.limits.up(&mut trade.limits));
        let is_limited = up.is_limited(line);
        let mut given = 0;
        while let Some(block) = upload.first_request().filter(|_| upload.in_flight_bytes() < ahead) {
            let in_turn = given < QUANTUM && up.is_open();
            // A bucket may hold less than a block of more than 16 KiB: the rest is owed.
            let at_hand = block.len.min(BLOCK_LEN);
            if is_limited && !(in_turn && up.has(cx.now, line, at_hand)) {
                upload.set_waits_for_quota(true);
                return up.wait(key.into(), line, at_hand);
            }
            given += 1;
            up.granted();
            up.take(line, block.len);
            upload.send_first();
            self.debts.sends(trade.host, block.piece, block.len.into());
            note_read(&mut self.read, block.piece);
            cx.out.blocks.push(SendBlock { peer: key, torrent: self.id, block });
        }
    }

    /// Suggests pieces that were read lately to a peer that is served from now on (BEP 6): they are in memory.
    pub(super) fn suggest(&self, cx: &mut Cx<'_>, conn: &Conn, trade: &Trade) {
        if !cx.config.suggest_pieces || !conn.is_fast() || trade.offers.is_some() {
            return;
        }
        let is_of_use = |piece: &&u32| self.have().contains(**piece) && !trade.has.contains(**piece);
        for piece in self.read.iter().rev().filter(is_of_use).take(MAX_SUGGESTIONS) {
            cx.out.send(conn.key(), &Message::Suggest { piece: *piece });
        }
    }

    /// Counts piece data that was sent to a peer.
    ///
    /// # Errors
    /// The host of the peer has taken more than an honest one can.
    pub(crate) fn on_blocks_sent(
        &mut self,
        cx: &mut Cx<'_>,
        trade: &mut Trade,
        bytes: u32,
    ) -> Result<(), Misbehaviour> {
        trade.upload.sent(cx.now, bytes.into());
        trade.payload_moves(cx.now);
        cx.dirty.bytes_counted(self.id());
        self.totals.uploaded_now(cx.now, bytes.into());
        self.debts.took(cx.now, trade.host, bytes.into());
        self.note_debt(cx, trade);
        match self.leech_offence(cx.config.leech_defence, trade) {
            Some(reason) => Err(reason.into()),
            None => Ok(()),
        }
    }
}

fn note_read(read: &mut VecDeque<u32>, piece: u32) {
    if read.contains(&piece) {
        return;
    }
    if read.len() == MAX_READ {
        read.pop_front();
    }
    read.push_back(piece);
}

impl Trade {
    /// Counts bytes of answers that were sent to the peer.
    pub(crate) fn on_answers_sent(&mut self, bytes: u32) {
        self.questions.sent(bytes);
    }
}
