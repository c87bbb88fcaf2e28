//! Errors of the start of a session.

use crate::bind::Bind;
use crate::http::FetchError;
use std::io;
use thiserror::Error;

/// Failure to start a session.
#[derive(Debug, Error)]
pub enum StartError {
    /// The port is taken.
    #[error("cannot listen on port {port}{}: it is in use by another program; choose another port", at(.bind))]
    PortTaken {
        /// The port.
        port: u16,
        /// The requested binding.
        bind: Bind,
    },
    /// Listening failed otherwise.
    #[error("cannot listen on port {port}{}: {error}", at(.bind))]
    Listen {
        /// The port.
        port: u16,
        /// The requested binding.
        bind: Bind,
        /// Cause, as the system gives it.
        error: io::Error,
    },
    /// The interface is not there.
    #[error("there is no interface {name} that is up and has an address; there are: {others}")]
    NoInterface {
        /// Its name.
        name: String,
        /// The interfaces that are there.
        others: String,
    },
    /// No node to enter the DHT by has an address.
    #[error("no node to enter the DHT by: {0}")]
    NoNode(String),
    /// A thread, the poll or the HTTP client could not be set up.
    #[error("cannot start: {0}")]
    Setup(#[from] SetupError),
}

/// Part of a session that could not be set up.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The system refused a resource: a thread, a socket, random bytes.
    #[error("{resource}: {error}")]
    System {
        /// Name of the resource.
        resource: &'static str,
        /// Cause, as the system gives it.
        error: io::Error,
    },
    /// The HTTP client.
    #[error(transparent)]
    Http(#[from] FetchError),
}

impl SetupError {
    /// Makes the error of one resource.
    pub(crate) fn of(resource: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::System { resource, error }
    }
}

fn at(bind: &Bind) -> String {
    if *bind == Bind::All { String::new() } else { format!(" of {bind}") }
}
