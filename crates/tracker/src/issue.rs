//! Trouble with a tracker, as a front end shows it.

use std::fmt;

use crate::{TrackerError, redact_echo};

/// Trouble with a tracker. Names no passkey of its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackerIssue {
    /// A good reply with a warning: the tracker's own words, made safe to show.
    Warning(String),
    /// A failure.
    Error(TrackerError),
}

impl TrackerIssue {
    /// Makes an issue of a failure at this URL.
    pub fn error(error: &TrackerError, url: &str) -> Self {
        Self::Error(error.redacted(url))
    }

    /// Makes an issue of a warning of the tracker at this URL.
    pub fn warning(text: &str, url: &str) -> Self {
        Self::Warning(redact_echo(text, url))
    }

    /// Returns true for a failure, and false for a warning.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }

    /// Name of the kind, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Warning(_) => "warning",
            Self::Error(TrackerError::Failure { .. }) => "refused",
            Self::Error(TrackerError::Malformed(_)) => "malformed_reply",
            Self::Error(TrackerError::HttpStatus { .. }) => "http_status",
            Self::Error(TrackerError::BadUrl { .. }) => "bad_url",
            Self::Error(TrackerError::Unsupported { .. }) => "unsupported",
            Self::Error(TrackerError::Timeout) => "timeout",
            Self::Error(TrackerError::Network(_)) => "network",
        }
    }
}

impl fmt::Display for TrackerIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Warning(text) => f.write_str(text),
            Self::Error(error) => error.fmt(f),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for TrackerIssue {
    /// An object with `kind`, `is_error` and `message`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let mut object = serializer.serialize_struct("TrackerIssue", 3)?;
        object.serialize_field("kind", self.kind())?;
        object.serialize_field("is_error", &self.is_error())?;
        object.serialize_field("message", &self.to_string())?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Retry;

    #[test]
    fn issue_of_an_error_or_warning_has_no_passkey() {
        let (url, key) = ("http://t.example/0123456789abcdef0123456789abcdef/announce", "0123456789abcdef");
        let echo = format!("unknown passkey {key}{key}");
        let errors = [
            TrackerError::Failure { reason: echo.clone(), retry: Retry::Unsaid },
            TrackerError::Malformed(echo.clone()),
            TrackerError::HttpStatus { status: 404, body: echo.clone() },
            TrackerError::Network(echo.clone()),
        ];
        for issue in errors.iter().map(|error| TrackerIssue::error(error, url)) {
            assert!(issue.is_error() && !issue.to_string().contains(key), "{issue}");
        }
        let warning = TrackerIssue::warning(&echo, url);
        assert!(!warning.is_error() && !warning.to_string().contains(key), "{warning}");
    }
}
