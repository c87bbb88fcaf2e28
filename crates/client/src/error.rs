//! Errors of requests to a daemon.

use crate::fingerprint::Fingerprint;
use std::path::{Path, PathBuf};
use thiserror::Error;
use ztor_api::Problem;

/// Reason why a request has no result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No daemon listens on the local socket.
    #[error("no daemon listens on {}; start one with `ztor daemon`", path.display())]
    NoDaemon {
        /// Path of the socket.
        path: PathBuf,
    },
    /// The connection has failed.
    #[error("cannot reach the daemon at {target}: {reason}")]
    Connection {
        /// The daemon, without credentials.
        target: String,
        /// Cause in plain words.
        reason: String,
    },
    /// The certificate is not one that this machine trusts.
    #[error(
        "cannot trust the daemon at {target}: its certificate is not known; compare its SHA-256 fingerprint with that \
         of the daemon, and accept it if they are the same: {found}"
    )]
    UnknownCertificate {
        /// The daemon, without credentials.
        target: String,
        /// Certificate of the daemon.
        found: Fingerprint,
    },
    /// The certificate is not the one that was accepted before.
    #[error(
        "cannot trust the daemon at {target}: its certificate has changed from {expected} to {found}; somebody may \
         listen in, unless it was renewed"
    )]
    ChangedCertificate {
        /// The daemon, without credentials.
        target: String,
        /// Certificate that was accepted.
        expected: Fingerprint,
        /// Certificate of the daemon.
        found: Fingerprint,
    },
    /// The daemon refuses the request.
    #[error("{0}")]
    Refused(Problem),
    /// The answer is not one of a daemon of ztor.
    #[error(
        "the server answered with HTTP status {0}, and is not a ztor daemon, or a proxy in front of one failed"
    )]
    Status(u16),
    /// The answer cannot be read.
    #[error("cannot read the answer of the daemon: {0}")]
    Answer(String),
    /// The target cannot be used.
    #[error("cannot use the daemon's address {target}: {reason}")]
    BadTarget {
        /// The address, without credentials.
        target: String,
        /// Reason.
        reason: String,
    },
}

impl ClientError {
    /// Makes an error of one of a request to `target`. `socket` is the path of its local socket, if it has one.
    pub(crate) fn of(error: reqwest::Error, socket: Option<&Path>, target: String) -> Self {
        if let Some(path) = socket
            && error.is_connect()
        {
            return Self::NoDaemon { path: path.to_owned() };
        }
        // The innermost cause says most.
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let reason = cause.to_string();
        Self::Connection { target, reason }
    }
}
