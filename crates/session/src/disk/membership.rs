//! The tie of a torrent to the threads of its disk.

use crate::inbox::Inbox;
use crate::message::NetEvent;
use std::sync::Arc;
use ztor_engine::DiskId;
use ztor_storage::TorrentStore;

/// A torrent among those of one disk.
///
/// Shared by the torrent's entry and by its jobs. The last owner reports [`NetEvent::LeftDisk`]: from then on no thread
/// has anything of the torrent. While the session runs, the last owner is a disk thread,
/// because closing files may wait for the disk.
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

    /// The disk of the torrent.
    pub(crate) fn disk(&self) -> DiskId {
        self.disk
    }

    /// The files of the torrent.
    pub(crate) fn store(&self) -> &Arc<TorrentStore> {
        &self.store
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.inbox.push(NetEvent::LeftDisk { disk: self.disk });
    }
}
