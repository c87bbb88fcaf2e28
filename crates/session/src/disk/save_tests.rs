//! Tests of skipped saves, and of saves that share a sync.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::super::tests::{inbox, store};
use super::*;
use crate::resume_store::Record;
use crate::resume_store::{FileResumeStore, ResumeKey, ResumeStore};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};
use ztor_engine::DiskId;
use ztor_storage::Operation;

/// A store that counts writes and syncs, and whose syncs may fail.
#[derive(Debug)]
struct Counting {
    files: FileResumeStore,
    writes: AtomicU32,
    syncs: AtomicU32,
    /// Error of the syncs; `None` if they succeed.
    failure: Mutex<Option<StorageError>>,
}

impl ResumeStore for Counting {
    fn load(&self, key: &ResumeKey) -> Result<Option<Vec<u8>>, ResumeError> {
        self.files.load(key)
    }

    fn save(&self, key: &ResumeKey, data: &[u8]) -> Result<(), ResumeError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.files.save(key, data)
    }

    fn remove(&self, key: &ResumeKey) -> Result<(), ResumeError> {
        self.files.remove(key)
    }

    fn sync(&self) -> Result<(), ResumeError> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.failure.lock().unwrap().clone().map_or_else(|| self.files.sync(), |error| Err(error.into()))
    }

    fn visit(&self, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        self.files.visit(visit);
    }
}

struct Rig {
    dir: tempfile::TempDir,
    store: Arc<TorrentStore>,
    records: Arc<Counting>,
    _poll: mio::Poll,
    inbox: Arc<Inbox<NetEvent>>,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let files = FileResumeStore::new(dir.path().join("resume"));
        let records = Counting {
            files,
            writes: AtomicU32::new(0),
            syncs: AtomicU32::new(0),
            failure: Mutex::default(),
        };
        let (poll, inbox) = inbox();
        Self { dir, store, records: Arc::new(records), _poll: poll, inbox }
    }

    fn record(&self, number: u64) -> Record {
        let store: Arc<dyn ResumeStore> = Arc::clone(&self.records) as Arc<_>;
        Record::new(store, self.store.meta(), &self.dir.path().join(number.to_string()))
    }

    fn writes(&self) -> u32 {
        self.records.writes.load(Ordering::Relaxed)
    }

    fn job(&self, number: u64, recorded: Option<Arc<Resume>>, occasion: Occasion) -> SaveJob {
        let new = Resume::new(self.store.meta().info_hashes, self.store.dir());
        let resume = Resume { have: vec![0xc0], uploaded: 7, ..new };
        let torrent = TorrentId::from_u64(1 << 32 | number);
        let ledger = Some(Ledger::new(self.record(number)));
        let (store, looks) = (Arc::clone(&self.store), Looks::default());
        SaveJob { torrent, store, ledger, resume, recorded, occasion, looks }
    }

    fn member(&self) -> Arc<Membership> {
        Membership::new(DiskId::default(), Arc::clone(&self.store), &self.inbox)
    }

    /// Makes saves. Returns the reports, and the number of syncs of the store.
    fn save(&self, jobs: Vec<SaveJob>, synced: Result<(), StorageError>) -> (Vec<Saved>, u32) {
        *self.records.failure.lock().unwrap() = synced.err();
        self.records.syncs.store(0, Ordering::Relaxed);
        let mut batch = Batch::default();
        jobs.into_iter().for_each(|job| batch.add(job, self.member()));
        let mut messages = Vec::new();
        self.inbox.take(&mut messages);
        let is_report = |message: &NetEvent| matches!(message, NetEvent::Saved(_));
        assert!(!messages.iter().any(is_report), "nothing is reported before the folder is synced");
        messages.clear();
        let members = batch.finish(&self.inbox);
        self.inbox.take(&mut messages);
        drop(members);
        let saved = messages.into_iter().map(|message| match message {
            NetEvent::Saved(saved) => *saved,
            _ => panic!("something else"),
        });
        (saved.collect(), self.records.syncs.load(Ordering::Relaxed))
    }

    fn save_one(&self, recorded: Option<Arc<Resume>>, occasion: Occasion) -> (Arc<Resume>, u32) {
        let (mut saved, syncs) = self.save(vec![self.job(1, recorded, occasion)], Ok(()));
        let saved = saved.pop().unwrap();
        assert!(saved.error.is_none(), "{:?}", saved.error);
        (saved.resume, syncs)
    }
}

#[test]
fn save_of_recorded_data_writes_nothing() {
    let rig = Rig::new();
    let (recorded, syncs) = rig.save_one(None, Occasion::Full);
    assert_eq!((syncs, rig.record(1).load().unwrap()), (1, Some(Resume::clone(&recorded))));
    assert_eq!(rig.writes(), 1);
    for occasion in [Occasion::Start, Occasion::Pieces, Occasion::Full] {
        let (again, syncs) = rig.save_one(Some(Arc::clone(&recorded)), occasion);
        assert_eq!((again == recorded, syncs, rig.writes()), (true, 0, 1), "{occasion:?}");
    }
    // Other peers are worth a write, but not at a start.
    let peers = vec![([10, 0, 0, 1], 6881).into()];
    let other = Arc::new(Resume { peers, ..Resume::clone(&recorded) });
    let (still, syncs) = rig.save_one(Some(Arc::clone(&other)), Occasion::Start);
    assert_eq!((still == other, syncs, rig.writes()), (true, 0, 1), "the data is as it was");
    let (now, syncs) = rig.save_one(Some(other), Occasion::Full);
    assert_eq!((now == recorded, syncs), (true, 1));
    assert_eq!(rig.writes(), 2);
}

#[test]
fn save_after_a_check_that_has_recorded_something_writes() {
    let rig = Rig::new();
    let (recorded, _) = rig.save_one(None, Occasion::Full);
    let job = rig.job(1, Some(Arc::clone(&recorded)), Occasion::Start);
    let stamps = rig.store.fingerprint().unwrap();
    let look = Look { stamps, hashed_bytes: 0, believed_bytes: 0, has_recorded: true };
    *job.looks.lock().unwrap() = Some(look);
    assert_eq!(rig.save(vec![job], Ok(())).1, 1, "the file may hold something else now");
}

#[test]
fn saves_of_a_batch_share_the_sync_of_their_folder() {
    let rig = Rig::new();
    let jobs = || (1..=20).map(|number| rig.job(number, None, Occasion::Full)).collect();
    let (saved, syncs) = rig.save(jobs(), Ok(()));
    assert_eq!((saved.len(), syncs), (20, 1));
    assert!(saved.iter().all(|saved| saved.error.is_none()));
    assert!((1..=20).all(|number| rig.record(number).load().unwrap().is_some()));

    let cause = Arc::new(std::io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()));
    let error = StorageError::Io { operation: Operation::Sync, path: "x".into(), cause };
    let (saved, _) = rig.save(jobs(), Err(error));
    assert!(saved.iter().all(|saved| matches!(saved.error, Some(SaveError::ResumeData(_)))));
}
