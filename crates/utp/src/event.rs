//! Types that an endpoint returns to its driver.

use crate::Path;

use ztor_base::Duration;

slotmap::new_key_type! {
    /// Identifies a connection. Keys are not reused within an [`Endpoint`](crate::Endpoint), and calls with the key of
    /// a removed connection have no effect.
    pub struct ConnKey;
}

/// Datagrams appended to the driver's buffer, all for one path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// Destination address, and the socket to send from.
    pub to: Path,
    /// Number of bytes appended to the buffer.
    pub len: usize,
    /// Length of each datagram in bytes; the last one may be shorter.
    pub segment_len: usize,
}

/// An event of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A connection that [`connect`](crate::Endpoint::connect) opened is established.
    Connected(ConnKey),
    /// A peer opened a connection and sent its first packet of data. It has proved that it receives at its address.
    Incoming {
        /// The connection.
        key: ConnKey,
        /// Address of the peer, and the socket that it has reached.
        from: Path,
    },
    /// Bytes are available to [read](crate::Endpoint::read); there were none before.
    Readable(ConnKey),
    /// The [send room](crate::Endpoint::send_room) has grown after it was small.
    Writable(ConnKey),
    /// No more data will arrive. Data received before can be read until the owner calls
    /// [`close`](crate::Endpoint::close) or [`reset`](crate::Endpoint::reset), which it must do.
    Closed {
        /// The connection.
        key: ConnKey,
        /// The reason.
        reason: Closed,
    },
}

impl Event {
    pub(crate) fn key(self) -> ConnKey {
        match self {
            Self::Connected(key) | Self::Readable(key) | Self::Writable(key) => key,
            Self::Incoming { key, .. } | Self::Closed { key, .. } => key,
        }
    }
}

/// Reason for the end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Closed {
    /// The peer sent a FIN, and all its data has arrived (BEP 29, ST_FIN).
    #[error("the peer closed the connection")]
    Ended,
    /// The peer sent a RESET (BEP 29, ST_RESET).
    #[error("the peer reset the connection")]
    Reset,
    /// The peer stopped responding, or a packet never arrived.
    #[error("the peer stopped answering")]
    TimedOut,
    /// The peer answered our SYN with a RESET.
    #[error("the peer refused the connection")]
    Refused,
    /// The peer did not answer our SYNs.
    #[error("the peer did not answer")]
    Unreachable,
}

/// Reason that a connection cannot be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The [limit](crate::Config::max_connections) on connections is reached, or no free connection id was found.
    #[error("too many µTP connections")]
    Full,
}

/// Statistics of a connection.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Stats {
    /// Smoothed round-trip time; zero before the first sample.
    pub rtt: Duration,
    /// Shortest round-trip time of the last minutes; zero before the first sample.
    pub min_rtt: Duration,
    /// Queueing delay of our packets, as LEDBAT measures it (RFC 6817 §2.4.2).
    pub our_delay: Duration,
    /// Congestion window in bytes of payload.
    pub cwnd_bytes: usize,
    /// Payload in flight, in bytes.
    pub in_flight_bytes: usize,
    /// Payload written and not acknowledged, in bytes.
    pub unacked_bytes: usize,
    /// Window that the peer advertised, in bytes.
    pub peer_window_bytes: usize,
    /// Longest datagram that the path is known to carry, in bytes without IP and UDP headers.
    pub mtu_bytes: usize,
    /// Payload acknowledged in order, in bytes.
    pub acked_bytes: u64,
    /// Payload received in order, in bytes.
    pub received_bytes: u64,
    /// Number of data and FIN packets sent, including retransmissions.
    pub sent_packets: u64,
    /// Number of packets declared lost, without MTU probes.
    pub lost_packets: u64,
    /// Number of retransmissions.
    pub retransmitted_packets: u64,
    /// Number of duplicate packets received.
    pub duplicate_packets: u64,
    /// Number of retransmission timeouts.
    pub timeouts: u64,
}
