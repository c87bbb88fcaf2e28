//! A piece in progress: the state and the author of each block.

use crate::ids::SourceKey;
use crate::inspect::BlockState;
use crate::sender::Sender;
use std::ops::Range;

/// The result of a received block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Receipt {
    /// The block was missing.
    New {
        /// True if other sources were asked for it too.
        asked_of_others: bool,
    },
    /// The block was received before, or its piece is not in progress.
    Unneeded,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    Asked,
    Received,
}

#[derive(Clone, Copy)]
struct Slot {
    state: State,
    /// Number of sources that are asked, up to the limit of the endgame.
    askers: u8,
    /// Index into `senders`, once received.
    sender: u16,
    /// The last source that was asked.
    by: SourceKey,
}

pub(crate) struct Partial {
    slots: Box<[Slot]>,
    free: u32,
    received: u32,
    /// No slot below this one is free.
    first_free: u32,
    /// The source that gets the piece's blocks in order.
    owner: Option<SourceKey>,
    /// True after a failure: the piece is fetched from one peer alone, so that the next verdict has one author.
    exclusive: bool,
    senders: Vec<Sender>,
}

impl Partial {
    pub(crate) fn new(blocks: u32) -> Self {
        let slot = Slot { state: State::Free, askers: 0, sender: 0, by: SourceKey::default() };
        Self {
            slots: vec![slot; blocks as usize].into(),
            free: blocks,
            received: 0,
            first_free: 0,
            owner: None,
            exclusive: false,
            senders: Vec::new(),
        }
    }

    /// Returns the state of each block.
    pub(crate) fn states(&self) -> Vec<BlockState> {
        let state = |slot: &Slot| match slot.state {
            State::Free => BlockState::Free,
            State::Asked => BlockState::Asked(slot.askers),
            State::Received => BlockState::Received,
        };
        self.slots.iter().map(state).collect()
    }

    pub(crate) fn blocks(&self) -> u32 {
        self.slots.len() as u32
    }

    pub(crate) fn received_count(&self) -> u32 {
        self.received
    }

    pub(crate) fn free(&self) -> u32 {
        self.free
    }

    pub(crate) fn is_untouched(&self) -> bool {
        self.free as usize == self.slots.len() && self.owner.is_none() && !self.exclusive
    }

    /// Returns true if `source` may be asked for free blocks of this piece; with `share` even if another one owns it.
    pub(crate) fn admits(&self, source: SourceKey, share: bool) -> bool {
        let other = self.owner.is_some_and(|o| o != source);
        self.free > 0 && (!other || (share && !self.exclusive))
    }

    /// Takes the first free block for `source`.
    pub(crate) fn ask_next(&mut self, source: SourceKey) -> Option<u32> {
        if self.exclusive && self.owner.is_some_and(|o| o != source) {
            return None;
        }
        let from = self.first_free as usize;
        let index = from + self.slots[from..].iter().position(|s| s.state == State::Free)?;
        let slot = &mut self.slots[index];
        *slot = Slot { state: State::Asked, askers: 1, by: source, ..*slot };
        self.owner.get_or_insert(source);
        self.free -= 1;
        self.first_free = index as u32 + 1;
        Some(index as u32)
    }

    /// Takes the last block that others are asked for, in the endgame. The other peer sends blocks in order, so both
    /// meet halfway, and few blocks arrive twice.
    pub(crate) fn ask_again(&mut self, source: SourceKey, copies: u8) -> Option<u32> {
        let may_double = |s: &Slot| s.state == State::Asked && s.askers < copies && s.by != source;
        let at = self.slots.iter().rposition(may_double)?;
        self.slots[at].askers += 1;
        self.slots[at].by = source;
        Some(at as u32)
    }

    /// Takes the last blocks that others are asked for and that follow one another, as [`ask_again`](Self::ask_again)
    /// does. Returns the range, which may be empty.
    pub(crate) fn ask_run_again(&mut self, source: SourceKey, copies: u8) -> Range<u32> {
        let may_double = |s: &Slot| s.state == State::Asked && s.askers < copies && s.by != source;
        let Some(last) = self.slots.iter().rposition(may_double) else { return 0..0 };
        let first = last - self.slots[..last].iter().rev().take_while(|s| may_double(s)).count();
        for slot in &mut self.slots[first..=last] {
            slot.askers += 1;
            slot.by = source;
        }
        first as u32..last as u32 + 1
    }

    /// Takes a block for `source`. Returns false if it is not free.
    pub(crate) fn ask(&mut self, index: u32, source: SourceKey) -> bool {
        match self.slots.get_mut(index as usize) {
            Some(slot) if slot.state == State::Free => {
                *slot = Slot { state: State::Asked, askers: 1, by: source, ..*slot };
                self.free -= 1;
                true
            }
            _ => false,
        }
    }

    /// Returns the first free block.
    pub(crate) fn next_free(&self) -> Option<u32> {
        let from = self.first_free as usize;
        let at = self.slots.get(from..)?.iter().position(|s| s.state == State::Free)?;
        Some((from + at) as u32)
    }

    /// Returns true if a block was received.
    pub(crate) fn has_received(&self, index: u32) -> bool {
        self.slots.get(index as usize).is_some_and(|slot| slot.state == State::Received)
    }

    pub(crate) fn received(&mut self, index: u32, sender: Sender) -> Receipt {
        let Some(slot) = self.slots.get_mut(index as usize) else { return Receipt::Unneeded };
        match slot.state {
            State::Received => return Receipt::Unneeded,
            State::Free => self.free -= 1,
            State::Asked => {}
        }
        let at = self.senders.iter().position(|s| *s == sender).unwrap_or_else(|| {
            self.senders.push(sender);
            self.senders.len() - 1
        });
        let asked_of_others = slot.askers > 1 || slot.state == State::Free;
        slot.state = State::Received;
        slot.sender = u16::try_from(at).unwrap_or(u16::MAX);
        slot.askers = 0;
        self.received += 1;
        Receipt::New { asked_of_others }
    }

    pub(crate) fn release(&mut self, index: u32, source: SourceKey) {
        // An owner that was asked for all blocks has moved on and will not be asked for this one again.
        if self.free == 0 {
            self.owner = None;
        }
        self.disown(source);
        if let Some(slot) = self.slots.get_mut(index as usize)
            && slot.state == State::Asked
        {
            slot.askers = slot.askers.saturating_sub(1);
            if slot.askers == 0 {
                slot.state = State::Free;
                self.free += 1;
                self.first_free = self.first_free.min(index);
            }
        }
    }

    /// Opens the piece to all if `source` owns it. Returns true if it did.
    pub(crate) fn disown(&mut self, source: SourceKey) -> bool {
        let was_owner = self.owner == Some(source);
        if was_owner {
            self.open_to_all();
        }
        was_owner
    }

    /// Returns true if it has free blocks, and true if it has free blocks and no owner.
    pub(crate) fn is_open(&self) -> (bool, bool) {
        (self.free > 0, self.free > 0 && self.owner.is_none())
    }

    /// Opens the piece to all peers. Several authors are better than a piece that waits for one.
    pub(crate) fn open_to_all(&mut self) {
        self.owner = None;
        self.exclusive = false;
    }

    pub(crate) fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Returns `(begin, sender)` of the received blocks.
    pub(crate) fn senders(&self) -> Vec<(u32, Sender)> {
        let received = self.slots.iter().enumerate().filter(|(_, slot)| slot.state == State::Received);
        let sender = |(index, slot): (usize, &Slot)| {
            let sender = self.senders.get(usize::from(slot.sender))?;
            Some((index as u32 * ztor_metainfo::BLOCK_LEN, *sender))
        };
        received.filter_map(sender).collect()
    }

    /// Frees some received blocks, to be fetched from one peer alone.
    pub(crate) fn retry(&mut self, blocks: &[u32]) {
        for index in blocks {
            if let Some(slot) = self.slots.get_mut(*index as usize)
                && slot.state == State::Received
            {
                (slot.state, slot.askers) = (State::Free, 0);
                self.free += 1;
                self.received -= 1;
                self.first_free = self.first_free.min(*index);
            }
        }
        self.owner = None;
        self.exclusive = true;
    }

    /// Frees all blocks, to be fetched from one peer alone. Returns `(begin, sender)` of the received ones.
    pub(crate) fn restart(&mut self) -> Vec<(u32, Sender)> {
        let blocks = self.slots.len() as u32;
        let was = std::mem::replace(self, Self::new(blocks));
        self.exclusive = true;
        was.senders()
    }
}
