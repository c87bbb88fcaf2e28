//! Errors of a change of the port.

use crate::reply::AskError;
use std::io;
use thiserror::Error;

/// Reason why the port cannot be changed. The session still listens on the old one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PortError {
    /// The port is in use.
    #[error("cannot listen on port {0}: it is in use by another program; choose another port")]
    Taken(u16),
    /// Listening failed for another reason.
    #[error("cannot listen on port {port}: {error}")]
    Listen {
        /// The port.
        port: u16,
        /// Error of the system.
        error: io::Error,
    },
    /// The session does not answer.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl PortError {
    pub(crate) fn of(port: u16, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::Taken(port),
            _ => Self::Listen { port, error },
        }
    }
}
