//! Moves of torrents' files, on a thread of their own: copies to another file system take long.

use super::fault::fault;
use super::membership::Membership;
use super::save::{Look, Looks};
use crate::claims::{Claim, Claims};
use crate::inbox::Inbox;
use crate::ledger::Ledger;
use crate::message::NetEvent;
use crate::move_error::MoveError;
use crossbeam_channel::Receiver;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};
use ztor_engine::{DiskFault, DiskFaultKind, TorrentId};
use ztor_storage::resume::{Moving, Resume, ResumeError};
use ztor_storage::{NameError, Place, Relocation, StorageError, TorrentStore, mount_point_of};

/// Maximum number of folders that are tried in a folder where something is in the way.
const MAX_FOLDERS: u32 = 1000;

/// Request to move a torrent's files.
pub(crate) struct MoveJob {
    pub(crate) torrent: TorrentId,
    pub(crate) change: PlaceChange,
    pub(crate) rule: MoveRule,
    /// Record of the resume data; `None` keeps none.
    pub(crate) ledger: Option<Arc<Ledger>>,
    pub(crate) looks: Looks,
    pub(crate) claims: Arc<Claims>,
    /// Claim to the files in their old place.
    pub(crate) claim: Arc<Claim>,
    /// Set to stop the move. It has an effect until the files get their new names.
    pub(crate) stop: Arc<AtomicBool>,
}

/// Change of the place of files.
#[derive(Debug)]
pub(crate) enum PlaceChange {
    /// The files stay where they are.
    None,
    /// All files go to another folder.
    Folder(PathBuf),
    /// A file has a new path below the folder.
    File { file: usize, path: PathBuf },
    /// The files in a folder below that of the torrent go to another one.
    Names { from: PathBuf, to: PathBuf },
}

impl PlaceChange {
    /// Returns the changed place of a torrent's files. It takes time in proportion to the number of files.
    fn apply(&self, store: &TorrentStore) -> Result<Place, NameError> {
        let mut place = store.place();
        let meta = store.meta();
        match self {
            Self::None => {}
            Self::Folder(dir) => place.dir.clone_from(dir),
            Self::File { file, path } => place.names.rename_file(meta, *file, path)?,
            Self::Names { from, to } => place.names.rename_folder(meta, from, to)?,
        }
        Ok(place)
    }
}

/// Kind of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MoveRule {
    /// The record stays that of the same folder.
    SameRecord,
    /// The record is that of the new folder afterwards, and the earlier one leads there.
    NewRecord,
    /// The same, and the files go to a new numbered folder in the new one if something is in the way.
    NewFolder,
}

/// Result of a move.
pub(crate) struct Relocated {
    /// Claim to the files in their new place.
    pub(crate) claim: Arc<Claim>,
    /// Number of the device of the new place.
    pub(crate) device: u64,
    /// The new resume data; `None` if there is none, or it could not be saved.
    pub(crate) resume: Option<Arc<Resume>>,
}

/// Failure of a step.
enum StepError {
    Storage(StorageError),
    Record(ResumeError),
}

impl From<StorageError> for StepError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<ResumeError> for StepError {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Storage(error) => Self::Storage(error),
            error => Self::Record(error),
        }
    }
}

impl From<StepError> for MoveError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Storage(StorageError::Stopped) => Self::Stopped,
            StepError::Storage(error) => Self::Disk(fault(&error)),
            StepError::Record(error) => {
                Self::Disk(DiskFault { kind: DiskFaultKind::Io, message: error.to_string() })
            }
        }
    }
}

/// Carries out moves, one at a time, until the channel closes.
pub(super) fn run(tasks: &Receiver<(Box<MoveJob>, Arc<Membership>)>, inbox: &Inbox<NetEvent>) {
    while let Ok((job, member)) = tasks.recv() {
        let result = relocate(&job, member.store(), inbox);
        inbox.push(NetEvent::Relocated { torrent: job.torrent, result: result.map(Box::new) });
        drop(member);
    }
}

fn relocate(
    job: &MoveJob,
    store: &Arc<TorrentStore>,
    inbox: &Inbox<NetEvent>,
) -> Result<Relocated, MoveError> {
    let first = job.change.apply(store)?;
    let mut to = first.clone();
    for number in 2..=MAX_FOLDERS {
        match relocate_to(job, &to, store, inbox) {
            Err(error) if job.rule == MoveRule::NewFolder && is_in_the_way(&error) => {
                to.dir = first.dir.join(number.to_string());
            }
            done => return done,
        }
    }
    relocate_to(job, &to, store, inbox)
}

fn is_in_the_way(error: &MoveError) -> bool {
    match error {
        MoveError::Disk(fault) => fault.kind == DiskFaultKind::InTheWay,
        error => matches!(error, MoveError::FileShared { .. }),
    }
}

fn relocate_to(
    job: &MoveJob,
    to: &Place,
    store: &Arc<TorrentStore>,
    inbox: &Inbox<NetEvent>,
) -> Result<Relocated, MoveError> {
    let claim = job.claims.claim(store, to)?;
    let resume = match attempt(job, to, store, inbox) {
        Ok(resume) => resume,
        Err(error) => {
            claim.end();
            return Err(error);
        }
    };
    job.claim.end();
    Ok(Relocated { claim, device: store.device(), resume: resume.map(Arc::new) })
}

fn attempt(
    job: &MoveJob,
    to: &Place,
    store: &Arc<TorrentStore>,
    inbox: &Inbox<NetEvent>,
) -> Result<Option<Resume>, MoveError> {
    let mut plan = Relocation::plan(store, to)?;
    let stage = |is_switching| Some(Moving { to: to.clone(), is_switching });
    let give_up = |plan: Relocation, error: StepError| {
        plan.abandon();
        let _still = store.keep_place();
        if let Err(StepError::Storage(error)) = save_stage(job, store, None) {
            // The next start undoes it again.
            tracing::warn!(%error, "cannot record that a move was given up");
        }
        MoveError::from(error)
    };
    let must_copy = plan.must_copy().map_err(StepError::from)?;
    if must_copy {
        let recorded = {
            let _still = store.keep_place();
            save_stage(job, store, stage(false))
        };
        let mut shown = 0;
        let progress = |done: u64, total: u64| {
            // About 200 steps suffice for a progress bar.
            let step = (total / 200).max(1);
            if done / step > shown {
                shown = done / step;
                let progress = NetEvent::RelocationProgress { torrent: job.torrent, done, total };
                inbox.push(progress);
            }
        };
        let copied = recorded.and_then(|()| Ok(plan.copy(progress, &job.stop)?));
        if let Err(error) = copied {
            return Err(give_up(plan, error));
        }
    }
    let switched = plan.switch(|| save_stage(job, store, stage(true)));
    match switched {
        Ok(()) => {}
        // The next start completes it.
        Err(error) if plan.is_torn() => return Err(error.into()),
        Err(error) => return Err(give_up(plan, error)),
    }
    let resume = save_moved(job, store, must_copy).unwrap_or_else(|error| {
        // The record says that the move is switching, and so the next start finds the files.
        tracing::warn!(error = %MoveError::from(error), "cannot record the new folder of a torrent");
        None
    });
    if let Err(error) = plan.clean_up() {
        tracing::warn!(%error, "cannot remove the original of a file that was copied to its new folder");
    }
    Ok(resume)
}

/// Records the stage of a move. The caller keeps the files in their place.
fn save_stage(job: &MoveJob, store: &TorrentStore, moving: Option<Moving>) -> Result<(), StepError> {
    let Some(ledger) = &job.ledger else { return Ok(()) };
    let mut resume = content(ledger, store)?;
    ledger.save_stage(&mut resume, moving)?;
    replaced(&job.looks);
    Ok(())
}

/// Records the new place of the files.
fn save_moved(job: &MoveJob, store: &TorrentStore, were_copied: bool) -> Result<Option<Resume>, StepError> {
    let _still = store.keep_place();
    if were_copied {
        // Their file system may not keep the time as it was.
        let stamps = store.fingerprint()?;
        if let Some(look) = &mut *job.looks.lock().unwrap_or_else(PoisonError::into_inner) {
            look.stamps.clone_from(&stamps);
        }
    }
    let Some(ledger) = &job.ledger else { return Ok(None) };
    let mut resume = content(ledger, store)?;
    ledger.set_mount(mount_point_of(&resume.dir));
    if let Some(look) =
        job.looks.lock().unwrap_or_else(PoisonError::into_inner).as_ref().filter(|_| were_copied)
    {
        resume.stamps.clone_from(&look.stamps);
    }
    let record = ledger.record();
    let is_same = job.rule == MoveRule::SameRecord;
    let to = if is_same { record } else { record.in_folder(&resume.dir) };
    ledger.save_moved(&mut resume, to)?;
    replaced(&job.looks);
    Ok(Some(resume))
}

/// Returns what is recorded of the torrent, in its current place.
fn content(ledger: &Ledger, store: &TorrentStore) -> Result<Resume, StepError> {
    let Place { dir, names } = store.place();
    let layout = &store.meta().layout;
    let nothing = || {
        let have = vec![0; (layout.piece_count() as usize).div_ceil(8)];
        let stamps = vec![ztor_storage::FileStamp::ABSENT; layout.files().len()];
        Resume { have, stamps, ..Resume::new(store.meta().info_hashes, dir.clone()) }
    };
    let recorded = ledger.load()?.unwrap_or_else(nothing);
    Ok(Resume { dir, names, own: store.own_files(), ..recorded })
}

/// Marks the record as replaced, so that the next save does not take it as its own.
fn replaced(looks: &Looks) {
    if let Some(look) = &mut *looks.lock().unwrap_or_else(PoisonError::into_inner) {
        let look: &mut Look = look;
        look.has_recorded = true;
    }
}
