//! Errors in the bytes of a peer.

use std::fmt;

/// Error in the bytes of a peer. Either the framing of the stream is lost or the peer violates the protocol, so the
/// connection is of no further use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A stream that does not start with the handshake of BEP 3.
    #[error(
        "not a BitTorrent handshake: byte {offset} is {found:#04x}, expected {expected:#04x} (0x13 \"BitTorrent protocol\")"
    )]
    NotBitTorrent {
        /// Position of the first wrong byte in the handshake.
        offset: usize,
        /// Byte found.
        found: u8,
        /// Byte expected.
        expected: u8,
    },
    /// A message of a length that its type does not allow, or that exceeds the maximum.
    #[error("{message} message of {length} bytes, expected {expected}")]
    Length {
        /// Name of the message in the standards.
        message: &'static str,
        /// Length in its prefix: the message id and its payload, in bytes.
        length: usize,
        /// Allowed lengths, counted in the same way.
        expected: ExpectedLen,
    },
    /// An extended message (BEP 10) that is not valid bencoding.
    #[error("extended message: {0}")]
    Bencode(#[from] ztor_bencode::Error),
    /// An extended handshake (BEP 10) that is not a dictionary.
    #[error("extended handshake: expected a dictionary")]
    NotADictionary,
    /// An invalid field in a message of an extension.
    #[error("{extension}: {field}: expected {expected}")]
    Extension {
        /// Name of the extension in the extended handshake.
        extension: &'static str,
        /// Name of the field.
        field: &'static str,
        /// Expected value.
        expected: &'static str,
    },
}

/// The lengths that a message may have, in bytes, its id included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedLen {
    /// This length only.
    Exactly(usize),
    /// This length or more.
    AtLeast(usize),
    /// This length or less.
    AtMost(usize),
    /// `base` plus a multiple of `step`.
    Steps {
        /// Length of the fixed part.
        base: usize,
        /// Length of each entry after it.
        step: usize,
    },
}

impl fmt::Display for ExpectedLen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(n) => write!(f, "exactly {n}"),
            Self::AtLeast(n) => write!(f, "at least {n}"),
            Self::AtMost(n) => write!(f, "at most {n}"),
            Self::Steps { base, step } => write!(f, "{base} plus a multiple of {step}"),
        }
    }
}
