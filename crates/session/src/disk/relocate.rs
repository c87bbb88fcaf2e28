//! Moves of torrents' files, on a thread of their own: copies to another file system take long.

use super::fault::fault;
use super::membership::Membership;
use super::save::{Look, Looks};
use crate::claims::{Claim, Claims};
use crate::inbox::Inbox;
use crate::ledger::Ledger;
use crate::message::NetEvent;
use crate::move_error::MoveError;
use crate::times::TimesKey;
use crossbeam_channel::{Receiver, Sender};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use ztor_engine::{DiskFault, DiskFaultKind, TorrentId};
use ztor_storage::resume::{Moving, Resume, ResumeError};
use ztor_storage::{FileStamp, NameError, Place, Relocation, StorageError, TorrentStore, mount_point_of};

/// Maximum number of folders that are tried in a folder where something is in the way.
const MAX_FOLDERS: u32 = 1000;

/// Request to move a torrent's files.
pub(crate) struct MoveJob {
    pub(crate) torrent: TorrentId,
    pub(crate) change: PlaceChange,
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
    /// The files stay where they are, and go to this download folder once they are complete.
    Home(PathBuf),
    /// All files go to another folder.
    Folder(PathBuf),
    /// All files go to another folder, until they are complete.
    Away(PathBuf),
    /// The same, or to a new numbered folder in it if something is in the way.
    Trash(PathBuf),
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
            Self::Home(_) => {}
            Self::Folder(dir) | Self::Away(dir) | Self::Trash(dir) => place.dir.clone_from(dir),
            Self::File { file, path } => place.names.rename_file(meta, *file, path)?,
            Self::Names { from, to } => place.names.rename_folder(meta, from, to)?,
        }
        Ok(place)
    }

    fn is_to_trash(&self) -> bool {
        matches!(self, Self::Trash(_))
    }
}

/// Result of a move.
pub(crate) struct Relocated {
    /// Claim to the files in their new place.
    pub(crate) claim: Arc<Claim>,
    /// Number of the device of the new place.
    pub(crate) device: u64,
    /// True if files were copied, so that none is in common with another torrent any more.
    pub(crate) were_copied: bool,
    /// The new resume data; `None` if there is none, or it could not be saved.
    pub(crate) resume: Option<Arc<Resume>>,
    /// Key of the times under the old record; `None` if that is still the record.
    pub(crate) old_times: Option<TimesKey>,
}

/// Failure of a step.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Storage(StorageError),
    #[error(transparent)]
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

/// A move, and the membership of its torrent. A removed torrent does not wait for the moves before it.
pub(super) type MoveTask = (Box<MoveJob>, Weak<Membership>);

/// Carries out moves, one at a time, until the channel closes. Those that copy files go to `copies`, if there is such a
/// channel: new names do not wait for them.
pub(super) fn run(tasks: &Receiver<MoveTask>, copies: Option<&Sender<MoveTask>>, inbox: &Inbox<NetEvent>) {
    while let Ok((job, task)) = tasks.recv() {
        let Some(member) = task.upgrade() else { continue };
        let copies = copies.filter(|_| must_copy(&job, member.store()));
        let job = match copies {
            // Returned if the thread that copies has ended.
            Some(copies) => copies.send((job, task)).err().map(|refused| refused.0.0),
            None => Some(job),
        };
        let Some(job) = job else { continue };
        let result = relocate(&job, member.store(), inbox);
        inbox.push(NetEvent::Relocated { torrent: job.torrent, result: result.map(Box::new) });
        drop(member);
    }
}

/// Returns true if a move copies files. Errors are found again by the move itself.
fn must_copy(job: &MoveJob, store: &Arc<TorrentStore>) -> bool {
    let Ok(to) = job.change.apply(store) else { return false };
    match Relocation::plan(store, &to) {
        Ok(plan) => plan.must_copy().unwrap_or(false),
        // If something is in the way, the files may go to another folder there.
        Err(_) => job.change.is_to_trash() && mount_point_of(&to.dir) != mount_point_of(&store.dir()),
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
            Err(error) if job.change.is_to_trash() && is_in_the_way(&error) => {
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
    let old_times = times_key(job);
    let (resume, were_copied) = match attempt(job, to, store, inbox) {
        Ok(done) => done,
        Err(error) => {
            claim.end();
            return Err(error);
        }
    };
    job.claim.end();
    let old_times = old_times.filter(|old| times_key(job).is_some_and(|now| now != *old));
    Ok(Relocated { claim, device: store.device(), were_copied, resume: resume.map(Arc::new), old_times })
}

fn times_key(job: &MoveJob) -> Option<TimesKey> {
    job.ledger.as_ref().map(|ledger| ledger.record().times_key())
}

/// Returns the new resume data, if there is any, and true if files were copied.
fn attempt(
    job: &MoveJob,
    to: &Place,
    store: &Arc<TorrentStore>,
    inbox: &Inbox<NetEvent>,
) -> Result<(Option<Resume>, bool), MoveError> {
    if job.ledger.as_ref().is_some_and(|ledger| ledger.is_torn()) {
        return Err(MoveError::Torn);
    }
    let mut plan = Relocation::plan(store, to)?;
    let mut must_copy = match plan.must_copy() {
        Ok(must_copy) => must_copy,
        Err(error) => return Err(StepError::from(error).into()),
    };
    let mount = mount_point_of(&to.dir);
    let moving = |switching| Some(Moving { to: to.clone(), mount: mount.clone(), switching });
    loop {
        let copied = match must_copy {
            true => copy(job, store, &mut plan, moving(None), inbox),
            false => Ok(()),
        };
        // Up to the record of the new place: a save must not mix the old and the new.
        let arrangement = store.arrange();
        let is_stopped = copied.is_ok() && job.stop.load(Ordering::Relaxed);
        let ready = if is_stopped { Err(StorageError::Stopped.into()) } else { copied };
        let originals = if must_copy { store.fingerprint().ok() } else { None };
        let switched = ready.and_then(|()| {
            // Before the switch, during which the uses of the files are locked.
            let recorded = job.ledger.as_ref().map(|ledger| content(ledger, store)).transpose()?;
            plan.switch(&arrangement, |files| save_stage_of(job, recorded, moving(Some(files))))
        });
        match switched {
            Ok(()) => {
                // While the record says that the move is switching: after a crash, the next start removes the originals.
                if let Err(error) = plan.clean_up() {
                    tracing::warn!(%error, "cannot remove the original of a file that was copied to its new folder");
                }
                let resume = save_moved(job, store, must_copy, originals).unwrap_or_else(|error| {
                    // The old record says that the move is switching, and so the next start finds the files.
                    tracing::warn!(error = %MoveError::from(error), "cannot record the new folder of a torrent");
                    None
                });
                return Ok((resume, must_copy));
            }
            // The next start completes it.
            Err(_) if plan.is_torn() => {
                job.ledger.iter().for_each(|ledger| ledger.set_torn());
                return Err(MoveError::Torn);
            }
            // Two mounts of one file system.
            Err(StepError::Storage(error)) if error.is_cross_device() && !must_copy => {
                must_copy = true;
                plan.copy_all_files();
            }
            Err(error) => {
                plan.abandon();
                if let Err(error) = save_stage(job, store, None) {
                    // The next start undoes it again.
                    let error = MoveError::from(error);
                    tracing::warn!(%error, "cannot record that a move was given up");
                }
                return Err(error.into());
            }
        }
    }
}

/// Copies the files, while they are read and written.
fn copy(
    job: &MoveJob,
    store: &TorrentStore,
    plan: &mut Relocation,
    moving: Option<Moving>,
    inbox: &Inbox<NetEvent>,
) -> Result<(), StepError> {
    {
        let _still = store.keep_place();
        save_stage(job, store, moving)?;
    }
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
    plan.copy(progress, &job.stop)?;
    // The stamps of the copies become those of the record: they must not hide a change of the originals.
    expect_unchanged(job, store)
}

/// Fails if another program has changed a file since it was looked at last.
fn expect_unchanged(job: &MoveJob, store: &TorrentStore) -> Result<(), StepError> {
    let _still = store.keep_place();
    let known = {
        let look = job.looks.lock().unwrap_or_else(PoisonError::into_inner);
        look.as_ref().map(|look| look.stamps.clone())
    };
    let Some(known) = known else { return Ok(()) };
    let now = store.fingerprint()?;
    let written = store.unstamped_files();
    match store.changed_by_others(&known, &now, &written) {
        Some(path) => Err(StorageError::FileChanged { path }.into()),
        None => Ok(()),
    }
}

/// Records the stage of a move. The caller keeps the files in their place.
fn save_stage(job: &MoveJob, store: &TorrentStore, moving: Option<Moving>) -> Result<(), StepError> {
    let Some(ledger) = &job.ledger else { return Ok(()) };
    // First, so that later saves have the right stage whatever fails here.
    ledger.set_stage(moving.clone());
    save_stage_of(job, Some(content(ledger, store)?), moving)
}

/// Does the same with a record; `None` if there is no ledger.
fn save_stage_of(job: &MoveJob, recorded: Option<Resume>, moving: Option<Moving>) -> Result<(), StepError> {
    let (Some(ledger), Some(mut resume)) = (&job.ledger, recorded) else { return Ok(()) };
    ledger.set_stage(moving);
    ledger.save_stage(&mut resume)?;
    replaced(&job.looks);
    Ok(())
}

/// Records the new place of the files. The caller keeps them there. Later saves have the new place also after an error.
///
/// `originals` are the stamps of the files before they were copied; `None` if they were not, or if unknown.
fn save_moved(
    job: &MoveJob,
    store: &TorrentStore,
    were_copied: bool,
    originals: Option<Vec<FileStamp>>,
) -> Result<Option<Resume>, StepError> {
    let Some(ledger) = &job.ledger else { return adopt_stamps(job, store, were_copied).map(|_| None) };
    let dir = store.dir();
    ledger.set_mount(mount_point_of(&dir));
    let recorded = content(ledger, store);
    let record = ledger.record();
    let from = ledger.set_moved(match &job.change {
        // The record is that of the download folder.
        PlaceChange::File { .. } | PlaceChange::Names { .. } | PlaceChange::Away(_) => record,
        // The files stay in their folder for incomplete ones.
        PlaceChange::Home(home) => record.in_folder(home),
        PlaceChange::Folder(_) | PlaceChange::Trash(_) => record.in_folder(&dir),
    });
    let stamps = adopt_stamps(job, store, were_copied)?;
    let mut resume = recorded?;
    for (file, recorded) in resume.stamps.iter_mut().enumerate() {
        // A file that was written since the record keeps its old stamp, so that a start by this record hashes it.
        let original = originals.as_ref().and_then(|stamps| stamps.get(file));
        if let Some(copy) =
            stamps.as_ref().and_then(|stamps| stamps.get(file)).filter(|_| original == Some(recorded))
        {
            *recorded = *copy;
        }
    }
    match job.change {
        PlaceChange::Home(_) => ledger.save_home(&mut resume, from)?,
        _ => ledger.save_led_to(&mut resume, from)?,
    }
    replaced(&job.looks);
    Ok(Some(resume))
}

/// Takes the stamps of copies as those of the files: their file system may not keep the times as they were. `None` if no
/// file was copied.
fn adopt_stamps(
    job: &MoveJob,
    store: &TorrentStore,
    were_copied: bool,
) -> Result<Option<Vec<FileStamp>>, StepError> {
    if !were_copied {
        return Ok(None);
    }
    let stamps = store.fingerprint()?;
    if let Some(look) = &mut *job.looks.lock().unwrap_or_else(PoisonError::into_inner) {
        look.stamps.clone_from(&stamps);
    }
    Ok(Some(stamps))
}

/// Returns what is recorded of the torrent, in its current place, and with the files that are its own now.
fn content(ledger: &Ledger, store: &TorrentStore) -> Result<Resume, StepError> {
    Ok(current(ledger.load()?, store))
}

/// Does the same with a record that was loaded; `None` if there is none.
pub(super) fn current(recorded: Option<Resume>, store: &TorrentStore) -> Resume {
    let Place { dir, names } = store.place();
    let layout = &store.meta().layout;
    let nothing = || {
        let have = vec![0; (layout.piece_count() as usize).div_ceil(8)];
        let stamps = vec![FileStamp::ABSENT; layout.files().len()];
        Resume { have, stamps, ..Resume::new(store.meta().info_hashes, dir.clone()) }
    };
    let mut recorded = recorded.unwrap_or_else(nothing);
    let own = store.own_record(&mut recorded.stamps);
    let created =
        recorded.stamps.iter_mut().zip(&own).filter(|(stamp, own)| **own && **stamp == FileStamp::ABSENT);
    for (stamp, _) in created {
        // Created since the record: no stamp of a file that exists, so that it is hashed, and not that of a missing file,
        // which would make it another program's.
        *stamp = FileStamp::default();
    }
    Resume { dir, names, own, ..recorded }
}

/// Marks the record as replaced, so that the next save does not take it as its own.
pub(super) fn replaced(looks: &Looks) {
    if let Some(look) = &mut *looks.lock().unwrap_or_else(PoisonError::into_inner) {
        let look: &mut Look = look;
        look.has_recorded = true;
    }
}
