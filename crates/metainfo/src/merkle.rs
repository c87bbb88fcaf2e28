//! Hash trees of BEP 52: binary trees of SHA-256 hashes with a leaf for every 16 KiB block of a file.
//!
//! The number of leaves is the number of blocks, rounded up to a power of two. Leaves beyond the end of the file are
//! zero. Layers are counted from the leaves, which are layer 0. Padding is never stored: a layer passed as a slice ends
//! with the last hash that covers data.

use sha2::{Digest, Sha256};

use crate::BLOCK_LEN;

pub use crown::Crown;

mod crown;

/// A hash in a tree.
pub type Hash = [u8; 32];

/// Maximum height of a file's tree: 2⁵⁰ blocks have more bytes than [`u64`] can count.
const MAX_HEIGHT: u32 = 50;

/// Returns the leaf of a block: 16 KiB of one file, less only at its end.
pub fn leaf(block: &[u8]) -> Hash {
    Sha256::digest(block).into()
}

/// Returns the parent of two nodes.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update(left).chain_update(right).finalize().into()
}

/// Returns the hash on a layer without data below it: the root of a tree of 2^`layer` zero leaves.
pub fn padding(layer: u32) -> Hash {
    (0..layer).fold([0; 32], |hash, _| node(&hash, &hash))
}

/// Returns the root over `leaves`, padded with zero leaves to `width`, a power of two. A `width` that is too small or
/// no power of two is raised to the next one that fits.
pub fn root_of(leaves: &[Hash], width: usize) -> Hash {
    root_above(leaves, 0, width)
}

/// Returns the root over hashes of layer `layer`, padded to `width` hashes with that layer's [`padding`].
pub fn root_above(hashes: &[Hash], layer: u32, width: usize) -> Hash {
    let height = layer + height(hashes.len().max(width) as u64);
    Tree::new(hashes.to_vec(), layer, height).root()
}

/// Returns the height of the tree over `count` hashes: the exponent of the next power of two.
pub fn height(count: u64) -> u32 {
    count.max(1).checked_next_power_of_two().map_or(64, u64::trailing_zeros)
}

/// Returns the layer on which one hash covers one piece. `piece_length` is a power of two, 16 KiB or more.
pub fn piece_layer(piece_length: u32) -> u32 {
    height(u64::from(piece_length / BLOCK_LEN))
}

/// Returns the root of a file's tree from its piece layer (BEP 52, "piece layers"), which has a hash per piece. For
/// files of more than one piece.
pub fn root_of_piece_layer(layer: &[Hash], piece_length: u32) -> Hash {
    root_above(layer, piece_layer(piece_length), layer.len())
}

/// A range of hashes in a file's tree, as a peer requests it (BEP 52, `hash request`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Range {
    /// Layer of the hashes.
    pub base_layer: u32,
    /// Index of the first hash, a multiple of `length`.
    pub index: u32,
    /// Number of hashes, a power of two of at least 2.
    pub length: u32,
    /// Number of layers above `base_layer` whose uncles are requested too. Layers up to the root of the subtree that
    /// the hashes span have no uncles, but count.
    pub proof_layers: u32,
}

impl Range {
    /// Returns true if a tree of this height has such a range. Check this before using a peer's numbers.
    pub fn fits(&self, height: u32) -> bool {
        let span = self.length.trailing_zeros();
        height <= MAX_HEIGHT
            && self.length >= 2
            && self.length.is_power_of_two()
            && self.index.is_multiple_of(self.length)
            && self.base_layer.checked_add(span).is_some_and(|top| top <= height)
            && self.base_layer.checked_add(self.proof_layers).is_some_and(|top| top <= height)
            && u64::from(self.index) + u64::from(self.length) <= 1 << (height - self.base_layer)
    }

    /// Returns the layers that have an uncle in the answer.
    fn uncle_layers(&self, height: u32) -> std::ops::Range<u32> {
        let first = self.base_layer + self.length.trailing_zeros();
        first..(self.base_layer + self.proof_layers + 1).min(height).max(first)
    }
}

/// A file's tree from some layer up to the root.
#[derive(Clone, Debug)]
pub struct Tree {
    base_layer: u32,
    height: u32,
    /// Layers from the base to the root, each without its padding.
    layers: Vec<Vec<Hash>>,
    /// Padding of each layer.
    padding: Vec<Hash>,
}

impl Tree {
    /// Builds the layers above `base`, which is layer `base_layer` of a tree of `height`. A height that is too small
    /// for the number of hashes is raised.
    pub fn new(base: Vec<Hash>, base_layer: u32, height: u32) -> Self {
        let needed = base_layer + self::height(base.len() as u64);
        let height = height.max(needed);
        let mut tree = Self { base_layer, height, layers: vec![base], padding: vec![padding(base_layer)] };
        for _ in base_layer..height {
            let below = &tree.layers[tree.layers.len() - 1];
            let pad = tree.padding[tree.padding.len() - 1];
            let above = below.chunks(2).map(|pair| node(&pair[0], pair.get(1).unwrap_or(&pad))).collect();
            tree.layers.push(above);
            tree.padding.push(node(&pad, &pad));
        }
        tree
    }

    /// Builds the tree over a file's piece layer.
    pub fn of_piece_layer(layer: Vec<Hash>, piece_length: u32) -> Self {
        Self::new(layer, piece_layer(piece_length), 0)
    }

    /// Returns the root.
    pub fn root(&self) -> Hash {
        self.hash(self.height, 0)
    }

    /// Returns the number of layers above the leaves.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Returns the answer to a hash request: the hashes, then the uncles from the lowest to the highest. `None` if the
    /// tree has no such hashes or starts above them: the request must be rejected.
    pub fn answer(&self, range: Range) -> Option<Vec<Hash>> {
        if !range.fits(self.height) || range.base_layer < self.base_layer {
            return None;
        }
        let mut hashes: Vec<Hash> =
            (range.index..range.index + range.length).map(|i| self.hash(range.base_layer, i)).collect();
        for layer in range.uncle_layers(self.height) {
            let ancestor = range.index >> (layer - range.base_layer);
            hashes.push(self.hash(layer, ancestor ^ 1));
        }
        Some(hashes)
    }

    fn hash(&self, layer: u32, index: u32) -> Hash {
        let at = (layer - self.base_layer) as usize;
        self.layers[at].get(index as usize).copied().unwrap_or(self.padding[at])
    }
}

/// Checks a peer's answer to a hash request against the root of a tree of `height`. Returns the hashes of the base
/// layer without the uncles, or `None` if anything is wrong. The request must have included the proof up to the root.
pub fn check<'a>(root: &Hash, height: u32, range: Range, answer: &'a [Hash]) -> Option<&'a [Hash]> {
    if !range.fits(height) {
        return None;
    }
    let (hashes, uncles) = answer.split_at_checked(range.length as usize)?;
    let layers = range.uncle_layers(height);
    let first = range.base_layer + range.length.trailing_zeros();
    if layers.len() != uncles.len() || first + layers.len() as u32 != height {
        return None;
    }
    let mut hash = root_above(hashes, range.base_layer, hashes.len());
    for (layer, uncle) in layers.zip(uncles) {
        let is_right = (range.index >> (layer - range.base_layer)) & 1 == 1;
        hash = if is_right { node(uncle, &hash) } else { node(&hash, uncle) };
    }
    (hash == *root).then_some(hashes)
}

#[cfg(test)]
mod tests;
