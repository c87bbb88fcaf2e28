//! The tracker's side: reading queries, writing bodies.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use ztor_base::SwarmId;

use percent_encoding::percent_decode;
use ztor_bencode::Tree;

use crate::types::write_compact;
use crate::{AnnounceEvent, AnnounceReply, AnnounceRequest, ScrapeEntry, TrackerPeer};

/// Maximum number of info-hashes in one scrape, as over UDP (BEP 15).
pub const MAX_SCRAPE: usize = 74;

/// An announce in a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceQuery {
    /// The announce.
    pub request: AnnounceRequest,
    /// The form in which the client wants its peers.
    pub form: PeerForm,
}

/// The form of the peers in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerForm {
    /// Packed addresses (BEP 7, 23).
    Compact,
    /// Dictionaries with address, port and peer id (BEP 3).
    Dictionaries,
    /// Dictionaries without peer ids.
    WithoutIds,
}

/// Defects of a query. The client gets the text as `failure reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A required key is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The value of a key is invalid.
    #[error("{key} must be {expected}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// The values that are valid.
        expected: &'static str,
    },
    /// The scrape is of more torrents than are answered at once.
    #[error("at most {MAX_SCRAPE} info_hashes at once")]
    TooManyHashes,
}

/// Reads the percent-encoded query of an announce, which is the part after the `?`. Unknown keys are skipped. Of
/// repeated keys, the first counts.
///
/// Peers are compact unless the query has `compact=0`, as with most trackers.
pub fn parse_announce_query(query: &str) -> Result<AnnounceQuery, QueryError> {
    let mut values: BTreeMap<&str, Cow<'_, [u8]>> = BTreeMap::new();
    for (key, value) in pairs(query) {
        values.entry(key).or_insert(value);
    }
    let get = |key| values.get(key).map(|value| &**value);
    let form = match (get("compact"), get("no_peer_id")) {
        (Some(b"0"), Some(b"1")) => PeerForm::WithoutIds,
        (Some(b"0"), _) => PeerForm::Dictionaries,
        _ => PeerForm::Compact,
    };
    let optional_number = |key| get(key).map_or(Ok(None), |value| number(key, value).map(Some));
    let request = AnnounceRequest {
        info_hash: twenty("info_hash", get("info_hash"))?,
        peer_id: twenty("peer_id", get("peer_id"))?,
        port: number("port", get("port").ok_or(QueryError::Missing("port"))?)?,
        uploaded: optional_number("uploaded")?.unwrap_or(0),
        downloaded: optional_number("downloaded")?.unwrap_or(0),
        // A client without metadata does not know it, and is no seed.
        left: optional_number("left")?.unwrap_or(u64::MAX),
        event: event(get("event").unwrap_or_default())?,
        num_want: num_want(get("numwant")),
        key: get("key").map_or(0, key),
        tracker_id: get("trackerid").map(<[u8]>::to_vec),
        ip: get("ip").and_then(|v| std::str::from_utf8(v).ok()).and_then(|v| v.parse::<IpAddr>().ok()),
    };
    Ok(AnnounceQuery { request, form })
}

/// Reads the query of a scrape. Returns its info-hashes, at least one and at most [`MAX_SCRAPE`].
pub fn parse_scrape_query(query: &str) -> Result<Vec<SwarmId>, QueryError> {
    let mut hashes = Vec::new();
    for (_, value) in pairs(query).filter(|(key, _)| *key == "info_hash") {
        if hashes.len() == MAX_SCRAPE {
            return Err(QueryError::TooManyHashes);
        }
        hashes.push(twenty("info_hash", Some(&value))?);
    }
    if hashes.is_empty() { Err(QueryError::Missing("info_hash")) } else { Ok(hashes) }
}

/// Returns the body that answers an announce.
pub fn encode_announce(reply: &AnnounceReply, form: PeerForm) -> Vec<u8> {
    let mut dict = BTreeMap::new();
    let mut put = |key: &str, value| dict.insert(key.as_bytes().to_vec(), value);
    put("interval", int(reply.interval_s));
    for (key, value) in [
        ("min interval", reply.min_interval_s),
        ("complete", reply.seeders),
        ("incomplete", reply.leechers),
        ("downloaded", reply.downloads),
    ] {
        if let Some(value) = value {
            put(key, int(value));
        }
    }
    if let Some(warning) = &reply.warning {
        put("warning message", bytes(warning));
    }
    if let Some(id) = &reply.tracker_id {
        put("tracker id", bytes(id));
    }
    match reply.external_ip {
        Some(IpAddr::V4(ip)) => drop(put("external ip", bytes(ip.octets()))),
        Some(IpAddr::V6(ip)) => drop(put("external ip", bytes(ip.octets()))),
        None => {}
    }
    if form == PeerForm::Compact {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for peer in &reply.peers {
            write_compact(peer.addr, if peer.addr.is_ipv4() { &mut v4 } else { &mut v6 });
        }
        put("peers", Tree::Bytes(v4));
        if !v6.is_empty() {
            put("peers6", Tree::Bytes(v6));
        }
    } else {
        let with_id = form == PeerForm::Dictionaries;
        put("peers", Tree::List(reply.peers.iter().map(|peer| peer_dict(peer, with_id)).collect()));
    }
    Tree::Dict(dict).to_vec()
}

/// Returns the body that refuses an announce or a scrape. `retry_in_min` is the number of minutes until the client
/// should ask again (BEP 31).
pub fn encode_failure(reason: &str, retry_in_min: Option<u32>) -> Vec<u8> {
    let mut dict = BTreeMap::from([(b"failure reason".to_vec(), bytes(reason))]);
    if let Some(minutes) = retry_in_min {
        dict.insert(b"retry in".to_vec(), int(minutes));
    }
    Tree::Dict(dict).to_vec()
}

/// Returns the body that answers a scrape. Unknown swarms are best left out.
pub fn encode_scrape(entries: &[(SwarmId, ScrapeEntry)]) -> Vec<u8> {
    let file = |entry: &ScrapeEntry| {
        let mut dict = BTreeMap::from([
            (b"complete".to_vec(), int(entry.seeders)),
            (b"downloaded".to_vec(), int(entry.downloads)),
            (b"incomplete".to_vec(), int(entry.leechers)),
        ]);
        dict.extend(entry.downloaders.map(|count| (b"downloaders".to_vec(), int(count))));
        Tree::Dict(dict)
    };
    let files = entries.iter().map(|(hash, entry)| (hash.as_ref().to_vec(), file(entry))).collect();
    Tree::Dict(BTreeMap::from([(b"files".to_vec(), Tree::Dict(files))])).to_vec()
}

fn peer_dict(peer: &TrackerPeer, with_id: bool) -> Tree {
    let mut dict = BTreeMap::from([
        (b"ip".to_vec(), bytes(peer.addr.ip().to_string())),
        (b"port".to_vec(), int(u32::from(peer.addr.port()))),
    ]);
    if let Some(id) = peer.peer_id.filter(|_| with_id) {
        dict.insert(b"peer id".to_vec(), bytes(id));
    }
    Tree::Dict(dict)
}

fn int(n: u32) -> Tree {
    Tree::Int(i64::from(n))
}

fn bytes(value: impl AsRef<[u8]>) -> Tree {
    Tree::Bytes(value.as_ref().to_vec())
}

/// Returns the pairs of a query, with values decoded to bytes, as they need not be text. A `+` is a space, as in forms.
fn pairs(query: &str) -> impl Iterator<Item = (&str, Cow<'_, [u8]>)> {
    query.split('&').map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = if value.contains('+') {
            Cow::Owned(percent_decode(value.replace('+', " ").as_bytes()).collect())
        } else {
            Cow::from(percent_decode(value.as_bytes()))
        };
        (key, value)
    })
}

fn twenty<T: From<[u8; 20]>>(key: &'static str, value: Option<&[u8]>) -> Result<T, QueryError> {
    let value = value.ok_or(QueryError::Missing(key))?;
    let bytes: Result<[u8; 20], _> = value.try_into();
    bytes.map(T::from).map_err(|_| QueryError::Invalid { key, expected: "20 bytes, percent-encoded" })
}

fn number<T: std::str::FromStr>(key: &'static str, value: &[u8]) -> Result<T, QueryError> {
    let digits = std::str::from_utf8(value).ok().filter(|s| s.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|s| s.parse().ok()).ok_or(QueryError::Invalid { key, expected: "a number in its range" })
}

/// Returns the number of wanted peers. Absent, negative and invalid ones leave it to the tracker.
fn num_want(value: Option<&[u8]>) -> Option<u32> {
    std::str::from_utf8(value?).ok()?.parse().ok()
}

fn event(value: &[u8]) -> Result<AnnounceEvent, QueryError> {
    match value {
        b"" | b"empty" => Ok(AnnounceEvent::None),
        b"paused" => Ok(AnnounceEvent::Paused),
        b"started" => Ok(AnnounceEvent::Started),
        b"stopped" => Ok(AnnounceEvent::Stopped),
        b"completed" => Ok(AnnounceEvent::Completed),
        _ => Err(QueryError::Invalid { key: "event", expected: "started, stopped or completed" }),
    }
}

/// Converts a key to a number. Clients write it as hexadecimal digits or as any text; only equality matters.
fn key(value: &[u8]) -> u32 {
    let hex = std::str::from_utf8(value).ok().and_then(|s| u32::from_str_radix(s, 16).ok());
    hex.unwrap_or_else(|| {
        value.iter().fold(0, |key: u32, &b| key.wrapping_mul(31).wrapping_add(u32::from(b)))
    })
}
