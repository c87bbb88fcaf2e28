//! The v1 half (BEP 3): `pieces`, and `length` or `files`.

use std::ops::Range;

use ztor_bencode::Value;

use super::{Files, RawFile, properties, too_deep};
use crate::dict::Dict;
use crate::field_path::FieldPath;
use crate::{Layout, LayoutError, MAX_FILES, MAX_PATH_LEVELS, MetainfoError};

/// Start of the names of BitComet's pads, which predate BEP 47.
const BITCOMET_PAD: &[u8] = b"_____padding_file_";

pub(super) fn files<'d>(info: Dict<'d, '_>) -> Result<Files<'d>, MetainfoError> {
    let Some(list) = info.opt_list("files")? else {
        let mut properties = properties(info)?;
        properties.attributes.pad = false;
        properties.symlink = None;
        let path = vec![info.text("name").unwrap_or_default()];
        let file = RawFile { path, properties, pieces_root: None };
        return Ok(Files { list: vec![file], single: true });
    };
    let place = info.place.key("files");
    let mut files = Vec::new();
    for (index, item) in list.items().enumerate() {
        if index >= MAX_FILES {
            return Err(LayoutError::TooManyFiles(index + 1).into());
        }
        files.push(file(item, &place.index(index))?);
    }
    if files.is_empty() {
        return Err(place.invalid("an empty list, expected at least one file"));
    }
    Ok(Files { list: files, single: false })
}

/// Returns the place of the hashes in the info dictionary.
pub(super) fn hashes(info: Dict<'_, '_>, layout: &Layout) -> Result<Range<usize>, MetainfoError> {
    let bytes = info.bytes("pieces")?;
    let (hashes, rest) = bytes.as_chunks::<20>();
    let count = layout.piece_count() as usize;
    if hashes.len() != count || !rest.is_empty() {
        let problem = format!(
            "found {} bytes, expected {} for {count} pieces of {} bytes",
            bytes.len(),
            count * 20,
            layout.piece_length()
        );
        return Err(info.place.key("pieces").invalid(problem));
    }
    // The content of a string is at the end of its encoding.
    let end = info.value.get(b"pieces").map_or(0, |pieces| pieces.span().end);
    let end = end.saturating_sub(info.value.span().start);
    Ok(end.saturating_sub(bytes.len())..end)
}

fn file<'d>(value: Value<'d>, place: &FieldPath<'_>) -> Result<RawFile<'d>, MetainfoError> {
    let file = Dict::new(value, place)?;
    let mut properties = properties(file)?;
    let pad = &mut properties.attributes.pad;
    let path = match path(file).filter(|path| !path.is_empty()) {
        Some(path) => path,
        // BEP 47: the path of a pad has no meaning.
        None if *pad => Vec::new(),
        // Its content is still usable: the empty element becomes a safe name.
        None => vec![&b""[..]],
    };
    if path.len() > MAX_PATH_LEVELS + 1 {
        return Err(too_deep(&place.key("path")));
    }
    *pad |= path.last().is_some_and(|name| name.starts_with(BITCOMET_PAD));
    Ok(RawFile { path, properties, pieces_root: None })
}

/// Reads `path.utf-8` if all of it is UTF-8, or else `path`: a list of elements, or a single one.
fn path<'d>(file: Dict<'d, '_>) -> Option<Vec<&'d [u8]>> {
    let utf8 = file.value.get(b"path.utf-8").and_then(|path| {
        path.items().map(|element| element.as_str().map(str::as_bytes)).collect::<Option<Vec<_>>>()
    });
    match utf8 {
        Some(path) if !path.is_empty() => Some(path),
        _ => file.strings("path").or_else(|| Some(vec![file.value.get(b"path")?.as_bytes()?])),
    }
}
