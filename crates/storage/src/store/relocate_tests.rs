#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up should end the test")]

use super::*;
use crate::FileNames;
use crate::crash::LEFT_HERE;
use crate::moving::Moving;
use crate::testing::{Fixture, Kind};
use crate::{PieceWriter, Pieces, StoreOptions, check_all};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Returns a torrent of several files in folders, and a part file when the second is not wanted.
fn torrent() -> Fixture {
    Fixture::new(
        Kind::V1,
        16384,
        &[("a/x", vec![1; 50_000]), ("a/y", vec![2; 100_000]), ("z", vec![3; 70_000])],
    )
}

const WANTED: [bool; 3] = [true, false, true];

/// Opens the torrent in a place, and writes the pieces of the wanted files.
fn downloaded(torrent: &Fixture, names: FileNames) -> Arc<TorrentStore> {
    let place = Place { dir: torrent.dir.path().join("old"), names };
    let store = open(torrent, &place);
    store.prepare().unwrap();
    write(torrent, &store, torrent.pieces().filter(|piece| is_wanted(torrent, *piece)));
    store.sync().unwrap();
    store
}

fn open(torrent: &Fixture, place: &Place) -> Arc<TorrentStore> {
    let handles = Arc::clone(&torrent.handles);
    let meta = Arc::clone(&torrent.meta);
    Arc::new(TorrentStore::open_at(meta, place, Some(&WANTED), StoreOptions::default(), handles).unwrap())
}

fn is_wanted(torrent: &Fixture, piece: u32) -> bool {
    let layout = &torrent.meta.layout;
    layout.ranges(piece, 0, layout.piece_len(piece)).any(|range| WANTED[range.file])
}

fn write(torrent: &Fixture, store: &Arc<TorrentStore>, pieces: impl Iterator<Item = u32>) {
    let mut writer = PieceWriter::new();
    let mut done = Vec::new();
    for piece in pieces {
        writer.write(&mut torrent.jobs(store, piece), &mut done);
    }
}

/// Returns all files below a folder with hashes of their content.
fn tree(dir: &Path) -> BTreeMap<PathBuf, [u8; 20]> {
    let files = walkdir::WalkDir::new(dir).into_iter().filter_map(Result::ok);
    let files = files.filter(|entry| entry.file_type().is_file());
    let content = |path: &Path| ztor_sha::Sha1::digest(std::fs::read(path).unwrap());
    files.map(|entry| (entry.path().strip_prefix(dir).unwrap().to_owned(), content(entry.path()))).collect()
}

fn whole(torrent: &Fixture, store: &TorrentStore) -> Vec<u32> {
    let good = check_all(store, Pieces::All, 1, |_| {}, &AtomicBool::new(false)).unwrap();
    torrent.pieces().filter(|piece| good[*piece as usize]).collect()
}

/// Goes through all steps of a move. Returns the number of times that it was recorded.
fn relocate(store: &Arc<TorrentStore>, to: &Place, copies: bool, record: &mut Option<Moving>) {
    let mut plan = Relocation::plan(store, to).unwrap();
    plan.copies_all = copies;
    if plan.must_copy().unwrap() {
        *record = Some(Moving { to: to.clone(), mount: None, switching: None });
        plan.copy(|_, _| {}, &AtomicBool::new(false)).unwrap();
    }
    let committed: Result<(), StorageError> = plan.switch(&store.arrange(), |files| {
        *record = Some(Moving { to: to.clone(), mount: None, switching: Some(files) });
        Ok(())
    });
    committed.unwrap();
    plan.clean_up().unwrap();
    *record = None;
}

fn renamed(torrent: &Fixture) -> FileNames {
    let mut names = FileNames::default();
    names.rename_folder(&torrent.meta, "torrent", "new name").unwrap();
    names.rename_file(&torrent.meta, 0, "elsewhere/x.bin").unwrap();
    names
}

#[test]
fn switch_within_a_file_system_and_to_another_moves_all_files_and_reads_go_on() {
    for copies in [false, true] {
        let torrent = torrent();
        let store = downloaded(&torrent, FileNames::default());
        let foreign = torrent.dir.path().join("old/torrent/a/notes.txt");
        std::fs::write(&foreign, b"mine").unwrap();
        let before = whole(&torrent, &store);
        assert!(!before.is_empty());
        let to = Place { dir: torrent.dir.path().join("new"), names: renamed(&torrent) };
        relocate(&store, &to, copies, &mut None);
        assert_eq!(store.place(), to);
        assert_eq!(whole(&torrent, &store), before, "copies: {copies}");
        let parts = format!(".{}.parts", torrent.meta.info_hashes);
        let names: Vec<_> = tree(&to.dir).into_keys().collect();
        assert_eq!(names, [Path::new(&parts), Path::new("elsewhere/x.bin"), Path::new("new name/z")]);
        assert_eq!(
            tree(&torrent.dir.path().join("old")).into_keys().collect::<Vec<_>>(),
            [Path::new("torrent/a/notes.txt")]
        );
        // It is written on in the new place.
        store.set_wanted(&[true; 3]).unwrap();
        store.prepare().unwrap();
        write(&torrent, &store, torrent.pieces().filter(|piece| !before.contains(piece)));
        store.sync().unwrap();
        assert!(torrent.pieces().all(|piece| store.is_verified(piece)));
        assert_eq!(std::fs::read(to.dir.join("new name/a/y")).unwrap(), torrent.data[1]);
        drop(store);
        assert_eq!(whole(&torrent, &open(&torrent, &to)).len(), torrent.pieces().len());
    }
}

#[test]
fn plan_with_a_file_in_the_way_changes_nothing() {
    let torrent = torrent();
    let store = downloaded(&torrent, FileNames::default());
    let to = Place::new(torrent.dir.path().join("new"));
    let taken = to.dir.join("torrent/z");
    std::fs::create_dir_all(taken.parent().unwrap()).unwrap();
    std::fs::write(&taken, b"mine").unwrap();
    let before = tree(torrent.dir.path());
    let error = Relocation::plan(&store, &to).unwrap_err();
    let MoveError::Storage(StorageError::InTheWay { path, why: InTheWay::Exists }) = error else {
        panic!("{error}");
    };
    assert_eq!(path, taken);
    assert_eq!(tree(torrent.dir.path()), before);
}

#[test]
fn switch_that_fails_half_way_gives_all_files_their_old_names() {
    for copies in [false, true] {
        let torrent = torrent();
        let store = downloaded(&torrent, FileNames::default());
        let before = tree(torrent.dir.path());
        let to = Place::new(torrent.dir.path().join("new"));
        let mut plan = Relocation::plan(&store, &to).unwrap();
        plan.copies_all = copies;
        plan.copy(|_, _| {}, &AtomicBool::new(false)).unwrap();
        let taken = to.dir.join("torrent/z");
        let done = plan.switch(&store.arrange(), |_| {
            std::fs::create_dir_all(taken.parent().unwrap()).unwrap();
            std::fs::write(&taken, b"mine").unwrap();
            Ok::<(), StorageError>(())
        });
        assert!(matches!(done, Err(StorageError::InTheWay { .. })));
        assert!(!plan.is_torn());
        plan.abandon();
        std::fs::remove_dir_all(&to.dir).unwrap();
        assert_eq!(tree(torrent.dir.path()), before, "copies: {copies}");
        assert_eq!(store.place().dir, torrent.dir.path().join("old"));
    }
}

#[test]
fn copy_while_pieces_are_written_brings_the_copies_up_to_date() {
    let torrent = torrent();
    let store = downloaded(&torrent, FileNames::default());
    store.set_wanted(&[true; 3]).unwrap();
    let rest: Vec<u32> = torrent.pieces().filter(|piece| !store.is_verified(*piece)).collect();
    let to = Place::new(torrent.dir.path().join("new"));
    let mut plan = Relocation::plan(&store, &to).unwrap();
    plan.copies_all = true;
    let mut pieces = rest.iter().copied();
    let during = |_, _| write(&torrent, &store, pieces.next().into_iter());
    plan.copy(during, &AtomicBool::new(false)).unwrap();
    write(&torrent, &store, pieces);
    plan.switch(&store.arrange(), |_| Ok::<(), StorageError>(())).unwrap();
    plan.clean_up().unwrap();
    assert_eq!(whole(&torrent, &store).len(), torrent.pieces().len());
    assert!(!torrent.dir.path().join("old/torrent").exists());
}

#[test]
fn copy_that_is_stopped_leaves_nothing_in_the_new_place() {
    let torrent = torrent();
    let store = downloaded(&torrent, FileNames::default());
    let before = tree(torrent.dir.path());
    let to = Place::new(torrent.dir.path().join("new"));
    let mut plan = Relocation::plan(&store, &to).unwrap();
    plan.copies_all = true;
    let stop = AtomicBool::new(false);
    let stopping = |done, _| stop.store(done > 0, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(plan.copy(stopping, &stop), Err(StorageError::Stopped)));
    plan.abandon();
    assert_eq!(tree(torrent.dir.path()), before);
}

#[test]
fn recover_move_after_a_crash_at_any_step_finds_all_files_in_one_place() {
    for (copies, suffix) in [(false, ""), (true, ""), (false, ".part"), (true, ".part")] {
        let mut crashes = 0;
        loop {
            let torrent = torrent();
            let mut names = FileNames::default();
            names.set_suffix(suffix).unwrap();
            let store = downloaded(&torrent, names.clone());
            let from = store.place();
            let before = tree(&from.dir);
            let pieces = whole(&torrent, &store);
            let mut names = renamed(&torrent);
            names.set_suffix(suffix).unwrap();
            let to = Place { dir: torrent.dir.path().join("new"), names };
            let mut record = None;
            LEFT_HERE.set(crashes);
            let ended = catch_unwind(AssertUnwindSafe(|| relocate(&store, &to, copies, &mut record)));
            LEFT_HERE.set(-1);
            drop(store);
            let place = match (&ended, &record) {
                // The caller has recorded the new place.
                (Ok(()), _) => to.clone(),
                // The crash came before the first record, or after the last.
                (Err(_), None) if tree(&from.dir) == before => from.clone(),
                (Err(_), None) => to.clone(),
                (Err(_), Some(moving)) => {
                    // Recovery may crash as well.
                    LEFT_HERE.set(crashes / 2);
                    let again = catch_unwind(AssertUnwindSafe(|| {
                        recover_move(&torrent.meta, &from, moving).unwrap()
                    }));
                    LEFT_HERE.set(-1);
                    drop(again);
                    recover_move(&torrent.meta, &from, moving).unwrap()
                }
            };
            let label = format!("copies {copies}, suffix {suffix:?}, crash {crashes} at {record:?}");
            let store = open(&torrent, &place);
            assert_eq!(whole(&torrent, &store), pieces, "{label}");
            let found = tree(&place.dir);
            assert_eq!(found.len(), before.len(), "{label}: {:?}", found.keys());
            let mut contents: [Vec<_>; 2] = [found.values().collect(), before.values().collect()];
            contents.iter_mut().for_each(|all| all.sort());
            assert!(contents[0] == contents[1], "{label}");
            let elsewhere = if place == to { &from.dir } else { &to.dir };
            assert_eq!(tree(elsewhere).into_keys().collect::<Vec<_>>(), Vec::<PathBuf>::new(), "{label}");
            if ended.is_ok() {
                assert!(crashes > 5, "{label}: too few steps");
                break;
            }
            crashes += 1;
        }
    }
}

/// Returns a folder on another file system than that of temporary files; `None` if there is none.
fn other_file_system() -> Option<tempfile::TempDir> {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| std::fs::metadata(path).map(|found| found.dev()).ok();
    let shm = Path::new("/dev/shm");
    let is_other = shm.is_dir() && device(shm) != device(&std::env::temp_dir());
    is_other.then(|| tempfile::tempdir_in(shm).unwrap())
}

#[test]
fn switch_of_files_that_cannot_be_renamed_changes_nothing_and_succeeds_once_they_are_copied() {
    let Some(other) = other_file_system() else { return };
    let torrent = torrent();
    let store = downloaded(&torrent, FileNames::default());
    let (before, pieces) = (tree(torrent.dir.path()), whole(&torrent, &store));
    let to = Place::new(other.path());
    let mut plan = Relocation::plan(&store, &to).unwrap();
    plan.is_blind = true;
    assert!(!plan.must_copy().unwrap());
    let error = plan.switch(&store.arrange(), |_| Ok::<(), StorageError>(())).unwrap_err();
    assert!(error.is_cross_device() && !plan.is_torn());
    assert_eq!(tree(torrent.dir.path()), before);
    plan.copy_all_files();
    plan.copy(|_, _| {}, &AtomicBool::new(false)).unwrap();
    plan.switch(&store.arrange(), |_| Ok::<(), StorageError>(())).unwrap();
    plan.clean_up().unwrap();
    assert_eq!(whole(&torrent, &store), pieces);
    assert_eq!((tree(torrent.dir.path()).len(), tree(other.path()).len()), (0, before.len()));
}

#[test]
fn recover_move_of_files_that_cannot_be_renamed_copies_them() {
    let Some(other) = other_file_system() else { return };
    let torrent = torrent();
    let store = downloaded(&torrent, FileNames::default());
    let pieces = whole(&torrent, &store);
    let mut plan = Relocation::plan(&store, &Place::new(other.path())).unwrap();
    plan.is_blind = true;
    let mut files = Vec::new();
    let noted = plan.switch(&store.arrange(), |moved| {
        files = moved;
        Ok::<(), StorageError>(())
    });
    assert!(noted.is_err() && files.len() == 3);
    drop(plan);
    let from = store.place();
    drop(store);
    let moving = Moving { to: Place::new(other.path()), mount: None, switching: Some(files) };
    for crashes in 0..20 {
        LEFT_HERE.set(crashes);
        let ended = catch_unwind(AssertUnwindSafe(|| recover_move(&torrent.meta, &from, &moving).unwrap()));
        LEFT_HERE.set(-1);
        drop(ended);
    }
    let place = recover_move(&torrent.meta, &from, &moving).unwrap();
    assert_eq!(whole(&torrent, &open(&torrent, &place)), pieces);
    assert_eq!((tree(torrent.dir.path()).len(), tree(other.path()).len()), (0, 3));
}

#[test]
fn recover_move_with_a_file_of_another_program_in_the_way_keeps_both() {
    let torrent = torrent();
    let mut names = FileNames::default();
    names.set_suffix(".part").unwrap();
    let store = downloaded(&torrent, names.clone());
    let foreign = torrent.dir.path().join("old/torrent/z");
    std::fs::write(&foreign, b"mine").unwrap();
    let from = store.place();
    let to = Place { dir: torrent.dir.path().join("new"), names };
    let mut plan = Relocation::plan(&store, &to).unwrap();
    let mut moving = Moving { to: to.clone(), mount: None, switching: None };
    let failed = plan.switch(&store.arrange(), |files| {
        moving.switching = Some(files);
        Err(StorageError::Stopped)
    });
    assert!(failed.is_err());
    drop((plan, store));
    let taken = to.dir.join("torrent/z.part");
    std::fs::create_dir_all(taken.parent().unwrap()).unwrap();
    std::fs::write(&taken, b"theirs").unwrap();
    let error = recover_move(&torrent.meta, &from, &moving).unwrap_err();
    assert!(matches!(&error, StorageError::InTheWay { path, .. } if *path == taken), "{error}");
    assert_eq!(std::fs::read(&taken).unwrap(), b"theirs");
    std::fs::remove_file(&taken).unwrap();
    assert_eq!(recover_move(&torrent.meta, &from, &moving).unwrap(), to);
    assert!(taken.exists());
    assert_eq!(std::fs::read(&foreign).unwrap(), b"mine", "it has the name, and not the suffix");
}

#[test]
fn recover_move_of_a_move_that_was_completed_removes_nothing() {
    for copies in [false, true] {
        let torrent = torrent();
        let store = downloaded(&torrent, FileNames::default());
        let from = store.place();
        let to = Place { dir: torrent.dir.path().join("new"), names: renamed(&torrent) };
        let mut plan = Relocation::plan(&store, &to).unwrap();
        plan.copies_all = copies;
        plan.copy(|_, _| {}, &AtomicBool::new(false)).unwrap();
        let mut moving = Moving { to: to.clone(), mount: None, switching: None };
        let switched: Result<(), StorageError> = plan.switch(&store.arrange(), |files| {
            moving.switching = Some(files);
            Ok(())
        });
        switched.unwrap();
        plan.clean_up().unwrap();
        let after = tree(torrent.dir.path());
        assert_eq!(after.len(), 3);
        // The record may have the new place already.
        for place in [&to, &from] {
            assert_eq!(recover_move(&torrent.meta, place, &moving).unwrap(), to);
            assert_eq!(tree(torrent.dir.path()), after, "copies: {copies}");
        }
    }
}

#[test]
fn arrange_waits_for_long_work_and_saves_do_not() {
    let torrent = torrent();
    let store = downloaded(&torrent, FileNames::default());
    let long = store.keep_place_for_long();
    let is_arranged = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let arranging = scope.spawn(|| {
            let _arrangement = store.arrange();
            is_arranged.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        // A save, also while a move waits.
        for _ in 0..100 {
            drop(store.keep_place());
            std::thread::yield_now();
        }
        assert!(!is_arranged.load(std::sync::atomic::Ordering::SeqCst));
        drop(long);
        arranging.join().unwrap();
    });
    drop(store.arrange());
}

#[test]
fn complete_names_removes_the_suffix_of_whole_files_only() {
    let torrent = torrent();
    let mut names = FileNames::default();
    names.set_suffix(".part").unwrap();
    let store = downloaded(&torrent, names.clone());
    let dir = torrent.dir.path().join("old/torrent");
    assert!(dir.join("z.part").exists() && !dir.join("z").exists());
    let complete = store.complete_files();
    assert_eq!(complete, [0, 2]);
    std::fs::write(dir.join("z"), b"mine").unwrap();
    assert!(matches!(store.complete_names(&complete), Err(StorageError::InTheWay { .. })));
    assert_eq!(std::fs::read(dir.join("z")).unwrap(), b"mine");
    assert!(dir.join("a/x").exists() && dir.join("z.part").exists());
    std::fs::remove_file(dir.join("z")).unwrap();
    store.complete_names(&store.complete_files()).unwrap();
    assert!(dir.join("z").exists() && !dir.join("z.part").exists());
    assert_eq!(whole(&torrent, &open(&torrent, &store.place())), whole(&torrent, &store));
    // Another run finds both kinds.
    let names: Vec<_> = (0..3).map(|file| store.relative(file)).collect();
    let again = open(&torrent, &store.place());
    assert_eq!((0..3).map(|file| again.relative(file)).collect::<Vec<_>>(), names);
}
