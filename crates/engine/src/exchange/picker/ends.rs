//! Pieces at the ends of files, which players read before they can show anything.

use crate::bitfield::Bitfield;
use ztor_metainfo::Layout;

/// Divisor of a file's length: the share of the file at either end.
const SHARE: u64 = 100;
/// Maximum length of an end in bytes. Indexes of media files are smaller.
const MAX_LEN: u64 = 8 << 20;

/// Returns the pieces with the first and the last hundredth of each file: at least one byte, at most 8 MiB.
pub(super) fn file_ends(layout: &Layout) -> Bitfield {
    let mut ends = Bitfield::new(layout.piece_count());
    let piece_length = u64::from(layout.piece_length());
    for file in layout.files().iter().filter(|file| file.has_data()) {
        let len = (file.length / SHARE).clamp(1, MAX_LEN);
        let end = file.offset + file.length;
        for (from, to) in [(file.offset, file.offset + len), (end - len, end)] {
            for piece in from / piece_length..to.div_ceil(piece_length) {
                // The layout has at most `u32::MAX` pieces.
                ends.insert(piece as u32);
            }
        }
    }
    ends
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use ztor_metainfo::{Alignment, File};

    fn ends(piece_length: u64, lengths: &[u64]) -> Vec<u32> {
        let files = lengths.iter().map(|len| File::new(&["f"], *len)).collect();
        let layout = Layout::new(piece_length, files, Alignment::EndToEnd).unwrap();
        file_ends(&layout).iter().collect()
    }

    #[test]
    fn file_ends_are_the_pieces_of_the_first_and_last_hundredth() {
        assert_eq!(ends(16384, &[16384 * 1000]), (0..10).chain(990..1000).collect::<Vec<_>>());
        assert_eq!(ends(16384, &[16384 * 10]), [0, 9]);
        assert_eq!(ends(16384, &[1]), [0]);
        assert!(ends(16384, &[0]).is_empty());
        // An end that crosses the border of a piece takes both; neighbours share one.
        assert_eq!(ends(16384, &[16384 * 4 + 1, 16384 * 4]), [0, 3, 4, 7, 8]);
        assert_eq!(ends(16384, &[16384 * 4, 16384 * 4]), [0, 3, 4, 7]);
    }

    #[test]
    fn file_ends_of_a_large_file_are_limited() {
        assert_eq!(ends(1 << 20, &[100 << 30]), (0..8).chain((100 << 10) - 8..100 << 10).collect::<Vec<_>>());
    }
}
