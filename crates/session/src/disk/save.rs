//! Saves: data made durable, then recorded.

use super::fault::{EXHAUSTED_PAUSE, fault};
use super::membership::Membership;
use crate::inbox::Inbox;
use crate::message::{NetEvent, SaveError, Saved};
use crossbeam_channel::Receiver;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
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
}

/// Result of the last check of a torrent: `None` before the first.
pub(crate) type Looks = Arc<Mutex<Option<Look>>>;

/// Make what was written durable, then remember it.
pub(crate) struct SaveJob {
    pub(crate) torrent: TorrentId,
    pub(crate) store: Arc<TorrentStore>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) resume: Resume,
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

/// Attempts in a row for a save that finds no open file or memory left.
const TRIES: u32 = 8;

pub(super) fn run(tasks: &Receiver<SaveTask>, inbox: &Inbox<NetEvent>) {
    while let Ok(task) = tasks.recv() {
        match task {
            SaveTask::Save { mut job, member } => {
                let error = patiently(|| save(&mut job)).err();
                let saved = Saved { torrent: job.torrent, resume: job.resume, error };
                inbox.push(NetEvent::Saved(Box::new(saved)));
                drop(member);
            }
            SaveTask::Leave(member) => drop(member),
            #[cfg(test)]
            SaveTask::Stall(until) => {
                let _ = until.recv();
            }
        }
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

/// The order is what keeps a crash from losing or inventing pieces: data first, then what is said about it.
fn save(job: &mut SaveJob) -> Result<(), SaveError> {
    // Before the sync, which covers them.
    let unfinished = job.store.unfinished();
    // Before the stamps: of an own file the record has always seen something.
    let own = job.store.own_files();
    job.store.sync().map_err(|e| save_error(&e, SaveError::Data))?;
    let (now, written) = job.store.take_stamps().map_err(|e| save_error(&e, SaveError::ResumeData))?;
    {
        // Only what we wrote ourselves gets a new stamp. What others did to a file is found here, or at the next start.
        let mut look = job.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let look =
            look.get_or_insert_with(|| Look { stamps: now.clone(), hashed_bytes: 0, believed_bytes: 0 });
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
    }
    job.resume.own = own;
    job.resume.unfinished = unfinished;
    let Some(path) = &job.path else { return Ok(()) };
    job.resume.save(path).map_err(|error| match error {
        ResumeError::Storage(error) => save_error(&error, SaveError::ResumeData),
        error => SaveError::ResumeData(DiskFault { kind: DiskFaultKind::Io, message: error.to_string() }),
    })
}
