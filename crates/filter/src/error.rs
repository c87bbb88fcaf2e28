//! Reasons why a list cannot be used.

use crate::report::{BadLine, MAX_LEN, MAX_RANGES};
use thiserror::Error;

/// Reason why a list of addresses cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListError {
    /// The list is longer than [`MAX_LEN`].
    #[error("the list is longer than {} MiB", MAX_LEN >> 20)]
    TooLong,
    /// The list has more than [`MAX_RANGES`] ranges that do not overlap.
    #[error("the list has more than {MAX_RANGES} ranges")]
    TooManyRanges,
    /// The list has no entries.
    #[error("the list is empty")]
    Empty,
    /// The content is a web page.
    #[error("this is a web page and no list of addresses; use the address of the list itself")]
    WebPage,
    /// No line is one of a list.
    #[error("this is no list of addresses in DAT, P2P or CIDR format: {first}")]
    NoList {
        /// The first line that cannot be read.
        first: BadLine,
    },
    /// The compressed data is damaged or incomplete.
    #[error("cannot decompress the list: {0}")]
    Compression(String),
    /// The archive is of a kind that is not supported.
    #[error("{0} is not supported; unpack it, or use a list that is plain or compressed with gzip or zip")]
    NotSupported(&'static str),
}
