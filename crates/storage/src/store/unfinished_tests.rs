#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up should end the test")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::testing::{Fixture, Kind};
use crate::{PieceWriter, Pieces, StoreOptions, WriteDone, check_all};

fn verdict(done: &[WriteDone]) -> Option<bool> {
    done.iter().find_map(|done| match done {
        WriteDone::PieceOk { .. } => Some(true),
        WriteDone::PieceBad { .. } => Some(false),
        WriteDone::Failed { error, .. } | WriteDone::Unjudged { error, .. } => panic!("{error}"),
        WriteDone::Written { .. } => None,
    })
}

/// Writes the blocks of piece 0 that `pick` selects. Returns the verdict, if there is one.
fn write(
    torrent: &Fixture,
    store: &Arc<TorrentStore>,
    writer: &mut PieceWriter,
    pick: impl Fn(u32) -> bool,
) -> Option<bool> {
    let mut jobs = torrent.jobs(store, 0);
    jobs.retain(|job| pick(job.begin / BLOCK_LEN));
    let mut done = Vec::new();
    writer.write(&mut jobs, &mut done);
    verdict(&done)
}

fn open(torrent: &Fixture, wanted: Option<&[bool]>) -> Arc<TorrentStore> {
    let store = torrent.store_with(wanted, StoreOptions::default());
    check_all(&store, Pieces::All, 1, |_| {}, &AtomicBool::new(false)).unwrap();
    store.set_own_files(&vec![true; torrent.data.len()]);
    store.prepare().unwrap();
    store
}

#[test]
fn restored_piece_with_the_missing_blocks_written_is_verified() {
    for kind in [Kind::V1, Kind::V2, Kind::Hybrid] {
        for is_first_only in [false, true] {
            let torrent = Fixture::of_lengths(kind, 1 << 17, &[100_000, 400_000]);
            let mask: Vec<bool> = (0..torrent.data.len()).map(|file| file == 0).collect();
            let wanted = is_first_only.then_some(&mask[..]);
            let first = open(&torrent, wanted);
            let blocks = torrent.meta.layout.block_count(0);
            assert_eq!(write(&torrent, &first, &mut PieceWriter::new(), |block| block % 3 == 1), None);
            let left = first.unfinished();
            assert_eq!(left.len(), 1);
            assert_eq!(left[0].blocks[0], 0b0100_1001 & (0xff << (8 - blocks.min(8))));
            drop(first);

            let again = open(&torrent, wanted);
            assert_eq!(again.restore_unfinished(left.clone()), left);
            assert_eq!(again.unfinished(), left, "a save in between loses nothing");
            let verdict = write(&torrent, &again, &mut PieceWriter::new(), |block| block % 3 != 1);
            assert_eq!(verdict, Some(true), "{kind:?}");
            assert_eq!(again.unfinished(), []);
        }
    }
}

#[test]
fn restored_piece_with_a_damaged_block_fails_and_starts_again() {
    let torrent = Fixture::of_lengths(Kind::V1, 1 << 17, &[1 << 17]);
    let first = open(&torrent, None);
    write(&torrent, &first, &mut PieceWriter::new(), |block| block < 3);
    let left = first.unfinished();
    drop(first);
    let mut bytes = std::fs::read(torrent.path(0)).unwrap();
    bytes[20_000] ^= 1;
    std::fs::write(torrent.path(0), bytes).unwrap();

    let again = open(&torrent, None);
    again.restore_unfinished(left);
    let mut writer = PieceWriter::new();
    assert_eq!(write(&torrent, &again, &mut writer, |block| block >= 3), Some(false));
    assert_eq!(again.unfinished(), [], "none of it is offered again");
    assert_eq!(write(&torrent, &again, &mut writer, |block| block < 7), None);
    assert_eq!(write(&torrent, &again, &mut writer, |block| block == 7), Some(true));
}

#[test]
fn begin_of_a_forgotten_piece_does_not_count_its_blocks() {
    let torrent = Fixture::of_lengths(Kind::V1, 1 << 16, &[1 << 16]);
    let store = open(&torrent, None);
    let mut writer = PieceWriter::new();
    write(&torrent, &store, &mut writer, |block| block < 2);
    writer.forget_torrent(7);
    let left = store.unfinished();
    assert_eq!(write(&torrent, &store, &mut writer, |block| block >= 2), None);
    assert_eq!(store.unfinished()[0].blocks, [0b0011_0000]);
    writer.forget_torrent(7);
    assert_eq!(store.restore_unfinished(left).len(), 1);
    assert_eq!(write(&torrent, &store, &mut writer, |block| block >= 2), Some(true));
}

#[test]
fn restore_of_a_piece_that_cannot_continue_ignores_it() {
    let torrent = Fixture::of_lengths(Kind::V1, 1 << 16, &[1 << 17, 10]);
    let store = open(&torrent, None);
    let of = |piece, blocks: &[u8]| vec![UnfinishedPiece { piece, blocks: blocks.to_vec() }];
    assert_eq!(store.restore_unfinished(of(0, &[0b1000_0000])), [], "its file does not exist");
    std::fs::write(torrent.path(0), vec![0; 1 << 17]).unwrap();
    assert_eq!(store.restore_unfinished(of(0, &[0b1000_0000])).len(), 1);
    for (piece, blocks) in
        [(0, &[0u8][..]), (0, &[0xf0]), (0, &[0x88]), (0, &[0x80, 0]), (0, &[]), (9, &[0x80])]
    {
        assert_eq!(store.restore_unfinished(of(piece, blocks)), [], "{piece} {blocks:?}");
    }
    store.believe(1);
    assert_eq!(store.restore_unfinished(of(1, &[0x80])), []);
    std::fs::write(torrent.path(0), vec![0; (1 << 17) - 1]).unwrap();
    assert_eq!(store.restore_unfinished(of(0, &[0x80])), [], "its file is too short");
}

#[test]
fn note_written_with_partial_blocks_records_whole_ones_only() {
    let torrent = Fixture::of_lengths(Kind::V1, 1 << 16, &[50_000]);
    let store = open(&torrent, None);
    store.note_written(0, 100, 2 * BLOCK_LEN + 5);
    assert_eq!(store.unfinished()[0].blocks, [0b0100_0000]);
    store.note_written(0, 3 * BLOCK_LEN, 50_000);
    assert_eq!(store.unfinished()[0].blocks, [0b0101_0000]);
}
