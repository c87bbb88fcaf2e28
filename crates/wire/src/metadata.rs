//! `ut_metadata`: the info dictionary in blocks, for those who have a magnet link (BEP 9).

use bytes::Bytes;
use ztor_bencode::{Kind, Limits, Mode, Tree, decode_with};

use crate::WireError;

/// The name of the extension in the extended handshake.
pub const UT_METADATA: &str = "ut_metadata";
/// Length in bytes of every block but the last one.
pub const METADATA_BLOCK_LEN: u32 = 16 * 1024;

const REQUEST: u64 = 0;
const DATA: u64 = 1;
const REJECT: u64 = 2;

/// A message of `ut_metadata`. Indices and sizes are as the sender wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataMessage {
    /// Asks for a block.
    Request {
        /// Index of the block.
        piece: u32,
    },
    /// A block.
    Data {
        /// Index of the block.
        piece: u32,
        /// Length of the whole info dictionary in bytes.
        total_size: u32,
        /// The bytes of the block; at most [`METADATA_BLOCK_LEN`] when decoded.
        data: Bytes,
    },
    /// The block will not be sent.
    Reject {
        /// Index of the block.
        piece: u32,
    },
    /// A message type that has no meaning here, to be ignored (BEP 9).
    Unknown,
}

impl MetadataMessage {
    /// The payload of the extended message.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, piece, total_size) = match self {
            Self::Request { piece } => (REQUEST, *piece, None),
            Self::Data { piece, total_size, .. } => (DATA, *piece, Some(*total_size)),
            Self::Reject { piece } => (REJECT, *piece, None),
            Self::Unknown => (u64::from(u8::MAX), 0, None),
        };
        let mut entries = vec![("msg_type", Tree::Int(kind as i64)), ("piece", Tree::Int(i64::from(piece)))];
        entries.extend(total_size.map(|size| ("total_size", Tree::Int(i64::from(size)))));
        let mut out = Tree::dict(entries).to_vec();
        if let Self::Data { data, .. } = self {
            out.extend_from_slice(data);
        }
        out
    }

    /// Reads the payload of an extended message.
    ///
    /// # Errors
    /// What is not a dictionary, lacks its index, or has a block longer than [`METADATA_BLOCK_LEN`].
    pub fn decode(payload: &Bytes) -> Result<Self, WireError> {
        let wrong = |field, expected| WireError::Extension { extension: UT_METADATA, field, expected };
        let document = decode_with(payload, Mode::Lenient, Limits { depth: 8, tokens: 256 })?;
        let root = document.root();
        if root.kind() != Kind::Dict {
            return Err(wrong("message", "a dictionary"));
        }
        let number = |key: &[u8]| root.get(key).and_then(|v| v.as_uint()).and_then(|n| u32::try_from(n).ok());
        let kind = root.get(b"msg_type").and_then(|v| v.as_uint()).ok_or(wrong("msg_type", "a number"))?;
        if kind > REJECT {
            return Ok(Self::Unknown);
        }
        let piece = number(b"piece").ok_or(wrong("piece", "the index of a block"))?;
        match kind {
            REQUEST => Ok(Self::Request { piece }),
            REJECT => Ok(Self::Reject { piece }),
            _ => {
                let total_size = number(b"total_size").ok_or(wrong("total_size", "a length in bytes"))?;
                let data = payload.slice(root.span().end..);
                if data.is_empty() || data.len() > METADATA_BLOCK_LEN as usize {
                    return Err(wrong("data", "1 to 16384 bytes"));
                }
                Ok(Self::Data { piece, total_size, data })
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_bep_9() {
        let decode = |bytes: &'static [u8]| MetadataMessage::decode(&Bytes::from_static(bytes)).unwrap();
        assert_eq!(decode(b"d8:msg_typei0e5:piecei0ee"), MetadataMessage::Request { piece: 0 });
        assert_eq!(decode(b"d8:msg_typei2e5:piecei7ee"), MetadataMessage::Reject { piece: 7 });
        assert_eq!(decode(b"d8:msg_typei9e5:piecei0ee"), MetadataMessage::Unknown);
        assert_eq!(
            decode(b"d8:msg_typei1e5:piecei0e10:total_sizei34256eexxxxxxxx"),
            MetadataMessage::Data { piece: 0, total_size: 34256, data: Bytes::from_static(b"xxxxxxxx") }
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bytes in [
            &b"le"[..],
            b"d5:piecei0ee",
            b"d8:msg_typei0ee",
            b"d8:msg_typei0e5:piecei-1ee",
            b"d8:msg_typei1e5:piecei0eexx",
            b"d8:msg_typei1e5:piecei0e10:total_sizei5ee",
        ] {
            assert!(MetadataMessage::decode(&Bytes::copy_from_slice(bytes)).is_err());
        }
        let mut long = b"d8:msg_typei1e5:piecei0e10:total_sizei99999ee".to_vec();
        long.resize(long.len() + 16 * 1024 + 1, 0);
        assert!(MetadataMessage::decode(&long.into()).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(kind in 0..3u8, piece: u32, total_size: u32, data in prop::collection::vec(any::<u8>(), 1..100)) {
            let message = match kind {
                0 => MetadataMessage::Request { piece },
                1 => MetadataMessage::Data { piece, total_size, data: data.into() },
                _ => MetadataMessage::Reject { piece },
            };
            prop_assert_eq!(MetadataMessage::decode(&message.encode().into()), Ok(message));
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = MetadataMessage::decode(&bytes.into());
        }
    }
}
