//! The BitTorrent peer protocol as bytes: handshake, messages, and the reader that cuts a stream into them.
//!
//! Covers BEP 3 (the protocol), BEP 6 (Fast Extension), BEP 10 (extended messages and their handshake), BEP 20
//! (peer ids) and BEP 52 (hash messages). Nothing here knows a torrent: whether a piece index exists or a block
//! was asked for is for the engine to say. What is checked here is what the bytes alone can tell, and every
//! decoder is total: any input gives a value, a wish for more, or a typed [`WireError`].
#![forbid(unsafe_code)]

mod decoder;
mod error;
mod extended;
mod fast;
mod handshake;
mod message;
mod peer_id;

pub use decoder::{Decoder, MAX_MESSAGE_LEN, MAX_PIECE_DATA_LEN};
pub use error::{ExpectedLen, WireError};
pub use extended::{EXTENDED_HANDSHAKE_ID, ExtendedHandshake};
pub use fast::allowed_fast_set;
pub use handshake::{HANDSHAKE_LEN, Handshake, Reserved};
pub use message::{Block, HashRequest, Message, PIECE_HEADER_LEN, piece_header};
pub use peer_id::PeerId;
