//! µTP, the transport of BEP 29 over UDP, as a machine without IO.
//!
//! An [`Endpoint`] owns the connections of one UDP socket. Its driver passes in the time and the received datagrams,
//! and polls it for datagrams to send, events and the next timeout. It opens no socket, asks no clock and takes its
//! randomness from a seed, so that any number of them can talk to each other inside a test.
//!
//! ```
//! use bytes::{Bytes, BytesMut};
//! use ztor_base::Instant;
//! use ztor_utp::{Config, Endpoint, Event};
//!
//! let mut now = Instant::ZERO;
//! let mut endpoint = Endpoint::new(now, Config::default(), 42);
//! let key = endpoint.connect(now, "192.0.2.1:6881".parse()?)?;
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
//! The driver has to forbid that datagrams are fragmented (`IP_MTU_DISCOVER` set to `IP_PMTUDISC_PROBE` on Linux),
//! or the search for the longest datagram will find one that the path carries only in pieces.
//!
//! Where things are: `header` is the protocol as bytes, `seq` the arithmetic of its numbers; `cookie` answers SYNs
//! without keeping anything. `conn` is one connection: `receive` puts in order what comes, `send` keeps what goes,
//! `ack` draws conclusions from acknowledgements, `send_budget` limits what is queued, `transmit` builds datagrams and
//! `timers` handles timeouts and the end of a connection.
//! `ledbat` is the congestion window, `delay` and `rtt` what it is steered by, `mtu` the length of datagrams.
//! `endpoint` routes between all of these and the driver; its `unknown_packets` answers packets of no connection.
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
mod rtt;
mod seq;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use endpoint::Endpoint;
pub use event::{Closed, ConnKey, ConnectError, Event, Stats, Transmit};
