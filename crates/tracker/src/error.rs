//! Why a tracker could not be asked, or what came in place of an answer.

use std::borrow::Cow;

use crate::redact_echo;

/// Why an announce or a scrape failed. The text is for people: it names no passkey, though
/// [`TrackerError::Failure`] carries the tracker's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrackerError {
    /// The tracker refused.
    #[error("the tracker says: {reason}")]
    Failure {
        /// Its words, made safe to show.
        reason: String,
        /// When it wants to be asked again (BEP 31).
        retry: Retry,
    },
    /// What came is not a tracker's answer.
    #[error("{0}")]
    Malformed(String),
    /// The HTTP server answered with an error and nothing that a tracker would say.
    #[error("HTTP status {status}{}{body}", if .body.is_empty() { "" } else { ": " })]
    HttpStatus {
        /// The status code.
        status: u16,
        /// The beginning of the body, made safe to show.
        body: String,
    },
    /// The tracker's address cannot be used.
    #[error("its address cannot be used: {why}")]
    BadUrl {
        /// What is wrong with it.
        why: Cow<'static, str>,
    },
    /// A kind of tracker that this client doesn't speak to.
    #[error("{scheme} trackers are not supported")]
    Unsupported {
        /// The scheme of its URL.
        scheme: String,
    },
    /// Nothing came back in time.
    #[error("no answer")]
    Timeout,
    /// It could not be reached, or the connection broke.
    #[error("{0}")]
    Network(String),
}

impl TrackerError {
    /// Returns the error without what it echoes of the secrets in the tracker's URL.
    #[must_use]
    pub fn redacted(&self, url: &str) -> Self {
        match self {
            Self::Failure { reason, retry } => {
                Self::Failure { reason: redact_echo(reason, url), retry: *retry }
            }
            Self::Malformed(text) => Self::Malformed(redact_echo(text, url)),
            Self::HttpStatus { status, body } => {
                Self::HttpStatus { status: *status, body: redact_echo(body, url) }
            }
            Self::Network(text) => Self::Network(redact_echo(text, url)),
            Self::BadUrl { .. } | Self::Unsupported { .. } | Self::Timeout => self.clone(),
        }
    }

    /// When the tracker wants to be asked again, as far as it said so.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Failure { retry, .. } => *retry,
            _ => Retry::Unsaid,
        }
    }
}

/// What a refusal says about the next try (BEP 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Retry {
    /// Nothing.
    #[default]
    Unsaid,
    /// Not before so many seconds.
    After(u32),
    /// It will never be a tracker for this torrent.
    Never,
}
