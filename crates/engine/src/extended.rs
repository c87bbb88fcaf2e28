//! What a peer has told by extended messages (BEP 10), and what it has had of them.

use crate::bitfield::Bitfield;
use crate::misbehaviour::Misbehaviour;
use crate::on_holepunch::Punch;
use crate::pex::PexPeer;
use crate::pieces::Pieces;
use ztor_metainfo::MAX_PIECES;

/// The ids that messages to us carry.
pub(crate) const OUR_UT_PEX: u8 = 1;
pub(crate) const OUR_UT_METADATA: u8 = 2;
pub(crate) const OUR_UT_HOLEPUNCH: u8 = 3;

/// A peer's side of the extensions.
#[derive(Debug, Default)]
pub(crate) struct Extended {
    /// Speaks them at all.
    pub(crate) is_spoken: bool,
    /// The ids that messages to it carry.
    pub(crate) ut_metadata: Option<u8>,
    pub(crate) ut_pex: Option<u8>,
    pub(crate) ut_holepunch: Option<u8>,
    /// The length of the metadata, as it says.
    pub(crate) metadata_size: Option<u32>,
    /// Where it listens.
    pub(crate) listen_port: Option<u16>,
    /// Wants nothing (BEP 21).
    pub(crate) upload_only: bool,
    /// What it has said of its pieces before we knew how many there are.
    pub(crate) early: Option<Early>,
    pub(crate) pex: PexPeer,
    pub(crate) punch: Punch,
}

/// Pieces of a torrent of which the number of pieces is not known.
#[derive(Debug, Default)]
pub(crate) struct Early {
    has_all: bool,
    /// As on the wire. At most [`MAX_PIECES`].
    bits: Vec<u8>,
    /// It came as a whole, and so must have the right length.
    is_exact: bool,
}

impl Early {
    /// Memory in bytes.
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

    /// What it comes to, now that the number of pieces is known.
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
    fn what_was_said_early_counts_later() {
        let mut early = Early::default();
        early.have(3).expect("a piece");
        early.have(9).expect("a piece");
        let Pieces::Some(set) = early.pieces(20).expect("pieces") else { panic!("some") };
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 9]);
        let mut early = Early::default();
        early.bitfield(&[0xff, 0xc0]).expect("a bitfield");
        assert_eq!(early.pieces(10).expect("pieces"), Pieces::All);
        let mut early = Early::default();
        early.has_all();
        assert_eq!(early.pieces(10).expect("pieces"), Pieces::All);
        assert_eq!(Early::default().pieces(10).expect("pieces"), Pieces::None);
    }

    #[test]
    fn what_does_not_fit_is_an_offence() {
        let mut early = Early::default();
        early.bitfield(&[0xff, 0xc0]).expect("a bitfield");
        assert!(early.have(16).is_err(), "outside its own bitfield");
        assert!(early.pieces(100).is_err());
        let mut early = Early::default();
        early.have(30).expect("a piece");
        assert!(early.pieces(10).is_err());
        assert!(Early::default().have(MAX_PIECES).is_err());
        assert!(Early::default().bitfield(&vec![0; MAX_PIECES as usize / 8 + 1]).is_err());
    }
}
