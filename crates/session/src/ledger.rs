//! Resume data of one torrent, while its files and so its record may move.

use crate::resume_store::Record;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use ztor_metainfo::InfoHashes;
use ztor_storage::FileStamp;
use ztor_storage::resume::{Moving, Resume, ResumeError};

/// Maximum number of earlier folders of a torrent with a record that leads to the current one.
const MAX_MOVED_FROM: usize = 16;

/// The record of one torrent, shared by its entry and its jobs.
///
/// Writes to it are made while the files keep their place ([`TorrentStore::keep_place`]), so that a save does not undo
/// what a move has recorded.
///
/// [`TorrentStore::keep_place`]: ztor_storage::TorrentStore::keep_place
#[derive(Debug)]
pub(crate) struct Ledger(Mutex<Page>);

#[derive(Debug)]
struct Page {
    record: Record,
    /// Move that is under way.
    moving: Option<Moving>,
    /// True if that was torn: it has failed, and could not be undone.
    is_torn: bool,
    /// Folders with a record that leads to this one.
    moved_from: Vec<PathBuf>,
    /// Mount point of the file system with the files; `None` for the root file system, or if unknown.
    mount: Option<PathBuf>,
}

impl Ledger {
    pub(crate) fn new(record: Record) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Page {
            record,
            moving: None,
            is_torn: false,
            moved_from: Vec::new(),
            mount: None,
        })))
    }

    /// Loads the data; `None` if there is none.
    pub(crate) fn load(&self) -> Result<Option<Resume>, ResumeError> {
        self.record().load()
    }

    /// Replaces the data. [`sync`](Self::sync) makes it durable.
    pub(crate) fn save(&self, resume: &mut Resume) -> Result<(), ResumeError> {
        self.complete(resume);
        self.record().save(resume)
    }

    /// Adds to the data all that is known only here.
    pub(crate) fn complete(&self, resume: &mut Resume) {
        let page = self.page();
        resume.moving.clone_from(&page.moving);
        resume.moved_from.clone_from(&page.moved_from);
        resume.mount.clone_from(&page.mount);
    }

    /// Returns the mount point of the file system with the files; `None` if unknown, or for the root file system.
    pub(crate) fn mount(&self) -> Option<PathBuf> {
        self.page().mount.clone()
    }

    /// Sets the folders with a record that leads to this one.
    pub(crate) fn set_moved_from(&self, dirs: Vec<PathBuf>) {
        self.page().moved_from = dirs;
    }

    /// Sets the mount point of the file system with the files.
    pub(crate) fn set_mount(&self, mount: Option<PathBuf>) {
        self.page().mount = mount;
    }

    /// Sets the stage of a move for all later saves; `None` if no move is under way any more.
    pub(crate) fn set_stage(&self, moving: Option<Moving>) {
        self.page().moving = moving;
    }

    /// Saves the data with the stage of a move, and makes that durable.
    pub(crate) fn save_stage(&self, resume: &mut Resume) -> Result<(), ResumeError> {
        self.save(resume)?;
        self.sync()
    }

    /// Ends a move for all later saves: from then on the record is `to`. Returns the earlier record, if it is another.
    pub(crate) fn set_moved(&self, to: Record) -> Option<Record> {
        let mut page = self.page();
        page.moving = None;
        let from = std::mem::replace(&mut page.record, to);
        if page.record == from {
            return None;
        }
        let to = page.record.dir().to_owned();
        page.moved_from.retain(|dir| *dir != to);
        page.moved_from.push(from.dir().to_owned());
        let excess = page.moved_from.len().saturating_sub(MAX_MOVED_FROM);
        page.moved_from.drain(..excess);
        Some(from)
    }

    /// Ends a move, and makes that durable. The earlier record, if it is another, leads to the new one.
    pub(crate) fn save_moved(&self, resume: &mut Resume, to: Record) -> Result<(), ResumeError> {
        let from = self.set_moved(to);
        self.save_led_to(resume, from)
    }

    /// Saves the data, makes that durable, and lets an earlier record lead there.
    pub(crate) fn save_led_to(&self, resume: &mut Resume, from: Option<Record>) -> Result<(), ResumeError> {
        self.save(resume)?;
        if let Some(from) = from {
            // After a crash between the two, the record that is left ends the move again.
            self.sync()?;
            from.save(resume)?;
        }
        self.sync()
    }

    /// Saves the data of files that lie in their folder for incomplete ones and have another download folder now, makes that
    /// durable, and removes the earlier record.
    pub(crate) fn save_home(&self, resume: &mut Resume, from: Option<Record>) -> Result<(), ResumeError> {
        self.page().moved_from.retain(|dir| Some(dir.as_path()) != from.as_ref().map(Record::dir));
        self.save(resume)?;
        self.sync()?;
        if let Some(from) = from {
            from.remove()?;
        }
        self.sync()
    }

    /// Records that the move under way has failed and could not be undone. Only the next start finds its files.
    pub(crate) fn set_torn(&self) {
        self.page().is_torn = true;
    }

    /// Returns true if a move was torn.
    pub(crate) fn is_torn(&self) -> bool {
        self.page().is_torn
    }

    /// Records that the files, which have these stamps, are being deleted, and makes that durable.
    pub(crate) fn save_deleting(&self, own: Vec<bool>, stamps: Vec<FileStamp>) -> Result<(), ResumeError> {
        if let Some(resume) = self.load()? {
            self.save(&mut Resume { is_deleting: true, own, stamps, ..resume })?;
            self.sync()?;
        }
        Ok(())
    }

    /// Records that the files stay after all, and makes that durable.
    pub(crate) fn save_kept(&self) -> Result<(), ResumeError> {
        if let Some(resume) = self.load()? {
            self.save(&mut Resume { is_deleting: false, ..resume })?;
            self.sync()?;
        }
        Ok(())
    }

    /// Removes the data, and makes that durable.
    pub(crate) fn remove(&self) -> Result<(), ResumeError> {
        let (record, moved_from) = {
            let page = self.page();
            (page.record.clone(), page.moved_from.clone())
        };
        // In this order, a record that a crash leaves still leads to the files.
        record.remove()?;
        moved_from.into_iter().try_for_each(|dir| record.in_folder(&dir).remove())?;
        self.sync()
    }

    /// Makes the saved data of all torrents durable.
    pub(crate) fn sync(&self) -> Result<(), ResumeError> {
        self.record().sync()
    }

    /// Returns a stamp for which `is_asked` is true, and which another torrent has left on one of its files.
    pub(crate) fn left_by_another(
        &self,
        own: &InfoHashes,
        is_asked: impl Fn(&FileStamp) -> bool,
    ) -> Option<FileStamp> {
        self.record().left_by_another(own, is_asked)
    }

    /// Returns the record as it is now.
    pub(crate) fn record(&self) -> Record {
        self.page().record.clone()
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
