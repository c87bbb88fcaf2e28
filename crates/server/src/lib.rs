//! What ztor serves over HTTP, and the tracker, which answers over UDP as well.
//!
//! A [`tracker::TrackerServer`] runs on a thread of its own, so that callers need no async runtime. Beside
//! announces and scrapes it hands out the [`files::Files`] that it is given: `ztor share` puts its torrent there.
#![forbid(unsafe_code)]

pub mod files;
mod guard;
mod route;
pub mod tracker;

pub use route::reachable_ip;
