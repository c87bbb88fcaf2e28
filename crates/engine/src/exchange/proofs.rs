//! Answers to hash requests (BEP 52), with the proofs up to the root of the file.

use std::collections::BTreeMap;
use ztor_metainfo::merkle::{self, Crown};
use ztor_metainfo::{Bulk, Layout, Metainfo};
use ztor_wire::HashRequest;

/// Data of a torrent for answers to hash requests. Empty until the first request.
#[derive(Debug, Default)]
pub(crate) struct Proofs {
    /// Files with a piece layer, sorted by root; `None` until the first request.
    by_root: Option<Vec<u32>>,
    /// Upper layers of files with more pieces than one answer has hashes. They take an eighth of a byte per piece.
    crowns: BTreeMap<u32, Crown>,
}

impl Proofs {
    /// Answers a hash request from the piece layers. Returns `None` if the request is rejected.
    ///
    /// The layers below are not kept, and no peer needs to ask for those above. The first request for a file costs one
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
        if !meta.is_v2() || range.base_layer != base_layer || range.length > Crown::SPAN {
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
