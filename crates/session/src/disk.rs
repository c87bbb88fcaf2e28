//! Threads for the disk.
//!
//! A few workers write, hash and look up blocks; the jobs of one piece always go to the same worker, which
//! alone holds that piece's running hash. One thread checks existing data, one makes things durable: neither
//! may hold up the others. Queues are bounded by the engine: written bytes by its high-water mark, blocks to
//! send by what it lets be in flight per peer, checks and saves by the number of torrents.

use crate::inbox::Inbox;
use crate::message::ToNet;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use ztor_engine::{Bitfield, BlockDigest, DiskEvent, DiskFault, DiskFaultKind, PeerKey, SendBlock, TorrentId};
use ztor_storage::resume::Resume;
use ztor_storage::{PieceWriter, Pieces, StorageError, TorrentStore, WriteDone, WriteJob, check_all};
use ztor_wire::Block;

/// Blocks written in one go at most, so that an answer does not wait for a whole backlog.
const MAX_BATCH: usize = 256;

/// A block found: which bytes of which files.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) peer: PeerKey,
    pub(crate) block: Block,
    pub(crate) slices: Vec<ztor_storage::FileSlice>,
}

/// Look at what is on disk.
pub(crate) struct CheckJob {
    pub(crate) torrent: TorrentId,
    pub(crate) store: Arc<TorrentStore>,
    /// What an earlier session knew, already verified to be about this torrent and folder.
    pub(crate) resume: Option<Resume>,
    /// Make folders and empty files when done.
    pub(crate) prepare: bool,
}

/// Make what was written durable, then remember it.
pub(crate) struct SaveJob {
    pub(crate) torrent: TorrentId,
    pub(crate) store: Arc<TorrentStore>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) resume: Resume,
    /// The torrent is finished, to be reported once this is done.
    pub(crate) finished: bool,
}

enum Job {
    Write(WriteJob),
    Locate { send: SendBlock, store: Arc<TorrentStore> },
    Forget(TorrentId),
    Stop,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<Vec<Job>>,
    ready: Condvar,
}

/// The disk threads, as the net thread sees them.
pub(crate) struct Disk {
    queues: Vec<Arc<Queue>>,
    /// Jobs of this turn, per worker; handed over together.
    staged: Vec<Vec<Job>>,
    checks: Option<Sender<CheckJob>>,
    saves: Option<Sender<SaveJob>>,
    stop_checks: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Disk {
    pub(crate) fn start(workers: usize, inbox: &Arc<Inbox<ToNet>>) -> std::io::Result<Self> {
        let mut threads = Vec::new();
        let mut queues = Vec::new();
        for number in 0..workers.max(1) {
            let queue = Arc::new(Queue::default());
            let (theirs, inbox) = (Arc::clone(&queue), Arc::clone(inbox));
            threads.push(spawn(format!("disk-{number}"), move || work(&theirs, &inbox))?);
            queues.push(queue);
        }
        let (checks, check_jobs) = unbounded();
        let (saves, save_jobs) = unbounded();
        let stop_checks = Arc::new(AtomicBool::new(false));
        let (stop, to_net) = (Arc::clone(&stop_checks), Arc::clone(inbox));
        threads.push(spawn("disk-check".into(), move || check_loop(&check_jobs, &to_net, &stop))?);
        let to_net = Arc::clone(inbox);
        threads.push(spawn("disk-save".into(), move || save_loop(&save_jobs, &to_net))?);
        let staged = queues.iter().map(|_| Vec::new()).collect();
        Ok(Self { queues, staged, checks: Some(checks), saves: Some(saves), stop_checks, threads })
    }

    pub(crate) fn write(&mut self, write: ztor_engine::Write, store: Arc<TorrentStore>) {
        let worker = self.route(write.torrent, write.piece);
        let ztor_engine::Write { torrent, piece, begin, data } = write;
        self.staged[worker].push(Job::Write(WriteJob { store, torrent: torrent.as_u64(), piece, begin, data, tag: 0 }));
    }

    pub(crate) fn locate(&mut self, send: SendBlock, store: Arc<TorrentStore>) {
        let worker = self.route(send.torrent, send.block.piece);
        self.staged[worker].push(Job::Locate { send, store });
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
            if !jobs.is_empty() {
                queue.jobs.lock().unwrap_or_else(PoisonError::into_inner).append(jobs);
                queue.ready.notify_one();
            }
        }
    }

    /// Lets the threads finish what they have, checks excepted, and waits for them.
    pub(crate) fn stop(&mut self) {
        self.stop_checks.store(true, Ordering::Relaxed);
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

fn work(queue: &Queue, inbox: &Inbox<ToNet>) {
    let mut writer = PieceWriter::new();
    let (mut jobs, mut batch, mut done, mut answers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    loop {
        {
            let mut waiting = queue.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            while waiting.is_empty() {
                waiting = queue.ready.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut *waiting, &mut jobs);
        }
        let mut stop = false;
        for job in jobs.drain(..) {
            match job {
                Job::Write(write) => {
                    batch.push(write);
                    if batch.len() >= MAX_BATCH {
                        write_batch(&mut writer, &mut batch, &mut done, &mut answers);
                        inbox.append(&mut answers);
                    }
                }
                Job::Locate { send, store } => answers.push(locate(send, &store)),
                Job::Forget(torrent) => {
                    write_batch(&mut writer, &mut batch, &mut done, &mut answers);
                    writer.forget_torrent(torrent.as_u64());
                }
                Job::Stop => stop = true,
            }
        }
        write_batch(&mut writer, &mut batch, &mut done, &mut answers);
        inbox.append(&mut answers);
        if stop {
            return;
        }
    }
}

fn write_batch(writer: &mut PieceWriter, batch: &mut Vec<WriteJob>, done: &mut Vec<WriteDone>, answers: &mut Vec<ToNet>) {
    if batch.is_empty() {
        return;
    }
    writer.write(batch, done);
    for result in done.drain(..) {
        let (torrent, event) = match result {
            WriteDone::Written { torrent, len, .. } => (torrent, DiskEvent::Written { bytes: len }),
            WriteDone::PieceOk { torrent, piece, blocks } => {
                (torrent, DiskEvent::PieceOk { piece, digests: digests(blocks.unwrap_or_default()) })
            }
            WriteDone::PieceBad { torrent, piece, blocks } => (torrent, DiskEvent::PieceBad { piece, digests: digests(blocks) }),
            WriteDone::Failed { torrent, len, error, .. } => {
                let id = TorrentId::from_u64(torrent);
                answers.push(ToNet::Disk(id, DiskEvent::Written { bytes: len }));
                (torrent, DiskEvent::Failed { fault: fault(&error) })
            }
        };
        answers.push(ToNet::Disk(TorrentId::from_u64(torrent), event));
    }
}

fn digests(blocks: Vec<ztor_storage::BlockDigest>) -> Vec<BlockDigest> {
    blocks.into_iter().map(|b| BlockDigest { begin: b.begin, digest: b.digest }).collect()
}

fn locate(send: SendBlock, store: &TorrentStore) -> ToNet {
    let SendBlock { peer, torrent, block } = send;
    match store.locate(block.piece, block.begin, block.len) {
        Ok(slices) => ToNet::Located(Located { peer, block, slices }),
        Err(error) => ToNet::LocateFailed { peer, torrent, message: error.to_string() },
    }
}

/// A storage error as the engine sees it.
pub(crate) fn fault(error: &StorageError) -> DiskFault {
    let kind = if error.is_no_space() {
        DiskFaultKind::Full
    } else if error.is_read_only() {
        DiskFaultKind::Denied
    } else {
        DiskFaultKind::Io
    };
    DiskFault { kind, message: error.to_string() }
}

fn check_loop(jobs: &Receiver<CheckJob>, inbox: &Inbox<ToNet>, stop: &AtomicBool) {
    while let Ok(job) = jobs.recv() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let torrent = job.torrent;
        match check(&job, inbox, stop) {
            Ok(have) => inbox.push(ToNet::Disk(torrent, DiskEvent::Checked { have })),
            Err(StorageError::Stopped) => return,
            Err(error) => inbox.push(ToNet::Disk(torrent, DiskEvent::Failed { fault: fault(&error) })),
        }
    }
}

fn check(job: &CheckJob, inbox: &Inbox<ToNet>, stop: &AtomicBool) -> Result<Bitfield, StorageError> {
    let layout = &job.store.meta().layout;
    let count = layout.piece_count();
    let mut have = Bitfield::new(count);
    let mut doubtful: Vec<u32> = (0..count).collect();
    if let Some(resume) = &job.resume {
        let changed = resume.changed_files(&job.store.fingerprint()?);
        let mut look = Bitfield::new(count);
        look.extend(changed.into_iter().flat_map(|file| layout.pieces_of(file)));
        have.extend((0..count).filter(|p| resume.has(*p) && !look.contains(*p)));
        doubtful = look.iter().collect();
    }
    let total = doubtful.len() as u32;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let told = AtomicU32::new(0);
    let progress = |done: u32| {
        // About two hundred steps are enough for a bar.
        let step = (total / 200).max(1);
        if done / step > told.fetch_max(done / step, Ordering::Relaxed) {
            inbox.push(ToNet::Disk(job.torrent, DiskEvent::CheckProgress { done, total }));
        }
    };
    if total > 0 {
        let found = check_all(&job.store, Pieces::Only(&doubtful), threads, progress, stop)?;
        have.extend((0..count).zip(found).filter(|(_, good)| *good).map(|(piece, _)| piece));
    }
    if job.prepare {
        job.store.prepare()?;
    }
    Ok(have)
}

fn save_loop(jobs: &Receiver<SaveJob>, inbox: &Inbox<ToNet>) {
    while let Ok(mut job) = jobs.recv() {
        let error = save(&mut job).err();
        inbox.push(ToNet::Saved { torrent: job.torrent, finished: job.finished, error });
    }
}

/// The order is what keeps a crash from losing or inventing pieces: data first, then what is said about it.
fn save(job: &mut SaveJob) -> Result<(), DiskFault> {
    job.store.sync().map_err(|e| fault(&e))?;
    job.resume.stamps = job.store.fingerprint().map_err(|e| fault(&e))?;
    let Some(path) = &job.path else { return Ok(()) };
    job.resume.save(path).map_err(|e| DiskFault { kind: DiskFaultKind::Io, message: e.to_string() })
}
