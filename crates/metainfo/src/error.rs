use ztor_bencode::Kind;

use crate::bulk::BulkError;
use crate::{LayoutError, MAX_TORRENT_LEN};

/// Error in a torrent. Errors in a field name it by its path, such as `info.files[3].path`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetainfoError {
    /// A torrent of more than [`MAX_TORRENT_LEN`] bytes.
    #[error("a torrent of {len} bytes, expected at most {MAX_TORRENT_LEN}")]
    TooLong {
        /// Length in bytes.
        len: usize,
    },
    /// Invalid bencoding; in v2 torrents, also non-canonical bencoding.
    #[error("not a torrent: {0}")]
    Bencode(#[from] ztor_bencode::Error),
    /// A required field that is missing.
    #[error("{field}: missing, expected {expected}")]
    Missing {
        /// Path of the field.
        field: String,
        /// Expected value.
        expected: &'static str,
    },
    /// A field of the wrong type.
    #[error("{field}: found {found}, expected {expected}")]
    WrongType {
        /// Path of the field.
        field: String,
        /// Type found.
        found: Kind,
        /// Expected value.
        expected: &'static str,
    },
    /// A field with an invalid value.
    #[error("{field}: {problem}")]
    Invalid {
        /// Path of the field.
        field: String,
        /// Value found and value expected.
        problem: String,
    },
    /// A version of the format newer than v2.
    #[error("info.meta version: found {0}, newer than supported, expected 2")]
    Version(u64),
    /// A piece length and files that make no layout.
    #[error("info: {0}")]
    Layout(#[from] LayoutError),
    /// Different files in the v1 and v2 halves of a hybrid torrent (BEP 52, "Upgrade Path").
    #[error("{field}: the v1 and v2 halves of a hybrid torrent differ: {problem}")]
    Hybrid {
        /// Path of the field.
        field: String,
        /// Difference between the halves.
        problem: String,
    },
    /// The info dictionary has another source, and cannot be loaded.
    #[error(transparent)]
    Bulk(#[from] BulkError),
}
