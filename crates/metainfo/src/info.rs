//! The info dictionary: versions, and what both have in common. [`v1`] and [`v2`] read the files, [`hybrid`] holds
//! them against each other.

mod hybrid;
mod v1;
mod v2;

use std::sync::Arc;

use sha1::Sha1;
use sha2::{Digest, Sha256};
use ztor_bencode::{Mode, Value, decode_with};

use crate::field::{Dict, Place};
use crate::merkle::Hash;
use crate::paths::{self, Naming, safe_element};
use crate::{
    Alignment, BLOCK_LEN, File, InfoHashV1, InfoHashV2, InfoHashes, Layout, MAX_PATH_LEVELS, MetainfoError,
    PieceHashes,
};

/// What an info dictionary says.
pub(crate) struct Info {
    pub(crate) info_hashes: InfoHashes,
    pub(crate) name: String,
    pub(crate) private: bool,
    pub(crate) source: Option<String>,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) layout: Layout,
    pub(crate) hashes: PieceHashes,
    pub(crate) single_file: bool,
}

/// A file as the torrent describes it, names as they came.
struct RawFile<'d> {
    /// Empty for a pad without a path.
    path: Vec<&'d [u8]>,
    length: u64,
    attributes: Attributes,
    symlink: Option<Vec<&'d [u8]>>,
    pieces_root: Option<Hash>,
}

/// BEP 47.
#[derive(Clone, Copy, Default)]
struct Attributes {
    pad: bool,
    executable: bool,
    hidden: bool,
    symlink: bool,
}

/// The files that one half of a torrent describes.
struct Files<'d> {
    list: Vec<RawFile<'d>>,
    single: bool,
}

/// Reads an info dictionary that was decoded in `mode`.
pub(crate) fn parse(value: Value<'_>, mode: Mode, naming: Naming) -> Result<Info, MetainfoError> {
    let place = Place::top("info");
    let info = Dict::new(value, &place)?;
    let has_v2 = match info.opt_uint("meta version")? {
        None if info.has("file tree") && !info.has("pieces") => return Err(info.missing("meta version", "2")),
        None => false,
        Some(2) => true,
        Some(version @ 3..) => return Err(MetainfoError::Version(version)),
        Some(version) => {
            return Err(place.key("meta version").invalid(format!("found {version}, expected 2")));
        }
    };
    if has_v2 && mode == Mode::Lenient {
        // BEP 52 wants the dictionary refused rather than read in a way that others might not; the rest of the
        // file need not be canonical.
        decode_with(value.raw(), Mode::Strict, crate::metainfo::LIMITS)?;
    }
    let has_v1 = !has_v2 || info.has("pieces");
    let info_hashes = InfoHashes {
        v1: has_v1.then(|| InfoHashV1(Sha1::digest(value.raw()).into())),
        v2: has_v2.then(|| InfoHashV2(Sha256::digest(value.raw()).into())),
    };
    let name = name(info, &info_hashes, naming)?;
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
    let alignment = if has_v1 { Alignment::EndToEnd } else { Alignment::Pieces };
    let layout = Layout::new(piece_length, name_files(&files, &name, naming), alignment)?;
    let v1 = has_v1.then(|| v1::hashes(info, &layout)).transpose()?;
    let v2 = has_v2.then(|| v2::hashes(&layout));
    Ok(Info {
        info_hashes,
        name,
        private: is_private(info),
        source: info.advisory("source"),
        bytes: value.raw().into(),
        layout,
        hashes: PieceHashes::new(v1, v2),
        single_file: files.single,
    })
}

fn name(info: Dict<'_, '_>, hashes: &InfoHashes, naming: Naming) -> Result<String, MetainfoError> {
    match info.opt_text("name")? {
        Some(name) if !name.is_empty() => Ok(safe_element(name, naming)),
        _ => Ok(hashes.to_string()),
    }
}

/// Whatever is not plainly a no keeps the torrent private: a leak cannot be taken back.
fn is_private(info: Dict<'_, '_>) -> bool {
    info.value.get(b"private").is_some_and(|value| value.as_int() != Some(0))
}

/// Gives each file its safe path.
fn name_files(files: &Files<'_>, name: &str, naming: Naming) -> Vec<File> {
    let safe = |path: &[&[u8]]| path.iter().map(|element| safe_element(element, naming)).collect::<Vec<_>>();
    let place = |file: &RawFile<'_>| {
        if file.attributes.pad {
            None
        } else if files.single {
            Some(vec![name.to_owned()])
        } else {
            Some(safe(&file.path))
        }
    };
    let mut places: Vec<Option<Vec<String>>> = files.list.iter().map(place).collect();
    let mut links: Vec<Option<Vec<String>>> =
        files.list.iter().map(|file| file.symlink.as_ref().map(|target| safe(target))).collect();
    let tree = paths::Tree::new(&mut places, naming);
    tree.settle_links(&places, &mut links);
    let named = files.list.iter().zip(places).zip(links).map(|((file, path), symlink)| File {
        path: path.unwrap_or_else(|| vec![".pad".to_owned(), file.length.to_string()]),
        length: file.length,
        offset: 0,
        pad: file.attributes.pad,
        executable: file.attributes.executable,
        hidden: file.attributes.hidden,
        symlink,
        pieces_root: file.pieces_root,
    });
    named.collect()
}

/// What both versions say about a file besides its path and hashes: `attr`, `length` and `symlink path`.
fn properties<'d>(file: Dict<'d, '_>) -> Result<(Attributes, u64, Option<Vec<&'d [u8]>>), MetainfoError> {
    let letters = file.opt_bytes("attr")?.unwrap_or_default();
    let mut attributes = Attributes {
        pad: letters.contains(&b'p'),
        executable: letters.contains(&b'x'),
        hidden: letters.contains(&b'h'),
        symlink: letters.contains(&b'l'),
    };
    // A link may leave out its length, and has no data whatever it says.
    let length = match file.opt_uint("length")? {
        Some(length) => length,
        None if attributes.symlink => 0,
        None => return Err(file.missing("length", "an integer")),
    };
    attributes.symlink &= !attributes.pad && length == 0;
    let target = if attributes.symlink { file.opt_strings("symlink path")? } else { None };
    if target.as_ref().is_some_and(|target| target.len() > MAX_PATH_LEVELS) {
        return Err(too_deep(&file.place.key("symlink path")));
    }
    // A link without a target is an empty file.
    attributes.symlink &= target.is_some();
    Ok((attributes, length, target))
}

fn too_deep(place: &Place<'_>) -> MetainfoError {
    place.invalid(format!("more than {MAX_PATH_LEVELS} folders"))
}
