//! Tests of the order of checks, and of their retries.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::super::tests::{exhausted, inbox, store};
use super::*;
use crate::disk::Looks;
use crossbeam_channel::unbounded;
use std::cell::Cell;
use std::sync::atomic::AtomicBool;
use ztor_engine::{Bitfield, DiskId};
use ztor_storage::TorrentStore;

fn check_of(number: u64, store: &Arc<TorrentStore>, inbox: &Arc<Inbox<NetEvent>>) -> Check {
    let job = CheckJob {
        torrent: TorrentId::from_u64(1 << 32 | number),
        store: Arc::clone(store),
        resume: None,
        distrust: false,
        had_before_change: None,
        is_retry: false,
        ledger: None,
        wanted: Vec::new(),
        looks: Looks::default(),
        prepare: false,
        stop: Arc::new(AtomicBool::new(false)),
    };
    Check { job: Box::new(job), member: Membership::new(DiskId::default(), Arc::clone(store), inbox) }
}

fn number(task: &CheckTask) -> u32 {
    match task {
        CheckTask::Check(check) => check.job.torrent.as_u64() as u32,
        CheckTask::Stall(_) => panic!("something else"),
    }
}

fn found() -> Found {
    Found { present: Bitfield::new(1), unfinished: Vec::new() }
}

#[test]
fn check_without_an_open_file_left_is_retried_behind_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let (_poll, inbox) = inbox();
    let (sender, tasks) = unbounded();
    let order = Mutex::new(Vec::new());
    for number in 1..=2 {
        sender.send(CheckTask::Check(check_of(number, &store, &inbox))).unwrap();
    }
    let sender = Cell::new(Some(sender));
    look_with(&tasks, &ToHash::default(), &inbox, |job| {
        let mut order = order.lock().unwrap();
        order.push(job.torrent.as_u64() as u32);
        match order.len() {
            1 => return Err(exhausted()),
            2 => {}
            _ => drop(sender.take()),
        }
        Ok(Glance::Found(found()))
    });
    assert_eq!(*order.lock().unwrap(), [1, 2, 1]);
}

#[test]
fn smallest_check_is_hashed_first_and_a_stopped_one_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let (_poll, inbox) = inbox();
    let to_hash = ToHash::default();
    let checks = [(1, 900), (2, 100), (3, 500), (4, 100)].map(|(number, bytes)| {
        let check = check_of(number, &store, &inbox);
        let stop = Arc::clone(&check.job.stop);
        to_hash.add(bytes, CheckTask::Check(check));
        stop
    });
    checks[2].store(true, Ordering::Relaxed);
    to_hash.drop_stopped();
    to_hash.close();
    let order: Vec<_> = std::iter::from_fn(|| to_hash.take().map(|(_, task)| number(&task))).collect();
    assert_eq!(order, [2, 4, 1]);
}

#[test]
fn stopped_check_is_dropped_when_another_is_added() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let (_poll, inbox) = inbox();
    let to_hash = ToHash::default();
    let first = check_of(1, &store, &inbox);
    let stop = Arc::clone(&first.job.stop);
    to_hash.add(100, CheckTask::Check(first));
    stop.store(true, Ordering::Relaxed);
    to_hash.add(100, CheckTask::Check(check_of(1, &store, &inbox)));
    assert_eq!(Arc::strong_count(&stop), 1, "a torrent has one check in the queue");
}

#[test]
fn second_check_of_a_torrent_waits_for_the_end_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let (_poll, inbox) = inbox();
    let to_hash = ToHash::default();
    let first = check_of(1, &store, &inbox);
    let stop = Arc::clone(&first.job.stop);
    to_hash.add(100, CheckTask::Check(first));
    let under_way = to_hash.take().unwrap();
    // It is stopped, but has not noticed yet.
    stop.store(true, Ordering::Relaxed);
    let (sender, tasks) = unbounded();
    sender.send(CheckTask::Check(check_of(1, &store, &inbox))).unwrap();
    sender.send(CheckTask::Check(check_of(2, &store, &inbox))).unwrap();
    drop(sender);
    let looked_at = Mutex::new(Vec::new());
    look_with(&tasks, &to_hash, &inbox, |job| {
        looked_at.lock().unwrap().push(job.torrent.as_u64() as u32);
        Ok(Glance::Found(found()))
    });
    assert_eq!(*looked_at.lock().unwrap(), [2]);
    drop(under_way);
    assert_eq!(to_hash.take().map(|(_, task)| number(&task)), Some(1));
}

#[test]
fn answer_of_a_stopped_check_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let (_poll, inbox) = inbox();
    let check = check_of(1, &store, &inbox);
    check.job.stop.store(true, Ordering::Relaxed);
    answer(&check.job, Ok(found()), &inbox);
    let mut messages = Vec::new();
    inbox.take(&mut messages);
    assert!(messages.is_empty());
}
