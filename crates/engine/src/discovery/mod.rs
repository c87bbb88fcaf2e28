//! Sources of peers: known addresses, peer exchange, the DHT, and the local network.

pub(crate) mod contacts;
mod dht;
pub(crate) mod known;
mod lsd;
pub(crate) mod pex;
mod schedule;

pub(crate) use dht::DhtDriver;
pub(crate) use lsd::LocalDiscovery;
pub(crate) use schedule::Schedule;
