use std::net::{IpAddr, SocketAddr};

use ztor_base::Duration;

use crate::krpc::{Fault, Samples};
use crate::{Contact, Family, Item, LookupId, NodeId, PerFamily, QueryId};

/// What a [`Dht`](crate::Dht) found out.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The first nodes of a family are known, at start or after all were lost.
    Bootstrapped {
        /// The family.
        family: Family,
        /// How many nodes.
        nodes: usize,
    },
    /// Enough nodes agree on the address that we have in the world (BEP 42).
    ExternalAddress(IpAddr),
    /// Peers of a torrent, as they come. Each is told of once a lookup.
    Peers {
        /// The lookup.
        lookup: LookupId,
        /// The peers.
        peers: Vec<SocketAddr>,
        /// The node that named them; `None` if we knew them ourselves, as they have announced to us.
        from: Option<SocketAddr>,
    },
    /// The size of a swarm (BEP 33).
    Scrape {
        /// The lookup.
        lookup: LookupId,
        /// About how many have everything.
        seeds: u32,
        /// About how many have not.
        peers: u32,
        /// How many nodes this is put together of.
        nodes: usize,
    },
    /// An item (BEP 44), verified. Of a mutable one the newest version that was found.
    Item {
        /// The lookup.
        lookup: LookupId,
        /// The item.
        item: Item,
    },
    /// The nodes nearest to a place, nearest first.
    Nodes {
        /// The lookup.
        lookup: LookupId,
        /// At most [`K`](crate::K) of a family.
        nodes: Vec<Contact>,
    },
    /// What became of an item that was to be stored (BEP 44).
    Put {
        /// The lookup.
        lookup: LookupId,
        /// Nodes that have stored it.
        stored: usize,
        /// The refusal of one that did not, if any refused it: a number of [`krpc::code`](crate::krpc::code).
        refused: Option<i64>,
    },
    /// A lookup is over. Its last event; it comes for each one that was not cancelled.
    Done {
        /// The lookup.
        lookup: LookupId,
        /// How it went.
        summary: Summary,
    },
    /// A node is there.
    Pong {
        /// The query.
        query: QueryId,
        /// The node.
        node: Contact,
        /// How long the answer took.
        rtt: Duration,
    },
    /// A sample of info-hashes (BEP 51).
    Samples {
        /// The query.
        query: QueryId,
        /// The node.
        node: Contact,
        /// The sample; `None` from a node that doesn't know of this.
        samples: Option<Samples>,
        /// Nodes near the place that was named.
        nodes: Vec<Contact>,
    },
    /// A query got no answer.
    Failed {
        /// The query.
        query: QueryId,
        /// Why.
        error: QueryError,
    },
}

impl Event {
    /// The lookup that it comes from.
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

/// Why a query got no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QueryError {
    /// Nothing came.
    #[error("no answer in time")]
    Timeout,
    /// The node refused.
    #[error("refused with error {}: {}", .0.code, .0.message)]
    Refused(Fault),
    /// Too much is being asked, or the address cannot be.
    #[error("not asked: the address is of no use, or too many questions wait")]
    NotSent,
}

/// How a lookup went, over both families.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Nodes that were asked.
    pub nodes_asked: usize,
    /// Nodes that answered.
    pub nodes_answered: usize,
    /// Datagrams sent, announces and puts included.
    pub messages: usize,
    /// Nodes that took the announce or the item.
    pub announced: usize,
    /// How long it took, from when it began and not from when it was asked for.
    pub took: Duration,
}

/// What a [`Dht`](crate::Dht) has and has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stats {
    /// Of each family; `None` for one that is turned off.
    pub families: PerFamily<Option<FamilyStats>>,
    /// Peers that others stored here.
    pub stored_peers: usize,
    /// Torrents that these peers are of; one with peers of both families counts twice.
    pub stored_torrents: usize,
    /// Items that others stored here.
    pub stored_items: usize,
    /// Lookups under way, our own upkeep included.
    pub lookups: usize,
    /// Lookups that wait for their turn.
    pub waiting_lookups: usize,
    /// Questions whose answer has not come.
    pub in_flight: usize,
    /// Questions sent.
    pub queries_out: u64,
    /// Questions received.
    pub queries_in: u64,
    /// Of these, the ones that were not answered since their sender, or all together, ask too much.
    pub queries_dropped: u64,
    /// Answers received that belonged to a question.
    pub answers_in: u64,
    /// Questions that got no answer.
    pub timeouts: u64,
}

/// One family's part of [`Stats`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FamilyStats {
    /// Our id.
    pub id: NodeId,
    /// Nodes heard of in the last 15 minutes.
    pub good: usize,
    /// Nodes that have been silent for longer, or left a question unanswered.
    pub questionable: usize,
    /// Nodes that wait for a place in the table.
    pub spare: usize,
    /// Our address, if enough nodes agree on it.
    pub external: Option<IpAddr>,
}
