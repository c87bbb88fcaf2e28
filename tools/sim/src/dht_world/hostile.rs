//! Hostile nodes. They enter honest routing tables by answering pings, and disturb lookups.

use super::place::{Land, PORT, anywhere, beside};
use fastrand::Rng;
use std::net::SocketAddr;
use ztor_dht::krpc::{Body, Fault, Message, Method, Query, Response, code, decode};
use ztor_dht::{Contact, K, NodeId};

/// Attack of a hostile node on lookups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malice {
    /// Returns made-up nodes near the target and made-up peers.
    Inventor,
    /// Returns other hostile nodes, so that lookups stay among them, and stores nothing.
    Clique,
    /// Returns tokens of any length, and refuses announces with them.
    Refuser,
    /// Answers pings but not lookups.
    Mute,
    /// Sends damaged messages.
    Babbler,
    /// Claims an id next to the target.
    Chameleon,
}

impl Malice {
    pub(super) const ALL: [Self; 6] =
        [Self::Inventor, Self::Clique, Self::Refuser, Self::Mute, Self::Babbler, Self::Chameleon];
}

/// A hostile node.
#[derive(Debug)]
pub(super) struct Hostile {
    pub(super) id: NodeId,
    pub(super) malice: Malice,
}

impl Hostile {
    /// Returns the answer to a datagram. `friends` are hostile nodes that it may return.
    pub(super) fn answer(
        &self,
        from: SocketAddr,
        datagram: &[u8],
        friends: &[Contact],
        rng: &mut Rng,
    ) -> Option<Vec<u8>> {
        let Ok(Message { transaction, body: Body::Query(query), .. }) = decode(datagram) else { return None };
        let mut response = Response::new(self.id);
        let target = match query.method {
            Method::Ping => None,
            Method::FindNode { target } | Method::GetPeers { info_hash: target, .. } => Some(target),
            // A refuser stores nothing.
            _ if self.malice == Malice::Refuser => {
                let fault = Fault { code: code::PROTOCOL, message: "a bad token".to_owned() };
                return Some(encode(transaction, Body::Error(fault), from));
            }
            _ => None,
        };
        if let Some(target) = target {
            response.token = Some(vec![7; 8]);
            match self.malice {
                Malice::Inventor => {
                    response.nodes4 = Some((0..K).map(|_| invented(target, rng)).collect());
                    response.values = (0..8).map(|_| invented(target, rng).addr).collect();
                }
                Malice::Clique => {
                    let mut near = friends.to_vec();
                    near.sort_by_key(|friend| friend.id.distance(target));
                    near.truncate(K);
                    response.nodes4 = Some(near);
                }
                Malice::Refuser => {
                    response.token = Some(vec![rng.u8(..); rng.usize(0..200)]);
                    response.nodes4 = Some((0..K).filter_map(|_| rng.choice(friends).copied()).collect());
                }
                Malice::Mute => return None,
                Malice::Babbler => {
                    let mut bytes = encode(transaction, Body::Response(Box::new(response)), from);
                    let at = rng.usize(..bytes.len());
                    bytes[at] = rng.u8(..);
                    bytes.truncate(rng.usize(1..=bytes.len()));
                    return Some(bytes);
                }
                Malice::Chameleon => {
                    response.id = beside(target, rng);
                    response.nodes4 = Some(Vec::new());
                }
            }
        }
        Some(encode(transaction, Body::Response(Box::new(response)), from))
    }

    /// Returns a query, by which other nodes learn of it.
    pub(super) fn question(&self, target: Option<NodeId>, rng: &mut Rng) -> Vec<u8> {
        let target = target.unwrap_or_else(|| anywhere(rng));
        let query = Query { id: self.id, want: None, method: Method::FindNode { target } };
        let transaction = vec![rng.u8(..), rng.u8(..)];
        let body = Body::Query(query);
        Message { transaction, body, external: None, read_only: false, version: None }.encode()
    }
}

/// Encodes a message with the right external address. A wrong one would be outvoted and would expose the node.
fn encode(transaction: Vec<u8>, body: Body, to: SocketAddr) -> Vec<u8> {
    Message { transaction, body, external: Some(to), read_only: false, version: None }.encode()
}

fn invented(target: NodeId, rng: &mut Rng) -> Contact {
    let [a, b, c] = Land::subnet(rng);
    Contact { id: beside(target, rng), addr: SocketAddr::from(([a, b, c, rng.u8(1..255)], PORT)) }
}
