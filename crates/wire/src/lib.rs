//! The BitTorrent peer protocol as bytes: the handshake, the messages, and a decoder that splits a stream into them.
//!
//! Covers BEP 3 (the protocol), BEP 6 (Fast Extension), BEP 9 (metadata), BEP 10 (extended messages and their
//! handshake), BEP 11 (peer exchange), BEP 14 (local discovery), BEP 20 (peer ids), BEP 40 (peer priority),
//! BEP 21 and 54 (the messages `upload_only` and `lt_donthave`), BEP 52 (hash messages), BEP 55 (hole punching) and encrypted connections ([`mse`]).
//!
//! This crate checks only what the bytes alone show. It knows no torrent: the engine checks whether a piece exists and
//! whether a block was requested. Every decoder is total: any input gives a value, a request for more bytes, or a typed
//! error such as [`WireError`].
//!
//! ```
//! use bytes::BytesMut;
//! use ztor_wire::{Block, Decoder, Message};
//!
//! let request = Message::Request(Block { piece: 7, begin: 16_384, len: 16_384 });
//! let mut sent = Vec::new();
//! request.encode(&mut sent);
//!
//! // A stream may be split anywhere.
//! let (first, rest) = sent.split_at(9);
//! let (mut decoder, mut received) = (Decoder::default(), BytesMut::from(first));
//! assert_eq!(decoder.decode(&mut received)?, None);
//! received.extend_from_slice(rest);
//! assert_eq!(decoder.decode(&mut received)?, Some(request));
//! assert!(received.is_empty());
//! # Ok::<(), ztor_wire::WireError>(())
//! ```
#![forbid(unsafe_code)]

mod decoder;
mod error;
mod extended;
mod fast;
mod handshake;
mod holepunch;
mod local;
mod message;
mod metadata;
pub mod mse;
mod pex;
mod priority;
mod short;

pub use decoder::{Decoder, MAX_MESSAGE_LEN, MAX_PIECE_DATA_LEN};
pub use error::{ExpectedLen, WireError};
pub use extended::{EXTENDED_HANDSHAKE_ID, ExtendedHandshake};
pub use fast::allowed_fast_set;
pub use handshake::{HANDSHAKE_LEN, Handshake, Reserved};
pub use holepunch::{HolepunchError, HolepunchMessage, UT_HOLEPUNCH};
pub use local::{LocalAnnounce, MAX_LOCAL_HASHES};
pub use message::{Block, HashRequest, Message, PIECE_HEADER_LEN, piece_header};
pub use metadata::{METADATA_BLOCK_LEN, MetadataMessage, UT_METADATA};
pub use pex::{MAX_PEX_CONTACTS, PexFlags, PexMessage, UT_PEX};
pub use priority::peer_priority;
pub use short::{
    LT_DONTHAVE, UPLOAD_ONLY, decode_dont_have, decode_upload_only, encode_dont_have, encode_upload_only,
};
