//! Errors of the daemon's verbs, and their form for front ends.

use crate::policy::{CategoryError, TagError, TorrentError};
use crate::select::SelectError;
use crate::store::StoreError;
use thiserror::Error;
use ztor_api::{Problem, ProblemKind};
use ztor_session::{
    AddError, AskError, FetchError, MetadataError, MoveError, NameError, OpenError, PriorityError,
    RemoveError,
};

/// Reason why the daemon cannot do something.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// A value in the request cannot be used.
    #[error("{0}")]
    BadValue(String),
    /// The request contradicts the present state.
    #[error("{0}")]
    Conflict(String),
    /// A named thing does not exist.
    #[error("{0}")]
    NotFound(String),
    /// A folder or file cannot be read.
    #[error("{0}")]
    Folder(String),
    /// The metadata of a magnet link has not arrived in time.
    #[error("{0}")]
    NoMetadata(String),
    /// The torrent was removed.
    #[error("unknown torrent: it may have been removed; read the list of torrents again")]
    NoTorrent,
    /// The torrent is not loaded.
    #[error("the torrent is not loaded yet; try again in a moment")]
    NotLoaded,
    /// The daemon cannot do this.
    #[error("not supported: {0}")]
    NotSupported(String),
    /// A torrent file or magnet link cannot be used.
    #[error("{0}")]
    BadTorrent(String),
    /// The terms of a selection cannot be used.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A category cannot be used.
    #[error(transparent)]
    Category(#[from] CategoryError),
    /// A tag cannot be used.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// The policy refuses a torrent.
    #[error(transparent)]
    Torrent(#[from] TorrentError),
    /// The session refuses a torrent.
    #[error(transparent)]
    Add(#[from] AddError),
    /// The session does not answer.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// Files cannot be moved or renamed.
    #[error(transparent)]
    Move(#[from] MoveError),
    /// Files cannot be deleted.
    #[error(transparent)]
    Remove(#[from] RemoveError),
    /// Priorities cannot be set.
    #[error(transparent)]
    Priority(#[from] PriorityError),
    /// Metadata is not available.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A file cannot have its name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A URL cannot be fetched.
    #[error("cannot fetch {url}: {error}")]
    Fetch {
        /// The URL without its query and credentials.
        url: String,
        /// Cause.
        error: FetchError,
    },
    /// A file of a torrent cannot be read.
    #[error("cannot read the file: {0}")]
    Open(#[from] OpenError),
    /// The state cannot be saved.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DaemonError {
    /// Returns the kind for front ends.
    pub fn kind(&self) -> ProblemKind {
        match self {
            Self::BadValue(_) | Self::Name(_) => ProblemKind::BadRequest,
            Self::Conflict(_) => ProblemKind::Conflict,
            Self::NotFound(_) | Self::NoTorrent => ProblemKind::NotFound,
            Self::NotLoaded | Self::NoMetadata(_) => ProblemKind::Unavailable,
            Self::Folder(_) => ProblemKind::Storage,
            Self::NotSupported(_) => ProblemKind::NotSupported,
            Self::BadTorrent(_) => ProblemKind::BadTorrent,
            Self::Select(error) => match error {
                SelectError::NoMatch { .. } => ProblemKind::NotFound,
                SelectError::Ambiguous { .. } => ProblemKind::Conflict,
                SelectError::Bad { .. } | SelectError::None | SelectError::TooManyGlobs => {
                    ProblemKind::BadRequest
                }
            },
            Self::Category(error) => of_category(error),
            Self::Tag(error) => of_tag(error),
            Self::Torrent(error) => match error {
                TorrentError::Exists => ProblemKind::Conflict,
                TorrentError::TooMany => ProblemKind::Conflict,
                TorrentError::Unknown | TorrentError::UnknownCategory => ProblemKind::NotFound,
            },
            Self::Add(error) => of_add(error),
            Self::Ask(error) => of_ask(error),
            Self::Move(error) => match error {
                MoveError::Name(_) => ProblemKind::BadRequest,
                MoveError::FileShared { .. } | MoveError::NotChecked | MoveError::Stopped => {
                    ProblemKind::Conflict
                }
                MoveError::Ask(error) => of_ask(error),
                _ => ProblemKind::Storage,
            },
            Self::Remove(error) => match error {
                RemoveError::Ask(error) => of_ask(error),
                _ => ProblemKind::Storage,
            },
            Self::Priority(error) => match error {
                PriorityError::WrongFileCount { .. } => ProblemKind::BadRequest,
                PriorityError::NotStarted => ProblemKind::Conflict,
                PriorityError::Ask(error) => of_ask(error),
                _ => ProblemKind::Storage,
            },
            Self::Metadata(error) => match error {
                MetadataError::Ask(error) => of_ask(error),
                MetadataError::Bulk(_) => ProblemKind::Storage,
                _ => ProblemKind::BadTorrent,
            },
            Self::Fetch { .. } => ProblemKind::Fetch,
            Self::Open(OpenError::Ask(error)) => of_ask(error),
            Self::Open(_) | Self::Store(_) => ProblemKind::Storage,
        }
    }
}

impl From<DaemonError> for Problem {
    fn from(error: DaemonError) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}

fn of_ask(error: &AskError) -> ProblemKind {
    match error {
        AskError::NoTorrent => ProblemKind::NotFound,
        _ => ProblemKind::Unavailable,
    }
}

fn of_add(error: &AddError) -> ProblemKind {
    match error {
        AddError::Storage(_) | AddError::Removal(_) => ProblemKind::Storage,
        AddError::Ask(error) => of_ask(error),
        AddError::NoLayers => ProblemKind::BadTorrent,
        AddError::Name(_) => ProblemKind::BadRequest,
        _ => ProblemKind::Conflict,
    }
}

fn of_category(error: &CategoryError) -> ProblemKind {
    match error {
        CategoryError::Exists { .. } => ProblemKind::Conflict,
        CategoryError::Unknown => ProblemKind::NotFound,
        _ => ProblemKind::BadRequest,
    }
}

fn of_tag(error: &TagError) -> ProblemKind {
    match error {
        TagError::Exists { .. } => ProblemKind::Conflict,
        TagError::Unknown { .. } | TagError::UnknownTorrent => ProblemKind::NotFound,
        _ => ProblemKind::BadRequest,
    }
}
