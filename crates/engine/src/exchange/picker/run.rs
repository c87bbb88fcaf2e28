//! Runs of blocks for web seeds, which send what follows in a file with one request.

use super::{ENDGAME_COPIES, Picker};
use crate::bitfield::Bitfield;
use crate::ids::SourceKey;
use fastrand::Rng;
use std::ops::Range;
use ztor_metainfo::BLOCK_LEN;
use ztor_wire::Block;

/// A web seed that a run is picked for.
pub struct RunAsk<'a> {
    /// Key of the web seed.
    pub source: SourceKey,
    /// Pieces that it lacks; `None` if it has all.
    pub lacks: Option<&'a Bitfield>,
    /// Length in bytes from which on the run is not extended by another block.
    pub max_bytes: u64,
    /// True to end the run with its piece.
    pub one_piece: bool,
    /// True to start a gap at its first piece always.
    pub from_start: bool,
}

impl RunAsk<'_> {
    fn has(&self, piece: u32) -> bool {
        self.lacks.is_none_or(|lacks| !lacks.contains(piece))
    }
}

impl Picker {
    /// Chooses blocks that follow one another and marks them as requested: the rest of a piece in progress and the pieces
    /// after it, or new pieces from the start of the longest gap (BEP 19 §"Piece Selection"). If no block is free, takes
    /// some that others are asked for too.
    pub fn pick_run(&mut self, ask: &RunAsk<'_>, rng: &mut Rng, out: &mut Vec<Block>) {
        let open = |picker: &Self, share: bool| {
            let admits =
                |piece: &u32| picker.partials.get(piece).is_some_and(|p| p.admits(ask.source, share));
            picker.open.iter().find(|piece| ask.has(**piece) && admits(piece)).copied()
        };
        let start = open(self, false).or_else(|| {
            let piece = self.gap_start(ask, rng)?;
            self.open(piece);
            Some(piece)
        });
        let start = start.or_else(|| open(self, true));
        match start.or_else(|| self.take_over_by(|piece| ask.has(piece))) {
            Some(piece) => self.run_from(piece, ask, out),
            None => self.double_run(ask, out),
        }
    }

    /// Returns true if a block is of a wanted piece and has not been received.
    pub(crate) fn lacks_block(&self, block: Block) -> bool {
        self.needs(block.piece)
            && self.partials.get(&block.piece).is_none_or(|p| !p.has_received(block.begin / BLOCK_LEN))
    }

    /// Marks a block as requested from `source`, as it will come soon. Returns false if it is not free.
    pub(crate) fn claim(&mut self, block: Block, source: SourceKey) -> bool {
        let is_fresh = !self.closed.contains(block.piece) && self.rarity.is_some();
        if is_fresh {
            self.open(block.piece);
        }
        let Some(partial) = self.partials.get_mut(&block.piece) else { return false };
        let was_open = partial.is_open();
        let is_claimed = partial.ask(block.begin / BLOCK_LEN, source);
        self.open_blocks -= u32::from(is_claimed);
        if partial.is_open() != was_open {
            self.sort_in(block.piece);
        }
        is_claimed
    }

    fn run_from(&mut self, first: u32, ask: &RunAsk<'_>, out: &mut Vec<Block>) {
        let (mut piece, mut bytes) = (first, 0);
        loop {
            let blocks = self.layout.block_count(piece);
            let Some(partial) = self.partials.get_mut(&piece) else { return };
            let was_open = partial.is_open();
            let mut next = partial.next_free();
            while let Some(index) = next.filter(|_| bytes < ask.max_bytes)
                && partial.ask_next(ask.source) == Some(index)
            {
                let len = self.layout.block_len(piece, index);
                out.push(Block { piece, begin: index * BLOCK_LEN, len });
                bytes += u64::from(len);
                self.open_blocks -= 1;
                next = partial.next_free().filter(|free| *free == index + 1);
            }
            if partial.is_open() != was_open {
                self.sort_in(piece);
            }
            let ends_piece =
                out.last().is_some_and(|b| b.piece == piece && b.begin / BLOCK_LEN + 1 == blocks);
            piece += 1;
            if ask.one_piece || !ends_piece || bytes >= ask.max_bytes || !self.is_fresh(piece, ask) {
                return;
            }
            self.open(piece);
        }
    }

    /// Returns true if a piece may be started by this web seed.
    fn is_fresh(&self, piece: u32, ask: &RunAsk<'_>) -> bool {
        piece < self.layout.piece_count() && !self.closed.contains(piece) && ask.has(piece)
    }

    /// Returns the first piece of a new run: in the longest gap of pieces that may be started, among those of the highest
    /// priority. Torrents that start begin anywhere in it, so that the web seed gives other pieces to each of them.
    fn gap_start(&self, ask: &RunAsk<'_>, rng: &mut Rng) -> Option<u32> {
        // Without an order nothing is missing, or nothing was checked.
        self.rarity.as_ref()?;
        let in_ends = |ends: &Bitfield| ends.iter().find(|piece| self.is_fresh(*piece, ask));
        if let Some(piece) = self.ends.as_ref().and_then(in_ends) {
            return Some(piece);
        }
        let gap = if self.classes.is_empty() {
            self.gap(|piece| self.is_fresh(piece, ask))
        } else {
            let of = |class: &Bitfield| self.gap(|piece| class.contains(piece) && self.is_fresh(piece, ask));
            self.classes.iter().find_map(of)
        }?;
        let is_first = self.have.count() == 0 && self.partials.is_empty();
        let anywhere = is_first && !self.sequential && !ask.from_start;
        Some(if anywhere { rng.u32(gap) } else { gap.start })
    }

    /// Returns the longest range of pieces with this property, or the first one in sequential order.
    fn gap(&self, is_in: impl Fn(u32) -> bool) -> Option<Range<u32>> {
        let count = self.layout.piece_count();
        let mut longest: Option<Range<u32>> = None;
        let mut piece = 0;
        while piece < count {
            // Words of closed pieces are skipped at once.
            let Some(start) = self.closed.first_absent(piece).filter(|start| *start >= piece) else { break };
            let end = (start..count).find(|piece| !is_in(*piece)).unwrap_or(count);
            if end > start && longest.as_ref().is_none_or(|gap| end - start > gap.end - gap.start) {
                longest = Some(start..end);
            }
            if longest.is_some() && self.sequential {
                break;
            }
            piece = end.max(start + 1);
        }
        longest
    }

    /// Asks for the last blocks of a piece that others are asked for.
    fn double_run(&mut self, ask: &RunAsk<'_>, out: &mut Vec<Block>) {
        let (layout, priorities) = (&self.layout, self.priorities.as_deref());
        for (piece, partial) in &mut self.partials {
            if !ask.has(*piece) || !super::is_wanted(priorities, *piece) {
                continue;
            }
            let run = partial.ask_run_again(ask.source, ENDGAME_COPIES);
            out.extend(run.map(|index| Block {
                piece: *piece,
                begin: index * BLOCK_LEN,
                len: layout.block_len(*piece, index),
            }));
            if !out.is_empty() {
                return;
            }
        }
    }
}
