//! Errors as problem objects (RFC 9457).

use serde::{Deserialize, Serialize};
use std::fmt;

/// An error of a request (`application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Kind, for programs.
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    /// Failure, its reason and the next step, in plain words.
    pub detail: String,
    /// Status of the HTTP answer.
    #[cfg_attr(feature = "schema", schema(minimum = 400, maximum = 599))]
    pub status: u16,
}

/// Kind of a [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// The request is malformed, or a value is out of range.
    BadRequest,
    /// Credentials are missing or wrong.
    Unauthorized,
    /// The origin or the host of the request is not allowed.
    Forbidden,
    /// The route or the named thing does not exist.
    NotFound,
    /// The method is not one of the route.
    MethodNotAllowed,
    /// The request contradicts the present state.
    Conflict,
    /// The body is too long.
    TooLarge,
    /// The body has a media type that the route does not take.
    UnsupportedMediaType,
    /// A torrent file or magnet link cannot be used.
    BadTorrent,
    /// Too many requests, or too many failed logins.
    TooMany,
    /// A URL could not be fetched.
    Fetch,
    /// A disk of the daemon failed, or is full.
    Storage,
    /// The daemon cannot do this.
    NotSupported,
    /// The daemon is ending, or did not answer in time.
    Unavailable,
    /// A defect of the daemon.
    Internal,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

impl ProblemKind {
    /// Returns the status of the HTTP answer.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::BadTorrent | Self::Fetch => 422,
            Self::TooMany => 429,
            Self::NotSupported => 501,
            Self::Unavailable => 503,
            Self::Storage => 507,
            Self::Internal | Self::Unknown => 500,
        }
    }
}

impl Problem {
    /// Creates a problem.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), status: kind.status() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}
