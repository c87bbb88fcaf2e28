//! Metadata that is outside memory.

use crate::common::{Client, LIMIT, content, noise, session};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use ztor_metainfo::create::{Options, Version};
use ztor_session::{
    AddMagnet, AddTorrent, Bulk, BulkError, BulkSource, Magnet, Metainfo, SessionEvent, TorrentEvent,
    TorrentState,
};
use ztor_storage::create::{CreateOptions, create};

/// Metadata as a database has it.
#[derive(Debug)]
struct Saved {
    bytes: Vec<u8>,
    is_lost: AtomicBool,
    loads: AtomicU32,
    last: Mutex<Option<Arc<Bulk>>>,
}

impl Saved {
    /// Returns a torrent without its bulk in memory, and the source of that.
    fn of(meta: &Metainfo) -> (Arc<Metainfo>, Arc<Self>) {
        let (bytes, last) = (meta.to_bytes().unwrap(), Mutex::default());
        let saved = Arc::new(Self { bytes, is_lost: AtomicBool::new(false), loads: AtomicU32::new(0), last });
        let source: Arc<dyn BulkSource> = Arc::clone(&saved) as Arc<_>;
        let meta = Arc::new(meta.clone().with_source(source));
        assert!(meta.bulk_in_memory().is_none());
        (meta, saved)
    }

    /// Lets the bulk leave memory. Returns the number of loads until then.
    fn forget(&self) -> u32 {
        drop(self.last.lock().unwrap().take());
        self.loads.swap(0, Ordering::SeqCst)
    }

    fn lose(&self) {
        self.is_lost.store(true, Ordering::SeqCst);
    }
}

impl BulkSource for Saved {
    fn load(&self) -> Result<Arc<Bulk>, BulkError> {
        if let Some(bulk) = self.in_memory() {
            return Ok(bulk);
        }
        self.loads.fetch_add(1, Ordering::SeqCst);
        if self.is_lost.load(Ordering::SeqCst) {
            return Err(BulkError("the disk is gone".into()));
        }
        let bulk = Metainfo::from_bytes(&self.bytes).unwrap().bulk()?;
        *self.last.lock().unwrap() = Some(Arc::clone(&bulk));
        Ok(bulk)
    }

    fn in_memory(&self) -> Option<Arc<Bulk>> {
        self.last.lock().unwrap().clone()
    }
}

/// Starts a seed, and lets the metadata leave its memory.
fn released_seed(meta: &Metainfo, dir: &Path) -> (Client, Arc<Saved>) {
    let (meta, saved) = Saved::of(meta);
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(meta, dir).read_only(true)).wait().unwrap();
    seed.started();
    assert!(saved.forget() > 0, "the check needs the hashes");
    (seed, saved)
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
        let (seed, saved) = released_seed(&meta, tmp.path());
        let leech = session(None, |_| {});
        let add = AddMagnet::new(Magnet::from(&meta)).peers(vec![seed.local_addr()]);
        let torrent = leech.add_magnet(add).wait().unwrap();
        let found = torrent.metadata().wait_for(LIMIT).unwrap();
        assert_eq!((found.bulk(), found.has_all_hashes()), (meta.bulk(), true));
        torrent.start(AddTorrent::new(found, tmp.path().join("dst"))).wait().unwrap();
        leech.finished();
        assert_eq!(saved.loads.load(Ordering::SeqCst), 1, "then it is in memory");
        assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
    }
}

#[test]
fn peer_that_asks_for_metadata_that_is_lost_is_refused_and_others_are_served() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(tmp.path(), 300_000);
    let (seed, saved) = released_seed(&meta, tmp.path());
    saved.lose();
    let peers = || vec![seed.local_addr()];
    let asking = session(None, |_| {});
    asking.add_magnet(AddMagnet::new(Magnet::from(meta.as_ref())).peers(peers())).wait().unwrap();
    let leech = session(None, |_| {});
    leech.add(AddTorrent::new(Arc::clone(&meta), tmp.path().join("dst")).peers(peers())).wait().unwrap();
    leech.finished();
    let end = Instant::now() + LIMIT;
    while saved.loads.load(Ordering::SeqCst) == 0 {
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
    for is_there in [true, false] {
        let (ours, saved) = Saved::of(&meta);
        if !is_there {
            saved.lose();
        }
        let leech = session(None, |_| {});
        let add = AddTorrent::new(ours, tmp.path().join(is_there.to_string())).peers(vec![seed.local_addr()]);
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
            is_there || message.contains("cannot load the saved metadata: the disk is gone"),
            "{message}"
        );
        assert!(saved.loads.load(Ordering::SeqCst) > 0 && torrent.status().is_some());
        assert!(leech.shutdown(LIMIT));
    }
    assert!(seed.shutdown(LIMIT));
}
