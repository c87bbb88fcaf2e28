//! Announces and scrapes over UDP (BEP 15), with the path and query of the tracker's URL (BEP 41).
//!
//! [`Request`] and [`Response`] are the datagrams, for both sides; [`Client`] runs the transactions of a client.
//! A tracker reads [`Question`]s and writes answers without allocation.

mod client;
mod codec;
mod fields;
mod serve;

pub use client::Client;
pub use codec::{Request, Response};
pub use fields::{CONNECT_MAGIC, DecodeError, MAX_SCRAPE};
pub use serve::{AnnounceAnswer, Question, ScrapeHashes, write_connect, write_error, write_scrape};
