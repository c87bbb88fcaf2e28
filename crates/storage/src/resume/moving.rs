//! A move of a torrent's files, as it is recorded.

use crate::store::{MovedFile, Place};

/// A move of a torrent's files that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moving {
    /// The new place of the files.
    pub to: Place,
    /// Files of which some may have their new names already; `None` while files are copied.
    pub switching: Option<Vec<MovedFile>>,
}

const MOVED_LEN: usize = 5;
/// Index that stands for the part file.
const PART_FILE: u32 = u32::MAX;
const HAS_SUFFIX: u8 = 1;
const IS_COPIED: u8 = 2;

/// Encodes for each file its index, big-endian, and flags.
pub(super) fn encode_files(files: &[MovedFile]) -> Vec<u8> {
    let of = |moved: &MovedFile| {
        let index = moved.file.map_or(PART_FILE, |file| u32::try_from(file).unwrap_or(PART_FILE));
        let flags = (HAS_SUFFIX * u8::from(moved.has_suffix)) | (IS_COPIED * u8::from(moved.is_copied));
        let [a, b, c, d] = index.to_be_bytes();
        [a, b, c, d, flags]
    };
    files.iter().flat_map(of).collect()
}

/// Decodes what [`encode_files`] has encoded.
pub(super) fn decode_files(bytes: &[u8]) -> Option<Vec<MovedFile>> {
    let (files, rest) = bytes.as_chunks::<MOVED_LEN>();
    let of = |&[a, b, c, d, flags]: &[u8; MOVED_LEN]| {
        let index = u32::from_be_bytes([a, b, c, d]);
        let file = (index != PART_FILE).then(|| usize::try_from(index).unwrap_or(usize::MAX));
        let is_known = flags & !(HAS_SUFFIX | IS_COPIED) == 0;
        let (has_suffix, is_copied) = (flags & HAS_SUFFIX != 0, flags & IS_COPIED != 0);
        is_known.then_some(MovedFile { file, has_suffix, is_copied })
    };
    if rest.is_empty() { files.iter().map(of).collect() } else { None }
}
