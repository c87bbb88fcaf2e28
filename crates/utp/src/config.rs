//! What an endpoint is allowed.

/// The bounds of an [`Endpoint`](crate::Endpoint).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Connections at the same time, those included that are on their way in, out or down. At most so many SYNs
    /// are answered as there is room for.
    pub max_connections: usize,
    /// Bytes received and not yet read, per connection: the window that we advertise (BEP 29, `wnd_size`). What
    /// arrives out of order may take as much again.
    pub max_receive_bytes: usize,
    /// The same for all connections together. As it fills the windows shrink, but each keeps a small allowance
    /// (32 KiB), so that nobody stalls for ever. What arrives out of order may take up a quarter of it.
    pub max_total_receive_bytes: usize,
    /// Bytes written and not yet acknowledged, per connection. There may be less room, but not less than 128 KiB, as
    /// long as the congestion window is small.
    pub max_send_bytes: usize,
    /// The same for all connections together; each keeps a small allowance (64 KiB).
    pub max_total_send_bytes: usize,
    /// The longest datagram that is ever tried, in bytes without IP and UDP headers, 548 … 9000. What the family
    /// and the path allow is found out (1472 for IPv4 and 1452 for IPv6 over Ethernet).
    pub max_datagram_bytes: usize,
    /// RESETs in answer to strangers' datagrams, per second and network (/24 and /56). All networks together get
    /// 64 times as many. A network from which more come is not believed to begin connections within that second.
    pub max_resets_per_s: u32,
    /// Answers to SYNs, per second and network. There is no bound for all networks together: senders can be forged, an
    /// answer is as long as the SYN, and nothing is kept.
    pub max_syn_answers_per_s: u32,
    /// Connections of others that are accepted, per second; of one network half of them. Who comes when that is spent
    /// has to wait a little.
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
