use ztor_bencode::Kind;

use crate::{LayoutError, MAX_TORRENT_LEN};

/// Why bytes are not a torrent. Each says in which field, written as in `info.files[3].path`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetainfoError {
    /// More bytes than any torrent should have.
    #[error("a torrent of {len} bytes, expected at most {MAX_TORRENT_LEN}")]
    TooLong {
        /// Bytes that were passed.
        len: usize,
    },
    /// Not bencoded; of v2 torrents, not canonically.
    #[error("not a torrent: {0}")]
    Bencode(#[from] ztor_bencode::Error),
    /// A field that must be there is not.
    #[error("{field}: missing, expected {expected}")]
    Missing {
        /// The field.
        field: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// A field holds the wrong type of value.
    #[error("{field}: found {found}, expected {expected}")]
    WrongType {
        /// The field.
        field: String,
        /// What it holds.
        found: Kind,
        /// What it should hold.
        expected: &'static str,
    },
    /// A field holds a value that cannot be.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// A version of the format that does not exist yet.
    #[error("info.meta version: found {0}, which is newer than this program, expected 2")]
    Version(u64),
    /// Piece length and files do not make a piece space.
    #[error("info: {0}")]
    Layout(#[from] LayoutError),
    /// The v1 and the v2 half of a hybrid torrent tell different files (BEP 52, "Upgrade Path").
    #[error("{field}: the v1 and v2 halves of a hybrid torrent differ: {problem}")]
    Hybrid {
        /// The field.
        field: String,
        /// In what they differ.
        problem: String,
    },
}
