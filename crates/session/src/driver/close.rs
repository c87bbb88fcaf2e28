//! Reasons for the end of a connection.

use super::sockets;
use std::io;
use thiserror::Error;
use ztor_engine::{CloseCause, DiskFault};
use ztor_utp::{Closed, ConnectError};
use ztor_wire::mse::MseError;

/// Reason for the end of a connection that the engine did not ask for.
#[derive(Debug, Error)]
pub(super) enum CloseReason {
    #[error("the peer ended the connection")]
    Ended,
    /// Error of a read.
    #[error(transparent)]
    Read(io::Error),
    /// Error of a connect or a write.
    #[error(transparent)]
    Socket(io::Error),
    #[error(transparent)]
    Utp(#[from] Closed),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("no route to the network of the peer")]
    NoRoute,
    #[error("the network interface of the connection is gone")]
    InterfaceGone,
    #[error("the peer does not read the answers to its requests")]
    Flooded,
    #[error("the peer does not encrypt, and this session requires it")]
    NotEncrypted,
    #[error("the peer sends too much before the encrypted handshake is done")]
    TooEarly,
    #[error(transparent)]
    Handshake(#[from] MseError),
    #[error("too many encrypted handshakes at a time")]
    HandshakesFull,
    #[error("no random bytes for an encrypted handshake: {0}")]
    NoRandomness(#[from] getrandom::Error),
    /// The process had no file descriptor or memory left for a block.
    #[error("{}", .0.message)]
    Exhausted(DiskFault),
    #[error("a block for the peer could not be read")]
    UnreadableBlock,
}

/// Failure to start a µTP connection.
#[derive(Debug, Error)]
pub(super) enum CallError {
    #[error("µTP is switched off")]
    Off,
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl CloseReason {
    /// The side that the reason lies with.
    pub(super) fn cause(&self) -> CloseCause {
        match self {
            Self::Socket(error) => sockets::cause(error),
            Self::Ended
            | Self::Read(_)
            | Self::Utp(_)
            | Self::Flooded
            | Self::NotEncrypted
            | Self::TooEarly
            | Self::Handshake(_) => CloseCause::Remote,
            Self::Call(_)
            | Self::NoRoute
            | Self::InterfaceGone
            | Self::HandshakesFull
            | Self::NoRandomness(_)
            | Self::Exhausted(_)
            | Self::UnreadableBlock => CloseCause::Local,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_of_socket_error_depends_on_the_error_and_of_read_error_does_not() {
        let error = || io::Error::from_raw_os_error(rustix::io::Errno::NETUNREACH.raw_os_error());
        assert_eq!(CloseReason::Socket(error()).cause(), CloseCause::Local);
        assert_eq!(CloseReason::Read(error()).cause(), CloseCause::Remote);
        let refused = io::Error::from_raw_os_error(rustix::io::Errno::CONNREFUSED.raw_os_error());
        assert_eq!(CloseReason::Socket(refused).cause(), CloseCause::Remote);
    }
}
