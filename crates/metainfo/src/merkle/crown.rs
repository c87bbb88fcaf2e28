//! Proofs for parts of a long layer, without the whole tree in memory.

use super::{Hash, Range, Tree, height, root_above};

/// The upper part of the tree over a layer, from the hashes that each cover [`Crown::SPAN`] hashes of the layer up to
/// the root. It holds 1/256 as many hashes as the layer. Each answer computes the part below again, from at most
/// [`Crown::SPAN`] hashes.
#[derive(Clone, Debug)]
pub struct Crown {
    base_layer: u32,
    tree: Tree,
}

impl Crown {
    /// Number of layers that are left out.
    const LAYERS_LEFT_OUT: u32 = 9;
    /// Number of hashes of the layer that one hash of the crown's lowest layer covers. [`answer`](Self::answer) returns
    /// no more, and no client requests more at a time (BEP 52 recommends 512).
    pub const SPAN: u32 = 1 << Self::LAYERS_LEFT_OUT;

    /// Builds the crown over the layer `base_layer` from groups of [`SPAN`](Self::SPAN) hashes; only the last group may
    /// have fewer. Computes about one hash for each hash of the layer.
    pub fn new<G: AsRef<[Hash]>>(base_layer: u32, groups: impl IntoIterator<Item = G>) -> Self {
        let root = |group: G| root_above(group.as_ref(), base_layer, Self::SPAN as usize);
        let roots: Vec<Hash> = groups.into_iter().map(root).collect();
        let lowest = base_layer + Self::LAYERS_LEFT_OUT;
        let height = lowest + height(roots.len() as u64);
        Self { base_layer, tree: Tree::new(roots, lowest, height) }
    }

    /// Returns the root.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Returns the answer of [`Tree::answer`] for a range of at most [`SPAN`](Self::SPAN) hashes of the layer itself.
    /// `group` are [`SPAN`](Self::SPAN) hashes of the layer, fewer only at its end. They start at `range.index`,
    /// rounded down to a multiple of [`SPAN`](Self::SPAN).
    pub fn answer(&self, range: Range, group: &[Hash]) -> Option<Vec<Hash>> {
        let height = self.tree.height();
        if !range.fits(height) || range.base_layer != self.base_layer || range.length > Self::SPAN {
            return None;
        }
        let lowest = self.base_layer + Self::LAYERS_LEFT_OUT;
        let inner = Range {
            index: range.index % Self::SPAN,
            proof_layers: range.proof_layers.min(Self::LAYERS_LEFT_OUT),
            ..range
        };
        let mut hashes = Tree::new(group.to_vec(), self.base_layer, lowest).answer(inner)?;
        for layer in range.uncle_layers(height).filter(|layer| *layer >= lowest) {
            let ancestor = range.index >> (layer - self.base_layer);
            hashes.push(self.tree.hash(layer, ancestor ^ 1));
        }
        Some(hashes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::merkle::leaf;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn crown_answers_equal_those_of_the_whole_tree(
            count in 513_usize..3000,
            base_layer in 0_u32..4,
            span in 1_u32..11,
            at in 0_u32..4096,
            proof_layers in 0_u32..14,
        ) {
            let layer: Vec<Hash> = (0..count).map(|i| leaf(&i.to_le_bytes())).collect();
            let tree = Tree::new(layer.clone(), base_layer, 0);
            let crown = Crown::new(base_layer, layer.chunks(Crown::SPAN as usize));
            prop_assert_eq!(crown.root(), tree.root());
            let length = 1 << span;
            let range = Range { base_layer, index: at / length * length, length, proof_layers };
            let start = (range.index / Crown::SPAN * Crown::SPAN) as usize;
            let end = (start + Crown::SPAN as usize).min(count);
            let group = layer.get(start..end).unwrap_or_default();
            let wanted = tree.answer(range).filter(|_| length <= Crown::SPAN);
            prop_assert_eq!(crown.answer(range, group), wanted);
            let other_layer = Range { base_layer: base_layer + 1, ..range };
            prop_assert_eq!(crown.answer(other_layer, group), None);
        }
    }
}
