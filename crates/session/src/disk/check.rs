//! The check of the data on disk when a torrent starts.

use super::save::{Look, Looks};
use crate::inbox::Inbox;
use crate::ledger::Ledger;
use crate::message::NetEvent;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use ztor_engine::{Bitfield, DiskEvent, TorrentId};
use ztor_storage::resume::Resume;
use ztor_storage::{
    FileStamp, InTheWay, Pieces, Place, StorageError, TorrentStore, UnfinishedPiece, check_all,
    is_mount_point, mount_point_of,
};

/// Maximum number of passes over files that others change at the same time.
const MAX_ROUNDS: u32 = 4;

/// Request to check the data on disk.
pub(crate) struct CheckJob {
    pub(crate) torrent: TorrentId,
    pub(crate) store: Arc<TorrentStore>,
    /// Resume data of the last save, already verified to be of this torrent and folder; `None` if there is none.
    pub(crate) resume: Option<Arc<Resume>>,
    /// True to hash everything, whatever the resume data says.
    pub(crate) distrust: bool,
    /// Pieces that were present when another program changed a file of the running torrent, in wire form; `None`
    /// otherwise.
    pub(crate) had_before_change: Option<Vec<u8>>,
    /// True if the session resumes the torrent without the user: nothing may be created in place of a drive that is
    /// still away.
    pub(crate) is_retry: bool,
    /// Record of the resume data; `None` keeps none.
    pub(crate) ledger: Option<Arc<Ledger>>,
    /// Wanted files, one entry per file; empty for all.
    pub(crate) wanted: Vec<bool>,
    pub(crate) looks: Looks,
    /// True to create folders and empty files at the end.
    pub(crate) prepare: bool,
    /// Set to stop the check.
    pub(crate) stop: Arc<AtomicBool>,
}

/// Result of a check.
pub(super) struct Found {
    /// Pieces that are present, by their hashes or by the resume data.
    pub(super) present: Bitfield,
    /// Incomplete pieces, with their blocks on disk.
    pub(super) unfinished: Vec<(u32, Bitfield)>,
}

/// Result of the cheap pass of a check.
pub(super) enum Glance {
    /// The check is done without reading, as the stamps are those of the resume data.
    Found(Found),
    /// Number of bytes that have to be read, copied or reserved.
    Reads(u64),
}

/// Checks a torrent by the stamps of its files alone, if that suffices.
pub(super) fn glance(job: &CheckJob, inbox: &Inbox<NetEvent>) -> Result<Glance, StorageError> {
    let _still = job.store.keep_place_for_long();
    let plan = plan(job)?;
    let to_prepare = if job.prepare { job.store.bytes_to_prepare(&plan.stamps) } else { 0 };
    let bytes = plan.bytes_to_read(job) + to_prepare;
    if bytes > 0 {
        return Ok(Glance::Reads(bytes));
    }
    // Pieces without bytes in the files are not read, unless such bytes appear during the check.
    let found = finish(job, plan, |pieces| hash(job, inbox, pieces), Pass::Cheap)?;
    Ok(found.map_or(Glance::Reads(0), Glance::Found))
}

/// Checks a torrent, and hashes the pieces that the stamps do not settle.
pub(super) fn check(job: &CheckJob, inbox: &Inbox<NetEvent>) -> Result<Found, StorageError> {
    let _still = job.store.keep_place_for_long();
    check_with(job, |pieces| hash(job, inbox, pieces))
}

/// Checks a torrent. `hash` says which of some pieces match, with an entry for each piece of the torrent.
fn check_with(
    job: &CheckJob,
    hash: impl FnMut(&[u32]) -> Result<Vec<bool>, StorageError>,
) -> Result<Found, StorageError> {
    // Only the cheap pass ends without a result.
    finish(job, plan(job)?, hash, Pass::Full)?.ok_or(StorageError::Stopped)
}

/// A pass of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Ends if files would have to be read.
    Cheap,
    Full,
}

/// Pieces to trust and pieces to hash, by the stamps of the files.
struct Plan {
    /// Stamps from before anything was read, for which the result of the check holds.
    stamps: Vec<FileStamp>,
    /// Pieces that are present by the resume data.
    have: Bitfield,
    /// Pieces to hash.
    look: Bitfield,
}

impl Plan {
    /// Returns the size of the pieces to hash of which something is on disk, in bytes.
    fn bytes_to_read(&self, job: &CheckJob) -> u64 {
        let layout = &job.store.meta().layout;
        let is_there = |piece: &u32| {
            let mut ranges = layout.ranges(*piece, 0, layout.piece_len(*piece));
            ranges.any(|range| !range.pad && self.stamps.get(range.file) != Some(&FileStamp::ABSENT))
        };
        self.look.iter().filter(is_there).map(|piece| u64::from(layout.piece_len(piece))).sum()
    }
}

fn plan(job: &CheckJob) -> Result<Plan, StorageError> {
    if job.stop.load(Ordering::Relaxed) {
        return Err(StorageError::Stopped);
    }
    if job.ledger.as_ref().is_some_and(|ledger| ledger.is_torn()) {
        return Err(StorageError::HalfMoved { path: job.store.dir() });
    }
    await_folder(job)?;
    let layout = &job.store.meta().layout;
    let piece_count = layout.piece_count();
    let stamps = job.store.fingerprint()?;
    let mut have = Bitfield::new(piece_count);
    let mut look = Bitfield::new(piece_count);
    match job.resume.as_ref().filter(|_| !job.distrust) {
        None => look.extend(0..piece_count),
        Some(resume) => {
            look = doubtful(resume, &job.store, &stamps);
            let is_whole = |unfinished: &UnfinishedPiece| {
                let blocks = Bitfield::from_wire(&unfinished.blocks, layout.block_count(unfinished.piece));
                blocks.is_some_and(|blocks| blocks.is_full())
            };
            let whole = unfinished_of(job).into_iter().filter(is_whole).map(|unfinished| unfinished.piece);
            look.extend(whole.filter(|piece| !resume.has(*piece)));
            have.extend((0..piece_count).filter(|p| resume.has(*p) && !look.contains(*p)));
        }
    }
    Ok(Plan { stamps, have, look })
}

/// Hashes the planned pieces and prepares the disk. Returns `None` if files have changed that the cheap pass must not
/// read.
fn finish(
    job: &CheckJob,
    plan: Plan,
    mut hash: impl FnMut(&[u32]) -> Result<Vec<bool>, StorageError>,
    pass: Pass,
) -> Result<Option<Found>, StorageError> {
    let mut plan = plan;
    let layout = &job.store.meta().layout;
    plan.have.iter().for_each(|piece| job.store.believe(piece));
    let mut hashed = Bitfield::new(layout.piece_count());
    // Each file of a complete torrent was looked at once for its stamp, and need not be looked at again.
    let is_settled =
        pass == Pass::Cheap && plan.look.count() == 0 && job.prepare && prepare_complete(job, &plan.stamps);
    if !is_settled && !settle(job, &mut plan, &mut hashed, &mut hash, pass)? {
        return Ok(None);
    }
    let Plan { stamps, have, .. } = plan;
    job.store.sync_found_pieces(hashed.iter().filter(|piece| have.contains(*piece)));
    let has_recorded = job.prepare && remember_own(job, &have, &stamps)?;
    let unfinished = if job.prepare { restore_unfinished(job) } else { Vec::new() };
    let bytes_of = |piece| u64::from(layout.piece_len(piece));
    let hashed_bytes = hashed.iter().map(bytes_of).sum();
    let believed_bytes = have.iter().filter(|piece| !hashed.contains(*piece)).map(bytes_of).sum();
    let look = Look { stamps, hashed_bytes, believed_bytes, has_recorded };
    *job.looks.lock().unwrap_or_else(PoisonError::into_inner) = Some(look);
    if let Some(ledger) = &job.ledger {
        ledger.set_mount(mount_point_of(&job.store.dir()));
    }
    Ok(Some(Found { present: have, unfinished }))
}

/// Hashes the planned pieces and prepares the disk, again as long as files change meanwhile. Returns false if files have
/// changed that the cheap pass must not read.
fn settle(
    job: &CheckJob,
    plan: &mut Plan,
    hashed: &mut Bitfield,
    hash: &mut impl FnMut(&[u32]) -> Result<Vec<bool>, StorageError>,
    pass: Pass,
) -> Result<bool, StorageError> {
    let Plan { stamps, have, look } = plan;
    let layout = &job.store.meta().layout;
    let mut rounds = 0;
    loop {
        let pieces: Vec<u32> = look.iter().collect();
        if !pieces.is_empty() {
            let good = hash(&pieces)?;
            hashed.extend(look.iter());
            for piece in pieces {
                match good.get(piece as usize) {
                    Some(true) => have.insert(piece),
                    _ => have.remove(piece),
                };
            }
        }
        if job.stop.load(Ordering::Relaxed) {
            return Err(StorageError::Stopped);
        }
        let mut changed = changed_since(&job.store, stamps)?;
        if changed.is_empty() && job.prepare {
            prepare(job, have, stamps)?;
            changed = changed_since(&job.store, stamps)?;
        }
        let Some(first) = changed.first() else { return Ok(true) };
        if pass == Pass::Cheap {
            return Ok(false);
        }
        rounds += 1;
        if rounds == MAX_ROUNDS {
            return Err(StorageError::FileChanged { path: job.store.path_of(*first) });
        }
        tracing::info!(
            path = %job.store.path_of(*first).display(),
            "checking a file again that has changed during its check"
        );
        *look = Bitfield::new(layout.piece_count());
        look.extend(changed.into_iter().flat_map(|file| layout.pieces_of(file)));
    }
}

/// Hashes pieces and reports the progress.
fn hash(job: &CheckJob, inbox: &Inbox<NetEvent>, pieces: &[u32]) -> Result<Vec<bool>, StorageError> {
    let total = pieces.len() as u32;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let shown = AtomicU32::new(0);
    let progress = |done: u32| {
        // About 200 steps suffice for a progress bar.
        let step = (total / 200).max(1);
        if done / step > shown.fetch_max(done / step, Ordering::Relaxed) {
            inbox.push(NetEvent::disk(job.torrent, DiskEvent::CheckProgress { done, total }));
        }
    };
    check_all(&job.store, Pieces::Only(pieces), threads, progress, &job.stop)
}

/// Returns the files that others have changed since these stamps were taken, and replaces the stamps with current ones.
fn changed_since(store: &TorrentStore, stamps: &mut Vec<FileStamp>) -> Result<Vec<usize>, StorageError> {
    let now = store.fingerprint()?;
    let changed = store.changed_between(stamps, &now);
    *stamps = now;
    Ok(changed)
}

/// Prepares the disk, unless data that is not the torrent's would be overwritten.
fn prepare(job: &CheckJob, have: &Bitfield, stamps: &[FileStamp]) -> Result<(), StorageError> {
    if let Some(resume) = &job.resume {
        job.store.set_own_files(&resume.own_files(stamps));
    }
    if let Some(had) = &job.had_before_change {
        spare_changes(&job.store, had, have)?;
    }
    spare_other_torrents(job)?;
    job.store.prepare_unless(&job.stop)
}

/// Prepares the disk if all files are there and unchanged. Returns false if there may be more to do.
fn prepare_complete(job: &CheckJob, stamps: &[FileStamp]) -> bool {
    if job.had_before_change.is_some() {
        return false;
    }
    if let Some(resume) = &job.resume {
        job.store.set_own_files(&resume.own_files(stamps));
    }
    job.store.prepare_complete(stamps)
}

/// Restores the pieces in progress: of this run, before a fault, or of the last one. Pieces with all blocks on disk
/// were hashed; those that did not match start over.
fn restore_unfinished(job: &CheckJob) -> Vec<(u32, Bitfield)> {
    let layout = &job.store.meta().layout;
    let kept = job.store.restore_unfinished(unfinished_of(job));
    let pieces = kept.into_iter().filter_map(|UnfinishedPiece { piece, blocks }| {
        Some((piece, Bitfield::from_wire(&blocks, layout.block_count(piece))?))
    });
    pieces.collect()
}

/// Returns the pieces in progress: as this run knows them, or else as they were saved.
fn unfinished_of(job: &CheckJob) -> Vec<UnfinishedPiece> {
    let now = job.store.unfinished();
    let saved = || job.resume.as_ref().map(|resume| resume.unfinished.clone()).unwrap_or_default();
    if now.is_empty() { saved() } else { now }
}

/// Refuses another download folder than before, unless it has files as they were saved last: a drive may return with
/// another number, and an empty mount point is a folder too. Only a check of all data, which the user requests, uses a
/// folder without its drive.
fn await_folder(job: &CheckJob) -> Result<(), StorageError> {
    let mount = job.resume.as_ref().and_then(|resume| resume.mount.as_deref());
    let is_unmounted = mount.is_some_and(|mount| !is_mount_point(mount)) && !job.distrust;
    let is_other = job.is_retry && !job.store.has_its_folder();
    if !is_unmounted && !is_other {
        return Ok(());
    }
    let now = job.store.fingerprint()?;
    let saved = job.resume.iter().flat_map(|resume| &resume.stamps);
    if saved.zip(&now).any(|(saved, now)| saved == now && now.len > 0) {
        return Ok(());
    }
    Err(StorageError::FolderGone { path: job.store.dir() })
}

/// Returns the pieces to hash despite resume data: those of files that have changed, have the wrong length or are
/// missing. Missing files count even if they were missing when the resume data was made.
fn doubtful(resume: &Resume, store: &TorrentStore, now: &[FileStamp]) -> Bitfield {
    let layout = &store.meta().layout;
    let is_missing = |file: &usize| now[*file] == FileStamp::ABSENT && layout.files()[*file].length > 0;
    let mut look = Bitfield::new(layout.piece_count());
    let changed = resume.changed_files(now).into_iter().chain(store.files_of_wrong_length(now));
    let files = changed.chain((0..now.len()).filter(is_missing));
    look.extend(files.flat_map(|file| layout.pieces_of(file)));
    look
}

/// Refuses a file that is as another torrent has left it, even if some of its pieces match: both may be editions of the
/// same content. Files that are as this torrent has left them are not looked up.
fn spare_other_torrents(job: &CheckJob) -> Result<(), StorageError> {
    let Some(ledger) = &job.ledger else { return Ok(()) };
    let is_as_left = |file: usize, stamp: FileStamp| {
        let left = job.resume.as_ref().filter(|resume| resume.own.get(file) == Some(&true));
        left.and_then(|resume| resume.stamps.get(file)) == Some(&stamp)
    };
    let at_risk = job.store.files_at_risk()?.into_iter();
    let at_risk: HashMap<FileStamp, usize> = at_risk
        .filter(|(file, stamp)| !is_as_left(*file, *stamp))
        .map(|(file, stamp)| (stamp, file))
        .collect();
    if at_risk.is_empty() {
        return Ok(());
    }
    match ledger.left_by_another(&job.store.meta().info_hashes, |stamp| at_risk.contains_key(stamp)) {
        Some(stamp) => {
            let path = job.store.path_of(at_risk.get(&stamp).copied().unwrap_or_default());
            Err(StorageError::InTheWay { path, why: InTheWay::OfAnotherTorrent })
        }
        None => Ok(()),
    }
}

/// Refuses to overwrite a piece that was present and is lost: as far as we know, it was changed on purpose, and the
/// user decides.
fn spare_changes(store: &TorrentStore, had: &[u8], have: &Bitfield) -> Result<(), StorageError> {
    let layout = &store.meta().layout;
    let was_there =
        |piece: u32| had.get(piece as usize / 8).is_some_and(|byte| byte & (0x80 >> (piece % 8)) != 0);
    let mut lost = (0..layout.piece_count()).filter(|piece| was_there(*piece) && !have.contains(*piece));
    let Some(piece) = lost.next() else { return Ok(()) };
    let file =
        layout.ranges(piece, 0, layout.piece_len(piece)).find(|range| !range.pad).map(|range| range.file);
    Err(StorageError::FileChanged { path: store.path_of(file.unwrap_or_default()) })
}

/// Records which files were accepted as the torrent's own, before the first write to one, and during a download those that
/// writes may create. Returns true if the resume file was written.
fn remember_own(job: &CheckJob, have: &Bitfield, stamps: &[FileStamp]) -> Result<bool, StorageError> {
    let _still = job.store.keep_place();
    let Some(ledger) = &job.ledger else { return Ok(false) };
    let mut stamps = stamps.to_vec();
    let own = job.store.own_record(&mut stamps);
    let is_known = job.resume.as_ref().is_some_and(|resume| resume.own == own) || !own.contains(&true);
    if is_known || have.count() == have.len() {
        return Ok(false);
    }
    // The record says which pieces are present.
    job.store.sync()?;
    let Place { dir, names } = job.store.place();
    let info_hashes = job.store.meta().info_hashes;
    let earlier = job.resume.as_deref().cloned().unwrap_or_else(|| Resume::new(info_hashes, dir.clone()));
    let (have, wanted) = (have.to_wire(), job.wanted.clone());
    let mut resume = Resume { dir, names, have, stamps, wanted, own, ..earlier };
    match ledger.save(&mut resume).and_then(|()| ledger.sync()) {
        Ok(()) => Ok(true),
        Err(error) => {
            // The save that follows reports it.
            tracing::debug!(%error, "cannot record which files are the torrent's own");
            Ok(false)
        }
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
