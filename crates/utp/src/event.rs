//! What an endpoint tells its driver.

use std::net::SocketAddr;

use ztor_base::Duration;

slotmap::new_key_type! {
    /// Names a connection. None is used twice in the life of an [`Endpoint`](crate::Endpoint); one that is gone
    /// is harmless to use.
    pub struct ConnKey;
}

/// Datagrams that were put into the driver's buffer, all for one destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// Where they go.
    pub to: SocketAddr,
    /// Bytes that were appended to the buffer.
    pub len: usize,
    /// Bytes of each datagram but the last, which may be shorter.
    pub segment_len: usize,
}

/// What happened to a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// One that we [asked for](crate::Endpoint::connect) stands.
    Connected(ConnKey),
    /// Someone else's stands, and its first bytes are on their way. It is not told of before the other end has
    /// shown that it receives at that address.
    Incoming {
        /// The connection.
        key: ConnKey,
        /// The other end.
        from: SocketAddr,
    },
    /// There are bytes to [read](crate::Endpoint::read); there were none before.
    Readable(ConnKey),
    /// The [room](crate::Endpoint::send_room) had become small; now there is plenty.
    Writable(ConnKey),
    /// Nothing more will come. What came before can be read until the key is given back by
    /// [close](crate::Endpoint::close) or [reset](crate::Endpoint::reset), which it has to be.
    Closed {
        /// The connection.
        key: ConnKey,
        /// Why.
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

/// Why a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Closed {
    /// The other end said that it was done, and all that it had sent has arrived (BEP 29, ST_FIN).
    #[error("the peer closed the connection")]
    Ended,
    /// The other end broke it off (BEP 29, ST_RESET).
    #[error("the peer reset the connection")]
    Reset,
    /// The other end has not answered for too long.
    #[error("the peer stopped answering")]
    TimedOut,
    /// A RESET was the answer to our SYN.
    #[error("the peer refused the connection")]
    Refused,
    /// Nothing was the answer to our SYN.
    #[error("the peer did not answer")]
    Unreachable,
}

/// Why there will be no connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConnectError {
    /// There are as many as the [bounds](crate::Config::max_connections) allow.
    #[error("there are too many µTP connections")]
    Full,
}

/// How a connection is doing.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Stats {
    /// The smoothed round trip; zero before there was one.
    pub rtt: Duration,
    /// The shortest round trip of the last minutes.
    pub min_rtt: Duration,
    /// How long our packets wait in queues on their way, as LEDBAT sees it (RFC 6817 §2.4.2, "queuing delay").
    pub our_delay: Duration,
    /// The congestion window in bytes of payload.
    pub cwnd_bytes: usize,
    /// Payload that is under way.
    pub in_flight_bytes: usize,
    /// Payload that was written and is not acknowledged.
    pub unacked_bytes: usize,
    /// The window that the other end advertised.
    pub peer_window_bytes: usize,
    /// The longest datagram that the path is known to carry, without IP and UDP headers.
    pub mtu_bytes: usize,
    /// Payload that was acknowledged.
    pub acked_bytes: u64,
    /// Payload that arrived in order.
    pub received_bytes: u64,
    /// Packets sent, again ones included.
    pub sent_packets: u64,
    /// Packets that were found to be lost.
    pub lost_packets: u64,
    /// Packets that were sent again.
    pub retransmitted_packets: u64,
    /// Packets that arrived twice.
    pub duplicate_packets: u64,
    /// How often nothing was heard for a whole retransmission timeout.
    pub timeouts: u64,
}
