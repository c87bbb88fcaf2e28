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
use std::time::Duration;
use ztor_engine::{Bitfield, BlockDigest, DiskEvent, DiskFault, DiskFaultKind, SendBlock, TorrentId};
use ztor_storage::resume::Resume;
use ztor_storage::{
    FileStamp, PieceWriter, Pieces, StorageError, TorrentStore, WriteDone, WriteJob, check_all,
};

/// Blocks written in one go at most, so that an answer does not wait for a whole backlog.
const MAX_BATCH: usize = 256;
/// Bytes a worker waits for before it writes: several pieces hashed together cost half of one after the other, and
/// it sleeps and wakes less often. All workers together stay well below what the engine lets wait for the disk.
const GATHER_BYTES: usize = 1024 * 1024;
/// How long it waits for them.
const GATHER_FOR: Duration = Duration::from_millis(2);

/// Files of one block that may be held open until it is sent; a block of more small files is read at once.
pub(crate) const MAX_OPEN_SLICES: usize = 4;

/// A block found.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) send: SendBlock,
    pub(crate) source: BlockSource,
}

/// Where the bytes of a block are to be sent from.
#[derive(Debug)]
pub(crate) enum BlockSource {
    /// Which bytes of which files.
    Files(Vec<ztor_storage::FileSlice>),
    /// The bytes.
    Bytes(Vec<u8>),
}

/// Stamps of the files as they were when this session last knew their content: `None` before the first check.
pub(crate) type KnownStamps = Arc<Mutex<Option<Vec<FileStamp>>>>;

/// Look at what is on disk.
pub(crate) struct CheckJob {
    pub(crate) torrent: TorrentId,
    pub(crate) store: Arc<TorrentStore>,
    /// What was known when it was last saved, already verified to be about this torrent and folder.
    pub(crate) resume: Option<Resume>,
    pub(crate) stamps: KnownStamps,
    /// Make folders and empty files when done.
    pub(crate) prepare: bool,
    /// The torrent is removed meanwhile.
    pub(crate) stop: Arc<AtomicBool>,
}

/// Make what was written durable, then remember it.
pub(crate) struct SaveJob {
    pub(crate) torrent: TorrentId,
    pub(crate) store: Arc<TorrentStore>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) resume: Resume,
    pub(crate) stamps: KnownStamps,
}

/// Why a save failed.
#[derive(Debug)]
pub(crate) enum SaveError {
    /// What was written may be lost.
    Data(DiskFault),
    /// The data is safe, but what is known of it could not be kept.
    Memory(DiskFault),
}

enum Job {
    Write(WriteJob),
    Locate { send: SendBlock, store: Arc<TorrentStore> },
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
    /// Something else than writing is to be done, and that does not wait.
    is_urgent: bool,
}

impl Jobs {
    fn push(&mut self, job: Job) {
        match &job {
            Job::Write(write) => self.bytes_to_write += write.data.len(),
            Job::Locate { .. } | Job::Forget(_) | Job::Stop => self.is_urgent = true,
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
    /// of it.
    fn take(&self, jobs: &mut Jobs) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = self
            .ready
            .wait_while(waiting, |jobs| jobs.list.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
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
        let to_net = Arc::clone(inbox);
        threads.push(spawn("disk-check".into(), move || check_loop(&check_jobs, &to_net))?);
        let to_net = Arc::clone(inbox);
        threads.push(spawn("disk-save".into(), move || save_loop(&save_jobs, &to_net))?);
        let staged = queues.iter().map(|_| Jobs::default()).collect();
        Ok(Self { queues, staged, checks: Some(checks), saves: Some(saves), threads })
    }

    pub(crate) fn write(&mut self, write: ztor_engine::Write, store: Arc<TorrentStore>) {
        let worker = self.route(write.torrent, write.piece);
        let ztor_engine::Write { torrent, piece, begin, data } = write;
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

    /// Lets the threads finish what they have and waits for them. Checks must have been told to stop.
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

fn work(queue: &Queue, inbox: &Inbox<ToNet>) {
    let mut writer = PieceWriter::new();
    let (mut batch, mut done, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    let mut jobs = Jobs::default();
    loop {
        queue.take(&mut jobs);
        let mut stop = false;
        (jobs.bytes_to_write, jobs.is_urgent) = (0, false);
        for job in jobs.list.drain(..) {
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

fn write_batch(
    writer: &mut PieceWriter,
    batch: &mut Vec<WriteJob>,
    done: &mut Vec<WriteDone>,
    answers: &mut Vec<ToNet>,
) {
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
            WriteDone::PieceBad { torrent, piece, blocks } => {
                (torrent, DiskEvent::PieceBad { piece, digests: digests(blocks) })
            }
            WriteDone::Failed { torrent, len, error, .. } => {
                let id = TorrentId::from_u64(torrent);
                answers.push(ToNet::disk(id, DiskEvent::Written { bytes: len }));
                (torrent, DiskEvent::Failed { fault: fault(&error) })
            }
        };
        answers.push(ToNet::disk(TorrentId::from_u64(torrent), event));
    }
}

fn digests(blocks: Vec<ztor_storage::BlockDigest>) -> Vec<BlockDigest> {
    blocks.into_iter().map(|b| BlockDigest { begin: b.begin, digest: b.digest }).collect()
}

fn locate(send: SendBlock, store: &TorrentStore) -> ToNet {
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
        Ok(source) => ToNet::Located(Located { send, source }),
        Err(error) => {
            ToNet::LocateFailed { peer, torrent, message: error.to_string(), is_ours: is_ours(&error) }
        }
    }
}

/// Out of file descriptors or memory: the file may be fine.
fn is_ours(error: &StorageError) -> bool {
    use rustix::io::Errno;
    let code = error.os_error().and_then(std::io::Error::raw_os_error);
    [Errno::MFILE, Errno::NFILE, Errno::NOMEM].iter().any(|errno| code == Some(errno.raw_os_error()))
}

/// A storage error as the engine sees it.
pub(crate) fn fault(error: &StorageError) -> DiskFault {
    let kind = if error.is_no_space() {
        DiskFaultKind::Full
    } else if error.is_read_only() {
        DiskFaultKind::Denied
    } else if matches!(error, StorageError::Inconsistent { .. }) {
        DiskFaultKind::Inconsistent
    } else {
        DiskFaultKind::Io
    };
    DiskFault { kind, message: error.to_string() }
}

fn check_loop(jobs: &Receiver<CheckJob>, inbox: &Inbox<ToNet>) {
    while let Ok(job) = jobs.recv() {
        let torrent = job.torrent;
        match check(&job, inbox) {
            Ok(have) => inbox.push(ToNet::disk(torrent, DiskEvent::Checked { have })),
            Err(StorageError::Stopped) => {}
            Err(error) => inbox.push(ToNet::disk(torrent, DiskEvent::Failed { fault: fault(&error) })),
        }
    }
}

fn check(job: &CheckJob, inbox: &Inbox<ToNet>) -> Result<Bitfield, StorageError> {
    if job.stop.load(Ordering::Relaxed) {
        return Err(StorageError::Stopped);
    }
    let layout = &job.store.meta().layout;
    let mut have = Bitfield::new(layout.piece_count());
    let doubtful: Vec<u32> = match &job.resume {
        None => (0..layout.piece_count()).collect(),
        Some(resume) => {
            let look = doubtful(resume, &job.store)?;
            have.extend((0..layout.piece_count()).filter(|p| resume.has(*p) && !look.contains(*p)));
            look.iter().collect()
        }
    };
    let total = doubtful.len() as u32;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let told = AtomicU32::new(0);
    let progress = |done: u32| {
        // About two hundred steps are enough for a bar.
        let step = (total / 200).max(1);
        if done / step > told.fetch_max(done / step, Ordering::Relaxed) {
            inbox.push(ToNet::disk(job.torrent, DiskEvent::CheckProgress { done, total }));
        }
    };
    if total > 0 {
        let found = check_all(&job.store, Pieces::Only(&doubtful), threads, progress, &job.stop)?;
        have.extend((0..layout.piece_count()).zip(found).filter(|(_, good)| *good).map(|(piece, _)| piece));
    }
    if job.stop.load(Ordering::Relaxed) {
        return Err(StorageError::Stopped);
    }
    if job.prepare {
        job.store.prepare()?;
    }
    let stamps = job.store.fingerprint()?;
    *job.stamps.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamps);
    Ok(have)
}

/// Pieces to be hashed although there is resume data: of files that are not as they were, or not there at all.
/// The latter also if they were missing when the resume data was made.
fn doubtful(resume: &Resume, store: &TorrentStore) -> Result<Bitfield, StorageError> {
    let layout = &store.meta().layout;
    let now = store.fingerprint()?;
    let is_missing = |file: &usize| now[*file] == FileStamp::ABSENT && layout.files()[*file].length > 0;
    let mut look = Bitfield::new(layout.piece_count());
    let files = resume.changed_files(&now).into_iter().chain((0..now.len()).filter(is_missing));
    look.extend(files.flat_map(|file| layout.pieces_of(file)));
    Ok(look)
}

fn save_loop(jobs: &Receiver<SaveJob>, inbox: &Inbox<ToNet>) {
    while let Ok(mut job) = jobs.recv() {
        let error = save(&mut job).err();
        inbox.push(ToNet::Saved { torrent: job.torrent, resume: Box::new(job.resume), error });
    }
}

/// The order is what keeps a crash from losing or inventing pieces: data first, then what is said about it.
fn save(job: &mut SaveJob) -> Result<(), SaveError> {
    let written = job.store.sync().map_err(|e| SaveError::Data(fault(&e)))?;
    let now = job.store.fingerprint().map_err(|e| SaveError::Memory(fault(&e)))?;
    {
        // Only what we wrote ourselves gets a new stamp: what others did to a file meanwhile must show at the
        // next start.
        let mut known = job.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(|| now.clone());
        for file in written {
            known[file] = now[file];
        }
        job.resume.stamps.clone_from(known);
    }
    let Some(path) = &job.path else { return Ok(()) };
    let kept = job.resume.save(path);
    kept.map_err(|e| SaveError::Memory(DiskFault { kind: DiskFaultKind::Io, message: e.to_string() }))
}
