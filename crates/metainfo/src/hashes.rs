use std::ops::Range;
use std::sync::Arc;

use ztor_base::Sha1Digest;

use crate::Layout;
use crate::merkle::{self, Hash};

/// Expected hashes of the pieces of a torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PieceHashes {
    /// `None` for v2-only torrents.
    v1: Option<V1Hashes>,
    /// One entry per piece, `None` while unknown; `None` as a whole for v1 torrents.
    v2: Option<Vec<Option<Hash>>>,
}

/// The `pieces` of an info dictionary: one hash of 20 bytes per piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct V1Hashes {
    pub(crate) info: Arc<[u8]>,
    /// Place of the hashes in the dictionary.
    pub(crate) pieces: Range<usize>,
}

impl PieceHashes {
    pub(crate) fn new(v1: Option<V1Hashes>, v2: Option<Vec<Option<Hash>>>) -> Self {
        Self { v1, v2 }
    }

    /// Returns the SHA-1 of the piece with its pads (BEP 3); `None` if the torrent is v2-only.
    pub fn v1(&self, piece: u32) -> Option<Sha1Digest> {
        let V1Hashes { info, pieces } = self.v1.as_ref()?;
        let (hashes, _) = info.get(pieces.clone())?.as_chunks::<20>();
        hashes.get(piece as usize).copied().map(Sha1Digest::new)
    }

    /// Returns the root of the piece's part of its file's hash tree (BEP 52). The part has
    /// [`Layout::v2_leaf_width`](crate::Layout::v2_leaf_width) leaves.
    ///
    /// `None` if the torrent is v1 or the hash is not yet known. A magnet link leads only to the info dictionary, which
    /// has only the roots of whole files; some torrent files have no more. Pieces of a file with several pieces can
    /// then be checked only after [`Metainfo::add_piece_layer`](crate::Metainfo::add_piece_layer) has added the hashes
    /// from peers. A piece for which neither `v1` nor `v2` returns a hash must never pass as good.
    pub fn v2(&self, piece: u32) -> Option<Hash> {
        self.v2.as_ref()?.get(piece as usize).copied().flatten()
    }

    /// Returns the used memory in bytes, without that of the info dictionary.
    pub(crate) fn bytes(&self) -> usize {
        self.v2.as_ref().map_or(0, |hashes| hashes.capacity() * size_of::<Option<Hash>>())
    }

    /// Returns true if every hash that the format promises is known.
    pub fn is_complete(&self) -> bool {
        self.v2.as_ref().is_none_or(|hashes| hashes.iter().all(Option::is_some))
    }

    /// Returns the piece layer of a file with these pieces; `None` if a hash is unknown.
    pub(crate) fn layer(&self, pieces: Range<u32>) -> Option<Vec<Hash>> {
        pieces.map(|piece| self.v2(piece)).collect()
    }

    /// Stores the piece layer of a file. Returns false if it does not match the file's root, or the file has none.
    pub(crate) fn set_layer_of(&mut self, layout: &Layout, file: usize, layer: &[Hash]) -> bool {
        let Some(root) = layout.files().get(file).and_then(|file| file.pieces_root()) else {
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
