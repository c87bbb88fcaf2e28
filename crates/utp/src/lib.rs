//! µTP, the transport of BEP 29 over UDP, as a sans-IO state machine.
//!
//! An [`Endpoint`] owns the connections of one UDP socket. Its driver passes in the time and the received datagrams,
//! and polls it for datagrams to send, events and the next timeout. It opens no socket, reads no clock and takes its
//! randomness from a seed, so a test can connect any number of endpoints to each other.
//!
//! ```
//! use bytes::{Bytes, BytesMut};
//! use std::net::SocketAddr;
//! use ztor_base::Instant;
//! use ztor_utp::{Config, Endpoint, Event};
//!
//! let mut now = Instant::ZERO;
//! let mut endpoint = Endpoint::new(now, Config::default(), 42);
//! let to: SocketAddr = "192.0.2.1:6881".parse()?;
//! let key = endpoint.connect(now, to)?;
//! endpoint.write(now, key, Bytes::from_static(b"\x13BitTorrent protocol"));
//! // A driver's turn: pass in what the socket has, handle timeouts, then send and poll events.
//! endpoint.handle_timeout(now);
//! let mut buf = Vec::new();
//! while let Some(_transmit) = endpoint.poll_transmit(now, 64, &mut buf) {
//!     // Send `buf` in datagrams of `segment_len` each.
//!     buf.clear();
//! }
//! while let Some(event) = endpoint.poll_event() {
//!     if let Event::Readable(key) = event {
//!         endpoint.read(now, key, usize::MAX, &mut BytesMut::new());
//!     }
//! }
//! // Sleep until a datagram or the time comes.
//! now = endpoint.poll_timeout().unwrap_or(now);
//! # endpoint.close(now, key);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The driver must disable IP fragmentation (set `IP_MTU_DISCOVER` to `IP_PMTUDISC_PROBE` on Linux). Otherwise path MTU
//! discovery settles on a length that the path carries only in fragments.
//!
//! Modules: `header` is the wire format, `seq` the arithmetic of sequence numbers. `cookie` answers SYNs without
//! keeping state. `conn` is one connection: `receive` reorders packets, `send` queues bytes and packets, `ack`
//! processes acknowledgements, `send_budget` bounds queued bytes, `transmit` builds datagrams, and `timers` handles
//! timeouts and closing. `ledbat` is the congestion window, controlled by `delay` and `rtt`; `mtu` finds the length of
//! datagrams. `endpoint` routes between connections and the driver; its `unknown_packets` answers packets of no
//! connection.
#![forbid(unsafe_code)]

mod config;
mod conn;
mod cookie;
mod delay;
mod endpoint;
mod event;
mod header;
mod ledbat;
mod mtu;
mod path;
mod rtt;
mod seq;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use endpoint::Endpoint;
pub use event::{Closed, ConnKey, ConnectError, Event, Stats, Transmit};
pub use path::Path;
