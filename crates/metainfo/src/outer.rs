//! What stands in a torrent file beside the info dictionary.

// order-free: both are looked up by key and never iterated.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};

use ztor_bencode::{Encoder, Kind, Value};

use crate::field::{Dict, Place};
use crate::merkle::Hash;
use crate::{Layout, MAX_NODES, MAX_TRACKERS, MAX_WEB_SEEDS, MetainfoError, PieceHashes};

/// The longest URL or host name that is kept, in bytes.
const MAX_URL_LEN: usize = 2048;

const TRACKER_SCHEMES: &[&str] = &["http", "https", "udp", "ws", "wss"];
const WEB_SEED_SCHEMES: &[&str] = &["http", "https"];

/// The fields of a torrent file that have no part in its hash.
pub(crate) struct Outer {
    pub(crate) trackers: Vec<Vec<String>>,
    pub(crate) web_seeds: Vec<String>,
    pub(crate) nodes: Vec<(String, u16)>,
    pub(crate) comment: Option<String>,
    pub(crate) created_by: Option<String>,
    /// Seconds since 1970.
    pub(crate) creation_date: Option<i64>,
    pub(crate) source: Option<String>,
}

impl Outer {
    /// Reads a torrent file. Single entries that make no sense are left out: they are no reason to refuse the torrent.
    pub(crate) fn read(torrent: Value<'_>) -> Result<Self, MetainfoError> {
        // The place is for errors, and what is advisory has none.
        let place = Place::top("torrent");
        let dict = Dict::new(torrent, &place)?;
        Ok(Self {
            trackers: trackers(torrent)?,
            web_seeds: web_seeds(torrent),
            nodes: nodes(torrent),
            comment: dict.advisory("comment"),
            created_by: dict.advisory("created by"),
            creation_date: torrent.get(b"creation date").and_then(|date| date.as_int()),
            source: dict.advisory("source"),
        })
    }
}

/// Checks and takes the piece layers (BEP 52): there must be one for every file of more than one piece.
pub(crate) fn piece_layers(
    layers: Option<Value<'_>>,
    layout: &Layout,
    all: &mut PieceHashes,
) -> Result<(), MetainfoError> {
    let place = Place::top("piece layers");
    let mut by_root: HashMap<&[u8], Value<'_>> = HashMap::new();
    if let Some(layers) = layers {
        by_root.extend(Dict::new(layers, &place)?.value.entries());
    }
    for file in 0..layout.files().len() {
        let pieces = layout.pieces_of(file).len();
        let Some(root) = layout.files()[file].pieces_root.filter(|_| pieces > 1) else { continue };
        let entry = data_encoding::HEXLOWER.encode(&root);
        let place = place.key(&entry);
        let Some(layer) = by_root.get(&root[..]) else {
            let expected = "the hashes of a file of more than one piece";
            return Err(MetainfoError::Missing { field: place.to_string(), expected });
        };
        let (hashes, rest) = layer.as_bytes().unwrap_or_default().as_chunks::<32>();
        if hashes.len() != pieces || !rest.is_empty() {
            let found = layer
                .as_bytes()
                .map_or_else(|| layer.kind().to_string(), |bytes| format!("{} bytes", bytes.len()));
            return Err(place.invalid(format!("found {found}, expected {} for {pieces} pieces", pieces * 32)));
        }
        if !all.set_layer_of(layout, file, hashes) {
            return Err(place.invalid("the hashes do not add up to the root of the file"));
        }
    }
    Ok(())
}

/// `announce-list` in its tiers if it has any URL of use, or else `announce`.
fn trackers(torrent: Value<'_>) -> Result<Vec<Vec<String>>, MetainfoError> {
    let mut list = UrlList::of_trackers();
    let mut tiers = Vec::new();
    for tier in torrent.get(b"announce-list").iter().flat_map(Value::items) {
        // A plain list of URLs is wrong and common: each is a tier of its own.
        let urls = std::iter::once(tier).filter(|tier| tier.kind() == Kind::Bytes).chain(tier.items());
        let urls: Vec<String> = urls.filter_map(|url| list.take(url)).collect();
        if !urls.is_empty() {
            tiers.push(urls);
        }
    }
    if tiers.is_empty()
        && let Some(announce) = torrent.get(b"announce")
    {
        if announce.kind() != Kind::Bytes {
            let (field, found) = ("announce".to_owned(), announce.kind());
            return Err(MetainfoError::WrongType { field, found, expected: "a string" });
        }
        tiers.extend(list.take(announce).map(|url| vec![url]));
    }
    Ok(tiers)
}

/// `url-list`: one URL or a list of them.
fn web_seeds(torrent: Value<'_>) -> Vec<String> {
    let Some(urls) = torrent.get(b"url-list") else { return Vec::new() };
    let mut list = UrlList::of_web_seeds();
    let one = std::iter::once(urls).filter(|urls| urls.kind() == Kind::Bytes);
    one.chain(urls.items()).filter_map(|url| list.take(url)).collect()
}

fn nodes(torrent: Value<'_>) -> Vec<(String, u16)> {
    let list = torrent.get(b"nodes");
    let nodes = list.iter().flat_map(Value::items).filter_map(|node| {
        let mut parts = node.items();
        let host = parts.next()?.as_str().filter(|host| !host.is_empty() && host.len() <= MAX_URL_LEN)?;
        let port =
            parts.next()?.as_uint().and_then(|port| u16::try_from(port).ok()).filter(|&port| port != 0)?;
        Some((host.to_owned(), port))
    });
    nodes.take(MAX_NODES).collect()
}

/// URLs as they are picked out of a torrent: each once, with a scheme we speak, and not without end.
pub(crate) struct UrlList {
    schemes: &'static [&'static str],
    room: usize,
    seen: HashSet<String>,
}

impl UrlList {
    fn new(schemes: &'static [&'static str], max: usize) -> Self {
        Self { schemes, room: max, seen: HashSet::new() }
    }

    /// Of announce URLs.
    pub(crate) fn of_trackers() -> Self {
        Self::new(TRACKER_SCHEMES, MAX_TRACKERS)
    }

    /// Of web seeds.
    pub(crate) fn of_web_seeds() -> Self {
        Self::new(WEB_SEED_SCHEMES, MAX_WEB_SEEDS)
    }

    /// The URL if it is to be kept.
    pub(crate) fn take_str(&mut self, url: &str) -> Option<String> {
        let url = url.trim();
        let (scheme, rest) = url.split_once("://")?;
        let is_fit = self.room > 0
            && url.len() <= MAX_URL_LEN
            && self.schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme))
            && !rest.is_empty()
            && !url.contains(|c: char| c.is_control() || c.is_whitespace());
        if !is_fit || !self.seen.insert(url.to_owned()) {
            return None;
        }
        self.room -= 1;
        Some(url.to_owned())
    }

    fn take(&mut self, url: Value<'_>) -> Option<String> {
        self.take_str(url.as_str()?)
    }
}

/// The keys of a torrent file that sort before `info`.
pub(crate) struct Head<'a> {
    pub(crate) trackers: &'a [Vec<String>],
    pub(crate) comment: Option<&'a str>,
    pub(crate) created_by: Option<&'a str>,
    pub(crate) creation_date: Option<i64>,
}

impl Head<'_> {
    pub(crate) fn write<W: Write>(&self, e: &mut Encoder<W>) -> io::Result<()> {
        let mut urls = self.trackers.iter().flatten();
        if let Some(first) = urls.next() {
            e.key(b"announce")?.str(first)?;
        }
        if urls.next().is_some() {
            e.key(b"announce-list")?.begin_list()?;
            for tier in self.trackers.iter().filter(|tier| !tier.is_empty()) {
                e.begin_list()?;
                for url in tier {
                    e.str(url)?;
                }
                e.end()?;
            }
            e.end()?;
        }
        if let Some(comment) = self.comment {
            e.key(b"comment")?.str(comment)?;
        }
        if let Some(program) = self.created_by {
            e.key(b"created by")?.str(program)?;
        }
        if let Some(date) = self.creation_date {
            e.key(b"creation date")?.int(date)?;
        }
        Ok(())
    }
}

/// Writes `piece layers`, which v2 torrents have even if it is empty. Files of equal content share an entry.
pub(crate) fn write_piece_layers<W: Write>(
    layers: BTreeMap<Hash, Vec<u8>>,
    e: &mut Encoder<W>,
) -> io::Result<()> {
    e.key(b"piece layers")?.begin_dict()?;
    for (root, layer) in &layers {
        e.key(root)?.bytes(layer)?;
    }
    e.end()?;
    Ok(())
}

/// Writes `url-list`, if there is any.
pub(crate) fn write_web_seeds<W: Write>(urls: &[String], e: &mut Encoder<W>) -> io::Result<()> {
    if urls.is_empty() {
        return Ok(());
    }
    e.key(b"url-list")?.begin_list()?;
    for url in urls {
        e.str(url)?;
    }
    e.end()?;
    Ok(())
}
