use std::ops::Range;

use ztor_base::Sha1Digest;

use crate::Layout;
use crate::merkle::{self, Hash};

/// What the pieces of a torrent must hash to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PieceHashes {
    /// Of v1 and hybrid torrents, one for every piece.
    v1: Option<Vec<Sha1Digest>>,
    /// Of v2 and hybrid torrents, one for every piece, as far as they are known.
    v2: Option<Vec<Option<Hash>>>,
}

impl PieceHashes {
    pub(crate) fn new(v1: Option<Vec<Sha1Digest>>, v2: Option<Vec<Option<Hash>>>) -> Self {
        Self { v1, v2 }
    }

    /// SHA-1 of the piece with its pads (BEP 3); `None` if the torrent is v2-only.
    pub fn v1(&self, piece: u32) -> Option<Sha1Digest> {
        self.v1.as_ref()?.get(piece as usize).copied()
    }

    /// The root of the piece's part of its file's hash tree (BEP 52), which has
    /// [`Layout::v2_leaf_width`](crate::Layout::v2_leaf_width) leaves.
    ///
    /// `None` if the torrent is v1, and also if the hash is not known yet: a magnet link brings the info
    /// dictionary alone, and with it only the roots of whole files; some torrent files have no more. Then the hashes of files of more than one
    /// piece must be had from peers and handed to
    /// [`Metainfo::add_piece_layer`](crate::Metainfo::add_piece_layer) before such a piece can be checked. A
    /// piece of a torrent where neither `v1` nor `v2` gives a hash must never pass as good.
    pub fn v2(&self, piece: u32) -> Option<Hash> {
        self.v2.as_ref()?.get(piece as usize).copied().flatten()
    }

    /// Whether every hash the format promises is there.
    pub fn is_complete(&self) -> bool {
        self.v2.as_ref().is_none_or(|hashes| hashes.iter().all(Option::is_some))
    }

    /// The piece layer of a file of these pieces, if known.
    pub(crate) fn layer(&self, pieces: Range<u32>) -> Option<Vec<Hash>> {
        pieces.map(|piece| self.v2(piece)).collect()
    }

    /// Takes the piece layer of a file, if it is the one with the file's root. False if not, and if the file has none.
    pub(crate) fn set_layer_of(&mut self, layout: &Layout, file: usize, layer: &[Hash]) -> bool {
        let Some(root) = layout.files().get(file).and_then(|file| file.pieces_root) else {
            return false;
        };
        self.set_layer(layout.pieces_of(file), layer, layout.piece_length(), &root)
    }

    fn set_layer(&mut self, pieces: Range<u32>, layer: &[Hash], piece_length: u32, root: &Hash) -> bool {
        let slots = self.v2.as_mut().and_then(|all| all.get_mut(pieces.start as usize..pieces.end as usize));
        let Some(slots) = slots.filter(|slots| slots.len() == layer.len() && layer.len() > 1) else {
            return false;
        };
        if merkle::root_of_piece_layer(layer, piece_length) != *root {
            return false;
        }
        slots.iter_mut().zip(layer).for_each(|(slot, hash)| *slot = Some(*hash));
        true
    }
}
