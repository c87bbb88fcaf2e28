//! A piece in progress: which blocks are free, asked for, here, and who sent them.

use crate::bans::Author;
use crate::ids::PeerKey;
use crate::inspect::BlockState;
use ztor_base::Host;

/// The author of blocks that an earlier run has left on disk: nobody can be blamed for them. No peer has this address.
pub(crate) const ON_DISK: Author = Author::Host(Host::V4([0; 4]));

/// What became of a block that came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Receipt {
    /// It was missing and is now here.
    New {
        /// Other peers were asked for it too.
        asked_of_others: bool,
    },
    /// It was here already, or the piece is not in progress.
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
    /// How many peers are being asked, up to the endgame's limit.
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
    /// The peer that is being given the piece's blocks in a row.
    owner: Option<PeerKey>,
    /// After a failure the piece comes from one peer alone, so that the next verdict has one author.
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

    /// What each block is at.
    pub(crate) fn states(&self) -> Vec<BlockState> {
        let state = |slot: &Slot| match slot.state {
            State::Free => BlockState::Free,
            State::Asked => BlockState::Asked(slot.askers),
            State::Received => BlockState::Received,
        };
        self.slots.iter().map(state).collect()
    }

    pub(crate) fn free(&self) -> u32 {
        self.free
    }

    pub(crate) fn is_untouched(&self) -> bool {
        self.free as usize == self.slots.len() && self.owner.is_none() && !self.exclusive
    }

    /// Returns true if `peer` may be asked for free blocks of this piece; `share`: also of one another peer works on.
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

    /// Takes a block that others are asked for already, for the endgame: the last one. Whoever has been asked gives them in
    /// order, so that both meet halfway, and few blocks come twice.
    pub(crate) fn ask_again(&mut self, peer: PeerKey, copies: u8) -> Option<u32> {
        let may_double = |s: &Slot| s.state == State::Asked && s.askers < copies && s.by != peer;
        let at = self.slots.iter().rposition(may_double)?;
        self.slots[at].askers += 1;
        self.slots[at].by = peer;
        Some(at as u32)
    }

    pub(crate) fn received(&mut self, index: u32, source: Author) -> Receipt {
        let at = self.sources.iter().position(|s| *s == source).unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        });
        let Some(slot) = self.slots.get_mut(index as usize) else { return Receipt::Unneeded };
        match slot.state {
            State::Received => return Receipt::Unneeded,
            State::Free => self.free -= 1,
            State::Asked => {}
        }
        let asked_of_others = slot.askers > 1 || slot.state == State::Free;
        slot.state = State::Received;
        slot.source = u16::try_from(at).unwrap_or(u16::MAX);
        slot.askers = 0;
        self.received += 1;
        Receipt::New { asked_of_others }
    }

    pub(crate) fn release(&mut self, index: u32, peer: PeerKey) {
        // An owner that has asked for all of it has moved on and will not come back for this block.
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

    /// True if it was the peer's.
    pub(crate) fn disown(&mut self, peer: PeerKey) -> bool {
        let was_owner = self.owner == Some(peer);
        if was_owner {
            self.open_to_all();
        }
        was_owner
    }

    /// Returns true if it has free blocks, and whether it has and no peer works on it.
    pub(crate) fn is_open(&self) -> (bool, bool) {
        (self.free > 0, self.free > 0 && self.owner.is_none())
    }

    /// Rather a piece with several authors than one that is waited for.
    pub(crate) fn open_to_all(&mut self) {
        self.owner = None;
        self.exclusive = false;
    }

    pub(crate) fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// All blocks free again, and from one peer alone. Returns `(begin, source)` of what had been received.
    pub(crate) fn restart(&mut self) -> Vec<(u32, Author)> {
        let blocks = self.slots.len() as u32;
        let was = std::mem::replace(self, Self::new(blocks));
        self.exclusive = true;
        was.slots
            .iter()
            .enumerate()
            .filter(|(_, s)| s.state == State::Received)
            .filter_map(|(i, s)| {
                Some((i as u32 * ztor_metainfo::BLOCK_LEN, *was.sources.get(usize::from(s.source))?))
            })
            .collect()
    }
}
