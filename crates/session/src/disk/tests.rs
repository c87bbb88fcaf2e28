//! Tests of the disk threads when the process is out of open files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::queue::{Jobs, Queue};
use super::save::patiently;
use super::worker::{Worker, Write};
use super::*;
use crate::driver::WAKER;
use crate::message::SaveError;
use bytes::Bytes;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use ztor_engine::{DiskEvent, Event};
use ztor_metainfo::Metainfo;
use ztor_storage::create::{CreateOptions, create};
use ztor_storage::{HandleCache, Operation, StorageError, StoreOptions, WriteDone};

/// Creates an inbox, and the poll of its waker.
pub(super) fn inbox() -> (mio::Poll, Arc<Inbox<NetEvent>>) {
    let poll = mio::Poll::new().unwrap();
    let waker = mio::Waker::new(poll.registry(), WAKER).unwrap();
    (poll, Inbox::new(waker))
}

pub(super) fn exhausted() -> StorageError {
    let cause = std::io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
    StorageError::Io { operation: Operation::Open, path: "x".into(), cause: Arc::new(cause) }
}

pub(super) fn store(dir: &Path) -> Arc<TorrentStore> {
    std::fs::write(dir.join("blob"), [1; 20_000]).unwrap();
    let options = CreateOptions::default();
    let made = create(&dir.join("blob"), &options, 1, |_, _| {}, &AtomicBool::new(false)).unwrap();
    let meta = Arc::new(Metainfo::from_bytes(&made.torrent).unwrap());
    let handles = Arc::new(HandleCache::default());
    Arc::new(TorrentStore::open(meta, dir, None, StoreOptions::default(), handles).unwrap())
}

/// A writer whose first calls fail for lack of open files.
struct Poor {
    left: u32,
    forgotten: Vec<u64>,
}

impl Write for Poor {
    fn write(&mut self, batch: &mut Vec<WriteJob>, done: &mut Vec<WriteDone>) {
        let is_poor = self.left > 0;
        self.left = self.left.saturating_sub(1);
        done.extend(batch.drain(..).map(|job| match is_poor {
            true => WriteDone::Failed { job, error: exhausted() },
            false => {
                let WriteJob { torrent, piece, begin, tag, .. } = job;
                WriteDone::Written { torrent, piece, begin, len: job.data.len() as u32, tag }
            }
        }));
    }

    fn forget_torrent(&mut self, torrent: u64) {
        self.forgotten.push(torrent);
    }
}

fn job(store: &Arc<TorrentStore>, torrent: u64, begin: u32) -> Job {
    let (store, data) = (Arc::clone(store), Bytes::from(vec![1; 100]));
    Job::Write(WriteJob { store, torrent, piece: 0, begin, data, tag: 0 })
}

/// Runs a worker with these jobs until there are `count` answers, and stops it.
fn answers(writer: Poor, list: Vec<Job>, count: usize) -> Vec<(u64, DiskEvent)> {
    let (mut poll, inbox) = inbox();
    let queue = Queue::default();
    let mut jobs = Jobs::default();
    list.into_iter().for_each(|job| jobs.push(job));
    queue.add(&mut jobs);
    let mut found = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| Worker::new(writer).run(&queue, &inbox));
        let (mut events, mut messages) = (mio::Events::with_capacity(1), Vec::new());
        while found.len() < count {
            poll.poll(&mut events, Some(Duration::from_secs(60))).unwrap();
            assert!(!events.is_empty(), "no answer");
            inbox.take(&mut messages);
            found.extend(messages.drain(..).map(|message| match message {
                NetEvent::Engine(Event::Disk { torrent, event }) => (torrent.as_u64(), event),
                _ => panic!("something else"),
            }));
        }
        let mut stop = Jobs::default();
        stop.push(Job::Stop);
        queue.add(&mut stop);
    });
    found
}

#[test]
fn write_without_an_open_file_left_is_retried_and_stops_no_torrent() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let jobs = vec![job(&store, 1 << 32 | 1, 0), job(&store, 1 << 32 | 1, 100)];
    let found = answers(Poor { left: 3, forgotten: Vec::new() }, jobs, 2);
    assert!(
        found.iter().all(|(_, event)| matches!(event, DiskEvent::Written { bytes: 100, .. })),
        "{found:?}"
    );
}

#[test]
fn waiting_job_of_a_forgotten_torrent_is_dropped_and_counts_as_done() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let (one, two) = (1 << 32 | 1, 1 << 32 | 2);
    let jobs = vec![
        job(&store, one, 0),
        Job::Forget { torrent: TorrentId::from_u64(one), leaving: None },
        job(&store, two, 0),
    ];
    let found = answers(Poor { left: 1, forgotten: Vec::new() }, jobs, 2);
    let of: Vec<u64> = found.iter().map(|(torrent, _)| *torrent).collect();
    assert_eq!(of, [one, two]);
    assert!(
        found.iter().all(|(_, event)| matches!(event, DiskEvent::Written { bytes: 100, .. })),
        "{found:?}"
    );
}

#[test]
fn save_without_an_open_file_left_is_retried() {
    let mut left = 2;
    let mut save = || {
        left -= 1;
        if left > 0 { Err(SaveError::Exhausted) } else { Ok(()) }
    };
    assert!(patiently(&mut save).is_ok());
}
