#![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::StoreOptions;
use crate::testing::{Fixture, Kind};

/// Damage to a complete file.
#[derive(Debug, Clone)]
enum Damage {
    /// A byte differs.
    Byte(u32),
    /// The file is truncated.
    Cut(u32),
    Gone,
    /// The file has its length, but was never written to.
    Hole,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        3 => any::<u32>().prop_map(Damage::Byte),
        1 => any::<u32>().prop_map(Damage::Cut),
        1 => Just(Damage::Gone),
        1 => Just(Damage::Hole),
    ]
}

impl Damage {
    fn inflict(&self, torrent: &Fixture, file: usize) {
        let (path, content) = (torrent.path(file), &torrent.data[file]);
        if torrent.meta.layout.files()[file].pad || content.is_empty() {
            return;
        }
        let open = || File::options().write(true).open(&path).unwrap();
        match *self {
            Self::Byte(at) => {
                let at = at as usize % content.len();
                open().write_all_at(&[content[at] ^ 1], at as u64).unwrap();
            }
            Self::Cut(len) => open().set_len(u64::from(len) % content.len() as u64).unwrap(),
            Self::Gone => std::fs::remove_file(&path).unwrap(),
            Self::Hole => {
                let file = open();
                file.set_len(0).unwrap();
                file.set_len(content.len() as u64).unwrap();
            }
        }
    }
}

fn never() -> AtomicBool {
    AtomicBool::new(false)
}

#[test]
fn check_together_with_the_stop_flag_ends_within_a_piece() {
    let torrent = Fixture::of_lengths(Kind::V1, 1 << 20, &[3 << 20]);
    torrent.place_files();
    let store = torrent.store();
    let stopped = store.check_together(&[0, 1, 2], &mut Scratch::default(), &AtomicBool::new(true));
    assert!(matches!(stopped, Err(StorageError::Stopped)), "{stopped:?}");
    assert!(torrent.pieces().all(|piece| !store.is_verified(piece)));
}

#[test]
fn check_together_with_an_unreadable_piece_still_checks_the_others() {
    let torrent = Fixture::of_lengths(Kind::V2, 16384, &[16384, 16384, 16384]);
    torrent.place_files();
    std::fs::remove_file(torrent.path(1)).unwrap();
    std::fs::create_dir(torrent.path(1)).unwrap();
    let store = torrent.store();
    let checked = store.check_together(&[0, 1, 2], &mut Scratch::default(), &never());
    assert!(matches!(checked, Err(StorageError::NotAFile { .. })), "{checked:?}");
    assert_eq!(
        torrent.pieces().map(|piece| store.is_verified(piece)).collect::<Vec<_>>(),
        [true, false, true]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Checked together, with any number of threads, each piece has the same result as alone.
    #[test]
    fn check_all_of_damaged_files_agrees_with_single_reads(
        kind in prop::sample::select(vec![Kind::V1, Kind::V2, Kind::Hybrid]),
        shift in 14u32..20,
        lengths in prop::collection::vec(prop_oneof![Just(0usize), 1usize..200, 1usize..900_000], 1..6),
        damages in prop::collection::vec((0usize..6, damage()), 0..4),
        only in prop::option::of(prop::collection::vec(any::<prop::sample::Index>(), 0..20)),
        threads in 1usize..5,
    ) {
        let torrent = Fixture::of_lengths(kind, 1 << shift, &lengths);
        torrent.place_files();
        // One damage per file, as a removed file cannot be truncated.
        let hurt: std::collections::BTreeMap<usize, Damage> = damages.into_iter().collect();
        for (file, damage) in hurt.iter().filter(|(file, _)| **file < torrent.data.len()) {
            damage.inflict(&torrent, *file);
        }
        let count = torrent.meta.layout.piece_count();
        let mut whole = Vec::new();
        let expected: Vec<bool> = torrent
            .pieces()
            .map(|piece| {
                let store = torrent.store();
                whole.resize(torrent.meta.layout.piece_len(piece) as usize, 0);
                store.read(piece, 0, &mut whole).is_ok() && whole == torrent.piece(piece)
            })
            .collect();

        let asked: Option<Vec<u32>> = only.map(|only| {
            let mut asked: Vec<u32> = only.into_iter().filter(|_| count > 0).map(|at| at.index(count as usize) as u32).collect();
            asked.sort_unstable();
            asked.dedup();
            // Beyond the end: counted, but not checked.
            asked.push(count + 7);
            asked
        });
        let which = asked.as_deref().map_or(Pieces::All, Pieces::Only);
        let steps = Mutex::new(Vec::new());
        let store = torrent.store_with(None, StoreOptions { read_only: true, ..StoreOptions::default() });
        let have = check_all(&store, which, threads, |done| steps.lock().unwrap().push(done), &never()).unwrap();

        let is_asked = |piece: u32| asked.as_ref().is_none_or(|asked| asked.contains(&piece));
        for piece in torrent.pieces() {
            let good = is_asked(piece) && expected[piece as usize];
            prop_assert_eq!(have[piece as usize], good, "piece {}", piece);
            prop_assert_eq!(store.is_verified(piece), good, "piece {}", piece);
            prop_assert_eq!(store.check_piece(piece, &mut Vec::new()).unwrap(), expected[piece as usize]);
        }
        let mut steps = steps.into_inner().unwrap();
        steps.sort_unstable();
        let total = asked.as_ref().map_or(count, |asked| asked.len() as u32);
        prop_assert_eq!(steps, (1..=total).collect::<Vec<_>>());
    }
}
