//! The pieces that a peer has.

use crate::bitfield::Bitfield;

/// The pieces that a peer has, as it says.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Pieces {
    /// No piece.
    #[default]
    None,
    /// Every piece.
    All,
    /// The pieces of a set.
    Some(Bitfield),
}

impl Pieces {
    /// Returns true if `piece` is one of them.
    pub fn contains(&self, piece: u32) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(set) => set.contains(piece),
        }
    }

    /// Their number, in a torrent of `pieces` pieces.
    pub fn count(&self, pieces: u32) -> u32 {
        match self {
            Self::None => 0,
            Self::All => pieces,
            Self::Some(set) => set.count(),
        }
    }
}
