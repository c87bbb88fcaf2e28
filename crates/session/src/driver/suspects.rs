//! Pieces after which peers hang up: they may have gone bad on disk since they were checked.
//!
//! A peer that receives a piece with a wrong hash closes the connection and gives no reason. After several such closes,
//! the piece is hashed again. Peers also leave for other reasons, so the number of such checks is limited.

use ztor_base::{Duration, Instant};
use ztor_engine::TorrentId;

/// Number of pieces that a connection remembers as served last.
const SERVED: usize = 8;
/// Number of connections closed after a piece before it is hashed again.
const HANG_UPS: u8 = 3;
/// Maximum number of pieces counted of a torrent. Further ones wait for the next [`FORGET_AFTER`].
const MAX_COUNTED: usize = 256;
/// Age at which counts are dropped.
const FORGET_AFTER: Duration = Duration::from_secs(3600);
/// Minimum time between two checks of one torrent.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The pieces that a connection was served last.
#[derive(Debug, Default)]
pub(super) struct Served {
    torrent: Option<TorrentId>,
    pieces: Vec<u32>,
}

impl Served {
    /// Returns the torrent and its pieces, the latest last; `None` if nothing was served.
    pub(super) fn pieces(&self) -> Option<(TorrentId, &[u32])> {
        Some((self.torrent?, &self.pieces))
    }

    /// Records a served piece.
    pub(super) fn note(&mut self, torrent: TorrentId, piece: u32) {
        self.torrent = Some(torrent);
        if self.pieces.last() == Some(&piece) {
            return;
        }
        self.pieces.retain(|served| *served != piece);
        if self.pieces.len() == SERVED {
            self.pieces.remove(0);
        }
        self.pieces.push(piece);
    }
}

/// The pieces of one torrent after which connections were closed.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// Number of closed connections per piece, for at most [`MAX_COUNTED`] pieces.
    counts: std::collections::BTreeMap<u32, u8>,
    since: Instant,
    next_look: Instant,
}

impl Suspects {
    /// Records that a peer has closed its connection after it was served these pieces. Returns the pieces to hash again
    /// now.
    pub(super) fn hung_up(&mut self, now: Instant, served: &[u32]) -> Vec<u32> {
        if now.since(self.since) >= FORGET_AFTER {
            self.counts.clear();
            self.since = now;
        }
        for piece in served {
            if self.counts.len() < MAX_COUNTED || self.counts.contains_key(piece) {
                let count = self.counts.entry(*piece).or_default();
                *count = count.saturating_add(1);
            }
        }
        if now < self.next_look {
            return Vec::new();
        }
        let many = self.counts.iter().filter(|(_, count)| **count >= HANG_UPS);
        let due: Vec<u32> = many.map(|(piece, _)| *piece).take(SERVED).collect();
        if !due.is_empty() {
            self.next_look = now + LOOK_EVERY;
            self.counts.retain(|piece, _| !due.contains(piece));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piece_after_which_several_peers_have_hung_up_is_hashed_again() {
        let mut now = Instant::ZERO + FORGET_AFTER;
        let mut suspects = Suspects::default();
        assert_eq!(suspects.hung_up(now, &[1, 2]), []);
        assert_eq!(suspects.hung_up(now, &[2, 3]), []);
        assert_eq!(suspects.hung_up(now, &[2, 4]), [2]);
        // The next check is a minute later, and the counts in between are kept.
        (0..5).for_each(|_| assert_eq!(suspects.hung_up(now, &[7]), []));
        now += LOOK_EVERY;
        assert_eq!(suspects.hung_up(now, &[9]), [7]);
        now += FORGET_AFTER;
        assert_eq!(suspects.hung_up(now, &[9]), []);
        assert_eq!(suspects.counts.len(), 1, "old counts are dropped");
        suspects.hung_up(now, &(0..100_000).collect::<Vec<_>>());
        assert_eq!(suspects.counts.len(), MAX_COUNTED);
    }

    #[test]
    fn served_beyond_its_length_remembers_the_latest_pieces() {
        let mut served = Served::default();
        let torrent = TorrentId::from_u64(1 << 32 | 1);
        [1, 1, 2, 3, 4, 5, 6, 7, 8, 2, 9].iter().for_each(|piece| served.note(torrent, *piece));
        assert_eq!(served.pieces, [3, 4, 5, 6, 7, 8, 2, 9]);
    }
}
