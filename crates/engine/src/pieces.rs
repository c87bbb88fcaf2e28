//! The pieces that a peer has.

use crate::bitfield::Bitfield;

/// The pieces that a peer has, as it claims.
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
    /// Returns true if the peer has `piece`.
    pub fn contains(&self, piece: u32) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(set) => set.contains(piece),
        }
    }

    /// Returns the number of pieces that the peer has, in a torrent of `pieces` pieces.
    pub fn count(&self, pieces: u32) -> u32 {
        match self {
            Self::None => 0,
            Self::All => pieces,
            Self::Some(set) => set.count(),
        }
    }
}
