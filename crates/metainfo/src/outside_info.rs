//! The fields of a torrent file outside its info dictionary: trackers, web seeds, piece layers, comments.

// order-free: both are looked up by key and never iterated.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};

use ztor_bencode::{Encoder, Kind, Value};

use crate::charset::Charset;
use crate::dict::Dict;
use crate::field_path::FieldPath;
use crate::merkle::Hash;
use crate::{Layout, MAX_NODES, MAX_TRACKERS, MAX_WEB_SEEDS, MetainfoError, PieceHashes};

/// Maximum length of a kept URL or host name, in bytes.
const MAX_URL_LEN: usize = 2048;

const TRACKER_SCHEMES: &[&str] = &["http", "https", "udp", "ws", "wss"];
const WEB_SEED_SCHEMES: &[&str] = &["http", "https"];

/// The fields of a torrent file outside its info dictionary. They do not affect the info-hash.
pub(crate) struct OutsideInfo {
    pub(crate) trackers: Vec<Vec<String>>,
    pub(crate) web_seeds: Vec<String>,
    pub(crate) http_seeds: Vec<String>,
    pub(crate) nodes: Vec<(String, u16)>,
    pub(crate) comment: Option<String>,
    pub(crate) created_by: Option<String>,
    /// Creation time in seconds since 1970.
    pub(crate) creation_date: Option<i64>,
    pub(crate) source: Option<String>,
    pub(crate) kept: Kept,
    /// Set when `private` is not 0 outside the info dictionary, where it has no effect (BEP 27).
    pub(crate) private_is_outside: bool,
}

/// Fields of a torrent file that are written back unchanged: `httpseeds` (BEP 17), `similar` and `collections`
/// (BEP 38), `signatures` (BEP 35). Sorted by key.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Kept(Vec<(&'static str, Box<[u8]>)>);

/// The keys of [`Kept`].
const KEPT: [&str; 4] = ["collections", "httpseeds", "signatures", "similar"];
/// Maximum length of a kept field in bytes.
const MAX_KEPT_LEN: usize = 1 << 20;

impl Kept {
    fn read(torrent: Value<'_>) -> Self {
        let fields = KEPT.iter().filter_map(|key| Some((*key, torrent.get(key.as_bytes())?.raw())));
        // A non-canonical field would make the whole written file non-canonical.
        let sound = fields.filter(|(_, raw)| raw.len() <= MAX_KEPT_LEN && ztor_bencode::decode(raw).is_ok());
        Self(sound.map(|(key, raw)| (key, raw.into())).collect())
    }

    /// Returns the bencoded value of a field, if it exists.
    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, raw)| &**raw)
    }

    /// Writes the field `key` if it exists.
    pub(crate) fn write<W: Write>(&self, key: &str, e: &mut Encoder<W>) -> io::Result<()> {
        if let Some((_, raw)) = self.0.iter().find(|(known, _)| *known == key) {
            e.key(key.as_bytes())?.raw(raw)?;
        }
        Ok(())
    }
}

impl OutsideInfo {
    /// Reads the fields of a torrent file. Leaves out invalid entries, which are no reason to refuse the torrent.
    pub(crate) fn read(dict: Dict<'_, '_>, charset: Charset) -> Self {
        let torrent = dict.value;
        Self {
            trackers: trackers(torrent),
            web_seeds: urls(torrent, b"url-list"),
            http_seeds: urls(torrent, b"httpseeds"),
            nodes: nodes(torrent),
            comment: dict.advisory("comment", charset),
            created_by: dict.advisory("created by", charset),
            creation_date: torrent.get(b"creation date").and_then(|date| date.as_int()),
            source: dict.advisory("source", charset),
            kept: Kept::read(torrent),
            private_is_outside: torrent.get(b"private").is_some_and(|value| value.as_int() != Some(0)),
        }
    }
}

/// Checks and stores the piece layers (BEP 52). Every file of more than one piece should have one. Missing ones can be
/// fetched from peers or computed from the data.
pub(crate) fn piece_layers(
    layers: Option<Value<'_>>,
    layout: &Layout,
    all: &mut PieceHashes,
) -> Result<(), MetainfoError> {
    let place = FieldPath::top("piece layers");
    let mut by_root: HashMap<&[u8], Value<'_>> = HashMap::new();
    if let Some(layers) = layers {
        by_root.extend(Dict::new(layers, &place)?.value.entries());
    }
    for file in 0..layout.files().len() {
        let pieces = layout.pieces_of(file).len();
        let Some(root) = layout.files()[file].pieces_root().filter(|_| pieces > 1) else { continue };
        let entry = data_encoding::HEXLOWER.encode(&root);
        let place = place.key(&entry);
        let Some(layer) = by_root.get(&root[..]) else { continue };
        let (hashes, rest) = layer.as_bytes().unwrap_or_default().as_chunks::<32>();
        if hashes.len() != pieces || !rest.is_empty() {
            let found = layer
                .as_bytes()
                .map_or_else(|| layer.kind().to_string(), |bytes| format!("{} bytes", bytes.len()));
            return Err(place.invalid(format!("found {found}, expected {} for {pieces} pieces", pieces * 32)));
        }
        if !all.set_layer_of(layout, file, hashes) {
            return Err(place.invalid("the hashes do not match the root of the file"));
        }
    }
    Ok(())
}

/// Reads `announce-list` in its tiers if it has a valid URL, or else `announce`, which some files wrongly make a list.
fn trackers(torrent: Value<'_>) -> Vec<Vec<String>> {
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
        let one = std::iter::once(announce).filter(|announce| announce.kind() == Kind::Bytes);
        tiers.extend(one.chain(announce.items()).filter_map(|url| list.take(url)).map(|url| vec![url]));
    }
    tiers
}

/// Reads the URLs of web seeds under `key`: one or a list of them.
fn urls(torrent: Value<'_>, key: &[u8]) -> Vec<String> {
    let Some(urls) = torrent.get(key) else { return Vec::new() };
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

/// Filter for the URLs of a torrent. It keeps each URL once, with a supported scheme, up to a maximum number.
pub(crate) struct UrlList {
    schemes: &'static [&'static str],
    room: usize,
    seen: HashSet<String>,
}

impl UrlList {
    fn new(schemes: &'static [&'static str], max: usize) -> Self {
        Self { schemes, room: max, seen: HashSet::new() }
    }

    /// Creates a filter for announce URLs.
    pub(crate) fn of_trackers() -> Self {
        Self::new(TRACKER_SCHEMES, MAX_TRACKERS)
    }

    /// Creates a filter for web seeds.
    pub(crate) fn of_web_seeds() -> Self {
        Self::new(WEB_SEED_SCHEMES, MAX_WEB_SEEDS)
    }

    /// Returns the URL if it is kept.
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

/// The fields of a torrent file that sort before `info`.
pub(crate) struct Head<'a> {
    pub(crate) trackers: &'a [Vec<String>],
    pub(crate) comment: Option<&'a str>,
    pub(crate) created_by: Option<&'a str>,
    pub(crate) creation_date: Option<i64>,
    pub(crate) encoding: Option<&'a str>,
    pub(crate) kept: &'a Kept,
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
        self.kept.write("collections", e)?;
        if let Some(comment) = self.comment {
            e.key(b"comment")?.str(comment)?;
        }
        if let Some(program) = self.created_by {
            e.key(b"created by")?.str(program)?;
        }
        if let Some(date) = self.creation_date {
            e.key(b"creation date")?.int(date)?;
        }
        if let Some(encoding) = self.encoding {
            e.key(b"encoding")?.str(encoding)?;
        }
        self.kept.write("httpseeds", e)
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

/// Writes `url-list` if there are any URLs.
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
