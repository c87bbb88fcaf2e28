use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ztor_bencode::{Document, Encoder, Mode, decode_with};

use crate::bulk::{Bulk, BulkError, BulkSource, Slot};
use crate::charset::Charset;
use crate::dict::Dict;
use crate::field_path::FieldPath;
use crate::info::{self, DECODE_LIMITS, Info};
use crate::merkle::Hash;
use crate::outside_info::{self, Kept, OutsideInfo};
use crate::paths::Naming;
use crate::{InfoHashes, Layout, MAX_TORRENT_LEN, MetainfoError};

/// A torrent.
///
/// [`from_bytes`](Self::from_bytes) and [`from_info`](Self::from_info) create it and check everything that can be
/// checked without the data.
///
/// ```
/// use std::path::Path;
/// use ztor_metainfo::Metainfo;
///
/// // Two files, end to end in pieces of four bytes.
/// let torrent = format!(
///     "d8:announce25:http://t.example/announce4:infod5:filesld6:lengthi3e4:pathl5:a.txteed6:lengthi5e4:path\
///      l5:b.txteee4:name4:docs12:piece lengthi4e6:pieces40:{}ee",
///     "h".repeat(40)
/// );
/// let meta = Metainfo::from_bytes(torrent.as_bytes())?;
/// assert_eq!(meta.trackers, [["http://t.example/announce"]]);
/// assert_eq!(meta.relative_path(1), Path::new("docs/b.txt"));
/// // The first piece has all of `a.txt` and the first byte of `b.txt`.
/// assert_eq!(meta.layout.piece_count(), 2);
/// let parts: Vec<_> = meta.layout.ranges(0, 0, 4).map(|range| (range.file, range.offset, range.len)).collect();
/// assert_eq!(parts, [(0, 0, 3), (1, 0, 1)]);
/// # Ok::<(), ztor_metainfo::MetainfoError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metainfo {
    /// Info-hashes of the torrent: v1, v2, or both. They are computed over the info dictionary as received.
    pub info_hashes: InfoHashes,
    /// Name of the file or folder, made safe; the info-hash if the torrent has no name.
    pub name: String,
    /// Announce URLs in tiers (BEP 12), without duplicates, at most [`MAX_TRACKERS`](crate::MAX_TRACKERS),
    /// http(s), udp and ws(s) only.
    pub trackers: Vec<Vec<String>>,
    /// Web seeds (BEP 19), http(s) only, at most [`MAX_WEB_SEEDS`](crate::MAX_WEB_SEEDS).
    pub web_seeds: Vec<String>,
    /// Scripts that return pieces (BEP 17), with the same bounds.
    pub http_seeds: Vec<String>,
    /// Initial DHT nodes (BEP 5), as host and port, at most [`MAX_NODES`](crate::MAX_NODES).
    pub nodes: Vec<(String, u16)>,
    /// Set if peers may come from the trackers only (BEP 27).
    pub private: bool,
    /// Comment by the creator.
    pub comment: Option<String>,
    /// Program that created the torrent.
    pub created_by: Option<String>,
    /// Site that the torrent is from. As a part of the info dictionary it changes the info-hash.
    pub source: Option<String>,
    /// Creation time in seconds since 1970.
    pub creation_date: Option<i64>,
    /// Mapping between pieces and files.
    pub layout: Arc<Layout>,
    /// Info dictionary and hashes.
    bulk: Slot,
    /// Length of the info dictionary in bytes.
    info_len: u32,
    has_all_hashes: bool,
    single_file: bool,
    is_renamable: bool,
    /// Set if `source` is outside the info dictionary, against convention.
    source_is_outside: bool,
    private_is_outside: bool,
    charset: Charset,
    kept: Kept,
}

impl Metainfo {
    /// Reads a `.torrent` file (BEP 3, 52).
    ///
    /// v1 torrents are read leniently, because files in practice deviate. Accepted are keys out of order, whitespace
    /// and a byte-order mark before the start, bytes after the end, and names in another [`encoding`](Self::encoding).
    /// The info dictionary of v2 and hybrid torrents must be canonical, and their piece layers must match the roots.
    /// The hashes of missing piece layers are unknown: see [`PieceHashes::v2`](crate::PieceHashes::v2).
    ///
    /// # Errors
    /// If the torrent is invalid; the error names the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MetainfoError> {
        Self::from_bytes_named(bytes, Naming::default())
    }

    /// Reads a file as [`from_bytes`](Self::from_bytes) does, with a choice of how far names are changed.
    ///
    /// # Errors
    /// If the torrent is invalid; the error names the field.
    pub fn from_bytes_named(bytes: &[u8], naming: Naming) -> Result<Self, MetainfoError> {
        let (document, mode) = decode_any(without_mark(bytes))?;
        let place = FieldPath::top("torrent");
        let torrent = Dict::new(document.root(), &place)?;
        let Some(info) = torrent.value.get(b"info") else {
            return Err(MetainfoError::Missing { field: "info".into(), expected: "a dictionary" });
        };
        let layers = torrent.value.get(b"piece layers");
        let charset = Charset::of(torrent.value);
        let mut metainfo = Self::new(info::parse(info, mode, naming, charset)?);
        if metainfo.is_v2() {
            let Self { layout, bulk, .. } = &mut metainfo;
            bulk.change(|bulk| outside_info::piece_layers(layers, layout, bulk.hashes_mut())).transpose()?;
            metainfo.count_hashes();
        }
        let outside = OutsideInfo::read(torrent, charset);
        // It belongs in the info dictionary, but some programs put it here.
        metainfo.source_is_outside = metainfo.source.is_none() && outside.source.is_some();
        metainfo.source = metainfo.source.or(outside.source);
        Ok(Self {
            trackers: outside.trackers,
            web_seeds: outside.web_seeds,
            http_seeds: outside.http_seeds,
            nodes: outside.nodes,
            comment: outside.comment,
            created_by: outside.created_by,
            creation_date: outside.creation_date,
            private_is_outside: outside.private_is_outside && !metainfo.private,
            charset,
            kept: outside.kept,
            ..metainfo
        })
    }

    /// Reads an info dictionary alone, as peers send it for a magnet link (BEP 9). The caller compares
    /// [`info_hashes`](Self::info_hashes) with those of the link.
    ///
    /// The hashes of some pieces of v2 and hybrid torrents are then unknown: see [`PieceHashes::v2`](crate::PieceHashes::v2).
    ///
    /// # Errors
    /// If the torrent is invalid; the error names the field.
    pub fn from_info(info: &[u8]) -> Result<Self, MetainfoError> {
        Self::from_info_named(info, Naming::default())
    }

    /// Reads a dictionary as [`from_info`](Self::from_info) does, with a choice of how far names are changed.
    ///
    /// # Errors
    /// If the torrent is invalid; the error names the field.
    pub fn from_info_named(info: &[u8], naming: Naming) -> Result<Self, MetainfoError> {
        Self::from_info_encoded(info, naming, Charset::default())
    }

    fn from_info_encoded(info: &[u8], naming: Naming, charset: Charset) -> Result<Self, MetainfoError> {
        let (document, mode) = decode_any(info)?;
        let root = document.root();
        if root.span().end != info.len() {
            // The info-hash would not cover all received bytes.
            let kind = ztor_bencode::ErrorKind::Trailing;
            return Err(ztor_bencode::Error { offset: root.span().end, kind }.into());
        }
        info::parse(root, mode, naming, charset).map(Self::new)
    }

    /// Returns true if there is a v1 half: v1 and hybrid torrents.
    pub fn is_v1(&self) -> bool {
        self.info_hashes.v1().is_some()
    }

    /// Returns true if there is a v2 half: v2 and hybrid torrents.
    pub fn is_v2(&self) -> bool {
        self.info_hashes.v2().is_some()
    }

    /// Returns true if there are both halves.
    pub fn is_hybrid(&self) -> bool {
        self.is_v1() && self.is_v2()
    }

    /// Returns true if the torrent is one file without a folder of its own.
    pub fn is_single_file(&self) -> bool {
        self.single_file
    }

    /// Returns the path of a file below the download folder: `name/path…`, or just `name` for a single-file torrent.
    /// For an unknown file, the path of the torrent.
    pub fn relative_path(&self, file: usize) -> PathBuf {
        let mut path = PathBuf::from(&self.name);
        if !self.single_file
            && let Some(file) = self.layout.files().get(file)
        {
            path.push(&*file.path);
        }
        path
    }

    /// Returns the encoding of texts that are not UTF-8, by its name in the WHATWG Encoding Standard. `None` if the
    /// torrent file names UTF-8, an unsupported encoding or none; an info dictionary alone names none.
    pub fn encoding(&self) -> Option<&'static str> {
        self.charset.name()
    }

    /// Returns true if the file sets `private` where it has no effect: outside the info dictionary (BEP 27). Such a
    /// torrent is public, which its creator may not have intended.
    pub fn is_private_outside(&self) -> bool {
        self.private_is_outside
    }

    /// Returns true if another [`Naming`] may give a file another path, as with names that some versions or programs
    /// change when they store them.
    pub fn is_renamable(&self) -> bool {
        self.is_renamable
    }

    /// Returns the same torrent with names by another rule. Files keep their order.
    ///
    /// # Errors
    /// If the bulk cannot be loaded; none else. The info dictionary is parsed again.
    pub fn renamed(&self, naming: Naming) -> Result<Self, MetainfoError> {
        let named = Self::from_info_encoded(self.bulk()?.info(), naming, self.charset)?;
        Ok(Self { name: named.name, layout: named.layout, ..self.clone() })
    }

    /// Stores the piece layer of a file, received from peers (BEP 52, `hashes`). Returns true if it matches the file's
    /// root; otherwise, or after [`with_source`](Self::with_source), nothing changes.
    pub fn add_piece_layer(&mut self, file: usize, layer: &[Hash]) -> bool {
        let Self { layout, bulk, .. } = self;
        let is_right = bulk.change(|bulk| bulk.hashes_mut().set_layer_of(layout, file, layer));
        self.count_hashes();
        is_right == Some(true)
    }

    /// Returns the piece layer of a v2 file of more than one piece; `None` if it is unknown or not in memory.
    pub fn piece_layer(&self, file: usize) -> Option<Vec<Hash>> {
        self.piece_layer_part(&*self.bulk_in_memory()?, file, 0, u32::MAX)
    }

    /// Returns a part of the piece layer of a v2 file of more than one piece: at most `count` hashes from the file's
    /// piece `first` on, fewer where the layer ends. `None` if the layer is unknown.
    pub fn piece_layer_part(&self, bulk: &Bulk, file: usize, first: u32, count: u32) -> Option<Vec<Hash>> {
        self.layout.files().get(file)?.pieces_root()?;
        let pieces = self.layout.pieces_of(file);
        if pieces.len() <= 1 {
            return None;
        }
        let start = pieces.start.saturating_add(first).min(pieces.end);
        bulk.hashes().layer(start..start.saturating_add(count).min(pieces.end))
    }

    /// Returns the info dictionary and the hashes. May wait for a disk if they have another [source](Self::with_source).
    ///
    /// # Errors
    /// If they have a source and cannot be loaded.
    pub fn bulk(&self) -> Result<Arc<Bulk>, BulkError> {
        self.bulk.load()
    }

    /// Returns the info dictionary and the hashes, if they are in memory. Never waits.
    pub fn bulk_in_memory(&self) -> Option<Arc<Bulk>> {
        self.bulk.in_memory()
    }

    /// Returns the same torrent without its info dictionary and hashes in memory: `source` has them, and loads them when
    /// they are used.
    #[must_use]
    pub fn with_source(self, source: Arc<dyn BulkSource>) -> Self {
        Self { bulk: Slot::Away(source), ..self }
    }

    /// Returns the bencoded value of a field of the torrent file that is kept as it is.
    pub(crate) fn kept_field(&self, key: &str) -> Option<&[u8]> {
        self.kept.get(key)
    }

    /// Returns the length of the info dictionary in bytes.
    pub fn info_len(&self) -> u32 {
        self.info_len
    }

    /// Returns true if every hash that the format promises is known. See [`PieceHashes::v2`](crate::PieceHashes::v2) for those that are not.
    pub fn has_all_hashes(&self) -> bool {
        self.has_all_hashes
    }

    fn count_hashes(&mut self) {
        if let Some(bulk) = self.bulk_in_memory() {
            self.has_all_hashes = bulk.hashes().is_complete();
        }
    }

    /// Encodes the torrent as a `.torrent` file, with all fields that are kept here. The trackers of a magnet link are
    /// included only if the caller has added them.
    ///
    /// # Errors
    /// If the bulk has a source and cannot be loaded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BulkError> {
        let bulk = self.bulk()?;
        // Keys are written in order, and writing to a vector cannot fail.
        Ok(self.encode(&bulk).unwrap_or_default())
    }

    fn new(info: Info) -> Self {
        Self {
            info_hashes: info.info_hashes,
            name: info.name,
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            http_seeds: Vec::new(),
            nodes: Vec::new(),
            private: info.private,
            comment: None,
            created_by: None,
            source: info.source,
            creation_date: None,
            layout: Arc::new(info.layout),
            info_len: u32::try_from(info.bulk.info().len()).unwrap_or(u32::MAX),
            has_all_hashes: info.bulk.hashes().is_complete(),
            bulk: Slot::Here(Arc::new(info.bulk)),
            single_file: info.single_file,
            is_renamable: info.is_renamable,
            source_is_outside: false,
            private_is_outside: false,
            charset: Charset::default(),
            kept: Kept::default(),
        }
    }

    fn encode(&self, bulk: &Bulk) -> io::Result<Vec<u8>> {
        let mut e = Encoder::new(Vec::new());
        e.begin_dict()?;
        let head = outside_info::Head {
            trackers: &self.trackers,
            comment: self.comment.as_deref(),
            created_by: self.created_by.as_deref(),
            creation_date: self.creation_date,
            encoding: self.charset.name(),
            kept: &self.kept,
        };
        head.write(&mut e)?;
        e.key(b"info")?.raw(bulk.info())?;
        if !self.nodes.is_empty() {
            e.key(b"nodes")?.begin_list()?;
            for (host, port) in &self.nodes {
                e.begin_list()?.str(host)?.uint((*port).into())?.end()?;
            }
            e.end()?;
        }
        if self.is_v2() {
            let files = self.layout.files().iter().enumerate();
            let layers = files.filter_map(|(i, file)| {
                Some((file.pieces_root()?, self.piece_layer_part(bulk, i, 0, u32::MAX)?.concat()))
            });
            outside_info::write_piece_layers(layers.collect(), &mut e)?;
        }
        if self.private_is_outside {
            e.key(b"private")?.int(1)?;
        }
        self.kept.write("signatures", &mut e)?;
        self.kept.write("similar", &mut e)?;
        if let Some(source) = self.source.as_ref().filter(|_| self.source_is_outside) {
            e.key(b"source")?.str(source)?;
        }
        outside_info::write_web_seeds(&self.web_seeds, &mut e)?;
        e.end()?;
        e.finish()
    }
}

/// Strips leading whitespace and a byte-order mark, which editors and web servers add.
fn without_mark(bytes: &[u8]) -> &[u8] {
    let start = bytes.trim_ascii_start();
    start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start()
}

/// Decodes strictly if possible, or else leniently. Of the two errors, the lenient one names the real problem.
fn decode_any(bytes: &[u8]) -> Result<(Document<'_>, Mode), MetainfoError> {
    if bytes.len() > MAX_TORRENT_LEN {
        return Err(MetainfoError::TooLong { len: bytes.len() });
    }
    match decode_with(bytes, Mode::Strict, DECODE_LIMITS) {
        Ok(document) => Ok((document, Mode::Strict)),
        Err(_) => Ok((decode_with(bytes, Mode::Lenient, DECODE_LIMITS)?, Mode::Lenient)),
    }
}

#[cfg(test)]
mod tests;
