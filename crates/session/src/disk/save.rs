//! Saves: the data is made durable first, then the resume file.
//!
//! Saves that wait are done in batches, because resume files share a folder, and its sync is a large part of the work.

use super::fault::{EXHAUSTED_PAUSE, fault};
use super::membership::Membership;
use crate::inbox::Inbox;
use crate::message::{NetEvent, SaveError, Saved};
use crate::resume_store::Record;
use crossbeam_channel::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use ztor_engine::{DiskFault, DiskFaultKind, TorrentId};
use ztor_storage::resume::{Resume, ResumeError};
use ztor_storage::{FileStamp, StorageError, TorrentStore};

/// The files of a torrent, as a check has found them.
pub(crate) struct Look {
    /// Stamps as they were when this session last knew the content of the files.
    pub(crate) stamps: Vec<FileStamp>,
    /// Bytes of the pieces that were compared with their hashes.
    pub(crate) hashed_bytes: u64,
    /// Bytes of the pieces that are there by the resume data alone.
    pub(crate) believed_bytes: u64,
    /// The check has written the resume file, before or after a save that ran meanwhile: what it holds is not known.
    pub(crate) has_recorded: bool,
}

/// Result of the last check of a torrent: `None` before the first.
pub(crate) type Looks = Arc<Mutex<Option<Look>>>;

/// Occasion of a save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The torrent has started. A check has looked at its files just now, and other peers than those of the last run are
    /// not worth a write: a restart with many unchanged torrents writes nothing.
    Start,
    /// There are new pieces.
    Pieces,
    /// Bytes were counted, the torrent is finished, or it is removed.
    Full,
}

/// Make what was written durable, then remember it.
pub(crate) struct SaveJob {
    pub(crate) torrent: TorrentId,
    pub(crate) store: Arc<TorrentStore>,
    pub(crate) record: Option<Record>,
    pub(crate) resume: Resume,
    /// Content of the resume file, durably; `None` if that is not known.
    pub(crate) recorded: Option<Arc<Resume>>,
    pub(crate) occasion: Occasion,
    pub(crate) looks: Looks,
}

/// One thing to do for the thread that saves.
pub(super) enum SaveTask {
    Save {
        job: Box<SaveJob>,
        member: Arc<Membership>,
    },
    /// A torrent leaves the disk, after its last save.
    Leave(Arc<Membership>),
    /// Wait for the channel: a system call that does not return.
    #[cfg(test)]
    Stall(Receiver<()>),
}

/// Saves in one batch, at most.
const MAX_BATCH: usize = 256;
/// Time after which a batch takes no further save, so that its first one is reported soon.
const BATCH_FOR: Duration = Duration::from_secs(1);
/// Attempts in a row for a save that finds no open file or memory left.
const TRIES: u32 = 8;
/// Files of a torrent that are all looked at in every save. Of torrents with more, most saves look at those only that
/// were written.
const FEW_FILES: usize = 1000;

pub(super) fn run(tasks: &Receiver<SaveTask>, inbox: &Inbox<NetEvent>) {
    while let Ok(first) = tasks.recv() {
        let until = Instant::now() + BATCH_FOR;
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(task) = next {
            match task {
                SaveTask::Save { job, member } => batch.add(*job, member),
                SaveTask::Leave(member) => drop(member),
                #[cfg(test)]
                SaveTask::Stall(until) => {
                    let _ = until.recv();
                }
            }
            let has_room = batch.len() < MAX_BATCH && Instant::now() < until;
            next = if has_room { tasks.try_recv().ok() } else { None };
        }
        let members = batch.finish(inbox);
        // All reports come before those that torrents have left.
        drop(members);
    }
}

/// Saves that are reported together.
#[derive(Default)]
pub(super) struct Batch {
    saved: Vec<Saved>,
    members: Vec<Arc<Membership>>,
    /// Saves whose resume data is not durable yet, and what makes it so.
    unsynced: Option<(Record, Vec<usize>)>,
}

impl Batch {
    fn len(&self) -> usize {
        self.saved.len()
    }

    /// Does a save, but for the sync of the folder.
    pub(super) fn add(&mut self, mut job: SaveJob, member: Arc<Membership>) {
        let (mut is_written, mut is_recorded) = (false, false);
        let done = patiently(|| {
            (is_written, is_recorded) = save(&mut job)?;
            Ok(())
        });
        if let Some(record) = job.record.take().filter(|_| is_written) {
            // All torrents of a session have one store.
            let (_, saves) = self.unsynced.get_or_insert_with(|| (record, Vec::new()));
            saves.push(self.saved.len());
        }
        let recorded = if is_recorded { job.recorded } else { None };
        let resume = recorded.unwrap_or_else(|| Arc::new(job.resume));
        self.saved.push(Saved { torrent: job.torrent, resume, error: done.err() });
        self.members.push(member);
    }

    /// Makes the new resume files durable, and reports all saves.
    pub(super) fn finish(self, inbox: &Inbox<NetEvent>) -> Vec<Arc<Membership>> {
        let Self { mut saved, members, unsynced } = self;
        if let Some((record, saves)) = unsynced
            && let Err(error) = patiently(|| record.sync().map_err(record_error))
        {
            for index in saves {
                saved[index].error.get_or_insert_with(|| error.clone());
            }
        }
        inbox.append(&mut saved.into_iter().map(|saved| NetEvent::Saved(Box::new(saved))).collect());
        members
    }
}

/// Tries again what found no open file or memory left.
pub(super) fn patiently(mut save: impl FnMut() -> Result<(), SaveError>) -> Result<(), SaveError> {
    for _ in 1..TRIES {
        match save() {
            Err(SaveError::Exhausted) => std::thread::sleep(EXHAUSTED_PAUSE),
            done => return done,
        }
    }
    save()
}

/// Returns the failure of a save by its cause: `otherwise` makes it if the disk, and not this process, is the cause.
fn save_error(error: &StorageError, otherwise: impl FnOnce(DiskFault) -> SaveError) -> SaveError {
    if error.is_exhausted() {
        tracing::warn!(%error, "cannot save for now; trying again");
        return SaveError::Exhausted;
    }
    otherwise(fault(error))
}

/// Returns the failure to write resume data.
fn record_error(error: ResumeError) -> SaveError {
    match error {
        ResumeError::Storage(error) => save_error(&error, SaveError::ResumeData),
        error => SaveError::ResumeData(DiskFault { kind: DiskFaultKind::Io, message: error.to_string() }),
    }
}

/// The order is what keeps a crash from losing or inventing pieces: data first, then what is said about it.
///
/// Returns whether the resume data was written, which is durable after a sync, and whether it is the same as before.
fn save(job: &mut SaveJob) -> Result<(bool, bool), SaveError> {
    // Before the sync, which covers them.
    let unfinished = job.store.unfinished();
    // Before the stamps: of an own file the record has always seen something.
    let own = job.store.own_files();
    job.store.sync().map_err(|e| save_error(&e, SaveError::Data))?;
    // The net thread takes this lock as well: no disk is waited for under it.
    let known = {
        let look = job.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = look.as_ref().map(|look| &look.stamps);
        stamps.filter(|stamps| job.knows_stamps(stamps)).cloned()
    };
    let taken = job.store.take_stamps(known.as_deref());
    let (mut now, written) = taken.map_err(|e| save_error(&e, SaveError::ResumeData))?;
    {
        // Only what we wrote ourselves gets a new stamp. What others did to a file is found here, or at the next start.
        let mut look = job.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let look = look.get_or_insert_with(|| Look {
            stamps: now.clone(),
            hashed_bytes: 0,
            believed_bytes: 0,
            has_recorded: false,
        });
        // A check may have taken newer stamps meanwhile of files that were not looked at here.
        for ((now, known), look) in now.iter_mut().zip(known.iter().flatten()).zip(&look.stamps) {
            if now == known {
                *now = *look;
            }
        }
        if let Some(path) = job.store.changed_by_others(&look.stamps, &now, &written) {
            if !job.store.has_its_folder() {
                let path = job.store.dir().to_owned();
                return Err(SaveError::Data(fault(&StorageError::FolderGone { path })));
            }
            return Err(SaveError::Changed(fault(&StorageError::FileChanged { path })));
        }
        for file in written {
            look.stamps[file] = now[file];
        }
        job.resume.stamps.clone_from(&look.stamps);
        if std::mem::take(&mut look.has_recorded) {
            job.recorded = None;
        }
    }
    job.resume.own = own;
    job.resume.unfinished = unfinished;
    let Some(record) = &job.record else { return Ok((false, false)) };
    if job.recorded.as_ref().is_some_and(|recorded| job.is_recorded(recorded)) {
        return Ok((false, true));
    }
    record.save(&job.resume).map_err(record_error)?;
    Ok((true, false))
}

impl SaveJob {
    /// Returns true if files that were not written need not be looked at, whose stamps are `known`.
    fn knows_stamps(&self, known: &[FileStamp]) -> bool {
        match self.occasion {
            Occasion::Start => true,
            Occasion::Pieces => known.len() > FEW_FILES,
            Occasion::Full => false,
        }
    }

    /// Returns true if what the resume file holds need not be replaced.
    fn is_recorded(&self, recorded: &Resume) -> bool {
        match self.occasion {
            Occasion::Start => self.resume.equals_but_for_peers(recorded),
            Occasion::Pieces | Occasion::Full => self.resume == *recorded,
        }
    }
}

#[cfg(test)]
#[path = "save_tests.rs"]
mod tests;
