//! KRPC, the wire format of the DHT (BEP 5, with 32, 33, 42, 43, 44 and 51).

mod decode;
mod encode;

use std::net::SocketAddr;

use crate::{Bloom, NodeId};

pub use decode::{DecodeError, decode};
pub(crate) use encode::compact_contacts;

/// Maximum length of a transaction id that is answered, in bytes. BEP 5 suggests two.
pub const MAX_TRANSACTION_BYTES: usize = 32;

/// Error codes of BEP 5 and BEP 44.
pub mod code {
    /// A generic error.
    pub const GENERIC: i64 = 201;
    /// The node cannot do what is requested.
    pub const SERVER: i64 = 202;
    /// A malformed message, invalid arguments, or a bad token.
    pub const PROTOCOL: i64 = 203;
    /// A method that the node does not know.
    pub const METHOD_UNKNOWN: i64 = 204;
    /// A value longer than 1000 bytes.
    pub const TOO_BIG: i64 = 205;
    /// A signature that does not match.
    pub const BAD_SIGNATURE: i64 = 206;
    /// A salt longer than 64 bytes.
    pub const SALT_TOO_BIG: i64 = 207;
    /// The stored item's sequence number is not the expected one.
    pub const CAS_MISMATCH: i64 = 301;
    /// The stored item's sequence number is higher, or equal with another value.
    pub const SEQ_TOO_LOW: i64 = 302;
}

/// Id and address of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Contact {
    /// Its id.
    pub id: NodeId,
    /// Its UDP address.
    pub addr: SocketAddr,
}

/// A message, which is one datagram.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    /// `t`: the transaction id of the query, repeated in the response.
    pub transaction: Vec<u8>,
    /// Kind and content.
    pub body: Body,
    /// `ip`: the receiver's address as the sender sees it (BEP 42). Not in queries.
    pub external: Option<SocketAddr>,
    /// `ro`: the sender answers no queries (BEP 43). Only in queries.
    pub read_only: bool,
    /// `v`: the sender's client and version, at most 4 bytes of them.
    pub version: Option<Vec<u8>>,
}

/// Kind and content of a message.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// `q`: a query.
    Query(Query),
    /// `r`: a response.
    Response(Box<Response>),
    /// `e`: an error.
    Error(Fault),
}

/// An error message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// One of [`code`], or any other that a node sent.
    pub code: i64,
    /// Text for people. Received text is cut and made printable.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(code: i64, message: &str) -> Self {
        Self { code, message: message.to_owned() }
    }
}

/// A query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// Id of the node that sends the query.
    pub id: NodeId,
    /// `want`: families whose nodes are wanted (BEP 32); `None` if absent.
    pub want: Option<Want>,
    /// Method with its arguments.
    pub method: Method,
}

/// Families whose nodes are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Want {
    /// `n4`.
    pub v4: bool,
    /// `n6`.
    pub v6: bool,
}

/// Methods of queries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Method {
    /// A check that the node is alive.
    Ping,
    /// A request for nodes near a target.
    FindNode {
        /// The target.
        target: NodeId,
    },
    /// A request for peers of a torrent.
    GetPeers {
        /// The torrent.
        info_hash: NodeId,
        /// True if the response should prefer peers that are not seeds (BEP 33).
        no_seed: bool,
        /// True if Bloom filters are wanted too (BEP 33).
        scrape: bool,
    },
    /// An announce of the sender as a peer of a torrent.
    AnnouncePeer {
        /// The torrent.
        info_hash: NodeId,
        /// Its port, unless `implied_port` is set.
        port: u16,
        /// True if its port is the one that the datagram came from.
        implied_port: bool,
        /// True if it is a seed (BEP 33).
        seed: bool,
        /// Token from a response to `get_peers`.
        token: Vec<u8>,
    },
    /// A request for an item (BEP 44).
    Get {
        /// Id of the item.
        target: NodeId,
        /// Sequence number that the item must exceed; `None` for any.
        seq: Option<i64>,
    },
    /// A request to store an item (BEP 44).
    Put {
        /// Token from a response to `get`.
        token: Vec<u8>,
        /// Sequence number that the stored item must have; `None` for any, and for immutable items.
        cas: Option<i64>,
        /// The item.
        item: crate::Item,
    },
    /// A request for a sample of the info-hashes that the node has peers of (BEP 51).
    SampleInfohashes {
        /// Target near which nodes are wanted, too.
        target: NodeId,
    },
    /// An unknown method. If it has a target, nodes near that are a fair response.
    Unknown {
        /// Its `target` or `info_hash`.
        target: Option<NodeId>,
    },
}

/// A response. The query determines which parts are present.
#[derive(Clone, PartialEq, Debug)]
pub struct Response {
    /// Id of the node that responds.
    pub id: NodeId,
    /// `nodes`: IPv4 nodes; `None` if absent.
    pub nodes4: Option<Vec<Contact>>,
    /// `nodes6`: IPv6 nodes (BEP 32); `None` if absent.
    pub nodes6: Option<Vec<Contact>>,
    /// `values`: peers, of both families in any mixture.
    pub values: Vec<SocketAddr>,
    /// `token`: required to store something at the node.
    pub token: Option<Vec<u8>>,
    /// `BFsd`: the seeds (BEP 33).
    pub seeds: Option<Bloom>,
    /// `BFpe`: the other peers (BEP 33).
    pub peers: Option<Bloom>,
    /// `v`: an item's value, still encoded (BEP 44).
    pub value: Option<Vec<u8>>,
    /// `k`: a mutable item's public key.
    pub key: Option<[u8; 32]>,
    /// `seq`: a mutable item's sequence number.
    pub seq: Option<i64>,
    /// `sig`: a mutable item's signature.
    pub signature: Option<[u8; 64]>,
    /// The result of `sample_infohashes` (BEP 51).
    pub samples: Option<Samples>,
}

impl Response {
    /// Creates a response that has only the id of the node.
    pub fn new(id: NodeId) -> Self {
        Self {
            id,
            nodes4: None,
            nodes6: None,
            values: Vec::new(),
            token: None,
            seeds: None,
            peers: None,
            value: None,
            key: None,
            seq: None,
            signature: None,
            samples: None,
        }
    }
}

/// A sample of the info-hashes that a node has peers of (BEP 51).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Samples {
    /// Time in which not to ask again, in seconds; at most 21600.
    pub interval_s: u32,
    /// Number of info-hashes that the node has.
    pub total: u64,
    /// Some of them.
    pub info_hashes: Vec<NodeId>,
}

#[cfg(test)]
mod tests;
