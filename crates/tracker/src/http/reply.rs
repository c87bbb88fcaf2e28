//! The client's side: reading the bodies of replies.

use std::net::IpAddr;
use ztor_base::SwarmId;

use ztor_bencode::{Document, Kind, Limits, Mode, Value, decode_with};

use crate::types::PeerList;
use crate::{AnnounceReply, Retry, ScrapeEntry, TrackerError, text};

/// Maximum length of a body, in bytes, after decompression.
pub const MAX_BODY_LEN: usize = 1024 * 1024;

/// Interval between announces if the tracker names none, in seconds.
pub const DEFAULT_INTERVAL_S: u32 = 1800;

/// Maximum length of a tracker id that is sent back, in bytes.
const MAX_TRACKER_ID_LEN: usize = 512;

/// Reads the body of an answer to an announce.
///
/// Peers may be compact or dictionaries, in `peers`, `peers6` or both. Peers with port 0 are skipped, and so are
/// dictionaries whose `ip` is a DNS name: one peer is not worth the lookup of a name that strangers chose.
pub fn parse_announce(body: &[u8]) -> Result<AnnounceReply, TrackerError> {
    let document = parse(body)?;
    let root = document.root();
    let keys: [&[u8]; 4] = [b"interval", b"peers", b"peers6", b"complete"];
    if !keys.iter().any(|key| root.get(key).is_some()) {
        return Err(malformed("the answer has neither peers nor an interval", body));
    }
    let mut peers = PeerList::default();
    for key in [&b"peers"[..], b"peers6"] {
        if let Some(value) = root.get(key) {
            collect_peers(value, key == b"peers6", &mut peers);
        }
    }
    Ok(AnnounceReply {
        interval_s: count(root, b"interval").filter(|&s| s > 0).unwrap_or(DEFAULT_INTERVAL_S),
        min_interval_s: count(root, b"min interval").filter(|&s| s > 0),
        seeders: count(root, b"complete"),
        leechers: count(root, b"incomplete"),
        downloads: count(root, b"downloaded"),
        peers: peers.into_peers(),
        warning: root.get(b"warning message").and_then(|v| v.as_bytes()).map(text::plain),
        tracker_id: root
            .get(b"tracker id")
            .and_then(|v| v.as_bytes())
            .filter(|id| id.len() <= MAX_TRACKER_ID_LEN)
            .map(<[u8]>::to_vec),
        external_ip: root.get(b"external ip").and_then(|v| v.as_bytes()).and_then(packed_ip),
    })
}

/// Reads a whole HTTP answer to an announce. Some trackers send their `failure reason` with an error status, so the
/// status is reported only if the body is no answer.
pub fn parse_response(status: u16, body: &[u8]) -> Result<AnnounceReply, TrackerError> {
    match parse_announce(body) {
        Err(TrackerError::Malformed(_)) if !(200..300).contains(&status) => {
            let body = if looks_like_html(body) { String::new() } else { text::excerpt(body) };
            Err(TrackerError::HttpStatus { status, body })
        }
        parsed => parsed,
    }
}

/// Reads the body of an answer to a scrape of `info_hashes` (BEP 48). Returns one entry each, in the same order, with
/// zeroes for those that the tracker left out.
pub fn parse_scrape(body: &[u8], info_hashes: &[SwarmId]) -> Result<Vec<ScrapeEntry>, TrackerError> {
    let document = parse(body)?;
    let Some(files) = document.root().get(b"files").filter(|v| v.kind() == Kind::Dict) else {
        return Err(malformed("the answer has no files dictionary", body));
    };
    let entry = |hash: &SwarmId| {
        files.get(hash.as_ref()).map_or(ScrapeEntry::default(), |file| ScrapeEntry {
            seeders: count(file, b"complete").unwrap_or(0),
            leechers: count(file, b"incomplete").unwrap_or(0),
            downloads: count(file, b"downloaded").unwrap_or(0),
            downloaders: count(file, b"downloaders"),
        })
    };
    Ok(info_hashes.iter().map(entry).collect())
}

/// Reads a dictionary without a `failure reason`.
fn parse(body: &[u8]) -> Result<Document<'_>, TrackerError> {
    if body.is_empty() {
        return Err(TrackerError::Malformed("the answer is empty".to_owned()));
    }
    if body.len() > MAX_BODY_LEN {
        return Err(TrackerError::Malformed(format!(
            "the answer is {} bytes long; at most {MAX_BODY_LEN} are accepted",
            body.len()
        )));
    }
    let limits = Limits { depth: 16, tokens: 200_000 };
    let document = decode_with(body, Mode::Lenient, limits).map_err(|error| {
        if looks_like_html(body) {
            malformed("the answer is a web page, not a tracker's", body)
        } else if body.starts_with(&[0x1f, 0x8b]) {
            TrackerError::Malformed("the answer is gzip data that was not unpacked".to_owned())
        } else if body.first() == Some(&b'd') {
            TrackerError::Malformed(format!("the answer is broken: {error}"))
        } else {
            malformed("the answer is not a tracker's", body)
        }
    })?;
    let root = document.root();
    if root.kind() != Kind::Dict {
        return Err(malformed("the answer is not a dictionary", body));
    }
    match root.get(b"failure reason") {
        None => Ok(document),
        Some(reason) => Err(failure(root, reason)),
    }
}

fn failure(root: Value<'_>, reason: Value<'_>) -> TrackerError {
    let reason = match reason.as_bytes().map(text::plain) {
        Some(text) if !text.is_empty() => text,
        _ => "failure, without a reason".to_owned(),
    };
    TrackerError::Failure { reason, retry: root.get(b"retry in").map_or(Retry::Unsaid, retry_in) }
}

/// Reads minutes, as a number or as digits, or the word `never` (BEP 31).
fn retry_in(value: Value<'_>) -> Retry {
    let minutes = match value.as_bytes() {
        Some(b"never") => return Retry::Never,
        Some(digits) => std::str::from_utf8(digits).ok().and_then(|d| d.trim().parse().ok()),
        None => value.as_uint(),
    };
    match minutes {
        None => Retry::Unsaid,
        Some(minutes) => Retry::After(u32::try_from(minutes.saturating_mul(60)).unwrap_or(u32::MAX)),
    }
}

fn collect_peers(value: Value<'_>, v6: bool, peers: &mut PeerList) {
    if let Some(compact) = value.as_bytes() {
        if v6 { peers.push_compact_v6(compact) } else { peers.push_compact_v4(compact) }
    }
    for peer in value.items() {
        let ip = peer.get(b"ip").and_then(|v| v.as_str()).and_then(|ip| ip.parse::<IpAddr>().ok());
        let port = peer.get(b"port").and_then(|v| v.as_uint()).and_then(|port| u16::try_from(port).ok());
        let peer_id = peer.get(b"peer id").and_then(|v| v.as_bytes()).and_then(|id| id.try_into().ok());
        if let (Some(ip), Some(port)) = (ip, port) {
            peers.push(ip, port, peer_id);
        }
    }
}

fn packed_ip(bytes: &[u8]) -> Option<IpAddr> {
    let ip = match *bytes {
        [a, b, c, d] => IpAddr::from([a, b, c, d]),
        _ => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
    };
    Some(ip.to_canonical()).filter(|ip| !ip.is_unspecified())
}

/// Returns a non-negative number. One that is too large is clamped.
fn count(dict: Value<'_>, key: &[u8]) -> Option<u32> {
    dict.get(key)?.as_uint().map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

fn looks_like_html(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    start.starts_with(b"<") || start.starts_with(b"\xef\xbb\xbf<")
}

fn malformed(what: &str, body: &[u8]) -> TrackerError {
    TrackerError::Malformed(format!("{what}: \"{}\"", text::excerpt(body)))
}
