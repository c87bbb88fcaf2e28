//! Announces and scrapes over UDP (BEP 15), with the path and query of the tracker's URL (BEP 41).
//!
//! [`Request`] and [`Response`] are the datagrams, for both sides; [`Client`] runs the transactions of a client.
//! A tracker reads [`Question`]s and writes answers without allocation.
//!
//! ```
//! use std::net::SocketAddr;
//! use ztor_base::{Instant, PeerId, SwarmId};
//! use ztor_tracker::udp::{Client, Request, Response};
//! use ztor_tracker::{AnnounceReply, AnnounceRequest, Reply};
//!
//! let (now, mut client) = (Instant::ZERO, Client::new(42));
//! let tracker: SocketAddr = "192.0.2.9:6969".parse()?;
//! let request = AnnounceRequest::new(SwarmId::new([1; 20]), PeerId::from_random([2; 12]), 6881);
//! client.announce(now, 1, tracker, "/announce", request);
//! while let Some((to, datagram)) = client.poll_transmit() {
//!     // The tracker's side, without a network in between.
//!     let reply = AnnounceReply { interval_s: 1800, ..AnnounceReply::default() };
//!     let response = match Request::decode(&datagram)? {
//!         Request::Connect { transaction } => Response::Connect { transaction, connection: 9 },
//!         Request::Announce { transaction, .. } => Response::Announce { transaction, reply },
//!         Request::Scrape { transaction, .. } => Response::Scrape { transaction, entries: Vec::new() },
//!     };
//!     assert!(client.handle(now, to, &response.encode(false)));
//! }
//! assert!(matches!(client.poll_event(), Some((1, Ok(Reply::Announce(reply)))) if reply.interval_s == 1800));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod codec;
mod fields;
mod serve;

pub use client::Client;
pub use codec::{Request, Response};
pub use fields::{CONNECT_MAGIC, DecodeError, MAX_SCRAPE};
pub use serve::{AnnounceAnswer, Question, ScrapeHashes, write_connect, write_error, write_scrape};
