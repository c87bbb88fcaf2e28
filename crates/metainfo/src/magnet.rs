use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::outside_info::UrlList;
use crate::paths::{Naming, safe_element};
use crate::{InfoHashV1, InfoHashV2, InfoHashes, Metainfo};

/// Maximum accepted length of a link in bytes.
pub const MAX_MAGNET_LEN: usize = 256 << 10;
/// Maximum number of peers kept from a link.
const MAX_PEERS: usize = 200;
/// Start of a multihash in hexadecimal (BEP 9 for v2): the function, SHA-256, and the length of the hash, 32.
const MULTIHASH_SHA256: &str = "1220";
/// Characters to escape in a link: all but the unreserved ones.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A magnet link (BEP 9, 53): the data to find a torrent's peers, which have the rest.
///
/// Parsed with [`FromStr`], written with [`Display`](fmt::Display).
///
/// ```
/// use ztor_metainfo::Magnet;
///
/// let link = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=two+words\
///             &tr=udp%3A%2F%2Ft.example%3A80&so=0,2-4";
/// let magnet: Magnet = link.parse()?;
/// assert_eq!(magnet.info_hashes.to_string(), "0123456789abcdef0123456789abcdef01234567");
/// assert_eq!(magnet.name.as_deref(), Some("two words"));
/// assert_eq!(magnet.trackers, ["udp://t.example:80"]);
/// assert!(magnet.selects(3) && !magnet.selects(1));
/// assert_eq!(magnet.to_string().parse::<Magnet>()?, magnet);
/// # Ok::<(), ztor_metainfo::MagnetError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Magnet {
    /// `xt`: `urn:btih:` in hex or base32 and `urn:btmh:`; at least one.
    pub info_hashes: InfoHashes,
    /// `dn`: the name to show until the torrent is known, made safe like a file name.
    pub name: Option<String>,
    /// `tr`: announce URLs, each a tier of its own.
    pub trackers: Vec<String>,
    /// `x.pe`: initial peers, as `host:port` or `[ipv6]:port`.
    pub peers: Vec<String>,
    /// `so`: indices of the wanted files, sorted and without overlaps; empty means all. An index may be out of range.
    pub select: Vec<RangeInclusive<u32>>,
    /// `ws`: web seeds.
    pub web_seeds: Vec<String>,
}

/// Error in a magnet link.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MagnetError {
    /// A text that is no magnet link.
    #[error("not a magnet link: expected `magnet:?`")]
    Scheme,
    /// A link of more than [`MAX_MAGNET_LEN`] bytes.
    #[error("a magnet link of {0} bytes, expected at most {MAX_MAGNET_LEN}")]
    TooLong(usize),
    /// A link without an info-hash, perhaps of another network.
    #[error("xt: no torrent in this magnet link, expected `xt=urn:btih:…` or `xt=urn:btmh:…`")]
    NoTorrent,
    /// An invalid info-hash.
    #[error("xt: found `{found}`, expected {expected}")]
    Hash {
        /// Text found, cut to a readable length.
        found: String,
        /// Expected form.
        expected: &'static str,
    },
}

impl Magnet {
    /// Creates a link with the info-hashes alone.
    pub fn new(info_hashes: InfoHashes) -> Self {
        Self {
            info_hashes,
            name: None,
            trackers: Vec::new(),
            peers: Vec::new(),
            select: Vec::new(),
            web_seeds: Vec::new(),
        }
    }

    /// Returns the link for a bare info-hash: 40 hexadecimal or 32 base32 digits of a v1 hash, or 64 hexadecimal ones
    /// of a v2 hash, with or without the `1220` of a multihash. `None` for any other text.
    pub fn of_hash(text: &str) -> Option<Self> {
        let text = text.trim();
        let hashes = match v1_hash(text) {
            Ok(v1) => InfoHashes::V1(v1),
            Err(_) if text.len() == 64 => InfoHashes::V2(v2_hash(&format!("{MULTIHASH_SHA256}{text}")).ok()?),
            Err(_) => InfoHashes::V2(v2_hash(text).ok()?),
        };
        Some(Self::new(hashes))
    }

    /// Returns true if the file with this index is wanted.
    pub fn selects(&self, file: usize) -> bool {
        let Ok(file) = u32::try_from(file) else { return self.select.is_empty() };
        let at = self.select.partition_point(|range| *range.end() < file);
        self.select.is_empty() || self.select.get(at).is_some_and(|range| range.contains(&file))
    }
}

/// Hashes in the topics of a link so far: the first valid one of each version.
#[derive(Default)]
struct Topics {
    v1: Option<InfoHashV1>,
    v2: Option<InfoHashV2>,
    /// Error of the first invalid hash.
    error: Option<MagnetError>,
}

impl Topics {
    fn add(&mut self, topic: &str) {
        let prefixed = |prefix: &str| {
            let (head, rest) = topic.split_at_checked(prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then_some(rest)
        };
        let added = if let Some(text) = prefixed("urn:btih:") {
            v1_hash(text).map(|hash| self.v1 = self.v1.or(Some(hash)))
        } else if let Some(text) = prefixed("urn:btmh:") {
            v2_hash(text).map(|hash| self.v2 = self.v2.or(Some(hash)))
        } else {
            Ok(())
        };
        if let Err(error) = added {
            self.error.get_or_insert(error);
        }
    }

    fn hashes(self) -> Result<InfoHashes, MagnetError> {
        let none = self.error.unwrap_or(MagnetError::NoTorrent);
        InfoHashes::new(self.v1, self.v2).ok_or(none)
    }
}

/// Creates the link to a torrent, with its name, trackers and web seeds.
impl From<&Metainfo> for Magnet {
    fn from(metainfo: &Metainfo) -> Self {
        Self {
            name: Some(metainfo.name.clone()),
            trackers: metainfo.trackers.concat(),
            web_seeds: metainfo.web_seeds.clone(),
            ..Self::new(metainfo.info_hashes)
        }
    }
}

/// Parses a link leniently, because links in practice deviate. It accepts whitespace around the link and a link that is
/// percent-escaped as a whole. It ignores a second torrent and invalid parts of `so`.
impl FromStr for Magnet {
    type Err = MagnetError;

    fn from_str(link: &str) -> Result<Self, MagnetError> {
        let link = link.trim();
        if link.len() > MAX_MAGNET_LEN {
            return Err(MagnetError::TooLong(link.len()));
        }
        // Links from a parameter of another URL are escaped as a whole.
        let unescaped = match query_of(link) {
            None => percent_decode_str(link).decode_utf8().ok(),
            Some(_) => None,
        };
        let query = query_of(unescaped.as_deref().unwrap_or(link)).ok_or(MagnetError::Scheme)?;

        let mut topics = Topics::default();
        let mut name = None;
        let (mut tracker_urls, mut seed_urls) = (Vec::new(), Vec::new());
        let (mut peers, mut selected) = (Vec::new(), Vec::new());
        let (mut trackers, mut web_seeds) = (UrlList::of_trackers(), UrlList::of_web_seeds());
        for parameter in query.split('&') {
            // Links copied out of a page's source have `&amp;` between parameters.
            let parameter = parameter.strip_prefix("amp;").unwrap_or(parameter);
            let Some((key, value)) = parameter.split_once('=') else { continue };
            let text = || percent_decode_str(value).decode_utf8().ok();
            match base_key(key).to_ascii_lowercase().as_str() {
                "xt" => topics.add(&text().unwrap_or_default()),
                "dn" if name.is_none() && !value.is_empty() => {
                    let spaced = value.replace('+', " ");
                    let raw: Vec<u8> = percent_decode_str(&spaced).collect();
                    name = Some(safe_element(&raw, Naming::Portable));
                }
                "tr" => tracker_urls.extend(text().and_then(|url| trackers.take_str(&url))),
                "ws" => seed_urls.extend(text().and_then(|url| web_seeds.take_str(&url))),
                "x.pe" if peers.len() < MAX_PEERS => {
                    let peer = text().filter(|peer| is_peer(peer)).map(|peer| peer.into_owned());
                    peers.extend(peer.filter(|peer| !peers.contains(peer)));
                }
                "so" => selected.extend(select(&text().unwrap_or_default())),
                _ => {}
            }
        }
        let info_hashes = topics.hashes()?;
        let select = merged(selected);
        Ok(Self { info_hashes, name, trackers: tracker_urls, peers, select, web_seeds: seed_urls })
    }
}

impl fmt::Display for Magnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("magnet:?")?;
        let mut separator = "";
        if let Some(v1) = self.info_hashes.v1() {
            write!(f, "xt=urn:btih:{v1}")?;
            separator = "&";
        }
        if let Some(v2) = self.info_hashes.v2() {
            write!(f, "{separator}xt=urn:btmh:{MULTIHASH_SHA256}{v2}")?;
        }
        let lists = [("tr", &self.trackers), ("ws", &self.web_seeds), ("x.pe", &self.peers)];
        let lists = lists.into_iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
        for (key, value) in self.name.iter().map(|name| ("dn", name)).chain(lists) {
            write!(f, "&{key}={}", utf8_percent_encode(value, UNRESERVED))?;
        }
        for (i, range) in self.select.iter().enumerate() {
            f.write_str(if i == 0 { "&so=" } else { "," })?;
            match range.start() == range.end() {
                true => write!(f, "{}", range.start())?,
                false => write!(f, "{}-{}", range.start(), range.end())?,
            }
        }
        Ok(())
    }
}

/// Returns the parameters of a link; `None` for another scheme.
pub(crate) fn query_of(link: &str) -> Option<&str> {
    let (scheme, query) = link.split_at_checked(8)?;
    scheme.eq_ignore_ascii_case("magnet:?").then_some(query)
}

/// Returns a key without its number: `xt.1` and `tr.2` are further values of `xt` and `tr`.
pub(crate) fn base_key(key: &str) -> &str {
    match key.rsplit_once('.') {
        Some((base, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => key,
    }
}

fn v1_hash(text: &str) -> Result<InfoHashV1, MagnetError> {
    let decoded = match text.len() {
        40 => HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok(),
        32 => BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok(),
        _ => None,
    };
    let hash = decoded.and_then(|bytes| bytes.as_slice().try_into().ok());
    hash.ok_or_else(|| MagnetError::Hash {
        found: shown(text),
        expected: "a hash of 40 hexadecimal or 32 base32 digits",
    })
}

fn v2_hash(text: &str) -> Result<InfoHashV2, MagnetError> {
    let digits = text.strip_prefix(MULTIHASH_SHA256);
    let decoded = digits.and_then(|digits| HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok());
    let hash = decoded.and_then(|bytes| bytes.as_slice().try_into().ok());
    hash.ok_or_else(|| MagnetError::Hash {
        found: shown(text),
        expected: "a SHA-256 multihash: 1220 and 64 hexadecimal digits",
    })
}

fn is_peer(peer: &str) -> bool {
    let Some((host, port)) = peer.rsplit_once(':') else { return false };
    let is_host = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']').is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok()),
        None => {
            let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            (1..=253).contains(&host.len()) && host.bytes().all(is_part)
        }
    };
    is_host && port.parse::<u16>().is_ok_and(|port| port != 0)
}

/// Returns the ranges of a selection, without invalid parts.
fn select(text: &str) -> Vec<RangeInclusive<u32>> {
    let parts = text.split(',').filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = first.parse().ok()?..=last.parse().ok()?;
        (!range.is_empty()).then_some(range)
    });
    parts.collect()
}

/// Sorts ranges and merges those that overlap or touch.
fn merged(mut ranges: Vec<RangeInclusive<u32>>) -> Vec<RangeInclusive<u32>> {
    ranges.sort_unstable_by_key(|range| *range.start());
    let mut merged: Vec<RangeInclusive<u32>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if *range.start() <= last.end().saturating_add(1) => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// Escapes untrusted text for a message and cuts it to one line.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
