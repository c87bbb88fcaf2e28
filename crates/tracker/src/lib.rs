//! Both sides of the tracker protocols, without sockets or clocks.
//!
//! For a client: [`http`] and [`udp`] write announces and scrapes and read their answers, [`udp::Client`] runs the
//! transactions of BEP 15, and [`announcer::Announcer`] schedules the announces of one torrent (BEP 12). For a tracker:
//! [`http`] and [`udp`] read the requests and write the answers, and [`swarms::Swarms`] keeps the peers.
//!
//! Data from a tracker is not trusted: every decoder is total, numbers are checked, lists are cut at [`MAX_PEERS`], and
//! text for users has passed [`text::plain`].
//!
//! ```
//! use ztor_base::{PeerId, SwarmId};
//! use ztor_tracker::http::{announce_url, parse_announce};
//! use ztor_tracker::{AnnounceEvent, AnnounceRequest};
//!
//! let (info_hash, peer_id) = (SwarmId::new([b'h'; 20]), PeerId::from_random([b'r'; 12]));
//! let request = AnnounceRequest {
//!     left: 5_000_000,
//!     event: AnnounceEvent::Started,
//!     ..AnnounceRequest::new(info_hash, peer_id, 6881)
//! };
//! let url = announce_url("http://t.example/announce", &request)?;
//! assert!(url.starts_with("http://t.example/announce?info_hash=hhhh") && url.contains("&left=5000000"));
//!
//! // The body of the answer, which any HTTP client can fetch.
//! let reply = parse_announce(b"d8:intervali1800e5:peers6:\xc0\x00\x02\x07\x1a\xe1e")?;
//! assert_eq!(reply.interval_s, 1800);
//! assert_eq!(reply.peers[0].addr.to_string(), "192.0.2.7:6881");
//! # Ok::<(), ztor_tracker::TrackerError>(())
//! ```
#![forbid(unsafe_code)]

pub mod announcer;
pub mod dns;
mod error;
pub mod http;
mod issue;
mod place;
pub mod swarms;
pub mod text;
mod types;
pub mod udp;

pub use error::{Retry, TrackerError};
pub use issue::TrackerIssue;
pub use place::{DEFAULT_UDP_PORT, names_loopback};
pub use text::{redact, redact_echo, redact_web_seed};
pub use types::{AnnounceEvent, AnnounceReply, AnnounceRequest, MAX_PEERS, Reply, ScrapeEntry, TrackerPeer};
