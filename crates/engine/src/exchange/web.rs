//! Blocks from web seeds.

use super::Exchange;
use super::picker::{Receipt, RunAsk};
use super::requests::take_tokens;
use crate::cx::Cx;
use crate::ids::WebKey;
use crate::outbox::WriteBlock;
use crate::quota::PeerLimits;
use crate::sender::Sender;
use crate::web::Fetch;
use bytes::Bytes;
use ztor_metainfo::BLOCK_LEN;
use ztor_wire::Block;

impl Exchange {
    /// Chooses the blocks of the next request to a web seed.
    pub(crate) fn pick_run(&mut self, cx: &mut Cx<'_>, ask: &RunAsk<'_>) -> Vec<Block> {
        let mut blocks = Vec::new();
        self.picker.pick_run(ask, cx.rng, &mut blocks);
        blocks
    }

    /// Takes tokens for at most `want` bytes from a web seed. Returns the number of bytes, and true if the seed waits for
    /// further tokens.
    pub(crate) fn grant_web(
        &mut self,
        cx: &mut Cx<'_>,
        key: WebKey,
        limits: &mut PeerLimits,
        want: u64,
    ) -> (u64, bool) {
        let line = &mut self.limits.down(limits);
        let room = usize::try_from(want.div_ceil(u64::from(BLOCK_LEN))).unwrap_or(usize::MAX);
        let affordable = take_tokens(cx, line, room);
        let bytes = (affordable as u64 * u64::from(BLOCK_LEN)).min(want);
        let waits = affordable < room;
        if waits {
            cx.quota.down_mut().wait(key.into(), line, BLOCK_LEN);
        }
        (bytes, waits)
    }

    /// Returns tokens for bytes that a web seed will not send.
    pub(crate) fn refund_web(&mut self, cx: &mut Cx<'_>, limits: &mut PeerLimits, bytes: u64) {
        let line = &mut self.limits.down(limits);
        let mut left = bytes;
        while left > 0 {
            let part = left.min(u64::from(BLOCK_LEN)) as u32;
            cx.quota.down_mut().refund(line, part);
            left -= u64::from(part);
        }
    }

    /// Counts bytes that nobody wanted.
    pub(crate) fn on_web_skipped(&mut self, cx: &mut Cx<'_>, limits: &mut PeerLimits, bytes: u32) {
        cx.quota.down_mut().owe(cx.now, &mut self.limits.down(limits), bytes);
        self.totals.downloaded_now(cx.now, bytes);
        self.totals.wasted(bytes);
        cx.dirty.bytes_counted(self.id());
    }

    /// Counts bytes from a web seed.
    pub(crate) fn on_web_bytes(&mut self, cx: &mut Cx<'_>, len: u32) {
        self.totals.downloaded_now(cx.now, len);
        cx.dirty.bytes_counted(self.id());
    }

    /// Handles a block from a web seed, which may have counted as requested or not. Returns true if requests to peers may be
    /// cancelled.
    pub(crate) fn on_web_block(
        &mut self,
        cx: &mut Cx<'_>,
        key: WebKey,
        (block, is_asked): (Block, bool),
        data: Bytes,
    ) -> bool {
        // A fast server is ahead of the blocks that count as requested. Their pieces may not have been started, and
        // blocks of such pieces are not taken.
        let is_of_others = !is_asked && !self.picker.claim(block, key.into());
        match self.picker.received(block, Sender::Web(key)) {
            Receipt::Unneeded => {
                self.totals.wasted(block.len);
                false
            }
            Receipt::New { asked_of_others } => {
                let Block { piece, begin, len } = block;
                cx.out.writes.push(WriteBlock { torrent: self.id(), piece, begin, disk: self.disk, data });
                cx.backlog.add(self.disk, len);
                asked_of_others || is_of_others
            }
        }
    }

    /// Releases blocks that a web seed will not send.
    pub(crate) fn release_web(&mut self, cx: &mut Cx<'_>, key: WebKey, blocks: impl Iterator<Item = Block>) {
        blocks.for_each(|block| self.picker.release(block, key.into(), cx.rng));
        self.picker.disown(key.into());
        self.freed_blocks(cx);
    }

    /// Changes which blocks of a long request count as requested: those that come soon. Peers may fetch the others meanwhile.
    pub(crate) fn slide_web(&mut self, cx: &mut Cx<'_>, key: WebKey, fetch: &mut Fetch, ahead_bytes: u64) {
        let mut has_released = false;
        fetch.each(|block, offset, is_asked| {
            let is_soon = offset < ahead_bytes;
            if is_soon && !is_asked {
                return self.picker.lacks_block(block) && self.picker.claim(block, key.into());
            }
            if !is_soon && is_asked {
                self.picker.release(block, key.into(), cx.rng);
                has_released = true;
            }
            is_soon && is_asked
        });
        if has_released {
            self.freed_blocks(cx);
        }
    }

    /// Returns true if a block is of a wanted piece and has not been received.
    pub(crate) fn lacks_block(&self, block: Block) -> bool {
        self.picker.lacks_block(block)
    }

    /// Returns true if blocks were released in this turn.
    pub(crate) fn has_freed_blocks(&self) -> bool {
        self.has_freed_blocks
    }
}
