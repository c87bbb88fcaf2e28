//! The tracker, over HTTP and UDP, and files over HTTP.
//!
//! A [`tracker::TrackerServer`] runs on its own thread, so that callers need no async runtime. In addition to announces
//! and scrapes it serves the given [`files::Files`], such as the torrent of `ztor share`.
#![forbid(unsafe_code)]

pub mod files;
mod guard;
mod route;
pub mod tracker;

pub use route::reachable_ip;
