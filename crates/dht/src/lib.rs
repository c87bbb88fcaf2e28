//! A node of the Mainline DHT (BEP 5) as a sans-IO state machine.
//!
//! The driver of a [`Dht`] passes in the time, the received datagrams and its owner's requests, and polls it for
//! datagrams to send, events and the next timeout. It opens no socket, reads no clock and takes its randomness from a
//! seed, so that a network of any number of nodes can run inside a test.
//!
//! ```
//! use ztor_dht::{Config, Dht};
//! use ztor_base::Instant;
//!
//! let mut now = Instant::ZERO;
//! let mut dht = Dht::new(now, Config::default(), 42, None);
//! dht.bootstrap(now, &["192.0.2.1:6881".parse()?]);
//! let lookup = dht.get_peers(now, [7; 20].into(), None);
//! // A driver's turn: send, poll events, and sleep until a datagram comes or the time is reached.
//! while let Some((_to, _datagram)) = dht.poll_transmit() {}
//! while let Some(_event) = dht.poll_event() {}
//! now = dht.poll_timeout().unwrap_or(now);
//! dht.handle_timeout(now);
//! # dht.cancel(lookup);
//! # Ok::<(), std::net::AddrParseError>(())
//! ```
//!
//! Supported are IPv4 and IPv6 as two networks side by side (BEP 32), scrapes (BEP 33), node ids that fit their
//! addresses (BEP 42), read-only nodes (BEP 43), stored items (BEP 44) and samples of info-hashes (BEP 51). A node on
//! several addresses of one family (BEP 45) needs several [`Dht`]s.
//!
//! Modules: [`krpc`] is the wire format. `table` and `bucket` hold the nodes that respond. `search` is one iterative
//! lookup in one network. `peers` and `items` store the data of other nodes; `tokens` and `guard` prevent abuse. `rpc`
//! matches responses with queries. `dht` connects these parts, split by the source of events: `on_query`,
//! `on_response`, `lookups`, `maintain`.
#![forbid(unsafe_code)]

mod addr;
mod bloom;
mod bucket;
mod dht;
mod event;
mod external;
mod guard;
mod hash;
mod item;
mod items;
pub mod krpc;
mod lookup;
mod node_id;
mod peers;
mod reach;
mod request;
mod rpc;
mod save;
mod search;
mod table;
mod tokens;

pub use addr::{Family, PerFamily};
pub use bloom::Bloom;
pub use dht::{Config, Dht};
pub use event::{Event, FamilyStats, QueryError, Stats, Summary};
pub use item::{Item, ItemError, MAX_SALT_BYTES, MAX_VALUE_BYTES, mutable_target};
pub use krpc::Contact;
pub use node_id::{Distance, NodeId};
pub use reach::ReadOnly;
pub use request::{Announce, LookupId, QueryId};
pub use save::{Saved, SavedError};

/// Number of nodes in a bucket, in a response and in the result of a lookup: the `k` of BEP 5.
pub const K: usize = 8;

/// Maximum length of a datagram that is sent, in bytes; every usual link carries it unfragmented. Only responses with
/// an item (BEP 44) or a scrape (BEP 33) come near it; others keep to the 1024 bytes of BEP 32.
pub const MAX_DATAGRAM_BYTES: usize = 1400;
