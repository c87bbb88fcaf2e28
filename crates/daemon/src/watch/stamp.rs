//! Versions of a file.

use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// Version of a file. A file with the same stamp as before is taken as unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) size_bytes: u64,
    /// Time of the last change in nanoseconds since 1970.
    pub(crate) modified_ns: i64,
    pub(crate) inode: u64,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let modified_ns =
            metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        Self { size_bytes: metadata.len(), modified_ns, inode: metadata.ino() }
    }
}
