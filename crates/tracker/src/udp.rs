//! Announces and scrapes over UDP (BEP 15), with the path and query of the tracker's URL (BEP 41).
//!
//! [`Request`] and [`Response`] are the datagrams, for both sides; [`Client`] runs the transactions of a client.

mod client;
mod codec;

pub use client::Client;
pub use codec::{CONNECT_MAGIC, DecodeError, MAX_SCRAPE, Request, Response};
