//! Finds the files of an added torrent by its record: they may have moved, or a crash may have interrupted something.

use crate::add::AddError;
use crate::disk::delete;
use crate::ledger::Ledger;
use crate::resume_store::{Record, ResumeStore};
use std::path::Path;
use std::sync::Arc;
use ztor_metainfo::Metainfo;
use ztor_storage::resume::Resume;
use ztor_storage::{
    FileNames, HandleCache, Place, StorageError, StoreOptions, TorrentStore, is_mount_point, mount_point_of,
    recover_move,
};

/// Maximum number of moves that are followed to the current folder.
const MAX_MOVES: usize = 16;

/// Place and record of a torrent.
pub(crate) struct Located {
    /// The place of the files.
    pub(crate) place: Place,
    /// Record of the resume data; `None` keeps none.
    pub(crate) ledger: Option<Arc<Ledger>>,
    /// Resume data of the torrent in this place; `None` if there is none.
    pub(crate) resume: Option<Resume>,
}

/// Folders and names that the user requests for a torrent.
pub(crate) struct Requested<'a> {
    /// The download folder.
    pub(crate) dir: &'a Path,
    /// Folder of the files until they are complete; `None` for the download folder.
    pub(crate) incomplete_dir: Option<&'a Path>,
    pub(crate) names: &'a FileNames,
    /// True if nothing is to be written or deleted.
    pub(crate) is_read_only: bool,
}

/// Finds the place of a torrent's files, and completes what a crash has interrupted: a move, or the removal of the files.
pub(crate) fn locate(
    store: Option<&Arc<dyn ResumeStore>>,
    meta: &Arc<Metainfo>,
    requested: &Requested<'_>,
    handles: &Arc<HandleCache>,
) -> Result<Located, AddError> {
    let Some(store) = store else {
        return Ok(Located { place: new_place(meta, requested), ledger: None, resume: None });
    };
    let first = Record::new(Arc::clone(store), meta, requested.dir);
    let (record, resume) = follow(&first, meta);
    let ledger = Ledger::new(record.clone());
    ledger.set_mount(resume.as_ref().and_then(|resume| resume.mount.clone()));
    let Some(mut resume) = resume else {
        return Ok(Located { place: new_place(meta, requested), ledger: Some(ledger), resume: None });
    };
    if resume.is_deleting && !requested.is_read_only {
        return complete_deletion(meta, &ledger, &resume, handles);
    }
    resume.is_deleting = false;
    if record == first {
        // The caller knows where the files are.
        for dir in resume.moved_from.drain(..).filter(|dir| dir != record.dir()) {
            if let Err(error) = record.in_folder(&dir).remove() {
                tracing::warn!(%error, "cannot remove the record that led to the new folder of a torrent");
            }
        }
    } else {
        ledger.set_moved_from(resume.moved_from.clone());
    }
    if let Some(moving) = resume.moving.take() {
        if requested.is_read_only {
            return Err(StorageError::HalfMoved { path: resume.dir }.into());
        }
        if moving.switching.is_some() {
            // Without a drive, its files would seem to be moved or never there.
            expect_mount(resume.mount.as_deref(), &resume.dir)?;
            expect_mount(moving.mount.as_deref(), &moving.to.dir)?;
        }
        let from = Place { dir: resume.dir.clone(), names: resume.names.clone() };
        let place = recover_move(meta, &from, &moving)?;
        let is_complete = moving.switching.is_some();
        tracing::info!(dir = %place.dir.display(), is_complete, "ended an interrupted move");
        // Incomplete files leave their record in the download folder.
        let stays = place.dir == from.dir || requested.incomplete_dir == Some(&place.dir);
        let to = if stays { record.clone() } else { record.in_folder(&place.dir) };
        ledger.set_mount(mount_point_of(&place.dir));
        Place { dir: resume.dir, names: resume.names } = place;
        if let Err(error) = ledger.save_moved(&mut resume, to) {
            // The next start does the same again.
            tracing::warn!(%error, "cannot record the end of an interrupted move");
        }
    }
    let place = Place { dir: resume.dir.clone(), names: resume.names.clone() };
    Ok(Located { place, ledger: Some(ledger), resume: Some(resume) })
}

/// Fails if a folder was below a mount point where nothing is mounted now.
fn expect_mount(mount: Option<&Path>, dir: &Path) -> Result<(), AddError> {
    match mount.is_none_or(is_mount_point) {
        true => Ok(()),
        false => Err(StorageError::FolderGone { path: dir.to_owned() }.into()),
    }
}

/// Returns the record of a torrent, and its data if that can be used. A record may lead to another folder.
fn follow(first: &Record, meta: &Metainfo) -> (Record, Option<Resume>) {
    let mut record = first.clone();
    let mut resume = load(&record, meta);
    for _ in 0..MAX_MOVES {
        let Some(found) = resume.as_ref().filter(|found| found.dir != record.dir()) else { break };
        let next = record.in_folder(&found.dir);
        // Without a record there, the files are in their folder for incomplete ones.
        let Some(there) = load(&next, meta) else { break };
        (record, resume) = (next, Some(there));
    }
    (record, resume)
}

fn load(record: &Record, meta: &Metainfo) -> Option<Resume> {
    let verified = |resume: Option<Resume>| match resume {
        Some(resume) => resume.verify(meta, &resume.dir).map(|()| Some(resume)),
        None => Ok(None),
    };
    record.load().and_then(verified).unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot use the resume data; checking the torrent");
        None
    })
}

/// Returns the place of a torrent without a record: its folder for incomplete files, unless some lie in the other.
fn new_place(meta: &Arc<Metainfo>, requested: &Requested<'_>) -> Place {
    let place = |dir: &Path| Place { dir: dir.to_owned(), names: requested.names.clone() };
    let Some(incomplete) = requested.incomplete_dir else { return place(requested.dir) };
    let files = meta.layout.files().iter().enumerate().filter(|(_, file)| !file.pad);
    let mut paths = files.map(|(file, _)| requested.dir.join(requested.names.path(meta, file)));
    if paths.any(|path| std::fs::symlink_metadata(path).is_ok()) {
        return place(requested.dir);
    }
    place(incomplete)
}

/// Deletes what is left of a torrent whose removal a crash has interrupted. Files that have changed since, or that another
/// program has put there, stay.
fn complete_deletion(
    meta: &Arc<Metainfo>,
    ledger: &Ledger,
    resume: &Resume,
    handles: &Arc<HandleCache>,
) -> Result<Located, AddError> {
    expect_mount(resume.mount.as_deref(), &resume.dir)?;
    let place = Place { dir: resume.dir.clone(), names: resume.names.clone() };
    let options = StoreOptions::default();
    let store = TorrentStore::open_at(Arc::clone(meta), &place, None, options, Arc::clone(handles))?;
    let now = store.fingerprint()?;
    let is_same: Vec<bool> = resume.stamps.iter().zip(&now).map(|(then, now)| then == now).collect();
    let own: Vec<bool> = resume.own.iter().zip(&is_same).map(|(own, is_same)| *own && *is_same).collect();
    store.set_own_files(&own);
    let layout = &meta.layout;
    let is_there = |piece: &u32| {
        let mut ranges = layout.ranges(*piece, 0, layout.piece_len(*piece)).filter(|range| !range.pad);
        resume.has(*piece) && ranges.all(|range| is_same.get(range.file) == Some(&true))
    };
    (0..layout.piece_count()).filter(is_there).for_each(|piece| store.believe(piece));
    delete(&store, Some(ledger)).map_err(AddError::Removal)?;
    Err(AddError::Removed)
}
