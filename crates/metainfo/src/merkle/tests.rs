#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
use proptest::prelude::*;

use super::*;

/// Computes the root by its definition: from all leaves, layer by layer.
fn naive(leaves: &[Hash], width: usize) -> Hash {
    let mut layer = leaves.to_vec();
    layer.resize(width, [0; 32]);
    while layer.len() > 1 {
        layer = layer.chunks(2).map(|pair| Sha256::digest(pair.concat()).into()).collect();
    }
    layer[0]
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|i| leaf(&i.to_le_bytes())).collect()
}

#[test]
fn roots_and_heights_of_small_trees_are_exact() {
    assert_eq!(root_of(&[], 1), [0; 32]);
    assert_eq!(root_of(&leaves(1), 1), leaf(&0_usize.to_le_bytes()));
    assert_eq!(root_of(&[], 4), padding(2));
    assert_eq!(naive(&leaves(3), 4), root_of(&leaves(3), 4));
    assert_eq!((height(0), height(1), height(2), height(3), height(5)), (0, 0, 1, 2, 3));
    assert_eq!((piece_layer(16 << 10), piece_layer(1 << 20)), (0, 6));
}

#[test]
fn answer_and_check_of_an_invalid_range_are_none() {
    let tree = Tree::new(leaves(8), 0, 0);
    let good = Range { base_layer: 0, index: 4, length: 4, proof_layers: 3 };
    assert!(tree.answer(good).is_some());
    for bad in [
        Range { length: 0, ..good },
        Range { length: 1, ..good },
        Range { length: 3, index: 3, ..good },
        Range { index: 2, ..good },
        Range { index: 8, ..good },
        Range { index: 1 << 31, length: 1 << 31, ..good },
        Range { base_layer: 4, ..good },
        Range { base_layer: u32::MAX, ..good },
        Range { proof_layers: 4, ..good },
        Range { proof_layers: u32::MAX, ..good },
        Range { base_layer: 1, ..good },
    ] {
        assert_eq!(tree.answer(bad), None, "{bad:?}");
        assert_eq!(check(&tree.root(), 3, bad, &leaves(9)), None, "{bad:?}");
    }
    assert_eq!(Tree::new(leaves(2), 2, 0).answer(Range { index: 0, length: 2, ..good }), None);
}

proptest! {
    #[test]
    fn root_of_any_leaves_matches_the_definition(count in 0_usize..70, extra in 0_u32..3) {
        let width = count.max(1).next_power_of_two() << extra;
        prop_assert_eq!(root_of(&leaves(count), width), naive(&leaves(count), width));
    }

    #[test]
    fn the_piece_layer_has_the_root_of_the_leaves(blocks in 5_usize..200, layer in 0_u32..3) {
        let leaves = leaves(blocks);
        let per_piece = 1 << layer;
        let pieces: Vec<Hash> = leaves.chunks(per_piece).map(|piece| root_of(piece, per_piece)).collect();
        let root = root_of_piece_layer(&pieces, BLOCK_LEN << layer);
        prop_assert_eq!(root, naive(&leaves, blocks.next_power_of_two()));
        prop_assert_eq!(Tree::of_piece_layer(pieces, BLOCK_LEN << layer).root(), root);
    }

    #[test]
    fn check_accepts_an_answer_and_refuses_a_changed_one(
        count in 2_usize..100, base in 0_u32..3, span in 1_u32..5, at in any::<prop::sample::Index>(),
        lie in any::<prop::sample::Index>(),
    ) {
        let base_layer: Vec<Hash> = leaves(count);
        let tree = Tree::new(base_layer.clone(), base, 0);
        let span = span.min(tree.height() - base);
        let length = 1_u32 << span;
        let index = at.index(1 << (tree.height() - base - span)) as u32 * length;
        let range = Range { base_layer: base, index, length, proof_layers: tree.height() - base };
        let mut answer = tree.answer(range).unwrap();
        prop_assert_eq!(answer.len() as u32, length + tree.height() - base - span);
        let proven = check(&tree.root(), tree.height(), range, &answer).unwrap();
        let expected: Vec<Hash> = (index..index + length)
            .map(|i| base_layer.get(i as usize).copied().unwrap_or(padding(base))).collect();
        prop_assert_eq!(proven, &expected[..]);
        prop_assert_eq!(check(&tree.root(), tree.height(), range, &answer[1..]), None);
        let lie = lie.index(answer.len());
        answer[lie][0] ^= 1;
        prop_assert_eq!(check(&tree.root(), tree.height(), range, &answer), None);
    }
}
