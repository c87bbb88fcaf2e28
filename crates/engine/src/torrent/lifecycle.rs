//! The life of a torrent, from the link to the end.

use crate::event::DiskFault;
use crate::ids::PeerKey;
use crate::metadata::{Fetch, Layers};
use crate::status::TorrentState;
use std::sync::Arc;
use ztor_metainfo::Metainfo;

/// The state of a torrent.
pub(crate) enum Lifecycle {
    /// The info dictionary is fetched (BEP 9).
    FetchingInfo(Fetch),
    /// The hashes of the pieces are fetched (BEP 52).
    FetchingLayers(Box<Metainfo>, Layers),
    /// All is known, and the user has not started it.
    Waiting(Arc<Metainfo>),
    /// The metadata matches the info-hash, and is no usable torrent.
    Invalid(String),
    /// The disk looks at what is there: pieces done and to do. `is_again` if that was known before.
    Checking { meta: Arc<Metainfo>, done: u32, total: u32, is_again: bool },
    /// Pieces move.
    Active(Arc<Metainfo>),
    /// A disk fault; nothing moves until it is resumed. `was_checked` if our pieces are known.
    Stopped { meta: Arc<Metainfo>, fault: DiskFault, was_checked: bool },
    /// It says goodbye.
    Removing,
}

impl Lifecycle {
    /// Returns true if pieces move.
    pub(crate) fn is_active(&self) -> bool {
        matches!(self, Self::Active(_))
    }

    /// Returns true if peers may come and are looked for: pieces move, or the metadata does.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::FetchingInfo(_) | Self::FetchingLayers(..) | Self::Waiting(_) | Self::Active(_) => true,
            Self::Invalid(_) | Self::Checking { .. } | Self::Stopped { .. } | Self::Removing => false,
        }
    }

    /// Returns true if the disk was looked at: what the picker says we have is true.
    pub(crate) fn is_checked(&self) -> bool {
        match self {
            Self::Active(_) => true,
            Self::Checking { is_again, .. } => *is_again,
            Self::Stopped { was_checked, .. } => *was_checked,
            _ => false,
        }
    }

    /// Returns true if pieces that are verified now count, and a record of them can be made. During a check, the check says what
    /// is there.
    pub(crate) fn counts_pieces(&self) -> bool {
        self.is_checked() && !self.is_checking()
    }

    pub(crate) fn is_checking(&self) -> bool {
        matches!(self, Self::Checking { .. })
    }

    /// The metadata, once all of it is known.
    pub(crate) fn meta(&self) -> Option<&Arc<Metainfo>> {
        match self {
            Self::Waiting(meta)
            | Self::Checking { meta, .. }
            | Self::Active(meta)
            | Self::Stopped { meta, .. } => Some(meta),
            Self::FetchingInfo(_) | Self::FetchingLayers(..) | Self::Invalid(_) | Self::Removing => None,
        }
    }

    /// The info dictionary, once it is known to be right.
    pub(crate) fn info(&self) -> Option<&Arc<[u8]>> {
        match self {
            Self::FetchingLayers(meta, _) => Some(&meta.info),
            _ => self.meta().map(|meta| &meta.info),
        }
    }

    /// The fetch of the info dictionary, while that is under way.
    pub(crate) fn fetch_mut(&mut self) -> Option<&mut Fetch> {
        if let Self::FetchingInfo(fetch) = self { Some(fetch) } else { None }
    }

    /// The fetch of the piece layers, while that is under way.
    pub(crate) fn layers_mut(&mut self) -> Option<(&mut Metainfo, &mut Layers)> {
        if let Self::FetchingLayers(meta, layers) = self { Some((meta, layers)) } else { None }
    }

    /// Ends the fetch of the piece layers. Returns what is known of the torrent.
    pub(super) fn take_layers(&mut self) -> Option<Metainfo> {
        match std::mem::replace(self, Self::Removing) {
            Self::FetchingLayers(meta, _) => Some(*meta),
            other => {
                *self = other;
                None
            }
        }
    }

    /// A peer is gone.
    pub(crate) fn on_peer_gone(&mut self, key: PeerKey) {
        match self {
            Self::FetchingInfo(fetch) => fetch.remove_source(key),
            Self::FetchingLayers(_, layers) => layers.remove_source(key),
            _ => {}
        }
    }

    /// The state as front ends see it.
    pub(super) fn state(&self, is_finished: bool) -> TorrentState {
        match self {
            Self::FetchingInfo(fetch) => {
                let (done, total) = fetch.progress();
                TorrentState::Metadata { done, total }
            }
            Self::FetchingLayers(_, layers) => {
                let (done, total) = layers.progress();
                TorrentState::Metadata { done, total }
            }
            Self::Waiting(_) => TorrentState::Waiting,
            Self::Invalid(message) => TorrentState::Unusable(message.clone()),
            Self::Checking { done, total, .. } => TorrentState::Checking { done: *done, total: *total },
            Self::Active(_) | Self::Removing if is_finished => TorrentState::Seeding,
            Self::Active(_) | Self::Removing => TorrentState::Downloading,
            Self::Stopped { fault, .. } => TorrentState::Stopped(fault.clone()),
        }
    }
}
