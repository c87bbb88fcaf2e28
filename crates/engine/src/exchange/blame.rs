//! Senders of blocks in pieces that hashed wrong.
//!
//! The single sender of a bad piece is guilty. With several senders, the digests of the blocks are kept until the piece
//! hashes right. Then each block that differs convicts its sender, and the others are innocent.

use crate::event::BlockDigest;
use crate::sender::Sender;
use std::collections::BTreeMap;

/// Maximum number of failed pieces remembered per torrent. Beyond it, the one with the lowest index is dropped.
const MAX_PIECES: usize = 64;
/// Maximum number of suspect blocks remembered per piece, over all its failures.
const MAX_SUSPECTS: usize = 8192;

#[derive(Debug, Default)]
pub(crate) struct Blame {
    failed: BTreeMap<u32, Vec<(BlockDigest, Sender)>>,
}

impl Blame {
    /// Records a piece that hashed wrong. Returns its sender if there is only one.
    pub(crate) fn piece_failed(
        &mut self,
        piece: u32,
        digests: &[BlockDigest],
        sources: &[(u32, Sender)],
    ) -> Option<Sender> {
        let (_, first) = sources.first()?;
        if sources.iter().all(|(_, s)| s == first) {
            return Some(*first).filter(|sender| *sender != Sender::Disk);
        }
        let by_begin: BTreeMap<u32, Sender> = sources.iter().copied().collect();
        let suspects = digests.iter().filter_map(|d| Some((*d, *by_begin.get(&d.begin)?)));
        let suspects = suspects.filter(|(_, sender)| *sender != Sender::Disk);
        let kept = self.failed.entry(piece).or_default();
        kept.extend(suspects);
        kept.truncate(MAX_SUSPECTS);
        if self.failed.len() > MAX_PIECES {
            self.failed.pop_first();
        }
        None
    }

    /// Records a piece that hashed right. Returns the senders that had sent different bytes for it.
    pub(crate) fn piece_ok(&mut self, piece: u32, digests: &[BlockDigest]) -> Vec<Sender> {
        let suspects = self.failed.remove(&piece).unwrap_or_default();
        let truth: BTreeMap<u32, [u8; 32]> = digests.iter().map(|d| (d.begin, d.digest)).collect();
        let mut guilty: Vec<Sender> = suspects
            .into_iter()
            .filter(|(d, _)| truth.get(&d.begin).is_some_and(|right| *right != d.digest))
            .map(|(_, sender)| sender)
            .collect();
        guilty.sort_unstable();
        guilty.dedup();
        guilty
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bans::Author;
    use std::net::IpAddr;

    fn ip(n: u8) -> Sender {
        Author::of(IpAddr::from([192, 0, 2, n]), None).into()
    }

    fn digest(begin: u32, fill: u8) -> BlockDigest {
        BlockDigest { begin, digest: [fill; 32] }
    }

    #[test]
    fn piece_failed_with_a_single_sender_returns_it() {
        let mut blame = Blame::default();
        let sources = [(0, ip(1)), (16384, ip(1))];
        assert_eq!(blame.piece_failed(3, &[digest(0, 1), digest(16384, 2)], &sources), Some(ip(1)));
    }

    #[test]
    fn piece_ok_after_a_failure_with_several_senders_returns_only_the_liar() {
        let mut blame = Blame::default();
        let sources = [(0, ip(1)), (16384, ip(2)), (32768, ip(3))];
        let bad = [digest(0, 1), digest(16384, 66), digest(32768, 3)];
        assert_eq!(blame.piece_failed(3, &bad, &sources), None);
        let right = [digest(0, 1), digest(16384, 2), digest(32768, 3)];
        assert_eq!(blame.piece_ok(3, &right), [ip(2)]);
        assert!(blame.piece_ok(3, &right).is_empty(), "judged once");
    }

    #[test]
    fn piece_failed_with_blocks_of_an_earlier_run_convicts_no_peer() {
        let mut blame = Blame::default();
        let bad = [digest(0, 1), digest(16384, 66)];
        assert_eq!(blame.piece_failed(3, &bad, &[(0, ip(1)), (16384, Sender::Disk)]), None);
        assert_eq!(blame.piece_failed(4, &bad, &[(0, Sender::Disk), (16384, Sender::Disk)]), None);
        let right = [digest(0, 1), digest(16384, 2)];
        assert!(blame.piece_ok(3, &right).is_empty());
        assert!(blame.piece_ok(4, &right).is_empty());
    }

    #[test]
    fn piece_failed_for_many_pieces_keeps_a_bounded_number() {
        let mut blame = Blame::default();
        for piece in 0..10_000 {
            blame.piece_failed(piece, &[digest(0, 1), digest(16384, 1)], &[(0, ip(1)), (16384, ip(2))]);
        }
        assert_eq!(blame.failed.len(), MAX_PIECES);
        for _ in 0..10_000 {
            blame.piece_failed(9_999, &[digest(0, 1), digest(16384, 1)], &[(0, ip(1)), (16384, ip(2))]);
        }
        assert_eq!(blame.failed[&9_999].len(), MAX_SUSPECTS);
    }
}
