//! Reasons for the end of a connection.

use super::sockets;
use std::io;
use thiserror::Error;
use ztor_engine::{CloseCause, DiskFault};
use ztor_socks::TunnelError;
use ztor_utp::{Closed, ConnectError};
use ztor_wire::mse::MseError;

/// Reason for the end of a connection that the engine did not request.
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
    #[error("no route to the peer")]
    NoRoute,
    #[error("the network interface of the connection is gone")]
    InterfaceGone,
    #[error("the proxy does not answer")]
    ProxyDown,
    /// A failure of the proxy.
    #[error("the proxy fails: {0}")]
    Proxy(String),
    /// The proxy cannot make the connection.
    #[error(transparent)]
    Tunnel(TunnelError),
    #[error("the proxy closed the connection before it was made")]
    ProxyClosed,
    #[error("the settings of the proxy have changed")]
    OtherProxy,
    #[error("the proxy relays no datagrams any more")]
    RelayGone,
    #[error("too many unread answers to the peer's requests")]
    Flooded,
    #[error("a plain handshake where encryption is required")]
    NotEncrypted,
    #[error("too many bytes before the end of the encrypted handshake")]
    TooEarly,
    #[error(transparent)]
    Handshake(#[from] MseError),
    #[error("too many encrypted handshakes at a time")]
    HandshakesFull,
    #[error("cannot start an encrypted handshake: no random bytes: {0}")]
    NoRandomness(#[from] getrandom::Error),
    /// The process is out of file descriptors or memory for a block.
    #[error("{}", .0.message)]
    Exhausted(DiskFault),
    #[error("cannot read a block for the peer")]
    UnreadableBlock,
}

/// Failure to start a µTP connection.
#[derive(Debug, Error)]
pub(super) enum CallError {
    #[error("µTP is off")]
    Off,
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl CloseReason {
    /// Returns the side responsible.
    pub(super) fn cause(&self) -> CloseCause {
        match self {
            Self::Socket(error) => sockets::cause(error),
            Self::Ended
            | Self::Read(_)
            | Self::Utp(_)
            | Self::Flooded
            | Self::NotEncrypted
            | Self::TooEarly
            | Self::Tunnel(_)
            | Self::ProxyClosed
            | Self::Handshake(_) => CloseCause::Remote,
            Self::Call(_)
            | Self::NoRoute
            | Self::InterfaceGone
            | Self::ProxyDown
            | Self::Proxy(_)
            | Self::OtherProxy
            | Self::RelayGone
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
    fn cause_of_a_socket_error_depends_on_the_error_but_that_of_a_read_error_is_remote() {
        let error = || io::Error::from_raw_os_error(rustix::io::Errno::NETUNREACH.raw_os_error());
        assert_eq!(CloseReason::Socket(error()).cause(), CloseCause::Local);
        assert_eq!(CloseReason::Read(error()).cause(), CloseCause::Remote);
        let refused = io::Error::from_raw_os_error(rustix::io::Errno::CONNREFUSED.raw_os_error());
        assert_eq!(CloseReason::Socket(refused).cause(), CloseCause::Remote);
    }
}
