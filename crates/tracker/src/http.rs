//! Announces and scrapes over HTTP (BEP 3, 7, 23, 24, 31, 48): URLs and bodies, without the connection.
//!
//! A client builds a URL with [`announce_url`], fetches it, and reads the body with [`parse_announce`]. A tracker reads
//! the query with [`parse_announce_query`] and answers with [`encode_announce`] or [`encode_failure`].

mod content_range;
mod reply;
mod request;
mod serve;

pub use content_range::ContentRange;
pub use reply::{DEFAULT_INTERVAL_S, MAX_BODY_LEN, parse_announce, parse_response, parse_scrape};
pub use request::{announce_url, may_ask_loopback, scrape_url};
pub use serve::{
    AnnounceQuery, MAX_SCRAPE, PeerForm, QueryError, encode_announce, encode_failure, encode_scrape,
    parse_announce_query, parse_scrape_query,
};

#[cfg(test)]
mod tests;
