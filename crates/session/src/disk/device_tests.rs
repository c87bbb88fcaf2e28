//! Tests of a disk that does not respond, and of the torrents of others.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::tests::{inbox, store};
use super::*;
use bytes::Bytes;
use crossbeam_channel::Sender;
use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use ztor_engine::{DiskEvent, Event, PeerKey};
use ztor_storage::resume::Resume;
use ztor_wire::Block;

const HUNG: u64 = 1;
const SOUND: u64 = 2;

/// Disk threads, and their messages.
struct Rig {
    disks: Disks,
    inbox: Arc<Inbox<NetEvent>>,
    poll: mio::Poll,
    messages: VecDeque<NetEvent>,
    dir: tempfile::TempDir,
}

/// Stalls threads of a disk until it is dropped, as in a system call that does not return.
struct Stalled(#[expect(dead_code, reason = "ends the wait when it is dropped")] Vec<Sender<()>>);

fn torrent(number: u64) -> TorrentId {
    TorrentId::from_u64(1 << 32 | number)
}

impl Rig {
    fn new() -> Self {
        let (poll, inbox) = inbox();
        let (disks, dir) = (Disks::start(2, &inbox).unwrap(), tempfile::tempdir().unwrap());
        Self { disks, inbox, poll, messages: VecDeque::new(), dir }
    }

    /// Adds a torrent in a folder of its own, which pretends to be on `device`.
    fn join(&mut self, number: u64, device: u64) -> Arc<Membership> {
        let dir = self.dir.path().join(number.to_string());
        std::fs::create_dir_all(&dir).unwrap();
        self.disks.join(store(&dir), device)
    }

    /// Stalls all threads of a disk.
    fn stall(&mut self, member: &Membership) -> Stalled {
        let mut ends = Vec::new();
        let mut stall = || {
            let (end, until) = bounded(0);
            ends.push(end);
            until
        };
        let group = self.disks.group_mut(member.disk()).unwrap();
        group.stage_for_all(|| Job::Stall(stall()));
        (0..16).for_each(|_| group.read(ReadJob::Stall(stall())));
        group.check(CheckTask::Stall(stall()));
        group.to_hash().add(0, CheckTask::Stall(stall()));
        group.save(SaveTask::Stall(stall()));
        self.disks.submit();
        Stalled(ends)
    }

    fn write(&mut self, number: u64, member: &Membership) {
        let (torrent, data) = (torrent(number), Bytes::from(vec![1; 16384]));
        let write = WriteBlock { torrent, piece: 0, begin: 0, disk: member.disk(), data };
        self.disks.write(write, member, (torrent, 0));
        self.disks.submit();
    }

    fn locate(&self, number: u64, member: &Arc<Membership>) {
        let block = Block { piece: 0, begin: 0, len: 16384 };
        self.disks.locate(SendBlock { peer: PeerKey::from_u64(1), torrent: torrent(number), block }, member);
    }

    fn check(&self, number: u64, member: &Arc<Membership>) {
        self.disks.check(check_job(number, member), member);
    }

    fn save(&self, number: u64, member: &Arc<Membership>) {
        let store = Arc::clone(member.store());
        let resume = resume(&store);
        let looks = Looks::default();
        let (torrent, occasion) = (torrent(number), Occasion::Full);
        let job = SaveJob { torrent, store, ledger: None, resume, recorded: None, occasion, looks };
        self.disks.save(job, member);
    }

    /// Takes messages until `is_it` returns true for one.
    fn wait_for(&mut self, mut is_it: impl FnMut(&NetEvent) -> bool) {
        let mut events = mio::Events::with_capacity(1);
        loop {
            while let Some(message) = self.messages.pop_front() {
                let is_found = is_it(&message);
                if let NetEvent::LeftDisk { disk } = message {
                    self.disks.on_left(disk);
                }
                if is_found {
                    return;
                }
            }
            let mut new = Vec::new();
            self.inbox.take(&mut new);
            if new.is_empty() {
                self.poll.poll(&mut events, Some(Duration::from_secs(20))).unwrap();
                assert!(!events.is_empty(), "no answer");
            }
            self.messages.extend(new);
        }
    }

    fn wait_for_leave(&mut self) {
        self.wait_for(|message| matches!(message, NetEvent::LeftDisk { .. }));
    }

    fn groups(&self) -> usize {
        self.disks.numbered().count()
    }
}

fn check_job(number: u64, member: &Membership) -> CheckJob {
    CheckJob {
        torrent: torrent(number),
        store: Arc::clone(member.store()),
        resume: None,
        distrust: false,
        had_before_change: None,
        is_retry: false,
        ledger: None,
        wanted: Vec::new(),
        looks: Looks::default(),
        prepare: false,
        stop: Arc::new(AtomicBool::new(false)),
    }
}

fn resume(store: &TorrentStore) -> Resume {
    Resume { have: vec![0], ..Resume::new(store.meta().info_hashes, store.dir()) }
}

fn is_disk_event(message: &NetEvent, number: u64, is_it: impl Fn(&DiskEvent) -> bool) -> bool {
    matches!(message, NetEvent::Engine(Event::Disk { torrent: id, event }) if *id == torrent(number) && is_it(event))
}

#[test]
fn hung_disk_delays_no_job_of_another() {
    let mut rig = Rig::new();
    let (hung, sound) = (rig.join(1, HUNG), rig.join(2, SOUND));
    assert_ne!(hung.disk(), sound.disk());
    let stalled = rig.stall(&hung);
    for _ in 0..50 {
        rig.write(1, &hung);
        rig.locate(1, &hung);
    }
    rig.check(1, &hung);
    rig.save(1, &hung);
    rig.write(2, &sound);
    rig.wait_for(|message| is_disk_event(message, 2, |event| matches!(event, DiskEvent::Written { .. })));
    rig.locate(2, &sound);
    rig.wait_for(
        |message| matches!(message, NetEvent::Located(location) if location.send.torrent == torrent(2)),
    );
    rig.check(2, &sound);
    rig.wait_for(|message| is_disk_event(message, 2, |event| matches!(event, DiskEvent::Checked { .. })));
    rig.save(2, &sound);
    rig.wait_for(|message| matches!(message, NetEvent::Saved(saved) if saved.torrent == torrent(2)));
    // The hung disk responds again.
    drop(stalled);
    let mut left = 102;
    rig.wait_for(|message| {
        left -= match message {
            NetEvent::Located(_) | NetEvent::Saved(_) => 1,
            message if is_disk_event(message, 1, |event| matches!(event, DiskEvent::Written { .. })) => 1,
            message if is_disk_event(message, 1, |event| matches!(event, DiskEvent::Checked { .. })) => 1,
            _ => 0,
        };
        left == 0
    });
}

#[test]
fn block_is_located_while_all_writers_of_its_disk_are_busy() {
    let mut rig = Rig::new();
    let member = rig.join(1, SOUND);
    let (end, until) = bounded::<()>(0);
    rig.disks.group_mut(member.disk()).unwrap().stage_for_all(|| Job::Stall(until.clone()));
    rig.disks.submit();
    rig.locate(1, &member);
    rig.wait_for(|message| matches!(message, NetEvent::Located(_)));
    drop(end);
}

#[test]
fn torrents_that_need_no_reading_are_checked_while_others_are_hashed() {
    let mut rig = Rig::new();
    let hashing = rig.join(1, SOUND);
    let (end, until) = bounded::<()>(0);
    let group = rig.disks.group_mut(hashing.disk()).unwrap();
    group.to_hash().add(0, CheckTask::Stall(until));
    // Files without resume data.
    rig.check(1, &hashing);
    // A torrent without files.
    let new = rig.join(2, SOUND);
    std::fs::remove_file(new.store().path_of(0)).unwrap();
    rig.check(2, &new);
    rig.wait_for(|message| {
        is_disk_event(message, 2, |event| matches!(event, DiskEvent::Checked { have } if have.count() == 0))
    });
    // A torrent whose files are as they were when it was saved.
    let known = rig.join(3, SOUND);
    let mut job = check_job(3, &known);
    let stamps = known.store().fingerprint().unwrap();
    job.resume = Some(Arc::new(Resume { have: vec![0xc0], stamps, ..resume(known.store()) }));
    rig.disks.check(job, &known);
    rig.wait_for(|message| {
        is_disk_event(message, 3, |event| matches!(event, DiskEvent::Checked { have } if have.is_full()))
    });
    drop(end);
    rig.wait_for(|message| {
        is_disk_event(message, 1, |event| matches!(event, DiskEvent::Checked { have } if have.is_full()))
    });
}

#[test]
fn removed_torrent_leaves_although_another_is_being_hashed() {
    let mut rig = Rig::new();
    let (hashing, waiting) = (rig.join(1, SOUND), rig.join(2, SOUND));
    let (end, until) = bounded::<()>(0);
    rig.disks.group_mut(hashing.disk()).unwrap().to_hash().add(0, CheckTask::Stall(until));
    let job = check_job(2, &waiting);
    let stop = Arc::clone(&job.stop);
    rig.disks.check(job, &waiting);
    let to_hash = Arc::clone(rig.disks.group_mut(waiting.disk()).unwrap().to_hash());
    while !to_hash.has(torrent(2)) {
        std::thread::yield_now();
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    rig.disks.leave(torrent(2), waiting);
    rig.disks.submit();
    rig.wait_for_leave();
    drop(end);
}

#[test]
fn torrents_of_a_hung_disk_are_added_and_removed_and_keep_no_further_threads() {
    let mut rig = Rig::new();
    let (hung, sound) = (rig.join(1, HUNG), rig.join(2, SOUND));
    let stalled = rig.stall(&hung);
    rig.save(1, &hung);
    rig.disks.leave(torrent(1), hung);
    rig.disks.submit();
    for number in 3..100 {
        let member = rig.join(number, HUNG);
        rig.disks.leave(torrent(number), member);
        rig.disks.submit();
    }
    assert_eq!(rig.groups(), 2, "its threads are those that hang");
    // A torrent of the other disk leaves.
    rig.disks.leave(torrent(2), sound);
    rig.disks.submit();
    rig.wait_for_leave();
    assert_eq!(rig.groups(), 1);
    drop(stalled);
    let mut left = 98 + 1;
    rig.wait_for(|message| {
        left -= i32::from(matches!(message, NetEvent::LeftDisk { .. } | NetEvent::Saved(_)));
        left == 0
    });
    assert_eq!(rig.groups(), 1, "the last threads stay");
    rig.join(100, 77);
    assert_eq!(rig.groups(), 1, "for the next torrent");
}

#[test]
fn threads_of_a_disk_without_torrents_end() {
    let mut rig = Rig::new();
    let (one, two) = (rig.join(1, 1), rig.join(2, 2));
    assert_eq!(rig.groups(), 2);
    rig.disks.leave(torrent(2), two);
    rig.disks.submit();
    rig.wait_for_leave();
    assert_eq!(rig.groups(), 1);
    let Rig { disks, .. } = rig;
    drop(one);
    assert!(disks.stop(), "also those of the disk that has none left");
}

#[test]
fn devices_beyond_the_bound_share_threads() {
    let mut rig = Rig::new();
    let members: Vec<_> = (0..40).map(|number| rig.join(number, number)).collect();
    assert_eq!(rig.groups(), DiskId::COUNT);
    let again = rig.join(40, 39);
    assert_eq!(again.disk(), members[39].disk(), "one device has one group");
    rig.write(39, &members[39]);
    rig.wait_for(|message| is_disk_event(message, 39, |event| matches!(event, DiskEvent::Written { .. })));
}

#[test]
fn end_waits_for_sound_disks_and_leaves_a_hung_one_behind() {
    let mut rig = Rig::new();
    let (hung, sound) = (rig.join(1, HUNG), rig.join(2, SOUND));
    let stalled = rig.stall(&hung);
    (0..50).for_each(|_| rig.write(2, &sound));
    let Rig { disks, inbox, .. } = rig;
    assert!(!disks.stop());
    let mut messages = Vec::new();
    inbox.take(&mut messages);
    let written =
        |message: &&NetEvent| is_disk_event(message, 2, |event| matches!(event, DiskEvent::Written { .. }));
    assert_eq!(messages.iter().filter(written).count(), 50);
    drop(stalled);
}
