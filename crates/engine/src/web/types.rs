//! Web seeds as drivers and front ends see them.

use crate::ids::{TorrentId, WebKey};
use bytes::Bytes;
use thiserror::Error;
use ztor_base::Duration;

/// A web seed of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct WebSource {
    /// URL with the scheme `http` or `https`. It may contain a password, and must not be logged.
    pub url: String,
    /// Protocol.
    pub kind: WebSeedKind,
    /// Origin of the URL.
    pub origin: WebOrigin,
}

/// Protocol of a web seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum WebSeedKind {
    /// A server with the files of the torrent (BEP 19).
    Files,
    /// A script that returns pieces (BEP 17).
    Pieces,
}

/// Origin of the URL of a web seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum WebOrigin {
    /// The torrent or the link names it. Servers of this machine, and queries to the local network, are refused.
    Torrent,
    /// The user has given it.
    User,
}

impl WebSource {
    /// Creates a server with files that the torrent names.
    pub fn named(url: impl Into<String>) -> Self {
        Self { url: url.into(), kind: WebSeedKind::Files, origin: WebOrigin::Torrent }
    }

    /// Creates a script that the torrent names (BEP 17).
    pub fn named_script(url: impl Into<String>) -> Self {
        Self { kind: WebSeedKind::Pieces, ..Self::named(url) }
    }

    /// Creates a server with files that the user has given.
    pub fn given(url: impl Into<String>) -> Self {
        Self { url: url.into(), kind: WebSeedKind::Files, origin: WebOrigin::User }
    }
}

/// Id of a request to a web seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WebRequestId {
    /// The web seed.
    pub seed: WebKey,
    /// Number of the request, never used twice.
    pub number: u64,
}

/// An effect on requests to web seeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebEffect {
    /// Starts a request. Its bytes are passed on in order, as [`WebEvent::Data`].
    Fetch(Box<WebFetch>),
    /// Allows that many further bytes of a request, which sends none unasked.
    Allow {
        /// The request.
        id: WebRequestId,
        /// Number of bytes.
        bytes: u32,
    },
    /// Ends a request. Its events are ignored from now on.
    Abort(WebRequestId),
}

/// A request to a web seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebFetch {
    /// Id of the request.
    pub id: WebRequestId,
    /// The torrent.
    pub torrent: TorrentId,
    /// The web seed.
    pub source: WebSource,
    /// Parts to fetch one after another, never empty.
    pub parts: Vec<WebPart>,
    /// True if the server does not know ranges: the bytes before the part are read and dropped.
    pub has_no_ranges: bool,
}

/// A part of a request to a web seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebPart {
    /// Zeros of a pad file (BEP 47), which no server has.
    Zeros {
        /// Length in bytes.
        len: u64,
    },
    /// A range of a file (BEP 19).
    File {
        /// Index of the file.
        file: usize,
        /// Offset in the file, in bytes.
        offset: u64,
        /// Length in bytes.
        len: u64,
    },
    /// A range of a piece (BEP 17).
    Piece {
        /// Index of the piece.
        piece: u32,
        /// Offset in the piece, in bytes.
        begin: u32,
        /// Length in bytes.
        len: u32,
    },
}

/// An event of a request to a web seed.
#[derive(Debug)]
pub enum WebEvent {
    /// The next bytes of the request, at most as many as were allowed.
    Data(Bytes),
    /// Bytes of the server's file before the wanted ones, which were read and dropped.
    Skipped {
        /// Number of bytes.
        bytes: u32,
    },
    /// The request has ended with all its bytes.
    Done,
    /// The request has failed.
    Failed {
        /// Cause.
        fault: WebFault,
        /// File that was asked for; `None` if the fault concerns no file.
        file: Option<usize>,
        /// Time until which the server asks not to be asked again; `None` if it does not say.
        retry_after: Option<Duration>,
    },
}

/// Reason that a web seed does not deliver.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "kind", rename_all = "snake_case"))]
pub enum WebFault {
    /// No connection, or it broke.
    #[error("{message}")]
    Network {
        /// Description in plain words, without the URL.
        message: String,
    },
    /// No bytes arrive.
    #[error("it sent nothing for {after_s} seconds")]
    Stalled {
        /// Time without a byte, in seconds.
        after_s: u64,
    },
    /// The server has no such file (HTTP 404 and 410).
    #[error("it does not have the file")]
    NotThere,
    /// The server requires another user, or denies access (HTTP 401 and 403).
    #[error("it denies access; give a URL with user and password if you have them")]
    Denied,
    /// Another HTTP status.
    #[error("it answered with HTTP status {status}")]
    Status {
        /// HTTP status.
        status: u16,
    },
    /// The server sends whole files only, and the wanted part is too far from their start.
    #[error("it sends whole files only")]
    NoRanges,
    /// The file of the server has another length.
    #[error("its file has {found} bytes, but that of the torrent has {expected}")]
    WrongLength {
        /// Length in the torrent, in bytes.
        expected: u64,
        /// Length of the server's file, in bytes.
        found: u64,
    },
    /// The response does not fit the request.
    #[error("its response is not what was asked for: {message}")]
    BadResponse {
        /// Defect in plain words.
        message: String,
    },
    /// The torrent names a server that only the user may name.
    #[error("{message}")]
    Refused {
        /// Rule in plain words.
        message: String,
    },
    /// Data that does not match the torrent. The web seed is not used again.
    #[error("it sent bad data for piece {piece}")]
    BadData {
        /// Index of the piece.
        piece: u32,
    },
}

/// State of a web seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum WebSeedState {
    /// Nothing is wanted from it now.
    Idle,
    /// A request is under way.
    Fetching,
    /// Waits after a fault.
    Waiting,
    /// Not used any more, since it sent bad data.
    Discarded,
}

/// Status of a web seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSeedStatus {
    /// The web seed. The URL may contain a password.
    pub source: WebSource,
    /// URL without passwords and keys.
    pub shown_url: String,
    /// State.
    pub state: WebSeedState,
    /// Last fault; `None` if its last request succeeded.
    pub fault: Option<WebFault>,
    /// Time until the next request; `None` unless it waits.
    pub retries_in: Option<Duration>,
    /// Rate in bytes per second, averaged over about five seconds.
    pub down_per_s: u64,
    /// Bytes received in this session.
    pub downloaded_bytes: u64,
    /// Number of files that it does not have.
    pub missing_files: usize,
}
