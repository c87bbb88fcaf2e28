//! Messages of `ut_metadata` (BEP 9), which transfer the info dictionary in blocks.

use bytes::Bytes;
use ztor_bencode::{Kind, Limits, Mode, Tree, decode_with};

use crate::WireError;

/// Name of the extension in the extended handshake.
pub const UT_METADATA: &str = "ut_metadata";
/// Length in bytes of every block but the last one.
pub const METADATA_BLOCK_LEN: u32 = 16 * 1024;

const REQUEST: u64 = 0;
const DATA: u64 = 1;
const REJECT: u64 = 2;

/// A message of `ut_metadata`. Indices and sizes are unchecked numbers from the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataMessage {
    /// Request for a block.
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
    /// The sender will not send the block.
    Reject {
        /// Index of the block.
        piece: u32,
    },
    /// A message of unknown type, which is ignored (BEP 9).
    Unknown,
}

impl MetadataMessage {
    /// Returns the payload of the extended message.
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

    /// Decodes the payload of an extended message.
    ///
    /// # Errors
    /// If the payload is not a dictionary, lacks a field, or has a block that is empty or longer than
    /// [`METADATA_BLOCK_LEN`].
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
    fn decode_of_the_bep_9_examples_is_as_published() {
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
    fn decode_of_an_invalid_message_is_an_error() {
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
        fn encoded_message_decodes_to_the_same(
            kind in 0..3u8, piece: u32, total_size: u32, data in prop::collection::vec(any::<u8>(), 1..100)
        ) {
            let message = match kind {
                0 => MetadataMessage::Request { piece },
                1 => MetadataMessage::Data { piece, total_size, data: data.into() },
                _ => MetadataMessage::Reject { piece },
            };
            prop_assert_eq!(MetadataMessage::decode(&message.encode().into()), Ok(message));
        }

        #[test]
        fn decode_of_any_bytes_does_not_panic(bytes: Vec<u8>) {
            let _ = MetadataMessage::decode(&bytes.into());
        }
    }
}
