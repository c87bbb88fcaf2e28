//! The lifecycle of a torrent, from the link to the end.

use crate::event::DiskFault;
use crate::ids::PeerKey;
use crate::metadata::{Fetch, Layers};
use crate::status::TorrentState;
use std::sync::Arc;
use ztor_metainfo::Metainfo;

/// The state of a torrent.
pub(crate) enum Lifecycle {
    /// Fetches the info dictionary (BEP 9).
    FetchingInfo(Fetch),
    /// Fetches the piece layers (BEP 52).
    FetchingLayers(Box<Metainfo>, Layers),
    /// Waits until the user starts it. The metadata is complete.
    Waiting(Arc<Metainfo>),
    /// The metadata matches the info-hash, but is unusable for this reason.
    Invalid(String),
    /// The disk checks the files: `done` of `total` pieces. `is_again` is true if our pieces were known before.
    Checking { meta: Arc<Metainfo>, done: u32, total: u32, is_again: bool },
    /// Exchanges pieces.
    Active(Arc<Metainfo>),
    /// Stopped by a disk fault until it is resumed. `was_checked` is true if our pieces are known.
    Stopped { meta: Arc<Metainfo>, fault: DiskFault, was_checked: bool },
    /// Announces `stopped` to the trackers.
    Removing,
}

impl Lifecycle {
    /// Returns true if pieces are exchanged.
    pub(crate) fn is_active(&self) -> bool {
        matches!(self, Self::Active(_))
    }

    /// Returns true if peers are accepted and looked for, to exchange pieces or metadata.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::FetchingInfo(_) | Self::FetchingLayers(..) | Self::Waiting(_) | Self::Active(_) => true,
            Self::Invalid(_) | Self::Checking { .. } | Self::Stopped { .. } | Self::Removing => false,
        }
    }

    /// Returns true if the files were checked, so that the picker knows our pieces.
    pub(crate) fn is_checked(&self) -> bool {
        match self {
            Self::Active(_) => true,
            Self::Checking { is_again, .. } => *is_again,
            Self::Stopped { was_checked, .. } => *was_checked,
            _ => false,
        }
    }

    /// Returns true if verified pieces count, and can be recorded. During a check, only its result counts.
    pub(crate) fn counts_pieces(&self) -> bool {
        self.is_checked() && !self.is_checking()
    }

    pub(crate) fn is_checking(&self) -> bool {
        matches!(self, Self::Checking { .. })
    }

    /// Returns the metadata; `None` until it is complete.
    pub(crate) fn meta(&self) -> Option<&Arc<Metainfo>> {
        match self {
            Self::Waiting(meta)
            | Self::Checking { meta, .. }
            | Self::Active(meta)
            | Self::Stopped { meta, .. } => Some(meta),
            Self::FetchingInfo(_) | Self::FetchingLayers(..) | Self::Invalid(_) | Self::Removing => None,
        }
    }

    /// Returns the metadata, with or without the piece layers; `None` until the hash of the info dictionary is verified.
    pub(crate) fn verified(&self) -> Option<&Metainfo> {
        match self {
            Self::FetchingLayers(meta, _) => Some(meta),
            _ => self.meta().map(AsRef::as_ref),
        }
    }

    /// Returns the fetch of the info dictionary, while it is under way.
    pub(crate) fn fetch_mut(&mut self) -> Option<&mut Fetch> {
        if let Self::FetchingInfo(fetch) = self { Some(fetch) } else { None }
    }

    /// Returns the fetch of the piece layers, while it is under way.
    pub(crate) fn layers_mut(&mut self) -> Option<(&mut Metainfo, &mut Layers)> {
        if let Self::FetchingLayers(meta, layers) = self { Some((meta, layers)) } else { None }
    }

    /// Ends the fetch of the piece layers. Returns the metadata so far; `None` if no such fetch is under way.
    pub(super) fn take_layers(&mut self) -> Option<Metainfo> {
        match std::mem::replace(self, Self::Removing) {
            Self::FetchingLayers(meta, _) => Some(*meta),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Removes a peer from the sources of metadata.
    pub(crate) fn on_peer_gone(&mut self, key: PeerKey) {
        match self {
            Self::FetchingInfo(fetch) => fetch.remove_source(key),
            Self::FetchingLayers(_, layers) => layers.remove_source(key),
            _ => {}
        }
    }

    /// Returns the state for front ends.
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
