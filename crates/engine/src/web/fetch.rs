//! A request to a web seed.

use super::types::{WebPart, WebRequestId, WebSeedKind};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use ztor_base::{Duration, Instant};
use ztor_metainfo::{BLOCK_LEN, Layout};
use ztor_wire::Block;

/// Time without a byte after which a request has failed.
pub(crate) const STALL_AFTER: Duration = Duration::from_secs(30);
/// Interval of the looks for requests whose blocks have all come from others.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A request under way.
pub(crate) struct Fetch {
    id: WebRequestId,
    /// Blocks that have not arrived, in order; false for those that came from others meanwhile.
    blocks: VecDeque<(Block, bool)>,
    /// Bytes of the first block so far. Shorter than the block.
    buffer: BytesMut,
    /// Bytes that were allowed and have not arrived.
    allowed: u64,
    /// Bytes that have not arrived.
    left: u64,
    /// Bytes that have arrived.
    received: u64,
    began_at: Instant,
    /// Time of the last byte, or since which bytes are allowed.
    moved_at: Instant,
    look_at: Instant,
    waits_for_quota: bool,
    waits_for_disk: bool,
}

impl Fetch {
    pub(crate) fn new(now: Instant, id: WebRequestId, blocks: Vec<Block>) -> Self {
        let left = blocks.iter().map(|block| u64::from(block.len)).sum();
        Self {
            id,
            blocks: blocks.into_iter().map(|block| (block, true)).collect(),
            buffer: BytesMut::new(),
            allowed: 0,
            left,
            received: 0,
            began_at: now,
            moved_at: now,
            look_at: now + LOOK_EVERY,
            waits_for_quota: false,
            waits_for_disk: false,
        }
    }

    pub(crate) fn id(&self) -> WebRequestId {
        self.id
    }

    /// Returns the blocks that have not arrived, from here or from others, in order.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Block> + '_ {
        self.blocks.iter().filter(|(_, is_asked)| *is_asked).map(|(block, _)| *block)
    }

    /// Visits the blocks that have not arrived with their distance from the next byte, and whether they are requested. Stores
    /// the result as whether they are.
    pub(crate) fn each(&mut self, mut visit: impl FnMut(Block, u64, bool) -> bool) {
        let mut offset = 0;
        for (block, is_asked) in &mut self.blocks {
            *is_asked = visit(*block, offset, *is_asked);
            offset += u64::from(block.len);
        }
    }

    /// Notes that a block has come from another source. It still arrives from here.
    pub(crate) fn forget(&mut self, block: Block) {
        let key = |block: &Block| (block.piece, block.begin);
        if let Ok(at) = self.blocks.binary_search_by_key(&key(&block), |(block, _)| key(block)) {
            self.blocks[at].1 = false;
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Returns the bytes that were allowed and have not arrived.
    pub(crate) fn allowed(&self) -> u64 {
        self.allowed
    }

    /// Returns the bytes that have not arrived and are not allowed.
    pub(crate) fn not_allowed(&self) -> u64 {
        self.left - self.allowed
    }

    /// Returns the bytes that have arrived.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received
    }

    /// Allows further bytes, at most [`not_allowed`](Self::not_allowed).
    pub(crate) fn allow(&mut self, now: Instant, bytes: u64) {
        if self.allowed == 0 {
            self.moved_at = now;
        }
        self.allowed += bytes;
    }

    pub(crate) fn waits_for_quota(&self) -> bool {
        self.waits_for_quota
    }

    pub(crate) fn set_waits_for_quota(&mut self, waits: bool) {
        self.waits_for_quota = waits;
    }

    pub(crate) fn waits_for_disk(&self) -> bool {
        self.waits_for_disk
    }

    pub(crate) fn set_waits_for_disk(&mut self, waits: bool) {
        self.waits_for_disk = waits;
    }

    /// Notes that the server sends something.
    pub(crate) fn moved(&mut self, now: Instant) {
        self.moved_at = now;
    }

    /// Takes received bytes. Returns false if they are more than were allowed.
    pub(crate) fn received(&mut self, now: Instant, len: u64) -> bool {
        if len > self.allowed {
            return false;
        }
        self.allowed -= len;
        self.left -= len;
        self.received += len;
        self.moved_at = now;
        true
    }

    /// Takes the next complete block from the front of `data`, which was counted by [`received`](Self::received), and
    /// whether it counts as requested; `None` if the rest of `data` does not complete it, and is kept.
    pub(crate) fn next_block(&mut self, data: &mut Bytes) -> Option<(Block, bool, Bytes)> {
        let (block, is_asked) = *self.blocks.front()?;
        let missing = block.len as usize - self.buffer.len();
        if data.len() < missing {
            if self.buffer.is_empty() && !data.is_empty() {
                self.buffer.reserve(block.len as usize);
            }
            self.buffer.extend_from_slice(&data.split_off(0));
            return None;
        }
        let head = data.split_to(missing);
        let bytes = if self.buffer.is_empty() {
            head
        } else {
            self.buffer.extend_from_slice(&head);
            self.buffer.split().freeze()
        };
        self.blocks.pop_front();
        Some((block, is_asked, bytes))
    }

    /// Returns the time at which the request has stalled; `None` while it may not send.
    pub(crate) fn stalls_at(&self) -> Option<Instant> {
        (self.allowed > 0).then(|| self.moved_at + STALL_AFTER)
    }

    /// Returns the time of the next look for requests whose blocks have come from others.
    pub(crate) fn look_at(&self) -> Instant {
        self.look_at
    }

    /// Plans the next look.
    pub(crate) fn looked(&mut self, now: Instant) {
        self.look_at = now + LOOK_EVERY;
    }

    /// Returns the mean rate in bytes per second, over at least a quarter of a second.
    pub(crate) fn rate(&self, now: Instant) -> u64 {
        let us = (now.since(self.began_at).as_micros()).max(250_000);
        u64::try_from(u128::from(self.received) * 1_000_000 / us).unwrap_or(u64::MAX)
    }
}

/// Returns the parts of a request for these blocks, which follow one another.
pub(crate) fn parts(layout: &Layout, kind: WebSeedKind, blocks: &[Block]) -> Vec<WebPart> {
    let mut parts = Vec::new();
    match kind {
        WebSeedKind::Pieces => {
            if let (Some(first), Some(last)) = (blocks.first(), blocks.last()) {
                let len = last.begin + last.len - first.begin;
                parts.push(WebPart::Piece { piece: first.piece, begin: first.begin, len });
            }
        }
        WebSeedKind::Files => {
            for part in blocks.chunk_by(|a, b| a.piece == b.piece) {
                let (first, last) = (part[0], part[part.len() - 1]);
                let len = last.begin + last.len - first.begin;
                layout.ranges(first.piece, first.begin, len).for_each(|range| join(&mut parts, range));
            }
        }
    }
    parts
}

/// Appends a range of a file, to the last part if it continues that.
fn join(parts: &mut Vec<WebPart>, range: ztor_metainfo::FileRange) {
    let more = u64::from(range.len);
    match (parts.last_mut(), range.pad) {
        (Some(WebPart::Zeros { len }), true) => *len += more,
        (Some(WebPart::File { file, len, .. }), false) if *file == range.file => *len += more,
        (_, true) => parts.push(WebPart::Zeros { len: more }),
        (_, false) => parts.push(WebPart::File { file: range.file, offset: range.offset, len: more }),
    }
}

/// Returns the number of bytes that may be on their way, at this rate: half a second, within bounds.
pub(crate) fn window(per_s: u64) -> u64 {
    (per_s / 2).clamp(16 * u64::from(BLOCK_LEN), 256 * u64::from(BLOCK_LEN))
}
