//! Limits of an endpoint.

/// Limits of an [`Endpoint`](crate::Endpoint).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Maximum number of connections, including those that are connecting or closing. At the limit, a SYN is answered
    /// with a RESET.
    pub max_connections: usize,
    /// Maximum received, unread bytes of a connection: the advertised window (BEP 29, `wnd_size`). Packets received out
    /// of order may take as much again.
    pub max_receive_bytes: usize,
    /// Maximum received, unread bytes of all connections together. As it fills up, the windows shrink. Each connection
    /// keeps an allowance of 32 KiB, so that none stalls. Packets received out of order may take a quarter of it.
    pub max_total_receive_bytes: usize,
    /// Maximum written, unacknowledged bytes of a connection. A small congestion window lowers the limit, but not below
    /// 128 KiB.
    pub max_send_bytes: usize,
    /// Maximum written, unacknowledged bytes of all connections together. Each connection keeps an allowance of 64 KiB.
    pub max_total_send_bytes: usize,
    /// Maximum length of a datagram in bytes, without IP and UDP headers; 548 … 9000. Path MTU discovery finds what the
    /// path carries (1472 for IPv4 and 1452 for IPv6 over Ethernet).
    pub max_datagram_bytes: usize,
    /// Maximum RESETs per second and network (/24 or /56) in answer to unknown packets. All networks together get 64
    /// times as many. A network that has used up its share cannot open connections within that second.
    pub max_resets_per_s: u32,
    /// Maximum answers to SYNs per second and network. There is no limit for all networks together: senders can be
    /// forged, an answer is as long as the SYN, and no state is kept.
    pub max_syn_answers_per_s: u32,
    /// Maximum incoming connections accepted per second; one network gets half of them. Callers beyond the limit have
    /// to retransmit.
    pub max_incoming_per_s: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_connections: 2000,
            max_receive_bytes: 4 << 20,
            max_total_receive_bytes: 64 << 20,
            max_send_bytes: 4 << 20,
            max_total_send_bytes: 64 << 20,
            max_datagram_bytes: 1472,
            max_resets_per_s: 50,
            max_syn_answers_per_s: 200,
            max_incoming_per_s: 100,
        }
    }
}
