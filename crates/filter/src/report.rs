//! Bounds and counts of lists.

use std::fmt;

/// Maximum length of a list, in bytes after decompression.
pub const MAX_LEN: usize = 64 << 20;
/// Maximum number of ranges of a list that do not overlap.
pub const MAX_RANGES: usize = 2_000_000;
/// Maximum number of bad lines that are kept.
pub const MAX_BAD_LINES: usize = 5;
/// Maximum number of characters of a bad line that are kept.
const MAX_SHOWN: usize = 60;

/// Counts of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Number of entries with blocked addresses.
    pub entries: u64,
    /// Number of entries with allowed addresses, by their access level.
    pub allowed: u64,
    /// Number of lines or entries that cannot be read.
    pub bad: u64,
    /// The first of these lines, [`MAX_BAD_LINES`] at most.
    pub first_bad: Vec<BadLine>,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Number of the line, from 1; that of the entry in a binary list.
    pub number: u64,
    /// Start of the line, printable ASCII only.
    pub text: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.number, self.text)
    }
}

impl Report {
    pub(crate) fn bad(&mut self, number: u64, line: &[u8]) {
        self.bad += 1;
        if self.first_bad.len() < MAX_BAD_LINES {
            let printable = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
            let text = line.trim_ascii().iter().map(printable).take(MAX_SHOWN).collect();
            self.first_bad.push(BadLine { number, text });
        }
    }
}
