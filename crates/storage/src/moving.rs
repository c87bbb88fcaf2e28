//! The place of a torrent's files, and a move to another one as it is recorded.

use std::path::PathBuf;

use crate::file_names::FileNames;

/// Place of a torrent's files on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The download folder.
    pub dir: PathBuf,
    /// Paths of the files below it.
    pub names: FileNames,
}

impl Place {
    /// Creates the place of files with the paths that the torrent gives them.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), names: FileNames::default() }
    }
}

/// A move of a torrent's files that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moving {
    /// The new place of the files.
    pub to: Place,
    /// Mount point of the file system with the new place; `None` for the root file system, or if unknown.
    pub mount: Option<PathBuf>,
    /// Files of which some may have their new names already; `None` while files are copied.
    pub switching: Option<Vec<MovedFile>>,
}

/// A file that gets a new name, as [`recover_move`](crate::recover_move) needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MovedFile {
    /// Index in the layout; `None` for the part file.
    pub file: Option<usize>,
    /// True if its name has the suffix of incomplete files.
    pub has_suffix: bool,
    /// True if it was copied, and the original is removed afterwards.
    pub is_copied: bool,
}

const MOVED_LEN: usize = 5;
/// Index that stands for the part file.
const PART_FILE: u32 = u32::MAX;
const HAS_SUFFIX: u8 = 1;
const IS_COPIED: u8 = 2;

/// Encodes for each file its index, big-endian, and flags.
pub(crate) fn encode_files(files: &[MovedFile]) -> Vec<u8> {
    let of = |moved: &MovedFile| {
        let index = moved.file.map_or(PART_FILE, |file| u32::try_from(file).unwrap_or(PART_FILE));
        let flags = (HAS_SUFFIX * u8::from(moved.has_suffix)) | (IS_COPIED * u8::from(moved.is_copied));
        let [a, b, c, d] = index.to_be_bytes();
        [a, b, c, d, flags]
    };
    files.iter().flat_map(of).collect()
}

/// Decodes what [`encode_files`] has encoded.
pub(crate) fn decode_files(bytes: &[u8]) -> Option<Vec<MovedFile>> {
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
