//! What can be wrong with a peer's bytes.

use std::fmt;

/// Why the bytes of a peer could not be understood. After any of these the stream has lost its framing or its
/// sender's credit, and the connection is of no further use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The stream does not begin with the handshake of BEP 3.
    #[error(
        "not a BitTorrent handshake: byte {offset} is {found:#04x}, expected {expected:#04x} (0x13 \"BitTorrent protocol\")"
    )]
    NotBitTorrent {
        /// Where the first wrong byte is, from the start of the handshake.
        offset: usize,
        /// The byte that came.
        found: u8,
        /// The byte that belongs there.
        expected: u8,
    },
    /// A message has a length that its kind cannot have, or more than is accepted.
    #[error("{message} message of {length} bytes, expected {expected}")]
    Length {
        /// The kind of message, as the standards call it.
        message: &'static str,
        /// The length announced by its prefix: the message id and what follows, in bytes.
        length: usize,
        /// What it may be, counted in the same way.
        expected: ExpectedLen,
    },
    /// An extended message (BEP 10) is not bencode.
    #[error("extended message: {0}")]
    Bencode(#[from] ztor_bencode::Error),
    /// The extended handshake (BEP 10) is not a dictionary.
    #[error("extended handshake: expected a dictionary, found something else")]
    NotADictionary,
    /// A message of an extension has a part that makes no sense.
    #[error("{extension}: {field}: expected {expected}")]
    Extension {
        /// Its name in the extended handshake.
        extension: &'static str,
        /// The part.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
}

/// The lengths that a message may have, in bytes, its id included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedLen {
    /// This one only.
    Exactly(usize),
    /// This or more.
    AtLeast(usize),
    /// This or less.
    AtMost(usize),
    /// `base` and a whole number of `step`s.
    Steps {
        /// The fixed part.
        base: usize,
        /// The length of each of the entries after it.
        step: usize,
    },
}

impl fmt::Display for ExpectedLen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(n) => write!(f, "exactly {n}"),
            Self::AtLeast(n) => write!(f, "at least {n}"),
            Self::AtMost(n) => write!(f, "at most {n}"),
            Self::Steps { base, step } => write!(f, "{base} and a multiple of {step}"),
        }
    }
}
