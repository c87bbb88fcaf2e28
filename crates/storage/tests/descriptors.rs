//! A process that may open no further file. In a process of its own, for the limit is the process's.
#![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use rustix::process::{Resource, getrlimit, setrlimit};
use ztor_metainfo::Metainfo;
use ztor_storage::create::{CreateOptions, create};
use ztor_storage::{HandleCache, StoreOptions, TorrentStore};

#[test]
fn files_kept_open_give_way_to_those_that_are_needed() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("src");
    std::fs::create_dir(&source).unwrap();
    (0..64).for_each(|file| std::fs::write(source.join(format!("{file:02}")), [file; 16384]).unwrap());
    let made = create(&source, &CreateOptions::default(), 1, |_, _| {}, &AtomicBool::new(false)).unwrap();
    let meta = Arc::new(Metainfo::from_bytes(&made.torrent).unwrap());
    let handles = Arc::new(HandleCache::new(1000));
    let target = dir.path().join("dst");
    let store =
        TorrentStore::open(meta, &target, None, StoreOptions::default(), Arc::clone(&handles)).unwrap();

    let next = File::open("/dev/null").unwrap().as_raw_fd();
    let before = getrlimit(Resource::Nofile);
    // Room for the folders on the way, and a few files.
    let few = rustix::process::Rlimit { current: Some(u64::try_from(next).unwrap() + 16), ..before };
    setrlimit(Resource::Nofile, few).unwrap();
    let content: Vec<u8> = (0..64).flat_map(|file| [file; 16384]).collect();
    let piece_length = store.meta().layout.piece_length() as usize;
    let written: Vec<_> = (0..)
        .zip(content.chunks(piece_length))
        .map(|(piece, bytes)| store.write(piece, 0, &[Bytes::copy_from_slice(bytes)]))
        .collect();
    let synced = store.sync();
    setrlimit(Resource::Nofile, before).unwrap();
    for done in written {
        done.unwrap();
    }
    assert_eq!(synced.unwrap().len(), 64);
    assert!(handles.len() < 16);
}
