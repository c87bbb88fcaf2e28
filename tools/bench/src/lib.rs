//! Shared parts of the benchmarks: made-up torrents, an engine with many peers, and the hot operations of a busy
//! client.
#![forbid(unsafe_code)]

pub mod hot;
mod ip_filter;
pub mod swarm;
pub mod torrents;
