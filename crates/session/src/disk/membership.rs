//! Membership of a torrent in the threads of its disk.

use super::fault::fault;
use crate::handle::RemoveError;
use crate::inbox::Inbox;
use crate::message::NetEvent;
use crate::reply::{Answer, answer};
use crate::resume_store::Record;
use std::sync::{Arc, Mutex, PoisonError};
use ztor_engine::DiskId;
use ztor_storage::{DeletedFiles, TorrentStore};

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
}

/// Deletion of a removed torrent's files and resume data.
#[derive(Debug)]
pub(crate) struct Deletion {
    pub(crate) record: Option<Record>,
    pub(crate) answer: Answer<DeletedFiles, RemoveError>,
}

impl Membership {
    pub(super) fn new(disk: DiskId, store: Arc<TorrentStore>, inbox: &Arc<Inbox<NetEvent>>) -> Arc<Self> {
        Arc::new(Self { disk, store, inbox: Arc::clone(inbox), deletion: Mutex::default() })
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
    /// Deletes the torrent's data once no job of it is left.
    pub(crate) fn delete_at_the_end(&self, deletion: Deletion) {
        *self.deletion.lock().unwrap_or_else(PoisonError::into_inner) = Some(deletion);
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let deletion = self.deletion.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Deletion { record, answer: to }) = deletion {
            let deleted = self.store.delete_files().map_err(|error| RemoveError::Disk(fault(&error)));
            // Without the files the record is of no use, and with them it saves a check.
            let record = record.filter(|_| deleted.is_ok());
            if let Some(Err(error)) = record.map(|record| record.remove()) {
                tracing::warn!(%error, "cannot remove the resume data of a removed torrent");
            }
            answer(to, deleted);
        }
        self.inbox.push(NetEvent::LeftDisk { disk: self.disk });
    }
}
