#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up should end the test")]

use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::in_the_way::InTheWay;
use crate::testing::{Fixture, Kind, names_in, noise, v1_link};
use crate::{Pieces, check_all};

fn write_piece(torrent: &Fixture, store: &TorrentStore, piece: u32) -> Result<(), StorageError> {
    store.write(piece, 0, &[Bytes::from(torrent.piece(piece))])
}

fn check(store: &TorrentStore) -> Vec<bool> {
    check_all(store, Pieces::All, 2, |_| {}, &AtomicBool::new(false)).unwrap()
}

fn fill(store: &TorrentStore, torrent: &Fixture) {
    for piece in torrent.pieces() {
        write_piece(torrent, store, piece).unwrap();
    }
}

#[test]
fn store_and_error_types_are_send_and_sync() {
    fn shared<T: Send + Sync>() {}
    shared::<TorrentStore>();
    shared::<StorageError>();
}

#[test]
fn open_check_and_sync_of_a_new_torrent_create_nothing() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[20_000, 0, 5]);
    let store = torrent.store();
    assert_eq!(check(&store), [false, false]);
    assert_eq!(store.fingerprint().unwrap(), [FileStamp::ABSENT; 3]);
    store.sync().unwrap();
    assert!(names_in(torrent.dir.path()).is_empty());
}

#[test]
fn prepare_with_overwrite_creates_empty_files_and_links_and_truncates() {
    let files = [("a/b/run", noise(100, 1)), ("a/empty", vec![]), ("z", noise(50, 2))];
    let torrent = Fixture::with_info(Kind::V1, 16384, &files, |list| {
        list.push(v1_link("a/b/link", "z"));
        list.push(v1_link("a/self", "a/b/run"));
    });
    torrent.place_files();
    let longer = [torrent.data[2].clone(), vec![1; 10]].concat();
    std::fs::write(torrent.path(2), &longer).unwrap();

    let store = torrent.store_with(None, StoreOptions { overwrite: true, ..StoreOptions::default() });
    assert_eq!(check(&store), [true]);
    assert_eq!(std::fs::read(torrent.path(2)).unwrap(), longer, "a check changes nothing");
    store.prepare().unwrap();
    store.prepare().unwrap();
    assert_eq!(std::fs::read(torrent.path(2)).unwrap(), torrent.data[2]);
    assert_eq!(std::fs::read(torrent.path(1)).unwrap(), b"");
    assert_eq!(std::fs::read(torrent.path(3)).unwrap(), torrent.data[2]);
    assert_eq!(std::fs::read_link(torrent.path(3)).unwrap(), Path::new("../../z"));
    assert_eq!(std::fs::read(torrent.path(4)).unwrap(), torrent.data[0]);
}

#[test]
fn prepare_with_unwanted_files_does_not_create_them() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[10, 0, 10]);
    let store = torrent.store_with(Some(&[true, false, false]), StoreOptions::default());
    store.prepare().unwrap();
    assert!(torrent.names().is_empty(), "a file with content is created by its first write");
    write_piece(&torrent, &store, 0).unwrap();
    assert_eq!(torrent.names(), ["00"]);
}

#[test]
fn first_write_gives_a_file_its_full_length() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[40_000]);
    for allocate in [Allocation::Sparse, Allocation::Full] {
        let store = torrent.store_with(None, StoreOptions { allocate, ..StoreOptions::default() });
        write_piece(&torrent, &store, 0).unwrap();
        assert_eq!(std::fs::metadata(torrent.path(0)).unwrap().len(), 40_000);
        assert_eq!(check(&store), [true, false, false]);
        drop(store);
        std::fs::remove_file(torrent.path(0)).unwrap();
    }
    let store =
        torrent.store_with(None, StoreOptions { allocate: Allocation::Full, ..StoreOptions::default() });
    store.prepare().unwrap();
    assert_eq!(std::fs::metadata(torrent.path(0)).unwrap().len(), 40_000);
}

#[test]
fn write_of_an_executable_sets_its_mode() {
    let torrent = Fixture::with_info(Kind::V1, 16384, &[("run", noise(10, 1))], |list| {
        let ztor_bencode::Tree::Dict(file) = &mut list[0] else { panic!() };
        file.insert(b"attr".to_vec(), ztor_bencode::Tree::from(b"x"));
    });
    let store = torrent.store();
    write_piece(&torrent, &store, 0).unwrap();
    assert_ne!(std::fs::metadata(torrent.path(0)).unwrap().permissions().mode() & 0o100, 0);
}

#[test]
fn access_through_links_inside_the_torrent_fails() {
    let torrent = Fixture::new(Kind::V1, 16384, &[("a/inner", noise(100, 1)), ("b", noise(100, 2))]);
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("inner"), noise(100, 1)).unwrap();
    let folder = torrent.dir.path().join("torrent");
    std::fs::create_dir(&folder).unwrap();
    symlink(outside.path(), folder.join("a")).unwrap();
    symlink(outside.path().join("new"), folder.join("b")).unwrap();

    let store = torrent.store();
    let refused = |result: Result<(), StorageError>, at: &str| match result {
        Err(StorageError::Symlink { path }) => assert_eq!(path, folder.join(at)),
        other => panic!("{other:?}"),
    };
    refused(store.write(0, 0, &[Bytes::from(vec![0; 100])]), "a");
    refused(store.write(0, 100, &[Bytes::from(vec![0; 100])]), "b");
    refused(store.read(0, 0, &mut [0; 10]), "a");
    refused(store.locate(0, 150, 10).map(drop), "b");
    refused(store.check_piece(0, &mut Vec::new()).map(drop), "a");
    assert_eq!(names_in(outside.path()), ["inner"]);
    assert_eq!(std::fs::read(outside.path().join("inner")).unwrap(), noise(100, 1));
}

#[test]
fn read_only_store_follows_links_inside_the_torrent() {
    let torrent = Fixture::new(Kind::V1, 16384, &[("a/inner", noise(100, 1)), ("b", noise(100, 2))]);
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("inner"), noise(100, 1)).unwrap();
    std::fs::write(outside.path().join("other"), noise(100, 2)).unwrap();
    let folder = torrent.dir.path().join("torrent");
    std::fs::create_dir(&folder).unwrap();
    symlink(outside.path(), folder.join("a")).unwrap();
    symlink(outside.path().join("other"), folder.join("b")).unwrap();
    let store = torrent.store_with(None, StoreOptions { read_only: true, ..StoreOptions::default() });
    assert_eq!(check(&store), [true]);
    let before = store.fingerprint().unwrap();
    assert_eq!(before[1].len, 100, "of the file, not of the link");
    assert!(store.write(0, 0, &[Bytes::from(vec![0; 100])]).is_err());
    // A pipe behind a link does not block.
    std::fs::remove_file(outside.path().join("other")).unwrap();
    let status = std::process::Command::new("mkfifo").arg(outside.path().join("other")).status().unwrap();
    assert!(status.success());
    let store = torrent.store_with(None, StoreOptions { read_only: true, ..StoreOptions::default() });
    assert!(matches!(store.read(0, 100, &mut [0; 100]), Err(StorageError::NotAFile { .. })));
}

#[test]
fn write_through_links_to_the_download_and_torrent_folder_follows_them() {
    let torrent = Fixture::new(Kind::V1, 16384, &[("a", noise(100, 1))]);
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), torrent.dir.path().join("torrent")).unwrap();
    let link = torrent.dir.path().join("download");
    symlink(torrent.dir.path(), &link).unwrap();
    let handles = Arc::clone(&torrent.handles);
    let store =
        TorrentStore::open(Arc::clone(&torrent.meta), &link, None, StoreOptions::default(), handles).unwrap();
    store.prepare().unwrap();
    write_piece(&torrent, &store, 0).unwrap();
    assert_eq!(std::fs::read(elsewhere.path().join("a")).unwrap(), torrent.data[0]);
}

#[test]
fn access_to_pipes_and_folders_in_the_place_of_files_fails() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[100, 100]);
    std::fs::create_dir_all(torrent.path(0)).unwrap();
    let status = std::process::Command::new("mkfifo").arg(torrent.path(1)).status().unwrap();
    assert!(status.success());
    let store = torrent.store();
    for begin in [0, 100] {
        let written = store.write(0, begin, &[Bytes::from(vec![0; 100])]);
        assert!(matches!(written, Err(StorageError::NotAFile { .. })), "{written:?}");
        let read = store.read(0, begin, &mut [0; 100]);
        assert!(matches!(read, Err(StorageError::NotAFile { .. })), "{read:?}");
    }
}

#[test]
fn prepare_below_a_regular_file_is_a_clear_error() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[100]);
    let file = torrent.dir.path().join("taken");
    std::fs::write(&file, b"x").unwrap();
    let dir = file.join("download");
    let handles = Arc::clone(&torrent.handles);
    let store =
        TorrentStore::open(Arc::clone(&torrent.meta), &dir, None, StoreOptions::default(), handles).unwrap();
    let error = store.prepare().unwrap_err();
    assert!(error.to_string().contains("a file is in the place of a folder"), "{error}");
    assert_eq!(error.path(), Some(dir.as_path()));
    assert_eq!(check(&store), [false]);
}

#[test]
fn read_only_store_refuses_writes() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[100]);
    torrent.place_files();
    let store = torrent.store_with(None, StoreOptions { read_only: true, ..StoreOptions::default() });
    assert_eq!(check(&store), [true]);
    for result in [write_piece(&torrent, &store, 0), store.prepare(), store.set_wanted(&[true])] {
        assert!(result.unwrap_err().is_read_only());
    }
}

#[test]
fn write_to_a_removed_file_or_folder_is_gone_and_does_not_create_it() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[40_000]);
    let store = torrent.store();
    fill(&store, &torrent);
    store.sync().unwrap();
    assert!(check(&store)[0] && store.is_verified(0));
    write_piece(&torrent, &store, 0).unwrap();
    std::fs::remove_file(torrent.path(0)).unwrap();
    assert!(store.sync().unwrap_err().is_gone(), "an unlinked file does not count as synced");
    assert!(!store.is_verified(0));
    assert!(write_piece(&torrent, &store, 0).unwrap_err().is_gone());
    assert!(!torrent.path(0).exists());

    assert_eq!(check(&store), [false; 3], "a check accepts that it is gone");
    write_piece(&torrent, &store, 1).unwrap();
    assert_eq!(check(&store), [false, true, false]);

    std::fs::remove_dir_all(torrent.dir.path()).unwrap();
    store.forget_handles();
    let error = write_piece(&torrent, &store, 0).unwrap_err();
    assert!(matches!(&error, StorageError::FolderGone { path } if path == torrent.dir.path()), "{error:?}");
    assert!(!torrent.dir.path().exists());
    std::fs::create_dir(torrent.dir.path()).unwrap();
}

#[test]
fn access_to_a_truncated_file_is_an_error() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[40_000]);
    let store = torrent.store();
    fill(&store, &torrent);
    File::options().write(true).open(torrent.path(0)).unwrap().set_len(20_000).unwrap();
    assert!(matches!(store.read(1, 0, &mut [0; 16384]), Err(StorageError::Short { needed: 32768, .. })));
    assert!(matches!(store.locate(1, 0, 16384), Err(StorageError::Short { .. })));
    store.forget_handles();
    assert!(write_piece(&torrent, &store, 2).unwrap_err().is_gone());
    assert_eq!(check(&store), [true, false, false]);
}

#[test]
fn locate_of_any_range_returns_its_file_slices() {
    let torrent = Fixture::of_lengths(Kind::Hybrid, 32768, &[40_000, 3, 70_000]);
    let wanted: Vec<bool> = torrent.meta.layout.files().iter().map(|file| file.length != 70_000).collect();
    let store = torrent.store_with(Some(&wanted), StoreOptions::default());
    fill(&store, &torrent);
    let mut slices = Vec::new();
    for piece in torrent.pieces() {
        slices.clear();
        let len = torrent.meta.layout.piece_len(piece);
        store.locate_into(piece, 1, len - 1, &mut slices).unwrap();
        let mut bytes = Vec::new();
        for slice in &slices {
            let start = bytes.len();
            bytes.resize(start + slice.len as usize, 0);
            if let Some(file) = &slice.file {
                file.read_exact_at(&mut bytes[start..], slice.offset).unwrap();
            }
        }
        assert_eq!(bytes, torrent.piece(piece)[1..]);
        let (looked_up, before) = (slices.clone(), slices.len());
        if store.try_locate_cached(piece, 1, len - 1, &mut slices) {
            let same = |(a, b): (&FileSlice, &FileSlice)| {
                a.file.as_ref().map(Arc::as_ptr) == b.file.as_ref().map(Arc::as_ptr)
                    && (a.offset, a.len) == (b.offset, b.len)
            };
            assert_eq!(slices.len(), 2 * before);
            assert!(looked_up.iter().zip(&slices[before..]).all(same));
        } else {
            assert_eq!(slices.len(), before, "a failed look-up leaves no slices");
        }
    }
    let mut slices = Vec::new();
    let fresh = torrent.store_with(Some(&wanted), StoreOptions::default());
    assert!(!fresh.try_locate_cached(0, 0, 100, &mut slices), "opening a file may wait for the disk");
    let moved = torrent.meta.layout.piece_count() - 1;
    assert!(!store.try_locate_cached(moved, 0, 100, &mut slices), "the part file is left to the disk worker");
    assert!(!store.try_locate_cached(0, 0, u32::MAX, &mut slices));
    assert!(!store.try_locate_cached(u32::MAX, 0, 0, &mut slices));
    assert!(slices.is_empty());
    assert!(matches!(store.locate(0, 0, u32::MAX), Err(StorageError::OutOfRange { .. })));
    assert!(matches!(store.locate(u32::MAX, 0, 0), Err(StorageError::OutOfRange { .. })));
}

#[test]
fn check_of_holes_passes_only_where_zeros_match() {
    for kind in [Kind::V1, Kind::V2, Kind::Hybrid] {
        let mut content = vec![0; 300_000];
        content[..65536].copy_from_slice(&noise(65536, 4));
        let torrent = Fixture::new(kind, 65536, &[("a", content)]);
        let store = torrent.store();
        assert_eq!(check(&store), [false; 5], "a missing file is not the same as zeros");
        store.write(1, 0, &[Bytes::from_static(&[0])]).unwrap();
        assert_eq!(check(&store), [false, true, true, true, true]);
    }
}

#[test]
fn check_all_of_a_subset_reports_progress_and_stops_on_the_flag() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[100_000]);
    torrent.place_files();
    let store = torrent.store();
    let seen = Mutex::new(Vec::new());
    let report = |done| seen.lock().unwrap().push(done);
    let have = check_all(&store, Pieces::Only(&[1, 5, 99]), 3, report, &AtomicBool::new(false)).unwrap();
    assert_eq!(have, [false, true, false, false, false, true, false]);
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3]);
    let stopped = check_all(&store, Pieces::All, 1, |_| {}, &AtomicBool::new(true));
    assert!(matches!(stopped, Err(StorageError::Stopped)));
}

#[test]
fn open_with_a_torn_part_file_loses_only_its_pieces() {
    let torrent = Fixture::of_lengths(Kind::V1, 32768, &[20_000, 60_000, 20_000]);
    let wanted = [true, false, true];
    let store = torrent.store_with(Some(&wanted), StoreOptions::default());
    fill(&store, &torrent);
    store.sync().unwrap();
    assert_eq!(torrent.names(), ["00", "02"]);
    assert_eq!(check(&store), [true; 4]);
    drop(store);

    let parts = File::options().write(true).open(torrent.parts_path()).unwrap();
    parts.write_all_at(b"torn", 4096).unwrap();
    let store = torrent.store_with(Some(&wanted), StoreOptions::default());
    assert_eq!(check(&store), [false, true, true, true]);
    drop(store);
    parts.write_all_at(b"torn", 8).unwrap();
    let store = torrent.store_with(Some(&wanted), StoreOptions::default());
    assert_eq!(check(&store), [false, false, false, true]);
    store.set_own_files(&[true; 3]);
    fill(&store, &torrent);
    assert_eq!(check(&store), [true; 4]);
}

#[test]
fn write_with_a_foreign_file_at_the_part_files_path_fails() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[10_000, 50_000]);
    let users = noise(100, 9);
    std::fs::write(torrent.parts_path(), &users).unwrap();
    let wanted = [true, false];
    let store = torrent.store_with(Some(&wanted), StoreOptions::default());
    store.prepare().unwrap();
    for _ in 0..2 {
        match write_piece(&torrent, &store, 1) {
            Err(StorageError::InTheWay { path, why: InTheWay::NoPartFile }) => {
                assert_eq!(path, torrent.parts_path());
            }
            done => panic!("{done:?}"),
        }
    }
    assert_eq!(std::fs::read(torrent.parts_path()).unwrap(), users);
    write_piece(
        &torrent,
        &torrent.store_with(Some(&wanted), StoreOptions { overwrite: true, ..StoreOptions::default() }),
        1,
    )
    .unwrap();

    // Zeros are what remains of a header that never reached the disk.
    std::fs::write(torrent.parts_path(), [0; 5000]).unwrap();
    write_piece(&torrent, &torrent.store_with(Some(&wanted), StoreOptions::default()), 1).unwrap();
}

#[test]
fn set_wanted_moves_the_bytes_of_newly_wanted_files() {
    let torrent = Fixture::of_lengths(Kind::V2, 32768, &[20_000, 60_000, 40_000]);
    let store = torrent.store_with(Some(&[false; 3]), StoreOptions::default());
    fill(&store, &torrent);
    assert!(torrent.names().is_empty());
    let before = store.fingerprint().unwrap();
    assert!(
        before.iter().all(|stamp| stamp.mtime_ns > 0 && stamp.len > 0),
        "they have the part file's stamp"
    );

    store.set_wanted(&[false, true, false]).unwrap();
    assert_eq!(torrent.names(), ["01"]);
    assert_eq!(std::fs::read(torrent.path(1)).unwrap(), torrent.data[1]);
    assert_eq!(check(&store), [true; 5]);
    assert_ne!(store.fingerprint().unwrap()[1], before[1]);
    // An unwanted file that exists is used.
    store.set_wanted(&[false; 3]).unwrap();
    assert_eq!(check(&store), [true; 5]);
    store.set_wanted(&[true; 3]).unwrap();
    assert!(!torrent.parts_path().exists());
    assert_eq!(names_in(torrent.dir.path()), ["torrent"]);
    assert_eq!(check(&store), [true; 5]);
    assert!(matches!(store.set_wanted(&[true]), Err(StorageError::WrongFileCount { expected: 3, found: 1 })));
}

#[test]
fn open_with_another_selection_keeps_the_bytes_of_the_part_file() {
    let torrent = Fixture::of_lengths(Kind::V1, 32768, &[20_000, 60_000, 20_000]);
    let store = torrent.store_with(Some(&[true, false, true]), StoreOptions::default());
    write_piece(&torrent, &store, 0).unwrap();
    drop(store);
    let store = torrent.store_with(Some(&[true, false, false]), StoreOptions::default());
    check(&store);
    store.set_own_files(&[true, false, false]);
    fill(&store, &torrent);
    drop(store);
    let store = torrent.store();
    assert_eq!(check(&store), [true; 4]);
    store.prepare().unwrap();
    assert_eq!(check(&store), [true; 4]);
    assert_eq!(torrent.names(), ["00", "01", "02"]);
}

#[test]
fn sync_of_a_removed_part_file_is_gone_until_the_next_check() {
    let torrent = Fixture::of_lengths(Kind::V1, 32768, &[20_000, 60_000]);
    let store = torrent.store_with(Some(&[true, false]), StoreOptions::default());
    fill(&store, &torrent);
    std::fs::remove_file(torrent.parts_path()).unwrap();
    assert!(store.sync().unwrap_err().is_gone());
    assert!(write_piece(&torrent, &store, 0).unwrap_err().is_gone());
    assert_eq!(check(&store), [false; 3]);
    fill(&store, &torrent);
    assert_eq!(check(&store), [true; 3]);
    store.sync().unwrap();
}

#[test]
fn prepare_with_a_half_copied_file_copies_it_again() {
    let torrent = Fixture::of_lengths(Kind::V1, 32768, &[50_000]);
    let store = torrent.store_with(Some(&[false]), StoreOptions::default());
    fill(&store, &torrent);
    drop(store);
    std::fs::create_dir(torrent.dir.path().join("torrent")).unwrap();
    std::fs::write(torrent.path(0), vec![0; 50_000]).unwrap();
    let store = torrent.store();
    assert_eq!(check(&store), [true; 2], "the part file counts until all is copied");
    store.prepare().unwrap();
    assert!(!torrent.parts_path().exists());
    assert_eq!(std::fs::read(torrent.path(0)).unwrap(), torrent.data[0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For any sequence of selections and reopenings, no written piece is lost, and a file that was never wanted never
    /// appears.
    #[test]
    fn set_wanted_and_reopen_in_any_order_lose_no_piece(
        lengths in prop::collection::vec(1usize..50_000, 1..6),
        steps in prop::collection::vec((any::<u8>(), 0u8..4, any::<u32>()), 1..14),
    ) {
        let torrent = Fixture::of_lengths(Kind::V1, 16384, &lengths);
        let mask = |bits: u8| (0..lengths.len()).map(|file| bits >> file & 1 == 1).collect::<Vec<_>>();
        let mut wanted = mask(steps[0].0);
        let mut ever = wanted.clone();
        let mut store = torrent.store_with(Some(&wanted), StoreOptions::default());
        let mut had = vec![false; torrent.pieces().len()];
        for (bits, action, number) in steps {
            match action {
                0 => {
                    wanted = mask(bits);
                    ever.iter_mut().zip(&wanted).for_each(|(ever, wanted)| *ever |= wanted);
                    store.set_wanted(&wanted).unwrap();
                }
                1 => {
                    drop(store);
                    if number % 3 == 0 {
                        wanted = mask(bits);
                        ever.iter_mut().zip(&wanted).for_each(|(ever, wanted)| *ever |= wanted);
                    }
                    store = torrent.store_with(Some(&wanted), StoreOptions::default());
                    // As recorded by the earlier run.
                    store.set_own_files(&vec![true; lengths.len()]);
                    if number % 2 == 0 {
                        store.prepare().unwrap();
                    }
                }
                2 => store.sync().unwrap(),
                _ => {
                    let piece = number % had.len() as u32;
                    write_piece(&torrent, &store, piece).unwrap();
                    had[piece as usize] = true;
                }
            }
            let now = check(&store);
            prop_assert_eq!(&now, &had);
            for (file, ever) in ever.iter().enumerate() {
                prop_assert!(*ever || !torrent.path(file).exists());
            }
        }
    }
}

#[test]
fn fingerprint_of_a_changed_file_differs() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[100, 100]);
    torrent.place_files();
    let store = torrent.store();
    let before = store.fingerprint().unwrap();
    assert_eq!(before, store.fingerprint().unwrap());
    let file = File::options().write(true).open(torrent.path(1)).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1_234_567_891)).unwrap();
    let after = store.fingerprint().unwrap();
    assert_eq!(before[0], after[0]);
    assert_eq!(after[1], FileStamp { len: 100, mtime_ns: 1_234_567_891 });
}

#[test]
fn write_and_sync_by_several_threads_keep_the_handle_bound() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[9_000; 40]);
    let store = torrent.store();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (store, torrent, done) = (&store, &torrent, &done);
        let writers: Vec<_> = (0..3)
            .map(|first| {
                scope.spawn(move || {
                    for piece in torrent.pieces().skip(first).step_by(3) {
                        write_piece(torrent, store, piece).unwrap();
                        assert!(torrent.handles.len() <= torrent.handles.limit());
                    }
                })
            })
            .collect();
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                store.sync().unwrap();
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    store.sync().unwrap();
    assert!(check(&store).iter().all(|had| *had));
}

/// Runs one test of this program again in a shell that sets up its environment.
fn run_again_in(script: &str, torrent: &Fixture) {
    let program = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script]).arg(program).env("ZTOR_TEST_DIR", torrent.dir.path());
    let output = command.output().unwrap();
    if output.status.code() == Some(77) {
        println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
}

fn inner_dir() -> Option<PathBuf> {
    std::env::var_os("ZTOR_TEST_DIR").map(PathBuf::from)
}

#[test]
fn write_beyond_a_file_length_limit_is_no_space() {
    let torrent = Fixture::of_lengths(Kind::V1, 65536, &[200_000]);
    let Some(dir) = inner_dir() else {
        let script = r#"
            trap '' XFSZ; ulimit -f 100
            exec "$0" --exact store::tests::write_beyond_a_file_length_limit_is_no_space --nocapture
        "#;
        run_again_in(script, &torrent);
        return;
    };
    for allocate in [Allocation::Sparse, Allocation::Full] {
        let handles = Arc::clone(&torrent.handles);
        let options = StoreOptions { allocate, ..StoreOptions::default() };
        let store = TorrentStore::open(Arc::clone(&torrent.meta), &dir, None, options, handles).unwrap();
        store.set_own_files(&[true]);
        let error = write_piece(&torrent, &store, 3).unwrap_err();
        assert!(error.is_no_space(), "{error}");
        assert!(error.to_string().contains("choose another folder"), "{error}");
    }
}

#[test]
fn write_to_a_full_disk_is_no_space_and_a_retry_completes() {
    let torrent = Fixture::of_lengths(Kind::V1, 65536, &[200_000, 200_000]);
    let Some(dir) = inner_dir() else {
        let script = r#"
            unshare --mount true 2>/dev/null || { echo "needs root and unshare(1) for a small disk" >&2; exit 77; }
            exec unshare --mount sh -c '
                mount -t tmpfs -o size=256k small "$ZTOR_TEST_DIR" || exit 77
                exec "$0" --exact store::tests::write_to_a_full_disk_is_no_space_and_a_retry_completes --nocapture' "$0"
        "#;
        run_again_in(script, &torrent);
        return;
    };
    let open = |allocate| {
        let (handles, options) =
            (Arc::clone(&torrent.handles), StoreOptions { allocate, ..StoreOptions::default() });
        Arc::new(TorrentStore::open(Arc::clone(&torrent.meta), &dir, None, options, handles).unwrap())
    };
    let store = open(Allocation::Full);
    let error = store.prepare().unwrap_err();
    assert!(error.is_no_space(), "{error}");
    assert!(error.to_string().contains("free some space"), "{error}");
    drop(store);
    std::fs::remove_dir_all(dir.join("torrent")).unwrap();

    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![1; 100 << 10]).unwrap();
    let store = open(Allocation::Sparse);
    store.prepare().unwrap();
    let mut writer = crate::PieceWriter::new();
    let mut failed = Vec::new();
    let mut good = 0;
    for piece in 0..3 {
        let mut done = Vec::new();
        writer.write(&mut torrent.jobs(&store, piece), &mut done);
        for done in done {
            match done {
                crate::WriteDone::Failed { error, job } => {
                    let piece = job.piece;
                    assert!(error.is_no_space(), "{error}");
                    failed.push(piece);
                }
                crate::WriteDone::PieceOk { .. } => good += 1,
                _ => {}
            }
        }
    }
    assert!(good > 0 && !failed.is_empty());
    std::fs::remove_file(&ballast).unwrap();
    failed.dedup();
    for piece in failed {
        let mut done = Vec::new();
        writer.write(&mut torrent.jobs(&store, piece), &mut done);
        assert!(matches!(done.last(), Some(crate::WriteDone::PieceOk { .. })), "{done:?}");
    }
    store.sync().unwrap();
    assert_eq!(check(&store)[..3], [true; 3]);
}

#[test]
fn prepare_on_a_read_only_mount_is_read_only() {
    let torrent = Fixture::of_lengths(Kind::V1, 65536, &[100]);
    let Some(dir) = inner_dir() else {
        let script = r#"
            unshare --mount true 2>/dev/null || { echo "needs root and unshare(1) for a read-only disk" >&2; exit 77; }
            exec unshare --mount sh -c '
                mount -t tmpfs -o ro none "$ZTOR_TEST_DIR" || exit 77
                exec "$0" --exact store::tests::prepare_on_a_read_only_mount_is_read_only --nocapture' "$0"
        "#;
        run_again_in(script, &torrent);
        return;
    };
    let handles = Arc::clone(&torrent.handles);
    let options = StoreOptions::default();
    let store = TorrentStore::open(Arc::clone(&torrent.meta), &dir, None, options, handles).unwrap();
    for result in [store.prepare(), write_piece(&torrent, &store, 0)] {
        let error = result.unwrap_err();
        assert!(error.is_read_only(), "{error}");
        assert!(error.to_string().contains("mounted read-only"), "{error}");
    }
    assert_eq!(check(&store), [false]);
}

#[test]
fn read_of_a_block_behind_the_end_of_its_piece_gives_zeros() {
    let torrent = Fixture::of_lengths(Kind::V2, 32768, &[16_385, 40_000]);
    let store = torrent.store();
    fill(&store, &torrent);
    let mut buf = vec![9; 16384];
    store.read(0, 16384, &mut buf).unwrap();
    assert_eq!((buf[0], &buf[1..]), (torrent.data[0][16384], &[0; 16383][..]));
    for located in [store.locate(0, 16384, 16384).unwrap(), {
        let mut slices = Vec::new();
        assert!(store.try_locate_cached(0, 16384, 16384, &mut slices));
        slices
    }] {
        let kinds: Vec<(bool, u32)> = located.iter().map(|slice| (slice.file.is_some(), slice.len)).collect();
        assert_eq!(kinds, [(true, 1), (false, 16383)]);
    }
    for (begin, len) in
        [(16384, 16385), (16385, 1), (16400, 16384), (32768, 16384), (1, 32768), (0, u32::MAX)]
    {
        assert!(store.locate(0, begin, len).is_err(), "{begin} {len}");
        assert!(!store.try_locate_cached(0, begin, len, &mut Vec::new()));
    }
}

#[test]
fn sync_after_sync_found_pieces_opens_their_files_and_marks_none_written() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[16384, 16384, 10_000, 10_000]);
    torrent.place_files();
    std::fs::remove_file(torrent.path(3)).unwrap();
    let wanted = [true, true, true, false];
    for read_only in [true, false] {
        let options = StoreOptions { read_only, ..StoreOptions::default() };
        let store = torrent.store_with(Some(&wanted), options);
        assert_eq!(check(&store), [true, true, false, false]);
        store.sync_found_pieces([0, 7]);
        // Only due files are opened, so only a missing due file is an error.
        let hidden = torrent.dir.path().join("hidden");
        store.forget_handles();
        std::fs::rename(torrent.path(1), &hidden).unwrap();
        store.sync().unwrap();
        store.sync_found_pieces([1]);
        assert!(store.sync().unwrap_err().is_gone());
        assert!(store.is_verified(0) && !store.is_verified(1));
        std::fs::rename(&hidden, torrent.path(1)).unwrap();
        store.sync().unwrap();
        std::fs::rename(torrent.path(1), &hidden).unwrap();
        store.forget_handles();
        store.sync().unwrap();
        std::fs::rename(&hidden, torrent.path(1)).unwrap();
        assert_eq!(store.take_stamps(None).unwrap().1, [0; 0]);
    }
}

#[test]
fn take_stamps_with_known_stamps_reads_written_files_only() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[16384, 16384]);
    let store = torrent.store_with(None, StoreOptions::default());
    let before = store.fingerprint().unwrap();
    write_piece(&torrent, &store, 1).unwrap();
    store.sync().unwrap();
    // The other file appears, but is not read.
    std::fs::write(torrent.path(0), [1; 16384]).unwrap();
    let (now, written) = store.take_stamps(Some(&before)).unwrap();
    assert_eq!((now[0], &written[..]), (FileStamp::ABSENT, &[1][..]));
    assert_eq!(now[1], store.fingerprint().unwrap()[1]);
    // A file with unsynced writes is read, too.
    write_piece(&torrent, &store, 1).unwrap();
    let (now, written) = store.take_stamps(Some(&before)).unwrap();
    assert_eq!((now[1].len, &written[..]), (16384, &[][..]));
    assert_eq!(store.changed_by_others(&before, &now, &written), None);
}
