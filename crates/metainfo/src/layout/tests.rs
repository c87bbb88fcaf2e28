#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
use proptest::prelude::*;

use super::*;

fn files(lengths: &[u64]) -> Vec<File> {
    lengths.iter().enumerate().map(|(i, &len)| File::new(&[i.to_string()], len)).collect()
}

fn pad(length: u64) -> File {
    File { pad: true, ..File::new(&[".pad", &length.to_string()], length) }
}

#[test]
fn end_to_end_layout_has_several_files_in_a_piece() {
    let layout = Layout::new(10, files(&[0, 3, 0, 12, 0]), Alignment::EndToEnd).unwrap();
    assert_eq!((layout.piece_count(), layout.total_len()), (2, 15));
    assert_eq!((layout.piece_len(0), layout.piece_len(1), layout.piece_len(2)), (10, 5, 0));
    let ranges: Vec<_> = layout.ranges(0, 1, 9).collect();
    assert_eq!(
        ranges,
        [
            FileRange { file: 1, offset: 1, len: 2, at: 0, pad: false },
            FileRange { file: 3, offset: 0, len: 7, at: 2, pad: false },
        ]
    );
    assert_eq!((layout.pieces_of(1), layout.pieces_of(3), layout.pieces_of(4)), (0..1, 0..2, 0..0));
    assert_eq!(layout.pieces_of(5), 0..0);
}

#[test]
fn pads_count_on_the_wire_but_not_in_the_tree() {
    let k = u64::from(BLOCK_LEN);
    let mut list = files(&[k + 5]);
    list.extend([pad(k - 5), File::new(&["b"], 7)]);
    let layout = Layout::new(2 * k, list, Alignment::EndToEnd).unwrap();
    assert_eq!(layout.total_len(), k + 12);
    assert_eq!((layout.piece_len(0), layout.v2_piece_len(0)), (2 * BLOCK_LEN, BLOCK_LEN + 5));
    assert_eq!((layout.piece_len(1), layout.v2_piece_len(1)), (7, 7));
    assert_eq!((layout.v2_leaf_width(0), layout.v2_leaf_width(1)), (2, 1));
    assert!(layout.ranges(0, BLOCK_LEN, BLOCK_LEN).any(|range| range.pad && range.at == 5));
}

#[test]
fn v2_layout_starts_a_piece_for_each_file() {
    let k = u64::from(BLOCK_LEN);
    let layout = Layout::new(4 * k, files(&[1, 0, 9 * k, 3 * k]), Alignment::Pieces).unwrap();
    assert_eq!(layout.piece_count(), 5);
    let lens: Vec<u32> = (0..5).map(|piece| layout.piece_len(piece)).collect();
    assert_eq!(lens, [1, 4 * BLOCK_LEN, 4 * BLOCK_LEN, BLOCK_LEN, 3 * BLOCK_LEN]);
    let widths: Vec<usize> = (0..5).map(|piece| layout.v2_leaf_width(piece)).collect();
    assert_eq!(widths, [1, 4, 4, 4, 4], "the odd last piece of a long file has a full subtree");
    assert_eq!(layout.pieces_of(2), 1..4);
    assert_eq!((layout.block_count(4), layout.block_len(0, 0), layout.block_len(0, 1)), (3, 1, 0));
    assert_eq!(layout.block_len(0, u32::MAX), 0);
}

#[test]
fn layout_beyond_a_limit_is_an_error() {
    assert_eq!(Layout::new(0, vec![], Alignment::EndToEnd), Err(LayoutError::PieceLength(0)));
    assert!(Layout::new(u64::from(MAX_PIECE_LENGTH) + 1, vec![], Alignment::Pieces).is_err());
    let many = u64::from(MAX_PIECES);
    assert!(Layout::new(1, files(&[many]), Alignment::EndToEnd).is_ok());
    assert_eq!(Layout::new(1, files(&[many, 1]), Alignment::EndToEnd), Err(LayoutError::TooManyPieces));
    assert_eq!(Layout::new(1, files(&[u64::MAX, 2]), Alignment::Pieces), Err(LayoutError::TooManyPieces));
    assert_eq!(Layout::new(9, files(&[0, 0]), Alignment::Pieces).unwrap().piece_count(), 0);
}

proptest! {
    #[test]
    fn ranges_cover_every_byte_once_and_in_order(
        lengths in prop::collection::vec((prop_oneof![Just(0), 1_u64..80], any::<bool>()), 0..12),
        piece_length in 1_u64..40,
        aligned in any::<bool>(),
        begin in 0_u32..50,
        len in 0_u32..50,
    ) {
        let alignment = if aligned { Alignment::Pieces } else { Alignment::EndToEnd };
        let list: Vec<File> = lengths.iter().map(|&(length, is_pad)| {
            if is_pad && !aligned { pad(length) } else { File::new(&["f"], length) }
        }).collect();
        let layout = Layout::new(piece_length, list, alignment).unwrap();
        let mut read = vec![0_u64; layout.files().len()];
        let mut sum = 0;
        for piece in 0..layout.piece_count() {
            let piece_len = layout.piece_len(piece);
            prop_assert!(piece_len > 0 && piece_len <= layout.piece_length());
            prop_assert_eq!((0..layout.block_count(piece)).map(|b| layout.block_len(piece, b)).sum::<u32>(), piece_len);
            let mut at = 0;
            for range in layout.ranges(piece, 0, piece_len) {
                prop_assert_eq!(range.at, at);
                prop_assert_eq!(range.offset, read[range.file]);
                prop_assert_eq!(range.pad, layout.files()[range.file].pad);
                prop_assert!(range.len > 0);
                prop_assert!(range.pad || layout.pieces_of(range.file).contains(&piece));
                at += range.len;
                read[range.file] += u64::from(range.len);
            }
            prop_assert_eq!(at, piece_len);
            sum += u64::from(piece_len);

            let part: Vec<FileRange> = layout.ranges(piece, begin, len).collect();
            let covered = part.iter().map(|range| range.len).sum::<u32>();
            prop_assert_eq!(covered, len.min(piece_len.saturating_sub(begin)));
        }
        for (index, (file, read)) in layout.files().iter().zip(read).enumerate() {
            prop_assert_eq!(file.length, read);
            let holds = |piece: &u32| layout.ranges(*piece, 0, u32::MAX).any(|range| range.file == index && !range.pad);
            let pieces: Vec<u32> = (0..layout.piece_count()).filter(holds).collect();
            prop_assert_eq!(pieces, layout.pieces_of(index).collect::<Vec<_>>(), "the way back");
        }
        prop_assert_eq!(sum, layout.files().iter().map(|file| file.length).sum::<u64>());
        let data = layout.files().iter().filter(|file| !file.pad).map(|file| file.length).sum::<u64>();
        prop_assert_eq!(layout.total_len(), data);
        prop_assert_eq!(layout.ranges(layout.piece_count(), begin, len).count(), 0);
    }
}
