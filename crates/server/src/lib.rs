//! Servers of ztor: the API of the daemon, and the tracker over HTTP and UDP with files over HTTP.
//!
//! A [`tracker::TrackerServer`] runs on its own thread, so that callers need no async runtime. In addition to announces
//! and scrapes it serves the given [`files::Files`], such as the torrent of `ztor share`.
//!
//! ```no_run
//! use std::net::SocketAddr;
//! use ztor_server::tracker::{Config, TrackerServer};
//!
//! // Port 0 takes any free one.
//! let loopback: SocketAddr = "127.0.0.1:0".parse()?;
//! let config = Config { http: Some(loopback), udp: Some(loopback), ..Config::default() };
//! let server = TrackerServer::start(config)?;
//! if let (Some(http), Some(udp)) = (server.http_addr(), server.udp_addr()) {
//!     println!("announce to http://{http}/announce or udp://{udp}");
//! }
//! assert_eq!(server.counts().torrents, 0);
//! server.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod access;
pub mod api;
pub mod files;
mod foreign;
mod guard;
mod qbittorrent;
mod route;
mod served;
mod slots;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tracker;
mod transmission;
mod web;

pub use route::reachable_ip;
pub use served::{Served, ServedError};
