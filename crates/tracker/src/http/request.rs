//! The client's side: URLs of announces and scrapes.

use std::fmt::Write as _;
use ztor_base::SwarmId;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use url::Url;

use crate::place::is_loopback;
use crate::{AnnounceEvent, AnnounceRequest, TrackerError};

/// Everything but the unreserved characters of RFC 3986.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Keys of our announces. A torrent file must not set them for a tracker on this machine.
const OUR_KEYS: [&str; 12] = [
    "info_hash",
    "peer_id",
    "port",
    "uploaded",
    "downloaded",
    "left",
    "event",
    "numwant",
    "key",
    "compact",
    "trackerid",
    "ip",
];

/// Returns the URL that sends `req` to the tracker with the announce URL `tracker`. The path and query of that URL
/// (passkeys) are kept.
///
/// The scheme must be `http` or `https`. A loopback address must have the path `/announce` and none of the announce's
/// keys in its query, so that a torrent file cannot make us send requests to other services of this machine.
pub fn announce_url(tracker: &str, req: &AnnounceRequest) -> Result<String, TrackerError> {
    let mut url = tracker_url(tracker)?;
    let mut query = own_query(&url);
    write_value(&mut query, "info_hash", req.info_hash.as_ref());
    write_value(&mut query, "peer_id", req.peer_id.as_ref());
    // Writing to a String cannot fail.
    let _ = write!(
        query,
        "&port={}&uploaded={}&downloaded={}&left={}&compact=1&key={:08X}",
        req.port, req.uploaded, req.downloaded, req.left, req.key
    );
    match req.event {
        AnnounceEvent::None => {}
        AnnounceEvent::Started => query.push_str("&event=started"),
        AnnounceEvent::Stopped => query.push_str("&event=stopped"),
        AnnounceEvent::Completed => query.push_str("&event=completed"),
        AnnounceEvent::Paused => query.push_str("&event=paused"),
    }
    if let Some(num_want) = req.num_want {
        let _ = write!(query, "&numwant={num_want}");
    }
    if let Some(ip) = req.ip {
        write_value(&mut query, "ip", ip.to_string().as_bytes());
    }
    if let Some(id) = &req.tracker_id {
        write_value(&mut query, "trackerid", id);
    }
    url.set_query(Some(query.trim_start_matches('&')));
    Ok(url.into())
}

/// Returns the URL that scrapes `info_hashes`. The last part of the announce URL's path must start with `announce`
/// (BEP 48).
pub fn scrape_url(tracker: &str, info_hashes: &[SwarmId]) -> Result<String, TrackerError> {
    let mut url = tracker_url(tracker)?;
    let scrape_path = url
        .path()
        .rsplit_once('/')
        .and_then(|(folder, last)| Some(format!("{folder}/scrape{}", last.strip_prefix("announce")?)))
        .ok_or(TrackerError::BadUrl {
            why: "it has no scrape address (its path does not end in /announce)".into(),
        })?;
    url.set_path(&scrape_path);
    let mut query = own_query(&url);
    for hash in info_hashes {
        write_value(&mut query, "info_hash", hash.as_ref());
    }
    url.set_query(Some(query.trim_start_matches('&')));
    Ok(url.into())
}

/// Returns true if a request made by [`announce_url`] or [`scrape_url`] may be sent to this machine.
///
/// Any name may resolve to a loopback address, and other services of this machine may act on a GET. So a caller that
/// looks up a name must check this before it uses a loopback address. The path must be `/announce` or `/scrape`, and
/// the keys of the announce may be in the query only where we wrote them, after those of the tracker.
pub fn may_ask_loopback(request: &str) -> bool {
    let Ok(url) = Url::parse(request) else { return false };
    let mut keys = url.query_pairs().map(|(key, _)| key).skip_while(|key| !OUR_KEYS.contains(&&**key));
    if keys.next().is_none_or(|key| key != "info_hash") {
        return false;
    }
    match url.path() {
        "/announce" => {
            let rest: Vec<_> = keys.collect();
            let is_twice = |(i, key): (usize, _)| rest.iter().skip(i + 1).any(|other| other == key);
            rest.iter().all(|key| OUR_KEYS[1..].contains(&&**key)) && !rest.iter().enumerate().any(is_twice)
        }
        "/scrape" => keys.all(|key| key == "info_hash"),
        _ => false,
    }
}

fn tracker_url(tracker: &str) -> Result<Url, TrackerError> {
    let mut url = Url::parse(tracker.trim()).map_err(|_| TrackerError::BadUrl { why: "not a URL".into() })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(TrackerError::Unsupported { scheme: url.scheme().to_owned() });
    }
    if url.port() == Some(0) {
        return Err(TrackerError::BadUrl { why: "the port is 0".into() });
    }
    if is_loopback(&url) {
        if url.path() != "/announce" {
            return Err(TrackerError::BadUrl {
                why: "a tracker on this machine must have the path /announce".into(),
            });
        }
        if url.query_pairs().any(|(key, _)| OUR_KEYS.contains(&&*key)) {
            return Err(TrackerError::BadUrl {
                why: "a tracker on this machine must not set the announce's own keys".into(),
            });
        }
    }
    url.set_fragment(None);
    Ok(url)
}

fn own_query(url: &Url) -> String {
    url.query().unwrap_or_default().trim_end_matches('&').to_owned()
}

fn write_value(query: &mut String, key: &str, value: &[u8]) {
    let _ = write!(query, "&{key}={}", percent_encode(value, QUERY_VALUE));
}
