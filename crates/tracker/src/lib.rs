//! Both sides of the tracker protocols, without sockets or clocks.
//!
//! For a client: [`http`] and [`udp`] write announces and scrapes and read their answers, [`udp::Client`] runs the
//! transactions of BEP 15, and [`announcer::Announcer`] schedules the announces of one torrent (BEP 12). For a tracker:
//! [`http`] and [`udp`] read the requests and write the answers, and [`swarms::Swarms`] keeps the peers.
//!
//! Data from a tracker is not trusted: every decoder is total, numbers are checked, lists are cut at [`MAX_PEERS`], and
//! text for users has passed [`text::plain`].
#![forbid(unsafe_code)]

pub mod announcer;
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
pub use text::{redact, redact_echo};
pub use types::{AnnounceEvent, AnnounceReply, AnnounceRequest, MAX_PEERS, Reply, ScrapeEntry, TrackerPeer};
