use std::fmt;

/// Why an input is not the bencoding it should be, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("byte {offset}: {kind}")]
pub struct Error {
    /// Where in the input, in bytes from its start.
    pub offset: usize,
    /// What is wrong there.
    pub kind: ErrorKind,
}

/// What is wrong with an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input ends in the middle of a value.
    #[error("the input ends where {expected} should be")]
    End {
        /// What should have come.
        expected: &'static str,
    },
    /// A byte that cannot stand here.
    #[error("found {}, expected {expected}", Printable(*found))]
    Unexpected {
        /// The byte.
        found: u8,
        /// What should have come instead.
        expected: &'static str,
    },
    /// A string claims to be longer than the rest of the input.
    #[error("found a string of {len} bytes, but only {left} are left")]
    StringTooLong {
        /// Bytes that the string claims to have.
        len: u64,
        /// Bytes left in the input; for a [`Reader`](crate::Reader) the longest string it accepts.
        left: u64,
    },
    /// An integer or length with superfluous zeroes, or a negative zero.
    #[error("found a number with a leading zero or `-0`, expected its shortest form")]
    NotCanonical,
    /// A number with more digits than anything sensible has.
    #[error("found a number with too many digits, expected at most {max}")]
    NumberTooLong {
        /// Digits that are accepted.
        max: usize,
    },
    /// A dictionary key that sorts before the one in front of it.
    #[error("found a dictionary key out of order, expected keys sorted by their bytes")]
    KeyOrder,
    /// A dictionary key for the second time.
    #[error("found a dictionary key twice, expected each key once")]
    KeyTwice,
    /// Lists and dictionaries nested deeper than the limit.
    #[error("found nesting deeper than {max}")]
    TooDeep {
        /// The limit that was hit.
        max: usize,
    },
    /// More values than the limit.
    #[error("found more than {max} values")]
    TooMany {
        /// The limit that was hit.
        max: usize,
    },
    /// Bytes after the end of the outermost value.
    #[error("found more bytes after the end of the value, expected none")]
    Trailing,
    /// An input of 4 GiB or more.
    #[error("found an input of 4 GiB or more, expected less")]
    TooLarge,
}

/// A byte as a person would like to see it.
struct Printable(u8);

impl fmt::Display for Printable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_ascii_graphic() {
            write!(f, "`{}`", char::from(self.0))
        } else {
            write!(f, "byte 0x{:02x}", self.0)
        }
    }
}
