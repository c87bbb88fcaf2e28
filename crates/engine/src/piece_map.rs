//! Pieces of a torrent in detail, for front ends.

use crate::Engine;
use crate::bitfield::Bitfield;
use crate::ids::TorrentId;
use crate::pieces::Pieces;

/// Pieces of a torrent: those that are present, those in progress, and those that connected peers have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PieceMap {
    /// Pieces that are present. Its length is the number of pieces, 0 while that is unknown.
    pub have: Bitfield,
    /// Pieces in progress, by their index.
    pub partial: Vec<PartialPiece>,
    /// Number of connected peers that have all pieces.
    pub seeds: u32,
    /// Pieces of the other peers. They are counted by the caller, as a pass over all of them takes time.
    others: Vec<Bitfield>,
}

/// A piece in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartialPiece {
    /// Index of the piece.
    pub piece: u32,
    /// Number of blocks of the piece.
    pub blocks: u32,
    /// Number of blocks that were received. They may be not yet on disk.
    pub received: u32,
    /// Number of blocks that peers are asked for.
    pub requested: u32,
}

impl PartialPiece {
    pub(crate) fn new(piece: u32, blocks: u32, received: u32, free: u32) -> Self {
        Self { piece, blocks, received, requested: blocks - received - free }
    }
}

impl PieceMap {
    /// Returns for each piece the number of connected peers that have announced it, seeds included. Many clients do not
    /// announce a piece to a peer that has it, so counts of present pieces can be too low.
    ///
    /// ```
    /// # fn show(map: &ztor_engine::PieceMap) {
    /// // The number of complete copies in reach, with the share of pieces that are in one copy more.
    /// let counts = map.availability();
    /// let copies = counts.iter().min().copied().unwrap_or(0);
    /// let more = counts.iter().filter(|count| **count > copies).count();
    /// println!("{copies} copies, and {more} of {} pieces once more", counts.len());
    /// # }
    /// ```
    pub fn availability(&self) -> Vec<u32> {
        let mut counts = vec![self.seeds; self.have.len() as usize];
        for piece in self.others.iter().flat_map(Bitfield::iter) {
            if let Some(count) = counts.get_mut(piece as usize) {
                *count += 1;
            }
        }
        counts
    }
}

impl Engine {
    /// Returns the pieces of a torrent in detail; `None` if there is no such torrent. Costs a copy of the pieces of each
    /// of its peers.
    pub fn piece_map(&self, id: TorrentId) -> Option<PieceMap> {
        let torrent = self.torrents.get(id)?;
        let (mut seeds, mut others) = (0, Vec::new());
        for peer in self.peers.of(torrent.peers()).filter(|peer| peer.is_live()) {
            match peer.trade().has() {
                Pieces::None => {}
                Pieces::All => seeds += 1,
                Pieces::Some(set) => others.push(set.clone()),
            }
        }
        let exchange = torrent.exchange();
        Some(PieceMap { have: exchange.have().clone(), partial: exchange.partial_pieces(), seeds, others })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn availability_counts_seeds_and_the_pieces_of_others() {
        let set = |pieces: &[u32]| {
            let mut set = Bitfield::new(4);
            for piece in pieces {
                set.insert(*piece);
            }
            set
        };
        // Longer than the torrent: the rest does not count.
        let mut long = Bitfield::new(6);
        long.insert(5);
        let others = vec![set(&[0, 1]), set(&[1]), set(&[]), long];
        let map = PieceMap { have: set(&[3]), partial: Vec::new(), seeds: 2, others };
        assert_eq!(map.availability(), [3, 4, 2, 2]);
        let none = PieceMap { have: Bitfield::new(0), ..map };
        assert!(none.availability().is_empty());
    }
}
