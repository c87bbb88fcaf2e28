#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up should end the test")]

use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;
use crate::testing::{Fixture, Kind, noise};
use crate::{Pieces, StoreOptions, check_all};

fn kinds() -> [Kind; 3] {
    [Kind::V1, Kind::V2, Kind::Hybrid]
}

fn write_all(writer: &mut PieceWriter, mut batch: Vec<WriteJob>) -> Vec<WriteDone> {
    let mut done = Vec::new();
    writer.write(&mut batch, &mut done);
    assert!(batch.is_empty());
    done
}

fn verdicts(done: &[WriteDone]) -> Vec<(u32, bool)> {
    done.iter()
        .filter_map(|done| match done {
            WriteDone::PieceOk { piece, .. } => Some((*piece, true)),
            WriteDone::PieceBad { piece, .. } => Some((*piece, false)),
            _ => None,
        })
        .collect()
}

fn answers(done: &[WriteDone]) -> usize {
    done.iter().filter(|done| matches!(done, WriteDone::Written { .. } | WriteDone::Failed { .. })).count()
}

#[test]
fn write_of_a_whole_piece_in_order_verifies_it_for_every_kind() {
    for kind in kinds() {
        let torrent = Fixture::of_lengths(kind, 65536, &[100_000, 1, 0, 65536, 70_000]);
        let store = torrent.store();
        let mut writer = PieceWriter::new();
        for piece in torrent.pieces() {
            let jobs = torrent.jobs(&store, piece);
            let count = jobs.len();
            let done = write_all(&mut writer, jobs);
            assert_eq!(answers(&done), count);
            assert_eq!(verdicts(&done), [(piece, true)], "{kind:?}");
            assert!(store.is_verified(piece));
        }
        assert_eq!(writer.in_flight(), 0);
        for (index, content) in torrent.data.iter().enumerate() {
            let file = &torrent.meta.layout.files()[index];
            if file.has_data() {
                assert_eq!(&std::fs::read(torrent.path(index)).unwrap(), content);
            }
        }
    }
}

#[test]
fn write_of_a_bad_piece_returns_block_digests_and_so_does_the_good_one() {
    for kind in kinds() {
        let torrent = Fixture::of_lengths(kind, 65536, &[150_000]);
        let store = torrent.store();
        let mut writer = PieceWriter::new();
        let mut jobs = torrent.jobs(&store, 1);
        let mut wrong = jobs[2].data.to_vec();
        wrong[77] ^= 1;
        jobs[2].data = wrong.into();
        let done = write_all(&mut writer, jobs);
        let Some(WriteDone::PieceBad { blocks: bad, .. }) = done.last() else { panic!("{done:?}") };
        assert!(!store.is_verified(1));

        let done = write_all(&mut writer, torrent.jobs(&store, 1));
        let Some(WriteDone::PieceOk { blocks: Some(good), .. }) = done.last() else { panic!("{done:?}") };
        assert_eq!((bad.len(), good.len()), (4, 4));
        for (index, (bad, good)) in bad.iter().zip(good).enumerate() {
            assert_eq!(bad.begin, good.begin);
            assert_eq!(bad.digest == good.digest, index != 2);
            let begin = good.begin as usize;
            let block = &torrent.piece(1)[begin..begin + BLOCK_LEN as usize];
            assert_eq!(good.digest, Sha256::digest(block));
        }

        store.distrust(1);
        let done = write_all(&mut writer, torrent.jobs(&store, 1));
        assert!(
            matches!(done.last(), Some(WriteDone::PieceOk { blocks: None, .. })),
            "digests come only once"
        );
    }
}

#[test]
fn write_of_duplicate_blocks_changes_nothing() {
    let torrent = Fixture::of_lengths(Kind::V1, 65536, &[65536]);
    let store = torrent.store();
    let mut writer = PieceWriter::new();
    let jobs = torrent.jobs(&store, 0);
    let mut evil = jobs[1].clone();
    evil.data = vec![0xee; evil.data.len()].into();

    let done = write_all(&mut writer, vec![jobs[1].clone()]);
    assert_eq!(answers(&done), 1);
    let done = write_all(&mut writer, vec![evil.clone(), jobs[0].clone()]);
    assert_eq!(answers(&done), 2);
    let done = write_all(&mut writer, vec![jobs[3].clone(), jobs[2].clone(), jobs[2].clone()]);
    assert_eq!(answers(&done), 3);
    assert_eq!(verdicts(&done), [(0, true)]);
    let done = write_all(&mut writer, vec![evil]);
    assert!(
        matches!(done[..], [WriteDone::Written { .. }, WriteDone::PieceOk { blocks: None, .. }]),
        "the verdict is repeated"
    );
    assert_eq!(std::fs::read(torrent.path(0)).unwrap(), torrent.data[0]);
    assert_eq!(writer.in_flight(), 0, "a late block does not begin the piece again");
}

#[test]
fn write_of_bytes_in_a_pad_ignores_them() {
    let torrent = Fixture::of_lengths(Kind::Hybrid, 32768, &[20_000, 10]);
    let store = torrent.store();
    let mut jobs = torrent.jobs(&store, 0);
    let mut data = jobs[1].data.to_vec();
    *data.last_mut().unwrap() = 9;
    jobs[1].data = data.into();
    assert_eq!(verdicts(&write_all(&mut PieceWriter::new(), jobs)), [(0, true)]);
}

#[test]
fn write_outside_the_piece_fails_only_these_jobs() {
    let torrent = Fixture::of_lengths(Kind::V1, 65536, &[65536]);
    let store = torrent.store();
    let mut writer = PieceWriter::new();
    let mut jobs = torrent.jobs(&store, 0);
    let outside = WriteJob { begin: u32::MAX, ..jobs[0].clone() };
    let elsewhere = WriteJob { piece: 1, ..jobs[0].clone() };
    jobs.extend([outside, elsewhere]);
    let done = write_all(&mut writer, jobs);
    assert_eq!(verdicts(&done), [(0, true)]);
    let failed: Vec<_> = done
        .iter()
        .filter_map(|done| match done {
            WriteDone::Failed {
                error: StorageError::OutOfRange { .. },
                job: WriteJob { piece, begin, .. },
            } => Some((*piece, *begin)),
            _ => None,
        })
        .collect();
    assert_eq!(failed, [(0, u32::MAX), (1, 0)]);
}

#[test]
fn retry_after_a_failed_write_completes_the_piece() {
    let torrent = Fixture::of_lengths(Kind::V1, 65536, &[40_000, 25_536]);
    let in_the_way = torrent.path(1);
    std::fs::create_dir_all(&in_the_way).unwrap();
    let store = torrent.store();
    let mut writer = PieceWriter::new();
    let done = write_all(&mut writer, torrent.jobs(&store, 0));
    assert_eq!((answers(&done), verdicts(&done).len()), (4, 0));
    let failed: Vec<u64> = done
        .iter()
        .filter_map(|done| match done {
            WriteDone::Failed { job: WriteJob { tag, .. }, error: StorageError::NotAFile { path } } => {
                assert_eq!(path, &in_the_way);
                Some(*tag)
            }
            _ => None,
        })
        .collect();
    assert_eq!(failed, [0, 16384, 32768, 49152], "one run is written or not");

    std::fs::remove_dir(&in_the_way).unwrap();
    let mut jobs = torrent.jobs(&store, 0);
    let last = jobs.split_off(3);
    assert_eq!(verdicts(&write_all(&mut writer, last)), []);
    assert_eq!(verdicts(&write_all(&mut writer, jobs)), [(0, true)]);
}

#[test]
fn retry_after_a_failed_read_back_completes_the_piece() {
    let torrent = Fixture::of_lengths(Kind::V1, 65536, &[65536]);
    let store = torrent.store();
    let mut writer = PieceWriter::new();
    let mut jobs = torrent.jobs(&store, 0);
    let rest = jobs.split_off(1);
    assert_eq!(answers(&write_all(&mut writer, rest)), 3);
    std::fs::File::options().write(true).open(torrent.path(0)).unwrap().set_len(0).unwrap();
    let done = write_all(&mut writer, jobs.clone());
    assert!(
        matches!(
            done[..],
            [WriteDone::Failed { job: WriteJob { begin: 0, .. }, error: StorageError::Short { .. } }]
        ),
        "{done:?}"
    );
    std::fs::write(torrent.path(0), &torrent.data[0]).unwrap();
    assert_eq!(verdicts(&write_all(&mut writer, jobs)), [(0, true)]);
}

#[test]
fn write_of_a_piece_without_a_hash_fails() {
    let whole = Fixture::of_lengths(Kind::V2, 16384, &[40_000, 100]);
    let meta = Arc::new(ztor_metainfo::Metainfo::from_info(whole.meta.bulk().unwrap().info()).unwrap());
    let handles = Arc::clone(&whole.handles);
    let store = TorrentStore::open(meta, whole.dir.path(), None, StoreOptions::default(), handles).unwrap();
    let store = Arc::new(store);
    let mut writer = PieceWriter::new();
    let done = write_all(&mut writer, whole.jobs(&store, 0));
    assert!(
        matches!(done[..], [WriteDone::Failed { error: StorageError::NoHash { piece: 0 }, .. }]),
        "{done:?}"
    );
    assert_eq!(writer.in_flight(), 0);
    assert!(matches!(store.check_piece(0, &mut Vec::new()), Err(StorageError::NoHash { .. })));
    // A file of one piece has its hash in the info dictionary.
    assert_eq!(verdicts(&write_all(&mut writer, whole.jobs(&store, 3))), [(3, true)]);
}

#[test]
fn write_after_forget_starts_the_piece_again() {
    let torrent = Fixture::of_lengths(Kind::V2, 65536, &[65536]);
    let store = torrent.store();
    let mut writer = PieceWriter::new();
    let jobs = torrent.jobs(&store, 0);
    write_all(&mut writer, jobs[..3].to_vec());
    writer.forget(7, 0);
    assert_eq!(writer.in_flight(), 0);
    assert_eq!(verdicts(&write_all(&mut writer, jobs[3..].to_vec())), []);
    assert_eq!(verdicts(&write_all(&mut writer, jobs[..3].to_vec())), [(0, true)]);

    store.distrust(0);
    write_all(&mut writer, jobs[..3].to_vec());
    let other = torrent.store();
    other.set_own_files(&[true]);
    assert_eq!(verdicts(&write_all(&mut writer, torrent.jobs(&other, 0))), [(0, true)]);
    write_all(&mut writer, jobs[..3].to_vec());
    writer.forget_torrent(7);
    assert_eq!(writer.in_flight(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// With overlapping blocks of any offset and length, the piece is verified as soon as all its bytes are written.
    #[test]
    fn write_of_overlapping_blocks_joins_them(
        kind in prop::sample::select(kinds().to_vec()),
        cuts in prop::collection::vec((0u32..65536, 1u32..40_000), 0..12),
        batch_len in 1usize..5,
    ) {
        let torrent = Fixture::of_lengths(kind, 65536, &[65536]);
        let store = torrent.store();
        let whole = Bytes::from(torrent.piece(0));
        let job = |begin: u32, end: u32| WriteJob {
            store: Arc::clone(&store),
            torrent: 7,
            piece: 0,
            begin,
            data: whole.slice(begin as usize..end as usize),
            tag: 0,
        };
        let mut there = vec![false; 65536];
        let mut writer = PieceWriter::new();
        let mut jobs: Vec<WriteJob> = cuts.iter().map(|(begin, len)| job(*begin, (begin + len).min(65536))).collect();
        jobs.push(job(0, 65536));
        for batch in jobs.chunks(batch_len) {
            let was_there = there.iter().all(|there| *there);
            for job in batch {
                there[job.begin as usize..][..job.data.len()].fill(true);
            }
            let done = write_all(&mut writer, batch.to_vec());
            prop_assert_eq!(answers(&done), batch.len());
            let is_there = there.iter().all(|there| *there);
            prop_assert_eq!(verdicts(&done).as_slice() == [(0, true)], is_there && !was_there);
        }
        prop_assert_eq!(&std::fs::read(torrent.path(0)).unwrap(), &torrent.data[0]);
    }

    /// For all files, orders of blocks, batches and wanted files: every piece is verified, wanted files equal the
    /// source, unwanted ones do not appear, and a check from scratch agrees.
    #[test]
    fn write_in_any_order_gives_the_source_bytes(
        kind in prop::sample::select(kinds().to_vec()),
        shift in 14u32..17,
        lengths in prop::collection::vec(prop_oneof![Just(0usize), 1usize..200, 1usize..120_000], 1..7),
        wanted in prop::collection::vec(any::<bool>(), 16),
        order in any::<u64>(),
        batch_len in 1usize..9,
    ) {
        let torrent = Fixture::of_lengths(kind, 1 << shift, &lengths);
        let files = torrent.meta.layout.files();
        let wanted: Vec<bool> = wanted.into_iter().take(files.len()).collect();
        prop_assume!(wanted.len() == files.len());
        let store = torrent.store_with(Some(&wanted), StoreOptions::default());
        store.prepare().unwrap();

        let mut jobs: Vec<WriteJob> = torrent.pieces().flat_map(|piece| torrent.jobs(&store, piece)).collect();
        let keys = noise(jobs.len() * 2, order);
        let mut keyed: Vec<_> = jobs.drain(..).zip(keys.chunks(2)).collect();
        keyed.sort_by_key(|(_, key)| key.to_vec());
        let jobs: Vec<WriteJob> = keyed.into_iter().map(|(job, _)| job).collect();

        let mut writer = PieceWriter::new();
        let mut good = Vec::new();
        for batch in jobs.chunks(batch_len) {
            let done = write_all(&mut writer, batch.to_vec());
            prop_assert_eq!(answers(&done), batch.len());
            good.extend(verdicts(&done));
        }
        good.sort_unstable();
        prop_assert_eq!(good, torrent.pieces().map(|piece| (piece, true)).collect::<Vec<_>>());
        store.sync().unwrap();

        for (index, file) in files.iter().enumerate() {
            let path = torrent.path(index);
            if file.pad || !wanted[index] {
                prop_assert!(!path.exists(), "{} should not be there", path.display());
            } else {
                prop_assert_eq!(&std::fs::read(path).unwrap(), &torrent.data[index]);
            }
        }
        let mut buf = Vec::new();
        for piece in torrent.pieces() {
            buf.resize(torrent.meta.layout.piece_len(piece) as usize, 0);
            store.read(piece, 0, &mut buf).unwrap();
            prop_assert_eq!(&buf, &torrent.piece(piece));
        }
        drop(store);

        let again = torrent.store_with(Some(&wanted), StoreOptions::default());
        let have = check_all(&again, Pieces::All, 2, |_| {}, &AtomicBool::new(false)).unwrap();
        prop_assert!(have.iter().all(|had| *had));
        again.set_wanted(&vec![true; files.len()]).unwrap();
        again.prepare().unwrap();
        prop_assert!(!torrent.parts_path().exists());
        for (index, file) in files.iter().enumerate() {
            if !file.pad {
                prop_assert_eq!(&std::fs::read(torrent.path(index)).unwrap(), &torrent.data[index]);
            }
        }
        prop_assert!(torrent.handles.len() <= torrent.handles.limit());
    }

    /// A batch of several pieces has the same answers as a batch for each piece, with any order, gaps, wrong bytes,
    /// duplicates and failing files.
    #[test]
    fn write_of_several_pieces_answers_as_for_each_alone(
        kind in prop::sample::select(kinds().to_vec()),
        shift in 14u32..17,
        lengths in prop::collection::vec(prop_oneof![1usize..200, 1usize..250_000], 1..5),
        fails in prop::option::weighted(0.3, 0usize..5),
        batches in prop::collection::vec(prop::collection::vec((any::<u16>(), any::<u16>(), 0u8..30), 1..80), 1..12),
    ) {
        let torrents = [(); 2].map(|()| Fixture::of_lengths(kind, 1 << shift, &lengths));
        let [together, apart] = &torrents;
        let stores = torrents.each_ref().map(Fixture::store);
        for torrent in &torrents {
            if let Some(file) = fails.filter(|file| torrent.meta.layout.files().get(*file).is_some_and(|file| !file.pad)) {
                std::fs::create_dir_all(torrent.path(file)).unwrap();
            }
        }
        let all: [Vec<Vec<WriteJob>>; 2] = [0, 1].map(|side: usize| {
            torrents[side].pieces().map(|piece| torrents[side].jobs(&stores[side], piece)).collect()
        });
        let mut writers = [PieceWriter::new(), PieceWriter::new()];
        for (round, picks) in batches.into_iter().enumerate() {
            let batch = |side: usize| -> Vec<WriteJob> {
                let job = |(piece, block, luck): &(u16, u16, u8)| {
                    // Few pieces at a time, so that some of them are completed.
                    let pieces = &all[side];
                    let jobs = &pieces[(usize::from(*piece) % 6 + round / 2) % pieces.len()];
                    let mut job = jobs[usize::from(*block) % jobs.len()].clone();
                    // Equal for all jobs of a batch with the same `begin`, as their order is arbitrary.
                    if (job.piece as usize + job.begin as usize / 64 + round).is_multiple_of(11) {
                        let mut wrong = job.data.to_vec();
                        wrong[0] ^= 1;
                        job.data = wrong.into();
                    } else if *luck == 0 {
                        job.begin = u32::MAX - job.begin;
                    }
                    job
                };
                picks.iter().map(job).collect()
            };
            let done = write_all(&mut writers[0], batch(0));
            let mut one_by_one = Vec::new();
            let mut jobs = batch(1);
            jobs.sort_by_key(|job| job.piece);
            for jobs in jobs.chunk_by(|a, b| a.piece == b.piece) {
                one_by_one.extend(write_all(&mut writers[1], jobs.to_vec()));
            }
            let told = |done: &[WriteDone], torrent: &Fixture| -> Vec<String> {
                let folder = torrent.dir.path().display().to_string();
                done.iter().map(|done| format!("{done:?}").replace(&folder, "")).collect()
            };
            prop_assert_eq!(told(&done, together), told(&one_by_one, apart));
            prop_assert_eq!(writers[0].in_flight(), writers[1].in_flight());
        }
        for piece in together.pieces() {
            prop_assert_eq!(stores[0].is_verified(piece), stores[1].is_verified(piece));
        }
    }
}

#[test]
fn write_of_a_piece_that_matches_one_of_two_hashes_is_inconsistent() {
    let files = [("a", noise(70_000, 1)), ("b", noise(40_000, 2))];
    let torrent = Fixture::inconsistent(65536, &files, 1);
    let store = torrent.store();
    let mut writer = PieceWriter::new();
    assert_eq!(verdicts(&write_all(&mut writer, torrent.jobs(&store, 0))), [(0, true)]);
    let done = write_all(&mut writer, torrent.jobs(&store, 1));
    assert_eq!(verdicts(&done), []);
    let is_inconsistent = |done: &WriteDone| {
        matches!(done, WriteDone::Unjudged { error: StorageError::Inconsistent { piece: 1 }, .. })
    };
    assert!(done.last().is_some_and(is_inconsistent), "{done:?}");
    assert!(!store.is_verified(1));
    let checked = check_all(&store, Pieces::All, 1, |_| {}, &AtomicBool::new(false));
    assert!(matches!(checked, Err(StorageError::Inconsistent { piece: 1 })), "{checked:?}");
    // Other bytes are wrong by both hashes.
    let mut wrong = torrent.jobs(&store, 1);
    let mut bytes = wrong[0].data.to_vec();
    bytes[0] ^= 1;
    wrong[0].data = bytes.into();
    assert_eq!(verdicts(&write_all(&mut writer, wrong)), [(1, false)]);
}

#[test]
fn write_of_junk_in_pads_still_verifies_the_piece() {
    let torrent = Fixture::new(Kind::Hybrid, 65536, &[("a", noise(70_000, 1)), ("b", noise(40_000, 2))]);
    let store = torrent.store();
    let mut writer = PieceWriter::new();
    let mut jobs = torrent.jobs(&store, 1);
    let last = jobs.last_mut().unwrap();
    last.data = vec![7; last.data.len()].into();
    assert_eq!(
        verdicts(&write_all(&mut writer, jobs)),
        [(1, true)],
        "its last blocks are pads, which are not stored"
    );
    assert!(store.is_verified(1) && store.check_piece(1, &mut Vec::new()).unwrap());
}
