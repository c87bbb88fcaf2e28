//! What the benchmarks share: made-up torrents, an engine with many peers, and the operations that are run over
//! and over in a busy client.
#![forbid(unsafe_code)]

pub mod hot;
pub mod swarm;
pub mod torrents;
