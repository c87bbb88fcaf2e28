//! Membership of a torrent in the threads of its disk.

use super::fault::fault;
use crate::handle::RemoveError;
use crate::inbox::Inbox;
use crate::ledger::Ledger;
use crate::message::NetEvent;
use crate::presence::Seat;
use crate::reply::{Answer, answer};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use ztor_engine::DiskId;
use ztor_storage::{DeletedFiles, StorageError, TorrentStore};

/// Membership of a torrent in the group of one disk.
///
/// Shared by the torrent's entry and by its jobs. The last owner reports [`NetEvent::LeftDisk`] when it drops it: no
/// thread has anything left of the torrent then. While the session runs, the last owner is a disk thread, because
/// closing files may wait for the disk.
#[derive(Debug)]
pub(crate) struct Membership {
    disk: DiskId,
    store: Arc<TorrentStore>,
    inbox: Arc<Inbox<NetEvent>>,
    /// Deletion to carry out when the last owner drops the membership; `None` if the data stays.
    deletion: Mutex<Option<Deletion>>,
    /// Answers to give when the last owner drops the membership.
    left: Mutex<Vec<Answer<()>>>,
    /// Presence of the torrent, which ends after the deletion.
    seat: OnceLock<Arc<Seat>>,
}

/// Deletion of a removed torrent's files and resume data; without an answer of the resume data only.
#[derive(Debug)]
pub(crate) struct Deletion {
    pub(crate) ledger: Option<Arc<Ledger>>,
    pub(crate) answer: Option<Answer<DeletedFiles, RemoveError>>,
}

impl Membership {
    pub(super) fn new(disk: DiskId, store: Arc<TorrentStore>, inbox: &Arc<Inbox<NetEvent>>) -> Arc<Self> {
        Arc::new(Self {
            disk,
            store,
            inbox: Arc::clone(inbox),
            deletion: Mutex::default(),
            left: Mutex::default(),
            seat: OnceLock::new(),
        })
    }

    /// Returns the disk of the torrent.
    pub(crate) fn disk(&self) -> DiskId {
        self.disk
    }

    /// Returns the files of the torrent.
    pub(crate) fn store(&self) -> &Arc<TorrentStore> {
        &self.store
    }
}

impl Membership {
    /// Keeps the torrent present until no job of it is left.
    pub(crate) fn keep_present(&self, seat: Arc<Seat>) {
        // It has one seat in all its time.
        drop(self.seat.set(seat));
    }

    /// Answers once no job of the torrent is left, and no thread writes to its files.
    pub(crate) fn answer_at_the_end(&self, to: Answer<()>) {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).push(to);
    }

    /// Deletes the torrent's data once no job of it is left.
    pub(crate) fn delete_at_the_end(&self, deletion: Deletion) {
        *self.deletion.lock().unwrap_or_else(PoisonError::into_inner) = Some(deletion);
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let deletion = self.deletion.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Deletion { ledger, answer: to }) = deletion {
            match to {
                Some(to) => answer(to, delete(&self.store, ledger.as_deref())),
                None => forget(ledger.as_deref()),
            }
        }
        let left = self.left.get_mut().unwrap_or_else(PoisonError::into_inner);
        left.drain(..).for_each(|to| answer(to, Ok(())));
        self.inbox.push(NetEvent::LeftDisk { disk: self.disk });
    }
}

/// Deletes the files of a torrent, and then its resume data. The next start completes what a crash interrupts.
pub(crate) fn delete(store: &TorrentStore, ledger: Option<&Ledger>) -> Result<DeletedFiles, RemoveError> {
    let _still = store.keep_place();
    let refused = |error| RemoveError::Disk(fault(&error));
    store.require_writable().map_err(refused)?;
    if ledger.is_some_and(Ledger::is_torn) {
        return Err(refused(StorageError::HalfMoved { path: store.dir() }));
    }
    if let Some(ledger) = ledger {
        // By the stamps, the next start knows the files that it may delete.
        let stamps = store.fingerprint().map_err(refused)?;
        if let Err(error) = ledger.save_deleting(store.own_files(), stamps) {
            tracing::warn!(%error, "cannot record that the files of a torrent are being deleted");
        }
    }
    match store.delete_files() {
        Ok(deleted) => {
            // Without the files the record is of no use.
            forget(ledger);
            Ok(deleted)
        }
        Err(error) => {
            // The user has to decide about the rest.
            if let Some(Err(error)) = ledger.map(Ledger::save_kept) {
                tracing::warn!(%error, "cannot record that the files of a torrent stay");
            }
            Err(refused(error))
        }
    }
}

fn forget(ledger: Option<&Ledger>) {
    if let Some(Err(error)) = ledger.map(Ledger::remove) {
        tracing::warn!(%error, "cannot remove the resume data of a removed torrent");
    }
}
