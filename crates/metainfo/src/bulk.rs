//! The large part of the metadata, which can stay outside memory.
//!
//! A seeding torrent needs its info dictionary and the hashes of its pieces rarely: for a check, or for a peer that has
//! only a magnet link. With thousands of torrents they would take most of the memory.

use std::fmt;
use std::sync::Arc;

use crate::hashes::PieceHashes;

/// Info dictionary and hashes of a torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bulk {
    info: Arc<[u8]>,
    hashes: PieceHashes,
}

/// A place from which the [`Bulk`] of one torrent can be loaded at any time.
pub trait BulkSource: fmt::Debug + Send + Sync {
    /// Returns the bulk. May wait for a disk.
    ///
    /// # Errors
    /// The place cannot be read, or has something else.
    fn load(&self) -> Result<Arc<Bulk>, BulkError>;

    /// Returns the bulk if it is in memory. Never waits for a disk.
    fn in_memory(&self) -> Option<Arc<Bulk>>;
}

/// Reason why a [`Bulk`] cannot be loaded, in plain words.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cannot load the saved metadata: {0}")]
pub struct BulkError(pub String);

impl Bulk {
    pub(crate) fn new(info: Arc<[u8]>, hashes: PieceHashes) -> Self {
        Self { info, hashes }
    }

    /// Returns the info dictionary as received, for peers that request metadata (BEP 9).
    pub fn info(&self) -> &Arc<[u8]> {
        &self.info
    }

    /// Returns the expected hashes of the pieces.
    pub fn hashes(&self) -> &PieceHashes {
        &self.hashes
    }

    pub(crate) fn hashes_mut(&mut self) -> &mut PieceHashes {
        &mut self.hashes
    }

    /// Returns the used memory in bytes.
    pub fn bytes(&self) -> usize {
        self.info.len() + self.hashes.bytes()
    }
}

/// The bulk of one torrent, in memory or elsewhere.
#[derive(Clone)]
pub(crate) enum Slot {
    Here(Arc<Bulk>),
    Away(Arc<dyn BulkSource>),
}

impl Slot {
    pub(crate) fn in_memory(&self) -> Option<Arc<Bulk>> {
        match self {
            Self::Here(bulk) => Some(Arc::clone(bulk)),
            Self::Away(source) => source.in_memory(),
        }
    }

    pub(crate) fn load(&self) -> Result<Arc<Bulk>, BulkError> {
        match self {
            Self::Here(bulk) => Ok(Arc::clone(bulk)),
            Self::Away(source) => source.load(),
        }
    }

    /// Changes the bulk, if it is here.
    pub(crate) fn change<T>(&mut self, change: impl FnOnce(&mut Bulk) -> T) -> Option<T> {
        match self {
            Self::Here(bulk) => Some(change(Arc::make_mut(bulk))),
            Self::Away(_) => None,
        }
    }
}

impl PartialEq for Slot {
    /// The owners compare the info-hashes, which cover all but the piece layers of v2.
    fn eq(&self, other: &Self) -> bool {
        match (self.in_memory(), other.in_memory()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        }
    }
}

impl Eq for Slot {}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(bulk) => bulk.fmt(f),
            Self::Away(source) => source.fmt(f),
        }
    }
}
