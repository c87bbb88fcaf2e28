//! Membership of a torrent in the threads of its disk.

use crate::inbox::Inbox;
use crate::message::NetEvent;
use std::sync::Arc;
use ztor_engine::DiskId;
use ztor_storage::TorrentStore;

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
}

impl Membership {
    pub(super) fn new(disk: DiskId, store: Arc<TorrentStore>, inbox: &Arc<Inbox<NetEvent>>) -> Arc<Self> {
        Arc::new(Self { disk, store, inbox: Arc::clone(inbox) })
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

impl Drop for Membership {
    fn drop(&mut self) {
        self.inbox.push(NetEvent::LeftDisk { disk: self.disk });
    }
}
