use std::net::{IpAddr, SocketAddr};

use ztor_base::Duration;

use crate::krpc::{Fault, Samples};
use crate::{Contact, Family, Item, LookupId, NodeId, PerFamily, QueryId};

/// An event of a [`Dht`](crate::Dht).
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The first nodes of a family are known, at start or after all were lost.
    Bootstrapped {
        /// The family.
        family: Family,
        /// Number of good nodes.
        nodes: usize,
    },
    /// Enough nodes agree on our external address (BEP 42).
    ExternalAddress(IpAddr),
    /// Peers of a torrent, as they are found. A lookup reports each of them once.
    Peers {
        /// The lookup.
        lookup: LookupId,
        /// The peers.
        peers: Vec<SocketAddr>,
        /// The node that named them; `None` for peers that have announced themselves to us.
        from: Option<SocketAddr>,
    },
    /// The size of a swarm (BEP 33).
    Scrape {
        /// The lookup.
        lookup: LookupId,
        /// Estimated number of seeds.
        seeds: u32,
        /// Estimated number of other peers.
        peers: u32,
        /// Number of nodes that contributed.
        nodes: usize,
    },
    /// A verified item (BEP 44). Of a mutable item, the newest version that was found.
    Item {
        /// The lookup.
        lookup: LookupId,
        /// The item.
        item: Item,
    },
    /// The nodes nearest to a target, nearest first.
    Nodes {
        /// The lookup.
        lookup: LookupId,
        /// At most [`K`](crate::K) of each family.
        nodes: Vec<Contact>,
    },
    /// Result of storing an item (BEP 44).
    Put {
        /// The lookup.
        lookup: LookupId,
        /// Number of nodes that have stored it.
        stored: usize,
        /// Error code of a node that refused it, see [`krpc::code`](crate::krpc::code); `None` if none did.
        refused: Option<i64>,
    },
    /// Last event of a lookup, unless it was cancelled.
    Done {
        /// The lookup.
        lookup: LookupId,
        /// Summary of the lookup.
        summary: Summary,
    },
    /// A node responded to a ping.
    Pong {
        /// The query.
        query: QueryId,
        /// The node.
        node: Contact,
        /// Round-trip time of the query.
        rtt: Duration,
    },
    /// A sample of info-hashes (BEP 51).
    Samples {
        /// The query.
        query: QueryId,
        /// The node.
        node: Contact,
        /// The sample; `None` if the node does not support BEP 51.
        samples: Option<Samples>,
        /// Nodes near the target of the query.
        nodes: Vec<Contact>,
    },
    /// A query failed.
    Failed {
        /// The query.
        query: QueryId,
        /// The reason.
        error: QueryError,
    },
}

impl Event {
    /// Returns the lookup that it belongs to; `None` for an event of no lookup.
    pub fn lookup(&self) -> Option<LookupId> {
        match self {
            Self::Peers { lookup, .. }
            | Self::Scrape { lookup, .. }
            | Self::Item { lookup, .. }
            | Self::Nodes { lookup, .. }
            | Self::Put { lookup, .. }
            | Self::Done { lookup, .. } => Some(*lookup),
            _ => None,
        }
    }
}

/// Reason for the failure of a query.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QueryError {
    /// No response arrived in time.
    #[error("query failed: no response in time")]
    Timeout,
    /// The node responded with an error.
    #[error("query refused with error {}: {}", .0.code, .0.message)]
    Refused(Fault),
    /// Too many queries wait, or the address is unusable.
    #[error("query not sent: the address is unusable, or too many queries wait")]
    NotSent,
}

/// Summary of a lookup in both families.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Number of nodes queried.
    pub nodes_asked: usize,
    /// Number of nodes that responded.
    pub nodes_answered: usize,
    /// Number of queries sent, including announces and puts.
    pub messages: usize,
    /// Number of nodes that accepted the announce or the item.
    pub announced: usize,
    /// Duration from its start, without the time that it waited for its turn.
    pub took: Duration,
}

/// State and counters of a [`Dht`](crate::Dht).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stats {
    /// State of each family; `None` for one that is turned off.
    pub families: PerFamily<Option<FamilyStats>>,
    /// True while the node answers no queries (BEP 43).
    pub is_read_only: bool,
    /// Number of peers that were announced to us.
    pub stored_peers: usize,
    /// Number of torrents of these peers; one with peers of both families counts twice.
    pub stored_torrents: usize,
    /// Number of items that other nodes stored here.
    pub stored_items: usize,
    /// Number of running lookups, including our own upkeep.
    pub lookups: usize,
    /// Number of lookups that wait for their turn.
    pub waiting_lookups: usize,
    /// Number of queries without a response yet.
    pub in_flight: usize,
    /// Number of queries sent.
    pub queries_out: u64,
    /// Number of queries received.
    pub queries_in: u64,
    /// Number of queries received and dropped because their sender, or all senders together, ask too much, or because
    /// the node is read-only.
    pub queries_dropped: u64,
    /// Number of responses received that matched a query.
    pub answers_in: u64,
    /// Number of queries without a response in time.
    pub timeouts: u64,
}

/// State of one family in [`Stats`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FamilyStats {
    /// Our id.
    pub id: NodeId,
    /// Number of good nodes: a message in the last 15 minutes and no query unanswered.
    pub good: usize,
    /// Number of other nodes in the table: silent for longer, or with a query unanswered.
    pub questionable: usize,
    /// Number of nodes that wait for a place in the table.
    pub spare: usize,
    /// Our external address; `None` until enough nodes agree on it.
    pub external: Option<IpAddr>,
}
