//! The v2 half (BEP 52): `file tree`.

use ztor_bencode::{Entries, Value};

use super::{Files, RawFile, properties, too_deep};
use crate::dict::Dict;
use crate::field_path::FieldPath;
use crate::merkle::Hash;
use crate::{Layout, LayoutError, MAX_FILES, MAX_PATH_LEVELS, MetainfoError};

/// Maximum memory of the paths of all files, in bytes. A folder counts again for every file in it.
const MAX_PATHS_COST: usize = 128 << 20;

pub(super) fn files<'d>(info: Dict<'d, '_>) -> Result<Files<'d>, MetainfoError> {
    let place = info.place.key("file tree");
    let tree = info.value.get(b"file tree").ok_or_else(|| info.missing("file tree", "a dictionary"))?;
    let tree = Dict::new(tree, &place)?;
    let mut list = Vec::new();
    let mut cost: usize = 0;
    // Open folders: the remaining entries of each, and its name.
    let mut open: Vec<(Entries<'d>, &'d [u8])> = vec![(tree.value.entries(), b"")];
    while let Some((entries, _)) = open.last_mut() {
        let Some((name, value)) = entries.next() else {
            open.pop();
            continue;
        };
        let path: Vec<&'d [u8]> = open[1..].iter().map(|(_, folder)| *folder).chain([name]).collect();
        let at = Path { tree: &place, elements: &path };
        if name.is_empty() {
            // The properties of a folder, which only future extensions may have. Those of a file are read one level up.
            if is_file(value) {
                let problem = if path.len() == 1 {
                    "the tree itself is a file"
                } else {
                    "a file with entries beside it"
                };
                return Err(at.within(|place| place.invalid(problem)));
            }
            continue;
        }
        let mut inside = at.within(|place| Dict::new(value, place).map(|dict| dict.value.entries()))?;
        let first = inside.clone().next();
        match first.filter(|(key, properties)| key.is_empty() && is_file(*properties)) {
            Some((_, file)) => {
                inside.next();
                if inside.next().is_some() {
                    return Err(at.within(|place| place.invalid("a file with entries beside it")));
                }
                if list.len() >= MAX_FILES {
                    return Err(LayoutError::TooManyFiles(list.len() + 1).into());
                }
                cost += path.iter().map(|element| element.len() + 64).sum::<usize>();
                if cost > MAX_PATHS_COST {
                    return Err(place.invalid("paths that are too long for the number of files"));
                }
                let file = at.within(|place| read_file(Dict::new(file, &place.key(""))?, path.clone()))?;
                list.push(file);
            }
            None if open.len() > MAX_PATH_LEVELS => return Err(at.within(too_deep)),
            None => open.push((value.entries(), name)),
        }
    }
    if list.is_empty() {
        return Err(place.invalid("found no file, expected at least one"));
    }
    // BEP 52, "Interpreting paths": the name of the torrent does not matter.
    let single = list.len() == 1 && list[0].path.len() == 1;
    Ok(Files { list, single })
}

/// Returns an entry per piece: the root of the file if that has one piece, else `None`.
pub(super) fn hashes(layout: &Layout) -> Vec<Option<Hash>> {
    let mut hashes = vec![None; layout.piece_count() as usize];
    for (index, file) in layout.files().iter().enumerate() {
        let pieces = layout.pieces_of(index);
        if pieces.len() == 1 {
            hashes[pieces.start as usize] = file.pieces_root();
        }
    }
    hashes
}

/// Returns true if these are the properties of a file, not of a folder. A symlink may omit its length (BEP 47).
fn is_file(properties: Value<'_>) -> bool {
    properties.get(b"length").is_some() || properties.get(b"symlink path").is_some()
}

fn read_file<'d>(file: Dict<'d, '_>, path: Vec<&'d [u8]>) -> Result<RawFile<'d>, MetainfoError> {
    let mut properties = properties(file)?;
    // A tree has no pads: its files are aligned without them.
    properties.attributes.pad = false;
    let pieces_root = if properties.length == 0 {
        None
    } else {
        let root = file.bytes("pieces root")?;
        let root = Hash::try_from(root).map_err(|_| {
            let problem = format!("found {} bytes, expected 32", root.len());
            file.place.key("pieces root").invalid(problem)
        })?;
        Some(root)
    };
    Ok(RawFile { path, properties, pieces_root })
}

/// Path of an entry in the file tree.
struct Path<'p, 'd> {
    tree: &'p FieldPath<'p>,
    elements: &'p [&'d [u8]],
}

impl Path<'_, '_> {
    /// Calls `f` with the field path. Its elements live on the stack, each linked to its parent; a path has at most
    /// [`MAX_PATH_LEVELS`] of them.
    fn within<T>(&self, f: impl FnOnce(&FieldPath<'_>) -> T) -> T {
        fn descend<T>(at: &FieldPath<'_>, rest: &[&[u8]], f: impl FnOnce(&FieldPath<'_>) -> T) -> T {
            match rest.split_first() {
                Some((element, rest)) => descend(&at.raw_key(element), rest, f),
                None => f(at),
            }
        }
        descend(self.tree, self.elements, f)
    }
}
