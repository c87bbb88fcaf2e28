//! Throughput of checking, creating and writing a torrent, on a file system in memory if there is one.

#![allow(clippy::unwrap_used, reason = "a failed set-up should end the benchmark")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use tempfile::TempDir;
use ztor_metainfo::create::{Options, Version};
use ztor_metainfo::{BLOCK_LEN, Metainfo};
use ztor_storage::create::{CreateOptions, create};
use ztor_storage::{HandleCache, PieceWriter, Pieces, StoreOptions, TorrentStore, WriteJob, check_all};

const TOTAL_LEN: usize = 256 << 20;
const PIECE_LENGTHS: [u32; 4] = [16 << 10, 256 << 10, 1 << 20, 16 << 20];
const NAME: &str = "content";

struct Fixture {
    dir: TempDir,
    meta: Arc<Metainfo>,
    content: Bytes,
}

fn main() {
    divan::main();
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn options(version: Version, piece_length: u32) -> CreateOptions {
    let torrent = Options { version, piece_length: Some(piece_length), ..Options::default() };
    CreateOptions { torrent, ..CreateOptions::default() }
}

fn temp_dir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn make(path: &Path, options: &CreateOptions) -> Vec<u8> {
    create(path, options, threads(), |_, _| {}, &AtomicBool::new(false)).unwrap().torrent
}

impl Fixture {
    fn new(version: Version, piece_length: u32) -> Self {
        let dir = temp_dir();
        let mut state = 1u64;
        let words = std::iter::repeat_with(|| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            state.to_le_bytes()
        });
        let content: Vec<u8> = words.take(TOTAL_LEN / 8).flatten().collect();
        let path = dir.path().join(NAME);
        std::fs::write(&path, &content).unwrap();
        let torrent = make(&path, &options(version, piece_length));
        Self { dir, meta: Arc::new(Metainfo::from_bytes(&torrent).unwrap()), content: content.into() }
    }

    fn store_in(&self, dir: &Path) -> Arc<TorrentStore> {
        let handles = Arc::new(HandleCache::default());
        let store = TorrentStore::open(Arc::clone(&self.meta), dir, None, StoreOptions::default(), handles);
        Arc::new(store.unwrap())
    }
}

#[divan::bench(consts = [0, 1, 2], args = PIECE_LENGTHS, sample_count = 10)]
fn check<const VERSION: usize>(bencher: Bencher<'_, '_>, piece_length: u32) {
    let version = [Version::V1, Version::V2, Version::Hybrid][VERSION];
    let fixture = Fixture::new(version, piece_length);
    let store = fixture.store_in(fixture.dir.path());
    bencher
        .counter(BytesCount::new(TOTAL_LEN))
        .bench_local(|| check_all(&store, Pieces::All, threads(), |_| {}, &AtomicBool::new(false)).unwrap());
}

#[divan::bench(args = PIECE_LENGTHS, sample_count = 10)]
fn create_v1(bencher: Bencher<'_, '_>, piece_length: u32) {
    let fixture = Fixture::new(Version::V1, piece_length);
    let (path, options) = (fixture.dir.path().join(NAME), options(Version::V1, piece_length));
    bencher.counter(BytesCount::new(TOTAL_LEN)).bench_local(|| make(&path, &options));
}

/// Writes to an existing file with one worker. `PIECES` pieces arrive at the same time: a batch has one block of each
/// in turn, up to 256 blocks.
#[divan::bench(consts = [1, 2, 4, 16], args = [1 << 18, 1 << 20], sample_count = 10)]
fn write<const PIECES: usize>(bencher: Bencher<'_, '_>, piece_length: u32) {
    const BATCH: usize = 256;
    let fixture = Fixture::new(Version::V1, piece_length);
    let target = temp_dir();
    let store = fixture.store_in(target.path());
    let mut jobs = Vec::new();
    let blocks = piece_length / BLOCK_LEN;
    let pieces: Vec<u32> = (0..fixture.meta.layout.piece_count()).collect();
    for pieces in pieces.chunks(PIECES) {
        for block in 0..blocks {
            jobs.extend(pieces.iter().map(|piece| {
                let from = (piece * piece_length + block * BLOCK_LEN) as usize;
                let data = fixture.content.slice(from..from + BLOCK_LEN as usize);
                WriteJob {
                    store: Arc::clone(&store),
                    torrent: 1,
                    piece: *piece,
                    begin: block * BLOCK_LEN,
                    data,
                    tag: 0,
                }
            }));
        }
    }
    let mut writer = PieceWriter::new();
    let (mut batch, mut done) = (Vec::new(), Vec::new());
    bencher.counter(BytesCount::new(TOTAL_LEN)).bench_local(|| {
        for jobs in jobs.chunks(BATCH) {
            batch.extend_from_slice(jobs);
            writer.write(&mut batch, &mut done);
            done.clear();
        }
        pieces.iter().for_each(|piece| store.distrust(*piece));
    });
    assert_eq!(writer.in_flight(), 0);
}
