//! Tests without free descriptors. They are a program of their own and run one after the other, because the limit is
//! that of the process.
#![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use ztor_metainfo::Metainfo;
use ztor_storage::create::{CreateOptions, create};
use ztor_storage::{HandleCache, StorageError, StoreOptions, TorrentStore};

static ALONE: Mutex<()> = Mutex::new(());

/// Returns the content of a torrent of 64 files of one block each, the handle cache and the store.
fn torrent(dir: &Path, handles: HandleCache) -> (Vec<u8>, Arc<HandleCache>, TorrentStore) {
    let source = dir.join("src");
    std::fs::create_dir(&source).unwrap();
    (0..64).for_each(|file| std::fs::write(source.join(format!("{file:02}")), [file; 16384]).unwrap());
    let made = create(&source, &CreateOptions::default(), 1, |_, _| {}, &AtomicBool::new(false)).unwrap();
    let meta = Arc::new(Metainfo::from_bytes(&made.torrent).unwrap());
    let (target, handles) = (dir.join("dst"), Arc::new(handles));
    let store =
        TorrentStore::open(meta, &target, None, StoreOptions::default(), Arc::clone(&handles)).unwrap();
    ((0..64).flat_map(|file| [file; 16384]).collect(), handles, store)
}

/// Sets the limit to `more` further descriptors. Returns the earlier limit.
fn leave_room_for(more: u64) -> Rlimit {
    let next = File::open("/dev/null").unwrap().as_raw_fd();
    let before = getrlimit(Resource::Nofile);
    let few = Rlimit { current: Some(u64::try_from(next).unwrap() + more), ..before };
    setrlimit(Resource::Nofile, few).unwrap();
    before
}

fn write_all(store: &TorrentStore, content: &[u8]) -> Vec<Result<(), StorageError>> {
    let piece_length = store.meta().layout.piece_length() as usize;
    let pieces = (0..).zip(content.chunks(piece_length));
    pieces.map(|(piece, bytes)| store.write(piece, 0, &[Bytes::copy_from_slice(bytes)])).collect()
}

#[test]
fn write_without_free_descriptors_closes_cached_files() {
    let _alone = ALONE.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (content, handles, store) = torrent(dir.path(), HandleCache::new(1000));
    // Enough for the folders on the path and a few files.
    let before = leave_room_for(16);
    let written = write_all(&store, &content);
    let synced = store.sync();
    setrlimit(Resource::Nofile, before).unwrap();
    for done in written {
        done.unwrap();
    }
    synced.unwrap();
    assert_eq!(store.take_stamps(None).unwrap().1.len(), 64);
    assert!(handles.len() < 16);
}

#[test]
fn take_stamps_after_a_sync_without_descriptors_returns_the_written_files() {
    let _alone = ALONE.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (content, _handles, store) = torrent(dir.path(), HandleCache::new(2));
    let (known, _) = store.take_stamps(None).unwrap();
    write_all(&store, &content).into_iter().for_each(Result::unwrap);
    store.sync().unwrap();
    let (mut known, written) = {
        let (now, written) = store.take_stamps(None).unwrap();
        assert_eq!(store.changed_by_others(&known, &now, &written), None);
        (now, written)
    };
    assert_eq!(written.len(), 64);
    // Later writes cannot have the same stamp then.
    known.iter_mut().for_each(|stamp| stamp.mtime_ns -= 10_000_000_000);

    write_all(&store, &content[..content.len() / 2]).into_iter().for_each(Result::unwrap);
    // Opening a file in a folder needs two descriptors, and only one cached file is closed.
    let before = leave_room_for(0);
    let first = store.sync();
    setrlimit(Resource::Nofile, before).unwrap();
    assert!(first.unwrap_err().is_exhausted());
    store.sync().unwrap();
    let (now, written) = store.take_stamps(None).unwrap();
    assert_eq!(written, (0..32).collect::<Vec<_>>());
    known[32..].copy_from_slice(&now[32..]);
    assert_eq!(store.changed_by_others(&known, &now, &written), None);
    assert_eq!(store.take_stamps(None).unwrap().1, [0; 0]);
}
