//! Comparison of the two halves of a hybrid torrent (BEP 52, "Upgrade Path"). They must describe the same files at the
//! same offsets; otherwise data of one torrent could be checked against the hashes of another.

use super::{Files, RawFile};
use crate::field_path::FieldPath;
use crate::{LayoutError, MetainfoError};

/// Returns the files of the v1 half, with its pads and with the roots of the v2 half.
pub(super) fn merge<'d>(v1: Files<'d>, v2: Files<'d>, piece_length: u64) -> Result<Files<'d>, MetainfoError> {
    let info = FieldPath::top("info");
    let list = info.key(if v1.single { "length" } else { "files" });
    let differ =
        |place: &FieldPath<'_>, problem: String| MetainfoError::Hybrid { field: place.to_string(), problem };

    let single = v1.single;
    let mut twins = v2.list.into_iter();
    let mut merged = Vec::with_capacity(v1.list.len());
    let mut offset: u64 = 0;
    // Start of the next file in the v2 half.
    let mut aligned: u64 = 0;
    for (index, file) in v1.list.into_iter().enumerate() {
        let at = list.index(index);
        let place = if single { &list } else { &at };
        let length = file.properties.length;
        let end = offset.checked_add(length).ok_or(LayoutError::TooManyPieces)?;
        if file.properties.attributes.pad {
            offset = end;
            merged.push(file);
            continue;
        }
        let Some(twin) = twins.next() else {
            return Err(differ(place, "more files than in the file tree".to_owned()));
        };
        if file.path != twin.path {
            let problem =
                format!("found `{}`, and `{}` in the file tree", shown(&file.path), shown(&twin.path));
            return Err(differ(place, problem));
        }
        if length != twin.properties.length {
            let problem = format!("{} bytes, and {} in the file tree", length, twin.properties.length);
            return Err(differ(place, problem));
        }
        if file.properties.symlink != twin.properties.symlink {
            return Err(differ(place, "the targets of a symlink".to_owned()));
        }
        if length > 0 {
            if offset != aligned {
                return Err(differ(
                    place,
                    format!("a file that begins at byte {offset}, expected {aligned}"),
                ));
            }
            aligned = end.checked_next_multiple_of(piece_length).ok_or(LayoutError::TooManyPieces)?;
        }
        offset = end;
        merged.push(RawFile { pieces_root: twin.pieces_root, ..file });
    }
    if let Some(twin) = twins.next() {
        return Err(differ(&list, format!("no `{}`, which is in the file tree", shown(&twin.path))));
    }
    if offset > aligned {
        return Err(differ(&list, "pads that make pieces of their own".to_owned()));
    }
    Ok(Files { list: merged, single })
}

/// Formats a path for a message and cuts it to one line.
fn shown(path: &[&[u8]]) -> String {
    let path =
        path.iter().take(8).map(|element| String::from_utf8_lossy(element)).collect::<Vec<_>>().join("/");
    path.chars().take(100).flat_map(char::escape_debug).collect()
}
