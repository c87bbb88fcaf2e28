//! The info dictionary: its version, and the fields common to both versions. [`v1`] and [`v2`] read the files,
//! [`hybrid`] compares them.

mod hybrid;
mod v1;
mod v2;

use std::sync::Arc;

use sha1::Sha1;
use sha2::{Digest, Sha256};
use ztor_bencode::{Limits, Mode, Value, decode_with};

use crate::bulk::Bulk;
use crate::charset::Charset;
use crate::dict::Dict;
use crate::field_path::FieldPath;
use crate::hashes::V1Hashes;
use crate::merkle::Hash;
use crate::paths::{self, Naming, safe_encoded};
use crate::{
    Alignment, BLOCK_LEN, File, InfoHashV1, InfoHashV2, InfoHashes, Layout, MAX_PATH_LEVELS, MetainfoError,
    PieceHashes,
};

/// Contents of an info dictionary.
pub(crate) struct Info {
    pub(crate) info_hashes: InfoHashes,
    pub(crate) name: String,
    pub(crate) private: bool,
    pub(crate) source: Option<String>,
    pub(crate) layout: Layout,
    pub(crate) bulk: Bulk,
    pub(crate) single_file: bool,
    /// Set if another [`Naming`] may give a file another path.
    pub(crate) is_renamable: bool,
}

/// A file as the torrent describes it, with raw names.
struct RawFile<'d> {
    /// Elements of the path; empty for a pad without a path.
    path: Vec<&'d [u8]>,
    properties: Properties<'d>,
    pieces_root: Option<Hash>,
}

/// Properties of a file that both versions have, without its path and hashes.
struct Properties<'d> {
    length: u64,
    attributes: Attributes,
    /// Target of a symlink; `None` for other files.
    symlink: Option<Vec<&'d [u8]>>,
}

/// Attributes of a file (BEP 47).
#[derive(Clone, Copy, Default)]
struct Attributes {
    pad: bool,
    executable: bool,
    hidden: bool,
}

/// The files that one half of a torrent describes.
struct Files<'d> {
    list: Vec<RawFile<'d>>,
    single: bool,
}

/// Limits on the nesting and size of a torrent: enough for the deepest tree of folders and the values around it.
pub(crate) const DECODE_LIMITS: Limits = Limits { depth: MAX_PATH_LEVELS + 10, tokens: 3_000_000 };

/// Reads an info dictionary that was decoded in `mode`. `charset` is the encoding of text that is not UTF-8.
pub(crate) fn parse(
    value: Value<'_>,
    mode: Mode,
    naming: Naming,
    charset: Charset,
) -> Result<Info, MetainfoError> {
    let place = FieldPath::top("info");
    let info = Dict::new(value, &place)?;
    let has_v2 = has_v2(info)?;
    if !has_v2 && !info.has("pieces") && info.has("root hash") {
        let problem = "a hash tree as in BEP 30, which is not supported: get a torrent of another format";
        return Err(place.key("root hash").invalid(problem));
    }
    if has_v2 && mode == Mode::Lenient {
        // BEP 52 requires a canonical dictionary, so that all clients read it alike. The rest of the file need not be
        // canonical.
        decode_with(value.raw(), Mode::Strict, DECODE_LIMITS)?;
    }
    let has_v1 = !has_v2 || info.has("pieces");
    let v1 = || InfoHashV1::new(Sha1::digest(value.raw()).into());
    let v2 = || InfoHashV2::new(Sha256::digest(value.raw()).into());
    let info_hashes = match (has_v1, has_v2) {
        (true, true) => InfoHashes::Hybrid(v1(), v2()),
        (false, true) => InfoHashes::V2(v2()),
        (_, false) => InfoHashes::V1(v1()),
    };
    let piece_length = info.uint("piece length")?;
    if has_v2 && (piece_length < u64::from(BLOCK_LEN) || !piece_length.is_power_of_two()) {
        let problem = format!("found {piece_length}, expected a power of two of at least 16 KiB");
        return Err(place.key("piece length").invalid(problem));
    }

    let v1 = has_v1.then(|| v1::files(info)).transpose()?;
    let v2 = has_v2.then(|| v2::files(info)).transpose()?;
    let files = match (v1, v2) {
        (Some(v1), Some(v2)) => hybrid::merge(v1, v2, piece_length)?,
        (Some(files), None) | (None, Some(files)) => files,
        (None, None) => return Err(info.missing("pieces", "a string")),
    };
    let (name, is_name_plain) = match name(info, &files) {
        Some(name) => (safe_encoded(name, charset, naming), paths::is_named_alike(name, charset)),
        None => (info_hashes.to_string(), true),
    };
    let alignment = if has_v1 { Alignment::EndToEnd } else { Alignment::Pieces };
    let (named, is_renamable) = name_files(&files, &name, naming, charset);
    let is_renamable = is_renamable || !is_name_plain;
    let layout = Layout::new(piece_length, named, alignment)?;
    let bytes: Arc<[u8]> = value.raw().into();
    let v1 = has_v1.then(|| v1::hashes(info, &layout)).transpose()?;
    let v1 = v1.map(|pieces| V1Hashes { info: Arc::clone(&bytes), pieces });
    let v2 = has_v2.then(|| v2::hashes(&layout));
    Ok(Info {
        info_hashes,
        name,
        private: is_private(info),
        source: info.advisory("source", charset),
        layout,
        bulk: Bulk::new(bytes, PieceHashes::new(v1, v2)),
        single_file: files.single,
        is_renamable,
    })
}

/// Returns true if there is a v2 half. If `pieces` exists, an invalid version is no reason to refuse the v1 half.
fn has_v2(info: Dict<'_, '_>) -> Result<bool, MetainfoError> {
    let has_v1 = info.has("pieces");
    match info.opt_uint("meta version") {
        Ok(Some(2)) => Ok(true),
        Ok(Some(version @ 3..)) => Err(MetainfoError::Version(version)),
        Ok(Some(0 | 1)) | Err(_) if has_v1 => Ok(false),
        Ok(Some(version)) => {
            Err(info.place.key("meta version").invalid(format!("found {version}, expected 2")))
        }
        Ok(None) if info.has("file tree") && !has_v1 => Err(info.missing("meta version", "2")),
        Ok(None) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns the name of the folder or of the only file; `None` if it has none. The file list names a single file,
/// because the torrent's name is advisory in v2.
fn name<'d>(info: Dict<'d, '_>, files: &Files<'d>) -> Option<&'d [u8]> {
    let name = if files.single { files.list[0].path.last().copied() } else { info.text("name") };
    name.filter(|name| !name.is_empty())
}

/// Returns true unless `private` is missing or 0. Invalid values count as private, because a leak cannot be undone.
fn is_private(info: Dict<'_, '_>) -> bool {
    info.value.get(b"private").is_some_and(|value| value.as_int() != Some(0))
}

/// Gives each file its safe path. The second value is true if another naming may give another path.
fn name_files(files: &Files<'_>, name: &str, naming: Naming, charset: Charset) -> (Vec<File>, bool) {
    let mut is_renamable = false;
    let mut safe = |path: &[&[u8]]| -> Vec<String> {
        is_renamable |= !path.iter().all(|element| paths::is_named_alike(element, charset));
        path.iter().map(|element| safe_encoded(element, charset, naming)).collect()
    };
    let mut places: Vec<Option<Vec<String>>> = Vec::with_capacity(files.list.len());
    // Adjacent files share most of their folders, which need not be made safe again.
    let mut last: (&[&[u8]], usize) = (&[], 0);
    for (index, file) in files.list.iter().enumerate() {
        let place = if file.properties.attributes.pad {
            None
        } else if files.single {
            Some(vec![name.to_owned()])
        } else {
            let known = last.0.iter().zip(&file.path).take_while(|(a, b)| a == b).count();
            let before = places.get(last.1).and_then(Option::as_deref).unwrap_or_default();
            let mut path = before[..known.min(before.len())].to_vec();
            path.extend(safe(&file.path[path.len()..]));
            last = (&file.path, index);
            Some(path)
        };
        places.push(place);
    }
    let mut links: Vec<Option<Vec<String>>> =
        files.list.iter().map(|file| file.properties.symlink.as_ref().map(|target| safe(target))).collect();
    let tree = paths::Tree::new(&mut places, naming);
    tree.settle_links(&places, &mut links);
    let named = files.list.iter().zip(places).zip(links).map(|((file, path), symlink)| {
        let Properties { length, attributes, .. } = file.properties;
        let path = path.unwrap_or_else(|| vec![".pad".to_owned(), length.to_string()]);
        let Attributes { pad, executable, hidden } = attributes;
        let symlink = symlink.map(Vec::into_boxed_slice);
        let pieces_root = file.pieces_root.map(Box::new);
        File { pad, executable, hidden, symlink, pieces_root, ..File::new(&path, length) }
    });
    (named.collect(), is_renamable)
}

fn properties<'d>(file: Dict<'d, '_>) -> Result<Properties<'d>, MetainfoError> {
    let letters = file.text("attr").unwrap_or_default();
    let has = |letter: u8| letters.contains(&letter);
    let attributes = Attributes { pad: has(b'p'), executable: has(b'x'), hidden: has(b'h') };
    let length = match file.opt_uint("length")? {
        Some(length) => length,
        // BEP 47: a symlink may omit its length.
        None if has(b'l') => 0,
        None => return Err(file.missing("length", "an integer")),
    };
    // Without a target, or with a length of its own, it is a file.
    let is_symlink = has(b'l') && !attributes.pad && length == 0;
    let symlink = if is_symlink { file.strings("symlink path") } else { None };
    if symlink.as_ref().is_some_and(|target| target.len() > MAX_PATH_LEVELS) {
        return Err(too_deep(&file.place.key("symlink path")));
    }
    Ok(Properties { length, attributes, symlink })
}

fn too_deep(place: &FieldPath<'_>) -> MetainfoError {
    place.invalid(format!("more than {MAX_PATH_LEVELS} folders"))
}
