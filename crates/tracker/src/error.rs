//! Errors of announces and scrapes.

use std::borrow::Cow;

use crate::redact_echo;

/// Reasons why an announce or a scrape failed. The text is for users and names no passkey, but
/// [`TrackerError::Failure`] contains the tracker's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrackerError {
    /// The tracker refused.
    #[error("the tracker says: {reason}")]
    Failure {
        /// The tracker's words, made safe to show.
        reason: String,
        /// Its advice about the next try (BEP 31).
        retry: Retry,
    },
    /// The response is not a tracker's answer.
    #[error("{0}")]
    Malformed(String),
    /// The HTTP server answered with an error status, and not as a tracker.
    #[error("HTTP status {status}{}{body}", if .body.is_empty() { "" } else { ": " })]
    HttpStatus {
        /// The status code.
        status: u16,
        /// The start of the body, made safe to show.
        body: String,
    },
    /// The tracker's address cannot be used.
    #[error("its address cannot be used: {why}")]
    BadUrl {
        /// The defect of the address.
        why: Cow<'static, str>,
    },
    /// This kind of tracker is not supported.
    #[error("{scheme} trackers are not supported")]
    Unsupported {
        /// The scheme of the tracker's URL.
        scheme: String,
    },
    /// No answer arrived in time.
    #[error("no answer")]
    Timeout,
    /// The tracker could not be reached, or the connection broke.
    #[error("{0}")]
    Network(String),
}

impl TrackerError {
    /// Returns the error without the secrets of the tracker's URL that it echoes.
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

    /// Returns the tracker's advice about the next try.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Failure { retry, .. } => *retry,
            _ => Retry::Unsaid,
        }
    }
}

/// Advice of a refusal about the next try (BEP 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Retry {
    /// No advice.
    #[default]
    Unsaid,
    /// Not before this number of seconds.
    After(u32),
    /// Never for this torrent.
    Never,
}
