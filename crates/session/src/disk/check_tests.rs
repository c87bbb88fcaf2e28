//! Tests of the check of real files when a torrent starts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::super::save::{Occasion, SaveJob, save};
use super::*;
use crate::disk::fault::fault;
use crate::driver::WAKER;
use crate::resume_store::FileResumeStore;
use crate::resume_store::Record;
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ztor_metainfo::Metainfo;
use ztor_metainfo::create::Options;
use ztor_storage::create::{CreateOptions, create};
use ztor_storage::{Allocation, HandleCache, PieceWriter, StoreOptions, WriteDone, WriteJob};

const PIECE: usize = 16384;

struct Rig {
    dir: tempfile::TempDir,
    meta: Arc<Metainfo>,
    /// Content of all files, one after the other.
    bytes: Vec<u8>,
    looks: Looks,
    _poll: mio::Poll,
    inbox: Arc<Inbox<NetEvent>>,
}

/// Returns bytes of which no two pieces are the same.
fn noise(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|at| (at / PIECE) as u8 ^ (at % 251) as u8 ^ seed).collect()
}

impl Rig {
    /// Creates a torrent `album` of files with these numbers of pieces.
    fn new(pieces: &[usize]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("src/album");
        std::fs::create_dir_all(&source).unwrap();
        let bytes = noise(pieces.iter().sum::<usize>() * PIECE, 1);
        let mut rest = &bytes[..];
        for (file, pieces) in pieces.iter().enumerate() {
            let (content, behind) = rest.split_at(pieces * PIECE);
            std::fs::write(source.join(file.to_string()), content).unwrap();
            rest = behind;
        }
        let torrent = Options { piece_length: Some(PIECE as u32), ..Options::default() };
        let options = CreateOptions { torrent, ..CreateOptions::default() };
        let made = create(&source, &options, 1, |_, _| {}, &AtomicBool::new(false)).unwrap();
        let meta = Arc::new(Metainfo::from_bytes(&made.torrent).unwrap());
        let poll = mio::Poll::new().unwrap();
        let inbox = Inbox::new(mio::Waker::new(poll.registry(), WAKER).unwrap());
        std::fs::create_dir_all(dir.path().join("dst/album")).unwrap();
        std::fs::create_dir_all(dir.path().join("resume")).unwrap();
        Self { dir, meta, bytes, looks: Looks::default(), _poll: poll, inbox }
    }

    fn store(&self) -> Arc<TorrentStore> {
        let (meta, handles) = (Arc::clone(&self.meta), Arc::new(HandleCache::default()));
        let dir = self.dir.path().join("dst");
        Arc::new(TorrentStore::open(meta, &dir, None, StoreOptions::default(), handles).unwrap())
    }

    fn file(&self, file: usize) -> PathBuf {
        self.dir.path().join("dst/album").join(file.to_string())
    }

    fn record(&self) -> Record {
        let records = Arc::new(FileResumeStore::new(self.dir.path().join("resume")));
        Record::new(records, &self.meta, &self.dir.path().join("dst"))
    }

    /// Returns a check with the resume data of the last run.
    fn job(&self, store: &Arc<TorrentStore>) -> CheckJob {
        CheckJob {
            torrent: TorrentId::from_u64(1 << 32 | 1),
            store: Arc::clone(store),
            resume: self.record().load().unwrap().map(Arc::new),
            distrust: false,
            had_before_change: None,
            is_retry: false,
            ledger: Some(Ledger::new(self.record())),
            wanted: Vec::new(),
            looks: Arc::clone(&self.looks),
            prepare: true,
            stop: Arc::default(),
        }
    }

    fn check(&self, store: &Arc<TorrentStore>) -> Result<Vec<u32>, StorageError> {
        check(&self.job(store), &self.inbox).map(|found| found.present.iter().collect())
    }

    fn write(&self, store: &TorrentStore, piece: u32) {
        let bytes = &self.bytes[piece as usize * PIECE..][..PIECE];
        store.write(piece, 0, &[Bytes::copy_from_slice(bytes)]).unwrap();
    }

    /// Returns the resume data of the store, as the next run finds it.
    fn resume(&self, store: &TorrentStore, have: Vec<u8>) -> Resume {
        let (stamps, own) = (store.fingerprint().unwrap(), store.own_files());
        Resume { have, stamps, own, ..Resume::new(self.meta.info_hashes, store.dir()) }
    }
}

/// Writes the record of another torrent that has left this file.
fn left_by_another(rig: &Rig, file: &Path) {
    let other = Rig::new(&[1, 1, 1]);
    let mut resume = other.resume(&other.store(), vec![0]);
    let stamp = std::fs::metadata(file).unwrap();
    let mtime = stamp.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    resume.stamps[0] = FileStamp { len: stamp.len(), mtime_ns: mtime.as_nanos() as i64 };
    resume.save(&rig.dir.path().join("resume/other.resume")).unwrap();
}

fn in_the_way(found: Result<Vec<u32>, StorageError>) -> (PathBuf, InTheWay) {
    match found {
        Err(StorageError::InTheWay { path, why }) => (path, why),
        found => panic!("{found:?}"),
    }
}

#[test]
fn file_that_was_never_made_is_not_own_at_the_next_start() {
    let rig = Rig::new(&[3, 2]);
    let store = rig.store();
    assert!(rig.check(&store).unwrap().is_empty());
    rig.write(&store, 0);
    store.sync().unwrap();
    rig.record().save(&rig.resume(&store, vec![0x80])).unwrap();
    drop(store);
    // A complete file of another torrent, of the same length.
    std::fs::write(rig.file(1), noise(2 * PIECE, 77)).unwrap();
    left_by_another(&rig, &rig.file(1));
    assert_eq!(in_the_way(rig.check(&rig.store())), (rig.file(1), InTheWay::OfAnotherTorrent));
}

#[test]
fn record_that_calls_a_missing_file_own_is_not_believed_when_one_is_there() {
    let rig = Rig::new(&[2]);
    let store = rig.store();
    rig.check(&store).unwrap();
    let own = vec![true];
    rig.record().save(&Resume { own, ..rig.resume(&store, vec![0]) }).unwrap();
    drop(store);
    let users = noise(2 * PIECE, 77);
    std::fs::write(rig.file(0), &users).unwrap();
    assert_eq!(in_the_way(rig.check(&rig.store())), (rig.file(0), InTheWay::Different));
    assert_eq!(std::fs::read(rig.file(0)).unwrap(), users);
}

#[test]
fn own_file_is_accepted_unless_another_torrent_has_replaced_it() {
    let rig = Rig::new(&[3]);
    let store = rig.store();
    rig.check(&store).unwrap();
    rig.write(&store, 1);
    store.write(0, 0, &[Bytes::from_static(b"half a block")]).unwrap();
    store.sync().unwrap();
    rig.record().save(&rig.resume(&store, vec![0x40])).unwrap();
    drop(store);
    assert_eq!(rig.check(&rig.store()).unwrap(), [1]);
    std::fs::write(rig.file(0), noise(3 * PIECE, 77)).unwrap();
    left_by_another(&rig, &rig.file(0));
    assert_eq!(in_the_way(rig.check(&rig.store())), (rig.file(0), InTheWay::OfAnotherTorrent));
}

/// Checks complete files. Calls `change` after each time that pieces were hashed.
fn check_while(rig: &Rig, change: impl Fn(usize)) -> Result<Found, StorageError> {
    let mut at = 0;
    for (file, entry) in rig.meta.layout.files().iter().enumerate() {
        std::fs::write(rig.file(file), &rig.bytes[at..at + entry.length as usize]).unwrap();
        at += entry.length as usize;
    }
    let job = rig.job(&rig.store());
    let mut round = 0;
    check_with(&job, |pieces| {
        let found = hash(&job, &rig.inbox, pieces);
        change(round);
        round += 1;
        found
    })
}

fn change_file(rig: &Rig, file: usize, byte: u8) {
    use std::os::unix::fs::FileExt as _;
    let opened = std::fs::File::options().write(true).open(rig.file(file)).unwrap();
    opened.write_all_at(&[byte], 5).unwrap();
    // A time of its own, however coarse the clock of the file system is.
    let time = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000 + u64::from(byte));
    opened.set_modified(time).unwrap();
}

#[test]
fn file_that_changes_while_it_is_checked_is_hashed_again() {
    let rig = Rig::new(&[2, 2]);
    let change = |round| {
        if round == 0 {
            change_file(&rig, 0, 0xff)
        }
    };
    let found = check_while(&rig, change).unwrap();
    assert_eq!(found.present.iter().collect::<Vec<_>>(), [1, 2, 3]);
    let look = rig.looks.lock().unwrap();
    let look = look.as_ref().unwrap();
    assert_eq!((look.hashed_bytes, look.believed_bytes), (4 * PIECE as u64, 0));
    assert_eq!(look.stamps, rig.store().fingerprint().unwrap());
}

#[test]
fn file_that_never_stops_changing_is_a_fault() {
    let rig = Rig::new(&[1, 2]);
    let fault = match check_while(&rig, |round| change_file(&rig, 1, round as u8)) {
        Err(error) => fault(&error),
        Ok(_) => panic!("found something"),
    };
    assert_eq!(fault.kind, ztor_engine::DiskFaultKind::Changed);
    assert!(fault.message.contains(rig.file(1).to_str().unwrap()), "{}", fault.message);
}

#[test]
fn file_that_is_replaced_while_it_is_checked_is_not_written_to() {
    let rig = Rig::new(&[1, 2]);
    let users = noise(2 * PIECE, 77);
    let found = check_while(&rig, |round| {
        if round == 0 {
            std::fs::write(rig.file(1), &users[..PIECE]).unwrap();
        }
    });
    assert_eq!(
        in_the_way(found.map(|found| found.present.iter().collect())),
        (rig.file(1), InTheWay::Different)
    );
}

#[test]
fn found_pieces_are_forced_to_the_disk_before_they_are_recorded() {
    let rig = Rig::new(&[2, 2]);
    std::fs::write(rig.file(0), &rig.bytes[..2 * PIECE]).unwrap();
    std::fs::write(rig.file(1), &rig.bytes[2 * PIECE..3 * PIECE]).unwrap();
    let store = rig.store();
    assert_eq!(rig.check(&store).unwrap(), [0, 1, 2]);
    assert_eq!(rig.record().load().unwrap().unwrap().have, [0xe0]);
    // All due syncs are done: they open nothing, or the missing file would be noticed.
    std::fs::remove_file(rig.file(0)).unwrap();
    store.sync().unwrap();
    drop(store);

    // A complete torrent is recorded by the first save, which makes it durable.
    std::fs::remove_dir_all(rig.dir.path().join("resume")).unwrap();
    std::fs::write(rig.file(0), &rig.bytes[..2 * PIECE]).unwrap();
    std::fs::write(rig.file(1), &rig.bytes[2 * PIECE..]).unwrap();
    let store = rig.store();
    assert_eq!(rig.check(&store).unwrap(), [0, 1, 2, 3]);
    assert_eq!(rig.record().load().unwrap(), None);
    std::fs::remove_file(rig.file(0)).unwrap();
    assert!(store.sync().unwrap_err().is_gone());
}

#[test]
fn glance_leaves_reserving_space_to_the_pass_that_hashes() {
    let rig = Rig::new(&[1, 2]);
    let open = |allocate| {
        let (meta, handles) = (Arc::clone(&rig.meta), Arc::new(HandleCache::default()));
        let options = StoreOptions { allocate, ..StoreOptions::default() };
        let dir = rig.dir.path().join("dst");
        Arc::new(TorrentStore::open(meta, &dir, None, options, handles).unwrap())
    };
    let sparse = rig.job(&open(Allocation::Sparse));
    assert!(matches!(glance(&sparse, &rig.inbox).unwrap(), Glance::Found(_)));
    let full = rig.job(&open(Allocation::Full));
    assert!(matches!(glance(&full, &rig.inbox).unwrap(), Glance::Reads(bytes) if bytes == 3 * PIECE as u64));
    full.stop.store(true, Ordering::Relaxed);
    assert!(matches!(check(&full, &rig.inbox), Err(StorageError::Stopped)));
    assert!(!rig.file(0).exists());
    full.stop.store(false, Ordering::Relaxed);
    check(&full, &rig.inbox).unwrap();
    assert_eq!(std::fs::metadata(rig.file(1)).unwrap().len(), 2 * PIECE as u64);
}

#[test]
fn check_of_a_torrent_whose_drive_is_not_mounted_stops_before_anything_is_created() {
    let rig = Rig::new(&[2, 3, 1]);
    let store = rig.store();
    let mut resume = rig.resume(&store, vec![0xf0]);
    // A folder that is no mount point, as that of a drive that is not mounted.
    let mount = rig.dir.path().join("dst");
    resume.stamps = resume.stamps.iter().map(|_| FileStamp { len: 5, mtime_ns: 1 }).collect();
    resume.mount = Some(mount.clone());
    let mut job = rig.job(&store);
    job.resume = Some(Arc::new(resume.clone()));
    let found = check_with(&job, |_| panic!("nothing is hashed"));
    assert!(matches!(found.map(|_| ()), Err(StorageError::FolderGone { .. })));
    assert!(!store.path_of(0).exists());
    // The files are there: they were moved to this file system.
    std::fs::create_dir_all(store.path_of(0).parent().unwrap()).unwrap();
    std::fs::write(store.path_of(0), vec![0; 20_000]).unwrap();
    resume.stamps = store.fingerprint().unwrap();
    job.resume = Some(Arc::new(resume));
    assert!(check_with(&job, |_| Ok(vec![false; 6])).is_ok());
}

/// Writes blocks as the disk threads do, each from the first byte of a piece.
fn write_blocks(store: &Arc<TorrentStore>, writer: &mut PieceWriter, blocks: &[(u32, &[u8])]) {
    let job = |&(piece, data): &(u32, &[u8])| {
        let (store, data) = (Arc::clone(store), Bytes::copy_from_slice(data));
        WriteJob { store, torrent: 1, piece, begin: 0, data, tag: 0 }
    };
    let mut done = Vec::new();
    writer.write(&mut blocks.iter().map(job).collect(), &mut done);
    assert!(!done.iter().any(|done| matches!(done, WriteDone::Failed { .. })), "{done:?}");
}

/// Records files before they are created, as the driver does.
fn record_before_writing(rig: &Rig, store: &TorrentStore, ledger: &Arc<Ledger>) {
    let (ledger, looks) = (Arc::clone(ledger), Arc::clone(&rig.looks));
    store.before_writing(move |store| crate::disk::record_intent(store, &ledger, &looks));
}

#[test]
fn file_that_a_crash_left_before_the_first_save_is_own_at_the_next_start() {
    let rig = Rig::new(&[3, 2]);
    let store = rig.store();
    assert!(rig.check(&store).unwrap().is_empty());
    record_before_writing(&rig, &store, &Ledger::new(rig.record()));
    // Half of a piece, which matches nothing.
    write_blocks(&store, &mut PieceWriter::new(), &[(0, &rig.bytes[..PIECE / 2])]);
    let left = std::fs::read(rig.file(0)).unwrap();
    assert_eq!(left.len(), 3 * PIECE);
    assert_eq!(rig.check(&rig.store()).unwrap(), [] as [u32; 0]);
    // Such a file is not ours if another is there, or if it was not made until the end.
    std::fs::write(rig.file(0), &left[..2 * PIECE]).unwrap();
    assert_eq!(in_the_way(rig.check(&rig.store())), (rig.file(0), InTheWay::Different));
    std::fs::remove_file(rig.file(0)).unwrap();
    rig.record().save(&rig.resume(&store, vec![0])).unwrap();
    std::fs::write(rig.file(0), &left).unwrap();
    assert_eq!(in_the_way(rig.check(&rig.store())), (rig.file(0), InTheWay::Different));
}

#[test]
fn empty_file_that_was_filled_before_a_crash_is_own_at_the_next_start() {
    let rig = Rig::new(&[3, 2]);
    std::fs::write(rig.file(0), b"").unwrap();
    let store = rig.store();
    assert!(rig.check(&store).unwrap().is_empty());
    record_before_writing(&rig, &store, &Ledger::new(rig.record()));
    write_blocks(&store, &mut PieceWriter::new(), &[(1, &rig.bytes[PIECE..][..PIECE / 2])]);
    assert_eq!(rig.check(&rig.store()).unwrap(), [] as [u32; 0]);
}

#[test]
fn file_that_is_wanted_during_a_download_is_recorded_before_it_is_created() {
    let rig = Rig::new(&[3, 2]);
    let store = rig.store();
    assert!(rig.check(&store).unwrap().is_empty());
    let is_own = || rig.record().load().unwrap().unwrap().own;
    record_before_writing(&rig, &store, &Ledger::new(rig.record()));
    store.set_wanted(&[true, false]).unwrap();
    let mut writer = PieceWriter::new();
    write_blocks(&store, &mut writer, &[(0, &rig.bytes[..PIECE / 2])]);
    assert_eq!(is_own(), [true, false]);
    store.set_wanted(&[true, true]).unwrap();
    store.announce_files();
    assert_eq!(is_own(), [true, true]);
}

#[test]
fn record_during_a_download_names_every_file_with_content_as_own() {
    const FILES: usize = 300;
    let rig = Rig::new(&[1; FILES]);
    let store = rig.store();
    assert!(rig.check(&store).unwrap().is_empty());
    let ledger = Ledger::new(rig.record());
    record_before_writing(&rig, &store, &ledger);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = PieceWriter::new();
            for piece in 0..FILES {
                let block = &rig.bytes[piece * PIECE..][..PIECE / 2];
                write_blocks(&store, &mut writer, &[(piece as u32, block)]);
            }
            is_done.store(true, Ordering::SeqCst);
        });
        let mut occasions = [Occasion::Full, Occasion::Pieces].into_iter().cycle();
        loop {
            // Once more after the end, whatever the threads have seen of each other.
            let is_last = is_done.load(Ordering::SeqCst);
            let new = Resume::new(rig.meta.info_hashes, store.dir());
            let resume = Resume { have: vec![0; FILES.div_ceil(8)], ..new };
            let mut job = SaveJob {
                torrent: TorrentId::from_u64(1 << 32 | 1),
                store: Arc::clone(&store),
                ledger: Some(Arc::clone(&ledger)),
                resume,
                recorded: None,
                occasion: occasions.next().unwrap(),
                looks: Arc::clone(&rig.looks),
            };
            let is_any_written = store.is_writing();
            assert_eq!(save(&mut job).unwrap(), (true, false));
            let recorded = rig.record().load().unwrap().unwrap();
            // A crash now leaves files which the next start has to know, also those that this record does not show yet.
            let absent = recorded.stamps.iter().position(|stamp| *stamp == FileStamp::ABSENT);
            let foreign = recorded.own.iter().position(|own| !own);
            assert!(!is_any_written || (absent, foreign) == (None, None), "{absent:?} {foreign:?}");
            if is_last {
                break;
            }
        }
    });
}
