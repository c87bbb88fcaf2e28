//! Requests of the owner, and their ids.

use crate::addr::PerFamily;

/// Identifies a lookup. Ids are not reused within a [`Dht`](crate::Dht).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LookupId(pub(crate) u64);

/// Identifies a query to one node. Ids are not reused within a [`Dht`](crate::Dht).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueryId(pub(crate) u64);

/// Announce of ourselves at the end of a lookup for peers (BEP 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Announce {
    /// Port at which peers reach us over each family; 0 announces nothing.
    pub port: PerFamily<u16>,
    /// True if nodes should use the source port of our datagrams instead. Useful behind a NAT, if peers are served at
    /// the same UDP port (BEP 29).
    pub implied_port: bool,
    /// True if we are a seed (BEP 33).
    pub is_seed: bool,
}
