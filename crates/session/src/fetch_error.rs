//! Errors of HTTP requests.

use crate::tls_error;
use thiserror::Error;

/// Reason that a URL could not be fetched. It never contains the URL's query, which may hold a passkey.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Not a URL, or of another scheme than HTTP(S).
    #[error("not an HTTP or HTTPS address: {0}")]
    BadUrl(String),
    /// No answer, for this reason in plain words.
    #[error("{0}")]
    Network(String),
    /// The status of the answer is not a success.
    #[error("the server answered with HTTP status {0}")]
    Status(u16),
    /// The answer is longer than this limit, in bytes.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Setup(String),
    /// The proxy has no address, for this reason.
    #[error("the proxy cannot be reached: {0}")]
    Proxy(String),
}

impl FetchError {
    /// Returns true if the server has nothing at the address.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status(204 | 404 | 410))
    }
}

/// Converts an error to the text of its innermost cause, as the outer ones repeat the URL.
pub(crate) fn plain(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    if error.is_timeout() {
        return FetchError::Network("no answer in time".into());
    }
    if let Some(words) = tls_error::explain(&error) {
        return FetchError::Network(words);
    }
    let text = innermost(&error);
    FetchError::Network(if error.is_connect() { format!("cannot connect: {text}") } else { text })
}

/// Returns the text of the innermost cause.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
