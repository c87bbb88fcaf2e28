//! Digests of pieces of zeros, such as holes in sparse files.

use std::sync::{Mutex, PoisonError};

use ztor_metainfo::Metainfo;

use crate::hasher::{Digests, HashKinds, PieceHasher};

/// Cache of the digests of the last requested shape of piece.
#[derive(Debug, Default)]
pub(crate) struct ZeroDigests(Mutex<Option<(Shape, Digests)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    len: u32,
    v2_len: u32,
    v2_width: usize,
    kinds: HashKinds,
}

impl ZeroDigests {
    pub(crate) fn get(&self, meta: &Metainfo, piece: u32, kinds: HashKinds) -> Digests {
        let layout = &meta.layout;
        let (v2_len, v2_width) = match kinds.v2 {
            true => (layout.v2_piece_len(piece), layout.v2_leaf_width(piece)),
            false => (0, 0),
        };
        let shape = Shape { len: layout.piece_len(piece), v2_len, v2_width, kinds };
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, digests)) = known.filter(|known| known.0 == shape) {
            return digests;
        }
        let mut hasher = PieceHasher::default();
        hasher.restart(layout, piece, kinds);
        hasher.update_zeros(shape.len);
        let digests = hasher.finish();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((shape, digests));
        digests
    }
}
