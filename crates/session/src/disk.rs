//! Threads for the disks.
//!
//! Torrents are grouped by the device of their folder when they are added, and every device has its own threads: a slow
//! disk, or a system call that never returns, delays the torrents of that device only. A torrent whose files are on
//! several devices, by mounts or symbolic links, belongs to the device of its folder.
//!
//! Some threads of a device write and hash; the jobs of one piece always go to the same one, which alone holds that
//! piece's running hash. Others read, two check existing data, by stamps and by hashes, and one makes data durable:
//! none of them may delay the others. Queues are bounded by the engine: written bytes by its high-water mark, blocks to
//! send by the bytes in flight per peer, checks and saves by the number of torrents.
//!
//! At most [`DiskId::COUNT`] devices have their own threads. Further ones share the threads of the device with the
//! fewest torrents, and so does a device for which the system grants no threads. The threads of a device end with its
//! last torrent; those of the last device stay for the next torrent.

use crate::handle::{OpenError, OpenFile};
use crate::inbox::Inbox;
use crate::message::NetEvent;
use crate::reply::Answer;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use std::convert::Infallible;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use ztor_engine::{DiskId, KeepBlocks, SendBlock, TorrentId, WriteBlock};
use ztor_storage::{TorrentStore, WriteJob};

mod check;
mod check_lanes;
mod fault;
mod group;
mod intent;
mod membership;
mod queue;
mod reader;
mod relocate;
mod save;
mod worker;

pub(crate) use check::CheckJob;
use check_lanes::{Check, CheckTask};
pub(crate) use fault::fault;
use group::{Group, Plan};
pub(crate) use intent::record as record_intent;
pub(crate) use membership::{Deletion, Membership, delete};
use queue::Job;
pub(crate) use reader::MAX_OPEN_SLICES;
use reader::ReadJob;
pub(crate) use relocate::{MoveJob, PlaceChange, Relocated};
use save::SaveTask;
pub(crate) use save::{Looks, Occasion, SaveJob};

/// Longest wait for the threads at the end. Everything was saved before, so a thread that has not ended waits for a
/// disk that does not respond.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// The disk threads, as the network thread sees them.
pub(crate) struct Disks {
    plan: Plan,
    /// Groups by disk number; `None` for unused numbers.
    groups: Vec<Option<Group>>,
    /// Threads of devices without torrents.
    ending: Vec<JoinHandle<()>>,
    /// Closes when the last thread has ended.
    ended: Receiver<Infallible>,
}

impl Disks {
    /// Starts the threads of the first device, whichever that is.
    pub(crate) fn start(writers: usize, inbox: &Arc<Inbox<NetEvent>>) -> std::io::Result<Self> {
        let (alive, ended) = bounded(0);
        let plan = Plan { writers, inbox: Arc::clone(inbox), alive };
        let mut groups: Vec<Option<Group>> = (0..DiskId::COUNT).map(|_| None).collect();
        let first = Group::start(DiskId::default(), &plan)?;
        if let Some(place) = groups.first_mut() {
            *place = Some(first);
        }
        Ok(Self { plan, groups, ending: Vec::new(), ended })
    }

    /// Returns the disk whose threads serve a device. Devices share threads if there are too many.
    pub(crate) fn disk_of(&mut self, device: u64) -> DiskId {
        let disk = self.of_device(device).or_else(|| self.idle()).or_else(|| self.start_group());
        let disk = disk.unwrap_or_else(|| self.least_used());
        if let Some(group) = self.group_mut(disk) {
            group.serve(device);
        }
        disk
    }

    /// Assigns a torrent to the threads of its device.
    pub(crate) fn join(&mut self, store: Arc<TorrentStore>, device: u64) -> Arc<Membership> {
        let disk = self.disk_of(device);
        if let Some(group) = self.group_mut(disk) {
            group.join();
        }
        Membership::new(disk, store, &self.plan.inbox)
    }

    /// Removes a torrent after its queued jobs. [`NetEvent::LeftDisk`] follows.
    pub(crate) fn leave(&mut self, torrent: TorrentId, member: Arc<Membership>) {
        if let Some(group) = self.group_mut(member.disk()) {
            group.stage_for_all(|| Job::Forget { torrent, leaving: Some(Arc::clone(&member)) });
            group.drop_stopped_checks();
            // Last, so that the entry's share does not end on the network thread.
            group.save(SaveTask::Leave(member));
        }
    }

    /// Records that a torrent has left its disk. Ends the threads of a device without torrents.
    pub(crate) fn on_left(&mut self, disk: DiskId) {
        let count = self.groups.iter().flatten().count();
        let Some(place) = self.groups.get_mut(disk.index()) else { return };
        let Some(group) = place else { return };
        group.left();
        if group.torrents() == 0 && count > 1 {
            self.ending.extend(place.take().map(Group::close).unwrap_or_default());
        }
        self.ending.extract_if(.., |thread| thread.is_finished()).for_each(join);
    }

    /// Writes a block. The engine counts it for its `disk`, which is another one than that of `member` for pieces that
    /// were begun before the torrent's files moved. `route` chooses the thread: blocks at the same place on disk have the
    /// same.
    pub(crate) fn write(&mut self, write: WriteBlock, member: &Membership, route: (TorrentId, u32)) {
        let WriteBlock { torrent, piece, begin, disk, data } = write;
        let store = Arc::clone(member.store());
        let tag = disk.index() as u64;
        let job = WriteJob { store, torrent: torrent.as_u64(), piece, begin, data, tag };
        if let Some(group) = self.group_mut(member.disk()) {
            group.stage(route.0, route.1, Job::Write(job));
        }
    }

    pub(crate) fn locate(&self, send: SendBlock, member: &Arc<Membership>) {
        if let Some(group) = self.group(member.disk()) {
            group.read(ReadJob::Locate { send, member: Arc::clone(member) });
        }
    }

    /// Reads the bytes of a block back into memory. [`NetEvent::Warmed`] follows.
    pub(crate) fn warm(&self, send: SendBlock, member: &Arc<Membership>) {
        if let Some(group) = self.group(member.disk()) {
            group.read(ReadJob::Warm { send, member: Arc::clone(member) });
        }
    }

    /// Looks for a piece that another torrent has verified in a common file. [`DiskEvent::Looked`](ztor_engine::DiskEvent::Looked) follows.
    pub(crate) fn look(&self, torrent: TorrentId, piece: u32, member: &Arc<Membership>) {
        if let Some(group) = self.group(member.disk()) {
            group.read(ReadJob::Look { torrent, piece, member: Arc::clone(member) });
        }
    }

    /// Keeps right blocks of a piece that hashed wrong. [`DiskEvent::Kept`](ztor_engine::DiskEvent::Kept) follows.
    pub(crate) fn keep(&self, keep: KeepBlocks, member: &Arc<Membership>) {
        if let Some(group) = self.group(member.disk()) {
            group.read(ReadJob::Keep { keep, member: Arc::clone(member) });
        }
    }

    /// Hashes the blocks of a verified piece. [`DiskEvent::Leaves`](ztor_engine::DiskEvent::Leaves) follows.
    pub(crate) fn hash_leaves(&self, torrent: TorrentId, piece: u32, member: &Arc<Membership>) {
        if let Some(group) = self.group(member.disk()) {
            group.read(ReadJob::HashLeaves { torrent, piece, member: Arc::clone(member) });
        }
    }

    /// Opens a complete file, and answers.
    pub(crate) fn open_file(
        &self,
        file: usize,
        member: &Arc<Membership>,
        to: Answer<Option<OpenFile>, OpenError>,
    ) {
        if let Some(group) = self.group(member.disk()) {
            group.read(ReadJob::Open { file, member: Arc::clone(member), to });
        }
    }

    /// Loads the info dictionary and the hashes into memory. [`DiskEvent::BulkLoaded`](ztor_engine::DiskEvent::BulkLoaded) follows.
    /// Returns false if the disk has no threads.
    pub(crate) fn load_bulk(&self, torrent: TorrentId, member: &Arc<Membership>) -> bool {
        let Some(group) = self.group(member.disk()) else { return false };
        group.read(ReadJob::LoadBulk { torrent, member: Arc::clone(member) });
        true
    }

    /// Hashes a served piece again. [`NetEvent::Rehashed`] follows only if it does not match.
    pub(crate) fn rehash(&self, torrent: TorrentId, piece: u32, member: &Arc<Membership>) {
        if let Some(group) = self.group(member.disk()) {
            group.read(ReadJob::Rehash { torrent, piece, member: Arc::clone(member) });
        }
    }

    /// Abandons the pieces in progress of a torrent.
    pub(crate) fn forget(&mut self, torrent: TorrentId, member: &Membership) {
        if let Some(group) = self.group_mut(member.disk()) {
            group.stage_for_all(|| Job::Forget { torrent, leaving: None });
        }
    }

    pub(crate) fn check(&self, job: CheckJob, member: &Arc<Membership>) {
        if let Some(group) = self.group(member.disk()) {
            group.check(CheckTask::Check(Check { job: Box::new(job), member: Arc::clone(member) }));
        }
    }

    /// Moves the files of a torrent. [`NetEvent::Relocated`] follows.
    pub(crate) fn relocate(&self, job: MoveJob, member: &Arc<Membership>) {
        if let Some(group) = self.group(member.disk()) {
            group.relocate(job, Arc::clone(member));
        }
    }

    /// Changes which files of a torrent are wanted. [`NetEvent::WantedSet`] follows.
    pub(crate) fn set_wanted(&self, torrent: TorrentId, wanted: Vec<bool>, member: &Arc<Membership>) {
        if let Some(group) = self.group(member.disk()) {
            group.save(SaveTask::SetWanted { torrent, wanted, member: Arc::clone(member) });
        }
    }

    pub(crate) fn save(&self, job: SaveJob, member: &Arc<Membership>) {
        if let Some(group) = self.group(member.disk()) {
            group.save(SaveTask::Save { job: Box::new(job), member: Arc::clone(member) });
        }
    }

    /// Passes the jobs that were staged in this turn to the threads.
    pub(crate) fn submit(&mut self) {
        self.groups.iter_mut().flatten().for_each(Group::submit);
    }

    /// Waits until the threads have finished their jobs, but leaves those of a disk that does not respond behind.
    /// Checks must be stopped before. Returns true if all threads have ended.
    pub(crate) fn stop(self) -> bool {
        let Self { plan, groups, ending, ended } = self;
        drop(plan);
        let mut threads = ending;
        threads.extend(groups.into_iter().flatten().flat_map(Group::close));
        // No message is ever sent; the channel only closes.
        let all_have_ended = ended.recv_timeout(STOP_WITHIN) == Err(RecvTimeoutError::Disconnected);
        for thread in threads {
            if all_have_ended || thread.is_finished() {
                join(thread);
            } else {
                let name = thread.thread().name().unwrap_or_default();
                tracing::warn!(name, "leaving the thread of an unresponsive disk behind");
            }
        }
        all_have_ended
    }

    fn group(&self, disk: DiskId) -> Option<&Group> {
        self.groups.get(disk.index())?.as_ref()
    }

    fn group_mut(&mut self, disk: DiskId) -> Option<&mut Group> {
        self.groups.get_mut(disk.index())?.as_mut()
    }

    /// Returns the groups with their numbers.
    fn numbered(&self) -> impl Iterator<Item = (DiskId, &Group)> {
        let groups = self.groups.iter().enumerate();
        groups.filter_map(|(number, group)| Some((DiskId::new(number)?, group.as_ref()?)))
    }

    fn of_device(&self, device: u64) -> Option<DiskId> {
        self.numbered().find(|(_, group)| group.serves(device)).map(|(disk, _)| disk)
    }

    fn idle(&self) -> Option<DiskId> {
        self.numbered().find(|(_, group)| group.torrents() == 0).map(|(disk, _)| disk)
    }

    /// Starts the threads of another device. Returns `None` if there are too many, or the system grants no threads.
    fn start_group(&mut self) -> Option<DiskId> {
        let disk = DiskId::new(self.groups.iter().position(Option::is_none)?)?;
        match Group::start(disk, &self.plan) {
            Ok(group) => {
                *self.groups.get_mut(disk.index())? = Some(group);
                Some(disk)
            }
            Err(error) => {
                tracing::warn!(%error, "cannot start threads for another disk; sharing those of a disk in use");
                None
            }
        }
    }

    fn least_used(&self) -> DiskId {
        let least = self.numbered().min_by_key(|(_, group)| group.torrents());
        least.map(|(disk, _)| disk).unwrap_or_default()
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a disk thread panicked");
    }
}

#[cfg(test)]
mod device_tests;
#[cfg(test)]
mod tests;
