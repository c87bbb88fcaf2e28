//! Pieces in common with other torrents, of which one torrent fetches each at a time.

use super::Picker;
use crate::bitfield::Bitfield;
use crate::sharing::ShareNews;
use fastrand::Rng;
use std::ops::Range;

/// Pieces in common with other torrents.
#[derive(Debug)]
pub(super) struct Common {
    pieces: Bitfield,
    /// Pieces that another torrent fetches.
    barred: Bitfield,
    /// Changes for the other torrents, in order.
    news: Vec<(u32, ShareNews)>,
}

impl Common {
    pub(super) fn barred(&self) -> impl Iterator<Item = u32> + '_ {
        self.barred.iter()
    }
}

impl Picker {
    /// Records that other torrents have these pieces in common with this one.
    pub(crate) fn share(&mut self, pieces: Range<u32>) {
        let count = self.layout.piece_count();
        let common = self.common.get_or_insert_with(|| {
            Box::new(Common { pieces: Bitfield::new(count), barred: Bitfield::new(count), news: Vec::new() })
        });
        common.pieces.extend(pieces.filter(|piece| *piece < count));
    }

    /// Starts no piece that another torrent fetches. A piece in progress here goes on.
    pub(crate) fn bar(&mut self, piece: u32) {
        let is_idle = !self.have.contains(piece) && !self.partials.contains_key(&piece);
        if let Some(common) = self.common.as_mut().filter(|common| is_idle && common.pieces.contains(piece)) {
            common.barred.insert(piece);
            self.closed.insert(piece);
            if let Some(rarity) = &mut self.rarity {
                rarity.remove(piece);
            }
        }
    }

    /// Makes a piece a candidate again, as no other torrent fetches it.
    pub(crate) fn unbar(&mut self, piece: u32, rng: &mut Rng) {
        if self.common.as_mut().is_some_and(|common| common.barred.remove(piece))
            && !self.partials.contains_key(&piece)
        {
            self.reopen(piece, rng);
        }
    }

    /// Returns the common pieces in progress.
    pub(crate) fn common_in_progress(&self) -> Vec<u32> {
        let Some(common) = &self.common else { return Vec::new() };
        self.partials.keys().copied().filter(|piece| common.pieces.contains(*piece)).collect()
    }

    /// Returns true if no peer is asked for any block of some common piece in progress.
    pub(crate) fn has_idle_common(&self) -> bool {
        let Some(common) = &self.common else { return false };
        self.partials.iter().any(|(piece, partial)| {
            let is_asked = partial.blocks() > partial.received_count() + partial.free();
            common.pieces.contains(*piece) && !is_asked && partial.free() > 0
        })
    }

    /// Takes the changes for the other torrents.
    pub(crate) fn take_news(&mut self) -> Vec<(u32, ShareNews)> {
        self.common.as_mut().map(|common| std::mem::take(&mut common.news)).unwrap_or_default()
    }

    pub(super) fn is_barred(&self, piece: u32) -> bool {
        self.common.as_ref().is_some_and(|common| common.barred.contains(piece))
    }

    pub(super) fn tell(&mut self, piece: u32, news: ShareNews) {
        if let Some(common) = self.common.as_mut().filter(|common| common.pieces.contains(piece)) {
            if news == ShareNews::Verified {
                common.barred.remove(piece);
            }
            common.news.push((piece, news));
        }
    }
}
