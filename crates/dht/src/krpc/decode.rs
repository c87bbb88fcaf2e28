use std::net::SocketAddr;

use ztor_bencode::{Kind, Limits, Mode, Value, decode_with};

use super::{
    Body, Contact, Fault, MAX_TRANSACTION_BYTES, Message, Method, Query, Response, Samples, Want, code,
};
use crate::addr::{Family, read_compact};
use crate::item::Item;
use crate::{Bloom, NodeId};

/// Limits of a message: some thousand bytes, and more values than any honest one has.
const LIMITS: Limits = Limits { depth: 64, tokens: 4096 };

/// Maximum numbers of nodes of a family, peers and info-hashes that are read from a response. A datagram of the usual
/// size has room for fewer, so larger ones are suspicious.
const MAX_NODES: usize = 32;
const MAX_VALUES: usize = 256;
const MAX_SAMPLES: usize = 128;
/// Maximum length of a token that is kept, in bytes: it has to be sent back.
const MAX_TOKEN_BYTES: usize = 128;
/// Maximum length of an error text that is kept, in characters.
const MAX_TEXT_CHARS: usize = 128;
/// Maximum of `interval`, in seconds (BEP 51).
const MAX_INTERVAL_S: u64 = 21_600;

/// Reason that a datagram is no valid message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// The datagram is something else: not a dictionary with a transaction id and a known kind.
    #[error("not a KRPC message")]
    NotKrpc,
    /// A malformed query, which has to be answered with an error.
    #[error("malformed query, answered with error {}: {}", fault.code, fault.message)]
    Query {
        /// Transaction id of the query.
        transaction: Vec<u8>,
        /// The error to respond with.
        fault: Fault,
    },
    /// A response or error without a required part.
    #[error("an answer without {missing}")]
    Answer {
        /// Transaction id of the query.
        transaction: Vec<u8>,
        /// The part that is missing or malformed.
        missing: &'static str,
    },
}

/// Decodes a datagram. Ignores the order of keys, superfluous keys and bytes after the message. Optional parts of the
/// wrong type count as absent.
///
/// # Errors
/// If the datagram is no valid message.
pub fn decode(datagram: &[u8]) -> Result<Message, DecodeError> {
    // Other protocols share the socket, and this is cheaper than decoding.
    if datagram.first() != Some(&b'd') {
        return Err(DecodeError::NotKrpc);
    }
    let document = decode_with(datagram, Mode::Lenient, LIMITS).map_err(|_| DecodeError::NotKrpc)?;
    let root = document.root();
    let transaction = bytes(root, b"t").ok_or(DecodeError::NotKrpc)?.to_vec();
    let body = match bytes(root, b"y").ok_or(DecodeError::NotKrpc)? {
        b"q" if transaction.len() > MAX_TRANSACTION_BYTES => return Err(DecodeError::NotKrpc),
        b"q" => match query(root) {
            Ok(query) => Body::Query(query),
            Err(fault) => return Err(DecodeError::Query { transaction, fault }),
        },
        b"r" => match response(root) {
            Some(response) => Body::Response(Box::new(response)),
            None => return Err(DecodeError::Answer { transaction, missing: "a node id" }),
        },
        b"e" => match fault(root) {
            Some(fault) => Body::Error(fault),
            None => return Err(DecodeError::Answer { transaction, missing: "an error code" }),
        },
        _ => return Err(DecodeError::NotKrpc),
    };
    let is_query = matches!(body, Body::Query(_));
    Ok(Message {
        transaction,
        external: bytes(root, b"ip").and_then(read_compact).filter(|_| !is_query),
        read_only: is_query && flag(root, b"ro"),
        version: bytes(root, b"v").filter(|v| v.len() <= 4).map(<[u8]>::to_vec),
        body,
    })
}

fn query(root: Value<'_>) -> Result<Query, Fault> {
    let name = bytes(root, b"q").ok_or_else(|| invalid("expected the method `q`"))?;
    let args = root.get(b"a").filter(|a| a.kind() == Kind::Dict);
    let args = args.ok_or_else(|| invalid("expected the arguments `a`"))?;
    let id = place(args, b"id").ok_or_else(|| invalid("expected an `id` of 20 bytes"))?;
    let target = |key: &[u8]| {
        place(args, key).ok_or_else(|| {
            invalid(if key == b"target" {
                "expected a `target` of 20 bytes"
            } else {
                "expected an `info_hash` of 20 bytes"
            })
        })
    };
    let method = match name {
        b"ping" => Method::Ping,
        b"find_node" => Method::FindNode { target: target(b"target")? },
        b"get_peers" => Method::GetPeers {
            info_hash: target(b"info_hash")?,
            no_seed: flag(args, b"noseed"),
            scrape: flag(args, b"scrape"),
        },
        b"announce_peer" => {
            let implied_port = flag(args, b"implied_port");
            let port = args.get(b"port").and_then(|port| u16::try_from(port.as_uint()?).ok()).unwrap_or(0);
            if port == 0 && !implied_port {
                return Err(invalid("expected a `port` from 1 to 65535"));
            }
            let info_hash = target(b"info_hash")?;
            Method::AnnouncePeer {
                info_hash,
                port,
                implied_port,
                seed: flag(args, b"seed"),
                token: token(args)?,
            }
        }
        b"get" => Method::Get { target: target(b"target")?, seq: int(args, b"seq") },
        b"put" => {
            let item = item(args)?;
            // An immutable item has only one version.
            let cas = int(args, b"cas").filter(|_| matches!(item, Item::Mutable { .. }));
            Method::Put { token: token(args)?, cas, item }
        }
        b"sample_infohashes" => Method::SampleInfohashes { target: target(b"target")? },
        _ => Method::Unknown { target: place(args, b"target").or_else(|| place(args, b"info_hash")) },
    };
    Ok(Query { id, want: want(args), method })
}

fn want(args: Value<'_>) -> Option<Want> {
    let list = args.get(b"want").filter(|want| want.kind() == Kind::List)?;
    let has = |name: &[u8]| list.items().any(|item| item.as_bytes() == Some(name));
    Some(Want { v4: has(b"n4"), v6: has(b"n6") })
}

fn token(args: Value<'_>) -> Result<Vec<u8>, Fault> {
    Ok(bytes(args, b"token").ok_or_else(|| invalid("expected a `token`"))?.to_vec())
}

/// Returns the item of a `put`, which is not verified.
fn item(args: Value<'_>) -> Result<Item, Fault> {
    let value = args.get(b"v").ok_or_else(|| invalid("expected the value `v`"))?.raw().to_vec();
    if args.get(b"k").is_none() {
        return Ok(Item::Immutable { value });
    }
    Ok(Item::Mutable {
        key: array(args, b"k").ok_or_else(|| invalid("expected a key `k` of 32 bytes"))?,
        salt: bytes(args, b"salt").unwrap_or_default().to_vec(),
        seq: int(args, b"seq").ok_or_else(|| invalid("expected a sequence number `seq`"))?,
        signature: array(args, b"sig").ok_or_else(|| invalid("expected a signature `sig` of 64 bytes"))?,
        value,
    })
}

fn response(root: Value<'_>) -> Option<Response> {
    let r = root.get(b"r")?;
    let mut response = Response::new(place(r, b"id")?);
    response.nodes4 = bytes(r, b"nodes").map(|nodes| contacts(nodes, Family::V4));
    response.nodes6 = bytes(r, b"nodes6").map(|nodes| contacts(nodes, Family::V6));
    response.token = bytes(r, b"token").filter(|token| token.len() <= MAX_TOKEN_BYTES).map(<[u8]>::to_vec);
    response.values = r.get(b"values").map(values).unwrap_or_default();
    response.seeds = bytes(r, b"BFsd").and_then(Bloom::from_slice);
    response.peers = bytes(r, b"BFpe").and_then(Bloom::from_slice);
    response.value = r.get(b"v").map(|v| v.raw().to_vec());
    response.key = array(r, b"k");
    response.seq = int(r, b"seq");
    response.signature = array(r, b"sig");
    response.samples = samples(r);
    Some(response)
}

/// Reads contacts of 26 or 38 bytes; ignores an incomplete rest.
fn contacts(nodes: &[u8], family: Family) -> Vec<Contact> {
    let width = match family {
        Family::V4 => 26,
        Family::V6 => 38,
    };
    let contacts = nodes.chunks_exact(width).take(MAX_NODES).filter_map(|chunk| {
        let (id, addr) = chunk.split_at_checked(NodeId::LEN)?;
        let contact = Contact { id: NodeId::from_slice(id)?, addr: read_compact(addr)? };
        (Family::of(contact.addr) == family).then_some(contact)
    });
    contacts.collect()
}

fn values(list: Value<'_>) -> Vec<SocketAddr> {
    list.items().filter_map(|item| read_compact(item.as_bytes()?)).take(MAX_VALUES).collect()
}

fn samples(r: Value<'_>) -> Option<Samples> {
    let info_hashes = bytes(r, b"samples")?.chunks_exact(NodeId::LEN).take(MAX_SAMPLES);
    let number = |key: &[u8]| r.get(key).and_then(|n| n.as_uint()).unwrap_or(0);
    Some(Samples {
        interval_s: number(b"interval").min(MAX_INTERVAL_S) as u32,
        total: number(b"num"),
        info_hashes: info_hashes.filter_map(NodeId::from_slice).collect(),
    })
}

fn fault(root: Value<'_>) -> Option<Fault> {
    let mut items = root.get(b"e")?.items();
    let code = items.next()?.as_int()?;
    let text = items.next().and_then(|text| text.as_bytes()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[..text.len().min(MAX_TEXT_CHARS * 4)]);
    let visible = |c: &char| {
        let hidden = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        !hidden && !c.is_control()
    };
    Some(Fault { code, message: text.chars().filter(visible).take(MAX_TEXT_CHARS).collect() })
}

fn invalid(message: &str) -> Fault {
    Fault::new(code::PROTOCOL, message)
}

fn bytes<'d>(dict: Value<'d>, key: &[u8]) -> Option<&'d [u8]> {
    dict.get(key)?.as_bytes()
}

fn array<const N: usize>(dict: Value<'_>, key: &[u8]) -> Option<[u8; N]> {
    bytes(dict, key)?.try_into().ok()
}

fn place(dict: Value<'_>, key: &[u8]) -> Option<NodeId> {
    NodeId::from_slice(bytes(dict, key)?)
}

fn int(dict: Value<'_>, key: &[u8]) -> Option<i64> {
    dict.get(key)?.as_int()
}

fn flag(dict: Value<'_>, key: &[u8]) -> bool {
    dict.get(key).and_then(|value| value.as_uint()) == Some(1)
}
