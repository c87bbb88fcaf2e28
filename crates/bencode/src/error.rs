use std::fmt;

/// Error in an input that is not valid bencoding or exceeds a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("byte {offset}: {kind}")]
pub struct Error {
    /// Position in the input, in bytes from its start.
    pub offset: usize,
    /// Cause of the error.
    pub kind: ErrorKind,
}

/// Cause of an [`Error`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input ends in the middle of a value.
    #[error("found the end of the input, expected {expected}")]
    End {
        /// Expected element.
        expected: &'static str,
    },
    /// A byte that is not allowed at this position.
    #[error("found {}, expected {expected}", Printable(*found))]
    Unexpected {
        /// Byte found.
        found: u8,
        /// Expected element.
        expected: &'static str,
    },
    /// A string whose declared length exceeds the rest of the input.
    #[error("found a string of {len} bytes, expected at most {left}")]
    StringTooLong {
        /// Declared length in bytes.
        len: u64,
        /// Bytes left in the input; for a [`Reader`](crate::Reader), its maximum string length.
        left: u64,
    },
    /// An integer or length with superfluous zeros, or a negative zero.
    #[error("found a number with a leading zero or `-0`, expected its shortest form")]
    NotCanonical,
    /// A number with too many digits.
    #[error("found a number with too many digits, expected at most {max}")]
    NumberTooLong {
        /// Maximum number of digits.
        max: usize,
    },
    /// A dictionary key that sorts before the previous one.
    #[error("found a dictionary key out of order, expected keys sorted by their bytes")]
    KeyOrder,
    /// A duplicate dictionary key.
    #[error("found a dictionary key twice, expected each key once")]
    KeyTwice,
    /// Lists and dictionaries nested deeper than the limit.
    #[error("found nesting deeper than {max}")]
    TooDeep {
        /// Maximum depth.
        max: usize,
    },
    /// More values than the limit.
    #[error("found more than {max} values")]
    TooMany {
        /// Maximum number of values.
        max: usize,
    },
    /// Bytes after the end of the outermost value.
    #[error("found more bytes after the end of the value, expected none")]
    Trailing,
    /// An input of 4 GiB or more.
    #[error("found an input of 4 GiB or more, expected less")]
    TooLarge,
}

/// A byte, displayed as a character if it is printable.
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
