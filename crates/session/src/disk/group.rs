//! The threads of one disk.

use super::check_lanes::{self, CheckTask, ToHash};
use super::membership::Membership;
use super::queue::{Job, Jobs, Queue};
use super::reader::{self, ReadJob};
use super::relocate::{self, MoveJob, MoveTask};
use super::save::{self, SaveTask};
use super::worker::Worker;
use crate::inbox::Inbox;
use crate::message::NetEvent;
use crossbeam_channel::{Sender, unbounded};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use ztor_engine::{DiskId, TorrentId};
use ztor_storage::PieceWriter;

/// Number of threads of a disk that read. Each waits for one block at a time, and a disk orders several reads better
/// than one.
const READERS: usize = 4;

/// Settings shared by all disks.
pub(super) struct Plan {
    /// Number of threads of a disk that write and hash.
    pub(super) writers: usize,
    pub(super) inbox: Arc<Inbox<NetEvent>>,
    /// Held by every thread. The channel closes when the last one ends.
    pub(super) alive: Sender<Infallible>,
}

/// The threads of one disk, and the jobs for them.
///
/// Reads do not wait for writes, and neither of them for checks and saves.
pub(super) struct Group {
    /// Numbers of the devices whose torrents the threads serve.
    devices: BTreeSet<u64>,
    /// Number of torrents that have joined and not left.
    torrents: usize,
    writers: Vec<Arc<Queue>>,
    /// Writes of this turn, per worker, to be passed on together.
    staged: Vec<Jobs>,
    reads: Sender<ReadJob>,
    checks: Sender<CheckTask>,
    to_hash: Arc<ToHash>,
    saves: Sender<SaveTask>,
    moves: Sender<MoveTask>,
    threads: Vec<JoinHandle<()>>,
}

impl Group {
    /// Starts the threads. On an error, those that run already end.
    pub(super) fn start(id: DiskId, plan: &Plan) -> io::Result<Self> {
        let (reads, read_jobs) = unbounded();
        let (checks, check_jobs) = unbounded();
        let (saves, save_jobs) = unbounded();
        let (moves, move_jobs) = unbounded();
        let (copies, copy_jobs) = unbounded();
        let writers: Vec<Arc<Queue>> = (0..plan.writers.max(1)).map(|_| Arc::default()).collect();
        let staged = writers.iter().map(|_| Jobs::default()).collect();
        let (devices, threads) = (BTreeSet::new(), Vec::new());
        let to_hash = Arc::new(ToHash::default());
        let mut group =
            Self { devices, torrents: 0, writers, staged, reads, checks, to_hash, saves, moves, threads };
        let disk = id.index();
        let started = group.start_writers(id, plan).and_then(|()| {
            for number in 0..READERS {
                let jobs = read_jobs.clone();
                group.spawn(plan, format!("disk{disk}-read{number}"), move |inbox| {
                    reader::run(&jobs, inbox);
                })?;
            }
            let to_hash = Arc::clone(&group.to_hash);
            group.spawn(plan, format!("disk{disk}-look"), move |inbox| {
                check_lanes::look(&check_jobs, &to_hash, inbox);
            })?;
            let to_hash = Arc::clone(&group.to_hash);
            group.spawn(plan, format!("disk{disk}-hash"), move |inbox| check_lanes::hash(&to_hash, inbox))?;
            group.spawn(plan, format!("disk{disk}-copy"), move |inbox| {
                relocate::run(&copy_jobs, None, inbox)
            })?;
            group.spawn(plan, format!("disk{disk}-move"), move |inbox| {
                relocate::run(&move_jobs, Some(&copies), inbox);
            })?;
            group.spawn(plan, format!("disk{disk}-save"), move |inbox| save::run(&save_jobs, inbox))
        });
        match started {
            Ok(()) => Ok(group),
            Err(error) => {
                drop(group.close());
                Err(error)
            }
        }
    }

    fn start_writers(&mut self, disk: DiskId, plan: &Plan) -> io::Result<()> {
        for number in 0..self.writers.len() {
            let queue = Arc::clone(&self.writers[number]);
            self.spawn(plan, format!("disk{}-write{number}", disk.index()), move |inbox| {
                Worker::new(PieceWriter::new()).run(&queue, inbox);
            })?;
        }
        Ok(())
    }

    fn spawn(
        &mut self,
        plan: &Plan,
        name: String,
        body: impl FnOnce(&Inbox<NetEvent>) + Send + 'static,
    ) -> io::Result<()> {
        let (inbox, alive) = (Arc::clone(&plan.inbox), plan.alive.clone());
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            body(&inbox);
            drop(alive);
        })?;
        self.threads.push(thread);
        Ok(())
    }

    pub(super) fn serves(&self, device: u64) -> bool {
        self.devices.contains(&device)
    }

    /// Returns the number of torrents that have joined and not left.
    pub(super) fn torrents(&self) -> usize {
        self.torrents
    }

    /// Adds a device.
    pub(super) fn serve(&mut self, device: u64) {
        self.devices.insert(device);
    }

    /// Adds a torrent.
    pub(super) fn join(&mut self) {
        self.torrents += 1;
    }

    /// Records that a torrent has left. Without torrents, the threads belong to no device.
    pub(super) fn left(&mut self) {
        self.torrents = self.torrents.saturating_sub(1);
        if self.torrents == 0 {
            self.devices.clear();
        }
    }

    /// Stages a job for the worker of a piece.
    pub(super) fn stage(&mut self, torrent: TorrentId, piece: u32, job: Job) {
        // Any hash will do that is the same for all blocks of a piece.
        let mixed = torrent.as_u64().wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(u64::from(piece));
        let worker = (mixed % self.staged.len() as u64) as usize;
        self.staged[worker].push(job);
    }

    /// Stages a job for each worker that writes.
    pub(super) fn stage_for_all(&mut self, mut job: impl FnMut() -> Job) {
        self.staged.iter_mut().for_each(|jobs| jobs.push(job()));
    }

    /// Passes the jobs that were staged in this turn to the threads.
    pub(super) fn submit(&mut self) {
        for (queue, jobs) in self.writers.iter().zip(&mut self.staged) {
            if !jobs.is_empty() {
                queue.add(jobs);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn to_hash(&self) -> &Arc<ToHash> {
        &self.to_hash
    }

    // The threads live until the senders are dropped, so no send fails.

    pub(super) fn read(&self, job: ReadJob) {
        let _ = self.reads.send(job);
    }

    pub(super) fn check(&self, task: CheckTask) {
        let _ = self.checks.send(task);
    }

    /// Drops stopped checks that wait to be hashed.
    pub(super) fn drop_stopped_checks(&self) {
        self.to_hash.drop_stopped();
    }

    pub(super) fn relocate(&self, job: MoveJob, member: Arc<Membership>) {
        let _ = self.moves.send((Box::new(job), Arc::downgrade(&member)));
    }

    pub(super) fn save(&self, task: SaveTask) {
        let _ = self.saves.send(task);
    }

    /// Ends the threads after the jobs they have. Returns the threads.
    pub(super) fn close(mut self) -> Vec<JoinHandle<()>> {
        self.stage_for_all(|| Job::Stop);
        self.submit();
        self.threads
    }
}
