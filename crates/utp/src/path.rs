//! The way of a connection's datagrams.

use std::net::SocketAddr;

/// The two ends of a connection: the peer's address, and the socket of ours. A driver with one socket uses number 0,
/// into which an address converts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Path {
    /// Address of the peer.
    pub peer: SocketAddr,
    /// The driver's number of the socket from which datagrams are sent, and at which those of the peer arrive: a socket, or an
    /// address of a socket that has many. 0 leaves the choice to the driver: what the peer sends may arrive anywhere.
    pub socket: u8,
}

impl From<SocketAddr> for Path {
    fn from(peer: SocketAddr) -> Self {
        Self { peer, socket: 0 }
    }
}
