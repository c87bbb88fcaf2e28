//! Answers to hash requests (BEP 52), with the proofs up to the root of the file.

use std::collections::{BTreeMap, VecDeque};
use ztor_metainfo::merkle::{self, Crown};
use ztor_metainfo::{Bulk, Layout, Metainfo};
use ztor_wire::HashRequest;

/// Maximum number of pieces whose leaves are kept, and of the leaves of each. The oldest piece is dropped.
const MAX_PIECES: usize = 4;
const MAX_LEAVES: u32 = 1024;

/// Data of a torrent for answers to hash requests. Empty until the first request.
#[derive(Debug, Default)]
pub(crate) struct Proofs {
    /// Leaves of the pieces that were asked for last; empty if they cannot be read.
    leaves: VecDeque<(u32, Vec<merkle::Hash>)>,
    /// Piece whose leaves are being read.
    reads: Option<u32>,
    /// Files with a piece layer, sorted by root; `None` until the first request.
    by_root: Option<Vec<u32>>,
    /// Files of one piece, sorted by root; `None` until the first request for leaves.
    small: Option<Vec<u32>>,
    /// Upper layers of files with more pieces than one answer has hashes. They take an eighth of a byte per piece.
    crowns: BTreeMap<u32, Crown>,
}

/// Piece whose leaves a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Its leaves are to be read.
    Read(u32),
    /// Others are being read.
    Wait,
}

impl Proofs {
    /// Answers a hash request. Returns `None` if the request is rejected.
    ///
    /// Leaves come from those that were [read](Self::need), all else from the piece layers. Other layers below those are not
    /// kept, and no peer needs to ask for those above. The first request for a file costs one
    /// hash computation per hash of its piece layer, later ones at most two for each of [`Crown::SPAN`] hashes.
    pub(crate) fn answer(
        &mut self,
        meta: &Metainfo,
        bulk: &Bulk,
        request: &HashRequest,
    ) -> Option<Vec<merkle::Hash>> {
        let base_layer = merkle::piece_layer(meta.layout.piece_length());
        let range = merkle::Range {
            base_layer: request.base_layer,
            index: request.index,
            length: request.length,
            proof_layers: request.proof_layers,
        };
        if !meta.is_v2() || range.length > Crown::SPAN {
            return None;
        }
        if range.base_layer == 0 && base_layer > 0 {
            return self.answer_leaves(meta, bulk, request, range);
        }
        if range.base_layer != base_layer {
            return None;
        }
        let file = self.file(&meta.layout, &request.pieces_root)?;
        let pieces = meta.layout.pieces_of(file as usize).len() as u32;
        let start = range.index / Crown::SPAN * Crown::SPAN;
        let group = meta.piece_layer_part(bulk, file as usize, start, Crown::SPAN)?;
        if pieces <= Crown::SPAN {
            return merkle::Tree::new(group, base_layer, 0).answer(range);
        }
        let crown = self.crowns.entry(file).or_insert_with(|| crown(meta, bulk, file, pieces, base_layer));
        crown.answer(range, &group)
    }

    /// Answers a request for leaves of one piece.
    fn answer_leaves(
        &mut self,
        meta: &Metainfo,
        bulk: &Bulk,
        request: &HashRequest,
        range: merkle::Range,
    ) -> Option<Vec<merkle::Hash>> {
        let (piece, _) = self.leaf_piece(&meta.layout, request)?;
        let (_, leaves) = self.leaves.iter().find(|(of, leaves)| *of == piece && !leaves.is_empty())?;
        let base_layer = merkle::piece_layer(meta.layout.piece_length());
        let file = meta.layout.file_of_piece(piece)?;
        if meta.layout.pieces_of(file).len() == 1 {
            let tree = merkle::Tree::new(leaves.clone(), 0, 0);
            let is_right = Some(tree.root()) == bulk.hashes().v2(piece);
            return if is_right { tree.answer(range) } else { None };
        }
        let width = 1 << base_layer;
        let tree = merkle::Tree::new(leaves.clone(), 0, base_layer);
        if Some(tree.root()) != bulk.hashes().v2(piece) {
            return None;
        }
        let below = merkle::Range {
            index: range.index % width,
            proof_layers: range.proof_layers.min(base_layer - 1),
            ..range
        };
        let mut hashes = tree.answer(below)?;
        if range.proof_layers >= base_layer {
            let place = range.index / width;
            let above = HashRequest {
                base_layer,
                index: place & !1,
                length: 2,
                proof_layers: range.proof_layers - base_layer,
                ..*request
            };
            // The two pieces below the first uncle, and the other uncles.
            let answer = self.answer(meta, bulk, &above)?;
            let (pair, uncles) = answer.split_at_checked(2)?;
            hashes.push(*pair.get((place as usize & 1) ^ 1)?);
            hashes.extend(uncles);
        }
        Some(hashes)
    }

    /// Returns the piece that a request for leaves is about, and true if its leaves are read already. `None` for other
    /// requests, and for those that can never be answered.
    fn leaf_piece(&mut self, layout: &Layout, request: &HashRequest) -> Option<(u32, bool)> {
        let base_layer = merkle::piece_layer(layout.piece_length());
        if request.base_layer != 0 || base_layer == 0 || request.length > Crown::SPAN {
            return None;
        }
        let file = self.any_file(layout, &request.pieces_root)?;
        let pieces = layout.pieces_of(file as usize);
        let width = u32::try_from(layout.v2_leaf_width(pieces.start)).ok()?;
        let place = request.index.checked_div(width)?;
        let piece = pieces.start.checked_add(place).filter(|piece| pieces.contains(piece))?;
        let is_within = request.length <= width && width <= MAX_LEAVES;
        let is_read = self.leaves.iter().any(|(of, _)| *of == piece);
        is_within.then_some((piece, is_read))
    }

    /// Returns the piece whose leaves must be read before a request is answered; `None` if none must, or another piece is
    /// being read.
    pub(crate) fn need(&mut self, layout: &Layout, request: &HashRequest) -> Option<Need> {
        let (piece, is_read) = self.leaf_piece(layout, request)?;
        match (is_read, self.reads) {
            (true, _) => None,
            (false, Some(_)) => Some(Need::Wait),
            (false, None) => Some(Need::Read(piece)),
        }
    }

    /// Notes that the leaves of a piece are being read.
    pub(crate) fn reads(&mut self, piece: u32) {
        self.reads = Some(piece);
    }

    /// Takes the leaves of a piece.
    pub(crate) fn on_leaves(&mut self, piece: u32, leaves: Vec<merkle::Hash>) {
        if self.reads.take_if(|reads| *reads == piece).is_some() {
            if self.leaves.len() == MAX_PIECES {
                self.leaves.pop_front();
            }
            self.leaves.push_back((piece, leaves));
        }
    }

    /// Forgets the leaves of all pieces, as their files may have changed.
    pub(crate) fn forget_leaves(&mut self) {
        (self.leaves, self.reads) = (VecDeque::new(), None);
    }

    /// Returns a file with this root, with a piece layer or of one piece.
    fn any_file(&mut self, layout: &Layout, root: &merkle::Hash) -> Option<u32> {
        let root_of = |file: &u32| layout.files().get(*file as usize).and_then(|file| file.pieces_root());
        let small = self.small.get_or_insert_with(|| {
            let files = 0..layout.files().len() as u32;
            let is_small =
                |file: &u32| root_of(file).is_some() && layout.pieces_of(*file as usize).len() == 1;
            let mut small: Vec<u32> = files.filter(is_small).collect();
            small.sort_by_key(root_of);
            small
        });
        match small.binary_search_by_key(&Some(*root), root_of) {
            Ok(at) => small.get(at).copied(),
            Err(_) => self.file(layout, root),
        }
    }

    fn file(&mut self, layout: &Layout, root: &merkle::Hash) -> Option<u32> {
        let root_of = |file: &u32| layout.files().get(*file as usize).and_then(|file| file.pieces_root());
        let by_root = self.by_root.get_or_insert_with(|| {
            let files = 0..layout.files().len() as u32;
            let has_layer =
                |file: &u32| root_of(file).is_some() && layout.pieces_of(*file as usize).len() > 1;
            let mut by_root: Vec<u32> = files.filter(has_layer).collect();
            by_root.sort_by_key(root_of);
            by_root
        });
        let at = by_root.binary_search_by_key(&Some(*root), root_of).ok()?;
        by_root.get(at).copied()
    }
}

fn crown(meta: &Metainfo, bulk: &Bulk, file: u32, pieces: u32, base_layer: u32) -> Crown {
    let starts = (0..pieces).step_by(Crown::SPAN as usize);
    Crown::new(
        base_layer,
        starts.filter_map(|first| meta.piece_layer_part(bulk, file as usize, first, Crown::SPAN)),
    )
}
