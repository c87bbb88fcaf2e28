//! Reasons why files are not moved or renamed.

use crate::claims::Shared;
use crate::reply::AskError;
use std::path::PathBuf;
use thiserror::Error;
use ztor_engine::{DiskFault, DiskFaultKind};
use ztor_metainfo::InfoHashes;
use ztor_storage::NameError;

/// Reason why the files of a torrent were not moved or renamed. They are where they were, unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MoveError {
    /// A file or folder cannot have its new name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Another torrent of the session uses one of the new paths.
    #[error("cannot move to {}: it belongs to the torrent {name} ({info_hashes}); choose another folder", path.display())]
    FileShared {
        /// The path.
        path: PathBuf,
        /// Name of the other torrent.
        name: String,
        /// Info-hashes of the other torrent.
        info_hashes: InfoHashes,
    },
    /// The disk failed, or a file is in the way.
    #[error("cannot move the files: {}", .0.message)]
    Disk(DiskFault),
    /// The torrent is a magnet link that is not started, or its files were never checked.
    #[error("cannot move the files: they are not checked yet")]
    NotChecked,
    /// The torrent was removed, or the session ended, before all files were copied.
    #[error("the move was stopped; the files are in their old place")]
    Stopped,
    /// A move has failed half-way and could not be undone: the files are in two places. The torrent stops; the next start
    /// completes the move.
    #[error(
        "a move has failed half-way, so that some files are in their new place; start ztor again to complete it"
    )]
    Torn,
    /// The request has no result.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl From<Shared> for MoveError {
    fn from(shared: Shared) -> Self {
        let Shared { path, other } = shared;
        Self::FileShared { path, name: other.name.clone(), info_hashes: other.info_hashes }
    }
}

impl From<ztor_storage::MoveError> for MoveError {
    fn from(error: ztor_storage::MoveError) -> Self {
        match error {
            ztor_storage::MoveError::Name(error) => Self::Name(error),
            ztor_storage::MoveError::Storage(error) => Self::Disk(crate::disk::fault(&error)),
            error => Self::Disk(DiskFault { kind: DiskFaultKind::Io, message: error.to_string() }),
        }
    }
}
