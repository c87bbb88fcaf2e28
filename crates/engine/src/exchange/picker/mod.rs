//! The choice of blocks to request from each peer.
//!
//! Rarest first, with the usual exceptions:
//! - the ends of files first, or pieces in order, if the user asks for that;
//! - the first pieces at random, to have something to trade soon;
//! - started pieces before new ones;
//! - whole pieces from a peer that is fast enough, so that blocks arrive in order and a bad piece has one author;
//! - at the very end, the same block from two peers.
//!
//! A pick looks at the peer's current piece, the few pieces in progress and the head of the rarity order. Its cost does
//! not grow with the number of pieces.

mod common;
mod ends;
mod partial;
mod rarity;
mod run;
fn is_wanted(priorities: Option<&[Priority]>, piece: u32) -> bool {
    priorities.is_none_or(|all| all.get(piece as usize).is_some_and(|priority| priority.is_wanted()))
}

#[cfg(test)]
mod tests;
mod view;

use crate::bitfield::Bitfield;
use crate::ids::SourceKey;
use crate::pieces::Pieces;
use crate::sender::Sender;
use crate::sharing::ShareNews;
use common::Common;
use ends::file_ends;
use fastrand::Rng;
use partial::Partial;
pub use partial::Receipt;
pub use rarity::Priority;
use rarity::Rarity;
pub use run::RunAsk;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use ztor_metainfo::{BLOCK_LEN, Layout};
use ztor_wire::Block;

/// Number of our pieces below which new ones are chosen at random.
const RANDOM_FIRST_PIECES: u32 = 4;
/// Number of pieces in the rarity order that a pick searches before it takes any piece that the peer has.
const SCAN_LIMIT: usize = 256;
/// Maximum number of peers that are asked for the same block in the endgame.
const ENDGAME_COPIES: u8 = 2;

/// A peer that blocks are picked for.
pub struct Ask<'a> {
    /// Key of the peer.
    pub source: SourceKey,
    /// The pieces it has.
    pub has: &'a Pieces,
    /// The piece of its last pick; `None` if there is none.
    pub current: Option<u32>,
    /// True if the peer is fast enough for whole pieces.
    pub whole_pieces: bool,
    /// True if nothing is outstanding from it. Then, without free blocks, it gets one that others are asked for too.
    pub idle: bool,
    /// Pieces that the peer suggests (BEP 6). Of pieces that are equally rare, the last of these is taken.
    pub suggested: &'a [u32],
}

/// The state of a torrent's pieces: verified, in progress, wanted.
pub struct Picker {
    layout: Arc<Layout>,
    have: Bitfield,
    /// Pieces that must not be started: verified, in progress or not wanted.
    closed: Bitfield,
    /// `None` before [`reset`](Self::reset), and once no piece is missing: a seed needs no order.
    rarity: Option<Rarity>,
    partials: BTreeMap<u32, Partial>,
    /// Partials with free blocks, and those among them without an owner. A pick searches only these, as most partials
    /// wait for requested blocks.
    open: BTreeSet<u32>,
    orphans: BTreeSet<u32>,
    priorities: Option<Box<[Priority]>>,
    /// Pieces by priority, the highest first; empty if all wanted pieces have the same.
    classes: Vec<Bitfield>,
    /// Number of wanted pieces that are missing.
    missing: u32,
    /// Number of free blocks in the partials.
    open_blocks: u32,
    /// True to choose pieces in the order of their indexes.
    pub sequential: bool,
    /// Pieces at the ends of files, taken before all others; `None` if they are like others.
    ends: Option<Bitfield>,
    /// Pieces in common with other torrents; `None` if there are none.
    common: Option<Box<Common>>,
}

impl Picker {
    /// Creates a picker that has no piece and wants all of them, for use until [`reset`](Self::reset).
    pub fn new(layout: Arc<Layout>) -> Self {
        let count = layout.piece_count();
        Self {
            layout,
            have: Bitfield::new(count),
            closed: Bitfield::new(count),
            rarity: None,
            partials: BTreeMap::new(),
            open: BTreeSet::new(),
            orphans: BTreeSet::new(),
            priorities: None,
            classes: Vec::new(),
            missing: count,
            open_blocks: 0,
            sequential: false,
            ends: None,
            common: None,
        }
    }

    /// Returns the pieces that are verified.
    pub fn have(&self) -> &Bitfield {
        &self.have
    }

    /// Returns true if no wanted piece is missing.
    pub fn is_finished(&self) -> bool {
        self.missing == 0
    }

    pub(crate) fn is_wanted(&self, piece: u32) -> bool {
        is_wanted(self.priorities.as_deref(), piece)
    }

    /// Returns true if `piece` is wanted and missing.
    pub(crate) fn needs(&self, piece: u32) -> bool {
        !self.have.contains(piece) && self.is_wanted(piece)
    }

    pub(crate) fn partial_count(&self) -> usize {
        self.partials.len()
    }

    /// Returns the number of pieces in `has` that we want and lack.
    pub fn interesting(&self, has: &Pieces) -> u32 {
        match has {
            Pieces::None => 0,
            Pieces::All => self.missing,
            Pieces::Some(set) if self.priorities.is_none() => set.count_without(&self.have),
            Pieces::Some(set) => set.iter().filter(|p| self.needs(*p)).count() as u32,
        }
    }

    /// Takes the first and last pieces of files before all others, or like them.
    pub fn set_ends_first(&mut self, ends_first: bool) {
        self.ends = ends_first.then(|| file_ends(&self.layout));
    }

    fn priority(&self, piece: u32) -> Priority {
        self.priorities.as_ref().map_or(Priority::Normal, |p| p[piece as usize])
    }

    /// Starts again from the pieces on disk and the priorities (`None`: all pieces are wanted). Pieces in progress are
    /// dropped. The caller must count the peers' pieces again with [`peer_has_all_of`](Self::peer_has_all_of).
    pub fn reset(&mut self, have: Bitfield, priorities: Option<Box<[Priority]>>, rng: &mut Rng) {
        self.have = have;
        for piece in std::mem::take(&mut self.partials).into_keys() {
            self.tell(piece, ShareNews::Closed);
        }
        self.open.clear();
        self.orphans.clear();
        self.open_blocks = 0;
        self.set_priorities(priorities, rng);
    }

    /// Replaces the priorities. Pieces in progress stay, but those that are not wanted any more are not continued. The caller
    /// must count the peers' pieces again with [`peer_has_all_of`](Self::peer_has_all_of).
    pub(crate) fn set_priorities(&mut self, priorities: Option<Box<[Priority]>>, rng: &mut Rng) {
        self.priorities = priorities;
        let count = self.layout.piece_count();
        self.closed = self.have.clone();
        for piece in 0..count {
            if !self.is_wanted(piece) {
                self.closed.insert(piece);
            }
        }
        self.classes = self.by_priority();
        self.missing = count - self.closed.count();
        for piece in self.partials.keys().copied().collect::<Vec<_>>() {
            self.closed.insert(piece);
            self.sort_in(piece);
        }
        if let Some(common) = &self.common {
            self.closed.extend(common.barred());
        }
        self.rarity = (self.missing > 0).then(|| {
            let mut rarity = Rarity::new((0..count).map(|p| self.priority(p)));
            rarity.fill((0..count).filter(|p| !self.closed.contains(*p)), rng);
            rarity
        });
    }

    /// Returns the pieces by priority, the highest first; nothing if all wanted pieces have the same.
    fn by_priority(&self) -> Vec<Bitfield> {
        let count = self.layout.piece_count();
        let of = |wanted: Priority| {
            let mut pieces = Bitfield::new(count);
            pieces.extend((0..count).filter(|piece| self.priority(*piece) == wanted));
            pieces
        };
        let mut classes = Vec::new();
        if self.priorities.is_some() {
            classes.extend([Priority::High, Priority::Normal, Priority::Low].map(of));
            classes.retain(|class| class.count() > 0);
        }
        if classes.len() > 1 { classes } else { Vec::new() }
    }

    /// Counts the pieces of a peer that is not a seed. Seeds do not count, as they raise all pieces alike.
    pub fn peer_has_all_of(&mut self, set: &Bitfield, rng: &mut Rng) {
        if let Some(rarity) = &mut self.rarity {
            set.iter().for_each(|piece| rarity.gained(piece, rng));
        }
    }

    /// Counts one more piece of a peer that is not a seed.
    pub fn peer_has(&mut self, piece: u32, rng: &mut Rng) {
        if let Some(rarity) = &mut self.rarity {
            rarity.gained(piece, rng);
        }
    }

    /// Counts a piece less of a peer that is not a seed.
    pub(crate) fn peer_lost(&mut self, piece: u32, rng: &mut Rng) {
        if let Some(rarity) = &mut self.rarity {
            rarity.lost(piece, rng);
        }
    }

    /// Removes the pieces of a peer that is not a seed.
    pub fn peer_gone(&mut self, set: &Bitfield, rng: &mut Rng) {
        if let Some(rarity) = &mut self.rarity {
            set.iter().for_each(|piece| rarity.lost(piece, rng));
        }
    }

    /// Chooses up to `count` blocks for the peer and marks them as requested. Returns the piece to continue with next
    /// time.
    pub fn pick(
        &mut self,
        ask: &Ask<'_>,
        count: usize,
        peers: usize,
        rng: &mut Rng,
        out: &mut Vec<Block>,
    ) -> Option<u32> {
        let end = out.len() + count;
        let mut current = ask.current;
        if let Some(piece) = current.filter(|piece| self.is_wanted(*piece)) {
            self.take(piece, ask.source, end, out);
        }
        // Few pieces in progress per peer, or a slow swarm would start them all and finish none.
        let crowded = self.partials.len() > peers + peers / 2;
        while out.len() < end {
            let share = crowded || !ask.whole_pieces;
            let next = self
                .open_partial(ask, share)
                .or_else(|| self.start(ask, rng))
                .or_else(|| self.open_partial(ask, true));
            if next.map_or(0, |piece| self.take(piece, ask.source, end, out)) == 0 {
                break;
            }
            current = next;
        }
        if out.is_empty() && ask.idle {
            // The endgame of this peer: no block that it has is free.
            if let Some(piece) = self.take_over(ask) {
                self.take(piece, ask.source, end, out);
                current = Some(piece);
            } else {
                out.extend(self.double(ask, rng));
            }
        }
        current
    }

    /// Chooses up to `count` blocks of `piece`, for a peer that serves only certain pieces (allowed fast, BEP 6).
    pub fn pick_in(&mut self, piece: u32, source: SourceKey, count: usize, out: &mut Vec<Block>) {
        if count == 0 || !self.needs(piece) || self.is_barred(piece) {
            return;
        }
        self.open(piece);
        let end = out.len() + count;
        self.take(piece, source, end, out);
    }

    /// Records a received block.
    pub fn received(&mut self, block: Block, sender: Sender) -> Receipt {
        let Some(partial) = self.partials.get_mut(&block.piece) else { return Receipt::Unneeded };
        let free_before = partial.free();
        let receipt = partial.received(block.begin / BLOCK_LEN, sender);
        if partial.free() != free_before {
            self.open_blocks -= free_before - partial.free();
            self.sort_in(block.piece);
        }
        receipt
    }

    /// Resumes a piece with some blocks on disk, from an earlier run. Does nothing if the piece is not needed or is in
    /// progress, or if `blocks` is not one bit per block, some of them set and some not.
    pub(crate) fn restore(&mut self, piece: u32, blocks: &Bitfield) {
        let fits = piece < self.layout.piece_count()
            && blocks.len() == self.layout.block_count(piece)
            && !blocks.is_empty()
            && !blocks.is_full();
        // An unknown piece has no priority.
        let is_free = || self.needs(piece) && !self.is_barred(piece) && !self.partials.contains_key(&piece);
        if !fits || !is_free() || blocks.count() == 0 {
            return;
        }
        self.open(piece);
        for index in blocks.iter() {
            let block = Block { piece, begin: index * BLOCK_LEN, len: self.layout.block_len(piece, index) };
            self.received(block, Sender::Disk);
        }
    }

    /// Releases a block that will not arrive from `source`, or not soon. Others may be asked for it.
    pub fn release(&mut self, block: Block, source: SourceKey, rng: &mut Rng) {
        if let Some(partial) = self.partials.get_mut(&block.piece) {
            let (free_before, was_open) = (partial.free(), partial.is_open());
            partial.release(block.begin / BLOCK_LEN, source);
            self.open_blocks += partial.free() - free_before;
            if partial.is_untouched() {
                self.close_untouched(block.piece, rng);
            } else if partial.is_open() != was_open {
                self.sort_in(block.piece);
            }
        }
    }

    /// Opens the pieces of `source` to others, as it has left or serves nothing for now.
    pub fn disown(&mut self, source: SourceKey) {
        for (piece, partial) in &mut self.partials {
            if partial.disown(source) && partial.free() > 0 && self.open.contains(piece) {
                self.orphans.insert(*piece);
            }
        }
    }

    /// Records a piece that hashed right, in progress or not. Returns false if it was verified before.
    pub fn verified(&mut self, piece: u32) -> bool {
        if let Some(partial) = self.partials.remove(&piece) {
            self.open_blocks -= partial.free();
            self.sort_in(piece);
        } else if let Some(rarity) = &mut self.rarity {
            rarity.remove(piece);
        }
        self.closed.insert(piece);
        if !self.have.insert(piece) {
            return false;
        }
        if self.is_wanted(piece) {
            self.missing -= 1;
        }
        if self.missing == 0 {
            self.rarity = None;
        }
        self.tell(piece, ShareNews::Verified);
        true
    }

    /// Restarts a piece that hashed wrong, to be fetched from one peer alone. Returns the sender of each of its blocks;
    /// `None` if the piece is not in progress.
    pub fn failed(&mut self, piece: u32) -> Option<Vec<(u32, Sender)>> {
        let partial = self.partials.get_mut(&piece)?;
        let free_before = partial.free();
        let sources = partial.restart();
        self.open_blocks = self.open_blocks + partial.free() - free_before;
        self.sort_in(piece);
        Some(sources)
    }

    /// Returns the sender of each received block of a piece, by its offset; `None` if the piece is not in progress.
    pub(crate) fn senders_of(&self, piece: u32) -> Option<Vec<(u32, Sender)>> {
        self.partials.get(&piece).map(Partial::senders)
    }

    /// Fetches some received blocks of a piece again, from one peer alone. The others are right.
    pub(crate) fn retry(&mut self, piece: u32, blocks: &[u32]) {
        if let Some(partial) = self.partials.get_mut(&piece) {
            let free_before = partial.free();
            partial.retry(blocks);
            self.open_blocks = self.open_blocks + partial.free() - free_before;
            self.sort_in(piece);
        }
    }

    /// Drops all pieces in progress, as after a disk fault: it is unknown which blocks were written.
    pub fn drop_partials(&mut self, rng: &mut Rng) {
        self.open_blocks = 0;
        self.open.clear();
        self.orphans.clear();
        for piece in std::mem::take(&mut self.partials).into_keys() {
            self.tell(piece, ShareNews::Closed);
            self.reopen(piece, rng);
        }
    }

    fn take(&mut self, piece: u32, source: SourceKey, end: usize, out: &mut Vec<Block>) -> usize {
        let Some(partial) = self.partials.get_mut(&piece) else { return 0 };
        let (before, was_open) = (out.len(), partial.is_open());
        while out.len() < end
            && let Some(index) = partial.ask_next(source)
        {
            self.open_blocks -= 1;
            let len = self.layout.block_len(piece, index);
            out.push(Block { piece, begin: index * BLOCK_LEN, len });
        }
        if partial.is_open() != was_open {
            self.sort_in(piece);
        }
        out.len() - before
    }

    fn open_partial(&self, ask: &Ask<'_>, share: bool) -> Option<u32> {
        if self.open_blocks == 0 {
            return None;
        }
        // Its own piece, if it has one with free blocks, was the peer's first choice anyway.
        let mut pieces = if share { self.open.iter() } else { self.orphans.iter() };
        let admits = |piece| self.partials.get(piece).is_some_and(|p| p.admits(ask.source, share));
        pieces.find(|piece| ask.has.contains(**piece) && admits(piece)).copied()
    }

    /// Shares the exclusive piece of another peer with an idle one, as nothing else is left.
    fn take_over(&mut self, ask: &Ask<'_>) -> Option<u32> {
        self.take_over_by(|piece| ask.has.contains(piece))
    }

    /// Does the same for a source that has the pieces of which `has` is true.
    fn take_over_by(&mut self, has: impl Fn(u32) -> bool) -> Option<u32> {
        let priorities = self.priorities.as_deref();
        let held = |piece: u32, p: &Partial| {
            p.is_exclusive() && p.free() > 0 && has(piece) && is_wanted(priorities, piece)
        };
        let (piece, partial) = self.partials.iter_mut().find(|(piece, p)| held(**piece, p))?;
        partial.open_to_all();
        let piece = *piece;
        self.sort_in(piece);
        Some(piece)
    }

    fn start(&mut self, ask: &Ask<'_>, rng: &mut Rng) -> Option<u32> {
        let piece = self.fresh(ask, rng)?;
        self.open(piece);
        Some(piece)
    }

    fn fresh(&self, ask: &Ask<'_>, rng: &mut Rng) -> Option<u32> {
        let has = ask.has;
        // Every piece of a peer that is not a seed counts as available, because of that peer.
        let skip_unavailable = matches!(has, Pieces::Some(_));
        let order = self.rarity.as_ref()?.candidates(skip_unavailable);
        if order.is_empty() {
            return None;
        }
        let end = self.ends.as_ref().and_then(|ends| match has {
            Pieces::None => None,
            Pieces::All => ends.first_without(&self.closed, 0),
            Pieces::Some(set) => ends.first_common_without(set, &self.closed, 0),
        });
        if end.is_some() {
            return end;
        }
        let from = if self.sequential { 0 } else { rng.u32(0..self.layout.piece_count()) };
        if !self.sequential && self.have.count() >= RANDOM_FIRST_PIECES {
            if let Some(piece) = order.iter().take(SCAN_LIMIT).find(|p| has.contains(**p)) {
                return Some(self.suggested_like(ask, *piece).unwrap_or(*piece));
            }
            if order.len() <= SCAN_LIMIT {
                return None;
            }
        }
        if !self.classes.is_empty() {
            return self.classes.iter().find_map(|class| match has {
                Pieces::None => None,
                Pieces::All => class.first_without(&self.closed, from),
                Pieces::Some(set) => class.first_common_without(set, &self.closed, from),
            });
        }
        match has {
            Pieces::None => None,
            Pieces::All => self.closed.first_absent(from),
            Pieces::Some(set) => set.first_without(&self.closed, from),
        }
    }

    /// Returns the last suggested piece that is as rare as `piece`. So a peer cannot change what is fetched first.
    fn suggested_like(&self, ask: &Ask<'_>, piece: u32) -> Option<u32> {
        let rarity = self.rarity.as_ref()?;
        let is_like = |other: &&u32| ask.has.contains(**other) && rarity.are_alike(**other, piece);
        ask.suggested.iter().rev().find(is_like).copied()
    }

    fn open(&mut self, piece: u32) {
        if self.partials.contains_key(&piece) {
            return;
        }
        let blocks = self.layout.block_count(piece);
        self.tell(piece, ShareNews::Opened);
        self.partials.insert(piece, Partial::new(blocks));
        self.open_blocks += blocks;
        self.sort_in(piece);
        self.closed.insert(piece);
        if let Some(rarity) = &mut self.rarity {
            rarity.remove(piece);
        }
    }

    /// Moves a piece without requested or received blocks back to the new ones.
    fn close_untouched(&mut self, piece: u32, rng: &mut Rng) {
        self.open_blocks -= self.partials.remove(&piece).map_or(0, |partial| partial.free());
        self.sort_in(piece);
        self.tell(piece, ShareNews::Closed);
        self.reopen(piece, rng);
    }

    /// Makes a piece that is not in progress any more a candidate again, if it is wanted.
    fn reopen(&mut self, piece: u32, rng: &mut Rng) {
        if !self.needs(piece) || self.is_barred(piece) {
            return;
        }
        self.closed.remove(piece);
        if let Some(rarity) = &mut self.rarity {
            rarity.insert(piece, rng);
        }
    }

    /// Updates the sets of open partials after a change of this piece.
    fn sort_in(&mut self, piece: u32) {
        let partial = self.partials.get(&piece).filter(|_| self.is_wanted(piece));
        let (open, orphan) = partial.map_or((false, false), Partial::is_open);
        let put =
            |set: &mut BTreeSet<u32>, is_in: bool| if is_in { set.insert(piece) } else { set.remove(&piece) };
        put(&mut self.open, open);
        put(&mut self.orphans, orphan);
    }

    fn double(&mut self, ask: &Ask<'_>, rng: &mut Rng) -> Option<Block> {
        let skip = rng.usize(0..self.partials.len().max(1));
        let (layout, priorities) = (&self.layout, self.priorities.as_deref());
        let pieces = self.partials.iter_mut();
        let is_candidate = |piece: u32| ask.has.contains(piece) && is_wanted(priorities, piece);
        let mut candidates: Vec<_> = pieces.filter(|(piece, _)| is_candidate(**piece)).collect();
        let len = candidates.len();
        if len > 0 {
            candidates.rotate_left(skip % len);
        }
        candidates.into_iter().find_map(|(piece, partial)| {
            let index = partial.ask_again(ask.source, ENDGAME_COPIES)?;
            Some(Block { piece: *piece, begin: index * BLOCK_LEN, len: layout.block_len(*piece, index) })
        })
    }
}
