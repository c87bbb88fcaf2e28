//! KRPC, the DHT's messages as bytes (BEP 5, with 32, 33, 42, 43, 44 and 51).

mod decode;
mod encode;

use std::net::SocketAddr;

use crate::{Bloom, NodeId};

pub use decode::{DecodeError, decode};
pub(crate) use encode::compact_contacts;

/// The longest transaction id that is answered, in bytes. BEP 5 thinks of two.
pub const MAX_TRANSACTION_BYTES: usize = 32;

/// Error codes of BEP 5 and BEP 44.
pub mod code {
    /// Anything.
    pub const GENERIC: i64 = 201;
    /// The node cannot do what it should.
    pub const SERVER: i64 = 202;
    /// A malformed message, invalid arguments, or a bad token.
    pub const PROTOCOL: i64 = 203;
    /// A method that the node does not know.
    pub const METHOD_UNKNOWN: i64 = 204;
    /// A value longer than 1000 bytes.
    pub const TOO_BIG: i64 = 205;
    /// A signature that does not fit.
    pub const BAD_SIGNATURE: i64 = 206;
    /// A salt longer than 64 bytes.
    pub const SALT_TOO_BIG: i64 = 207;
    /// The stored item's sequence number is not the expected one.
    pub const CAS_MISMATCH: i64 = 301;
    /// The stored item's sequence number is higher.
    pub const SEQ_TOO_LOW: i64 = 302;
}

/// A node and where it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Contact {
    /// Its id.
    pub id: NodeId,
    /// Its UDP address.
    pub addr: SocketAddr,
}

/// A datagram.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    /// `t`: the asker's name for the question, repeated in the answer.
    pub transaction: Vec<u8>,
    /// What it is.
    pub body: Body,
    /// `ip`: the receiver's address as the sender sees it (BEP 42). Not in queries.
    pub external: Option<SocketAddr>,
    /// `ro`: the sender answers no queries (BEP 43). Only in queries.
    pub read_only: bool,
    /// `v`: the sender's client and version, at most 4 bytes of them.
    pub version: Option<Vec<u8>>,
}

/// The kinds of messages.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// `q`: a question.
    Query(Query),
    /// `r`: its answer.
    Response(Box<Response>),
    /// `e`: a refusal.
    Error(Fault),
}

/// An error message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// One of [`code`], or whatever a node made up.
    pub code: i64,
    /// For people; foreign text, cut and made printable.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(code: i64, message: &str) -> Self {
        Self { code, message: message.to_owned() }
    }
}

/// A question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// The asker's id.
    pub id: NodeId,
    /// `want`: of which families nodes are asked for (BEP 32); `None` if it was not said.
    pub want: Option<Want>,
    /// What is asked.
    pub method: Method,
}

/// Of which families nodes are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Want {
    /// `n4`.
    pub v4: bool,
    /// `n6`.
    pub v6: bool,
}

/// The questions there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Method {
    /// Whether the node is there.
    Ping,
    /// Nodes near a place.
    FindNode {
        /// The place.
        target: NodeId,
    },
    /// Peers of a torrent.
    GetPeers {
        /// The torrent.
        info_hash: NodeId,
        /// Rather such that are no seeds (BEP 33).
        no_seed: bool,
        /// Bloom filters as well (BEP 33).
        scrape: bool,
    },
    /// The asker is a peer of a torrent.
    AnnouncePeer {
        /// The torrent.
        info_hash: NodeId,
        /// Its port, unless `implied_port` is set.
        port: u16,
        /// Its port is the one that the datagram came from.
        implied_port: bool,
        /// It has everything (BEP 33).
        seed: bool,
        /// What an answer to `get_peers` gave.
        token: Vec<u8>,
    },
    /// An item (BEP 44).
    Get {
        /// Its place.
        target: NodeId,
        /// Only if its sequence number is higher.
        seq: Option<i64>,
    },
    /// An item to be stored (BEP 44).
    Put {
        /// What an answer to `get` gave.
        token: Vec<u8>,
        /// The sequence number that the stored item must have; `None` for immutable items.
        cas: Option<i64>,
        /// The item.
        item: crate::Item,
    },
    /// A sample of the info-hashes that the node has peers of (BEP 51).
    SampleInfohashes {
        /// Nodes near this place are asked for, too.
        target: NodeId,
    },
    /// Something else. With a place in it, nodes near that are a fair answer.
    Unknown {
        /// Its `target` or `info_hash`.
        target: Option<NodeId>,
    },
}

/// An answer. Which parts are there depends on the question.
#[derive(Clone, PartialEq, Debug)]
pub struct Response {
    /// The answering node's id.
    pub id: NodeId,
    /// `nodes`: IPv4 nodes; `None` if it isn't there.
    pub nodes4: Option<Vec<Contact>>,
    /// `nodes6`: IPv6 nodes (BEP 32).
    pub nodes6: Option<Vec<Contact>>,
    /// `values`: peers, of both families in any mixture.
    pub values: Vec<SocketAddr>,
    /// What must be shown to store something at the node.
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
    /// The answer to `sample_infohashes` (BEP 51).
    pub samples: Option<Samples>,
}

impl Response {
    /// An answer that says nothing but who answers.
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
    /// How long not to ask again, in seconds; at most 21600.
    pub interval_s: u32,
    /// How many info-hashes the node has.
    pub total: u64,
    /// Some of them.
    pub info_hashes: Vec<NodeId>,
}

#[cfg(test)]
mod tests;
