//! Pieces of a peer while their number is unknown, because the metadata of a magnet link has not arrived.

use crate::bitfield::Bitfield;
use crate::misbehaviour::Misbehaviour;
use crate::pieces::Pieces;
use ztor_metainfo::MAX_PIECES;

/// Pieces of a peer in a torrent with an unknown number of pieces.
#[derive(Debug, Default)]
pub(crate) struct PendingPieces {
    has_all: bool,
    /// One bit for each piece as on the wire. At most [`MAX_PIECES`].
    bits: Vec<u8>,
    /// True if they were sent as a bitfield, which must have the right length.
    is_exact: bool,
}

impl PendingPieces {
    /// Returns the used memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bits.capacity()
    }

    pub(crate) fn has_all(&mut self) {
        self.has_all = true;
    }

    /// Takes a bitfield.
    pub(crate) fn bitfield(&mut self, bits: &[u8]) -> Result<(), Misbehaviour> {
        if bits.len() > MAX_PIECES.div_ceil(8) as usize {
            return Err(Misbehaviour::BadBitfield { got: bits.len(), pieces: MAX_PIECES });
        }
        *self = Self { has_all: false, bits: bits.to_vec(), is_exact: true };
        Ok(())
    }

    pub(crate) fn have(&mut self, piece: u32) -> Result<(), Misbehaviour> {
        if piece >= MAX_PIECES {
            return Err(Misbehaviour::NoSuchPiece { piece, pieces: MAX_PIECES });
        }
        let at = piece as usize / 8;
        if at >= self.bits.len() {
            if self.is_exact {
                return Err(Misbehaviour::NoSuchPiece { piece, pieces: self.bits.len() as u32 * 8 });
            }
            self.bits.resize(at + 1, 0);
        }
        self.bits[at] |= 0x80 >> (piece % 8);
        Ok(())
    }

    /// Converts them, once the number of pieces is known.
    pub(crate) fn pieces(mut self, pieces: u32) -> Result<Pieces, Misbehaviour> {
        if self.has_all {
            return Ok(Pieces::All);
        }
        if self.bits.is_empty() {
            return Ok(Pieces::None);
        }
        let wanted = pieces.div_ceil(8) as usize;
        let got = self.bits.len();
        if !self.is_exact && got < wanted {
            self.bits.resize(wanted, 0);
        }
        let set = Bitfield::from_wire(&self.bits, pieces).ok_or(Misbehaviour::BadBitfield { got, pieces })?;
        Ok(if set.is_full() { Pieces::All } else { Pieces::Some(set) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn pending_pieces_are_kept_when_the_number_is_known() {
        let mut pending = PendingPieces::default();
        pending.have(3).expect("a piece");
        pending.have(9).expect("a piece");
        let Pieces::Some(set) = pending.pieces(20).expect("pieces") else { panic!("some") };
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 9]);
        let mut pending = PendingPieces::default();
        pending.bitfield(&[0xff, 0xc0]).expect("a bitfield");
        assert_eq!(pending.pieces(10).expect("pieces"), Pieces::All);
        let mut pending = PendingPieces::default();
        pending.has_all();
        assert_eq!(pending.pieces(10).expect("pieces"), Pieces::All);
        assert_eq!(PendingPieces::default().pieces(10).expect("pieces"), Pieces::None);
    }

    #[test]
    fn pending_pieces_outside_the_torrent_are_an_error() {
        let mut pending = PendingPieces::default();
        pending.bitfield(&[0xff, 0xc0]).expect("a bitfield");
        assert!(pending.have(16).is_err(), "outside its own bitfield");
        assert!(pending.pieces(100).is_err());
        let mut pending = PendingPieces::default();
        pending.have(30).expect("a piece");
        assert!(pending.pieces(10).is_err());
        assert!(PendingPieces::default().have(MAX_PIECES).is_err());
        assert!(PendingPieces::default().bitfield(&vec![0; MAX_PIECES as usize / 8 + 1]).is_err());
    }
}
