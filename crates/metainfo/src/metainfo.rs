use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ztor_bencode::{Document, Encoder, Mode, decode_with};

use crate::charset::Charset;
use crate::dict::Dict;
use crate::field_path::FieldPath;
use crate::info::{self, DECODE_LIMITS, Info};
use crate::merkle::Hash;
use crate::outside_info::{self, Kept, OutsideInfo};
use crate::paths::Naming;
use crate::{InfoHashes, Layout, MAX_TORRENT_LEN, MetainfoError, PieceHashes};

/// A torrent.
///
/// Made by [`from_bytes`](Self::from_bytes) and [`from_info`](Self::from_info), which check everything that
/// can be checked without the data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metainfo {
    /// What the torrent is known by; over the bytes as they came.
    pub info_hashes: InfoHashes,
    /// The name of the file or folder, made safe. A torrent without a name has its hash for one.
    pub name: String,
    /// Announce URLs in tiers (BEP 12), without duplicates, at most [`MAX_TRACKERS`](crate::MAX_TRACKERS),
    /// http(s), udp and ws(s) only.
    pub trackers: Vec<Vec<String>>,
    /// Web seeds (BEP 19), http(s) only, at most [`MAX_WEB_SEEDS`](crate::MAX_WEB_SEEDS).
    pub web_seeds: Vec<String>,
    /// DHT nodes to begin with (BEP 5), as host and port, at most [`MAX_NODES`](crate::MAX_NODES).
    pub nodes: Vec<(String, u16)>,
    /// Peers come from the trackers only (BEP 27).
    pub private: bool,
    /// What the maker has to say.
    pub comment: Option<String>,
    /// The program that made it.
    pub created_by: Option<String>,
    /// The site it comes from. It is part of the info dictionary, so that it makes the hash another one.
    pub source: Option<String>,
    /// When it was made, in seconds since 1970.
    pub creation_date: Option<i64>,
    /// The info dictionary as it came, for those who ask for metadata (BEP 9).
    pub info: Arc<[u8]>,
    /// Which bytes of which files the pieces are.
    pub layout: Arc<Layout>,
    /// What the pieces hash to.
    pub hashes: PieceHashes,
    single_file: bool,
    is_renamable: bool,
    /// `source` stood beside the info dictionary, against the custom.
    source_is_outside: bool,
    private_is_outside: bool,
    charset: Charset,
    kept: Kept,
}

impl Metainfo {
    /// Reads a `.torrent` file (BEP 3, 52).
    ///
    /// v1 torrents are read leniently, as those in the wild need it: keys out of order, bytes in front of the start
    /// and behind the end, names of another [`encoding`](Self::encoding). The info dictionary of v2 and hybrid ones must be canonical, and their piece layers true to
    /// the roots. Of piece layers that the file does not have, the hashes are missing: see [`PieceHashes::v2`].
    ///
    /// # Errors
    /// What is wrong, and in which field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MetainfoError> {
        Self::from_bytes_named(bytes, Naming::default())
    }

    /// As [`from_bytes`](Self::from_bytes), with a choice of how far names are changed.
    ///
    /// # Errors
    /// What is wrong, and in which field.
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
            outside_info::piece_layers(layers, &metainfo.layout, &mut metainfo.hashes)?;
        }
        let outside = OutsideInfo::read(torrent, charset);
        // It belongs into the info dictionary; some put it here.
        metainfo.source_is_outside = metainfo.source.is_none() && outside.source.is_some();
        metainfo.source = metainfo.source.or(outside.source);
        Ok(Self {
            trackers: outside.trackers,
            web_seeds: outside.web_seeds,
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

    /// Reads an info dictionary alone, as peers send it to those who have a magnet link (BEP 9). The caller
    /// compares [`info_hashes`](Self::info_hashes) with what the link said.
    ///
    /// Of v2 and hybrid torrents the hashes of some pieces are missing then: see [`PieceHashes::v2`].
    ///
    /// # Errors
    /// What is wrong, and in which field.
    pub fn from_info(info: &[u8]) -> Result<Self, MetainfoError> {
        Self::from_info_named(info, Naming::default())
    }

    /// As [`from_info`](Self::from_info), with a choice of how far names are changed.
    ///
    /// # Errors
    /// What is wrong, and in which field.
    pub fn from_info_named(info: &[u8], naming: Naming) -> Result<Self, MetainfoError> {
        Self::from_info_encoded(info, naming, Charset::default())
    }

    fn from_info_encoded(info: &[u8], naming: Naming, charset: Charset) -> Result<Self, MetainfoError> {
        let (document, mode) = decode_any(info)?;
        let root = document.root();
        if root.span().end != info.len() {
            // The hash would not be that of what was received.
            let kind = ztor_bencode::ErrorKind::Trailing;
            return Err(ztor_bencode::Error { offset: root.span().end, kind }.into());
        }
        info::parse(root, mode, naming, charset).map(Self::new)
    }

    /// Whether there is a v1 half: v1 and hybrid torrents.
    pub fn is_v1(&self) -> bool {
        self.info_hashes.v1().is_some()
    }

    /// Whether there is a v2 half: v2 and hybrid torrents.
    pub fn is_v2(&self) -> bool {
        self.info_hashes.v2().is_some()
    }

    /// Whether there are both halves.
    pub fn is_hybrid(&self) -> bool {
        self.is_v1() && self.is_v2()
    }

    /// Whether the torrent is one file that lies in no folder of its own.
    pub fn is_single_file(&self) -> bool {
        self.single_file
    }

    /// Where a file belongs below the folder that downloads go to: `name/path…`, or just `name` for a
    /// single-file torrent. For a file that does not exist, the torrent's own place.
    pub fn relative_path(&self, file: usize) -> PathBuf {
        let mut path = PathBuf::from(&self.name);
        if !self.single_file
            && let Some(file) = self.layout.files().get(file)
        {
            path.extend(&file.path);
        }
        path
    }

    /// The encoding that the torrent file names for texts that are not UTF-8, as the WHATWG Encoding Standard calls it;
    /// `None` if that is UTF-8 or unknown. An info dictionary alone names none.
    pub fn encoding(&self) -> Option<&'static str> {
        self.charset.name()
    }

    /// Returns true if the file says that the torrent is private in a place where this has no meaning: beside the info
    /// dictionary (BEP 27). Such a torrent is public, which its maker may not have meant.
    pub fn is_private_outside(&self) -> bool {
        self.private_is_outside
    }

    /// Returns true if another [`Naming`] may give a file another place, as with names that some versions or
    /// programs change on their way to the disk.
    pub fn is_renamable(&self) -> bool {
        self.is_renamable
    }

    /// The same torrent, with names by another rule. Files keep their order.
    ///
    /// # Errors
    /// None of a torrent that was read by this crate; the info dictionary is read once more.
    pub fn renamed(&self, naming: Naming) -> Result<Self, MetainfoError> {
        let named = Self::from_info_encoded(&self.info, naming, self.charset)?;
        Ok(Self { name: named.name, layout: named.layout, ..self.clone() })
    }

    /// Takes the piece layer of a file, which peers have sent (BEP 52, `hashes`). Returns whether it is the
    /// one that the file's root promises; if not, nothing changes.
    pub fn add_piece_layer(&mut self, file: usize, layer: &[Hash]) -> bool {
        self.hashes.set_layer_of(&self.layout, file, layer)
    }

    /// The piece layer of a v2 file of more than one piece, if it is known.
    pub fn piece_layer(&self, file: usize) -> Option<Vec<Hash>> {
        self.layout.files().get(file)?.pieces_root?;
        let pieces = self.layout.pieces_of(file);
        (pieces.len() > 1).then(|| self.hashes.layer(pieces)).flatten()
    }

    /// A part of the piece layer of a v2 file of more than one piece: at most `count` hashes from the one of the
    /// file's piece `first` on, fewer where the layer ends. `None` if the layer is not known.
    pub fn piece_layer_part(&self, file: usize, first: u32, count: u32) -> Option<Vec<Hash>> {
        self.layout.files().get(file)?.pieces_root?;
        let pieces = self.layout.pieces_of(file);
        if pieces.len() <= 1 {
            return None;
        }
        let start = pieces.start.saturating_add(first).min(pieces.end);
        self.hashes.layer(start..start.saturating_add(count).min(pieces.end))
    }

    /// A `.torrent` file of this torrent. Of one that came as a file it has all that is kept here; to one
    /// that came from a magnet link, the link's trackers may be added before.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Nothing in here is out of order, and a vector takes all that is written.
        self.encode().unwrap_or_default()
    }

    fn new(info: Info) -> Self {
        Self {
            info_hashes: info.info_hashes,
            name: info.name,
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            nodes: Vec::new(),
            private: info.private,
            comment: None,
            created_by: None,
            source: info.source,
            creation_date: None,
            info: info.bytes,
            layout: Arc::new(info.layout),
            hashes: info.hashes,
            single_file: info.single_file,
            is_renamable: info.is_renamable,
            source_is_outside: false,
            private_is_outside: false,
            charset: Charset::default(),
            kept: Kept::default(),
        }
    }

    fn encode(&self) -> io::Result<Vec<u8>> {
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
        e.key(b"info")?.raw(&self.info)?;
        if !self.nodes.is_empty() {
            e.key(b"nodes")?.begin_list()?;
            for (host, port) in &self.nodes {
                e.begin_list()?.str(host)?.uint((*port).into())?.end()?;
            }
            e.end()?;
        }
        if self.is_v2() {
            let files = self.layout.files().iter().enumerate();
            let layers =
                files.filter_map(|(i, file)| Some((file.pieces_root?, self.piece_layer(i)?.concat())));
            outside_info::write_piece_layers(layers.collect(), &mut e)?;
        }
        if self.private_is_outside {
            e.key(b"private")?.int(1)?;
        }
        self.kept.write("similar", &mut e)?;
        if let Some(source) = self.source.as_ref().filter(|_| self.source_is_outside) {
            e.key(b"source")?.str(source)?;
        }
        outside_info::write_web_seeds(&self.web_seeds, &mut e)?;
        e.end()?;
        e.finish()
    }
}

/// The bytes without blanks and a byte-order mark, which editors and web servers put in front.
fn without_mark(bytes: &[u8]) -> &[u8] {
    let start = bytes.trim_ascii_start();
    start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start()
}

/// Decodes strictly if that is possible, or else leniently; of the two errors the lenient one tells the real
/// trouble.
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
