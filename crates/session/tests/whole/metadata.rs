//! Metadata that is outside memory.

use crate::common::{Client, LIMIT, content, noise, session};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use ztor_metainfo::create::{Options, Version};
use ztor_session::{
    AddMagnet, AddTorrent, BulkCache, BulkError, BulkSource, Magnet, Metainfo, SessionEvent, TorrentEvent,
    TorrentState,
};
use ztor_storage::create::{CreateOptions, create};

/// Metadata as a database has it.
#[derive(Debug)]
struct Saved(Result<Vec<u8>, BulkError>, Arc<AtomicU32>);

impl BulkSource for Saved {
    fn load(&self) -> Result<Vec<u8>, BulkError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.clone()
    }
}

/// Starts a seed, and lets the metadata leave its memory. Also returns the number of times that it was loaded.
fn released_seed(meta: &Metainfo, dir: &Path, saved: Result<Vec<u8>, BulkError>) -> (Client, Arc<AtomicU32>) {
    let loads = Arc::new(AtomicU32::new(0));
    let meta = Arc::new(meta.clone());
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(&meta), dir).read_only(true)).wait().unwrap();
    seed.started();
    meta.release_bulk(Box::new(Saved(saved, Arc::clone(&loads))), &BulkCache::new(0));
    assert!(meta.bulk_in_memory().is_none());
    (seed, loads)
}

/// Returns the same torrent with a memory of its own.
fn own(meta: &Metainfo) -> Metainfo {
    Metainfo::from_bytes(&meta.to_bytes().unwrap()).unwrap()
}

#[test]
fn peers_get_metadata_and_hashes_that_the_seed_has_to_load() {
    for version in [Version::V1, Version::V2] {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join("data"), noise(1, 3_000_000)).unwrap();
        let torrent = Options { version, piece_length: Some(16384), ..Options::default() };
        let options = CreateOptions { torrent, ..CreateOptions::default() };
        let path = tmp.path().join("data");
        let made = create(&path, &options, 2, |_, _| {}, &AtomicBool::new(false)).unwrap();
        let meta = Metainfo::from_bytes(&made.torrent).unwrap();
        let (seed, loads) = released_seed(&own(&meta), tmp.path(), Ok(made.torrent));
        let leech = session(None, |_| {});
        let add = AddMagnet::new(Magnet::from(&meta)).peers(vec![seed.local_addr()]);
        let torrent = leech.add_magnet(add).wait().unwrap();
        let found = torrent.metadata().wait_for(LIMIT).unwrap();
        assert_eq!((found.bulk(), found.has_all_hashes()), (meta.bulk(), true));
        torrent.start(AddTorrent::new(found, tmp.path().join("dst"))).wait().unwrap();
        leech.finished();
        assert_eq!(loads.load(Ordering::SeqCst), 1, "and the cache keeps it");
        assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
    }
}

#[test]
fn peer_that_asks_for_metadata_that_is_lost_is_refused_and_others_are_served() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(tmp.path(), 300_000);
    let (seed, loads) =
        released_seed(&own(&meta), tmp.path(), Err(BulkError::Read("the disk is gone".into())));
    let peers = || vec![seed.local_addr()];
    let asking = session(None, |_| {});
    asking.add_magnet(AddMagnet::new(Magnet::from(meta.as_ref())).peers(peers())).wait().unwrap();
    let leech = session(None, |_| {});
    leech.add(AddTorrent::new(Arc::clone(&meta), tmp.path().join("dst")).peers(peers())).wait().unwrap();
    leech.finished();
    let end = Instant::now() + LIMIT;
    while loads.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < end, "it is not asked");
        std::thread::sleep(Duration::from_millis(10));
    }
    let states: Vec<_> = seed.snapshot().torrents.iter().map(|torrent| torrent.state.clone()).collect();
    assert_eq!(states, [TorrentState::Seeding], "it needs no hashes");
    assert!(asking.shutdown(LIMIT) && leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn download_with_hashes_outside_memory_loads_them_and_without_them_stops() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(tmp.path(), 300_000);
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(&meta), tmp.path()).read_only(true)).wait().unwrap();
    seed.started();
    let lost = Err(BulkError::Read("the disk is gone".into()));
    for (number, saved) in [Ok(meta.to_bytes().unwrap()), lost].into_iter().enumerate() {
        let is_there = saved.is_ok();
        let ours = Arc::new(own(&meta));
        let loads = Arc::new(AtomicU32::new(0));
        ours.release_bulk(Box::new(Saved(saved, Arc::clone(&loads))), &BulkCache::new(0));
        let leech = session(None, |_| {});
        let add = AddTorrent::new(ours, tmp.path().join(number.to_string())).peers(vec![seed.local_addr()]);
        let torrent = leech.add(add).wait().unwrap();
        let mut message = String::new();
        leech.wait("an end", |event| match event {
            SessionEvent::Torrent(TorrentEvent::Finished { .. }) => true,
            SessionEvent::Torrent(TorrentEvent::Stopped { fault, .. }) => {
                message.clone_from(&fault.message);
                true
            }
            _ => false,
        });
        assert_eq!(message.is_empty(), is_there, "{message}");
        assert!(
            is_there || message.contains("cannot read the saved metadata: the disk is gone"),
            "{message}"
        );
        assert!(loads.load(Ordering::SeqCst) > 0 && torrent.status().is_some());
        assert!(leech.shutdown(LIMIT));
    }
    assert!(seed.shutdown(LIMIT));
}
