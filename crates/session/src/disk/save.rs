//! Saves: the data is made durable first, then the resume data.
//!
//! Waiting saves are made in batches, because resume files share a folder, and its sync is a large part of the work.

use super::fault::{EXHAUSTED_PAUSE, fault};
use super::membership::Membership;
use crate::inbox::Inbox;
use crate::ledger::Ledger;
use crate::message::{NetEvent, SaveError, Saved};
use crossbeam_channel::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use ztor_engine::{DiskFault, DiskFaultKind, TorrentId};
use ztor_storage::resume::{Resume, ResumeError};
use ztor_storage::{FileStamp, Place, StorageError, TorrentStore};

/// Files of a torrent, as a check has found them.
pub(crate) struct Look {
    /// Stamps of the files when this session last knew their content.
    pub(crate) stamps: Vec<FileStamp>,
    /// Size of the pieces that were hashed, in bytes.
    pub(crate) hashed_bytes: u64,
    /// Size of the pieces that were trusted by the resume data alone, in bytes.
    pub(crate) believed_bytes: u64,
    /// True if the check has written the resume file. A concurrent save may have written it before or after, so that
    /// its content is unknown.
    pub(crate) has_recorded: bool,
}

/// Result of the last check of a torrent; `None` before the first.
pub(crate) type Looks = Arc<Mutex<Option<Look>>>;

/// Occasion of a save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The torrent has started. A check has just looked at its files, and new peers are not worth a write: a restart
    /// with many unchanged torrents writes nothing.
    Start,
    /// There are new pieces.
    Pieces,
    /// Bytes were counted, or the torrent is finished.
    Full,
    /// The session ends, or the torrent is removed: nothing is written afterwards.
    Last,
}

/// Request to make written data durable, and then save the resume data.
pub(crate) struct SaveJob {
    pub(crate) torrent: TorrentId,
    pub(crate) store: Arc<TorrentStore>,
    /// Record of the resume data; `None` keeps none.
    pub(crate) ledger: Option<Arc<Ledger>>,
    pub(crate) resume: Resume,
    /// Durable content of the resume file; `None` if unknown.
    pub(crate) recorded: Option<Arc<Resume>>,
    pub(crate) occasion: Occasion,
    pub(crate) looks: Looks,
}

/// A job of the thread that saves.
pub(super) enum SaveTask {
    Save {
        job: Box<SaveJob>,
        member: Arc<Membership>,
    },
    /// Lets a torrent leave the disk, after its last save.
    Leave(Arc<Membership>),
    /// Change which files are wanted, one entry per file: bytes move between the part file and the files.
    SetWanted {
        torrent: TorrentId,
        wanted: Vec<bool>,
        member: Arc<Membership>,
    },
    /// Waits for the channel, as in a system call that does not return.
    #[cfg(test)]
    Stall(Receiver<()>),
}

/// Maximum number of saves in one batch.
const MAX_BATCH: usize = 256;
/// Time after which a batch takes no further save, so that its first one is reported soon.
const BATCH_FOR: Duration = Duration::from_secs(1);
/// Maximum number of attempts in a row for a save that fails for lack of open files or memory.
const TRIES: u32 = 8;
/// Number of files up to which every save looks at all files of a torrent. With more, most saves look only at those
/// that were written.
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
                SaveTask::SetWanted { torrent, wanted, member } => {
                    let store = member.store();
                    let still = store.keep_place();
                    let result = store.set_wanted(&wanted).map_err(|error| fault(&error));
                    drop(still);
                    store.announce_files();
                    inbox.push(NetEvent::WantedSet { torrent, result });
                }
                #[cfg(test)]
                SaveTask::Stall(until) => {
                    let _ = until.recv();
                }
            }
            let has_room = batch.len() < MAX_BATCH && Instant::now() < until;
            next = if has_room { tasks.try_recv().ok() } else { None };
        }
        let members = batch.finish(inbox);
        // All reports precede those that torrents have left.
        drop(members);
    }
}

/// Saves that are reported together.
#[derive(Default)]
pub(super) struct Batch {
    saved: Vec<Saved>,
    members: Vec<Arc<Membership>>,
    /// Saves whose resume data is not durable yet, and a record that makes it so.
    unsynced: Option<(Arc<Ledger>, Vec<usize>)>,
}

impl Batch {
    fn len(&self) -> usize {
        self.saved.len()
    }

    /// Makes a save, except for the sync of the folder.
    pub(super) fn add(&mut self, mut job: SaveJob, member: Arc<Membership>) {
        let (mut is_written, mut is_recorded) = (false, false);
        let done = patiently(|| {
            (is_written, is_recorded) = save(&mut job)?;
            Ok(())
        });
        if let Some(ledger) = job.ledger.take().filter(|_| is_written) {
            // All torrents of a session have one store.
            let (_, saves) = self.unsynced.get_or_insert_with(|| (ledger, Vec::new()));
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
        if let Some((ledger, saves)) = unsynced
            && let Err(error) = patiently(|| ledger.sync().map_err(record_error))
        {
            for index in saves {
                saved[index].error.get_or_insert_with(|| error.clone());
            }
        }
        inbox.append(&mut saved.into_iter().map(|saved| NetEvent::Saved(Box::new(saved))).collect());
        members
    }
}

/// Retries a save that fails for lack of open files or memory.
pub(super) fn patiently(mut save: impl FnMut() -> Result<(), SaveError>) -> Result<(), SaveError> {
    for _ in 1..TRIES {
        match save() {
            Err(SaveError::Exhausted) => std::thread::sleep(EXHAUSTED_PAUSE),
            done => return done,
        }
    }
    save()
}

/// Converts the error of a save: with `otherwise`, unless the process is out of open files or memory.
fn save_error(error: &StorageError, otherwise: impl FnOnce(DiskFault) -> SaveError) -> SaveError {
    if error.is_exhausted() {
        tracing::warn!(%error, "cannot save for now; retrying");
        return SaveError::Exhausted;
    }
    otherwise(fault(error))
}

/// Converts the error of writing resume data.
fn record_error(error: ResumeError) -> SaveError {
    match error {
        ResumeError::Storage(error) => save_error(&error, SaveError::ResumeData),
        error => SaveError::ResumeData(DiskFault { kind: DiskFaultKind::Io, message: error.to_string() }),
    }
}

/// Saves a torrent: first the data, then the resume data, so that a crash neither loses nor invents pieces.
///
/// Returns true first if the resume data was written, which is durable after a sync, and second if it is the same as
/// before.
pub(super) fn save(job: &mut SaveJob) -> Result<(bool, bool), SaveError> {
    let store = Arc::clone(&job.store);
    let _still = store.keep_place();
    let complete = store.complete_files();
    // Before the sync, which covers them.
    let unfinished = job.store.unfinished();
    store.sync().map_err(|e| save_error(&e, SaveError::Data))?;
    if let Err(error) = store.complete_names(&complete) {
        // Only the name is not as it should be.
        tracing::warn!(%error, "cannot remove the suffix of a complete file");
    }
    // The network thread takes this lock as well: no disk is waited for under it.
    let known = {
        let look = job.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = look.as_ref().map(|look| &look.stamps);
        stamps.filter(|stamps| job.knows_stamps(stamps)).cloned()
    };
    let taken = job.store.take_stamps(known.as_deref());
    let (mut now, written) = taken.map_err(|e| save_error(&e, SaveError::ResumeData))?;
    {
        // Only files that we have written get a new stamp. Changes by others are found here, or at the next start.
        let mut look = job.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let look = look.get_or_insert_with(|| Look {
            stamps: now.clone(),
            hashed_bytes: 0,
            believed_bytes: 0,
            has_recorded: false,
        });
        // A concurrent check may have taken newer stamps of files that were not looked at here.
        for ((now, known), look) in now.iter_mut().zip(known.iter().flatten()).zip(&look.stamps) {
            if now == known {
                *now = *look;
            }
        }
        if let Some(path) = job.store.changed_by_others(&look.stamps, &now, &written) {
            if !job.store.has_its_folder() {
                let path = store.dir();
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
    // After the stamps: a file that a write has created since then is the torrent's as well.
    job.resume.own = match job.occasion {
        Occasion::Last => store.own_files(),
        _ => store.own_record(&mut job.resume.stamps),
    };
    job.resume.unfinished = unfinished;
    Place { dir: job.resume.dir, names: job.resume.names } = store.place();
    let Some(ledger) = &job.ledger else { return Ok((false, false)) };
    ledger.complete(&mut job.resume);
    if job.recorded.as_ref().is_some_and(|recorded| job.is_recorded(recorded)) {
        return Ok((false, true));
    }
    ledger.save(&mut job.resume).map_err(record_error)?;
    Ok((true, false))
}

impl SaveJob {
    /// Returns true if unwritten files need not be looked at, whose stamps are `known`.
    fn knows_stamps(&self, known: &[FileStamp]) -> bool {
        match self.occasion {
            Occasion::Start => true,
            Occasion::Pieces => known.len() > FEW_FILES,
            Occasion::Full | Occasion::Last => false,
        }
    }

    /// Returns true if the content of the resume file need not be replaced.
    fn is_recorded(&self, recorded: &Resume) -> bool {
        match self.occasion {
            Occasion::Start => self.resume.equals_but_for_peers(recorded),
            Occasion::Pieces | Occasion::Full | Occasion::Last => self.resume == *recorded,
        }
    }
}

#[cfg(test)]
#[path = "save_tests.rs"]
mod tests;
