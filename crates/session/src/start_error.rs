//! Errors at the start of a session.

use crate::bind::Bind;
use crate::fetch_error::FetchError;
use std::io;
use thiserror::Error;

/// Failure to start a session.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port is in use.
    #[error("cannot listen on port {port}{}: it is in use by another program; choose another port", at(.bind))]
    PortTaken {
        /// The port.
        port: u16,
        /// The requested binding.
        bind: Bind,
    },
    /// Listening failed for another reason.
    #[error("cannot listen on port {port}{}: {error}", at(.bind))]
    Listen {
        /// The port.
        port: u16,
        /// The requested binding.
        bind: Bind,
        /// Error of the system.
        error: io::Error,
    },
    /// The interface does not exist, is down, or has no address.
    #[error(
        "cannot use the interface {name}: it does not exist, is down or has no address; there are: {others}"
    )]
    NoInterface {
        /// Name of the interface.
        name: String,
        /// Names of the existing interfaces, separated by commas.
        others: String,
    },
    /// No bootstrap node of the DHT could be resolved; the last failure in plain words.
    #[error("cannot resolve a bootstrap node of the DHT: {0}")]
    NoNode(String),
    /// A stand-alone node of the DHT sends its datagrams directly, which a proxy forbids.
    #[error("cannot ask the DHT: its datagrams do not go through the proxy")]
    Proxied,
    /// A part of the session could not be set up.
    #[error("cannot start the session: {0}")]
    Setup(#[from] SetupError),
}

/// Part of a session that could not be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The system refused a resource: a thread, a socket, random bytes.
    #[error("{resource}: {error}")]
    System {
        /// Name of the resource.
        resource: &'static str,
        /// Error of the system.
        error: io::Error,
    },
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Http(#[from] FetchError),
}

impl SetupError {
    /// Creates the error for one resource.
    pub(crate) fn of(resource: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::System { resource, error }
    }
}

fn at(bind: &Bind) -> String {
    if *bind == Bind::All { String::new() } else { format!(" of {bind}") }
}
