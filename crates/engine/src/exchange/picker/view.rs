//! The picker's state as plain data.

use super::Picker;
use crate::inspect::PartialView;
use crate::piece_map::PartialPiece;

pub(crate) struct PickerView {
    pub(crate) missing: u32,
    pub(crate) availability: Vec<u16>,
    pub(crate) order: Vec<u32>,
    pub(crate) partials: Vec<PartialView>,
    pub(crate) open_blocks: u32,
}

impl Picker {
    /// Returns the pieces in progress, in order.
    pub(crate) fn partial_pieces(&self) -> Vec<PartialPiece> {
        let of = |(piece, partial): (&u32, &super::Partial)| {
            PartialPiece::new(*piece, partial.blocks(), partial.received_count(), partial.free())
        };
        self.partials.iter().map(of).collect()
    }

    pub(crate) fn view(&self) -> PickerView {
        let rarity = self.rarity.as_ref();
        let partial = |(piece, partial): (&u32, &super::Partial)| PartialView {
            piece: *piece,
            blocks: partial.states(),
        };
        PickerView {
            missing: self.missing,
            availability: rarity.map_or_else(Vec::new, |r| r.availability()),
            order: rarity.map_or_else(Vec::new, |r| r.candidates(false).to_vec()),
            partials: self.partials.iter().map(partial).collect(),
            open_blocks: self.open_blocks,
        }
    }
}
