//! Requests to peers, and the received blocks.

use super::picker::{Ask, Receipt};
use super::{Exchange, Trade};
use crate::config::MAX_UNASKED_BLOCKS;
use crate::cx::Cx;
use crate::ids::{PeerKey, SourceKey};
use crate::misbehaviour::Misbehaviour;
use crate::outbox::WriteBlock;
use crate::peer::{Conn, Peers};
use crate::quota::{Line, QUANTUM};
use bytes::Bytes;
use ztor_metainfo::BLOCK_LEN;
use ztor_wire::{Block, Message};

impl Exchange {
    /// Requests as many blocks from a peer as its rate and the limits allow. `peers` is the torrent's number of peers.
    pub(crate) fn request_from(&mut self, cx: &mut Cx<'_>, key: PeerKey, trade: &mut Trade, peers: usize) {
        let now = cx.now;
        let download = &mut trade.download;
        let may_ask = !trade.chokes_us || !download.allowed_fast().is_empty();
        if !trade.we_are_interested() || now < trade.download.rests_until() || !may_ask {
            return;
        }
        let download = &mut trade.download;
        let room = download.target(now).saturating_sub(download.outstanding());
        if room == 0 || download.waits_for_quota() {
            return;
        }
        let affordable = take_tokens(cx, &mut self.limits.down(&mut trade.limits), room);
        let mut blocks: Vec<Block> = Vec::with_capacity(affordable);
        if trade.chokes_us {
            for piece in download.allowed_fast().iter().filter(|p| trade.has.contains(**p)) {
                let left = affordable - blocks.len();
                self.picker.pick_in(*piece, key.into(), left, &mut blocks);
            }
        } else if affordable > 0 {
            let ask = Ask {
                source: key.into(),
                has: &trade.has,
                current: download.current_piece(),
                whole_pieces: download.deserves_whole_pieces(now, self.layout.piece_length()),
                idle: download.outstanding() == 0,
                suggested: download.suggested(),
            };
            let current = self.picker.pick(&ask, affordable, peers, cx.rng, &mut blocks);
            download.set_current_piece(current);
        }
        let asked: u32 = blocks.iter().map(|b| b.len).sum();
        let line = &mut self.limits.down(&mut trade.limits);
        for _ in blocks.len()..affordable {
            cx.quota.down_mut().refund(line, BLOCK_LEN);
        }
        let whole = (blocks.len() as u32).saturating_mul(BLOCK_LEN);
        cx.quota.down_mut().refund(line, whole.saturating_sub(asked));
        for block in &blocks {
            download.ask(now, *block);
            cx.out.send(key, &Message::Request(*block));
        }
        if affordable < room && blocks.len() == affordable {
            download.set_waits_for_quota(true);
            cx.quota.down_mut().wait(key.into(), line, BLOCK_LEN);
        }
    }

    /// Handles a received block. Returns it if requests to other peers may be cancelled.
    pub(crate) fn on_block(
        &mut self,
        cx: &mut Cx<'_>,
        conn: &Conn,
        trade: &mut Trade,
        (piece, begin, data): (u32, u32, Bytes),
    ) -> Result<Option<Block>, Misbehaviour> {
        let len = data.len() as u32;
        let block = Block { piece, begin, len };
        let Some(asked) = trade.download.answered(block) else {
            trade.unasked_blocks += 1;
            self.totals.wasted(len);
            let is_too_many = trade.unasked_blocks > MAX_UNASKED_BLOCKS;
            return if is_too_many { Err(Misbehaviour::Unasked) } else { Ok(None) };
        };
        if asked.is_released && !asked.is_paid {
            // Its tokens were refunded when it was released.
            cx.quota.down_mut().owe(cx.now, &mut self.limits.down(&mut trade.limits), len);
        }
        trade.download.came(cx.now, len);
        trade.payload_moves(cx.now);
        self.debts.paid(trade.host, len.into());
        self.totals.downloaded_now(cx.now, len);
        cx.dirty.bytes_counted(self.id());
        match self.picker.received(block, conn.author().into()) {
            Receipt::Unneeded => {
                self.totals.wasted(len);
                Ok(None)
            }
            Receipt::New { asked_of_others } => {
                cx.out.writes.push(WriteBlock { torrent: self.id(), piece, begin, disk: self.disk, data });
                cx.backlog.add(self.disk, len);
                Ok((asked_of_others || asked.is_released).then_some(block))
            }
        }
    }

    /// Cancels requests for a block that has arrived from another source.
    pub(crate) fn cancel_others(
        &mut self,
        cx: &mut Cx<'_>,
        from: SourceKey,
        block: Block,
        keys: &[PeerKey],
        peers: &mut Peers,
    ) {
        peers.for_each(keys, |peer| {
            let key = peer.key();
            let trade = peer.trade_mut();
            if from != key.into()
                && let Some(asked) = trade.download.answered(block)
            {
                if !asked.is_released {
                    cx.quota.down_mut().refund(&mut self.limits.down(&mut trade.limits), block.len);
                }
                cx.out.send(key, &Message::Cancel(block));
                trade.download.cancelled(asked);
                cx.dirty.mark_peer(key);
            }
        });
    }

    /// Counts what was requested from a peer, as a limit was lowered.
    pub(crate) fn count_requests(&mut self, cx: &mut Cx<'_>, trade: &mut Trade) {
        let bytes = requested_bytes(trade);
        cx.quota.down_mut().count_requested(&mut self.limits.down(&mut trade.limits), bytes);
    }

    /// Cancels the newest requests to a peer, as far as they do not fit into one second of the lowered limits.
    pub(crate) fn trim_requests(&mut self, cx: &mut Cx<'_>, key: PeerKey, trade: &mut Trade) {
        let bytes = requested_bytes(trade);
        let line = &mut self.limits.down(&mut trade.limits);
        let kept = cx.quota.down_mut().share_of_requested(line, bytes) / u64::from(BLOCK_LEN);
        // The next requests follow the answer to the last one.
        let excess = trade.download.outstanding().saturating_sub((kept as usize).max(1));
        for block in trade.download.newest(excess) {
            let Some(asked) = trade.download.answered(block) else { continue };
            self.picker.release(block, key.into(), cx.rng);
            cx.out.send(key, &Message::Cancel(block));
            // What arrives nevertheless was paid for by the limit before.
            trade.download.cancelled_and_paid(asked);
        }
        if excess > 0 {
            cx.dirty.mark_peer(key);
            self.freed_blocks(cx);
        }
    }

    /// Ends the count of requests.
    pub(crate) fn forget_requests(&mut self, cx: &mut Cx<'_>, trade: &mut Trade) {
        cx.quota.down_mut().forget_requested(&mut self.limits.down(&mut trade.limits));
    }

    /// Handles the refusal of a requested block.
    pub(crate) fn on_reject(
        &mut self,
        cx: &mut Cx<'_>,
        conn: &mut Conn,
        trade: &mut Trade,
        block: Block,
    ) -> Result<(), Misbehaviour> {
        let Some(asked) = trade.download.answered(block) else {
            return conn.charge(cx.now, 0);
        };
        // Otherwise a refused piece would be requested again and again while the peer chokes us.
        trade.download.disallow_fast(block.piece);
        if !asked.is_released {
            if !trade.chokes_us {
                // Otherwise the peer would be asked again at once, and so keep the block from the others.
                trade.download.refused(cx.now);
            }
            self.picker.release(block, conn.key().into(), cx.rng);
            cx.quota.down_mut().refund(&mut self.limits.down(&mut trade.limits), block.len);
        }
        self.freed_blocks(cx);
        Ok(())
    }

    /// Cancels all requests to a peer.
    pub(super) fn cancel_all_of(&mut self, cx: &mut Cx<'_>, key: PeerKey, trade: &mut Trade) {
        for block in trade.download.newest(usize::MAX) {
            cx.out.send(key, &Message::Cancel(block));
        }
        self.release_requests(cx, key, trade);
    }

    /// Releases the requests to a peer for blocks of a piece that it has lost.
    pub(super) fn release_piece(&mut self, cx: &mut Cx<'_>, key: PeerKey, trade: &mut Trade, piece: u32) {
        trade.download.disallow_fast(piece);
        if trade.download.current_piece() == Some(piece) {
            trade.download.set_current_piece(None);
        }
        for block in trade.download.release_of(piece) {
            self.picker.release(block, key.into(), cx.rng);
            cx.quota.down_mut().refund(&mut self.limits.down(&mut trade.limits), block.len);
        }
        self.freed_blocks(cx);
    }

    pub(crate) fn on_choke(&mut self, cx: &mut Cx<'_>, conn: &Conn, trade: &mut Trade) {
        trade.chokes_us = true;
        // Without the Fast Extension a choke drops all requests; with it each is rejected in turn.
        if conn.is_fast() {
            self.picker.disown(conn.key().into());
        } else {
            self.release_requests(cx, conn.key(), trade);
        }
        self.freed_blocks(cx);
    }

    pub(crate) fn on_unchoke(&mut self, trade: &mut Trade) {
        trade.chokes_us = false;
        trade.download.forget_released();
    }

    /// Releases the blocks requested from a stalled peer, so that others may be asked for them.
    pub(crate) fn on_stalled(&mut self, cx: &mut Cx<'_>, key: PeerKey, trade: &mut Trade) {
        trade.download.stalled();
        self.release_requests(cx, key, trade);
    }

    /// Releases everything requested from a peer.
    fn release_requests(&mut self, cx: &mut Cx<'_>, key: PeerKey, trade: &mut Trade) {
        self.release_blocks(cx, key, trade);
        trade.download.set_current_piece(None);
        self.picker.disown(key.into());
    }

    fn release_blocks(&mut self, cx: &mut Cx<'_>, key: PeerKey, trade: &mut Trade) {
        for block in trade.download.release_all() {
            self.picker.release(block, key.into(), cx.rng);
            cx.quota.down_mut().refund(&mut self.limits.down(&mut trade.limits), block.len);
        }
    }

    /// Releases the requests to a peer that is gone, and refunds the tokens of its unsent answers.
    pub(super) fn release_all_of(&mut self, cx: &mut Cx<'_>, key: PeerKey, trade: &mut Trade) {
        self.release_blocks(cx, key, trade);
        // Answers that the driver has not sent are lost.
        let unsent = u32::try_from(trade.unsent_answer_bytes()).unwrap_or(u32::MAX);
        cx.quota.up_mut().refund(&mut self.limits.up(&mut trade.limits), unsent);
        self.picker.disown(key.into());
        if trade.download.waits_for_quota() {
            cx.quota.down_mut().on_source_gone(key.into());
        }
        if trade.upload().waits_for_quota() {
            cx.quota.up_mut().on_source_gone(key.into());
        }
    }
}

fn requested_bytes(trade: &Trade) -> u64 {
    trade.download().outstanding() as u64 * u64::from(BLOCK_LEN)
}

/// Takes tokens for up to `room` blocks. Returns the number of blocks. If tokens are short, each peer gets a few in turn,
/// and none overtakes those that wait.
pub(super) fn take_tokens(cx: &mut Cx<'_>, line: &mut Line<'_>, room: usize) -> usize {
    let down = cx.quota.down_mut();
    if !down.is_limited(line) {
        return room;
    }
    let mut affordable = 0;
    while affordable < room.min(QUANTUM) && down.is_open() && down.has(cx.now, line, BLOCK_LEN) {
        down.take(line, BLOCK_LEN);
        down.granted();
        affordable += 1;
    }
    affordable
}
