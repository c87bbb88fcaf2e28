//! Threads for the disk.
//!
//! A few workers write, hash and look up blocks; the jobs of one piece always go to the same worker, which
//! alone holds that piece's running hash. One thread checks existing data, one makes things durable: neither
//! may hold up the others. Queues are bounded by the engine: written bytes by its high-water mark, blocks to
//! send by what it lets be in flight per peer, checks and saves by the number of torrents.

use crate::inbox::Inbox;
use crate::message::{BlockLocation, BlockSource, NetEvent};
use crossbeam_channel::{Sender, unbounded};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use ztor_engine::{BlockDigest, DiskEvent, SendBlock, TorrentId};
use ztor_storage::{PieceWriter, TorrentStore, WriteDone, WriteJob};

mod check;
mod fault;
mod save;

pub(crate) use check::CheckJob;
use fault::{EXHAUSTED_PAUSE, fault};
pub(crate) use save::{Looks, SaveJob};

/// Blocks written in one go at most, so that an answer does not wait for a whole backlog.
const MAX_BATCH: usize = 256;
/// Bytes a worker waits for before it writes: several pieces hashed together cost half of one after the other, and
/// it sleeps and wakes less often. All workers together stay well below what the engine lets wait for the disk.
const GATHER_BYTES: usize = 1024 * 1024;
/// Longest time that a worker waits for them.
const GATHER_FOR: Duration = Duration::from_millis(2);

/// Files of one block that may be held open until it is sent; a block of more small files is read at once.
pub(crate) const MAX_OPEN_SLICES: usize = 4;

enum Job {
    Write(WriteJob),
    Locate { send: SendBlock, store: Arc<TorrentStore> },
    Rehash { torrent: TorrentId, piece: u32, store: Arc<TorrentStore> },
    Forget(TorrentId),
    Stop,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Jobs>,
    ready: Condvar,
}

#[derive(Default)]
struct Jobs {
    list: Vec<Job>,
    bytes_to_write: usize,
    /// There is a job other than a write, which does not wait.
    is_urgent: bool,
}

impl Jobs {
    fn push(&mut self, job: Job) {
        match &job {
            Job::Write(write) => self.bytes_to_write += write.data.len(),
            Job::Locate { .. } | Job::Rehash { .. } | Job::Forget(_) | Job::Stop => self.is_urgent = true,
        }
        self.list.push(job);
    }

    fn append(&mut self, other: &mut Self) {
        self.list.append(&mut other.list);
        self.bytes_to_write += std::mem::take(&mut other.bytes_to_write);
        self.is_urgent |= std::mem::take(&mut other.is_urgent);
    }

    fn are_enough(&self) -> bool {
        self.is_urgent || self.bytes_to_write >= GATHER_BYTES
    }
}

impl Queue {
    /// Adds `jobs`, which is left empty.
    fn add(&self, jobs: &mut Jobs) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (was_empty, were_enough) = (waiting.list.is_empty(), waiting.are_enough());
        waiting.append(jobs);
        let is_news = was_empty || (!were_enough && waiting.are_enough());
        drop(waiting);
        if is_news {
            self.ready.notify_one();
        }
    }

    /// Moves what is waiting to `jobs`, which is empty; waits until there is something, and a little longer for more
    /// of it. Waits no longer than `limit`, if there is one.
    fn take(&self, jobs: &mut Jobs, limit: Option<Duration>) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = match limit {
            None => self.ready.wait_while(waiting, |jobs| jobs.list.is_empty()),
            Some(limit) => {
                let waited = self.ready.wait_timeout_while(waiting, limit, |jobs| jobs.list.is_empty());
                Ok(waited.unwrap_or_else(PoisonError::into_inner).0)
            }
        };
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        if waiting.list.is_empty() {
            return;
        }
        let gathered = self.ready.wait_timeout_while(waiting, GATHER_FOR, |jobs| !jobs.are_enough());
        let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *waiting, jobs);
    }
}

/// The disk threads, as the net thread sees them.
pub(crate) struct Disk {
    queues: Vec<Arc<Queue>>,
    /// Jobs of this turn, per worker; handed over together.
    staged: Vec<Jobs>,
    checks: Option<Sender<CheckJob>>,
    saves: Option<Sender<SaveJob>>,
    threads: Vec<JoinHandle<()>>,
}

impl Disk {
    pub(crate) fn start(workers: usize, inbox: &Arc<Inbox<NetEvent>>) -> std::io::Result<Self> {
        let mut threads = Vec::new();
        let mut queues = Vec::new();
        for number in 0..workers.max(1) {
            let queue = Arc::new(Queue::default());
            let (theirs, inbox) = (Arc::clone(&queue), Arc::clone(inbox));
            threads.push(spawn(format!("disk-{number}"), move || {
                Worker::new(PieceWriter::new()).run(&theirs, &inbox)
            })?);
            queues.push(queue);
        }
        let (checks, check_jobs) = unbounded();
        let (saves, save_jobs) = unbounded();
        let to_net = Arc::clone(inbox);
        threads.push(spawn("disk-check".into(), move || check::run(&check_jobs, &to_net))?);
        let to_net = Arc::clone(inbox);
        threads.push(spawn("disk-save".into(), move || save::run(&save_jobs, &to_net))?);
        let staged = queues.iter().map(|_| Jobs::default()).collect();
        Ok(Self { queues, staged, checks: Some(checks), saves: Some(saves), threads })
    }

    pub(crate) fn write(&mut self, write: ztor_engine::WriteBlock, store: Arc<TorrentStore>) {
        let worker = self.route(write.torrent, write.piece);
        let ztor_engine::WriteBlock { torrent, piece, begin, data } = write;
        self.staged[worker].push(Job::Write(WriteJob {
            store,
            torrent: torrent.as_u64(),
            piece,
            begin,
            data,
            tag: 0,
        }));
    }

    pub(crate) fn locate(&mut self, send: SendBlock, store: Arc<TorrentStore>) {
        let worker = self.route(send.torrent, send.block.piece);
        self.staged[worker].push(Job::Locate { send, store });
    }

    /// Has a piece hashed that is served; there is an answer only if it is not right.
    pub(crate) fn rehash(&mut self, torrent: TorrentId, piece: u32, store: &Arc<TorrentStore>) {
        let worker = self.route(torrent, piece);
        self.staged[worker].push(Job::Rehash { torrent, piece, store: Arc::clone(store) });
    }

    pub(crate) fn forget(&mut self, torrent: TorrentId) {
        self.staged.iter_mut().for_each(|jobs| jobs.push(Job::Forget(torrent)));
    }

    pub(crate) fn check(&self, job: CheckJob) {
        if let Some(checks) = &self.checks {
            // The thread lives until the sender is dropped.
            let _ = checks.send(job);
        }
    }

    pub(crate) fn save(&self, job: SaveJob) {
        if let Some(saves) = &self.saves {
            let _ = saves.send(job);
        }
    }

    /// Hands over what was staged in this turn.
    pub(crate) fn submit(&mut self) {
        for (queue, jobs) in self.queues.iter().zip(&mut self.staged) {
            if !jobs.list.is_empty() {
                queue.add(jobs);
            }
        }
    }

    /// Lets the threads finish what they have and waits for them. Checks must have been stopped before.
    pub(crate) fn stop(&mut self) {
        self.checks = None;
        self.saves = None;
        self.staged.iter_mut().for_each(|jobs| jobs.push(Job::Stop));
        self.submit();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a disk thread ended badly");
            }
        }
    }

    fn route(&self, torrent: TorrentId, piece: u32) -> usize {
        // Any spread will do as long as it is the same for all blocks of a piece.
        let mixed = torrent.as_u64().wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(u64::from(piece));
        (mixed % self.queues.len() as u64) as usize
    }
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name).spawn(body)
}

/// Writes blocks: a [`PieceWriter`], except in tests.
trait Write {
    fn write(&mut self, batch: &mut Vec<WriteJob>, done: &mut Vec<WriteDone>);
    fn forget_torrent(&mut self, torrent: u64);
}

impl Write for PieceWriter {
    fn write(&mut self, batch: &mut Vec<WriteJob>, done: &mut Vec<WriteDone>) {
        PieceWriter::write(self, batch, done);
    }

    fn forget_torrent(&mut self, torrent: u64) {
        PieceWriter::forget_torrent(self, torrent);
    }
}

/// State of a worker.
struct Worker<W> {
    writer: W,
    batch: Vec<WriteJob>,
    done: Vec<WriteDone>,
    answers: Vec<NetEvent>,
    /// Jobs that found no open file or memory left, and when they are tried again. They count as waiting for the disk
    /// until then, so there are no more than the engine lets wait.
    later: Vec<WriteJob>,
    again_at: Instant,
}

impl<W: Write> Worker<W> {
    fn new(writer: W) -> Self {
        let (batch, done, answers) = (Vec::new(), Vec::new(), Vec::new());
        Self { writer, batch, done, answers, later: Vec::new(), again_at: Instant::now() }
    }

    fn run(&mut self, queue: &Queue, inbox: &Inbox<NetEvent>) {
        let mut jobs = Jobs::default();
        loop {
            let pause = self.again_at.saturating_duration_since(Instant::now());
            queue.take(&mut jobs, (!self.later.is_empty()).then_some(pause));
            let mut stop = false;
            (jobs.bytes_to_write, jobs.is_urgent) = (0, false);
            for job in jobs.list.drain(..) {
                match job {
                    Job::Write(write) => {
                        self.batch.push(write);
                        if self.batch.len() >= MAX_BATCH {
                            self.write_batch();
                            inbox.append(&mut self.answers);
                        }
                    }
                    Job::Locate { send, store } => self.answers.push(locate(send, &store)),
                    Job::Rehash { torrent, piece, store } => {
                        if !is_still_right(piece, &store) {
                            self.answers.push(NetEvent::Rehashed { torrent, piece });
                        }
                    }
                    Job::Forget(torrent) => {
                        self.write_batch();
                        self.forget(torrent);
                    }
                    Job::Stop => stop = true,
                }
            }
            if stop || self.again_at <= Instant::now() {
                self.batch.append(&mut self.later);
            }
            self.write_batch();
            if stop {
                self.give_up();
            }
            inbox.append(&mut self.answers);
            if stop {
                return;
            }
        }
    }

    fn forget(&mut self, torrent: TorrentId) {
        self.writer.forget_torrent(torrent.as_u64());
        for job in self.later.extract_if(.., |job| job.torrent == torrent.as_u64()) {
            let bytes = job.data.len() as u32;
            self.answers.push(NetEvent::disk(torrent, DiskEvent::Written { bytes }));
        }
    }

    /// Nothing is tried again any more.
    fn give_up(&mut self) {
        for job in self.later.drain(..) {
            let torrent = TorrentId::from_u64(job.torrent);
            let bytes = job.data.len() as u32;
            self.answers.push(NetEvent::disk(torrent, DiskEvent::Written { bytes }));
        }
    }

    fn write_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        self.writer.write(&mut self.batch, &mut self.done);
        for result in self.done.drain(..) {
            let (torrent, event) = match result {
                WriteDone::Written { torrent, len, .. } => (torrent, DiskEvent::Written { bytes: len }),
                WriteDone::PieceOk { torrent, piece, blocks } => {
                    (torrent, DiskEvent::PieceOk { piece, digests: digests(blocks.unwrap_or_default()) })
                }
                WriteDone::PieceBad { torrent, piece, blocks } => {
                    (torrent, DiskEvent::PieceBad { piece, digests: digests(blocks) })
                }
                WriteDone::Failed { job, error } if error.is_exhausted() => {
                    if self.later.is_empty() {
                        tracing::warn!(%error, "cannot write for now; trying again");
                    }
                    self.again_at = Instant::now() + EXHAUSTED_PAUSE;
                    self.later.push(job);
                    continue;
                }
                WriteDone::Unjudged { torrent, error, .. } => {
                    (torrent, DiskEvent::Failed { fault: fault(&error) })
                }
                WriteDone::Failed { job, error } => {
                    let (id, bytes) = (TorrentId::from_u64(job.torrent), job.data.len() as u32);
                    self.answers.push(NetEvent::disk(id, DiskEvent::Written { bytes }));
                    (job.torrent, DiskEvent::Failed { fault: fault(&error) })
                }
            };
            self.answers.push(NetEvent::disk(TorrentId::from_u64(torrent), event));
        }
    }
}

/// Hashes a piece that has passed before. Running out of files or memory says nothing about it.
fn is_still_right(piece: u32, store: &TorrentStore) -> bool {
    if !store.is_verified(piece) {
        return true;
    }
    match store.check_piece(piece, &mut Vec::new()) {
        Ok(good) => good,
        Err(error) => {
            tracing::warn!(%error, piece, "cannot hash a piece again");
            error.is_exhausted()
        }
    }
}

fn digests(blocks: Vec<ztor_storage::BlockDigest>) -> Vec<BlockDigest> {
    blocks.into_iter().map(|b| BlockDigest { begin: b.begin, digest: b.digest }).collect()
}

fn locate(send: SendBlock, store: &TorrentStore) -> NetEvent {
    let SendBlock { peer, torrent, block } = send;
    let found = store.locate(block.piece, block.begin, block.len).and_then(|slices| {
        if slices.len() <= MAX_OPEN_SLICES {
            return Ok(BlockSource::Files(slices));
        }
        let mut bytes = vec![0; block.len as usize];
        store.read(block.piece, block.begin, &mut bytes)?;
        Ok(BlockSource::Bytes(bytes))
    });
    match found {
        Ok(source) => NetEvent::Located(BlockLocation { send, source }),
        Err(error) => {
            NetEvent::LocateFailed { peer, torrent, fault: fault(&error), is_ours: error.is_exhausted() }
        }
    }
}

#[cfg(test)]
mod tests;
