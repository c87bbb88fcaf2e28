//! Requests of the owner to a node, and the names they have until they end.

/// Names a lookup. None is used twice in the life of a [`Dht`](crate::Dht).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LookupId(pub(crate) u64);

/// Names a question to one node. None is used twice in the life of a [`Dht`](crate::Dht).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueryId(pub(crate) u64);

/// What is said of us at the end of a lookup for peers (BEP 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Announce {
    /// The port that we take peers' connections at.
    pub port: u16,
    /// Others shall rather take the port that our datagrams come from: right behind a NAT, if peers are heard at
    /// the same UDP port (BEP 29).
    pub implied_port: bool,
    /// We have everything (BEP 33).
    pub is_seed: bool,
}
