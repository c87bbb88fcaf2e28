#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up should end the test")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;

use super::*;
use crate::testing::{Fixture, Kind, noise};
use crate::{PieceWriter, Pieces, StoreOptions, WriteDone, check_all};

const OVERWRITE: StoreOptions =
    StoreOptions { overwrite: true, read_only: false, allocate: crate::Allocation::Sparse };

/// A torrent of one file of five pieces, and one beside it.
fn torrent() -> Fixture {
    let torrent = Fixture::of_lengths(Kind::V2, 16384, &[70_000, 20_000]);
    std::fs::create_dir_all(torrent.path(0).parent().unwrap()).unwrap();
    torrent
}

fn check(store: &TorrentStore) {
    check_all(store, Pieces::All, 2, |_| {}, &AtomicBool::new(false)).unwrap();
}

fn prepare(store: &TorrentStore) -> Result<(), InTheWay> {
    check(store);
    match store.prepare() {
        Ok(()) => Ok(()),
        Err(StorageError::InTheWay { why, .. }) => Err(why),
        Err(error) => panic!("{error}"),
    }
}

fn download(torrent: &Fixture, store: &Arc<TorrentStore>) {
    let (mut writer, mut done) = (PieceWriter::new(), Vec::new());
    for piece in torrent.pieces().filter(|piece| !store.is_verified(*piece)) {
        writer.write(&mut torrent.jobs(store, piece), &mut done);
        assert!(matches!(done.last(), Some(WriteDone::PieceOk { .. })), "{done:?}");
    }
}

#[test]
fn prepare_with_a_file_without_a_matching_piece_fails_and_changes_nothing() {
    for len in [1, 40_000, 70_000] {
        let torrent = torrent();
        let users = noise(len, 99);
        std::fs::write(torrent.path(0), &users).unwrap();
        assert_eq!(prepare(&torrent.store()), Err(InTheWay::Different), "{len} bytes");
        assert_eq!(std::fs::read(torrent.path(0)).unwrap(), users);
        assert!(!torrent.path(1).exists(), "no other file is created");
        let error = torrent.store().prepare().unwrap_err();
        assert_eq!(error.path(), Some(torrent.path(0).as_path()));
    }
}

#[test]
fn prepare_complete_does_the_same_as_prepare_only_if_everything_is_there() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[70_000, 0, 20_000]);
    let store = torrent.store();
    assert!(!store.prepare_complete(&store.fingerprint().unwrap()));
    store.prepare().unwrap();
    download(&torrent, &store);
    store.sync().unwrap();
    let (again, by_prepare) = (torrent.store(), torrent.store());
    let stamps = again.fingerprint().unwrap();
    assert!(!again.prepare_complete(&stamps), "nothing is verified");
    torrent.pieces().for_each(|piece| {
        again.believe(piece);
        by_prepare.believe(piece);
    });
    for change in
        [FileStamp { len: 69_999, ..stamps[0] }, FileStamp { len: 70_001, ..stamps[0] }, FileStamp::ABSENT]
    {
        assert!(!again.prepare_complete(&[&[change], &stamps[1..]].concat()), "{change:?}");
    }
    assert!(!again.prepare_complete(&stamps[1..]) && again.own_files() == [false; 3]);
    assert!(again.prepare_complete(&stamps));
    by_prepare.prepare().unwrap();
    assert_eq!((again.own_files(), by_prepare.own_files()), (vec![true; 3], vec![true; 3]));
    // The folder is known: it must not be away later.
    let moved = torrent.dir.path().with_extension("away");
    std::fs::rename(torrent.dir.path(), &moved).unwrap();
    assert!(!again.has_its_folder());
    assert!(matches!(again.read(0, 0, &mut [0; 10]), Err(StorageError::FolderGone { .. })));
    std::fs::rename(&moved, torrent.dir.path()).unwrap();
    // It may be written to, and its disappearance is found.
    again.distrust(0);
    download(&torrent, &again);
    again.distrust(0);
    std::fs::remove_file(torrent.path(0)).unwrap();
    again.forget_handles();
    assert!(matches!(again.read(0, 0, &mut [0; 10]), Err(StorageError::FileGone { .. })));
}

#[test]
fn prepare_with_a_longer_file_fails_even_if_its_pieces_match() {
    for start in [noise(70_000, 99), torrent().data[0].clone()] {
        let torrent = torrent();
        let users = [start, noise(50_000, 98)].concat();
        std::fs::write(torrent.path(0), &users).unwrap();
        let longer = InTheWay::Longer { found: 120_000, expected: 70_000 };
        assert_eq!(prepare(&torrent.store()), Err(longer));
        assert_eq!(std::fs::read(torrent.path(0)).unwrap(), users);
    }
}

#[test]
fn prepare_with_a_longer_file_in_place_of_an_empty_one_fails() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[100, 0]);
    std::fs::create_dir_all(torrent.path(0).parent().unwrap()).unwrap();
    std::fs::write(torrent.path(1), b"mine").unwrap();
    assert_eq!(prepare(&torrent.store()), Err(InTheWay::Longer { found: 4, expected: 0 }));
    assert_eq!(std::fs::read(torrent.path(1)).unwrap(), b"mine");
    prepare(&torrent.store_with(None, OVERWRITE)).unwrap();
    assert_eq!(std::fs::read(torrent.path(1)).unwrap(), b"");
}

#[test]
fn write_with_overwrite_truncates_a_longer_file_once_all_its_pieces_match() {
    let torrent = torrent();
    std::fs::write(torrent.path(0), noise(120_000, 99)).unwrap();
    let store = torrent.store_with(None, OVERWRITE);
    prepare(&store).unwrap();
    let len = || std::fs::metadata(torrent.path(0)).unwrap().len();
    let (mut writer, mut done) = (PieceWriter::new(), Vec::new());
    for piece in 0..5 {
        assert_eq!(len(), 120_000, "before piece {piece}");
        writer.write(&mut torrent.jobs(&store, piece), &mut done);
        store.sync().unwrap();
    }
    assert_eq!(std::fs::read(torrent.path(0)).unwrap(), torrent.data[0]);
    assert!(!torrent.path(1).exists());
}

#[test]
fn prepare_with_overwrite_truncates_a_longer_file_whose_pieces_match() {
    let torrent = torrent();
    let longer = [torrent.data[0].clone(), vec![1; 10]].concat();
    std::fs::write(torrent.path(0), longer).unwrap();
    prepare(&torrent.store_with(None, OVERWRITE)).unwrap();
    assert_eq!(std::fs::read(torrent.path(0)).unwrap(), torrent.data[0]);
}

#[test]
fn prepare_with_an_incomplete_copy_accepts_it() {
    let torrent = torrent();
    // Files as other clients leave them: some pieces, in order or with holes.
    for left in
        [torrent.data[0][..40_000].to_vec(), [vec![0; 16384], torrent.data[0][16384..].to_vec()].concat()]
    {
        std::fs::write(torrent.path(0), left).unwrap();
        let store = torrent.store();
        prepare(&store).unwrap();
        download(&torrent, &store);
        assert_eq!(std::fs::read(torrent.path(0)).unwrap(), torrent.data[0]);
    }
}

#[test]
fn prepare_with_a_file_of_zeros_accepts_it() {
    let torrent = torrent();
    for (len, is_written) in [(70_000, true), (70_000, false), (30_000, true)] {
        let file = std::fs::File::create(torrent.path(0)).unwrap();
        file.set_len(len).unwrap();
        if is_written {
            std::fs::write(torrent.path(0), vec![0; len as usize]).unwrap();
        }
        prepare(&torrent.store()).unwrap();
    }
    std::fs::write(torrent.path(0), [vec![0; 69_999], vec![1]].concat()).unwrap();
    assert_eq!(prepare(&torrent.store()), Err(InTheWay::Different));
}

#[test]
fn prepare_with_a_recorded_own_file_accepts_it_without_a_matching_piece() {
    let torrent = torrent();
    let first = torrent.store();
    prepare(&first).unwrap();
    assert_eq!(first.own_files(), [false, false], "no file is created yet");
    first.write(0, 100, &[Bytes::from(noise(500, 1))]).unwrap();
    let own = first.own_files();
    assert_eq!(own, [true, false]);
    drop(first);

    assert_eq!(prepare(&torrent.store()), Err(InTheWay::Different), "without the record");
    let again = torrent.store();
    again.set_own_files(&own);
    prepare(&again).unwrap();
    download(&torrent, &again);
    assert_eq!(std::fs::read(torrent.path(0)).unwrap(), torrent.data[0]);

    // This program creates files of the full length only, so a file of another length is not its own.
    std::fs::write(torrent.path(0), noise(69_999, 5)).unwrap();
    let replaced = torrent.store();
    replaced.set_own_files(&own);
    assert_eq!(prepare(&replaced), Err(InTheWay::Different));
}

#[test]
fn prepare_with_believed_pieces_accepts_their_file() {
    let torrent = torrent();
    std::fs::write(torrent.path(0), &torrent.data[0]).unwrap();
    let store = torrent.store();
    (0..5).for_each(|piece| store.believe(piece));
    assert_eq!(store.files_at_risk().unwrap(), []);
    store.prepare().unwrap();
}

#[test]
fn prepare_with_a_small_file_beside_matching_ones_requires_its_full_length() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[40_000, 100, 40_000]);
    torrent.place_files();
    // Its only piece fails because of the neighbour.
    std::fs::write(torrent.path(2), &torrent.data[2][..0]).unwrap();
    prepare(&torrent.store()).unwrap();
    std::fs::write(torrent.path(1), noise(90, 9)).unwrap();
    assert_eq!(prepare(&torrent.store()), Err(InTheWay::Different));
}

#[test]
fn prepare_with_an_unwanted_foreign_file_that_shares_a_piece_fails() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[10_000, 10_000]);
    std::fs::create_dir_all(torrent.path(0).parent().unwrap()).unwrap();
    let users = noise(7_000, 9);
    std::fs::write(torrent.path(1), &users).unwrap();
    let wanted: &[bool] = &[true, false];
    let store = torrent.store_with(Some(wanted), StoreOptions::default());
    assert_eq!(store.uses(), [FileUse::Writes; 2]);
    assert_eq!(prepare(&store), Err(InTheWay::Different));
    assert_eq!(std::fs::read(torrent.path(1)).unwrap(), users);

    std::fs::remove_file(torrent.path(1)).unwrap();
    let store = torrent.store_with(Some(wanted), StoreOptions::default());
    assert_eq!(store.uses(), [FileUse::Writes, FileUse::None], "its bytes go to the part file");
    prepare(&store).unwrap();
}

#[test]
fn write_to_a_file_that_appeared_after_the_check_fails() {
    for is_prepared in [false, true] {
        for is_read in [false, true] {
            let torrent = torrent();
            let store = torrent.store();
            check(&store);
            if is_prepared {
                store.prepare().unwrap();
            }
            let users = noise(70_000, 9);
            std::fs::write(torrent.path(0), &users).unwrap();
            if is_read {
                store.read(0, 0, &mut [0; 100]).unwrap();
            }
            for _ in 0..2 {
                let written = store.write(0, 0, &[Bytes::from(torrent.piece(0))]);
                assert!(
                    matches!(written, Err(StorageError::InTheWay { why: InTheWay::Appeared, .. })),
                    "{written:?}"
                );
            }
            assert_eq!(std::fs::read(torrent.path(0)).unwrap(), users);
            assert_eq!(store.own_files(), [false; 2]);
        }
    }
    let torrent = torrent();
    let store = torrent.store_with(None, OVERWRITE);
    prepare(&store).unwrap();
    std::fs::write(torrent.path(0), b"mine").unwrap();
    download(&torrent, &store);
    assert_eq!(std::fs::read(torrent.path(0)).unwrap(), torrent.data[0]);
}

#[test]
fn write_to_a_link_or_folder_that_appeared_is_a_distinct_error() {
    let torrent = torrent();
    let store = torrent.store();
    prepare(&store).unwrap();
    std::os::unix::fs::symlink("elsewhere", torrent.path(0)).unwrap();
    std::fs::create_dir(torrent.path(1)).unwrap();
    let write = |piece| store.write(piece, 0, &[Bytes::from(torrent.piece(piece))]);
    assert!(matches!(write(0), Err(StorageError::Symlink { .. })));
    assert!(matches!(write(5), Err(StorageError::NotAFile { .. })));
}

#[test]
fn write_to_an_existing_empty_file_works_only_while_it_is_empty() {
    let torrent = torrent();
    std::fs::write(torrent.path(0), b"").unwrap();
    let store = torrent.store();
    prepare(&store).unwrap();
    assert_eq!(store.own_files(), [false; 2]);
    std::fs::write(torrent.path(0), b"mine").unwrap();
    let written = store.write(0, 0, &[Bytes::from(torrent.piece(0))]);
    assert!(matches!(written, Err(StorageError::InTheWay { why: InTheWay::Appeared, .. })), "{written:?}");
    std::fs::write(torrent.path(0), b"").unwrap();
    download(&torrent, &store);
    assert_eq!(store.own_files(), [true; 2]);
}

#[test]
fn write_to_a_recorded_file_that_was_replaced_fails_and_creates_it_once_removed() {
    let torrent = torrent();
    let first = torrent.store();
    prepare(&first).unwrap();
    first.write(0, 0, &[Bytes::from(torrent.piece(0))]).unwrap();
    let own = first.own_files();
    assert_eq!(own, [true, false]);
    drop(first);
    std::fs::remove_file(torrent.path(0)).unwrap();
    let second = torrent.store();
    second.set_own_files(&own);
    prepare(&second).unwrap();
    std::fs::write(torrent.path(0), b"mine").unwrap();
    let written = second.write(0, 0, &[Bytes::from(torrent.piece(0))]);
    assert!(matches!(written, Err(StorageError::InTheWay { why: InTheWay::Appeared, .. })), "{written:?}");
    std::fs::remove_file(torrent.path(0)).unwrap();
    download(&torrent, &second);
}

#[test]
fn write_by_several_threads_to_one_new_file_creates_it_once() {
    for allocate in [crate::Allocation::Sparse, crate::Allocation::Full] {
        let torrent = Fixture::of_lengths(Kind::V2, 16384, &[16 * 16384]);
        let store = torrent.store_with(None, StoreOptions { allocate, ..StoreOptions::default() });
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            let (store, torrent, start) = (&store, &torrent, &start);
            for first in 0..8 {
                scope.spawn(move || {
                    start.wait();
                    for piece in [first, first + 8] {
                        store.write(piece, 0, &[Bytes::from(torrent.piece(piece))]).unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read(torrent.path(0)).unwrap(), torrent.data[0]);
    }
}

#[test]
fn check_with_a_missing_file_keeps_its_neighbour_own_and_dirty() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[10_000, 10_000]);
    let store = torrent.store();
    prepare(&store).unwrap();
    store.write(0, 0, &[Bytes::from(torrent.piece(0))]).unwrap();
    std::fs::remove_file(torrent.path(0)).unwrap();
    check(&store);
    assert_eq!(store.own_files(), [false, true]);
    assert!(store.has_flag(1, flag::DIRTY));
    download(&torrent, &store);
}

#[test]
fn files_at_risk_with_an_incomplete_file_returns_it_until_it_is_complete() {
    let torrent = torrent();
    let store = torrent.store();
    check(&store);
    assert_eq!(store.files_at_risk().unwrap(), []);
    std::fs::write(torrent.path(0), &torrent.data[0][..40_000]).unwrap();
    let store = torrent.store();
    check(&store);
    let at_risk = store.files_at_risk().unwrap();
    assert_eq!(at_risk.iter().map(|(file, stamp)| (*file, stamp.len)).collect::<Vec<_>>(), [(0, 40_000)]);
    store.prepare().unwrap();
    assert_eq!(store.files_at_risk().unwrap(), at_risk, "own files as well");
    download(&torrent, &store);
    assert_eq!(store.files_at_risk().unwrap(), [], "all is written");
}

#[test]
fn prepare_with_a_foreign_file_beside_the_part_file_fails() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[10_000, 50_000]);
    let first = torrent.store_with(Some(&[true, false]), StoreOptions::default());
    prepare(&first).unwrap();
    first.write(0, 0, &[Bytes::from(torrent.piece(0))]).unwrap();
    first.sync().unwrap();
    drop(first);
    // An interrupted copy has all, some, or none of its sectors.
    let mut copy = vec![0; 50_000];
    for copied in [0, 512, 6384] {
        copy[..copied].copy_from_slice(&torrent.data[1][..copied]);
        std::fs::write(torrent.path(1), &copy).unwrap();
        let store = torrent.store();
        check(&store);
        let places = store.places();
        assert!(store.admit_existing(&places).is_ok(), "{copied} bytes");
    }
    for users in [noise(50_000, 9), noise(60_000, 9), [&copy[..49_999], &[1]].concat()] {
        std::fs::write(torrent.path(1), &users).unwrap();
        assert_eq!(prepare(&torrent.store()), Err(InTheWay::BesidePartFile));
        assert_eq!(std::fs::read(torrent.path(1)).unwrap(), users);
    }
    prepare(&torrent.store_with(None, OVERWRITE)).unwrap();
}

#[test]
fn longer_file_that_is_not_wanted_is_never_truncated() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[10_000, 10_000]);
    torrent.place_files();
    let longer = [torrent.data[1].clone(), vec![1; 500]].concat();
    std::fs::write(torrent.path(1), &longer).unwrap();
    let wanted: &[bool] = &[true, false];
    // All wanted bytes exist, so nothing will be written.
    prepare(&torrent.store_with(Some(wanted), StoreOptions::default())).unwrap();
    std::fs::remove_file(torrent.path(0)).unwrap();
    let longer_error = InTheWay::Longer { found: 10_500, expected: 10_000 };
    assert_eq!(prepare(&torrent.store_with(Some(wanted), StoreOptions::default())), Err(longer_error));
    let store = torrent.store_with(Some(wanted), OVERWRITE);
    prepare(&store).unwrap();
    download(&torrent, &store);
    store.sync().unwrap();
    assert_eq!(std::fs::read(torrent.path(1)).unwrap(), longer);
}

fn same_file(done: Result<(), StorageError>) -> [std::path::PathBuf; 2] {
    match done {
        Err(StorageError::SameFile { path, other }) => [path, other],
        done => panic!("{done:?}"),
    }
}

#[test]
fn write_to_two_files_that_are_one_on_disk_fails_for_the_second() {
    let torrent = Fixture::of_lengths(Kind::V2, 16384, &[40_000, 40_000]);
    std::fs::create_dir_all(torrent.path(0).parent().unwrap()).unwrap();
    let write = |store: &TorrentStore, piece| store.write(piece, 0, &[Bytes::from(torrent.piece(piece))]);
    // As on a file system that ignores case, the second name leads to the first file as soon as that exists.
    let store = torrent.store();
    prepare(&store).unwrap();
    write(&store, 0).unwrap();
    std::fs::hard_link(torrent.path(0), torrent.path(1)).unwrap();
    assert_eq!(same_file(write(&store, 3)), [torrent.path(1), torrent.path(0)]);
    write(&store, 1).unwrap();
    drop(store);

    let store = torrent.store();
    store.set_own_files(&[true; 2]);
    prepare(&store).unwrap();
    write(&store, 3).unwrap();
    store.forget_handles();
    assert_eq!(same_file(write(&store, 1)), [torrent.path(0), torrent.path(1)]);
    // The inode of a removed file does not count.
    std::fs::remove_file(torrent.path(1)).unwrap();
    write(&store, 1).unwrap();
}

#[test]
fn write_by_two_torrents_to_one_file_on_disk_fails_for_the_second() {
    let (one, two) = (torrent(), torrent());
    let open = |of: &Fixture| {
        let (meta, handles) = (Arc::clone(&of.meta), Arc::clone(&one.handles));
        TorrentStore::open(meta, of.dir.path(), None, StoreOptions::default(), handles).unwrap()
    };
    let (first, second) = (open(&one), open(&two));
    first.write(0, 0, &[Bytes::from(one.piece(0))]).unwrap();
    std::fs::hard_link(one.path(0), two.path(0)).unwrap();
    second.set_own_files(&[true; 2]);
    let write = || second.write(1, 0, &[Bytes::from(two.piece(1))]);
    assert_eq!(same_file(write()), [two.path(0), one.path(0)]);
    drop(first);
    write().unwrap();
}
