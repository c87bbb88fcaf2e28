//! A piece in progress: the state and the author of each block.

use crate::bans::Author;
use crate::ids::PeerKey;
use crate::inspect::BlockState;
use ztor_base::Host;

/// The author of blocks that an earlier run has left on disk, which no peer can be blamed for. No peer has this
/// address.
pub(crate) const ON_DISK: Author = Author::Host(Host::V4([0; 4]));

/// The result of a received block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Receipt {
    /// The block was missing.
    New {
        /// True if other peers were asked for it too.
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
    /// Number of peers that are asked, up to the limit of the endgame.
    askers: u8,
    /// Index into `sources`, once received.
    source: u16,
    /// The last peer that was asked.
    by: PeerKey,
}

pub(crate) struct Partial {
    slots: Box<[Slot]>,
    free: u32,
    received: u32,
    /// No slot below this one is free.
    first_free: u32,
    /// The peer that gets the piece's blocks in order.
    owner: Option<PeerKey>,
    /// True after a failure: the piece is fetched from one peer alone, so that the next verdict has one author.
    exclusive: bool,
    sources: Vec<Author>,
}

impl Partial {
    pub(crate) fn new(blocks: u32) -> Self {
        let slot = Slot { state: State::Free, askers: 0, source: 0, by: PeerKey::default() };
        Self {
            slots: vec![slot; blocks as usize].into(),
            free: blocks,
            received: 0,
            first_free: 0,
            owner: None,
            exclusive: false,
            sources: Vec::new(),
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

    /// Returns true if `peer` may be asked for free blocks of this piece; with `share` even if another peer owns it.
    pub(crate) fn admits(&self, peer: PeerKey, share: bool) -> bool {
        let other = self.owner.is_some_and(|o| o != peer);
        self.free > 0 && (!other || (share && !self.exclusive))
    }

    /// Takes the first free block for `peer`.
    pub(crate) fn ask_next(&mut self, peer: PeerKey) -> Option<u32> {
        if self.exclusive && self.owner.is_some_and(|o| o != peer) {
            return None;
        }
        let from = self.first_free as usize;
        let index = from + self.slots[from..].iter().position(|s| s.state == State::Free)?;
        let slot = &mut self.slots[index];
        *slot = Slot { state: State::Asked, askers: 1, by: peer, ..*slot };
        self.owner.get_or_insert(peer);
        self.free -= 1;
        self.first_free = index as u32 + 1;
        Some(index as u32)
    }

    /// Takes the last block that others are asked for, in the endgame. The other peer sends blocks in order, so both
    /// meet halfway, and few blocks arrive twice.
    pub(crate) fn ask_again(&mut self, peer: PeerKey, copies: u8) -> Option<u32> {
        let may_double = |s: &Slot| s.state == State::Asked && s.askers < copies && s.by != peer;
        let at = self.slots.iter().rposition(may_double)?;
        self.slots[at].askers += 1;
        self.slots[at].by = peer;
        Some(at as u32)
    }

    pub(crate) fn received(&mut self, index: u32, source: Author) -> Receipt {
        let Some(slot) = self.slots.get_mut(index as usize) else { return Receipt::Unneeded };
        match slot.state {
            State::Received => return Receipt::Unneeded,
            State::Free => self.free -= 1,
            State::Asked => {}
        }
        let at = self.sources.iter().position(|s| *s == source).unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        });
        let asked_of_others = slot.askers > 1 || slot.state == State::Free;
        slot.state = State::Received;
        slot.source = u16::try_from(at).unwrap_or(u16::MAX);
        slot.askers = 0;
        self.received += 1;
        Receipt::New { asked_of_others }
    }

    pub(crate) fn release(&mut self, index: u32, peer: PeerKey) {
        // An owner that was asked for all blocks has moved on and will not be asked for this one again.
        if self.free == 0 {
            self.owner = None;
        }
        self.disown(peer);
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

    /// Opens the piece to all if `peer` owns it. Returns true if it did.
    pub(crate) fn disown(&mut self, peer: PeerKey) -> bool {
        let was_owner = self.owner == Some(peer);
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

    /// Returns `(begin, source)` of the received blocks.
    pub(crate) fn sources(&self) -> Vec<(u32, Author)> {
        let received = self.slots.iter().enumerate().filter(|(_, slot)| slot.state == State::Received);
        let source = |(index, slot): (usize, &Slot)| {
            let author = self.sources.get(usize::from(slot.source))?;
            Some((index as u32 * ztor_metainfo::BLOCK_LEN, *author))
        };
        received.filter_map(source).collect()
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

    /// Frees all blocks, to be fetched from one peer alone. Returns `(begin, source)` of the received ones.
    pub(crate) fn restart(&mut self) -> Vec<(u32, Author)> {
        let blocks = self.slots.len() as u32;
        let was = std::mem::replace(self, Self::new(blocks));
        self.exclusive = true;
        was.sources()
    }
}
