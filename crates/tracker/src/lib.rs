//! Trackers, both sides of them, without sockets or clocks.
//!
//! For a client: [`http`] and [`udp`] write announces and scrapes and read their answers, [`udp::Client`] runs
//! the transactions of BEP 15, and [`announcer::Announcer`] decides for one torrent which tracker is told what
//! and when (BEP 12). For a tracker: [`http`] and [`udp`] read the requests and write the answers, and
//! [`swarms::Swarms`] is what a tracker knows.
//!
//! What a tracker sends is foreign: every decoder is total, numbers are checked, lists are cut at
//! [`MAX_PEERS`], and text for people has passed [`text::plain`].
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
