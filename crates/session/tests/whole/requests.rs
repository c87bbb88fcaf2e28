//! Requests and their replies: which wait, which fail, and which delay others.

use crate::common::{Client, LIMIT, content, named_content, session};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use ztor_session::{
    AddError, AddMagnet, AddTorrent, AskError, Config, EventsError, Magnet, MetadataError, Metainfo,
    RateLimits, ResumeError, ResumeKey, ResumeStore, SessionEvent, TorrentEvent,
};

const MOMENT: Duration = Duration::from_millis(100);

/// A store on a disk that hangs: no call about a torrent in one folder returns before it is released.
#[derive(Debug, Default)]
struct Hanging {
    folder: std::path::PathBuf,
    is_released: Mutex<bool>,
    released: Condvar,
}

impl Hanging {
    fn release(&self) {
        *self.is_released.lock().unwrap() = true;
        self.released.notify_all();
    }
}

impl ResumeStore for Hanging {
    fn load(&self, key: &ResumeKey) -> Result<Option<Vec<u8>>, ResumeError> {
        if key.dir == self.folder {
            let waiting =
                self.released.wait_timeout_while(self.is_released.lock().unwrap(), LIMIT, |is| !*is);
            drop(waiting.unwrap());
        }
        Ok(None)
    }

    fn save(&self, _: &ResumeKey, _: &[u8]) -> Result<(), ResumeError> {
        Ok(())
    }

    fn remove(&self, _: &ResumeKey) -> Result<(), ResumeError> {
        Ok(())
    }

    fn sync(&self) -> Result<(), ResumeError> {
        Ok(())
    }

    fn visit(&self, _: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {}
}

fn seed_of(meta: &Arc<Metainfo>, dir: &Path) -> Client {
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(meta), dir).read_only(true)).wait().unwrap();
    seed.started();
    seed
}

#[test]
fn add_to_a_hung_disk_delays_only_its_own_reply() {
    let tmp = tempfile::tempdir().unwrap();
    let (hung, well) = (tmp.path().join("hung"), tmp.path().join("well"));
    let metas: Vec<_> =
        (0..6).map(|n| named_content(&tmp.path().join("src"), &n.to_string(), 20_000 + n)).collect();
    let store = Arc::new(Hanging { folder: hung.clone(), ..Hanging::default() });
    let kept: Arc<dyn ResumeStore> = Arc::clone(&store) as _;
    let client = session(None, |config: &mut Config| config.resume_store = Some(kept));
    let mut waiting: Vec<_> =
        metas[..5].iter().map(|meta| client.add(AddTorrent::new(Arc::clone(meta), &hung))).collect();
    let late = waiting.pop().unwrap().wait_for(MOMENT);
    assert!(matches!(late, Err(AddError::Ask(AskError::TimedOut))), "{late:?}");
    let other = client.add(AddTorrent::new(Arc::clone(&metas[5]), &well)).wait().unwrap();
    client.started();
    assert_eq!(client.snapshot().torrents.len(), 1);
    store.release();
    waiting.into_iter().for_each(|reply| drop(reply.wait().unwrap()));
    assert!(other.status().is_some());
    assert!(client.shutdown(LIMIT));
}

#[test]
fn metadata_and_finished_reply_once_the_event_happens() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("src"), 300_000);
    let (seed, leech) = (seed_of(&meta, &tmp.path().join("src")), session(None, |_| {}));
    let magnet = Magnet::from(meta.as_ref());
    let torrent = leech.add_magnet(AddMagnet::new(magnet)).wait().unwrap();
    assert!(torrent.files().wait().unwrap().is_empty(), "no metadata yet");
    assert!(torrent.pieces().wait().unwrap().have.is_empty());
    let early = torrent.metadata().wait_for(MOMENT);
    assert_eq!(early, Err(MetadataError::Ask(AskError::TimedOut)));
    let (waits, finished) = (torrent.metadata(), torrent.finished());
    torrent.add_peers([seed.local_addr()]).wait().unwrap();
    let found = waits.wait_for(LIMIT).unwrap();
    assert_eq!(found.info_hashes, meta.info_hashes);
    assert_eq!(torrent.metadata().wait().unwrap().info_hashes, meta.info_hashes, "it is known by now");
    torrent.start(AddTorrent::new(found, tmp.path().join("dst"))).wait().unwrap();
    finished.wait_for(LIMIT).unwrap();
    torrent.finished().wait_for(LIMIT).unwrap();
    assert_eq!(torrent.status().unwrap().left_bytes, 0);
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn requests_to_a_removed_torrent_fail_with_no_torrent() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("src"), 10_000);
    let client = session(None, |_| {});
    let torrent = client.add(AddTorrent::new(meta, tmp.path().join("dst"))).wait().unwrap();
    let waits = torrent.finished();
    torrent.remove().wait().unwrap();
    assert_eq!(waits.wait_for(LIMIT), Err(AskError::NoTorrent));
    client.wait("removed", |e| matches!(e, SessionEvent::Torrent(TorrentEvent::Removed { .. })));
    let limits = RateLimits { down: Some(1), up: None };
    for result in [
        torrent.remove().wait(),
        torrent.retry().wait(),
        torrent.set_limits(limits).wait(),
        torrent.add_peers([]).wait(),
        torrent.peers().wait().map(drop),
        torrent.files().wait().map(drop),
        torrent.pieces().wait().map(drop),
        torrent.finished().wait(),
    ] {
        assert_eq!(result, Err(AskError::NoTorrent));
    }
    assert_eq!(torrent.metadata().wait(), Err(AskError::NoTorrent.into()));
    assert_eq!(torrent.status(), None);
    assert!(client.shutdown(LIMIT));
}

#[test]
fn requests_to_an_ended_session_fail_with_ended() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("src"), 10_000);
    let client = session(None, |_| {});
    let torrent = client.add(AddTorrent::new(Arc::clone(&meta), tmp.path().join("dst"))).wait().unwrap();
    let (waits, mut events) = (torrent.finished(), client.subscribe());
    assert!(client.shutdown(LIMIT));
    assert_eq!(waits.wait_for(LIMIT), Err(AskError::Ended));
    assert_eq!(torrent.peers().wait().map(drop), Err(AskError::Ended));
    assert_eq!(client.bans().wait().map(drop), Err(AskError::Ended));
    let added = client.add(AddTorrent::new(meta, tmp.path().join("other"))).wait();
    assert!(matches!(added, Err(AddError::Ask(AskError::Ended))), "{added:?}");
    let end = Instant::now() + LIMIT;
    while events.try_next() != Err(EventsError::Ended) {
        assert!(Instant::now() < end, "the events do not end");
    }
}

#[test]
fn set_settings_of_a_running_session_takes_effect() {
    let tmp = tempfile::tempdir().unwrap();
    let meta = content(&tmp.path().join("src"), 2 << 20);
    let seed = seed_of(&meta, &tmp.path().join("src"));
    // So slow that it would not end within the test.
    let leech = session(None, |c| c.settings.limits.down = Some(1));
    let peers = vec![seed.local_addr()];
    let torrent = leech.add(AddTorrent::new(meta, tmp.path().join("dst")).peers(peers)).wait().unwrap();
    let end = Instant::now() + LIMIT;
    while torrent.peers().wait().unwrap().iter().all(|peer| peer.client.is_none()) {
        assert!(Instant::now() < end, "no connection; {:?}", leech.snapshot());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(torrent.status().unwrap().left_bytes > 0);
    let settings = Config::default().settings.limits(RateLimits::default()).max_peers(1);
    leech.set_settings(&settings).wait().unwrap();
    torrent.finished().wait_for(LIMIT).unwrap();
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}
