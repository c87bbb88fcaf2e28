//! What was written made durable, then remembered.

use super::fault;
use crate::inbox::Inbox;
use crate::message::ToNet;
use crossbeam_channel::Receiver;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use ztor_engine::{DiskFault, DiskFaultKind, TorrentId};
use ztor_storage::resume::Resume;
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

/// What the last check of a torrent has found: `None` before the first.
pub(crate) type Looks = Arc<Mutex<Option<Look>>>;

/// Make what was written durable, then remember it.
pub(crate) struct SaveJob {
    pub(crate) torrent: TorrentId,
    pub(crate) store: Arc<TorrentStore>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) resume: Resume,
    pub(crate) looks: Looks,
}

/// Why a save failed.
#[derive(Debug)]
pub(crate) enum SaveError {
    /// What was written may be lost.
    Data(DiskFault),
    /// Somebody else has changed a file: what is in it is not known.
    Changed(DiskFault),
    /// The data is safe, but what is known of it could not be kept.
    Memory(DiskFault),
}

pub(super) fn run(jobs: &Receiver<SaveJob>, inbox: &Inbox<ToNet>) {
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
        // Only what we wrote ourselves gets a new stamp. What others did to a file is found here, or at the next start.
        let mut look = job.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let look =
            look.get_or_insert_with(|| Look { stamps: now.clone(), hashed_bytes: 0, believed_bytes: 0 });
        if let Some(path) = job.store.changed_by_others(&look.stamps, &now, &written) {
            return Err(SaveError::Changed(fault(&StorageError::FileChanged { path })));
        }
        for file in written {
            look.stamps[file] = now[file];
        }
        job.resume.stamps.clone_from(&look.stamps);
    }
    job.resume.own = job.store.own_files();
    let Some(path) = &job.path else { return Ok(()) };
    let kept = job.resume.save(path);
    kept.map_err(|e| SaveError::Memory(DiskFault { kind: DiskFaultKind::Io, message: e.to_string() }))
}
