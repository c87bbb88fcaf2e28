//! Files of a torrent in detail.

use std::path::PathBuf;
use ztor_engine::{Bitfield, Priority};
use ztor_metainfo::Layout;

/// Status of a file of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileStatus {
    /// Path below the download folder, as it is now.
    pub path: PathBuf,
    /// Length in bytes.
    pub bytes: u64,
    /// Bytes of the file in pieces that are present. Equal to `bytes` once the file is complete.
    pub have_bytes: u64,
    /// Priority of the file.
    pub priority: Priority,
}

/// Returns the status of each file of the layout, pads included, with these pieces present. `priorities` is empty for
/// normal ones. `path_of` returns their paths.
pub(crate) fn file_status(
    layout: &Layout,
    have: &Bitfield,
    priorities: &[Priority],
    path_of: impl Fn(usize) -> PathBuf,
) -> Vec<FileStatus> {
    let of_file = |index: usize, length: u64, start: u64| {
        let end = start + length;
        let in_file = |piece: u32| {
            let piece_start = u64::from(piece) * u64::from(layout.piece_length());
            let piece_end = piece_start + u64::from(layout.piece_length());
            piece_end.min(end) - piece_start.max(start)
        };
        let present = layout.pieces_of(index).filter(|piece| have.contains(*piece));
        FileStatus {
            path: path_of(index),
            bytes: length,
            have_bytes: present.map(in_file).sum(),
            priority: priorities.get(index).copied().unwrap_or_default(),
        }
    };
    let files = layout.files().iter().enumerate();
    files.map(|(index, file)| of_file(index, file.length, file.offset)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ztor_metainfo::{Alignment, File};

    fn path_of(file: usize) -> PathBuf {
        PathBuf::from(file.to_string())
    }

    fn layout(lengths: &[u64], alignment: Alignment) -> Layout {
        let files = lengths.iter().enumerate().map(|(n, len)| File::new(&[n.to_string()], *len)).collect();
        Layout::new(32768, files, alignment).unwrap()
    }

    #[test]
    fn file_status_counts_the_bytes_of_pieces_in_each_file() {
        let layout = layout(&[10_000, 0, 50_000, 40_000], Alignment::EndToEnd);
        let mut have = Bitfield::new(layout.piece_count());
        have.insert(0);
        have.insert(3);
        let found = file_status(&layout, &have, &[Priority::High], path_of);
        let bytes: Vec<(u64, u64)> = found.iter().map(|file| (file.have_bytes, file.bytes)).collect();
        assert_eq!(bytes, [(10_000, 10_000), (0, 0), (22_768, 50_000), (1_696, 40_000)]);
        let priorities: Vec<Priority> = found.iter().map(|file| file.priority).collect();
        assert_eq!(priorities, [Priority::High, Priority::Normal, Priority::Normal, Priority::Normal]);
    }

    proptest! {
        #[test]
        fn bytes_of_all_files_are_those_of_the_ranges_of_the_present_pieces(
            lengths in prop::collection::vec(0u64..100_000, 1..12),
            present in any::<u64>(),
            aligned in any::<bool>(),
        ) {
            let alignment = if aligned { Alignment::Pieces } else { Alignment::EndToEnd };
            let layout = layout(&lengths, alignment);
            let mut have = Bitfield::new(layout.piece_count());
            let mut expected = vec![0; lengths.len()];
            for piece in (0..layout.piece_count()).filter(|piece| present >> (piece % 64) & 1 == 1) {
                have.insert(piece);
                for range in layout.ranges(piece, 0, layout.piece_len(piece)) {
                    expected[range.file] += u64::from(range.len);
                }
            }
            let found: Vec<u64> =
                file_status(&layout, &have, &[], path_of).iter().map(|file| file.have_bytes).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
